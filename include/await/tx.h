/* SPDX-License-Identifier: MIT */
/*
 * tx.h - transactions on a borrowed connection.
 *
 *	AW_AUTO(aw_conn, conn);
 *	AW_AUTO(aw_tx, tx);
 *
 *	AW_TRY(aw_db_acquire(db, &conn));
 *	AW_TRY(aw_tx_begin(conn, &tx, .isolation = AW_SERIALIZABLE));
 *	AW_TRY(aw_db_exec(conn, NULL, "UPDATE ..."));
 *	return aw_tx_commit(tx);
 *
 * A transaction that is not committed is rolled back: aw_tx_free() only
 * notes it, and the ROLLBACK goes out before the next statement of the
 * connection, or by the pool.  A begin inside a begin is a savepoint.
 *
 * After a statement failed, a transaction is dead: every call on the
 * connection, and the commit, fail with AW_ETXDEAD and the first SQLSTATE,
 * until it, or the savepoint around the failure, has been rolled back.
 */
#ifndef AWAIT_TX_H
#define AWAIT_TX_H

#include <await/base.h>
#include <await/value.h>

AW_BEGIN_DECLS

struct aw_conn;
struct aw_db;
struct aw_tx;

enum aw_isolation {
	AW_ISOLATION_DEFAULT,	/* the server's */
	AW_READ_UNCOMMITTED,
	AW_READ_COMMITTED,
	AW_REPEATABLE_READ,
	AW_SERIALIZABLE
};

/* What the server said last of a session. */
enum aw_conn_state {
	AW_CONN_IDLE,		/* no transaction */
	AW_CONN_IN_TX,
	AW_CONN_FAILED_TX,	/* only a rollback is accepted */
	AW_CONN_CUT,		/* interrupted; the next call puts it right */
	AW_CONN_DEAD		/* the session is gone */
};

/* Options of aw_tx_begin(). */
struct aw_tx_options {
	size_t size;
	struct aw_named *named;
	enum aw_isolation isolation;
	bool read_only;
	bool deferrable;	/* PostgreSQL, serializable and read only */
};

/* Options of aw_db_transact(). */
struct aw_transact_options {
	size_t size;
	struct aw_named *named;
	enum aw_isolation isolation;
	bool read_only;
	int attempts;		/* in all; default 5 */
	double base;		/* first pause, doubled each time; 0.02 */
	double cap;		/* longest pause; 1 */
};

#ifndef __cplusplus

#define aw_tx_begin(conn, ...) \
	aw_tx_begin_with(conn, AW_FIRST_(__VA_ARGS__, 0), \
			 AW_OPTIONS_(aw_tx_options, __VA_ARGS__))
#define aw_db_transact(db, fn, ...) \
	aw_db_transact_with(db, fn, AW_FIRST_(__VA_ARGS__, 0), \
			    AW_OPTIONS_(aw_transact_options, __VA_ARGS__))

/* The options that follow the last fixed argument, perhaps none. */
#define AW_OPTIONS_(type, ...) \
	AW_CAT(AW_OPTIONS_, AW_HOW_MANY_(__VA_ARGS__))(type, __VA_ARGS__)
#define AW_OPTIONS_ONE(type, last) \
	(&(struct type){ .size = sizeof(struct type) })
#define AW_OPTIONS_MORE(type, last, ...) \
	(&(struct type){ .size = sizeof(struct type), __VA_ARGS__ })

#endif

