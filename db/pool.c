/* SPDX-License-Identifier: MIT */
/*
 * pool.c - a database as the generic pool sees it.
 *
 * struct aw_db is the argument of the pool's open and is freed by its fini,
 * after the last connection.  Connections are judged at release by what the
 * server said last; see the table in doc/internals/db.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

static struct aw_conn *
conn_of(struct aw_pool_item *item)
{
	return (struct aw_conn *)item;
}

static int
pool_open(void *arg, struct aw_pool_item **ret)
{
	struct aw_db *db = arg;
	struct aw_conn *conn;
	int r = db->driver->connect(db, &conn);

	if (r == 0)
		*ret = &conn->item;
	return r;
}

static int
pool_check(struct aw_pool_item *item)
{
	struct aw_conn *conn = conn_of(item);

	return conn->db->driver->ping(conn);
}

static enum aw_pool_verdict
pool_judge(struct aw_pool_item *item)
{
	struct aw_conn *conn = conn_of(item);

	if (conn->fork_mark != aw_fork_mark())
		return AW_POOL_DROP;
	switch (conn->db->driver->state(conn)) {
	case AW_CONN_DEAD:
		return AW_POOL_DROP;
	case AW_CONN_IDLE:
		if (conn->dirty || conn->db->options.reset == AW_RESET_FULL)
			return AW_POOL_CLEAN;
		return AW_POOL_KEEP;
	default:
		return AW_POOL_CLEAN;
	}
}

static int
pool_clean(struct aw_pool_item *item)
{
	struct aw_conn *conn = conn_of(item);
	const struct aw_db_driver *driver = conn->db->driver;
	enum aw_sent sent = AW_NOT_SENT;

	if (driver->state(conn) == AW_CONN_CUT)
		AW_TRY(driver->repair(conn));
	if (driver->state(conn) != AW_CONN_IDLE)
		AW_TRY(driver->command(conn, "ROLLBACK", &sent));
	if (conn->dirty || conn->db->options.reset == AW_RESET_FULL)
		AW_TRY(driver->reset(conn));
	if (driver->state(conn) != AW_CONN_IDLE)
		return aw_fail(AW_ELOST, "the session could not be made clean");
	conn->dirty = false;
	return 0;
}

static void
pool_close(struct aw_pool_item *item)
{
	struct aw_conn *conn = conn_of(item);

	conn->db->driver->close(conn);
}

static void
pool_abort(struct aw_pool_item *item)
{
	struct aw_conn *conn = conn_of(item);

	conn->db->driver->abort(conn);
}

static void
db_free(struct aw_db *db)
{
	aw__db_stmts_free(db->stmts);
	db->driver->data_free(db->data);
	free(db);
}

void
aw__db_ref(struct aw_db *db)
{
	db->refs++;
}

void
aw__db_unref(struct aw_db *db)
{
	if (--db->refs == 0)
		db_free(db);
}

static void
pool_fini(void *arg)
{
	aw__db_unref(arg);
}

static const struct aw_pool_type pool_type = {
	.kind = "connection",
	.open = pool_open,
	.check = pool_check,
	.judge = pool_judge,
	.clean = pool_clean,
	.close = pool_close,
	.abort = pool_abort,
	.fini = pool_fini,
};

static int
number(int given, int fallback, int none)
{
	return given == 0 ? fallback : given == AW_NONE ? none : given;
}

static double
seconds(double given, double fallback)
{
	return given == 0 ? fallback : given;
}

/* "For ever" must be written: what is below AW_NONE, or NaN, is a slip. */
static int
check_numbers(const struct aw_db_options *o)
{
	static const char *const names[] = {
		"min", "max", "max_waiters", "acquire", "connect", "idle",
		"lifetime", "check_after", "cleanup", "cache", "prepare_after"
	};
	const double values[] = {
		o->min, o->max, o->max_waiters, o->acquire, o->connect, o->idle,
		o->lifetime, o->check_after, o->cleanup, o->cache,
		o->prepare_after
	};

	for (size_t i = 0; i < AW_LENGTH(values); i++)
		if (!(values[i] >= 0 || values[i] == AW_NONE))
			return aw_fail(AW_EINVAL, "a pool of connections: .%s "
				       "= %g: 0 or more are possible, AW_NONE "
				       "and AW_FOREVER", names[i], values[i]);
	return 0;
}

/* No zeroes are left; strings are the driver's business, but for the name. */
static int
settle_options(struct aw_db *db, const struct aw_db_options *given,
	       const char *database)
{
	struct aw_db_options *o = &db->options;
	int r;

	memset(o, 0, sizeof(*o));
	if (given)
		memcpy(o, given, given->size && given->size < sizeof(*o) ?
		       given->size : sizeof(*o));
	r = check_numbers(o);
	if (r < 0)
		return r;
	snprintf(db->name, sizeof(db->name), "%s", o->name ? o->name :
		 database ? database : db->driver->name);
	o->name = db->name;
	o->application = NULL;
	o->max = number(o->max, 10, 1);
	o->min = number(o->min, 0, 0);
	o->cache = number(o->cache, 128, 0);
	o->prepare_after = number(o->prepare_after, 2, 1);
	o->acquire = seconds(o->acquire, 30);
	o->connect = seconds(o->connect, 10);
	o->idle = seconds(o->idle, 600);
	o->lifetime = seconds(o->lifetime, 1800);
	o->check_after = seconds(o->check_after, 1);
	o->cleanup = seconds(o->cleanup, 2);
	o->size = sizeof(*o);
	return 0;
}

