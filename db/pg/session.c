/* SPDX-License-Identifier: MIT */
/*
 * session.c - the life of a connection between its statements.
 *
 * The socket is watched all the time.  While nobody waits on it, what comes
 * is read in the callback: notices and parameters are libpq's, the end of
 * the file ends the connection, and an idle one leaves the pool at once.
 * Readiness alone proves nothing: libpq reads, then its status is asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <await/io.h>
#include <await/pg.h>

#include "pg_conn.h"

/* The watcher goes before the descriptor: its number may be reused. */
void
aw__pg_died(struct aw_pg_conn *c)
{
	c->dead = true;
	aw_fd_free(c->fd);
	c->fd = NULL;
}

/* Notices of the server have a SQLSTATE. Without one it is libpq that speaks:
 * of a message that came while nothing had been asked. */
void
aw__pg_take_notice(void *arg, const PGresult *result)
{
	struct aw_pg_conn *c = arg;

	if (!PQresultErrorField(result, PG_DIAG_SQLSTATE))
		c->stray = true;
}

static void
on_readable(void *arg, int events)
{
	struct aw_pg_conn *c = arg;

	(void)events;
	if (c->base.calling)
		return;
	/* The rest of an interrupted answer: its reading is the repair's. */
	if (c->cut) {
		aw__pg_watch(c, false);
		return;
	}
	if (PQconsumeInput(c->pg)) {
		PQisBusy(c->pg);
		if (PQstatus(c->pg) == CONNECTION_OK && !c->stray)
			return;
	}
	aw__pg_died(c);
	if (!c->base.lent)
		aw__db_conn_lost(&c->base);
}

void
aw__pg_watch(struct aw_pg_conn *c, bool on)
{
	if (c->fd)
		aw_fd_watch(c->fd, on ? AW_FD_READ : 0, on ? on_readable : NULL,
			    c);
}

static enum aw_conn_state
state(const struct aw_conn *conn)
{
	const struct aw_pg_conn *c = (const struct aw_pg_conn *)conn;

	if (c->dead)
		return AW_CONN_DEAD;
	if (c->cut)
		return AW_CONN_CUT;
	switch (PQtransactionStatus(c->pg)) {
	case PQTRANS_IDLE:
		return AW_CONN_IDLE;
	case PQTRANS_INTRANS:
		return AW_CONN_IN_TX;
	case PQTRANS_INERROR:
		return AW_CONN_FAILED_TX;
	case PQTRANS_ACTIVE:
		return AW_CONN_CUT;
	default:
		return AW_CONN_DEAD;
	}
}

void
aw__pg_forget_statements(struct aw_pg_conn *c)
{
	for (int i = 0; i < c->base.db->options.cache; i++)
		c->base.slots[i].serial = 0;
}

static bool
starts(const char *tag, const char *word)
{
	return strncmp(tag, word, strlen(word)) == 0;
}

/* Is it a command that leaves the session as it was? */
static bool
is_harmless(const char *tag)
{
	static const char *const harmless[] = {
		"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "FETCH",
		"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK",
		"SAVEPOINT", "RELEASE",
	};

	if (strncmp(tag, "SELECT ", 7) == 0)
		return true;
	for (size_t i = 0; i < AW_LENGTH(harmless); i++)
		if (starts(tag, harmless[i]))
			return true;
	return tag[0] == '\0';
}

/* Called for every result, also those that nobody waits for any more. */
void
aw__pg_note_tag(struct aw_pg_conn *c, PGresult *result)
{
	const char *tag = PQcmdStatus(result);

	if (is_harmless(tag))
		return;
	c->base.dirty = true;
	if (starts(tag, "DISCARD ALL") || starts(tag, "DEALLOCATE"))
		aw__pg_forget_statements(c);
}

