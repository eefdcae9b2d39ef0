/* SPDX-License-Identifier: MIT */
/*
 * run.c - one statement.
 *
 *	prepared   binary both ways; kept in a slot, or for this once
 *	text       no parameters and no slot; also what cannot be prepared
 *	multi      several commands in one text: the last result is kept
 *
 * A CALL gives several results: the first is kept, the rest read and dropped.
 *
 * The server prepares a statement again by itself when its tables have been
 * altered.  When it gives up (1615), or knows the statement no more (1243),
 * it has done nothing: prepared anew, the statement runs once more, the first
 * only outside a transaction.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "my_conn.h"

/* Does the text leave the session as it was, whatever it does? */
static bool
is_plain(const char *text)
{
	static const char *const plain[] = {
		"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH",
		"VALUES",
	};

	for (size_t i = 0; i < AW_LENGTH(plain); i++)
		if (aw__my_is_word(text, plain[i]))
			return true;
	return false;
}

static bool
sets_variable(const char *text)
{
	for (const char *at = strchr(text, '@'); at; at = strchr(at + 1, '@')) {
		const char *into = at;

		while (into > text && (into[-1] == ' ' || into[-1] == '\n' ||
				       into[-1] == '\t'))
			into--;
		if (into - text >= 4 && strncasecmp(into - 4, "INTO", 4) == 0)
			return true;
	}
	return strstr(text, ":=") != NULL;
}

/* What the server changes in a session without reporting it (tried with
 * MariaDB 10.11): variables set by a SELECT, locks. */
static bool
changes_silently(const char *text)
{
	return aw__my_is_word(text, "LOCK") || sets_variable(text) ||
		strcasestr(text, "GET_LOCK");
}

/* The text of a statement that has a place is looked at once. */
static bool
is_silent(struct aw_stmt *stmt, const char *text)
{
	static char yes, no;

	if (!stmt)
		return changes_silently(text);
	if (!stmt->meta)
		stmt->meta = changes_silently(text) ? &yes : &no;
	return stmt->meta == &yes;
}

static void
note_session(struct aw_my_conn *c, const struct aw_call *call)
{
	aw__my_note_status(c);
	if (is_silent(call->stmt, call->text) ||
	    (!c->tracked && !is_plain(call->text)))
		c->base.dirty = true;
}

/* After an error the server is asked about the transaction where it may have
 * changed: in one, or when the statement could begin one. */
static void
after_error(struct aw_my_conn *c, struct aw_call *call, int r)
{
	if (r != AW_ESQL || c->dead || call->sent == AW_NOT_SENT)
		return;
	if (call->sql->multi || aw__my_is_word(call->text, "CALL")) {
		call->sent = AW_SENT_UNKNOWN;
		aw_error_edit()->sent = AW_SENT_UNKNOWN;
	}
	if (c->in_tx || !is_plain(call->text))
		aw__my_ask_status(c);
}

static int
check_rows(const struct aw_call *call, int64_t n)
{
	if (call->sql->max_rows > 0 && n > call->sql->max_rows)
		return aw_fail(AW_ELIMIT, "%lld rows, at most %lld wanted",
			       (long long)n, (long long)call->sql->max_rows);
	return 0;
}

static void
drop_rows(struct aw_call *call)
{
	aw_rows_free(call->rows);
	call->rows = NULL;
}

/* --- Text --------------------------------------------------------------- */

static int
empty_rows(struct aw_call *call)
{
	struct aw_my_meta *meta = aw__my_meta_new(NULL, 0);
	int r = meta ? aw__my_rows_binary(&(struct aw_my_stmt){ NULL, meta },
					  &call->rows) : AW_ENOMEM;

	aw__my_meta_unref(meta);
	if (r < 0)
		return aw_fail(r, "a result");
	call->rows->affected = call->affected;
	return 0;
}

/* One of perhaps several results; keep: it is the one that is wanted. */
static int
take_text(struct aw_my_conn *c, struct aw_call *call, bool keep)
{
	MYSQL_RES *result;
	int r = 0;

	aw__my_enter(c);
	result = mysql_store_result(c->mysql);
	/* A connection that was lost has no count of columns any more. */
	if (!result && (mysql_field_count(c->mysql) || mysql_errno(c->mysql)))
		return aw__my_fail(c, &call->sent);
	if (keep) {
		drop_rows(call);
		call->affected = (int64_t)mysql_affected_rows(c->mysql);
		c->insert_id = mysql_insert_id(c->mysql);
		r = check_rows(call, result ? call->affected : 0);
		if (r == 0 && call->want == AW_WANT_ROWS) {
			r = result ? aw__my_rows_text(c, result, &call->rows) :
				     empty_rows(call);
			result = NULL;
			if (r == 0)
				call->rows->affected = call->affected;
		}
	}
	mysql_free_result(result);
	return r;
}

