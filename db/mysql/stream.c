/* SPDX-License-Identifier: MIT */
/*
 * stream.c - rows as they come, one in memory at a time.
 *
 *	text     mysql_use_result(), mysql_fetch_row()
 *	binary   mysql_stmt_fetch() without buffers bound: libmariadb then only
 *	         notes where each value begins in the packet
 *
 * What is not read to its end is shut down with its connection: libmariadb
 * would otherwise read on for as long as the server sends.
 */
#include <stdlib.h>

#include "my_conn.h"

/* The connection may run the next statement. */
static int
end_stream(struct aw_my_conn *c, struct aw_my_rows *rows)
{
	aw__my_note_status(c);
	rows->stmt = NULL;
	aw__my_watch(c, true);
	aw__db_rows_ended(&rows->base);
	return 0;
}

static int
fail_stream(struct aw_my_rows *rows, int r)
{
	struct aw_my_conn *c = aw__my(rows->base.conn);

	rows->stmt = NULL;
	if (rows->text) {
		aw__my_died(c);
		mysql_free_result(rows->text);
		rows->text = NULL;
	}
	if (!c->dead)
		aw__my_ask_status(c);
	if (rows->multi)
		aw__my_multi_off_quietly(c);
	aw__db_rows_ended(&rows->base);
	return r;
}

/* Behind the rows of a CALL come further results, and its own end. */
static int
skip_rest(struct aw_my_conn *c, enum aw_sent *sent)
{
	while (mysql_more_results(c->mysql)) {
		aw__my_enter(c);
		if (mysql_next_result(c->mysql) > 0)
			return aw__my_fail(c, sent);
		mysql_free_result(mysql_use_result(c->mysql));
		if (c->dead || mysql_errno(c->mysql))
			return aw__my_fail(c, sent);
	}
	return 0;
}

/* The rows of one result are over; perhaps another follows.  Negative: the
 * caller fails the stream. */
static int
end_result(struct aw_my_conn *c, struct aw_my_rows *rows)
{
	enum aw_sent sent = AW_SENT_UNKNOWN;
	int r;

	if (rows->multi && mysql_more_results(c->mysql)) {
		aw__my_note_status(c);
		rows->base.more = true;
		return 0;
	}
	r = rows->multi ? aw__my_multi_off(c) : skip_rest(c, &sent);
	return r < 0 ? r : end_stream(c, rows);
}

static int
step_text(struct aw_rows *base)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;
	struct aw_my_conn *c = aw__my(base->conn);
	enum aw_sent sent = AW_SENT_UNKNOWN;
	unsigned long *lengths;
	MYSQL_ROW row;

	aw__my_enter(c);
	row = mysql_fetch_row(rows->text);
	if (c->stopped || (!row && mysql_errno(c->mysql)))
		return fail_stream(rows, aw__my_fail(c, &sent));
	if (!row) {
		int r;

		mysql_free_result(rows->text);
		rows->text = NULL;
		base->affected = base->row + 1;
		r = end_result(c, rows);
		return r < 0 ? fail_stream(rows, r) : 0;
	}
	lengths = mysql_fetch_lengths(rows->text);
	for (int i = 0; i < base->n_columns; i++) {
		rows->views[i].data = (const unsigned char *)row[i];
		rows->views[i].size = lengths[i];
	}
	return 1;
}

static bool
find_bound_views(struct aw_my_rows *rows)
{
	const unsigned char *end = rows->stmt->mysql->net.buff_end;

	for (int i = 0; i < rows->base.n_columns; i++) {
		const unsigned char *at = rows->stmt->bind[i].u.row_ptr;

		rows->views[i] = (struct aw_my_view){ NULL, 0 };
		if (at && !aw__my_take_view(&rows->meta->columns[i], &at, end,
					    &rows->views[i]))
			return false;
	}
	return true;
}

static int
take_portable(struct aw_my_rows *rows)
{
	MA_MEM_ROOT *arena = &rows->data.alloc;
	MYSQL_ROWS *row;
	int r = aw__my_copy_row(rows->stmt, rows->meta, &row);

	if (arena->used)
		free(arena->used);
	arena->used = NULL;
	if (r <= 0)
		return r;
	arena->used = (MA_USED_MEM *)(void *)row - 1;
	arena->used->next = NULL;
	rows->row = (const unsigned char *)row->data;
	if (!aw__my_find_views(rows->meta, rows->row, row->length, rows->views))
		return aw_fail(AW_EDECODE, "a row could not be copied");
	return 1;
}

