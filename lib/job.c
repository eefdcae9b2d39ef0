/* SPDX-License-Identifier: MIT */
/*
 * Jobs as a loop sees them: start, wait, give up, and the end of the loop.
 *
 * The loop's callback takes the list of finished jobs and completes their
 * waits; see job.h for the drawing and job_thread.c for the other side. A job
 * in progress counts as a wait for the outside, whoever waits for it, so that
 * the test clock stands still until its thread has answered.
 */
#include <sched.h>

#include "job.h"

static int slot = -1;
static pthread_once_t slot_once = PTHREAD_ONCE_INIT;

/* --- What a loop knows ------------------------------------------------- */

static void
join_loop(struct aw__jobs *jobs, struct aw_job *job)
{
	job->next_all = jobs->all;
	job->prev_all = &jobs->all;
	if (jobs->all)
		jobs->all->prev_all = &job->next_all;
	jobs->all = job;
}

static void
leave_loop(struct aw_job *job)
{
	*job->prev_all = job->next_all;
	if (job->next_all)
		job->next_all->prev_all = job->prev_all;
}

/* It is no longer the outside that somebody waits for. */
static void
settled(struct aw__jobs *jobs)
{
	jobs->loop->n_outside--;
}

static struct aw_job *
take_finished(struct aw__jobs *jobs)
{
	struct aw_job *first;

	pthread_mutex_lock(&jobs->lock);
	first = jobs->finished;
	jobs->finished = NULL;
	jobs->last = &jobs->finished;
	pthread_mutex_unlock(&jobs->lock);
	return first;
}

static void
deliver(struct aw__jobs *jobs, struct aw_job *job)
{
	job->done = true;
	settled(jobs);
	if (job->dropped) {
		leave_loop(job);
		aw__job_end(job);
		return;
	}
	if (job->wait)
		aw__wake(job->wait, 0);
	if (job->fn)
		job->fn(job->arg);
}

static void
on_async(struct ev_loop *ev, ev_async *async, int events)
{
	struct aw__jobs *jobs = async->data;
	struct aw_job *job = take_finished(jobs), *next;

	(void)ev;
	(void)events;
	for (; job; job = next) {
		next = job->next;
		deliver(jobs, job);
	}
}

/* Ends what is queued, cuts off what runs; what is left has been finished and
 * is linked by threads that may still be at it. */
static void
cut_off(struct aw__jobs *jobs)
{
	struct aw_job *job = jobs->all, *finished = NULL;

	while (job) {
		struct aw_job *next = job->next_all;

		if (aw__job_unqueue(job)) {
			aw__job_end(job);
		} else if (!aw__job_orphan(job)) {
			job->next_all = finished;
			finished = job;
		}
		job = next;
	}
	jobs->all = finished;
}

/* The loop ends. */
static void
jobs_fini(void *value)
{
	struct aw__jobs *jobs = value;
	struct aw_job *job;

	if (jobs->mark != aw_fork_mark())
		return;
	cut_off(jobs);
	while (atomic_load(&jobs->senders) > 0)
		sched_yield();
	while ((job = jobs->all) != NULL) {
		jobs->all = job->next_all;
		aw__job_end(job);
	}
	ev_ref(jobs->loop->ev);
	ev_async_stop(jobs->loop->ev, &jobs->async);
	pthread_mutex_destroy(&jobs->lock);
	aw__free(jobs);
}

static struct aw__jobs *
jobs_new(struct aw_loop *loop)
{
	struct aw__jobs *jobs = aw__calloc(1, sizeof *jobs);

	if (!jobs)
		return NULL;
	jobs->loop = loop;
	jobs->last = &jobs->finished;
	jobs->mark = aw_fork_mark();
	pthread_mutex_init(&jobs->lock, NULL);
	ev_async_init(&jobs->async, on_async);
	jobs->async.data = jobs;
	ev_async_start(loop->ev, &jobs->async);
	ev_unref(loop->ev);	/* it alone does not keep ev_run() going */
	return jobs;
}

static void
slot_init(void)
{
	slot = aw_slot_new(jobs_fini);
}

size_t
aw__jobs_count(void)
{
	const struct aw__jobs *jobs;
	const struct aw_job *job;
	size_t n = 0;

	pthread_once(&slot_once, slot_init);
	jobs = aw_slot_get(slot);
	for (job = jobs ? jobs->all : NULL; job; job = job->next_all)
		n += job->submitted && !job->done;
	return n;
}

