/* SPDX-License-Identifier: MIT */
/* lib/signal.c: signals that tasks wait for, and whose they are. */
#include "signal_world.h"

/* --- What is told ------------------------------------------------------ */

static int
tells(void *arg)
{
	AW_AUTO(aw_signals, s);

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGHUP, SIGUSR1, SIGCHLD));
	raise(SIGUSR1);
	note_next(s);
	for (int i = 0; i < 3; i++) {
		raise(SIGHUP);
		raise(SIGUSR1);
	}
	note_next(s);
	note_next(s);
	note_none(s);
	kill(getpid(), SIGCHLD);
	note_next(s);
	return 0;
}

START_TEST(signals_are_told_in_turn_and_once_for_several)
{
	ck_assert_int_eq(run_signals(tells), 0);
	ck_assert_str_eq(noted, "1 USR1; 1 HUP; 1 USR1; ETIME; 1 CHLD; ");
}
END_TEST

static int
wakes(void *arg)
{
	AW_AUTO(aw_signals, s);
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGHUP));
	AW_TRY(aw_go(&group, next_task, s));
	AW_TRY(aw_sleep(0.002));
	note("raised");
	raise(SIGHUP);
	return aw_group_wait(&group);
}

START_TEST(a_task_that_waits_is_woken)
{
	ck_assert_int_eq(run_signals(wakes), 0);
	ck_assert_str_eq(noted, "raised; 1 HUP; ");
}
END_TEST

static int
interrupted(void *arg)
{
	AW_AUTO(aw_signals, s);
	struct aw_task *task;

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGHUP));
	note_none(s);
	task = aw_spawn("waiter", next_task, s);
	let_others_run();
	note_next(s);
	raise(SIGHUP);
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, NULL));
	{
		AW_TIMEOUT(0);
		note_next(s);
	}
	note_next(s);
	return 0;
}

START_TEST(an_interrupted_wait_loses_no_signal)
{
	ck_assert_int_eq(run_signals(interrupted), 0);
	ck_assert_str_eq(noted, "ETIME; EBUSY; ECANCELED; ETIME; 1 HUP; ");
}
END_TEST

static int
take_turns(void *arg)
{
	AW_AUTO(aw_signals, s);

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGUSR1, SIGHUP));
	for (int i = 0; i < 4; i++) {
		raise(SIGUSR1);
		raise(SIGHUP);
		note_next(s);
	}
	return 0;
}

START_TEST(numbers_that_keep_coming_take_turns)
{
	ck_assert_int_eq(run_signals(take_turns), 0);
	ck_assert_str_eq(noted, "1 USR1; 1 HUP; 1 USR1; 1 HUP; ");
}
END_TEST

static atomic_bool over;

static void *
storm(void *arg)
{
	(void)arg;
	while (!atomic_load(&over))
		kill(getpid(), SIGUSR1);
	return NULL;
}

static int
in_a_storm(void *arg)
{
	AW_AUTO(aw_signals, s);
	pthread_t thread;
	int number, n = 0;

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGUSR1, SIGHUP));
	atomic_store(&over, false);
	if (pthread_create(&thread, NULL, storm, NULL) != 0)
		return -EAGAIN;
	for (int i = 0; i < 1000; i++) {
		AW_TRY(aw_signals_next(s, &number));
		if (number == SIGUSR1)
			raise(SIGHUP);
		else
			n++;
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	note("%d", n > 400);
	return 0;
}

START_TEST(a_storm_of_one_hides_no_other)
{
	ck_assert_int_eq(run_signals(in_a_storm), 0);
	ck_assert_str_eq(noted, "1; ");
}
END_TEST

/* Closing races with handlers in another thread. */
static int
closes_in_a_storm(void *arg)
{
	pthread_t thread;

	(void)arg;
	signal(SIGUSR1, hear);
	atomic_store(&over, false);
	if (pthread_create(&thread, NULL, storm, NULL) != 0)
		return -EAGAIN;
	for (int i = 0; i < 500; i++) {
		AW_AUTO(aw_signals, s);

		AW_TRY(aw_signals_open(&s, SIGUSR1));
		AW_TRY(aw_yield());
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	signal(SIGUSR1, SIG_DFL);
	return 0;
}

START_TEST(opening_and_closing_amid_signals_is_safe)
{
	ck_assert_int_eq(run_signals(closes_in_a_storm), 0);
}
END_TEST

/* --- Whose they are ---------------------------------------------------- */

static int
one_owner(void *arg)
{
	AW_AUTO(aw_signals, s);
	AW_AUTO(aw_signals, t);

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGHUP));
	note("%s", name(aw_signals_open(&t, SIGUSR1, SIGUSR2, SIGHUP)));
	note("%s", aw_error()->message);
	note("%d", t == NULL);
	AW_TRY(aw_signals_open(&t, SIGUSR1, SIGUSR2));
	aw_signals_close(&s);
	note_open(SIGHUP);
	return 0;
}

START_TEST(a_signal_has_one_owner)
{
	ck_assert_int_eq(run_signals(one_owner), 0);
	ck_assert_str_eq(noted, "EBUSY; signal 1 is open already; 1; ok; ");
}
END_TEST

static int
unfit(void *arg)
{
	const int numbers[] = { 0, -1, 65, 32, SIGKILL, SIGSTOP, SIGSEGV,
				SIGPIPE };
	struct aw_signals *s;

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(numbers); i++)
		note_open(numbers[i]);
	note("%s", name(aw_signals_open_v(&s, numbers, 0)));
	note_open(SIGRTMIN);
	note_open(SIGRTMAX);
	return 0;
}

START_TEST(what_no_handler_can_serve_is_refused)
{
	ck_assert_int_eq(run_signals(unfit), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EINVAL; EINVAL; EINVAL; "
			 "EINVAL; EINVAL; EINVAL; EINVAL; ok; ok; ");
	ck_assert_int_eq(aw_signals_open(&(struct aw_signals *){ NULL },
					 SIGHUP), AW_EUSAGE);
}
END_TEST

static int
stop_signals(void *arg)
{
	(void)arg;
	note_open(SIGINT);
	note_open(SIGTERM);
	return 0;
}

START_TEST(those_of_aw_run_are_refused_while_it_has_them)
{
	forget_notes();
	ck_assert_int_eq(aw_run(stop_signals, NULL), 0);
	ck_assert_str_eq(noted, "EBUSY; EBUSY; ");
	ck_assert_ptr_nonnull(strstr(aw_error()->message, "no_signals"));
	ck_assert_int_eq(run_signals(stop_signals), 0);
	ck_assert_str_eq(noted, "ok; ok; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("signal");
	TCase *tcase = tcase_create("signal");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, signals_are_told_in_turn_and_once_for_several);
	tcase_add_test(tcase, a_task_that_waits_is_woken);
	tcase_add_test(tcase, an_interrupted_wait_loses_no_signal);
	tcase_add_test(tcase, numbers_that_keep_coming_take_turns);
	tcase_add_test(tcase, a_storm_of_one_hides_no_other);
	tcase_add_test(tcase, opening_and_closing_amid_signals_is_safe);
	tcase_add_test(tcase, a_signal_has_one_owner);
	tcase_add_test(tcase, what_no_handler_can_serve_is_refused);
	tcase_add_test(tcase, those_of_aw_run_are_refused_while_it_has_them);
	return suite_run(suite);
}
