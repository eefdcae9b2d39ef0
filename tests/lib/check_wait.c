/* SPDX-License-Identifier: MIT */
/* lib/wait.c and lib/schedule.c: what ends a wait, what wins, what it says. */
#include <await/driver.h>

#include "failmalloc.h"
#include "tasks.h"

static struct aw_event event;

static int
run(int (*fn)(void *arg))
{
	memset(&event, 0, sizeof event);
	return run_tasks(fn, NULL);
}

/* --- What the failure says --------------------------------------------- */

static void
note_error(int r)
{
	const struct aw_error *e = aw_error();
	const char *line = strrchr(e->site, ':');

	note("%s %s code %d, wait '%s', scope '%s', site %d, reason '%s'",
	     name(r), e->message, e->code == r, e->wait, e->scope,
	     line && strstr(e->site, "check_wait.c"), e->reason);
}

static int
says_why(void *arg)
{
	(void)arg;
	{
		AW_TIMEOUT(0.5);
		int r = aw_event_wait(&event);

		note_error(r);
	}
	{
		AW_SCOPE(mine);
		aw_scope_cancel(&mine, "the user left");
		int r = aw_sleep(1);

		note_error(r);
	}
	return 0;
}

START_TEST(a_failed_wait_names_what_whose_where_and_why)
{
	ck_assert_int_eq(run(says_why), 0);
	ck_assert_str_eq(noted,
		"ETIME the deadline passed code 1, wait 'an event', "
		"scope 'AW_TIMEOUT(0.5)', site 1, reason ''; "
		"ECANCELED the work was cancelled code 1, wait '', "
		"scope 'mine', site 1, reason 'the user left'; ");
}
END_TEST

static int
fails_then_succeeds(void *arg)
{
	const struct aw_error *e;

	(void)arg;
	aw_fail(-EIO, "the first %s", "failure");
	AW_TRY(aw_sleep(1));
	AW_TRY(aw_yield());
	e = aw_error();
	note("%s: %s", name(e->code), e->message);
	return 0;
}

START_TEST(a_success_leaves_the_detail_of_the_last_failure)
{
	ck_assert_int_eq(run(fails_then_succeeds), 0);
	ck_assert_str_eq(noted, "EIO: the first failure; ");
}
END_TEST

static int
errno_is_mine(void *arg)
{
	errno = (int)(intptr_t)arg;
	for (int i = 0; i < 3; i++) {
		AW_TRY(aw_yield());
		if (errno != (int)(intptr_t)arg)
			return -EILSEQ;
		AW_TRY(aw_sleep(0.001));
		if (errno != (int)(intptr_t)arg)
			return -EILSEQ;
	}
	return 0;
}

static int
two_errnos(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, errno_is_mine, (void *)ENOENT));
	AW_TRY(aw_go(&group, errno_is_mine, (void *)EPERM));
	return aw_group_wait(&group);
}

START_TEST(errno_belongs_to_the_task)
{
	ck_assert_int_eq(run(two_errnos), 0);
}
END_TEST

/* --- Who wins ---------------------------------------------------------- */

static int
wait_event(void *arg)
{
	(void)arg;
	note("%s", name(aw_event_wait(&event)));
	note("%s", name(aw_yield()));
	return 0;
}

