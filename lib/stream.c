/* SPDX-License-Identifier: MIT */
/*
 * The life of a stream; doc/internals/stream.md draws the whole.
 *
 * Every call holds the stream while it is inside (n_inside), since another
 * task may close it meanwhile:
 *
 *	open ----> closing (its own flush is left) ----> closed, number -1
 *	  |                                                ^   |
 *	  +--- abort, the end of the loop -----------------+   +--> freed, when
 *	                                                           nobody is in
 *
 * The watcher goes before the descriptor is closed: libev ends the process
 * when it changes the mask of a closed one.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime.h"
#include "stream.h"

#define CONNECT_SECONDS 10.0
#define LIMIT 65536
#define LIMIT_MAX (1 << 30)
#define FIRST_ROOM 4096

/* --- Buffers ----------------------------------------------------------- */

static bool
grow(struct aw__buffer *b, size_t need, size_t max)
{
	size_t size = b->room ? b->room : FIRST_ROOM / 2;
	char *data;

	while (size <= b->room || size < need)
		size *= 2;
	if (size > max)
		size = max;
	data = aw__realloc(b->data, size);
	if (!data)
		return false;
	b->data = data;
	b->room = size;
	return true;
}

bool
aw__buffer_reserve(struct aw__buffer *b, size_t n, size_t max)
{
	size_t used = aw__buffered(b);

	if (used == 0)
		b->start = b->end = 0;
	if (b->room - b->end >= n)
		return true;
	if (n > max || used > max - n)
		return false;
	if (b->start > 0) {
		memmove(b->data, b->data + b->start, used);
		b->start = 0;
		b->end = used;
	}
	return b->room - used >= n || grow(b, used + n, max);
}

/* --- Calls ------------------------------------------------------------- */

int
aw__fail_stream_closed(void)
{
	return aw_fail(AW_ECLOSED, "the stream was closed");
}

/* May this process and thread use it? */
static int
check(const struct aw_stream *s)
{
	if (s->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the stream was made before fork(): "
			       "it belongs to the parent process");
	if (s->closing || (s->number < 0 && !s->shut))
		return aw__fail_stream_closed();
	if (s->loop != aw__loop)
		return aw_fail(AW_EUSAGE, "the stream belongs to the loop of "
			       "another thread (use aw_post)");
	return 0;
}

int
aw__stream_enter(struct aw_stream *s)
{
	int r = check(s);

	if (r == 0)
		s->n_inside++;
	return r;
}

int
aw__stream_leave(struct aw_stream *s, int r)
{
	if (--s->n_inside == 0 && s->freed) {
		aw__free(s->in.data);
		aw__free(s->out.data);
		aw__free(s);
	}
	return r;
}

/* --- The end ----------------------------------------------------------- */

/* In a child of fork() the socket is the parent's too, and so would be the
 * option. */
static void
make_reset(const struct aw_stream *s)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (s->kind == AW__STREAM_TCP && s->mark == aw_fork_mark())
		aw_ignore(setsockopt(s->number, SOL_SOCKET, SO_LINGER, &now,
				     sizeof now));
}

/* Closes the descriptor; whoever waits on it is told. */
static void
teardown(struct aw_stream *s, bool hard)
{
	struct aw_fd *fd = s->fd;
	int number = s->number;

	if (number < 0)
		return;
	if (hard)
		make_reset(s);
	aw_defer_cancel(&s->soon);
	s->fd = NULL;
	s->number = -1;
	aw_fd_free(fd);
	close(number);
	aw__stream_release_writer(s, AW_ECLOSED);
}

static void
finish(struct aw_stream *s, bool hard)
{
	s->n_inside++;
	teardown(s, hard);
	aw_closer_remove(&s->closer);
	s->shut = false;
	s->freed = true;
	aw__stream_leave(s, 0);
}

static void
finish_here(void *stream)
{
	finish(stream, true);
}

static void
on_loop_end(void *stream)
{
	struct aw_stream *s = stream;

	teardown(s, true);
	s->shut = false;
}

void
aw_stream_abort(struct aw_stream **stream)
{
	struct aw_stream *s = *stream;

	*stream = NULL;
	if (!s)
		return;
	/* A mistake, but no reason to corrupt the loop's lists. */
	if (s->number >= 0 && s->loop != aw__loop &&
	    s->mark == aw_fork_mark())
		aw_ignore(aw_post(s->loop, finish_here, s));
	else
		finish(s, true);
}

void
aw_stream_freep(struct aw_stream **stream)
{
	aw_stream_abort(stream);
}

int
aw_stream_close(struct aw_stream **stream)
{
	struct aw_stream *s = *stream;
	struct aw__writer flush = { 0 };
	int r;

	if (!s)
		return 0;
	r = aw__stream_enter(s);
	if (r < 0) {
		aw_stream_abort(stream);
		return r;
	}
	*stream = NULL;
	s->closing = true;
	aw__stream_release_writer(s, AW_ECLOSED);
	r = aw__stream_drain(s, &flush);
	finish(s, r < 0);
	return aw__stream_leave(s, r);
}

static int
end_our_direction(struct aw_stream *s)
{
	if (s->kind == AW__STREAM_TTY)
		return aw_fail(-ENOTSUP, "a terminal has no direction that "
			       "could be shut down");
	s->shut = true;
	if (s->kind == AW__STREAM_PIPE)
		teardown(s, false);
	else if (shutdown(s->number, SHUT_WR) < 0)
		return aw_fail(-errno, "shutdown: %s", aw_strerror(-errno));
	return 0;
}

