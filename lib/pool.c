/* SPDX-License-Identifier: MIT */
/*
 * The pool as a whole: making, closing, counting. See pool_private.h for the
 * structure.
 *
 * A close never needs anybody: waiters are told, opens are cancelled, idle
 * members go to the janitor, borrowed ones come when they are released, and
 * the janitor ends after the last. Whoever drops the last reference frees the
 * pool, be it hours later.
 */
#include <await/time.h>

#include "pool_private.h"

/* --- Options ----------------------------------------------------------- */

static int64_t
count_or(int64_t value, int64_t otherwise)
{
	if (value == 0)
		return otherwise;
	if (value < 0)
		return 0;
	return value >= AW_FOREVER ? INT64_MAX : value;
}

/* AW_NONE is "no such limit" for everything but the acquire. */
static double
seconds_or(double value, double otherwise)
{
	if (value == 0)
		return otherwise;
	return value > 0 && value < AW_FOREVER ? value : AW__NEVER;
}

static int
check_numbers(const struct aw_pool_options *o)
{
	static const char *const names[] = {
		"max", "min", "max_opening", "max_waiters", "acquire", "open",
		"clean", "idle", "lifetime", "check", "leak"
	};
	const double values[] = {
		(double)o->max, (double)o->min, (double)o->max_opening,
		(double)o->max_waiters, o->acquire, o->open, o->clean,
		o->idle, o->lifetime, o->check, o->leak
	};
	int r = 0;

	for (size_t i = 0; i < AW_LENGTH(values) && r == 0; i++)
		r = aw__option_check("aw_pool_open", names[i], values[i]);
	return r;
}

static void
set_options(struct aw_pool *pool, const struct aw_pool_options *o)
{
	pool->max = count_or(o->max, 10);
	pool->min = count_or(o->min, 0);
	pool->max_opening = count_or(o->max_opening, 2);
	pool->max_waiters = count_or(o->max_waiters, INT64_MAX);
	pool->acquire = o->acquire < 0 ? 0 : seconds_or(o->acquire, 30);
	pool->open = seconds_or(o->open, 10);
	pool->clean = seconds_or(o->clean, 5);
	pool->idle_for = seconds_or(o->idle, 600);
	pool->lifetime = seconds_or(o->lifetime, 1800);
	pool->check = seconds_or(o->check, 1);
	pool->leak = seconds_or(o->leak, AW__NEVER);
	aw__copy_text(pool->name, sizeof pool->name,
		      o->name ? o->name : "pool");
}

static int
check_options(const struct aw_pool *pool, const struct aw_pool_type *type)
{
	if (!type || !type->open || !type->abort || !type->kind)
		return aw_fail(-EINVAL, "aw_pool_open: the type lacks kind, "
			       "open or abort");
	if (pool->max < 1 || pool->max_opening < 1 || pool->min > pool->max)
		return aw_fail(-EINVAL, "pool %s: .max %lld and .max_opening "
			       "%lld must be at least 1, .min %lld at most "
			       ".max", pool->name, (long long)pool->max,
			       (long long)pool->max_opening,
			       (long long)pool->min);
	return 0;
}

/* --- Making ------------------------------------------------------------ */

static void shut(struct aw_pool *pool);

static void
loop_ends(void *arg)
{
	shut(arg);
}

static int
start(struct aw_pool *pool)
{
	int r;

	pool->closer.fn = loop_ends;
	pool->closer.arg = pool;
	r = aw_closer_add(&pool->closer);
	if (r < 0)
		return r;
	r = aw_service_start("pool janitor", aw__pool_janitor, pool);
	if (r < 0)
		aw_closer_remove(&pool->closer);
	return r;
}

int
aw_pool_open_with(struct aw_pool **ret, const struct aw_pool_type *type,
		  void *arg, const struct aw_pool_options *options)
{
	struct aw_pool_options o = { 0 };
	struct aw_pool *pool = aw__calloc(1, sizeof *pool);
	int r;

	if (!pool)
		return aw_fail(-ENOMEM, "no memory for a pool");
	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	set_options(pool, &o);
	r = check_numbers(&o);
	if (r == 0)
		r = check_options(pool, type);
	if (r == 0) {
		pool->type = type;
		pool->arg = arg;
		pool->loop = aw__loop;
		pool->mark = aw_fork_mark();
		pool->refs = 2;		/* the handle, the janitor */
		r = start(pool);
	}
	if (r < 0) {
		aw__free(pool);
		return r;
	}
	*ret = pool;
	return 0;
}

void
aw__pool_unref(struct aw_pool *pool)
{
	if (--pool->refs > 0)
		return;
	if (pool->type->fini)
		pool->type->fini(pool->arg);
	aw_error_free(pool->last_error);
	aw__free(pool);
}

int
aw__pool_usable(const struct aw_pool *pool)
{
	if (pool->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "pool %s was opened before fork(): "
			       "open one in the child", pool->name);
	if (pool->closing)
		return aw_fail(AW_ECLOSED, "pool %s was closed", pool->name);
	return 0;
}

/* --- Closing ----------------------------------------------------------- */

