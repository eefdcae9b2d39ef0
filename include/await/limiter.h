/* SPDX-License-Identifier: MIT */
/*
 * limiter.h - at most so many tasks at once, by name and resizable.
 *
 * A semaphore that knows who has its permits: a task has at most one, the
 * number can change while tasks wait, and the borrowers can be listed.
 *
 *	static struct aw_limiter limiter = AW_LIMITER_INIT(10);
 *	struct aw_borrow mine = { 0 };
 *
 *	AW_TRY(aw_limiter_borrow(&limiter, &mine));
 *	AW_HELD(&mine);			given back at the end of the block
 */
#ifndef AWAIT_LIMITER_H
#define AWAIT_LIMITER_H

#include <await/base.h>
#include <await/sync.h>

AW_BEGIN_DECLS

struct aw_limiter;

/* One borrowed place, in the borrower's memory. */
struct aw_borrow {
	struct aw_limiter *limiter;	/* NULL: none */
	struct aw_task *task;		/* that has it or waits; NULL: none */
	uint64_t serial;		/* of that task: no two are alike */
	struct aw_borrow *next, *prev;
};

struct aw_limiter {
	int64_t total;
	int64_t n_borrowed;
	struct aw_borrow *borrowers;	/* the latest first */
	struct aw_waiters waiters;
	void *spare[4];
};

#define AW_LIMITER_INIT(n) { .total = (n) }

/**
 * aw_limiter_borrow - take a place
 * @limiter: the limiter
 * @ret_borrow: zeroed; must stay where it is until it is given back
 *
 * Awaits; cancel point.  Oldest waiter first.  Costs a look at each borrower.
 *
 * Return: 0; -EDEADLK (this task has a place already; AW_NO_AWAIT); -EBUSY
 * (@ret_borrow has a place, or another task waits with it); -ECANCELED;
 * -ETIME; -ETIMEDOUT (a budget); AW_EUSAGE; -ENOMEM.
 * Lifetime: @limiter must outlive what is borrowed from it.  A place is given
 * back before the task ends that borrowed it; one that is not stays lent, and
 * its .task is no task any more.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_limiter_borrow(struct aw_limiter *limiter, struct aw_borrow *ret_borrow);

/**
 * aw_limiter_give_back - give a place back
 * @borrow: if it holds none, nothing happens
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_limiter_give_back(struct aw_borrow *borrow);

/**
 * aw_limiter_resize - change the number of places
 * @limiter: the limiter
 * @total: >= 0; fewer than are borrowed: nobody loses one, and none is lent
 * until so many have come back
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_limiter_resize(struct aw_limiter *limiter, int64_t total);

AW_END_DECLS

#endif
