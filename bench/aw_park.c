/* SPDX-License-Identifier: MIT */
/*
 * Row park: --tasks of them are started and wait for one event; it is set and
 * they are joined. What they cost in memory is the peak of the process.
 */
#include "rounds.h"

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

int
main(int argc, char **argv)
{
	return bench_rounds(argc, argv, round_of_tasks);
}
