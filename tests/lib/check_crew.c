/* SPDX-License-Identifier: MIT */
/* lib/crew.c: one loop per thread, begun, stopped and ended together. */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "failmalloc.h"
#include "tasks.h"

#define N 4

static struct aw_loop *loops[N];
static struct aw_thread_event arrived[N], done[N];
static atomic_int n_calls, n_stopped, n_cancelled, n_reasons;

/* --- Threads that cannot be started ------------------------------------ */

static int refused;		/* the number of the thread; 0: none */
static int signal_at;		/* before that thread is created */
static int n_created;

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	       void *(*fn)(void *), void *arg)
{
	static int (*real)(pthread_t *, const pthread_attr_t *,
			   void *(*)(void *), void *);

	n_created++;
	if (n_created == signal_at)
		raise(SIGTERM);
	if (n_created == refused)
		return EAGAIN;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attr, fn, arg);
}

static void
setup(void)
{
	forget_notes();
	memset(loops, 0, sizeof loops);
	memset(arrived, 0, sizeof arrived);
	memset(done, 0, sizeof done);
	refused = signal_at = n_created = 0;
	atomic_store(&n_calls, 0);
	atomic_store(&n_stopped, 0);
	atomic_store(&n_cancelled, 0);
	atomic_store(&n_reasons, 0);
}

/* Waits until every thread has come so far. */
static int
meet_at(struct aw_thread_event events[N])
{
	aw_thread_event_set(&events[aw_thread_index()]);
	for (int i = 0; i < N; i++)
		AW_TRY(aw_thread_event_wait(&events[i]));
	return 0;
}

static int
meet(void)
{
	loops[aw_thread_index()] = aw_loop_here();
	return meet_at(arrived);
}

/* --- Beginning and ending ---------------------------------------------- */

static int
counts(void *arg)
{
	int index = aw_thread_index();

	atomic_fetch_add((atomic_int *)arg + index, 1);
	AW_TRY(meet());
	AW_TRY(aw_sleep(0.001));
	return aw_thread_count() == N ? index + 7 : -EIO;
}

START_TEST(each_thread_runs_the_function_once)
{
	atomic_int n[N] = { 0 };

	ck_assert_int_eq(aw_thread_index(), -1);
	ck_assert_int_eq(aw_thread_count(), 0);
	ck_assert_int_eq(aw_run_threads(N, counts, n), 7);
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(n[i], 1);
		ck_assert_ptr_nonnull(loops[i]);
		for (int k = 0; k < i; k++)
			ck_assert_ptr_ne(loops[i], loops[k]);
	}
}
END_TEST

static int
tells_count(void *arg)
{
	(void)arg;
	return aw_thread_index() == 0 ? aw_thread_count() : 0;
}

static int
calls_inside(void *arg)
{
	return aw_run_threads(1, tells_count, arg);
}

START_TEST(zero_threads_are_as_many_as_there_are_processors)
{
	cpu_set_t set;

	ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
	ck_assert_int_eq(aw_run_threads(0, tells_count, NULL),
			 CPU_COUNT(&set));
	ck_assert_int_eq(aw_run_threads(1, tells_count, NULL), 1);
	ck_assert_int_eq(aw_run(tells_count, NULL), 1);
	ck_assert_int_eq(aw_run_threads(-1, tells_count, NULL), -EINVAL);
	ck_assert_int_eq(aw_run_threads(1025, tells_count, NULL), -EINVAL);
	ck_assert_int_eq(aw_run_threads(1, NULL, NULL), -EINVAL);
	ck_assert_int_eq(aw_run(calls_inside, NULL), -EDEADLK);
}
END_TEST

static int
sleeps_forever(void *arg)
{
	(void)arg;
	if (aw_sleep(AW_FOREVER) == AW_ECANCELED)
		atomic_fetch_add(&n_cancelled, 1);
	return 0;
}

static int
leaves_a_task(void *arg)
{
	start("stays", sleeps_forever, arg);
	return aw_yield();
}

START_TEST(what_a_thread_leaves_behind_ends_with_it)
{
	ck_assert_int_eq(aw_run_threads(N, leaves_a_task, NULL), 0);
	ck_assert_int_eq(n_cancelled, N);
}
END_TEST

/* --- Failures ---------------------------------------------------------- */

