/* SPDX-License-Identifier: MIT */
/*
 * Token buckets.
 *
 *	 rate      +---------+  waiters
 *	------->   | tokens  |  head: sleeps until its tokens are there
 *	 until     | <= burst|  the others: until they are the head
 *	 it is     +---------+
 *	 full
 *
 * Nothing is armed for the bucket itself: what has fallen in is computed from
 * the time when somebody asks. Only the oldest waiter has a timer; when it
 * leaves, served or interrupted, it wakes the next one, which looks again.
 */
#include <await/rate.h>
#include <await/time.h>

#include "runtime.h"

/* Sums of intervals miss whole numbers by rounding. */
#define ROUNDING 1e-6

static void
refill(struct aw_rate *rate)
{
	double now = aw_now();

	rate->missing -= (now - rate->at) * rate->rate;
	rate->at = now;
	if (!(rate->missing > 0))
		rate->missing = 0;
}

static bool
take(struct aw_rate *rate, int64_t n)
{
	if (rate->missing + (double)n > (double)rate->burst + ROUNDING)
		return false;
	rate->missing += (double)n;
	return true;
}

static double
due(const struct aw_rate *rate, int64_t n)
{
	double short_of = rate->missing + (double)n - (double)rate->burst;

	return rate->at + short_of / rate->rate;
}

/* In the line, until it is the head and its tokens are there. */
static int
wait_in_line(struct aw_rate *rate, struct aw__wait_node *node)
{
	struct aw_task *self = node->wait.task;
	int r;

	for (;;) {
		bool first = rate->waiters.head == node;

		refill(rate);
		if (first && take(rate, node->n))
			return 0;
		node->wait = (struct aw__wait)
			AW__WAIT_INIT(self, "a token of a rate", rate);
		if (first)
			node->wait.until = due(rate, node->n);
		r = aw__wait(&node->wait);
		if (r < 0)
			return r;
	}
}

static int
line_up(struct aw_rate *rate, struct aw_task *self, int64_t n)
{
	struct aw_waiters *line = &rate->waiters;
	struct aw__wait_node node = { .n = n, .wait = { .task = self } };
	int r;

	aw__waiters_push(&line->head, &line->tail, &node);
	r = wait_in_line(rate, &node);
	aw__waiters_remove(&line->head, &line->tail, &node);
	if (line->head)
		aw__wake(&line->head->wait, 0);
	return r;
}

static int
check(const struct aw_rate *rate, int64_t n)
{
	if (rate->rate > 0 && n >= 1 && n <= rate->burst)
		return 0;
	return aw_fail(-EINVAL, "%lld tokens of a bucket of %lld at %g a "
		       "second: 1 to all of it are needed, and a positive "
		       "rate", (long long)n, (long long)rate->burst,
		       rate->rate);
}

int
aw_rate_acquire_n(struct aw_rate *rate, int64_t n)
{
	struct aw_task *self;
	int r = aw__enter(&self);

	if (r == 0)
		r = check(rate, n);
	if (r < 0)
		return r;
	refill(rate);
	if (!rate->waiters.head && take(rate, n))
		return 0;
	return line_up(rate, self, n);
}

int
aw_rate_acquire(struct aw_rate *rate)
{
	return aw_rate_acquire_n(rate, 1);
}

int
aw_rate_try_acquire(struct aw_rate *rate)
{
	int r = check(rate, 1);

	if (r < 0)
		return r;
	refill(rate);
	if (rate->waiters.head || !take(rate, 1))
		return aw__fail_briefly(-EAGAIN, "a token of a rate");
	return 0;
}
