/* SPDX-License-Identifier: MIT */
/*
 * A member changes hands.
 *
 *	release --- judge ---> KEEP ---> settle: waiter, or idle, or retire
 *	                       CLEAN --> handed to the janitor (DIRTY)
 *	                       DROP ---> abort
 *
 * Nothing here waits, allocates or fails: that is what lets a release stand
 * in a cleanup. A member that is wanted is given to the oldest waiter at once
 * and never lies idle in between, so that nobody can overtake.
 */
#include "pool_private.h"

/* --- Lists ------------------------------------------------------------- */

void
aw__pool_push(struct aw__pool_list *list, struct aw_pool_item *item)
{
	item->prev = NULL;
	item->next = list->first;
	if (list->first)
		list->first->prev = item;
	else
		list->last = item;
	list->first = item;
	list->n++;
}

void
aw__pool_remove(struct aw__pool_list *list, struct aw_pool_item *item)
{
	if (item->prev)
		item->prev->next = item->next;
	else
		list->first = item->next;
	if (item->next)
		item->next->prev = item->prev;
	else
		list->last = item->prev;
	list->n--;
	item->state = AW__POOL_OUT;
}

/* --- Ways to go -------------------------------------------------------- */

void
aw__pool_lend(struct aw_pool_item *item, struct aw_task *to, const char *site,
	      double now)
{
	item->state = AW__POOL_BORROWED;
	item->borrower = to;
	item->site = site;
	item->used = now;
	aw__pool_push(&item->pool->borrowed, item);
}

/* Ends a member at once. */
void
aw__pool_drop(struct aw_pool_item *item)
{
	struct aw_pool *pool = item->pool;

	pool->stats.dropped++;
	pool->type->abort(item);
	aw__pool_one_less(pool);
}

/* Gives a member to the janitor, DIRTY or RETIRED. */
static void
hand(struct aw_pool_item *item, enum aw__pool_state state)
{
	struct aw_pool *pool = item->pool;

	if (pool->janitor_gone) {
		aw__pool_drop(item);
		return;
	}
	item->state = state;
	pool->n_retired += state == AW__POOL_RETIRED;
	aw__pool_push(&pool->handed, item);
	aw__pool_poke(pool);
}

void
aw__pool_retire(struct aw_pool_item *item)
{
	struct aw_pool *pool = item->pool;

	if (pool->type->close && !pool->janitor_gone) {
		hand(item, AW__POOL_RETIRED);
		return;
	}
	pool->stats.closed++;
	pool->type->abort(item);
	aw__pool_one_less(pool);
}

/* To the oldest waiter whose wait is not over. */
static bool
grant(struct aw_pool_item *item, double now)
{
	struct aw_pool *pool = item->pool;
	struct aw__wait_node *node;

	while ((node = pool->head) != NULL) {
		aw__waiters_remove(&pool->head, &pool->tail, node);
		pool->n_waiting--;
		if (!aw__wake(&node->wait, AW__POOL_GRANTED))
			continue;
		node->data = item;
		aw__pool_lend(item, node->wait.task,
			      aw__container(node, struct aw__pool_asking,
					    node)->site, now);
		return true;
	}
	return false;
}

void
aw__pool_settle(struct aw_pool_item *item, double now)
{
	struct aw_pool *pool = item->pool;

	if (pool->closing || item->generation != pool->generation ||
	    now >= item->expires) {
		aw__pool_retire(item);
		return;
	}
	item->borrower = NULL;
	item->used = now;
	if (pool->head && grant(item, now))
		return;
	item->state = AW__POOL_IDLE;
	aw__pool_push(&pool->idle, item);
	if (aw__pool_due(pool, item) < pool->due)
		aw__pool_poke(pool);
}

/* --- Called by borrowers and drivers ----------------------------------- */

static void
release_here(void *arg)
{
	aw_pool_release(arg);
}

/* In a child of fork(): the member is its parent's. */
static void
release_forked(struct aw_pool_item *item)
{
	aw__pool_remove(&item->pool->borrowed, item);
	item->pool->type->abort(item);
}

void
aw_pool_release(struct aw_pool_item *item)
{
	enum aw_pool_verdict verdict = AW_POOL_KEEP;
	struct aw_pool *pool;

	if (!item || item->state != AW__POOL_BORROWED)
		return;
	pool = item->pool;
	if (pool->mark != aw_fork_mark()) {
		release_forked(item);
		return;
	}
	if (pool->loop != aw__loop) {
		/* A mistake, but no reason to corrupt the lists. */
		aw_ignore(aw_post(pool->loop, release_here, item));
		return;
	}
	if (pool->type->judge) {
		AW__CALLBACK("judge() of a pool's type");
		verdict = pool->type->judge(item);
	}
	aw__pool_remove(&pool->borrowed, item);
	item->borrower = NULL;
	if (verdict == AW_POOL_DROP)
		aw__pool_drop(item);
	else if (verdict == AW_POOL_CLEAN && pool->closing)
		aw__pool_retire(item);
	else if (verdict == AW_POOL_CLEAN)
		hand(item, AW__POOL_DIRTY);
	else
		aw__pool_settle(item, aw__now(pool->loop));
}

void
aw_pool_lost(struct aw_pool_item *item)
{
	if (!item || item->state != AW__POOL_IDLE)
		return;
	aw__pool_remove(&item->pool->idle, item);
	aw__pool_drop(item);
}

void
aw_pool_expire(struct aw_pool *pool)
{
	struct aw_pool_item *item;

	if (pool->mark != aw_fork_mark())
		return;
	pool->generation++;
	while ((item = pool->idle.first) != NULL) {
		aw__pool_remove(&pool->idle, item);
		aw__pool_retire(item);
	}
}
