/* SPDX-License-Identifier: MIT */
/*
 * convert.c - one row into the targets of its reader, all or none.
 *
 *	rows->ops->cell()     aw_cell: native value, or the server's text of it
 *	      | cell.c        parsed, range-checked
 *	      v
 *	struct staged [n]     nothing of the caller's touched so far
 *	      | store()       only when every column could be converted
 *	      v
 *	targets
 *
 * Views point into the result where they can, else into the arena.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

#define STAGED_ON_STACK 32

struct staged {
	bool null;
	union {
		bool b;
		int64_t i;
		uint64_t u;
		float f;
		double d;
		const char *text;
		struct aw_bytes bytes;
		struct aw_time time;
		struct aw_interval interval;
		struct aw_uuid uuid;
	} as;
};

static bool
is_view(const struct aw_cell *cell)
{
	int kind = cell->value.kind;

	return cell->text || kind == AW_KIND_TEXT || kind == AW_KIND_DECIMAL;
}

/* A native value as text, in the arena. */
static int
format_text(struct aw_rows *rows, const struct aw_cell *cell,
	    struct aw_bytes *ret)
{
	int (*format)(const struct aw_cell *, char *, size_t) =
		rows->ops->format ? rows->ops->format : aw__db_format;
	size_t size = 64;

	for (;;) {
		char *at = aw__db_arena_get(&rows->arena, size);
		int n = at ? format(cell, at, size) : AW_ENOMEM;

		if (n < 0)
			return n;
		if ((size_t)n < size) {
			*ret = aw_bytes(at, (size_t)n);
			return 0;
		}
		size = (size_t)n + 1;
	}
}

static int
get_text_view(struct aw_rows *rows, const struct aw_cell *cell,
	      struct aw_bytes *ret)
{
	if (!is_view(cell))
		return format_text(rows, cell, ret);
	*ret = cell->value.as.bytes;
	return 0;
}

static int
get_text(struct aw_rows *rows, const struct aw_cell *cell, const char **ret)
{
	struct aw_bytes view;
	char *copy;
	int r = get_text_view(rows, cell, &view);

	if (r < 0)
		return r;
	if (view.size && memchr(view.data, '\0', view.size))
		return AW_EILSEQ;
	if (!is_view(cell) || cell->terminated) {
		*ret = view.data;
		return 0;
	}
	copy = aw__db_arena_get(&rows->arena, view.size + 1);
	if (!copy)
		return AW_ENOMEM;
	memcpy(copy, view.data, view.size);
	copy[view.size] = '\0';
	*ret = copy;
	return 0;
}

/* "\x6162" as bytes, in the arena. */
static int
get_hex(struct aw_rows *rows, struct aw_bytes text, struct aw_bytes *ret)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = text.data;
	unsigned char *out;
	size_t n = text.size / 2 - 1;

	if (text.size < 2 || text.size % 2 || at[0] != '\\' || at[1] != 'x')
		return AW_EDECODE;
	out = aw__db_arena_get(&rows->arena, n + 1);
	if (!out)
		return AW_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *high = memchr(digits, at[2 + 2 * i], 16);
		const char *low = memchr(digits, at[3 + 2 * i], 16);

		if (!high || !low)
			return AW_EDECODE;
		out[i] = (unsigned char)((high - digits) << 4 | (low - digits));
	}
	*ret = aw_bytes(out, n);
	return 0;
}

static int
get_bytes(struct aw_rows *rows, const struct aw_cell *cell,
	  struct aw_bytes *ret)
{
	if (cell->value.kind != AW_KIND_BYTES)
		return get_text_view(rows, cell, ret);
	if (cell->text)
		return get_hex(rows, cell->value.as.bytes, ret);
	*ret = cell->value.as.bytes;
	return 0;
}

static int
get_buf(struct aw_rows *rows, const struct aw_cell *cell, size_t size,
	struct aw_bytes *ret)
{
	int r = get_text_view(rows, cell, ret);

	if (r < 0)
		return r;
	if (ret->size && memchr(ret->data, '\0', ret->size))
		return AW_EILSEQ;
	return ret->size < size ? 0 : AW_ETRUNCATED;
}