static int
take_all_text(struct aw_my_conn *c, struct aw_call *call)
{
	int r = take_text(c, call, true);

	while (mysql_more_results(c->mysql)) {
		int more;

		if (c->dead)
			return r < 0 ? r : aw__my_fail(c, &call->sent);

		aw__my_enter(c);
		more = mysql_next_result(c->mysql) > 0 ?
			aw__my_fail(c, &call->sent) :
			take_text(c, call, r == 0 && call->sql->multi);
		if (more < 0) {
			r = more;
			break;
		}
	}
	return r;
}

static int
send_text(struct aw_my_conn *c, struct aw_call *call)
{
	call->sent = AW_SENT_UNKNOWN;
	aw__my_enter(c);
	if (mysql_real_query(c->mysql, call->text, call->size) != 0)
		return aw__my_fail(c, &call->sent);
	return 0;
}

static int
run_text(struct aw_my_conn *c, struct aw_call *call)
{
	int r = send_text(c, call);

	if (r < 0)
		return r;
	if (call->want == AW_WANT_STREAM && call->sql->multi)
		return aw__my_stream_multi(c, &call->rows);
	if (call->want == AW_WANT_STREAM && mysql_field_count(c->mysql))
		return aw__my_stream_text(c, &call->rows);
	/* A statement without rows has nothing to stream. */
	if (call->want == AW_WANT_STREAM)
		call->want = AW_WANT_ROWS;
	return take_all_text(c, call);
}

static int
allow_multi(struct aw_my_conn *c, bool on)
{
	enum aw_sent sent = AW_NOT_SENT;

	aw__my_enter(c);
	if (mysql_set_server_option(c->mysql, on ?
				    MYSQL_OPTION_MULTI_STATEMENTS_ON :
				    MYSQL_OPTION_MULTI_STATEMENTS_OFF) == 0)
		return 0;
	return aw__my_fail(c, &sent);
}

int
aw__my_multi_off(struct aw_my_conn *c)
{
	return allow_multi(c, false);
}

void
aw__my_multi_off_quietly(struct aw_my_conn *c)
{
	struct aw_error *kept = NULL;

	if (c->dead)
		return;
	if (aw_error_dup(&kept) < 0 || allow_multi(c, false) < 0)
		aw__my_died(c);
	aw_error_put(kept);
	aw_error_free(kept);
}

static int
run_multi(struct aw_my_conn *c, struct aw_call *call)
{
	int r = allow_multi(c, true);

	if (r < 0)
		return r;
	r = run_text(c, call);
	if (r < 0) {
		after_error(c, call, r);
		aw__my_multi_off_quietly(c);
		return r;
	}
	note_session(c, call);
	/* A stream does it at its end. */
	return call->want == AW_WANT_STREAM ? 0 : allow_multi(c, false);
}

/* May have several results, of other columns each time. */
static bool
calls(const char *text)
{
	return aw__my_is_word(text, "CALL") || aw__my_is_word(text, "EXECUTE");
}

/* --- Prepared ----------------------------------------------------------- */

/* The server has columns other than those it announced: libmariadb stops at
 * that, but has them, and the rows are still to come. */
static int
adopt_columns(struct aw_my_conn *c, struct aw_my_stmt *stmt)
{
	MYSQL_STMT *s = stmt->stmt;

	if (!aw__my_layout_known || s->last_errno != CR_NEW_STMT_METADATA ||
	    !c->mysql->fields)
		return -1;
	s->last_errno = 0;
	s->field_count = c->mysql->field_count;
	s->fields = c->mysql->fields;
	return 0;
}

static int
note_columns(struct aw_my_conn *c, struct aw_my_stmt *stmt)
{
	const MYSQL_FIELD *fields = c->mysql->fields;
	unsigned n = mysql_stmt_field_count(stmt->stmt);

	/* Those of the statement keep the names of the first time. */
	if (!fields || c->mysql->field_count != n)
		fields = mariadb_stmt_fetch_fields(stmt->stmt);
	if (aw__my_meta_fits(stmt->meta, fields, n))
		return 0;
	aw__my_meta_unref(stmt->meta);
	stmt->meta = aw__my_meta_new(fields, n);
	return stmt->meta ? 0 : aw_fail(AW_ENOMEM, "the columns of a result");
}

static int
execute(struct aw_my_conn *c, struct aw_call *call, struct aw_my_stmt *stmt,
	bool *ret_odd)
{
	if (call->n_values && mysql_stmt_bind_param(stmt->stmt, c->binds))
		return aw__my_fail_stmt(c, stmt->stmt, &call->sent);
	call->sent = AW_SENT_UNKNOWN;
	aw__my_enter(c);
	if (mysql_stmt_execute(stmt->stmt) == 0)
		return 0;
	if (!c->stopped && adopt_columns(c, stmt) == 0) {
		*ret_odd = true;
		return 0;
	}
	return aw__my_fail_stmt(c, stmt->stmt, &call->sent);
}