/* COMMIT of a failed transaction is answered by ROLLBACK, without error. */
static int
check_commit(const char *text, PGresult *result)
{
	struct aw_error *error;

	if (strcmp(text, "COMMIT") != 0 ||
	    starts(PQcmdStatus(result), "COMMIT"))
		return 0;
	error = aw_error_set(AW_ETXDEAD);
	error->sent = AW_SENT_NO_EFFECT;
	snprintf(error->message, sizeof(error->message),
		 "the server answered the COMMIT with %s",
		 PQcmdStatus(result));
	return AW_ETXDEAD;
}

static int
command(struct aw_conn *conn, const char *text, enum aw_sent *ret_sent)
{
	struct aw_pg_conn *c = aw__pg(conn);
	PGresult *result;
	int r;

	c->cut = true;
	*ret_sent = AW_SENT_UNKNOWN;
	if (!PQsendQuery(c->pg, text)) {
		c->cut = false;
		return aw__pg_fail_send(c);
	}
	r = aw__pg_flush(c);
	if (r == 0)
		r = aw__pg_finish(c, &result);
	if (r < 0)
		return r;
	if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
		r = aw__pg_fail_result(c, result, ret_sent);
	} else {
		r = check_commit(text, result);
	}
	PQclear(result);
	return r;
}

static const char *
isolation_words(enum aw_isolation isolation)
{
	switch (isolation) {
	case AW_READ_UNCOMMITTED:
		return " ISOLATION LEVEL READ UNCOMMITTED";
	case AW_READ_COMMITTED:
		return " ISOLATION LEVEL READ COMMITTED";
	case AW_REPEATABLE_READ:
		return " ISOLATION LEVEL REPEATABLE READ";
	case AW_SERIALIZABLE:
		return " ISOLATION LEVEL SERIALIZABLE";
	default:
		return "";
	}
}

static int
begin(struct aw_conn *conn, const struct aw_tx_options *o,
      enum aw_sent *ret_sent)
{
	char text[96];

	snprintf(text, sizeof(text), "BEGIN%s%s%s",
		 isolation_words(o->isolation),
		 o->read_only ? " READ ONLY" : "",
		 o->deferrable ? " DEFERRABLE" : "");
	return command(conn, text, ret_sent);
}

static int
ping(struct aw_conn *conn)
{
	enum aw_sent sent;

	return command(conn, "", &sent);
}

static int
reset(struct aw_conn *conn)
{
	enum aw_sent sent;
	int r = command(conn, "DISCARD ALL", &sent);

	if (r == 0)
		aw__pg_forget_statements(aw__pg(conn));
	return r;
}

/* PQfinish() sends Terminate if the socket takes it, and never waits for a
 * nonblocking one.  In a child of fork() the session is the parent's: only
 * the descriptor is ours. */
static void
finish(struct aw_conn *conn)
{
	struct aw_pg_conn *c = aw__pg(conn);

	aw_fd_free(c->fd);
	if (conn->fork_mark == aw_fork_mark())
		PQfinish(c->pg);
	else if (PQsocket(c->pg) >= 0)
		close(PQsocket(c->pg));
	aw__pg_scratch_fini(&c->scratch);
	aw__db_conn_fini(conn);
	free(c);
}

static void
meta_free(void *meta)
{
	free(meta);
}

struct pg_conn *
aw_pg_native(struct aw_conn *conn)
{
	struct aw_pg_conn *c = aw__pg(conn);

	if (conn->fork_mark != aw_fork_mark())
		return NULL;
	conn->dirty = true;
	return c->dead ? NULL : c->pg;
}

const struct aw_db_driver aw__pg_driver = {
	.name = "PostgreSQL",
	.connect = aw__pg_connect,
	.run = aw__pg_run,
	.command = command,
	.begin = begin,
	.state = state,
	.repair = aw__pg_repair,
	.reset = reset,
	.ping = ping,
	.close = finish,
	.abort = finish,
	.stream_end = aw__pg_stream_end,
	.meta_free = meta_free,
	.data_free = aw__pg_data_free,
};
