/* SPDX-License-Identifier: MIT */
/*
 * Classes of work that a program makes: the public face of job_thread.c.
 *
 *	struct aw_workers = struct aw__job_class on the heap
 *	  held by its owner, by each job that has not ended, by each thread
 */
#include <await/offload.h>

#include "job.h"

#define THREADS_MAX 1024

static struct aw__job_class *
class_of(const struct aw_workers *workers)
{
	struct aw__job_class *c = (void *)(uintptr_t)workers;

	return c ? c : aw__job_class(AW_JOBS_GENERAL);
}

int
aw_workers_new(struct aw_workers **ret, int64_t threads)
{
	struct aw__job_class *c;

	if (threads < 1 || threads > THREADS_MAX)
		return aw_fail(-EINVAL, "aw_workers_new: %lld threads: 1 to %d "
			       "are possible", (long long)threads,
			       THREADS_MAX);
	c = aw__job_class_new((unsigned)threads);
	if (!c)
		return aw_fail(-ENOMEM, "no memory for workers");
	*ret = (void *)c;
	return 0;
}

void
aw_workers_free(struct aw_workers *workers)
{
	if (workers)
		aw__job_class_close(class_of(workers));
}

void
aw_workers_freep(struct aw_workers **workers)
{
	aw_workers_free(*workers);
	*workers = NULL;
}

void
aw_workers_resize(struct aw_workers *workers, int64_t threads)
{
	unsigned n = threads < 1 ? 1
		: threads > THREADS_MAX ? THREADS_MAX : (unsigned)threads;

	aw__job_class_resize(class_of(workers), n);
}

struct aw_workers_stats
aw_workers_stats(const struct aw_workers *workers)
{
	struct aw_workers_stats stats = { .size = sizeof stats };

	aw__job_class_look(class_of(workers), &stats);
	return stats;
}
