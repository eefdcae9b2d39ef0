/* SPDX-License-Identifier: MIT */
/*
 * Tickers: a rhythm that the time of the work does not shift.
 *
 *	ticks      |----|----|----|----|----|
 *	work        ==   ===========  ==
 *	SKIP       1    2             3    4	the rhythm stays
 *	BURST      1    2            345 6	all are made up for
 *	DELAY      1    2            3    4	a new rhythm from the late one
 *
 * Whoever was busy over a tick gets one late tick at once; the policies only
 * differ in what comes after it. It is late when the tick after it has passed
 * too: less than a period is what the clock and the other tasks cost.
 */
#include <await/time.h>

#include "runtime.h"

static int
check(const struct aw_ticker *ticker)
{
	if (!(ticker->seconds > 0) || ticker->seconds > 1e300)
		return aw_fail(-EINVAL, "a ticker of %g seconds: a positive "
			       "number is needed", ticker->seconds);
	if (ticker->missed > AW_TICK_DELAY)
		return aw_fail(-EINVAL, "a ticker with .missed = %d: "
			       "AW_TICK_SKIP, _BURST or _DELAY is needed",
			       (int)ticker->missed);
	return 0;
}

/* Leaves out the ticks up to now: the next is the first after it. */
static void
leave_out(struct aw_ticker *ticker, double now)
{
	double n = (now - ticker->at) / ticker->seconds + 1;
	uint64_t whole = n < 1e18 ? (uint64_t)n : (uint64_t)1e18;

	ticker->n_missed += whole;
	if (ticker->missed == AW_TICK_DELAY)
		ticker->at = now + ticker->seconds;
	else
		ticker->at += (double)whole * ticker->seconds;
}

static void
advance(struct aw_ticker *ticker)
{
	double now = aw_now();

	ticker->at += ticker->seconds;
	if (ticker->at <= now && ticker->missed != AW_TICK_BURST)
		leave_out(ticker, now);
}

int
aw_ticker_next(struct aw_ticker *ticker)
{
	int r = check(ticker);

	if (r < 0)
		return r;
	if (!ticker->begun && ticker->at == 0)
		ticker->at = aw_now();
	ticker->begun = true;
	r = aw_sleep_until(ticker->at);
	if (r == 0)
		advance(ticker);
	return r;
}
