/* SPDX-License-Identifier: MIT */
/*
 * Calling again after a passing failure.
 *
 *	backoff n = random in [0, min(cap, base * 2^n)]
 *
 * "Full jitter": of the usual schemes the one with the least work and almost
 * the least time when many clients compete (M. Brooker, AWS Architecture
 * Blog, 2015). What is left of the deadline decides whether a sleep makes
 * sense: one that would end after it is not begun, and the caller gets the
 * failure and not a timeout.
 */
#include <await/retry.h>
#include <await/time.h>

#include "random.h"
#include "runtime.h"

struct retry {
	int64_t attempts;		/* 0: no limit */
	double base, cap;
	double each;			/* 0: no limit */
	bool (*retry_if)(int r, void *arg);
};

static double
seconds(double value, double otherwise)
{
	return value == 0 ? otherwise : value > 0 ? value : 0;
}

static void
read_options(struct retry *retry, const struct aw_retry_options *options)
{
	struct aw_retry_options o = { 0 };

	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	retry->attempts = o.attempts == 0 ? 5
		: o.attempts < 0 ? 1
		: o.attempts >= AW_FOREVER ? 0 : o.attempts;
	retry->base = seconds(o.base, 0.1);
	retry->cap = seconds(o.cap, 30.0);
	retry->each = o.each < AW_FOREVER ? seconds(o.each, 0) : 0;
	retry->retry_if = o.retry_if;
}

/* One call; *ret_late: it failed because .each was over. */
static int
attempt(const struct retry *retry, int (*fn)(void *arg), void *arg,
	bool *ret_late)
{
	*ret_late = false;
	if (retry->each <= 0)
		return fn(arg);

	AW_BUDGET(retry->each);
	int r = fn(arg);

	*ret_late = r == AW_ETIMEDOUT;
	return r;
}

static bool
again(const struct retry *retry, int r, void *arg, bool late)
{
	if (r >= 0)
		return false;
	if (retry->retry_if)
		return retry->retry_if(r, arg);
	return late || aw_is_retryable(r);
}

static double
backoff(const struct retry *retry, int64_t failures)
{
	double most = retry->cap;

	/* Beyond 2^40 any base has reached any cap. */
	if (failures < 40) {
		most = retry->base * (double)((int64_t)1 << failures);
		if (most > retry->cap)
			most = retry->cap;
	}
	return most * aw__random();
}

/* Must this task stop? Leaves the detail of the last failure alone. */
static bool
interrupted(const struct aw_task *self)
{
	return aw__scope_interrupted(self->scope, 0) < 0;
}

int
aw_retry_with(int (*fn)(void *arg), void *arg,
	      const struct aw_retry_options *options)
{
	struct aw_task *self;
	struct retry retry;
	int64_t calls = 0;
	bool late;
	int r;

	r = aw__enter(&self);
	if (r < 0)
		return r;
	if (!fn)
		return aw_fail(-EINVAL, "aw_retry: no function to call");
	read_options(&retry, options);
	for (;;) {
		double pause;

		r = attempt(&retry, fn, arg, &late);
		calls++;
		if (calls == retry.attempts || interrupted(self) ||
		    !again(&retry, r, arg, late))
			return r;
		pause = backoff(&retry, calls - 1);
		if (pause >= aw_left())
			return r;
		AW_TRY(aw_sleep(pause));
	}
}
