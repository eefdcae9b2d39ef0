/* SPDX-License-Identifier: MIT */
/*
 * Row timers: --tasks of them are armed, due within a millisecond in random
 * order, and called back. They are armed in one go: when the first are looked
 * at most are due, so that the time is that of the work and not of waiting.
 */
#include "common.h"

#include <await/await.h>
#include <await/driver.h>
#include <stdlib.h>

static struct aw_event all_fired;
static int left;

static void
fire(void *arg)
{
	(void)arg;
	if (--left == 0)
		aw_event_set(&all_fired);
}

static int
round_of_timers(struct aw_timer *timers, int n)
{
	uint32_t state = 2463534242;
	double now = aw_now();

	left = n;
	aw_event_clear(&all_fired);
	for (int i = 0; i < n; i++)
		AW_TRY(aw_timer_start(&timers[i],
				      now + bench_random_id(&state) * 1e-7,
				      fire, NULL));
	return aw_event_wait(&all_fired);
}

static int
app(void *arg)
{
	const struct bench_options *opt = arg;
	struct aw_timer *timers = calloc((size_t)opt->tasks, sizeof *timers);
	struct bench bench;
	int r = 0;

	if (!timers)
		bench_fail("calloc", "no memory");
	bench_begin(&bench, opt);
	while (r == 0 && bench_round(&bench, opt->tasks)) {
		r = round_of_timers(timers, opt->tasks);
		bench.done += opt->tasks;
	}
	bench_report(&bench);
	free(timers);
	return r;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;

	bench_options_parse(&opt, argc, argv);
	return aw_main(app, &opt);
}
