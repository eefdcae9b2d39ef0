/* SPDX-License-Identifier: MIT */
/*
 * lib/stream*.c: peers that misbehave, want of memory, fork, the end of the
 * loop, loops of an application, pipes.
 */
#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <await/driver.h>

#include "failmalloc.h"
#include "stream_pair.h"

static char much[4 << 20];

/* --- Peers ------------------------------------------------------------- */

static void
reset(void)
{
	const struct linger now = { 1, 0 };

	setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	hang_up();
}

static int
is_reset(void *arg)
{
	(void)arg;
	say("last words");
	AW_TRY(aw_sleep(0.001));
	line();			/* has read them when the reset comes */
	return 0;
}

static int
resets(void *arg)
{
	struct aw_task *task = aw_spawn("reads", is_reset, NULL);

	(void)arg;
	AW_TRY(aw_sleep(0.02));
	reset();
	AW_TRY(aw_join(task, NULL));
	chunk();
	chunk();
	put("x");
	note("%s", name(aw_stream_flush(stream)));
	return 0;
}

START_TEST(a_reset_is_told_and_what_came_before_is_readable)
{
	ck_assert_int_eq(run_tcp(resets), 0);
	ck_assert_msg(strcmp(noted, "ECONNRESET; 1 last words; ECONNRESET; "
			     "EPIPE; ") == 0 ||
		      strcmp(noted, "ECONNRESET; ECONNRESET; ECONNRESET; "
			     "EPIPE; ") == 0, "%s", noted);
}
END_TEST

static int
writes_to_nobody(void *arg)
{
	(void)arg;
	say("why");
	hang_up();
	put("first");
	AW_TRY(aw_sleep(0.001));
	put("second");
	put("third");
	note("%s", name(aw_stream_shutdown(stream)));
	chunk();
	note("%s", name(aw_stream_close(&stream)));
	return 0;
}

START_TEST(an_error_while_sending_is_told_by_the_next_call)
{
	ck_assert_int_eq(run_pair(writes_to_nobody), 0);
	ck_assert_str_eq(noted, "EPIPE; EPIPE; EPIPE; 1 why; EPIPE; ");
}
END_TEST

static int
waits_for_room(void *arg)
{
	(void)arg;
	note("%s", name(aw_stream_write(stream, aw_bytes(much,
							 sizeof much))));
	return 0;
}

static int
never_reads(void *arg)
{
	struct aw_task *task = aw_spawn("writes", waits_for_room, NULL);

	(void)arg;
	AW_TRY(aw_sleep(0.005));
	note("%d", aw_stream_counts(stream).sent < sizeof much);
	hang_up();
	return aw_join(task, NULL);
}

START_TEST(a_peer_that_never_reads_holds_up_the_writer_alone)
{
	ck_assert_int_eq(run_pair(never_reads), 0);
	ck_assert_str_eq(noted, "1; EPIPE; ");
}
END_TEST

/* --- Memory ------------------------------------------------------------ */

static unsigned long n_allocated;

static int
thousand_requests(void *arg)
{
	char text[600];
	struct aw_bytes got;

	(void)arg;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < 1000; i++) {
		AW_TIMEOUT(60);

		if (i == 2)
			count_start();	/* warm from now on */
		say(i % 2 ? "line\n" : "l");
		aw_ignore(aw_stream_write(stream, aw_text(text)));
		if (recv(peer, text, sizeof text - 1, MSG_DONTWAIT) > 0)
			continue;
		if (i % 2)
			aw_ignore(aw_stream_line(stream, &got));
		else
			aw_ignore(aw_stream_exactly(stream, &got, 1));
		aw_ignore(aw_stream_flush(stream));
		aw_ignore(recv(peer, text, sizeof text - 1, 0) < 0);
	}
	n_allocated = count_stop();
	return 0;
}

START_TEST(reading_and_writing_allocate_nothing_once_warm)
{
	ck_assert_int_eq(run_pair(thousand_requests), 0);
	ck_assert_uint_eq(n_allocated, 0);
}
END_TEST

static int
without_memory(void *arg)
{
	int r = 0;

	(void)arg;
	for (unsigned long n = 0; n < 100; n++) {
		AW_AUTO(aw_stream, s);
		struct aw_bytes got;
		int ends[2] = { -1, -1 };

		AW_TRY(unix_pair(ends));
		peer = ends[1];
		say("a line\n");
		fail_from(n);
		r = aw_stream_from_fd(&s, ends[0]);
		if (r < 0)
			close(ends[0]);
		if (r == 0)
			r = aw_stream_write(s, aw_text("bytes"));
		if (r == 0)
			r = aw_stream_printf(s, "%s", "more");
		if (r == 0)
			r = aw_stream_line(s, &got) > 0 ? 0 : -ENOMEM;
		if (r == 0)
			r = aw_stream_close(&s);
		if (!fail_stop())
			break;
		if (r != -ENOMEM && r != 0)
			note("%s at %lu", name(r), n);
		hang_up();
	}
	note("%s", name(r));
	hang_up();
	return 0;
}

