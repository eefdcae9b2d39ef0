/* SPDX-License-Identifier: MIT */
/*
 * encode.c - parameters for the types that the server inferred.
 *
 *	              bool   int2 int4 int8 oid   float4 float8  bytea, text
 *	bool           b      b (0, 1)             text   b        text
 *	int, uint      b(0,1) b, range             text   b, exact text
 *	double         -      b, if integral       text   b        text
 *	bytes          -      -                     -      -       as they are
 *	time           to date and time types: text; to numbers: refused
 *	text, decimal, interval, uuid, array: text, the server judges; text
 *	               with a NUL: for bytea as it is, else refused
 *
 * "text" is the server's input syntax, "b" its binary form, big-endian.  An
 * integer or a double for a date or time is refused, because the server
 * would read 20240101 as a date.  Values that need no types (only text and
 * NULL) are sent without asking; the server judges them the same then.  So
 * are those that cannot be asked for (run.c): bytes as they are, all else as
 * text.
 *
 * libpq copies everything into its output buffer before PQsend...() returns.
 */
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pg_conn.h"

struct slot {
	struct aw_pg_conn *c;
	size_t i;
	Oid type;
	char *cell;		/* 64 bytes */
};

bool
aw__pg_needs_types(const struct aw_value *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (values[i].kind) {
		case AW_KIND_TEXT:
			if (aw__db_has_nul(&values[i]))
				return true;
			break;
		case AW_KIND_NULL:
		case AW_KIND_DECIMAL:
		case AW_KIND_INTERVAL:
		case AW_KIND_UUID:
		case AW_KIND_ARRAY:
			break;
		default:
			return true;
		}
	}
	return false;
}

static int
put(struct slot *s, const void *data, size_t size, int format)
{
	if (size > AW_PG_MOST_BYTES - s->c->scratch.size)
		return AW_ELIMIT;
	s->c->scratch.size += size;
	s->c->scratch.values[s->i] = data;
	s->c->scratch.lengths[s->i] = (int)size;
	s->c->scratch.formats[s->i] = format;
	return 0;
}

static int
put_binary(struct slot *s, uint64_t n, size_t size)
{
	uint64_t wire = htobe64(n << (64 - 8 * size));

	memcpy(s->cell, &wire, size);
	return put(s, s->cell, size, 1);
}

static int
put_text(struct slot *s)
{
	return put(s, s->cell, strlen(s->cell), 0);
}

/* A block that lives until the statement has been sent. */
static char *
block(struct slot *s, size_t size)
{
	struct aw_pg_scratch *scratch = &s->c->scratch;
	char *at = malloc(size);

	if (at)
		scratch->blocks[scratch->n_blocks++] = at;
	return at;
}

static bool
is_time(Oid type)
{
	return type == OID_TIMESTAMP || type == OID_TIMESTAMPTZ ||
		type == OID_DATE || type == OID_TIME || type == OID_TIMETZ ||
		type == OID_INTERVAL;
}

static bool
is_number(Oid type)
{
	return type == OID_INT2 || type == OID_INT4 || type == OID_INT8 ||
		type == OID_FLOAT4 || type == OID_FLOAT8 ||
		type == OID_NUMERIC || type == OID_OID || type == OID_BOOL;
}

static int
in_range(int64_t n, int64_t low, int64_t high)
{
	return n >= low && n <= high ? 0 : AW_ERANGE;
}

static int
put_double_bits(struct slot *s, double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	return put_binary(s, bits, 8);
}

static int
encode_int(struct slot *s, int64_t n)
{
	int r = 0;

	switch (s->type) {
	case OID_BOOL:
		r = in_range(n, 0, 1);
		return r < 0 ? r : put_binary(s, (uint64_t)n, 1);
	case OID_INT2:
		r = in_range(n, INT16_MIN, INT16_MAX);
		return r < 0 ? r : put_binary(s, (uint64_t)n, 2);
	case OID_INT4:
		r = in_range(n, INT32_MIN, INT32_MAX);
		return r < 0 ? r : put_binary(s, (uint64_t)n, 4);
	case OID_OID:
		r = in_range(n, 0, UINT32_MAX);
		return r < 0 ? r : put_binary(s, (uint64_t)n, 4);
	case OID_INT8:
		return put_binary(s, (uint64_t)n, 8);
	case OID_FLOAT8:
		if (n < -(1LL << 53) || n > 1LL << 53)
			return AW_ERANGE;
		return put_double_bits(s, (double)n);
	default:
		if (is_time(s->type) || s->type == OID_BYTEA ||
		    s->type == OID_UUID)
			return AW_ETYPE;
		snprintf(s->cell, sizeof(s->c->scratch.cells[0]), "%lld",
			 (long long)n);
		return put_text(s);
	}
}

