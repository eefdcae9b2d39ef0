/* SPDX-License-Identifier: MIT */
/*
 * Stacks: slabs of 64, their free slots, the memory that stays in them.
 *
 * A slab is one mmap of address space; memory comes when it is touched.
 *
 *	low                                                        high
 *	| colour | guard |    usable, 256 KiB   <- grows | colour | ...
 *	|<- 4 K->|<-64K->|base                       top |
 *	|<---------------- slot 0 ---------------------->|<- slot 1 ...
 *
 * - NORESERVE: 64 x 256 KiB would count as promised memory otherwise.
 * - NOHUGEPAGE: the kernel would back 2 MiB of stacks by one huge page;
 *   MAP_STACK says the same since Linux 6.7 only.
 * - The colour is one unused page. Without it the tops of all stacks are a
 *   multiple of 16 pages apart and share one set of the TLB.
 * - Bookkeeping is outside the stacks (a free list inside would touch pages)
 *   and small: 128 bytes for 64 stacks.
 *
 * The slabs of a loop are in three lists, by free slots:
 *
 *	partial --> slab --> slab	a stack comes from the first of these,
 *	empty   --> slab		else from here, else from a new slab;
 *	full    --> slab --> slab
 *
 * A slab that comes into a list becomes its first and keeps its place there:
 * if each returned slot brought its slab to the front, tasks would wander
 * from slab to slab and touch more stacks than there ever are at once. The
 * free slots of a slab are a last-in first-out array: the next stack is the
 * one whose memory and cache lines are still there.
 *
 * To unmap a slab takes 0.4 us for each of its stacks. A loop that has nothing
 * else to do does it, one slab in place of a wait, down to AW__STACK_RESERVE
 * (loop.c): not in the middle of ending 100,000 tasks.
 *
 * What stays in the memory of a returned stack is in stack_memory.c.
 *
 * Rejected: a cache that shrinks by a clock (nothing to test it by), copied
 * stacks (a pointer into a frame breaks), growing ones (need the compiler).
 */
#include "stack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"
#include "stack_private.h"

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0u)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#if defined(__SANITIZE_ADDRESS__)
#define STACK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_ASAN 1
#endif
#endif
#ifdef STACK_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(low, size) ((void)(low), (void)(size))
#endif

#define SLAB_SLOTS 64

struct aw__slab {
	struct aw__slab *prev;	/* NULL in the first of its list */
	struct aw__slab *next;
	char *memory;
	uint64_t ready;		/* slots whose guard has been tried */
	uint64_t light;		/* slots with this kind of guard */
	uint64_t mprotected;	/* slots with that kind */
	uint8_t n_free;
	uint8_t free[SLAB_SLOTS];	/* slot numbers; the last goes first */
};

static size_t
slot_size(const struct aw__stacks *stacks)
{
	return stacks->page + AW__STACK_GUARD + AW__STACK_DEFAULT;
}

static size_t
slab_size(const struct aw__stacks *stacks)
{
	return SLAB_SLOTS * slot_size(stacks);
}

static void *
stack_map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			    MAP_STACK, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* EINVAL: a kernel without huge pages, which is as good. */
	(void)madvise(memory, size, MADV_NOHUGEPAGE);
	return memory;
}

/* --- Lists of slabs --------------------------------------------------- */

static struct aw__slab **
slab_list(struct aw__stacks *stacks, const struct aw__slab *slab)
{
	if (slab->n_free == 0)
		return &stacks->full;
	return slab->n_free == SLAB_SLOTS ? &stacks->empty : &stacks->partial;
}

static void
slab_unlink(struct aw__stacks *stacks, struct aw__slab *slab)
{
	if (slab->prev)
		slab->prev->next = slab->next;
	else
		*slab_list(stacks, slab) = slab->next;
	if (slab->next)
		slab->next->prev = slab->prev;
	stacks->n_empty -= slab->n_free == SLAB_SLOTS;
}

static void
slab_link(struct aw__stacks *stacks, struct aw__slab *slab)
{
	struct aw__slab **list = slab_list(stacks, slab);

	slab->prev = NULL;
	slab->next = *list;
	if (slab->next)
		slab->next->prev = slab;
	*list = slab;
	stacks->n_empty += slab->n_free == SLAB_SLOTS;
}

