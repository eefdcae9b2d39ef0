/* SPDX-License-Identifier: MIT */
/*
 * Writing to a stream: one sender, pump().
 *
 *	aw_stream_write ---fits---> out ----+--> pump() --> the system
 *	      |                             |
 *	      +---does not fit: direct -----+    called by: the deferred call,
 *	          and the writer waits           the watch while the system is
 *	                                         full, the writer itself
 *
 * The writer waits for a completion: nothing left, an error, or the end of
 * the stream. When it returns, its direct bytes are not touched any more.
 */
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime.h"
#include "stream.h"

/* A peer on this machine may read as fast as we send: let the loop turn. */
#define PUMP_MAX (1 << 20)

/* --- The system -------------------------------------------------------- */

/* A pipe has no MSG_NOSIGNAL; aw_run() blocks SIGPIPE, an application's own
 * loop may not. A signal that was pending before stays so. */
static ssize_t
write_quietly(const struct aw_stream *s, const struct iovec *iov, int n)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe, former, pending;
	ssize_t sent;
	int error;

	if (s->loop->own)
		return writev(s->number, iov, n);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &former);
	sigpending(&pending);
	sent = writev(s->number, iov, n);
	error = errno;
	if (sent < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE))
		aw_ignore(sigtimedwait(&pipe, NULL, &now) < 0);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	errno = error;
	return sent;
}

static ssize_t
send_parts(const struct aw_stream *s, struct iovec *iov, int n)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = (size_t)n };

	if (s->kind == AW__STREAM_PIPE || s->kind == AW__STREAM_TTY)
		return write_quietly(s, iov, n);
	if (n == 1)
		return send(s->number, iov->iov_base, iov->iov_len,
			    MSG_NOSIGNAL);
	return sendmsg(s->number, &message, MSG_NOSIGNAL);
}

static void
sent(struct aw_stream *s, size_t n)
{
	size_t first = aw__buffered(&s->out);

	s->counts.sent += n;
	first = first < n ? first : n;
	s->out.start += first;
	n -= first;
	if (n > 0) {
		s->writer->data += n;
		s->writer->left -= n;
		s->counts.written += n;
	}
}

/* One call. 1: sent all of it; 0: the system is full; else the error. */
static int
send_once(struct aw_stream *s)
{
	struct iovec iov[2];
	size_t size = 0;
	ssize_t n;
	int parts = 0;

	if (aw__buffered(&s->out)) {
		iov[parts].iov_base = s->out.data + s->out.start;
		size = iov[parts++].iov_len = aw__buffered(&s->out);
	}
	if (s->writer && s->writer->left) {
		size_t left = s->writer->left;

		iov[parts].iov_base = (void *)(uintptr_t)s->writer->data;
		iov[parts].iov_len = left < PUMP_MAX ? left : PUMP_MAX;
		size += iov[parts++].iov_len;
	}
	do
		n = send_parts(s, iov, parts);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	sent(s, (size_t)n);
	return (size_t)n == size;
}

/* --- The pump ---------------------------------------------------------- */

static void
on_writable(void *stream, int events)
{
	(void)events;
	aw__stream_pump(stream);
}

static void
watch(struct aw_stream *s, bool full)
{
	if (s->full == full)
		return;
	s->full = full;
	aw_fd_watch(s->fd, full ? AW_FD_WRITE : 0, full ? on_writable : NULL,
		    s);
}

void
aw__stream_release_writer(struct aw_stream *s, int value)
{
	struct aw__writer *w = s->writer;

	s->writer = NULL;
	if (w && w->ticket)
		aw_ignore(aw_waiter_complete(&w->waiter, w->ticket, value));
}

void
aw__stream_pump(void *stream)
{
	struct aw_stream *s = stream;
	uint64_t stop = s->counts.sent + PUMP_MAX;
	int r = 1;

	while (r > 0 && aw__stream_unsent(s) && s->counts.sent < stop)
		r = send_once(s);
	if (r < 0) {
		s->out_error = r;
		s->out.start = s->out.end = 0;
	}
	watch(s, r >= 0 && aw__stream_unsent(s) > 0);
	if (s->writer && s->writer->ticket &&
	    (r < 0 || !aw__stream_unsent(s)))
		aw__stream_release_writer(s, 0);
}

static int
fail_write(const struct aw_stream *s)
{
	return aw_fail(s->out_error, "writing to a stream: %s",
		       aw_strerror(s->out_error));
}

