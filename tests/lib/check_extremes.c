/* SPDX-License-Identifier: MIT */
/* Times at the edge of what a double holds, two things at the same moment,
 * and a loop that user code keeps from turning. */
#include <time.h>
#include <unistd.h>

#include "tasks.h"

/* --- Times that never come --------------------------------------------- */

static int
sleeps_until_set(void *arg)
{
	return aw_event_wait(arg);
}

/* Waits with each limit, for something that comes soon. */
static int
far_limits(void *arg)
{
	const double limits[] = { 1e18, 1e300, HUGE_VAL, AW_FOREVER };
	struct aw_event event = { 0 };
	size_t i;

	(void)arg;
	for (i = 0; i < AW_LENGTH(limits); i++) {
		struct aw_task *task = aw_spawn("t", sleeps_until_set, &event);
		{
			AW_TIMEOUT(limits[i]);
			AW_SHIELD(limits[i]);
			AW_TRY(aw_sleep(0.01));
			aw_event_set(&event);
			note("%s", name(aw_join(task, NULL)));
		}
	}
	return 0;
}

START_TEST(a_limit_of_1e18_seconds_or_more_is_none)
{
	ck_assert_int_eq(run_tasks(far_limits, NULL), 0);
	ck_assert_str_eq(noted, "ok; ok; ok; ok; ");
	/* By the real clock libev is asked for the same. */
	forget_notes();
	ck_assert_int_eq(aw_run(far_limits, NULL), 0);
	ck_assert_str_eq(noted, "ok; ok; ok; ok; ");
}
END_TEST

static int
sleeps_long(void *arg)
{
	return aw_sleep(*(double *)arg);
}

static int
far_sleeps(void *arg)
{
	double seconds[] = { 1e18, 1e300, HUGE_VAL, AW_FOREVER };
	struct aw_task *task;
	size_t i;
	int status;

	(void)arg;
	for (i = 0; i < AW_LENGTH(seconds); i++) {
		task = aw_spawn("sleeper", sleeps_long, &seconds[i]);
		AW_TRY(aw_sleep(0.01));
		aw_cancel(task, "long enough");
		AW_TRY(aw_join(task, &status));
		note("%s", name(status));
	}
	return 0;
}

START_TEST(a_sleep_of_1e18_seconds_or_more_ends_by_a_cancel)
{
	forget_notes();
	ck_assert_int_eq(aw_run(far_sleeps, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ECANCELED; ECANCELED; "
			 "ECANCELED; ");
}
END_TEST

/* --- The same moment --------------------------------------------------- */

static struct aw_event event;
static struct aw_queue *queue;
static int n_got;

static int
sets_in_1(void *arg)
{
	int item = 4;

	(void)arg;
	AW_TRY(aw_sleep(1));
	aw_event_set(&event);
	return aw_queue_put(queue, &item);
}

static int
waits_1(void *arg)
{
	AW_TIMEOUT(1);
	int r;

	(void)arg;
	r = aw_event_wait(&event);
	note("%s", r == 0 || r == AW_ETIME ? "either" : name(r));
	note("%s", name(aw_check()));
	return 0;
}

static int
gets_1(void *arg)
{
	int item = 0, r;
	AW_TIMEOUT(1);

	(void)arg;
	r = aw_queue_get(queue, &item);
	n_got = r == 0;
	note("%s", (r == 0) == (item == 4) ? "either" : name(r));
	note("%s", name(aw_check()));
	return 0;
}

static int
same_moment(void *arg)
{
	AW_GROUP(group);

	event = (struct aw_event){ 0 };
	AW_TRY(aw_queue_new(&queue, sizeof(int), 1));
	if (arg)
		AW_TRY(aw_go(&group, sets_in_1, NULL));
	AW_TRY(aw_go(&group, waits_1, NULL));
	AW_TRY(aw_go(&group, gets_1, NULL));
	if (!arg)
		AW_TRY(aw_go(&group, sets_in_1, NULL));
	AW_TRY(aw_group_wait(&group));
	note("%zu", (size_t)n_got + aw_queue_size(queue));
	aw_queue_freep(&queue);
	return 0;
}

START_TEST(a_result_at_the_moment_of_the_deadline_comes_whole_or_not_at_all)
{
	for (unsigned seed = 0; seed < 20; seed++) {
		forget_notes();
		ck_assert_int_eq(aw_run(same_moment, _i ? "" : NULL,
					.test_clock = true, .no_signals = true,
					.seed = seed), 0);
		ck_assert_str_eq(noted, "either; ETIME; either; ETIME; 1; ");
	}
}
END_TEST

static int
ends_in_1(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(1));
	return 6;
}

