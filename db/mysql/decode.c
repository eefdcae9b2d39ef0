/* SPDX-License-Identifier: MIT */
/*
 * decode.c - one value of a row.
 *
 *	binary row: 00 | NULL bits, from bit 2 | values of the others in order
 *	    integers and floats: 1, 2, 4 or 8 bytes, little end first
 *	    the rest: length, then that many bytes
 *	    date 4, date and time 7 or 11, time 8 or 12 bytes, 0 bytes: zero
 *
 * Source: MariaDB knowledge base, "Resultset row".  Every length is checked
 * against the end of the row.  Text rows hold the server's text of each value.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "my_conn.h"

static uint64_t
little(const unsigned char *at, size_t n)
{
	uint64_t u = 0;

	for (size_t i = 0; i < n; i++)
		u |= (uint64_t)at[i] << (8 * i);
	return u;
}

/* A length: below 251 in itself, else in the 2, 3 or 8 bytes that follow. */
static bool
take_length(const unsigned char **at, const unsigned char *end, uint64_t *ret)
{
	size_t n;

	if (*at >= end)
		return false;
	n = **at < 251 ? 0 : **at == 252 ? 2 : **at == 253 ? 3 : 8;
	if (n == 0) {
		*ret = *(*at)++;
		return true;
	}
	if ((size_t)(end - *at) < n + 1)
		return false;
	*ret = little(*at + 1, n);
	*at += n + 1;
	return true;
}

bool
aw__my_take_view(const struct aw_my_column *column, const unsigned char **at,
		 const unsigned char *end, struct aw_my_view *ret)
{
	uint64_t size = (uint64_t)column->width;

	if (!size && !take_length(at, end, &size))
		return false;
	if ((uint64_t)(end - *at) < size)
		return false;
	ret->data = *at;
	ret->size = (size_t)size;
	*at += size;
	return true;
}

bool
aw__my_find_views(const struct aw_my_meta *meta, const unsigned char *row,
		  size_t size, struct aw_my_view *ret)
{
	size_t n_bits = ((size_t)meta->n + 9) / 8;
	const unsigned char *bits = row + 1, *at = bits + n_bits;
	const unsigned char *end = row + size;

	if (size < 1 + n_bits)
		return false;
	for (int i = 0; i < meta->n; i++) {
		if (bits[(i + 2) / 8] >> ((i + 2) % 8) & 1)
			ret[i] = (struct aw_my_view){ NULL, 0 };
		else if (!aw__my_take_view(&meta->columns[i], &at, end,
					   &ret[i]))
			return false;
	}
	return true;
}

static void
set_int(const struct aw_my_column *c, const struct aw_my_view *v,
	struct aw_cell *ret)
{
	uint64_t u = little(v->data, v->size);
	int shift = 64 - 8 * (int)v->size;

	if (c->is_unsigned)
		ret->value = aw_value_uint(u);
	else
		ret->value = aw_value_int((int64_t)(u << shift) >> shift);
}

static void
set_clock(const unsigned char *at, size_t size, struct aw_time *t)
{
	t->hour = at[0];
	t->minute = at[1];
	t->second = at[2];
	if (size >= 7)
		t->microsecond = (int)little(at + 3, 4);
}

static int
set_span(const struct aw_my_view *v, struct aw_time *t)
{
	if (v->size == 0)
		return 0;
	if (v->size != 8 && v->size != 12)
		return AW_EDECODE;
	t->negative = v->data[0];
	set_clock(v->data + 5, v->size - 5, t);
	t->hour += (int)little(v->data + 1, 4) * 24;
	return 0;
}

static int
set_time(const struct aw_my_column *c, const struct aw_my_view *v,
	 struct aw_cell *ret)
{
	struct aw_time t = { .kind = (enum aw_time_kind)c->time_kind };
	int r = 0;

	if (c->time_kind == AW_TIME_OF_DAY) {
		r = set_span(v, &t);
	} else if (v->size == 4 || v->size == 7 || v->size == 11) {
		t.year = (int)little(v->data, 2);
		t.month = v->data[2];
		t.day = v->data[3];
		if (v->size > 4)
			set_clock(v->data + 4, v->size - 4, &t);
	} else if (v->size != 0) {
		r = AW_EDECODE;
	}
	ret->value = aw_value_time(t);
	ret->value.spare = c->decimals <= 6 ? (int)c->decimals : 0;
	return r;
}

static int
set_binary(const struct aw_my_column *c, const struct aw_my_view *v,
	   struct aw_cell *ret)
{
	double d;
	float f;

	switch (c->form) {
	case FORM_INT:
		set_int(c, v, ret);
		return 0;
	case FORM_FLOAT:
		memcpy(&f, v->data, sizeof(f));
		ret->value = aw_value_float(f);
		break;
	case FORM_DOUBLE:
		memcpy(&d, v->data, sizeof(d));
		ret->value = aw_value_double(d);
		break;
	default:
		return set_time(c, v, ret);
	}
	ret->value.spare = c->decimals < 31 ? (int)c->decimals + 1 : 0;
	return 0;
}

