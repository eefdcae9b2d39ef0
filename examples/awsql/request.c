/* SPDX-License-Identifier: MIT */
/*
 * request.c - what a line asks for.
 *
 * The id is found first and kept as it stands, so that it comes back also
 * with the answer to a line that is wrong further on.
 *
 *	integer        int64 if it is one, else a decimal
 *	other number   double if it is the shortest form of one, else a decimal:
 *	               a double would lose digits that a numeric(30) has
 *	string         text; a NUL in it is for MariaDB, and for bytea
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "awsql.h"

/* MariaDB manual, DECIMAL. */
#define DECIMAL_DIGITS 65
#define DECIMAL_SCALE 38

/* --- numbers ------------------------------------------------------------- */

/* The digits without zeroes in front and behind; how many there are. */
static size_t
significant(const char *text, char *ret, size_t size)
{
	size_t n = 0, zeroes = 0;

	for (; *text && *text != 'e' && *text != 'E'; text++) {
		if (*text < '0' || *text > '9')
			continue;
		if (*text == '0') {
			zeroes += n > 0;
			continue;
		}
		for (; zeroes > 0; zeroes--, n++)
			if (n < size)
				ret[n] = '0';
		if (n < size)
			ret[n] = *text;
		n++;
	}
	return n;
}

/* Does the double say just these digits, whoever writes it out? */
static bool
is_shortest(const char *text, double d)
{
	char mine[DBL_DECIMAL_DIG], its[DBL_DECIMAL_DIG], form[40];
	size_t n = significant(text, mine, sizeof(mine)), m;

	if (n == 0 || !isfinite(d) || fabs(d) < DBL_MIN)
		return n == 0;
	if (n <= DBL_DIG || n > DBL_DECIMAL_DIG)
		return n <= DBL_DIG;
	for (int p = DBL_DIG; p <= DBL_DECIMAL_DIG; p++) {
		snprintf(form, sizeof(form), "%.*e", p - 1, d);
		if (strtod(form, NULL) == d)
			break;
	}
	m = significant(form, its, sizeof(its));
	return m == n && memcmp(mine, its, n) == 0;
}

/* MariaDB would cut what does not fit into its type to what does. */
static bool
fits_decimal(const char *text)
{
	const char *point = strchr(text, '.');
	size_t n = strspn(text, "-.0123456789");

	return text[n] == '\0' && n <= DECIMAL_DIGITS &&
		(!point || strlen(point + 1) <= DECIMAL_SCALE);
}

static struct aw_value
take_number(const char *text)
{
	bool whole = text[strspn(text, "-0123456789")] == '\0';
	long long n;
	double d;

	errno = 0;
	n = strtoll(text, NULL, 10);
	if (whole && errno == 0)
		return aw_value((int64_t)n);
	d = strtod(text, NULL);
	if (!whole && is_shortest(text, d))
		return aw_value(d);
	return fits_decimal(text) ? aw_decimal(text) : aw_value(text);
}

/* --- parameters ---------------------------------------------------------- */

/* Decoded, and owned by the request; NULL: aw_error() is set. */
static json_t *
decode(struct request *q, struct piece piece, const char *what)
{
	json_error_t error;
	json_t *value = json_loadb(piece.at, piece.n, JSON_DECODE_ANY |
				   JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
				   &error);

	if (!value)
		aw_ignore(aw_fail(AW_EINVAL, "%s: %s", what, error.text));
	else if (json_array_append_new(q->kept, value) == 0)
		return value;
	else
		aw_ignore(aw_fail(AW_ENOMEM, "%s", what));
	return NULL;
}

static int
take_bytes(json_t *param, const char *what, struct aw_value *ret)
{
	json_t *text = json_object_get(param, "$bytes");
	size_t n;

	if (json_object_size(param) != 1 || !json_is_string(text))
		return aw_fail(AW_EINVAL, "%s is not null, a boolean, a "
			       "number, a string or {\"$bytes\": base64}",
			       what);
	/* Decoded where it stands: the text belongs to the request alone. */
	if (strlen(json_string_value(text)) != json_string_length(text) ||
	    base64_decode((char *)(uintptr_t)json_string_value(text), &n) < 0)
		return aw_fail(AW_EINVAL, "the $bytes of %s are no base64",
			       what);
	*ret = aw_value(aw_bytes(json_string_value(text), n));
	return 0;
}

/* A number is kept as a string, which ends with a NUL. */
static int
keep_number(struct request *q, struct piece piece, struct aw_value *ret)
{
	json_t *text = json_stringn(piece.at, piece.n);

	if (!text || json_array_append_new(q->kept, text) < 0)
		return aw_fail(AW_ENOMEM, "a parameter");
	*ret = take_number(json_string_value(text));
	return 0;
}

