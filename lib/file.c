/* SPDX-License-Identifier: MIT */
/*
 * The life of a file: opened by a call in a helper thread (file_open.c), ended
 * by another, or forgotten. doc/internals/file.md draws who owns what.
 */
#include <unistd.h>

#include "file_private.h"

/* --- Ending ------------------------------------------------------------ */

void
aw__file_drop(struct aw_file *file)
{
	if (!file->handle)
		return;
	aw__file_forget_read(file);
	aw__io_drop(file->out);
	aw__io_drop(file->behind);
	file->out = file->behind = NULL;
	aw_fd_free(file->ready);
	file->ready = NULL;
	aw__handle_unref(file->handle);
	file->handle = NULL;
}

/* In a child of fork() only the descriptor is ours. */
static void
forget_parent(struct aw_file *file)
{
	if (!file->handle)
		return;
	aw_fd_free(file->ready);
	file->ready = NULL;
	aw__handle_close(file->handle);
	file->handle = NULL;
}

static void
free_here(void *file)
{
	struct aw_file *f = file;

	aw_file_freep(&f);
}

void
aw_file_freep(struct aw_file **file)
{
	struct aw_file *f = *file;

	*file = NULL;
	if (!f)
		return;
	if (f->handle && f->handle->mark != aw_fork_mark()) {
		forget_parent(f);
		return;
	}
	/* A mistake, but no reason to corrupt the loop's lists. */
	if (f->handle && f->handle->loop != aw__loop) {
		aw_ignore(aw_post(f->handle->loop, free_here, f));
		return;
	}
	aw_closer_remove(&f->closer);
	aw__file_drop(f);
	aw__free(f);
}

struct ending {
	struct aw__call call;
	struct aw__handle *handle;	/* a share of ours */
	bool commit;
	bool atomic, exclusive;
};

static int
run_end(struct aw__call *call)
{
	struct ending *e = (struct ending *)(void *)call;
	struct aw__draft draft = { .fd = e->handle->fd,
				   .temp = e->handle->temp };
	int r = 0, closed;

	if (e->commit && e->atomic) {
		r = aw__draft_commit(&draft, e->handle->path, true,
				     e->exclusive);
		e->handle->temp = draft.temp;
	} else if (e->commit && !e->handle->stream && fsync(draft.fd) < 0) {
		r = -errno;
	}
	/* Something else may still be at work: then the last one closes. */
	if (atomic_load(&e->handle->refs) > 1)
		return r;
	closed = aw__handle_close(e->handle);
	return r < 0 ? r : closed;
}

static void
discard_end(struct aw__call *call)
{
	struct ending *e = (struct ending *)(void *)call;

	if (e->handle)
		aw__handle_unref(e->handle);
}

/* Everything is written: commit and close. The share of the file goes over to
 * the call. */
static int
end_call(struct aw_file *file, struct aw_task *self, bool commit)
{
	const char *what = commit ? "committing" : "closing";
	struct aw__handle *handle = file->handle;
	struct ending *e;
	struct aw_job *job;
	int r;

	r = aw__call_new(&job, sizeof *e, run_end, discard_end);
	if (r < 0)
		return r;
	e = aw_job_memory(job);
	e->commit = commit;
	e->atomic = file->atomic;
	e->exclusive = file->exclusive;
	e->handle = aw__handle_ref(handle);
	aw__file_drop(file);
	r = aw__call_wait(job, self, AW__CALL_FIRM, what, handle->path);
	aw_job_free(job);
	return r;
}

static int
end_file(struct aw_file **file, bool commit)
{
	struct aw_file *f = *file;
	struct aw_task *self;
	int r;

	if (!f)
		return 0;
	r = aw__file_enter(f, &self);
	if (r == -EBUSY)
		return r;
	if (r == 0) {
		if (commit || !f->atomic)
			r = aw__file_flush(f, self);
		if (r == 0 && f->handle)
			r = end_call(f, self, commit);
		f->busy = false;
	}
	aw_file_freep(file);
	return r;
}

int
aw_file_commit(struct aw_file **file)
{
	return end_file(file, true);
}

int
aw_file_close(struct aw_file **file)
{
	return end_file(file, false);
}

/* --- Around each call -------------------------------------------------- */

int
aw__file_check(const struct aw_file *file)
{
	if (!file->handle)
		return aw_fail(AW_ECLOSED, "the file's loop has ended");
	if (file->handle->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "%s was opened before fork(): its "
			       "buffers and its position are the parent's",
			       file->handle->path);
	if (file->handle->loop != aw__loop)
		return aw_fail(AW_EUSAGE, "the file belongs to the loop of "
			       "another thread (use aw_post)");
	return 0;
}

int
aw__file_enter(struct aw_file *file, struct aw_task **ret)
{
	int r = aw__enter(ret);

	if (r == 0)
		r = aw__file_check(file);
	if (r < 0)
		return r;
	if (file->busy)
		return aw_fail(-EBUSY, "another task is in a call on %s",
			       file->handle->path);
	file->busy = true;
	return 0;
}

int
aw__file_fail(const struct aw_file *file, int r, const char *what)
{
	return aw__call_fail(r, what, file->handle->path);
}

int
aw__file_ready(struct aw_file *file, int events)
{
	int r;

	if (!file->ready) {
		r = aw_fd_new(&file->ready, file->handle->fd);
		if (r < 0)
			return r;
	}
	r = aw_fd_wait(file->ready, events, "a stream", file);
	return r < 0 ? r : 0;
}

int64_t
aw_file_tell(const struct aw_file *file)
{
	return file->pos;
}

const char *
aw_file_path(const struct aw_file *file)
{
	return file->handle && !file->nameless ? file->handle->path : "";
}

int
aw_file_fd(const struct aw_file *file)
{
	return file->handle ? file->handle->fd : -1;
}