static int
stage(struct aw_rows *rows, const struct aw_cell *cell,
      const struct aw_target *target, struct staged *ret)
{
	switch (target->kind) {
	case AW_TARGET_BOOL:
		return aw__db_cell_bool(cell, &ret->as.b);
	case AW_TARGET_INT:
		return aw__db_cell_int(cell, target->size, &ret->as.i);
	case AW_TARGET_UINT:
		return aw__db_cell_uint(cell, target->size, &ret->as.u);
	case AW_TARGET_FLOAT:
		return aw__db_cell_float(cell, &ret->as.f);
	case AW_TARGET_DOUBLE:
		return aw__db_cell_double(cell, &ret->as.d);
	case AW_TARGET_TEXT:
		return get_text(rows, cell, &ret->as.text);
	case AW_TARGET_BYTES:
		return get_bytes(rows, cell, &ret->as.bytes);
	case AW_TARGET_TIME:
		return aw__db_cell_time(cell, &ret->as.time);
	case AW_TARGET_INTERVAL:
		return aw__db_cell_interval(cell, &ret->as.interval);
	case AW_TARGET_UUID:
		return aw__db_cell_uuid(cell, &ret->as.uuid);
	case AW_TARGET_BUF:
		return get_buf(rows, cell, target->size, &ret->as.bytes);
	default:
		return AW_EUSAGE;
	}
}

static void
store_uint(const struct aw_target *target, uint64_t n)
{
	uint16_t n16 = (uint16_t)n;
	uint32_t n32 = (uint32_t)n;

	if (target->size == sizeof(n16))
		memcpy(target->at, &n16, sizeof(n16));
	else if (target->size == sizeof(n32))
		memcpy(target->at, &n32, sizeof(n32));
	else
		memcpy(target->at, &n, sizeof(n));
}

static void
store(const struct aw_target *target, const struct staged *s)
{
	char *buf = target->at;

	if (target->kind == AW_TARGET_SKIP)
		return;
	if (target->null)
		*target->null = s->null;
	if (s->null)
		return;
	switch (target->kind) {
	case AW_TARGET_INT:
		store_uint(target, (uint64_t)s->as.i);
		break;
	case AW_TARGET_UINT:
		store_uint(target, s->as.u);
		break;
	case AW_TARGET_BUF:
		memcpy(buf, s->as.bytes.data, s->as.bytes.size);
		buf[s->as.bytes.size] = '\0';
		break;
	default:
		memcpy(target->at, &s->as, target->size);
	}
}

static const char *
complaint(int code, const struct aw_target *target, int kind)
{
	bool number = target->kind == AW_TARGET_INT ||
		target->kind == AW_TARGET_UINT ||
		target->kind == AW_TARGET_DOUBLE;

	switch (code) {
	case AW_ENULL:
		return "is NULL: use AW_OPT()";
	case AW_ERANGE:
		return "does not fit its target: take a wider one";
	case AW_ETRUNCATED:
		return "is longer than its AW_BUF(): take const char *";
	case AW_EILSEQ:
		return "contains a NUL: take struct aw_bytes";
	case AW_EDECODE:
		return "could not be decoded";
	case AW_ETYPE:
		return kind == AW_KIND_TIME && number ?
			"is a time: take struct aw_time" :
			"does not fit the type of its target";
	default:
		return aw_strerror(code);
	}
}

static int
fail_column(struct aw_rows *rows, int column, int code,
	    const struct aw_target *target, int kind)
{
	const char *name = rows->ops->name(rows, column);
	struct aw_error *error = aw_error_set(code);

	error->row = rows->row;
	error->column = column;
	snprintf(error->message, sizeof(error->message),
		 "column %d \"%s\" of type %s, row %lld: the value %s", column,
		 name ? name : "", rows->ops->type(rows, column),
		 (long long)rows->row, complaint(code, target, kind));
	return code;
}

static int
stage_column(struct aw_rows *rows, int column, const struct aw_target *target,
	     struct staged *ret)
{
	struct aw_cell cell = { .null = false };
	int r;

	if (target->kind == AW_TARGET_SKIP)
		return 0;
	r = rows->ops->cell(rows, column, &cell);
	if (r == 0) {
		ret->null = cell.null;
		if (!cell.null)
			r = stage(rows, &cell, target, ret);
		else if (!target->null)
			r = AW_ENULL;
	}
	return r < 0 ? fail_column(rows, column, r, target, cell.value.kind) :
		       0;
}

static int
stage_all(struct aw_rows *rows, int first, const struct aw_target *targets,
	  size_t n, struct staged *staged)
{
	for (size_t i = 0; i < n; i++) {
		int r = stage_column(rows, first + (int)i, &targets[i],
				     &staged[i]);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n; i++)
		store(&targets[i], &staged[i]);
	return 0;
}

int
aw__db_convert(struct aw_rows *rows, int first_column,
	       const struct aw_target *targets, size_t n)
{
	struct staged few[STAGED_ON_STACK], *many;
	int r;

	if (n <= STAGED_ON_STACK)
		return stage_all(rows, first_column, targets, n, few);

	many = malloc(n * sizeof(*many));
	if (!many)
		return aw_fail(AW_ENOMEM, "%zu targets", n);
	r = stage_all(rows, first_column, targets, n, many);
	free(many);
	return r;
}
