/* SPDX-License-Identifier: MIT */
/*
 * AWAIT_DEBUG: what is switched on for a loop, and what it says at its end.
 *
 *	AWAIT_DEBUG=1		all of it
 *	AWAIT_DEBUG_STALL=0.5	seconds that a task may keep the loop
 *	AWAIT_DEBUG_SEED=7	shuffle the ready tasks; 0: with a new seed
 *
 * The block of a task that is gone is never used again (the quarantine):
 * whoever still holds its handle is found out, however late. It costs the
 * size of a task block for each task until the loop ends.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "debug_private.h"

#define STALL_SECONDS 0.1

/* --- Reports ----------------------------------------------------------- */

static void
report_task(const char *what, const struct aw_task *task)
{
	struct aw__sink sink = { .fn = aw__sink_stderr };

	aw__sink_add(&sink, "await: %s: ", what);
	aw__describe_task(&sink, task, aw__now(task->loop));
	aw__sink_flush(&sink);
}

void
aw__debug_warn(struct aw_task *task, unsigned what, const char *fmt, ...)
{
	struct aw__sink sink = { .fn = aw__sink_stderr };
	char text[256];
	va_list args;

	if (!task->loop->debug || (task->told & what))
		return;
	task->told |= (unsigned char)what;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	aw__sink_add(&sink, "await: task '%s'", task->name);
	if (task->site)
		aw__sink_add(&sink, " from %s", task->site);
	aw__sink_add(&sink, " %s\n", text);
	aw__sink_flush(&sink);
}

void
aw__debug_unhandled(const char *name, const char *site,
		    const struct aw_error *e)
{
	struct aw__sink sink = { .fn = aw__sink_stderr };

	aw__sink_add(&sink, "await: nobody asked for the error of task '%s'",
		     name);
	if (site)
		aw__sink_add(&sink, " from %s", site);
	aw__sink_add(&sink, ": %s", aw_error_name(e->code));
	if (e->message[0])
		aw__sink_add(&sink, ": %s", e->message);
	aw__sink_add(&sink, "\n");
	aw__sink_flush(&sink);
}

static bool
was_cancelled(const struct aw_task *task)
{
	return task->status == AW_ECANCELED && task->base.cause;
}

void
aw__debug_leaks(struct aw_loop *loop)
{
	struct aw_task *task;

	if (!loop->debug)
		return;
	for (task = loop->all; task; task = task->next_all) {
		if (task->flags & AW__TASK_SERVICE)
			continue;
		if (task->state != AW__TASK_FINISHED)
			report_task("still there when main returned", task);
		else if (task->status < 0 && !was_cancelled(task))
			aw__debug_unhandled(task->name, task->site,
				aw__failure_detail(&task->failure));
		else
			report_task("neither joined nor released", task);
	}
}

/* --- Deadlocks --------------------------------------------------------- */

/* A wait that something we cannot see may end; one of several threads may be
 * stopped by any of the others. */
static bool
has_hope(const struct aw_loop *l)
{
	const struct aw_task *task;

	if (l->shared || l->member || l->n_outside || l->n_watches ||
	    l->timers.n || (l->stop_head && !l->options.no_signals))
		return true;
	for (task = l->all; task; task = task->next_all)
		if (task->wait && (task->wait->flags &
				   (AW__WAIT_OUTSIDE | AW__WAIT_SERVED)))
			return true;
	return false;
}

/* Follows who waits for whom from task; the task that comes again, or NULL.
 * The second walker is twice as fast: they meet only on a cycle. */
static const struct aw_task *
on_cycle(const struct aw_task *task)
{
	const struct aw_task *slow = task, *fast = task;

	do {
		slow = aw__waited_for(slow);
		fast = aw__waited_for(fast);
		fast = fast ? aw__waited_for(fast) : NULL;
	} while (fast && slow != fast);
	return fast;
}

static void
report_cycle(struct aw__sink *sink, const struct aw_loop *l)
{
	const struct aw_task *task, *first = NULL, *at;

	for (task = l->all; task && !first; task = task->next_all)
		first = on_cycle(task);
	if (!first)
		return;
	aw__sink_add(sink, "await: '%s'", first->name);
	for (at = aw__waited_for(first); at; at = aw__waited_for(at)) {
		aw__sink_add(sink, " waits for '%s'", at->name);
		if (at == first)
			break;
		aw__sink_add(sink, ", which");
	}
	aw__sink_add(sink, "\n");
}

