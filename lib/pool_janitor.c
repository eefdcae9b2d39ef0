/* SPDX-License-Identifier: MIT */
/*
 * The janitor: one task per pool that sleeps until something is due.
 *
 *	handed members     each gets a helper task: clean() or close()
 *	idle members       too old, or idle for too long: retired
 *	.min               members are opened again
 *	backoff            is over: the next open
 *
 * Each member has a helper of its own, so that one server that does not
 * answer a ROLLBACK delays nobody. If no task can be started the member is
 * aborted. The janitor ends with the last member of a closed pool; when the
 * loop's grace is over it ends at once and hard.
 */
#include <await/time.h>

#include "pool_private.h"

void
aw__pool_poke(struct aw_pool *pool)
{
	if (pool->janitor)
		aw__wake(pool->janitor, 1);
	else
		pool->woken = true;
}

/* A member beyond .min, too. Under .min it is kept however idle it is. */
double
aw__pool_due(const struct aw_pool *pool, const struct aw_pool_item *item)
{
	double idle_end = item->used + pool->idle_for;

	if (aw__pool_alive(pool) <= pool->min)
		return item->expires;
	return item->expires < idle_end ? item->expires : idle_end;
}

/* --- Helpers ----------------------------------------------------------- */

static void
clean(struct aw_pool_item *item)
{
	struct aw_pool *pool = item->pool;
	int r = -ENOTSUP;

	if (pool->type->clean) {
		AW_BUDGET(pool->clean);
		r = pool->type->clean(item);
	}
	aw__pool_remove(&pool->busy, item);
	if (r < 0) {
		aw__pool_drop(item);
		return;
	}
	pool->stats.cleaned++;
	aw__pool_settle(item, aw__now(pool->loop));
}

/* It counts against .max until it is gone: the server has it until then. */
static void
end(struct aw_pool_item *item)
{
	struct aw_pool *pool = item->pool;

	aw__pool_remove(&pool->busy, item);
	pool->n_closing++;
	{
		AW_BUDGET(pool->clean);
		pool->type->close(item);
	}
	pool->n_closing--;
	pool->n_retired--;
	pool->stats.closed++;
	aw__pool_one_less(pool);
}

static int
helper_main(void *arg)
{
	struct aw_pool_item *item = arg;
	struct aw_pool *pool = item->pool;

	if (item->state == AW__POOL_DIRTY)
		clean(item);
	else
		end(item);
	aw__pool_unref(pool);
	return 0;
}

/* Takes the oldest handed member off its list. */
static struct aw_pool_item *
take_handed(struct aw_pool *pool, unsigned *ret_state)
{
	struct aw_pool_item *item = pool->handed.last;

	if (!item)
		return NULL;
	*ret_state = item->state;
	aw__pool_remove(&pool->handed, item);
	return item;
}

static void
start_helpers(struct aw_pool *pool)
{
	struct aw_pool_item *item;
	unsigned state;

	while ((item = take_handed(pool, &state)) != NULL) {
		if (aw_service_start("pool helper", helper_main, item) < 0) {
			pool->n_retired -= state == AW__POOL_RETIRED;
			aw__pool_drop(item);
			continue;
		}
		aw__pool_push(&pool->busy, item);
		item->state = state;
		pool->refs++;
	}
}

/* --- The janitor ------------------------------------------------------- */

static void
sweep(struct aw_pool *pool)
{
	double now = aw__now(pool->loop);
	struct aw_pool_item *item, *newer;

	for (item = pool->idle.last; item; item = newer) {
		newer = item->prev;
		if (aw__pool_due(pool, item) > now)
			continue;
		aw__pool_remove(&pool->idle, item);
		aw__pool_retire(item);
	}
}

static double
next_due(const struct aw_pool *pool)
{
	const struct aw_pool_item *item;
	double due = AW__NEVER;

	if (pool->failures && aw__pool_wants(pool))
		due = pool->next_open;
	for (item = pool->idle.first; item; item = item->next) {
		double at = aw__pool_due(pool, item);

		due = at < due ? at : due;
	}
	return due;
}

static int
sleep_until_due(struct aw_pool *pool)
{
	struct aw__wait wait =
		AW__WAIT_INIT(aw__self(), "something to do in a pool", pool);
	int r;

	if (pool->woken)
		return 0;
	pool->due = wait.until = next_due(pool);
	pool->janitor = &wait;
	r = aw__wait(&wait);
	pool->janitor = NULL;
	pool->due = 0;
	return r;
}

/* The loop's grace is over. What is still borrowed is aborted when it is
 * released. */
static void
end_hard(struct aw_pool *pool)
{
	struct aw_pool_item *item;
	unsigned state;

	pool->janitor_gone = true;
	while ((item = pool->idle.first) != NULL) {
		aw__pool_remove(&pool->idle, item);
		aw__pool_drop(item);
	}
	while ((item = take_handed(pool, &state)) != NULL) {
		pool->n_retired -= state == AW__POOL_RETIRED;
		aw__pool_drop(item);
	}
}

int
aw__pool_janitor(void *arg)
{
	struct aw_pool *pool = arg;
	int r = 0;

	while (r == 0 && !(pool->closing && aw__pool_total(pool) == 0)) {
		sweep(pool);
		pool->woken = false;
		start_helpers(pool);
		aw__pool_fill(pool);
		r = sleep_until_due(pool);
	}
	end_hard(pool);
	aw__pool_unref(pool);
	return 0;
}
