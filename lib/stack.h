/* SPDX-License-Identifier: MIT */
/*
 * Stacks for tasks: slabs of 64, guarded, recycled last in, first out.
 *
 * One struct aw__stacks belongs to one loop and is used by its thread only.
 * The drawing of a slab and the reasons for the numbers are in stack.c, the
 * three kinds of guard in stack_guard.c, the report in stack_overflow.c.
 */
#ifndef AW__STACK_H
#define AW__STACK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sanitizers roughly double the frames of the code that they instrument. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define AW__STACK_SCALE 2
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define AW__STACK_SCALE 2
#endif
#endif
#ifndef AW__STACK_SCALE
#define AW__STACK_SCALE 1
#endif

#define AW__STACK_DEFAULT	((size_t)256 * 1024 * AW__STACK_SCALE)
#define AW__STACK_MIN		((size_t)64 * 1024 * AW__STACK_SCALE)
#define AW__STACK_GUARD		((size_t)64 * 1024)	/* below each stack */
#define AW__STACK_KEEP		((size_t)16 * 1024)	/* kept resident */
#define AW__STACK_ODD		8	/* cached stacks of other sizes */
#define AW__STACK_RESERVE	64	/* free slabs kept while idle */

enum aw__guard {
	AW__GUARD_GAP,		/* plain memory, must stay zero */
	AW__GUARD_MPROTECT,	/* costs two maps */
	AW__GUARD_LIGHT,	/* MADV_GUARD_INSTALL, Linux 6.13 */
};

struct aw__slab;

/* A stack in use; whoever got it keeps this description. */
struct aw__stack {
	void *base;		/* lowest usable byte */
	size_t size;		/* usable bytes */
	struct aw__slab *slab;	/* NULL: a mapping of its own */
	unsigned slot;		/* in the slab */
	unsigned short guard;	/* enum aw__guard */
	unsigned valgrind_id;
};

/* All stacks of a loop; fields are for reading by others. */
struct aw__stacks {
	struct aw__slab *partial;	/* has free and used slots */
	struct aw__slab *empty;		/* all 64 slots are free */
	struct aw__slab *full;		/* all 64 slots are used */
	unsigned n_slabs;
	unsigned n_empty;
	unsigned n_odd;
	unsigned n_puts;		/* paces the exact look at residency */
	size_t n_used;			/* stacks handed out */
	size_t n_gap;			/* times a stack got only a gap */
	size_t page;
	enum aw__guard guard;		/* best kind to try */
	bool valgrind;
	struct aw__stack odd[AW__STACK_ODD];	/* newest last */
};

/*
 * Maps nothing yet. AWAIT_STACK_GUARD=light|mprotect|none in the environment
 * sets the best guard to try. Return: 0.
 */
int aw__stacks_init(struct aw__stacks *stacks);

/* Unmaps everything, also what is still in use. */
void aw__stacks_fini(struct aw__stacks *stacks);

/*
 * Unmaps free slabs until at most keep are left, and all odd sizes if 0.
 * Return: false if the kernel refuses.
 */
bool aw__stacks_trim(struct aw__stacks *stacks, unsigned keep);

/*
 * A stack of at least size bytes; 0 is the default, less than the minimum is
 * the minimum. Return: 0; -ENOMEM: no memory, no address space, or
 * vm.max_map_count is reached.
 */
int aw__stack_get(struct aw__stacks *stacks, size_t size,
		  struct aw__stack *ret_stack);

/*
 * Adds up the stacks by the kind of guard below them, free ones too. Return:
 * bytes of address space.
 */
size_t aw__stacks_count(const struct aw__stacks *stacks, size_t ret_guards[3]);

/*
 * Gives a stack back; nothing may run on it. Dies with a report if the task
 * ran into the gap below it.
 */
void aw__stack_put(struct aw__stacks *stacks, struct aw__stack *stack);

/*
 * High-water mark in bytes since the memory was last returned to the kernel:
 * earlier users of the stack count, as far as AW__STACK_KEEP. One system
 * call and a read of one page; for reports, not for hot paths.
 */
size_t aw__stack_used(const struct aw__stack *stack);

/* Is addr in the guard below stack? Async-signal-safe. */
static inline bool
aw__stack_guards(const void *addr, const struct aw__stack *stack)
{
	uintptr_t base = (uintptr_t)stack->base;

	return (uintptr_t)addr < base &&
	       (uintptr_t)addr >= base - AW__STACK_GUARD;
}

bool aw__stack_gap_clean(const struct aw__stack *stack);
/* Has anything been written into the gap below it? Async-signal-safe. */
bool aw__stack_gap_crossed(const struct aw__stack *stack);

/* False if a stack without a real guard has overflowed; for switch-out. */
static inline bool
aw__stack_canary_ok(const struct aw__stack *stack)
{
	return stack->guard != AW__GUARD_GAP || aw__stack_gap_clean(stack);
}

/* --- overflow -------------------------------------------------------- */

/*
 * Tells the signal handler which stack the calling thread runs on: NULL for
 * none of ours, else *ret_name is set. Called in a signal handler.
 */
typedef const struct aw__stack *aw__stack_current_fn(const char **ret_name);

extern aw__stack_current_fn *aw__stack_current;

/* Called in the handler after the line was written, if not NULL. */
extern void (*aw__stack_overflow_report)(void *addr);

/* What a loop thread has to give back: its former signal stack. */
struct aw__overflow {
	stack_t former;
	void *memory;		/* NULL: the thread had one that is enough */
	size_t size;
	bool installed;
};

/*
 * Gives the calling thread a signal stack and, the first time in the process,
 * installs the SIGSEGV handler. Return: 0; -ENOMEM (nothing was changed).
 */
int aw__stack_overflow_handler_install(struct aw__overflow *overflow);

/* Undoes it, on the same thread; the last one restores the disposition. */
void aw__stack_overflow_handler_remove(struct aw__overflow *overflow);

/* Writes the report for stack and dies by SIGSEGV. */
void aw__stack_overflow_die(const struct aw__stack *stack)
	__attribute__((noreturn, cold));

#endif
