/* SPDX-License-Identifier: MIT */
/*
 * lib/io.c: descriptors that are closed while somebody waits for them, by
 * whoever, in every order of wait, close and poll. libev would abort.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <await/driver.h>
#include <ev.h>

#include "tasks.h"

static int sides[2];

/* A pair of sockets; both are closed afterwards if they still are open. */
static int
with_sockets(void *arg)
{
	int (*fn)(void) = *(int (**)(void))arg;
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       sides) < 0)
		return -errno;
	r = fn();
	close(sides[0]);
	close(sides[1]);
	return r;
}

static int
run_sockets(int (*fn)(void))
{
	return run_tasks(with_sockets, &fn);
}

static int
waits(void *arg)
{
	int events = (int)(intptr_t)arg, r;
	AW_TIMEOUT(60);			/* virtual */

	r = aw_wait_fd(sides[0], events);
	note("%d: %s", events, name(r));
	return 0;
}

static void
start_wait(int events)
{
	start("waits", waits, (void *)(intptr_t)events);
}

/* Lets libev poll several times. */
static void
let_poll(void)
{
	for (int i = 0; i < 200; i++)
		aw_ignore(aw_yield());
}

static int
same_turn(void)
{
	start_wait(AW_FD_READ);
	AW_TRY(aw_yield());		/* it waits; there was no poll yet */
	close(sides[0]);
	let_poll();
	return 0;
}

START_TEST(closed_in_the_turn_in_which_the_wait_began)
{
	ck_assert_int_eq(run_sockets(same_turn), 0);
	ck_assert_str_eq(noted, "1: EBADF; ");
}
END_TEST

static int
both_same_turn(void)
{
	start_wait(AW_FD_READ);
	let_poll();			/* epoll knows the descriptor */
	while (write(sides[0], "0123456789abcdef", 16) > 0)
		continue;		/* full: nobody can write */
	start_wait(AW_FD_WRITE);
	AW_TRY(aw_yield());
	close(sides[0]);
	let_poll();
	return 0;
}

START_TEST(closed_when_the_other_direction_is_waited_for_already)
{
	ck_assert_int_eq(run_sockets(both_same_turn), 0);
	ck_assert_str_eq(noted, "1: EBADF; 2: EBADF; ");
}
END_TEST

static int
closed_then_cancelled(void)
{
	struct aw_task *writer;

	while (write(sides[0], "0123456789abcdef", 16) > 0)
		continue;
	start_wait(AW_FD_READ);
	writer = aw_spawn("writer", waits, (void *)AW_FD_WRITE);
	let_poll();
	close(sides[0]);
	aw_cancel(writer, "it has become senseless");
	let_poll();
	return aw_join(writer, NULL);
}

START_TEST(closed_long_before_one_of_two_gives_up)
{
	ck_assert_int_eq(run_sockets(closed_then_cancelled), 0);
	ck_assert_str_eq(noted, "2: ECANCELED; 1: EBADF; ");
}
END_TEST

static int
selects(void *arg)
{
	struct aw_case cases[] = {
		AW_CASE_FD(sides[0], AW_FD_READ),
		AW_CASE_UNTIL(aw_now() + 60),
	};
	int i = aw_select(cases, AW_LENGTH(cases));

	(void)arg;
	note("%d: %s", i, i < 0 ? name(i) : name(cases[i].status));
	return 0;
}

static int
select_same_turn(void)
{
	start("selects", selects, NULL);
	AW_TRY(aw_yield());
	close(sides[0]);
	let_poll();
	return 0;
}

START_TEST(closed_under_a_select)
{
	ck_assert_int_eq(run_sockets(select_same_turn), 0);
	ck_assert_str_eq(noted, "0: EBADF; ");
}
END_TEST

static struct aw_fd *watched;
static int n_called;

/* Watches it again, however often it is told. */
static void
insists(void *arg, int events)
{
	n_called += events == AW_FD_READ;
	aw_fd_watch(watched, AW_FD_READ, insists, arg);
}

