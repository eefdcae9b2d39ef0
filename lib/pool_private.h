/* SPDX-License-Identifier: MIT */
/*
 * The pool, between its files.
 *
 *	 struct aw_pool
 *	   idle      first -> ... -> last      last used first; LIFO
 *	   borrowed  first -> ...
 *	   handed    first -> ...              DIRTY or RETIRED, for the janitor
 *	   busy      first -> ...              the same, in a helper task
 *	   n_opening                           no item yet
 *	   waiters   head  -> ... -> tail      FIFO; never while one is idle
 *
 *	 idle + borrowed + handed + busy + n_opening + n_closing <= max
 *
 * Files: pool.c (open, close, counters), pool_acquire.c, pool_release.c (a
 * member changes its state), pool_open.c (connect tasks, backoff),
 * pool_janitor.c (the janitor and its helpers).
 *
 * refs counts the handle, every member, every task of the pool and every call
 * that waits in it; the last one frees the pool.
 */
#ifndef AW__POOL_PRIVATE_H
#define AW__POOL_PRIVATE_H

#include <await/pool.h>

#include "runtime.h"

enum aw__pool_state {
	AW__POOL_OUT,		/* in no list */
	AW__POOL_IDLE,
	AW__POOL_BORROWED,
	AW__POOL_DIRTY,		/* clean() first */
	AW__POOL_RETIRED	/* close() */
};

/* Why a waiter was woken; 0: its time is over. */
enum aw__pool_news {
	AW__POOL_LATE,
	AW__POOL_GRANTED,	/* data is the member */
	AW__POOL_REFUSED,	/* opening failed for good */
	AW__POOL_CLOSED
};

struct aw__pool_list {
	struct aw_pool_item *first, *last;
	int64_t n;
};

/* An acquire that waits, on its task's stack. */
struct aw__pool_asking {
	struct aw__wait_node node;
	const char *site;
};

/* An open in progress, on its task's stack. */
struct aw__pool_opening {
	struct aw__pool_opening *next, **prev;
	struct aw_scope *scope;		/* cancelled by a close */
};

struct aw_pool {
	const struct aw_pool_type *type;
	void *arg;
	struct aw_loop *loop;
	unsigned refs;
	unsigned mark;			/* of the process */
	unsigned generation;		/* older members are replaced */
	bool closing;

	/* Members. */
	struct aw__pool_list idle, borrowed, handed, busy;
	int64_t n_opening;
	int64_t n_retired;		/* in handed and busy, and closing */
	int64_t n_closing;		/* in close(): in no list */

	/* Waiting acquires. */
	struct aw__wait_node *head, *tail;
	int64_t n_waiting;

	/* Opening. */
	struct aw__pool_opening *openings;
	unsigned failures;		/* in a row */
	double next_open;		/* not before; after a failure */
	struct aw_error *last_error;	/* of the last open, if it failed */

	/* The janitor. */
	struct aw__wait *janitor;	/* while it sleeps */
	double due;			/* until then; 0: it is awake */
	bool woken;
	bool janitor_gone;

	struct aw__wait_node *close_head, *close_tail;
	struct aw_closer closer;
	struct aw_pool_stats stats;	/* the counters in it */

	/* Options, with defaults and "no limit" as AW__NEVER or INT64_MAX. */
	int64_t max, min, max_opening, max_waiters;
	double acquire, open, clean, idle_for, lifetime, check, leak;
	char name[AW__NAME];
};

/* Every member and those being opened or closed. */
static inline int64_t
aw__pool_total(const struct aw_pool *pool)
{
	return pool->idle.n + pool->borrowed.n + pool->handed.n +
	       pool->busy.n + pool->n_opening + pool->n_closing;
}

/* Those of them that will serve again. */
static inline int64_t
aw__pool_alive(const struct aw_pool *pool)
{
	return aw__pool_total(pool) - pool->n_retired;
}

/* --- pool.c ------------------------------------------------------------ */

void aw__pool_unref(struct aw_pool *pool);
/* A member is gone, or an open has ended. */
void aw__pool_one_less(struct aw_pool *pool);
/* 0, AW_ECLOSED, AW_EFORK, AW_EUSAGE. */
int aw__pool_usable(const struct aw_pool *pool);
/* Wake every waiting acquire. */
void aw__pool_tell_all(struct aw_pool *pool, enum aw__pool_news news);

/* --- pool_release.c ---------------------------------------------------- */

void aw__pool_push(struct aw__pool_list *list, struct aw_pool_item *item);
void aw__pool_remove(struct aw__pool_list *list, struct aw_pool_item *item);
/* The following take an item that is in no list. */
void aw__pool_lend(struct aw_pool_item *item, struct aw_task *to,
		   const char *site, double now);
void aw__pool_settle(struct aw_pool_item *item, double now);
void aw__pool_retire(struct aw_pool_item *item);
void aw__pool_drop(struct aw_pool_item *item);

/* --- pool_open.c ------------------------------------------------------- */

/* Does somebody need a member that nobody is opening yet? */
bool aw__pool_wants(const struct aw_pool *pool);
/* Start as many opens as are wanted and allowed. */
void aw__pool_fill(struct aw_pool *pool);

/* --- pool_janitor.c ---------------------------------------------------- */

int aw__pool_janitor(void *arg);
void aw__pool_poke(struct aw_pool *pool);
/* When the janitor must look at an idle member. */
double aw__pool_due(const struct aw_pool *pool,
		    const struct aw_pool_item *item);

#endif
