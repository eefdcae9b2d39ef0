/* SPDX-License-Identifier: MIT */
/*
 * The one clock: CLOCK_MONOTONIC in seconds, or a number that only the test
 * clock moves. Deadlines are compared with a fresh reading (20 ns, no system
 * call): the loop's cached time is stale after every long slice.
 */
#include <time.h>

#include <await/time.h>

#include "runtime.h"

double
aw__now(const struct aw_loop *loop)
{
	struct timespec t;

	if (loop && loop->test_clock)
		return loop->clock;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double
aw_now(void)
{
	return aw__now(aw__loop);
}

int
aw_sleep_until(double at)
{
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r < 0)
		return r;
	if (!(at > aw__now(self->loop))) {
		aw__reschedule(self);
		return 0;
	}

	struct aw__wait wait = AW__WAIT_INIT(self, "a time", NULL);

	wait.until = at;
	return aw__wait(&wait);
}

int
aw_sleep(double seconds)
{
	if (seconds >= AW_FOREVER)
		return aw_sleep_until(AW__NEVER);
	return aw_sleep_until(aw_now() + seconds);
}
