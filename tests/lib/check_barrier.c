/* SPDX-License-Identifier: MIT */
/* lib/barrier.c: barriers, and what is done once. */
#include <await/sync.h>

#include "tasks.h"

static struct aw_barrier barrier;
static struct aw_once once;
static int n_runs, n_failures;

static int
run(int (*fn)(void *arg))
{
	barrier = (struct aw_barrier)AW_BARRIER_INIT(3);
	memset(&once, 0, sizeof once);
	n_runs = n_failures = 0;
	return run_tasks(fn, NULL);
}

/* --- Barriers ---------------------------------------------------------- */

static int
arrive(void *arg)
{
	const char *who = arg;
	int r = aw_barrier_wait(&barrier);

	note("%s %s", who, name(r));
	return r;
}

static int
two_rounds(void *arg)
{
	(void)arg;
	start("a", arrive, "a");
	start("b", arrive, "b");
	let_others_run();
	note("two");
	start("c", arrive, "c");
	start("d", arrive, "d");
	let_others_run();
	note("%d", (int)barrier.n_waiting);
	start("e", arrive, "e");
	start("f", arrive, "f");
	let_others_run();
	note("%d %d", (int)barrier.n_waiting, barrier.waiters.head != NULL);
	return 0;
}

START_TEST(all_go_on_when_the_last_has_come_and_it_begins_anew)
{
	ck_assert_int_eq(run(two_rounds), 0);
	ck_assert_str_eq(noted, "two; c got; a ok; b ok; 1; f got; d ok; "
			 "e ok; 0 0; ");
}
END_TEST

static int
cancelled_at_the_last(void *arg)
{
	struct aw_task *a = aw_spawn("a", arrive, "a");

	(void)arg;
	start("b", arrive, "b");
	let_others_run();
	aw_cancel(a, "test");
	{
		AW_TIMEOUT(1);
		note("%s", name(aw_barrier_wait(&barrier)));
	}
	note("%d", (int)barrier.n_waiting);
	start("c", arrive, "c");
	note("%s", name(aw_barrier_wait(&barrier)));
	note("%d %d", (int)barrier.n_waiting, barrier.waiters.head != NULL);
	aw_task_release(a);
	return 0;
}

START_TEST(one_that_was_cancelled_has_not_come)
{
	ck_assert_int_eq(run(cancelled_at_the_last), 0);
	ck_assert_str_eq(noted, "a ECANCELED; ETIME; 1; c got; b ok; ok; "
			 "0 0; ");
}
END_TEST

static int
cancelled_among_all(void *arg)
{
	struct aw_task *a;

	(void)arg;
	barrier.parties = 2;
	a = aw_spawn("a", arrive, "a");
	let_others_run();
	aw_cancel(a, "test");
	start("b", arrive, "b");	/* a and b stand there at once */
	let_others_run();
	note("%d", (int)barrier.n_waiting);
	note("%s", name(aw_barrier_wait(&barrier)));
	let_others_run();
	note("%d %d", (int)barrier.n_waiting, barrier.waiters.head != NULL);
	aw_task_release(a);
	return 0;
}

START_TEST(the_count_stays_right_after_a_cancel)
{
	ck_assert_int_eq(run(cancelled_among_all), 0);
	ck_assert_str_eq(noted, "a ECANCELED; 1; got; b ok; 0 0; ");
}
END_TEST

static int
alone(void *arg)
{
	(void)arg;
	barrier.parties = 1;
	note("%s", name(aw_barrier_wait(&barrier)));
	barrier.parties = 0;
	note("%s", name(aw_barrier_wait(&barrier)));
	barrier.parties = -1;
	note("%s", name(aw_barrier_wait(&barrier)));
	return 0;
}

START_TEST(a_barrier_for_one_never_waits_and_for_none_is_refused)
{
	ck_assert_int_eq(run(alone), 0);
	ck_assert_str_eq(noted, "got; EINVAL; EINVAL; ");
	ck_assert_int_eq(aw_barrier_wait(&barrier), AW_EUSAGE);
}
END_TEST

