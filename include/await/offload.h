/* SPDX-License-Identifier: MIT */
/*
 * offload.h - blocking or long work in a helper thread, while the loop goes
 * on.
 *
 * The threads belong to the process, with a limit for each class of work;
 * see driver.h for the classes.  The work runs on an ordinary thread stack
 * and may call nothing of this library but aw_post() and aw_fail().
 */
#ifndef AWAIT_OFFLOAD_H
#define AWAIT_OFFLOAD_H

#include <await/base.h>

AW_BEGIN_DECLS

/* Options of aw_offload_copy(). */
struct aw_offload_options {
	size_t size;
	struct aw_named *named;
	bool abandon;		/* a cancel is answered at once; the thread
				 * ends the work on its own copy */
	void (*discard)(void *copy);	/* called with the copy when an
				 * abandoned work has ended */
	void *spare[2];
};

#ifndef __cplusplus
#define aw_offload_copy(fn, value, ...) \
	aw_offload_copy_with((fn), (value), sizeof *(value), \
		&(struct aw_offload_options){ \
			.size = sizeof(struct aw_offload_options), \
			__VA_ARGS__ })
#endif

/**
 * aw_offload - call a function in a helper thread
 * @fn: the work; a negative value is a failure, with the detail it set by
 * aw_fail()
 * @arg: handed to @fn
 *
 * Awaits; cancel point until the work starts.  Work that has started is not
 * abandoned: the call returns when @fn has returned, and the cancel stays
 * pending.
 *
 * Return: the value of @fn; -ECANCELED; -ETIME; -ETIMEDOUT (a budget), each
 * only if @fn was not called; -EAGAIN (no thread); -EDEADLK; AW_EUSAGE;
 * -ENOMEM.
 * Lifetime: @arg is used until it returns.
 * Context: task.
 * Source: pthreads(7).
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_offload(int (*fn)(void *arg), void *arg);

/**
 * aw_offload_copy_with - call a function in a helper thread, on a copy
 * @fn: the work
 * @value: @size bytes, copied in and, unless abandoned, copied back
 * @size: at most 64 KiB
 * @options: may be NULL
 *
 * Awaits; cancel point; with .abandon also while the work is at it.
 *
 * Return: as aw_offload(); -EINVAL (@size).
 * Lifetime: @value is not touched after it returned.
 * Context: task.
 * Source: pthreads(7).
 * Since: 0.1
 */
AW_API AW_AWAITS int
aw_offload_copy_with(int (*fn)(void *copy), void *value, size_t size,
		     const struct aw_offload_options *options);

AW_END_DECLS

#endif
