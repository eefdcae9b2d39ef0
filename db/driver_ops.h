/* SPDX-License-Identifier: MIT */
/*
 * driver_ops.h - between the common half of the database clients and one
 * driver.  Not installed; its functions are exported from libawait-db in a
 * version node of their own, for our own drivers of the same version only.
 *
 *	aw_db_query()            db/call.c     checks, owed ROLLBACK, -EBUSY
 *	    |                    db/stmts.c    which statement is it?
 *	    v
 *	driver->run(conn, call)  db/pg, db/mysql: talks to the server
 *	    |
 *	    v
 *	struct aw_rows           db/rows.c     targets, conversion, lifetime
 *	    |
 *	    v
 *	rows->ops->cell()        db/pg, db/mysql: one value, native or text
 *
 * A driver embeds struct aw_conn as the first member of its connection and
 * struct aw_rows as the first of its rows.  The pool (await/pool.h) calls the
 * common half (db/pool.c), which calls the driver.  Ownership: struct aw_db
 * belongs to the pool's fini; a connection to the pool, then to the driver's
 * close or abort, which free it; rows to the user.
 *
 * Who decides what.  The driver knows the protocol: it says what state the
 * *server* reported (state()), makes an interrupted connection clean
 * (repair()), and fills aw_error() with what the server said.  The common
 * half knows the session: who may call now, which transaction is open, what
 * is owed before the next statement, and what a release must do.
 */
#ifndef AWAIT_DB_DRIVER_OPS_H
#define AWAIT_DB_DRIVER_OPS_H

#include <string.h>

#include <await/db.h>
#include <await/driver.h>
#include <await/pool.h>

struct aw_stmts;

/* What becomes of the rows of a statement. */
enum aw_want {
	AW_WANT_COUNT,		/* drop them: exec */
	AW_WANT_ROWS,		/* all of them, buffered */
	AW_WANT_STREAM
};

/* One statement of the pool's cache.  The position (slot, serial) names it:
 * a connection keeps in conn->slots[slot] the serial that it has prepared,
 * and what the driver needs to find it on the server. */
struct aw_stmt {
	struct aw_stmt *next;		/* same bucket */
	struct aw_stmt *newer, *older;	/* least recently used order */
	uint64_t hash;			/* of text; names the statement */
	uint32_t slot;			/* 0 .. options.cache - 1 */
	uint32_t serial;		/* of this use of the slot, never 0 */
	uint64_t uses;
	char *text;
	size_t size;
	void *meta;			/* the driver's: types; may be NULL */
	int pins;			/* calls at work with it */
	bool stale;			/* renewed when nobody is at work */
};

struct aw_stmt_slot {
	uint32_t serial;		/* 0: nothing prepared */
	uint64_t hash;
	void *handle;			/* the driver's, e.g. MYSQL_STMT * */
};

/* One statement on its way. */
struct aw_call {
	const struct aw_sql *sql;
	const char *text;		/* in the driver's dialect */
	size_t size;
	const struct aw_value *values;
	size_t n_values;
	struct aw_stmt *stmt;		/* in the cache; NULL: not (yet) */
	bool prepare;			/* give it a name on the server */
	enum aw_want want;

	struct aw_rows *rows;		/* set by run() unless AW_WANT_COUNT */
	int64_t affected;		/* for AW_WANT_COUNT */
	enum aw_sent sent;		/* kept true by run() as it goes */
};

/* A transaction or savepoint; the innermost is conn->tx. */
struct aw_tx {
	struct aw_tx *outer;
	struct aw_conn *conn;		/* NULL: released */
	int level;			/* 1: the transaction, 2: a savepoint */
	bool ended;
};

#define AW_TX_NOTHING_OWED (-1)

struct aw_conn {
	struct aw_pool_item item;	/* first: the pool's view of it */
	struct aw_db *db;
	struct aw_rows *stream;		/* open on it, or NULL */
	struct aw_tx *tx;		/* innermost open one, or NULL */
	struct aw_stmt_slot *slots;	/* options.cache of them */
	unsigned fork_mark;
	int owed;			/* level to roll back to before the next
					 * statement; AW_TX_NOTHING_OWED */
	int level;			/* open levels on the server: 0 = no
					 * transaction, 1 = BEGIN, 2 = ... */
	int failed_level;		/* lowest that is dead; 0 = none */
	char failed_sqlstate[8];	/* why */
	bool lent;
	bool dirty;			/* the session may have been changed */
	const char *calling;		/* the statement under way, or NULL */
	char op[64];			/* of the open stream, for errors */
};

