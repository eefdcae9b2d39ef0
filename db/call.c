/* SPDX-License-Identifier: MIT */
/*
 * call.c - one statement on one connection, and the verbs made of it.
 *
 *	check      is the connection mine, free, of this process?
 *	settle     repair what was interrupted, send the ROLLBACK that is owed
 *	refuse     AW_ETXDEAD while the transaction is dead
 *	run        the driver
 *	note       what the failure means for the transaction, and aw_error()
 *
 * On a pool the same happens on a connection borrowed for the one statement.
 * An interrupted statement leaves the connection cut; its release hands it to
 * the pool, which repairs it, and the caller has its error at once.
 */
#include <stdio.h>

#include "common.h"

int
aw__db_usable(struct aw_conn *conn)
{
	if (conn->fork_mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the connection belongs to the parent "
			       "process: open a pool of your own");
	if (!conn->lent)
		return aw_fail(AW_EUSAGE, "the connection was released");
	if (conn->calling)
		return aw_fail(AW_EBUSY, "another task runs \"%.80s\" on this "
			       "connection", conn->calling);
	if (conn->stream)
		return aw_fail(AW_EBUSY, "the rows of \"%s\" are being "
			       "streamed on this connection", conn->op);
	return 0;
}

int
aw__db_settle(struct aw_conn *conn)
{
	const struct aw_db_driver *driver = conn->db->driver;

	if (driver->state(conn) == AW_CONN_CUT) {
		AW_BUDGET(conn->db->options.cleanup);
		AW_TRY(driver->repair(conn));
	}
	if (driver->state(conn) == AW_CONN_DEAD)
		return aw_fail(AW_ELOST, "the connection was lost before: "
			       "release it and acquire another");
	return aw__db_pay(conn);
}

int
aw__db_check_alive_tx(const struct aw_conn *conn)
{
	struct aw_error *error;

	if (!conn->failed_level)
		return 0;
	error = aw_error_set(AW_ETXDEAD);
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s",
		 conn->failed_sqlstate);
	error->sql_class = aw__db_sqlstate_class(conn->failed_sqlstate);
	error->sent = AW_NOT_SENT;
	snprintf(error->message, sizeof(error->message), "the transaction had "
		 "failed before (SQLSTATE %s): roll it back",
		 conn->failed_sqlstate[0] ? conn->failed_sqlstate : "unknown");
	return AW_ETXDEAD;
}

void
aw__db_note_failure(struct aw_conn *conn, int r)
{
	enum aw_conn_state state = conn->db->driver->state(conn);
	const struct aw_error *error = aw_error();

	if (!conn->level || conn->failed_level || state == AW_CONN_IN_TX)
		return;
	/* The server rolled all of it back by itself, or will not go on. */
	conn->failed_level = state == AW_CONN_IDLE ? 1 : conn->level;
	snprintf(conn->failed_sqlstate, sizeof(conn->failed_sqlstate), "%s",
		 r == AW_ESQL ? error->sqlstate : "");
}

/* A void pointer is a mistake, and no number has a NUL in it.  Text may have
 * one: the driver knows what the server makes of it. */
static int
check_values(const struct aw_value *values, size_t n)
{
	if (n > AW_DB_MAX_VALUES)
		return aw_fail(AW_ELIMIT, "%zu parameters, at most %d", n,
			       AW_DB_MAX_VALUES);
	for (size_t i = 0; i < n; i++) {
		const struct aw_value *v = &values[i];

		if (v->kind == AW_KIND_POINTER)
			return aw_fail(AW_EUSAGE, "parameter %zu is a void "
				       "pointer: cast it to what it is", i + 1);
		if (v->kind == AW_KIND_DECIMAL && aw__db_has_nul(v))
			return aw_fail(AW_EUSAGE, "parameter %zu: a number "
				       "with a NUL in it", i + 1);
	}
	return 0;
}

/* The text in the dialect of the server. */
static int
choose_text(const struct aw_db *db, struct aw_call *call)
{
	const struct aw_sql *sql = call->sql;
	const char *own = db->driver->mysql ? sql->mysql : sql->pg;

	call->text = own ? own : sql->text;
	if (!call->text)
		return aw_fail(AW_EUSAGE, "no text for %s in AW_SQL()",
			       db->driver->name);
	call->size = strlen(call->text);
	if (sql->multi && call->n_values)
		return aw_fail(AW_EUSAGE, "several commands in one text take "
			       "no parameters");
	return check_values(call->values, call->n_values);
}

static void
find_statement(struct aw_db *db, struct aw_call *call)
{
	if (call->sql->multi)
		return;
	call->stmt = aw__db_stmt_get(db->stmts, call->text, call->size);
	call->prepare = call->stmt && !call->sql->no_prepare &&
		db->options.prepare == AW_PREPARE_AUTO;
}

