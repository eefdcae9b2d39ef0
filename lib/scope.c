/* SPDX-License-Identifier: MIT */
/*
 * The tree of scopes.
 *
 *	root -+- base of task A - AW_GROUP g -+- base of child 1
 *	      |                               +- base of child 2 - AW_TIMEOUT
 *	      |                               +- AW_TIMEOUT (in A, after g)
 *	      +- base of task B
 *
 * Every scope keeps what a wait needs to know, so that a wait never walks:
 * deadline and limit (the nearest deadline and whose it is), computed when it
 * is entered, and cause (the cancelled scope that covers it), set by a walk
 * down when something is cancelled. A shield starts afresh: its outer scopes
 * reach neither it nor what is inside. Nothing is armed by entering a scope.
 *
 * The walk is a loop and not a recursion: ten thousand nested scopes are
 * legal.
 */
#include <await/time.h>

#include "runtime.h"

/* Flags that reach inner scopes. */
#define INHERITED (AW_SCOPE_NO_AWAIT_ | AW_SCOPE_FORKED_)

/* --- The tree ---------------------------------------------------------- */

void
aw__scope_root(struct aw_scope *scope, const char *name)
{
	memset(scope, 0, sizeof *scope);
	scope->name = name;
	scope->site = "";
	scope->deadline = AW__NEVER;
	scope->prev = &scope->next;
}

/* Links a scope under parent with its own deadline at (AW__NEVER: none). */
void
aw__scope_link(struct aw_scope *scope, struct aw_scope *parent, double at)
{
	bool shield = scope->kind & AW_SCOPE_SHIELD_;

	scope->parent = parent;
	scope->child = NULL;
	scope->reason = NULL;
	scope->cause = shield ? NULL : parent->cause;
	scope->deadline = shield ? AW__NEVER : parent->deadline;
	scope->limit = shield ? NULL : parent->limit;
	scope->flags = (parent->flags & INHERITED) |
		       (scope->kind & INHERITED);
	if (at < scope->deadline) {
		scope->deadline = at;
		scope->limit = scope;
	}
	scope->next = parent->child;
	scope->prev = &parent->child;
	if (parent->child)
		parent->child->prev = &scope->next;
	parent->child = scope;
}

void
aw__scope_unlink(struct aw_scope *scope)
{
	*scope->prev = scope->next;
	if (scope->next)
		scope->next->prev = scope->prev;
	scope->task = NULL;
	if (scope->reason) {
		aw__reason_unref(scope->reason);
		scope->reason = NULL;
	}
}

void
aw__scope_base(struct aw_task *task, struct aw_scope *parent, double deadline)
{
	struct aw_scope *base = &task->base;

	base->name = "task";
	base->site = task->site ? task->site : "";
	base->kind = task->flags & AW__TASK_LAST ? AW_SCOPE_SHIELD_
						 : AW_SCOPE_PLAIN_;
	base->task = task;
	base->seconds = 0;
	base->at = deadline;
	aw__scope_link(base, parent, deadline);
	task->scope = base;
}

/* --- Entering and leaving ---------------------------------------------- */

/* NaN and what is not above 0 is over already. */
static double
absolute(const struct aw_scope *scope)
{
	double now;

	if (isnan(scope->at) || isnan(scope->seconds))
		aw__misuse_nan(scope->name, scope->site);
	if (scope->at != 0)
		return scope->at > 0 ? scope->at : 0;
	if (scope->seconds >= AW_FOREVER)
		return AW__NEVER;
	if (scope->seconds == 0 &&
	    !(scope->kind & (AW_SCOPE_TIMEOUT_ | AW_SCOPE_SHIELD_ |
			     AW_SCOPE_BUDGET_)))
		return AW__NEVER;
	now = aw_now();
	return scope->seconds > 0 ? now + scope->seconds : 0;
}

struct aw_scope *
aw_scope_enter(struct aw_scope *scope)
{
	struct aw_task *self = aw__self();

	if (!self)
		return scope;
	scope->task = self;
	aw__scope_link(scope, self->scope, absolute(scope));
	self->scope = scope;
	return scope;
}

struct aw_scope *
aw_scope_enter_with(struct aw_scope *scope,
		    const struct aw_scope_options *options)
{
	if (options) {
		scope->seconds = options->seconds;
		scope->at = options->deadline;
	}
	return aw_scope_enter(scope);
}

