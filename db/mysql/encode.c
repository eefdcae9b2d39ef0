/* SPDX-License-Identifier: MIT */
/*
 * encode.c - parameters as libmariadb takes them.
 *
 * The server does not say what types it wants, it converts from what it gets:
 * numbers go as numbers, times as times, everything else as text or bytes.
 * What MariaDB cannot hold is refused before anything is sent.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "my_conn.h"

/* MariaDB manual, DECIMAL. */
#define MOST_DIGITS 65
#define MOST_SCALE 38

static int
make_room(struct aw_my_conn *c, size_t n)
{
	if (n <= c->n_binds)
		return 0;
	free(c->binds);
	free(c->times);
	c->n_binds = 0;
	c->binds = calloc(n, sizeof(*c->binds));
	c->times = calloc(n, sizeof(*c->times));
	if (!c->binds || !c->times)
		return aw_fail(AW_ENOMEM, "%zu parameters", n);
	c->n_binds = n;
	return 0;
}

static int
refuse(size_t i, const char *what)
{
	return aw_fail(AW_ETYPE, "parameter %zu: MariaDB has no %s", i + 1,
		       what);
}

static int
bind_time(MYSQL_BIND *bind, MYSQL_TIME *m, const struct aw_time *t, size_t i)
{
	if (t->kind == AW_TIME_INFINITY || t->kind == AW_TIME_MINUS_INFINITY)
		return aw_fail(AW_ERANGE, "parameter %zu: MariaDB has no "
			       "infinite time", i + 1);
	if (t->year < 0 || t->year > 9999)
		return aw_fail(AW_ERANGE, "parameter %zu: MariaDB has no year "
			       "%d", i + 1, t->year);
	if (t->kind == AW_TIME_OF_DAY && t->offset)
		return refuse(i, "time of day with a zone");
	memset(m, 0, sizeof(*m));
	m->year = (unsigned)t->year;
	m->month = (unsigned)t->month;
	m->day = (unsigned)t->day;
	m->hour = (unsigned)t->hour;
	m->minute = (unsigned)t->minute;
	m->second = (unsigned)t->second;
	m->second_part = (unsigned long)t->microsecond;
	m->neg = t->negative;
	bind->buffer = m;
	bind->buffer_type = MYSQL_TYPE_DATETIME;
	m->time_type = MYSQL_TIMESTAMP_DATETIME;
	if (t->kind == AW_TIME_DATE) {
		bind->buffer_type = MYSQL_TYPE_DATE;
		m->time_type = MYSQL_TIMESTAMP_DATE;
	} else if (t->kind == AW_TIME_OF_DAY) {
		bind->buffer_type = MYSQL_TYPE_TIME;
		m->time_type = MYSQL_TIMESTAMP_TIME;
		m->year = m->month = 0;
		m->day = m->hour / 24;	/* an hour is one byte on the wire */
		m->hour %= 24;
	}
	return 0;
}

static void
bind_bytes(MYSQL_BIND *bind, enum enum_field_types type, struct aw_bytes bytes)
{
	bind->buffer_type = type;
	bind->buffer = (void *)(uintptr_t)bytes.data;
	bind->buffer_length = bytes.size;
	bind->length_value = bytes.size;
	bind->length = &bind->length_value;
}

static int
bind_number(MYSQL_BIND *bind, MYSQL_TIME *room, const struct aw_value *v,
	    size_t i)
{
	if (v->kind != AW_KIND_FLOAT && v->kind != AW_KIND_DOUBLE) {
		bind->buffer_type = MYSQL_TYPE_LONGLONG;
		if (v->kind == AW_KIND_BOOL)
			bind->buffer_type = MYSQL_TYPE_TINY;
		bind->is_unsigned = v->kind == AW_KIND_UINT;
		bind->buffer = (void *)(uintptr_t)&v->as;
		return 0;
	}
	if (!isfinite(v->as.d))
		return aw_fail(AW_ERANGE, "parameter %zu: MariaDB has no NaN "
			       "and no infinity", i + 1);
	bind->buffer_type = MYSQL_TYPE_DOUBLE;
	bind->buffer = (void *)(uintptr_t)&v->as.d;
	if (v->kind == AW_KIND_FLOAT) {
		float f = (float)v->as.d;

		bind->buffer_type = MYSQL_TYPE_FLOAT;
		bind->buffer = memcpy(room, &f, sizeof(f));
	}
	return 0;
}

/* A UUID goes as text: it suits the type UUID and every text column. */
static void
bind_uuid(MYSQL_BIND *bind, MYSQL_TIME *room, const struct aw_value *v)
{
	struct aw_cell cell = { .value = *v };
	char *text = (char *)room;

	_Static_assert(sizeof(*room) >= 37, "room for a UUID as text");
	aw__db_format(&cell, text, sizeof(*room));
	bind_bytes(bind, MYSQL_TYPE_STRING, aw_bytes(text, 36));
}