static int
both_at_once(void *arg)
{
	struct aw_task *task = aw_spawn("waiter", wait_event, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	aw_event_set(&event);
	aw_cancel(task, "late");
	return aw_join(task, NULL);
}

START_TEST(a_result_before_the_cancel_wins_and_the_cancel_stays)
{
	ck_assert_int_eq(run(both_at_once), 0);
	ck_assert_str_eq(noted, "ok; ECANCELED; ");
}
END_TEST

static int
cancel_first(void *arg)
{
	struct aw_task *task = aw_spawn("waiter", wait_event, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	aw_cancel(task, "early");
	aw_cancel(task, "again");
	aw_event_set(&event);
	return aw_join(task, NULL);
}

START_TEST(a_cancel_before_the_result_wins)
{
	ck_assert_int_eq(run(cancel_first), 0);
	ck_assert_str_eq(noted, "ECANCELED; ECANCELED; ");
}
END_TEST

static int
level(void *arg)
{
	(void)arg;
	AW_TIMEOUT(1);
	note("%s", name(aw_sleep(2)));
	note("%s", name(aw_sleep(2)));
	note("%s", name(aw_sleep(0)));
	note("%s", name(aw_event_wait(&event)));
	note("%s", name(aw_check()));
	return 0;
}

START_TEST(a_passed_deadline_fails_every_wait_until_the_scope_ends)
{
	ck_assert_int_eq(run(level), 0);
	ck_assert_str_eq(noted, "ETIME; ETIME; ETIME; ETIME; ETIME; ");
}
END_TEST

static int
outranks(void *arg)
{
	(void)arg;
	AW_SCOPE(outer, .seconds = 1);
	AW_TRY(aw_sleep(0.5));
	{
		AW_TIMEOUT(-1);
		note("%s", name(aw_check()));
		aw_scope_cancel(&outer, "both");
		note("%s", name(aw_check()));
		note("%s", name(aw_yield()));
	}
	return 0;
}

START_TEST(a_cancel_outranks_a_deadline)
{
	ck_assert_int_eq(run(outranks), 0);
	ck_assert_str_eq(noted, "ETIME; ECANCELED; ECANCELED; ");
}
END_TEST

/* --- Order ------------------------------------------------------------- */

static int
say(void *arg)
{
	for (int i = 0; i < 2; i++) {
		note("%s%d", (const char *)arg, i);
		AW_TRY(aw_yield());
	}
	return 0;
}

static int
fifo(void *arg)
{
	(void)arg;
	start("a", say, "a");
	start("b", say, "b");
	start("c", say, "c");
	let_others_run();
	return 0;
}

START_TEST(ready_tasks_run_in_the_order_they_became_ready)
{
	ck_assert_int_eq(run(fifo), 0);
	ck_assert_str_eq(noted, "a0; b0; c0; a1; b1; c1; ");
}
END_TEST

/* The same seed must give the same order, and some seed another one. */
START_TEST(a_seed_shuffles_and_repeats)
{
	char first[sizeof noted];
	int n_other = 0;

	for (unsigned seed = 1; seed <= 20; seed++) {
		forget_notes();
		ck_assert_int_eq(aw_run(fifo, NULL, .test_clock = true,
					.no_signals = true, .seed = seed), 0);
		snprintf(first, sizeof first, "%s", noted);
		forget_notes();
		ck_assert_int_eq(aw_run(fifo, NULL, .test_clock = true,
					.no_signals = true, .seed = seed), 0);
		ck_assert_str_eq(noted, first);
		n_other += strcmp(noted, "a0; b0; c0; a1; b1; c1; ") != 0;
	}
	ck_assert_int_gt(n_other, 0);
}
END_TEST

/* --- Memory ------------------------------------------------------------ */

static unsigned long n_allocated;

static int
sleep_a_lot(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(1));
	count_start();
	for (int i = 0; i < 1000; i++) {
		AW_TIMEOUT(5);
		AW_TRY(aw_sleep(1));
		AW_TRY(aw_yield());
	}
	n_allocated = count_stop();
	return 0;
}

START_TEST(sleeping_yielding_and_deadlines_allocate_nothing)
{
	ck_assert_int_eq(run(sleep_a_lot), 0);
	ck_assert_uint_eq(n_allocated, 0);
}
END_TEST

static int
no_memory(void *arg)
{
	int r;

	(void)arg;
	fail_from(0);
	r = aw_sleep(1);
	note("%s %d", name(r), fail_stop());
	note("%s", aw_error()->message);
	note("%s", name(aw_sleep(1)));
	return 0;
}

START_TEST(a_wait_without_memory_for_its_timer_fails_and_recovers)
{
	ck_assert_int_eq(run(no_memory), 0);
	ck_assert_str_eq(noted, "ENOMEM 1; no memory for a timer; ok; ");
}
END_TEST

START_TEST(outside_a_task_nothing_waits)
{
	ck_assert_int_eq(aw_yield(), AW_EUSAGE);
	ck_assert_int_eq(aw_checkpoint(), AW_EUSAGE);
	ck_assert_int_eq(aw_check(), 0);
	ck_assert_ptr_null(aw_self());
	ck_assert_str_eq(aw_task_name(NULL), "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wait");
	TCase *basic = tcase_create("basic");
	TCase *cancel = tcase_create("cancel");
	TCase *limits = tcase_create("limits");

	tcase_add_test(basic, a_failed_wait_names_what_whose_where_and_why);
	tcase_add_test(basic, a_success_leaves_the_detail_of_the_last_failure);
	tcase_add_test(basic, errno_belongs_to_the_task);
	tcase_add_test(basic, ready_tasks_run_in_the_order_they_became_ready);
	tcase_add_test(basic, a_seed_shuffles_and_repeats);
	tcase_add_test(cancel,
		       a_result_before_the_cancel_wins_and_the_cancel_stays);
	tcase_add_test(cancel, a_cancel_before_the_result_wins);
	tcase_add_test(cancel,
		       a_passed_deadline_fails_every_wait_until_the_scope_ends);
	tcase_add_test(cancel, a_cancel_outranks_a_deadline);
	tcase_add_test(limits,
		       sleeping_yielding_and_deadlines_allocate_nothing);
	tcase_add_test(limits,
		       a_wait_without_memory_for_its_timer_fails_and_recovers);
	tcase_add_test(limits, outside_a_task_nothing_waits);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, cancel);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
