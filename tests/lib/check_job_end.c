/* SPDX-License-Identifier: MIT */
/*
 * lib/job.c, lib/job_thread.c, lib/fork.c: jobs whose loop ends, whose owner
 * gives them up at any moment, or whose process forks.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "toy_jobs.h"

/* --- The end of the loop ----------------------------------------------- */

static int
leaves_jobs_behind(void *arg)
{
	struct aw_job *done;

	(void)arg;
	begin(AW_JOBS_NAMES, true);
	begin(AW_JOBS_NAMES, true);
	wait_begun(2);
	begin(AW_JOBS_NAMES, false);
	done = begin(AW_JOBS_FILES, false);
	return aw_job_wait(done, "some work", NULL);
}

START_TEST(the_end_of_the_loop_orphans_its_jobs)
{
	ck_assert_int_eq(run_tasks(leaves_jobs_behind, NULL), 0);
	/* The queued one and the done one are gone, two still run. */
	ck_assert_int_eq(n_run, 3);
	ck_assert_int_eq(n_discarded, 2);
	open_gate(2);
	wait_ended(4);
	ck_assert_int_eq(n_discarded, 4);
}
END_TEST

static int
many_in_flight(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++)
		begin(i % AW_JOBS_CLASSES, false);
	return 0;
}

START_TEST(a_loop_may_end_while_jobs_come_back)
{
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(run_tasks(many_in_flight, NULL), 0);
	wait_ended(50 * 200);
	ck_assert_int_eq(n_discarded, 50 * 200);
}
END_TEST

static int
frees_at_random(void *arg)
{
	struct aw_job *job[64] = { NULL };
	unsigned x = 12345;

	(void)arg;
	for (int i = 0; i < 5000; i++) {
		x = x * 1103515245u + 12345u;
		unsigned at = x >> 16 & 63;

		aw_job_free(job[at]);
		job[at] = begin(x >> 24 & 3, false);
		if (x & 1u << 30)
			aw_ignore(aw_yield());
	}
	for (int i = 0; i < 64; i++)
		aw_job_free(job[i]);
	return 0;
}

START_TEST(every_job_is_discarded_exactly_once)
{
	ck_assert_int_eq(run_tasks(frees_at_random, NULL), 0);
	wait_ended(5000);
	ck_assert_int_eq(n_discarded, 5000);
}
END_TEST

/* --- fork() ------------------------------------------------------------ */

#ifndef __SANITIZE_THREAD__	/* which forbids threads after fork() */
static int
works_in_child(void *arg)
{
	struct aw_job *job;

	(void)arg;
	AW_TRY(aw_job_start(&job, AW_JOBS_GENERAL, &work_type, NULL));
	AW_TRY(aw_job_wait(job, "some work", NULL));
	aw_job_free(job);
	return 7;
}

START_TEST(a_child_of_fork_has_threads_of_its_own)
{
	unsigned mark = aw_fork_mark();
	int status = 0;
	pid_t pid;

	ck_assert_int_eq(run_tasks(works_in_child, NULL), 7);
	pid = fork();
	if (pid == 0)
		_exit(aw_fork_mark() == mark ? 1
					     : run_tasks(works_in_child, NULL));
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 7);
	ck_assert_uint_eq(aw_fork_mark(), mark);
}
END_TEST
#endif

static int
forks_inside(void *arg)
{
	struct aw_job *held = begin(AW_JOBS_GENERAL, true), *job;
	int status = 0;
	pid_t pid;

	(void)arg;
	wait_begun(1);
	pid = fork();
	if (pid == 0) {
		int r = aw_job_wait(held, "some work", NULL);

		aw_job_free(held);
		_exit(r != AW_EFORK ||
		      aw_job_start(&job, AW_JOBS_GENERAL, &work_type,
				   NULL) != AW_EFORK);
	}
	waitpid(pid, &status, 0);
	note("child %d", status);
	open_gate(1);
	note("parent %s", name(aw_job_wait(held, "some work", NULL)));
	aw_job_free(held);
	return 0;
}

START_TEST(an_inherited_loop_answers_efork)
{
	ck_assert_int_eq(run_tasks(forks_inside, NULL), 0);
	ck_assert_str_eq(noted, "child 0; parent ok; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("job_end");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, the_end_of_the_loop_orphans_its_jobs);
	tcase_add_test(tcase, a_loop_may_end_while_jobs_come_back);
	tcase_add_test(tcase, every_job_is_discarded_exactly_once);
#ifndef __SANITIZE_THREAD__
	tcase_add_test(tcase, a_child_of_fork_has_threads_of_its_own);
#endif
	tcase_add_test(tcase, an_inherited_loop_answers_efork);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
