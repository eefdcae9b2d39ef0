/* SPDX-License-Identifier: MIT */
/*
 * Groups: a scope on the owner's frame with children under it; how they end.
 * How they begin is in group_go.c.
 *
 *	aw_go ----> running (n_running <= limit) ----> counted, freed
 *	  |            ^                        \
 *	  |            | a place                 +---> finished, until
 *	  |         queued (started by a child)        aw_group_next()
 *	  +-- the owner and others wait for a place (senders)
 *
 *	OPEN --- a failure, or .first's success ---> CLOSING: the scope is
 *	   |                                         cancelled, no more children
 *	   +---- aw_group_stop ---------------------> CLOSING
 *	         all joined ------------------------> JOINED: the scope's own
 *	                                              cancel is undone
 *
 * The owner waits firmly: a cancel of a scope around the group reaches the
 * children by the tree of scopes, and they end the wait.
 *
 * A service child stands behind a shield and in a list of its own, the last
 * started first. It is no part of what the group does, so it counts neither
 * in limit nor in what aw_group_next() reports: when the other children have
 * ended, whatever ended them, the services are cancelled one after another.
 */
#include <stdio.h>

#include "group_private.h"

/* --- Lists of tasks ---------------------------------------------------- */

void
aw__group_append(struct aw_task **head, struct aw_task **tail,
		 struct aw_task *task)
{
	task->next = NULL;
	if (*tail)
		(*tail)->next = task;
	else
		*head = task;
	*tail = task;
}

static struct aw_task *
take_first(struct aw_task **head, struct aw_task **tail)
{
	struct aw_task *task = *head;

	if (!task)
		return NULL;
	*head = task->next;
	if (!*head)
		*tail = NULL;
	return task;
}

static void
remove_service(struct aw_group *group, struct aw_task *task)
{
	if (task->prev)
		task->prev->next = task->next;
	else
		group->services = task->next;
	if (task->next)
		task->next->prev = task->prev;
}

/* --- Begin and end ----------------------------------------------------- */

struct aw_group *
aw_group_enter(struct aw_group *group)
{
	group->scope.kind = AW_SCOPE_GROUP_;
	aw_scope_enter(&group->scope);
	if (group->scope.task)
		group->state = AW__OPEN;
	return group;
}

static bool
is_empty(const struct aw_group *group)
{
	return group->n_running + group->n_queued == 0;
}

/* Fails only in a child of fork(), where the children do not run. */
static int
join_all(struct aw_task *self, struct aw_group *group)
{
	int r = 0;

	while (r == 0 && (!is_empty(group) || group->services)) {
		struct aw__wait wait =
			AW__WAIT_INIT(self, "children of a group", group);

		if (is_empty(group))
			aw_scope_cancel_at(&group->services->base,
					   "the other children have ended",
					   group->scope.site);
		wait.flags = AW__WAIT_FIRM;
		group->waiter = &wait;
		r = aw__wait(&wait);
		group->waiter = NULL;
	}
	return r;
}

/* Was it a failure that ended the group? Where failures are collected, or
 * did not keep another child from winning, it was not. */
bool
aw__group_failed(const struct aw_group *group)
{
	return group->status < 0 && (group->state & AW__CLOSING) &&
	       !group->options.collect &&
	       !(group->options.first && (group->state & AW__STOPPED));
}

/* Was the task interrupted by the group's own end, and by nothing else? */
bool
aw__group_ended_it(const struct aw_task *self, const struct aw_group *group,
		   int code)
{
	return code == AW_ECANCELED && (group->state & AW__CLOSING) &&
	       self->scope->cause == &group->scope;
}

/* The failure that ended the group, as this task's own. */
int
aw__group_put_failure(struct aw_group *group)
{
	group->state |= AW__TOLD;
	if (group->error)
		return aw_error_put(group->error);
	return aw_fail(group->status, "a child failed, and there was no "
		       "memory for the detail");
}

static void
free_reported(struct aw_group *group)
{
	if (group->reported)
		aw__task_free(group->reported);
	group->reported = NULL;
}

static void
free_unread(struct aw_group *group)
{
	struct aw_task *task;

	while ((task = take_first(&group->finished, &group->finished_last)))
		aw__task_free(task);
}

static void
finish(struct aw_group *group)
{
	if (group->state & AW__JOINED)
		return;
	group->state |= AW__JOINED;
	if (group->state & AW__CANCELLED)
		aw__scope_uncancel(&group->scope);
}

