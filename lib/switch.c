/* SPDX-License-Identifier: MIT */
/*
 * Contexts: the first frame, and what the sanitizers must be told.
 *
 * AddressSanitizer keeps the bounds of the stack that runs and a "fake
 * stack" for frames that outlive their function. Around each switch:
 *
 *	from:	__sanitizer_start_switch_fiber(&from->fake_stack, to's bounds)
 *		  ... the switch ...
 *	to:	__sanitizer_finish_switch_fiber(to->fake_stack)
 *
 * A new context finishes the switch as the first thing it does, and a dying
 * one starts its last with NULL, or its fake stack would leak.
 *
 * ThreadSanitizer has a fiber object per context: its shadow call stack is
 * exchanged by __tsan_switch_to_fiber(). Between that call and the switch no
 * instrumented code may run, so the functions here are not instrumented.
 */
#include "switch.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "switch_ucontext.h"

#ifdef AW__ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef AW__TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if defined(AW__ASAN)
#define AW__UNCHECKED __attribute__((no_sanitize_address, noinline))
#elif defined(AW__TSAN)
#define AW__UNCHECKED __attribute__((no_sanitize_thread, noinline))
#else
#define AW__UNCHECKED
#endif

/*
 * The hottest words of a task are its topmost frames. All stacks end at the
 * same place in a page, so without this they would all compete for the same
 * few sets of a level 1 cache (64 sets of 64 bytes = one page). Sixteen
 * steps of a line leave three quarters of the page to a parked task.
 */
static size_t
context_stagger(const struct aw__stack *stack)
{
	return (stack->slot % 16) * 64;
}

#ifndef AW_SWITCH_PORTABLE

/* The label that a new context starts at, in the .S files. */
extern const char aw__switch_root[] __attribute__((visibility("hidden")));

/* The first frame: the registers in the order of the drawing in the .S. */
static void *
context_first_frame(char *top, aw__context_fn *entry, void *arg)
{
#if defined(__x86_64__)
	/* Two words stay zero above, where a caller's frame would end. */
	uint64_t *frame = (uint64_t *)(void *)top - 10;

	memset(frame, 0, 10 * sizeof(*frame));
	__asm__ volatile("stmxcsr %0\n\tfnstcw 4+%0" : "+m"(frame[0]));
	frame[4] = (uintptr_t)entry;
	frame[5] = (uintptr_t)arg;
	frame[7] = (uintptr_t)aw__switch_root;
#else
	uint64_t *frame = (uint64_t *)(void *)top - 24;
	uint64_t fpcr;

	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	memset(frame, 0, 24 * sizeof(*frame));
	frame[0] = (uintptr_t)arg;
	frame[1] = (uintptr_t)entry;
	frame[11] = (uintptr_t)aw__switch_root;
	frame[20] = fpcr;
#endif
	return frame;
}

#endif

#if defined(AW__ASAN) || defined(AW__TSAN) || defined(AW_SWITCH_PORTABLE)

static AW__UNCHECKED void
context_go(struct aw__context *from, struct aw__context *to)
{
#ifdef AW__TSAN
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
#ifdef AW_SWITCH_PORTABLE
	aw__portable_switch(from, to);
#else
	aw__switch_stack(&from->sp, to->sp);
#endif
}

AW__UNCHECKED void
aw__context_switch(struct aw__context *from, struct aw__context *to)
{
#ifdef AW__ASAN
	__sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->size);
#endif
	context_go(from, to);
#ifdef AW__ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

/* Runs on the dying stack up to the switch, and tells of it in its place. */
static AW__UNCHECKED struct aw__context *
context_entry(void *arg)
{
	struct aw__context *context = arg, *to;

#ifdef AW__ASAN
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
	to = context->entry(context->arg);
#ifdef AW__ASAN
	__sanitizer_start_switch_fiber(NULL, to->bottom, to->size);
#endif
#ifdef AW_SWITCH_PORTABLE
	context_go(context, to);
#elif defined(AW__TSAN)
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	return to;
}

#endif

void
aw__context_make(struct aw__context *context, const struct aw__stack *stack,
		 aw__context_fn *entry, void *arg)
{
	char *base = stack->base;
	size_t size = (stack->size & ~(size_t)15) - context_stagger(stack);

	*context = (struct aw__context){ 0 };
#if defined(AW__ASAN) || defined(AW__TSAN) || defined(AW_SWITCH_PORTABLE)
	context->entry = entry;
	context->arg = arg;
	entry = context_entry;
	arg = context;
#endif
#ifdef AW__ASAN
	context->bottom = base;
	context->size = stack->size;
#endif
#ifdef AW__TSAN
	context->fiber = __tsan_create_fiber(0);
#endif
#ifdef AW_SWITCH_PORTABLE
	aw__portable_make(context, base, size, entry);
#else
	context->sp = context_first_frame(base + size, entry, arg);
#endif
}

#ifdef AW__ASAN

/* The bounds of the thread's own stack; unknown ones are no bounds. */
static void
context_bounds(struct aw__context *context)
{
	pthread_attr_t attr;
	void *bottom = NULL;
	size_t size = 0;

	if (pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	if (pthread_attr_getstack(&attr, &bottom, &size) == 0) {
		context->bottom = bottom;
		context->size = size;
	}
	pthread_attr_destroy(&attr);
}

#endif

void
aw__context_main(struct aw__context *context)
{
	*context = (struct aw__context){ 0 };
#ifdef AW__ASAN
	context_bounds(context);
#endif
#ifdef AW__TSAN
	context->fiber = __tsan_get_current_fiber();
#endif
}

void
aw__context_fini(struct aw__context *context)
{
#ifdef AW__TSAN
	if (context->fiber)
		__tsan_destroy_fiber(context->fiber);
#endif
	*context = (struct aw__context){ 0 };
}
