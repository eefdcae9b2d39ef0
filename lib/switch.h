/* SPDX-License-Identifier: MIT */
/*
 * Contexts: places where a computation was left and can be taken up again.
 *
 * A context that is not running is one pointer: its stack pointer. The
 * callee-saved registers lie on its own stack just above that address (the
 * layouts are drawn in switch_x86_64.S and switch_aarch64.S). A context that
 * runs has no valid sp; it gets one when it is switched away from.
 *
 *	loop's context                    a task's context
 *	aw__context_main()                aw__context_make(stack, entry, arg)
 *	      |  aw__context_switch(loop, task)     |
 *	      +------------------------------------>| entry(arg) starts
 *	      |<------------------------------------+ switches to the loop
 *	      +------------------------------------>| ... goes on behind it
 *	      |<====================================+ returns the loop
 *	aw__context_fini(task), then the stack may be recycled
 *
 * What is switched: callee-saved registers and the floating-point control
 * words, as the ABI promises for a call. What is not: errno, the signal mask,
 * C++'s per-thread exception globals (__cxa_get_globals: a task must not
 * suspend inside a catch block), shadow stacks (the objects claim none).
 *
 * Three builds of this file:
 *	plain		a switch is one direct call of aw__switch_stack();
 *	sanitizers	switch.c tells ASan, TSan where the stack went;
 *	portable	AW_SWITCH_PORTABLE, or a CPU we have no assembly for:
 *			ucontext, two system calls a switch.
 */
#ifndef AW__SWITCH_H
#define AW__SWITCH_H

#include <stddef.h>

#include "stack.h"

#if defined(__SANITIZE_ADDRESS__)
#define AW__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AW__ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define AW__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define AW__TSAN 1
#endif
#endif

#if !defined(AW_SWITCH_PORTABLE) && \
	!(defined(__x86_64__) && defined(__LP64__)) && \
	!(defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__))
#define AW_SWITCH_PORTABLE 1
#endif

#ifdef AW_SWITCH_PORTABLE
#include <ucontext.h>
#endif

struct aw__context;

/* Returns the context to take up for good: its own stack may be reused when
 * that one runs. */
typedef struct aw__context *aw__context_fn(void *arg);

struct aw__context {
	void *sp;		/* valid while not running; see above. The
				 * assembly knows that it is first */
#ifdef AW_SWITCH_PORTABLE
	ucontext_t portable;	/* registers live here instead */
#endif
#if defined(AW__ASAN) || defined(AW__TSAN) || defined(AW_SWITCH_PORTABLE)
	aw__context_fn *entry;	/* what the entry in C calls */
	void *arg;
#endif
#ifdef AW__ASAN
	void *fake_stack;	/* ASan's, while not running */
	const void *bottom;	/* lowest byte of the stack */
	size_t size;
#endif
#ifdef AW__TSAN
	void *fiber;
#endif
};

/*
 * A context that will run entry(arg) on stack when it is first switched to.
 * Writes to the topmost page of the stack only.
 */
void aw__context_make(struct aw__context *context,
		      const struct aw__stack *stack,
		      aw__context_fn *entry, void *arg);

/* Describes the calling thread, so that it can be switched away from. */
void aw__context_main(struct aw__context *context);

/*
 * Frees what the sanitizers hold for a context; legal after its last switch,
 * and for one that never ran. Not for a context of aw__context_main().
 */
void aw__context_fini(struct aw__context *context);

/*
 * The assembly. Saves the caller on its stack, stores the stack pointer in
 * *ret_sp and takes up what left sp behind.
 */
void aw__switch_stack(void **ret_sp, void *sp)
	__attribute__((visibility("hidden")));

#if defined(AW__ASAN) || defined(AW__TSAN) || defined(AW_SWITCH_PORTABLE)

/* Leaves from, which is running, and takes up to; returns when resumed. */
void aw__context_switch(struct aw__context *from, struct aw__context *to);

#else

static inline void
aw__context_switch(struct aw__context *from, struct aw__context *to)
{
	aw__switch_stack(&from->sp, to->sp);
}

#endif
#endif
