/* SPDX-License-Identifier: MIT */
/*
 * What is in the memory of a stack: how deep it was used, is it intact.
 *
 *	base                            kept                       top
 *	| returned if it was written | AW__STACK_KEEP: stays        |
 *	|                      | LOW |                    | NEAR |    |
 *
 * NEAR is the lowest quarter of the topmost page, which is resident because
 * every context begins in that page. A task that left it at zero used the
 * rest of the page and no more; most do. Else LOW is looked at, the page just
 * below the part that stays: if a word of it is set the task went deeper, and
 * everything below goes back to the kernel: MADV_DONTNEED, since with
 * MADV_FREE the memory figures that operators watch stay high. A shallow task
 * thus costs neither a system call nor the page fault of a look at LOW, which
 * would map the kernel's page of zeros (1 us, measured).
 *
 * A frame with a large array that was not touched can hide from the looks, so
 * each 1024th return of a stack also asks mincore(2).
 */
#include "stack.h"

#include <sys/mman.h>
#include <unistd.h>

#include "stack_private.h"

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

/* Reading another's frames is the point here: no sanitizer may look on. */
#if defined(__clang__)
#define UNCHECKED \
	__attribute__((no_sanitize("address", "thread", "memory"), noinline))
#elif AW__STACK_SCALE > 1
#define UNCHECKED \
	__attribute__((no_sanitize_address, no_sanitize_thread, noinline))
#else
#define UNCHECKED
#endif

#define LOOKS 16	/* words looked at in a page */
#define EXACT_EACH 1024	/* returns per call of mincore */
#define GAP_WORDS 8	/* one cache line below the base */

/* Is one of n words at low, step words apart, not zero? */
static UNCHECKED bool
words_written(const void *low, size_t n, size_t step)
{
	const volatile uintptr_t *word = low;

	for (size_t i = 0; i < n; i++) {
		if (word[i * step] != 0)
			return true;
	}
	return false;
}

/*
 * The gap has never been written: its last line below the stack reads as
 * zeros, all from the kernel's page of zeros, so the check is one hit in the
 * cache and costs no memory, where a canary of our own would cost a page.
 */
bool
aw__stack_gap_clean(const struct aw__stack *stack)
{
	const uintptr_t *base = stack->base;

	return !words_written(base - GAP_WORDS, GAP_WORDS, 1);
}

/*
 * The whole of it: for a fault that may come from an overflow, whose frames
 * are larger than the line that is looked at otherwise, but none of which is
 * larger than the gap.
 */
bool
aw__stack_gap_crossed(const struct aw__stack *stack)
{
	const uintptr_t *base = stack->base;
	const size_t n = AW__STACK_GUARD / sizeof(*base);

	return stack->guard == AW__GUARD_GAP &&
	       words_written(base - n, n, 1);
}

/* The first resident page in [low, high) at or after from; high if none. */
static char *
next_resident(char *from, const char *high, size_t page)
{
	unsigned char resident[512];

	while (from < high) {
		size_t n = (size_t)(high - from) / page;

		if (n > sizeof(resident))
			n = sizeof(resident);
		if (mincore(from, n * page, resident) < 0)
			return from;
		for (size_t i = 0; i < n; i++, from += page) {
			if (resident[i] & 1)
				return from;
		}
	}
	return from;
}

/* Did the task go below the part that we keep? See the head of the file. */
static bool
stack_was_deep(struct aw__stacks *stacks, const struct aw__stack *stack,
	       char *kept)
{
	const char *top = (char *)stack->base + stack->size;
	size_t page = stacks->page;
	size_t step = page / LOOKS / sizeof(uintptr_t);

	/* Valgrind takes what is below a stack pointer for unwritten. */
	if (stacks->valgrind)
		return true;
	if (words_written(top - page, LOOKS / 4, step) &&
	    words_written(kept - page, LOOKS, step))
		return true;
	if (++stacks->n_puts % EXACT_EACH != 0)
		return false;
	return next_resident(stack->base, kept - page, page) < kept - page;
}

void
aw__stack_shrink(struct aw__stacks *stacks, const struct aw__stack *stack)
{
	size_t keep = AW__STACK_KEEP;
	char *base = stack->base;
	char *kept;

	if (keep < stacks->page)
		keep = stacks->page;
	if (stack->size < keep + stacks->page)
		return;

	kept = base + stack->size - keep;
	if (stack_was_deep(stacks, stack, kept))
		(void)madvise(base, (size_t)(kept - base), MADV_DONTNEED);
}

static UNCHECKED size_t
first_written(const char *page, size_t size)
{
	const volatile uintptr_t *word = (const void *)page;
	size_t n = size / sizeof(*word);
	size_t i;

	for (i = 0; i < n && word[i] == 0; i++)
		;
	return i * sizeof(*word);
}

size_t
aw__stack_used(const struct aw__stack *stack)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = stack->base;
	const char *top = at + stack->size;

	/* A page of zeros was looked at, not used. */
	for (; (at = next_resident(at, top, page)) < top; at += page) {
		size_t zeros = RUNNING_ON_VALGRIND ? 0
						   : first_written(at, page);

		if (zeros < page)
			return (size_t)(top - at) - zeros;
	}
	return 0;
}