static struct aw__slab *
slab_new(struct aw__stacks *stacks)
{
	struct aw__slab *slab = aw__calloc(1, sizeof(*slab));

	if (!slab)
		return NULL;
	slab->memory = stack_map(slab_size(stacks));
	if (!slab->memory) {
		aw__free(slab);
		return NULL;
	}

	slab->n_free = SLAB_SLOTS;
	for (unsigned i = 0; i < SLAB_SLOTS; i++)
		slab->free[i] = (uint8_t)(SLAB_SLOTS - 1 - i);
	stacks->n_slabs++;
	slab_link(stacks, slab);
	return slab;
}

/*
 * Returns false if the kernel refuses: to unmap the middle of a larger map
 * takes one map more, and those may be used up. Then the slab stays.
 */
static bool
slab_free(struct aw__stacks *stacks, struct aw__slab *slab)
{
	if (munmap(slab->memory, slab_size(stacks)) < 0) {
		(void)madvise(slab->memory, slab_size(stacks), MADV_DONTNEED);
		return false;
	}

	aw__guard_forget((unsigned)__builtin_popcountll(slab->mprotected));
	slab_unlink(stacks, slab);
	stacks->n_slabs--;
	aw__free(slab);
	return true;
}

/* --- Slots ------------------------------------------------------------ */

static enum aw__guard
slot_guard(struct aw__stacks *stacks, struct aw__slab *slab, unsigned slot,
	   char *base)
{
	uint64_t bit = (uint64_t)1 << slot;

	if (!(slab->ready & bit)) {
		enum aw__guard guard = aw__guard_install(stacks->guard,
						base - AW__STACK_GUARD);

		slab->ready |= bit;
		slab->light |= guard == AW__GUARD_LIGHT ? bit : 0;
		slab->mprotected |= guard == AW__GUARD_MPROTECT ? bit : 0;
		stacks->n_gap += guard == AW__GUARD_GAP;
	}
	if (slab->light & bit)
		return AW__GUARD_LIGHT;
	return slab->mprotected & bit ? AW__GUARD_MPROTECT : AW__GUARD_GAP;
}

static int
slot_get(struct aw__stacks *stacks, struct aw__stack *stack)
{
	struct aw__slab *slab = stacks->partial;
	unsigned slot;

	if (!slab)
		slab = stacks->empty ? stacks->empty : slab_new(stacks);
	if (!slab)
		return -ENOMEM;

	/* Between its ends the count changes no list. */
	if (slab->n_free == 1 || slab->n_free == SLAB_SLOTS) {
		slab_unlink(stacks, slab);
		slot = slab->free[--slab->n_free];
		slab_link(stacks, slab);
	} else {
		slot = slab->free[--slab->n_free];
	}
	stack->base = slab->memory + (slot + 1) * slot_size(stacks) -
		      AW__STACK_DEFAULT;
	stack->size = AW__STACK_DEFAULT;
	stack->slab = slab;
	stack->slot = slot;
	stack->guard = (unsigned short)slot_guard(stacks, slab, slot,
						  stack->base);
	stack->valgrind_id = 0;
	return 0;
}

static void
slot_put(struct aw__stacks *stacks, const struct aw__stack *stack)
{
	struct aw__slab *slab = stack->slab;

	/* A partial one stays where it is. */
	if (slab->n_free > 0 && slab->n_free < SLAB_SLOTS - 1) {
		slab->free[slab->n_free++] = (uint8_t)stack->slot;
		return;
	}

	slab_unlink(stacks, slab);
	slab->free[slab->n_free++] = (uint8_t)stack->slot;
	slab_link(stacks, slab);
}

/* --- Other sizes ------------------------------------------------------ */

static void
odd_unmap(const struct aw__stack *stack)
{
	char *low = (char *)stack->base - AW__STACK_GUARD;
	size_t size = AW__STACK_GUARD + stack->size;

	if (munmap(low, size) < 0) {
		/* Out of maps: the memory goes back, the addresses stay. */
		(void)madvise(low, size, MADV_DONTNEED);
		return;
	}
	if (stack->guard == AW__GUARD_MPROTECT)
		aw__guard_forget(1);
}

static void
odd_remove(struct aw__stacks *stacks, unsigned at)
{
	stacks->n_odd--;
	for (unsigned i = at; i < stacks->n_odd; i++)
		stacks->odd[i] = stacks->odd[i + 1];
}

static int
odd_get(struct aw__stacks *stacks, size_t size, struct aw__stack *stack)
{
	char *low;

	for (unsigned i = stacks->n_odd; i-- > 0;) {
		if (stacks->odd[i].size == size) {
			*stack = stacks->odd[i];
			odd_remove(stacks, i);
			return 0;
		}
	}

	low = stack_map(AW__STACK_GUARD + size);
	if (!low)
		return -ENOMEM;
	*stack = (struct aw__stack){
		.base = low + AW__STACK_GUARD,
		.size = size,
		.guard = (unsigned short)aw__guard_install(stacks->guard, low),
	};
	stacks->n_gap += stack->guard == AW__GUARD_GAP;
	return 0;
}

