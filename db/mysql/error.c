/* SPDX-License-Identifier: MIT */
/*
 * error.c - what the server or libmariadb said, as aw_error().
 *
 * The number decides, since many errors share SQLSTATE HY000.  Numbers from
 * 2000 to 2999 and from 5000 are libmariadb's own: it has lost step with the
 * server.  A few of the server's end the session too (source: MariaDB
 * knowledge base, error codes; the server closes after sending them).
 */
#include <stdio.h>

#include "my_conn.h"

struct number_class {
	unsigned number;
	enum aw_sql_class sql_class;
};

static const struct number_class classes[] = {
	{ ER_DUP_ENTRY, AW_SQL_UNIQUE }, { 1586, AW_SQL_UNIQUE },
	{ 1216, AW_SQL_FOREIGN_KEY }, { 1217, AW_SQL_FOREIGN_KEY },
	{ 1451, AW_SQL_FOREIGN_KEY }, { 1452, AW_SQL_FOREIGN_KEY },
	{ ER_BAD_NULL_ERROR, AW_SQL_NOT_NULL }, { 1263, AW_SQL_NOT_NULL },
	{ 1364, AW_SQL_NOT_NULL },
	{ 4025, AW_SQL_CHECK }, { 3819, AW_SQL_CHECK },
	{ ER_PARSE_ERROR, AW_SQL_SYNTAX }, { 1149, AW_SQL_SYNTAX },
	{ 1049, AW_SQL_UNDEFINED }, { 1051, AW_SQL_UNDEFINED },
	{ 1054, AW_SQL_UNDEFINED }, { 1146, AW_SQL_UNDEFINED },
	{ 1305, AW_SQL_UNDEFINED }, { 1091, AW_SQL_UNDEFINED },
	{ 1044, AW_SQL_PRIVILEGE }, { 1142, AW_SQL_PRIVILEGE },
	{ 1143, AW_SQL_PRIVILEGE }, { 1227, AW_SQL_PRIVILEGE },
	{ 1370, AW_SQL_PRIVILEGE },
	{ 1045, AW_SQL_AUTH }, { 1698, AW_SQL_AUTH },
	{ ER_LOCK_DEADLOCK, AW_SQL_DEADLOCK }, { 1614, AW_SQL_DEADLOCK },
	{ 1020, AW_SQL_SERIALIZATION },
	{ ER_LOCK_WAIT_TIMEOUT, AW_SQL_LOCK_TIMEOUT },
	{ 3572, AW_SQL_LOCK_TIMEOUT },
	{ 1969, AW_SQL_TIMEOUT }, { 3024, AW_SQL_TIMEOUT },
	{ ER_QUERY_INTERRUPTED, AW_SQL_CANCELED },
	{ 1290, AW_SQL_READ_ONLY }, { 1792, AW_SQL_READ_ONLY },
	{ 1836, AW_SQL_READ_ONLY },
	{ 1264, AW_SQL_DATA }, { 1265, AW_SQL_DATA }, { 1292, AW_SQL_DATA },
	{ 1365, AW_SQL_DATA }, { 1366, AW_SQL_DATA }, { 1406, AW_SQL_DATA },
	{ 1411, AW_SQL_DATA }, { 1690, AW_SQL_DATA },
	{ 1021, AW_SQL_RESOURCES }, { 1037, AW_SQL_RESOURCES },
	{ 1038, AW_SQL_RESOURCES }, { 1040, AW_SQL_RESOURCES },
	{ 1041, AW_SQL_RESOURCES }, { 1114, AW_SQL_RESOURCES },
	{ ER_NET_PACKET_TOO_LARGE, AW_SQL_RESOURCES },
	{ 1203, AW_SQL_RESOURCES }, { 1206, AW_SQL_RESOURCES },
	{ 1226, AW_SQL_RESOURCES }, { 1461, AW_SQL_RESOURCES },
	{ ER_SERVER_SHUTDOWN, AW_SQL_SHUTDOWN }, { 1927, AW_SQL_SHUTDOWN },
	{ ER_NEED_REPREPARE, AW_SQL_STALE_PLAN },
	{ 1568, AW_SQL_TX },
};

static enum aw_sql_class
class_of(unsigned number, const char *sqlstate)
{
	for (size_t i = 0; i < AW_LENGTH(classes); i++)
		if (classes[i].number == number)
			return classes[i].sql_class;
	return aw__db_sqlstate_class(sqlstate);
}

static bool
ends_session(unsigned number)
{
	/* None: libmariadb gave up in the middle of an answer. */
	return !number || (number >= 2000 && number < 3000) || number >= 5000 ||
		(number >= 1152 && number <= 1161) ||
		number == ER_SERVER_SHUTDOWN || number == 1927 ||
		number == 4031;
}

/* The text of a constraint's violation names it: CONSTRAINT `x`, or for a
 * duplicate ... for key 'x'. */
static void
find_constraint(const char *message, char *ret, size_t size)
{
	const char *at = strstr(message, "CONSTRAINT `");
	char quote = '`';

	if (!at) {
		at = strstr(message, " for key '");
		quote = '\'';
	}
	at = at ? strchr(at, quote) : NULL;
	if (at)
		snprintf(ret, size, "%.*s", (int)strcspn(at + 1, "`'"), at + 1);
}

