/* SPDX-License-Identifier: MIT */
/*
 * aw_run_threads(): one loop per thread, begun and ended together.
 *
 *	thread 0 (the caller's)		thread k
 *	aw_run, signals
 *	lead(): creates the others ---> aw_run
 *	waits for each to be ready <--- work(): ready
 *	opens the gate ---------------> waits for the gate
 *	fn				fn
 *	waits until all are over <----- loop has ended: over
 *	loop has ended ---------------> all loops are freed
 *	joins the threads <------------ returns
 *
 * Behind the gate nobody has called fn yet: if a thread or a loop could not
 * be made, it is called nowhere. No loop is freed before each has ended, so
 * that a task may name the loop of any thread as long as it runs itself.
 *
 * The first failure is kept with its detail and stops the others, as the
 * first SIGTERM does: the stop event, and after .grace a cancel. A stop that
 * is asked for in one thread reaches all. The nodes for it lie in the
 * members, so that telling cannot fail.
 */
#include <sched.h>
#include <stdio.h>

#include "crew.h"
#include "thread_event.h"

#define THREADS_MAX 1024

struct crew;

struct aw__member {
	struct aw__remote stop;		/* first */
	struct crew *crew;
	int index;
	bool created;			/* thread is valid */
	pthread_t thread;
	struct aw_loop *loop;		/* lock */
	struct aw_thread_event ready;	/* it has a loop, or never will */
	struct aw_thread_event over;	/* the loop takes no calls */
};

struct crew {
	int (*fn)(void *arg);
	void *arg;
	struct aw_run_options options;
	unsigned mark;			/* of the process */
	struct aw_thread_event gate;
	bool begins;			/* fn is called; written before gate */
	pthread_mutex_t lock;
	pthread_cond_t released;
	bool is_released;		/* lock: loops may be freed */
	bool stopping;			/* lock */
	char why[AW__NAME];		/* written once, before stopping */
	int code;			/* lock: the first failure */
	struct aw_error *error;		/* lock */
	int n;
	struct aw__member at[];
};

static bool
is_child(const struct crew *crew)
{
	return crew->mark != aw_fork_mark();
}

/* --- Stopping ---------------------------------------------------------- */

/* On a member's loop. */
static void
stop_here(struct aw__remote *remote)
{
	const struct aw__member *member = (void *)remote;

	aw__stop_begin(member->loop, member->crew->why);
}

/* Under the lock. */
static void
tell_others(struct crew *crew, const struct aw__member *from)
{
	for (int i = 0; i < crew->n; i++)
		if (&crew->at[i] != from && crew->at[i].loop)
			aw__remote_send(crew->at[i].loop, &crew->at[i].stop);
}

void
aw__crew_stop(struct aw__member *member, const char *why)
{
	struct crew *crew = member->crew;

	if (is_child(crew))
		return;
	pthread_mutex_lock(&crew->lock);
	if (!crew->stopping) {
		aw__copy_text(crew->why, sizeof crew->why, why);
		crew->stopping = true;
		tell_others(crew, member);
	}
	pthread_mutex_unlock(&crew->lock);
}

/* Keeps the failure of this thread if it is the first. */
static void
fail(struct aw__member *member, int code)
{
	struct crew *crew = member->crew;
	char why[AW__NAME];
	bool first;

	pthread_mutex_lock(&crew->lock);
	first = crew->code == 0;
	if (first) {
		crew->code = code;
		aw_ignore(aw__failure_copy(aw__failure_here(), &crew->error));
	}
	pthread_mutex_unlock(&crew->lock);
	if (!first)
		return;
	snprintf(why, sizeof why, "thread %d failed: %s", member->index,
		 aw_error_name(code));
	aw__crew_stop(member, why);
}

/* The others can reach this loop from here on. */
static void
enlist(struct aw__member *member)
{
	struct crew *crew = member->crew;
	bool stopping;

	pthread_mutex_lock(&crew->lock);
	member->loop = aw__loop;
	stopping = crew->stopping;
	pthread_mutex_unlock(&crew->lock);
	if (stopping)
		aw__stop_begin(aw__loop, crew->why);
}

void
aw__crew_leave(struct aw__member *member)
{
	struct crew *crew = member->crew;

	aw_thread_event_set(&member->ready);
	aw_thread_event_set(&member->over);
	pthread_mutex_lock(&crew->lock);
	if (member->index == 0) {
		crew->is_released = true;
		pthread_cond_broadcast(&crew->released);
	}
	while (!crew->is_released)
		pthread_cond_wait(&crew->released, &crew->lock);
	pthread_mutex_unlock(&crew->lock);
}

/* --- The tasks --------------------------------------------------------- */

static int
call(struct aw__member *member)
{
	struct crew *crew = member->crew;
	int r = crew->fn(crew->arg);

	if (r < 0 && !is_child(crew)) {
		aw__failure_match(r);
		fail(member, r);
	}
	return r;
}

static int
wait_firmly(struct aw_thread_event *event)
{
	return aw__thread_event_wait(event, aw__self(), AW__WAIT_FIRM);
}

