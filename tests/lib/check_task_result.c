/* SPDX-License-Identifier: MIT */
/* lib/task.c: what a task leaves to whoever joins it, and who frees it; and
 * the handles that are used wrongly. */
#include "failmalloc.h"
#include "tasks.h"

static void
drop(void *result)
{
	note("%s dropped", (const char *)result);
}

static int
gives(void *arg)
{
	AW_TRY(aw_task_result_set(arg, drop));
	return 0;
}

static int
gives_late(void *arg)
{
	AW_TRY(aw_sleep(1));
	return gives(arg);
}

static int
gives_and_fails(void *arg)
{
	AW_TRY(gives(arg));
	return aw_fail(-EIO, "the disk is on fire");
}

static int
gives_nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* --- Results ----------------------------------------------------------- */

static int
takes(void *arg)
{
	struct aw_task *task = aw_spawn("a", gives_late, "page");
	struct aw_task *burning = aw_spawn("b", gives_and_fails, "half");
	struct aw_task *empty = aw_spawn("c", gives_nothing, NULL);
	void *result = "untouched";
	int status = 7;

	(void)arg;
	{
		AW_TIMEOUT(0.5);
		note("%s", name(aw_join_result(task, &status, &result)));
		note("%s %d", (char *)result, status);
	}
	note("%s", name(aw_join_result(task, &status, &result)));
	note("%s %d", (char *)result, status);
	note("%s", name(aw_join_result(burning, &status, &result)));
	note("%s %s %s", (char *)result, name(status), aw_error()->message);
	note("%s", name(aw_join_result(empty, NULL, &result)));
	note("%d", result == NULL);
	return 0;
}

