/* SPDX-License-Identifier: MIT */
/*
 * decode.c - one cell of a PGresult.
 *
 * A type has a binary decoder here only if its text can be written again
 * exactly as the server would: then a text target means the same in both
 * formats.  Dates, times and intervals depend on the session's TimeZone,
 * DateStyle and IntervalStyle, and numeric is exact as text: they come as
 * text.  libpq ends every value with a NUL, in both formats.
 */
#include <endian.h>
#include <stdio.h>

#include "pg_conn.h"

struct type {
	Oid oid;
	int kind;
	int time_kind;
	bool binary;
	const char *name;
};

static const struct type types[] = {
	{ OID_INT4, AW_KIND_INT, 0, true, "int4" },
	{ OID_TEXT, AW_KIND_TEXT, 0, true, "text" },
	{ OID_INT8, AW_KIND_INT, 0, true, "int8" },
	{ OID_VARCHAR, AW_KIND_TEXT, 0, true, "varchar" },
	{ OID_BOOL, AW_KIND_BOOL, 0, true, "bool" },
	{ OID_INT2, AW_KIND_INT, 0, true, "int2" },
	{ OID_FLOAT8, AW_KIND_DOUBLE, 0, true, "float8" },
	{ OID_FLOAT4, AW_KIND_FLOAT, 0, true, "float4" },
	{ OID_BYTEA, AW_KIND_BYTES, 0, true, "bytea" },
	{ OID_UUID, AW_KIND_UUID, 0, true, "uuid" },
	{ OID_JSON, AW_KIND_TEXT, 0, true, "json" },
	{ OID_JSONB, AW_KIND_TEXT, 0, true, "jsonb" },
	{ OID_OID, AW_KIND_UINT, 0, true, "oid" },
	{ OID_BPCHAR, AW_KIND_TEXT, 0, true, "bpchar" },
	{ OID_NAME, AW_KIND_TEXT, 0, true, "name" },
	{ OID_NUMERIC, AW_KIND_DECIMAL, 0, false, "numeric" },
	{ OID_TIMESTAMPTZ, AW_KIND_TIME, AW_TIME_INSTANT, false,
	  "timestamptz" },
	{ OID_TIMESTAMP, AW_KIND_TIME, AW_TIME_LOCAL, false, "timestamp" },
	{ OID_DATE, AW_KIND_TIME, AW_TIME_DATE, false, "date" },
	{ OID_TIME, AW_KIND_TIME, AW_TIME_OF_DAY, false, "time" },
	{ OID_TIMETZ, AW_KIND_TIME, AW_TIME_OF_DAY, false, "timetz" },
	{ OID_INTERVAL, AW_KIND_INTERVAL, 0, false, "interval" },
	{ OID_XML, AW_KIND_TEXT, 0, false, "xml" },
	{ OID_UNKNOWN, AW_KIND_TEXT, 0, true, "unknown" },
	{ OID_CHAR, AW_KIND_TEXT, 0, false, "char" },
	{ 1000, AW_KIND_TEXT, 0, false, "_bool" },
	{ 1001, AW_KIND_TEXT, 0, false, "_bytea" },
	{ 1005, AW_KIND_TEXT, 0, false, "_int2" },
	{ 1007, AW_KIND_TEXT, 0, false, "_int4" },
	{ 1009, AW_KIND_TEXT, 0, false, "_text" },
	{ 1015, AW_KIND_TEXT, 0, false, "_varchar" },
	{ 1016, AW_KIND_TEXT, 0, false, "_int8" },
	{ 1021, AW_KIND_TEXT, 0, false, "_float4" },
	{ 1022, AW_KIND_TEXT, 0, false, "_float8" },
	{ 1231, AW_KIND_TEXT, 0, false, "_numeric" },
	{ 2951, AW_KIND_TEXT, 0, false, "_uuid" },
	{ 600, AW_KIND_TEXT, 0, false, "point" },
	{ 650, AW_KIND_TEXT, 0, false, "cidr" },
	{ 869, AW_KIND_TEXT, 0, false, "inet" },
	{ 829, AW_KIND_TEXT, 0, false, "macaddr" },
	{ 790, AW_KIND_TEXT, 0, false, "money" },
	{ 1560, AW_KIND_TEXT, 0, false, "bit" },
	{ 1562, AW_KIND_TEXT, 0, false, "varbit" },
	{ 2205, AW_KIND_TEXT, 0, false, "regclass" },
	{ 2206, AW_KIND_TEXT, 0, false, "regtype" },
	{ 2249, AW_KIND_TEXT, 0, false, "record" },
	{ 2278, AW_KIND_TEXT, 0, false, "void" },
	{ 3904, AW_KIND_TEXT, 0, false, "int4range" },
	{ 3926, AW_KIND_TEXT, 0, false, "int8range" },
	{ 3910, AW_KIND_TEXT, 0, false, "tstzrange" },
};