static int
kind_of(const struct aw_my_column *c)
{
	switch (c->form) {
	case FORM_INT:
		return c->is_unsigned ? AW_KIND_UINT : AW_KIND_INT;
	case FORM_FLOAT:
		return AW_KIND_FLOAT;
	case FORM_DOUBLE:
		return AW_KIND_DOUBLE;
	case FORM_DECIMAL:
		return AW_KIND_DECIMAL;
	case FORM_TIME:
		return AW_KIND_TIME;
	case FORM_UUID:
		return AW_KIND_UUID;
	default:
		return AW_KIND_TEXT;
	}
}

/* The same bytes in both protocols: most significant first. */
static int
set_bits(const struct aw_my_view *v, struct aw_cell *ret)
{
	uint64_t u = 0;

	if (v->size > 8)
		return AW_EDECODE;
	for (size_t i = 0; i < v->size; i++)
		u = u << 8 | v->data[i];
	ret->value = aw_value_uint(u);
	return 0;
}

int
aw__my_cell(const struct aw_my_column *c, const struct aw_my_view *v,
	    bool binary, struct aw_cell *ret)
{
	memset(ret, 0, offsetof(struct aw_cell, value));
	if (!v->data || c->form == FORM_NULL) {
		ret->null = true;
		return 0;
	}
	if (c->form == FORM_BIT)
		return set_bits(v, ret);
	if (c->form == FORM_BYTES) {
		ret->value = aw_value_bytes_(aw_bytes(v->data, v->size));
		ret->terminated = !binary;
		return 0;
	}
	if (binary && (c->width || c->form == FORM_TIME))
		return set_binary(c, v, ret);
	ret->text = true;
	ret->terminated = !binary;
	ret->time_kind = c->time_kind;
	ret->value = aw_value_text_(aw_bytes(v->data, v->size));
	ret->value.kind = kind_of(c);
	return 0;
}

/* Both as MariaDB writes them: a FLOAT shows 6 digits; the plain form from
 * 1e-15 up to 1e15, then 1e15 and 1.5e-16. */
static int
format_digits(const char *sign, const char *d, int n, int exp, char *buf,
	      size_t size)
{
	if (exp < -15 || exp >= 15)
		return snprintf(buf, size, "%s%c%s%se%d", sign, d[0],
				n > 1 ? "." : "", d + 1, exp);
	if (exp < 0)
		return snprintf(buf, size, "%s0.%.*s%s", sign, -exp - 1,
				"00000000000000", d);
	if (n <= exp + 1)
		return snprintf(buf, size, "%s%s%.*s", sign, d, exp + 1 - n,
				"00000000000000");
	return snprintf(buf, size, "%s%.*s.%s", sign, exp + 1, d, d + exp + 1);
}

static int
six_digits(double number, char digits[20], int *ret_exponent)
{
	char text[40];
	double rounded;

	snprintf(text, sizeof(text), "%.5e", number);
	rounded = strtod(text, NULL);
	return aw__db_shortest(rounded, false, digits, ret_exponent);
}

static int
format_double(const struct aw_value *v, char *buf, size_t size)
{
	const char *sign = signbit(v->as.d) ? "-" : "";
	char d[20];
	int exp, n;

	if (v->spare)	/* a column with a fixed number of decimals */
		return snprintf(buf, size, "%.*f", v->spare - 1, v->as.d);
	if (v->as.d == 0)
		return snprintf(buf, size, "%s0", sign);
	if (v->kind == AW_KIND_FLOAT)
		n = six_digits(v->as.d, d, &exp);
	else
		n = aw__db_shortest(v->as.d, false, d, &exp);
	return format_digits(sign, d, n, exp, buf, size);
}

/* As many decimals of a second as the column has. */
static int
format_time(const struct aw_value *v, char *buf, size_t size)
{
	struct aw_time t = v->as.time;
	char whole[40], fraction[8];

	t.microsecond = 0;
	aw__db_format_time(&t, whole, sizeof(whole));
	if (v->spare <= 0 || t.kind == AW_TIME_DATE)
		return snprintf(buf, size, "%s", whole);
	snprintf(fraction, sizeof(fraction), "%06d",
		 v->as.time.microsecond % 1000000);
	return snprintf(buf, size, "%s.%.*s", whole, v->spare, fraction);
}

int
aw__my_format(const struct aw_cell *cell, char *buf, size_t size)
{
	switch (cell->value.kind) {
	case AW_KIND_FLOAT:
	case AW_KIND_DOUBLE:
		return format_double(&cell->value, buf, size);
	case AW_KIND_TIME:
		return format_time(&cell->value, buf, size);
	default:
		return aw__db_format(cell, buf, size);
	}
}
