/* SPDX-License-Identifier: MIT */
/*
 * lib/listen.c, lib/listen_open.c, over TCP. This program has an accept4() of
 * its own, so that it can fail as the kernel's seldom does.
 */
#include <sys/syscall.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#include "failmalloc.h"
#include "stream_descriptors.h"
#include "listen_world.h"

static int accept_errors[4];		/* to come first */
static int n_accept_errors;

/* The kernel reserves a number before it takes a connection. Valgrind, which
 * only imitates the limit, takes one, closes it and answers EMFILE: nobody
 * would ever hear of it again. */
static bool
has_number(void)
{
	int fd;

	if (!RUNNING_ON_VALGRIND)
		return true;
	fd = dup(STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int
accept4(int fd, struct sockaddr *to, socklen_t *size, int flags)
{
	if (n_accept_errors > 0) {
		errno = accept_errors[--n_accept_errors];
		return -1;
	}
	if (!has_number())
		return -1;
	return (int)syscall(SYS_accept4, fd, to, size, flags);
}

/* Connects and accepts; the peer is noted. */
static int
meet(const char *host)
{
	AW_AUTO(aw_stream, client);
	AW_AUTO(aw_stream, server);
	struct aw_address who;
	struct aw_bytes got;

	AW_TRY(aw_tcp_connect(&client, host, aw_listener_port(listener)));
	AW_TRY(aw_listener_accept(listener, &server));
	AW_TRY(aw_stream_peer(server, &who));
	AW_TRY(aw_stream_write(client, aw_text("hello")));
	AW_TRY(aw_stream_exactly(server, &got, 5));
	note("%.*s from %s", AW_ARG(got), who.text);
	return 0;
}

static int
run_listener(int (*fn)(void *arg))
{
	return plain_run(in_listener, &fn);
}

/* --- TCP --------------------------------------------------------------- */

static int
by_default(void *arg)
{
	int one = 0;
	socklen_t size = sizeof one;
	AW_AUTO(aw_stream, client);

	(void)arg;
	AW_TRY(meet("127.0.0.1"));
	note("%d", aw_listener_port(listener) > 0);
	AW_TRY(aw_tcp_connect(&client, "127.0.0.1",
			      aw_listener_port(listener)));
	getsockopt(aw_stream_fd(client), IPPROTO_TCP, 1 /* TCP_NODELAY */,
		   &one, &size);
	note("no delay %d", one);
	note("%d %d", fcntl(aw_stream_fd(client), F_GETFD),
	     (fcntl(aw_stream_fd(client), F_GETFL) & O_NONBLOCK) != 0);
	return 0;
}

START_TEST(a_listener_without_a_host_is_for_this_machine)
{
	ck_assert_int_eq(run_listener(by_default), 0);
	ck_assert_str_eq(noted, "hello from 127.0.0.1; 1; no delay 1; 1 1; ");
}
END_TEST

static int
everywhere(void *arg)
{
	(void)arg;
	AW_TRY(aw_tcp_listen(&listener, "*", 0));
	AW_TRY(meet("127.0.0.1"));
	aw_listener_freep(&listener);
	return 0;
}

START_TEST(a_star_listens_on_every_address)
{
	ck_assert_int_eq(plain_run(everywhere, NULL), 0);
	ck_assert(strstr(noted, "hello from 127.0.0.1") ||
		  strstr(noted, "hello from ::ffff:127.0.0.1"));
}
END_TEST

static int
twice(void *arg)
{
	AW_AUTO(aw_listener, second);
	AW_AUTO(aw_listener, third);
	int port = aw_listener_port(listener);

	(void)arg;
	note("%s", name(aw_tcp_listen(&second, NULL, port)));
	note("%d", second == NULL);
	note("%d", strstr(aw_error()->message, "127.0.0.1 port") != NULL);
	note("%s", name(aw_tcp_listen(&second, NULL, -1)));
	note("%s", name(aw_tcp_listen(&second, NULL, 0, .backlog = -1)));
	AW_TRY(aw_tcp_listen(&second, NULL, 0, .reuse_port = true));
	AW_TRY(aw_tcp_listen(&third, NULL, aw_listener_port(second),
			     .reuse_port = true));
	note("shared");
	return 0;
}

START_TEST(a_port_is_taken_once_unless_it_is_shared)
{
	ck_assert_int_eq(run_listener(twice), 0);
	ck_assert_str_eq(noted, "EADDRINUSE; 1; 1; EINVAL; EINVAL; shared; ");
}
END_TEST

static int
taken_over(void *arg)
{
	AW_AUTO(aw_listener, second);
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100), ends[2];

	(void)arg;
	note("%s", name(aw_listener_from_fd(&second, fd)));
	close(fd);
	AW_TRY(unix_pair(ends));
	note("%s", name(aw_listener_from_fd(&second, ends[0])));
	note("%s", name(aw_stream_from_fd(&stream, fd)));
	close(ends[0]);
	close(ends[1]);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (listen(fd, 5) < 0)
		return -errno;
	note("%s", name(aw_stream_from_fd(&stream, fd)));
	aw_listener_freep(&listener);
	AW_TRY(aw_listener_from_fd(&listener, fd));
	note("%d", fcntl(fd, F_GETFD));
	return meet("127.0.0.1");
}

START_TEST(a_socket_that_listens_is_taken_over)
{
	ck_assert_int_eq(run_listener(taken_over), 0);
	ck_assert_str_eq(noted, "ENOTSOCK; EINVAL; EBADF; EINVAL; 1; "
			 "hello from 127.0.0.1; ");
}
END_TEST

/* --- Waiting ----------------------------------------------------------- */

static int
accepts(void *arg)
{
	AW_AUTO(aw_stream, s);
	int r = aw_listener_accept(listener, &s);

	(void)arg;
	note("%s", name(r));
	return 0;
}

static int
interrupted(void *arg)
{
	struct aw_task *task = aw_spawn("accepts", accepts, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	AW_TRY(accepts(NULL));
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, NULL));
	{
		AW_TIMEOUT(0.005);
		AW_TRY(accepts(NULL));
	}
	return meet("127.0.0.1");
}

