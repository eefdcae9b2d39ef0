/* SPDX-License-Identifier: MIT */
/* lib/task.c: starting, limits, and the end of a task. */
#include <await/driver.h>

#include "failmalloc.h"
#include "tasks.h"

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

static int
sleep_1(void *arg)
{
	(void)arg;
	return aw_sleep(1);
}

/* --- Starting ---------------------------------------------------------- */

static int
note_arg(void *arg)
{
	note("%s in %s", (const char *)arg, aw_task_name(NULL));
	note("%s", name(aw_yield()));
	return 0;
}

static int
eager(void *arg)
{
	struct aw_task *task;

	(void)arg;
	task = aw_spawn("eager", note_arg, "arg", .eager = true);
	note("spawned");
	return aw_join(task, NULL);
}

START_TEST(an_eager_task_runs_until_its_first_wait)
{
	ck_assert_int_eq(run_tasks(eager, NULL), 0);
	ck_assert_str_eq(noted, "arg in eager; spawned; ok; ");
}
END_TEST

static int
cancelled_before(void *arg)
{
	struct aw_task *task = aw_spawn("task", note_arg, "arg");

	(void)arg;
	aw_cancel(task, "before it ran");
	return aw_join(task, NULL);
}

START_TEST(a_task_cancelled_before_it_ran_runs_and_its_first_wait_fails)
{
	ck_assert_int_eq(run_tasks(cancelled_before, NULL), 0);
	ck_assert_str_eq(noted, "arg in task; ECANCELED; ");
}
END_TEST

static int
inherits(void *arg)
{
	struct aw_task *free_task, *bound;
	int status;

	(void)arg;
	{
		AW_TIMEOUT(0.1);
		free_task = aw_spawn("free", sleep_1, NULL);
		bound = aw_spawn("bound", sleep_1, NULL,
				 .deadline = aw_now() + 0.5);
	}
	AW_TRY(aw_join(free_task, &status));
	note("%s", name(status));
	AW_TRY(aw_join(bound, &status));
	note("%s", name(status));
	note("%d", strstr(aw_error()->site, "check_task") != NULL);
	return 0;
}

START_TEST(a_spawned_task_inherits_no_deadline_but_can_have_its_own)
{
	ck_assert_int_eq(run_tasks(inherits, NULL), 0);
	ck_assert_str_eq(noted, "ok; ETIME; 1; ");
}
END_TEST

static int
long_name(void *arg)
{
	char text[200];
	struct aw_task *task;

	(void)arg;
	memset(text, 'n', sizeof text);
	text[199] = '\0';
	task = aw_spawn(text, sleep_1, NULL);
	memset(text, 'm', 100);
	note("%zu %c", strlen(aw_task_name(task)), aw_task_name(task)[0]);
	aw_task_release(task);
	note("%s", aw_task_name(NULL));
	return 0;
}

START_TEST(names_are_copied)
{
	ck_assert_int_eq(run_tasks(long_name, NULL), 0);
	ck_assert_str_eq(noted, "63 n; main; ");
}
END_TEST

/* --- Limits ------------------------------------------------------------ */

static int
full(void *arg)
{
	struct aw_task *a = aw_spawn("a", sleep_1, NULL);
	struct aw_task *b = aw_spawn("b", sleep_1, NULL);

	(void)arg;
	note("%d %d %s", a != NULL, b != NULL, name(aw_error()->code));
	AW_TRY(aw_join(a, NULL));
	b = aw_spawn("b", sleep_1, NULL);
	note("%d", b != NULL);
	aw_task_release(b);
	return 0;
}

START_TEST(more_tasks_than_max_are_refused)
{
	forget_notes();
	ck_assert_int_eq(aw_run(full, NULL, .test_clock = true,
				.max_tasks = 2), 0);
	ck_assert_str_eq(noted, "1 0 EAGAIN; 1; ");
}
END_TEST

static int
bad_arguments(void *arg)
{
	int (*nothing)(void *) = NULL;

	(void)arg;
	note("%d", aw_spawn(NULL, give, NULL) == NULL);
	note("%s", name(aw_error()->code));
	note("%d", aw_spawn("x", nothing, NULL) == NULL);
	note("%d", aw_spawn("x", give, NULL, .stack = -1) == NULL);
	return 0;
}

