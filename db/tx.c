/* SPDX-License-Identifier: MIT */
/*
 * tx.c - transactions, savepoints, and what is owed.
 *
 *	server        level   conn->tx
 *	(none)          0     NULL
 *	BEGIN           1     tx 1
 *	SAVEPOINT aw_2  2     tx 2 -> outer tx 1
 *
 * aw_tx_free() cannot wait.  It writes the level to return to into
 * conn->owed; the next statement, or the pool, pays: ROLLBACK for 0, else
 * ROLLBACK TO the savepoint above that level.  A statement's failure makes
 * the innermost level the failed one (failed_level); paying below it revives.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

/* Names are ours and numbers: nothing to quote. */
static int
savepoint_command(struct aw_conn *conn, const char *verb, int level,
		  enum aw_sent *ret_sent)
{
	char text[64];

	snprintf(text, sizeof(text), "%s aw_%d", verb, level);
	return conn->db->driver->command(conn, text, ret_sent);
}

static int
pay_whole(struct aw_conn *conn)
{
	enum aw_sent sent = AW_NOT_SENT;
	int r = 0;

	if (conn->db->driver->state(conn) != AW_CONN_IDLE)
		r = conn->db->driver->command(conn, "ROLLBACK", &sent);
	if (r == 0)
		conn->level = 0;
	return r;
}

/* A server that has rolled everything back by itself knows no savepoint any
 * more; then the outer levels are dead too, and stay failed. */
static int
pay_savepoint(struct aw_conn *conn)
{
	enum aw_sent sent = AW_NOT_SENT;
	int level = conn->owed + 1, r = 0;

	if (conn->db->driver->state(conn) != AW_CONN_IDLE) {
		r = savepoint_command(conn, "ROLLBACK TO SAVEPOINT", level,
				      &sent);
		if (r == 0)
			r = savepoint_command(conn, "RELEASE SAVEPOINT", level,
					      &sent);
	}
	if (r == 0)
		conn->level = conn->owed;
	return r;
}

int
aw__db_pay(struct aw_conn *conn)
{
	int r;

	if (conn->owed == AW_TX_NOTHING_OWED)
		return 0;
	r = conn->owed == 0 ? pay_whole(conn) : pay_savepoint(conn);
	if (r < 0)
		return r;
	if (conn->failed_level > conn->owed)
		conn->failed_level = 0;
	conn->owed = AW_TX_NOTHING_OWED;
	return 0;
}

void
aw__db_tx_orphan(struct aw_conn *conn)
{
	for (struct aw_tx *tx = conn->tx; tx; tx = tx->outer)
		tx->conn = NULL;
	conn->tx = NULL;
}

static int
describe(const char *what, enum aw_sent sent, int r)
{
	struct aw_error *error;

	if (r < 0) {
		error = aw_error_edit();
		snprintf(error->op, sizeof(error->op), "%s", what);
		if (error->sent == AW_SENT_NA)
			error->sent = sent;
	}
	return r;
}

/* The connection is this call's until leave(). */
static int
enter(struct aw_conn *conn, const char *what)
{
	int r = aw_checkpoint();

	if (r == 0)
		r = aw__db_usable(conn);
	if (r == 0)
		conn->calling = what;
	return describe(what, AW_NOT_SENT, r);
}

static int
leave(struct aw_conn *conn, const char *what, enum aw_sent sent, int r)
{
	conn->calling = NULL;
	return describe(what, sent, r);
}

static bool
has_options(const struct aw_tx_options *o)
{
	return o && (o->isolation || o->read_only || o->deferrable);
}

static int
send_begin(struct aw_conn *conn, const struct aw_tx_options *options,
	   enum aw_sent *ret_sent)
{
	static const struct aw_tx_options defaults = {
		.size = sizeof(defaults),
	};
	int r = aw__db_check_alive_tx(conn);

	if (r < 0)
		return r;
	if (conn->level > 0 && has_options(options))
		return aw_fail(AW_EUSAGE, "a transaction inside another is a "
			       "savepoint and has no options");
	if (conn->level > 0)
		r = savepoint_command(conn, "SAVEPOINT", conn->level + 1,
				      ret_sent);
	else if (conn->db->driver->state(conn) != AW_CONN_IDLE)
		return aw_fail(AW_EUSAGE, "a transaction was begun by a plain "
			       "statement: use aw_tx_begin() for it");
	else
		r = conn->db->driver->begin(conn, options ? options : &defaults,
					    ret_sent);
	if (r < 0)
		aw__db_note_failure(conn, r);
	/* Whether it began is not known: make sure that it did not. */
	if (r < 0 && conn->level == 0 && *ret_sent != AW_NOT_SENT)
		conn->owed = 0;
	return r;
}

