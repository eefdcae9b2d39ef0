/* SPDX-License-Identifier: MIT */
/*
 * rows.c - results, whole and row by row.
 *
 *	buffered   one PGresult, ours alone: nothing of it needs the connection
 *	stream     one PGresult for each row (libpq's single-row mode); the
 *	           last, without rows, says how the statement ended
 *
 * A few spare struct aw_pg_rows are kept per loop, so that a query in steady
 * state allocates nothing of ours.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "pg_conn.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define MOST_SPARE 32

struct spare {
	struct aw_pg_rows *list;
	int n;
};

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int slot_key = -1;

static void
spare_free(void *value)
{
	struct spare *spare = value;

	while (spare->list) {
		struct aw_pg_rows *rows = spare->list;

		spare->list = rows->next;
		free(rows);
	}
	free(spare);
}

static void
make_slot(void)
{
	slot_key = aw_slot_new(spare_free);
}

/* NULL: no loop here, or no memory; then nothing is spared. */
static struct spare *
get_spare(void)
{
	struct spare *spare;

	pthread_once(&slot_once, make_slot);
	if (slot_key < 0)
		return NULL;
	spare = aw_slot_get(slot_key);
	if (spare || !aw_loop_here())
		return spare;
	spare = calloc(1, sizeof(*spare));
	if (spare && aw_slot_set(slot_key, spare) < 0) {
		free(spare);
		return NULL;
	}
	return spare;
}

static struct aw_pg_rows *
alloc_rows(void)
{
	struct spare *spare = get_spare();
	struct aw_pg_rows *rows;

	if (!spare || !spare->list)
		return malloc(sizeof(*rows));
	rows = spare->list;
	spare->list = rows->next;
	spare->n--;
	return rows;
}

static void
rows_free(struct aw_rows *base)
{
	struct aw_pg_rows *rows = (struct aw_pg_rows *)base;
	struct spare *spare = get_spare();

	PQclear(rows->result);
	PQclear(rows->pending);
	if (!spare || spare->n >= MOST_SPARE) {
		free(rows);
		return;
	}
	rows->next = spare->list;
	spare->list = rows;
	spare->n++;
}

/* Views of a row that is over must not be read: AddressSanitizer tells. */
static void
poison_row(const struct aw_pg_rows *rows)
{
#ifdef __SANITIZE_ADDRESS__
	for (int i = 0; rows->result && rows->at >= 0 &&
	     i < rows->base.n_columns; i++)
		if (!PQgetisnull(rows->result, rows->at, i))
			ASAN_POISON_MEMORY_REGION(
				PQgetvalue(rows->result, rows->at, i),
				PQgetlength(rows->result, rows->at, i) + 1);
#else
	(void)rows;
#endif
}

static int
step_buffered(struct aw_rows *base)
{
	struct aw_pg_rows *rows = (struct aw_pg_rows *)base;

	if (rows->at < base->n_rows)
		poison_row(rows);
	if (rows->at + 1 >= base->n_rows)
		return 0;
	rows->at++;
	return 1;
}

static int
cell(struct aw_rows *base, int column, struct aw_cell *ret)
{
	struct aw_pg_rows *rows = (struct aw_pg_rows *)base;

	return aw__pg_cell(rows->result, rows->at, column, ret);
}

static const char *
name(const struct aw_rows *base, int column)
{
	return PQfname(((const struct aw_pg_rows *)base)->result, column);
}

static const char *
type(struct aw_rows *base, int column)
{
	struct aw_pg_rows *rows = (struct aw_pg_rows *)base;

	return aw__pg_type_name(PQftype(rows->result, column),
				base->type_text);
}

static const struct aw_rows_ops buffered_ops = {
	.step = step_buffered,
	.cell = cell,
	.name = name,
	.type = type,
	.format = aw__pg_format,
	.free = rows_free,
};

int64_t
aw__pg_affected(PGresult *result)
{
	const char *at = PQcmdTuples(result);
	int64_t n = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (*at - '0');
	return n;
}

int
aw__pg_rows_new(PGresult *result, struct aw_rows **ret)
{
	struct aw_pg_rows *rows = alloc_rows();

	if (!rows) {
		PQclear(result);
		return aw_fail(AW_ENOMEM, "rows");
	}
	aw__db_rows_init(&rows->base, &buffered_ops, PQnfields(result));
	rows->base.n_rows = PQntuples(result);
	rows->base.affected = aw__pg_affected(result);
	rows->result = result;
	rows->at = -1;
	rows->multi = false;
	rows->pending = NULL;
	*ret = &rows->base;
	return 0;
}

static bool
is_copy(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
		status == PGRES_COPY_BOTH;
}

/* The command is over.  So is the stream, unless a result of the next one
 * comes instead of ReadyForQuery; then the connection may go. */