static const struct type other = { 0, AW_KIND_TEXT, 0, false, NULL };

static const struct type *
find_type(Oid oid)
{
	for (size_t i = 0; i < AW_LENGTH(types); i++)
		if (types[i].oid == oid)
			return &types[i];
	return &other;
}

bool
aw__pg_has_decoder(Oid type)
{
	return find_type(type)->binary;
}

const char *
aw__pg_type_name(Oid type, char buf[24])
{
	const char *name = find_type(type)->name;

	if (name)
		return name;
	snprintf(buf, 24, "oid:%u", type);
	return buf;
}

static uint64_t
read_uint(const char *at, int size)
{
	uint64_t wire = 0;

	memcpy(&wire, at, (size_t)size);
	return be64toh(wire) >> (64 - 8 * size);
}

static int64_t
read_int(const char *at, int size)
{
	int shift = 64 - 8 * size;

	return (int64_t)(read_uint(at, size) << shift) >> shift;
}

static double
read_double(const char *at, int size)
{
	uint64_t bits = read_uint(at, size);
	uint32_t half = (uint32_t)bits;
	double d;
	float f;

	if (size == (int)sizeof(f)) {
		memcpy(&f, &half, sizeof(f));
		return f;
	}
	memcpy(&d, &bits, sizeof(d));
	return d;
}

static bool
has_size(int kind, int size)
{
	switch (kind) {
	case AW_KIND_BOOL:
		return size == 1;
	case AW_KIND_INT:
		return size == 2 || size == 4 || size == 8;
	case AW_KIND_UINT:
	case AW_KIND_FLOAT:
		return size == 4;
	case AW_KIND_DOUBLE:
		return size == 8;
	case AW_KIND_UUID:
		return size == 16;
	default:
		return true;
	}
}

static int
decode(const struct type *type, const char *at, int size, struct aw_cell *ret)
{
	struct aw_value *v = &ret->value;

	if (!type->binary || !has_size(type->kind, size))
		return AW_EDECODE;
	switch (type->kind) {
	case AW_KIND_BOOL:
		v->as.b = *at != 0;
		return 0;
	case AW_KIND_INT:
		v->as.i = read_int(at, size);
		return 0;
	case AW_KIND_UINT:
		v->as.u = read_uint(at, size);
		return 0;
	case AW_KIND_FLOAT:
	case AW_KIND_DOUBLE:
		v->as.d = read_double(at, size);
		return 0;
	case AW_KIND_UUID:
		memcpy(v->as.uuid.bytes, at, 16);
		return 0;
	default:
		break;
	}
	if (type->oid == OID_JSONB && size > 0) {
		at++;
		size--;
	}
	ret->terminated = true;
	v->as.bytes = aw_bytes(at, (size_t)size);
	return 0;
}

int
aw__pg_cell(const PGresult *result, int row, int column, struct aw_cell *ret)
{
	const struct type *type = find_type(PQftype(result, column));
	const char *at = PQgetvalue(result, row, column);
	int size = PQgetlength(result, row, column);

	ret->value.kind = type->kind;
	ret->time_kind = type->time_kind;
	ret->null = size == 0 && PQgetisnull(result, row, column);
	if (ret->null)
		return 0;
	if (PQfformat(result, column) == 1)
		return decode(type, at, size, ret);
	ret->text = true;
	ret->terminated = true;
	ret->value.as.bytes = aw_bytes(at, (size_t)size);
	return 0;
}

static int
format_hex(struct aw_bytes bytes, char *buf, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *at = bytes.data;
	size_t n = 2 * bytes.size + 2;

	if (n > INT32_MAX)
		return AW_ERANGE;
	if (n >= size)
		return (int)n;
	*buf++ = '\\';
	*buf++ = 'x';
	for (size_t i = 0; i < bytes.size; i++) {
		*buf++ = digits[at[i] >> 4];
		*buf++ = digits[at[i] & 15];
	}
	*buf = '\0';
	return (int)n;
}

int
aw__pg_format(const struct aw_cell *cell, char *buf, size_t size)
{
	if (cell->value.kind == AW_KIND_BOOL)
		return snprintf(buf, size, cell->value.as.b ? "t" : "f");
	if (cell->value.kind == AW_KIND_BYTES)
		return format_hex(cell->value.as.bytes, buf, size);
	return aw__db_format(cell, buf, size);
}
