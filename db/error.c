/* SPDX-License-Identifier: MIT */
/*
 * error.c - what kind of error a SQLSTATE is.
 *
 * Source: PostgreSQL 15 manual, Appendix A; the classes 22, 23, 25, 28, 40
 * and 42 are those of the SQL standard and hold for every server.
 */
#include "common.h"

struct state_class {
	const char *prefix;	/* whole state or its first two characters */
	enum aw_sql_class sql_class;
};

/* Whole states before their class. */
static const struct state_class classes[] = {
	{ "23505", AW_SQL_UNIQUE },
	{ "23503", AW_SQL_FOREIGN_KEY },
	{ "23502", AW_SQL_NOT_NULL },
	{ "23514", AW_SQL_CHECK },
	{ "23P01", AW_SQL_EXCLUSION },
	{ "42501", AW_SQL_PRIVILEGE },
	{ "42601", AW_SQL_SYNTAX },
	{ "42P01", AW_SQL_UNDEFINED },
	{ "42P02", AW_SQL_UNDEFINED },
	{ "42703", AW_SQL_UNDEFINED },
	{ "42704", AW_SQL_UNDEFINED },
	{ "42883", AW_SQL_UNDEFINED },
	{ "3D000", AW_SQL_UNDEFINED },
	{ "3F000", AW_SQL_UNDEFINED },
	{ "28000", AW_SQL_AUTH },
	{ "28P01", AW_SQL_AUTH },
	{ "40001", AW_SQL_SERIALIZATION },
	{ "40P01", AW_SQL_DEADLOCK },
	{ "55P03", AW_SQL_LOCK_TIMEOUT },
	{ "57014", AW_SQL_CANCELED },
	{ "25006", AW_SQL_READ_ONLY },
	{ "57P01", AW_SQL_SHUTDOWN },
	{ "57P02", AW_SQL_SHUTDOWN },
	{ "57P03", AW_SQL_SHUTDOWN },
	{ "57P05", AW_SQL_SHUTDOWN },
	{ "22", AW_SQL_DATA },
	{ "25", AW_SQL_TX },
	{ "28", AW_SQL_AUTH },
	{ "42", AW_SQL_SYNTAX },
	{ "53", AW_SQL_RESOURCES },
	{ "54", AW_SQL_RESOURCES },
};

enum aw_sql_class
aw__db_sqlstate_class(const char *sqlstate)
{
	if (!sqlstate || !sqlstate[0])
		return AW_SQL_NONE;

	for (size_t i = 0; i < AW_LENGTH(classes); i++)
		if (strncmp(sqlstate, classes[i].prefix,
			    strlen(classes[i].prefix)) == 0)
			return classes[i].sql_class;
	return AW_SQL_OTHER;
}

void
aw__db_line(char *ret, size_t size, const char *text)
{
	size_t n = 0;

	for (; text && *text && n + 1 < size; text++) {
		bool space = (unsigned char)*text <= ' ' || *text == 0x7f;

		if (space && (n == 0 || ret[n - 1] == ' '))
			continue;
		ret[n++] = space ? ' ' : *text;
	}
	while (n && ret[n - 1] == ' ')
		n--;
	/* A character that was cut in two goes as a whole. */
	if (text && ((unsigned char)*text & 0xc0) == 0x80) {
		while (n && ((unsigned char)ret[n - 1] & 0xc0) == 0x80)
			n--;
		n -= n > 0;
	}
	ret[n] = '\0';
}
