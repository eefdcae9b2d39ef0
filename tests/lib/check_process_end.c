/* SPDX-License-Identifier: MIT */
/*
 * lib/process.c: asked, killed, reaped, by whomever; and what the program's
 * own SIGCHLD, wait(-1) and fork() have to do with it.
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "process_world.h"

/* --- Close ------------------------------------------------------------- */

static int
closes(const char *const argv[], double grace)
{
	struct aw_process *p;
	AW_GROUP(group);

	AW_TRY(start_ready(&p, argv, grace));
	AW_TRY(aw_go(&group, note_status, p));
	let_others_run();
	note("%s", name(aw_process_close(&p)));
	note("%d", p == NULL);
	note("%s", name(aw_process_close(&p)));
	return aw_group_wait(&group);
}

static int
asks_first(void *arg)
{
	(void)arg;
	return closes(POLITE, 600);
}

static int
then_kills(void *arg)
{
	(void)arg;
	return closes(STUBBORN, 0.05);
}

static int
kills_at_once(void *arg)
{
	(void)arg;
	return closes(POLITE, AW_NONE);
}

START_TEST(a_process_that_listens_ends_by_itself)
{
	ck_assert_int_eq(run_world(asks_first, NULL), 0);
	ck_assert_str_eq(noted, "ok 7; ok; 1; ok; ");
}
END_TEST

START_TEST(one_that_does_not_is_killed)
{
	ck_assert_int_eq(run_world(then_kills, NULL), 0);
	ck_assert_str_eq(noted, "ok -9; ok; 1; ok; ");
	ck_assert_int_eq(run_world(kills_at_once, NULL), 0);
	ck_assert_str_eq(noted, "ok -9; ok; 1; ok; ");
}
END_TEST

static int
closes_late(void *arg)
{
	AW_AUTO(aw_process, p);

	(void)arg;
	AW_TRY(aw_process_start(&p, AW_ARGV("true")));
	note_status(p);
	note("%d", waitpid(aw_process_pid(p), NULL, WNOHANG));
	note("%s", name(aw_process_close(&p)));
	return 0;
}

START_TEST(one_that_has_ended_was_reaped_and_is_closed_at_once)
{
	ck_assert_int_eq(run_world(closes_late, NULL), 0);
	ck_assert_str_eq(noted, "ok 0; -1; ok; ");
}
END_TEST

static int
close_task(void *arg)
{
	struct aw_process **p = arg;
	int r = aw_process_close(p);

	note("%s %s %d", name(r), r < 0 ? aw_cancel_reason() : "", *p == NULL);
	return 0;
}

static int
interrupted_close(void *arg)
{
	struct aw_process *p, *q;
	struct aw_task *task;
	int r;

	(void)arg;
	AW_TRY(start_ready(&p, STUBBORN, 0.05));
	AW_TRY(start_ready(&q, STUBBORN, 0.05));
	task = aw_spawn("closer", close_task, &p);
	let_others_run();
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, NULL));
	AW_TIMEOUT(0);
	r = aw_process_close(&q);
	note("%s %d", name(r), q == NULL);
	return 0;
}

START_TEST(an_interrupted_close_goes_on_without_its_caller)
{
	ck_assert_int_eq(run_world(interrupted_close, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED test 1; ETIME 1; ");
}
END_TEST

static int
reads_forever(void *arg)
{
	struct aw_bytes bytes;

	note("%s", name(aw_stream_chunk(aw_process_out(arg), &bytes)));
	return 0;
}

static int
closed_under_a_reader(void *arg)
{
	struct aw_process *p;
	AW_GROUP(group);

	(void)arg;
	AW_TRY(start_ready(&p, POLITE, 600));
	AW_TRY(aw_go(&group, reads_forever, p));
	let_others_run();
	note("%s", name(aw_process_close(&p)));
	return aw_group_wait(&group);
}

START_TEST(who_reads_from_a_process_that_is_closed_is_told)
{
	ck_assert_int_eq(run_world(closed_under_a_reader, NULL), 0);
	ck_assert_str_eq(noted, "ECLOSED; ok; ");
}
END_TEST

/* --- Abort, and the end of the loop ------------------------------------ */

static int
leaves_a_block(void *arg)
{
	double *grace = arg;
	AW_AUTO(aw_process, p);

	AW_TRY(start_ready(&p, STUBBORN, *grace));
	note("left");
	return 0;
}

START_TEST(leaving_the_block_ends_the_process_before_the_loop_ends)
{
	double grace = 0.05;

	ck_assert_int_eq(run_world(leaves_a_block, &grace), 0);
	ck_assert_str_eq(noted, "left; ");
}
END_TEST

START_TEST(the_loop_does_not_wait_longer_than_its_own_grace)
{
	double grace = AW_FOREVER;

	forget_notes();
	ck_assert_int_eq(aw_run(leaves_a_block, &grace, .no_signals = true,
				.grace = 0.05), 0);
	ck_assert(no_children());
	ck_assert_str_eq(noted, "left; ");
}
END_TEST

static int
leaks(void *arg)
{
	struct aw_process **ret = arg;

	return start_ready(ret, STUBBORN, 0.05);
}

START_TEST(a_forgotten_process_is_ended_with_the_loop)
{
	struct aw_process *p = NULL;

	ck_assert_int_eq(aw_run(leaks, &p, .no_signals = true), 0);
	ck_assert(no_children());
	ck_assert_int_eq(aw_process_signal(p, 0), AW_ECLOSED);
	ck_assert_int_eq(aw_process_wait(p, NULL), AW_ECLOSED);
	ck_assert_int_gt(aw_process_pid(p), 0);
	aw_process_abort(&p);
	ck_assert_ptr_null(p);
}
END_TEST

static int
cancelled_amid(void *arg)
{
	AW_AUTO(aw_process, p);

	AW_TRY(start_ready(&p, STUBBORN, 0.05));
	*(bool *)arg = true;
	return aw_process_wait(p, NULL);
}

static int
cancels(void *arg)
{
	bool runs = false;
	struct aw_task *task = aw_spawn("victim", cancelled_amid, &runs);
	int status;

	(void)arg;
	while (!runs)
		AW_TRY(aw_sleep(0.001));
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, &status));
	note("%s", name(status));
	return 0;
}

