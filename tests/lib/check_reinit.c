/* SPDX-License-Identifier: MIT */
/*
 * lib/fork.c, aw_reinit(): a child that comes back from the task which
 * forked, one that runs a loop of its own, and a fork amid everything.
 */
#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <await/driver.h>

#include "child.h"
#include "switch.h"

/* ThreadSanitizer forbids threads after fork(), takes each stack for a thread
 * and keeps signals to itself. AddressSanitizer's allocator keeps the locks
 * that other threads held. */
#if defined(AW__TSAN)
static const int children_can = 0;	/* wait and end */
#elif defined(AW__ASAN)
static const int children_can = 1;	/* run, if nothing else ran */
#else
static const int children_can = 2;
#endif

static pid_t parent;
static int others;		/* tasks of the parent that ran in a child */

static void
setup(void)
{
	forget_notes();
	parent = getpid();
	others = 0;
}

static bool
is_child(void)
{
	return getpid() != parent;
}

static int
counts_children(void *arg)
{
	(void)arg;
	for (;;) {
		others += is_child();
		AW_TRY(aw_sleep(0.001));
	}
}

/* How the child of the last fork ended: its code, or -1. */
static int
reap(void)
{
	int status = 0;

	if (wait(&status) < 0)
		return -2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- Coming back ------------------------------------------------------- */

static void
counts_post(void *arg)
{
	(void)arg;
	others += is_child();
}

/* Everything else on the loop is ready to run when it forks. */
static int
forks(void *arg)
{
	struct aw_event event = { 0 };

	start("other", counts_children, NULL);
	AW_TRY(aw_yield());
	start("new", counts_children, NULL);
	AW_TRY(aw_post(aw_loop_here(), counts_post, NULL));
	aw_event_set(&event);
	if (fork() == 0)
		return arg ? -EDOM : 9;
	note("child %d", reap());
	return 4;
}

static void
ends_child(int r, int wanted)
{
	if (!is_child())
		return;
	_exit(r == wanted && others == 0 && !aw_loop_here() ? 0 : 1);
}

START_TEST(a_child_that_returns_from_main_leaves_aw_run_with_its_value)
{
	int r = aw_run(forks, NULL);

	ends_child(r, 9);
	ck_assert_int_eq(r, 4);
	ck_assert_str_eq(noted, "child 0; ");
	r = aw_run(forks, "");
	ends_child(r, -EDOM);
	ck_assert_int_eq(r, 4);
}
END_TEST

static int
forks_elsewhere(void *arg)
{
	struct aw_task *task = aw_spawn("forks", forks, NULL);

	(void)arg;
	AW_TRY(aw_join(task, NULL));
	return 4;
}

START_TEST(a_child_that_returns_from_another_task_leaves_with_efork)
{
	int r = aw_run(forks_elsewhere, NULL);

	ends_child(r, AW_EFORK);
	ck_assert_int_eq(r, 4);
	ck_assert_str_eq(noted, "child 0; ");
}
END_TEST

static int
works(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(0.001));
	return 7;
}

START_TEST(a_child_that_came_back_runs_a_loop_of_its_own)
{
	int r = aw_run(forks, NULL);

	if (is_child())
		_exit(r == 9 && aw_reinit() == 0 && aw_run(works, NULL) == 7
		      ? 0 : 1);
	ck_assert_str_eq(noted, "child 0; ");
}
END_TEST

static int
starts_nothing(void *arg)
{
	struct aw_loop *loop = aw_loop_here();

	(void)arg;
	if (fork() == 0) {
		if (aw_spawn("x", works, NULL) || aw_error()->code != AW_EFORK)
			_exit(1);
		if (aw_post(loop, counts_post, NULL) != AW_EFORK)
			_exit(2);
		if (aw_spawn_on(loop, "x", works, NULL) != AW_EFORK)
			_exit(3);
		_exit(0);
	}
	note("child %d", reap());
	return 0;
}

START_TEST(an_inherited_loop_takes_neither_tasks_nor_posts)
{
	ck_assert_int_eq(aw_run(starts_nothing, NULL), 0);
	ck_assert_str_eq(noted, "child 0; ");
}
END_TEST

/* --- Signals ----------------------------------------------------------- */

