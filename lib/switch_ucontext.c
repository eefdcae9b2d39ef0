/* SPDX-License-Identifier: MIT */
/*
 * The portable switch: ucontext, for processors that we have no assembly for
 * and for checking that the rest of the library does not depend on it.
 *
 * swapcontext(3) saves and restores the signal mask, which costs two system
 * calls (285 ns against 4.5 ns when measured). A mask that a task sets is
 * therefore its own here and the thread's with the assembly; the library
 * never changes it inside a task.
 */
#include "switch_ucontext.h"

#ifdef AW_SWITCH_PORTABLE

#include <stdlib.h>

struct start {
	aw__context_fn *entry;
	struct aw__context *context;
};

/*
 * makecontext(3) passes ints only: the address goes in two halves, and what
 * it points to lies at the top of the stack that it runs on.
 */
static void
portable_start(unsigned high, unsigned low)
{
	uintptr_t address = ((uintptr_t)high << 16 << 16) | low;
	struct start *start = (struct start *)address;

	start->entry(start->context);
	abort();
}

void
aw__portable_make(struct aw__context *context, void *base, size_t size,
		  aw__context_fn *entry)
{
	size_t room = (sizeof(struct start) + 15) & ~(size_t)15;
	struct start *start = (void *)((char *)base + size - room);
	uintptr_t address = (uintptr_t)start;

	*start = (struct start){ entry, context };
	getcontext(&context->portable);
	context->portable.uc_stack.ss_sp = base;
	context->portable.uc_stack.ss_size = size - room;
	context->portable.uc_link = NULL;
	makecontext(&context->portable, (void (*)(void))portable_start, 2,
		    (unsigned)(address >> 16 >> 16), (unsigned)address);
}

void
aw__portable_switch(struct aw__context *from, struct aw__context *to)
{
	from->sp = __builtin_frame_address(0);
	if (swapcontext(&from->portable, &to->portable) < 0)
		abort();
}

#else

/* ISO C wants a declaration in every file. */
typedef int aw__switch_is_assembly;

#endif
