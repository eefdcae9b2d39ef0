/* SPDX-License-Identifier: MIT */
/* lib/signal.c: giving signals back; other processes, threads and loops. */
#include <ev.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <await/driver.h>

#include "failmalloc.h"
#include "signal_world.h"

/* --- Giving back ------------------------------------------------------- */

static void
other(int number)
{
	(void)number;
}

static int
gives_back(void *arg)
{
	AW_AUTO(aw_signals, s);

	(void)arg;
	signal(SIGHUP, hear);
	signal(SIGUSR1, SIG_IGN);
	AW_TRY(aw_signals_open(&s, SIGHUP, SIGUSR1, SIGUSR2));
	raise(SIGHUP);
	signal(SIGUSR2, other);
	aw_signals_close(&s);
	aw_signals_close(&s);
	note("%d %d", n_heard, handler_of(SIGHUP) == (void *)hear);
	note("%d", handler_of(SIGUSR1) == (void *)SIG_IGN);
	note("%d", handler_of(SIGUSR2) == (void *)other);
	raise(SIGHUP);
	note("%d", n_heard);
	return 0;
}

START_TEST(what_was_there_comes_back_unless_it_was_replaced)
{
	n_heard = 0;
	ck_assert_int_eq(run_signals(gives_back), 0);
	ck_assert_str_eq(noted, "0 1; 1; 1; 1; ");
	signal(SIGHUP, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}
END_TEST

static struct aw_signals *kept;

static int
forgets(void *arg)
{
	(void)arg;
	signal(SIGHUP, hear);
	return aw_signals_open(&kept, SIGHUP);
}

START_TEST(the_end_of_the_loop_gives_them_back)
{
	int number;

	ck_assert_int_eq(run_signals(forgets), 0);
	ck_assert(handler_of(SIGHUP) == (void *)hear);
	ck_assert_int_eq(aw_signals_next(kept, &number), AW_ECLOSED);
	aw_signals_close(&kept);
	signal(SIGHUP, SIG_DFL);
}
END_TEST

static int
closed_under_a_waiter(void *arg)
{
	struct aw_signals *s;
	struct aw_task *task;

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGHUP));
	task = aw_spawn("waiter", next_task, s);
	let_others_run();
	aw_signals_close(&s);
	return aw_join(task, NULL);
}

START_TEST(who_waits_for_signals_that_are_closed_is_told)
{
	ck_assert_int_eq(run_signals(closed_under_a_waiter), 0);
	ck_assert_str_eq(noted, "ECLOSED; ");
}
END_TEST

/* --- Other processes, threads and loops -------------------------------- */

static int
in_the_child(struct aw_signals *s)
{
	int number;

	if (handler_of(SIGHUP) != (void *)SIG_IGN)
		return 1;
	if (aw_signals_next(s, &number) != AW_EFORK)
		return 2;
	raise(SIGHUP);
	aw_signals_close(&s);
	return s ? 3 : 0;
}

static int
forks(void *arg)
{
	AW_AUTO(aw_signals, s);
	int status = -1;
	pid_t pid;

	(void)arg;
	signal(SIGHUP, SIG_IGN);
	AW_TRY(aw_signals_open(&s, SIGHUP));
	pid = fork();
	if (pid == 0)
		_exit(in_the_child(s));
	waitpid(pid, &status, 0);
	note("%d", status);
	note_none(s);
	raise(SIGHUP);
	note_next(s);
	return 0;
}

START_TEST(a_child_of_fork_has_the_former_dispositions)
{
	ck_assert_int_eq(run_signals(forks), 0);
	ck_assert_str_eq(noted, "0; ETIME; 1 HUP; ");
	signal(SIGHUP, SIG_DFL);
}
END_TEST

static int
in_a_guest(void *arg)
{
	AW_AUTO(aw_signals, s);

	(void)arg;
	note("%d %d", handler_of(SIGHUP) == (void *)SIG_IGN,
	     handler_of(SIGINT) == (void *)hear);
	AW_TRY(aw_signals_open(&s, SIGHUP, SIGINT));
	raise(SIGINT);
	note_next(s);
	return 0;
}

START_TEST(an_embedded_loop_touches_only_what_was_opened)
{
	struct ev_loop *ev = ev_loop_new(0);
	struct aw_loop *loop;

	forget_notes();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, hear);
	ck_assert_int_eq(aw_attach(ev, &loop), 0);
	start("guest", in_a_guest, NULL);
	ev_run(ev, 0);
	ck_assert_str_eq(noted, "1 1; 1 INT; ");
	ck_assert(handler_of(SIGINT) == (void *)hear);
	ck_assert_int_eq(aw_detach(loop, 1), 0);
	ev_loop_destroy(ev);
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
}
END_TEST

static void *
elsewhere(void *signals)
{
	int number, r = aw_signals_next(signals, &number);

	note("%s", name(r));
	aw_signals_close((struct aw_signals *[]){ signals });
	return NULL;
}

static int
other_thread(void *arg)
{
	struct aw_signals *s;
	struct aw_task *task;
	pthread_t thread;

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGHUP));
	task = aw_spawn("waiter", next_task, s);
	let_others_run();
	if (pthread_create(&thread, NULL, elsewhere, s) != 0)
		return -EAGAIN;
	pthread_join(thread, NULL);
	return aw_join(task, NULL);
}

START_TEST(another_thread_is_refused_and_its_close_comes_over)
{
	ck_assert_int_eq(run_signals(other_thread), 0);
	ck_assert_str_eq(noted, "EUSAGE; ECLOSED; ");
}
END_TEST

/* --- Faults ------------------------------------------------------------ */

static int
refused(void *arg)
{
	struct rlimit usual, none;
	unsigned long n;

	(void)arg;
	signal(SIGHUP, SIG_DFL);	/* nohup ignores it */
	getrlimit(RLIMIT_NOFILE, &usual);
	none = usual;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	note_open(SIGHUP);
	setrlimit(RLIMIT_NOFILE, &usual);
	for (n = 0; n < 20; n++) {
		AW_AUTO(aw_signals, s);
		int r;

		fail_from(n);
		r = aw_signals_open(&s, SIGHUP);
		if (!fail_stop())
			break;
		note("%s", name(r));
	}
	note("%d", handler_of(SIGHUP) == NULL);
	return 0;
}

START_TEST(without_descriptors_or_memory_nothing_is_taken)
{
	ck_assert_int_eq(run_signals(refused), 0);
	ck_assert_str_eq(noted, "EMFILE; ENOMEM; ENOMEM; 1; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("signal_end");
	TCase *tcase = tcase_create("signal_end");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase,
		       what_was_there_comes_back_unless_it_was_replaced);
	tcase_add_test(tcase, the_end_of_the_loop_gives_them_back);
	tcase_add_test(tcase, who_waits_for_signals_that_are_closed_is_told);
	tcase_add_test(tcase, a_child_of_fork_has_the_former_dispositions);
	tcase_add_test(tcase, an_embedded_loop_touches_only_what_was_opened);
	tcase_add_test(tcase,
		       another_thread_is_refused_and_its_close_comes_over);
	tcase_add_test(tcase, without_descriptors_or_memory_nothing_is_taken);
	return suite_run(suite);
}