START_TEST(without_memory_a_stream_fails_and_leaves_nothing)
{
	ck_assert_int_eq(plain_run(without_memory, NULL), 0);
	ck_assert_str_eq(noted, "ok; ");
}
END_TEST

static int
unbuffered(void *arg)
{
	(void)arg;
	fail_from(0);
	put("sent without a copy");
	fail_stop();
	heard();
	return 0;
}

START_TEST(a_write_that_cannot_be_buffered_is_sent_in_place)
{
	ck_assert_int_eq(run_pair(unbuffered), 0);
	ck_assert_str_eq(noted, "heard sent without a copy; ");
}
END_TEST

/* --- Whose stream it is ------------------------------------------------ */

static int
child(void)
{
	struct aw_bytes bytes;

	if (aw_stream_chunk(stream, &bytes) != AW_EFORK ||
	    aw_stream_write(stream, aw_text("x")) != AW_EFORK ||
	    aw_stream_flush(stream) != AW_EFORK ||
	    aw_stream_shutdown(stream) != AW_EFORK)
		return 1;
	if (aw_stream_close(&stream) != AW_EFORK || stream)
		return 2;
	return 7;
}

static int
forks(void *arg)
{
	int status = -1;
	pid_t pid;

	(void)arg;
	put("before");
	pid = fork();
	if (pid == 0)
		_exit(child());
	waitpid(pid, &status, 0);
	note("child %d", WEXITSTATUS(status));
	put(" and after");
	AW_TRY(aw_stream_flush(stream));
	heard();
	say("well");
	chunk();
	return 0;
}

START_TEST(a_child_of_fork_does_not_speak_on_its_parents_stream)
{
	ck_assert_int_eq(run_tcp(forks), 0);
	ck_assert_str_eq(noted, "child 7; heard before and after; 1 well; ");
}
END_TEST

static int
forgets(void *arg)
{
	int ends[2] = { -1, -1 };

	(void)arg;
	AW_TRY(tcp_pair(ends));
	peer = ends[1];
	return aw_stream_from_fd(&stream, ends[0]);
}

START_TEST(a_stream_that_was_forgotten_ends_with_the_loop)
{
	struct aw_bytes bytes;

	ck_assert_int_eq(plain_run(forgets, NULL), 0);
	heard();
	ck_assert_str_eq(noted, "heard Connection reset by peer; ");
	ck_assert_int_eq(aw_stream_fd(stream), -1);
	ck_assert_int_eq(aw_stream_chunk(stream, &bytes), AW_ECLOSED);
	aw_stream_abort(&stream);
	hang_up();
}
END_TEST

static void *
other_thread(void *arg)
{
	struct aw_bytes bytes;

	(void)arg;
	if (aw_stream_chunk(stream, &bytes) == AW_EUSAGE)
		aw_stream_abort(&stream);
	return NULL;
}

static int
by_thread(void *arg)
{
	pthread_t thread;

	(void)arg;
	pthread_create(&thread, NULL, other_thread, NULL);
	pthread_join(thread, NULL);
	note("%d", stream == NULL);
	for (int i = 0; i < 20000 && recv(peer, much, 1, MSG_DONTWAIT) < 0 &&
	     errno == EAGAIN; i++)
		AW_TRY(aw_sleep(0.001));
	heard();
	return 0;
}

START_TEST(another_thread_may_only_drop_it)
{
	ck_assert_int_eq(run_pair(by_thread), 0);
	ck_assert_str_eq(noted, "1; heard ; ");
}
END_TEST

/* --- Pipes ------------------------------------------------------------- */

