/* SPDX-License-Identifier: MIT */
/*
 * Borrowing a member.
 *
 *	idle? --yes--> fresh? --yes--> borrowed		no switch, no memory
 *	  | no           | no
 *	  |              +--> check() --alive--> borrowed
 *	  |                      | dead: aborted; the next idle one
 *	  +<---------------------+
 *	  |
 *	  +--> wait in the queue: granted by a release or an open, told that
 *	       opening failed for good or that the pool was closed, or late
 *
 * A grant that came before a cancel is kept: the caller has the member and
 * sees the cancel at its next wait. A waiter whose wait was over when its
 * turn came is passed over by grant(), so no member is ever lost. Who lost a
 * dead member waits again at the head of the queue, where it had been.
 */
#include <await/time.h>

#include <stdio.h>

#include "pool_private.h"

/* --- Saying what went wrong -------------------------------------------- */

/* "a connection of pool app, 10 of 10 in use, 0.19 s" */
static void
describe(const struct aw_pool *pool, double waited)
{
	struct aw_error *e = aw_error_edit();

	snprintf(e->wait, sizeof e->wait,
		 "a %s of pool %s, %lld of %lld in use, %.2f s",
		 pool->type->kind, pool->name,
		 (long long)(aw__pool_total(pool) - pool->idle.n),
		 (long long)pool->max, waited);
}

static int
too_late(struct aw_pool *pool, double waited)
{
	const struct aw_error *last = pool->last_error;

	pool->stats.timeouts++;
	aw_fail(AW_EPOOL, "no %s of pool %s became free in %.3g s: %lld of "
		"%lld in use, %lld more waiting%s%s", pool->type->kind,
		pool->name, pool->acquire,
		(long long)(aw__pool_total(pool) - pool->idle.n),
		(long long)pool->max, (long long)pool->n_waiting,
		last ? "; the last attempt to open one failed: " : "",
		last ? last->message : "");
	aw_error_edit()->sent = AW_NOT_SENT;
	describe(pool, waited);
	return AW_EPOOL;
}

/* --- Waiting ----------------------------------------------------------- */

/* Does this task hold every member there may be? */
static bool
holds_all(const struct aw_pool *pool, const struct aw_task *self)
{
	const struct aw_pool_item *item;

	if (pool->borrowed.n < pool->max)
		return false;
	for (item = pool->borrowed.first; item; item = item->next)
		if (item->borrower != self)
			return false;
	return true;
}

static int
may_wait(const struct aw_pool *pool, const struct aw_task *self)
{
	if (holds_all(pool, self))
		return aw_fail(-EDEADLK, "task '%s' holds all %lld members of "
			       "pool %s and waits for another: release one, "
			       "or raise .max", self->name,
			       (long long)pool->max, pool->name);
	if (pool->n_waiting >= pool->max_waiters)
		return aw_fail(AW_ELIMIT, "%lld tasks wait for a %s of pool "
			       "%s already, the limit of .max_waiters",
			       (long long)pool->n_waiting, pool->type->kind,
			       pool->name);
	return 0;
}

static void
queue(struct aw_pool *pool, struct aw__wait_node *node, bool first)
{
	pool->n_waiting++;
	if (!first || !pool->head) {
		aw__waiters_push(&pool->head, &pool->tail, node);
		return;
	}
	node->prev = NULL;
	node->next = pool->head;
	pool->head->prev = node;
	pool->head = node;
	node->linked = true;
}

static void
unqueue(struct aw_pool *pool, struct aw__wait_node *node)
{
	if (!node->linked)
		return;
	aw__waiters_remove(&pool->head, &pool->tail, node);
	pool->n_waiting--;
}

/* Turns the news into a result; 0 with *ret NULL: ask again. */
static int
hear(struct aw_pool *pool, const struct aw__wait_node *node, double waited,
     struct aw_pool_item **ret)
{
	*ret = NULL;
	switch (node->wait.value) {
	case AW__POOL_GRANTED:
		*ret = node->data;
		return 0;
	case AW__POOL_REFUSED:
		return pool->last_error ? aw_error_put(pool->last_error) : 0;
	case AW__POOL_CLOSED:
		return aw__pool_usable(pool);
	}
	return too_late(pool, waited);
}

