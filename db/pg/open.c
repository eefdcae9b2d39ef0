/* SPDX-License-Identifier: MIT */
/*
 * open.c - a DSN, taken apart once, and the pool on it.
 *
 * PQconninfoParse() finds mistakes of form at once, but takes any value: the
 * two that are most often wrong are looked at here, other values by libpq when
 * it connects (error.c).  What only a server can tell (host, password,
 * database) comes with the first connection.  libpq
 * quotes the offending piece of the DSN, which may be a piece of a password:
 * a quoted piece is shown only if the DSN holds no password before it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <await/pg.h>

#include "pg_conn.h"

/* Set by us unless the DSN says otherwise.  gssencmode: its default asks the
 * credential cache and may connect twice. */
static const char *const ours[][2] = {
	{ "client_encoding", "UTF8" },
	{ "gssencmode", "disable" },
};

void
aw__pg_data_free(void *memory)
{
	struct aw_pg_data *data = memory;

	if (!data)
		return;
	for (int i = 0; i < data->n; i++) {
		free(data->keywords[i]);
		free(data->values[i]);
	}
	free(data->keywords);
	free(data->values);
	free(data);
}

static int
data_alloc(struct aw_pg_data *data, int room)
{
	data->n = 0;
	data->keywords = calloc((size_t)room + 1, sizeof(char *));
	data->values = calloc((size_t)room + 1, sizeof(char *));
	return data->keywords && data->values ? 0 : AW_ENOMEM;
}

static int
data_add(struct aw_pg_data *data, const char *keyword, const char *value)
{
	int i = data->n++;

	data->keywords[i] = strdup(keyword);
	data->values[i] = strdup(value);
	return data->keywords[i] && data->values[i] ? 0 : AW_ENOMEM;
}

int
aw__pg_data_copy(const struct aw_pg_data *from, struct aw_pg_data *ret)
{
	int r = data_alloc(ret, from->n);

	ret->many_hosts = from->many_hosts;
	for (int i = 0; r == 0 && i < from->n; i++)
		r = data_add(ret, from->keywords[i], from->values[i]);
	return r;
}

static const char *
find(const struct aw_pg_data *data, const char *keyword)
{
	for (int i = 0; i < data->n; i++)
		if (strcmp(data->keywords[i], keyword) == 0)
			return data->values[i];
	return NULL;
}

static const char *
default_of(const char *keyword)
{
	if (strcmp(keyword, "gssencmode") == 0)
		return getenv("PGGSSENCMODE");
	return NULL;
}

static int
add_ours(struct aw_pg_data *data, const struct aw_db_options *options)
{
	const char *application = options ? options->application : NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < AW_LENGTH(ours); i++)
		if (!find(data, ours[i][0]) && !default_of(ours[i][0]))
			r = data_add(data, ours[i][0], ours[i][1]);
	if (r == 0 && !find(data, "fallback_application_name"))
		r = data_add(data, "fallback_application_name",
			     application ? application : "await");
	return r;
}

/* A number between 1 and 65535, or several, one for each host; an empty one is
 * the default. */
static bool
are_ports(const char *text)
{
	for (;;) {
		size_t n = strspn(text, "0123456789");
		long port = strtol(text, NULL, 10);

		if (n > 5 || (n > 0 && (port < 1 || port > 65535)))
			return false;
		if (text[n] != ',')
			return text[n] == '\0';
		text += n + 1;
	}
}

static bool
is_sslmode(const char *text)
{
	static const char *const modes[] = { "disable", "allow", "prefer",
					     "require", "verify-ca",
					     "verify-full", "" };

	for (size_t i = 0; i < AW_LENGTH(modes); i++)
		if (strcmp(text, modes[i]) == 0)
			return true;
	return false;
}

/* A host has no @ in it, unless it is a path or an abstract socket: what is
 * before one is the rest of a password. */
static bool
are_hosts(const char *text)
{
	const char *at;

	for (at = strchr(text, '@'); at; at = strchr(at + 1, '@'))
		if (at != text && at[-1] != ',' && text[0] != '/')
			return false;
	return true;
}

/* The port is not shown: behind a bare "/" of a password it is a piece of
 * that. */
