/* SPDX-License-Identifier: MIT */
/*
 * Descriptors, counted: the file has one share, and so has everything that a
 * thread or the kernel still does with it. The last share closes. close() may
 * wait for a disk or a server, so a loop's thread hands it to a helper.
 */
#include <unistd.h>

#include "file_private.h"

struct aw__handle *
aw__handle_new(const char *path)
{
	size_t n = strlen(path) + 1;
	struct aw__handle *handle = aw__malloc(sizeof *handle + n);

	if (!handle)
		return NULL;
	memset(handle, 0, sizeof *handle);
	atomic_init(&handle->refs, 1);
	handle->fd = -1;
	handle->loop = aw__loop;
	handle->mark = aw_fork_mark();
	memcpy(handle->path, path, n);
	return handle;
}

struct aw__handle *
aw__handle_ref(struct aw__handle *handle)
{
	atomic_fetch_add(&handle->refs, 1);
	return handle;
}

int
aw__handle_close(struct aw__handle *handle)
{
	int fd = handle->fd, r = 0;

	/* In a child of fork() the name is the parent's. */
	if (handle->temp && handle->mark == aw_fork_mark())
		unlink(handle->temp);
	aw__free(handle->temp);
	handle->temp = NULL;
	handle->fd = -1;
	/* Not again after EINTR: Linux has closed it. */
	if (fd >= 0 && close(fd) < 0 && errno != EINTR)
		r = -errno;
	return r;
}

/* --- By a helper ------------------------------------------------------- */

static void
close_now(void *memory)
{
	struct aw__handle **handle = memory;

	if (!*handle)
		return;
	aw__handle_close(*handle);
	aw__free(*handle);
	*handle = NULL;
}

static const struct aw_job_type type = {
	.size = sizeof(struct aw__handle *),
	.run = close_now,
	.discard = close_now,
};

static void
closed(void *job)
{
	aw_job_free(job);
}

static bool
hand_over(struct aw__handle *handle)
{
	struct aw_job *job;

	if (aw__job_new(&job, AW_JOBS_FILES, &type, type.size) < 0)
		return false;
	job->fn = closed;
	job->arg = job;
	*(struct aw__handle **)aw_job_memory(job) = handle;
	if (aw__job_submit(job) == 0)
		return true;
	*(struct aw__handle **)aw_job_memory(job) = NULL;
	aw_job_free(job);
	return false;
}

/* Without a loop, at its end, and where no helper can be had, in place: a
 * close that waits is better than a descriptor that is never closed. The
 * failure to get a helper is nobody's. */
void
aw__handle_unref(struct aw__handle *handle)
{
	struct aw__failure before = { 0 };
	bool handed = false;

	if (atomic_fetch_sub(&handle->refs, 1) > 1)
		return;
	if (handle->fd >= 0 && aw__loop && !aw__loop->post_closed &&
	    handle->mark == aw_fork_mark()) {
		aw__failure_move(aw__failure_here(), &before);
		handed = hand_over(handle);
		if (!handed)
			aw__failure_fini(aw__failure_here());
		aw__failure_move(&before, aw__failure_here());
	}
	if (!handed)
		close_now(&handle);
}