/**
 * aw_conn_state - what the server said last of this session
 * @conn: borrowed
 *
 * Nothing is asked: that a session is gone shows when it is used, or when
 * the loop has seen the end of its socket.
 *
 * Return: AW_CONN_IDLE; AW_CONN_IN_TX; AW_CONN_FAILED_TX (PostgreSQL only);
 * AW_CONN_CUT: a statement was interrupted, and the next one cancels it first,
 * or (PostgreSQL) the rows of one are being streamed;
 * AW_CONN_DEAD: release it and acquire another, which knows nothing of the
 * settings, temporary tables and transaction of this one.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API enum aw_conn_state aw_conn_state(const struct aw_conn *conn);

/**
 * aw_tx_begin_with - begin a transaction, or a savepoint inside one
 * @conn: the connection
 * @ret: new; release it with aw_tx_free(), which rolls back what was not
 * committed
 * @options: NULL for the defaults; a savepoint takes none
 *
 * The function under the macro aw_tx_begin(conn, &tx, [.isolation ...]).
 * Awaits; cancel point.
 *
 * Return: 0; AW_EUSAGE (options on a savepoint); AW_ETXDEAD; as
 * aw_conn_exec_v().
 * Lifetime: after the release of @conn it answers AW_ECLOSED.
 * Context: task.
 * Source: PostgreSQL 15 manual, BEGIN, SAVEPOINT; MariaDB, START TRANSACTION.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_tx_begin_with(struct aw_conn *conn, struct aw_tx **ret,
		 const struct aw_tx_options *options);

/**
 * aw_tx_commit - make it last
 * @tx: begun, the innermost of its connection
 *
 * Awaits; cancel point.  The outcome is asked of the server: a COMMIT that it
 * answers with ROLLBACK is AW_ETXDEAD.
 *
 * Return: 0; AW_ETXDEAD; AW_EUNKNOWN (the COMMIT was sent and its answer did
 * not come: it may have taken effect); AW_ESQL (it was refused and nothing
 * took effect); AW_ECLOSED (the connection was released); AW_EUSAGE (ended
 * before, or not the innermost); -ECANCELED and -ETIME only if it was not
 * sent; AW_ELOST.
 * Lifetime: @tx stays the caller's, for aw_tx_free().
 * Context: task.
 * Source: PostgreSQL 15 manual, COMMIT, Notes.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_tx_commit(struct aw_tx *tx);

/**
 * aw_tx_rollback - undo it now
 * @tx: begun, the innermost of its connection
 *
 * Awaits; cancel point.  If it fails, the pool does it.
 *
 * Return: 0; AW_ECLOSED; AW_EUSAGE; as aw_conn_exec_v().
 * Lifetime: @tx stays the caller's, for aw_tx_free().
 * Context: task.
 * Source: PostgreSQL 15 manual, ROLLBACK, ROLLBACK TO SAVEPOINT.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_tx_rollback(struct aw_tx *tx);

/**
 * aw_tx_free - drop a transaction; without a commit it will be rolled back
 * @tx: may be NULL
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_tx_free(struct aw_tx *tx);

/**
 * aw_tx_freep - aw_tx_free() for AW_AUTO
 * @tx: address of the transaction, which is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_tx_freep(struct aw_tx **tx);

/**
 * aw_db_transact_with - run a function in a transaction, again if it must be
 * @db: the pool
 * @fn: does the work on the connection; 0 or more commits, a negative code
 * rolls back and is returned; must not begin or end the transaction itself
 * @arg: handed to @fn
 * @options: NULL for the defaults
 *
 * The function under the macro aw_db_transact(db, fn, arg, [...]).  When @fn
 * or the commit fails by a serialization failure, a deadlock or a lock
 * timeout (40001, 40P01, 1213, 1205), it is rolled back and @fn is called
 * again after a pause, so everything it does outside the database must bear
 * repetition.  An unknown outcome is never repeated.
 * Awaits; cancel point.
 *
 * Return: the value of @fn; AW_EUNKNOWN; the last failure when all attempts
 * are used; what aw_db_acquire() and aw_tx_commit() return.
 * Lifetime: nothing passed is used after the return.
 * Context: task.
 * Source: PostgreSQL 15 manual, 13.5 Serialization Failure Handling.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_db_transact_with(struct aw_db *db, int (*fn)(struct aw_conn *, void *),
		    void *arg, const struct aw_transact_options *options);

AW_END_DECLS

#endif