static int
watch_same_turn(void)
{
	AW_TRY(aw_fd_new(&watched, sides[0]));
	aw_fd_watch(watched, AW_FD_READ, insists, NULL);
	close(sides[0]);
	let_poll();
	note("%s", n_called > 1 ? "called" : "not called");
	aw_fd_free(watched);
	return 0;
}

START_TEST(closed_under_a_watch_that_insists)
{
	ck_assert_int_eq(run_sockets(watch_same_turn), 0);
	ck_assert_str_eq(noted, "called; ");
}
END_TEST

static int
freed_after_close(void)
{
	struct aw_fd *fd;

	AW_TRY(aw_fd_new(&fd, sides[0]));
	aw_fd_watch(fd, AW_FD_READ, insists, NULL);
	let_poll();
	aw_fd_watch(fd, AW_FD_READ | AW_FD_WRITE, insists, NULL);
	close(sides[0]);
	aw_fd_free(fd);
	let_poll();
	note("here");
	return 0;
}

START_TEST(closed_and_freed_in_one_turn)
{
	ck_assert_int_eq(run_sockets(freed_after_close), 0);
	ck_assert_str_eq(noted, "here; ");
}
END_TEST

/* The number stands for another socket when libev asks epoll for it. */
static int
reused(void)
{
	int other[2], mine;

	start_wait(AW_FD_READ);
	AW_TRY(aw_yield());
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       other) < 0)
		return -errno;
	mine = dup3(other[0], sides[0], O_CLOEXEC);
	if (mine < 0 || write(other[1], "x", 1) != 1)
		return -errno;
	let_poll();
	note("reused");
	start_wait(AW_FD_READ);
	let_poll();
	close(other[0]);
	close(other[1]);
	return 0;
}

START_TEST(closed_and_the_number_used_again_in_one_turn)
{
	ck_assert_int_eq(run_sockets(reused), 0);
	ck_assert_str_eq(noted, "1: got; reused; 1: got; ");
}
END_TEST

/* Closed after epoll knew it: nothing comes of it any more. Who waits for
 * the number then gets his turn as soon as the first has given up. */
static int
reused_later(void)
{
	int other[2];
	struct aw_task *first;

	first = aw_spawn("first", waits, (void *)AW_FD_READ);
	let_poll();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       other) < 0 || dup3(other[0], sides[0], O_CLOEXEC) < 0)
		return -errno;
	start_wait(AW_FD_READ);
	let_poll();
	aw_cancel(first, "its socket is gone");
	AW_TRY(aw_join(first, NULL));
	start_wait(AW_FD_READ);
	let_poll();
	if (write(other[1], "x", 1) != 1)
		return -errno;
	let_poll();
	close(other[0]);
	close(other[1]);
	return 0;
}

START_TEST(closed_while_waited_on_and_used_again_later)
{
	ck_assert_int_eq(run_sockets(reused_later), 0);
	ck_assert_str_eq(noted, "1: EBUSY; 1: ECANCELED; 1: got; ");
}
END_TEST

START_TEST(closed_in_an_applications_loop)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct aw_loop *loop;

	forget_notes();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sides), 0);
	ck_assert_int_eq(aw_attach(ev, &loop), 0);
	start_wait(AW_FD_READ);
	ev_run(ev, EVRUN_NOWAIT);	/* it begins to wait */
	close(sides[0]);
	ev_run(ev, 0);			/* until its task has ended */
	ck_assert_int_eq(aw_detach(loop, 0), 0);
	ev_loop_destroy(ev);
	close(sides[1]);
	ck_assert_str_eq(noted, "1: EBADF; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("io_closed");
	TCase *t = tcase_create("closed");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, closed_in_the_turn_in_which_the_wait_began);
	tcase_add_test(t,
		       closed_when_the_other_direction_is_waited_for_already);
	tcase_add_test(t, closed_long_before_one_of_two_gives_up);
	tcase_add_test(t, closed_under_a_select);
	tcase_add_test(t, closed_under_a_watch_that_insists);
	tcase_add_test(t, closed_and_freed_in_one_turn);
	tcase_add_test(t, closed_and_the_number_used_again_in_one_turn);
	tcase_add_test(t, closed_while_waited_on_and_used_again_later);
	tcase_add_test(t, closed_in_an_applications_loop);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
