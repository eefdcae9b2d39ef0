/* SPDX-License-Identifier: MIT */
/*
 * How the children of a group begin.
 *
 *	aw_go         (a place below .limit) ----> runs
 *	aw_go_ready   ... and waits until the child calls aw_started():
 *
 *	  starter, on the stack of who started it
 *	     { wait, value, status, task } <----> task->starter
 *
 *	the child	what the starter's wait ends with
 *	aw_started(v)	STARTED and v
 *	ends before	ENDED and its status; its failure is the starter's
 *	given up	the wait was interrupted: the child is cancelled
 *
 * Whichever comes first cuts the tie between the two.
 */
#include "group_private.h"

#define COPY_MAX (16 * 1024)

/* What is to be started. */
struct start {
	int (*fn)(void *arg);
	void *arg;
	const void *value;		/* size bytes to copy, or NULL */
	size_t size;
	const struct aw_go_options *options;
	struct aw__starter *starter;	/* of aw_go_ready(), or NULL */
};

/* --- Places ------------------------------------------------------------ */

bool
aw__group_has_place(const struct aw_group *group)
{
	int64_t limit = group->options.limit;

	return limit <= 0 || limit == AW_FOREVER ||
	       group->n_running < (size_t)limit;
}

/* May a child be started? The failure that closed the group comes first. */
static int
check_open(struct aw_task *self, struct aw_group *group)
{
	if (!(group->state & AW__OPEN))
		return aw_fail(AW_EUSAGE, "aw_go: the group was not entered "
			       "in a task: declare it with AW_GROUP()");
	if (self->loop != group->scope.task->loop)
		return aw__misuse_thread(group->scope.task->loop, "aw_go");
	if (aw__group_failed(group))
		return aw__group_put_failure(group);
	if (group->state & (AW__CLOSING | AW__JOINED))
		return aw_fail(AW_ECLOSED, "aw_go: the group has been %s",
			       group->state & AW__JOINED ? "joined"
							 : "stopped");
	return 0;
}

static int
wait_for_place(struct aw_task *self, struct aw_group *group)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "a place in a group", group)
	};

	if (self->group == group ||
	    (aw__group_has_place(group) && !group->senders))
		return 0;
	return aw__waiters_wait(&group->senders, &group->senders_last, &node);
}

void
aw__group_start(struct aw_group *group, struct aw_task *task)
{
	group->n_running++;
	aw__task_start(task);
}

/* --- Starting ---------------------------------------------------------- */

static void
copy_argument(struct aw_task *task, const void *value, size_t size)
{
	task->reserved = (size + 63) & ~(size_t)63;
	task->arg = (char *)task->stack.base + task->stack.size -
		    task->reserved;
	memcpy(task->arg, value, size);
}

static const char *
child_name(const struct aw_go_options *o)
{
	if (o->name)
		return o->name;
	return o->fn_name ? o->fn_name : "child";
}

static struct aw_task *
new_child(struct aw_task *self, struct aw_group *group,
	  const struct start *start)
{
	const struct aw_go_options *o = start->options;
	unsigned flags = AW__TASK_RELEASED;
	struct aw_task *task;

	if (o->service)
		flags |= AW__TASK_LAST;
	task = aw__task_new(self->loop, child_name(o), start->fn, start->arg,
			    (size_t)o->stack, &group->scope, flags, AW__NEVER,
			    o->site);
	if (!task)
		return NULL;
	task->group = group;
	task->starter = start->starter;
	if (start->starter)
		start->starter->task = task;
	if (start->value)
		copy_argument(task, start->value, start->size);
	return task;
}

static void
start_service(struct aw_group *group, struct aw_task *task)
{
	task->prev = NULL;
	task->next = group->services;
	if (task->next)
		task->next->prev = task;
	group->services = task;
	aw__task_start(task);
}

/* A child that starts a sibling and waits for it does not queue it: the
 * place might be one that waits for itself. */