START_TEST(a_task_needs_a_name_a_function_and_a_stack)
{
	ck_assert_int_eq(run_tasks(bad_arguments, NULL), 0);
	ck_assert_str_eq(noted, "1; EINVAL; 1; 1; ");
	ck_assert_ptr_null(aw_spawn("x", give, NULL));
	ck_assert_int_eq(aw_error()->code, AW_EUSAGE);
}
END_TEST

static int
use_stack(void *arg)
{
	volatile char big[300 * 1024];

	(void)arg;
	for (size_t i = 0; i < sizeof big; i += 1024)
		big[i] = (char)i;
	return big[1024];
}

static int
big_stack(void *arg)
{
	struct aw_task *task = aw_spawn("big", use_stack, NULL,
					.stack = AW_KIB(1024));

	(void)arg;
	return aw_join(task, NULL);
}

START_TEST(a_task_can_have_a_larger_stack)
{
	ck_assert_int_eq(run_tasks(big_stack, NULL), 0);
}
END_TEST

static int
many(void *arg)
{
	static struct aw_task *tasks[5000];
	int status, sum = 0;

	(void)arg;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < AW_LENGTH(tasks); i++) {
			tasks[i] = aw_spawn("one", give, (void *)1);
			if (!tasks[i])
				return aw_error()->code;
		}
		for (size_t i = 0; i < AW_LENGTH(tasks); i++) {
			AW_TRY(aw_join(tasks[i], &status));
			sum += status;
		}
	}
	note("%d", sum);
	return 0;
}

START_TEST(tasks_and_stacks_are_used_again)
{
	ck_assert_int_eq(run_tasks(many, NULL), 0);
	ck_assert_str_eq(noted, "15000; ");
}
END_TEST

/* --- The end of a task ------------------------------------------------- */

static void
at_exit(void *arg)
{
	note("%s of %s", (const char *)arg, aw_task_name(NULL));
}

static int
registers(void *arg)
{
	(void)arg;
	AW_TRY(aw_task_atexit(at_exit, "first"));
	AW_TRY(aw_task_atexit(at_exit, "second"));
	fail_from(0);
	note("%s", name(aw_task_atexit(at_exit, "never")));
	fail_stop();
	note("returns");
	return 0;
}

static int
exits(void *arg)
{
	(void)arg;
	return aw_join(aw_spawn("task", registers, NULL), NULL);
}

START_TEST(atexit_functions_run_last_first_on_the_task)
{
	ck_assert_int_eq(run_tasks(exits, NULL), 0);
	ck_assert_str_eq(noted, "ENOMEM; returns; second of task; "
			 "first of task; ");
	ck_assert_int_eq(aw_task_atexit(at_exit, NULL), AW_EUSAGE);
}
END_TEST

static int
cancel_finished(void *arg)
{
	struct aw_task *task = aw_spawn("task", give, (void *)3);
	int status;

	(void)arg;
	let_others_run();
	aw_cancel(task, "too late");
	aw_cancel(NULL, "nobody");
	AW_TRY(aw_join(task, &status));
	note("%d", status);
	return 0;
}

START_TEST(a_cancel_of_a_finished_task_does_nothing)
{
	ck_assert_int_eq(run_tasks(cancel_finished, NULL), 0);
	ck_assert_str_eq(noted, "3; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("task_life");
	TCase *begin = tcase_create("begin");
	TCase *limits = tcase_create("limits");

	tcase_add_test(begin, an_eager_task_runs_until_its_first_wait);
	tcase_add_test(begin,
		a_task_cancelled_before_it_ran_runs_and_its_first_wait_fails);
	tcase_add_test(begin,
		a_spawned_task_inherits_no_deadline_but_can_have_its_own);
	tcase_add_test(begin, names_are_copied);
	tcase_add_test(limits, more_tasks_than_max_are_refused);
	tcase_add_test(limits, a_task_needs_a_name_a_function_and_a_stack);
	tcase_add_test(limits, a_task_can_have_a_larger_stack);
	tcase_add_test(limits, tasks_and_stacks_are_used_again);
	tcase_add_test(limits, atexit_functions_run_last_first_on_the_task);
	tcase_add_test(limits, a_cancel_of_a_finished_task_does_nothing);
	suite_add_tcase(suite, begin);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