static int
end_result(struct aw_pg_conn *c, struct aw_pg_rows *rows)
{
	PGresult *next;
	int r = aw__pg_result(c, &next);

	if (r < 0)
		return r;
	if (next && rows->multi) {
		rows->pending = next;
		rows->base.more = true;
		return 0;
	}
	if (next) {
		PQclear(next);
		return aw_fail(AW_EUSAGE, "several commands were streamed");
	}
	aw__pg_ended(c);
	aw__pg_watch(c, true);
	aw__db_rows_ended(&rows->base);
	return 0;
}

static int
fail_stream(struct aw_pg_conn *c, struct aw_pg_rows *rows, PGresult *error)
{
	enum aw_sent sent = AW_SENT_UNKNOWN;
	int r = aw__pg_fail_result(c, error, &sent), ended;
	struct aw_error *kept = NULL;

	PQclear(error);
	if (c->dead || aw_error_dup(&kept) < 0)
		return r;
	ended = end_result(c, rows);
	aw_error_put(kept);
	aw_error_free(kept);
	return ended < 0 ? ended : r;
}

/* 1: a row; 0: the end of its result.  The result of the last row keeps names
 * and types of the columns when the stream has ended. */
static int
take_result(struct aw_pg_conn *c, struct aw_pg_rows *rows, PGresult *result)
{
	if (PQresultStatus(result) == PGRES_FATAL_ERROR)
		return fail_stream(c, rows, result);
	if (is_copy(result)) {
		PQclear(result);
		return aw_fail(AW_EUSAGE, "COPY from or to the client is no "
			       "statement with rows");
	}
	PQclear(rows->result);
	rows->result = result;
	rows->at = 0;
	if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
		return 1;
	rows->at = -1;
	rows->base.affected = aw__pg_affected(result);
	aw__pg_note_tag(c, result);
	return end_result(c, rows);
}

static int
step_stream(struct aw_rows *base)
{
	struct aw_pg_rows *rows = (struct aw_pg_rows *)base;
	struct aw_pg_conn *c = aw__pg(base->conn);
	PGresult *result;
	int r;

	poison_row(rows);
	if (rows->at < 0 && PQntuples(rows->result) > 0) {
		rows->at = 0;
		return 1;
	}
	r = aw__pg_result(c, &result);
	if (r < 0)
		return r;
	if (!result)
		return aw__pg_fail_lost(c);
	return take_result(c, rows, result);
}

static int
more_stream(struct aw_rows *base)
{
	struct aw_pg_rows *rows = (struct aw_pg_rows *)base;
	PGresult *result = rows->pending;
	int r;

	rows->pending = NULL;
	r = take_result(aw__pg(base->conn), rows, result);
	if (r < 0)
		return r;
	base->n_columns = PQnfields(rows->result);
	rows->at = -1;
	base->ended = r == 0;
	return 0;
}

static const struct aw_rows_ops stream_ops = {
	.step = step_stream,
	.more = more_stream,
	.cell = cell,
	.name = name,
	.type = type,
	.format = aw__pg_format,
	.free = rows_free,
};

/* *ret_next: of several commands, what the second one began with. */
static int
first_result(struct aw_pg_conn *c, struct aw_call *call, PGresult **ret,
	     PGresult **ret_next)
{
	int r = aw__pg_result(c, ret);

	*ret_next = NULL;
	if (r < 0)
		return r;
	if (!*ret)
		return aw__pg_fail_lost(c);
	if (PQresultStatus(*ret) == PGRES_SINGLE_TUPLE)
		return 0;
	aw__pg_note_tag(c, *ret);
	r = aw__pg_result(c, ret_next);
	if (r == 0 && !*ret_next) {
		aw__pg_ended(c);
		if (PQresultStatus(*ret) == PGRES_FATAL_ERROR)
			r = aw__pg_fail_result(c, *ret, &call->sent);
	} else if (r == 0 && (!call->sql->multi || is_copy(*ret))) {
		PQclear(*ret_next);
		r = aw_fail(AW_EUSAGE, "this statement cannot be streamed");
	}
	if (r < 0)
		PQclear(*ret);
	return r;
}

int
aw__pg_stream_new(struct aw_pg_conn *c, struct aw_call *call)
{
	PGresult *result, *next;
	struct aw_rows *rows;
	int r = first_result(c, call, &result, &next);

	if (r < 0)
		return r;
	r = aw__pg_rows_new(result, &rows);
	if (r < 0) {
		PQclear(next);
		return r;
	}
	rows->stream = true;
	rows->n_rows = -1;
	rows->more = next != NULL;
	rows->ended = rows->more || !c->cut;
	((struct aw_pg_rows *)rows)->pending = next;
	((struct aw_pg_rows *)rows)->multi = call->sql->multi;
	if (c->cut) {
		rows->ops = &stream_ops;
		aw__pg_watch(c, false);
	}
	call->rows = rows;
	return 0;
}

/* The rest is not wanted.  Nothing to do now: the connection is cut, and who
 * wants it next, repairs it. */
void
aw__pg_stream_end(struct aw_conn *conn, struct aw_rows *rows)
{
	(void)conn;
	(void)rows;
}
