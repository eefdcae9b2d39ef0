/* SPDX-License-Identifier: MIT */
/*
 * Accepting connections.
 *
 * accept(2) hands over what went wrong on the connection that it would have
 * returned; such errors are counted, and the next one is taken. When the
 * process has no descriptor left, the connections stay in the kernel's
 * backlog, and the socket stays readable: a wait for it would spin, so the
 * call sleeps for a while. It does not fail, since every caller would have to
 * do just that, and one that does not has a server which is gone.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listen.h"
#include "runtime.h"

#define PAUSE 0.1

/* --- Life -------------------------------------------------------------- */

static bool
is_our_path(const struct aw_listener *l)
{
	struct stat file;

	return l->path && l->mark == aw_fork_mark() &&
	       lstat(l->path, &file) == 0 && file.st_dev == l->dev &&
	       file.st_ino == l->ino;
}

void
aw_listener_stop(struct aw_listener *listener)
{
	struct aw_fd *fd = listener->fd;

	if (listener->number < 0)
		return;
	if (is_our_path(listener))
		unlink(listener->path);
	listener->fd = NULL;
	aw_fd_free(fd);
	close(listener->number);
	listener->number = -1;
}

static void
on_loop_end(void *listener)
{
	aw_listener_stop(listener);
}

int
aw__listener_new(struct aw_listener **ret, int number,
		 enum aw__stream_kind kind,
		 const struct aw_stream_options *stream)
{
	struct aw_listener *l = aw__calloc(1, sizeof *l);
	int r;

	if (!l)
		return aw_fail(-ENOMEM, "no memory for a listener");
	l->loop = aw__loop;
	l->number = number;
	l->kind = kind;
	l->mark = aw_fork_mark();
	l->stream = *stream;
	l->closer = (struct aw_closer){ .fn = on_loop_end, .arg = l };
	r = aw_fd_new(&l->fd, number);
	if (r == 0)
		r = aw_closer_add(&l->closer);
	if (r < 0) {
		aw__free(l);
		return r;
	}
	*ret = l;
	return 0;
}

int
aw__listener_leave(struct aw_listener *l, int r)
{
	if (--l->n_inside == 0 && l->freed) {
		aw__free(l->path);
		aw__free(l);
	}
	return r;
}

void
aw_listener_free(struct aw_listener *listener)
{
	if (!listener)
		return;
	listener->n_inside++;
	aw_listener_stop(listener);
	aw_closer_remove(&listener->closer);
	listener->freed = true;
	aw__listener_leave(listener, 0);
}

void
aw_listener_freep(struct aw_listener **listener)
{
	aw_listener_free(*listener);
	*listener = NULL;
}

int
aw_listener_port(const struct aw_listener *listener)
{
	return listener->port;
}

struct aw_listener_counts
aw_listener_counts(const struct aw_listener *listener)
{
	return listener->counts;
}

/* --- Accepting --------------------------------------------------------- */

static int
fail_stopped(void)
{
	return aw_fail(AW_ECLOSED, "the listener was stopped");
}

static int
check(const struct aw_listener *l)
{
	if (l->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the listener was made before "
			       "fork(): use aw_listener_from_fd()");
	if (l->number < 0)
		return fail_stopped();
	if (l->loop != aw__loop)
		return aw_fail(AW_EUSAGE, "the listener belongs to the loop "
			       "of another thread");
	return 0;
}

int
aw__listener_enter(struct aw_listener *l)
{
	int r = check(l);

	if (r == 0)
		l->n_inside++;
	return r;
}

/* What the connection died of before it was accepted; accept(2). */
static bool
is_lost(int error)
{
	return error == ECONNABORTED || error == EPROTO ||
	       error == ENETDOWN || error == ENOPROTOOPT ||
	       error == EHOSTDOWN || error == ENONET ||
	       error == EHOSTUNREACH || error == EOPNOTSUPP ||
	       error == ENETUNREACH || error == ETIMEDOUT;
}

static bool
is_lack(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static int
make(struct aw_listener *l, int number, struct aw_stream **ret)
{
	int r = aw__stream_new(ret, number, NULL, l->kind, &l->stream);

	if (r < 0)
		close(number);
	else
		l->counts.accepted++;
	return r;
}

/* One accept(2). 0; -EAGAIN: wait; -EINTR: again; -ENOMEM and the like. */
static int
accept_once(struct aw_listener *l, struct aw_stream **ret)
{
	int number = accept4(l->number, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (number >= 0)
		return make(l, number, ret);
	if (!is_lost(errno))
		return -errno;
	l->counts.lost++;
	return -EINTR;
}

static int
starve(struct aw_listener *l, int r)
{
	l->counts.starved++;
	aw_trace("a listener pauses: %s", aw_strerror(r));
	return aw_sleep(PAUSE);
}

static int
wait_or_starve(struct aw_listener *l, int r)
{
	if (r == -EINTR)
		r = aw_checkpoint();
	else if (r == -EAGAIN)
		r = aw_fd_wait(l->fd, AW_FD_READ, "a connection", l);
	else if (is_lack(-r))
		r = starve(l, r);
	else
		return aw_fail(r, "accepting a connection: %s",
			       aw_strerror(r));
	if (l->number < 0 && (r >= 0 || r == -EBADF))
		return fail_stopped();
	return r;
}

static int
accept_next(struct aw_listener *l, struct aw_stream **ret)
{
	int r = aw_checkpoint();

	if (r == 0 && l->number < 0)
		return fail_stopped();
	while (r >= 0) {
		r = accept_once(l, ret);
		if (r == 0)
			return 0;
		r = wait_or_starve(l, r);
	}
	return r;
}

int
aw_listener_accept(struct aw_listener *listener, struct aw_stream **ret)
{
	int r = aw__listener_enter(listener);

	if (r < 0)
		return r;
	if (listener->accepting) {
		r = aw_fail(-EBUSY, "another task accepts from the listener");
		return aw__listener_leave(listener, r);
	}
	listener->accepting = true;
	r = accept_next(listener, ret);
	listener->accepting = false;
	return aw__listener_leave(listener, r);
}