void
aw__pool_tell_all(struct aw_pool *pool, enum aw__pool_news news)
{
	struct aw__wait_node *node;

	while ((node = pool->head) != NULL) {
		aw__waiters_remove(&pool->head, &pool->tail, node);
		pool->n_waiting--;
		aw__wake(&node->wait, (int)news);
	}
}

static void
retire_idle(struct aw_pool *pool)
{
	struct aw_pool_item *item;

	while ((item = pool->idle.first) != NULL) {
		aw__pool_remove(&pool->idle, item);
		aw__pool_retire(item);
	}
}

/* What waits to be cleaned is only closed now. */
static void
retire_handed(struct aw_pool *pool)
{
	struct aw_pool_item *item;

	for (item = pool->handed.first; item; item = item->next) {
		pool->n_retired += item->state == AW__POOL_DIRTY;
		item->state = AW__POOL_RETIRED;
	}
}

/* Begins the close, and gives up the handle's reference. */
static void
shut(struct aw_pool *pool)
{
	struct aw__pool_opening *opening;

	pool->closing = true;
	aw_closer_remove(&pool->closer);
	aw__pool_tell_all(pool, AW__POOL_CLOSED);
	for (opening = pool->openings; opening; opening = opening->next)
		aw_scope_cancel(opening->scope, "the pool was closed");
	retire_idle(pool);
	retire_handed(pool);
	aw__pool_poke(pool);
	aw__pool_unref(pool);
}

void
aw__pool_one_less(struct aw_pool *pool)
{
	if (pool->closing && aw__pool_total(pool) == 0) {
		while (aw__waiters_wake(&pool->close_head, &pool->close_tail,
					1))
			;
		aw__pool_poke(pool);
	}
	aw__pool_fill(pool);
	aw__pool_unref(pool);
}

/* In a child of fork() the loop's tasks do not run: only descriptors can be
 * closed, and the memory is left where it is. */
static void
abandon(struct aw_pool *pool)
{
	struct aw__pool_list *const lists[] = { &pool->idle, &pool->handed,
						&pool->busy };
	struct aw_pool_item *item;

	pool->closing = true;
	for (size_t i = 0; i < AW_LENGTH(lists); i++)
		while ((item = lists[i]->first) != NULL) {
			aw__pool_remove(lists[i], item);
			pool->type->abort(item);
		}
}

static int
wait_empty(struct aw_pool *pool, struct aw_task *self, double until)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "the members of a pool", pool)
	};

	if (aw__pool_total(pool) == 0)
		return 0;
	node.wait.until = until;
	node.wait.flags = AW__WAIT_SERVED;
	return aw__waiters_wait(&pool->close_head, &pool->close_tail, &node);
}

/* Waits for the borrowers as long as they may take, and then, if there are
 * none, for the members that are being cleaned and closed: at most .clean
 * seconds each, and a third time for a driver that does not keep to it. */
static int
wait_closed(struct aw_pool *pool, double grace)
{
	struct aw_task *self;
	double now = aw_now();
	int r;

	if (!aw__self())
		return aw__no_task("aw_pool_close");
	r = aw__enter(&self);
	if (r == 0 && grace > 0)
		r = wait_empty(pool, self, grace < AW_FOREVER ? now + grace
							      : AW__NEVER);
	if (r == 0 && pool->borrowed.n == 0)
		r = wait_empty(pool, self, aw_now() + 3 * pool->clean);
	if (r < 0 || aw__pool_total(pool) == 0)
		return r;
	return aw_fail(-ETIMEDOUT, "pool %s: %lld of its members are still "
		       "borrowed, %lld are being closed", pool->name,
		       (long long)pool->borrowed.n,
		       (long long)(aw__pool_total(pool) - pool->borrowed.n));
}

int
aw_pool_close(struct aw_pool **pool, double grace)
{
	struct aw_pool *p = *pool;
	int r;

	*pool = NULL;
	if (!p)
		return 0;
	if (p->mark != aw_fork_mark()) {
		abandon(p);
		return aw_fail(AW_EFORK, "pool %s was opened before fork()",
			       p->name);
	}
	p->refs++;
	shut(p);
	r = wait_closed(p, grace);
	aw__pool_unref(p);
	return r;
}

void
aw_pool_free(struct aw_pool *pool)
{
	if (!pool)
		return;
	if (pool->mark != aw_fork_mark())
		abandon(pool);
	else
		shut(pool);
}

void
aw_pool_freep(struct aw_pool **pool)
{
	aw_pool_free(*pool);
	*pool = NULL;
}

/* --- Counting ---------------------------------------------------------- */

static int64_t
count_leaks(const struct aw_pool *pool)
{
	const struct aw_pool_item *item;
	double before;
	int64_t n = 0;

	if (pool->leak == AW__NEVER)
		return 0;
	before = aw_now() - pool->leak;
	for (item = pool->borrowed.first; item; item = item->next)
		n += item->used < before;
	return n;
}

void
aw_pool_stats(const struct aw_pool *pool, struct aw_pool_stats *ret)
{
	*ret = pool->stats;
	ret->idle = pool->idle.n;
	ret->borrowed = pool->borrowed.n;
	ret->opening = pool->n_opening;
	ret->cleaning = pool->handed.n + pool->busy.n + pool->n_closing;
	ret->waiting = pool->n_waiting;
	ret->max = pool->max;
	ret->leaked = count_leaks(pool);
}
