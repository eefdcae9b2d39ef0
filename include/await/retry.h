/* SPDX-License-Identifier: MIT */
/*
 * retry.h - call a function again after passing failures.
 *
 * Exponential backoff with full jitter, within the deadline: a pause that
 * would outlast it is not begun, and the last failure is returned.
 *
 *	AW_TIMEOUT(10);			for all attempts together
 *	AW_TRY(aw_retry(fetch, &job, .attempts = 4, .each = 3));
 *
 * A budget is shared by the calls that go to one place: when that place is
 * down, repeating each of them would multiply what it cannot bear.
 *
 *	static struct aw_retry_budget shop = AW_RETRY_BUDGET_INIT(0.2, 10);
 *
 *	AW_TRY(aw_retry(fetch, &job, .budget = &shop));
 */
#ifndef AWAIT_RETRY_H
#define AWAIT_RETRY_H

#include <await/base.h>

AW_BEGIN_DECLS

/* How much may be repeated: each call of aw_retry() adds share, each repeat
 * takes 1, and there is never more than stock, with which it begins.  Used by
 * the tasks of one loop. */
struct aw_retry_budget {
	double share;		/* repeats for one call: 0.2 = every fifth */
	double stock;
	double spent;		/* of stock */
	void *spare[4];
};

#define AW_RETRY_BUDGET_INIT(share_, stock_) \
	{ .share = (share_), .stock = (stock_) }

/* What .on_retry sees before a pause. */
struct aw_retry_state {
	int64_t calls;		/* so far */
	int code;		/* of the last one; its detail: aw_error() */
	double elapsed;		/* seconds since the first began */
	double pause;		/* seconds to come; may be changed, as when a
				 * server said how long to wait */
};

/* Options of aw_retry(). */
struct aw_retry_options {
	size_t size;
	struct aw_named *named;
	int64_t attempts;	/* calls in all (5); AW_FOREVER */
	double base;		/* seconds, the first backoff at most (0.1) */
	double cap;		/* seconds, any backoff at most (30) */
	double each;		/* seconds for one attempt (no limit of its
				 * own); it then fails with -ETIMEDOUT */
	bool (*retry_if)(int r, void *arg);	/* may it be repeated?  Not
				 * asked about -ECANCELED and -ETIME.
				 * (aw_is_retryable, and AW_ETIMEDOUT under
				 * .each); as on_retry */
	double total;		/* seconds: no attempt begins later than this
				 * after the first; those that run are not
				 * cut off (no limit) */
	struct aw_retry_budget *budget;	/* (none) */
	void (*on_retry)(struct aw_retry_state *state, void *arg);
				/* before each pause; must not suspend: a
				 * wait fails with AW_EUSAGE */
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
 * @arg: handed to @fn, .retry_if and .on_retry
 * @options: may be NULL
 *
 * Awaits; cancel point.  A cancel and a passed deadline (-ECANCELED, -ETIME)
 * are never repeated.  An outcome that is not known (AW_EUNKNOWN) is repeated
 * only if .retry_if says so: say it where doing it twice does no harm.
 *
 * Return: the value of the last call of @fn, with its detail; -ECANCELED;
 * -ETIME (before the first call); -EINVAL; -EDEADLK; AW_EUSAGE.
 * Lifetime: @arg is used until it returns.
 * Context: task.
 * Source: M. Brooker, "Exponential Backoff and Jitter" (full jitter).
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_retry_with(int (*fn)(void *arg), void *arg,
				   const struct aw_retry_options *options);

AW_END_DECLS

#endif