static int
joins_at_its_end(void *arg)
{
	struct aw_task *task = aw_spawn("task", ends_in_1, NULL);
	int status = 0, r;

	(void)arg;
	{
		AW_TIMEOUT(1);
		r = aw_join(task, &status);
	}
	if (r < 0)
		r = aw_join(task, &status);
	note("%s %d", name(r), status);
	return 0;
}

START_TEST(a_join_that_ends_at_the_deadline_loses_no_task)
{
	for (unsigned seed = 0; seed < 20; seed++) {
		forget_notes();
		ck_assert_int_eq(aw_run(joins_at_its_end, NULL,
					.test_clock = true, .seed = seed,
					.check_leaks = true), 0);
		ck_assert_str_eq(noted, "ok 6; ");
	}
}
END_TEST

/* --- A blocked loop ---------------------------------------------------- */

static int ends[2];			/* of a pipe */

/* What a task must not do: the whole thread stands still. */
static int
blocks(void *arg)
{
	const struct timespec pause = { .tv_sec = 2 };

	(void)arg;
	note("blocks");
	if (write(ends[1], "x", 1) != 1)
		return -EIO;
	nanosleep(&pause, NULL);
	return 0;
}

/* Its byte came while the thread stood still, and its answer goes out. */
static int
answers(void *arg)
{
	struct aw_event *answered = arg;
	char c;

	AW_TRY(aw_wait_fd(ends[0], AW_FD_READ));
	if (read(ends[0], &c, 1) != 1)
		return -EIO;
	AW_TRY(aw_sleep(0.001));
	aw_event_set(answered);
	return 0;
}

static int
naps(void *arg)
{
	const double *seconds = arg;

	AW_TRY(aw_sleep(*seconds));
	note("%g", *seconds);
	return 0;
}

static int
is_late(void *arg)
{
	AW_TIMEOUT(0.005);
	int r = aw_event_wait(arg);

	note("%s", name(r));
	return 0;
}

static int
blocked(void *arg)
{
	static double seconds[] = { 0.03, 0.01, 0.02, 0.04 };
	struct aw_event never = { 0 }, answered = { 0 };
	AW_GROUP(group);

	(void)arg;
	AW_TRY(pipe(ends));
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_go(&group, naps, &seconds[i]));
	AW_TRY(aw_go(&group, is_late, &never));
	AW_TRY(aw_go(&group, answers, &answered));
	AW_TRY(aw_yield());
	AW_TRY(aw_go(&group, blocks, NULL));
	AW_TRY(aw_event_wait(&answered));
	AW_TRY(aw_group_wait(&group));
	close(ends[0]);
	close(ends[1]);
	return naps(&seconds[3]);		/* and so it goes on */
}

START_TEST(after_a_blocked_loop_everything_due_runs_in_its_order)
{
	forget_notes();
	ck_assert_int_eq(aw_run(blocked, NULL), 0);
	ck_assert_str_eq(noted, "blocks; ETIME; 0.01; 0.02; 0.03; 0.04; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("extremes");
	TCase *far = tcase_create("far");
	TCase *moment = tcase_create("moment");

	tcase_add_test(far, a_limit_of_1e18_seconds_or_more_is_none);
	tcase_add_test(far, a_sleep_of_1e18_seconds_or_more_ends_by_a_cancel);
	tcase_add_loop_test(moment,
	    a_result_at_the_moment_of_the_deadline_comes_whole_or_not_at_all,
		0, 2);
	tcase_add_test(moment, a_join_that_ends_at_the_deadline_loses_no_task);
	tcase_add_test(moment,
		after_a_blocked_loop_everything_due_runs_in_its_order);
	tcase_set_timeout(moment, 300);
	suite_add_tcase(suite, far);
	suite_add_tcase(suite, moment);
	return suite_run(suite);
}
