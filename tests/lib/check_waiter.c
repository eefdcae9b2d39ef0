/* SPDX-License-Identifier: MIT */
/* lib/waiter.c: a waiter belongs to the loop that began it, also before
 * anybody waits. What else it does is in check_driver.c. */
#include <await/driver.h>
#include <pthread.h>

#include "child.h"

static struct aw_waiter waiter;
static uint64_t ticket;

/* A plain thread, without a loop of its own. */
static void *
complete_there(void *arg)
{
	if (aw_waiter_complete(&waiter, ticket, 7))
		return arg;
	return aw_error()->code == AW_EUSAGE ? NULL : arg;
}

static int
is_refused_there(void)
{
	pthread_t thread;
	void *r = NULL;

	if (pthread_create(&thread, NULL, complete_there, &waiter) != 0)
		return -EAGAIN;
	pthread_join(thread, &r);
	return r ? -EINVAL : 0;
}

static int
begins_and_is_completed(void *arg)
{
	int value = 0;

	(void)arg;
	ticket = aw_waiter_begin(&waiter);
	AW_TRY(is_refused_there());
	if (!aw_waiter_complete(&waiter, ticket, 8))
		return -EINVAL;
	AW_TRY(aw_waiter_wait(&waiter, &value, "a test", NULL));
	return value == 8 ? 0 : -ERANGE;
}

static int
run_completed_there(void)
{
	return aw_run(begins_and_is_completed, NULL, .no_signals = true) == 0 ?
		0 : 1;
}

START_TEST(another_thread_is_refused_before_anybody_waits)
{
	ck_assert(ended(in_child(false, run_completed_there), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(under_debug_its_call_ends_the_process)
{
	ck_assert(died_of(in_child(true, run_completed_there), SIGABRT));
	ck_assert_said("await: aw_waiter_complete: this belongs to the loop of "
		       "another thread (use aw_post)");
}
END_TEST

static int
begins(void *arg)
{
	(void)arg;
	ticket = aw_waiter_begin(&waiter);
	return 0;
}

static int
completes(void *arg)
{
	(void)arg;
	return aw_waiter_complete(&waiter, ticket, 0) ? 0 : -EINVAL;
}

static int
run_two_loops(void)
{
	if (aw_run(begins, NULL, .no_signals = true) != 0)
		return 1;
	return aw_run(completes, NULL, .no_signals = true) == 0 ? 0 : 2;
}

START_TEST(a_waiter_may_outlive_the_loop_that_began_it)
{
	ck_assert(ended(in_child(true, run_two_loops), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

static Suite *
waiter_suite(void)
{
	Suite *suite = suite_create("waiter");
	TCase *t = tcase_create("threads");

	tcase_add_test(t,
		       another_thread_is_refused_before_anybody_waits);
	tcase_add_test(t, under_debug_its_call_ends_the_process);
	tcase_add_test(t, a_waiter_may_outlive_the_loop_that_began_it);
	suite_add_tcase(suite, t);
	return suite;
}

int
main(void)
{
	return suite_run(waiter_suite());
}
