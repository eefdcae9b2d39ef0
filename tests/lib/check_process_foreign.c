/* SPDX-License-Identifier: MIT */
/*
 * lib/process.c beside the rest of the program: its SIGCHLD, its wait(-1), its
 * fork() and its other threads.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ptrace.h>

#include "process_world.h"

/* --- The program's SIGCHLD --------------------------------------------- */

static volatile sig_atomic_t n_heard;

static void
hear(int number)
{
	(void)number;
	n_heard++;
}

static int
fails_and_runs(void *arg)
{
	AW_AUTO(aw_output, o);

	(void)arg;
	note("%s", name(aw_process_run(&o, AW_ARGV("/no/such"))));
	note("%d", (int)n_heard);
	AW_TRY(aw_process_run(&o, AW_ARGV("true")));
	note("%d", (int)n_heard);
	return 0;
}

START_TEST(the_programs_handler_is_called_for_what_was_executed)
{
	struct sigaction after;

	n_heard = 0;
	signal(SIGCHLD, hear);
	ck_assert_int_eq(run_world(fails_and_runs, NULL), 0);
	ck_assert_str_eq(noted, "ENOENT; 0; 1; ");
	sigaction(SIGCHLD, NULL, &after);
	ck_assert(after.sa_handler == hear);
	signal(SIGCHLD, SIG_DFL);
}
END_TEST

/* Linux 6.15 tells the status all the same. */
static int
robbed(void *arg)
{
	AW_AUTO(aw_process, p);
	int status = -1, r;

	(void)arg;
	AW_TRY(aw_process_start(&p, AW_ARGV("sh", "-c", "exit 3")));
	r = aw_process_wait(p, &status);
	note("%s", r == -ECHILD || (r == 0 && status == 3) ? "told" : name(r));
	AW_TRY(aw_process_close(&p));
	AW_TRY(start_ready(&p, STUBBORN, 0.05));
	AW_TRY(aw_process_close(&p));
	AW_TRY(start_ready(&p, STUBBORN, 0.05));
	return 0;
}

START_TEST(an_ignored_sigchld_stops_nothing)
{
	signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(run_world(robbed, NULL), 0);
	ck_assert_str_eq(noted, "told; ");
	signal(SIGCHLD, SIG_DFL);
}
END_TEST

static atomic_bool over;

static void *
robs(void *arg)
{
	(void)arg;
	while (!atomic_load(&over))
		if (waitpid(-1, NULL, WNOHANG) <= 0)
			usleep(100);
	return NULL;
}

START_TEST(a_thread_that_reaps_every_child_stops_nothing)
{
	pthread_t thread;

	atomic_store(&over, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, robs, NULL), 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(run_world(robbed, NULL), 0);
		ck_assert_str_eq(noted, "told; ");
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
}
END_TEST

/* --- A debugger -------------------------------------------------------- */

/* Holds a process, says so, and keeps it back, dead or alive, until it is
 * told to let go. */
static void
trace(pid_t pid, const int told[2], const int tell[2])
{
	char answer = ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ? 'n' : 'y';

	close(told[1]);
	close(tell[0]);
	aw_ignore(write(tell[1], &answer, 1) < 0);
	aw_ignore(read(told[0], &answer, 1) < 0);
	waitpid(pid, NULL, __WALL);
	_exit(0);
}

static int
traced(void *arg)
{
	int told[2], tell[2];
	char answer = 'n';
	pid_t tracer;
	AW_AUTO(aw_process, p);

	(void)arg;
	AW_TRY(aw_process_start(&p, FOREVER));
	AW_TRY(pipe2(told, O_CLOEXEC));
	AW_TRY(pipe2(tell, O_CLOEXEC));
	tracer = fork();
	if (tracer == 0)
		trace(aw_process_pid(p), told, tell);
	close(told[0]);
	close(tell[1]);
	aw_ignore(read(tell[0], &answer, 1) < 0);
	AW_TRY(aw_process_signal(p, SIGKILL));
	{
		AW_TIMEOUT(answer == 'y' ? 0.1 : 0);
		note_status(p);
	}
	close(told[1]);
	note_status(p);
	close(tell[0]);
	waitpid(tracer, NULL, 0);
	return 0;
}

START_TEST(a_process_that_a_debugger_holds_is_waited_for)
{
	ck_assert_int_eq(run_world(traced, NULL), 0);
	ck_assert_str_eq(noted, "ETIME 0; ok -9; ");
}
END_TEST

/* --- Another process, another thread ----------------------------------- */

static int
in_the_child(struct aw_process *p, const char *script)
{
	int n = n_descriptors();

	if (aw_process_wait(p, NULL) != AW_EFORK ||
	    aw_process_signal(p, SIGKILL) != AW_EFORK)
		return 1;
	if (aw_process_start(&p, AW_ARGV("sh", "-c", script)) >= 0)
		return 2;
	aw_process_abort(&p);
	return n_descriptors() < n ? 0 : 3;
}

static int
forks(void *arg)
{
	AW_AUTO(aw_process, p);
	int status = -1;
	pid_t pid;

	(void)arg;
	AW_TRY(start_ready(&p, POLITE, 600));
	pid = fork();
	if (pid == 0)
		_exit(in_the_child(p, "exit 0"));
	waitpid(pid, &status, 0);
	note("%d", status);
	note("%s", name(aw_process_signal(p, 0)));
	AW_TRY(aw_process_signal(p, SIGTERM));
	note_status(p);
	return 0;
}

START_TEST(a_child_of_fork_cannot_touch_the_process)
{
	ck_assert_int_eq(run_world(forks, NULL), 0);
	ck_assert_str_eq(noted, "0; ok; ok 7; ");
}
END_TEST

static void *
elsewhere(void *arg)
{
	struct aw_process *p = arg;

	note("%s", name(aw_process_signal(p, SIGKILL)));
	note("%s", name(aw_process_wait(p, NULL)));
	aw_process_abort(&p);
	return NULL;
}

static int
other_thread(void *arg)
{
	struct aw_process *p;
	struct aw_process *handle;
	AW_GROUP(group);
	pthread_t thread;

	(void)arg;
	AW_TRY(start_ready(&p, POLITE, 600));
	AW_TRY(aw_go(&group, note_status, p));
	let_others_run();
	handle = p;
	if (pthread_create(&thread, NULL, elsewhere, handle) != 0)
		return -EAGAIN;
	pthread_join(thread, NULL);
	return aw_group_wait(&group);
}

START_TEST(another_thread_is_refused_and_its_abort_comes_over)
{
	ck_assert_int_eq(run_world(other_thread, NULL), 0);
	ck_assert_str_eq(noted, "EUSAGE; EUSAGE; ok 7; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process_foreign");
	TCase *tcase = tcase_create("process_foreign");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase,
		       the_programs_handler_is_called_for_what_was_executed);
	tcase_add_test(tcase, an_ignored_sigchld_stops_nothing);
	tcase_add_test(tcase, a_thread_that_reaps_every_child_stops_nothing);
	tcase_add_test(tcase, a_process_that_a_debugger_holds_is_waited_for);
	tcase_add_test(tcase, a_child_of_fork_cannot_touch_the_process);
	tcase_add_test(tcase,
		       another_thread_is_refused_and_its_abort_comes_over);
	return suite_run(suite);
}
