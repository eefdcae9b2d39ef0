/* SPDX-License-Identifier: MIT */
/*
 * toy_jobs.h - jobs that count what happens to them and wait at a gate, so
 * that no test of threads needs the clock.
 */
#ifndef TESTS_TOY_JOBS_H
#define TESTS_TOY_JOBS_H

#include <semaphore.h>
#include <stdatomic.h>

#include <await/driver.h>

#include "job.h"
#include "tasks.h"

static sem_t began, gate, ended;	/* run was called, may end; discarded */
static atomic_int n_run, n_discarded;

struct work {
	int in, out;
	bool hold;		/* until the gate is opened */
};

static inline void
work_run(void *memory)
{
	struct work *work = memory;

	atomic_fetch_add(&n_run, 1);
	sem_post(&began);
	while (work->hold && sem_wait(&gate) != 0)
		;
	work->out = work->in * 2;
}

static inline void
work_discard(void *memory)
{
	(void)memory;
	atomic_fetch_add(&n_discarded, 1);
	sem_post(&ended);
}

static const struct aw_job_type work_type = {
	.size = sizeof(struct work),
	.run = work_run,
	.discard = work_discard,
};

static inline void
setup(void)
{
	sem_init(&began, 0, 0);
	sem_init(&gate, 0, 0);
	sem_init(&ended, 0, 0);
	atomic_store(&n_run, 0);
	atomic_store(&n_discarded, 0);
}

static inline struct aw_job *
begin(enum aw_job_class klass, bool hold)
{
	struct work work = { .in = 21, .hold = hold };
	struct aw_job *job = NULL;
	int r = aw_job_start(&job, klass, &work_type, &work);

	if (r < 0)
		note("start %s", name(r));
	return job;
}

/* Blocks this thread, and with it the loop, until n jobs have begun. */
static inline void
wait_begun(int n)
{
	while (n > 0)
		n -= sem_wait(&began) == 0;
}

/* For discards that other threads make. */
static inline void
wait_ended(int n)
{
	while (n > 0)
		n -= sem_wait(&ended) == 0;
}

static inline void
open_gate(int n)
{
	while (n-- > 0)
		sem_post(&gate);
}

#endif