void
aw_scope_leave(struct aw_scope *scope)
{
	struct aw_task *self = aw__self();

	if (!self || scope->task != self)
		return;
	if (self->scope != scope) {
		aw__misuse_order(scope, self->scope);
		return;
	}
	self->scope = scope->parent;
	aw__scope_unlink(scope);
}

/* --- Cancelling -------------------------------------------------------- */

/* The next scope of a walk below top; down: enter the children of at. */
static struct aw_scope *
step(struct aw_scope *at, const struct aw_scope *top, bool down)
{
	if (down && at->child)
		return at->child;
	while (at != top && !at->next)
		at = at->parent;
	return at == top ? NULL : at->next;
}

/* A wait fails if its task stands in the cancelled scope itself. */
static void
reach(struct aw_scope *scope, struct aw_scope *cause)
{
	struct aw_task *task = scope->task;

	scope->cause = cause;
	if (task && task->scope == scope && task->wait)
		aw__interrupt(task->wait, AW_ECANCELED);
}

void
aw_scope_cancel_at(struct aw_scope *scope, const char *why, const char *site)
{
	struct aw_scope *at = scope;
	bool down = true;

	if (scope->reason || !scope->prev)
		return;
	if (scope->task && aw__is_elsewhere(scope->task->loop,
					    "aw_scope_cancel"))
		return;
	scope->reason = aw__reason_new(why, site);
	while (at) {
		down = at == scope || !(at->kind & AW_SCOPE_SHIELD_);
		if (down && !at->cause)
			reach(at, scope);
		at = step(at, scope, down);
	}
}

void
aw_scope_cancel(struct aw_scope *scope, const char *why)
{
	aw_scope_cancel_at(scope, why, NULL);
}

/*
 * Undoes the cancel of a scope whose work has ended: a group that failed is
 * over once it has been joined, and what its frame does then may wait. A scope
 * inside that was cancelled, too, stays cancelled by itself.
 */
void
aw__scope_uncancel(struct aw_scope *scope)
{
	struct aw_scope *at = scope;

	aw__reason_unref(scope->reason);
	scope->reason = NULL;
	while (at) {
		bool down = at == scope || !(at->kind & AW_SCOPE_SHIELD_);

		if (at->cause == scope)
			at->cause = at->reason ? at : at->parent->cause;
		at = step(at, scope, down);
	}
}

/* In a child of fork(): the task that called it goes on here alone, and the
 * loop's descriptors are its parent's. No wait of it may reach them. */
void
aw__scope_forked(void)
{
	struct aw_task *self = aw__self();
	struct aw_scope *at = self ? self->scope : NULL;

	for (; at; at = at->parent)
		at->flags |= AW_SCOPE_FORKED_;
}

/* --- Asking ------------------------------------------------------------ */

/* Must a wait in this scope fail? now = 0: read the clock if it matters. */
int
aw__scope_interrupted(struct aw_scope *scope, double now)
{
	if (scope->cause)
		return AW_ECANCELED;
	if (scope->deadline == AW__NEVER)
		return 0;
	if (now == 0)
		now = aw__now(aw__loop);
	if (scope->deadline > now)
		return 0;
	return scope->limit && (scope->limit->kind & AW_SCOPE_BUDGET_)
		? AW_ETIMEDOUT : AW_ETIME;
}

bool
aw_scope_expired(const struct aw_scope *scope)
{
	double at;

	if (!scope->task || scope->limit != scope)
		return false;
	at = scope->deadline;
	return at <= aw_now();
}

bool
aw_scope_cancelled(const struct aw_scope *scope)
{
	return scope->reason != NULL;
}

double
aw_deadline(void)
{
	struct aw_task *self = aw__self();

	return self ? self->scope->deadline : AW__NEVER;
}

double
aw_left(void)
{
	double at = aw_deadline(), left;

	if (at == AW__NEVER)
		return at;
	left = at - aw_now();
	return left > 0 ? left : 0;
}

const char *
aw_cancel_reason(void)
{
	struct aw_task *self = aw__self();
	const struct aw_scope *cause = self ? self->scope->cause : NULL;

	return cause && cause->reason ? cause->reason->text : NULL;
}
