/* SPDX-License-Identifier: MIT */
/*
 * db.h - what every database client has in common: pool, statements, rows,
 * transactions.  pg.h and mysql.h open the pools.
 *
 *	struct aw_db    a pool of connections, of one loop
 *	struct aw_conn  one connection, borrowed from the pool
 *	struct aw_rows  a result; independent of its connection if buffered
 *	struct aw_tx    a transaction or savepoint on a borrowed connection
 *
 * aw_db_exec(), aw_db_query(), aw_db_stream() and aw_db_one() take a pool or
 * a connection.  On a pool they borrow a connection for the one statement.
 *
 *	AW_AUTO(aw_rows, rows);
 *	int64_t id;
 *	const char *name;
 *
 *	AW_TRY(aw_db_query(db, &rows,
 *			   "SELECT id, name FROM t WHERE a > $1", a));
 *	while ((r = aw_rows_next(rows, &id, &name)) > 0)
 *		...;
 *
 * A statement is one command in the dialect of the server, with the server's
 * own placeholders ($1 or ?); AW_SQL() names both dialects and the options
 * of one statement.  Parameters never become part of its text.
 *
 * A connection belongs to one task at a time.  A second call while one runs,
 * or while a stream is open, is -EBUSY.  A connection goes back to the pool
 * only in a state that the server itself reported as clean; what was
 * interrupted is put right by the pool in a task of its own, or closed.
 *
 * A failed call says in aw_error()->sent whether the statement can have
 * taken effect.  Nothing is ever repeated that might have.
 */
#ifndef AWAIT_DB_H
#define AWAIT_DB_H

#include <await/base.h>
#include <await/err.h>
#include <await/rows.h>
#include <await/tx.h>
#include <await/value.h>

AW_BEGIN_DECLS

struct aw_db;
struct aw_conn;
struct aw_rows;

/* When statements are prepared on the server. */
enum aw_prepare {
	AW_PREPARE_AUTO,	/* from the second use on, in a bounded cache */
	AW_PREPARE_UNNAMED,	/* types are learnt, nothing gets a name */
	AW_PREPARE_OFF		/* for poolers that share server sessions */
};

/* What happens to a connection that comes back. */
enum aw_reset {
	AW_RESET_SMART,		/* rolled back; reset if it may be changed */
	AW_RESET_FULL		/* the whole session, each time */
};

/* Options of aw_pg_open() and aw_mysql_open(); seconds unless said. */
struct aw_db_options {
	size_t size;
	struct aw_named *named;
	const char *name;	/* of the pool, in errors; default: database */
	int min;		/* connections kept open; default 0 */
	int max;		/* per loop; default 10 */
	int max_waiters;	/* default no limit; beyond: AW_EPOOL at once */
	double acquire;		/* wait for a connection; default 30 */
	double connect;		/* for one attempt; default 10 */
	double idle;		/* unused connections close; default 600 */
	double lifetime;	/* of a connection, minus jitter; 1800 */
	double check_after;	/* idle longer: ping before use; default 1 */
	double cleanup;		/* rollback, reset, drain; default 2 */
	int cache;		/* prepared statements a connection; 128 */
	int prepare_after;	/* uses before a statement is prepared; 2 */
	enum aw_prepare prepare;
	enum aw_reset reset;
	const char *application;	/* shown by the server */
};

/* A statement and its options, from AW_SQL(). */
struct aw_sql {
	size_t size;
	struct aw_named *named;
	const char *text;	/* for any server */
	const char *pg;		/* instead of text on PostgreSQL */
	const char *mysql;	/* instead of text on MySQL and MariaDB */
	bool no_prepare;	/* this one never gets a name */
	bool as_text;		/* every value as the server's own text */
	bool multi;		/* several commands, no parameters: last wins,
				 * and a stream gives the results in turn */
	int64_t max_rows;	/* more is AW_ELIMIT; default no limit */
	int fetch;		/* rows a stream asks for at once */
};

