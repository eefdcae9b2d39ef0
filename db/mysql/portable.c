/* SPDX-License-Identifier: MIT */
/*
 * portable.c - rows by documented calls only.
 *
 * Taking a result out of MYSQL_STMT needs its layout, which mysql.h shows but
 * does not promise.  It counts as known when the library is of the same 3.3
 * series as the header and the accessors find what the header says; else each
 * row is fetched into buffers and written down again as the server had sent
 * it, so that everything else stays the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "my_conn.h"

#define SERIES(version) ((version) / 100)

bool aw__my_layout_known;

void
aw__my_check_layout(MYSQL_STMT *stmt)
{
	enum mysql_stmt_state state = MYSQL_STMT_INITTED;

	aw__my_layout_known =
		SERIES(mysql_get_client_version()) ==
		SERIES(MARIADB_PACKAGE_VERSION_ID) &&
		SERIES(MARIADB_PACKAGE_VERSION_ID) == 303 &&
		!mysql_stmt_attr_get(stmt, STMT_ATTR_STATE, &state) &&
		state == stmt->state &&
		state == MYSQL_STMT_USE_OR_STORE_CALLED &&
		mysql_stmt_error(stmt) == stmt->last_error &&
		mysql_stmt_sqlstate(stmt) == stmt->sqlstate &&
		mysql_stmt_row_tell(stmt) == stmt->result_cursor &&
		stmt->result_cursor &&
		stmt->result_cursor == stmt->result.data &&
		stmt->result.rows == 1 && mysql_stmt_num_rows(stmt) == 1 &&
		stmt->field_count == 1 && mysql_stmt_field_count(stmt) == 1 &&
		mariadb_stmt_fetch_fields(stmt) == stmt->fields;
}

/* How each form is fetched so that nothing is converted. */
static enum enum_field_types
buffer_type(const struct aw_my_column *column)
{
	switch (column->form) {
	case FORM_TIME:
		return column->time_kind == AW_TIME_DATE ? MYSQL_TYPE_DATE :
			column->time_kind == AW_TIME_OF_DAY ? MYSQL_TYPE_TIME :
			MYSQL_TYPE_DATETIME;
	case FORM_INT:
	case FORM_FLOAT:
	case FORM_DOUBLE:
		return (enum enum_field_types)column->type;
	default:
		return MYSQL_TYPE_BLOB;
	}
}

static void
put_little(unsigned char **at, uint64_t u, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*(*at)++ = (unsigned char)(u >> (8 * i));
}

static void
put_time(unsigned char **at, const MYSQL_TIME *t, int kind)
{
	bool span = kind == AW_TIME_OF_DAY;

	put_little(at, span ? 12 : 11, 1);
	if (span) {
		put_little(at, t->neg != 0, 1);
		put_little(at, t->day, 4);
	} else {
		put_little(at, t->year, 2);
		put_little(at, t->month, 1);
		put_little(at, t->day, 1);
	}
	put_little(at, t->hour, 1);
	put_little(at, t->minute, 1);
	put_little(at, t->second, 1);
	put_little(at, t->second_part, 4);
}

struct sizes {
	unsigned long length;
	my_bool null;
	MYSQL_TIME room;	/* whatever has a size of its own */
};

/* The first pass: how long is each value? */
static int
fetch_sizes(MYSQL_STMT *stmt, const struct aw_my_meta *meta,
	    struct sizes *sizes, size_t *ret_total)
{
	size_t n = (size_t)meta->n, total = 1 + (n + 9) / 8;
	MYSQL_BIND *binds = calloc(n ? n : 1, sizeof(*binds));
	int r;

	if (!binds)
		return aw_fail(AW_ENOMEM, "a row");
	for (size_t i = 0; i < n; i++) {
		binds[i].buffer_type = buffer_type(&meta->columns[i]);
		binds[i].length = &sizes[i].length;
		binds[i].is_null = &sizes[i].null;
		if (binds[i].buffer_type == MYSQL_TYPE_BLOB)
			continue;
		binds[i].buffer = &sizes[i].room;
		binds[i].buffer_length = sizeof(sizes[i].room);
	}
	r = mysql_stmt_bind_result(stmt, binds) ? 1 : mysql_stmt_fetch(stmt);
	free(binds);
	if (r == MYSQL_NO_DATA)
		return 0;
	if (r != 0 && r != MYSQL_DATA_TRUNCATED)
		return aw_fail(AW_ELOST, "%s", mysql_stmt_error(stmt));
	for (size_t i = 0; i < n; i++)
		total += 21 + sizes[i].length;
	*ret_total = total;
	return 1;
}

static int
fetch_value(MYSQL_STMT *stmt, const struct aw_my_column *column, int i,
	    unsigned long size, unsigned char **at)
{
	MYSQL_TIME time;
	MYSQL_BIND bind = { .buffer_type = buffer_type(column) };
	int r;

	if (column->form == FORM_TIME) {
		bind.buffer = &time;
		bind.buffer_length = sizeof(time);
	} else {
		if (!column->width) {
			put_little(at, 254, 1);
			put_little(at, size, 8);
		}
		bind.buffer = *at;
		bind.buffer_length = column->width ?
			(unsigned long)column->width : size;
	}
	bind.is_unsigned = column->is_unsigned;
	r = mysql_stmt_fetch_column(stmt, &bind, (unsigned)i, 0);
	if (r != 0)
		return aw_fail(AW_EDECODE, "%s", mysql_stmt_error(stmt));
	if (column->form == FORM_TIME)
		put_time(at, &time, column->time_kind);
	else
		*at += bind.buffer_length;
	return 0;
}

static int
write_row(MYSQL_STMT *stmt, const struct aw_my_meta *meta,
	  const struct sizes *sizes, MYSQL_ROWS *row)
{
	unsigned char *bits = (unsigned char *)row->data + 1;
	unsigned char *at = bits + ((size_t)meta->n + 9) / 8;
	int r = 0;

	memset(row->data, 0, (size_t)(at - (unsigned char *)row->data));
	for (int i = 0; r == 0 && i < meta->n; i++) {
		if (sizes[i].null)
			bits[(i + 2) / 8] |=
				(unsigned char)(1 << (i + 2) % 8);
		else
			r = fetch_value(stmt, &meta->columns[i], i,
					sizes[i].length, &at);
	}
	row->length = (unsigned long)(at - (unsigned char *)row->data);
	return r;
}

/* The row lies behind a MA_USED_MEM, so that rows.c can free it like a block
 * of an arena. */
int
aw__my_copy_row(MYSQL_STMT *stmt, const struct aw_my_meta *meta,
		MYSQL_ROWS **ret)
{
	struct sizes *sizes = calloc((size_t)meta->n + 1, sizeof(*sizes));
	MA_USED_MEM *block = NULL;
	MYSQL_ROWS *row;
	size_t total = 0;
	int r = sizes ? fetch_sizes(stmt, meta, sizes, &total) :
			aw_fail(AW_ENOMEM, "a row");

	if (r > 0) {
		block = malloc(sizeof(*block) + sizeof(*row) + total);
		r = block ? 1 : aw_fail(AW_ENOMEM, "a row");
	}
	if (r > 0) {
		row = (MYSQL_ROWS *)(void *)(block + 1);
		row->data = (MYSQL_ROW)(void *)(row + 1);
		row->next = NULL;
		r = write_row(stmt, meta, sizes, row);
		if (r == 0) {
			*ret = row;
			r = 1;
		} else {
			free(block);
		}
	}
	free(sizes);
	return r;
}