/* --- Once -------------------------------------------------------------- */

static int
sets_up(void *arg)
{
	(void)arg;
	n_runs++;
	AW_TRY(aw_sleep(1));
	return n_failures-- > 0 ? -EIO : 7;
}

static int
needs_it(void *arg)
{
	const char *who = arg;
	int r = aw_once(&once, sets_up, NULL);

	note("%s %s %d", who, name(r), n_runs);
	return r;
}

static int
at_once(void *arg)
{
	double begin = aw_now();

	(void)arg;
	start("a", needs_it, "a");
	start("b", needs_it, "b");
	AW_TRY(aw_sleep(5));
	begin = aw_now();
	note("%s", name(needs_it("c")));
	note("%g s", since(begin));
	return 0;
}

START_TEST(it_is_done_once_and_the_others_wait_for_it)
{
	ck_assert_int_eq(run(at_once), 0);
	ck_assert_str_eq(noted, "a ok 1; b ok 1; c ok 1; ok; 0 s; ");
}
END_TEST

static int
fails_first(void *arg)
{
	(void)arg;
	n_failures = 1;
	start("a", needs_it, "a");
	start("b", needs_it, "b");
	return aw_sleep(5);
}

START_TEST(after_a_failure_the_next_one_tries_again)
{
	ck_assert_int_eq(run(fails_first), 0);
	ck_assert_str_eq(noted, "a EIO 1; b ok 2; ");
}
END_TEST

static int
cancelled_within(void *arg)
{
	struct aw_task *a = aw_spawn("a", needs_it, "a");

	(void)arg;
	start("b", needs_it, "b");
	AW_TRY(aw_sleep(0.5));
	{
		AW_TIMEOUT(0.25);
		note("%s", name(aw_once(&once, sets_up, NULL)));
	}
	aw_cancel(a, "test");
	AW_TRY(aw_sleep(5));
	note("%d", once.running.owner || once.running.waiters.head);
	aw_task_release(a);
	return 0;
}

START_TEST(a_cancel_within_it_leaves_it_to_the_next)
{
	ck_assert_int_eq(run(cancelled_within), 0);
	ck_assert_str_eq(noted, "ETIME; a ECANCELED 1; b ok 2; 0; ");
}
END_TEST

static int
calls_itself(void *arg)
{
	(void)arg;
	return aw_once(&once, calls_itself, NULL);
}

static int
recursion(void *arg)
{
	note("%s", name(calls_itself(arg)));
	note("%d", once.running.owner != NULL);
	return 0;
}

START_TEST(a_function_that_calls_itself_is_told)
{
	ck_assert_int_eq(run(recursion), 0);
	ck_assert_str_eq(noted, "EDEADLK; 0; ");
	ck_assert_int_eq(aw_once(&once, sets_up, NULL), AW_EUSAGE);
}
END_TEST

START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_barrier), 64);
	ck_assert_uint_eq(sizeof(struct aw_once), 64);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("barrier");
	TCase *basic = tcase_create("barrier");
	TCase *once_case = tcase_create("once");

	tcase_add_test(basic,
		       all_go_on_when_the_last_has_come_and_it_begins_anew);
	tcase_add_test(basic, one_that_was_cancelled_has_not_come);
	tcase_add_test(basic, the_count_stays_right_after_a_cancel);
	tcase_add_test(basic,
		       a_barrier_for_one_never_waits_and_for_none_is_refused);
	tcase_add_test(basic, the_sizes_do_not_change);
	tcase_add_test(once_case, it_is_done_once_and_the_others_wait_for_it);
	tcase_add_test(once_case, after_a_failure_the_next_one_tries_again);
	tcase_add_test(once_case, a_cancel_within_it_leaves_it_to_the_next);
	tcase_add_test(once_case, a_function_that_calls_itself_is_told);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, once_case);
	return suite_run(suite);
}