/* The first failure, if the owner goes without having heard of any. */
static void
tell_unasked(const struct aw_task *self, struct aw_group *group)
{
	struct aw_error e = { .row = -1, .item = -1, .column = -1 };

	if (group->status == 0 || (group->state & AW__TOLD) ||
	    (group->options.first && (group->state & AW__STOPPED)))
		return;
	group->state |= AW__TOLD;
	e.code = group->status;
	aw__unhandled(self->loop, group->failed->by, group->failed->site,
		      group->error ? group->error : &e);
}

void
aw_group_leave(struct aw_group *group)
{
	struct aw_task *self = aw__self();

	if (!self || group->scope.task != self)
		return;
	if (!is_empty(group) || group->services) {
		group->state |= AW__CLOSING;
		aw_scope_cancel_at(&group->scope, "the group was left",
				   group->scope.site);
		aw_ignore(join_all(self, group));
	}
	finish(group);
	tell_unasked(self, group);
	free_reported(group);
	free_unread(group);
	aw_error_freep(&group->error);
	aw__reason_unref(group->failed);
	group->failed = NULL;
	if (self->scope == &group->scope)
		group->state = 0;
	aw_scope_leave(&group->scope);
}

/* --- Finishing --------------------------------------------------------- */

static bool
was_cancelled(const struct aw_task *task)
{
	return task->status == AW_ECANCELED && task->base.cause;
}

static void
close_group(struct aw_group *group, const char *why, const char *site)
{
	group->state |= AW__CLOSING;
	if (!group->scope.reason)
		group->state |= AW__CANCELLED;
	aw_scope_cancel_at(&group->scope, why, site);
	/* Those outside its scope, too: no place is worth waiting for. */
	while (aw__waiters_wake(&group->senders, &group->senders_last, 0))
		continue;
}

static void
keep_failure(struct aw_group *group, struct aw_task *task)
{
	group->status = task->status;
	if (group->state & AW__REPORTING || group->options.collect)
		aw_ignore(aw__failure_copy(&task->failure, &group->error));
	else
		group->error = aw__failure_take(&task->failure);
	/* It runs, so it is the one who is named. */
	group->failed = aw__reason_new(NULL, task->site);
}

/* The others read there what they are cancelled for. */
static void
close_failed(struct aw_group *group, const struct aw_task *task)
{
	const struct aw_error *e = group->error;
	char why[2 * AW__NAME];

	snprintf(why, sizeof why, "a sibling failed: %.100s",
		 e && e->message[0] ? e->message : aw_strerror(task->status));
	close_group(group, why, task->site);
}

static void
note_failure(struct aw_group *group, struct aw_task *task)
{
	bool closes = !group->options.collect && !group->options.first;

	if (group->status == 0)
		keep_failure(group, task);
	if (closes && !(group->state & AW__CLOSING))
		close_failed(group, task);
}

static void
note_end(struct aw_group *group, struct aw_task *task)
{
	if (was_cancelled(task)) {
		group->n_cancelled++;
	} else if (task->status < 0) {
		note_failure(group, task);
	} else if (group->options.first && !(group->state & AW__CLOSING)) {
		group->state |= AW__STOPPED;
		close_group(group, "a sibling succeeded", task->site);
	}
}

/* Tells who waits in aw_go_ready() that the child ended before it was ready.
 * Return: its failure is theirs now. */
static bool
end_start(struct aw_task *task)
{
	struct aw__starter *starter = task->starter;

	task->starter = NULL;
	starter->task = NULL;
	starter->status = task->status;
	if (!aw__wake(&starter->wait, AW__ENDED))
		return false;
	if (task->status < 0)
		aw__failure_move(&task->failure,
				 &starter->wait.task->failure);
	return task->status < 0;
}

/* A service has ended; being cancelled is what it is for. */
static void
service_finished(struct aw_group *group, struct aw_task *task, bool told)
{
	remove_service(group, task);
	if (task->status < 0 && !told && !was_cancelled(task))
		note_failure(group, task);
	if (group->waiter && is_empty(group))
		aw__wake(group->waiter, 0);
}

/* A place is free: the oldest queued child takes it, or a sender. */
void
aw__group_pass_place(struct aw_group *group)
{
	struct aw_task *task;

	while (aw__group_has_place(group) &&
	       (task = take_first(&group->queued, &group->queued_last))) {
		group->n_queued--;
		aw__group_start(group, task);
	}
	if (aw__group_has_place(group))
		aw__waiters_wake(&group->senders, &group->senders_last, 0);
}

