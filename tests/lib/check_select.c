/* SPDX-License-Identifier: MIT */
/* lib/select.c: one of several is chosen, the others are left alone. */
#include "select_world.h"

/* --- What is ready at once --------------------------------------------- */

static int
ready_ones(void *arg)
{
	struct aw_task *task = aw_spawn("task", sleeps, &soon);
	int item = 0, other = 8;
	struct aw_case get[] = { AW_CASE_GET(empty, &item),
				 AW_CASE_GET(full, &item) };
	struct aw_case put[] = { AW_CASE_PUT(full, &other), AW_CASE_NONE,
				 AW_CASE_PUT(empty, &other) };
	struct aw_case rest[] = { AW_CASE_EVENT(&event), AW_CASE_TASK(task) };
	struct aw_case fd[] = { AW_CASE_FD(ends[0], AW_FD_READ),
				AW_CASE_FD(ends[1], AW_FD_WRITE) };

	(void)arg;
	note("%d", aw_select(get, 2));
	note("%d %d", get[1].status, item);
	note("%d", aw_select(put, 1));
	note("%d %d", put[0].status, aw_queue_size(full) == 1);
	note("%d", aw_select(put, 3));
	note("%d %d", put[2].status, take(empty));
	note("%d", aw_select(fd, 2));
	note("%d", fd[1].status);
	aw_event_set(&event);
	note("%d", aw_select(rest, 2));
	aw_event_clear(&event);
	note("%d", aw_select(rest, 2));
	return aw_join(task, NULL);
}

START_TEST(what_is_ready_is_chosen_and_done)
{
	ck_assert_int_eq(run_tasks(ready_ones, NULL), 0);
	ck_assert_str_eq(noted, "1; 0 7; 0; 0 1; 2; 0 8; 1; 2; 0; 1; ");
}
END_TEST

static int
rotates(void *arg)
{
	static struct aw_event a = { .is_set = true }, b = { .is_set = true };
	struct aw_case cases[] = {
		AW_CASE_EVENT(&a), AW_CASE_EVENT(&event), AW_CASE_EVENT(&b),
		AW_CASE_UNTIL(aw_now() + 1), AW_CASE_UNTIL(0)
	};
	int times[5] = { 0 }, i;

	(void)arg;
	AW_TRY(aw_sleep(2));
	for (i = 0; i < 100; i++)
		times[aw_select(cases, 5)]++;
	for (i = 0; i < 5; i++)
		note("%d", times[i]);
	return 0;
}

START_TEST(several_that_are_ready_take_turns)
{
	ck_assert_int_eq(run_tasks(rotates, NULL), 0);
	ck_assert_str_eq(noted, "40; 0; 40; 20; 0; ");
}
END_TEST

static int
chatty_queue(void *arg)
{
	int item = 0, n, times[2] = { 0 };
	struct aw_case cases[] = { AW_CASE_GET(full, &item),
				   AW_CASE_FD(ends[0], AW_FD_READ) };

	(void)arg;
	if (write(ends[1], "x", 1) != 1)
		return -EIO;
	for (n = 0; n < 10; n++) {
		times[aw_select(cases, 2)]++;
		if (aw_queue_size(full) == 0)
			AW_TRY(aw_queue_put(full, &item));
	}
	note("%d %d", times[0], times[1]);
	return 0;
}

START_TEST(a_queue_that_is_never_empty_starves_no_descriptor)
{
	ck_assert_int_eq(run_tasks(chatty_queue, NULL), 0);
	ck_assert_str_eq(noted, "5 5; ");
}
END_TEST

static int
only_now(void *arg)
{
	double never[] = { 0, -1, -HUGE_VAL, NAN };
	int item = 0;
	size_t i;

	(void)arg;
	for (i = 0; i < AW_LENGTH(never); i++) {
		struct aw_case cases[] = { AW_CASE_UNTIL(never[i]),
					   AW_CASE_GET(i < 3 ? empty : full,
						       &item) };

		note("%d", aw_select(cases, 2));
		cases[1] = cases[0];
		cases[0] = AW_CASE_UNTIL(aw_now() + 5);
		note("%d", aw_select(cases, 2));
	}
	return 0;
}

START_TEST(a_time_that_is_not_above_0_means_now)
{
	ck_assert_int_eq(run_tasks(only_now, NULL), 0);
	ck_assert_str_eq(noted, "0; 1; 0; 1; 0; 1; 1; 1; ");
}
END_TEST

/* --- What comes later -------------------------------------------------- */

static int
later_ones(void *arg)
{
	struct aw_task *task = aw_spawn("late", sleeps, &late);
	int i;

	(void)arg;
	for (i = 1; i < 5; i++) {
		start("completes", completes, &i);
		note("%d", all_cases(task));
		note("%d", all[i].status);
	}
	note("%d %zu", item_got, aw_queue_size(full));
	aw_cancel(task, "test");
	note("%d", read(ends[0], &i, 1) == 1);
	note("%d", all_cases(task));
	return aw_join(task, NULL);
}

START_TEST(whatever_comes_first_is_chosen)
{
	ck_assert_int_eq(run_tasks(later_ones, NULL), 0);
	ck_assert_str_eq(noted, "1; 0; 2; 0; 3; 0; 4; 1; 5 1; 1; 0; ");
}
END_TEST