/* Counters of a pool. */
struct aw_db_stats {
	size_t size;
	int open;		/* connections, idle, lent or in repair */
	int idle;
	int lent;
	int connecting;
	int repairing;		/* rolled back, reset or drained right now */
	int waiting;		/* tasks */
	uint64_t acquired;
	uint64_t opened;
	uint64_t closed;
	uint64_t failed;	/* attempts to connect */
	uint64_t statements;
	uint64_t prepared;	/* of them, run prepared */
	uint64_t cancelled;	/* statements interrupted on the server */
	uint64_t stale_plans;
};

#ifndef __cplusplus

#define AW_SQL(...) \
	((struct aw_sql){ .size = sizeof(struct aw_sql), __VA_ARGS__ })
#define AW_SQL_OF_(sql) ((struct aw_sql[1]){ _Generic((sql), \
	char *: aw_sql_from_text, const char *: aw_sql_from_text, \
	struct aw_sql: aw_sql_identity)(sql) })
#define AW_STATEMENT_(...) \
	AW_SQL_OF_(AW_FIRST_(__VA_ARGS__, 0)), AW_VALUES_(__VA_ARGS__)
#define AW_ON_(on, verb) _Generic((on), \
	struct aw_db *: aw_db_##verb##_v, struct aw_conn *: aw_conn_##verb##_v)

/* on, ret, then sql (const char * or AW_SQL()) and up to 64 parameters. */
#define aw_db_exec(on, ret_affected, ...) \
	AW_ON_(on, exec)(on, ret_affected, AW_STATEMENT_(__VA_ARGS__))
#define aw_db_query(on, ret, ...) \
	AW_ON_(on, query)(on, ret, AW_STATEMENT_(__VA_ARGS__))
#define aw_db_stream(on, ret, ...) \
	AW_ON_(on, stream)(on, ret, AW_STATEMENT_(__VA_ARGS__))
#define aw_db_one(on, into, ...) \
	AW_ON_(on, one)(on, into, AW_STATEMENT_(__VA_ARGS__))

#define aw_db_acquire(db, ret) aw_db_acquire_at(db, ret, AW_SITE)

/* The same on a connection only. */
#define aw_conn_exec(conn, ret_affected, ...) \
	aw_conn_exec_v(conn, ret_affected, AW_STATEMENT_(__VA_ARGS__))
#define aw_conn_query(conn, ret, ...) \
	aw_conn_query_v(conn, ret, AW_STATEMENT_(__VA_ARGS__))
#define aw_conn_stream(conn, ret, ...) \
	aw_conn_stream_v(conn, ret, AW_STATEMENT_(__VA_ARGS__))
#define aw_conn_one(conn, into, ...) \
	aw_conn_one_v(conn, into, AW_STATEMENT_(__VA_ARGS__))

#endif

/* For AW_SQL_OF_(). */
static inline struct aw_sql
aw_sql_from_text(const char *text)
{
	struct aw_sql sql;

	memset(&sql, 0, sizeof(sql));
	sql.size = sizeof(sql);
	sql.text = text;
	return sql;
}

static inline struct aw_sql
aw_sql_identity(struct aw_sql sql)
{
	return sql;
}

