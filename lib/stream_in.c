/* SPDX-License-Identifier: MIT */
/*
 * Reading from a stream.
 *
 *	in.data  [.... lent ....|#### buffered ####|.... free ....]
 *	                        ^start             ^end           ^room
 *
 * A view that was lent lies before start. Bytes move only when more are read,
 * which is why a view lives until the next call. Nothing is taken before a
 * call has all that it wants, so that one which fails has lost nothing.
 *
 * After a read that got less than it asked for, the socket is empty: the next
 * one waits at once and does not first learn EAGAIN.
 */
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime.h"
#include "stream.h"

#define FIRST_SLURP 4096
#define SLURP_MAX (64LL << 20)
/* A device gives as much as is asked for: let others have a turn. */
#define SLURP_PIECE ((size_t)256 << 10)

/* --- Around a call ----------------------------------------------------- */

static int
end(struct aw_stream *s, int r)
{
	s->reading = false;
	return aw__stream_leave(s, r);
}

static int
begin(struct aw_stream *s)
{
	int r = aw__stream_enter(s);

	if (r < 0)
		return r;
	if (s->reading)
		return aw__stream_leave(s, aw_fail(-EBUSY, "another task "
						   "reads from the stream"));
	s->reading = true;
	r = aw_checkpoint();
	if (r == 0 && s->number < 0)
		r = aw__fail_stream_closed();
	return r < 0 ? end(s, r) : 0;
}

static struct aw_bytes
lend(struct aw_stream *s, size_t n)
{
	const char *data = s->in.data + s->in.start;

	s->in.start += n;
	s->counts.read += n;
	return (struct aw_bytes){ data, n };
}

/* --- More bytes -------------------------------------------------------- */

static int
fail_read(const struct aw_stream *s)
{
	return aw_fail(s->in_error, "reading from a stream: %s",
		       aw_strerror(s->in_error));
}

static int
wait_readable(struct aw_stream *s)
{
	int r = aw_fd_wait(s->fd, AW_FD_READ, "bytes of a stream", s);

	if (!s->fd)
		return r < 0 && r != -EBADF ? r : aw__fail_stream_closed();
	if (r > 0)
		s->quiet = false;
	return r;
}

static ssize_t
receive(const struct aw_stream *s, void *to, size_t n)
{
	if (s->kind == AW__STREAM_PIPE || s->kind == AW__STREAM_TTY)
		return read(s->number, to, n);
	return recv(s->number, to, n, 0);
}

/* One read. 1..: bytes; 0: the end; -EAGAIN: wait; else the error. */
static int
read_once(struct aw_stream *s, void *to, size_t n)
{
	ssize_t got;

	do
		got = receive(s, to, n);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		s->quiet = (size_t)got < n;
		s->counts.received += (size_t)got;
		return (int)got;
	}
	if (got == 0)
		s->eof = true;
	else if (errno != EAGAIN)
		s->in_error = -errno;
	return got == 0 ? 0 : -errno;
}

/* The same, waiting for it. */
static int
read_some(struct aw_stream *s, void *to, size_t n)
{
	int r;

	if (s->eof)
		return 0;
	if (s->in_error)
		return fail_read(s);
	for (;;) {
		r = s->quiet ? -EAGAIN : read_once(s, to, n);
		if (r != -EAGAIN)
			return r < 0 ? fail_read(s) : r;
		r = wait_readable(s);
		if (r < 0)
			return r;
	}
}

static int
fail_limit(const struct aw_stream *s)
{
	return aw_fail(AW_ELIMIT, "%zu bytes of a stream came without the end "
		       "of what was asked for (.limit)", aw__buffered(&s->in));
}

/* At least one more byte into the buffer. 1; 0: the end. */
static int
more(struct aw_stream *s)
{
	struct aw__buffer *in = &s->in;
	size_t used = aw__buffered(in);
	size_t want = s->filled ? in->room + 1 : in->room / 2 + 1;
	int r;

	if (used >= s->limit)
		return fail_limit(s);
	if (want > s->limit - used)
		want = s->limit - used;
	if (!aw__buffer_reserve(in, want, s->limit))
		return aw_fail(-ENOMEM, "no memory to read a stream");
	r = read_some(s, in->data + in->end, in->room - in->end);
	if (r <= 0)
		return r;
	in->end += (size_t)r;
	s->filled = in->end == in->room;
	return 1;
}

/* --- What users call --------------------------------------------------- */

int
aw_stream_chunk(struct aw_stream *stream, struct aw_bytes *ret)
{
	int r = begin(stream);

	if (r < 0)
		return r;
	r = aw__buffered(&stream->in) ? 1 : more(stream);
	if (r > 0)
		*ret = lend(stream, aw__buffered(&stream->in));
	return end(stream, r);
}

/* What is buffered, else what comes. 1..; 0: the end. */
static int
take(struct aw_stream *s, void *buf, size_t n)
{
	size_t have = aw__buffered(&s->in);
	int r;

	n = n < INT_MAX ? n : INT_MAX;
	if (have > 0) {
		n = n < have ? n : have;
		memcpy(buf, lend(s, n).data, n);
		return (int)n;
	}
	r = read_some(s, buf, n);
	if (r > 0)
		s->counts.read += (unsigned)r;
	return r;
}

int
aw_stream_read(struct aw_stream *stream, void *buf, size_t n)
{
	int r;

	if (n == 0)
		return aw_fail(-EINVAL, "aw_stream_read: no room for a byte");
	r = begin(stream);
	if (r < 0)
		return r;
	return end(stream, take(stream, buf, n));
}