static int
step_binary(struct aw_rows *base)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;
	struct aw_my_conn *c = aw__my(base->conn);
	enum aw_sent sent = AW_SENT_UNKNOWN;
	int r;

	aw__my_enter(c);
	if (!aw__my_layout_known) {
		r = take_portable(rows);
	} else {
		r = mysql_stmt_fetch(rows->stmt);
		if (!c->stopped && (r == 0 || r == MYSQL_DATA_TRUNCATED))
			return find_bound_views(rows) ? 1 :
				aw_fail(AW_EDECODE, "a row of the server is "
					"cut short");
		r = r == MYSQL_NO_DATA ? 0 : -1;
	}
	if (c->stopped)
		r = -1;
	if (r > 0)
		return r;
	if (r < 0)
		return fail_stream(rows, aw__my_fail_stmt(c, rows->stmt,
							  &sent));
	base->affected = base->row + 1;
	return end_stream(c, rows);
}

/* The result that the server has begun to send. */
static int
take_result(struct aw_my_conn *c, struct aw_my_rows *rows)
{
	enum aw_sent sent = AW_SENT_UNKNOWN;
	struct aw_my_meta *meta;
	MYSQL_RES *result;
	int r;

	if (!mysql_field_count(c->mysql)) {
		rows->base.n_columns = 0;
		rows->base.affected = (int64_t)mysql_affected_rows(c->mysql);
		c->insert_id = mysql_insert_id(c->mysql);
		rows->base.ended = true;
		return end_result(c, rows);
	}
	result = mysql_use_result(c->mysql);
	if (!result)
		return aw__my_fail(c, &sent);
	rows->text = result;
	r = aw__my_text_meta(c, result, &meta);
	return r < 0 ? r : aw__my_rows_adopt(rows, meta);
}

static int
more_text(struct aw_rows *base)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;
	struct aw_my_conn *c = aw__my(base->conn);
	enum aw_sent sent = AW_SENT_UNKNOWN;
	int r;

	aw__my_enter(c);
	r = mysql_next_result(c->mysql) != 0 ? aw__my_fail(c, &sent) :
					       take_result(c, rows);
	return r < 0 ? fail_stream(rows, r) : 0;
}

static const struct aw_rows_ops text_ops = {
	.step = step_text,
	.more = more_text,
	.cell = aw__my_rows_cell,
	.name = aw__my_rows_name,
	.type = aw__my_rows_type,
	.format = aw__my_format,
	.free = aw__my_rows_free,
};

static const struct aw_rows_ops binary_ops = {
	.step = step_binary,
	.cell = aw__my_rows_cell,
	.name = aw__my_rows_name,
	.type = aw__my_rows_type,
	.format = aw__my_format,
	.free = aw__my_rows_free,
};

static void
begin_stream(struct aw_my_conn *c, struct aw_my_rows *rows,
	     struct aw_rows **ret)
{
	rows->base.stream = true;
	rows->base.n_rows = -1;
	aw__my_watch(c, false);
	*ret = &rows->base;
}

int
aw__my_stream_text(struct aw_my_conn *c, struct aw_rows **ret)
{
	enum aw_sent sent = AW_SENT_UNKNOWN;
	MYSQL_RES *result = mysql_use_result(c->mysql);
	struct aw_my_rows *rows;
	struct aw_my_meta *meta;
	int r;

	if (!result)
		return aw__my_fail(c, &sent);
	r = aw__my_text_meta(c, result, &meta);
	if (r == 0)
		r = aw__my_rows_alloc(meta, &text_ops, &rows);
	if (r < 0) {
		aw__my_died(c);
		mysql_free_result(result);
		return r;
	}
	rows->text = result;
	begin_stream(c, rows, ret);
	return 0;
}

int
aw__my_stream_multi(struct aw_my_conn *c, struct aw_rows **ret)
{
	struct aw_my_meta *none = aw__my_meta_new(NULL, 0);
	struct aw_my_rows *rows;
	int r;

	if (!none)
		return aw_fail(AW_ENOMEM, "a result");
	r = aw__my_rows_alloc(none, &text_ops, &rows);
	aw__my_meta_unref(none);
	if (r < 0)
		return r;
	rows->multi = true;
	begin_stream(c, rows, ret);
	r = take_result(c, rows);
	if (r < 0 && rows->text)
		aw__my_died(c);
	return r;
}

int
aw__my_stream_binary(struct aw_my_conn *c, struct aw_my_stmt *stmt,
		     struct aw_rows **ret)
{
	struct aw_my_rows *rows;
	int r = aw__my_rows_alloc(stmt->meta, &binary_ops, &rows);

	if (r < 0) {
		aw__my_died(c);
		return r;
	}
	rows->binary = true;
	rows->stmt = stmt->stmt;
	begin_stream(c, rows, ret);
	return 0;
}

/* libmariadb's result points at the connection, which goes first.  In a child
 * of fork() the socket is the parent's: libmariadb would read it to the end
 * of the rows, and a shutdown would reach the parent. */
void
aw__my_stream_end(struct aw_conn *conn, struct aw_rows *base)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;

	if (conn->fork_mark == aw_fork_mark()) {
		aw__my_died(aw__my(conn));
		mysql_free_result(rows->text);
	}
	rows->text = NULL;
	rows->stmt = NULL;
}
