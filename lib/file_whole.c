/* SPDX-License-Identifier: MIT */
/*
 * Whole files at once: slurp, spew, copy. Each is one call in a helper
 * thread, however many system calls it makes: one hop there and back.
 *
 * A slurp works in memory of its own and can be left behind. Spew and copy
 * work on the caller's bytes or for long: they are asked to stop between two
 * pieces, and what they made so far has no name yet.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <await/path.h>

#include "file_private.h"

#define SLURP_MAX (64 << 20)
#define SLURP_FIRST 4096

/* --- Slurp ------------------------------------------------------------- */

/* A growing buffer, one byte larger than what is in it may become. */
struct growing {
	char *data;
	size_t n, room;
	int64_t max;
};

static int
grow(struct growing *g, size_t room)
{
	char *data = aw__realloc(g->data, room + 1);

	if (!data)
		return -ENOMEM;
	g->data = data;
	g->room = room;
	return 0;
}

static bool
is_too_long(const struct growing *g)
{
	return g->max != AW_FOREVER && g->n > (uint64_t)g->max;
}

/* A file of /proc tells no size, and one that is being written grows: it has
 * ended when a read says so, or when as much is there as it told. */
static int
read_all(int fd, struct growing *g, size_t told)
{
	ssize_t n;
	int r;

	for (;;) {
		n = read(fd, g->data + g->n, g->room + 1 - g->n);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		g->n += n > 0 ? (size_t)n : 0;
		if (is_too_long(g))
			return AW_ELIMIT;
		if (told > 0 && g->n == told)
			return 0;
		r = g->n > g->room ? grow(g, 2 * g->n) : 0;
		if (r < 0)
			return r;
	}
}

/* 1: neither a file nor a folder, so that reading it may take for ever. */
static int
slurp_fd(int fd, struct growing *g)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 1;
	if (g->max != AW_FOREVER && st.st_size > g->max)
		return AW_ELIMIT;
	r = grow(g, st.st_size > 0 ? (size_t)st.st_size : SLURP_FIRST);
	return r < 0 ? r : read_all(fd, g, (size_t)st.st_size);
}

/* The memory of a job. */
struct slurp {
	struct aw__path path;
	struct aw__handle *handle;	/* a FIFO, not read yet */
};

/* As it would have been opened by aw_file_open(). */
static void
keep_open(struct slurp *slurp, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	slurp->handle->fd = fd;
	slurp->handle->stream = lseek(fd, 0, SEEK_CUR) < 0;
	if (!slurp->handle->stream && flags >= 0)
		aw_ignore(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK));
}

/* 1: it stays open. Somebody who waited for a reader has found one, and must
 * not lose it again. */
static int
run_slurp(struct aw__call *call)
{
	struct slurp *slurp = (struct slurp *)(void *)call;
	struct aw__path *p = &slurp->path;
	struct growing g = { .max = p->max };
	int fd, r;

	fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	r = slurp_fd(fd, &g);
	if (r == 1)
		keep_open(slurp, fd);
	else
		close(fd);
	p->result = g.data;
	p->size = g.n;
	if (g.data)
		g.data[g.n] = '\0';
	return r;
}

static void
discard_slurp(struct aw__call *call)
{
	struct slurp *slurp = (struct slurp *)(void *)call;

	aw__free(slurp->path.result);
	if (slurp->handle)
		aw__handle_unref(slurp->handle);
}

static int
add(struct growing *g, struct aw_bytes part, const char *path)
{
	if (g->n + part.size > g->room &&
	    grow(g, 2 * (g->n + part.size)) < 0)
		return aw_fail(-ENOMEM, "no memory to read %s", path);
	memcpy(g->data + g->n, part.data, part.size);
	g->n += part.size;
	return is_too_long(g) ? AW_ELIMIT : 0;
}

/* The file lives no longer than this call, in which its loop does not end. */
static struct aw_file *
file_of(struct aw__handle *handle)
{
	struct aw_file *file = aw__calloc(1, sizeof *file);

	if (file)
		file->handle = handle;
	else
		aw__handle_unref(handle);
	return file;
}

/* FIFOs, terminals: chunk by chunk, which can wait. It is closed before this
 * returns, or the next one who writes would still find a reader. What comes in
 * the way of the close takes nothing from what was read. */