/* Between two reads that did not have to wait; 1. */
static int
let_others(struct aw_stream *s)
{
	int r = aw_checkpoint();

	if (r == 0 && s->number < 0)
		r = aw__fail_stream_closed();
	return r < 0 ? r : 1;
}

/* Into a buffer that grows, with a place for the NUL. */
static int
take_all(struct aw_stream *s, struct aw__buffer *b, size_t max,
	 const char *what)
{
	size_t room;
	int r;

	do {
		if (b->room - b->end < 2 &&
		    !aw__buffer_reserve(b, b->end ? b->end : FIRST_SLURP,
					SIZE_MAX / 2))
			return aw_fail(-ENOMEM, "no memory for %s", what);
		room = b->room - b->end - 1;
		r = take(s, b->data + b->end,
			 room < SLURP_PIECE ? room : SLURP_PIECE);
		b->end += r > 0 ? (size_t)r : 0;
		if (b->end > max)
			return aw_fail(AW_ELIMIT, "%s is longer than %zu "
				       "bytes (.max)", what, max);
		if (r > 0)
			r = let_others(s);
	} while (r > 0);
	return r;
}

int
aw__stream_slurp(struct aw_stream *s, struct aw_bytes *ret, size_t max,
		 const char *what)
{
	struct aw__buffer b = { 0 };
	int r = begin(s);

	if (r < 0)
		return r;
	r = end(s, take_all(s, &b, max, what));
	if (r < 0) {
		aw__free(b.data);
		return r;
	}
	b.data[b.end] = '\0';
	*ret = aw_bytes(b.data, b.end);
	return 0;
}

int
aw_stream_slurp_with(struct aw_stream *stream, struct aw_bytes *ret,
		     const struct aw_slurp_options *options)
{
	int64_t max = options && options->max ? options->max : SLURP_MAX;

	if (max < 0)
		return aw_fail(-EINVAL, "at most %lld bytes?",
			       (long long)max);
	return aw__stream_slurp(stream, ret, max >= AW_FOREVER ? SIZE_MAX / 4
				: (size_t)max, "what came by a stream");
}

/* Where the first delimiter ends, in bytes from start. 1; 0: the end came. */
static int
find(struct aw_stream *s, struct aw_bytes delimiter, size_t *ret)
{
	const struct aw__buffer *in = &s->in;
	size_t from = 0;
	int r;

	for (;;) {
		size_t used = aw__buffered(in);
		const char *hit = !used ? NULL :
			memmem(in->data + in->start + from, used - from,
			       delimiter.data, delimiter.size);

		if (hit) {
			*ret = (size_t)(hit - in->data) - in->start +
			       delimiter.size;
			return 1;
		}
		if (used >= delimiter.size)
			from = used - delimiter.size + 1;
		r = more(s);
		if (r <= 0)
			return r;
	}
}

static int
fail_end(const struct aw_stream *s, const char *wanted)
{
	size_t used = aw__buffered(&s->in);

	if (used == 0)
		return aw_fail(AW_ECLOSED, "the other side has ended the "
			       "stream");
	return aw_fail(AW_ELOST, "the stream ended after %zu bytes, before "
		       "%s: aw_stream_chunk() gives them", used, wanted);
}

int
aw_stream_until(struct aw_stream *stream, struct aw_bytes *ret,
		struct aw_bytes delimiter)
{
	size_t n = 0;
	int r;

	if (delimiter.size == 0)
		return aw_fail(-EINVAL, "aw_stream_until: the delimiter is "
			       "empty");
	r = begin(stream);
	if (r < 0)
		return r;
	r = find(stream, delimiter, &n);
	if (r > 0)
		*ret = lend(stream, n);
	else if (r == 0)
		r = fail_end(stream, "the delimiter");
	return end(stream, r < 0 ? r : 0);
}

static struct aw_bytes
without_end(struct aw_bytes line)
{
	const char *text = line.data;

	line.size--;
	if (line.size > 0 && text[line.size - 1] == '\r')
		line.size--;
	return line;
}

int
aw_stream_line(struct aw_stream *stream, struct aw_bytes *ret)
{
	size_t n = 0;
	int r = begin(stream);

	if (r < 0)
		return r;
	r = find(stream, aw_bytes("\n", 1), &n);
	if (r > 0) {
		*ret = without_end(lend(stream, n));
	} else if (r == 0 && aw__buffered(&stream->in)) {
		*ret = lend(stream, aw__buffered(&stream->in));
		r = 1;
	}
	return end(stream, r);
}

static int
gather(struct aw_stream *s, size_t n)
{
	size_t used;
	int r;

	if (n > s->limit)
		return aw_fail(AW_ELIMIT, "%zu bytes at once: at most %zu are "
			       "possible (.limit)", n, s->limit);
	while ((used = aw__buffered(&s->in)) < n) {
		if (!aw__buffer_reserve(&s->in, n - used, s->limit))
			return aw_fail(-ENOMEM, "no memory for %zu bytes", n);
		r = more(s);
		if (r == 0)
			return fail_end(s, "as many as were asked for");
		if (r < 0)
			return r;
	}
	return 0;
}

int
aw_stream_exactly(struct aw_stream *stream, struct aw_bytes *ret, size_t n)
{
	int r = begin(stream);

	if (r < 0)
		return r;
	r = gather(stream, n);
	if (r == 0)
		*ret = lend(stream, n);
	return end(stream, r);
}
