/* SPDX-License-Identifier: MIT */
/*
 * The suspend point: every wait of every primitive goes through aw__wait().
 *
 *	NEW ----> PARKED ----> DONE	aw__wake(): the value holds
 *	 |           |
 *	 +-- DONE    +-------> BROKEN	a cancel or the nearest deadline
 *
 * The first of them wins. A completion that won is returned even if a cancel
 * comes before the task runs: the cancel is level-triggered and shows at the
 * next wait. A completion that lost is refused, and whoever offered a permit
 * or a row gives it to the next.
 *
 * One timer node serves both a sleep and the deadline around it: the nearer
 * one is armed.
 */
#include "runtime.h"

#define READY_OPS 128		/* ready operations before others run */
#define OPS_PER_CLOCK 16
#define SLICE_SECONDS 0.002
#define FAILURES_PER_TURN 100

/* --- Failing ----------------------------------------------------------- */

/* Keeps why a wait failed, without making text of it. */
int
aw__broken(struct aw_task *task, int code, const char *what)
{
	struct aw__failure *f = &task->failure;
	const struct aw_scope *scope = task->scope;

	task->loop->counts.failed++;
	aw__reason_unref(f->reason);
	f->reason = NULL;
	if (code == AW_ECANCELED) {
		scope = scope->cause ? scope->cause : scope;
		f->reason = aw__reason_ref(scope->reason);
	} else if (scope->limit) {
		scope = scope->limit;
	}
	f->code = code;
	f->what = what;
	f->scope = scope->name;
	f->site = scope->site;
	return code;
}

/* A task that ignores failures must not starve the loop. */
static int
fail_wait(struct aw_task *task, int code, const char *what)
{
	if (++task->failures >= FAILURES_PER_TURN) {
		task->loop->n_turns++;
		aw_trace("task '%s' ignored %d failed waits in a row",
			 task->name, FAILURES_PER_TURN);
		aw__debug_warn(task, AW__TOLD_FAILURES, "ignored %d failed "
			       "waits in a row: leave its loop when aw_check() "
			       "fails", FAILURES_PER_TURN);
		aw__reschedule(task);
	}
	return aw__broken(task, code, what);
}

int
aw__may_wait(struct aw_task *task, const char *what)
{
	if (__builtin_expect(task->scope->flags & AW_SCOPE_NO_AWAIT_, 0))
		return aw__misuse_no_await(task, what);
	return 0;
}

static int
pending_slowly(struct aw_task *task, const char *what)
{
	struct aw_scope *scope = task->scope;
	int code;

	if (scope->flags & AW_SCOPE_FORKED_)
		return aw_fail(AW_EFORK, "the loop belongs to the parent "
			       "process: exec, _exit, or fork outside it");
	code = aw__may_wait(task, what);
	if (code < 0)
		return code;
	code = aw__scope_interrupted(scope, 0);
	return code < 0 ? fail_wait(task, code, what) : 0;
}

static inline bool
may_be_pending(const struct aw_scope *scope)
{
	return scope->cause || scope->deadline != AW__NEVER || scope->flags;
}

int
aw__pending(struct aw_task *task)
{
	if (__builtin_expect(may_be_pending(task->scope), 0))
		return pending_slowly(task, "");
	return 0;
}

/* --- Entering ---------------------------------------------------------- */

static bool
slice_over(struct aw_loop *loop)
{
	double now;

	if (loop->ops >= READY_OPS)
		return true;
	if (loop->test_clock)
		return false;
	now = aw__now(loop);
	if (loop->slice_end == 0)
		loop->slice_end = now + SLICE_SECONDS;
	return now >= loop->slice_end;
}

int
aw__enter(struct aw_task **ret)
{
	struct aw_task *self = aw__self();

	if (__builtin_expect(!self, 0))
		return aw__no_task("this call");
	*ret = self;
	if (++self->loop->ops % OPS_PER_CLOCK == 0 &&
	    !(self->scope->flags & (AW_SCOPE_NO_AWAIT_ | AW_SCOPE_FORKED_)) &&
	    slice_over(self->loop))
		aw__give_turn(self);
	return aw__pending(self);
}

int
aw_checkpoint(void)
{
	struct aw_task *self;

	return aw__enter(&self);
}

int
aw_yield(void)
{
	struct aw_task *self = aw__self();
	int r;

	if (!self)
		return aw__no_task("aw_yield");
	r = aw__pending(self);
	if (r == 0)
		aw__reschedule(self);
	return r;
}

int
aw_check(void)
{
	struct aw_task *self = aw__self();
	int code;

	if (!self || !may_be_pending(self->scope))
		return 0;
	code = aw__scope_interrupted(self->scope, 0);
	return code < 0 ? aw__broken(self, code, "") : 0;
}

/* --- Waiting ----------------------------------------------------------- */

