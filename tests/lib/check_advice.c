/* SPDX-License-Identifier: MIT */
/* lib/debug.c: what AWAIT_DEBUG says of a task, once, and lets it go on. */
#include <ev.h>

#include <await/driver.h>

#include "child.h"

static int
ignores_failures(void *arg)
{
	AW_SCOPE(scope);

	(void)arg;
	aw_scope_cancel(&scope, "stop");
	for (int i = 0; i < 1000; i++)
		aw_ignore(aw_sleep(1));
	return 0;
}

static int
run_ignores_failures(void)
{
	return run_tasks(ignores_failures, NULL);
}

/* How often is it in what was said? */
static int
n_said(const char *text)
{
	const char *at = said;
	int n = 0;

	while ((at = strstr(at, text)) != NULL) {
		n++;
		at += strlen(text);
	}
	return n;
}

START_TEST(a_task_that_ignores_failed_waits_is_named_once)
{
	ck_assert(ended(in_child(true, run_ignores_failures), 0));
	ck_assert_int_eq(n_said("await: task 'main' ignored 100 failed waits "
				"in a row"), 1);
	ck_assert(ended(in_child(false, run_ignores_failures), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

static int
runs_libev(void *arg)
{
	(void)arg;
	ev_run(aw_loop_ev(aw_loop_here()), EVRUN_NOWAIT);
	ev_run(aw_loop_ev(aw_loop_here()), EVRUN_NOWAIT);
	return 0;
}

static int
run_runs_libev(void)
{
	return run_tasks(runs_libev, NULL);
}

START_TEST(a_task_that_calls_ev_run_is_named_once)
{
	ck_assert(ended(in_child(true, run_runs_libev), 0));
	ck_assert_int_eq(n_said("await: task 'main' called ev_run()"), 1);
	ck_assert(ended(in_child(false, run_runs_libev), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

static struct aw_mutex mutex;
static struct aw_rwlock rwlock;

static int
keeps_locks(void *arg)
{
	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	return aw_rwlock_write(&rwlock);
}

static int
gives_back(void *arg)
{
	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	AW_TRY(aw_rwlock_write(&rwlock));
	AW_HELD(&rwlock);
	return aw_yield();
}

static int
locks_in_turn(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		start("careful", gives_back, NULL);
	let_others_run();
	let_others_run();
	start("careless", keeps_locks, NULL);
	let_others_run();
	return 0;
}

static int
run_locks(void)
{
	return run_tasks(locks_in_turn, NULL);
}

START_TEST(a_task_that_ends_with_locks_is_named)
{
	ck_assert(ended(in_child(true, run_locks), 0));
	ck_assert_said("await: task 'careless' from ");
	ck_assert_said(" ended, and has not unlocked 2 mutexes");
	ck_assert_not_said("careful");
	ck_assert(ended(in_child(false, run_locks), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("advice");
	TCase *t = tcase_create("advice");

	tcase_add_test(t, a_task_that_ignores_failed_waits_is_named_once);
	tcase_add_test(t, a_task_that_calls_ev_run_is_named_once);
	tcase_add_test(t, a_task_that_ends_with_locks_is_named);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