static int
jobs_here(struct aw__jobs **ret)
{
	struct aw__jobs *jobs;
	int r;

	if (!aw__loop)
		return aw__no_loop("aw_job_start");
	pthread_once(&slot_once, slot_init);
	jobs = aw_slot_get(slot);
	if (!jobs) {
		jobs = jobs_new(aw__loop);
		if (!jobs)
			return aw_fail(-ENOMEM, "no memory for jobs");
		r = aw_slot_set(slot, jobs);
		if (r < 0) {
			jobs_fini(jobs);
			return r;
		}
	}
	if (jobs->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "this loop was made before fork()");
	*ret = jobs;
	return 0;
}

/* --- Starting ---------------------------------------------------------- */

int
aw__job_new_in(struct aw_job **ret, struct aw__job_class *klass,
	       const struct aw_job_type *type, size_t size)
{
	struct aw__jobs *jobs = NULL;
	struct aw_job *job;
	int r;

	r = jobs_here(&jobs);
	if (r < 0)
		return r;
	job = aw__calloc(1, sizeof *job + size);
	if (!job)
		return aw_fail(-ENOMEM, "no memory for a job");
	job->jobs = jobs;
	job->klass = aw__job_class_hold(klass);
	job->type = type;
	job->mark = jobs->mark;
	join_loop(jobs, job);
	*ret = job;
	return 0;
}

int
aw__job_new(struct aw_job **ret, enum aw_job_class klass,
	    const struct aw_job_type *type, size_t size)
{
	return aw__job_new_in(ret, aw__job_class(klass), type, size);
}

int
aw__job_submit(struct aw_job *job)
{
	struct aw__jobs *jobs = job->jobs;
	int r;

	job->submitted = true;
	jobs->loop->n_outside++;
	r = aw__job_queue(job);
	if (r < 0) {
		settled(jobs);
		job->submitted = false;
	}
	return r;
}

int
aw_job_start(struct aw_job **ret, enum aw_job_class klass,
	     const struct aw_job_type *type, const void *init)
{
	struct aw_job *job;
	int r;

	if ((unsigned)klass >= AW_JOBS_CLASSES || !type || !type->run)
		return aw_fail(-EINVAL, "aw_job_start: no such class of jobs, "
			       "or nothing to run");
	r = aw__job_new(&job, klass, type, type->size);
	if (r < 0)
		return r;
	if (init)
		memcpy(job->memory, init, type->size);
	r = aw__job_submit(job);
	if (r < 0) {
		/* What init points to stays the caller's: no discard. */
		leave_loop(job);
		aw__free(job);
		return r;
	}
	*ret = job;
	return 0;
}

/* --- Waiting ----------------------------------------------------------- */

int
aw__job_wait(struct aw_job *job, struct aw_task *self, const char *what,
	     const void *object, unsigned flags)
{
	struct aw__wait wait = AW__WAIT_INIT(self, what, object);
	int r;

	if (job->done)
		return 0;
	wait.flags = (unsigned char)flags;
	job->wait = &wait;
	r = aw__wait(&wait);
	job->wait = NULL;
	return r;
}

int
aw_job_wait(struct aw_job *job, const char *what, const void *object)
{
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r < 0)
		return r;
	if (job->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the job was started before fork()");
	if (job->wait)
		return aw_fail(-EBUSY, "another task waits for this job");
	return aw__job_wait(job, self, what, object, 0);
}

/* --- Ending ------------------------------------------------------------ */

bool
aw__job_withdraw(struct aw_job *job)
{
	if (!aw__job_unqueue(job))
		return false;
	settled(job->jobs);
	job->submitted = false;
	return true;
}

void *
aw_job_memory(struct aw_job *job)
{
	return job->memory;
}

bool
aw_job_done(const struct aw_job *job)
{
	return job->done;
}

void
aw_job_free(struct aw_job *job)
{
	struct aw__jobs *jobs;

	/* In a child of fork() the thread that may own it is not here. */
	if (!job || job->mark != aw_fork_mark())
		return;
	jobs = job->jobs;
	job->fn = NULL;
	leave_loop(job);	/* an orphan may be freed at any moment */
	if (job->done || !job->submitted || aw__job_withdraw(job)) {
		aw__job_end(job);
	} else if (aw__job_orphan(job)) {
		settled(jobs);
	} else {
		/* On its way to us: the callback will end it. */
		join_loop(jobs, job);
		job->dropped = true;
	}
}
