/* SPDX-License-Identifier: MIT */
/*
 * Reading in order: blocks are handed out while the next one is read.
 *
 *	now:       [ room |begin: still to be handed out :end]
 *	                   ^ position
 *	ahead[0]:  [ room | read, or being read ............ ]
 *	                   ^ position + (end - begin)
 *	ahead[1]:  [ room | the same, of what follows ...... ]
 *
 * With two of them whoever reads has the next one at hand when the first is
 * done, and does not go to sleep in between.
 *
 * The room before a block takes the rest of a line that began in the one
 * before, so that a line is in one piece.
 */
#include <sys/uio.h>

#include "file_private.h"

#define PREAD_MAX (1u << 20)
#define BLOCK_OPS 127u			/* and the call that reads the next */

static inline size_t
buffered(const struct aw_file *file)
{
	return file->now ? file->now->end - file->now->begin : 0;
}

/* May what is buffered be handed out at once? Else the call begins as every
 * other one, and finds out why not. */
static inline bool
is_at_hand(const struct aw_file *file)
{
	return buffered(file) > 0 && !file->stale && !file->busy &&
	       file->handle->loop == aw__loop;
}

void
aw__file_forget_read(struct aw_file *file)
{
	int i;

	aw__io_drop(file->now);
	file->now = NULL;
	for (i = 0; i < AW__FILE_AHEAD; i++) {
		aw__io_drop(file->ahead[i]);
		file->ahead[i] = NULL;
	}
	file->block = 0;
	file->stale = false;
}

/* Begin of a call that reads. */
static int
enter(struct aw_file *file, struct aw_task **ret)
{
	int r;

	r = aw__file_enter(file, ret);
	if (r < 0)
		return r;
	if (file->out || file->behind) {
		r = aw__file_flush(file, *ret);
		if (r < 0)
			file->busy = false;
		return r;
	}
	if (file->stale)
		aw__file_forget_read(file);
	return 0;
}

/* --- Blocks ------------------------------------------------------------ */

/* An idle io that can take a block. */
static int
make_block(struct aw_file *file, struct aw__io **io)
{
	size_t room = AW__FILE_ROOM + file->block;

	if (*io && (*io)->room < room) {
		aw__io_free(*io);
		*io = NULL;
	}
	if (!*io)
		*io = aw__io_new(file->handle, room);
	return *io ? 0 : aw_fail(-ENOMEM, "no memory for a block of %zu bytes",
				 file->block);
}

static inline bool
is_idle(const struct aw__io *io)
{
	return !io || io->state == AW__IO_IDLE;
}

static int
start_block(struct aw_file *file, struct aw__io **place, int64_t at)
{
	struct aw__io *io;
	int r;

	if (file->block == 0)
		file->block = AW__FILE_FIRST;
	r = make_block(file, place);
	if (r < 0)
		return r;
	io = *place;
	io->kind = AW__IO_READ;
	io->bytes = io->data + AW__FILE_ROOM;
	io->size = file->block;
	io->at = file->handle->stream ? -1 : at;
	return aw__io_start(io);
}

/* Nobody has asked for these blocks yet: a failure is told to who will. */
static void
start_ahead(struct aw_file *file)
{
	struct aw__failure *failure = aw__failure_here(), before = { 0 };
	int64_t at = file->pos + (int64_t)buffered(file);
	int i, r = 0;

	aw__failure_move(failure, &before);
	for (i = 0; i < AW__FILE_AHEAD && r == 0; i++) {
		if (is_idle(file->ahead[i]))
			r = start_block(file, &file->ahead[i], at);
		if (r == 0)
			at += (int64_t)file->ahead[i]->size;
	}
	if (r < 0)
		aw__failure_fini(failure);
	aw__failure_move(&before, failure);
}

/* The file ended, or a block was short: what follows is read at the wrong
 * place. */
static void
drop_followers(struct aw_file *file)
{
	int i;

	for (i = 1; i < AW__FILE_AHEAD; i++)
		if (!is_idle(file->ahead[i])) {
			aw__io_drop(file->ahead[i]);
			file->ahead[i] = NULL;
		}
}

/* Until the first block ahead has been read; its result. */
static int64_t
await_block(struct aw_file *file, struct aw_task *self)
{
	struct aw__io **first = &file->ahead[0];
	bool stream = file->handle->stream;
	int r;

	do {
		if (is_idle(*first)) {
			r = stream ? aw__file_ready(file, AW_FD_READ) : 0;
			if (r == 0)
				r = start_block(file, first, file->pos +
						(int64_t)buffered(file));
			if (r < 0)
				return r;
		}
		r = aw__io_wait(*first, self, "a block of a file", file, 0);
		if (r < 0)
			return r;
		(*first)->state = AW__IO_IDLE;
	} while (stream && (*first)->result == -EAGAIN);
	if ((*first)->result < 0)
		return aw__file_fail(file, (int)(*first)->result, "reading");
	return (*first)->result;
}

