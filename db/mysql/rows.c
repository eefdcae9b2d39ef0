/* SPDX-License-Identifier: MIT */
/*
 * rows.c - results that are here as a whole.
 *
 *	text     one MYSQL_RES, ours alone
 *	binary   the packets as the server sent them, decoded on access
 *
 *	MYSQL_STMT.result { data -> row -> row -> NULL, arena }
 *	      | up to 1 KiB: copied into the rows, the statement keeps its arena
 *	      | more: the arena moves to the rows, and the statement is told
 *	      v       that it has been read (its next use would wait for it)
 *	struct aw_my_rows
 *
 * So no row points into a statement or a connection.  When the layout of
 * MYSQL_STMT is not the one of our header, the rows are copied by documented
 * calls only (portable.c).  A few spare rows are kept per loop.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "my_conn.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define MOST_SPARE 32

struct spare {
	struct aw_my_rows *list;
	int n;
};

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int slot_key = -1;

static void
spare_free(void *value)
{
	struct spare *spare = value;

	while (spare->list) {
		struct aw_my_rows *rows = spare->list;

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

static struct aw_my_rows *
take_spare(void)
{
	struct spare *spare = get_spare();
	struct aw_my_rows *rows;

	if (!spare || !spare->list)
		return malloc(sizeof(*rows));
	rows = spare->list;
	spare->list = rows->next;
	spare->n--;
	return rows;
}

static void
give_spare(struct aw_my_rows *rows)
{
	struct spare *spare = get_spare();

	ASAN_UNPOISON_MEMORY_REGION(rows->small, sizeof(rows->small));
	if (!spare || spare->n >= MOST_SPARE) {
		free(rows);
		return;
	}
	rows->next = spare->list;
	spare->list = rows;
	spare->n++;
}

int
aw__my_rows_adopt(struct aw_my_rows *rows, struct aw_my_meta *meta)
{
	struct aw_my_view *views = rows->inline_views;

	if (meta->n > MY_INLINE_COLUMNS)
		views = malloc((size_t)meta->n * sizeof(*views));
	if (!views)
		return aw_fail(AW_ENOMEM, "a result");
	if (rows->views != rows->inline_views)
		free(rows->views);
	aw__my_meta_unref(rows->meta);
	rows->views = views;
	rows->meta = aw__my_meta_ref(meta);
	rows->base.n_columns = meta->n;
	return 0;
}

int
aw__my_rows_alloc(struct aw_my_meta *meta, const struct aw_rows_ops *ops,
		  struct aw_my_rows **ret)
{
	struct aw_my_rows *rows = take_spare();

	if (!rows)
		return aw_fail(AW_ENOMEM, "a result");
	aw__db_rows_init(&rows->base, ops, meta->n);
	memset(&rows->meta, 0, offsetof(struct aw_my_rows, inline_views) -
	       offsetof(struct aw_my_rows, meta));
	rows->views = rows->inline_views;
	if (aw__my_rows_adopt(rows, meta) < 0) {
		give_spare(rows);
		return AW_ENOMEM;
	}
	*ret = rows;
	return 0;
}

static void
free_blocks(MA_USED_MEM *block)
{
	while (block) {
		MA_USED_MEM *next = block->next;

		free(block);
		block = next;
	}
}

/* pre_alloc is one of the others (MariaDB Connector/C, ma_alloc.c). */
static void
free_arena(MA_MEM_ROOT *arena)
{
	free_blocks(arena->free);
	free_blocks(arena->used);
}

void
aw__my_rows_free(struct aw_rows *base)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;

	mysql_free_result(rows->text);
	free_arena(&rows->data.alloc);
	aw__my_meta_unref(rows->meta);
	if (rows->views != rows->inline_views)
		free(rows->views);
	give_spare(rows);
}

/* Views of a row that is over must not be read: AddressSanitizer tells. */
void
aw__my_poison(const struct aw_my_rows *rows)
{
	if (rows->row)
		ASAN_POISON_MEMORY_REGION(rows->row, rows->row_size);
}

static int
step_binary(struct aw_rows *base)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;
	MYSQL_ROWS *next = rows->next_row;

	aw__my_poison(rows);
	rows->row = NULL;
	if (!next)
		return 0;
	rows->next_row = next->next;
	rows->row = (const unsigned char *)next->data;
	rows->row_size = next->length;
	if (!aw__my_find_views(rows->meta, rows->row, rows->row_size,
			       rows->views))
		return aw_fail(AW_EDECODE, "a row of the server is cut short");
	return 1;
}

static int
step_text(struct aw_rows *base)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;
	MYSQL_ROW row = mysql_fetch_row(rows->text);
	unsigned long *lengths;

	for (int i = 0; rows->row && i < base->n_columns; i++)
		if (rows->views[i].data)
			ASAN_POISON_MEMORY_REGION(rows->views[i].data,
						  rows->views[i].size + 1);
	rows->row = (const unsigned char *)row;
	if (!row)
		return 0;
	lengths = mysql_fetch_lengths(rows->text);
	for (int i = 0; i < base->n_columns; i++) {
		rows->views[i].data = (const unsigned char *)row[i];
		rows->views[i].size = lengths[i];
	}
	return 1;
}

