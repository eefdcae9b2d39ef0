/* SPDX-License-Identifier: MIT */
/*
 * Blocking work in helper threads, as the files of this library see it.
 *
 *	 NEW --submit--> QUEUED --taken--> RUNNING --returned--> FINISHED
 *	                   |                  |                     |
 *	                   +-- withdrawn      +-- orphaned          | loop
 *	                                                            v
 *	                                                           done
 *
 *	 struct aw__job_class (of the process, locked)
 *	   first -> job -> job               QUEUED, oldest first
 *	   threads: idle | running | surplus
 *	        |
 *	        | job, when run has returned; ev_async
 *	        v
 *	 struct aw__jobs (of a loop)
 *	   finished -> job -> job            locked; taken by the loop
 *	   all -> every job that the loop still knows
 *
 * A thread touches a loop only between "finished" and the ev_async, and is
 * counted meanwhile (senders): a loop that ends first makes its running jobs
 * orphans and then waits until that count is zero, which takes microseconds.
 */
#ifndef AW__JOB_H
#define AW__JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include <await/offload.h>

#include "runtime.h"

#define AW__JOB_THREADS 16	/* in a class, orphans included */

enum aw__job_state {
	AW__JOB_NEW,
	AW__JOB_QUEUED,
	AW__JOB_RUNNING,
	AW__JOB_FINISHED
};

struct aw_job {
	struct aw_job *next, **prev;	/* queue of the class, or finished */
	struct aw_job *next_all, **prev_all;	/* the loop's, its thread */
	struct aw__jobs *jobs;		/* NULL: orphaned; class lock */
	struct aw__job_class *klass;
	const struct aw_job_type *type;
	void (*fn)(void *arg);		/* called on the loop's stack */
	void *arg;
	struct aw__wait *wait;
	unsigned mark;			/* of the process */
	unsigned char state;		/* class lock */
	bool replaced;			/* class lock: not counted in limit */
	bool submitted;
	bool dropped;			/* freed before it was delivered */
	bool done;			/* as the loop knows */
	_Alignas(max_align_t) unsigned char memory[];
};

/* What a loop knows of its jobs. */
struct aw__jobs {
	struct aw_loop *loop;
	struct aw_job *all;
	pthread_mutex_t lock;
	struct aw_job *finished, **last;	/* under lock */
	atomic_uint senders;
	unsigned mark;
	ev_async async;
};

/* --- job_thread.c: classes and threads --------------------------------- */

struct aw__job_class *aw__job_class(enum aw_job_class klass);
/* One with threads of its own: struct aw_workers. A job holds on to it. */
struct aw__job_class *aw__job_class_new(unsigned limit);
void aw__job_class_close(struct aw__job_class *c);
void aw__job_class_resize(struct aw__job_class *c, unsigned limit);
void aw__job_class_look(struct aw__job_class *c,
			struct aw_workers_stats *ret);
struct aw__job_class *aw__job_class_hold(struct aw__job_class *c);
/* Queue a job; a thread is started if that helps. 0, -EAGAIN. */
int aw__job_queue(struct aw_job *job);
/* Take a QUEUED job back; false: it is not in the queue any more. */
bool aw__job_unqueue(struct aw_job *job);
/* Does a thread still run it? Then the loop is cut off from it, and the
 * thread ends it. */
bool aw__job_orphan(struct aw_job *job);
/* Somebody may wait long for this one: let another thread take the place of
 * its thread. */
void aw__job_replace(struct aw_job *job);
/* Discard and free. Any thread. */
void aw__job_end(struct aw_job *job);
/* fork.c, in the child. */
void aw__jobs_forked(void);
/* For tests: threads of a class now, idle ones among them. */
unsigned aw__job_threads(enum aw_job_class klass, unsigned *ret_idle);

/* --- job.c: the loop's side -------------------------------------------- */

/* A job with zeroed memory of size bytes that is not queued yet. */
int aw__job_new(struct aw_job **ret, enum aw_job_class klass,
		const struct aw_job_type *type, size_t size);
int aw__job_new_in(struct aw_job **ret, struct aw__job_class *klass,
		   const struct aw_job_type *type, size_t size);
/* 0; -EAGAIN: the job is NEW again and can be freed. */
int aw__job_submit(struct aw_job *job);
/* As aw_job_wait(); flags: AW__WAIT_FIRM. */
int aw__job_wait(struct aw_job *job, struct aw_task *self, const char *what,
		 const void *object, unsigned flags);
/* True: it never began, and never will. */
bool aw__job_withdraw(struct aw_job *job);

#endif
