/* SPDX-License-Identifier: MIT */
/* lib/run.c: signals, the stop event, and its grace. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tasks.h"

/* --- Stopping ---------------------------------------------------------- */

static int
waits_for_stop(void *arg)
{
	(void)arg;
	note("stopping %d", aw_stopping());
	{
		AW_TIMEOUT(100);
		note("%s", name(aw_stop_wait()));
	}
	note("stopping %d", aw_stopping());
	note("%s", name(aw_stop_wait()));
	note("%s", name(aw_sleep(0.001)));
	note("%s", aw_cancel_reason() ? aw_cancel_reason() : "-");
	return 0;
}

static int
raises(void *arg)
{
	(void)arg;
	raise(*(int *)arg);
	return 0;
}

static int
stopped_by_signal(void *arg)
{
	struct aw_task *task = aw_spawn("raises", raises, arg);

	AW_TRY(waits_for_stop(NULL));
	{
		AW_SHIELD(AW_FOREVER);
		return aw_join(task, NULL);
	}
}

START_TEST(a_signal_sets_the_stop_event_and_then_cancels)
{
	int signum = SIGTERM;

	forget_notes();
	ck_assert_int_eq(aw_run(stopped_by_signal, &signum,
				.grace = AW_FOREVER), 0);
	ck_assert_str_eq(noted, "stopping 0; ok; stopping 1; ok; ok; -; ");
	signum = SIGINT;
	forget_notes();
	ck_assert_int_eq(aw_run(stopped_by_signal, &signum), 0);
	ck_assert_str_eq(noted, "stopping 0; ok; stopping 1; ECANCELED; "
			 "ECANCELED; SIGINT; ");
}
END_TEST

static int
stop_later(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(1));
	aw_stop();
	aw_stop();
	note("stopped");
	return 0;
}

static int
stopped_inside(void *arg)
{
	double begin = aw_now();

	(void)arg;
	start("stops", stop_later, NULL);
	note("%s", name(aw_stop_wait()));
	note("%g", since(begin));
	note("%s", name(aw_sleep(AW_FOREVER)));
	note("%g", since(begin));
	return 0;
}

START_TEST(a_stop_cancels_when_its_grace_is_over)
{
	forget_notes();
	ck_assert_int_eq(aw_run(stopped_inside, NULL, .test_clock = true,
				.no_signals = true, .grace = 5), 0);
	ck_assert_str_eq(noted, "stopped; ok; 1; ECANCELED; 6; ");
}
END_TEST

static volatile sig_atomic_t n_old;

static void
old_handler(int signum)
{
	(void)signum;
	n_old++;
}

static int
two_signals(void *arg)
{
	(void)arg;
	raise(SIGTERM);
	AW_TRY(aw_stop_wait());
	note("old %d", (int)n_old);
	raise(SIGTERM);
	while (n_old == 0)
		AW_TRY(aw_yield());
	note("old %d", (int)n_old);
	return 0;
}

static bool
is_old(int signum)
{
	struct sigaction now;

	sigaction(signum, NULL, &now);
	return now.sa_handler == old_handler;
}

START_TEST(a_second_signal_meets_the_former_disposition)
{
	struct sigaction old = { .sa_handler = old_handler };

	sigaction(SIGTERM, &old, NULL);
	sigaction(SIGINT, &old, NULL);
	forget_notes();
	ck_assert_int_eq(aw_run(two_signals, NULL, .grace = AW_FOREVER), 0);
	ck_assert_str_eq(noted, "old 0; old 1; ");
	ck_assert(is_old(SIGTERM));
	ck_assert(is_old(SIGINT));
}
END_TEST

static int
raise_sigterm(void *arg)
{
	(void)arg;
	raise(SIGTERM);
	note("alive");
	return 0;
}

START_TEST(without_signals_the_dispositions_are_left_alone)
{
	struct sigaction old = { .sa_handler = old_handler };

	n_old = 0;
	sigaction(SIGTERM, &old, NULL);
	ck_assert_int_eq(run_tasks(raise_sigterm, NULL), 0);
	ck_assert_int_eq(n_old, 1);
}
END_TEST

static int
writes_to_nobody(void *arg)
{
	int pipes[2], r;

	(void)arg;
	if (pipe(pipes) < 0)
		return -errno;
	close(pipes[0]);
	r = write(pipes[1], "x", 1) < 0 ? -errno : 0;
	close(pipes[1]);
	note("%s", name(r));
	return 0;
}

START_TEST(a_write_to_nobody_kills_nobody)
{
	sigset_t pending, mask;

	ck_assert_int_eq(run_tasks(writes_to_nobody, NULL), 0);
	ck_assert_str_eq(noted, "EPIPE; ");
	sigpending(&pending);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ck_assert(!sigismember(&pending, SIGPIPE));
	ck_assert(!sigismember(&mask, SIGPIPE));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stop");
	TCase *stop = tcase_create("stop");

	tcase_add_test(stop, a_signal_sets_the_stop_event_and_then_cancels);
	tcase_add_test(stop, a_stop_cancels_when_its_grace_is_over);
	tcase_add_test(stop, a_second_signal_meets_the_former_disposition);
	tcase_add_test(stop, without_signals_the_dispositions_are_left_alone);
	tcase_add_test(stop, a_write_to_nobody_kills_nobody);
	suite_add_tcase(suite, stop);
	return suite_run(suite);
}
