/* SPDX-License-Identifier: MIT */
/*
 * pool.h - the pool behind every database client, for any costly thing.
 *
 * A kind of member is described by struct aw_pool_type; a member embeds
 * struct aw_pool_item.
 *
 *	          acquire                      release
 *	  idle ------------> borrowed -----------+--- keep --> next waiter, idle
 *	   ^                    ^                |
 *	   |  connect task      |                +--- clean -> janitor --+
 *	   +--- open() ---------+                |              clean()  |
 *	                                         +--- drop --> abort()   |
 *	   ^                                                             |
 *	   +-------------------------------------------------------------+
 *
 * Members are opened on demand by tasks of the pool, never by the acquirer:
 * cancelling an acquire loses nothing.  Waiters are served first come first
 * served, by direct hand-over; idle members are reused last in first out.  A
 * member that needs work after its release (a ROLLBACK, a drain) is cleaned
 * by the pool's janitor under a deadline and counts against .max meanwhile.
 * Failing opens are repeated with backoff, for ever: a pool heals by itself;
 * an acquire that finds none in time fails with AW_EPOOL, and its message
 * tells the last failure to open.  A failure that will not pass by itself (a
 * wrong password) is told at once to all who wait, if no member is alive.
 */
#ifndef AWAIT_POOL_H
#define AWAIT_POOL_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_pool;

/* What a release finds. */
enum aw_pool_verdict {
	AW_POOL_KEEP,		/* reusable as it is */
	AW_POOL_CLEAN,		/* call clean() first */
	AW_POOL_DROP		/* abort() it */
};

/* Embedded in a member.  The fields are the library's. */
struct aw_pool_item {
	struct aw_pool *pool;
	struct aw_pool_item *next, *prev;	/* in the list of its state */
	const char *site;		/* of the acquire, for leak reports */
	struct aw_task *borrower;
	double opened, used;		/* aw_now() */
	double expires;			/* aw_now() */
	unsigned state;
	unsigned generation;
	void *spare[4];
};

/* What a kind of member can do.  All on the loop's thread. */
struct aw_pool_type {
	const char *kind;		/* "connection" */

	/* Make a member, in a task of the pool, under .open seconds.  Awaits.
	 * On failure nothing is left and aw_error() tells why. */
	int (*open)(void *arg, struct aw_pool_item **ret);

	/* Is a member that was idle for more than .check seconds alive?  In
	 * the acquirer's task, under its scopes and .clean seconds.  Awaits.
	 * After a failure the member is aborted. */
	int (*check)(struct aw_pool_item *item);

	/* Judge a member as it is released.  Does not wait, does not fail. */
	enum aw_pool_verdict (*judge)(struct aw_pool_item *item);

	/* Make a member reusable, in a task of the pool, under .clean
	 * seconds.  Awaits.  After a failure the member is aborted. */
	int (*clean)(struct aw_pool_item *item);

	/* End a member in good order and free it, in a task of the pool,
	 * under .clean seconds.  Awaits.  NULL: abort. */
	void (*close)(struct aw_pool_item *item);

	/* End a member at once and free it.  Does not wait. */
	void (*abort)(struct aw_pool_item *item);

	/* The pool itself is gone: free arg.  May be NULL. */
	void (*fini)(void *arg);

	/* Has open() failed with a code that will not pass by itself?  Called
	 * in the task that opened, so that aw_error() can be asked.  NULL:
	 * AW_EAUTH, AW_ETLS, AW_EUSAGE and -EINVAL. */
	bool (*is_permanent)(int code);

	void *spare[3];
};

/* Options of aw_pool_open(). */
struct aw_pool_options {
	size_t size;
	struct aw_named *named;
	const char *name;	/* for errors and dumps ("pool") */
	int64_t max;		/* members (10) */
	int64_t min;		/* members kept open even if idle (0) */
	int64_t max_opening;	/* opens at a time (2) */
	int64_t max_waiters;	/* waiting acquires (no limit); then
				 * AW_ELIMIT at once */
	double acquire;		/* seconds (30) */
	double open;		/* seconds for one open (10) */
	double clean;		/* seconds for clean, check and close (5) */
	double idle;		/* seconds until an idle member is closed
				 * (600) */
	double lifetime;	/* seconds, less up to a tenth (1800) */
	double check;		/* idle seconds after which check() is called
				 * (1) */
	double leak;		/* seconds borrowed that count as a leak in
				 * aw_pool_stats() (0: off) */
	void *spare[4];
};

