/* SPDX-License-Identifier: MIT */
/* The DSN parser of the bare MariaDB program: see mysql_dsn.h. */
#include "mysql_dsn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decode %xx in place; NULL stays NULL, and so does "". */
static const char *
decoded(char *s)
{
	char hex[3] = "", *out = s;

	if (!s || !*s)
		return NULL;
	for (char *in = s; *in; in++) {
		if (*in == '%' && in[1] && in[2]) {
			memcpy(hex, in + 1, 2);
			*out++ = (char)strtol(hex, NULL, 16);
			in += 2;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return s;
}

/* Cut s at the first c: returns what follows, NULL if there is no c. */
static char *
cut(char *s, char c)
{
	char *at = s ? strchr(s, c) : NULL;

	if (at)
		*at++ = '\0';
	return at;
}

static void
server(struct mysql_dsn *dsn, char *s)
{
	char *at = strrchr(s, '@'), *port;

	if (at) {
		*at++ = '\0';
		dsn->password = decoded(cut(s, ':'));
		dsn->user = decoded(s);
		s = at;
	}
	port = cut(s, ':');
	dsn->port = port ? (unsigned)strtoul(port, NULL, 10) : 0;
	dsn->host = decoded(s);
}

int
mysql_dsn_parse(struct mysql_dsn *dsn, const char *text)
{
	char *rest, *query;

	*dsn = (struct mysql_dsn){ .port = 0 };
	if (!text || strlen(text) >= sizeof dsn->text)
		return -1;
	memcpy(dsn->text, text, strlen(text) + 1);
	rest = strstr(dsn->text, "://");
	if (!rest)
		return -1;
	rest += strlen("://");
	query = cut(rest, '?');
	dsn->database = decoded(cut(rest, '/'));
	server(dsn, rest);
	while (query) {
		char *next = cut(query, '&'), *value = cut(query, '=');

		if (strcmp(query, "socket") == 0 ||
		    strcmp(query, "unix_socket") == 0)
			dsn->socket = decoded(value);
		query = next;
	}
	if (dsn->socket && !dsn->host)
		dsn->host = "localhost";
	return 0;
}
