/* SPDX-License-Identifier: MIT */
/*
 * lib/job.c, lib/job_thread.c: the life of a job, the limits of a class, and
 * who frees what. Threads are held at gates, never by time.
 */
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>

#include <await/time.h>

#include "toy_jobs.h"

/* --- Running ----------------------------------------------------------- */

static int
works_on_a_copy(void *arg)
{
	struct work init = { .in = 21 };
	struct aw_job *job;
	int r;

	(void)arg;
	AW_TRY(aw_job_start(&job, AW_JOBS_GENERAL, &work_type, &init));
	init.in = 1;
	r = aw_job_wait(job, "some work", NULL);
	note("wait %s, done %d", name(r), aw_job_done(job));
	note("out %d", ((struct work *)aw_job_memory(job))->out);
	note("again %s", name(aw_job_wait(job, "some work", NULL)));
	aw_job_free(job);
	return 0;
}

START_TEST(a_job_works_on_its_own_copy)
{
	ck_assert_int_eq(run_tasks(works_on_a_copy, NULL), 0);
	ck_assert_str_eq(noted, "wait ok, done 1; out 42; again ok; ");
	ck_assert_int_eq(n_run, 1);
	ck_assert_int_eq(n_discarded, 1);
}
END_TEST

static int
starts_without_init(void *arg)
{
	struct aw_job *job;

	(void)arg;
	AW_TRY(aw_job_start(&job, AW_JOBS_FILES, &work_type, NULL));
	AW_TRY(aw_job_wait(job, "some work", NULL));
	note("out %d", ((struct work *)aw_job_memory(job))->out);
	aw_job_free(job);
	aw_job_free(NULL);
	note("class %s", name(aw_job_start(&job, AW_JOBS_CLASSES, &work_type,
					   NULL)));
	note("type %s", name(aw_job_start(&job, AW_JOBS_FILES, NULL, NULL)));
	return 0;
}

START_TEST(memory_is_zeroed_and_arguments_are_checked)
{
	struct aw_job *job;

	ck_assert_int_eq(run_tasks(starts_without_init, NULL), 0);
	ck_assert_str_eq(noted, "out 0; class EINVAL; type EINVAL; ");
	ck_assert_int_eq(aw_job_start(&job, AW_JOBS_FILES, &work_type, NULL),
			 AW_EUSAGE);
}
END_TEST

struct facts {
	bool blocked;
	size_t stack;
};

static void
look_around(void *memory)
{
	struct facts *facts = memory;
	pthread_attr_t attr;
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	facts->blocked = sigismember(&mask, SIGINT) &&
			 sigismember(&mask, SIGUSR2) &&
			 sigismember(&mask, SIGALRM);
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, &facts->stack);
	pthread_attr_destroy(&attr);
}

static int
asks_the_thread(void *arg)
{
	static const struct aw_job_type type = {
		.size = sizeof(struct facts),
		.run = look_around,
	};
	const struct facts *facts;
	struct aw_job *job;

	(void)arg;
	AW_TRY(aw_job_start(&job, AW_JOBS_GENERAL, &type, NULL));
	AW_TRY(aw_job_wait(job, "a look", NULL));
	facts = aw_job_memory(job);
	note("blocked %d, stack %zu MiB", facts->blocked,
	     facts->stack >> 20);
	aw_job_free(job);
	return 0;
}

START_TEST(threads_take_no_signals_and_have_a_deep_stack)
{
	sigset_t before, after;

	sigprocmask(SIG_SETMASK, NULL, &before);
	ck_assert_int_eq(run_tasks(asks_the_thread, NULL), 0);
	sigprocmask(SIG_SETMASK, NULL, &after);
	ck_assert_str_eq(noted, "blocked 1, stack 8 MiB; ");
	ck_assert_int_eq(sigismember(&after, SIGUSR2),
			 sigismember(&before, SIGUSR2));
}
END_TEST

/* --- Interrupted waits ------------------------------------------------- */

static int
waits_twice(void *arg)
{
	struct aw_job *job = begin(AW_JOBS_GENERAL, true);

	(void)arg;
	wait_begun(1);
	{
		AW_SCOPE(mine);

		aw_scope_cancel(&mine, "impatience");
		note("%s", name(aw_job_wait(job, "some work", NULL)));
	}
	{
		AW_TIMEOUT(-1);
		note("%s", name(aw_job_wait(job, "some work", NULL)));
	}
	{
		AW_BUDGET(-1);
		note("%s", name(aw_job_wait(job, "some work", NULL)));
	}
	note("done %d", aw_job_done(job));
	open_gate(1);
	note("%s", name(aw_job_wait(job, "some work", NULL)));
	note("out %d", ((struct work *)aw_job_memory(job))->out);
	aw_job_free(job);
	return 0;
}