static int
fail(struct aw_my_conn *c, unsigned number, const char *sqlstate,
     const char *message, enum aw_sent *sent)
{
	bool lost = ends_session(number);
	int code = lost && number != ER_NET_PACKET_TOO_LARGE ? AW_ELOST :
							       AW_ESQL;
	struct aw_error *error = aw_error_set(code);

	error->native = (int)number;
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
	aw__db_line(error->message, sizeof(error->message), message);
	if (!error->message[0])
		snprintf(error->message, sizeof(error->message),
			 "the connection to MariaDB was lost");
	find_constraint(message, error->constraint, sizeof(error->constraint));
	error->sql_class = class_of(number, sqlstate);
	if (lost)
		aw__my_died(c);
	if (number == ER_LOCK_DEADLOCK)
		c->in_tx = false;
	if (code == AW_ESQL && *sent == AW_SENT_UNKNOWN)
		*sent = AW_SENT_NO_EFFECT;
	error->sent = *sent;
	return code;
}

/* An interrupted wait has its own detail; libmariadb only knows that reading
 * failed. */
static int
fail_stopped(struct aw_my_conn *c, enum aw_sent *sent)
{
	int r = c->stopped;

	aw__my_died(c);
	aw_error_edit()->sent = *sent;
	return r;
}

int
aw__my_fail(struct aw_my_conn *c, enum aw_sent *sent)
{
	if (c->stopped)
		return fail_stopped(c, sent);
	return fail(c, mysql_errno(c->mysql), mysql_sqlstate(c->mysql),
		    mysql_error(c->mysql), sent);
}

int
aw__my_fail_stmt(struct aw_my_conn *c, MYSQL_STMT *stmt, enum aw_sent *sent)
{
	if (c->stopped)
		return fail_stopped(c, sent);
	if (!mysql_stmt_errno(stmt))
		return aw__my_fail(c, sent);
	return fail(c, mysql_stmt_errno(stmt), mysql_stmt_sqlstate(stmt),
		    mysql_stmt_error(stmt), sent);
}

struct cause {
	unsigned number;
	int code;
	const char *remedy;
};

static const struct cause causes[] = {
	{ 1045, AW_EAUTH, "check user and password of the DSN" },
	{ 1698, AW_EAUTH, "check user and password of the DSN" },
	{ 1044, AW_EAUTH, "check user and database of the DSN" },
	{ 1049, AW_EAUTH, "check the database name of the DSN" },
	{ 1102, AW_EAUTH, "check the database name of the DSN" },
	{ 1115, AW_EUSAGE, "check charset of the DSN" },
	{ 1231, AW_EUSAGE, "check sql_mode of the DSN" },
	{ 1298, AW_EUSAGE, "check time_zone of the DSN" },
	{ 1130, AW_EAUTH, "the server does not let this host in" },
	{ 1820, AW_EAUTH, "the password has expired: change it" },
	{ 1862, AW_EAUTH, "the password has expired: change it" },
	{ 4151, AW_EAUTH, "ask who keeps the accounts" },
	{ 1040, AW_ECONNECT, "the server has no connection left" },
	{ 1203, AW_ECONNECT, "the user has no connection left" },
	{ 1226, AW_ECONNECT, "the user has no connection left" },
	{ CR_UNKNOWN_HOST, AW_ERESOLVE, "check the host of the DSN" },
	{ CR_SSL_CONNECTION_ERROR, AW_ETLS, "check ssl_ca, ssl_cert and "
	  "ssl_verify of the DSN" },
	{ CR_CANT_READ_CHARSET, AW_EUSAGE, "check charset of the DSN" },
	{ CR_AUTH_PLUGIN_CANNOT_LOAD, AW_EAUTH, "install this plugin of "
	  "libmariadb, or set plugin_dir of the DSN" },
	{ CR_OUT_OF_MEMORY, AW_ENOMEM, "out of memory" },
	{ CR_CONNECTION_ERROR, AW_ECONNECT, "check host and port, or "
	  "unix_socket, of the DSN" },
	{ 0, AW_ECONNECT, "check host and port of the DSN" },
};

/* libmariadb reports every failure of a handshake as one of TLS; what is the
 * network's has the number of a system error at its end. */
static bool
is_network_under_tls(unsigned number, const char *message)
{
	return number == CR_SSL_CONNECTION_ERROR &&
		(strstr(message, "(104)") || strstr(message, "(32)") ||
		 strstr(message, "(110)") || strstr(message, "(11)") ||
		 strstr(message, "unexpected eof"));
}

static int
code_of(const struct cause *cause, unsigned number, const char *message)
{
	bool network = number == CR_CONN_HOST_ERROR ||
		number == CR_CONNECTION_ERROR || number == CR_SERVER_LOST;

	/* ETIMEDOUT and EAGAIN, of which the texts may be translated. */
	if (network && (strstr(message, "(110") || strstr(message, "error 110")
			|| strstr(message, "error: 110") ||
			strstr(message, "error: 11 ") ||
			strstr(message, "timed out")))
		return AW_ETIMEDOUT;
	if (is_network_under_tls(number, message))
		return AW_ECONNECT;
	return cause->code;
}

/* Without the plugin that the account wants libmariadb sends nothing, and
 * keeps its own words beside the number of the refusal that follows. */
static bool
lacks_plugin(const char *message)
{
	return strncmp(message, "Plugin ", 7) == 0 &&
		strstr(message, " could not be loaded");
}

int
aw__my_fail_connect(unsigned number, const char *sqlstate, const char *message)
{
	const struct cause *cause = causes;
	struct aw_error *error;

	if (lacks_plugin(message))
		number = CR_AUTH_PLUGIN_CANNOT_LOAD;
	while (cause->number && cause->number != number)
		cause++;
	error = aw_error_set(code_of(cause, number, message));
	error->native = (int)number;
	error->sent = AW_NOT_SENT;
	error->sql_class = class_of(number, sqlstate);
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
	snprintf(error->message, sizeof(error->message), "%s (%s)", message,
		 cause->remedy);
	return error->code;
}