static int
third_fails(void *arg)
{
	int r = arg ? meet() : 0;

	if (aw_thread_index() == 2)
		return aw_fail(-EIO, "sector %d", 7);
	if (r == 0)
		r = aw_sleep(AW_FOREVER);
	if (r == AW_ECANCELED && strcmp(aw_cancel_reason(),
					"thread 2 failed: AW_EIO") == 0)
		atomic_fetch_add(&n_reasons, 1);
	return r;
}

START_TEST(the_first_failure_stops_the_others_and_comes_back)
{
	for (int i = 0; i < 2; i++) {
		setup();
		ck_assert_int_eq(aw_run_threads(N, third_fails, i ? "" : NULL),
				 -EIO);
		ck_assert_str_eq(aw_error()->message, "sector 7");
		ck_assert_int_eq(n_reasons, N - 1);
	}
}
END_TEST

static int
first_fails(void *arg)
{
	(void)arg;
	return aw_thread_index() == 0 ? -ENOSPC : aw_sleep(AW_FOREVER);
}

START_TEST(a_failure_of_the_first_thread_counts_as_any)
{
	ck_assert_int_eq(aw_run_threads(N, first_fails, NULL), -ENOSPC);
	ck_assert_int_eq(aw_error()->code, -ENOSPC);
}
END_TEST

static int
is_called(void *arg)
{
	(void)arg;
	atomic_fetch_add(&n_calls, 1);
	return 0;
}

START_TEST(a_thread_that_cannot_be_started_lets_none_begin)
{
	for (int i = 1; i < N; i++) {
		setup();
		refused = i;
		ck_assert_int_eq(aw_run_threads(N, is_called, NULL), -EAGAIN);
		ck_assert_ptr_nonnull(strstr(aw_error()->message,
					     "could not be started"));
		ck_assert_int_eq(n_created, i);
		ck_assert_int_eq(n_calls, 0);
	}
}
END_TEST

