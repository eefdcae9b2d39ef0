/* SPDX-License-Identifier: MIT */
/*
 * json.c - writing JSON.
 *
 * Rows are written as they are read, without a tree.  A number stays a JSON
 * number while every reader's double holds it exactly: up to 15 significant
 * digits, integers up to 2^53; beyond that, and for NaN and infinity, it is a
 * string.  Bytes are {"$bytes": base64}.  All else is the server's own text.
 */
#include <stdlib.h>
#include <string.h>

#include "awsql.h"

#define EXACT_DIGITS 15

void
out_put(struct out *out, const void *data, size_t n)
{
	if (out->failed)
		return;
	if (out->room - out->n < n) {
		size_t room = (out->room + n) * 2;
		char *more = realloc(out->data, room);

		if (!more) {
			out->failed = true;
			return;
		}
		out->data = more;
		out->room = room;
	}
	memcpy(out->data + out->n, data, n);
	out->n += n;
}

void
out_str(struct out *out, const char *text)
{
	out_put(out, text, strlen(text));
}

size_t
utf8_size(const unsigned char *at, size_t left)
{
	size_t n = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 :
		at[0] >= 0xe0 && at[0] < 0xf0 ? 3 :
		at[0] >= 0xf0 && at[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a form, a surrogate, beyond U+10FFFF: RFC 3629. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) ||
	    (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return n;
}

/* Bytes that are no UTF-8 cannot be in JSON: each becomes U+FFFD. */
static size_t
put_character(struct out *out, const unsigned char *at, size_t left)
{
	size_t n = utf8_size(at, left);
	char escape[8];

	if (n == 0) {
		out_str(out, "\xef\xbf\xbd");
		return 1;
	}
	if (*at == '"' || *at == '\\') {
		escape[0] = '\\';
		escape[1] = (char)*at;
		out_put(out, escape, 2);
	} else if (*at < 0x20) {
		snprintf(escape, sizeof(escape), "\\u%04x", *at);
		out_put(out, escape, 6);
	} else {
		out_put(out, at, n);
	}
	return n;
}

void
out_json_string(struct out *out, struct aw_bytes text)
{
	const unsigned char *at = text.data;
	size_t i = 0, start = 0;

	out_put(out, "\"", 1);
	while (i < text.size) {
		if (at[i] >= 0x20 && at[i] < 0x80 && at[i] != '"' &&
		    at[i] != '\\') {
			i++;
			continue;
		}
		out_put(out, at + start, i - start);
		i += put_character(out, at + i, text.size - i);
		start = i;
	}
	out_put(out, at + start, i - start);
	out_put(out, "\"", 1);
}

void
out_piece(struct out *out, struct piece piece)
{
	bool string = false;

	for (size_t i = 0; i < piece.n; i++) {
		const char *at = piece.at + i;

		if (*at == '"')
			string = !string;
		if (!string && strchr(" \t\r\n", *at))
			continue;
		out_put(out, at, 1);
		if (string && *at == '\\')
			out_put(out, piece.at + ++i, 1);
	}
}

enum shape { TEXT, NUMBER, BOOL, BYTES };

static const struct {
	const char *type;
	enum shape shape;
} shapes[] = {
	{ "int4", NUMBER }, { "int8", NUMBER }, { "int2", NUMBER },
	{ "oid", NUMBER }, { "float4", NUMBER }, { "float8", NUMBER },
	{ "numeric", NUMBER }, { "bool", BOOL }, { "bytea", BYTES },
	{ "tinyint", NUMBER }, { "smallint", NUMBER },
	{ "mediumint", NUMBER }, { "int", NUMBER }, { "bigint", NUMBER },
	{ "float", NUMBER }, { "double", NUMBER }, { "decimal", NUMBER },
	{ "year", NUMBER }, { "blob", BYTES }, { "tinyblob", BYTES },
	{ "mediumblob", BYTES }, { "longblob", BYTES }, { "binary", BYTES },
	{ "varbinary", BYTES }, { "geometry", BYTES },
};

/* "bigint unsigned" has the shape of "bigint". */
static enum shape
shape_of(const char *type)
{
	size_t n = strcspn(type, " ");

	for (size_t i = 0; i < AW_LENGTH(shapes); i++)
		if (strlen(shapes[i].type) == n &&
		    strncmp(shapes[i].type, type, n) == 0)
			return shapes[i].shape;
	return TEXT;
}

/* What is_exact_number() finds in a number. */
struct digits {
	int n;			/* without zeroes in front and behind */
	int zeroes;		/* behind the last that is none */
	bool point, has_exponent;
};

/* As JSON writes numbers. */
static bool
take_digits(const char *at, const char *end, struct digits *d)
{
	const char *begin = at;

	for (; at < end && *at != 'e' && *at != 'E'; at++) {
		if (*at == '.' && !d->point && at > begin) {
			d->point = true;
		} else if (*at < '0' || *at > '9') {
			return false;
		} else if (*at == '0') {
			d->zeroes += d->n > 0;
		} else {
			d->n += d->zeroes + 1;
			d->zeroes = 0;
		}
	}
	if (at == begin || at[-1] == '.' || (*begin == '0' && at > begin + 1 &&
					     begin[1] != '.'))
		return false;
	if (at == end)
		return true;
	d->has_exponent = true;
	at += at[1] == '-' || at[1] == '+' ? 2 : 1;
	return at < end && at + strspn(at, "0123456789") == end;
}

/* Is it a JSON number that every reader's double holds as it is written?  Whole
 * numbers are held up to 2^53, however many zeroes they end in; 15 digits come
 * back unchanged between 1e-307 and 1e308 (C11, 5.2.4.2.2), but what is
 * written without an exponent is not rounded by its reader above 2^53. */
static bool
is_exact_number(struct aw_bytes text)
{
	const char *at = text.data, *end = at + text.size;
	struct digits d = { .n = 0 };
	double value;

	if (at < end && *at == '-')
		at++;
	if (!take_digits(at, end, &d))
		return false;
	if (!d.point && !d.has_exponent)
		return end - at <= 16 && strtoll(at, NULL, 10) <= 1LL << 53;
	value = strtod(at, NULL);
	return d.n == 0 || (d.n <= EXACT_DIGITS && value >= 1e-307 &&
			    value < (d.has_exponent ? 1e308 : 0x1p53));
}

static int
out_text(struct out *out, struct aw_rows *rows, int column, enum shape shape)
{
	struct aw_bytes text = { NULL, 0 };
	bool null = false;
	int r = aw_rows_get(rows, column, AW_OPT(&text, &null));

	if (r < 0)
		return r;
	if (null)
		out_str(out, "null");
	else if (shape == NUMBER && is_exact_number(text))
		out_put(out, text.data, text.size);
	else
		out_json_string(out, text);
	return 0;
}

/* As the server wrote it; a NUL, which only MariaDB has in text, is kept. */
static int
out_own_text(struct out *out, struct aw_rows *rows, int column)
{
	const char *text = NULL;
	bool null = false;
	int r = aw_rows_get(rows, column, AW_OPT(&text, &null));

	if (r == AW_EILSEQ)
		return out_text(out, rows, column, TEXT);
	if (r < 0)
		return r;
	if (null)
		out_str(out, "null");
	else
		out_json_string(out, aw_text(text));
	return 0;
}

static int
out_bool(struct out *out, struct aw_rows *rows, int column)
{
	bool value = false, null = false;
	int r = aw_rows_get(rows, column, AW_OPT(&value, &null));

	if (r == 0)
		out_str(out, null ? "null" : value ? "true" : "false");
	return r;
}

static int
out_bytes(struct out *out, struct aw_rows *rows, int column)
{
	struct aw_bytes bytes = { NULL, 0 };
	bool null = false;
	int r = aw_rows_get(rows, column, AW_OPT(&bytes, &null));

	if (r < 0)
		return r;
	if (null) {
		out_str(out, "null");
		return 0;
	}
	out_str(out, "{\"$bytes\":\"");
	out_base64(out, bytes);
	out_str(out, "\"}");
	return 0;
}

int
out_cell(struct out *out, struct aw_rows *rows, int column, bool text)
{
	enum shape shape = shape_of(aw_rows_type(rows, column));

	if (text)
		return out_own_text(out, rows, column);
	if (shape == BOOL)
		return out_bool(out, rows, column);
	if (shape == BYTES)
		return out_bytes(out, rows, column);
	return out_text(out, rows, column, shape);
}