static void
time_is_up(void *arg)
{
	struct aw__wait *wait = arg;
	struct aw_scope *scope = wait->task->scope;

	if (wait->until <= scope->deadline || (wait->flags & AW__WAIT_FIRM))
		aw__wake(wait, 0);
	else
		aw__interrupt(wait, aw__scope_interrupted(scope,
							  AW__NEVER));
}

/* Arms the nearer of the wait's own time and the deadline. */
static int
arm(struct aw__wait *wait)
{
	struct aw_task *task = wait->task;
	double at = wait->until;

	if (!(wait->flags & AW__WAIT_FIRM) && task->scope->deadline < at)
		at = task->scope->deadline;
	wait->timer.place = 0;
	if (at == AW__NEVER)
		return 0;
	wait->timer.at = at;
	wait->timer.fn = time_is_up;
	wait->timer.arg = wait;
	wait->timer.internal = task->flags & AW__TASK_SERVICE;
	return aw__timer_add(task->loop, &wait->timer);
}

static void
park(struct aw__wait *wait)
{
	struct aw_task *task = wait->task;
	bool outside = wait->flags & AW__WAIT_OUTSIDE;
	size_t *n = task->flags & AW__TASK_SERVICE ?
		&task->loop->n_served_outside : &task->loop->n_outside;

	wait->state = AW__WAIT_PARKED;
	wait->since = task->loop->counts.batch_at;
	task->wait = wait;
	task->state = AW__TASK_WAITING;
	if (__builtin_expect(task->loop->watched, 0))
		aw__seen_block(wait);
	*n += outside;
	aw__suspend(task);
	*n -= outside;
	task->wait = NULL;
}

int
aw__wait(struct aw__wait *wait)
{
	struct aw_task *task = wait->task;
	int r;

	if (wait->state == AW__WAIT_DONE)
		return 0;
	if (!(wait->flags & AW__WAIT_FIRM) ||
	    (task->scope->flags & AW_SCOPE_FORKED_)) {
		r = aw__pending(task);
		if (r < 0) {
			wait->state = AW__WAIT_BROKEN;
			task->failure.what = wait->what;
			return r;
		}
	}
	r = arm(wait);
	if (r < 0) {
		wait->state = AW__WAIT_BROKEN;
		return r;
	}
	park(wait);
	if (wait->timer.place != 0)
		aw__timer_remove(task->loop, &wait->timer);
	if (wait->state == AW__WAIT_DONE)
		return 0;
	return aw__broken(task, wait->code, wait->what);
}

void
aw__branch_init(struct aw__wait *branch, struct aw__wait *trunk, int place)
{
	branch->task = trunk->task;
	branch->timer.arg = trunk;
	branch->code = place;
	branch->state = AW__WAIT_BRANCH;
}

static bool
wake_branch(struct aw__wait *branch, int value)
{
	if (branch->state != AW__WAIT_BRANCH ||
	    !aw__wake(branch->timer.arg, branch->code))
		return false;
	branch->value = value;
	return true;
}

bool
aw__wake(struct aw__wait *wait, int value)
{
	if (wait->state > AW__WAIT_PARKED)
		return wake_branch(wait, value);
	wait->value = value;
	if (wait->state == AW__WAIT_PARKED)
		aw__ready(wait->task);
	wait->state = AW__WAIT_DONE;
	return true;
}

void
aw__interrupt(struct aw__wait *wait, int code)
{
	if (wait->state != AW__WAIT_PARKED || (wait->flags & AW__WAIT_FIRM))
		return;
	wait->code = code;
	wait->state = AW__WAIT_BROKEN;
	aw__ready(wait->task);
}

/* --- FIFOs of waiters -------------------------------------------------- */

void
aw__waiters_push(struct aw__wait_node **head, struct aw__wait_node **tail,
		 struct aw__wait_node *node)
{
	node->next = NULL;
	node->prev = *tail;
	if (*tail)
		(*tail)->next = node;
	else
		*head = node;
	*tail = node;
	node->linked = true;
}

void
aw__waiters_remove(struct aw__wait_node **head, struct aw__wait_node **tail,
		   struct aw__wait_node *node)
{
	if (!node->linked)
		return;
	if (node->next)
		node->next->prev = node->prev;
	else
		*tail = node->prev;
	if (node->prev)
		node->prev->next = node->next;
	else
		*head = node->next;
	node->linked = false;
}

struct aw__wait_node *
aw__waiters_wake(struct aw__wait_node **head, struct aw__wait_node **tail,
		 int value)
{
	struct aw__wait_node *node;

	while ((node = *head) != NULL) {
		aw__waiters_remove(head, tail, node);
		if (aw__wake(&node->wait, value))
			return node;
	}
	return NULL;
}

int
aw__waiters_wait(struct aw__wait_node **head, struct aw__wait_node **tail,
		 struct aw__wait_node *node)
{
	int r;

	aw__waiters_push(head, tail, node);
	r = aw__wait(&node->wait);
	aw__waiters_remove(head, tail, node);
	return r;
}