static int
slurp_stream(struct aw_bytes *ret, struct aw__handle *handle, int64_t max)
{
	struct growing g = { .max = max };
	struct aw_bytes part;
	AW_AUTO(aw_file, file);
	int r = 0;

	file = file_of(handle);
	if (!file || grow(&g, SLURP_FIRST) < 0)
		return aw_fail(-ENOMEM, "no memory to read a stream");
	while (r == 0 && (r = aw_file_chunk(file, &part)) > 0)
		r = add(&g, part, handle->path);
	if (r < 0) {
		aw__free(g.data);
		return r;
	}
	aw_ignore(aw_file_close(&file));
	g.data[g.n] = '\0';
	*ret = aw_bytes(g.data, g.n);
	return 0;
}

/* All of it, or the handle of what has to be waited for. */
static int
slurp_call(struct aw_job *job, struct aw_task *self, struct aw_bytes *ret,
	   struct aw__handle **ret_stream)
{
	struct slurp *slurp = aw_job_memory(job);
	struct aw__path *p = &slurp->path;
	int r;

	p->call.discard = discard_slurp;
	slurp->handle = aw__handle_new(p->path);
	if (!slurp->handle)
		return aw_fail(-ENOMEM, "no memory to read %s", p->path);
	r = aw__call_wait(job, self, AW__CALL_LEAVE, "reading", p->path);
	if (r == 0) {
		*ret = aw_bytes(p->result, p->size);
		p->result = NULL;
	} else if (r > 0) {
		*ret_stream = slurp->handle;
		slurp->handle = NULL;
	}
	return r;
}

int
aw_file_slurp_with(struct aw_bytes *ret, const char *path,
		   const struct aw_slurp_options *options)
{
	struct aw__handle *stream = NULL;
	struct aw_task *self;
	struct aw_job *job;
	int64_t max;
	int r;

	max = options && options->max ? options->max : SLURP_MAX;
	r = aw__enter(&self);
	if (r == 0 && max < 0)
		r = aw_fail(-EINVAL, "at most %lld bytes?", (long long)max);
	if (r == 0)
		r = aw__path_new(&job, sizeof(struct slurp), run_slurp, path,
				 NULL);
	if (r < 0)
		return r;
	((struct aw__path *)aw_job_memory(job))->max = max;
	r = slurp_call(job, self, ret, &stream);
	aw_job_free(job);
	if (stream)
		r = slurp_stream(ret, stream, max);
	if (r == AW_ELIMIT)
		r = aw_fail(AW_ELIMIT, "%s is longer than %lld bytes, which "
			    ".max allows", path, (long long)max);
	return r;
}

/* --- Spew -------------------------------------------------------------- */

/* What both have in common; the memory of a job. */
struct whole {
	struct aw__path path;		/* second: the original of a copy */
	struct aw_bytes bytes;		/* the caller's, who waits */
	int mode;
	bool exclusive, no_sync;
};

static int
run_spew(struct aw__call *call)
{
	struct whole *w = (struct whole *)(void *)call;
	const char *path = w->path.path;
	struct aw__draft draft;
	int r;

	r = aw__draft_open(&draft, path, w->mode);
	call->why = draft.why;
	if (r < 0)
		return r;
	r = aw__write_all(draft.fd, w->bytes.data, w->bytes.size, &call->stop);
	if (r == 0)
		r = aw__draft_commit(&draft, path, !w->no_sync, w->exclusive);
	aw__draft_close(&draft);
	return r;
}

int
aw_file_spew_with(const char *path, struct aw_bytes bytes,
		  const struct aw_spew_options *options)
{
	struct aw_task *self;
	struct aw_job *job;
	struct whole *w;
	int r;

	r = aw__enter(&self);
	if (r == 0 && options)
		r = aw__check_mode(options->mode);
	if (r == 0)
		r = aw__path_new(&job, sizeof *w, run_spew, path, NULL);
	if (r < 0)
		return r;
	w = aw_job_memory(job);
	w->bytes = bytes;
	if (options) {
		w->mode = options->mode;
		w->exclusive = options->exclusive;
		w->no_sync = options->no_sync;
	}
	return aw__path_end(job, self, AW__CALL_STOP, "writing", NULL);
}

