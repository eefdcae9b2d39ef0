/* SPDX-License-Identifier: MIT */
/*
 * format.c - native values as text, the way every server writes them.
 *
 * Numbers have the fewest digits that read back as the same number.  Nothing
 * depends on the program's locale.  As snprintf(), each returns the length
 * that the text has or would have; a driver puts its own server's spelling
 * (t and f, NaN, exponents) on top.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

static bool
reads_back(const char *text, double number, bool single)
{
	return single ? strtof(text, NULL) == (float)number :
			strtod(text, NULL) == number;
}

/* Any decimal of at most 15 (float: 6) digits survives the way through
 * binary, so a number that has a shorter form shows it there, with zeroes
 * behind; otherwise one or two digits more decide.  Subnormal numbers have
 * fewer digits than that and start from one.  strtod() and snprintf()
 * share the program's locale, and only digits are taken from the text. */
int
aw__db_shortest(double number, bool single, char digits[20],
		int *ret_exponent)
{
	bool subnormal = fabs(number) < (single ? FLT_MIN : DBL_MIN);
	int precision = subnormal ? 1 : single ? 6 : 15;
	int most = single ? 9 : 17, n = 0;
	char text[40], *e;

	for (;; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision - 1,
			 fabs(number));
		if (precision == most ||
		    reads_back(text, fabs(number), single))
			break;
	}
	e = strchr(text, 'e');
	for (char *at = text; at < e; at++)
		if (*at >= '0' && *at <= '9')
			digits[n++] = *at;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	*ret_exponent = (int)strtol(e + 1, NULL, 10);
	return n;
}

/* 1234.5, 0.001, 1e+20: plain between 1e-4 and 15 (float: 6) digits. */
static int
format_finite(double number, bool single, char *buf, size_t size)
{
	const char *sign = signbit(number) ? "-" : "";
	char d[20];
	int exp, n = aw__db_shortest(number, single, d, &exp);

	if (number == 0)
		return snprintf(buf, size, "%s0", sign);
	if (exp < -4 || exp >= (single ? 6 : 15))
		return snprintf(buf, size, "%s%c%s%se%c%02d", sign, d[0],
				n > 1 ? "." : "", d + 1, exp < 0 ? '-' : '+',
				abs(exp));
	if (exp < 0)
		return snprintf(buf, size, "%s0.%.*s%s", sign, -exp - 1,
				"0000", d);
	if (n <= exp + 1)
		return snprintf(buf, size, "%s%s%.*s", sign, d, exp + 1 - n,
				"00000000000000000000");
	return snprintf(buf, size, "%s%.*s.%s", sign, exp + 1, d, d + exp + 1);
}

static int
format_double(double number, bool single, char *buf, size_t size)
{
	if (isnan(number))
		return snprintf(buf, size, "NaN");
	if (isinf(number))
		return snprintf(buf, size, number < 0 ? "-Infinity" :
							"Infinity");
	return format_finite(number, single, buf, size);
}

static int
format_clock(const struct aw_time *t, char *buf, size_t size)
{
	if (!t->microsecond)
		return snprintf(buf, size, "%s%02d:%02d:%02d",
				t->negative ? "-" : "", t->hour, t->minute,
				t->second);
	return snprintf(buf, size, "%s%02d:%02d:%02d.%06d",
			t->negative ? "-" : "", t->hour, t->minute, t->second,
			t->microsecond);
}

int
aw__db_format_time(const struct aw_time *time, char *buf, size_t size)
{
	char clock[40];

	switch (time->kind) {
	case AW_TIME_INFINITY:
		return snprintf(buf, size, "infinity");
	case AW_TIME_MINUS_INFINITY:
		return snprintf(buf, size, "-infinity");
	case AW_TIME_OF_DAY:
		return format_clock(time, buf, size);
	case AW_TIME_DATE:
		return snprintf(buf, size, "%04d-%02d-%02d", time->year,
				time->month, time->day);
	default:
		format_clock(time, clock, sizeof(clock));
		return snprintf(buf, size, "%04d-%02d-%02d %s", time->year,
				time->month, time->day, clock);
	}
}

static int
format_uuid(const struct aw_uuid *uuid, char *buf, size_t size)
{
	const unsigned char *b = uuid->bytes;

	return snprintf(buf, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-"
			"%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
			b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
			b[11], b[12], b[13], b[14], b[15]);
}

static int
format_bytes(struct aw_bytes bytes, char *buf, size_t size)
{
	size_t n = bytes.size < size ? bytes.size : size ? size - 1 : 0;

	if (size) {
		memcpy(buf, bytes.data, n);
		buf[n] = '\0';
	}
	return bytes.size > INT32_MAX ? AW_ERANGE : (int)bytes.size;
}

int
aw__db_format(const struct aw_cell *cell, char *buf, size_t size)
{
	const struct aw_value *v = &cell->value;

	switch (v->kind) {
	case AW_KIND_BOOL:
		return snprintf(buf, size, "%d", v->as.b);
	case AW_KIND_INT:
		return snprintf(buf, size, "%lld", (long long)v->as.i);
	case AW_KIND_UINT:
		return snprintf(buf, size, "%llu", (unsigned long long)v->as.u);
	case AW_KIND_FLOAT:
	case AW_KIND_DOUBLE:
		return format_double(v->as.d, v->kind == AW_KIND_FLOAT, buf,
				     size);
	case AW_KIND_TIME:
		return aw__db_format_time(&v->as.time, buf, size);
	case AW_KIND_UUID:
		return format_uuid(&v->as.uuid, buf, size);
	case AW_KIND_TEXT:
	case AW_KIND_DECIMAL:
	case AW_KIND_BYTES:
		return format_bytes(v->as.bytes, buf, size);
	default:
		return AW_ETYPE;
	}
}