START_TEST(an_interrupted_accept_leaves_the_listener_as_it_was)
{
	ck_assert_int_eq(run_listener(interrupted), 0);
	ck_assert_str_eq(noted, "EBUSY; ECANCELED; ETIME; "
			 "hello from 127.0.0.1; ");
}
END_TEST

static int
stopped(void *arg)
{
	struct aw_task *task = aw_spawn("accepts", accepts, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	aw_listener_stop(listener);
	aw_listener_stop(listener);
	AW_TRY(aw_join(task, NULL));
	return accepts(NULL);
}

START_TEST(a_stop_ends_the_accept)
{
	ck_assert_int_eq(run_listener(stopped), 0);
	ck_assert_str_eq(noted, "ECLOSED; ECLOSED; ");
}
END_TEST

static int
freed(void *arg)
{
	struct aw_task *task = aw_spawn("accepts", accepts, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	aw_listener_freep(&listener);
	return aw_join(task, NULL);
}

START_TEST(a_listener_freed_while_waited_for_ends_the_accept)
{
	ck_assert_int_eq(run_listener(freed), 0);
	ck_assert_str_eq(noted, "ECLOSED; ");
}
END_TEST

/* --- Want and loss ----------------------------------------------------- */

static int
lost_ones(void *arg)
{
	(void)arg;
	accept_errors[0] = ENETDOWN;
	accept_errors[1] = EPROTO;
	accept_errors[2] = EINTR;
	accept_errors[3] = ECONNABORTED;
	n_accept_errors = 4;
	AW_TRY(meet("127.0.0.1"));
	note("%d lost", (int)aw_listener_counts(listener).lost);
	accept_errors[0] = EPERM;
	n_accept_errors = 1;
	AW_TRY(accepts(NULL));
	return meet("127.0.0.1");
}

START_TEST(connections_that_were_gone_are_passed_over)
{
	ck_assert_int_eq(run_listener(lost_ones), 0);
	ck_assert_str_eq(noted, "hello from 127.0.0.1; 3 lost; EPERM; "
			 "hello from 127.0.0.1; ");
}
END_TEST

static int
starves(void *arg)
{
	struct aw_task *task;
	AW_AUTO(aw_stream, client);

	(void)arg;
	AW_TRY(aw_tcp_connect(&client, "127.0.0.1",
			      aw_listener_port(listener)));
	few_descriptors(0);
	task = aw_spawn("accepts", accepts, NULL);
	for (int i = 0; i < 200 && !aw_listener_counts(listener).starved; i++)
		AW_TRY(aw_sleep(0.1));
	note("starved %d", aw_listener_counts(listener).starved > 0);
	many_descriptors();
	AW_TRY(aw_join(task, NULL));
	accept_errors[0] = ENOBUFS;
	n_accept_errors = 1;
	return meet("127.0.0.1");
}

START_TEST(without_descriptors_it_waits_for_better_times)
{
	ck_assert_int_eq(run_listener(starves), 0);
	ck_assert_str_eq(noted, "starved 1; ok; hello from 127.0.0.1; ");
}
END_TEST

static int
starves_and_stops(void *arg)
{
	struct aw_task *task;

	(void)arg;
	accept_errors[0] = EMFILE;
	n_accept_errors = 1;
	task = aw_spawn("accepts", accepts, NULL);
	AW_TRY(aw_yield());
	note("starved %d", (int)aw_listener_counts(listener).starved);
	aw_listener_stop(listener);
	return aw_join(task, NULL);
}

START_TEST(a_stop_ends_the_pause)
{
	ck_assert_int_eq(run_listener(starves_and_stops), 0);
	ck_assert_str_eq(noted, "starved 1; ECLOSED; ");
}
END_TEST

static int
listens_without(void *arg)
{
	AW_AUTO(aw_listener, second);
	int r;

	(void)arg;
	few_descriptors(0);
	r = aw_tcp_listen(&second, NULL, 0);
	note("%s", name(r));
	r = aw_unix_listen(&second, path);
	note("%s", name(r));
	many_descriptors();
	note("%d", access(path, F_OK));
	return 0;
}

/* By the C library's getaddrinfo(), which cannot open its files. */
static int
looks_up_without(void *arg)
{
	AW_AUTO(aw_stream, client);
	int port = aw_listener_port(listener), r;

	(void)arg;
	few_descriptors(0);
	r = aw_tcp_connect(&client, "localhost", port);
	many_descriptors();
	note("%s", r < 0 ? aw_error()->message : "connected");
	note("%s", name(r));
	note("%s", name(aw_tcp_connect(&client, "localhost", port)));
	return 0;
}

START_TEST(without_descriptors_a_name_is_not_called_unknown)
{
	ck_assert_int_eq(run_listener(looks_up_without), 0);
	ck_assert_str_eq(noted, "the address of host 'localhost': Too many "
			 "open files; EMFILE; ok; ");
}
END_TEST

START_TEST(without_descriptors_nothing_is_opened)
{
	ck_assert_int_eq(run_listener(listens_without), 0);
	ck_assert_str_eq(noted, "EMFILE; EMFILE; -1; ");
}
END_TEST

static int
listens_without_memory(void *arg)
{
	int before = open_descriptors(), r = 0;

	(void)arg;
	for (unsigned long n = 0; n < 200; n++) {
		AW_AUTO(aw_listener, tcp);
		AW_AUTO(aw_listener, local);

		fail_from(n);
		r = aw_tcp_listen(&tcp, NULL, 0);
		if (r == 0)
			r = aw_unix_listen(&local, path);
		if (!fail_stop())
			break;
		if (r != -ENOMEM && r != 0)
			note("%s at %lu", name(r), n);
		aw_listener_freep(&tcp);
		aw_listener_freep(&local);
		if (open_descriptors() != before || access(path, F_OK) == 0)
			note("something is left at %lu", n);
	}
	note("%s", name(r));
	return 0;
}

START_TEST(without_memory_nothing_is_left)
{
	ck_assert_int_eq(plain_run(listens_without_memory, NULL), 0);
	ck_assert_str_eq(noted, "ok; ");
}
END_TEST

static int
accepts_without_memory(void *arg)
{
	int before, r = 0;

	(void)arg;
	before = open_descriptors();
	for (unsigned long n = 0; n < 100; n++) {
		AW_AUTO(aw_stream, client);
		AW_AUTO(aw_stream, server);
		AW_TIMEOUT(20);
		bool refused;

		AW_TRY(aw_tcp_connect(&client, "127.0.0.1",
				      aw_listener_port(listener)));
		AW_TRY(aw_sleep(0.0001));
		fail_only(n);
		{
			AW_TIMEOUT(0.001);
			r = aw_listener_accept(listener, &server);
		}
		refused = fail_stop();
		aw_stream_abort(&client);
		aw_stream_abort(&server);
		if (open_descriptors() != before)
			note("a descriptor is left at %lu", n);
		if (!refused && r == 0)
			break;
	}
	note("%s", name(r));
	return 0;
}

START_TEST(without_memory_a_connection_is_dropped_no_more)
{
	ck_assert_int_eq(run_listener(accepts_without_memory), 0);
	ck_assert_str_eq(noted, "ok; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("listen");
	TCase *tcp = tcase_create("tcp");
	TCase *waiting = tcase_create("waiting");

	tcase_add_test(tcp, a_listener_without_a_host_is_for_this_machine);
	tcase_add_test(tcp, a_star_listens_on_every_address);
	tcase_add_test(tcp, a_port_is_taken_once_unless_it_is_shared);
	tcase_add_test(tcp, a_socket_that_listens_is_taken_over);
	suite_add_tcase(suite, tcp);

	tcase_add_checked_fixture(waiting, setup_path, teardown_path);
	tcase_add_test(waiting,
		       an_interrupted_accept_leaves_the_listener_as_it_was);
	tcase_add_test(waiting, a_stop_ends_the_accept);
	tcase_add_test(waiting,
		       a_listener_freed_while_waited_for_ends_the_accept);
	tcase_add_test(waiting, connections_that_were_gone_are_passed_over);
	tcase_add_test(waiting, without_descriptors_it_waits_for_better_times);
	tcase_add_test(waiting, a_stop_ends_the_pause);
	tcase_add_test(waiting,
		       without_descriptors_a_name_is_not_called_unknown);
	tcase_add_test(waiting, without_descriptors_nothing_is_opened);
	tcase_add_test(waiting, without_memory_nothing_is_left);
	tcase_add_test(waiting,
		       without_memory_a_connection_is_dropped_no_more);
	suite_add_tcase(suite, waiting);

	return suite_run(suite);
}
