/* SPDX-License-Identifier: MIT */
/*
 * A task in one line of text, for the dump and for every report.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <await/limiter.h>
#include <await/sync.h>

#include "pool_private.h"
#include "runtime.h"

/* --- Text in pieces ---------------------------------------------------- */

void
aw__sink_flush(struct aw__sink *sink)
{
	if (sink->n > 0)
		sink->fn(sink->arg, sink->text, sink->n);
	sink->n = 0;
}

/* Adds what printf would print; a piece longer than the buffer is cut. */
void
aw__sink_add(struct aw__sink *sink, const char *fmt, ...)
{
	va_list args;
	size_t left;
	int n, turn;

	for (turn = 0; turn < 2; turn++) {
		left = sizeof sink->text - sink->n;
		va_start(args, fmt);
		n = vsnprintf(sink->text + sink->n, left, fmt, args);
		va_end(args);
		if (n < 0)
			return;
		if ((size_t)n < left) {
			sink->n += (size_t)n;
			return;
		}
		if (turn == 0)
			aw__sink_flush(sink);
	}
	sink->n = sizeof sink->text - 1;
}

void
aw__sink_stderr(void *arg, const char *text, size_t size)
{
	(void)arg;
	while (size > 0) {
		ssize_t n = write(STDERR_FILENO, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		size -= (size_t)n;
	}
}

/* Microseconds are noise here. */
static double
seconds(double exact)
{
	return exact > -0.0005 && exact < 0.0005 ? 0 : exact;
}

/* --- What it waits for ------------------------------------------------- */

static bool
waits_for(const struct aw_task *task, const char *what)
{
	return task->wait && task->wait->object &&
	       strcmp(task->wait->what, what) == 0;
}

/* Is it still the task that took the lock? Its block outlives it, but not
 * its loop. */
static const struct aw_task *
holder(const struct aw_loop *loop, const struct aw_task *task, uint64_t serial)
{
	if (!task || (serial ^ loop->serial) >> AW__TASK_ID_BITS != 0)
		return NULL;
	return aw__task_serial(task) == serial ? task : NULL;
}

static const struct aw_task *
writer_of(const struct aw_loop *loop, const struct aw_rwlock *lock)
{
	return holder(loop, lock->writer, lock->writer_id);
}

static const struct aw_task *
first_borrower(const struct aw_loop *loop, const struct aw_limiter *limiter)
{
	const struct aw_borrow *borrow = limiter->borrowers;

	return borrow ? holder(loop, borrow->task, borrow->serial) : NULL;
}

/* One of those that have not ended; the scopes of the owner lie between. */
static const struct aw_task *
child_of(const struct aw_group *group)
{
	const struct aw_scope *at = group->scope.child;

	while (at && !(at->task && at->task->group == group &&
		       at == &at->task->base))
		at = at->next;
	return at ? at->task : NULL;
}

static bool
waits_for_group(const struct aw_task *task)
{
	return waits_for(task, "children of a group") ||
	       waits_for(task, "a child of a group") ||
	       waits_for(task, "a child's start") ||
	       waits_for(task, "a place in a group");
}

const struct aw_task *
aw__waited_for(const struct aw_task *task)
{
	const void *object = task->wait ? task->wait->object : NULL;
	const struct aw_mutex *mutex = object;

	if (waits_for(task, "a task"))
		return object;
	if (waits_for(task, "a mutex"))
		return holder(task->loop, mutex->owner, mutex->owner_id);
	if (waits_for(task, "a lock, to read") ||
	    waits_for(task, "a lock, to write"))
		return writer_of(task->loop, object);
	if (waits_for(task, "a place of a limiter"))
		return first_borrower(task->loop, object);
	return waits_for_group(task) ? child_of(object) : NULL;
}

static void
describe_object(struct aw__sink *sink, const struct aw_task *task)
{
	const struct aw_task *other = aw__waited_for(task);
	const void *object = task->wait->object;

	if (waits_for(task, "a task"))
		aw__sink_add(sink, " '%s'", other->name);
	else if (waits_for_group(task))
		aw__sink_add(sink, " '%s'",
			     ((const struct aw_scope *)object)->name);
	else if (waits_for(task, "a member of a pool"))
		aw__sink_add(sink, " '%s'",
			     ((const struct aw_pool *)object)->name);
	else if (other)
		aw__sink_add(sink, " %p held by '%s'", object, other->name);
	else if (object)
		aw__sink_add(sink, " %p", object);
}

void
aw__describe_state(struct aw__sink *sink, const struct aw_task *task,
		   double now)
{
	static const char *const names[] = {
		[AW__TASK_QUEUED] = "queued",
		[AW__TASK_READY] = "ready",
		[AW__TASK_RUNNING] = "running",
		[AW__TASK_WAITING] = "waiting",
		[AW__TASK_FINISHED] = "finished",
	};
	double since;

	aw__sink_add(sink, "%s", names[task->state]);
	if (task->state == AW__TASK_FINISHED && task->status < 0)
		aw__sink_add(sink, " with %s", aw_error_name(task->status));
	if (task->state != AW__TASK_WAITING || !task->wait)
		return;
	since = task->wait->since;
	aw__sink_add(sink, " %.3g s for %s",
		     seconds(now - (since > task->born ? since : task->born)),
		     task->wait->what);
	describe_object(sink, task);
}

/* --- Its limits -------------------------------------------------------- */

void
aw__describe_cancel(struct aw__sink *sink, const struct aw_scope *scope)
{
	const struct aw__reason *reason = scope->reason;

	if (!reason)
		return;
	aw__sink_add(sink, ", cancelled: %s", reason->text);
	if (reason->by[0])
		aw__sink_add(sink, ", by '%s'", reason->by);
	if (reason->site && *reason->site)
		aw__sink_add(sink, " at %s", reason->site);
}

static void
describe_limits(struct aw__sink *sink, const struct aw_task *task, double now)
{
	const struct aw_scope *scope = task->scope, *limit = scope->limit;

	if (scope->deadline != AW__NEVER) {
		aw__sink_add(sink, ", deadline in %.3g s",
			     seconds(scope->deadline - now));
		if (limit && limit->name)
			aw__sink_add(sink, " (%s%s%s)", limit->name,
				     limit->site && *limit->site ? " at " : "",
				     limit->site ? limit->site : "");
	}
	if (scope->cause)
		aw__describe_cancel(sink, scope->cause);
	if (scope->flags & AW_SCOPE_NO_AWAIT_)
		aw__sink_add(sink, ", must not wait");
}

/* Bytes between the top and where it stands; 0: not known. */
static size_t
depth(const struct aw_task *task)
{
	uintptr_t top = (uintptr_t)task->stack.base + task->stack.size;
	uintptr_t sp = 0;

	if (task == aw__self())
		sp = (uintptr_t)__builtin_frame_address(0);
#ifndef AW_SWITCH_PORTABLE
	else if (task->flags & AW__TASK_STARTED)
		sp = (uintptr_t)task->context.sp;
#endif
	return sp > (uintptr_t)task->stack.base && sp <= top ? top - sp : 0;
}

static void
describe_stack(struct aw__sink *sink, const struct aw_task *task)
{
	if (!task->stack.base)
		return;
	aw__sink_add(sink, ", stack %.1f, at most %.1f of %zu KiB",
		     (double)depth(task) / 1024,
		     (double)aw__stack_used(&task->stack) / 1024,
		     task->stack.size / 1024);
}

void
aw__describe_task(struct aw__sink *sink, const struct aw_task *task,
		  double now)
{
	aw__sink_add(sink, "%s #%llu ", task->name,
		     (unsigned long long)task->id);
	aw__describe_state(sink, task, now);
	aw__sink_add(sink, ", age %.3g s", seconds(now - task->born));
	if (task->state != AW__TASK_FINISHED)
		describe_limits(sink, task, now);
	describe_stack(sink, task);
	if (task->site)
		aw__sink_add(sink, ", from %s", task->site);
	aw__sink_add(sink, "\n");
}