static int
work(void *arg)
{
	struct aw__member *member = arg;

	enlist(member);
	aw_thread_event_set(&member->ready);
	AW_TRY(wait_firmly(&member->crew->gate));
	return member->crew->begins ? call(member) : 0;
}

static void *
run_thread(void *arg)
{
	struct aw__member *member = arg;
	struct crew *crew = member->crew;
	struct aw_run_options options = crew->options;
	int r;

	options.no_signals = true;
	options.dump_signal = AW_NONE;	/* the first thread's reaches all */
	r = aw__run(work, member, &options, member);
	if (is_child(crew))
		return NULL;
	if (r < 0)
		fail(member, r);
	aw_thread_event_set(&member->ready);
	aw_thread_event_set(&member->over);
	return NULL;
}

static int
create(struct aw__member *member)
{
	int r = pthread_create(&member->thread, NULL, run_thread, member);

	if (r != 0)
		return aw_fail(-r, "thread %d could not be started: %s; look "
			       "at the limit on processes (ulimit -u)",
			       member->index, aw_strerror(-r));
	member->created = true;
	return 0;
}

/* Creates the others and waits until each has a loop or has failed. */
static int
gather(struct crew *crew)
{
	int i, r = 0;

	for (i = 1; i < crew->n && r == 0; i++)
		r = create(&crew->at[i]);
	if (r < 0)
		fail(&crew->at[0], r);
	for (i = 1; i < crew->n && crew->at[i].created; i++)
		AW_TRY(wait_firmly(&crew->at[i].ready));
	pthread_mutex_lock(&crew->lock);
	r = crew->code;
	crew->begins = r == 0;
	pthread_mutex_unlock(&crew->lock);
	aw_thread_event_set(&crew->gate);
	return r;
}

/* Thread 0 has the signals, so its loop goes on as long as any other. What
 * its fn left behind ends with fn, as everywhere. */
static int
lead(void *arg)
{
	struct crew *crew = arg;
	int r, i;

	enlist(&crew->at[0]);
	r = gather(crew);
	if (r == 0)
		r = call(&crew->at[0]);
	if (is_child(crew))
		return r;
	aw_scope_cancel(&aw__loop->root, "main returned");
	for (i = 1; i < crew->n && crew->at[i].created; i++)
		AW_TRY(wait_firmly(&crew->at[i].over));
	return r;
}

/* --- Begin and end ----------------------------------------------------- */

/* Those this process may use. */
static int
processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		return CPU_COUNT(&set);
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static struct crew *
crew_new(int n, const struct aw_run_options *options)
{
	struct crew *crew = aw__calloc(1, sizeof *crew +
				       (size_t)n * sizeof crew->at[0]);
	int i;

	if (!crew)
		return NULL;
	if (options)
		memcpy(&crew->options, options,
		       options->size < sizeof crew->options
		       ? options->size : sizeof crew->options);
	crew->options.size = sizeof crew->options;
	crew->mark = aw_fork_mark();
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->released, NULL);
	crew->n = n;
	for (i = 0; i < n; i++) {
		crew->at[i].crew = crew;
		crew->at[i].index = i;
		crew->at[i].stop.fn = stop_here;
	}
	return crew;
}

/* The first failure of all with its detail, or what thread 0 returned. */
static int
result(struct crew *crew, int r)
{
	if (crew->code == 0)
		return r;
	if (!crew->error)
		return aw_fail(crew->code, "%s", aw_strerror(crew->code));
	aw__failure_give(aw__failure_here(), crew->error);
	return crew->code;
}

static int
crew_end(struct crew *crew, int r)
{
	int i;

	for (i = 1; i < crew->n && crew->at[i].created; i++)
		pthread_join(crew->at[i].thread, NULL);
	r = result(crew, r);
	pthread_cond_destroy(&crew->released);
	pthread_mutex_destroy(&crew->lock);
	aw__free(crew);
	return r;
}

int
aw_run_threads_with(int n, int (*fn)(void *arg), void *arg,
		    const struct aw_run_options *options)
{
	struct crew *crew;
	int r;

	if (aw__self())
		return aw_fail(-EDEADLK, "aw_run_threads: called inside a "
			       "task");
	if (n < 0 || n > THREADS_MAX || !fn)
		return aw_fail(-EINVAL, "aw_run_threads: a function and 0 to "
			       "%d threads are needed", THREADS_MAX);
	crew = crew_new(n > 0 ? n : processors(), options);
	if (!crew)
		return aw_fail(-ENOMEM, "no memory for %d threads", n);
	crew->fn = fn;
	crew->arg = arg;
	r = aw__run(lead, crew, &crew->options, &crew->at[0]);
	/* In a child of fork() there is nobody to join. */
	return is_child(crew) ? r : crew_end(crew, r);
}

int
aw_thread_index(void)
{
	if (!aw__loop)
		return -1;
	return aw__loop->member ? aw__loop->member->index : 0;
}

int
aw_thread_count(void)
{
	if (!aw__loop)
		return 0;
	return aw__loop->member ? aw__loop->member->crew->n : 1;
}
