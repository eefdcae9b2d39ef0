/* SPDX-License-Identifier: MIT */
/* lib/misuse.c: what ends the process under AWAIT_DEBUG, and passes without
 * a word where it is off. */
#include <await/debug.h>
#include <await/driver.h>
#include <pthread.h>

#include "child.h"

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

/* --- Waits where they are forbidden ------------------------------------ */

AW_API int waits_where_it_must_not(void *arg);

int __attribute__((noinline))
waits_where_it_must_not(void *arg)
{
	int r;

	(void)arg;
	AW_NO_AWAIT;
	{
		AW_TIMEOUT(1);
		r = aw_sleep(0.001);
	}
	return r == -EDEADLK ? 0 : 1;
}

static int
run_forbidden(void)
{
	return run_tasks(waits_where_it_must_not, NULL);
}

START_TEST(a_forbidden_wait_names_both_places)
{
	ck_assert(died_of(in_child(true, run_forbidden), SIGABRT));
	ck_assert_said("await: task 'main' waits, and AW_NO_AWAIT at ");
	ck_assert_said("check_misuse.c:26 forbids it");
	ck_assert_said("waits_where_it_must_not");
	ck_assert(ended(in_child(false, run_forbidden), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

/* --- Scopes ------------------------------------------------------------ */

static int
leaves_out_of_order(void *arg)
{
	struct aw_scope outer = { .name = "outer", .site = "a.c:1" };
	struct aw_scope inner = { .name = "inner", .site = "b.c:2" };

	(void)arg;
	aw_scope_enter(&outer);
	aw_scope_enter(&inner);
	aw_scope_leave(&outer);
	aw_scope_leave(&inner);
	aw_scope_leave(&outer);
	return 0;
}

static int
run_out_of_order(void)
{
	return run_tasks(leaves_out_of_order, NULL);
}

START_TEST(scopes_left_out_of_order_are_both_named)
{
	ck_assert(died_of(in_child(true, run_out_of_order), SIGABRT));
	ck_assert_said("scope outer at a.c:1 is left before scope inner at "
		       "b.c:2");
	ck_assert(ended(in_child(false, run_out_of_order), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

static int
has_nan(void *arg)
{
	(void)arg;
	AW_TIMEOUT(NAN);
	return aw_sleep(0.001) == -ETIME ? 0 : 1;
}

static int
run_nan(void)
{
	return run_tasks(has_nan, NULL);
}

static int
spawns_nan(void *arg)
{
	struct aw_task *task = aw_spawn("late", give, NULL, .deadline = NAN);

	(void)arg;
	return aw_join(task, NULL);
}

static int
run_spawns_nan(void)
{
	return run_tasks(spawns_nan, NULL);
}

START_TEST(a_deadline_that_is_not_a_number_is_named)
{
	ck_assert(died_of(in_child(true, run_nan), SIGABRT));
	ck_assert_said("the deadline of AW_TIMEOUT(");
	ck_assert_said("check_misuse.c:");
	ck_assert(ended(in_child(false, run_nan), 0));
	ck_assert_str_eq(said, "");
	ck_assert(died_of(in_child(true, run_spawns_nan), SIGABRT));
	ck_assert_said("the deadline of late at ");
	ck_assert(ended(in_child(false, run_spawns_nan), 0));
}
END_TEST

/* --- Handles that are gone --------------------------------------------- */

/* A task that was joined, and then as many others as a slab holds, twice. */
static struct aw_task *
joined_long_ago(void)
{
	struct aw_task *gone = aw_spawn("gone", give, NULL);

	aw_ignore(aw_join(gone, NULL));
	for (int i = 0; i < 130; i++)
		aw_ignore(aw_join(aw_spawn("next", give, NULL), NULL));
	return gone;
}

static int
joins_twice(void *arg)
{
	(void)arg;
	return aw_join(joined_long_ago(), NULL) == -EINVAL ? 0 : 1;
}

static int
cancels_gone(void *arg)
{
	(void)arg;
	aw_cancel(joined_long_ago(), "too late");
	return 0;
}

static int
releases_gone(void *arg)
{
	(void)arg;
	aw_task_release(joined_long_ago());
	return 0;
}

static int
run_joins_twice(void)
{
	return run_tasks(joins_twice, NULL);
}

static int
run_cancels_gone(void)
{
	return run_tasks(cancels_gone, NULL);
}

static int
run_releases_gone(void)
{
	return run_tasks(releases_gone, NULL);
}

START_TEST(a_handle_used_after_its_join_is_found_however_late)
{
	ck_assert(ended(in_child(true, run_joins_twice), 0));
	ck_assert(died_of(in_child(true, run_cancels_gone), SIGABRT));
	ck_assert_said("aw_cancel: task 'gone' from ");
	ck_assert_said("check_misuse.c:");
	ck_assert(died_of(in_child(true, run_releases_gone), SIGABRT));
	ck_assert_said("aw_task_release: task 'gone'");
}
END_TEST

/* --- Other threads ----------------------------------------------------- */

struct stranger {
	struct aw_task *task;
	struct aw_event event;
	int (*fn)(void *arg);
};

static void *
run_stranger(void *arg)
{
	struct stranger *s = arg;

	return (void *)(intptr_t)aw_run(s->fn, s, .no_signals = true);
}

static int
sleep_long(void *arg)
{
	(void)arg;
	return aw_sleep(3600);
}

static int
join_there(void *arg)
{
	struct stranger *s = arg;

	return aw_join(s->task, NULL) == AW_EUSAGE ? 0 : 1;
}

static int
cancel_there(void *arg)
{
	struct stranger *s = arg;

	aw_cancel(s->task, "by a stranger");
	return 0;
}

static int
release_there(void *arg)
{
	struct stranger *s = arg;

	aw_task_release(s->task);
	return 0;
}

static int
set_there(void *arg)
{
	struct stranger *s = arg;

	aw_event_set(&s->event);
	return 0;
}

static int
wait_event(void *arg)
{
	struct stranger *s = arg;

	return aw_event_wait(&s->event);
}

/* The other thread works on a task of this one while this one is blocked. */
static int
meets_stranger(void *arg)
{
	struct stranger *s = arg;
	pthread_t thread;
	void *r = NULL;

	s->task = aw_spawn("mine", s->fn == set_there ? wait_event : sleep_long,
			   s);
	let_others_run();
	if (pthread_create(&thread, NULL, run_stranger, s) != 0)
		return 2;
	pthread_join(thread, &r);
	aw_cancel(s->task, "the test is over");
	aw_ignore(aw_join(s->task, NULL));
	return (int)(intptr_t)r;
}

static int (*stranger_does)(void *arg);

static int
run_meets_stranger(void)
{
	struct stranger s = { .fn = stranger_does };

	return aw_run(meets_stranger, &s, .no_signals = true);
}

START_TEST(a_task_of_another_thread_is_out_of_reach)
{
	int (*const calls[])(void *) = {
		join_there, cancel_there, release_there
	};
	const char *says[] = {
		"await: aw_join: the task belongs to the loop of another",
		"await: aw_cancel: the task belongs to the loop of another",
		"await: aw_task_release: the task belongs to the loop of",
	};

	for (size_t i = 0; i < AW_LENGTH(calls); i++) {
		stranger_does = calls[i];
		ck_assert(died_of(in_child(true, run_meets_stranger),
				  SIGABRT));
		ck_assert_said(says[i]);
		ck_assert(ended(in_child(false, run_meets_stranger), 0));
		ck_assert_str_eq(said, "");
	}
}
END_TEST

START_TEST(a_wake_from_another_thread_is_found)
{
	stranger_does = set_there;
	ck_assert(died_of(in_child(true, run_meets_stranger), SIGABRT));
	ck_assert_said(
	    "await: a wake: the task belongs to the loop of another");
}
END_TEST

static Suite *
misuse_suite(void)
{
	Suite *suite = suite_create("misuse");
	TCase *t = tcase_create("misuse");

	tcase_add_test(t, a_forbidden_wait_names_both_places);
	tcase_add_test(t, scopes_left_out_of_order_are_both_named);
	tcase_add_test(t, a_deadline_that_is_not_a_number_is_named);
	tcase_add_test(t, a_handle_used_after_its_join_is_found_however_late);
	tcase_add_test(t, a_task_of_another_thread_is_out_of_reach);
	tcase_add_test(t, a_wake_from_another_thread_is_found);
	suite_add_tcase(suite, t);
	return suite;
}

int
main(void)
{
	return suite_run(misuse_suite());
}