START_TEST(a_cancelled_task_takes_its_process_with_it)
{
	ck_assert_int_eq(run_world(cancels, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ");
}
END_TEST

/* --- Groups ------------------------------------------------------------ */

static bool
groups_outlive_leaders(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	bool yes = syscall(SYS_pidfd_send_signal, fd, 0, NULL, 4) == 0;

	close(fd);
	return yes;
}

/* Every member has the pipe; it ends with the last of them. */
static int
group(void *arg)
{
	const char *script = arg;
	int ends[2];
	char byte;
	AW_AUTO(aw_process, p);

	AW_TRY(pipe2(ends, O_CLOEXEC));
	AW_TRY(aw_process_start(&p, AW_ARGV("sh", "-c", script),
				.fds = &ends[1], .n_fds = 1, .out = AW_PIPE,
				.new_group = true));
	close(ends[1]);
	AW_TRY(await_ready(p));
	if (strstr(script, "exit"))
		AW_TRY(aw_process_wait(p, NULL));
	AW_TRY(aw_process_close(&p));
	note("%zd", read(ends[0], &byte, 1));
	close(ends[0]);
	return 0;
}

START_TEST(a_group_ends_with_its_leader)
{
	char waits[] = "sleep 1000 & echo ready; wait";
	char exits[] = "sleep 1000 & echo ready; exit 0";

	ck_assert_int_eq(run_world(group, waits), 0);
	ck_assert_str_eq(noted, "0; ");
	if (!groups_outlive_leaders())
		return;
	ck_assert_int_eq(run_world(group, exits), 0);
	ck_assert_str_eq(noted, "0; ");
}
END_TEST

/* --- Many -------------------------------------------------------------- */

static int n_right;

static int
one_of_many(void *arg)
{
	AW_AUTO(aw_output, o);
	char text[32];

	snprintf(text, sizeof text, "echo %d", *(int *)arg);
	AW_TRY(aw_process_run(&o, AW_ARGV("sh", "-c", text)));
	n_right += atoi(o->out.data) == *(int *)arg && o->status == 0;
	return 0;
}

static int
many(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	n_right = 0;
	for (int i = 0; i < 200; i++)
		AW_TRY(aw_go_copy(&group, one_of_many, &i));
	return aw_group_wait(&group);
}

START_TEST(two_hundred_at_once)
{
	ck_assert_int_eq(run_world(many, NULL), 0);
	ck_assert_int_eq(n_right, 200);
}
END_TEST

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

static volatile bool over;

static void *
robs(void *arg)
{
	(void)arg;
	while (!over)
		if (waitpid(-1, NULL, WNOHANG) <= 0)
			usleep(100);
	return NULL;
}

START_TEST(a_thread_that_reaps_every_child_stops_nothing)
{
	pthread_t thread;

	over = false;
	ck_assert_int_eq(pthread_create(&thread, NULL, robs, NULL), 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(run_world(robbed, NULL), 0);
		ck_assert_str_eq(noted, "told; ");
	}
	over = true;
	pthread_join(thread, NULL);
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
	Suite *suite = suite_create("process_end");
	TCase *tcase = tcase_create("process_end");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, a_process_that_listens_ends_by_itself);
	tcase_add_test(tcase, one_that_does_not_is_killed);
	tcase_add_test(tcase,
		       one_that_has_ended_was_reaped_and_is_closed_at_once);
	tcase_add_test(tcase, an_interrupted_close_goes_on_without_its_caller);
	tcase_add_test(tcase, who_reads_from_a_process_that_is_closed_is_told);
	tcase_add_test(tcase,
		       leaving_the_block_ends_the_process_before_the_loop_ends);
	tcase_add_test(tcase, the_loop_does_not_wait_longer_than_its_own_grace);
	tcase_add_test(tcase, a_forgotten_process_is_ended_with_the_loop);
	tcase_add_test(tcase, a_cancelled_task_takes_its_process_with_it);
	tcase_add_test(tcase, a_group_ends_with_its_leader);
	tcase_add_test(tcase, two_hundred_at_once);
	tcase_add_test(tcase,
		       the_programs_handler_is_called_for_what_was_executed);
	tcase_add_test(tcase, an_ignored_sigchld_stops_nothing);
	tcase_add_test(tcase, a_thread_that_reaps_every_child_stops_nothing);
	tcase_add_test(tcase, a_child_of_fork_cannot_touch_the_process);
	tcase_add_test(tcase,
		       another_thread_is_refused_and_its_abort_comes_over);
	return suite_run(suite);
}
