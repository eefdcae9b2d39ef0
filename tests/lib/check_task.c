/* SPDX-License-Identifier: MIT */
/* lib/task.c: joining and releasing. */
#include <await/driver.h>

#include "tasks.h"

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

static int
fail_with_detail(void *arg)
{
	(void)arg;
	return aw_fail(-EIO, "the disk is %s", "on fire");
}

static int
sleep_1(void *arg)
{
	(void)arg;
	return aw_sleep(1);
}

/* --- Joining ----------------------------------------------------------- */

static int
joins(void *arg)
{
	struct aw_task *a = aw_spawn("a", give, (void *)7);
	struct aw_task *b = aw_spawn("b", sleep_1, NULL);
	int status = -1;

	(void)arg;
	note("%s", name(aw_join(a, &status)));
	note("%d", status);
	note("%s", name(aw_join(b, NULL)));
	note("%g", aw_error()->code == 0 ? 0.0 : 1.0);
	return 0;
}

START_TEST(join_waits_and_gives_the_status)
{
	ck_assert_int_eq(run_tasks(joins, NULL), 0);
	ck_assert_str_eq(noted, "ok; 7; ok; 0; ");
}
END_TEST

static int
takes_detail(void *arg)
{
	struct aw_task *task = aw_spawn("burning", fail_with_detail, NULL);
	int status = 0;

	(void)arg;
	note("%s", name(aw_join(task, &status)));
	note("%s: %s", name(status), aw_error()->message);
	return 0;
}

START_TEST(the_detail_of_a_failure_moves_to_who_joins)
{
	ck_assert_int_eq(run_tasks(takes_detail, NULL), 0);
	ck_assert_str_eq(noted, "ok; EIO: the disk is on fire; ");
}
END_TEST

static int
interrupted_join(void *arg)
{
	struct aw_task *task = aw_spawn("slow", sleep_1, NULL);
	int status = 42;

	(void)arg;
	{
		AW_TIMEOUT(0.5);
		note("%s", name(aw_join(task, &status)));
		note("%d %s", status, aw_error()->wait);
	}
	note("%s", name(aw_join(task, &status)));
	note("%d", status);
	return 0;
}

START_TEST(an_interrupted_join_keeps_the_task)
{
	ck_assert_int_eq(run_tasks(interrupted_join, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; 42 a task; ok; 0; ");
}
END_TEST

static int
join_me(void *arg)
{
	int r = aw_join(aw_self(), NULL);

	(void)arg;
	note("%s", name(r));
	return 0;
}

static int
join_other(void *arg)
{
	int r = aw_join(arg, NULL);

	note("%s", name(r));
	return 0;
}

static int
wrong_joins(void *arg)
{
	struct aw_task *slow = aw_spawn("slow", sleep_1, NULL);
	struct aw_task *gone = aw_spawn("gone", give, NULL);

	(void)arg;
	AW_TRY(aw_join(aw_spawn("me", join_me, NULL), NULL));
	start("first", join_other, slow);
	start("second", join_other, slow);
	AW_TRY(aw_sleep(2));
	AW_TRY(aw_join(gone, NULL));
	note("%s", name(aw_join(gone, NULL)));
	note("%s", name(aw_join(NULL, NULL)));
	return 0;
}

START_TEST(joining_twice_oneself_or_beside_another_is_refused)
{
	ck_assert_int_eq(run_tasks(wrong_joins, NULL), 0);
	ck_assert_str_eq(noted, "EDEADLK; EBUSY; ok; EINVAL; EINVAL; ");
}
END_TEST

/* --- Releasing --------------------------------------------------------- */

static void
unhandled(const char *task, const struct aw_error *error)
{
	note("%s: %s %s", task, name(error->code), error->message);
}

static int
released_failures(void *arg)
{
	struct aw_task *late;

	(void)arg;
	start("early", fail_with_detail, NULL);
	late = aw_spawn("late", fail_with_detail, NULL);
	start("fine", give, NULL);
	let_others_run();
	note("release");
	aw_task_release(late);
	aw_task_release(NULL);
	return 0;
}

static int
release_in(void *arg)
{
	return aw_run(arg, NULL, .test_clock = true, .no_signals = true,
		      .on_unhandled = unhandled);
}

START_TEST(the_failure_of_a_released_task_is_reported_once)
{
	forget_notes();
	ck_assert_int_eq(release_in(released_failures), 0);
	ck_assert_str_eq(noted, "early: EIO the disk is on fire; release; "
			 "late: EIO the disk is on fire; ");
}
END_TEST

static int
joined_failures(void *arg)
{
	struct aw_task *task = aw_spawn("joined", fail_with_detail, NULL);
	struct aw_task *slow = aw_spawn("cancelled", sleep_1, NULL);
	int status;

	(void)arg;
	AW_TRY(aw_join(task, &status));
	let_others_run();
	aw_cancel(slow, "test");
	aw_task_release(slow);
	AW_TRY(aw_sleep(2));
	return status;
}

START_TEST(a_failure_that_somebody_got_is_not_reported)
{
	forget_notes();
	ck_assert_int_eq(release_in(joined_failures), -EIO);
	ck_assert_str_eq(noted, "");
	ck_assert_str_eq(aw_error()->message, "the disk is on fire");
}
END_TEST

static int
auto_release(void *arg)
{
	AW_AUTO(aw_task, task);
	AW_AUTO(aw_task, ended);

	(void)arg;
	task = aw_spawn("task", sleep_1, NULL);
	ended = aw_spawn("ended", give, NULL);
	let_others_run();
	return 0;
}

static int
auto_release_twice(void *arg)
{
	AW_TRY(auto_release(arg));
	AW_TRY(auto_release(arg));
	return aw_sleep(2);
}

START_TEST(auto_releases_the_handle_and_not_the_task)
{
	int r;

	forget_notes();
	r = aw_run(auto_release_twice, NULL, .test_clock = true,
		   .check_leaks = true);
	ck_assert_int_eq(r, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("task");
	TCase *join = tcase_create("join");
	TCase *release = tcase_create("release");

	tcase_add_test(join, join_waits_and_gives_the_status);
	tcase_add_test(join, the_detail_of_a_failure_moves_to_who_joins);
	tcase_add_test(join, an_interrupted_join_keeps_the_task);
	tcase_add_test(join,
		       joining_twice_oneself_or_beside_another_is_refused);
	tcase_add_test(release,
		       the_failure_of_a_released_task_is_reported_once);
	tcase_add_test(release, a_failure_that_somebody_got_is_not_reported);
	tcase_add_test(release, auto_releases_the_handle_and_not_the_task);
	suite_add_tcase(suite, join);
	suite_add_tcase(suite, release);
	return suite_run(suite);
}
