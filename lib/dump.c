/* SPDX-License-Identifier: MIT */
/*
 * The tree of tasks as text.
 *
 *	await: 3 tasks, 0 services, ...
 *	main #1 waiting 0.2 s for children of a group 'group', ...
 *	  group at app.c:33: 2 running, 1 queued, limit 2
 *	    fetch #2 waiting 0.2 s for a descriptor, ...
 *
 * It is the tree of scopes: a task is its outermost scope, a group stands
 * under the task on whose frame it lies, and its children under the group.
 * Other scopes have no line: they show as the deadline of their task.
 *
 * The walk is a loop and not a recursion (scopes nest by the ten thousand),
 * and goes from the oldest to the newest, which are the last and the first
 * of a list of children. What was seen is written at once and nothing is
 * allocated: a dump works when memory is short.
 */
#include <unistd.h>

#include "runtime.h"

#define DEEPEST 20		/* levels that are indented */

/* --- The walk ---------------------------------------------------------- */

static bool
is_task(const struct aw_scope *scope)
{
	return scope->task && scope == &scope->task->base;
}

static bool
is_line(const struct aw_scope *scope)
{
	return is_task(scope) || (scope->kind & AW_SCOPE_GROUP_);
}

static const struct aw_scope *
oldest_child(const struct aw_scope *scope)
{
	const struct aw_scope *at = scope->child;

	while (at && at->next)
		at = at->next;
	return at;
}

static const struct aw_scope *
younger(const struct aw_scope *scope)
{
	if (scope->prev == &scope->parent->child)
		return NULL;
	return aw__container(scope->prev, struct aw_scope, next);
}

/* The next one below top in order; keeps count of the lines above it. */
static const struct aw_scope *
step(const struct aw_scope *at, const struct aw_scope *top, unsigned *depth)
{
	const struct aw_scope *next = oldest_child(at);

	if (next) {
		*depth += is_line(at);
		return next;
	}
	while (at != top && !(next = younger(at))) {
		at = at->parent;
		*depth -= is_line(at);
	}
	return at == top ? NULL : next;
}

/* --- The lines --------------------------------------------------------- */

static void
indent(struct aw__sink *sink, unsigned depth)
{
	unsigned n = depth < DEEPEST ? depth : DEEPEST;

	aw__sink_add(sink, "%*s", (int)(2 * n), "");
}

static void
dump_group(struct aw__sink *sink, const struct aw_scope *scope)
{
	const struct aw_group *group = (const struct aw_group *)scope;

	aw__sink_add(sink, "%s at %s: %zu running, %zu queued", scope->name,
		     scope->site, group->n_running, group->n_queued);
	if (group->options.limit > 0)
		aw__sink_add(sink, ", limit %lld",
			     (long long)group->options.limit);
	aw__describe_cancel(sink, scope);
	aw__sink_add(sink, "\n");
}

static void
dump_tree(struct aw__sink *sink, const struct aw_scope *top, double now)
{
	const struct aw_scope *at = top;
	unsigned depth = 0;

	while ((at = step(at, top, &depth)) != NULL) {
		if (!is_line(at))
			continue;
		indent(sink, depth);
		if (is_task(at))
			aw__describe_task(sink, at->task, now);
		else
			dump_group(sink, at);
	}
}

static void
dump_finished(struct aw__sink *sink, const struct aw_loop *l, double now)
{
	const struct aw_task *task;
	bool any = false;

	for (task = l->all; task; task = task->next_all) {
		if (task->state != AW__TASK_FINISHED)
			continue;
		if (!any)
			aw__sink_add(sink, "ended, and not yet asked for:\n");
		any = true;
		aw__sink_add(sink, "  ");
		aw__describe_task(sink, task, now);
	}
}

static void
dump_loop(struct aw__sink *sink, const struct aw_loop *l)
{
	struct aw_metrics m;
	double now = aw__now(l);

	if (aw_metrics(&m) < 0)
		return;
	aw__sink_add(sink, "await: %zu tasks, %zu services, %llu ready, "
		     "%zu timers, %llu switches, %llu polls\n", l->n_tasks,
		     l->n_services, (unsigned long long)m.ready, l->timers.n,
		     (unsigned long long)m.switches,
		     (unsigned long long)m.polls);
	dump_tree(sink, &l->root, now);
	if (l->services.child) {
		aw__sink_add(sink, "services:\n");
		dump_tree(sink, &l->services, now);
	}
	dump_finished(sink, l, now);
	aw__sink_flush(sink);
}

/* --- Where to ---------------------------------------------------------- */

struct reader {
	void (*fn)(void *arg, const char *text, size_t size);
	void *arg;
};

/* Entered and left between two steps of the walk, which do not see it. */
static void
hand_on(void *arg, const char *text, size_t size)
{
	const struct reader *reader = arg;
	AW__CALLBACK("the function of aw_dump_to()");

	reader->fn(reader->arg, text, size);
}

int
aw_dump_to(void (*fn)(void *arg, const char *text, size_t size), void *arg)
{
	struct reader reader = { fn, arg };
	struct aw__sink sink = { .fn = hand_on, .arg = &reader };

	if (!aw__loop)
		return aw__no_loop("aw_dump");
	dump_loop(&sink, aw__loop);
	return 0;
}

struct target {
	int fd;
	int r;
};

static void
write_out(void *arg, const char *text, size_t size)
{
	struct target *target = arg;

	while (size > 0 && target->r == 0) {
		ssize_t n = write(target->fd, text, size);

		if (n < 0 && errno != EINTR)
			target->r = -errno;
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
}

int
aw_dump(int fd)
{
	struct target target = { .fd = fd };
	int r = aw_dump_to(write_out, &target);

	if (r == 0 && target.r < 0)
		return aw_fail(target.r, "aw_dump: descriptor %d: %s", fd,
			       aw_strerror(target.r));
	return r;
}