struct aw_db {
	struct aw_pool *pool;
	const struct aw_db_driver *driver;
	void *data;			/* the driver's: DSN, ...; data_free */
	struct aw_db_options options;	/* no zeroes left */
	char name[64];
	struct aw_stmts *stmts;
	unsigned fork_mark;
	int refs;			/* the pool, and each listener */
	uint64_t n_statements, n_prepared, n_cancelled, n_stale;
};

/* All functions that await do so in the task that called them, under its
 * scopes and, in the pool's tasks, under the pool's budgets. */
struct aw_db_driver {
	const char *name;		/* "PostgreSQL", for messages */
	bool mysql;			/* dialect: AW_SQL(.mysql) */

	/* A new connection, in a task of the pool.  Awaits. */
	int (*connect)(struct aw_db *db, struct aw_conn **ret);
	/* Run one statement.  Awaits.  Never called in AW_CONN_CUT or DEAD. */
	int (*run)(struct aw_conn *conn, struct aw_call *call);
	/* Run one fixed command without parameters or rows (COMMIT,
	 * ROLLBACK, SAVEPOINT x ...).  A COMMIT that the server answers with
	 * a rollback is AW_ETXDEAD.  Awaits.  *ret_sent is kept true as it
	 * goes. */
	int (*command)(struct aw_conn *conn, const char *text,
		       enum aw_sent *ret_sent);
	/* Begin a transaction; options is never NULL.  Awaits. */
	int (*begin)(struct aw_conn *conn, const struct aw_tx_options *options,
		     enum aw_sent *ret_sent);
	enum aw_conn_state (*state)(const struct aw_conn *conn);
	/* Cancel and drain what was interrupted; afterwards state() is not
	 * AW_CONN_CUT.  Awaits.  A failure closes the connection. */
	int (*repair)(struct aw_conn *conn);
	/* Put the session back to its defaults.  Awaits. */
	int (*reset)(struct aw_conn *conn);
	/* One round trip.  Awaits. */
	int (*ping)(struct aw_conn *conn);
	/* End in good order and free.  Awaits. */
	void (*close)(struct aw_conn *conn);
	/* End at once and free.  Does not wait. */
	void (*abort)(struct aw_conn *conn);
	/* A stream ends before its rows do; after that state() tells. */
	void (*stream_end)(struct aw_conn *conn, struct aw_rows *rows);
	void (*meta_free)(void *meta);
	void (*data_free)(void *data);
};

/* One value of the current row, as the driver finds it. */
struct aw_cell {
	bool null;
	bool text;		/* value.as.bytes is the server's text of a
				 * value of value.kind */
	bool terminated;	/* value.as.bytes: a NUL follows */
	int time_kind;		/* of a text AW_KIND_TIME: enum aw_time_kind */
	struct aw_value value;
};

struct aw_rows_ops {
	/* Go to the next row: 1, 0 at the end, negative.  A stream awaits. */
	int (*step)(struct aw_rows *rows);
	/* A stream of several commands with rows->more set: go to the next
	 * result, in front of its first row.  0 or negative.  Awaits. */
	int (*more)(struct aw_rows *rows);
	/* One value of the current row; 0 <= column < n_columns. */
	int (*cell)(struct aw_rows *rows, int column, struct aw_cell *ret);
	const char *(*name)(const struct aw_rows *rows, int column);
	/* The name of a type, perhaps in rows->type_text. */
	const char *(*type)(struct aw_rows *rows, int column);
	/* A native value as the server would write it, as snprintf(): the
	 * length it has, or would have.  NULL: aw__db_format(). */
	int (*format)(const struct aw_cell *cell, char *buf, size_t size);
	/* Free the driver's memory and the rows themselves. */
	void (*free)(struct aw_rows *rows);
};