static int
take_param(struct request *q, struct piece piece, size_t i,
	   struct aw_value *ret)
{
	char what[40];
	json_t *param;

	if (*piece.at == '-' || (*piece.at >= '0' && *piece.at <= '9'))
		return keep_number(q, piece, ret);
	snprintf(what, sizeof(what), "parameter %zu", i);
	param = decode(q, piece, what);
	if (!param)
		return aw_error()->code;
	if (json_is_null(param))
		*ret = AW_NULL;
	else if (json_is_boolean(param))
		*ret = aw_value((bool)json_is_true(param));
	else if (json_is_string(param))
		*ret = aw_value_text_(aw_bytes(json_string_value(param),
					       json_string_length(param)));
	else
		return take_bytes(param, what, ret);
	return 0;
}

static int
add_value(struct request *q, struct aw_value value)
{
	size_t room = q->room ? 2 * q->room : 8;
	struct aw_value *more;

	if (q->n_values == q->room) {
		more = realloc(q->values, room * sizeof(*more));
		if (!more)
			return aw_fail(AW_ENOMEM, "%zu parameters", room);
		q->values = more;
		q->room = room;
	}
	q->values[q->n_values++] = value;
	return 0;
}

/* The whole line is known to be JSON by now. */
static int
take_params(struct request *q, struct piece params)
{
	struct scan s = { .begin = params.at, .at = params.at,
			  .end = params.at + params.n, .levels = 2 };
	struct aw_value value;
	struct piece piece;

	if (!params.at || *params.at == 'n')	/* null */
		return 0;
	if (!scan_sign(&s, '['))
		return aw_fail(AW_EINVAL, "\"params\" is no array");
	if (scan_sign(&s, ']'))
		return 0;
	do {
		AW_TRY(scan_value(&s, &piece));
		AW_TRY(take_param(q, piece, q->n_values + 1, &value));
		AW_TRY(add_value(q, value));
	} while (scan_sign(&s, ','));
	return 0;
}

/* --- the line ------------------------------------------------------------ */

static int
take_sql(struct request *q, struct piece sql)
{
	json_t *text;

	if (!sql.at || *sql.at != '"')
		return aw_fail(AW_EINVAL, sql.at ? "\"sql\" is no string" :
				       "the line has no \"sql\"");
	text = decode(q, sql, "\"sql\"");
	if (!text)
		return aw_error()->code;
	q->sql = json_string_value(text);
	if (strlen(q->sql) != json_string_length(text))
		return aw_fail(AW_EINVAL, "\"sql\" has a NUL in it");
	return 0;
}

/* A key may be written with escapes, too. */
static int
is_key(struct request *q, struct piece key, const char *name)
{
	json_t *text;

	if (!memchr(key.at, '\\', key.n))
		return key.n == strlen(name) + 2 &&
			memcmp(key.at + 1, name, key.n - 2) == 0;
	text = decode(q, key, "a key");
	if (!text)
		return aw_error()->code;
	return json_string_length(text) == strlen(name) &&
		strcmp(json_string_value(text), name) == 0;
}

enum { ID, SQL, PARAMS, N_MEMBERS };
static const char *const members[] = { "id", "sql", "params" };

static int
take_member(struct request *q, struct scan *s, struct piece *found)
{
	struct piece key, value;
	int r = 0;

	AW_TRY(scan_member(s, &key, &value));
	for (int i = 0; i < N_MEMBERS; i++) {
		r = is_key(q, key, members[i]);
		if (r < 0)
			return r;
		if (r > 0 && found[i].at)
			return aw_fail(AW_EINVAL, "the line has \"%s\" twice",
				       members[i]);
		if (r > 0)
			found[i] = value;
		if (r > 0 && i == ID)
			q->id = value;
	}
	return 0;
}

int
request_parse(struct request *q, const char *text, size_t size)
{
	struct piece found[N_MEMBERS] = { { .at = NULL } };
	struct scan s = { .begin = text, .at = text, .end = text + size,
			  .levels = 1 };

	q->kept = json_array();
	if (!q->kept)
		return aw_fail(AW_ENOMEM, "a line");
	if (!scan_sign(&s, '{'))
		return scan_wrong(&s, "an object is expected");
	if (!scan_sign(&s, '}')) {
		do {
			AW_TRY(take_member(q, &s, found));
		} while (scan_sign(&s, ','));
		if (!scan_sign(&s, '}'))
			return scan_wrong(&s, "a comma or an end is missing");
	}
	if (!scan_end(&s))
		return scan_wrong(&s, "something follows its end");
	AW_TRY(take_sql(q, found[SQL]));
	return take_params(q, found[PARAMS]);
}

void
request_fini(struct request *q)
{
	free(q->values);
	json_decref(q->kept);
}
