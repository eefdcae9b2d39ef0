/* SPDX-License-Identifier: MIT */
/*
 * rows.c - reading a result, buffered or streamed.
 *
 *	before --next--> on a row --next--> on a row ... --next--> ended
 *
 * The driver steps and shows cells; here is what all results share: the
 * current row, the life of its views, the targets, and for a stream the
 * connection that it holds.  A stream whose connection was released is an
 * orphan: conn is NULL although it has not ended, and it answers AW_ECLOSED.
 */
#include "common.h"

void
aw__db_rows_init(struct aw_rows *rows, const struct aw_rows_ops *ops,
		 int n_columns)
{
	memset(rows, 0, sizeof(*rows));
	rows->ops = ops;
	rows->n_columns = n_columns;
	rows->row = -1;
}

/* A stream lets its connection go; who owns it, releases it. */
static void
let_go(struct aw_rows *rows)
{
	struct aw_conn *conn = rows->conn;

	if (!conn)
		return;
	rows->conn = NULL;
	if (conn->stream == rows)
		conn->stream = NULL;
	if (rows->owns_conn)
		aw_conn_release(conn);
}

void
aw__db_rows_ended(struct aw_rows *rows)
{
	rows->ended = true;
	rows->on_row = false;
	let_go(rows);
}

void
aw__db_rows_orphan(struct aw_rows *rows)
{
	rows->conn->db->driver->stream_end(rows->conn, rows);
	rows->conn->stream = NULL;
	rows->conn = NULL;
}

/* A stream of the parent's: reading would take its bytes away. */
static bool
is_inherited(const struct aw_rows *rows)
{
	return rows->conn && rows->conn->fork_mark != aw_fork_mark();
}

static int
step(struct aw_rows *rows)
{
	if (is_inherited(rows))
		return aw_fail(AW_EFORK, "these streamed rows belong to the "
			       "parent process");
	aw__db_arena_reset(&rows->arena);
	rows->on_row = false;
	if (rows->ended)
		return 0;
	if (rows->stream && !rows->conn)
		return aw_fail(AW_ECLOSED, "the connection of these streamed "
			       "rows was released");
	return rows->ops->step(rows);
}

int
aw_rows_next_v(struct aw_rows *rows, const struct aw_target *targets,
	       size_t n_targets)
{
	int r = step(rows);

	if (r <= 0) {
		rows->ended = true;
		return r;
	}
	rows->on_row = true;
	rows->row++;
	if (n_targets == 0)
		return 1;
	if (n_targets != (size_t)rows->n_columns)
		return aw_fail(AW_ETYPE, "%zu targets for %d columns",
			       n_targets, rows->n_columns);
	r = aw__db_convert(rows, 0, targets, n_targets);
	return r < 0 ? r : 1;
}

/* What is left of the current result is not wanted. */
int
aw_rows_next_result(struct aw_rows *rows)
{
	int r;

	do
		r = aw_rows_next_v(rows, NULL, 0);
	while (r > 0);
	if (r < 0 || !rows->more)
		return r;
	if (!rows->conn)
		return aw_fail(AW_ECLOSED, "the connection of these streamed "
			       "rows was released");
	rows->more = false;
	rows->ended = false;
	rows->row = -1;
	r = rows->ops->more(rows);
	if (r == 0)
		return 1;
	rows->ended = true;
	return r;
}

int
aw_rows_get_v(struct aw_rows *rows, int column, struct aw_target target)
{
	if (!rows->on_row)
		return aw_fail(AW_EUSAGE, "aw_rows_get() without a current "
			       "row: call aw_rows_next() first");
	if (column < 0 || column >= rows->n_columns)
		return aw_fail(AW_ETYPE, "column %d of %d columns", column,
			       rows->n_columns);
	return aw__db_convert(rows, column, &target, 1);
}

int
aw_rows_find(struct aw_rows *rows, const char *name)
{
	for (int i = 0; i < rows->n_columns; i++)
		if (strcmp(rows->ops->name(rows, i), name) == 0)
			return i;
	return aw_fail(AW_ENOENT, "no column \"%s\" among %d", name,
		       rows->n_columns);
}

int
aw_rows_columns(const struct aw_rows *rows)
{
	return rows->n_columns;
}

const char *
aw_rows_name(const struct aw_rows *rows, int column)
{
	if (column < 0 || column >= rows->n_columns)
		return NULL;
	return rows->ops->name(rows, column);
}

const char *
aw_rows_type(struct aw_rows *rows, int column)
{
	if (column < 0 || column >= rows->n_columns)
		return NULL;
	return rows->ops->type(rows, column);
}

int64_t
aw_rows_count(const struct aw_rows *rows)
{
	return rows->n_rows;
}

int64_t
aw_rows_affected(const struct aw_rows *rows)
{
	return rows->affected;
}

void
aw_rows_free(struct aw_rows *rows)
{
	if (!rows)
		return;

	if (rows->conn) {
		rows->conn->db->driver->stream_end(rows->conn, rows);
		let_go(rows);
	}
	aw__db_arena_fini(&rows->arena);
	rows->ops->free(rows);
}

void
aw_rows_freep(struct aw_rows **rows)
{
	aw_rows_free(*rows);
	*rows = NULL;
}