int
aw_stream_shutdown(struct aw_stream *stream)
{
	int r = aw__stream_enter(stream);

	if (r < 0)
		return r;
	if (!stream->shut)
		r = aw_stream_flush(stream);
	if (r == 0 && !stream->shut)
		r = end_our_direction(stream);
	return aw__stream_leave(stream, r);
}

/* --- The begin --------------------------------------------------------- */

int
aw__stream_options(struct aw_stream_options *ret,
		   const struct aw_stream_options *options)
{
	struct aw_stream_options o = { 0 };

	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	if (o.limit < 0 || o.limit > LIMIT_MAX)
		return aw_fail(-EINVAL, ".limit = %lld: 1..2^30 bytes are "
			       "possible", (long long)o.limit);
	if (o.high < AW_NONE || o.high > LIMIT_MAX)
		return aw_fail(-EINVAL, ".high = %lld: AW_NONE or 1..2^30 "
			       "bytes are possible", (long long)o.high);
	if (!(o.connect >= 0) || !(o.keepalive >= 0))
		return aw_fail(-EINVAL, ".connect and .keepalive are seconds, "
			       "0 or more");
	o.connect = o.connect > 0 ? o.connect : CONNECT_SECONDS;
	o.limit = o.limit ? o.limit : LIMIT;
	o.high = o.high ? o.high : LIMIT;
	o.high = o.high == AW_NONE ? 0 : o.high;
	*ret = o;
	return 0;
}

static void
set(int number, int level, int option, int value)
{
	aw_ignore(setsockopt(number, level, option, &value, sizeof value));
}

/* A dead peer is noticed after twice the seconds. */
static void
tune(int number, const struct aw_stream_options *o)
{
	int idle = o->keepalive < 32767 ? (int)o->keepalive : 32767;

	if (!o->delay)
		set(number, IPPROTO_TCP, TCP_NODELAY, 1);
	if (o->keepalive <= 0)
		return;
	idle = idle < 1 ? 1 : idle;
	set(number, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(number, IPPROTO_TCP, TCP_KEEPIDLE, idle);
	set(number, IPPROTO_TCP, TCP_KEEPINTVL, (idle + 3) / 4);
	set(number, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

int
aw__stream_new(struct aw_stream **ret, int number, struct aw_fd *fd,
	       enum aw__stream_kind kind,
	       const struct aw_stream_options *options)
{
	struct aw_stream *s = aw__calloc(1, sizeof *s);
	int r;

	if (!s)
		return aw_fail(-ENOMEM, "no memory for a stream");
	*s = (struct aw_stream){
		.loop = aw__loop, .fd = fd, .number = number, .kind = kind,
		.mark = aw_fork_mark(), .limit = (size_t)options->limit,
		.high = (size_t)options->high,
		.soon = { .fn = aw__stream_pump, .arg = s },
		.closer = { .fn = on_loop_end, .arg = s },
	};
	r = fd ? 0 : aw_fd_new(&s->fd, number);
	if (r == 0)
		r = aw_closer_add(&s->closer);
	if (r < 0) {
		aw__free(s);
		return r;
	}
	if (kind == AW__STREAM_TCP)
		tune(number, options);
	*ret = s;
	return 0;
}

static int
socket_option(int fd, int option)
{
	int value = 0;
	socklen_t size = sizeof value;

	if (getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0)
		return -1;
	return value;
}

static int
kind_of_socket(int fd, enum aw__stream_kind *ret)
{
	int domain = socket_option(fd, SO_DOMAIN);

	if (socket_option(fd, SO_TYPE) != SOCK_STREAM ||
	    socket_option(fd, SO_ACCEPTCONN) != 0)
		return aw_fail(-EINVAL, "descriptor %d is no connected stream "
			       "socket", fd);
	*ret = domain == AF_INET || domain == AF_INET6 ? AW__STREAM_TCP
						       : AW__STREAM_UNIX;
	return 0;
}

static int
kind_of(int fd, enum aw__stream_kind *ret)
{
	struct stat file;

	if (fstat(fd, &file) < 0)
		return aw_fail(-errno, "descriptor %d: %s", fd,
			       aw_strerror(-errno));
	if (S_ISSOCK(file.st_mode))
		return kind_of_socket(fd, ret);
	if (!S_ISFIFO(file.st_mode) && !S_ISCHR(file.st_mode))
		return aw_fail(-EINVAL, "descriptor %d is no socket, pipe or "
			       "terminal", fd);
	*ret = S_ISFIFO(file.st_mode) ? AW__STREAM_PIPE : AW__STREAM_TTY;
	return 0;
}

int
aw_stream_from_fd_with(struct aw_stream **ret, int fd,
		       const struct aw_stream_options *options)
{
	struct aw_stream_options o;
	enum aw__stream_kind kind = AW__STREAM_TCP;
	int r, flags;

	if (!aw__loop)
		return aw__no_loop("aw_stream_from_fd");
	r = aw__stream_options(&o, options);
	if (r == 0)
		r = kind_of(fd, &kind);
	if (r == 0)
		r = aw__stream_new(ret, fd, NULL, kind, &o);
	if (r < 0)
		return r;
	flags = fcntl(fd, F_GETFL);
	if (!(flags & O_NONBLOCK))
		aw_ignore(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
	aw_ignore(fcntl(fd, F_SETFD, FD_CLOEXEC));
	return 0;
}
