/* SPDX-License-Identifier: MIT */
/*
 * error.c - what the server or libpq said, as aw_error().
 *
 * Severity decides whether the session lives: an ERROR leaves it usable, also
 * in class 08 (a wrong number of parameters is 08P01); FATAL and PANIC end
 * it.  Everything is classified by SQLSTATE, never by text, which the server
 * may translate; only what has no SQLSTATE (libpq's own failures to connect,
 * which are not translated for a library that never called setlocale) is
 * known by its words.
 */
#include <stdio.h>
#include <string.h>

#include "pg_conn.h"

static void
take_field(const PGresult *result, int field, char *ret, size_t size)
{
	aw__db_line(ret, size, PQresultErrorField(result, field));
}

static bool
ends_session(const PGresult *result)
{
	const char *severity =
		PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity && strcmp(severity, "ERROR") != 0;
}

/* 57014 is one code for two things: a cancel, and the server's own limit. */
static enum aw_sql_class
class_of(const char *sqlstate, const char *message)
{
	if (strcmp(sqlstate, "57014") == 0 &&
	    strstr(message, "statement timeout"))
		return AW_SQL_TIMEOUT;
	if (strcmp(sqlstate, "0A000") == 0 && strstr(message, "cached plan"))
		return AW_SQL_STALE_PLAN;
	return aw__db_sqlstate_class(sqlstate);
}

static void
fill_from_result(struct aw_error *error, const PGresult *result)
{
	take_field(result, PG_DIAG_SQLSTATE, error->sqlstate,
		   sizeof(error->sqlstate));
	take_field(result, PG_DIAG_MESSAGE_PRIMARY, error->message,
		   sizeof(error->message));
	take_field(result, PG_DIAG_MESSAGE_DETAIL, error->detail,
		   sizeof(error->detail));
	take_field(result, PG_DIAG_MESSAGE_HINT, error->hint,
		   sizeof(error->hint));
	take_field(result, PG_DIAG_CONSTRAINT_NAME, error->constraint,
		   sizeof(error->constraint));
	if (!error->message[0])
		aw__db_line(error->message, sizeof(error->message),
			    PQresultErrorMessage(result));
	error->sql_class = class_of(error->sqlstate, error->message);
}

int
aw__pg_fail_result(struct aw_pg_conn *c, const PGresult *result,
		   enum aw_sent *sent)
{
	bool lost = PQstatus(c->pg) != CONNECTION_OK || ends_session(result) ||
		!PQresultErrorField(result, PG_DIAG_SQLSTATE);
	struct aw_error *error = aw_error_set(lost ? AW_ELOST : AW_ESQL);

	fill_from_result(error, result);
	if (lost)
		aw__pg_died(c);
	else if (*sent == AW_SENT_UNKNOWN)
		*sent = AW_SENT_NO_EFFECT;
	error->sent = *sent;
	return error->code;
}

/* The server's last words are in a result, if it had any. */
int
aw__pg_fail_lost(struct aw_pg_conn *c)
{
	struct aw_error *error = aw_error_set(AW_ELOST);
	PGresult *result = c->dead ? NULL : PQgetResult(c->pg);

	if (result && PQresultErrorField(result, PG_DIAG_SQLSTATE))
		fill_from_result(error, result);
	else if (!c->dead && PQerrorMessage(c->pg)[0])
		aw__db_line(error->message, sizeof(error->message),
			    PQerrorMessage(c->pg));
	else
		snprintf(error->message, sizeof(error->message),
			 "the connection to PostgreSQL was lost");
	PQclear(result);
	aw__pg_died(c);
	return AW_ELOST;
}

/* A PQsend...() refused: the connection is bad, or memory was short. */
int
aw__pg_fail_send(struct aw_pg_conn *c)
{
	struct aw_error *error;

	if (PQstatus(c->pg) != CONNECTION_OK)
		return aw__pg_fail_lost(c);
	error = aw_error_set(AW_EUSAGE);
	aw__db_line(error->message, sizeof(error->message),
		    PQerrorMessage(c->pg));
	return AW_EUSAGE;
}

