/* SPDX-License-Identifier: MIT */
/*
 * Hooks, and the slow halves of what the scheduler counts.
 *
 *	aw_set_hooks() ---> for_all ---> a copy in each loop that begins
 *	                       +-------> a copy in the loop of this thread
 *
 * loop->watched says whether anybody looks (a hook, or AWAIT_DEBUG); then the
 * scheduler calls in here at every switch, and counts.mask is 0, so that
 * every wake comes by. Else only each 64th wake does, to be timed: two clock
 * readings for 64 wakes, 0.6 ns for each.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "debug_private.h"
#include "fork.h"
#include "runtime.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct aw_hooks for_all;		/* under lock */

/* Calls a hook if it is set. It must not wait: it may be called between the
 * moment that a task gives its stack away and the switch. */
#define TELL(hooks, hook, ...) do { \
	if ((hooks)->hook) { \
		AW__CALLBACK("the hook ." #hook); \
		(hooks)->hook((hooks)->arg, __VA_ARGS__); \
	} \
} while (0)

static bool
is_any_set(const struct aw_hooks *h)
{
	return h->spawned || h->switched || h->blocked || h->woken ||
	       h->exited || h->stalled || h->unhandled;
}

/* Somebody began or ceased to look. */
void
aw__hooks_update(struct aw_loop *loop)
{
	loop->watched = loop->debug || is_any_set(&loop->hooks);
	loop->counts.mask = loop->watched ? 0 : AW__SAMPLE_MASK;
}

void
aw__hooks_init(struct aw_loop *loop)
{
	pthread_mutex_lock(&lock);
	loop->hooks = for_all;
	pthread_mutex_unlock(&lock);
	aw__hooks_update(loop);
}

void
aw_set_hooks(const struct aw_hooks *hooks)
{
	struct aw_hooks copy = { 0 };

	if (hooks)
		memcpy(&copy, hooks, hooks->size < sizeof copy ? hooks->size
							       : sizeof copy);
	pthread_mutex_lock(&lock);
	for_all = copy;
	pthread_mutex_unlock(&lock);
	if (!aw__loop)
		return;
	aw__loop->hooks = copy;
	aw__hooks_update(aw__loop);
}

void
aw__hooks_forked(void)
{
	pthread_mutex_init(&lock, NULL);
}

void
aw_trace(const char *fmt, ...)
{
	struct aw_hooks hooks;
	char text[256];
	va_list args;

	if (aw__loop) {
		hooks = aw__loop->hooks;
	} else {
		pthread_mutex_lock(&lock);
		hooks = for_all;
		pthread_mutex_unlock(&lock);
	}
	if (!hooks.trace)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	TELL(&hooks, trace, text);
}

/* --- Seen by the scheduler --------------------------------------------- */

void
aw__seen_ready(struct aw_loop *loop, struct aw_task *task)
{
	struct aw__counts *c = &loop->counts;
	const struct aw_hooks *h = &loop->hooks;

	if (__builtin_expect(loop->debug && loop != aw__loop, 0))
		aw__misuse_thread(loop, "a wake");
	if (!c->sampled && (c->readied & AW__SAMPLE_MASK) == 0) {
		c->sampled = task;
		c->sampled_at = aw__now(loop);
	}
	if (task->state == AW__TASK_WAITING)
		TELL(h, woken, task);
}

void
aw__seen_sample(struct aw_loop *loop)
{
	struct aw__counts *c = &loop->counts;
	double seconds = aw__now(loop) - c->sampled_at;

	c->sampled = NULL;
	c->n_samples++;
	c->samples += seconds;
	if (seconds > c->samples_max)
		c->samples_max = seconds;
}

void
aw__seen_switch(struct aw_loop *loop, const struct aw_task *to)
{
	const struct aw_hooks *h = &loop->hooks;
	double now;

	if (loop->debug)
		aw__watchdog_beat(loop->debug);
	if (h->stalled) {
		now = aw__now(loop);
		if (loop->self && now - loop->slice_began > loop->stall)
			TELL(h, stalled, loop->self, now - loop->slice_began);
		loop->slice_began = now;
	}
	TELL(h, switched, loop->self, to);
}

/* Elsewhere a wait is said to begin with its batch, which saves reading the
 * clock; after a stall that would be far off. */
void
aw__seen_block(struct aw__wait *wait)
{
	const struct aw_loop *loop = wait->task->loop;
	const struct aw_hooks *h = &loop->hooks;

	if (loop->debug)
		wait->since = aw__now(loop);
	TELL(h, blocked, wait->task, wait->what, wait->object);
}

void
aw__seen_spawn(const struct aw_task *task)
{
	TELL(&task->loop->hooks, spawned, task, task->site);
}

void
aw__seen_exit(struct aw_task *task)
{
	if (task->n_held > 0)
		aw__debug_warn(task, AW__TOLD_HELD, "ended, and has not "
			       "unlocked %d mutexes or locks to write: give "
			       "them back with AW_HELD()", task->n_held);
	TELL(&task->loop->hooks, exited, task, task->status);
}

void
aw__unhandled(const struct aw_loop *loop, const char *name, const char *site,
	      const struct aw_error *e)
{
	TELL(&loop->hooks, unhandled, name, e);
	if (loop->options.on_unhandled) {
		AW__CALLBACK("the function .on_unhandled");
		loop->options.on_unhandled(name, e);
	} else if (loop->debug) {
		aw__debug_unhandled(name, site, e);
	}
}
