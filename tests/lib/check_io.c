/* SPDX-License-Identifier: MIT */
/* lib/io.c: waiting for descriptors, watching them, freeing their handles. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <await/driver.h>

#include "failmalloc.h"
#include "tasks.h"

static struct aw_waiter waiter;

/* --- Descriptors ------------------------------------------------------- */

static int sides[2];
static struct aw_fd *fd;

static int
wait_readable(void *arg)
{
	int r = aw_fd_wait(fd, AW_FD_READ, "bytes", NULL);

	(void)arg;
	note("%s %d", name(r), r > 0 ? r : 0);
	return 0;
}

/* A pair of sockets, and fd on the first; closes them afterwards. */
static int
with_sockets(void *arg)
{
	int (*fn)(void *) = *(int (**)(void *))arg;
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       sides) < 0)
		return -errno;
	AW_TRY(aw_fd_new(&fd, sides[0]));
	r = fn(NULL);
	aw_fd_free(fd);
	close(sides[0]);
	close(sides[1]);
	return r;
}

static int
run_sockets(int (*fn)(void *arg))
{
	return run_tasks(with_sockets, &fn);
}

static int
send_byte(void)
{
	return write(sides[1], "x", 1) == 1 ? 0 : -errno;
}

static int
read_byte(void)
{
	char c;

	return (int)read(sides[0], &c, 1);
}

static int
readable(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		start("waits", wait_readable, NULL);
		AW_TRY(aw_yield());
		AW_TRY(send_byte());
		aw_ignore(aw_fd_wait(fd, AW_FD_WRITE, "room", NULL));
		let_others_run();
		let_others_run();
		note("read %d", read_byte());
	}
	return 0;
}

START_TEST(a_wait_ends_when_the_descriptor_is_ready)
{
	ck_assert_int_eq(run_sockets(readable), 0);
	ck_assert_str_eq(noted, "got 1; read 1; got 1; read 1; got 1; "
			 "read 1; ");
}
END_TEST

static int
both_directions(void *arg)
{
	int r;

	(void)arg;
	r = aw_fd_wait(fd, AW_FD_READ | AW_FD_WRITE, "either", NULL);
	note("%d", r);
	start("waits", wait_readable, NULL);
	AW_TRY(aw_yield());
	note("%s", name(aw_fd_wait(fd, AW_FD_READ, "bytes", NULL)));
	note("%s", name(aw_fd_wait(fd, 0, "nothing", NULL)));
	AW_TRY(send_byte());
	AW_TRY(aw_sleep(0.01));		/* virtual: when the reader has read */
	note("%d", aw_fd_wait(fd, AW_FD_WRITE, "room", NULL));
	return 0;
}

START_TEST(one_task_waits_for_each_direction)
{
	ck_assert_int_eq(run_sockets(both_directions), 0);
	ck_assert_str_eq(noted, "2; EBUSY; EINVAL; got 1; 2; ");
}
END_TEST

static int
cancelled_wait(void *arg)
{
	struct aw_task *task = aw_spawn("waits", wait_readable, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, NULL));
	AW_TRY(send_byte());
	return wait_readable(NULL);
}

START_TEST(a_cancelled_wait_leaves_the_descriptor_usable)
{
	ck_assert_int_eq(run_sockets(cancelled_wait), 0);
	ck_assert_str_eq(noted, "ECANCELED 0; got 1; ");
}
END_TEST

static int
free_while_waiting(void *arg)
{
	(void)arg;
	start("waits", wait_readable, NULL);
	AW_TRY(aw_yield());
	aw_fd_free(fd);
	fd = NULL;
	let_others_run();
	return 0;
}

