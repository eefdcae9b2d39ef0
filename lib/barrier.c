/* SPDX-License-Identifier: MIT */
/*
 * Barriers, and what is done once.
 *
 *	parties 3:  a waits, b waits, c comes: all three go on, and the next
 *	            three meet again
 *
 * A waiter that was interrupted is counted until its task runs, though it will
 * not go on with the others. So the one who seems to be the last counts those
 * who are still waiting, which is done once a round and not at each arrival.
 *
 * What is done once is a mutex around a flag: the mutex makes the others wait,
 * and finds a function that calls itself.
 */
#include "sync_private.h"

static bool
all_here(const struct aw_barrier *barrier)
{
	const struct aw__wait_node *node;
	int64_t n = 1;

	if (barrier->n_waiting + 1 < barrier->parties)
		return false;
	for (node = barrier->waiters.head; node; node = node->next)
		n += node->wait.state == AW__WAIT_PARKED;
	return n >= barrier->parties;
}

static void
open_it(struct aw_barrier *barrier)
{
	struct aw_waiters *line = &barrier->waiters;

	while (line->head)
		aw__waiters_wake(&line->head, &line->tail, 0);
	barrier->n_waiting = 0;
}

int
aw_barrier_wait(struct aw_barrier *barrier)
{
	struct aw_task *self;
	int r = aw__enter(&self);

	if (r < 0)
		return r;
	if (barrier->parties < 1)
		return aw_fail(-EINVAL, "aw_barrier_wait: %lld parties: at "
			       "least one is needed: AW_BARRIER_INIT(n)",
			       (long long)barrier->parties);
	if (all_here(barrier)) {
		open_it(barrier);
		return 1;
	}

	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "the others at a barrier", barrier)
	};
	struct aw_waiters *line = &barrier->waiters;

	barrier->n_waiting++;
	aw__waiters_push(&line->head, &line->tail, &node);
	r = aw__wait(&node.wait);
	if (node.linked) {	/* not by open_it(), which has counted anew */
		aw__waiters_remove(&line->head, &line->tail, &node);
		barrier->n_waiting--;
	}
	return r;
}

int
aw_once(struct aw_once *once, int (*fn)(void *arg), void *arg)
{
	struct aw_task *self = aw__self();
	int r;

	if (self && aw__mutex_is_mine(&once->running, self))
		return aw_fail(-EDEADLK, "aw_once: called from within what it "
			       "does: it would wait for its own end");
	r = aw_mutex_lock(&once->running);
	if (r < 0)
		return r;
	if (!once->is_done) {
		r = fn(arg);
		once->is_done = r >= 0;
	}
	aw_mutex_unlock(&once->running);
	return r < 0 ? r : 0;
}
