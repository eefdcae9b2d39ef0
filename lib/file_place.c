/* SPDX-License-Identifier: MIT */
/*
 * Calls on an open file that are neither reads nor writes: where its end is,
 * cutting it, what the system knows of it.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "file_private.h"

/* The memory of a job. */
struct place {
	struct aw__call call;
	struct aw__handle *handle;	/* a share of ours */
	int64_t offset;			/* in and out */
	int whence;
	struct stat st;
};

static int
run_seek(struct aw__call *call)
{
	struct place *place = (struct place *)(void *)call;
	int fd = place->handle->fd;
	struct stat st;
	off_t at;

	/* Not by lseek(): others may share the descriptor. */
	if (place->whence == SEEK_END && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode)) {
		place->offset += st.st_size;
		return place->offset < 0 ? -EINVAL : 0;
	}
	at = lseek(fd, (off_t)place->offset, place->whence);
	if (at < 0)
		return -errno;
	place->offset = at;
	return 0;
}

static int
run_truncate(struct aw__call *call)
{
	struct place *place = (struct place *)(void *)call;
	int r;

	do
		r = ftruncate(place->handle->fd, (off_t)place->offset);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int
run_stat(struct aw__call *call)
{
	struct place *place = (struct place *)(void *)call;

	return fstat(place->handle->fd, &place->st) < 0 ? -errno : 0;
}

static void
discard(struct aw__call *call)
{
	struct place *place = (struct place *)(void *)call;

	if (place->handle)
		aw__handle_unref(place->handle);
}

/* Runs one of them; `place` is told and gets what it found. */
static int
ask(struct aw_file *file, struct aw_task *self,
    int (*fn)(struct aw__call *call), enum aw__call_cancel cancel,
    const char *what, struct place *place)
{
	struct place *memory;
	struct aw_job *job;
	int r;

	r = aw__call_new(&job, sizeof *memory, fn, discard);
	if (r < 0)
		return r;
	memory = aw_job_memory(job);
	memory->offset = place->offset;
	memory->whence = place->whence;
	memory->handle = aw__handle_ref(file->handle);
	r = aw__call_wait(job, self, cancel, what, file->handle->path);
	if (r == 0) {
		place->offset = memory->offset;
		place->st = memory->st;
	}
	aw_job_free(job);
	return r;
}

static int
seek(struct aw_file *file, struct aw_task *self, int64_t offset, int whence)
{
	struct place place = { .offset = offset, .whence = whence };
	int r;

	if (file->handle->stream)
		return aw__file_fail(file, -ESPIPE, "seeking in");
	r = aw__file_flush(file, self);
	if (r < 0)
		return r;
	if (whence == SEEK_CUR &&
	    __builtin_add_overflow(file->pos, offset, &place.offset))
		place.offset = -1;
	if (whence == SEEK_SET || whence == SEEK_CUR)
		r = place.offset < 0 ? aw__file_fail(file, -EINVAL,
						     "seeking in") : 0;
	else
		r = ask(file, self, run_seek, AW__CALL_LEAVE, "seeking in",
			&place);
	if (r < 0)
		return r;
	aw__file_forget_read(file);
	file->pos = place.offset;
	return 0;
}

int64_t
aw_file_seek(struct aw_file *file, int64_t offset, int whence)
{
	struct aw_task *self;
	int r;

	r = aw__file_enter(file, &self);
	if (r < 0)
		return r;
	r = seek(file, self, offset, whence);
	file->busy = false;
	return r < 0 ? r : file->pos;
}

int
aw_file_truncate(struct aw_file *file, int64_t size)
{
	struct place place = { .offset = size };
	struct aw_task *self;
	int r;

	r = aw__file_enter(file, &self);
	if (r < 0)
		return r;
	r = aw__file_flush(file, self);
	if (r == 0) {
		aw__file_forget_read(file);
		r = ask(file, self, run_truncate, AW__CALL_FIRM, "truncating",
			&place);
	}
	file->busy = false;
	return r;
}

int
aw_file_stat(struct aw_file *file, struct stat *ret)
{
	struct place place = { 0 };
	struct aw_task *self;
	int r;

	r = aw__file_enter(file, &self);
	if (r < 0)
		return r;
	r = ask(file, self, run_stat, AW__CALL_LEAVE, "looking at", &place);
	if (r == 0)
		*ret = place.st;
	file->busy = false;
	return r;
}