/* Does it fit into a DECIMAL?  The server would take the nearest that does
 * (tried with MariaDB 10.11: 1e400 becomes 65 nines), and 0 for no number. */
static bool
is_decimal(const char *text)
{
	long place = -1, high = LONG_MIN, low = 0, exponent = 0;
	const char *at = text + (*text == '-' || *text == '+');
	size_t whole = strspn(at, "0123456789"), part = 0;
	const char *point = at + whole;
	char *end;

	if (at[whole] == '.')
		part = strspn(at + whole + 1, "0123456789");
	if (whole + part == 0 || whole + part > 10000)
		return false;
	place += (long)whole;
	for (; (*at >= '0' && *at <= '9') ||
	       (at == point && *at == '.'); at++) {
		if (*at == '.')
			continue;
		if (*at != '0') {
			high = high == LONG_MIN ? place : high;
			low = place;
		}
		place--;
	}
	if (*at == 'e' || *at == 'E') {
		exponent = strtol(at + 1, &end, 10);
		at = end > at + 1 ? end : at;
	}
	if (*at || exponent < -10000 || exponent > 10000)
		return false;
	high = high == LONG_MIN ? 0 : high + exponent + 1;
	low = low + exponent < 0 ? -(low + exponent) : 0;
	return low <= MOST_SCALE && (high > 0 ? high : 0) + low <= MOST_DIGITS;
}

static int
bind_decimal(MYSQL_BIND *bind, struct aw_bytes digits, size_t i)
{
	if (!is_decimal(digits.data))
		return aw_fail(AW_ERANGE, "parameter %zu: MariaDB's decimals "
			       "have %d digits, %d of them behind the point",
			       i + 1, MOST_DIGITS, MOST_SCALE);
	bind_bytes(bind, MYSQL_TYPE_NEWDECIMAL, digits);
	return 0;
}

static int
bind_value(MYSQL_BIND *bind, MYSQL_TIME *room, const struct aw_value *v,
	   size_t i)
{
	switch (v->kind) {
	case AW_KIND_NULL:
		bind->buffer_type = MYSQL_TYPE_NULL;
		return 0;
	case AW_KIND_BOOL:
	case AW_KIND_INT:
	case AW_KIND_UINT:
	case AW_KIND_FLOAT:
	case AW_KIND_DOUBLE:
		return bind_number(bind, room, v, i);
	case AW_KIND_TEXT:
		bind_bytes(bind, MYSQL_TYPE_STRING, v->as.bytes);
		return 0;
	case AW_KIND_BYTES:
		bind_bytes(bind, MYSQL_TYPE_BLOB, v->as.bytes);
		return 0;
	case AW_KIND_DECIMAL:
		return bind_decimal(bind, v->as.bytes, i);
	case AW_KIND_TIME:
		return bind_time(bind, room, &v->as.time, i);
	case AW_KIND_UUID:
		bind_uuid(bind, room, v);
		return 0;
	case AW_KIND_INTERVAL:
		return refuse(i, "type for an interval");
	default:
		return refuse(i, "arrays");
	}
}

/* The server would close the connection on a larger packet, perhaps before
 * its answer can be read: the same error, while the connection lives. */
int
aw__my_check_size(const struct aw_my_conn *c, const struct aw_call *call)
{
	uint64_t size = aw__db_bytes(call->values, call->n_values);
	uint64_t around = 64 + 16 * call->n_values;
	struct aw_error *error;

	if (size < call->size)
		size = call->size;
	if (!c->limit || (c->limit >= around && size <= c->limit - around))
		return 0;
	error = aw_error_set(AW_ESQL);
	error->native = ER_NET_PACKET_TOO_LARGE;
	error->sql_class = AW_SQL_RESOURCES;
	error->sent = AW_NOT_SENT;
	snprintf(error->sqlstate, sizeof(error->sqlstate), "08S01");
	snprintf(error->message, sizeof(error->message), "the statement has "
		 "%llu bytes, the server takes %llu (max_allowed_packet)",
		 (unsigned long long)size, (unsigned long long)c->limit);
	return AW_ESQL;
}

int
aw__my_encode(struct aw_my_conn *c, const struct aw_call *call)
{
	int r = make_room(c, call->n_values);

	for (size_t i = 0; r == 0 && i < call->n_values; i++) {
		memset(&c->binds[i], 0, sizeof(c->binds[i]));
		r = bind_value(&c->binds[i], &c->times[i], &call->values[i], i);
	}
	return r;
}