int
aw_tx_begin_with(struct aw_conn *conn, struct aw_tx **ret,
		 const struct aw_tx_options *options)
{
	enum aw_sent sent = AW_NOT_SENT;
	struct aw_tx *tx;
	int r = enter(conn, "BEGIN");

	if (r < 0)
		return r;
	r = aw__db_settle(conn);
	tx = r == 0 ? calloc(1, sizeof(*tx)) : NULL;
	if (r == 0)
		r = tx ? send_begin(conn, options, &sent) :
			 aw_fail(AW_ENOMEM, "a transaction");
	r = leave(conn, "BEGIN", sent, r);
	if (r < 0) {
		free(tx);
		return r;
	}
	tx->conn = conn;
	tx->level = ++conn->level;
	tx->outer = conn->tx;
	conn->tx = tx;
	*ret = tx;
	return 0;
}

static int
check_ends(struct aw_tx *tx)
{
	if (tx->ended)
		return aw_fail(AW_EUSAGE, "the transaction was ended before");
	if (!tx->conn)
		return aw_fail(AW_ECLOSED, "the connection of this transaction "
			       "was released, which rolled it back");
	if (tx->conn->tx != tx)
		return aw_fail(AW_EUSAGE, "an inner transaction is still open");
	return 0;
}

/* It is over on the server, one way or the other. */
static void
end(struct aw_tx *tx, int level)
{
	struct aw_conn *conn = tx->conn;

	tx->ended = true;
	conn->tx = tx->outer;
	conn->level = level;
	if (conn->failed_level > level)
		conn->failed_level = 0;
}

/* The server has the COMMIT; did it do it?  Only a complete answer tells. */
static int
judge_commit(struct aw_conn *conn, enum aw_sent sent, int r)
{
	struct aw_error *error = aw_error_edit();

	if (r == AW_ESQL || r == AW_ETXDEAD || sent == AW_NOT_SENT)
		return r;
	error->code = AW_EUNKNOWN;
	error->sent = AW_SENT_UNKNOWN;
	snprintf(error->message, sizeof(error->message), "the COMMIT was sent "
		 "and its answer did not come (%s): it may have taken effect",
		 aw_strerror(r));
	conn->failed_level = 1;
	return AW_EUNKNOWN;
}

static int
send_commit(struct aw_tx *tx, enum aw_sent *ret_sent)
{
	struct aw_conn *conn = tx->conn;
	int r;

	if (tx->level > 1) {
		r = savepoint_command(conn, "RELEASE SAVEPOINT", tx->level,
				      ret_sent);
		if (r < 0)
			aw__db_note_failure(conn, r);
		else
			end(tx, tx->level - 1);
		return r;
	}
	r = conn->db->driver->command(conn, "COMMIT", ret_sent);
	if (r < 0)
		r = judge_commit(conn, *ret_sent, r);
	if (r == 0 || r == AW_ESQL || r == AW_ETXDEAD)
		end(tx, 0);
	return r;
}

int
aw_tx_commit(struct aw_tx *tx)
{
	enum aw_sent sent = AW_NOT_SENT;
	struct aw_conn *conn = tx->conn;
	int r = check_ends(tx);

	if (r < 0)
		return r;
	r = enter(conn, "COMMIT");
	if (r < 0)
		return r;
	r = aw__db_settle(conn);
	if (r == 0)
		r = aw__db_check_alive_tx(conn);
	if (r == 0)
		r = send_commit(tx, &sent);
	return leave(conn, "COMMIT", sent, r);
}

/* From here on the level is to be rolled back, by whoever comes next. */
static void
owe(struct aw_tx *tx)
{
	struct aw_conn *conn = tx->conn;
	int level = tx->level - 1;

	if (conn->owed == AW_TX_NOTHING_OWED || conn->owed > level)
		conn->owed = level;
	while (conn->tx) {
		struct aw_tx *inner = conn->tx;

		conn->tx = inner->outer;
		inner->ended = true;
		inner->conn = NULL;
		if (inner == tx)
			break;
	}
}

int
aw_tx_rollback(struct aw_tx *tx)
{
	struct aw_conn *conn = tx->conn;
	int r = check_ends(tx);

	if (r < 0)
		return r;
	r = aw__db_usable(conn);
	if (r < 0)
		return r;
	owe(tx);
	r = enter(conn, "ROLLBACK");
	if (r < 0)
		return r;
	return leave(conn, "ROLLBACK", AW_SENT_NA, aw__db_settle(conn));
}

void
aw_tx_free(struct aw_tx *tx)
{
	if (tx && tx->conn && !tx->ended)
		owe(tx);
	free(tx);
}

void
aw_tx_freep(struct aw_tx **tx)
{
	aw_tx_free(*tx);
	*tx = NULL;
}
