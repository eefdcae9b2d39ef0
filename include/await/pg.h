/* SPDX-License-Identifier: MIT */
/*
 * pg.h - PostgreSQL.
 *
 *	AW_AUTO(aw_db, db);
 *
 *	AW_TRY(aw_pg_open(&db, "postgresql:///app", .max = 10));
 *
 * The DSN is what libpq takes: a URI (postgresql://user@host:port/db) or
 * "key=value" pairs, completed by the environment, the service file and
 * ~/.pgpass.  Everything else is in db.h.
 *
 * Connecting happens in helper threads, so names, TLS, passwords and several
 * hosts never hold up the loop.  Besides user and database a connection sets
 * only client_encoding and application_name, so that poolers accept it; with
 * a pooler that shares sessions between transactions use AW_PREPARE_OFF.
 *
 * A listener hears notifications on a connection of its own, which it makes
 * again when it is lost; what was sent meanwhile nobody kept, and a note with
 * gap set says so.
 */
#ifndef AWAIT_PG_H
#define AWAIT_PG_H

#include <await/base.h>
#include <await/db.h>

AW_BEGIN_DECLS

struct aw_pg_listener;
struct pg_conn;

/* What a listener heard. */
struct aw_pg_note {
	bool gap;		/* it was disconnected: look for yourself what
				 * happened; the rest is empty */
	int pid;		/* of the server process that sent it */
	const char *channel;
	const char *payload;	/* perhaps empty, never NULL */
	void *spare[2];
};

#ifndef __cplusplus
#define aw_pg_open(ret, ...) \
	aw_pg_open_with(ret, AW_FIRST_(__VA_ARGS__, 0), \
			AW_OPTIONS_(aw_db_options, __VA_ARGS__))
#endif

/**
 * aw_pg_open_with - make a pool of connections to PostgreSQL
 * @ret: new; end it with aw_db_close() or aw_db_freep()
 * @dsn: URI or conninfo string; NULL and "" use the environment alone
 * @options: NULL for the defaults; copied
 *
 * The function under the macro aw_pg_open(&db, dsn, [.max ...]).  Connects
 * nothing yet, unless .min asks for it.
 *
 * Return: 0; -EINVAL (@dsn: the message names the part, never the password;
 * or a number of @options below AW_NONE, or NaN); -ENOMEM; AW_EUSAGE (no loop
 * on this thread).
 * Lifetime: nothing passed is used after the return.
 * Context: task, loop callback.
 * Source: PostgreSQL 15 manual, 34.1.1 Connection Strings.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_pg_open_with(struct aw_db **ret, const char *dsn,
					 const struct aw_db_options *options);

/**
 * aw_pg_listen - hear what is notified on a channel
 * @db: a pool, for its DSN and limits; the listener's connection does not
 * count among its own
 * @ret: new; release it with aw_pg_listener_free()
 * @channel: its name as it is, upper and lower case differ
 *
 * When it returns, the server listens: nothing sent later is missed.
 * Awaits; cancel point.
 *
 * Return: 0; AW_ECONNECT, AW_EAUTH, AW_ETLS, AW_ERESOLVE; AW_ESQL;
 * -ETIMEDOUT; -ECANCELED; -ETIME; -ENOMEM.
 * Lifetime: independent of @db, which may be closed before.
 * Context: task.
 * Source: PostgreSQL 15 manual, LISTEN; 34.9 Asynchronous Notification.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_pg_listen(struct aw_db *db,
						struct aw_pg_listener **ret,
						const char *channel);

/**
 * aw_pg_listener_next - wait for the next notification
 * @listener: one task at a time
 * @ret: the note
 *
 * A lost connection is made again, with pauses between the attempts, until
 * it works or the caller's scope ends; then comes a note with gap set.
 * Silence is checked by a round trip every 30 seconds.
 * Awaits; cancel point.
 *
 * Return: 1; -ECANCELED; -ETIME; -EBUSY (another task waits); AW_EAUTH (the
 * server refuses us now); -ENOMEM.
 * Lifetime: the note's strings until the next call for the same listener.
 * Context: task.
 * Source: PostgreSQL 15 manual, 34.9 Asynchronous Notification.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_pg_listener_next(struct aw_pg_listener *listener, struct aw_pg_note *ret);

/**
 * aw_pg_listener_free - stop listening
 * @listener: may be NULL; nobody waits on it
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_pg_listener_free(struct aw_pg_listener *listener);

/**
 * aw_pg_listener_freep - aw_pg_listener_free() for AW_AUTO
 * @listener: address of the listener, which is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_pg_listener_freep(struct aw_pg_listener **listener);

/**
 * aw_pg_native - the libpq connection underneath
 * @conn: borrowed, of a pool from aw_pg_open()
 *
 * It is in nonblocking mode and must be idle again before the next call of
 * ours.  The session counts as changed and is reset when it is released.
 *
 * Return: the PGconn; NULL if the connection is lost, or the parent's in a
 * child of fork().
 * Lifetime: borrowed until aw_conn_release(); never PQfinish() it.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct pg_conn *aw_pg_native(struct aw_conn *conn);

AW_END_DECLS

#endif
