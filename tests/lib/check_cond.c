/* SPDX-License-Identifier: MIT */
/* lib/cond.c: conditions. */
#include <await/sync.h>

#include "tasks.h"

static struct aw_cond cond;
static struct aw_mutex mutex;

static int
run(int (*fn)(void *arg))
{
	memset(&cond, 0, sizeof cond);
	memset(&mutex, 0, sizeof mutex);
	return run_tasks(fn, NULL);
}

static int
waiter(void *arg)
{
	const char *who = arg;
	int r;

	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	r = aw_cond_wait(&cond, &mutex);
	note("%s %s %d", who, name(r), mutex.owner == aw_self());
	return r;
}

/* --- Order ------------------------------------------------------------- */

static int
signals(void *arg)
{
	(void)arg;
	aw_cond_signal(&cond);	/* to nobody: must not be kept */
	start("a", waiter, "a");
	start("b", waiter, "b");
	start("c", waiter, "c");
	let_others_run();
	note("free %d", mutex.owner == NULL);
	aw_cond_signal(&cond);
	let_others_run();
	note("one");
	aw_cond_broadcast(&cond);
	let_others_run();
	note("%d", cond.waiters.head || mutex.owner);
	return 0;
}

START_TEST(a_signal_wakes_the_oldest_and_a_broadcast_all)
{
	ck_assert_int_eq(run(signals), 0);
	ck_assert_str_eq(noted, "free 1; a ok 1; one; b ok 1; c ok 1; 0; ");
}
END_TEST

static int
signalled_under_the_lock(void *arg)
{
	(void)arg;
	start("a", waiter, "a");
	start("b", waiter, "b");
	let_others_run();
	AW_TRY(aw_mutex_lock(&mutex));
	aw_cond_broadcast(&cond);
	let_others_run();
	note("still mine %d", mutex.owner == aw_self());
	aw_mutex_unlock(&mutex);
	let_others_run();
	return 0;
}

START_TEST(a_woken_task_goes_on_when_it_has_the_mutex_again)
{
	ck_assert_int_eq(run(signalled_under_the_lock), 0);
	ck_assert_str_eq(noted, "still mine 1; a ok 1; b ok 1; ");
}
END_TEST

/* --- Cancels and deadlines --------------------------------------------- */

static int
cancelled(void *arg)
{
	struct aw_task *a = aw_spawn("a", waiter, "a");

	(void)arg;
	start("b", waiter, "b");
	let_others_run();
	aw_cancel(a, "test");
	aw_cond_signal(&cond);	/* before a could run and leave the line */
	let_others_run();
	note("%d", mutex.owner || cond.waiters.head);
	aw_task_release(a);
	return 0;
}

START_TEST(a_signal_that_meets_a_cancelled_waiter_goes_to_the_next)
{
	ck_assert_int_eq(run(cancelled), 0);
	ck_assert_str_eq(noted, "a ECANCELED 1; b ok 1; 0; ");
}
END_TEST

static int
cancelled_too_late(void *arg)
{
	struct aw_task *a = aw_spawn("a", waiter, "a");

	(void)arg;
	let_others_run();
	AW_TRY(aw_mutex_lock(&mutex));
	aw_cond_signal(&cond);
	let_others_run();
	aw_cancel(a, "while it waits for the mutex");
	let_others_run();
	note("unlock");
	aw_mutex_unlock(&mutex);
	let_others_run();
	note("%d", mutex.owner || mutex.waiters.head);
	aw_task_release(a);
	return 0;
}

START_TEST(a_cancel_after_the_signal_does_not_lose_it)
{
	ck_assert_int_eq(run(cancelled_too_late), 0);
	ck_assert_str_eq(noted, "unlock; a ok 1; 0; ");
}
END_TEST

static int
cancelled_while_locked(void *arg)
{
	struct aw_task *a = aw_spawn("a", waiter, "a");

	(void)arg;
	let_others_run();
	AW_TRY(aw_mutex_lock(&mutex));
	aw_cancel(a, "test");
	let_others_run();
	note("unlock");
	aw_mutex_unlock(&mutex);
	let_others_run();
	aw_task_release(a);
	return 0;
}

START_TEST(a_cancelled_waiter_returns_with_the_mutex)
{
	ck_assert_int_eq(run(cancelled_while_locked), 0);
	ck_assert_str_eq(noted, "unlock; a ECANCELED 1; ");
}
END_TEST

static int
cancelled_before(void *arg)
{
	AW_SCOPE(scope);

	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	aw_scope_cancel(&scope, "test");
	note("%s", name(aw_cond_wait(&cond, &mutex)));
	note("%d %d", mutex.owner == aw_self(), cond.waiters.head != NULL);
	aw_mutex_unlock(&mutex);
	return 0;
}

START_TEST(a_cancelled_scope_keeps_the_mutex)
{
	ck_assert_int_eq(run(cancelled_before), 0);
	ck_assert_str_eq(noted, "ECANCELED; 1 0; ");
}
END_TEST

static int
holds_for_long(void *arg)
{
	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	return aw_sleep(10);
}

static int
deadline(void *arg)
{
	double begin = aw_now();

	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	start("long", holds_for_long, NULL);
	{
		AW_TIMEOUT(1);
		note("%s", name(aw_cond_wait(&cond, &mutex)));
		note("%s", aw_error()->wait);
		note("%d", mutex.owner == aw_self());
	}
	note("%g s", since(begin));
	return 0;
}

START_TEST(a_deadline_ends_the_wait_but_not_the_way_back_to_the_mutex)
{
	ck_assert_int_eq(run(deadline), 0);
	ck_assert_str_eq(noted, "ETIME; a condition; 1; 10 s; ");
}
END_TEST

/* --- Misuse ------------------------------------------------------------ */

static int
without_the_mutex(void *arg)
{
	(void)arg;
	note("%s", name(aw_cond_wait(&cond, &mutex)));
	note("%s", aw_error()->message);
	note("%d", mutex.owner != NULL);
	return 0;
}

START_TEST(a_wait_without_the_mutex_is_told)
{
	ck_assert_int_eq(run(without_the_mutex), 0);
	ck_assert_str_eq(noted, "EUSAGE; aw_cond_wait: this task does not own "
			 "the mutex: lock it before the wait; 0; ");
	ck_assert_int_eq(aw_cond_wait(&cond, &mutex), AW_EUSAGE);
}
END_TEST

START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_cond), 48);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cond");
	TCase *basic = tcase_create("basic");
	TCase *cancel = tcase_create("cancel");

	tcase_add_test(basic, a_signal_wakes_the_oldest_and_a_broadcast_all);
	tcase_add_test(basic, a_woken_task_goes_on_when_it_has_the_mutex_again);
	tcase_add_test(basic, a_wait_without_the_mutex_is_told);
	tcase_add_test(basic, the_sizes_do_not_change);
	tcase_add_test(cancel,
		       a_signal_that_meets_a_cancelled_waiter_goes_to_the_next);
	tcase_add_test(cancel, a_cancel_after_the_signal_does_not_lose_it);
	tcase_add_test(cancel, a_cancelled_waiter_returns_with_the_mutex);
	tcase_add_test(cancel, a_cancelled_scope_keeps_the_mutex);
	tcase_add_test(cancel,
		a_deadline_ends_the_wait_but_not_the_way_back_to_the_mutex);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, cancel);
	return suite_run(suite);
}