/* Of text, bytes, or a decimal. */
static inline bool
aw__db_has_nul(const struct aw_value *v)
{
	return v->as.bytes.size &&
		memchr(v->as.bytes.data, '\0', v->as.bytes.size);
}

/* The bytes of what has a length, in n values; more than an integer holds is
 * the most that it holds. */
static inline uint64_t
aw__db_bytes(const struct aw_value *values, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		const struct aw_value *v = &values[i];
		bool sized = v->kind == AW_KIND_TEXT ||
			v->kind == AW_KIND_BYTES || v->kind == AW_KIND_DECIMAL;
		uint64_t size = sized ? v->as.bytes.size : 0;

		sum = size < UINT64_MAX - sum ? sum + size : UINT64_MAX;
	}
	return sum;
}

/* Memory of views of the current row, given back at the next. */
struct aw_arena {
	struct aw_arena_chunk *chunks;
};

struct aw_rows {
	const struct aw_rows_ops *ops;
	struct aw_conn *conn;	/* of a stream that has not ended; else NULL */
	bool stream;
	bool owns_conn;		/* release conn at the end */
	bool on_row;
	bool ended;		/* no further row in this result */
	bool more;		/* of a stream: another result follows */
	int n_columns;
	int64_t n_rows;		/* buffered; -1 for a stream */
	int64_t row;		/* the current one, from 0; -1 before */
	int64_t affected;
	struct aw_arena arena;
	char type_text[24];
};

/* Does it need its connection still? */
static inline bool
aw__db_rows_hold(const struct aw_rows *rows)
{
	return rows->stream && (!rows->ended || rows->more);
}

/* db/pool.c.  data is taken, also on failure; strings in options are copied.
 * database: for the pool's default name. */
AW_API int aw__db_open(struct aw_db **ret, const struct aw_db_driver *driver,
		       void *data, const char *database,
		       const struct aw_db_options *options);
/* Keep it alive beside the pool; the last unref frees it. */
AW_API void aw__db_ref(struct aw_db *db);
AW_API void aw__db_unref(struct aw_db *db);
/* Set up the common half of a zeroed connection; fini frees its parts. */
AW_API int aw__db_conn_init(struct aw_conn *conn, struct aw_db *db);
AW_API void aw__db_conn_fini(struct aw_conn *conn);
/* The driver noticed in a loop callback that a connection is gone. */
AW_API void aw__db_conn_lost(struct aw_conn *conn);

/* db/stmts.c: drop a statement from the cache of the whole pool. */
AW_API void aw__db_stmt_forget(struct aw_db *db, struct aw_stmt *stmt);

/* db/rows.c */
AW_API void aw__db_rows_init(struct aw_rows *rows,
			     const struct aw_rows_ops *ops, int n_columns);
/* The driver's step() calls it when a stream has reached its end. */
AW_API void aw__db_rows_ended(struct aw_rows *rows);

/* db/format.c: text of native values, as snprintf(). */
AW_API int aw__db_format(const struct aw_cell *cell, char *buf, size_t size);
AW_API int aw__db_format_time(const struct aw_time *time, char *buf,
			      size_t size);
/* The fewest digits that read back as the same number: digits[0..n) and the
 * power of ten of the first; returns n.  single: of a float. */
AW_API int aw__db_shortest(double number, bool single, char digits[20],
			   int *ret_exponent);

/* db/parse.c: server's text to native; 0 or AW_EDECODE, AW_ERANGE, AW_ETYPE. */
AW_API int aw__db_parse_int(struct aw_bytes text, int64_t *ret);
AW_API int aw__db_parse_uint(struct aw_bytes text, uint64_t *ret);
AW_API int aw__db_parse_double(struct aw_bytes text, double *ret);
AW_API int aw__db_parse_time(struct aw_bytes text, int kind,
			     struct aw_time *ret);
AW_API int aw__db_parse_uuid(struct aw_bytes text, struct aw_uuid *ret);

/* db/error.c: the class of a SQLSTATE, refined by the driver's own number. */
AW_API enum aw_sql_class aw__db_sqlstate_class(const char *sqlstate);
/* One line without control characters, cut at size - 1. */
AW_API void aw__db_line(char *ret, size_t size, const char *text);

#endif