static int
child_gets_a_signal(void *arg)
{
	int status = 0;
	pid_t pid;

	(void)arg;
	pid = fork();
	if (pid == 0) {
		raise(SIGTERM);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	note("%d %d", WIFSIGNALED(status), aw_stopping());
	return 0;
}

START_TEST(a_signal_finds_the_former_disposition)
{
	ck_assert_int_eq(aw_run(child_gets_a_signal, NULL), 0);
	ck_assert_str_eq(noted, "1 0; ");
}
END_TEST

static int
is_stopped(void *arg)
{
	(void)arg;
	raise(SIGTERM);
	return aw_stop_wait();
}

static int
child_has_signals(void *arg)
{
	(void)arg;
	if (fork() == 0) {
		aw_ignore(aw_reinit());
		_exit(aw_run(is_stopped, NULL, .grace = AW_FOREVER) == 0
		      ? 0 : 1);
	}
	note("child %d", reap());
	return aw_stopping();
}

START_TEST(the_childs_own_loop_has_the_signals)
{
	ck_assert_int_eq(aw_run(child_has_signals, NULL), 0);
	ck_assert_str_eq(noted, "child 0; ");
}
END_TEST

/* --- aw_reinit() ------------------------------------------------------- */

static int
is_no_child(void *arg)
{
	(void)arg;
	note("%s", name(aw_reinit()));
	return aw_sleep(0.001);
}

START_TEST(the_process_that_runs_the_loop_keeps_it)
{
	ck_assert_int_eq(aw_reinit(), 0);
	ck_assert_int_eq(aw_run(is_no_child, NULL), 0);
	ck_assert_str_eq(noted, "EUSAGE; ");
}
END_TEST

/* Waits on descriptors and helper threads, as the parent did. */
static int
uses_all(void *arg)
{
	AW_AUTO(aw_addresses, addresses);
	struct aw_thread_event event = { 0 };
	int fd[2], *inherited = arg;
	char byte;

	close(inherited[0]);
	close(inherited[1]);
	if (pipe(fd) < 0)
		return -errno;
	AW_TRY(aw_wait_fd(fd[1], AW_FD_WRITE));
	if (write(fd[1], "x", 1) != 1)
		return -EIO;
	AW_TRY(aw_wait_fd(fd[0], AW_FD_READ));
	if (read(fd[0], &byte, 1) != 1)
		return -EIO;
	AW_TRY(aw_resolve(&addresses, "127.0.0.1", 80));
	AW_TRY(aw_offload(works, NULL) == AW_EUSAGE ? 0 : -EIO);
	aw_thread_event_set(&event);
	AW_TRY(aw_thread_event_wait(&event));
	return aw_sleep(0.001);
}

static int
waits_for_pair(void *arg)
{
	int *fd = arg;
	char byte = 0;

	AW_TRY(aw_wait_fd(fd[0], AW_FD_READ));
	note("got %d", (int)read(fd[0], &byte, 1));
	return 0;
}

/* The child closes its ends and uses the same numbers anew: had it spoken to
 * the parent's epoll, the parent would never wake. */
static int
forks_workers(void *arg)
{
	struct aw_task *task;
	int fd[2];

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		return -errno;
	task = aw_spawn("waits", waits_for_pair, fd);
	AW_TRY(aw_sleep(0.001));
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			AW_TRY(aw_reinit());
			_exit(aw_run(uses_all, fd) == 0 ? 0 : 1);
		}
		note("child %d", reap());
	}
	AW_TRY(aw_sleep(0.001));
	if (write(fd[1], "x", 1) != 1)
		return -EIO;
	AW_TRY(aw_join(task, NULL));
	return 0;
}

START_TEST(workers_run_their_loops_and_the_parents_goes_on)
{
	ck_assert_int_eq(aw_run(forks_workers, NULL), 0);
	ck_assert_str_eq(noted, "child 0; child 0; child 0; got 1; ");
}
END_TEST

static int
returns_after_all(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, counts_children, NULL));
	AW_TRY(aw_yield());
	if (fork() == 0) {
		AW_TIMEOUT(10);
		AW_TRY(aw_reinit());
		return aw_run(works, NULL) + 2;
	}
	note("child %d", reap());
	aw_group_stop(&group);
	return aw_group_wait(&group);
}

START_TEST(after_its_own_loop_a_child_may_return_from_the_task)
{
	int r = aw_run(returns_after_all, NULL);

	ends_child(r, 9);
	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(noted, "child 0; ");
}
END_TEST

/* --- An application's loop --------------------------------------------- */