static void
enqueue(struct aw_group *group, struct aw_task *task)
{
	if (task->flags & AW__TASK_LAST) {
		start_service(group, task);
	} else if (task->starter || aw__group_has_place(group)) {
		aw__group_start(group, task);
	} else {
		group->n_queued++;
		aw__group_append(&group->queued, &group->queued_last, task);
	}
}

static int
go(struct aw_group *group, const struct start *start)
{
	struct aw_task *self = aw__self(), *task;
	int r;

	if (!self)
		return aw__no_task("aw_go");
	if (!start->fn)
		return aw_fail(-EINVAL, "aw_go: no function to call");
	r = aw__stack_check("aw_go", start->options->stack);
	if (r == 0)
		r = aw__option_check("AW_GROUP", "limit",
				     (double)group->options.limit);
	if (r == 0)
		r = check_open(self, group);
	if (r < 0)
		return r;
	r = aw__enter(&self);
	if (r == 0 && !start->options->service)
		r = wait_for_place(self, group);
	if (aw__group_failed(group))
		return aw__group_put_failure(group);
	if (r < 0 && !aw__group_ended_it(self, group, r))
		return r;
	r = check_open(self, group);
	task = r < 0 ? NULL : new_child(self, group, start);
	if (!task) {
		/* The place that it was woken for is another's. */
		r = aw_error()->code;
		aw__group_pass_place(group);
		return r;
	}
	enqueue(group, task);
	return 0;
}

static const struct aw_go_options defaults;

int
aw_go_with(struct aw_group *group, int (*fn)(void *arg), void *arg,
	   const struct aw_go_options *options)
{
	const struct start start = {
		.fn = fn, .arg = arg, .options = options ? options : &defaults
	};

	return go(group, &start);
}

int
aw_go_copy_with(struct aw_group *group, int (*fn)(void *arg),
		const void *value, size_t size,
		const struct aw_go_options *options)
{
	const struct start start = {
		.fn = fn, .value = value, .size = size,
		.options = options ? options : &defaults
	};

	if (size > COPY_MAX)
		return aw_fail(-EINVAL, "aw_go_copy: %zu bytes are more than "
			       "16 KiB: pass a pointer", size);
	return go(group, &start);
}

/* --- Starting and waiting until it is ready ---------------------------- */

static int
give_up(struct aw__starter *starter, int code)
{
	struct aw_task *task = starter->task;

	if (task) {
		task->starter = NULL;
		aw_cancel_at(task, "nobody waits for its start any more",
			     task->site);
	}
	return code;
}

int
aw_go_ready_with(struct aw_group *group, void **ret_value,
		 int (*fn)(void *arg), void *arg,
		 const struct aw_go_options *options)
{
	struct aw__starter starter = {
		.wait = AW__WAIT_INIT(aw__self(), "a child's start", group)
	};
	const struct start start = {
		.fn = fn, .arg = arg, .starter = &starter,
		.options = options ? options : &defaults
	};
	int r = go(group, &start);

	if (r < 0)
		return r;
	r = aw__wait(&starter.wait);
	if (r < 0)
		r = give_up(&starter, r);
	if (aw__group_failed(group))
		return aw__group_put_failure(group);
	if (r < 0)
		return r;
	if (starter.wait.value == AW__ENDED)
		return starter.status < 0 ? starter.status :
			aw_fail(AW_EUSAGE, "'%s' ended without a call of "
				"aw_started()", child_name(start.options));
	if (ret_value)
		*ret_value = starter.value;
	return 0;
}

int
aw_started(void *value)
{
	struct aw_task *self = aw__self();
	struct aw__starter *starter = self ? self->starter : NULL;

	if (!self)
		return aw__no_task("aw_started");
	if (self->flags & AW__TASK_TOLD)
		return aw_fail(AW_EUSAGE, "aw_started: called twice in '%s'",
			       self->name);
	if (!starter)
		return 0;
	self->flags |= AW__TASK_TOLD;
	starter->value = value;
	if (aw__wake(&starter->wait, AW__STARTED)) {
		self->starter = NULL;
		starter->task = NULL;
	}
	return 0;
}