static void
odd_put(struct aw__stacks *stacks, const struct aw__stack *stack)
{
	if (stacks->n_odd == AW__STACK_ODD) {
		odd_unmap(&stacks->odd[0]);
		odd_remove(stacks, 0);
	}
	stacks->odd[stacks->n_odd++] = *stack;
}

/* --- The interface ---------------------------------------------------- */

int
aw__stacks_init(struct aw__stacks *stacks)
{
	*stacks = (struct aw__stacks){
		.page = (size_t)sysconf(_SC_PAGESIZE),
		.guard = aw__guard_best(),
		.valgrind = RUNNING_ON_VALGRIND != 0,
	};
	return 0;
}

size_t
aw__stacks_count(const struct aw__stacks *stacks, size_t ret_guards[3])
{
	const struct aw__slab *const lists[] = {
		stacks->partial, stacks->empty, stacks->full
	};
	size_t guards[3] = { 0 }, bytes = 0;

	for (unsigned i = 0; i < 3; i++) {
		for (const struct aw__slab *s = lists[i]; s; s = s->next) {
			unsigned ready = (unsigned)
					 __builtin_popcountll(s->ready);
			unsigned light = (unsigned)
					 __builtin_popcountll(s->light);
			unsigned mprotected = (unsigned)
					 __builtin_popcountll(s->mprotected);

			guards[AW__GUARD_LIGHT] += light;
			guards[AW__GUARD_MPROTECT] += mprotected;
			guards[AW__GUARD_GAP] += ready - light - mprotected;
			bytes += slab_size(stacks);
		}
	}
	memcpy(ret_guards, guards, sizeof guards);
	return bytes;
}

static void
slabs_free(struct aw__stacks *stacks, struct aw__slab *slab)
{
	while (slab) {
		struct aw__slab *next = slab->next;

		if (!slab_free(stacks, slab)) {
			slab_unlink(stacks, slab);
			aw__free(slab);
		}
		slab = next;
	}
}

void
aw__stacks_fini(struct aw__stacks *stacks)
{
	(void)aw__stacks_trim(stacks, 0);
	slabs_free(stacks, stacks->empty);
	slabs_free(stacks, stacks->partial);
	slabs_free(stacks, stacks->full);
	*stacks = (struct aw__stacks){ 0 };
}

bool
aw__stacks_trim(struct aw__stacks *stacks, unsigned keep)
{
	while (stacks->n_empty > keep && slab_free(stacks, stacks->empty))
		;
	while (keep == 0 && stacks->n_odd > 0)
		odd_unmap(&stacks->odd[--stacks->n_odd]);
	return stacks->n_empty <= keep;
}

/* Rounded up to whole pages; 0 if there is no such size. */
static size_t
stack_round(const struct aw__stacks *stacks, size_t size)
{
	if (size == 0)
		return AW__STACK_DEFAULT;
	if (size < AW__STACK_MIN)
		return AW__STACK_MIN;
	if (size > SIZE_MAX / 4)
		return 0;
	return (size + stacks->page - 1) & ~(stacks->page - 1);
}

int
aw__stack_get(struct aw__stacks *stacks, size_t size,
	      struct aw__stack *ret_stack)
{
	int r;

	size = stack_round(stacks, size);
	if (size == 0)
		return -ENOMEM;
	if (size == AW__STACK_DEFAULT)
		r = slot_get(stacks, ret_stack);
	else
		r = odd_get(stacks, size, ret_stack);
	if (r < 0)
		return r;

	if (stacks->valgrind)
		ret_stack->valgrind_id = VALGRIND_STACK_REGISTER(
			ret_stack->base,
			(char *)ret_stack->base + ret_stack->size - 1);
	stacks->n_used++;
	return 0;
}

void
aw__stack_put(struct aw__stacks *stacks, struct aw__stack *stack)
{
	if (!aw__stack_canary_ok(stack))
		aw__stack_overflow_die(stack);

	if (stacks->valgrind)
		VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
	/* The last frames never returned: their red zones are still there. */
	ASAN_UNPOISON_MEMORY_REGION(stack->base, stack->size);
	aw__stack_shrink(stacks, stack);
	stacks->n_used--;
	if (stack->slab)
		slot_put(stacks, stack);
	else
		odd_put(stacks, stack);
	*stack = (struct aw__stack){ 0 };
}