START_TEST(a_child_of_an_embedded_loop_attaches_anew)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct aw_loop *loop;

	ck_assert_int_eq(aw_attach(ev, &loop), 0);
	start("works", works, NULL);
	ev_run(ev, 0);
	if (fork() == 0) {
		ev_loop_fork(ev);
		if (aw_reinit() != 0 || aw_attach(ev, &loop) != 0)
			_exit(1);
		start("works", works, NULL);
		ev_run(ev, 0);
		_exit(aw_detach(loop, 1) == 0 ? 0 : 2);
	}
	ck_assert_int_eq(reap(), 0);
	if (fork() == 0)
		_exit(aw_detach(loop, 1) == 0 && !aw_loop_here() ? 0 : 1);
	ck_assert_int_eq(reap(), 0);
	start("works", works, NULL);
	ev_run(ev, 0);
	ck_assert_int_eq(aw_detach(loop, 1), 0);
	ev_loop_destroy(ev);
}
END_TEST

/* --- Amid everything --------------------------------------------------- */

static atomic_bool over;
static struct aw_thread_event flips;

static int
nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int
is_busy(void *arg)
{
	struct aw_loop *here = aw_loop_here();

	(void)arg;
	for (int i = 0; i < 20; i++) {
		AW_TRY(aw_offload(nothing, NULL));
		AW_TRY(aw_spawn_on(here, "nothing", nothing, NULL));
		aw_thread_event_set(&flips);
		AW_TRY(aw_thread_event_wait(&flips));
	}
	return 0;
}

static void *
makes_noise(void *arg)
{
	while (!atomic_load(&over))
		if (aw_run(is_busy, NULL) != 0)
			return "failed";
	return arg;
}

/* Other threads hold whatever lock there is at some of these moments. */
START_TEST(a_fork_amid_the_work_of_other_threads_hurts_nobody)
{
	pthread_t threads[3];
	void *failed = NULL;

	atomic_store(&over, false);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						makes_noise, NULL), 0);
	for (int i = 0; i < 100; i++) {
		if (fork() == 0)
			_exit(aw_run(is_busy, NULL) == 0 ? 0 : 1);
		ck_assert_int_eq(reap(), 0);
	}
	atomic_store(&over, true);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
}
END_TEST

static struct aw_thread_event met[3];

static int
forks_in_a_thread(void *arg)
{
	int index = aw_thread_index(), r;

	(void)arg;
	aw_thread_event_set(&met[index]);
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_thread_event_wait(&met[i]));
	if (index != 0)
		return is_busy(NULL);
	if (fork() == 0)
		return 9;
	r = reap();
	return r == 0 ? 4 : -EIO;
}

START_TEST(a_thread_of_several_may_fork)
{
	int r;

	memset(met, 0, sizeof met);
	r = aw_run_threads(3, forks_in_a_thread, NULL);
	ends_child(r, 9);
	ck_assert_int_eq(r, 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("reinit");
	TCase *back = tcase_create("back"), *anew = tcase_create("anew");

	tcase_add_checked_fixture(back, setup, NULL);
	tcase_add_checked_fixture(anew, setup, NULL);
	suite_add_tcase(suite, back);
	suite_add_tcase(suite, anew);
	tcase_add_test(back, an_inherited_loop_takes_neither_tasks_nor_posts);
	tcase_add_test(anew, the_process_that_runs_the_loop_keeps_it);
	if (children_can < 1)
		return suite_run(suite);
	tcase_add_test(
	    back, a_child_that_returns_from_main_leaves_aw_run_with_its_value);
	tcase_add_test(
	    back, a_child_that_returns_from_another_task_leaves_with_efork);
	tcase_add_test(back, a_child_that_came_back_runs_a_loop_of_its_own);
	tcase_add_test(back, a_signal_finds_the_former_disposition);
	tcase_add_test(anew, the_childs_own_loop_has_the_signals);
	tcase_add_test(anew, workers_run_their_loops_and_the_parents_goes_on);
	tcase_add_test(anew,
		       after_its_own_loop_a_child_may_return_from_the_task);
	tcase_add_test(anew, a_child_of_an_embedded_loop_attaches_anew);
	if (children_can < 2)
		return suite_run(suite);
	tcase_add_test(anew,
		       a_fork_amid_the_work_of_other_threads_hurts_nobody);
	tcase_add_test(anew, a_thread_of_several_may_fork);
	return suite_run(suite);
}