/* Counters of a pool. */
struct aw_pool_stats {
	int64_t idle, borrowed, opening, cleaning, waiting;	/* now */
	int64_t max;
	int64_t acquires;	/* that succeeded */
	int64_t waits;		/* of them, that had to wait */
	int64_t timeouts;	/* acquires that failed with AW_EPOOL */
	int64_t opened, open_failures;
	int64_t closed;		/* for age or idleness */
	int64_t dropped;	/* broken, lost, or not cleaned in time */
	int64_t cleaned;
	int64_t leaked;		/* borrowed for longer than .leak, now */
	double waited;		/* seconds, all acquires together */
	int64_t spare[8];
};

#ifndef __cplusplus
#define aw_pool_open(ret, type, arg, ...) \
	aw_pool_open_with((ret), (type), (arg), &(struct aw_pool_options){ \
		.size = sizeof(struct aw_pool_options), __VA_ARGS__ })
#define aw_pool_acquire(pool, ret) \
	aw_pool_acquire_at((pool), (ret), AW_SITE)
#endif

/**
 * aw_pool_open_with - make a pool; nothing is opened yet unless .min
 * @ret: new; end it with aw_pool_close() or aw_pool_free()
 * @type: static
 * @arg: handed to open and fini
 * @options: may be NULL; copied
 *
 * Starts the pool's janitor.
 *
 * Return: 0; -EINVAL (@options: no numbers, .max below 1, .min above
 * .max); -ENOMEM; AW_EUSAGE (no loop on this thread).  On failure fini is not
 * called.
 * Lifetime: @arg is the pool's until fini.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_pool_open_with(struct aw_pool **ret, const struct aw_pool_type *type,
		  void *arg, const struct aw_pool_options *options);

/**
 * aw_pool_acquire_at - borrow a member
 * @pool: the pool
 * @ret: borrowed; give it back with aw_pool_release()
 * @site: file:line for leak reports; static; may be NULL
 *
 * Awaits; cancel point.
 *
 * Return: 0; AW_EPOOL (none within .acquire seconds); the code of a failed
 * open that will not pass, with its detail; AW_ELIMIT (.max_waiters);
 * -EDEADLK (all members are borrowed by this very task); AW_ECLOSED;
 * AW_EFORK; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); AW_EUSAGE; -ENOMEM.
 * Lifetime: the member until its release, also when the pool is closed.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_pool_acquire_at(struct aw_pool *pool, struct aw_pool_item **ret,
		   const char *site);

/**
 * aw_pool_release - give a member back; never waits, never fails
 * @item: borrowed; may be NULL
 *
 * Return: nothing.
 * Lifetime: ends the borrowing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_pool_release(struct aw_pool_item *item);

/**
 * aw_pool_lost - an idle member was found dead
 * @item: idle: it is aborted at once.  In any other state it does nothing:
 * its release will tell.
 *
 * Return: nothing.
 * Context: loop callback, task.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_pool_lost(struct aw_pool_item *item);

/**
 * aw_pool_expire - replace every member as soon as it is free
 * @pool: the pool
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_pool_expire(struct aw_pool *pool);

/**
 * aw_pool_stats - the counters
 * @pool: the pool
 * @ret: set
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_pool_stats(const struct aw_pool *pool,
			  struct aw_pool_stats *ret);

/**
 * aw_pool_close - close a pool and wait until every member is back
 * @pool: address of the pool; it is set to NULL, whatever happens
 * @grace: seconds to wait for borrowed members
 *
 * Awaits; cancel point.  Waiting acquires get AW_ECLOSED; borrowed members
 * work until they are released and are then closed; the last one frees the
 * pool.
 *
 * Return: 0; -ETIMEDOUT (after @grace; the rest happens by itself);
 * -ECANCELED; -ETIME; -EDEADLK; AW_EUSAGE (outside a task: as
 * aw_pool_free()).
 * Lifetime: ends that of the handle.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_pool_close(struct aw_pool **pool, double grace);

/**
 * aw_pool_free - close a pool without waiting
 * @pool: may be NULL
 *
 * Return: nothing.
 * Lifetime: ends that of the handle; see aw_pool_close().
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_pool_free(struct aw_pool *pool);

/**
 * aw_pool_freep - aw_pool_free() for AW_AUTO
 * @pool: address of the pool; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_pool_freep(struct aw_pool **pool);

AW_END_DECLS

#endif
