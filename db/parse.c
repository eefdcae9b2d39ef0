/* SPDX-License-Identifier: MIT */
/*
 * parse.c - the server's text of a value to the value.
 *
 * Strict: the whole text must be the value, nothing is guessed, nothing
 * depends on the program's locale.  AW_EDECODE: it is not such a value;
 * AW_ERANGE: it is, but does not fit.  No error detail is set: the caller
 * knows the column.
 */
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void
make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from *at on, at least one; moves *at behind them. */
static int
take_digits(const char **at, const char *end, uint64_t *ret)
{
	const char *start = *at;
	uint64_t n = 0;

	for (; *at < end && is_digit(**at); (*at)++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(**at - '0'), &n))
			return AW_ERANGE;
	}
	*ret = n;
	return *at > start ? 0 : AW_EDECODE;
}

static int
to_signed(bool negative, uint64_t n, int64_t *ret)
{
	if (n > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return AW_ERANGE;
	*ret = negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

int
aw__db_parse_int(struct aw_bytes text, int64_t *ret)
{
	const char *at = text.data, *end = at + text.size;
	bool negative = at < end && *at == '-';
	uint64_t n;
	int r;

	at += negative;
	r = take_digits(&at, end, &n);
	if (r < 0)
		return r;
	return at == end ? to_signed(negative, n, ret) : AW_EDECODE;
}

int
aw__db_parse_uint(struct aw_bytes text, uint64_t *ret)
{
	const char *at = text.data, *end = at + text.size;
	int64_t negative;
	uint64_t n;
	int r;

	if (at < end && *at == '-') {
		r = aw__db_parse_int(text, &negative);
		return r < 0 ? r : AW_ERANGE;
	}
	r = take_digits(&at, end, &n);
	if (r < 0)
		return r;
	if (at != end)
		return AW_EDECODE;
	*ret = n;
	return 0;
}

/* "12.000" is 12; "12.5" does not fit an integer, nor does NaN. */
static int
integral_part(struct aw_bytes text, struct aw_bytes *ret)
{
	const char *start = text.data, *end = start + text.size;
	const char *dot = memchr(start, '.', text.size);

	*ret = text;
	if (text.size && !is_digit(end[-1]))
		return AW_ERANGE;
	if (!dot)
		return 0;
	for (const char *at = dot + 1; at < end; at++)
		if (*at != '0')
			return is_digit(*at) ? AW_ERANGE : AW_EDECODE;
	ret->size = (size_t)(dot - start);
	return 0;
}

int
aw__db_parse_decimal_int(struct aw_bytes text, int64_t *ret)
{
	struct aw_bytes whole;
	int r = integral_part(text, &whole);

	return r < 0 ? r : aw__db_parse_int(whole, ret);
}

int
aw__db_parse_decimal_uint(struct aw_bytes text, uint64_t *ret)
{
	struct aw_bytes whole;
	int r = integral_part(text, &whole);

	return r < 0 ? r : aw__db_parse_uint(whole, ret);
}

int
aw__db_parse_double(struct aw_bytes text, double *ret)
{
	char small[64], *buf = small, *end;
	double d;
	int r = 0;

	pthread_once(&c_locale_once, make_c_locale);
	if (text.size >= sizeof(small)) {
		buf = malloc(text.size + 1);
		if (!buf)
			return AW_ENOMEM;
	}
	memcpy(buf, text.data, text.size);
	buf[text.size] = '\0';
	d = strtod_l(buf, &end, c_locale);
	if (!text.size || end != buf + text.size || buf[0] == ' ')
		r = AW_EDECODE;
	else if (__builtin_isinf(d) && !strpbrk(buf, "Ii"))
		r = AW_ERANGE;
	if (buf != small)
		free(buf);
	if (r == 0)
		*ret = d;
	return r;
}

/* One number of exactly or at least that many digits. */
static int
take_field(const char **at, const char *end, int least, int *ret)
{
	const char *start = *at;
	uint64_t n;
	int r = take_digits(at, end, &n);

	if (r < 0)
		return AW_EDECODE;
	if (*at - start < least || n > INT32_MAX)
		return AW_EDECODE;
	*ret = (int)n;
	return 0;
}

static bool
take_char(const char **at, const char *end, char c)
{
	if (*at >= end || **at != c)
		return false;
	(*at)++;
	return true;
}

static int
take_date(const char **at, const char *end, struct aw_time *t)
{
	int r = take_field(at, end, 4, &t->year);

	if (r < 0 || !take_char(at, end, '-'))
		return AW_EDECODE;
	r = take_field(at, end, 2, &t->month);
	if (r < 0 || !take_char(at, end, '-'))
		return AW_EDECODE;
	return take_field(at, end, 2, &t->day);
}

/* .5 is 500000 microseconds; more than six digits do not fit. */
static int
take_fraction(const char **at, const char *end, int *ret)
{
	const char *start = *at;
	uint64_t n;
	int r = take_digits(at, end, &n);

	if (r < 0 || *at - start > 6)
		return r < 0 ? AW_EDECODE : AW_ERANGE;
	for (ptrdiff_t i = *at - start; i < 6; i++)
		n *= 10;
	*ret = (int)n;
	return 0;
}

static int
take_clock(const char **at, const char *end, struct aw_time *t)
{
	int r = take_field(at, end, 1, &t->hour);

	if (r < 0 || !take_char(at, end, ':'))
		return AW_EDECODE;
	r = take_field(at, end, 2, &t->minute);
	if (r < 0)
		return r;
	if (take_char(at, end, ':')) {
		r = take_field(at, end, 2, &t->second);
		if (r < 0)
			return r;
	}
	return take_char(at, end, '.') ?
		take_fraction(at, end, &t->microsecond) : 0;
}

/* +05, +05:30, -00:01:15, or nothing. */
static int
take_offset(const char **at, const char *end, int *ret)
{
	struct aw_time o = { 0 };
	bool west = *at < end && **at == '-';
	int r;

	if (!take_char(at, end, '+') && !take_char(at, end, '-'))
		return 0;
	r = take_field(at, end, 2, &o.hour);
	if (r == 0 && take_char(at, end, ':'))
		r = take_field(at, end, 2, &o.minute);
	if (r == 0 && take_char(at, end, ':'))
		r = take_field(at, end, 2, &o.second);
	if (r < 0)
		return r;
	*ret = o.hour * 3600 + o.minute * 60 + o.second;
	if (west)
		*ret = -*ret;
	return 0;
}

/* Local time and offset to the same instant in UTC. */
static int
to_instant(struct aw_time *t, int offset)
{
	int64_t seconds;
	int microseconds, r;

	t->kind = AW_TIME_LOCAL;
	r = aw_time_to_unix(t, &seconds, &microseconds);
	if (r < 0)
		return AW_EDECODE;
	*t = aw_time_unix((time_t)(seconds - offset));
	t->microsecond = microseconds;
	return 0;
}

static int
parse_points(const char *at, const char *end, int kind, struct aw_time *t)
{
	int r = 0, offset = 0;

	if (kind == AW_TIME_OF_DAY)
		t->negative = take_char(&at, end, '-');
	else
		r = take_date(&at, end, t);
	if (r == 0 && kind != AW_TIME_OF_DAY && kind != AW_TIME_DATE)
		r = take_char(&at, end, ' ') ? take_clock(&at, end, t) :
					       AW_EDECODE;
	else if (r == 0 && kind == AW_TIME_OF_DAY)
		r = take_clock(&at, end, t);
	if (r == 0 && (kind == AW_TIME_INSTANT || kind == AW_TIME_OF_DAY))
		r = take_offset(&at, end, &offset);
	if (r < 0)
		return r;
	if (kind != AW_TIME_OF_DAY && end - at == 3 && !memcmp(at, " BC", 3)) {
		t->year = 1 - t->year;
		at = end;
	}
	if (at != end)
		return AW_EDECODE;
	if (kind == AW_TIME_INSTANT && t->month)
		return to_instant(t, offset);
	t->offset = kind == AW_TIME_OF_DAY ? offset : 0;
	return 0;
}

int
aw__db_parse_time(struct aw_bytes text, int kind, struct aw_time *ret)
{
	const char *at = text.data;
	struct aw_time t = { .kind = (enum aw_time_kind)kind };
	int r;

	if (text.size == 8 && memcmp(at, "infinity", 8) == 0) {
		t.kind = AW_TIME_INFINITY;
	} else if (text.size == 9 && memcmp(at, "-infinity", 9) == 0) {
		t.kind = AW_TIME_MINUS_INFINITY;
	} else {
		r = parse_points(at, at + text.size, kind, &t);
		if (r < 0)
			return r;
	}
	*ret = t;
	return 0;
}

static int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
aw__db_parse_uuid(struct aw_bytes text, struct aw_uuid *ret)
{
	const char *at = text.data, *end = at + text.size;
	struct aw_uuid u;

	for (int i = 0; i < 16; i++) {
		int high, low;

		if (at < end && *at == '-')
			at++;
		if (end - at < 2)
			return AW_EDECODE;
		high = hex_digit(at[0]);
		low = hex_digit(at[1]);
		if (high < 0 || low < 0)
			return AW_EDECODE;
		u.bytes[i] = (unsigned char)(high << 4 | low);
		at += 2;
	}
	if (at != end)
		return AW_EDECODE;
	*ret = u;
	return 0;
}

/* "3 days", "1 year", "-2 mons": a number and its unit. */
static int
take_span(const char **at, const char *end, struct aw_interval *v)
{
	bool negative = take_char(at, end, '-');
	int n, r;

	if (!negative)
		take_char(at, end, '+');
	r = take_field(at, end, 1, &n);
	if (r < 0 || !take_char(at, end, ' '))
		return AW_EDECODE;
	n = negative ? -n : n;
	if (end - *at >= 4 && !memcmp(*at, "year", 4))
		v->months += n * 12;
	else if (end - *at >= 3 && !memcmp(*at, "mon", 3))
		v->months += n;
	else if (end - *at >= 3 && !memcmp(*at, "day", 3))
		v->days += n;
	else
		return AW_EDECODE;
	while (*at < end && **at != ' ')
		(*at)++;
	take_char(at, end, ' ');
	return 0;
}

static int
take_span_clock(const char **at, const char *end, struct aw_interval *v)
{
	bool negative = take_char(at, end, '-');
	struct aw_time t = { 0 };
	int64_t n;
	int r;

	if (!negative)
		take_char(at, end, '+');
	r = take_clock(at, end, &t);
	if (r < 0)
		return r;
	n = ((int64_t)t.hour * 3600 + t.minute * 60 + t.second) * 1000000 +
		t.microsecond;
	v->microseconds = negative ? -n : n;
	return 0;
}

/* PostgreSQL's own style: "1 year 2 mons -3 days +04:05:06.7". */
int
aw__db_parse_interval(struct aw_bytes text, struct aw_interval *ret)
{
	const char *at = text.data, *end = at + text.size;
	struct aw_interval v = { 0 };
	int r = text.size ? 0 : AW_EDECODE;

	while (r == 0 && at < end) {
		const char *word = at;

		while (word < end && (is_digit(*word) || *word == '+' ||
				      *word == '-'))
			word++;
		r = word < end && *word == ' ' ? take_span(&at, end, &v) :
						 take_span_clock(&at, end, &v);
	}
	if (r == 0)
		*ret = v;
	return r;
}
