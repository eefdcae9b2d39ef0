/* SPDX-License-Identifier: MIT */
/*
 * Row cancel: --tasks of them sleep, each until another time; they are all
 * cancelled and joined. Starting them is outside the clock. The call that
 * cancels them is noted by itself: for so long nobody else runs.
 */
#include "rounds.h"

static int64_t cancelled;

static int
sleeper(void *arg)
{
	int r = aw_sleep(3600.0 + 1e-3 * (double)(intptr_t)arg);

	cancelled += r == AW_ECANCELED;
	return r;
}

static int
round_of_sleepers(struct bench *bench, int n)
{
	uint32_t state = 2463534242;
	int64_t before = cancelled;
	double begin;
	AW_GROUP(group);

	bench_pause(bench);
	for (int i = 0; i < n; i++)
		AW_TRY(aw_go(&group, sleeper,
			     (void *)(intptr_t)bench_random_id(&state)));
	AW_TRY(aw_sleep(0.001));	/* they all sleep now */
	bench_resume(bench);
	begin = bench_now();
	aw_group_stop(&group);
	bench->note = "call_ms";
	bench->noted = 1e3 * (bench_now() - begin);
	AW_TRY(aw_group_wait(&group));
	if (cancelled - before != n)
		return aw_fail(AW_EUSAGE, "not every sleeper was cancelled");
	bench->done += n;
	return 0;
}

int
main(int argc, char **argv)
{
	return bench_rounds(argc, argv, round_of_sleepers);
}