void
aw__group_child_finished(struct aw_task *task)
{
	struct aw_group *group = task->group;
	bool told = task->starter && end_start(task);

	if (task->flags & AW__TASK_LAST) {
		service_finished(group, task, told);
		return;
	}
	group->n_running--;
	if (!told)
		note_end(group, task);
	if (group->options.collect || (group->state & AW__REPORTING)) {
		task->flags &= (unsigned char)~AW__TASK_RELEASED;
		aw__group_append(&group->finished, &group->finished_last, task);
	}
	aw__group_pass_place(group);
	if (group->waiter &&
	    (is_empty(group) || (group->state & AW__REPORTING)))
		aw__wake(group->waiter, 0);
}

/* --- Waiting ----------------------------------------------------------- */

static int
check_owner(struct aw_task *self, const struct aw_group *group,
	    const char *call)
{
	if (group->state && self->loop != group->scope.task->loop)
		return aw__misuse_thread(group->scope.task->loop, call);
	if (self->group == group && group->state)
		return aw_fail(-EDEADLK, "%s: a child waits for its own group",
			       call);
	if (group->scope.task != self)
		return aw_fail(AW_EUSAGE, "%s: the group belongs to another "
			       "task, or was not entered", call);
	return 0;
}

/* What the joined group amounts to. */
static int
result(struct aw_task *self, struct aw_group *group)
{
	int code;

	if (group->options.first && (group->state & AW__STOPPED))
		return 0;
	if (group->status < 0)
		return aw__group_put_failure(group);
	if (group->n_cancelled == 0 || (group->state & AW__STOPPED))
		return 0;
	code = aw__scope_interrupted(&group->scope, 0);
	return code < 0 ? aw__broken(self, code, "children of a group") : 0;
}

int
aw_group_wait(struct aw_group *group)
{
	struct aw_task *self = aw__self();
	int r;

	if (!self)
		return aw__no_task("aw_group_wait");
	r = check_owner(self, group, "aw_group_wait");
	if (r == 0)
		r = aw__may_wait(self, "children of a group");
	if (r < 0)
		return r;
	r = join_all(self, group);
	if (r == 0)
		r = result(self, group);
	finish(group);
	return r;
}

static void
report(struct aw_group *group, struct aw_task *task, struct aw_done *ret)
{
	group->reported = task;
	if (task->status < 0)
		group->state |= AW__TOLD;
	/* A copied argument lay on the child's stack. */
	ret->arg = task->reserved ? NULL : task->arg;
	ret->status = task->status;
	ret->result = task->result;
	ret->error = task->status < 0 ? aw__failure_detail(&task->failure)
				      : NULL;
}

/* Once the group has ended its children are cancelled and end soon: their
 * owner, whom that cancel reaches, too, waits for them firmly. */
static int
wait_for_report(struct aw_task *self, struct aw_group *group)
{
	int r = 0;

	while (r == 0 && !group->finished && !is_empty(group)) {
		struct aw__wait wait =
			AW__WAIT_INIT(self, "a child of a group", group);

		if (group->state & AW__CLOSING)
			wait.flags = AW__WAIT_FIRM;
		group->waiter = &wait;
		r = aw__wait(&wait);
		group->waiter = NULL;
		if (aw__group_ended_it(self, group, r))
			r = 0;
	}
	return r;
}

int
aw_group_next(struct aw_group *group, struct aw_done *ret)
{
	struct aw_task *self = aw__self(), *task;
	int r;

	if (!self)
		return aw__no_task("aw_group_next");
	r = check_owner(self, group, "aw_group_next");
	if (r < 0)
		return r;
	free_reported(group);
	group->state |= AW__REPORTING;
	r = aw__enter(&self);
	if (r == 0 || aw__group_ended_it(self, group, r))
		r = wait_for_report(self, group);
	if (aw__group_failed(group))
		return aw__group_put_failure(group);
	if (r < 0)
		return r;
	task = take_first(&group->finished, &group->finished_last);
	if (!task)
		return 0;
	report(group, task, ret);
	return 1;
}

void
aw_group_stop_at(struct aw_group *group, const char *site)
{
	if (!(group->state & AW__OPEN) ||
	    (group->state & (AW__CLOSING | AW__JOINED)) ||
	    aw__is_elsewhere(group->scope.task->loop, "aw_group_stop"))
		return;
	group->state |= AW__STOPPED;
	close_group(group, "the group was stopped", site);
}

void
aw_group_stop(struct aw_group *group)
{
	aw_group_stop_at(group, NULL);
}
