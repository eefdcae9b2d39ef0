/* SPDX-License-Identifier: MIT */
/*
 * toy_pool.h - a pool of toys that cost nothing, count everything and do what
 * the test tells the factory.
 */
#ifndef TESTS_TOY_POOL_H
#define TESTS_TOY_POOL_H

#include <await/pool.h>

#include "tasks.h"

struct toy {
	struct aw_pool_item item;
	int id;
	int users;		/* never above 1 */
	int calls;		/* of check() and clean() */
};

static struct factory {
	int opens, made, alive, most, checks, cleans, closes, aborts, finis;
	int fail;		/* code of open() */
	int fail_check, fail_clean;
	double open_takes, check_takes, clean_takes, close_takes;
	struct aw_event *hold_open;	/* opens wait for it */
	enum aw_pool_verdict verdict;
	int doubles;		/* a toy with two users was seen */
} factory;

/* Lets every open wait until the event is set. An open outlives the task that
 * wanted it, so the event must too. */
static inline void
hold_opens(void)
{
	static struct aw_event held;

	held = (struct aw_event){ 0 };
	factory.hold_open = &held;
}

static inline struct toy *
toy_of(struct aw_pool_item *item)
{
	return (struct toy *)(void *)item;
}

static inline int
toy_open(void *arg, struct aw_pool_item **ret)
{
	struct toy *toy;

	(void)arg;
	factory.opens++;
	if (factory.hold_open)
		AW_TRY(aw_event_wait(factory.hold_open));
	if (factory.open_takes > 0)
		AW_TRY(aw_sleep(factory.open_takes));
	if (factory.fail < 0)
		return aw_fail(factory.fail, "the toy shop is closed (%d)",
			       factory.opens);
	toy = calloc(1, sizeof *toy);
	if (!toy)
		return aw_fail(-ENOMEM, "no memory for a toy");
	toy->id = ++factory.made;
	if (++factory.alive > factory.most)
		factory.most = factory.alive;
	*ret = &toy->item;
	return 0;
}

static inline void
toy_gone(struct aw_pool_item *item)
{
	factory.doubles += toy_of(item)->users > 0;
	factory.alive--;
	free(item);
}

static inline int
toy_check(struct aw_pool_item *item)
{
	factory.checks++;
	toy_of(item)->calls++;
	if (factory.check_takes > 0)
		AW_TRY(aw_sleep(factory.check_takes));
	return factory.fail_check < 0
		? aw_fail(factory.fail_check, "the toy is broken") : 0;
}

static inline enum aw_pool_verdict
toy_judge(struct aw_pool_item *item)
{
	(void)item;
	return factory.verdict;
}

static inline int
toy_clean(struct aw_pool_item *item)
{
	factory.cleans++;
	toy_of(item)->calls++;
	if (factory.clean_takes > 0)
		AW_TRY(aw_sleep(factory.clean_takes));
	return factory.fail_clean;
}

static inline void
toy_close(struct aw_pool_item *item)
{
	factory.closes++;
	if (factory.close_takes > 0)
		aw_ignore(aw_sleep(factory.close_takes));
	toy_gone(item);
}

static inline void
toy_abort(struct aw_pool_item *item)
{
	factory.aborts++;
	toy_gone(item);
}

static inline void
toy_fini(void *arg)
{
	(void)arg;
	factory.finis++;
}

static const struct aw_pool_type toy_type = {
	.kind = "toy",
	.open = toy_open,
	.check = toy_check,
	.judge = toy_judge,
	.clean = toy_clean,
	.close = toy_close,
	.abort = toy_abort,
	.fini = toy_fini,
};

/* Runs fn as the main task, with a new factory. */
static inline int
run_toys(int (*fn)(void *arg), void *arg)
{
	memset(&factory, 0, sizeof factory);
	return run_tasks(fn, arg);
}

static inline int
toy_acquire(struct aw_pool *pool, struct toy **ret)
{
	struct aw_pool_item *item;
	int r = aw_pool_acquire(pool, &item);

	*ret = NULL;
	if (r < 0)
		return r;
	*ret = toy_of(item);
	factory.doubles += (*ret)->users++ > 0;
	return 0;
}

static inline void
toy_release(struct toy *toy)
{
	if (!toy)
		return;
	toy->users--;
	aw_pool_release(&toy->item);
}

/* Notes what the pool counts now. */
static inline void
note_stats(const struct aw_pool *pool)
{
	struct aw_pool_stats s;

	aw_pool_stats(pool, &s);
	note("idle %d borrowed %d opening %d cleaning %d waiting %d",
	     (int)s.idle, (int)s.borrowed, (int)s.opening, (int)s.cleaning,
	     (int)s.waiting);
}

#endif
