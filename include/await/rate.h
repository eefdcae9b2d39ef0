/* SPDX-License-Identifier: MIT */
/*
 * rate.h - at most so many per second: a token bucket.
 *
 *	static struct aw_rate rate = AW_RATE_INIT(10, 20);
 *
 *	AW_TRY(aw_rate_acquire(&rate));		10 a second, 20 at once
 *
 * A bucket of burst tokens, full at first, into which rate tokens fall each
 * second.  For the tasks of one loop; nothing is given back.
 */
#ifndef AWAIT_RATE_H
#define AWAIT_RATE_H

#include <await/base.h>
#include <await/sync.h>

AW_BEGIN_DECLS

struct aw_rate {
	double rate;		/* tokens per second, > 0 */
	int64_t burst;		/* at most in the bucket, >= 1 */
	double missing;		/* tokens, at the time at */
	double at;		/* aw_now(); 0: full */
	struct aw_waiters waiters;
	void *spare[4];
};

#define AW_RATE_INIT(rate_, burst_) { .rate = (rate_), .burst = (burst_) }

/**
 * aw_rate_acquire - take one token, or wait for it
 * @rate: the bucket
 *
 * Awaits; cancel point.  Oldest waiter first.  One that is interrupted has
 * taken nothing, and those behind it come sooner.
 *
 * Return: 0; -EINVAL (.rate is not a positive number, .burst is below 1);
 * -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: @rate must outlive the wait.
 * Context: task.
 * Source: J. Turner, "New Directions in Communications" (1986).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_rate_acquire(struct aw_rate *rate);

/**
 * aw_rate_acquire_n - take several tokens, all or none, or wait for them
 * @rate: the bucket
 * @n: 1 to .burst
 *
 * Awaits; cancel point.  Whoever wants fewer waits behind one who wants many.
 *
 * Return: 0; -EINVAL (also @n); else as aw_rate_acquire().
 * Lifetime: @rate must outlive the wait.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_rate_acquire_n(struct aw_rate *rate,
						     int64_t n);

/**
 * aw_rate_try_acquire - take one token if that needs no wait
 * @rate: the bucket
 *
 * Return: 0; -EAGAIN (there is none, or others wait); -EINVAL.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_rate_try_acquire(struct aw_rate *rate);

AW_END_DECLS

#endif
