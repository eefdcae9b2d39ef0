/* SPDX-License-Identifier: MIT */
/*
 * Row park: --tasks of them are started and wait for one event; it is set and
 * they are joined. What they cost in memory is the peak of the process.
 */
#include "common.h"

#include <await/await.h>

static struct aw_event event;
static int64_t parked, woken;

static int
park(void *arg)
{
	(void)arg;
	parked++;
	AW_TRY(aw_event_wait(&event));
	woken++;
	return 0;
}

static int
round_of_tasks(struct bench *bench, int n)
{
	AW_GROUP(group);

	parked = woken = 0;
	aw_event_clear(&event);
	for (int i = 0; i < n; i++)
		AW_TRY(aw_go(&group, park, NULL));
	while (parked < n)
		AW_TRY(aw_yield());
	aw_event_set(&event);
	AW_TRY(aw_group_wait(&group));
	if (woken != n)
		return aw_fail(AW_EUSAGE, "not every task was woken");
	bench->done += n;
	return 0;
}

static int
app(void *arg)
{
	const struct bench_options *opt = arg;
	struct bench bench;

	bench_begin(&bench, opt);
	while (bench_round(&bench, opt->tasks))
		AW_TRY(round_of_tasks(&bench, opt->tasks));
	bench_report(&bench);
	return 0;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;

	bench_options_parse(&opt, argc, argv);
	return aw_main(app, &opt);
}
