/* SPDX-License-Identifier: MIT */
/*
 * session.c - the connection that the lines share, and what its loss means.
 *
 * With -c 1 a transaction may span lines.  If its connection is lost (the
 * server went away, or MariaDB's -t closed it), the lines that follow belong
 * to a transaction that is no more: on a fresh connection each of them would
 * commit by itself.  So they are refused until one ends the transaction:
 *
 *	COMMIT, END        refused, since it is not true; and it is over
 *	ROLLBACK, ABORT    done, since it is
 *	all else           refused
 *
 * which is what PostgreSQL does in a transaction that has failed, except that
 * it takes the COMMIT of one, rolls back and reports no error: the line is then
 * answered with one of ours.  Settings and temporary tables are gone, too; the
 * line that lost them says so.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <await/driver.h>

#include "awsql.h"

#define RETRY_SECONDS 1.0

/* Again what was said when the server was found to be down. */
static int
still_down(const struct down *down)
{
	struct aw_error *error = aw_error_set(down->error->code);

	snprintf(error->message, sizeof(error->message), "%s",
		 down->error->message);
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s",
		 down->error->sqlstate);
	error->native = down->error->native;
	error->sent = AW_NOT_SENT;
	return error->code;
}

static int
try_again(struct line *line, struct aw_conn **ret)
{
	AW_BUDGET(RETRY_SECONDS);

	return aw_db_acquire(line->db, ret);
}

/* Interrupted by the user's own limit: that says nothing of the server. */
static bool
is_interrupt(int r)
{
	return r == AW_ETIME || r == AW_ECANCELED;
}

int
borrow(struct line *line, struct aw_conn **ret)
{
	struct down *down = line->down;
	int r;

	if (down->error && aw_now() < down->until)
		return still_down(down);
	r = down->error ? try_again(line, ret) : aw_db_acquire(line->db, ret);
	if (is_interrupt(r))
		return r;
	if (r < 0)
		down->until = aw_now() + RETRY_SECONDS;
	if (r < 0 && r == AW_ETIMEDOUT && down->error)
		return still_down(down);
	aw_error_freep(&down->error);
	if (r < 0)
		aw_ignore(aw_error_dup(&down->error));
	return r;
}

/* --- what a statement begins or ends ------------------------------------- */

static const char *
skip_comments(const char *at)
{
	for (;;) {
		const char *end;

		at += strspn(at, " \t\r\n;");
		if (strncmp(at, "--", 2) == 0)
			end = strchr(at, '\n');
		else if (strncmp(at, "/*", 2) == 0)
			end = strstr(at, "*/");
		else
			return at;
		if (!end)
			return at;
		at = end + (*end == '*' ? 2 : 1);
	}
}

static bool
is_word(const char *at, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(at, word, n) == 0 && at[n] != '_' &&
		!isalnum((unsigned char)at[n]);
}

/* Anywhere in the first n bytes, as a word of its own. */
static bool
has_word(const char *at, size_t n, const char *word)
{
	for (size_t i = 1; i < n; i++)
		if (!isalnum((unsigned char)at[i - 1]) && is_word(at + i, word))
			return true;
	return false;
}

static bool
is_commit(const char *sql)
{
	sql = skip_comments(sql);
	return is_word(sql, "COMMIT") || is_word(sql, "END");
}

/* A savepoint, a prepared transaction and a chain end nothing. */
static bool
is_end(const char *sql)
{
	const char *at = skip_comments(sql);
	size_t n = strcspn(at, ";");

	return (is_commit(at) || is_word(at, "ROLLBACK") ||
		is_word(at, "ABORT")) &&
		!has_word(at, n, "TO") && !has_word(at, n, "PREPARED") &&
		!has_word(at, n, "CHAIN");
}

static bool
is_begin(const char *sql)
{
	const char *at = skip_comments(sql);
	size_t n = strlen(at);

	return is_word(at, "BEGIN") || is_word(at, "START") ||
		(strchr(at, ';') && (has_word(at, n, "BEGIN") ||
				     has_word(at, n, "START")));
}

/* --- the session --------------------------------------------------------- */

/* Where a line was interrupted, the server is asked first whether that has
 * cost the transaction. */
static void
note_failed(struct session *session)
{
	struct aw_conn *conn = session->conn;

	session->failed_tx = false;
	if (!conn)
		return;
	if (aw_conn_state(conn) == AW_CONN_CUT && session->in_tx)
		aw_ignore(aw_conn_exec(conn, NULL, "SELECT 1"));
	session->failed_tx = aw_conn_state(conn) == AW_CONN_FAILED_TX;
}

int
session_committed(const struct session *session, const char *sql)
{
	struct aw_error *error;

	sql = skip_comments(sql);
	if (!session->failed_tx || is_word(sql, "ROLLBACK") ||
	    is_word(sql, "ABORT") ||
	    aw_conn_state(session->conn) == AW_CONN_FAILED_TX)
		return 0;
	error = aw_error_set(AW_ETXDEAD);
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s",
		 session->sqlstate);
	snprintf(error->message, sizeof(error->message), "the transaction had "
		 "failed before: the server has rolled it back");
	return AW_ETXDEAD;
}

int
session_check(struct session *session, const char *sql)
{
	bool ends = is_end(sql), commits = is_commit(sql);

	note_failed(session);
	if (!session->lost_tx)
		return 0;
	session->lost_tx = !ends;
	if (ends && !commits)
		return 0;
	return aw_fail(AW_ETXDEAD, "the transaction was lost with its "
		       "connection, and nothing of it is done: %s", ends ?
		       "it is over now" : "ROLLBACK first");
}

/* Where it was interrupted, it is as it was before. */
static void
note_alive(struct session *session, enum aw_conn_state state, const char *sql)
{
	if (state == AW_CONN_CUT)
		session->in_tx = session->in_tx || is_begin(sql);
	else
		session->in_tx = state != AW_CONN_IDLE;
	if (state != AW_CONN_FAILED_TX)
		session->sqlstate[0] = '\0';
	else if (!session->sqlstate[0])
		snprintf(session->sqlstate, sizeof(session->sqlstate), "%s",
			 aw_error()->sqlstate);
}

const char *
session_note(struct session *session, const char *sql)
{
	enum aw_conn_state state;
	bool in_tx = session->in_tx;

	if (!session->conn)
		return "";
	state = aw_conn_state(session->conn);
	if (state != AW_CONN_DEAD) {
		note_alive(session, state, sql);
		return "";
	}
	aw_conn_freep(&session->conn);
	session->in_tx = false;
	session->lost_tx = !is_end(sql) && (in_tx || is_begin(sql));
	if (session->lost_tx)
		return "; the connection is gone with its settings, temporary "
			"tables and open transaction: lines fail until one "
			"ends it";
	if (in_tx && is_commit(sql))
		return "; the connection is gone, and it is not known whether "
			"the transaction was committed";
	return "; the connection is gone with its settings and temporary "
		"tables: the next line has a fresh one";
}
