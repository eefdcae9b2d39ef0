/* SPDX-License-Identifier: MIT */
/*
 * What has a descriptor, in a child of fork(): streams, listeners, files,
 * temporary folders, processes, signals, and the watchers that an
 * application's own loop goes on with.
 */
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <await/driver.h>
#include <await/process.h>
#include <await/signal.h>

#include "forked.h"
#include "tasks.h"

static char folder[] = "/tmp/aw-fork.XXXXXX";

static const char *
in(const char *file)
{
	static char path[100];

	snprintf(path, sizeof path, "%s/%s", folder, file);
	return path;
}

static void
run_in_folder(int (*fn)(void *arg), void *arg)
{
	int r;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	r = aw_run(fn, arg, .no_signals = true);
	ck_assert_msg(r == 0, "%s", aw_error_text());
	ck_assert_int_eq(rmdir(folder), 0);
}

#define WANT(condition) \
	do { \
		if (!(condition)) \
			return aw_fail(-EBADMSG, "line %d: not so: %s [%s]", \
				       __LINE__, #condition, aw_error_text()); \
	} while (0)

static bool
is_text(struct aw_bytes bytes, const char *text)
{
	return bytes.size == strlen(text) &&
	       memcmp(bytes.data, text, bytes.size) == 0;
}

/* --- Streams and listeners --------------------------------------------- */

struct streams {
	struct aw_listener *listener;
	struct aw_stream *client, *server;
};

static int
never_serves(struct aw_stream *stream, void *arg)
{
	(void)stream;
	(void)arg;
	return 0;
}

static int
stream_calls(void *arg)
{
	struct streams *s = arg;
	struct aw_stream *other;
	struct aw_bytes bytes;
	char byte;

	REFUSED(aw_stream_chunk(s->client, &bytes));
	REFUSED(aw_stream_line(s->client, &bytes));
	REFUSED(aw_stream_until(s->client, &bytes, aw_text("\n")));
	REFUSED(aw_stream_exactly(s->client, &bytes, 1));
	REFUSED(aw_stream_read(s->client, &byte, 1));
	REFUSED(aw_stream_write(s->client, aw_text("x")));
	REFUSED(aw_stream_printf(s->client, "x"));
	REFUSED(aw_stream_flush(s->server));
	REFUSED(aw_stream_shutdown(s->server));
	REFUSED(aw_listener_accept(s->listener, &other));
	REFUSED(aw_serve(s->listener, never_serves, NULL));
	return 0;
}

static int
stream_drop(void *arg, bool close_it)
{
	struct streams *s = arg;

	if (close_it) {
		REFUSED(aw_stream_close(&s->server));
		REFUSED(aw_stream_close(&s->client));
	} else {
		aw_stream_freep(&s->server);
		aw_stream_abort(&s->client);
	}
	aw_listener_freep(&s->listener);
	EXPECT_IN_CHILD(!s->server && !s->client && !s->listener);
	return 0;
}

/* What was written is on its way as the child is made: it arrives once, and
 * neither end sees a reset, an end, or more. */
static int
streams_app(void *arg)
{
	struct streams s = { NULL, NULL, NULL };
	struct aw_bytes bytes;

	if (arg) {
		AW_TRY(aw_tcp_listen(&s.listener, "127.0.0.1", 0));
		AW_TRY(aw_tcp_connect(&s.client, "127.0.0.1",
				      aw_listener_port(s.listener)));
	} else {
		AW_TRY(aw_unix_listen(&s.listener, in("s")));
		AW_TRY(aw_unix_connect(&s.client, in("s")));
	}
	AW_TRY(aw_listener_accept(s.listener, &s.server));
	AW_TRY(aw_stream_write(s.server, aw_text("one\n")));
	AW_TRY(inherited(stream_calls, stream_drop, &s, 3));
	WANT(aw_stream_line(s.client, &bytes) == 1);
	WANT(is_text(bytes, "one"));
	AW_TRY(aw_stream_write(s.server, aw_text("two\n")));
	WANT(aw_stream_line(s.client, &bytes) == 1);
	WANT(is_text(bytes, "two"));
	AW_TRY(aw_stream_close(&s.server));
	WANT(aw_stream_chunk(s.client, &bytes) == 0);
	aw_stream_freep(&s.client);
	WANT(arg || access(in("s"), F_OK) == 0);
	aw_listener_freep(&s.listener);
	return 0;
}

START_TEST(a_child_neither_speaks_nor_listens_on_its_parents_sockets)
{
	run_in_folder(streams_app, _i ? "" : NULL);
}
END_TEST

/* --- Files ------------------------------------------------------------- */

struct files {
	struct aw_file *in, *out, *atomic, *named;
	struct aw_temp_folder *temp;
};

static int
file_calls(void *arg)
{
	struct files *f = arg;
	struct aw_temp_folder *temp = f->temp;
	struct aw_bytes bytes;
	struct stat st;
	char byte;
	struct iovec part = { &byte, 1 };

	REFUSED(aw_file_read(f->in, &byte, 1));
	REFUSED(aw_file_readv(f->in, &part, 1));
	REFUSED(aw_file_pread(f->in, &byte, 1, 0));
	/* What has been read is memory, and handed out. */
	while (aw_file_line(f->in, &bytes) == 1)
		EXPECT_IN_CHILD(is_text(bytes, "two"));
	REFUSED(aw_file_line(f->in, &bytes));
	REFUSED(aw_file_chunk(f->in, &bytes));
	REFUSED(aw_file_seek(f->in, 0, SEEK_SET));
	REFUSED(aw_file_stat(f->in, &st));
	REFUSED(aw_file_write(f->out, aw_text("x")));
	REFUSED(aw_file_writev(f->out, &(struct aw_bytes){ "x", 1 }, 1));
	REFUSED(aw_file_printf(f->out, "x"));
	REFUSED(aw_file_pwrite(f->out, aw_text("x"), 0));
	REFUSED(aw_file_flush(f->out));
	REFUSED(aw_file_sync(f->out));
	REFUSED(aw_file_datasync(f->out));
	REFUSED(aw_file_truncate(f->out, 0));
	REFUSED(aw_temp_folder_remove(&temp));
	EXPECT_IN_CHILD(aw_file_fd(f->in) >= 0);
	return 0;
}

static int
file_drop(void *arg, bool close_it)
{
	struct files *f = arg;

	if (close_it) {
		REFUSED(aw_file_close(&f->in));
		REFUSED(aw_file_close(&f->out));
		REFUSED(aw_file_commit(&f->atomic));
	} else {
		aw_file_freep(&f->in);
		aw_file_freep(&f->out);
		aw_file_freep(&f->atomic);
	}
	aw_temp_folder_freep(&f->temp);
	aw_file_freep(&f->named);
	EXPECT_IN_CHILD(!f->in && !f->out && !f->atomic && !f->temp);
	return 0;
}

static int
open_files(struct files *f)
{
	struct aw_bytes bytes;

	AW_TRY(aw_file_spew(in("in"), aw_text("one\ntwo\n")));
	AW_TRY(aw_file_open(&f->in, in("in"), O_RDONLY, 0));
	WANT(aw_file_line(f->in, &bytes) == 1);
	AW_TRY(aw_file_create(&f->out, in("out")));
	AW_TRY(aw_file_write(f->out, aw_text("once")));
	AW_TRY(aw_file_create(&f->atomic, in("atomic"), .atomic = true));
	AW_TRY(aw_file_write(f->atomic, aw_text("all")));
	AW_TRY(aw_file_temp(&f->named, folder, .named_file = true));
	return aw_temp_folder_new(&f->temp, folder);
}

static int
has(const char *file, const char *text)
{
	struct aw_bytes bytes;
	int r;

	AW_TRY(aw_file_slurp(&bytes, in(file)));
	r = is_text(bytes, text);
	aw_freep(&bytes.data);
	WANT(r);
	return aw_path_unlink(in(file));
}

/* What was written and not yet flushed is written once, and what has a name
 * keeps it. */
static int
files_app(void *arg)
{
	struct files f = { NULL, NULL, NULL, NULL, NULL };
	struct aw_bytes bytes;

	(void)arg;
	AW_TRY(open_files(&f));
	AW_TRY(inherited(file_calls, file_drop, &f, 4));
	WANT(aw_file_line(f.in, &bytes) == 1 && is_text(bytes, "two"));
	WANT(access(aw_file_path(f.named), F_OK) == 0);
	WANT(access(aw_temp_folder_path(f.temp), F_OK) == 0);
	AW_TRY(aw_file_close(&f.in));
	AW_TRY(aw_file_close(&f.out));
	AW_TRY(aw_file_commit(&f.atomic));
	AW_TRY(aw_file_close(&f.named));
	AW_TRY(aw_temp_folder_remove(&f.temp));
	AW_TRY(has("out", "once"));
	AW_TRY(has("atomic", "all"));
	return aw_path_unlink(in("in"));
}

/* By threads and by the ring. */
START_TEST(a_child_leaves_its_parents_files_alone)
{
	setenv("AWAIT_FILE_BACKEND", _i ? "uring" : "threads", 1);
	run_in_folder(files_app, NULL);
}
END_TEST

/* --- Processes and signals --------------------------------------------- */

struct others {
	struct aw_process *process;
	struct aw_signals *signals;
};

static int
process_calls(void *arg)
{
	struct others *o = arg;
	struct aw_output *output;
	int n;

	REFUSED(aw_process_signal(o->process, SIGKILL));
	REFUSED(aw_process_wait(o->process, &n));
	REFUSED(aw_process_communicate(o->process, &output, aw_text("")));
	REFUSED(aw_stream_write(aw_process_in(o->process), aw_text("x")));
	REFUSED(aw_signals_next(o->signals, &n));
	EXPECT_IN_CHILD(aw_process_pid(o->process) > 0);
	return 0;
}

static int
process_drop(void *arg, bool close_it)
{
	struct others *o = arg;

	if (close_it)
		REFUSED(aw_process_close(&o->process));
	else
		aw_process_freep(&o->process);
	aw_signals_close(&o->signals);
	EXPECT_IN_CHILD(!o->process && !o->signals);
	return 0;
}

/* Not killed, its input not ended; the signal finds its owner. */
static int
processes_app(void *arg)
{
	struct others o = { NULL, NULL };
	struct aw_bytes bytes;
	int n = -1;

	(void)arg;
	AW_TRY(aw_process_start(&o.process, AW_ARGV("cat"), .in = AW_PIPE,
				.out = AW_PIPE));
	AW_TRY(aw_signals_open(&o.signals, SIGUSR1));
	AW_TRY(inherited(process_calls, process_drop, &o, 4));
	AW_TRY(aw_stream_write(aw_process_in(o.process), aw_text("cat\n")));
	WANT(aw_stream_line(aw_process_out(o.process), &bytes) == 1);
	WANT(is_text(bytes, "cat"));
	raise(SIGUSR1);
	AW_TRY(aw_signals_next(o.signals, &n));
	WANT(n == SIGUSR1);
	AW_TRY(aw_stream_shutdown(aw_process_in(o.process)));
	AW_TRY(aw_process_wait(o.process, &n));
	WANT(n == 0);
	aw_signals_close(&o.signals);
	return aw_process_close(&o.process);
}

START_TEST(a_child_neither_ends_nor_feeds_its_parents_process)
{
	run_in_folder(processes_app, NULL);
}
END_TEST

/* --- An application's loop in the child -------------------------------- */

static int reads;

static void
takes_byte(void *fd, int events)
{
	char byte;

	(void)events;
	reads += (int)read(*(int *)fd, &byte, 1);
}

/* The turns that the application makes before it thinks of us. */
static int
turns_in_child(struct ev_loop *ev)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		ev_loop_fork(ev);
		for (int i = 0; i < 5; i++)
			ev_run(ev, EVRUN_NOWAIT);
		_exit(reads);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(an_applications_loop_in_a_child_reads_nothing_of_parents)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct aw_loop *loop;
	struct aw_fd *handle;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ck_assert_int_eq(aw_attach(ev, &loop), 0);
	ck_assert_int_eq(aw_fd_new(&handle, fd[0]), 0);
	aw_fd_watch(handle, AW_FD_READ, takes_byte, &fd[0]);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	ck_assert_int_eq(turns_in_child(ev), 0);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_int_eq(reads, 1);
	aw_fd_free(handle);
	ck_assert_int_eq(aw_detach(loop, 1), 0);
	ev_loop_destroy(ev);
}
END_TEST