START_TEST(an_interrupted_wait_leaves_the_job_as_it_is)
{
	ck_assert_int_eq(run_tasks(waits_twice, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ETIME; ETIMEDOUT; done 0; ok; "
			 "out 42; ");
	ck_assert_int_eq(n_discarded, 1);
}
END_TEST

static int
waits_for_job(void *arg)
{
	note("parked %s", name(aw_job_wait(arg, "some work", NULL)));
	return 0;
}

static int
cancels_a_parked_wait(void *arg)
{
	struct aw_job *job = begin(AW_JOBS_GENERAL, true);
	struct aw_task *task = aw_spawn("waiter", waits_for_job, job);

	(void)arg;
	wait_begun(1);
	let_others_run();
	note("second %s", name(aw_job_wait(job, "some work", NULL)));
	aw_cancel(task, "impatience");
	AW_TRY(aw_join(task, NULL));
	aw_job_free(job);
	open_gate(1);
	return 0;
}

START_TEST(a_parked_wait_can_be_cancelled)
{
	ck_assert_int_eq(run_tasks(cancels_a_parked_wait, NULL), 0);
	ck_assert_str_eq(noted, "second EBUSY; parked ECANCELED; ");
	wait_ended(1);
	ck_assert_int_eq(n_discarded, 1);
}
END_TEST

static int
sleeps_beside_a_job(void *arg)
{
	struct aw_job *job = begin(AW_JOBS_GENERAL, true);
	struct aw_task *task = aw_spawn("waiter", waits_for_job, job);
	double start = aw_now();

	(void)arg;
	let_others_run();
	note("clock %g", since(start));
	open_gate(1);
	AW_TRY(aw_sleep(5));
	note("slept %g", since(start));
	AW_TRY(aw_join(task, NULL));
	aw_job_free(job);
	return 0;
}

START_TEST(the_test_clock_stands_still_while_a_job_runs)
{
	ck_assert_int_eq(run_tasks(sleeps_beside_a_job, NULL), 0);
	ck_assert_str_eq(noted, "clock 0; parked ok; slept 5; ");
}
END_TEST

/* --- Giving up --------------------------------------------------------- */

static int
withdraws(void *arg)
{
	struct aw_job *held[2], *queued;

	(void)arg;
	held[0] = begin(AW_JOBS_NAMES, true);
	held[1] = begin(AW_JOBS_NAMES, true);
	wait_begun(2);
	queued = begin(AW_JOBS_NAMES, false);
	aw_job_free(queued);
	note("run %d, discarded %d", n_run, n_discarded);
	open_gate(2);
	for (int i = 0; i < 2; i++) {
		AW_TRY(aw_job_wait(held[i], "some work", NULL));
		aw_job_free(held[i]);
	}
	return 0;
}

START_TEST(a_job_that_has_not_begun_is_withdrawn)
{
	ck_assert_int_eq(run_tasks(withdraws, NULL), 0);
	ck_assert_str_eq(noted, "run 2, discarded 1; ");
	ck_assert_int_eq(n_run, 2);
	ck_assert_int_eq(n_discarded, 3);
}
END_TEST

static int
replaces(void *arg)
{
	struct aw_job *held[2], *third;

	(void)arg;
	held[0] = begin(AW_JOBS_NAMES, true);
	held[1] = begin(AW_JOBS_NAMES, true);
	wait_begun(2);
	third = begin(AW_JOBS_NAMES, false);
	aw_job_free(held[0]);		/* hangs on, in a surplus thread */
	note("%s", name(aw_job_wait(third, "some work", NULL)));
	aw_job_free(third);
	aw_job_free(held[1]);
	open_gate(2);
	return 0;
}

START_TEST(a_running_job_that_is_given_up_is_replaced)
{
	ck_assert_int_eq(run_tasks(replaces, NULL), 0);
	ck_assert_str_eq(noted, "ok; ");
	wait_ended(3);
	ck_assert_int_eq(n_discarded, 3);
}
END_TEST

static int
exhausts(void *arg)
{
	struct aw_job *last;
	unsigned idle;

	(void)arg;
	for (int i = 0; i < AW__JOB_THREADS; i++) {
		struct aw_job *job = begin(AW_JOBS_CONNECT, true);

		wait_begun(1);
		aw_job_free(job);
	}
	last = begin(AW_JOBS_CONNECT, false);
	note("threads %u, run %d", aw__job_threads(AW_JOBS_CONNECT, &idle),
	     n_run);
	open_gate(1);
	note("%s", name(aw_job_wait(last, "some work", NULL)));
	note("run %d", n_run);
	aw_job_free(last);
	open_gate(AW__JOB_THREADS - 1);
	return 0;
}

/* The threads of orphans end with them; idle ones would stay ten seconds. */
static bool
shrinks_to(unsigned limit)
{
	double start = aw_now();
	unsigned idle;

	while (aw__job_threads(AW_JOBS_CONNECT, &idle) > limit)
		if (sched_yield() != 0 || aw_now() - start > 5)
			return false;
	return true;
}

START_TEST(a_class_has_sixteen_threads_in_all)
{
	ck_assert_int_eq(run_tasks(exhausts, NULL), 0);
	ck_assert_str_eq(noted, "threads 16, run 16; ok; run 17; ");
	wait_ended(AW__JOB_THREADS + 1);
	ck_assert_int_eq(n_discarded, AW__JOB_THREADS + 1);
	ck_assert(shrinks_to(4));
}
END_TEST

static int
keeps_the_limit(void *arg)
{
	struct aw_job *job[8];
	unsigned idle;

	(void)arg;
	for (int i = 0; i < 8; i++)
		job[i] = begin(AW_JOBS_FILES, true);
	wait_begun(4);
	note("threads %u, run %d", aw__job_threads(AW_JOBS_FILES, &idle),
	     n_run);
	open_gate(8);
	for (int i = 0; i < 8; i++) {
		AW_TRY(aw_job_wait(job[i], "some work", NULL));
		aw_job_free(job[i]);
	}
	note("threads %u", aw__job_threads(AW_JOBS_FILES, &idle));
	return 0;
}

START_TEST(a_class_keeps_its_limit_and_its_threads)
{
	ck_assert_int_eq(run_tasks(keeps_the_limit, NULL), 0);
	ck_assert_str_eq(noted, "threads 4, run 4; threads 4; ");
}
END_TEST

static int
no_class_starves_another(void *arg)
{
	struct aw_job *names[4], *file;

	(void)arg;
	for (int i = 0; i < 4; i++)
		names[i] = begin(AW_JOBS_NAMES, true);
	wait_begun(2);
	file = begin(AW_JOBS_FILES, false);
	note("%s", name(aw_job_wait(file, "some work", NULL)));
	aw_job_free(file);
	for (int i = 0; i < 4; i++)
		aw_job_free(names[i]);
	open_gate(4);
	return 0;
}

START_TEST(a_full_class_does_not_starve_another)
{
	ck_assert_int_eq(run_tasks(no_class_starves_another, NULL), 0);
	ck_assert_str_eq(noted, "ok; ");
}
END_TEST

/* --- No threads -------------------------------------------------------- */

static bool no_threads;

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	       void *(*fn)(void *), void *arg)
{
	static int (*real)(pthread_t *, const pthread_attr_t *,
			   void *(*)(void *), void *);

	if (no_threads)
		return EAGAIN;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attr, fn, arg);
}

