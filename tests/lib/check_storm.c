/* SPDX-License-Identifier: MIT */
/*
 * What the system may do to a process: a storm of signals, a suspension, a
 * start without standard descriptors. Everything goes on, in its order.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <await/offload.h>
#include <await/sync.h>

#include "child.h"

/* --- A storm ----------------------------------------------------------- */

#define SIGNALS 300

static volatile sig_atomic_t n_signals;
static int sides[2];

static void
on_alarm(int number)
{
	(void)number;
	n_signals++;
}

/* Without SA_RESTART every system call that may be interrupted is. */
static void
storm(int microseconds)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval every = { { 0, microseconds }, { 0, microseconds } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static int
is_over(void)
{
	return n_signals >= SIGNALS;
}

static int
sleeps(void *arg)
{
	(void)arg;
	while (!is_over())
		AW_TRY(aw_sleep(0.001));
	return 0;
}

/* What comes, and what is sent, is a byte at a time, in turn. */
static int
echoes(void *arg)
{
	int side = *(int *)arg;
	char c = 0;

	while (!is_over()) {
		if (side == 0 && write(sides[0], &c, 1) != 1)
			return -errno;
		do {
			AW_TIMEOUT(30);
			int r = aw_wait_fd(sides[side], AW_FD_READ);

			AW_TRY(r);
		} while (read(sides[side], &c, 1) != 1 && errno == EAGAIN);
		if (side == 1 && write(sides[1], &c, 1) != 1)
			return -errno;
	}
	/* The other one may wait for its last byte. */
	return write(sides[side], &c, 1) == 1 ? 0 : -errno;
}

static int
nothing(void *arg)
{
	usleep(500);
	return (int)(intptr_t)arg;
}

static int
offloads(void *arg)
{
	(void)arg;
	while (!is_over())
		if (aw_offload(nothing, (void *)7) != 7)
			return -EIO;
	return 0;
}

static int
in_the_storm(void *arg)
{
	int first = 0, second = 1;
	AW_GROUP(group);

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       sides) < 0)
		return -errno;
	storm(500);
	AW_TRY(aw_go(&group, sleeps, NULL));
	AW_TRY(aw_go(&group, echoes, &first));
	AW_TRY(aw_go(&group, echoes, &second));
	AW_TRY(aw_go(&group, offloads, NULL));
	AW_TRY(aw_group_wait(&group));
	storm(0);
	close(sides[0]);
	close(sides[1]);
	return 0;
}

START_TEST(a_storm_of_signals_interrupts_nothing)
{
	ck_assert_int_eq(aw_run(in_the_storm, NULL), 0);
	ck_assert_int_ge(n_signals, SIGNALS);
}
END_TEST

/* --- A suspension ------------------------------------------------------ */

static int told[2];
static int order;

static int
naps(void *arg)
{
	int number = *(int *)arg;

	AW_TRY(aw_sleep(0.05 * number));
	return ++order == number ? 0 : -EINVAL;
}

static int
is_suspended(void *arg)
{
	int numbers[] = { 1, 2, 3 };
	AW_GROUP(group);

	(void)arg;
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_go(&group, naps, &numbers[i]));
	AW_TRY(aw_yield());
	if (write(told[1], "x", 1) != 1)
		return -errno;
	return aw_group_wait(&group);
}

START_TEST(a_suspended_process_goes_on_where_it_was)
{
	int status;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(told), 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(aw_run(is_suspended, NULL) == 0 ? 0 : 1);
	ck_assert_int_eq(read(told[0], &c, 1), 1);
	kill(pid, SIGSTOP);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	if (WIFSTOPPED(status)) {	/* else it was faster */
		usleep(300000);		/* all its timers are late */
		kill(pid, SIGCONT);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	}
	ck_assert(ended(status, 0));
}
END_TEST

/* --- Without standard descriptors -------------------------------------- */

static int
uses_descriptors(void *arg)
{
	int item;

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       sides) < 0)
		return -errno;
	AW_TRY(aw_sleep(0.001));
	if (aw_offload(nothing, (void *)7) != 7)
		return -EIO;
	if (write(sides[1], "x", 1) != 1)
		return -errno;
	item = aw_wait_fd(sides[0], AW_FD_READ);
	return item == AW_FD_READ ? 0 : -EINVAL;
}

static int
run_bare(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	return aw_run(uses_descriptors, NULL) == 0 ? 0 : 1;
}

START_TEST(without_standard_descriptors_a_loop_runs_as_ever)
{
	ck_assert(ended(in_child(false, run_bare), 0));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("storm");
	TCase *t = tcase_create("storm");

	tcase_add_test(t, a_storm_of_signals_interrupts_nothing);
	tcase_add_test(t, a_suspended_process_goes_on_where_it_was);
	tcase_add_test(t, without_standard_descriptors_a_loop_runs_as_ever);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
