/* SPDX-License-Identifier: MIT */
/*
 * run.c - one statement.
 *
 *	prepared   Bind Describe Execute Sync by name; types known
 *	typed      Parse ... Execute Sync, unnamed, with the types that the
 *	           server inferred before (a round trip the first time)
 *	plain      the same without types: only text and NULL go out like that
 *	multi      simple query protocol
 *
 * A description of more than 30,000 bytes is "lost synchronization" to libpq
 * up to 15.18 (VALID_LONG_MESSAGE_TYPE in fe-protocol3.c): four bytes for
 * each parameter.  So the types of very many parameters are never asked for:
 * the values go out as text, as they would through a simple client.
 *
 * libpq sends each of them in one piece and asks the server for everything
 * up to ReadyForQuery; "cut" is true from the first byte to that.
 *
 * A stale plan: the server refuses to run a prepared statement whose result
 * type has changed (0A000 raised by RevalidateCachedQuery; its text is
 * translated, the function's name is not).  It has done nothing, so outside
 * a transaction the statement is run once more, unprepared.
 */
#include <stdlib.h>

#include "pg_conn.h"

#define MOST_DESCRIBED 7000	/* parameters whose types are asked for */

static int
send_prepared(struct aw_pg_conn *c, const struct aw_call *call, bool binary)
{
	struct aw_pg_scratch *s = &c->scratch;
	char name[40];

	aw__pg_statement_name(&c->base.slots[call->stmt->slot], name);
	return PQsendQueryPrepared(c->pg, name, (int)call->n_values, s->values,
				   s->lengths, s->formats, binary);
}

static int
send_unnamed(struct aw_pg_conn *c, const struct aw_call *call,
	     const struct aw_pg_meta *meta, bool binary)
{
	struct aw_pg_scratch *s = &c->scratch;

	return PQsendQueryParams(c->pg, call->text, (int)call->n_values,
				 meta ? meta->params : NULL, s->values,
				 s->lengths, s->formats, binary);
}

static int
check_count(const struct aw_call *call, const struct aw_pg_meta *meta)
{
	if (!meta || (size_t)meta->n_params == call->n_values)
		return 0;
	return aw_fail(AW_EUSAGE, "%zu parameters for a statement that takes "
		       "%d", call->n_values, meta->n_params);
}

static int
encode_and_send(struct aw_pg_conn *c, struct aw_call *call,
		const struct aw_pg_meta *meta)
{
	bool binary = meta && meta->binary && !call->sql->as_text;
	int ok, r = check_count(call, meta);

	if (r == 0)
		r = aw__pg_encode(c, call->values, call->n_values, meta);
	if (r < 0)
		return r;
	c->cut = true;
	call->sent = AW_SENT_UNKNOWN;
	ok = call->prepare ? send_prepared(c, call, binary) :
			     send_unnamed(c, call, meta, binary);
	aw__pg_encode_done(c);
	if (!ok) {
		c->cut = false;
		call->sent = AW_NOT_SENT;
		return aw__pg_fail_send(c);
	}
	return 0;
}

/* Types are asked for once and kept, if the statement has a place. */
static int
send_typed(struct aw_pg_conn *c, struct aw_call *call)
{
	struct aw_pg_meta *meta = call->stmt ? call->stmt->meta : NULL;
	struct aw_pg_meta *mine = NULL;
	int r;

	if (!meta && call->n_values <= MOST_DESCRIBED &&
	    aw__pg_needs_types(call->values, call->n_values)) {
		r = aw__pg_describe(c, call, &mine);
		if (r < 0)
			return r;
		meta = mine;
	}
	r = encode_and_send(c, call, meta);
	if (mine && call->stmt && !call->stmt->meta)
		call->stmt->meta = mine;
	else
		free(mine);
	return r;
}

static int
send_multi(struct aw_pg_conn *c, struct aw_call *call)
{
	c->cut = true;
	call->sent = AW_SENT_UNKNOWN;
	if (PQsendQuery(c->pg, call->text))
		return 0;
	c->cut = false;
	call->sent = AW_NOT_SENT;
	return aw__pg_fail_send(c);
}