static int
never_called(void *copy)
{
	(void)copy;
	note("called");
	return 0;
}

static void
not_discarded(void *copy)
{
	(void)copy;
	note("discarded");
}

static int
has_no_threads(void *arg)
{
	struct aw_job *job, *held;
	int r;

	(void)arg;
	no_threads = true;
	r = aw_job_start(&job, AW_JOBS_GENERAL, &work_type, NULL);
	note("%s: %.34s", name(r), aw_error()->message);
	/* What was never handed over stays the caller's. */
	note("%s", name(aw_offload_copy(never_called, &r, .abandon = true,
					.discard = not_discarded)));
	no_threads = false;
	held = begin(AW_JOBS_GENERAL, true);
	wait_begun(1);
	no_threads = true;
	job = begin(AW_JOBS_GENERAL, false);	/* the one thread takes it */
	open_gate(1);
	note("%s", name(aw_job_wait(job, "some work", NULL)));
	no_threads = false;
	aw_job_free(job);
	aw_job_free(held);
	return 0;
}

START_TEST(without_any_thread_the_start_fails_and_with_one_it_waits)
{
	ck_assert_int_eq(run_tasks(has_no_threads, NULL), 0);
	ck_assert_str_eq(noted, "EAGAIN: no helper thread could be started:; "
			 "EAGAIN; ok; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("job");
	TCase *basic = tcase_create("basic");

	tcase_add_checked_fixture(basic, setup, NULL);
	/* First: with CK_FORK=no the others leave idle threads behind. */
	tcase_add_test(
	    basic, without_any_thread_the_start_fails_and_with_one_it_waits);
	tcase_add_test(basic, a_job_works_on_its_own_copy);
	tcase_add_test(basic, memory_is_zeroed_and_arguments_are_checked);
	tcase_add_test(basic, threads_take_no_signals_and_have_a_deep_stack);
	tcase_add_test(basic, an_interrupted_wait_leaves_the_job_as_it_is);
	tcase_add_test(basic, a_parked_wait_can_be_cancelled);
	tcase_add_test(basic, the_test_clock_stands_still_while_a_job_runs);
	tcase_add_test(basic, a_job_that_has_not_begun_is_withdrawn);
	tcase_add_test(basic, a_running_job_that_is_given_up_is_replaced);
	tcase_add_test(basic, a_class_has_sixteen_threads_in_all);
	tcase_add_test(basic, a_class_keeps_its_limit_and_its_threads);
	tcase_add_test(basic, a_full_class_does_not_starve_another);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