static void
describe_failure(const struct aw_call *call)
{
	struct aw_error *error = aw_error_edit();

	aw__db_line(error->op, sizeof(error->op), call->text);
	if (error->sent == AW_SENT_NA)
		error->sent = call->sent;
}

static int
run(struct aw_conn *conn, struct aw_call *call)
{
	struct aw_db *db = conn->db;
	int r;

	AW_TRY(aw__db_settle(conn));
	AW_TRY(aw__db_check_alive_tx(conn));
	find_statement(db, call);
	db->n_statements++;
	db->n_prepared += call->prepare;
	r = db->driver->run(conn, call);
	aw__db_stmt_put(call->stmt);
	if (r < 0)
		aw__db_note_failure(conn, r);
	return r;
}

int
aw__db_call(struct aw_conn *conn, struct aw_call *call)
{
	int r;

	call->sent = AW_NOT_SENT;
	r = aw_checkpoint();
	if (r == 0)
		r = aw__db_usable(conn);
	if (r == 0)
		r = choose_text(conn->db, call);
	if (r == 0) {
		conn->calling = call->text;
		r = run(conn, call);
		conn->calling = NULL;
	}
	if (r < 0 && call->text)
		describe_failure(call);
	return r;
}

enum aw_conn_state
aw_conn_state(const struct aw_conn *conn)
{
	return conn->fork_mark == aw_fork_mark() ?
		conn->db->driver->state(conn) : AW_CONN_DEAD;
}

int
aw_conn_exec_v(struct aw_conn *conn, int64_t *ret_affected,
	       const struct aw_sql *sql, const struct aw_value *values,
	       size_t n_values)
{
	struct aw_call call = { .sql = sql, .values = values,
				.n_values = n_values, .want = AW_WANT_COUNT };
	int r = aw__db_call(conn, &call);

	if (r == 0 && ret_affected)
		*ret_affected = call.affected;
	return r;
}

int
aw_conn_query_v(struct aw_conn *conn, struct aw_rows **ret,
		const struct aw_sql *sql, const struct aw_value *values,
		size_t n_values)
{
	struct aw_call call = { .sql = sql, .values = values,
				.n_values = n_values, .want = AW_WANT_ROWS };
	int r = aw__db_call(conn, &call);

	if (r == 0)
		*ret = call.rows;
	return r;
}

int
aw_conn_stream_v(struct aw_conn *conn, struct aw_rows **ret,
		 const struct aw_sql *sql, const struct aw_value *values,
		 size_t n_values)
{
	struct aw_call call = { .sql = sql, .values = values,
				.n_values = n_values, .want = AW_WANT_STREAM };
	int r = aw__db_call(conn, &call);

	if (r < 0)
		return r;
	/* A driver may have had to keep all of a small result. */
	if (aw__db_rows_hold(call.rows)) {
		call.rows->conn = conn;
		conn->stream = call.rows;
		aw__db_line(conn->op, sizeof(conn->op), call.text);
	}
	*ret = call.rows;
	return 0;
}

/* Views would dangle: the rows are gone when the call returns. */
static int
check_into(struct aw_into into)
{
	for (size_t i = 0; i < into.n_targets; i++) {
		int kind = into.targets[i].kind;

		if (kind == AW_TARGET_TEXT || kind == AW_TARGET_BYTES)
			return aw_fail(AW_EUSAGE, "target %zu of aw_db_one() "
				       "would be a view of rows that are gone: "
				       "use AW_BUF()", i);
	}
	return 0;
}

static int
only_row(struct aw_rows *rows, struct aw_into into)
{
	int r;

	if (rows->n_rows > 1)
		return aw_fail(AW_EMANY, "%lld rows where one was expected",
			       (long long)rows->n_rows);
	r = aw_rows_next_v(rows, into.targets, into.n_targets);
	if (r == 0)
		return aw_fail(AW_ENOROW, "no row where one was expected");
	return r < 0 ? r : 0;
}

int
aw_conn_one_v(struct aw_conn *conn, struct aw_into into,
	      const struct aw_sql *sql, const struct aw_value *values,
	      size_t n_values)
{
	struct aw_call call = { .sql = sql, .values = values,
				.n_values = n_values, .want = AW_WANT_ROWS };
	int r = check_into(into);

	if (r == 0)
		r = aw__db_call(conn, &call);
	if (r < 0)
		return r;
	r = only_row(call.rows, into);
	if (r < 0) {
		call.sent = AW_SENT_NA;
		describe_failure(&call);
	}
	aw_rows_free(call.rows);
	return r;
}