/* The rest of a line does not fit before the next block: that is copied
 * behind it. */
static int
append_block(struct aw__io *now, const struct aw__io *ahead, size_t got)
{
	size_t rest = now->end - now->begin;

	if (now->room - now->begin < rest + got) {
		unsigned char *data = aw__malloc(2 * (rest + got));

		if (!data)
			return aw_fail(-ENOMEM, "no memory for a line of more "
				       "than %zu bytes", rest);
		memcpy(data, now->data + now->begin, rest);
		aw__free(now->data);
		now->data = data;
		now->room = 2 * (rest + got);
		now->begin = 0;
		now->end = rest;
	}
	memcpy(now->data + now->end, ahead->bytes, got);
	now->end += got;
	return 0;
}

/* The first block ahead becomes the one to be handed out. */
static void
swap_blocks(struct aw_file *file, size_t got)
{
	struct aw__io *now = file->ahead[0], *before = file->now;
	size_t rest = buffered(file);

	now->begin = AW__FILE_ROOM - rest;
	now->end = AW__FILE_ROOM + got;
	if (rest > 0)
		memcpy(now->data + now->begin, before->data + before->begin,
		       rest);
	file->now = now;
	file->ahead[0] = before;
}

/* The first one ahead is idle now: the last. */
static void
rotate(struct aw_file *file)
{
	struct aw__io *idle = file->ahead[0];
	int i;

	for (i = 1; i < AW__FILE_AHEAD; i++)
		file->ahead[i - 1] = file->ahead[i];
	file->ahead[AW__FILE_AHEAD - 1] = idle;
}

/* Adds a block to what is buffered: 1; 0 at the end of the file; a code. A
 * block counts as 128 ready operations: to hand it out takes as long, and
 * others run before the next one, also amid a call that takes several. */
static int
fill(struct aw_file *file, struct aw_task *self)
{
	struct aw_loop *loop = self->loop;
	int64_t n;
	bool full;
	int r = 0;

	if (loop->ops >= BLOCK_OPS)
		aw__give_turn(self);
	n = await_block(file, self);
	loop->ops |= BLOCK_OPS;
	if (n < 0)
		return (int)n;
	full = (size_t)n == file->ahead[0]->size;
	if (!full)
		drop_followers(file);
	if (n == 0)
		return 0;
	if (buffered(file) <= AW__FILE_ROOM)
		swap_blocks(file, (size_t)n);
	else
		r = append_block(file->now, file->ahead[0], (size_t)n);
	if (r < 0)
		return r;
	rotate(file);
	if (full && !file->handle->stream) {
		file->block = AW__FILE_BLOCK;
		start_ahead(file);
	}
	return 1;
}

/* --- Handing out ------------------------------------------------------- */

static void
hand_out(struct aw_file *file, struct aw_bytes *ret, size_t n, size_t skip)
{
	*ret = aw_bytes(file->now->data + file->now->begin, n);
	file->now->begin += n + skip;
	file->pos += (int64_t)(n + skip);
}

int
aw_file_chunk(struct aw_file *file, struct aw_bytes *ret)
{
	struct aw_task *self;
	int r = 1;

	if (!is_at_hand(file)) {
		r = enter(file, &self);
		if (r < 0)
			return r;
		r = buffered(file) ? 1 : fill(file, self);
		file->busy = false;
	}
	if (r > 0)
		hand_out(file, ret, buffered(file), 0);
	return r;
}

/* A whole line, if there is one; the first `seen` bytes have no newline.
 * 1; 0: none; AW_ELIMIT. */
static inline int
take_line(struct aw_file *file, struct aw_bytes *ret, size_t seen)
{
	struct aw__io *now = file->now;
	const unsigned char *begin = now->data + now->begin, *end;
	size_t n;

	end = memchr(begin + seen, '\n', now->end - now->begin - seen);
	if (!end)
		return 0;
	n = (size_t)(end - begin);
	if (n > file->line_max)
		return AW_ELIMIT;
	hand_out(file, ret, n, 1);
	return 1;
}

/* The last line, without a newline. */
static int
take_rest(struct aw_file *file, struct aw_bytes *ret)
{
	size_t n = buffered(file);

	if (n > 0)
		hand_out(file, ret, n, 0);
	return n > 0;
}