/* What a CALL gives behind its first result. */
static int
drop_rest(struct aw_my_conn *c, struct aw_call *call, MYSQL_STMT *stmt)
{
	while (mysql_stmt_more_results(stmt)) {
		aw__my_enter(c);
		if (mysql_stmt_next_result(stmt) > 0)
			return aw__my_fail_stmt(c, stmt, &call->sent);
		if (mysql_stmt_field_count(stmt) &&
		    mysql_stmt_store_result(stmt) != 0)
			return aw__my_fail_stmt(c, stmt, &call->sent);
		mysql_stmt_free_result(stmt);
	}
	return 0;
}

static int
store(struct aw_my_conn *c, struct aw_call *call, struct aw_my_stmt *stmt,
      bool *ret_odd)
{
	MYSQL_STMT *s = stmt->stmt;
	int r = note_columns(c, stmt);

	if (r < 0) {
		aw__my_died(c);
		return r;
	}
	aw__my_enter(c);
	if (mysql_stmt_store_result(s) != 0)
		return aw__my_fail_stmt(c, s, &call->sent);
	call->affected = (int64_t)mysql_stmt_num_rows(s);
	r = check_rows(call, call->affected);
	if (r == 0 && call->want == AW_WANT_ROWS)
		r = aw__my_rows_binary(stmt, &call->rows);
	if (r == 0 && call->rows)
		call->rows->affected = call->affected;
	if (mysql_stmt_more_results(s)) {
		int rest;

		*ret_odd = true;
		mysql_stmt_free_result(s);
		rest = drop_rest(c, call, s);
		r = rest < 0 ? rest : r;
	}
	return r;
}

static int
take_count(struct aw_my_conn *c, struct aw_call *call,
	   struct aw_my_stmt *stmt)
{
	call->affected = (int64_t)mysql_stmt_affected_rows(stmt->stmt);
	c->insert_id = mysql_stmt_insert_id(stmt->stmt);
	if (call->want == AW_WANT_COUNT)
		return drop_rest(c, call, stmt->stmt);
	return empty_rows(call);
}

static int
run_prepared(struct aw_my_conn *c, struct aw_call *call)
{
	struct aw_my_stmt *stmt;
	bool odd = false;
	int r = aw__my_encode(c, call);

	if (r == 0)
		r = aw__my_prepare(c, call, &stmt);
	if (r == 0)
		r = execute(c, call, stmt, &odd);
	if (r < 0)
		return r;
	if (!mysql_stmt_field_count(stmt->stmt)) {
		r = take_count(c, call, stmt);
	} else if (call->want == AW_WANT_STREAM && !odd &&
		   !calls(call->text)) {
		r = note_columns(c, stmt);
		return r < 0 ? r : aw__my_stream_binary(c, stmt, &call->rows);
	} else {
		if (call->want == AW_WANT_STREAM)
			call->want = AW_WANT_ROWS;
		r = store(c, call, stmt, &odd);
	}
	/* libmariadb's idea of it is not the server's any more. */
	if (odd && call->prepare)
		aw__my_forget_slot(c, call->stmt);
	return r;
}

/* --- Either ------------------------------------------------------------- */

static bool
wants_text(const struct aw_call *call)
{
	if (call->n_values)
		return false;
	return !call->prepare || call->sql->as_text || calls(call->text);
}

static bool
is_repeatable(const struct aw_my_conn *c, int native)
{
	return native == ER_UNKNOWN_STMT_HANDLER ||
		(native == ER_NEED_REPREPARE && !c->in_tx);
}

static int
run_best(struct aw_my_conn *c, struct aw_call *call)
{
	int native, r;

	if (wants_text(call))
		return run_text(c, call);
	r = run_prepared(c, call);
	native = r == AW_ESQL && !c->dead ? aw_error()->native : 0;
	if (native == ER_UNSUPPORTED_PS && !call->n_values)
		return run_text(c, call);
	if (!native || !is_repeatable(c, native))
		return r;
	c->base.db->n_stale++;
	if (call->prepare)
		aw__my_forget_slot(c, call->stmt);
	return run_prepared(c, call);
}

/* Bytes came that nobody had asked for. */
static int
clear_suspicion(struct aw_my_conn *c)
{
	enum aw_sent sent = AW_NOT_SENT;

	aw__my_enter(c);
	if (mysql_ping(c->mysql) != 0)
		return aw__my_fail(c, &sent);
	c->suspect = false;
	return 0;
}

int
aw__my_run(struct aw_conn *conn, struct aw_call *call)
{
	struct aw_my_conn *c = aw__my(conn);
	int r = aw__my_check_size(c, call);

	c->reads = 0;
	c->insert_id = 0;
	if (r == 0 && c->suspect)
		r = clear_suspicion(c);
	if (r == 0 && call->sql->multi) {
		r = run_multi(c, call);
	} else if (r == 0) {
		r = run_best(c, call);
		if (r == 0)
			note_session(c, call);
		else
			after_error(c, call, r);
	}
	if (r < 0)
		drop_rows(call);
	if (!conn->stream && !c->watched &&
	    !(call->rows && aw__db_rows_hold(call->rows)))
		aw__my_watch(c, true);
	return r;
}