static int
encode_double(struct slot *s, const struct aw_value *v)
{
	struct aw_cell cell = { .value = *v };

	switch (s->type) {
	case OID_FLOAT8:
		return put_double_bits(s, v->as.d);
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
	case OID_OID:
		if (!(v->as.d >= -0x1p63 && v->as.d < 0x1p63) ||
		    v->as.d != trunc(v->as.d))
			return AW_ERANGE;
		return encode_int(s, (int64_t)v->as.d);
	case OID_BOOL:
	case OID_BYTEA:
	case OID_UUID:
		return AW_ETYPE;
	default:
		if (is_time(s->type))
			return AW_ETYPE;
		aw__db_format(&cell, s->cell, sizeof(s->c->scratch.cells[0]));
		return put_text(s);
	}
}

static int
encode_bool(struct slot *s, bool b)
{
	if (s->type == OID_BOOL || is_number(s->type) || is_time(s->type))
		return encode_int(s, b);
	snprintf(s->cell, sizeof(s->c->scratch.cells[0]), b ? "true" : "false");
	return put_text(s);
}

/* The binary form of jsonb is a version number and the text. */
static int
encode_jsonb(struct slot *s, struct aw_bytes bytes)
{
	char *at = block(s, bytes.size + 1);

	if (!at)
		return AW_ENOMEM;
	at[0] = 1;
	memcpy(at + 1, bytes.data, bytes.size);
	return put(s, at, bytes.size + 1, 1);
}

/* Raw bytes are the binary form of every text type, too. */
static int
encode_bytes(struct slot *s, struct aw_bytes bytes)
{
	switch (s->type) {
	case OID_BYTEA:
	case OID_TEXT:
	case OID_VARCHAR:
	case OID_BPCHAR:
	case OID_NAME:
	case OID_JSON:
	case OID_XML:
	case OID_UNKNOWN:
	case 0:
		return put(s, bytes.data, bytes.size, 1);
	case OID_JSONB:
		return encode_jsonb(s, bytes);
	case OID_UUID:
		return bytes.size == 16 ? put(s, bytes.data, 16, 1) : AW_ETYPE;
	default:
		return AW_ETYPE;
	}
}

/* A year before 1 is written as the year and BC; an instant is in UTC. */
static int
encode_time(struct slot *s, struct aw_time t)
{
	size_t size = sizeof(s->c->scratch.cells[0]);
	bool dated = t.kind == AW_TIME_INSTANT || t.kind == AW_TIME_LOCAL ||
		t.kind == AW_TIME_DATE;
	bool bc = dated && t.year <= 0;
	int n;

	if (is_number(s->type) || s->type == OID_BYTEA || s->type == OID_UUID)
		return AW_ETYPE;
	if (dated && !t.month)
		return AW_ERANGE;
	if (bc)
		t.year = 1 - t.year;
	n = aw__db_format_time(&t, s->cell, size);
	if (n < 0 || (size_t)n + 24 > size)
		return AW_ERANGE;
	if (t.kind == AW_TIME_INSTANT)
		n += snprintf(s->cell + n, size - (size_t)n, "+00");
	else if (t.kind == AW_TIME_OF_DAY && t.offset)
		n += snprintf(s->cell + n, size - (size_t)n,
			      "%c%02d:%02d:%02d", t.offset < 0 ? '-' : '+',
			      abs(t.offset) / 3600, abs(t.offset) / 60 % 60,
			      abs(t.offset) % 60);
	if (bc)
		snprintf(s->cell + n, size - (size_t)n, " BC");
	return put_text(s);
}

static int
encode_interval(struct slot *s, const struct aw_interval *v)
{
	if (is_number(s->type))
		return AW_ETYPE;
	snprintf(s->cell, sizeof(s->c->scratch.cells[0]),
		 "%d mons %d days %lld us", v->months, v->days,
		 (long long)v->microseconds);
	return put_text(s);
}

static int
encode_uuid(struct slot *s, const struct aw_value *v)
{
	struct aw_cell cell = { .value = *v };

	if (s->type == OID_UUID) {
		memcpy(s->cell, v->as.uuid.bytes, 16);
		return put(s, s->cell, 16, 1);
	}
	if (is_number(s->type))
		return AW_ETYPE;
	aw__db_format(&cell, s->cell, sizeof(s->c->scratch.cells[0]));
	return put_text(s);
}

/* One element of an array as a value of its own. */
static struct aw_value
element(const struct aw_items *items, size_t i)
{
	const char *at = (const char *)items->at + i * items->size;
	uint64_t raw = 0;
	struct aw_bytes b;
	double d;
	float f;

	switch (items->kind) {
	case AW_KIND_FLOAT:
		memcpy(&f, at, sizeof(f));
		return aw_value_float(f);
	case AW_KIND_DOUBLE:
		memcpy(&d, at, sizeof(d));
		return aw_value_double(d);
	case AW_KIND_TEXT:
		return aw_value_text(*(const char *const *)at);
	case AW_KIND_BYTES:
		memcpy(&b, at, sizeof(b));
		return aw_value_bytes(b);
	case AW_KIND_UUID: {
		struct aw_uuid u;

		memcpy(&u, at, sizeof(u));
		return aw_value_uuid(u);
	}
	default:
		memcpy(&raw, at, items->size);
	}
	if (items->kind == AW_KIND_INT) {
		int shift = 64 - 8 * items->size;

		return aw_value_int((int64_t)(raw << shift) >> shift);
	}
	if (items->kind == AW_KIND_BOOL)
		return aw_value_bool(raw != 0);
	return aw_value_uint(raw);
}