static int
free_after_cancel(void *arg)
{
	struct aw_task *task = aw_spawn("waits", wait_readable, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	aw_cancel(task, "test");
	aw_fd_free(fd);
	fd = NULL;
	return aw_join(task, NULL);
}

static void
free_it(void *arg)
{
	(void)arg;
	aw_fd_free(fd);
	fd = NULL;
}

/* Frees the handle after the event, before the woken task has run. */
static int
free_after_event(void *arg)
{
	struct aw_timer timer = { 0 };
	double begin = aw_now();

	(void)arg;
	start("waits", wait_readable, NULL);
	AW_TRY(aw_yield());
	AW_TRY(send_byte());
	/* Both are due in one turn of libev, which calls descriptors back
	 * first; the tasks run after both. */
	AW_TRY(aw_timer_start(&timer, begin, free_it, NULL));
	while (fd)
		AW_TRY(aw_yield());
	let_others_run();
	return 0;
}

/* AddressSanitizer and Valgrind see a use of the handle after it was freed. */
START_TEST(a_freed_descriptor_ends_the_wait_in_progress)
{
	ck_assert_int_eq(run_sockets(free_while_waiting), 0);
	ck_assert_str_eq(noted, "EBADF 0; ");
	ck_assert_int_eq(run_sockets(free_after_cancel), 0);
	ck_assert_str_eq(noted, "ECANCELED 0; ");
}
END_TEST

START_TEST(a_descriptor_freed_after_its_event_is_not_touched_again)
{
	int (*fn)(void *) = free_after_event;

	forget_notes();
	ck_assert_int_eq(aw_run(with_sockets, &fn), 0);
	ck_assert_ptr_nonnull(strstr(noted, "; "));
}
END_TEST

static int n_called;

static void
on_watch(void *arg, int events)
{
	(void)arg;
	n_called++;
	note("watch %d, read %d", events, read_byte());
	if (n_called == 2) {
		aw_fd_free(fd);	/* legal in the callback */
		fd = NULL;
	}
}

static int
watched(void *arg)
{
	(void)arg;
	n_called = 0;
	aw_fd_watch(fd, AW_FD_READ, on_watch, NULL);
	AW_TRY(send_byte());
	AW_TRY(aw_sleep(0.005));
	aw_fd_watch(fd, 0, NULL, NULL);
	AW_TRY(send_byte());
	AW_TRY(aw_sleep(0.005));
	note("unwatched %d", n_called);
	aw_fd_watch(fd, AW_FD_READ, on_watch, NULL);
	return aw_sleep(0.005);
}

START_TEST(a_watch_calls_back_while_no_task_waits)
{
	int (*fn)(void *) = watched;

	forget_notes();
	ck_assert_int_eq(aw_run(with_sockets, &fn), 0);
	ck_assert_str_eq(noted, "watch 1, read 1; unwatched 1; "
			 "watch 1, read 1; ");
}
END_TEST

static int
new_number(void *arg)
{
	int other[2];

	(void)arg;
	AW_TRY(send_byte());
	note("%d", aw_fd_wait(fd, AW_FD_READ, "bytes", NULL));
	/* The same number, another socket: nothing is ready on it. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       other) < 0)
		return -errno;
	dup3(other[0], sides[0], O_CLOEXEC);
	dup3(other[1], sides[1], O_CLOEXEC);
	close(other[0]);
	close(other[1]);
	aw_fd_set(fd, sides[0]);
	{
		AW_TIMEOUT(0.005);
		note("%s", name(aw_fd_wait(fd, AW_FD_READ, "bytes", NULL)));
	}
	AW_TRY(send_byte());
	note("%d", aw_fd_wait(fd, AW_FD_READ, "bytes", NULL));
	return 0;
}

START_TEST(a_number_can_come_to_stand_for_a_new_socket)
{
	int (*fn)(void *) = new_number;

	forget_notes();
	ck_assert_int_eq(aw_run(with_sockets, &fn), 0);
	ck_assert_str_eq(noted, "1; ETIME; 1; ");
}
END_TEST

static int
by_number(void *arg)
{
	(void)arg;
	note("%s", name(aw_wait_fd(-1, AW_FD_READ)));
	note("%s", name(aw_wait_fd(9999, AW_FD_READ)));
	note("%s", name(aw_wait_fd(sides[0], 0)));
	AW_TRY(send_byte());
	note("%d", aw_wait_fd(sides[0], AW_FD_READ));
	note("%d", aw_wait_fd(sides[0], AW_FD_WRITE));
	return 0;
}

START_TEST(a_plain_number_can_be_waited_for)
{
	ck_assert_int_eq(run_sockets(by_number), 0);
	ck_assert_str_eq(noted, "EBADF; EBADF; EINVAL; 1; 2; ");
}
END_TEST

/* --- Descriptors that are closed after a wait -------------------------- */

static int
waits_and_closes(void *arg)
{
	int events = *(int *)arg, pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       pair) < 0)
		return -errno;
	r = aw_wait_fd(pair[0], events);
	note("%s", name(r));
	if (events & AW_FD_WRITE)
		r = aw_wait_fd(pair[0], AW_FD_WRITE);
	close(pair[0]);
	close(pair[1]);
	return r;
}

/* The loop gets a turn after each close: libev aborts if it is told anything
 * about a descriptor that is closed. */
static int
closes_at_once(void *arg)
{
	int read = AW_FD_READ, both = AW_FD_READ | AW_FD_WRITE;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		struct aw_task *task = aw_spawn("waits", waits_and_closes,
						&read, .eager = true);

		aw_cancel(task, "it was changed");
		AW_TRY(aw_join(task, NULL));
		AW_TRY(aw_sleep(1));
		AW_TRY(waits_and_closes(&both) < 0 ? -EIO : 0);
		AW_TRY(aw_sleep(1));
	}
	return 0;
}