static int
check_values(const struct aw_pg_data *data)
{
	const char *port = find(data, "port"), *mode = find(data, "sslmode");
	const char *host = find(data, "host");

	if (host && !are_hosts(host))
		return aw_fail(AW_EINVAL, "the host of the DSN has an @ in it: "
			       "one in a password is written %%40");

	if (port && !are_ports(port))
		return aw_fail(AW_EINVAL, "the port of the DSN is no number "
			       "between 1 and 65535");
	if (mode && !is_sslmode(mode))
		return aw_fail(AW_EINVAL, "the sslmode \"%.40s\" of the DSN is "
			       "not one of disable, allow, prefer, require, "
			       "verify-ca, verify-full", mode);
	return 0;
}

static int
take_options(struct aw_pg_data *data, const PQconninfoOption *given,
	     const struct aw_db_options *options)
{
	int n = 0, r;

	while (given[n].keyword)
		n++;
	r = data_alloc(data, n + (int)AW_LENGTH(ours) + 1);
	for (int i = 0; r == 0 && i < n; i++)
		if (given[i].val)
			r = data_add(data, given[i].keyword, given[i].val);
	if (r == 0)
		r = add_ours(data, options);
	if (r == 0) {
		const char *host = find(data, "host");
		const char *address = find(data, "hostaddr");

		data->many_hosts = (host && strchr(host, ',')) ||
			(address && strchr(address, ','));
	}
	return r;
}

/* Remove what is quoted, if it may be a piece of a password: from the first
 * quotation mark to the last, since a password may contain them. */
static void
redact(char *message, const char *dsn)
{
	static const char harmless[] = "missing \"=\"";
	bool skip = strncmp(message, harmless, sizeof(harmless) - 1) == 0;
	char *rest = message + (skip ? sizeof(harmless) - 1 : 0);
	char *from = strchr(rest, '"'), *to = strrchr(rest, '"');
	bool uri = strncmp(dsn, "postgres", 8) == 0 && strstr(dsn, "://");
	bool names_option = strstr(message, "URI query parameter") ||
		(!uri && strstr(message, "connection option"));
	const char *query = uri ? strchr(dsn, '?') : NULL;
	const char *quoted, *password;
	size_t n;

	if (!from || from == to)
		return;
	n = (size_t)(to - from - 1);
	quoted = strstr(dsn, "pass");
	password = uri ? strchr(dsn, '@') : quoted;
	/* Behind a bare / and ? of a password its rest looks like an option. */
	if (query && strchr(query, '@'))
		names_option = false;
	if (n <= 1 || (names_option && (uri || !password)))
		return;
	memset(from + 1, '.', n < 3 ? n : 3);
	memmove(from + 1 + (n < 3 ? n : 3), to, strlen(to) + 1);
}

static int
fail_dsn(const char *text, const char *dsn)
{
	char message[240];

	aw__db_line(message, sizeof(message), text ? text : "out of memory");
	redact(message, dsn);
	return aw_fail(AW_EINVAL, "the DSN cannot be understood: %s", message);
}

static int
parse_dsn(const char *dsn, const struct aw_db_options *options,
	  struct aw_pg_data **ret)
{
	char *text = NULL;
	PQconninfoOption *given = PQconninfoParse(dsn, &text);
	struct aw_pg_data *data;
	int r;

	if (!given) {
		r = fail_dsn(text, dsn);
		PQfreemem(text);
		return r;
	}
	data = calloc(1, sizeof(*data));
	r = data ? take_options(data, given, options) : AW_ENOMEM;
	PQconninfoFree(given);
	if (r < 0)
		aw_fail(r, "the parts of a DSN");
	else
		r = check_values(data);
	if (r < 0)
		aw__pg_data_free(data);
	else
		*ret = data;
	return r;
}

int
aw_pg_open_with(struct aw_db **ret, const char *dsn,
		const struct aw_db_options *options)
{
	struct aw_pg_data *data = NULL;
	int r = parse_dsn(dsn ? dsn : "", options, &data);

	if (r < 0)
		return r;
	return aw__db_open(ret, &aw__pg_driver, data, find(data, "dbname"),
			   options);
}