START_TEST(a_join_moves_the_result_out)
{
	ck_assert_int_eq(run_tasks(takes, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; untouched 7; ok; page 0; ok; half EIO "
			 "the disk is on fire; ok; 1; ");
}
END_TEST

static int
nobody_takes(void *arg)
{
	struct aw_task *released = aw_spawn("a", gives, "released");
	struct aw_task *joined = aw_spawn("b", gives, "joined");
	struct aw_task *ended = aw_spawn("c", gives, "ended");

	(void)arg;
	aw_task_release(released);
	AW_TRY(aw_join(joined, NULL));
	note("join");
	aw_task_release(ended);
	note("%d", aw_spawn("d", gives, "left") != NULL);
	return aw_yield();
}

START_TEST(what_nobody_takes_is_destroyed_once)
{
	ck_assert_int_eq(run_tasks(nobody_takes, NULL), 0);
	ck_assert_str_eq(noted, "released dropped; joined dropped; join; "
			 "ended dropped; 1; left dropped; ");
}
END_TEST

static int
sets_twice(void *arg)
{
	AW_TRY(gives("first"));
	AW_TRY(gives("second"));
	if (arg)
		return aw_task_result_set(NULL, NULL);
	return 0;
}

static int
replaces(void *arg)
{
	void *result;

	(void)arg;
	AW_TRY(aw_join_result(aw_spawn("a", sets_twice, NULL), NULL, &result));
	note("%s", (char *)result);
	AW_TRY(aw_join_result(aw_spawn("a", sets_twice, ""), NULL, &result));
	note("%d", result == NULL);
	return 0;
}

START_TEST(a_later_result_replaces_the_former)
{
	ck_assert_int_eq(run_tasks(replaces, NULL), 0);
	ck_assert_str_eq(noted, "first dropped; second; first dropped; "
			 "second dropped; 1; ");
	ck_assert_int_eq(aw_task_result_set("x", NULL), AW_EUSAGE);
}
END_TEST

static int
asks_group(void *arg)
{
	struct aw_done done;
	AW_GROUP(group, .collect = true);

	(void)arg;
	AW_TRY(aw_go(&group, gives, "a"));
	AW_TRY(aw_go(&group, gives, "b"));
	while (aw_group_next(&group, &done) > 0)
		note("%s", (char *)done.result);
	return aw_group_wait(&group);
}

START_TEST(a_group_lends_the_result_of_a_child)
{
	ck_assert_int_eq(run_tasks(asks_group, NULL), 0);
	ck_assert_str_eq(noted, "a; a dropped; b; b dropped; ");
}
END_TEST

static int
asks_for_copies(void *arg)
{
	struct aw_done done = { .arg = "untouched" };
	int number = 3;
	AW_GROUP(group, .collect = true);

	(void)arg;
	AW_TRY(aw_go_copy(&group, gives_nothing, &number));
	note("%d", aw_group_next(&group, &done));
	note("%d", done.arg == NULL);
	return aw_group_wait(&group);
}

START_TEST(a_copy_is_not_reported_since_its_stack_is_gone)
{
	ck_assert_int_eq(run_tasks(asks_for_copies, NULL), 0);
	ck_assert_str_eq(noted, "1; 1; ");
}
END_TEST

/* --- Handles ----------------------------------------------------------- */

static int
joins(void *arg)
{
	note("%s", name(aw_join(arg, NULL)));
	return 0;
}

static int
joins_in_time(void *arg)
{
	AW_TIMEOUT(0.5);

	return joins(arg);
}

static int
released_while_joined(void *arg)
{
	struct aw_task *a = aw_spawn("a", gives_late, "a");
	struct aw_task *b = aw_spawn("b", gives_late, "b");

	(void)arg;
	start("patient", joins, a);
	start("hasty", joins_in_time, b);
	let_others_run();
	aw_task_release(a);
	aw_task_release(b);
	AW_TRY(aw_sleep(2));
	return 0;
}

START_TEST(a_release_during_a_join_waits_for_its_end)
{
	forget_notes();
	ck_assert_int_eq(aw_run(released_while_joined, NULL,
				.test_clock = true, .check_leaks = true), 0);
	ck_assert_str_eq(noted, "ETIME; b dropped; a dropped; ok; ");
}
END_TEST

static int
join_after_release(void *arg)
{
	struct aw_task *task = aw_spawn("a", gives_late, "a");

	(void)arg;
	aw_task_release(task);
	note("%s", name(aw_join(task, NULL)));
	note("%s", aw_error()->message);
	return aw_sleep(2);
}

START_TEST(a_released_task_cannot_be_joined)
{
	ck_assert_int_eq(run_tasks(join_after_release, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; aw_join: not a task, or joined or "
			 "released already; a dropped; ");
}
END_TEST

static int
cancels_itself(void *arg)
{
	(void)arg;
	aw_cancel(aw_self(), "enough");
	note("%s", name(aw_sleep(1)));
	note("%s %s", aw_error()->reason, aw_cancel_reason());
	return AW_ECANCELED;
}

static int
cancel_self(void *arg)
{
	int status;

	(void)arg;
	AW_TRY(aw_join(aw_spawn("a", cancels_itself, NULL), &status));
	note("%s", name(status));
	return 0;
}

START_TEST(a_task_can_cancel_itself)
{
	ck_assert_int_eq(run_tasks(cancel_self, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; enough enough; ECANCELED; ");
}
END_TEST

/* --- Memory and limits ------------------------------------------------- */

/* Memory comes for 64 tasks at a time. */
static int
spawn_without_memory(void *arg)
{
	static struct aw_task *tasks[800];
	unsigned long n, n_refused = 0;
	size_t i = 0;

	(void)arg;
	for (n = 0; n < 4; n++) {
		fail_only(n);
		for (; i < (n + 1) * 200; i++)
			tasks[i] = aw_spawn("task", gives_nothing, NULL);
		note("%d %s", fail_stop(), name(aw_error()->code));
	}
	while (i-- > 0)
		if (tasks[i])
			AW_TRY(aw_join(tasks[i], NULL));
		else
			n_refused++;
	note("%lu", n_refused);
	return 0;
}

START_TEST(a_spawn_without_memory_leaves_nothing)
{
	forget_notes();
	ck_assert_int_eq(aw_run(spawn_without_memory, NULL,
				.test_clock = true, .check_leaks = true), 0);
	ck_assert_str_eq(noted, "1 ENOMEM; 1 ENOMEM; 1 ENOMEM; "
			 "1 ENOMEM; 4; ");
}
END_TEST

static int
sleeps(void *arg)
{
	(void)arg;
	return aw_sleep(1);
}

static int
too_many(void *arg)
{
	struct aw_call calls[] = { AW_CALL(sleeps, NULL),
				   AW_CALL(sleeps, NULL),
				   AW_CALL(sleeps, NULL) };
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, sleeps, NULL));
	AW_TRY(aw_go(&group, sleeps, NULL));
	note("%s", name(aw_go(&group, sleeps, NULL)));
	note("%s", aw_error()->message);
	note("%d", aw_spawn("x", sleeps, NULL) == NULL);
	note("%s", name(aw_gather(calls, AW_LENGTH(calls))));
	AW_TRY(aw_group_wait(&group));
	note("%s", name(aw_gather(calls, AW_LENGTH(calls), .limit = 2)));
	return 0;
}

START_TEST(the_limit_of_tasks_says_so_and_harms_nobody)
{
	forget_notes();
	ck_assert_int_eq(aw_run(too_many, NULL, .test_clock = true,
				.max_tasks = 3), 0);
	ck_assert_str_eq(noted, "EAGAIN; 3 tasks are alive, the limit of "
			 ".max_tasks: join some, or raise it; 1; EAGAIN; "
			 "ok; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("task_result");
	TCase *results = tcase_create("results");
	TCase *misuse = tcase_create("misuse");
	TCase *limits = tcase_create("limits");

	tcase_add_test(results, a_join_moves_the_result_out);
	tcase_add_test(results, what_nobody_takes_is_destroyed_once);
	tcase_add_test(results, a_later_result_replaces_the_former);
	tcase_add_test(results, a_group_lends_the_result_of_a_child);
	tcase_add_test(results, a_copy_is_not_reported_since_its_stack_is_gone);
	tcase_add_test(misuse, a_release_during_a_join_waits_for_its_end);
	tcase_add_test(misuse, a_released_task_cannot_be_joined);
	tcase_add_test(misuse, a_task_can_cancel_itself);
	tcase_add_test(limits, a_spawn_without_memory_leaves_nothing);
	tcase_add_test(limits, the_limit_of_tasks_says_so_and_harms_nobody);
	suite_add_tcase(suite, results);
	suite_add_tcase(suite, misuse);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
