/* SPDX-License-Identifier: MIT */
/*
 * Writing: one buffer is written while the next one fills.
 *
 *	out:     [ copied from the caller ....|end    ]   written at `at`
 *	behind:  [ being written ...................... ]
 *
 * A failure of `behind` is kept: the kernel forgets what it could not write,
 * so nothing that comes later may look as if all were well.
 *
 * A stream is waited for before each write, and nothing of it is written
 * behind: how much it takes is known only when it has taken it.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_private.h"

int
aw__file_at(const struct aw_file *file, int64_t at)
{
	int r = aw__file_check(file);

	if (r < 0)
		return r;
	if (at < 0)
		return aw_fail(-EINVAL, "%lld is no place in a file",
			       (long long)at);
	if (file->handle->stream)
		return aw__file_fail(file, -ESPIPE, "a place in");
	return 0;
}

/* --- Buffers ----------------------------------------------------------- */

static int
keep_failure(struct aw_file *file, int64_t result)
{
	if (result < 0)
		file->error = (int)result;
	return file->error ? aw__file_fail(file, file->error, "writing") : 0;
}

/* Until nothing is being written. */
static int
settle(struct aw_file *file, struct aw_task *self)
{
	struct aw__io *behind = file->behind;
	int r;

	if (!behind || behind->state == AW__IO_IDLE)
		return keep_failure(file, 0);
	r = aw__io_wait(behind, self, "a write to a file", file, 0);
	if (r < 0)
		return r;
	behind->state = AW__IO_IDLE;
	return keep_failure(file, behind->result);
}

/* A stream takes what it likes; a pipe that can be written takes at least
 * PIPE_BUF bytes, so that not even a blocking one blocks. */
static int
push_stream(struct aw_file *file, struct aw_task *self)
{
	struct aw__io *out = file->out;
	int r;

	while (out->begin < out->end) {
		r = aw__file_ready(file, AW_FD_WRITE);
		if (r < 0)
			return r;
		out->bytes = out->data + out->begin;
		out->size = out->end - out->begin;
		if (out->size > PIPE_BUF)
			out->size = PIPE_BUF;
		r = aw__io_start(out);
		if (r < 0)
			return r;
		/* Firm: how much was taken must be known. */
		aw_ignore(aw__io_wait(out, self, "a write to a stream", file,
				      AW__WAIT_FIRM));
		out->state = AW__IO_IDLE;
		if (out->result < 0 && out->result != -EAGAIN)
			return keep_failure(file, out->result);
		out->begin += out->result > 0 ? (size_t)out->result : 0;
	}
	out->begin = out->end = 0;
	return 0;
}

/* `out` is written from here on. */
static int
push(struct aw_file *file, struct aw_task *self)
{
	struct aw__io *out = file->out;
	int r;

	out->kind = AW__IO_WRITE;
	out->at = -1;
	if (file->handle->stream)
		return push_stream(file, self);
	r = settle(file, self);
	if (r < 0)
		return r;
	if (!file->append)
		out->at = file->pos - (int64_t)out->end;
	out->bytes = out->data;
	out->size = out->end;
	r = aw__io_start(out);
	if (r < 0)
		return r;
	file->out = file->behind;
	file->behind = out;
	if (file->out)
		file->out->end = 0;
	return 0;
}

int
aw__file_flush(struct aw_file *file, struct aw_task *self)
{
	int r = 0;

	if (file->out && file->out->end > 0)
		r = push(file, self);
	if (r == 0)
		r = settle(file, self);
	if (r < 0)
		return r;
	aw__io_drop(file->out);
	aw__io_drop(file->behind);
	file->out = file->behind = NULL;
	return 0;
}

/* Begin of a call that writes: what was read ahead is given back. */
static int
enter(struct aw_file *file, struct aw_task **ret)
{
	int r = aw__file_enter(file, ret);

	if (r < 0)
		return r;
	aw__file_forget_read(file);
	r = keep_failure(file, 0);
	if (r < 0)
		file->busy = false;
	return r;
}

static int
make_room(struct aw_file *file, struct aw_task *self)
{
	int r = 0;

	if (file->out && file->out->end == file->buffer)
		r = push(file, self);
	if (r == 0 && !file->out) {
		file->out = aw__io_new(file->handle, file->buffer);
		if (!file->out)
			r = aw_fail(-ENOMEM, "no memory for a buffer of %zu "
				    "bytes", file->buffer);
	}
	return r;
}

static int
copy_in(struct aw_file *file, struct aw_task *self, struct aw_bytes bytes)
{
	const unsigned char *from = bytes.data;
	size_t left = bytes.size, n;
	int r;

	while (left > 0) {
		r = make_room(file, self);
		if (r < 0)
			return r;
		n = file->buffer - file->out->end;
		n = left < n ? left : n;
		memcpy(file->out->data + file->out->end, from, n);
		file->out->end += n;
		file->pos += (int64_t)n;
		from += n;
		left -= n;
	}
	return 0;
}

