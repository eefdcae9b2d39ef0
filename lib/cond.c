/* SPDX-License-Identifier: MIT */
/*
 * Conditions: a wait that lets go of a mutex and takes it back.
 *
 *	         owns                 owns nothing                  owns
 *	task  ---------+- in line of the condition -+- in line of -+-------
 *	               |                            |  the mutex   |
 *	           unlocks                signalled, or            |
 *	                                  interrupted        got it back
 *
 * Between the unlock and the line nothing else runs, so no signal can fall
 * between them. The second line is a firm wait: the caller must own the mutex
 * whatever is returned, since AW_HELD() stands above it. A signal that meets
 * an interrupted waiter goes to the next; one that was interrupted only after
 * the signal returns 0, so that the signal is not lost with it.
 */
#include "sync_private.h"

/* Neither a cancel nor a deadline ends it. */
static int
lock_again(struct aw_mutex *mutex, struct aw_task *self)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "a mutex", mutex)
	};

	if (!mutex->owner) {
		aw__mutex_give(mutex, self);
		return 0;
	}
	node.wait.flags = AW__WAIT_FIRM;
	return aw__waiters_wait(&mutex->waiters.head, &mutex->waiters.tail,
				&node);
}

int
aw_cond_wait(struct aw_cond *cond, struct aw_mutex *mutex)
{
	struct aw_task *self;
	int r = aw__enter(&self), locked;

	if (r < 0)
		return r;
	if (!aw__mutex_is_mine(mutex, self))
		return aw_fail(AW_EUSAGE, "aw_cond_wait: this task does not "
			       "own the mutex: lock it before the wait");

	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "a condition", cond)
	};

	aw_mutex_unlock(mutex);
	r = aw__waiters_wait(&cond->waiters.head, &cond->waiters.tail, &node);
	locked = lock_again(mutex, self);
	return r < 0 ? r : locked;
}

static bool
wake_one(struct aw_cond *cond)
{
	if (!cond->waiters.head)
		return false;
	return aw__waiters_wake(&cond->waiters.head, &cond->waiters.tail, 0);
}

void
aw_cond_signal(struct aw_cond *cond)
{
	wake_one(cond);
}

void
aw_cond_broadcast(struct aw_cond *cond)
{
	while (wake_one(cond))
		continue;
}