/**
 * aw_db_close - close a pool and wait for what it has lent
 * @db: address of the pool, which is set to NULL at once
 * @grace: seconds to wait for borrowed connections; 0 or less: do not wait
 *
 * Tasks that wait for a connection get AW_ECLOSED.  Borrowed connections and
 * streams work until they are released and are then closed; the last holder
 * frees the pool.  When the grace or the scope is over, it degrades to
 * aw_db_freep().
 *
 * Awaits; cancel point.
 *
 * Return: 0 when all connections are closed; AW_ETIMEDOUT (the grace is
 * over); -ECANCELED; -ETIME; -EDEADLK (this task itself holds one).
 * Lifetime: the pool is gone in every case; buffered rows stay valid.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_db_close(struct aw_db **db, double grace);

/**
 * aw_db_freep - close a pool without waiting
 * @db: address of the pool, which is set to NULL; may hold NULL
 *
 * Return: nothing.
 * Lifetime: as aw_db_close().
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_db_freep(struct aw_db **db);

/**
 * aw_db_ping - is there a server behind the pool?
 * @db: the pool
 *
 * Borrows a connection, connecting if need be, and makes a round trip.
 * Awaits; cancel point.
 *
 * Return: 0; what aw_db_acquire() and aw_db_exec() return.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_db_ping(struct aw_db *db);

/**
 * aw_db_expire - replace every connection as soon as it is free
 * @db: the pool
 *
 * For new passwords, a server that moved, a changed default of a role.
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_db_expire(struct aw_db *db);

/**
 * aw_db_stats - the counters of a pool
 * @db: the pool
 * @ret: filled; ret->size tells how much the caller knows, 0 means all
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_db_stats(struct aw_db *db, struct aw_db_stats *ret);

/**
 * aw_db_acquire_at - borrow a connection
 * @db: the pool
 * @ret: the connection; give it back with aw_conn_release()
 * @site: file:line for leak reports; static; may be NULL
 *
 * The function under the macro aw_db_acquire(db, &conn).  It gives the one
 * that was used last, or a new one, or the next to be released, in the order
 * of asking.
 *
 * Awaits; cancel point.
 *
 * Return: 0; AW_EPOOL (none in time: aw_error() tells how many are in use
 * and the last connect error); AW_ECONNECT, AW_EAUTH, AW_ETLS, AW_ERESOLVE
 * (cannot connect); -EDEADLK (this task holds all of them); AW_ECLOSED;
 * AW_EFORK; -ECANCELED; -ETIME; -ENOMEM.
 * Lifetime: borrowed until aw_conn_release().
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_db_acquire_at(struct aw_db *db,
						    struct aw_conn **ret,
						    const char *site);

/**
 * aw_conn_release - give a connection back, in whatever state it is
 * @conn: borrowed; NULL does nothing
 *
 * An open transaction is rolled back, an interrupted statement cancelled and
 * drained, by the pool.  Streams and transactions on it answer AW_ECLOSED
 * from now on.
 *
 * Return: nothing.
 * Lifetime: @conn must not be used any more.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_conn_release(struct aw_conn *conn);

/**
 * aw_conn_freep - aw_conn_release() for AW_AUTO
 * @conn: address of the connection, which is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_conn_freep(struct aw_conn **conn);

/**
 * aw_db_exec_v - run a statement, drop its rows
 * @db: the pool
 * @ret_affected: rows changed, or selected; may be NULL
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * The function under the macro aw_db_exec(on, ret_affected, sql, ...).
 * Awaits; cancel point: an interrupted statement is cancelled on the server
 * by the pool.
 *
 * Return: 0; AW_ESQL (see aw_error()->sqlstate and sql_class); AW_ELOST;
 * AW_ETXDEAD (the transaction has failed before); AW_EUNKNOWN (a COMMIT
 * whose answer was lost); AW_ETYPE, AW_ERANGE (a parameter does not fit);
 * AW_EUSAGE (untyped pointer, NUL in text, several commands); AW_ELIMIT
 * (.max_rows, @n_values, more than 1 GiB for PostgreSQL); -EBUSY; and what
 * aw_db_acquire() returns.
 * Lifetime: nothing passed is used after the return.
 * Context: task.
 * Source: PostgreSQL 15 manual, 34.4; MariaDB Connector/C, prepared
 * statements.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_db_exec_v(struct aw_db *db, int64_t *ret_affected, const struct aw_sql *sql,
	     const struct aw_value *values, size_t n_values);

/**
 * aw_conn_exec_v - aw_db_exec_v() on a borrowed connection
 * @conn: the connection
 * @ret_affected: rows changed, or selected; may be NULL
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * Awaits; cancel point.
 *
 * Return: as aw_db_exec_v().
 * Lifetime: nothing passed is used after the return.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_conn_exec_v(struct aw_conn *conn, int64_t *ret_affected,
	       const struct aw_sql *sql, const struct aw_value *values,
	       size_t n_values);

/**
 * aw_db_query_v - run a statement and keep all its rows
 * @db: the pool
 * @ret: new rows; release them with aw_rows_free()
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * The function under the macro aw_db_query(on, ret, sql, ...).
 * Awaits; cancel point.
 *
 * Return: as aw_db_exec_v().
 * Lifetime: the rows depend on no connection and no pool.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_db_query_v(struct aw_db *db, struct aw_rows **ret, const struct aw_sql *sql,
	      const struct aw_value *values, size_t n_values);

/**
 * aw_conn_query_v - aw_db_query_v() on a borrowed connection
 * @conn: the connection
 * @ret: new rows; release them with aw_rows_free()
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * Awaits; cancel point.
 *
 * Return: as aw_db_exec_v().
 * Lifetime: the rows depend on no connection and no pool.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_conn_query_v(struct aw_conn *conn, struct aw_rows **ret,
		const struct aw_sql *sql, const struct aw_value *values,
		size_t n_values);

/**
 * aw_db_stream_v - run a statement and read its rows as they come
 * @db: the pool
 * @ret: new rows; release them with aw_rows_free()
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * The function under the macro aw_db_stream(on, ret, sql, ...).  Memory stays
 * bounded; a slow reader slows the server down.  With .multi the rows are
 * those of the first command, and aw_rows_next_result() goes to the next.
 *
 * Awaits; cancel point.
 *
 * Return: as aw_db_exec_v(); an error may come after rows, from
 * aw_rows_next().
 * Lifetime: the rows hold a connection until they end or are released.
 * Context: task.
 * Source: PostgreSQL 15 manual, 34.6 Retrieving Query Results Row-by-Row.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_db_stream_v(struct aw_db *db, struct aw_rows **ret,
	       const struct aw_sql *sql, const struct aw_value *values,
	       size_t n_values);

/**
 * aw_conn_stream_v - aw_db_stream_v() on a borrowed connection
 * @conn: the connection; other calls on it are -EBUSY while the rows live
 * @ret: new rows; release them with aw_rows_free()
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * Awaits; cancel point.
 *
 * Return: as aw_db_stream_v().
 * Lifetime: after the release of @conn the rows answer AW_ECLOSED.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_conn_stream_v(struct aw_conn *conn, struct aw_rows **ret,
		 const struct aw_sql *sql, const struct aw_value *values,
		 size_t n_values);

/**
 * aw_db_one_v - run a statement that gives exactly one row
 * @db: the pool
 * @into: a target for each column; no target may be a borrowed view
 * (const char *, struct aw_bytes): use AW_BUF()
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * The function under the macro aw_db_one(on, AW_INTO(...), sql, ...).
 * Awaits; cancel point.
 *
 * Return: 0; AW_ENOROW; AW_EMANY; as aw_rows_next_v(); as aw_db_exec_v().
 * Lifetime: nothing passed is used after the return.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_db_one_v(struct aw_db *db, struct aw_into into, const struct aw_sql *sql,
	    const struct aw_value *values, size_t n_values);

/**
 * aw_conn_one_v - aw_db_one_v() on a borrowed connection
 * @conn: the connection
 * @into: a target for each column, as aw_db_one_v()
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * Awaits; cancel point.
 *
 * Return: as aw_db_one_v().
 * Lifetime: nothing passed is used after the return.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_conn_one_v(struct aw_conn *conn, struct aw_into into,
	      const struct aw_sql *sql, const struct aw_value *values,
	      size_t n_values);

AW_END_DECLS

#endif
