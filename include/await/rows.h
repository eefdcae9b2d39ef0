/* SPDX-License-Identifier: MIT */
/*
 * rows.h - the result of a statement.
 *
 * Rows are read once, from the first to the last.  Buffered rows come from
 * aw_db_query() and belong to nobody; streamed rows hold their connection.
 *
 *	while ((r = aw_rows_next(rows, &id, AW_BUF(name))) > 0)
 *		...;
 *
 * The values of a row are converted when they are asked for, range-checked
 * and never silently narrowed.  A text target takes every type, as the
 * server's text.  Views (const char *, struct aw_bytes) live until the next
 * row or the end of the rows, also when the rows are buffered.
 *
 * A conversion that fails touches no target of its row and consumes the row:
 * the next aw_rows_next() goes on behind it.
 */
#ifndef AWAIT_ROWS_H
#define AWAIT_ROWS_H

#include <await/base.h>
#include <await/value.h>

AW_BEGIN_DECLS

struct aw_rows;

#ifndef __cplusplus

/* rows, then one target for each column, or none to advance only. */
#define aw_rows_next(...) \
	aw_rows_next_v(AW_FIRST_(__VA_ARGS__, 0), AW_TARGETS_(__VA_ARGS__))
#define aw_rows_get(rows, column, target) \
	aw_rows_get_v(rows, column, aw_target(target))

#endif

/**
 * aw_rows_next_v - go to the next row and convert it
 * @rows: the rows
 * @targets: one for each column; NULL if there are none
 * @n_targets: the number of columns, or 0 to advance only
 *
 * The function under the macro aw_rows_next(rows, targets...).
 * Awaits on a stream, when the next row has not come yet; cancel point there.
 *
 * Return: 1 for a row; 0 at the end; AW_ENULL (a NULL met a plain target);
 * AW_ETYPE (types, or the number of targets, do not fit); AW_ERANGE;
 * AW_ETRUNCATED (AW_BUF() too small); AW_EILSEQ (a NUL inside text);
 * AW_EDECODE; AW_ECLOSED (the connection of a stream was released);
 * AW_EFORK (a stream of the parent's, in a child of fork()); on a stream as
 * aw_db_exec_v().
 * Lifetime: views live until the next row or the end of the rows.
 * Context: task; buffered rows: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_rows_next_v(struct aw_rows *rows, const struct aw_target *targets,
	       size_t n_targets);

/**
 * aw_rows_next_result - go to the result of the next command
 * @rows: of aw_db_stream() with .multi
 *
 * Such a stream gives the rows of its first command; then, and after each
 * call of this, those of the next, which may have other columns or none.  What
 * is left of the current result is read and dropped.  Buffered rows are the
 * last result already.
 *
 * Awaits; cancel point.
 *
 * Return: 1 before the first row of the next result; 0 if there is none;
 * as aw_rows_next_v(): an error of a command ends all of them.
 * Lifetime: names and views of the former result end.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_rows_next_result(struct aw_rows *rows);

/**
 * aw_rows_get_v - convert one column of the current row
 * @rows: after an aw_rows_next() that returned 1 or failed to convert
 * @column: from 0
 * @target: where it goes
 *
 * The function under the macro aw_rows_get(rows, column, &target).
 *
 * Return: 0; AW_EUSAGE (no current row); AW_ETYPE (no such column); as
 * aw_rows_next_v().
 * Lifetime: views live until the next row or the end of the rows.
 * Context: task; buffered rows: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_rows_get_v(struct aw_rows *rows, int column,
				       struct aw_target target);

/**
 * aw_rows_find - the number of a column
 * @rows: the rows
 * @name: exact; the first of several columns with that name
 *
 * Return: the column from 0; AW_ENOENT.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_rows_find(struct aw_rows *rows, const char *name);

/**
 * aw_rows_columns - the number of columns
 * @rows: the rows
 *
 * Return: 0 for a statement that gives no rows.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_rows_columns(const struct aw_rows *rows);

/**
 * aw_rows_name - the name of a column
 * @rows: the rows
 * @column: from 0
 *
 * Return: the name; NULL if there is no such column.
 * Lifetime: borrowed until the end of the rows.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *aw_rows_name(const struct aw_rows *rows, int column);

/**
 * aw_rows_type - the server's type of a column
 * @rows: the rows
 * @column: from 0
 *
 * Return: the name of a built-in type ("int4", "varchar", "decimal"), or the
 * server's number of another type; NULL if there is no such column.
 * Lifetime: borrowed until the next call for the same rows, or their end.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *aw_rows_type(struct aw_rows *rows, int column);

/**
 * aw_rows_count - the number of buffered rows
 * @rows: the rows
 *
 * Return: read or not; -1 for a stream.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API int64_t aw_rows_count(const struct aw_rows *rows);

/**
 * aw_rows_affected - the rows that the statement changed or gave
 * @rows: the rows; of a stream: after its end
 *
 * Return: what the server reported; 0 for a command without a number.
 * Context: any thread.
 * Source: PostgreSQL 15 manual, PQcmdTuples; mysql_affected_rows().
 * Since: 0.1
 */
AW_API int64_t aw_rows_affected(const struct aw_rows *rows);

/**
 * aw_rows_free - release rows, read to the end or not
 * @rows: may be NULL
 *
 * What is left of a stream is cancelled and drained by the pool.
 *
 * Return: nothing.
 * Context: task, loop callback; buffered rows: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_rows_free(struct aw_rows *rows);

/**
 * aw_rows_freep - aw_rows_free() for AW_AUTO
 * @rows: address of the rows, which is set to NULL
 *
 * Return: nothing.
 * Context: as aw_rows_free().
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_rows_freep(struct aw_rows **rows);

AW_END_DECLS

#endif
