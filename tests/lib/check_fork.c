/* SPDX-License-Identifier: MIT */
/* lib/fork.c: what a child of fork() may do, and that its parent does not
 * suffer from it. */
#include <await/driver.h>

#include "child.h"

static int
sleeps(void *arg)
{
	(void)arg;
	return aw_sleep(1);
}

static int
works(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(1));
	return 7;
}

/* --- In a child that a task forked -----------------------------------------
 */

/* The case that goes wrong, from 1; 0 when all is well. */
static int
every_wait_fails(struct aw_task *task, struct aw_group *group)
{
	int value = 0;

	if (aw_sleep(0.001) != AW_EFORK || aw_yield() != AW_EFORK)
		return 1;
	for (int i = 0; i < 1000; i++)
		if (aw_checkpoint() != AW_EFORK)
			return 2;
	{
		AW_SHIELD(1);
		if (aw_sleep(0) != AW_EFORK)
			return 3;
	}
	if (aw_join(task, &value) != AW_EFORK)
		return 4;
	if (aw_group_wait(group) != AW_EFORK)
		return 5;
	if (aw_run(works, NULL) != -EDEADLK)
		return 6;
	return strstr(aw_error()->message, "inside a task") ? 0 : 7;
}

static int
forks_in_a_task(void *arg)
{
	struct aw_task *task = aw_spawn("sleeps", sleeps, NULL);
	AW_GROUP(group);
	int status = -1;
	pid_t pid;

	(void)arg;
	AW_TRY(aw_go(&group, sleeps, NULL));
	AW_TRY(aw_yield());
	pid = fork();
	if (pid == 0)
		_exit(every_wait_fails(task, &group));
	waitpid(pid, &status, 0);
	note("child %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	note("%s", name(aw_join(task, NULL)));
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(a_task_that_forked_cannot_wait_in_the_child)
{
	ck_assert_int_eq(run_tasks(forks_in_a_task, NULL), 0);
	ck_assert_str_eq(noted, "child 0; ok; ok; ");
}
END_TEST

/* Leaving the group ends though its children do not run. */
static int
leaves_a_group(void *arg)
{
	int status = -1;
	pid_t pid;

	(void)arg;
	{
		AW_GROUP(group);

		AW_TRY(aw_go(&group, sleeps, NULL));
		AW_TRY(aw_yield());
		pid = fork();
		if (pid != 0)
			AW_TRY(aw_group_wait(&group));
	}
	if (pid == 0)
		_exit(3);
	waitpid(pid, &status, 0);
	note("child %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}

START_TEST(a_child_can_leave_the_blocks_it_stands_in)
{
	ck_assert_int_eq(run_tasks(leaves_a_group, NULL), 0);
	ck_assert_str_eq(noted, "child 3; ");
}
END_TEST

/* --- Around a loop ---------------------------------------------------------
 */

static int
run_in_child(void)
{
	return aw_run(works, NULL, .test_clock = true) == 7 ? 0 : 1;
}

START_TEST(a_child_forked_outside_runs_a_loop_of_its_own)
{
	unsigned mark = aw_fork_mark();

	ck_assert_int_eq(aw_run(works, NULL, .test_clock = true), 7);
	ck_assert(ended(in_child(false, run_in_child), 0));
	ck_assert_uint_eq(aw_fork_mark(), mark);
}
END_TEST

/* --- Without descriptors ---------------------------------------------------
 */

static int
run_without_descriptors(void)
{
	struct rlimit few;
	struct aw_loop *loop;
	struct ev_loop *ev = (struct ev_loop *)(void *)&few;

	/* The soft limit alone: Valgrind keeps the rest for itself. */
	if (getrlimit(RLIMIT_NOFILE, &few) < 0)
		return 1;
	few.rlim_cur = 3;
	if (setrlimit(RLIMIT_NOFILE, &few) < 0)
		return 1;
	if (aw_run(works, NULL) != -EMFILE)
		return 2;
	return aw_attach(ev, &loop) == -EMFILE ? 0 : 3;
}

START_TEST(without_a_descriptor_a_loop_fails_and_the_process_lives)
{
	ck_assert(ended(in_child(false, run_without_descriptors), 0));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fork");
	TCase *tasks = tcase_create("tasks");
	TCase *loops = tcase_create("loops");

	tcase_add_test(tasks, a_task_that_forked_cannot_wait_in_the_child);
	tcase_add_test(tasks, a_child_can_leave_the_blocks_it_stands_in);
	tcase_add_test(loops, a_child_forked_outside_runs_a_loop_of_its_own);
	tcase_add_test(loops,
		       without_a_descriptor_a_loop_fails_and_the_process_lives);
	suite_add_tcase(suite, tasks);
	suite_add_tcase(suite, loops);
	return suite_run(suite);
}