/* One wait in the queue, until limit. */
static int
wait_turn(struct aw_pool *pool, struct aw_task *self, const char *site,
	  double begun, bool first, struct aw_pool_item **ret)
{
	struct aw__pool_asking asking = {
		.node.wait = AW__WAIT_INIT(self, "a member of a pool", pool),
		.site = site,
	};
	struct aw__wait_node *node = &asking.node;
	double waited;
	int r;

	r = may_wait(pool, self);
	if (r < 0)
		return r;
	node->wait.until = begun + pool->acquire;
	node->wait.flags = AW__WAIT_SERVED;
	queue(pool, node, first);
	aw__pool_fill(pool);
	r = aw__wait(&node->wait);
	unqueue(pool, node);
	waited = aw__now(pool->loop) - begun;
	pool->stats.waited += waited;
	if (r < 0) {
		describe(pool, waited);
		return r;
	}
	return hear(pool, node, waited, ret);
}

/* --- Checking ---------------------------------------------------------- */

/* Asks a lent member whether it lives, within .clean and what is left of the
 * acquire. A failure is not the caller's: the detail it had stays. */
static bool
lives(struct aw_pool_item *item, struct aw_task *self, double until)
{
	struct aw_pool *pool = item->pool;
	double left = until - aw__now(pool->loop);
	struct aw__failure before = { 0 };
	int r;

	aw__failure_move(&self->failure, &before);
	{
		AW_BUDGET(left < pool->clean ? left : pool->clean);
		r = pool->type->check(item);
	}
	aw__failure_fini(&self->failure);
	aw__failure_move(&before, &self->failure);
	return r >= 0;
}

/* Lends an idle member, after a check if it lay idle for long. 1: lent;
 * 0: it was dead, and is gone; negative: interrupted meanwhile. */
static int
take(struct aw_pool_item *item, struct aw_task *self, const char *site,
     double begun, double now)
{
	struct aw_pool *pool = item->pool;
	bool stale = now - item->used > pool->check;

	aw__pool_remove(&pool->idle, item);
	aw__pool_lend(item, self, site, now);
	if (!stale || !pool->type->check)
		return 1;
	if (lives(item, self, begun + pool->acquire))
		return 1;
	aw__pool_remove(&pool->borrowed, item);
	aw__pool_drop(item);
	return aw__pending(self);
}

/* --- Acquiring --------------------------------------------------------- */

/* The idle member that was used last and is not too old. */
static struct aw_pool_item *
fresh_idle(struct aw_pool *pool, double now)
{
	struct aw_pool_item *item;

	while ((item = pool->idle.first) != NULL && now >= item->expires) {
		aw__pool_remove(&pool->idle, item);
		aw__pool_retire(item);
	}
	return item;
}

static int
borrow(struct aw_pool *pool, struct aw_task *self, struct aw_pool_item **ret,
       const char *site)
{
	double begun = aw__now(pool->loop), now = begun;
	bool again = false;
	int r;

	for (;;) {
		struct aw_pool_item *item = fresh_idle(pool, now);

		if (item) {
			r = take(item, self, site, begun, now);
		} else {
			pool->stats.waits += !again;
			r = wait_turn(pool, self, site, begun, again, &item);
			r = r < 0 ? r : item != NULL;
		}
		if (r < 0)
			return r;
		if (r > 0) {
			*ret = item;
			return 0;
		}
		again = true;
		r = aw__pool_usable(pool);
		if (r < 0)
			return r;
		now = aw__now(pool->loop);
	}
}

int
aw_pool_acquire_at(struct aw_pool *pool, struct aw_pool_item **ret,
		   const char *site)
{
	struct aw_task *self;
	int r;

	if (!pool)
		return aw_fail(-EINVAL, "aw_pool_acquire: no pool");
	if (pool->loop != aw__loop && pool->mark == aw_fork_mark())
		return aw_fail(AW_EUSAGE, "pool %s belongs to the loop of "
			       "another thread", pool->name);
	pool->refs++;		/* a close may come while this waits */
	r = aw__enter(&self);
	if (r == 0)
		r = aw__pool_usable(pool);
	if (r == 0)
		r = borrow(pool, self, ret, site);
	pool->stats.acquires += r == 0;
	aw__pool_unref(pool);
	return r;
}