START_TEST(a_descriptor_may_be_closed_as_soon_as_its_wait_has_ended)
{
	ck_assert_int_eq(run_tasks(closes_at_once, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; got; ECANCELED; got; "
			 "ECANCELED; got; ");
}
END_TEST

static int
sleeps_long(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(86400));
	note("slept");
	return 0;
}

static void *
writes(void *arg)
{
	(void)arg;
	return write(sides[1], "x", 1) == 1 ? NULL : "failed";
}

static int
waits_beside_a_sleeper(void *arg)
{
	AW_GROUP(group);
	pthread_t thread;

	(void)arg;
	AW_TRY(aw_go(&group, sleeps_long, NULL));
	AW_TRY(aw_yield());
	if (pthread_create(&thread, NULL, writes, NULL) != 0)
		return -EAGAIN;
	note("%s", name(aw_fd_wait(fd, AW_FD_READ, "bytes", NULL)));
	pthread_join(thread, NULL);
	return aw_group_wait(&group);
}

START_TEST(the_test_clock_stands_still_while_a_descriptor_is_waited_for)
{
	ck_assert_int_eq(run_sockets(waits_beside_a_sleeper), 0);
	ck_assert_str_eq(noted, "got; slept; ");
}
END_TEST

START_TEST(a_descriptor_needs_a_loop)
{
	ck_assert_int_eq(aw_fd_new(&fd, 0), AW_EUSAGE);
	ck_assert_int_eq(aw_wait_fd(0, AW_FD_READ), AW_EUSAGE);
	aw_fd_free(NULL);
}
END_TEST

/* --- Slots, marks ------------------------------------------------------ */

static unsigned long n_allocated;

static int
hundred_rounds(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++) {
		AW_TIMEOUT(60);
		uint64_t ticket = aw_waiter_begin(&waiter);

		if (i == 2)
			count_start();	/* warm from now on */
		AW_TRY(send_byte());
		aw_ignore(aw_fd_wait(fd, AW_FD_READ | AW_FD_WRITE, "x", NULL));
		aw_ignore(aw_wait_fd(sides[1], AW_FD_WRITE));
		aw_ignore(read_byte());
		aw_waiter_complete(&waiter, ticket, i);
		AW_TRY(aw_waiter_wait(&waiter, NULL, "x", NULL));
	}
	n_allocated = count_stop();
	return 0;
}

START_TEST(waiting_for_descriptors_allocates_nothing)
{
	memset(&waiter, 0, sizeof waiter);
	ck_assert_int_eq(run_sockets(hundred_rounds), 0);
	ck_assert_uint_eq(n_allocated, 0);
}
END_TEST

static void *
waits_without_loop(void *handle)
{
	int r = aw_fd_wait(handle, AW_FD_READ, "bytes", NULL);

	note("%s %s", name(r), aw_error()->message);
	return NULL;
}

static int
lends_to_a_thread(void *arg)
{
	pthread_t thread;

	(void)arg;
	if (pthread_create(&thread, NULL, waits_without_loop, fd) == 0)
		pthread_join(thread, NULL);
	return 0;
}

START_TEST(a_thread_without_loop_may_not_wait)
{
	ck_assert_int_eq(run_sockets(lends_to_a_thread), 0);
	ck_assert_str_eq(noted, "EUSAGE aw_fd_wait: this belongs to the loop "
			 "of another thread (use aw_post); ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("io");
	TCase *fds = tcase_create("descriptors");

	tcase_add_test(fds, a_wait_ends_when_the_descriptor_is_ready);
	tcase_add_test(fds, one_task_waits_for_each_direction);
	tcase_add_test(fds, a_cancelled_wait_leaves_the_descriptor_usable);
	tcase_add_test(fds, a_freed_descriptor_ends_the_wait_in_progress);
	tcase_add_test(fds,
		       a_descriptor_freed_after_its_event_is_not_touched_again);
	tcase_add_test(fds, a_watch_calls_back_while_no_task_waits);
	tcase_add_test(fds, a_number_can_come_to_stand_for_a_new_socket);
	tcase_add_test(fds, a_plain_number_can_be_waited_for);
	tcase_add_test(fds,
		a_descriptor_may_be_closed_as_soon_as_its_wait_has_ended);
	tcase_add_test(fds,
		the_test_clock_stands_still_while_a_descriptor_is_waited_for);
	tcase_add_test(fds, waiting_for_descriptors_allocates_nothing);
	tcase_add_test(fds, a_descriptor_needs_a_loop);
	tcase_add_test(fds, a_thread_without_loop_may_not_wait);
	suite_add_tcase(suite, fds);
	return suite_run(suite);
}