static int
next_line(struct aw_file *file, struct aw_task *self, struct aw_bytes *ret)
{
	size_t seen = 0;
	int r = 0;

	for (;;) {
		if (file->now)
			r = take_line(file, ret, seen);
		if (r > 0)
			return r;
		seen = buffered(file);
		if (r < 0 || seen > file->line_max)
			return aw_fail(AW_ELIMIT, "a line of %s at byte %lld "
				       "is longer than %zu bytes",
				       file->handle->path,
				       (long long)file->pos, file->line_max);
		r = fill(file, self);
		if (r < 0)
			return r;
		if (r == 0)
			return take_rest(file, ret);
		r = 0;
	}
}

int
aw_file_line(struct aw_file *file, struct aw_bytes *ret)
{
	struct aw_task *self;
	int r;

	if (is_at_hand(file) && take_line(file, ret, 0) > 0)
		return 1;
	r = enter(file, &self);
	if (r < 0)
		return r;
	r = next_line(file, self, ret);
	file->busy = false;
	return r;
}

int
aw_file_line_max(struct aw_file *file, int64_t max)
{
	if (max < 1)
		return aw_fail(-EINVAL, "lines of at most %lld bytes?",
			       (long long)max);
	file->line_max = max == AW_FOREVER ? SIZE_MAX : (size_t)max;
	return 0;
}

/* --- Into the caller's memory ------------------------------------------ */

static int64_t
copy_out(struct aw_file *file, struct aw_task *self, unsigned char *to,
	 size_t size)
{
	struct aw_bytes part;
	size_t n = 0;
	int r = 1;

	while (n < size) {
		if (buffered(file) == 0)
			r = fill(file, self);
		if (r <= 0)
			break;
		hand_out(file, &part, size - n < buffered(file)
				      ? size - n : buffered(file), 0);
		memcpy(to + n, part.data, part.size);
		n += part.size;
	}
	return r < 0 ? r : (int64_t)n;
}

int64_t
aw_file_readv(struct aw_file *file, const struct iovec *parts, size_t n)
{
	int64_t begin = file->pos, total = 0, got = 0;
	struct aw_task *self;
	size_t i;
	int r;

	r = enter(file, &self);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		got = copy_out(file, self, parts[i].iov_base,
			       parts[i].iov_len);
		if (got < 0)
			break;
		total += got;
		if ((size_t)got < parts[i].iov_len)
			break;
	}
	if (got < 0 && file->handle && !file->handle->stream) {
		aw__file_forget_read(file);
		file->pos = begin;
	}
	file->busy = false;
	return got < 0 ? got : total;
}

int64_t
aw_file_read(struct aw_file *file, void *buffer, size_t size)
{
	struct iovec part = { buffer, size };

	return aw_file_readv(file, &part, 1);
}

/* One piece into memory of the io, which is left behind when the wait is
 * interrupted. */
static int64_t
read_piece(struct aw_file *file, struct aw_task *self, struct aw__io **io,
	   size_t size, int64_t at)
{
	int r;

	(*io)->kind = AW__IO_READ;
	(*io)->bytes = (*io)->data;
	(*io)->size = size < (*io)->room ? size : (*io)->room;
	(*io)->at = at;
	r = aw__io_start(*io);
	if (r == 0)
		r = aw__io_wait(*io, self, "a block of a file", file, 0);
	if (r < 0)
		return r;
	(*io)->state = AW__IO_IDLE;
	if ((*io)->result < 0)
		return aw__call_fail((int)(*io)->result, "reading",
				     (*io)->handle->path);
	return (*io)->result;
}

static int64_t
read_pieces(struct aw_file *file, struct aw_task *self, struct aw__io **io,
	    unsigned char *to, size_t size, int64_t at)
{
	size_t n = 0;
	int64_t got = 1;

	while (n < size && got > 0) {
		got = read_piece(file, self, io, size - n, at + (int64_t)n);
		if (got > 0) {
			memcpy(to + n, (*io)->data, (size_t)got);
			n += (size_t)got;
		}
	}
	return got < 0 ? got : (int64_t)n;
}

int64_t
aw_file_pread(struct aw_file *file, void *buffer, size_t size, int64_t at)
{
	struct aw_task *self;
	struct aw__io *io;
	int64_t n;
	int r;

	r = aw__enter(&self);
	if (r == 0)
		r = aw__file_at(file, at);
	if (r < 0)
		return r;
	io = aw__io_new(file->handle, size < PREAD_MAX ? size + !size
						       : PREAD_MAX);
	if (!io)
		return aw_fail(-ENOMEM, "no memory to read %zu bytes", size);
	n = read_pieces(file, self, &io, buffer, size, at);
	aw__io_drop(io);
	return n;
}
