/* SPDX-License-Identifier: MIT */
/* Row timers: the same with libev's own timers. */
#include "common.h"

#include <ev.h>
#include <stdlib.h>

static int left;

static void
fire(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)timer;
	(void)revents;
	if (--left == 0)
		ev_break(loop, EVBREAK_ALL);
}

static void
round_of_timers(struct ev_loop *loop, struct ev_timer *timers, int n)
{
	uint32_t state = 2463534242;

	left = n;
	ev_now_update(loop);
	for (int i = 0; i < n; i++) {
		ev_timer_init(&timers[i], fire,
			      bench_random_id(&state) * 1e-7, 0);
		ev_timer_start(loop, &timers[i]);
	}
	ev_run(loop, 0);
}

int
main(int argc, char **argv)
{
	struct ev_loop *loop = EV_DEFAULT;
	struct bench_options opt;
	struct ev_timer *timers;
	struct bench bench;

	bench_options_parse(&opt, argc, argv);
	timers = calloc((size_t)opt.tasks, sizeof *timers);
	if (!loop || !timers)
		bench_fail("timers", "no memory");
	bench_begin(&bench, &opt);
	while (bench_round(&bench, opt.tasks)) {
		round_of_timers(loop, timers, opt.tasks);
		bench.done += opt.tasks;
	}
	bench_report(&bench);
	free(timers);
	return 0;
}
