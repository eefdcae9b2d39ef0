/* SPDX-License-Identifier: MIT */
/*
 * Classes of helper threads, one for the whole process each.
 *
 * Threads are started when there is more work than idle threads, up to the
 * limit of the class, and end after ten idle seconds. They are detached and
 * take no signals. A job that is given up while it runs cannot be stopped:
 * it becomes an orphan, its thread is surplus from then on, and another one
 * may be started in its place. Sixteen in all: when that many hang in a dead
 * resolver or a dead server, a seventeenth would hang too.
 *
 * One lock and one condition per class: a class has at most sixteen threads,
 * and a job is at least a system call.
 */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "job.h"

#define IDLE_SECONDS 10
#define STACK_BYTES (8u << 20)

struct aw__job_class {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct aw_job *first, **last;	/* QUEUED */
	unsigned n_queued;
	unsigned n_threads;		/* also those just being started */
	unsigned n_idle;
	unsigned n_surplus;		/* threads of orphans */
	unsigned limit;			/* for threads that are not surplus */
	unsigned mark;			/* of the process */
	bool closing;			/* no idle thread stays */
	bool is_static;			/* has no end */
	atomic_uint refs;		/* the owner, jobs, threads */
};

static struct aw__job_class classes[AW_JOBS_CLASSES];
static pthread_once_t classes_once = PTHREAD_ONCE_INIT;

/* --- Classes ----------------------------------------------------------- */

static unsigned
general_limit(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 4 ? 4 : n > AW__JOB_THREADS ? AW__JOB_THREADS : (unsigned)n;
}

static void
class_init(struct aw__job_class *c, unsigned limit)
{
	pthread_condattr_t attr;

	memset(c, 0, sizeof *c);
	c->mark = aw_fork_mark();
	atomic_init(&c->refs, 1);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->work, &attr);
	pthread_condattr_destroy(&attr);
	c->last = &c->first;
	c->limit = limit;
}

static void
classes_init(void)
{
	class_init(&classes[AW_JOBS_GENERAL], general_limit());
	class_init(&classes[AW_JOBS_CONNECT], 4);
	class_init(&classes[AW_JOBS_NAMES], 2);
	class_init(&classes[AW_JOBS_FILES], 4);
	class_init(&classes[AW_JOBS_PROCESSES], 2);
	for (int i = 0; i < AW_JOBS_CLASSES; i++)
		classes[i].is_static = true;
}

/* A class of the user's in a child of fork() begins anew when it is used. */
static pthread_mutex_t renewing = PTHREAD_MUTEX_INITIALIZER;

static void
renew(struct aw__job_class *c)
{
	pthread_mutex_lock(&renewing);
	if (c->mark != aw_fork_mark())
		class_init(c, c->limit);
	pthread_mutex_unlock(&renewing);
}

struct aw__job_class *
aw__job_class_hold(struct aw__job_class *c)
{
	if (c->is_static)
		return c;
	renew(c);
	atomic_fetch_add(&c->refs, 1);
	return c;
}

