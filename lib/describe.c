/* SPDX-License-Identifier: MIT */
/*
 * A task in one line of text, for the dump and for every report.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

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

/* --- Its state --------------------------------------------------------- */

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
	aw__describe_object(sink, task);
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