static struct aw_process *stubborn;

/* Asked to end, and given a little while. */
static int
asks_stubborn(void *arg)
{
	struct aw_bytes bytes;

	AW_TRY(aw_process_start(&stubborn,
				AW_ARGV("sh", "-c", "trap '' TERM; echo ready; "
					"exec sleep 1000"),
				.out = AW_PIPE, .grace = 0.1));
	AW_TRY(aw_stream_line(aw_process_out(stubborn), &bytes));
	*(int *)arg = aw_process_pid(stubborn);
	aw_process_abort(&stubborn);
	return 0;
}

static void
breaks(EV_P_ ev_timer *timer, int revents)
{
	(void)timer;
	(void)revents;
	ev_break(EV_A_ EVBREAK_ALL);
}

/* A timer that is due later than the one of the process. */
static void
run_past_patience(struct ev_loop *ev)
{
	ev_timer timer;

	ev_loop_fork(ev);
	ev_now_update(ev);
	ev_timer_init(&timer, breaks, 0.2, 0);
	ev_timer_start(ev, &timer);
	ev_run(ev, 0);
	_exit(0);
}

START_TEST(an_applications_loop_in_a_child_kills_no_process_of_the_parents)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	siginfo_t info = { .si_pid = 0 };
	struct aw_loop *loop;
	int pid = 0, status = 0;
	pid_t child;

	ck_assert_int_eq(aw_attach(ev, &loop), 0);
	start("asks", asks_stubborn, &pid);
	while (pid == 0)
		ev_run(ev, EVRUN_ONCE);
	child = fork();
	if (child == 0)
		run_past_patience(ev);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info,
				WEXITED | WNOHANG | WNOWAIT), 0);
	ck_assert_int_eq(info.si_pid, 0);
	ck_assert_int_eq(aw_detach(loop, 5), 0);
	ev_loop_destroy(ev);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fork_io");
	TCase *tcase = tcase_create("io");

	tcase_add_loop_test(
	    tcase, a_child_neither_speaks_nor_listens_on_its_parents_sockets,
	    0, 2);
	tcase_add_loop_test(tcase, a_child_leaves_its_parents_files_alone, 0,
			    2);
	tcase_add_test(tcase,
		       a_child_neither_ends_nor_feeds_its_parents_process);
	tcase_add_test(
	    tcase, an_applications_loop_in_a_child_reads_nothing_of_parents);
	tcase_add_test(
	    tcase,
	    an_applications_loop_in_a_child_kills_no_process_of_the_parents);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
