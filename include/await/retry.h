/* SPDX-License-Identifier: MIT */
/*
 * retry.h - call a function again after passing failures.
 *
 * Exponential backoff with full jitter, within the deadline: a sleep that
 * would outlast it is not begun, and the last failure is returned.
 */
#ifndef AWAIT_RETRY_H
#define AWAIT_RETRY_H

#include <await/base.h>

AW_BEGIN_DECLS

/* Options of aw_retry(). */
struct aw_retry_options {
	size_t size;
	struct aw_named *named;
	int64_t attempts;	/* calls in all (5); AW_FOREVER */
	double base;		/* seconds, the first backoff at most (0.1) */
	double cap;		/* seconds, any backoff at most (30) */
	double each;		/* seconds for one attempt (no limit of its
				 * own); it then fails with -ETIMEDOUT */
	bool (*retry_if)(int r, void *arg);	/* (aw_is_retryable, and
				 * AW_ETIMEDOUT under .each) */
	void *spare[4];
};

#ifndef __cplusplus
#define aw_retry(fn, arg, ...) \
	aw_retry_with((fn), (arg), &(struct aw_retry_options){ \
		.size = sizeof(struct aw_retry_options), __VA_ARGS__ })
#endif

/**
 * aw_retry_with - call a function until it succeeds or must not be repeated
 * @fn: the attempt
 * @arg: handed to @fn and to .retry_if
 * @options: may be NULL
 *
 * Awaits; cancel point.
 *
 * Return: the value of the last call of @fn, with its detail; -ECANCELED;
 * -ETIME (before the first call); -EDEADLK; AW_EUSAGE.
 * Lifetime: @arg is used until it returns.
 * Context: task.
 * Source: M. Brooker, "Exponential Backoff and Jitter" (full jitter).
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_retry_with(int (*fn)(void *arg), void *arg,
				   const struct aw_retry_options *options);

AW_END_DECLS

#endif