static int
open_descriptors(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

START_TEST(a_loop_that_cannot_be_made_lets_none_begin)
{
	int n = open_descriptors(), r, n_failed = 0;
	struct rlimit before, few;

	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	/* Too few for one loop, for two, ... until they are enough. */
	do {
		setup();
		few.rlim_cur = (rlim_t)n++;
		setrlimit(RLIMIT_NOFILE, &few);
		r = aw_run_threads(N, is_called, NULL);
		setrlimit(RLIMIT_NOFILE, &before);
		ck_assert(r == 0 || r == -EMFILE);
		ck_assert_int_eq(n_calls, r == 0 ? N : 0);
		n_failed += r != 0;
	} while (r != 0 && n_failed < 100);
	ck_assert_int_eq(r, 0);
	ck_assert_int_ge(n_failed, N);
	fail_only(0);
	ck_assert_int_eq(aw_run_threads(N, is_called, NULL), -ENOMEM);
	fail_stop();
}
END_TEST

/* --- Stopping ---------------------------------------------------------- */

/* Thread arg asks; -1: the process gets a signal. */
static int
waits_for_stop(void *arg)
{
	int who = *(int *)arg;

	AW_TRY(meet());
	if (who == aw_thread_index())
		aw_stop();
	else if (who < 0 && aw_thread_index() == 1)
		kill(getpid(), SIGTERM);
	AW_TRY(aw_stop_wait());
	atomic_fetch_add(&n_stopped, aw_stopping());
	return 0;
}

START_TEST(a_stop_in_any_thread_reaches_all)
{
	for (int who = -1; who < N; who++) {
		setup();
		ck_assert_int_eq(aw_run_threads(N, waits_for_stop, &who,
						.grace = AW_FOREVER), 0);
		ck_assert_int_eq(n_stopped, N);
	}
}
END_TEST

/* The signal may reach the others before they know that all have met. */
static int
is_stopped_hard(void *arg)
{
	int r = meet();

	(void)arg;
	if (aw_thread_index() == 3)
		kill(getpid(), SIGINT);
	if (r == 0)
		r = aw_sleep(AW_FOREVER);
	atomic_fetch_add(&n_cancelled, r == AW_ECANCELED);
	return 0;
}

START_TEST(without_grace_a_signal_cancels_every_thread)
{
	ck_assert_int_eq(aw_run_threads(N, is_stopped_hard, NULL), 0);
	ck_assert_int_eq(n_cancelled, N);
}
END_TEST

static int
first_leaves_early(void *arg)
{
	(void)arg;
	AW_TRY(meet());
	if (aw_thread_index() == 0)
		return 5;
	if (aw_thread_index() == 1)
		kill(getpid(), SIGTERM);
	return aw_stop_wait();
}

START_TEST(the_first_thread_keeps_the_signals_to_the_end)
{
	ck_assert_int_eq(aw_run_threads(N, first_leaves_early, NULL,
					.grace = AW_FOREVER), 5);
}
END_TEST

static int
begins_stopped(void *arg)
{
	int r = aw_stop_wait();

	(void)arg;
	atomic_fetch_add(&n_calls, 1);
	atomic_fetch_add(&n_stopped, aw_stopping());
	atomic_fetch_add(&n_cancelled, r == AW_ECANCELED);
	return 0;
}

START_TEST(a_signal_amid_the_start_reaches_all_too)
{
	for (int i = 1; i < N; i++) {
		setup();
		signal_at = i;
		ck_assert_int_eq(aw_run_threads(N, begins_stopped, NULL,
						.grace = AW_FOREVER), 0);
		ck_assert_int_eq(n_calls, N);
		ck_assert_int_eq(n_stopped, N);
		setup();
		signal_at = i;
		ck_assert_int_eq(aw_run_threads(N, begins_stopped, NULL), 0);
		ck_assert_int_eq(n_calls, N);
		ck_assert_int_eq(n_stopped, N);
	}
}
END_TEST

/* --- Between the loops ------------------------------------------------- */

static void
ping(void *arg)
{
	aw_thread_event_set(arg);
}

/* All but the first end at once; their loops can still be named. */
static int
posts_to_the_others(void *arg)
{
	struct aw_thread_event answered = { 0 };

	(void)arg;
	AW_TRY(meet());
	if (aw_thread_index() != 0)
		return 0;
	for (int i = 1; i < N; i++) {
		AW_TIMEOUT(60);

		while (aw_post(loops[i], ping, &answered) == 0)
			AW_TRY(aw_sleep(0.001));
		if (aw_error()->code != AW_ECLOSED)
			return -EIO;
		if (aw_spawn_on(loops[i], "x", is_called, NULL) != AW_ECLOSED)
			return -EDOM;
	}
	return 0;
}

START_TEST(a_loop_that_has_ended_answers_until_all_have)
{
	ck_assert_int_eq(aw_run_threads(N, posts_to_the_others, NULL), 0);
	ck_assert_int_eq(n_calls, 0);
}
END_TEST

static int
called_there(void *arg)
{
	atomic_fetch_add(&n_calls, aw_thread_index() == (int)(intptr_t)arg);
	AW_TRY(aw_yield());
	return 0;
}

static int
spawns_everywhere(void *arg)
{
	(void)arg;
	AW_TRY(meet());
	for (int i = 0; i < 100; i++)
		AW_TRY(aw_spawn_on(loops[i % N], "there", called_there,
				   (void *)(intptr_t)(i % N)));
	/* Nobody ends before all have sent. */
	return meet_at(done);
}

START_TEST(tasks_are_started_from_every_loop_on_every_loop)
{
	ck_assert_int_eq(aw_run_threads(N, spawns_everywhere, NULL), 0);
	ck_assert_int_eq(n_calls, 100 * N);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("crew");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, each_thread_runs_the_function_once);
	tcase_add_test(tcase,
		       zero_threads_are_as_many_as_there_are_processors);
	tcase_add_test(tcase, what_a_thread_leaves_behind_ends_with_it);
	tcase_add_test(tcase,
		       the_first_failure_stops_the_others_and_comes_back);
	tcase_add_test(tcase, a_failure_of_the_first_thread_counts_as_any);
	tcase_add_test(tcase, a_thread_that_cannot_be_started_lets_none_begin);
	tcase_add_test(tcase, a_loop_that_cannot_be_made_lets_none_begin);
	tcase_add_test(tcase, a_stop_in_any_thread_reaches_all);
	tcase_add_test(tcase, without_grace_a_signal_cancels_every_thread);
	tcase_add_test(tcase, the_first_thread_keeps_the_signals_to_the_end);
	tcase_add_test(tcase, a_signal_amid_the_start_reaches_all_too);
	tcase_add_test(tcase, a_loop_that_has_ended_answers_until_all_have);
	tcase_add_test(tcase,
		       tasks_are_started_from_every_loop_on_every_loop);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
