/* SPDX-License-Identifier: MIT */
/*
 * Limiters: places that are lent to tasks.
 *
 *	struct aw_limiter       stack of task A    stack of task B
 *	  total 2, n_borrowed 2
 *	  borrowers ----------> struct aw_borrow -> struct aw_borrow
 *	  waiters ------------> node (data: where C's aw_borrow is)
 *
 * Whoever returns a place hands it to the oldest waiter, whose aw_borrow is
 * linked before he runs. The list costs nothing to keep and tells who holds
 * the others up; a task that would wait for its own place is told at once.
 */
#include <await/limiter.h>

#include "runtime.h"

static void
lend(struct aw_limiter *limiter, struct aw_borrow *borrow,
     struct aw_task *task)
{
	borrow->limiter = limiter;
	borrow->task = task;
	borrow->serial = aw__task_serial(task);
	borrow->prev = NULL;
	borrow->next = limiter->borrowers;
	if (borrow->next)
		borrow->next->prev = borrow;
	limiter->borrowers = borrow;
	limiter->n_borrowed++;
}

static void
grant(struct aw_limiter *limiter)
{
	struct aw_waiters *line = &limiter->waiters;
	struct aw__wait_node *node;

	while (line->head && limiter->n_borrowed < limiter->total) {
		node = aw__waiters_wake(&line->head, &line->tail, 0);
		if (node)
			lend(limiter, node->data, node->wait.task);
	}
}

/* A place can outlive its task, whose memory another task has then. */
static bool
is_borrower(const struct aw_limiter *limiter, const struct aw_task *task)
{
	const struct aw_borrow *borrow = limiter->borrowers;

	while (borrow && (borrow->task != task ||
			  borrow->serial != aw__task_serial(task)))
		borrow = borrow->next;
	return borrow;
}

int
aw_limiter_borrow(struct aw_limiter *limiter, struct aw_borrow *ret_borrow)
{
	struct aw_task *self;
	int r = aw__enter(&self);

	if (r < 0)
		return r;
	if (ret_borrow->task)
		return aw_fail(-EBUSY, "this struct aw_borrow is in use: each "
			       "task borrows with one of its own, zeroed");
	if (is_borrower(limiter, self))
		return aw_fail(-EDEADLK, "this task has a place of the limiter "
			       "already: give it back before the next");
	if (limiter->n_borrowed < limiter->total) {
		lend(limiter, ret_borrow, self);
		return 0;
	}

	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "a place of a limiter", limiter),
		.data = ret_borrow
	};

	ret_borrow->task = self;
	r = aw__waiters_wait(&limiter->waiters.head, &limiter->waiters.tail,
			     &node);
	if (r < 0)
		ret_borrow->task = NULL;
	return r;
}

void
aw_limiter_give_back(struct aw_borrow *borrow)
{
	struct aw_limiter *limiter = borrow->limiter;

	if (!limiter)
		return;
	if (borrow->next)
		borrow->next->prev = borrow->prev;
	if (borrow->prev)
		borrow->prev->next = borrow->next;
	else
		limiter->borrowers = borrow->next;
	borrow->limiter = NULL;
	borrow->task = NULL;
	limiter->n_borrowed--;
	grant(limiter);
}

void
aw_limiter_resize(struct aw_limiter *limiter, int64_t total)
{
	limiter->total = total;
	grant(limiter);
}
