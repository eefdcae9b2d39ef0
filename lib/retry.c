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
 *
 * The budget is Finagle's: a share of the calls, and a stock for the begin.
 */
#include <await/retry.h>
#include <await/time.h>

#include "random.h"
#include "runtime.h"

struct retry {
	int64_t attempts;		/* 0: no limit */
	double base, cap;
	double each;			/* 0: no limit */
	double end;			/* no attempt begins after it */
	double begin;
	bool (*retry_if)(int r, void *arg);
	void (*on_retry)(struct aw_retry_state *state, void *arg);
	struct aw_retry_budget *budget;	/* or NULL */
};

static double
seconds(double value, double otherwise)
{
	return value == 0 ? otherwise : value > 0 ? value : 0;
}

static int
check_options(const struct aw_retry_options *o)
{
	static const char *const names[] = {
		"attempts", "base", "cap", "each", "total"
	};
	const double values[] = {
		(double)o->attempts, o->base, o->cap, o->each, o->total
	};
	int r = 0;

	for (size_t i = 0; i < AW_LENGTH(values) && r == 0; i++)
		r = aw__option_check("aw_retry", names[i], values[i]);
	return r;
}

static int
read_options(struct retry *retry, const struct aw_retry_options *options)
{
	struct aw_retry_options o = { 0 };

	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	if (check_options(&o) < 0)
		return -EINVAL;
	retry->attempts = o.attempts == 0 ? 5
		: o.attempts < 0 ? 1
		: o.attempts >= AW_FOREVER ? 0 : o.attempts;
	retry->base = seconds(o.base, 0.1);
	retry->cap = seconds(o.cap, 30.0);
	retry->each = o.each < AW_FOREVER ? seconds(o.each, 0) : 0;
	retry->retry_if = o.retry_if;
	retry->on_retry = o.on_retry;
	retry->budget = o.budget;
	retry->begin = aw_now();
	retry->end = o.total > 0 && o.total < AW_FOREVER
		? retry->begin + o.total : AW__NEVER;
	return 0;
}

/* --- The budget -------------------------------------------------------- */

static void
deposit(struct aw_retry_budget *budget)
{
	if (!budget)
		return;
	budget->spent -= budget->share;
	if (!(budget->spent > 0))
		budget->spent = 0;
}

/* Rounding must not cost the last one. */
static bool
withdraw(struct aw_retry_budget *budget)
{
	if (!budget)
		return true;
	if (budget->spent + 1 > budget->stock + 1e-9)
		return false;
	budget->spent += 1;
	return true;
}

/* --- Attempts ---------------------------------------------------------- */

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

/* A cancel and a deadline come from scopes of the user, who has said enough.
 * An unknown outcome is repeated only if .retry_if says so: the user alone
 * knows that doing it twice does no harm. */
static bool
again(const struct retry *retry, int r, void *arg, bool late)
{
	if (r >= 0 || r == AW_ECANCELED || r == AW_ETIME)
		return false;
	if (retry->retry_if) {
		AW__CALLBACK("the function .retry_if");
		return retry->retry_if(r, arg);
	}
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

/* Seconds to pause before the next attempt; negative: there is none. */
static double
pause_after(const struct retry *retry, int r, int64_t calls, void *arg)
{
	struct aw_retry_state state = {
		.calls = calls,
		.code = r,
		.pause = backoff(retry, calls - 1)
	};
	double now = aw_now();

	state.elapsed = now - retry->begin;
	if (retry->on_retry) {
		AW__CALLBACK("the function .on_retry");
		retry->on_retry(&state, arg);
	}
	if (!(state.pause > 0))
		state.pause = 0;
	if (state.pause >= aw_left() || now + state.pause > retry->end ||
	    !withdraw(retry->budget))
		return -1;
	return state.pause;
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
	r = read_options(&retry, options);
	if (r < 0)
		return r;
	deposit(retry.budget);
	for (;;) {
		double pause;

		r = attempt(&retry, fn, arg, &late);
		calls++;
		if (calls == retry.attempts || interrupted(self) ||
		    !again(&retry, r, arg, late))
			return r;
		pause = pause_after(&retry, r, calls, arg);
		if (pause < 0)
			return r;
		AW_TRY(aw_sleep(pause));
	}
}
