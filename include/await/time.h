/* SPDX-License-Identifier: MIT */
/*
 * time.h - the monotonic clock, sleeping, and points of civil time.
 *
 * Durations and deadlines are double seconds of one monotonic clock
 * (aw_now()), which the test clock replaces.  struct aw_time is what
 * databases store: it keeps every value they have, also those that no clock
 * shows (infinity, 0000-00-00, 838:59:59, years before Christ).
 */
#ifndef AWAIT_TIME_H
#define AWAIT_TIME_H

#include <time.h>

#include <await/base.h>

AW_BEGIN_DECLS

enum aw_time_kind {
	AW_TIME_INSTANT,	/* UTC: timestamptz, and MariaDB TIMESTAMP */
	AW_TIME_LOCAL,		/* date and time without a zone */
	AW_TIME_DATE,
	AW_TIME_OF_DAY,		/* or a signed span of hours (MariaDB TIME) */
	AW_TIME_INFINITY,
	AW_TIME_MINUS_INFINITY
};

struct aw_time {
	enum aw_time_kind kind;
	int year;		/* astronomical: 0 is 1 BC; 0000-00-00 is all
				 * zeroes */
	int month, day;		/* from 1; 0 only in MariaDB's zero dates */
	int hour, minute, second;
	int microsecond;
	bool negative;		/* AW_TIME_OF_DAY only */
	int offset;		/* seconds east of UTC; AW_TIME_OF_DAY with a
				 * zone only */
};

/**
 * aw_sleep - wait for a time
 * @seconds: 0, negative and NaN: let the other ready tasks run first;
 * AW_FOREVER and more: until cancelled
 *
 * Awaits; cancel point.  Resolution 1 ms.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK;
 * AW_EUSAGE; -ENOMEM.
 * Context: task.
 * Source: libev manual, ev_timer.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_sleep(double seconds);

/**
 * aw_sleep_until - wait until a point of the monotonic clock
 * @at: absolute seconds of aw_now(); a past one yields
 *
 * Awaits; cancel point.
 *
 * Return: as aw_sleep().
 * Context: task.
 * Source: libev manual, ev_timer.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_sleep_until(double at);

/* What a ticker does with ticks that passed while its task was busy. */
enum aw_missed {
	AW_TICK_SKIP,		/* left out; the rhythm stays */
	AW_TICK_BURST,		/* made up for, one after the other */
	AW_TICK_DELAY		/* left out; a new rhythm begins */
};

/* A rhythm without drift: struct aw_ticker t = { .seconds = 0.5 }; */
struct aw_ticker {
	double seconds;		/* between ticks, > 0 */
	enum aw_missed missed;
	bool begun;
	double at;		/* aw_now() of the next tick; 0 at the start:
				 * at once */
	uint64_t n_missed;	/* ticks that were left out so far */
	void *spare[4];
};

/**
 * aw_ticker_next - wait for the next tick of a rhythm
 * @ticker: begins with the first call
 *
 * Awaits; cancel point.  The first tick is at once, or at .at.  A tick is
 * counted from the one before and not from the call, so the time that the
 * work takes does not add up.  After a failure the tick is still to come.
 *
 *	struct aw_ticker ticker = { .seconds = 60 };
 *
 *	while ((r = aw_ticker_next(&ticker)) == 0)
 *		AW_TRY(collect());
 *
 * Return: 0; -EINVAL (.seconds is not a positive number, .missed is none of
 * the three); else as aw_sleep().
 * Lifetime: one task at a time.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_ticker_next(struct aw_ticker *ticker);

/**
 * aw_now - the monotonic clock, read afresh
 *
 * Return: seconds since an unnamed point; the test clock's in a loop with
 * .test_clock.
 * Context: any thread.
 * Source: clock_gettime(2), CLOCK_MONOTONIC.
 * Since: 0.1
 */
AW_API double aw_now(void);

/**
 * aw_time - the time of day now, in UTC
 *
 * Return: an AW_TIME_INSTANT with microseconds.
 * Context: any thread.
 * Source: clock_gettime(2), CLOCK_REALTIME.
 * Since: 0.1
 */
AW_API struct aw_time aw_time(void);

/**
 * aw_time_unix - a point given in Unix seconds
 * @seconds: since 1970-01-01 00:00:00 UTC
 *
 * Return: an AW_TIME_INSTANT; one of the two infinities when the year does
 * not fit an int.
 * Context: any thread.
 * Source: proleptic Gregorian calendar, ISO 8601.
 * Since: 0.1
 */
AW_API struct aw_time aw_time_unix(time_t seconds);

/**
 * aw_time_to_unix - Unix seconds and microseconds of a point
 * @time: an AW_TIME_INSTANT, AW_TIME_LOCAL (read as UTC) or AW_TIME_DATE
 * @ret_seconds: since 1970-01-01 00:00:00 UTC
 * @ret_microseconds: 0..999999; may be NULL
 *
 * Return: 0; AW_ERANGE (infinite, a zero date, not a point of time).
 * Context: any thread.
 * Source: proleptic Gregorian calendar, ISO 8601.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_time_to_unix(const struct aw_time *time,
					 int64_t *ret_seconds,
					 int *ret_microseconds);

AW_END_DECLS

#endif
