/* SPDX-License-Identifier: MIT */
/*
 * job.h - blocking work in helper threads, for drivers.
 *
 * A job has memory of its own, so that whoever started it can give it up: a
 * thread that is inside a blocking call cannot be stopped, only left alone.
 * The threads belong to the process, with a limit for each class of work.
 */
#ifndef AWAIT_JOB_H
#define AWAIT_JOB_H

#include <await/base.h>

AW_BEGIN_DECLS

/* The classes of blocking work: none can starve another. */
enum aw_job_class {
	AW_JOBS_GENERAL,	/* aw_offload() */
	AW_JOBS_CONNECT,	/* connecting to databases, blocking cancels */
	AW_JOBS_NAMES,		/* getaddrinfo() */
	AW_JOBS_FILES,		/* file I/O */
	AW_JOBS_PROCESSES,	/* starting programs */
	AW_JOBS_CLASSES
};

/* Blocking work on memory of its own. */
struct aw_job_type {
	size_t size;			/* of the memory, zeroed and copied */
	void (*run)(void *memory);	/* in a helper thread */
	void (*discard)(void *memory);	/* exactly once, at the end of the
					 * memory's life, also when run was
					 * never called; any thread; may be
					 * NULL */
};

struct aw_job;

/**
 * aw_job_start - hand blocking work to a helper thread
 * @ret: new; release it with aw_job_free()
 * @klass: whose threads and whose limits
 * @type: static
 * @init: @type->size bytes copied into the job's memory; NULL: zeroes
 *
 * Return: 0; -ENOMEM; -EAGAIN (no thread could be started and none runs);
 * -EINVAL; AW_EUSAGE (no loop).
 * Lifetime: @init is copied.
 * Context: task, loop callback.
 * Source: pthreads(7).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_job_start(struct aw_job **ret,
				      enum aw_job_class klass,
				      const struct aw_job_type *type,
				      const void *init);

/**
 * aw_job_wait - wait until the work has been done
 * @job: the job; one task at a time
 * @what: what is waited for; not copied
 * @object: the thing, for dumps; may be NULL
 *
 * Awaits; cancel point.  An interrupted wait leaves the job as it is: wait
 * again, or give it up with aw_job_free().
 *
 * Return: 0 when run has returned; -ECANCELED; -ETIME; -ETIMEDOUT (a
 * budget); -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: @what must be static.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_job_wait(struct aw_job *job,
					       const char *what,
					       const void *object);

/**
 * aw_job_memory - the job's memory
 * @job: done, or not yet started
 *
 * Return: the memory; while run is at work it belongs to the thread.
 * Lifetime: until aw_job_free().
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void *aw_job_memory(struct aw_job *job);

/**
 * aw_job_done - has run returned?
 * @job: the job
 *
 * Return: the answer, as the loop knows it.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API bool aw_job_done(const struct aw_job *job);

/**
 * aw_job_free - release a job, or give it up
 * @job: may be NULL.  Done: discard, free.  Not started: withdrawn, discard,
 * free.  Running: orphaned; the thread discards and frees when run returns,
 * and another thread takes its place in the class, 16 in all.
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_job_free(struct aw_job *job);

AW_END_DECLS

#endif