int
aw__my_rows_cell(struct aw_rows *base, int column, struct aw_cell *ret)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;

	return aw__my_cell(&rows->meta->columns[column], &rows->views[column],
			   rows->binary, ret);
}

const char *
aw__my_rows_name(const struct aw_rows *base, int column)
{
	const struct aw_my_rows *rows = (const struct aw_my_rows *)base;

	return rows->meta->columns[column].name;
}

const char *
aw__my_rows_type(struct aw_rows *base, int column)
{
	struct aw_my_rows *rows = (struct aw_my_rows *)base;

	return aw__my_type_name(&rows->meta->columns[column],
				rows->base.type_text);
}

static const struct aw_rows_ops binary_ops = {
	.step = step_binary,
	.cell = aw__my_rows_cell,
	.name = aw__my_rows_name,
	.type = aw__my_rows_type,
	.format = aw__my_format,
	.free = aw__my_rows_free,
};

static const struct aw_rows_ops text_ops = {
	.step = step_text,
	.cell = aw__my_rows_cell,
	.name = aw__my_rows_name,
	.type = aw__my_rows_type,
	.format = aw__my_format,
	.free = aw__my_rows_free,
};

int
aw__my_text_meta(struct aw_my_conn *c, MYSQL_RES *result,
		 struct aw_my_meta **ret)
{
	const MYSQL_FIELD *fields = mysql_fetch_fields(result);
	unsigned n = mysql_num_fields(result);

	if (!aw__my_meta_fits(c->text_meta, fields, n)) {
		aw__my_meta_unref(c->text_meta);
		c->text_meta = aw__my_meta_new(fields, n);
		if (!c->text_meta)
			return aw_fail(AW_ENOMEM, "the columns of a result");
	}
	*ret = c->text_meta;
	return 0;
}

int
aw__my_rows_text(struct aw_my_conn *c, MYSQL_RES *result, struct aw_rows **ret)
{
	struct aw_my_rows *rows;
	struct aw_my_meta *meta;
	int r = aw__my_text_meta(c, result, &meta);

	if (r == 0)
		r = aw__my_rows_alloc(meta, &text_ops, &rows);
	if (r < 0) {
		mysql_free_result(result);
		return r;
	}
	rows->text = result;
	rows->base.n_rows = (int64_t)mysql_num_rows(result);
	*ret = &rows->base;
	return 0;
}

/* Rows are aligned as malloc would. */
static size_t
room_of(const MYSQL_ROWS *row)
{
	return (sizeof(*row) + row->length + 15) & ~(size_t)15;
}

static bool
copy_small(struct aw_my_rows *rows, const MYSQL_ROWS *from)
{
	MYSQL_ROWS **link = &rows->next_row;
	unsigned char *at = rows->small;
	size_t size = 0;

	for (const MYSQL_ROWS *row = from; row; row = row->next) {
		size += room_of(row);
		if (size > sizeof(rows->small))
			return false;
	}
	for (; from; from = from->next) {
		MYSQL_ROWS *row = (MYSQL_ROWS *)(void *)at;

		row->data = (MYSQL_ROW)(void *)(row + 1);
		row->length = from->length;
		memcpy(row->data, from->data, from->length);
		*link = row;
		link = &row->next;
		at += room_of(from);
	}
	*link = NULL;
	return true;
}

/* FETCH_DONE: with any earlier state and no data, the next execution would
 * read a result that nobody sends. */
static void
move(struct aw_my_rows *rows, MYSQL_STMT *stmt)
{
	MA_MEM_ROOT *left = &stmt->result.alloc;

	rows->data = stmt->result;
	rows->next_row = stmt->result.data;
	left->free = left->used = left->pre_alloc = NULL;
	stmt->result.data = NULL;
	stmt->result.rows = 0;
	stmt->result_cursor = NULL;
	stmt->state = MYSQL_STMT_FETCH_DONE;
}

static int
copy_portable(struct aw_my_rows *rows, MYSQL_STMT *stmt)
{
	MYSQL_ROWS **link = &rows->next_row, *row;
	int n;

	while ((n = aw__my_copy_row(stmt, rows->meta, &row)) > 0) {
		/* free_arena() frees a list of blocks: each is one. */
		MA_USED_MEM *block = (MA_USED_MEM *)(void *)row - 1;

		block->next = rows->data.alloc.used;
		rows->data.alloc.used = block;
		*link = row;
		link = &row->next;
	}
	*link = NULL;
	mysql_stmt_free_result(stmt);
	return n;
}

int
aw__my_rows_binary(struct aw_my_stmt *stmt, struct aw_rows **ret)
{
	MYSQL_STMT *s = stmt->stmt;
	struct aw_my_rows *rows;
	int r = aw__my_rows_alloc(stmt->meta, &binary_ops, &rows);

	if (r < 0)
		return r;
	rows->binary = true;
	rows->base.n_rows = s ? (int64_t)mysql_stmt_num_rows(s) : 0;
	if (s && !aw__my_layout_known)
		r = copy_portable(rows, s);
	else if (s && !copy_small(rows, s->result.data))
		move(rows, s);
	if (r < 0) {
		aw__my_rows_free(&rows->base);
		return r;
	}
	*ret = &rows->base;
	return 0;
}