/* --- Copy -------------------------------------------------------------- */

/* copy_file_range() does not go from every file to every other: /proc, two
 * file systems on an old kernel. */
static int
copy_by_hand(int from, int to, off_t at, size_t size)
{
	char buffer[65536];

	while (size > 0) {
		size_t want = size < sizeof buffer ? size : sizeof buffer;
		ssize_t n = pread(from, buffer, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (lseek(to, at, SEEK_SET) < 0)
			return -errno;
		AW_TRY(aw__write_all(to, buffer, (size_t)n, NULL));
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int
copy_piece(int from, int to, off_t at, size_t size)
{
	off_t in = at, out = at;
	ssize_t n;

	while (size > 0) {
		n = copy_file_range(from, &in, to, &out, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EXDEV && errno != EINVAL &&
		    errno != EOPNOTSUPP && errno != ENOSYS)
			return -errno;
		if (n <= 0)
			return copy_by_hand(from, to, in, size);
		size -= (size_t)n;
	}
	return 0;
}

static int
copy_range(int from, int to, off_t at, off_t end, atomic_bool *stop)
{
	while (at < end) {
		size_t piece = end - at < (off_t)AW__PIECE ? (size_t)(end - at)
							   : AW__PIECE;

		AW_TRY(copy_piece(from, to, at, piece));
		at += (off_t)piece;
		if (atomic_load(stop))
			return AW_ECANCELED;
	}
	return 0;
}

/* Only what is not a hole. A file system that knows no holes says that there
 * is one at the end. */
static int
copy_data(int from, int to, off_t size, atomic_bool *stop)
{
	off_t data, hole = 0;

	while (hole < size) {
		data = lseek(from, hole, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return copy_range(from, to, hole, size, stop);
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || hole > size)
			hole = size;
		AW_TRY(copy_range(from, to, data, hole, stop));
	}
	return ftruncate(to, size) < 0 ? -errno : 0;
}

/* /proc tells no size: read to the end, of which there may be none. */
static int
copy_unsized(int from, int to, atomic_bool *stop)
{
	char buffer[16384];
	ssize_t n;

	while ((n = read(from, buffer, sizeof buffer)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		AW_TRY(aw__write_all(to, buffer, (size_t)n, stop));
	}
	return 0;
}

/* S_IFREG: so that a mode of 0 is one, too. */
static int
copy_fd(struct whole *w, int from, const struct stat *st)
{
	atomic_bool *stop = &w->path.call.stop;
	struct aw__draft draft;
	int r;

	r = aw__draft_open(&draft, w->path.second, w->mode ? w->mode
			   : (int)(S_IFREG | (st->st_mode & 0777)));
	w->path.call.why = draft.why;
	if (r < 0)
		return r;
	if (st->st_size == 0)
		r = copy_unsized(from, draft.fd, stop);
	else if (ioctl(draft.fd, FICLONE, from) < 0)
		r = copy_data(from, draft.fd, st->st_size, stop);
	if (r == 0)
		r = aw__draft_commit(&draft, w->path.second, !w->no_sync,
				     w->exclusive);
	aw__draft_close(&draft);
	return r;
}

static int
run_copy(struct aw__call *call)
{
	struct whole *w = (struct whole *)(void *)call;
	struct stat st;
	int fd, r;

	fd = open(w->path.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else
		r = copy_fd(w, fd, &st);
	close(fd);
	return r;
}

int
aw_path_copy_with(const char *from, const char *to,
		  const struct aw_copy_options *options)
{
	struct aw_task *self;
	struct aw_job *job;
	struct whole *w;
	int r;

	r = aw__enter(&self);
	if (r == 0 && !to)
		r = aw_fail(-EINVAL, "the second path is NULL");
	if (r == 0 && options)
		r = aw__check_mode(options->mode);
	if (r == 0)
		r = aw__path_new(&job, sizeof *w, run_copy, from, to);
	if (r < 0)
		return r;
	w = aw_job_memory(job);
	if (options) {
		w->mode = options->mode;
		w->exclusive = options->exclusive;
		w->no_sync = options->no_sync;
	}
	return aw__path_end(job, self, AW__CALL_STOP, "copying", NULL);
}