static int
open_pool(struct aw_db *db)
{
	const struct aw_db_options *o = &db->options;

	return aw_pool_open(&db->pool, &pool_type, db, .name = db->name,
			    .max = o->max, .min = o->min,
			    .max_waiters = o->max_waiters,
			    .acquire = o->acquire, .open = o->connect,
			    .clean = o->cleanup, .idle = o->idle,
			    .lifetime = o->lifetime, .check = o->check_after);
}

int
aw__db_open(struct aw_db **ret, const struct aw_db_driver *driver, void *data,
	    const char *database, const struct aw_db_options *options)
{
	struct aw_db *db = calloc(1, sizeof(*db));
	int r;

	if (!db) {
		driver->data_free(data);
		return aw_fail(AW_ENOMEM, "a pool of connections");
	}
	db->driver = driver;
	db->data = data;
	db->refs = 1;
	db->fork_mark = aw_fork_mark();
	r = settle_options(db, options, database);
	if (r < 0) {
		driver->data_free(data);
		free(db);
		return r;
	}
	db->stmts = aw__db_stmts_new(db->options.cache,
				     db->options.prepare_after,
				     driver->meta_free);
	r = db->stmts ? open_pool(db) :
		aw_fail(AW_ENOMEM, "a cache of %d statements",
			db->options.cache);
	if (r < 0) {
		db_free(db);
		return r;
	}
	*ret = db;
	return 0;
}

int
aw__db_conn_init(struct aw_conn *conn, struct aw_db *db)
{
	size_t n = (size_t)db->options.cache;

	conn->db = db;
	conn->fork_mark = aw_fork_mark();
	conn->owed = AW_TX_NOTHING_OWED;
	conn->slots = n ? calloc(n, sizeof(*conn->slots)) : NULL;
	return n && !conn->slots ? aw_fail(AW_ENOMEM, "a connection") : 0;
}

void
aw__db_conn_fini(struct aw_conn *conn)
{
	free(conn->slots);
	conn->slots = NULL;
}

void
aw__db_conn_lost(struct aw_conn *conn)
{
	aw_pool_lost(&conn->item);
}

int
aw_db_acquire_at(struct aw_db *db, struct aw_conn **ret, const char *site)
{
	struct aw_pool_item *item;
	struct aw_conn *conn;
	int r;

	if (db->fork_mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the pool \"%s\" belongs to the "
			       "parent process: open one of your own",
			       db->name);
	r = aw_pool_acquire_at(db->pool, &item, site);
	if (r < 0) {
		aw_error_edit()->sent = AW_NOT_SENT;
		return r;
	}
	conn = conn_of(item);
	conn->lent = true;
	*ret = conn;
	return 0;
}

void
aw_conn_release(struct aw_conn *conn)
{
	if (!conn || !conn->lent)
		return;

	if (conn->stream)
		aw__db_rows_orphan(conn->stream);
	aw__db_tx_orphan(conn);
	conn->level = 0;
	conn->failed_level = 0;
	conn->owed = AW_TX_NOTHING_OWED;
	conn->lent = false;
	aw_pool_release(&conn->item);
}

void
aw_conn_freep(struct aw_conn **conn)
{
	aw_conn_release(*conn);
	*conn = NULL;
}

int
aw_db_ping(struct aw_db *db)
{
	struct aw_conn *conn;
	int r = aw_db_acquire_at(db, &conn, NULL);

	if (r < 0)
		return r;
	conn->calling = "ping";
	r = db->driver->ping(conn);
	conn->calling = NULL;
	aw_conn_release(conn);
	return r;
}

int
aw_db_close(struct aw_db **db, double grace)
{
	struct aw_pool *pool = *db ? (*db)->pool : NULL;

	*db = NULL;
	return pool ? aw_pool_close(&pool, grace) : 0;
}

void
aw_db_freep(struct aw_db **db)
{
	struct aw_pool *pool = *db ? (*db)->pool : NULL;

	*db = NULL;
	aw_pool_free(pool);
}

void
aw_db_expire(struct aw_db *db)
{
	aw_pool_expire(db->pool);
}

void
aw_db_stats(struct aw_db *db, struct aw_db_stats *ret)
{
	size_t size = ret->size && ret->size < sizeof(*ret) ? ret->size :
							      sizeof(*ret);
	struct aw_db_stats s = { .size = size };
	struct aw_pool_stats p;

	aw_pool_stats(db->pool, &p);
	s.idle = (int)p.idle;
	s.lent = (int)p.borrowed;
	s.connecting = (int)p.opening;
	s.repairing = (int)p.cleaning;
	s.waiting = (int)p.waiting;
	s.open = s.idle + s.lent + s.repairing;
	s.acquired = (uint64_t)p.acquires;
	s.opened = (uint64_t)p.opened;
	s.closed = (uint64_t)(p.closed + p.dropped);
	s.failed = (uint64_t)p.open_failures;
	s.statements = db->n_statements;
	s.prepared = db->n_prepared;
	s.cancelled = db->n_cancelled;
	s.stale_plans = db->n_stale;
	memcpy(ret, &s, size);
}
