/* SPDX-License-Identifier: MIT */
/*
 * cell.c - one cell as a value of the type that is wanted.
 *
 * What keeps the value is allowed: 7 as a double, 7.0 as an int, a boolean as
 * an int.  What would change it is AW_ERANGE, what makes no sense AW_ETYPE.
 * The one exception is a decimal as a double, which is rounded to the nearest
 * as every reader of "0.1" expects.
 */
#include <math.h>

#include "common.h"

static int
get_bool_text(struct aw_bytes text, bool *ret)
{
	char c = text.size ? *(const char *)text.data : '\0';

	if (c != 't' && c != 'f' && c != '1' && c != '0')
		return AW_EDECODE;
	*ret = c == 't' || c == '1';
	return 0;
}

static int
double_to_int(double d, int64_t *ret)
{
	if (!(d >= -0x1p63 && d < 0x1p63) || d != trunc(d))
		return AW_ERANGE;
	*ret = (int64_t)d;
	return 0;
}

static int
get_double_of(const struct aw_cell *cell, double *ret)
{
	if (cell->text)
		return aw__db_parse_double(cell->value.as.bytes, ret);
	*ret = cell->value.as.d;
	return 0;
}

static int
get_uint_of(const struct aw_cell *cell, uint64_t *ret)
{
	if (cell->text)
		return aw__db_parse_uint(cell->value.as.bytes, ret);
	*ret = cell->value.as.u;
	return 0;
}

static int
get_bool_of(const struct aw_cell *cell, bool *ret)
{
	if (cell->text)
		return get_bool_text(cell->value.as.bytes, ret);
	*ret = cell->value.as.b;
	return 0;
}

static int
get_int(const struct aw_cell *cell, int64_t *ret)
{
	uint64_t u;
	double d;
	bool b;
	int r;

	switch (cell->value.kind) {
	case AW_KIND_INT:
		if (cell->text)
			return aw__db_parse_int(cell->value.as.bytes, ret);
		*ret = cell->value.as.i;
		return 0;
	case AW_KIND_UINT:
		r = get_uint_of(cell, &u);
		if (r == 0 && u > INT64_MAX)
			return AW_ERANGE;
		*ret = r == 0 ? (int64_t)u : 0;
		return r;
	case AW_KIND_BOOL:
		r = get_bool_of(cell, &b);
		*ret = r == 0 && b;
		return r;
	case AW_KIND_FLOAT:
	case AW_KIND_DOUBLE:
		r = get_double_of(cell, &d);
		return r < 0 ? r : double_to_int(d, ret);
	case AW_KIND_DECIMAL:
		return aw__db_parse_decimal_int(cell->value.as.bytes, ret);
	default:
		return AW_ETYPE;
	}
}

static int
get_uint(const struct aw_cell *cell, uint64_t *ret)
{
	int64_t i;
	double d;
	int r;

	switch (cell->value.kind) {
	case AW_KIND_UINT:
		return get_uint_of(cell, ret);
	case AW_KIND_DECIMAL:
		return aw__db_parse_decimal_uint(cell->value.as.bytes, ret);
	case AW_KIND_FLOAT:
	case AW_KIND_DOUBLE:
		r = get_double_of(cell, &d);
		if (r < 0)
			return r;
		if (!(d >= 0 && d < 0x1p64) || d != trunc(d))
			return AW_ERANGE;
		*ret = (uint64_t)d;
		return 0;
	default:
		r = get_int(cell, &i);
		if (r == 0 && i < 0)
			return AW_ERANGE;
		*ret = r == 0 ? (uint64_t)i : 0;
		return r;
	}
}

int
aw__db_cell_bool(const struct aw_cell *cell, bool *ret)
{
	int64_t i;
	int r;

	if (cell->value.kind == AW_KIND_BOOL)
		return get_bool_of(cell, ret);
	if (cell->value.kind != AW_KIND_INT && cell->value.kind != AW_KIND_UINT)
		return AW_ETYPE;
	r = get_int(cell, &i);
	if (r < 0)
		return r;
	if (i != 0 && i != 1)
		return AW_ERANGE;
	*ret = i == 1;
	return 0;
}

int
aw__db_cell_double(const struct aw_cell *cell, double *ret)
{
	uint64_t u;
	int64_t i;
	int r;

	switch (cell->value.kind) {
	case AW_KIND_FLOAT:
	case AW_KIND_DOUBLE:
		return get_double_of(cell, ret);
	case AW_KIND_DECIMAL:
		return aw__db_parse_double(cell->value.as.bytes, ret);
	case AW_KIND_UINT:
		r = get_uint_of(cell, &u);
		if (r < 0)
			return r;
		*ret = (double)u;
		return *ret < 0x1p64 && (uint64_t)*ret == u ? 0 : AW_ERANGE;
	default:
		r = get_int(cell, &i);
		if (r < 0)
			return r;
		*ret = (double)i;
		return *ret < 0x1p63 && (int64_t)*ret == i ? 0 : AW_ERANGE;
	}
}

int
aw__db_cell_float(const struct aw_cell *cell, float *ret)
{
	double d;
	int r = aw__db_cell_double(cell, &d);

	if (r < 0)
		return r;
	*ret = (float)d;
	if (cell->value.kind == AW_KIND_FLOAT || isnan(d))
		return 0;
	if (cell->value.kind == AW_KIND_DECIMAL)
		return isinf(*ret) && !isinf(d) ? AW_ERANGE : 0;
	return (double)*ret == d ? 0 : AW_ERANGE;
}

int
aw__db_cell_time(const struct aw_cell *cell, struct aw_time *ret)
{
	if (cell->value.kind != AW_KIND_TIME)
		return AW_ETYPE;
	if (cell->text)
		return aw__db_parse_time(cell->value.as.bytes, cell->time_kind,
					 ret);
	*ret = cell->value.as.time;
	return 0;
}

int
aw__db_cell_interval(const struct aw_cell *cell, struct aw_interval *ret)
{
	if (cell->value.kind != AW_KIND_INTERVAL)
		return AW_ETYPE;
	if (cell->text)
		return aw__db_parse_interval(cell->value.as.bytes, ret);
	*ret = cell->value.as.interval;
	return 0;
}

int
aw__db_cell_uuid(const struct aw_cell *cell, struct aw_uuid *ret)
{
	const struct aw_value *v = &cell->value;

	if (v->kind == AW_KIND_BYTES && !cell->text && v->as.bytes.size == 16) {
		memcpy(ret->bytes, v->as.bytes.data, 16);
		return 0;
	}
	if (v->kind != AW_KIND_UUID)
		return AW_ETYPE;
	if (cell->text)
		return aw__db_parse_uuid(v->as.bytes, ret);
	*ret = v->as.uuid;
	return 0;
}

int
aw__db_cell_int(const struct aw_cell *cell, size_t size, int64_t *ret)
{
	int r = get_int(cell, ret);
	int shift = 64 - 8 * (int)size;

	if (r < 0)
		return r;
	return (int64_t)((uint64_t)*ret << shift) >> shift == *ret ?
		0 : AW_ERANGE;
}

int
aw__db_cell_uint(const struct aw_cell *cell, size_t size, uint64_t *ret)
{
	int r = get_uint(cell, ret);

	if (r < 0)
		return r;
	return size == 8 || *ret >> (8 * size) == 0 ? 0 : AW_ERANGE;
}