static int
times(void *arg)
{
	struct aw_case cases[] = { AW_CASE_UNTIL(aw_now() + 1e18),
				   AW_CASE_EVENT(&event),
				   AW_CASE_UNTIL(aw_now() + 3),
				   AW_CASE_UNTIL(aw_now() + 2),
				   AW_CASE_UNTIL(HUGE_VAL) };
	double begin = aw_now();
	int first = aw_select(cases, 5);

	(void)arg;
	note("%d %g", first, since(begin));
	return 0;
}

START_TEST(the_earliest_time_is_chosen)
{
	ck_assert_int_eq(run_tasks(times, NULL), 0);
	ck_assert_str_eq(noted, "3 2; ");
}
END_TEST

static int
puts_two(void *arg)
{
	int item = 1;

	(void)arg;
	AW_TRY(aw_yield());
	aw_event_set(&event);
	AW_TRY(aw_queue_put(empty, &item));
	item = 2;
	note("%s", name(aw_queue_try_put(empty, &item)));
	return 0;
}

static int
same_turn(void *arg)
{
	int item = 0, chosen;
	struct aw_case cases[] = { AW_CASE_GET(empty, &item),
				   AW_CASE_EVENT(&event) };

	(void)arg;
	start("puts", puts_two, NULL);
	chosen = aw_select(cases, 2);
	note("%d %d %d", chosen, item, take(empty));
	return 0;
}

START_TEST(of_two_in_one_turn_the_second_finds_nobody)
{
	ck_assert_int_eq(run_tasks(same_turn, NULL), 0);
	ck_assert_str_eq(noted, "EAGAIN; 1 0 1; ");
}
END_TEST

static int
waits_behind(void *arg)
{
	int item = 0;

	(void)arg;
	AW_TRY(aw_queue_get(empty, &item));
	note("behind got %d", item);
	return 0;
}

static int
at_its_end(void *arg)
{
	struct aw_task *me = arg;
	int item = 3;

	AW_TRY(aw_yield());
	aw_cancel(me, "test");
	return aw_queue_put(empty, &item);
}

static int
is_cancelled(void *arg)
{
	int item = 0;
	struct aw_case cases[] = { AW_CASE_EVENT(&event),
				   AW_CASE_GET(empty, &item) };

	(void)arg;
	start("ends", at_its_end, aw_self());
	note("%s", name(aw_select(cases, 2)));
	note("%s %d", aw_error()->wait, item);
	note("%s", name(aw_select(cases, 2)));
	return 0;
}

static int
interrupted(void *arg)
{
	struct aw_task *task = aw_spawn("victim", is_cancelled, NULL);
	struct aw_case cases[] = { AW_CASE_EVENT(&event) };

	(void)arg;
	let_others_run();
	start("behind", waits_behind, NULL);
	AW_TRY(aw_join(task, NULL));
	AW_TIMEOUT(1);
	note("%s", name(aw_select(cases, 1)));
	return 0;
}

START_TEST(a_cancel_or_a_deadline_ends_it_and_the_item_goes_to_the_next)
{
	ck_assert_int_eq(run_tasks(interrupted, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; one of several 0; ECANCELED; "
			 "behind got 3; ETIME; ");
}
END_TEST

static int
time_and_item(void *arg)
{
	int item = 0, i;
	struct aw_case get = AW_CASE_GET(empty, &item);

	(void)arg;
	for (i = 0; i < 2; i++) {
		struct aw_case cases[] = { get, AW_CASE_UNTIL(aw_now() + 1) };
		struct aw_task *task;

		/* Which timer is the older decides. */
		if (i == 0)
			task = aw_spawn("a", sleeps, &soon, .eager = true);
		{
			AW_TIMEOUT(1);
			note("%d", aw_select(cases, 2));
		}
		if (i == 0)
			AW_TRY(aw_join(task, NULL));
	}
	return 0;
}

START_TEST(its_own_time_comes_before_a_deadline_at_the_same_moment)
{
	ck_assert_int_eq(run_tasks(time_and_item, NULL), 0);
	ck_assert_str_eq(noted, "1; 1; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("select");
	TCase *ready = tcase_create("ready");
	TCase *waiting = tcase_create("waiting");

	tcase_add_checked_fixture(ready, set_up, tear_down);
	tcase_add_checked_fixture(waiting, set_up, tear_down);
	tcase_add_test(ready, what_is_ready_is_chosen_and_done);
	tcase_add_test(ready, several_that_are_ready_take_turns);
	tcase_add_test(ready,
		a_queue_that_is_never_empty_starves_no_descriptor);
	tcase_add_test(ready, a_time_that_is_not_above_0_means_now);
	tcase_add_test(waiting, whatever_comes_first_is_chosen);
	tcase_add_test(waiting, the_earliest_time_is_chosen);
	tcase_add_test(waiting, of_two_in_one_turn_the_second_finds_nobody);
	tcase_add_test(waiting,
		a_cancel_or_a_deadline_ends_it_and_the_item_goes_to_the_next);
	tcase_add_test(waiting,
		its_own_time_comes_before_a_deadline_at_the_same_moment);
	suite_add_tcase(suite, ready);
	suite_add_tcase(suite, waiting);
	return suite_run(suite);
}
