/* SPDX-License-Identifier: MIT */
/*
 * scan.c - the pieces of JSON, as they stand in the line.
 *
 * An id must come back digit by digit, and a number must reach the database
 * so: jansson makes int64 and double of them.  So the text is cut into pieces
 * here, by RFC 8259, and jansson decodes those that are strings or objects.
 * Nothing is read by recursion: what is open is a stack of bits.
 */
#include <string.h>

#include "awsql.h"

#define MOST_LEVELS 256

static void
skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' ||
				  *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

int
scan_wrong(const struct scan *s, const char *what)
{
	return aw_fail(AW_EINVAL, "the line is no JSON: %s, byte %zu", what,
		       (size_t)(s->at - s->begin) + 1);
}

/* The next thing, if it is c. */
bool
scan_sign(struct scan *s, char c)
{
	skip_space(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool
is_digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static int
digits(struct scan *s)
{
	if (!is_digit(s))
		return scan_wrong(s, "a digit is missing");
	while (is_digit(s))
		s->at++;
	return 0;
}

static int
number(struct scan *s)
{
	if (*s->at == '-')
		s->at++;
	if (s->at + 1 < s->end && s->at[0] == '0' && s->at[1] >= '0' &&
	    s->at[1] <= '9')
		return scan_wrong(s, "a number with a zero in front");
	AW_TRY(digits(s));
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		AW_TRY(digits(s));
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		AW_TRY(digits(s));
	}
	return 0;
}

static int
escape(struct scan *s)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	s->at++;
	if (s->at == s->end || !memchr("\"\\/bfnrtu", *s->at, 9))
		return scan_wrong(s, "an escape that does not exist");
	if (*s->at++ != 'u')
		return 0;
	for (int i = 0; i < 4; i++, s->at++)
		if (s->at == s->end || !memchr(hex, *s->at, 22))
			return scan_wrong(s, "\\u without four digits");
	return 0;
}

static int
string(struct scan *s)
{
	for (s->at++; s->at < s->end && *s->at != '"';) {
		const unsigned char *at = (const unsigned char *)s->at;
		size_t n;

		if (*at == '\\') {
			AW_TRY(escape(s));
			continue;
		}
		if (*at < 0x20)
			return scan_wrong(s, "a control character in a string");
		n = utf8_size(at, (size_t)(s->end - s->at));
		if (n == 0)
			return scan_wrong(s, "a string that is no UTF-8");
		s->at += n;
	}
	if (s->at == s->end)
		return scan_wrong(s, "a string without an end");
	s->at++;
	return 0;
}

static int
word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < AW_LENGTH(words); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(s->end - s->at) >= n &&
		    memcmp(s->at, words[i], n) == 0) {
			s->at += n;
			return 0;
		}
	}
	return scan_wrong(s, s->at < s->end ? "no value begins like this" :
					 "a value is missing");
}

static int
scalar(struct scan *s)
{
	if (s->at < s->end && *s->at == '"')
		return string(s);
	if (s->at < s->end && (*s->at == '-' || is_digit(s)))
		return number(s);
	return word(s);
}

/* With the colon behind it; ret may be NULL. */
static int
key(struct scan *s, struct piece *ret)
{
	const char *begin;

	skip_space(s);
	begin = s->at;
	if (s->at == s->end || *s->at != '"')
		return scan_wrong(s, "a key is missing");
	AW_TRY(string(s));
	if (ret)
		*ret = (struct piece){ begin, (size_t)(s->at - begin) };
	return scan_sign(s, ':') ? 0 : scan_wrong(s, "a colon is missing");
}

/* What may stand behind a value: the ends of what is open, then a comma and,
 * in an object, the next key. */
static int
after_value(struct scan *s, const bool *is_object, int *open)
{
	while (*open > 0) {
		bool object = is_object[*open - 1];

		if (scan_sign(s, ','))
			return object ? key(s, NULL) : 0;
		if (!scan_sign(s, object ? '}' : ']'))
			return scan_wrong(s, "a comma or an end is missing");
		--*open;
	}
	return 0;
}

/* A scalar, an empty container, or the beginning of another one. */
static int
one(struct scan *s, bool *is_object, int *open, bool *ret_whole)
{
	bool object = scan_sign(s, '{');

	*ret_whole = true;
	if (!object && !scan_sign(s, '['))
		return scalar(s);
	if (scan_sign(s, object ? '}' : ']'))
		return 0;
	if (*open >= MOST_LEVELS - s->levels)
		return aw_fail(AW_EINVAL, "the line is JSON of more than %d "
			       "levels", MOST_LEVELS);
	is_object[(*open)++] = object;
	*ret_whole = false;
	return object ? key(s, NULL) : 0;
}

int
scan_value(struct scan *s, struct piece *ret)
{
	bool is_object[MOST_LEVELS], whole;
	const char *begin;
	int open = 0;

	skip_space(s);
	begin = s->at;
	do {
		AW_TRY(one(s, is_object, &open, &whole));
		if (whole)
			AW_TRY(after_value(s, is_object, &open));
	} while (open > 0);
	*ret = (struct piece){ begin, (size_t)(s->at - begin) };
	return 0;
}

int
scan_member(struct scan *s, struct piece *ret_key, struct piece *ret_value)
{
	AW_TRY(key(s, ret_key));
	return scan_value(s, ret_value);
}

bool
scan_end(struct scan *s)
{
	skip_space(s);
	return s->at == s->end;
}