static int
send_call(struct aw_pg_conn *c, struct aw_call *call)
{
	int r;

	if (call->sql->multi)
		return send_multi(c, call);
	if (call->n_values > MOST_DESCRIBED)
		call->prepare = false;
	if (!call->prepare)
		return send_typed(c, call);
	r = aw__pg_prepare(c, call);
	return r < 0 ? r : encode_and_send(c, call, call->stmt->meta);
}

static int
check_result(struct aw_pg_conn *c, struct aw_call *call, PGresult *result)
{
	int n = PQntuples(result);

	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
		break;
	default:
		return aw__pg_fail_result(c, result, &call->sent);
	}
	if (call->sql->max_rows > 0 && n > call->sql->max_rows)
		return aw_fail(AW_ELIMIT, "%d rows, at most %lld wanted", n,
			       (long long)call->sql->max_rows);
	return 0;
}

static bool
is_stale_plan(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *function =
		PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	return state && function && strcmp(state, "0A000") == 0 &&
		strcmp(function, "RevalidateCachedQuery") == 0;
}

/* The name is gone: DEALLOCATE ALL by the user's own hand, or a pooler. */
static bool
is_unknown_name(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state && strcmp(state, "26000") == 0;
}

/* What a failure says about what we remember.  Class 42 from a statement that
 * was analysed before: its tables have changed under it. */
static bool
learn(struct aw_pg_conn *c, struct aw_call *call, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (!call->stmt || !state)
		return false;
	if (call->prepare && is_unknown_name(result)) {
		aw__pg_forget_statements(c);
		return true;
	}
	if (is_stale_plan(result)) {
		aw__db_stmt_forget(c->base.db, call->stmt);
		return true;
	}
	if (strncmp(state, "42", 2) == 0)
		aw__db_stmt_forget(c->base.db, call->stmt);
	return false;
}

static int
receive(struct aw_pg_conn *c, struct aw_call *call, bool *ret_again)
{
	PGresult *result;
	int r = aw__pg_finish(c, &result);

	if (r < 0)
		return r;
	r = check_result(c, call, result);
	if (r < 0) {
		if (PQresultStatus(result) == PGRES_FATAL_ERROR)
			*ret_again = learn(c, call, result);
		PQclear(result);
		return r;
	}
	if (call->want == AW_WANT_ROWS)
		return aw__pg_rows_new(result, &call->rows);
	call->affected = aw__pg_affected(result);
	PQclear(result);
	return 0;
}

static int
receive_stream(struct aw_pg_conn *c, struct aw_call *call)
{
	int r = PQsetSingleRowMode(c->pg) ? aw__pg_flush(c) :
					    aw__pg_fail_lost(c);

	if (r == 0)
		r = aw__pg_stream_new(c, call);
	return r;
}

static int
check_size(const struct aw_call *call)
{
	uint64_t size = aw__db_bytes(call->values, call->n_values);

	if (size < call->size)
		size = call->size;
	if (size <= AW_PG_MOST_BYTES)
		return 0;
	return aw_fail(AW_ELIMIT, "the statement has %llu bytes, PostgreSQL "
		       "takes %zu", (unsigned long long)size,
		       AW_PG_MOST_BYTES);
}

static int
run_once(struct aw_pg_conn *c, struct aw_call *call, bool *ret_again)
{
	int r = send_call(c, call);

	if (r < 0)
		return r;
	if (call->want == AW_WANT_STREAM)
		return receive_stream(c, call);
	r = aw__pg_flush(c);
	return r < 0 ? r : receive(c, call, ret_again);
}

int
aw__pg_run(struct aw_conn *conn, struct aw_call *call)
{
	struct aw_pg_conn *c = aw__pg(conn);
	bool again = false;
	int r = check_size(call);

	if (r == 0)
		r = run_once(c, call, &again);
	if (again && PQtransactionStatus(c->pg) == PQTRANS_IDLE) {
		struct aw_call second = *call;

		second.stmt = NULL;
		second.prepare = false;
		second.sent = AW_NOT_SENT;
		r = run_once(c, &second, &again);
		call->rows = second.rows;
		call->affected = second.affected;
		call->sent = second.sent;
	}
	return r;
}