struct cause {
	const char *words;	/* SQLSTATE or words of libpq */
	int code;
	const char *remedy;
};

#define ANOTHER_METHOD "libpq cannot log in like that: have pg_hba.conf ask " \
	"for scram-sha-256"

static const struct cause causes[] = {
	{ "28P01", AW_EAUTH, "check user and password of the DSN" },
	{ "28000", AW_EAUTH, "check user and host of the DSN, pg_hba.conf" },
	{ "3D000", AW_EAUTH, "check the database name of the DSN" },
	{ "42501", AW_EAUTH, "the user may not connect to this database" },
	{ "53300", AW_ECONNECT, "the server has no connection left" },
	{ "57P03", AW_ECONNECT, "the server is starting or stopping" },
	{ "no password supplied", AW_EAUTH, "the DSN has no password" },
	/* GSSAPI is the way of Kerberos. */
	{ "GSSAPI continuation error", AW_EAUTH, "pg_hba.conf asks for a "
	  "ticket of Kerberos: get one, or have it ask for a password" },
	{ "authentication not supported", AW_EAUTH, ANOTHER_METHOD },
	{ "authentication method", AW_EAUTH, ANOTHER_METHOD },
	{ "SASL authentication mechanisms", AW_EAUTH, ANOTHER_METHOD },
	{ "could not translate host name", AW_ERESOLVE,
	  "check the host of the DSN" },
	{ "SSL error", AW_ETLS, "check sslmode and sslrootcert of the DSN" },
	{ "certificate", AW_ETLS, "check sslmode and sslrootcert of the DSN" },
	{ "does not support SSL", AW_ETLS, "check sslmode of the DSN" },
	{ "definition of service", AW_EAUTH, "check service of the DSN" },
	/* A value of the DSN, the service file or the environment. */
	{ " value: \"", AW_EINVAL, "check the values of the DSN" },
	{ "invalid port number", AW_EINVAL, "check the port of the DSN" },
	{ "invalid integer value", AW_EINVAL, "check the values of the DSN" },
	{ "must be an integer", AW_EINVAL, "check the values of the DSN" },
	{ "could not match", AW_EINVAL, "the hosts and ports of the DSN are "
	  "not equally many" },
	{ "timeout expired", AW_ETIMEDOUT, "check host and port of the DSN" },
	{ "", AW_ECONNECT, "check host and port of the DSN" },
};

static const struct cause *
find_cause(const char *message)
{
	const struct cause *cause = causes;

	while (!strstr(message, cause->words))
		cause++;
	return cause;
}

/* "FATAL:  28P01: password ..." in verbose form, else empty. */
static void
find_sqlstate(const char *message, char ret[8])
{
	const char *at = strstr(message, ":  ");

	for (; at; at = strstr(at + 1, ":  ")) {
		const char *s = at + 3;

		if (strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
		    s[5] == ':') {
			snprintf(ret, 8, "%.5s", s);
			return;
		}
	}
}

/* The begin and the end of what is long: the remedy must fit behind it, and
 * the words of a pool before it. */
static void
shorten(char *line)
{
	enum { BEGIN = 85, END = 65 };
	size_t n = strlen(line);

	if (n <= BEGIN + 3 + END)
		return;
	memcpy(line + BEGIN, "...", 3);
	memmove(line + BEGIN + 3, line + n - END, END + 1);
}

int
aw__pg_fail_connect(PGconn *pg)
{
	const char *message = pg ? PQerrorMessage(pg) : "out of memory";
	const struct cause *cause = find_cause(message);
	struct aw_error *error = aw_error_set(cause->code);
	char text[512], line[512], *location;

	find_sqlstate(message, error->sqlstate);
	error->sql_class = aw__db_sqlstate_class(error->sqlstate);
	error->sent = AW_NOT_SENT;
	snprintf(text, sizeof(text), "%s", message);
	location = strstr(text, "LOCATION:");
	if (location)
		*location = '\0';
	aw__db_line(line, sizeof(line), text);
	shorten(line);
	snprintf(error->message, sizeof(error->message), "%s (%s)", line,
		 cause->remedy);
	return cause->code;
}