static void
report_deadlock(const struct aw_loop *l)
{
	struct aw__sink sink = { .fn = aw__sink_stderr };
	const struct aw_task *task;
	double now = aw__now(l);

	aw__sink_add(&sink, "await: deadlock: %zu tasks wait, and nothing is "
		     "left that could wake one\n", l->n_tasks);
	for (task = l->all; task; task = task->next_all) {
		if (task->state == AW__TASK_FINISHED ||
		    (task->flags & AW__TASK_SERVICE))
			continue;
		aw__sink_add(&sink, "await:   ");
		aw__describe_task(&sink, task, now);
	}
	report_cycle(&sink, l);
	aw__sink_flush(&sink);
}

/* The tasks are told to stop; those that cannot be told (in a shield for
 * ever) would hang the end of aw_run(). */
void
aw__debug_deadlock(struct aw_loop *loop)
{
	if (!loop->own || loop->n_tasks == 0 || has_hope(loop))
		return;
	report_deadlock(loop);
	loop->deadlocked = true;
	aw_scope_cancel(&loop->root, "deadlock: nobody can wake anybody");
	if (!loop->ready_head)
		aw__debug_die("the tasks were cancelled and still wait");
}

/* --- The dump on a signal ---------------------------------------------- */

/* libev can watch a signal in one loop only: that one tells the others. */
static _Atomic(struct aw__dump_signal *) dump_owner;

static void
dump_here(void *arg)
{
	(void)arg;
	aw_ignore(aw_dump(2));
}

static void
on_dump(EV_P_ ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	dump_here(NULL);
	aw__registry_post(w->data, dump_here);
}

/* A disposition that somebody chose is left alone, unless he asks for it. */
static int
which_signal(const struct aw_loop *loop)
{
	struct sigaction now;
	int asked = loop->options.dump_signal;

	if (asked != 0)
		return asked > 0 ? asked : 0;
	if (!loop->debug || sigaction(SIGUSR1, NULL, &now) < 0)
		return 0;
	if ((now.sa_flags & SA_SIGINFO) || now.sa_handler != SIG_DFL)
		return 0;
	return SIGUSR1;
}

void
aw__dump_signal_start(struct aw_loop *loop, struct aw__dump_signal *dump)
{
	struct aw__dump_signal *nobody = NULL;
	int number = which_signal(loop);

	dump->installed = number > 0 && number < NSIG &&
			  atomic_compare_exchange_strong(&dump_owner, &nobody,
							 dump);
	if (!dump->installed)
		return;
	sigaction(number, NULL, &dump->former);
	ev_signal_init(&dump->watcher, on_dump, number);
	dump->watcher.data = loop;
	ev_signal_start(loop->ev, &dump->watcher);
}

void
aw__dump_signal_stop(struct aw_loop *loop, struct aw__dump_signal *dump)
{
	if (!dump->installed)
		return;
	ev_signal_stop(loop->ev, &dump->watcher);
	sigaction(dump->watcher.signum, &dump->former, NULL);
	dump->installed = false;
	atomic_store(&dump_owner, NULL);
}

void
aw__dump_signal_forked(void)
{
	struct aw__dump_signal *dump = atomic_load(&dump_owner);

	if (dump)
		aw__dump_signal_stop(dump->loop, dump);
	atomic_store(&dump_owner, NULL);
}

/* --- Begin and end ----------------------------------------------------- */

static const char *
environment(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

static void
shuffle(struct aw_loop *loop)
{
	const char *text = environment("AWAIT_DEBUG_SEED");
	unsigned long seed;

	if (!text || loop->rng)
		return;
	seed = strtoul(text, NULL, 10);
	if (seed == 0)
		seed = (unsigned long)time(NULL) % 1000000 + 1;
	loop->rng = seed * UINT64_C(0x9E3779B97F4A7C15);
	dprintf(2, "await: ready tasks are shuffled: AWAIT_DEBUG_SEED=%lu\n",
		seed);
}

void
aw__debug_start(struct aw_loop *loop)
{
	const char *on = environment("AWAIT_DEBUG");
	const char *stall = environment("AWAIT_DEBUG_STALL");

	loop->stall = stall ? strtod(stall, NULL) : 0;
	if (!(loop->stall > 0 && loop->stall < AW_FOREVER))
		loop->stall = STALL_SECONDS;
	if (!on || strcmp(on, "0") == 0)
		return;
	loop->debug = aw__calloc(1, sizeof *loop->debug);
	if (!loop->debug)
		return;
	loop->debug->loop = loop;
	shuffle(loop);
	aw__watchdog_start(loop->debug);
}

void
aw__debug_stop(struct aw_loop *loop)
{
	if (!loop->debug)
		return;
	aw__watchdog_stop(loop->debug);
	aw__free(loop->debug);
	loop->debug = NULL;
}

/* The block stays what it was: finished, joined or released. */
bool
aw__debug_keep(struct aw_task *task)
{
	if (!task->loop || !task->loop->debug)
		return false;
	task->state = AW__TASK_FINISHED;
	task->flags |= AW__TASK_GONE;
	return true;
}