/* Quoted, with a backslash before quotes and backslashes; bytes as \x... */
static size_t
write_element(char *out, const struct aw_value *v)
{
	static const char hex[] = "0123456789abcdef";
	struct aw_cell cell = { .value = *v };
	const unsigned char *at = v->as.bytes.data;
	char *start = out;

	if (v->kind == AW_KIND_NULL) {
		memcpy(out, "NULL", 4);
		return 4;
	}
	if (v->kind != AW_KIND_TEXT && v->kind != AW_KIND_BYTES)
		return (size_t)aw__db_format(&cell, out, 64);
	*out++ = '"';
	if (v->kind == AW_KIND_BYTES) {
		memcpy(out, "\\\\x", 3);
		out += 3;
	}
	for (size_t i = 0; i < v->as.bytes.size; i++) {
		if (v->kind == AW_KIND_BYTES) {
			*out++ = hex[at[i] >> 4];
			*out++ = hex[at[i] & 15];
			continue;
		}
		if (at[i] == '"' || at[i] == '\\')
			*out++ = '\\';
		*out++ = (char)at[i];
	}
	*out++ = '"';
	return (size_t)(out - start);
}

static int
encode_array(struct slot *s, const struct aw_items *items)
{
	size_t size = 3, sum = 0, used = 0;
	char *out;

	for (size_t i = 0; i < items->n; i++) {
		struct aw_value v = element(items, i);

		size += 66;
		if (v.kind != AW_KIND_TEXT && v.kind != AW_KIND_BYTES)
			continue;
		if (v.as.bytes.size > AW_PG_MOST_BYTES - sum)
			return AW_ELIMIT;
		sum += v.as.bytes.size;
		size += 2 * v.as.bytes.size;
	}
	out = block(s, size);
	if (!out)
		return AW_ENOMEM;
	out[used++] = '{';
	for (size_t i = 0; i < items->n; i++) {
		struct aw_value v = element(items, i);

		if (i)
			out[used++] = ',';
		used += write_element(out + used, &v);
	}
	out[used++] = '}';
	out[used] = '\0';
	return put(s, out, used, 0);
}

/* libpq ends text at its first NUL. */
static int
encode_text(struct slot *s, struct aw_bytes text, bool nul)
{
	if (nul && s->type != OID_BYTEA)
		return AW_EILSEQ;
	return put(s, text.data, text.size, nul);
}

static int
encode_one(struct slot *s, const struct aw_value *v)
{
	switch (v->kind) {
	case AW_KIND_NULL:
		return put(s, NULL, 0, 0);
	case AW_KIND_BOOL:
		return encode_bool(s, v->as.b);
	case AW_KIND_INT:
		return encode_int(s, v->as.i);
	case AW_KIND_UINT:
		return v->as.u > INT64_MAX ? AW_ERANGE :
					     encode_int(s, (int64_t)v->as.u);
	case AW_KIND_FLOAT:
	case AW_KIND_DOUBLE:
		return encode_double(s, v);
	case AW_KIND_TEXT:
		return encode_text(s, v->as.bytes, aw__db_has_nul(v));
	case AW_KIND_DECIMAL:
		return put(s, v->as.bytes.data, v->as.bytes.size, 0);
	case AW_KIND_BYTES:
		return encode_bytes(s, v->as.bytes);
	case AW_KIND_TIME:
		return encode_time(s, v->as.time);
	case AW_KIND_INTERVAL:
		return encode_interval(s, &v->as.interval);
	case AW_KIND_UUID:
		return encode_uuid(s, v);
	case AW_KIND_ARRAY:
		return encode_array(s, &v->as.array);
	default:
		return AW_EUSAGE;
	}
}

static int
fail(const struct slot *s, int r, const struct aw_value *v)
{
	char type[24];
	const char *name = aw__pg_type_name(s->type, type);
	const char *why = r == AW_ERANGE ? "is out of its range" :
		r == AW_EILSEQ ? "has a NUL in it, which is for bytea" :
		r == AW_ELIMIT ? "is longer than a message may be" :
		is_time(s->type) ? "is no time: use struct aw_time" :
		v->kind == AW_KIND_TIME ? "is a time (struct aw_time)" :
		"does not fit";

	return aw_fail(r, "parameter $%zu is of type %s, and the value %s",
		       s->i + 1, name, why);
}

int
aw__pg_encode(struct aw_pg_conn *c, const struct aw_value *values, size_t n,
	      const struct aw_pg_meta *meta)
{
	int r = aw__pg_scratch_grow(&c->scratch, n);

	c->scratch.size = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct slot s = { .c = c, .i = i, .cell = c->scratch.cells[i],
				  .type = meta ? meta->params[i] : 0 };

		r = encode_one(&s, &values[i]);
		if (r < 0) {
			aw__pg_encode_done(c);
			return fail(&s, r, &values[i]);
		}
	}
	return r;
}
