/* SPDX-License-Identifier: MIT */
/*
 * Tasks for another thread's loop: the caller's thread makes a note, the
 * loop's thread makes the task, since stacks and blocks belong to a loop.
 */
#include <await/thread.h>

#include "runtime.h"

struct note {
	struct aw__remote remote;	/* first */
	int (*fn)(void *arg);
	void *arg;
	void (*lost)(void *arg);
	const char *site;
	int64_t stack;
	char name[AW__NAME];
};

/* The caller is far away: the failure is nobody's. */
static void
report_lost(const struct note *note)
{
	aw__unhandled(aw__loop, note->name, note->site,
		      aw__failure_detail(aw__failure_here()));
	if (note->lost)
		note->lost(note->arg);
}

static void
start(struct aw__remote *remote)
{
	struct note *note = (void *)remote;
	struct aw_spawn_options options = {
		.size = sizeof options,
		.site = note->site,
		.stack = note->stack
	};
	struct aw_task *task = aw_spawn_with(note->name, note->fn, note->arg,
					     &options);

	if (task)
		aw_task_release(task);
	else
		report_lost(note);
	aw__free(note);
}

static int
send(struct aw_loop *loop, struct note *note)
{
	if (aw__remote_send(loop, &note->remote))
		return 0;
	aw__free(note);
	if (loop->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "aw_spawn_on: the loop belongs to "
			       "the parent process");
	return aw_fail(AW_ECLOSED, "aw_spawn_on: the loop is ending");
}

int
aw_spawn_on_with(struct aw_loop *loop, const char *name,
		 int (*fn)(void *arg), void *arg,
		 const struct aw_spawn_on_options *options)
{
	static const struct aw_spawn_on_options defaults;
	const struct aw_spawn_on_options *o = options ? options : &defaults;
	struct note *note;

	if (!loop || !name || !fn)
		return aw_fail(-EINVAL, "aw_spawn_on: a loop, a name and a "
			       "function are needed");
	if (aw__stack_check("aw_spawn_on", o->stack) < 0)
		return -EINVAL;
	note = aw__malloc(sizeof *note);
	if (!note)
		return aw_fail(-ENOMEM, "aw_spawn_on: no memory");
	note->remote.fn = start;
	note->fn = fn;
	note->arg = arg;
	note->lost = o->lost;
	note->site = o->site;
	note->stack = o->stack;
	aw__copy_text(note->name, sizeof note->name, name);
	return send(loop, note);
}