static int
wait_sent(struct aw_stream *s, struct aw__writer *w)
{
	int value = 0, r;

	w->ticket = aw_waiter_begin(&w->waiter);
	r = aw_waiter_wait(&w->waiter, &value, "room in a stream", s);
	return r == 0 && value < 0 ? aw__fail_stream_closed() : r;
}

int
aw__stream_drain(struct aw_stream *s, struct aw__writer *writer)
{
	int r = 0;

	s->writer = writer;
	if (!s->out_error)
		aw__stream_pump(s);
	if (!s->out_error && aw__stream_unsent(s))
		r = wait_sent(s, writer);
	if (s->writer == writer)
		s->writer = NULL;
	return r == 0 && s->out_error ? fail_write(s) : r;
}

/* --- Around a call ----------------------------------------------------- */

static int
end(struct aw_stream *s, int r)
{
	s->writing = false;
	return aw__stream_leave(s, r);
}

static int
check_open(const struct aw_stream *s)
{
	if (s->closing || (s->number < 0 && !s->shut))
		return aw__fail_stream_closed();
	if (s->shut)
		return aw_fail(AW_ECLOSED, "our direction of the stream was "
			       "shut down");
	return s->out_error ? fail_write(s) : 0;
}

static int
begin(struct aw_stream *s)
{
	int r = aw__stream_enter(s);

	if (r < 0)
		return r;
	if (s->writing)
		return aw__stream_leave(s, aw_fail(-EBUSY, "another task "
						   "writes to the stream"));
	s->writing = true;
	r = aw_checkpoint();
	if (r == 0)
		r = check_open(s);
	return r < 0 ? end(s, r) : 0;
}

/* --- What users call --------------------------------------------------- */

static bool
copy(struct aw_stream *s, const void *data, size_t n)
{
	if (n > s->high || aw__buffered(&s->out) > s->high - n ||
	    !aw__buffer_reserve(&s->out, n, s->high))
		return false;
	memcpy(s->out.data + s->out.end, data, n);
	s->out.end += n;
	s->counts.written += n;
	if (!s->full)
		aw_defer(&s->soon);
	return true;
}

static int
put(struct aw_stream *s, struct aw_bytes bytes)
{
	struct aw__writer writer = { .data = bytes.data, .left = bytes.size };

	if (bytes.size == 0 || copy(s, bytes.data, bytes.size))
		return 0;
	return aw__stream_drain(s, &writer);
}

int
aw_stream_writev(struct aw_stream *stream, const struct aw_bytes *parts,
		 size_t n)
{
	size_t i;
	int r = begin(stream);

	if (r < 0)
		return r;
	for (i = 0; i < n && r == 0; i++) {
		/* Others have a turn, and may close it. */
		r = i > 0 ? aw_checkpoint() : 0;
		if (r == 0 && i > 0)
			r = check_open(stream);
		if (r == 0)
			r = put(stream, parts[i]);
	}
	return end(stream, r);
}

int
aw_stream_write(struct aw_stream *stream, struct aw_bytes bytes)
{
	return aw_stream_writev(stream, &bytes, 1);
}

int
aw_stream_flush(struct aw_stream *stream)
{
	struct aw__writer writer = { 0 };
	int r = begin(stream);

	if (r < 0)
		return r;
	return end(stream, aw__stream_drain(stream, &writer));
}

static int AW_PRINTF(3, 0)
write_long(struct aw_stream *s, size_t n, const char *fmt, va_list args)
{
	char *text = aw__malloc(n + 1);
	int r;

	if (!text)
		return aw_fail(-ENOMEM, "no memory for a text of %zu bytes",
			       n);
	vsnprintf(text, n + 1, fmt, args);
	r = aw_stream_write(s, aw_bytes(text, n));
	aw__free(text);
	return r;
}

int
aw_stream_printf(struct aw_stream *stream, const char *fmt, ...)
{
	char text[512];
	va_list args, again;
	int n, r;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(text, sizeof text, fmt, args);
	if (n < 0)
		r = aw_fail(-EINVAL, "aw_stream_printf: the text could not be "
			    "formatted");
	else if ((size_t)n < sizeof text)
		r = aw_stream_write(stream, aw_bytes(text, (size_t)n));
	else
		r = write_long(stream, (size_t)n, fmt, again);
	va_end(again);
	va_end(args);
	return r;
}
