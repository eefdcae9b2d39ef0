/* SPDX-License-Identifier: MIT */
/*
 * Opening members, in tasks of the pool.
 *
 *	wanted:  waiters > opens in progress, or fewer members than .min
 *	allowed: members < .max, opens < .max_opening (1 after a failure),
 *	         and the backoff is over
 *
 * An open belongs to no acquirer: one that is cancelled loses nothing, and
 * the member it caused serves the next. After a failure the pool tries again,
 * one open at a time, after 0.1 s, 0.2 s, ... 5 s less up to half of it at
 * random, as long as somebody waits: a server that comes back is found within
 * 5 s and is not met by all at once.
 *
 * A failure that will not pass by itself (a wrong password, a bad name) is
 * told to all who wait at that moment, if no member is alive that could
 * serve them: thirty seconds of silence would help nobody.
 */
#include <await/time.h>

#include "pool_private.h"
#include "random.h"

#define BACKOFF_FIRST 0.1
#define BACKOFF_MOST 5.0

bool
aw__pool_wants(const struct aw_pool *pool)
{
	return !pool->closing && !pool->janitor_gone &&
	       (pool->n_waiting > pool->n_opening ||
		aw__pool_alive(pool) < pool->min) &&
	       aw__pool_total(pool) < pool->max &&
	       pool->n_opening < (pool->failures ? 1 : pool->max_opening);
}

/* --- The result of an open --------------------------------------------- */

/* A member lives at most .lifetime, and up to a tenth less, so that members
 * opened together do not end together. */
static void
opened(struct aw_pool *pool, struct aw_pool_item *item, unsigned generation)
{
	double now = aw__now(pool->loop);

	pool->stats.opened++;
	pool->failures = 0;
	aw_error_free(pool->last_error);
	pool->last_error = NULL;
	memset(item, 0, sizeof *item);
	item->pool = pool;
	item->opened = now;
	item->generation = generation;
	item->expires = now + pool->lifetime * (1 - 0.1 * aw__random());
	pool->refs++;
	aw__pool_settle(item, now);
}

static double
backoff(unsigned failures)
{
	double most = BACKOFF_MOST;

	if (failures < 7)
		most = BACKOFF_FIRST * (double)(1u << (failures - 1));
	if (most > BACKOFF_MOST)
		most = BACKOFF_MOST;
	return most * (1 - 0.5 * aw__random());
}

static bool
is_permanent(const struct aw_pool *pool, int code)
{
	if (pool->type->is_permanent) {
		AW__CALLBACK("is_permanent() of a pool's type");
		return pool->type->is_permanent(code);
	}
	return code == AW_EAUTH || code == AW_ETLS || code == AW_EUSAGE ||
	       code == -EINVAL;
}

static void
keep_error(struct aw_pool *pool, int code)
{
	struct aw_error *e;

	if (aw_error()->code != code)
		aw_fail(code, "%s", aw_strerror(code));
	if (aw_error_dup(&e) < 0)
		return;
	aw_error_free(pool->last_error);
	pool->last_error = e;
}

static void
open_failed(struct aw_pool *pool, int code)
{
	if (pool->closing)
		return;
	pool->stats.open_failures++;
	pool->failures++;
	pool->next_open = aw__now(pool->loop) + backoff(pool->failures);
	keep_error(pool, code);
	if (is_permanent(pool, code) && aw__pool_alive(pool) == 0)
		aw__pool_tell_all(pool, AW__POOL_REFUSED);
}

/* --- The task ---------------------------------------------------------- */

static void
enlist(struct aw_pool *pool, struct aw__pool_opening *opening)
{
	opening->next = pool->openings;
	opening->prev = &pool->openings;
	if (pool->openings)
		pool->openings->prev = &opening->next;
	pool->openings = opening;
}

static void
delist(struct aw__pool_opening *opening)
{
	*opening->prev = opening->next;
	if (opening->next)
		opening->next->prev = opening->prev;
}

/* Under .open seconds, and until the pool is closed. */
static int
open_one(struct aw_pool *pool, struct aw_pool_item **ret)
{
	AW_SCOPE(scope);
	struct aw__pool_opening opening = { .scope = &scope };
	int r;

	if (pool->closing)
		return -ECANCELED;
	enlist(pool, &opening);
	{
		AW_BUDGET(pool->open);
		r = pool->type->open(pool->arg, ret);
	}
	delist(&opening);
	return r;
}

static int
open_main(void *arg)
{
	struct aw_pool *pool = arg;
	struct aw_pool_item *item = NULL;
	unsigned generation = pool->generation;
	int r = open_one(pool, &item);

	pool->n_opening--;
	if (r >= 0)
		opened(pool, item, generation);
	else
		open_failed(pool, r);
	aw__pool_one_less(pool);
	return 0;
}

static bool
start(struct aw_pool *pool)
{
	int r = aw_service_start("pool open", open_main, pool);

	if (r < 0) {
		open_failed(pool, r);
		return false;
	}
	pool->refs++;
	pool->n_opening++;
	return true;
}

void
aw__pool_fill(struct aw_pool *pool)
{
	while (aw__pool_wants(pool)) {
		if (pool->failures &&
		    aw__now(pool->loop) < pool->next_open) {
			if (pool->next_open < pool->due)
				aw__pool_poke(pool);
			return;
		}
		if (!start(pool)) {
			aw__pool_poke(pool);
			return;
		}
	}
}