/* --- Calls ------------------------------------------------------------- */

int
aw_file_writev(struct aw_file *file, const struct aw_bytes *parts, size_t n)
{
	struct aw_task *self;
	size_t i;
	int r;

	r = enter(file, &self);
	if (r < 0)
		return r;
	for (i = 0; i < n && r == 0; i++)
		r = copy_in(file, self, parts[i]);
	file->busy = false;
	return r;
}

int
aw_file_write(struct aw_file *file, struct aw_bytes bytes)
{
	return aw_file_writev(file, &bytes, 1);
}

int
aw_file_printf(struct aw_file *file, const char *fmt, ...)
{
	char small[512], *text = small;
	va_list args;
	int n, r;

	va_start(args, fmt);
	n = vsnprintf(small, sizeof small, fmt, args);
	va_end(args);
	if (n < 0)
		return aw_fail(-errno, "text for %s cannot be written",
			       aw_file_path(file));
	if ((size_t)n >= sizeof small) {
		text = aw__malloc((size_t)n + 1);
		if (!text)
			return aw_fail(-ENOMEM, "no memory for text");
		va_start(args, fmt);
		vsnprintf(text, (size_t)n + 1, fmt, args);
		va_end(args);
	}
	r = aw_file_write(file, aw_bytes(text, (size_t)n));
	if (text != small)
		aw__free(text);
	return r;
}

int
aw_file_flush(struct aw_file *file)
{
	struct aw_task *self;
	int r;

	r = aw__file_enter(file, &self);
	if (r < 0)
		return r;
	r = aw__file_flush(file, self);
	file->busy = false;
	return r;
}

/* One io that is waited for when it has begun; freed. The detail of an
 * interruption that does not count is not left behind. */
static int64_t
firm_io(struct aw__io *io, struct aw_task *self, const char *what)
{
	struct aw__failure before = { 0 };
	int64_t result;
	int r;

	r = aw__io_start(io);
	aw__failure_move(&self->failure, &before);
	if (r == 0)
		r = aw__io_wait(io, self, what, NULL, 0);
	else
		aw__failure_move(&before, &self->failure);
	if (r < 0 && io->state != AW__IO_IDLE && !aw__io_withdraw(io)) {
		if (io->job)
			aw__job_replace(io->job);
		/* A firm wait with no time of its own cannot fail. */
		aw_ignore(aw__io_wait(io, self, what, NULL, AW__WAIT_FIRM));
		aw__failure_fini(&self->failure);
		r = 0;
	}
	if (r < 0)
		aw__failure_fini(&before);
	else
		aw__failure_move(&before, &self->failure);
	result = r < 0 ? r : io->result;
	if (r == 0 && result < 0)
		aw_ignore(aw__call_fail((int)result, what,
					io->handle->path));
	io->state = AW__IO_IDLE;
	aw__io_free(io);
	return result;
}

int
aw_file_pwrite(struct aw_file *file, struct aw_bytes bytes, int64_t at)
{
	struct aw_task *self;
	struct aw__io *io;
	int64_t n;
	int r;

	r = aw__enter(&self);
	if (r == 0)
		r = aw__file_at(file, at);
	if (r < 0 || bytes.size == 0)
		return r;
	if (file->append)
		return aw__file_fail(file, -EINVAL, "a place in what was "
				     "opened with O_APPEND,");
	io = aw__io_new(file->handle, 0);
	if (!io)
		return aw_fail(-ENOMEM, "no memory to write");
	file->stale = true;
	io->kind = AW__IO_WRITE;
	io->at = at;
	io->bytes = (unsigned char *)(uintptr_t)bytes.data;	/* only read */
	io->size = bytes.size;
	n = firm_io(io, self, "writing");
	return n < 0 ? (int)n : 0;
}

static int
sync_file(struct aw_file *file, enum aw__io_kind kind)
{
	struct aw_task *self;
	struct aw__io *io;
	int r;

	r = aw__file_enter(file, &self);
	if (r < 0)
		return r;
	r = aw__file_flush(file, self);
	if (r == 0) {
		io = aw__io_new(file->handle, 0);
		if (!io)
			r = aw_fail(-ENOMEM, "no memory to sync");
		else
			io->kind = (unsigned char)kind;
		r = io ? (int)firm_io(io, self, "syncing") : r;
	}
	file->busy = false;
	return r;
}

int
aw_file_sync(struct aw_file *file)
{
	return sync_file(file, AW__IO_SYNC);
}

int
aw_file_datasync(struct aw_file *file)
{
	return sync_file(file, AW__IO_DATASYNC);
}