static int
through_a_pipe(void *arg)
{
	AW_AUTO(aw_stream, in);
	AW_AUTO(aw_stream, out);
	struct aw_address who;
	struct aw_bytes got;
	int ends[2] = { -1, -1 };

	(void)arg;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	AW_TRY(aw_stream_from_fd(&in, ends[0]));
	AW_TRY(aw_stream_from_fd(&out, ends[1]));
	AW_TRY(aw_stream_write(out, aw_text("hello")));
	note("%s", name(aw_stream_peer(out, &who)));
	note("%s", name(aw_stream_shutdown(out)));
	note("%s", name(aw_stream_shutdown(out)));
	note("%s", name(aw_stream_write(out, aw_text("more"))));
	note("%s", name(aw_stream_chunk(out, &got)));
	note("%s", name(aw_stream_close(&out)));
	AW_TRY(aw_stream_chunk(in, &got));
	note("%.*s", AW_ARG(got));
	note("%d", aw_stream_chunk(in, &got));
	note("%s", name(aw_stream_write(in, aw_text("wrong way"))));
	note("%s", name(aw_stream_flush(in)));
	return 0;
}

START_TEST(a_pipe_is_a_stream_of_one_direction)
{
	ck_assert_int_eq(plain_run(through_a_pipe, NULL), 0);
	ck_assert_str_eq(noted, "ENOTSOCK; ok; ok; ECLOSED; ECLOSED; ok; "
			 "hello; 0; ok; EBADF; ");
}
END_TEST

static int
broken_pipe(void *arg)
{
	AW_AUTO(aw_stream, out);
	int ends[2] = { -1, -1 };

	(void)arg;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	AW_TRY(aw_stream_from_fd(&out, ends[1]));
	close(ends[0]);
	AW_TRY(aw_stream_write(out, aw_text("x")));
	note("%s", name(aw_stream_flush(out)));
	return 0;
}

static int
is_sigpipe_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGPIPE);
}

START_TEST(a_broken_pipe_is_an_error_and_no_signal)
{
	struct ev_loop *ev = ev_loop_new(0);
	struct aw_loop *loop;
	struct aw_task *task;

	ck_assert_int_eq(plain_run(broken_pipe, NULL), 0);
	ck_assert_str_eq(noted, "EPIPE; ");
	/* In a loop of the application, where SIGPIPE is not blocked. */
	ck_assert_int_eq(aw_attach(ev, &loop), 0);
	task = aw_spawn("breaks", broken_pipe, NULL);
	ev_run(ev, 0);
	aw_task_release(task);
	ck_assert_int_eq(aw_detach(loop, 1), 0);
	ev_loop_destroy(ev);
	ck_assert_str_eq(noted, "EPIPE; EPIPE; ");
	ck_assert_int_eq(is_sigpipe_pending(), 0);
}
END_TEST

static int
wrong_descriptors(void *arg)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	(void)arg;
	note("%s", name(aw_stream_from_fd(&stream, file)));
	note("%s", name(aw_stream_from_fd(&stream, dir)));
	note("%s", name(aw_stream_from_fd(&stream, datagrams)));
	note("%s", name(aw_stream_from_fd(&stream, epoll)));
	note("%s", name(aw_stream_from_fd(&stream, -1)));
	note("%d", stream == NULL);
	close(file);
	close(dir);
	close(datagrams);
	close(epoll);
	return 0;
}

START_TEST(what_is_no_stream_is_refused)
{
	ck_assert_int_eq(plain_run(wrong_descriptors, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EINVAL; EINVAL; EBADF; 1; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_faults");
	TCase *peers = tcase_create("peers");
	TCase *memory = tcase_create("memory");
	TCase *owners = tcase_create("owners");
	TCase *pipes = tcase_create("pipes");

	tcase_add_test(peers,
		       a_reset_is_told_and_what_came_before_is_readable);
	tcase_add_test(peers, an_error_while_sending_is_told_by_the_next_call);
	tcase_add_test(peers,
		       a_peer_that_never_reads_holds_up_the_writer_alone);
	suite_add_tcase(suite, peers);

	tcase_add_test(memory,
		       reading_and_writing_allocate_nothing_once_warm);
	tcase_add_test(memory,
		       without_memory_a_stream_fails_and_leaves_nothing);
	tcase_add_test(memory,
		       a_write_that_cannot_be_buffered_is_sent_in_place);
	suite_add_tcase(suite, memory);

	tcase_add_test(owners,
		       a_child_of_fork_does_not_speak_on_its_parents_stream);
	tcase_add_test(owners,
		       a_stream_that_was_forgotten_ends_with_the_loop);
	tcase_add_test(owners, another_thread_may_only_drop_it);
	suite_add_tcase(suite, owners);

	tcase_add_test(pipes, a_pipe_is_a_stream_of_one_direction);
	tcase_add_test(pipes, a_broken_pipe_is_an_error_and_no_signal);
	tcase_add_test(pipes, what_is_no_stream_is_refused);
	suite_add_tcase(suite, pipes);
	return suite_run(suite);
}