static void
let_go(struct aw__job_class *c)
{
	if (c->is_static || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	aw__free(c);
}

struct aw__job_class *
aw__job_class_new(unsigned limit)
{
	struct aw__job_class *c = aw__malloc(sizeof *c);

	if (c)
		class_init(c, limit);
	return c;
}

void
aw__job_class_close(struct aw__job_class *c)
{
	if (c->mark != aw_fork_mark())
		return;		/* its lock may be held for ever */
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	let_go(c);
}

/* In the child of a fork: the threads are not here, and what they held
 * cannot be known. Their jobs are left where they are. */
void
aw__jobs_forked(void)
{
	classes_init();
	pthread_mutex_init(&renewing, NULL);
}

struct aw__job_class *
aw__job_class(enum aw_job_class klass)
{
	pthread_once(&classes_once, classes_init);
	return &classes[klass];
}

unsigned
aw__job_threads(enum aw_job_class klass, unsigned *ret_idle)
{
	struct aw__job_class *c = aw__job_class(klass);
	unsigned n;

	pthread_mutex_lock(&c->lock);
	n = c->n_threads;
	*ret_idle = c->n_idle;
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* --- The queue, under the lock ----------------------------------------- */

static void
append(struct aw__job_class *c, struct aw_job *job)
{
	job->state = AW__JOB_QUEUED;
	job->next = NULL;
	job->prev = c->last;
	*c->last = job;
	c->last = &job->next;
	c->n_queued++;
}

static void
unlink_job(struct aw__job_class *c, struct aw_job *job)
{
	*job->prev = job->next;
	if (job->next)
		job->next->prev = job->prev;
	else
		c->last = job->prev;
	c->n_queued--;
}

static bool
is_surplus(const struct aw__job_class *c)
{
	return c->n_threads - c->n_surplus > c->limit;
}

/* Is there work that no thread is about to take, and room for one more? */
static bool
needs_thread(const struct aw__job_class *c)
{
	return c->n_queued > c->n_idle &&
	       c->n_threads - c->n_surplus < c->limit &&
	       (c->n_threads < AW__JOB_THREADS || c->n_threads < c->limit);
}

/* --- A thread ---------------------------------------------------------- */

/* The next job; NULL after ten idle seconds, or when there are too many of
 * us. Under the lock. */
static struct aw_job *
next_job(struct aw__job_class *c)
{
	struct timespec until;
	struct aw_job *job;
	int late = 0;

	if (is_surplus(c))
		return NULL;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	while (!c->first && !late && !c->closing) {
		c->n_idle++;
		late = pthread_cond_timedwait(&c->work, &c->lock, &until);
		c->n_idle--;
	}
	job = c->first;
	if (job) {
		unlink_job(c, job);
		job->state = AW__JOB_RUNNING;
	}
	return job;
}

void
aw__job_end(struct aw_job *job)
{
	struct aw__job_class *c = job->klass;

	if (job->type->discard)
		job->type->discard(job->memory);
	aw__free(job);
	let_go(c);
}

static void
deliver(struct aw__jobs *jobs, struct aw_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&jobs->lock);
	*jobs->last = job;
	jobs->last = &job->next;
	pthread_mutex_unlock(&jobs->lock);
	ev_async_send(jobs->loop->ev, &jobs->async);
	atomic_fetch_sub(&jobs->senders, 1);
}

/* run has returned. Enters and leaves with the lock held. */
static void
finish(struct aw__job_class *c, struct aw_job *job)
{
	struct aw__jobs *jobs = job->jobs;

	if (job->replaced)
		c->n_surplus--;
	job->state = AW__JOB_FINISHED;
	if (jobs)
		atomic_fetch_add(&jobs->senders, 1);
	pthread_mutex_unlock(&c->lock);
	if (jobs)
		deliver(jobs, job);
	else
		aw__job_end(job);
	pthread_mutex_lock(&c->lock);
}

static void *
helper(void *arg)
{
	struct aw__job_class *c = arg;
	struct aw_job *job;

	pthread_mutex_lock(&c->lock);
	while ((job = next_job(c)) != NULL) {
		pthread_mutex_unlock(&c->lock);
		job->type->run(job->memory);
		/* What run left in this thread's detail is nobody's. */
		aw__failure_fini(aw__failure_here());
		pthread_mutex_lock(&c->lock);
		finish(c, job);
	}
	c->n_threads--;
	pthread_mutex_unlock(&c->lock);
	let_go(c);
	return NULL;
}

/* With all signals blocked, which it inherits: they belong to the program. */
static int
start_thread(struct aw__job_class *c)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;
	int r;

	if (pthread_attr_init(&attr) != 0)
		return -ENOMEM;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attr, helper, aw__job_class_hold(c));
	if (r != 0)
		let_go(c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

/* --- Called by loops --------------------------------------------------- */

/* A thread could not be started: if none is left that could take the job,
 * it comes back. */
static int
without_thread(struct aw__job_class *c, struct aw_job *job, int r)
{
	bool stuck;

	pthread_mutex_lock(&c->lock);
	c->n_threads--;
	stuck = c->n_threads == c->n_surplus && job->state == AW__JOB_QUEUED;
	if (stuck) {
		unlink_job(c, job);
		job->state = AW__JOB_NEW;
	}
	pthread_mutex_unlock(&c->lock);
	if (!stuck)
		return 0;
	return aw_fail(-EAGAIN, "no helper thread could be started: %s; look "
		       "at the limit on processes (ulimit -u)",
		       aw_strerror(r));
}

int
aw__job_queue(struct aw_job *job)
{
	struct aw__job_class *c = job->klass;
	bool idle, start;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	append(c, job);
	idle = c->n_idle > 0;
	start = needs_thread(c);
	c->n_threads += start;
	pthread_mutex_unlock(&c->lock);
	if (idle)
		pthread_cond_signal(&c->work);
	if (start)
		r = start_thread(c);
	return r < 0 ? without_thread(c, job, r) : 0;
}

bool
aw__job_unqueue(struct aw_job *job)
{
	struct aw__job_class *c = job->klass;
	bool queued;

	pthread_mutex_lock(&c->lock);
	queued = job->state == AW__JOB_QUEUED;
	if (queued) {
		unlink_job(c, job);
		job->state = AW__JOB_NEW;
	}
	pthread_mutex_unlock(&c->lock);
	return queued;
}

/* Counts the thread of a running job as surplus. Under the lock; true: a
 * thread must be started for what is queued. */
static bool
make_surplus(struct aw__job_class *c, struct aw_job *job)
{
	bool start;

	if (job->state != AW__JOB_RUNNING || job->replaced)
		return false;
	job->replaced = true;
	c->n_surplus++;
	start = needs_thread(c);
	c->n_threads += start;
	return start;
}

static void
start_substitute(struct aw__job_class *c)
{
	if (start_thread(c) == 0)
		return;
	pthread_mutex_lock(&c->lock);
	c->n_threads--;
	pthread_mutex_unlock(&c->lock);
}

bool
aw__job_orphan(struct aw_job *job)
{
	struct aw__job_class *c = job->klass;
	bool running, start;

	pthread_mutex_lock(&c->lock);
	running = job->state == AW__JOB_RUNNING;
	if (running)
		job->jobs = NULL;
	start = make_surplus(c, job);
	pthread_mutex_unlock(&c->lock);
	if (start)
		start_substitute(c);
	return running;
}

void
aw__job_replace(struct aw_job *job)
{
	struct aw__job_class *c = job->klass;
	bool start;

	pthread_mutex_lock(&c->lock);
	start = make_surplus(c, job);
	pthread_mutex_unlock(&c->lock);
	if (start)
		start_substitute(c);
}

/* More threads may have work at once. */
void
aw__job_class_resize(struct aw__job_class *c, unsigned limit)
{
	unsigned n = 0;

	if (!c->is_static)
		renew(c);
	pthread_mutex_lock(&c->lock);
	c->limit = limit;
	while (needs_thread(c) && n < c->n_queued - c->n_idle) {
		c->n_threads++;
		n++;
	}
	pthread_mutex_unlock(&c->lock);
	while (n-- > 0)
		start_substitute(c);
}

void
aw__job_class_look(struct aw__job_class *c, struct aw_workers_stats *ret)
{
	if (!c->is_static)
		renew(c);
	pthread_mutex_lock(&c->lock);
	ret->limit = c->limit;
	ret->threads = c->n_threads;
	ret->idle = c->n_idle;
	ret->queued = c->n_queued;
	pthread_mutex_unlock(&c->lock);
}
