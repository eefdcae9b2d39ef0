/* SPDX-License-Identifier: MIT */
/*
 * Locks that readers share: one line for both, strictly in the order of
 * arrival.
 *
 *	readers 2   writer NULL
 *	line:  W -> R -> R -> W		W waits for the two readers; the R
 *					behind him do not overtake
 *
 * The oldest waiters that the lock can take own it before they run: one
 * writer, or all readers up to the next writer. Hence nobody starves, and
 *
 *	line empty  =>  a reader may come in beside readers
 *
 * A waiter that was interrupted stands in the line until its task runs. When
 * it leaves, those who stood behind may be able to go on: a reader behind a
 * writer that gave up.
 */
#include <await/sync.h>

#include "runtime.h"

enum { READ, WRITE };

static bool
can_take(const struct aw_rwlock *lock, int64_t how)
{
	return !lock->writer && (how == READ || lock->readers == 0);
}

static bool
writes(const struct aw_rwlock *lock, const struct aw_task *self)
{
	return lock->writer == self &&
	       lock->writer_id == aw__task_serial(self);
}

static void
give(struct aw_rwlock *lock, struct aw_task *task)
{
	lock->writer = task;
	lock->writer_id = aw__task_serial(task);
	task->n_held++;
}

static void
take(struct aw_rwlock *lock, int64_t how, struct aw_task *task)
{
	if (how == READ)
		lock->readers++;
	else
		give(lock, task);
}

/* Lets in all who can go on by now. */
static void
grant(struct aw_rwlock *lock)
{
	struct aw__wait_node *node;

	while ((node = lock->waiters.head) && can_take(lock, node->n)) {
		aw__waiters_remove(&lock->waiters.head, &lock->waiters.tail,
				   node);
		if (aw__wake(&node->wait, 0))
			take(lock, node->n, node->wait.task);
	}
}

static int
wait_in_line(struct aw_rwlock *lock, struct aw_task *self, int64_t how)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, how == READ ?
				      "a lock, to read" : "a lock, to write",
				      lock),
		.n = how
	};
	int r = aw__waiters_wait(&lock->waiters.head, &lock->waiters.tail,
				 &node);

	if (r < 0)
		grant(lock);
	return r;
}

static int
locked_twice(void)
{
	return aw_fail(-EDEADLK, "this task has the lock already, to write: "
		       "unlock it before locking it again");
}

static int
lock_it(struct aw_rwlock *lock, int64_t how)
{
	struct aw_task *self;
	int r = aw__enter(&self);

	if (r < 0)
		return r;
	if (writes(lock, self))
		return locked_twice();
	if (lock->waiters.head || !can_take(lock, how))
		return wait_in_line(lock, self, how);
	take(lock, how, self);
	return 0;
}

int
aw_rwlock_read(struct aw_rwlock *lock)
{
	return lock_it(lock, READ);
}

int
aw_rwlock_write(struct aw_rwlock *lock)
{
	return lock_it(lock, WRITE);
}

void
aw_rwlock_unlock(struct aw_rwlock *lock)
{
	struct aw_task *self = aw__self();

	if (lock->writer) {
		if (!self || !writes(lock, self))
			return;
		self->n_held--;
		lock->writer = NULL;
	} else if (lock->readers > 0) {
		lock->readers--;
	}
	grant(lock);
}
