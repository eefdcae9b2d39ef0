/* SPDX-License-Identifier: MIT */
/* lib/select.c: queues, tasks and descriptors that end under it, bad cases,
 * and memory. */
#include "select_world.h"

#include "failmalloc.h"

/* --- Ends -------------------------------------------------------------- */

static int
closes(void *arg)
{
	AW_TRY(aw_yield());
	if (arg)
		aw_queue_freep(&empty);
	else
		aw_queue_close(empty);
	return 0;
}

static int
closed(void *arg)
{
	int item = 0;
	struct aw_case cases[] = { AW_CASE_EVENT(&event),
				   AW_CASE_GET(empty, &item) };

	start("closes", closes, arg);
	note("%d", aw_select(cases, 2));
	note("%s", name(cases[1].status));
	if (!arg)
		note("%d", aw_select(cases, 2));
	return 0;
}

START_TEST(a_closed_or_released_queue_is_chosen_with_its_status)
{
	ck_assert_int_eq(run_tasks(closed, NULL), 0);
	ck_assert_str_eq(noted, "1; ECLOSED; 1; ");
	aw_queue_freep(&empty);
	ck_assert_int_eq(aw_queue_new(&empty, sizeof(int), 1), 0);
	ck_assert_int_eq(run_tasks(closed, ""), 0);
	ck_assert_str_eq(noted, "1; ECLOSED; ");
}
END_TEST

static int
selects_task(void *arg)
{
	struct aw_case cases[] = { AW_CASE_TASK(arg) };

	note("%s", name(aw_select(cases, 1)));
	return 0;
}

static int
wrong_ones(void *arg)
{
	struct aw_task *slow = aw_spawn("slow", sleeps, &soon);
	struct aw_task *gone = aw_spawn("gone", sleeps, &soon);
	struct aw_case twice[] = { AW_CASE_EVENT(&event), AW_CASE_TASK(slow),
				   AW_CASE_TASK(slow) };
	struct aw_case bad[] = { AW_CASE_EVENT(NULL), AW_CASE_GET(empty, NULL),
				 AW_CASE_FD(-1, AW_FD_READ),
				 AW_CASE_FD(ends[0], 0), { .kind = 77 } };
	size_t i;

	(void)arg;
	note("%s", name(aw_select(twice, 0)));
	for (i = 0; i < AW_LENGTH(bad); i++)
		note("%s", name(aw_select(&bad[i], 1)));
	note("%s", name(aw_select(twice, 3)));
	selects_task(aw_self());
	AW_TRY(aw_join(gone, NULL));
	selects_task(gone);
	start("first", selects_task, slow);
	let_others_run();
	note("%s", name(aw_join(slow, NULL)));
	return 0;
}

START_TEST(bad_cases_are_refused_and_nothing_is_left_behind)
{
	struct aw_case cases[] = { AW_CASE_EVENT(&event) };

	late = 1;
	ck_assert_int_eq(run_tasks(wrong_ones, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EINVAL; EINVAL; EINVAL; "
			 "EINVAL; EBUSY; EDEADLK; EINVAL; ok; ok; ");
	ck_assert_int_eq(aw_select(cases, 1), AW_EUSAGE);
}
END_TEST

static int
releases_it(void *arg)
{
	struct aw_task *task = aw_spawn("slow", sleeps, &soon);

	(void)arg;
	start("selects", selects_task, task);
	let_others_run();
	aw_task_release(task);
	note("%s", name(aw_join(task, NULL)));
	return aw_sleep(2);
}

START_TEST(a_task_released_meanwhile_goes_after_the_select)
{
	forget_notes();
	ck_assert_int_eq(aw_run(releases_it, NULL, .test_clock = true,
				.check_leaks = true), 0);
	ck_assert_str_eq(noted, "EBUSY; ok; ");
}
END_TEST

static int
closed_descriptor(void *arg)
{
	struct aw_case cases[] = { AW_CASE_EVENT(&event),
				   AW_CASE_FD(ends[0], AW_FD_READ) };

	(void)arg;
	close(ends[0]);
	note("%d", aw_select(cases, 2));
	note("%s", name(cases[1].status));
	ends[0] = dup(ends[1]);
	return 0;
}

START_TEST(a_closed_descriptor_is_chosen_with_its_status)
{
	ck_assert_int_eq(run_tasks(closed_descriptor, NULL), 0);
	ck_assert_str_eq(noted, "1; EBADF; ");
}
END_TEST

/* --- Memory ------------------------------------------------------------ */

static int
counts(void *arg)
{
	struct aw_task *task = aw_spawn("late", sleeps, &late);
	int i = 4;

	(void)arg;
	start("completes", completes, &i);
	note("%d", all_cases(task));
	note("%d", read(ends[0], &i, 1) == 1);
	i = 2;
	start("completes", completes, &i);
	count_start();
	note("%d", all_cases(task));
	note("%lu", count_stop());
	aw_task_release(task);
	return 0;
}

START_TEST(nothing_is_allocated)
{
	late = 1e6;
	ck_assert_int_eq(run_tasks(counts, NULL), 0);
	ck_assert_str_eq(noted, "4; 1; 2; 0; ");
}
END_TEST

static int
without_memory(void *arg)
{
	struct aw_task *task = aw_spawn("late", sleeps, &late);
	unsigned long n;
	int i = 2, r;

	(void)arg;
	for (n = 0; n < 100; n++) {
		fail_from(n);
		r = all_cases(task);
		if (!fail_stop())
			break;
		if (r != -ENOMEM)
			note("%lu %s", n, name(r));
		if (n == 1)
			start("completes", completes, &i);
	}
	note("%d %d", r, n > 1);
	aw_task_release(task);
	return 0;
}

START_TEST(without_memory_it_fails_and_leaves_every_line)
{
	late = 1e6;
	ck_assert_int_eq(run_tasks(without_memory, NULL), 0);
	ck_assert_str_eq(noted, "2 1; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("select_end");
	TCase *ended = tcase_create("ended");

	tcase_add_checked_fixture(ended, set_up, tear_down);
	tcase_add_test(ended,
		a_closed_or_released_queue_is_chosen_with_its_status);
	tcase_add_test(ended, bad_cases_are_refused_and_nothing_is_left_behind);
	tcase_add_test(ended, a_task_released_meanwhile_goes_after_the_select);
	tcase_add_test(ended, a_closed_descriptor_is_chosen_with_its_status);
	tcase_add_test(ended, nothing_is_allocated);
	tcase_add_test(ended, without_memory_it_fails_and_leaves_every_line);
	suite_add_tcase(suite, ended);
	return suite_run(suite);
}
