/* SPDX-License-Identifier: MIT */
/*
 * What a task waits for: the other half of its line in dumps and reports.
 *
 *	a mutex 0x1 held by 'b'			whom: one task, so there is an
 *						edge in the graph of waits
 *	an item of a queue 0x2 (empty, room for 4, 2 wait to get)
 *						how it stands: anybody may come
 *
 * An edge is drawn where the object knows a task without whom the wait cannot
 * end. A queue, an event or a semaphore has no owner: who used it last need
 * not come again, and a guess would lead astray.
 *
 * Kinds are told apart by the text of the wait, which costs a wait nothing.
 * That of a driver's wait may be any text, and its object any address: those
 * waits are the outside's, and are not looked into.
 */
#include <await/limiter.h>
#include <await/sync.h>

#include "pool_private.h"
#include "runtime.h"

#define COUNTED 99		/* of a line: it may hold a million */

static bool
waits_for(const struct aw_task *task, const char *what)
{
	return task->wait && task->wait->object &&
	       !(task->wait->flags & AW__WAIT_OUTSIDE) &&
	       strcmp(task->wait->what, what) == 0;
}

/* --- Whom -------------------------------------------------------------- */

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

static bool
waits_for_rwlock(const struct aw_task *task)
{
	return waits_for(task, "a lock, to read") ||
	       waits_for(task, "a lock, to write");
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
	if (waits_for_rwlock(task))
		return writer_of(task->loop, object);
	if (waits_for(task, "a place of a limiter"))
		return first_borrower(task->loop, object);
	return waits_for_group(task) ? child_of(object) : NULL;
}

/* --- How it stands ----------------------------------------------------- */

void
aw__describe_line(struct aw__sink *sink, const struct aw__wait_node *head)
{
	int n = 0;

	while (head && n <= COUNTED) {
		head = head->next;
		n++;
	}
	if (n > COUNTED)
		aw__sink_add(sink, "more than %d wait", COUNTED);
	else
		aw__sink_add(sink, n == 1 ? "%d waits" : "%d wait", n);
}

static void
add_line(struct aw__sink *sink, const struct aw_waiters *line)
{
	aw__describe_line(sink, line->head);
	aw__sink_add(sink, ")");
}

static void
describe_sem(struct aw__sink *sink, const struct aw_task *task)
{
	const struct aw_sem *sem = task->wait->object;
	const struct aw__wait_node *node =
		aw__container(task->wait, struct aw__wait_node, wait);

	aw__sink_add(sink, " %p (wants %lld, %lld free, ", task->wait->object,
		     (long long)node->n, (long long)sem->permits);
	add_line(sink, &sem->waiters);
}

void
aw__event_describe(struct aw__sink *sink, const struct aw_event *event)
{
	aw__sink_add(sink, " %p (not set, ", (const void *)event);
	add_line(sink, &event->waiters);
}

static void
describe_cond(struct aw__sink *sink, const struct aw_cond *cond)
{
	aw__sink_add(sink, " %p (", (const void *)cond);
	add_line(sink, &cond->waiters);
}

static void
describe_barrier(struct aw__sink *sink, const struct aw_barrier *barrier)
{
	aw__sink_add(sink, " %p (%lld of %lld %s here)", (const void *)barrier,
		     (long long)barrier->n_waiting,
		     (long long)barrier->parties,
		     barrier->n_waiting == 1 ? "is" : "are");
}

/* Readers are counted, not known. */
static void
describe_readers(struct aw__sink *sink, const struct aw_rwlock *lock)
{
	aw__sink_add(sink, " %p (%lld %s, ", (const void *)lock,
		     (long long)lock->readers,
		     lock->readers == 1 ? "reads" : "read");
	add_line(sink, &lock->waiters);
}

static void
describe_limiter(struct aw__sink *sink, const struct aw_limiter *limiter)
{
	aw__sink_add(sink, " (%lld of %lld lent, ",
		     (long long)limiter->n_borrowed,
		     (long long)limiter->total);
	add_line(sink, &limiter->waiters);
}

/* A lock that its task took along: nobody gets it any more. */
static bool
is_left_locked(const struct aw_task *task)
{
	const void *object = task->wait->object;
	const struct aw_mutex *mutex = object;
	const struct aw_rwlock *lock = object;

	return (waits_for(task, "a mutex") && mutex->owner) ||
	       (waits_for_rwlock(task) && lock->writer);
}

static void
describe_holder(struct aw__sink *sink, const struct aw_task *task)
{
	const struct aw_task *other = aw__waited_for(task);

	aw__sink_add(sink, " %p", task->wait->object);
	if (other)
		aw__sink_add(sink, " held by '%s'%s", other->name,
			     other->state == AW__TASK_FINISHED ?
			     ", which has ended" : "");
	else if (is_left_locked(task))
		aw__sink_add(sink, " held by a task that has ended");
	if (waits_for(task, "a place of a limiter"))
		describe_limiter(sink, task->wait->object);
}

static bool
waits_for_queue(const struct aw_task *task)
{
	return waits_for(task, "an item of a queue") ||
	       waits_for(task, "room in a queue") ||
	       waits_for(task, "the work of a queue");
}

static bool
waits_for_broadcast(const struct aw_task *task)
{
	return waits_for(task, "an item of a broadcast") ||
	       waits_for(task, "room in a broadcast");
}

/* What no task holds. */
static bool
describe_unheld(struct aw__sink *sink, const struct aw_task *task)
{
	const void *object = task->wait->object;

	if (waits_for_queue(task))
		aw__queue_describe(sink, object);
	else if (waits_for_broadcast(task))
		aw__broadcast_describe(sink, object);
	else if (waits_for(task, "a permit"))
		describe_sem(sink, task);
	else if (waits_for(task, "an event"))
		aw__event_describe(sink, object);
	else if (waits_for(task, "a condition"))
		describe_cond(sink, object);
	else if (waits_for(task, "the others at a barrier"))
		describe_barrier(sink, object);
	else if (waits_for_rwlock(task) && !is_left_locked(task))
		describe_readers(sink, object);
	else
		return false;
	return true;
}

void
aw__describe_object(struct aw__sink *sink, const struct aw_task *task)
{
	const void *object = task->wait->object;

	if (task->wait->what == aw__one_of_several)
		aw__select_describe(sink, task->wait);
	else if (waits_for(task, "a task"))
		aw__sink_add(sink, " '%s'", aw__waited_for(task)->name);
	else if (waits_for_group(task))
		aw__sink_add(sink, " '%s'",
			     ((const struct aw_scope *)object)->name);
	else if (waits_for(task, "a member of a pool"))
		aw__sink_add(sink, " '%s'",
			     ((const struct aw_pool *)object)->name);
	else if (object && !describe_unheld(sink, task))
		describe_holder(sink, task);
}
