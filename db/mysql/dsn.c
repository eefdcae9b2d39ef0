/* SPDX-License-Identifier: MIT */
/*
 * dsn.c - mysql://user:password@host:port/database?name=value&...
 *
 * mariadb:// means the same.  Every part is optional and percent-decoded
 * (RFC 3986, section 2.1).  An IPv6 address stands in brackets.  A message
 * about a mistake names the part and never quotes what may be the password.
 */
#include <stdio.h>
#include <stdlib.h>

#include "my_conn.h"

struct parameter {
	const char *name;
	enum aw_my_part part;
};

static const struct parameter parameters[] = {
	{ "unix_socket", MY_UNIX_SOCKET }, { "socket", MY_UNIX_SOCKET },
	{ "ssl", MY_SSL }, { "ssl_ca", MY_SSL_CA },
	{ "ssl_capath", MY_SSL_CAPATH }, { "ssl_cert", MY_SSL_CERT },
	{ "ssl_key", MY_SSL_KEY }, { "ssl_cipher", MY_SSL_CIPHER },
	{ "ssl_verify", MY_SSL_VERIFY }, { "charset", MY_CHARSET },
	{ "time_zone", MY_TIME_ZONE }, { "sql_mode", MY_SQL_MODE },
	{ "compress", MY_COMPRESS }, { "plugin_dir", MY_PLUGIN_DIR },
	{ "server_public_key", MY_PUBLIC_KEY }, { "user", MY_USER },
	{ "password", MY_PASSWORD }, { "application", MY_APPLICATION },
};

void
aw__my_data_fini(struct aw_my_data *data)
{
	for (int i = 0; i < MY_PARTS; i++) {
		if (i == MY_PASSWORD && data->parts[i])
			explicit_bzero(data->parts[i],
				       strlen(data->parts[i]));
		free(data->parts[i]);
	}
}

void
aw__my_data_free(void *memory)
{
	if (memory)
		aw__my_data_fini(memory);
	free(memory);
}

int
aw__my_data_copy(const struct aw_my_data *from, struct aw_my_data *ret)
{
	*ret = *from;
	memset(ret->parts, 0, sizeof(ret->parts));
	for (int i = 0; i < MY_PARTS; i++) {
		if (!from->parts[i])
			continue;
		ret->parts[i] = strdup(from->parts[i]);
		if (!ret->parts[i])
			return AW_ENOMEM;
	}
	return 0;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* [from, to) decoded, new; NULL without memory or with *ret_bad set. */
static char *
decode(const char *from, const char *to, bool *ret_bad)
{
	char *text = malloc((size_t)(to - from) + 1), *out = text;

	*ret_bad = false;
	while (text && from < to) {
		int high, low;

		if (*from != '%') {
			*out++ = *from++;
			continue;
		}
		high = to - from > 2 ? hex(from[1]) : -1;
		low = to - from > 2 ? hex(from[2]) : -1;
		if (high < 0 || low < 0 || high + low == 0) {
			*ret_bad = true;
			free(text);
			return NULL;
		}
		*out++ = (char)(high << 4 | low);
		from += 3;
	}
	if (text)
		*out = '\0';
	return text;
}

static int
set(struct aw_my_data *data, enum aw_my_part part, const char *name,
    const char *from, const char *to)
{
	bool bad;
	char *text;

	if (from == to && part != MY_PASSWORD)
		return 0;
	text = decode(from, to, &bad);
	if (!text && !bad)
		return aw_fail(AW_ENOMEM, "the parts of a DSN");
	if (!text)
		return aw_fail(AW_EINVAL, "the %s of the DSN: a %% is not "
			       "followed by two hexadecimal digits", name);
	free(data->parts[part]);
	data->parts[part] = text;
	return 0;
}

static int
take_user(struct aw_my_data *data, const char *from, const char *to)
{
	const char *colon = memchr(from, ':', (size_t)(to - from));
	int r = set(data, MY_USER, "user", from, colon ? colon : to);

	if (r == 0 && colon)
		r = set(data, MY_PASSWORD, "password", colon + 1, to);
	return r;
}

static int
take_port(struct aw_my_data *data, const char *from, const char *to)
{
	unsigned port = 0;

	for (const char *at = from; at < to; at++) {
		if (*at < '0' || *at > '9' || port > 65535)
			return aw_fail(AW_EINVAL, "the port of the DSN is not "
				       "a number from 1 to 65535");
		port = port * 10 + (unsigned)(*at - '0');
	}
	if (from < to && (port == 0 || port > 65535))
		return aw_fail(AW_EINVAL, "the port of the DSN is not a number "
			       "from 1 to 65535");
	data->port = port;
	return set(data, MY_PORT, "port", from, to);
}

static int
take_host(struct aw_my_data *data, const char *from, const char *to)
{
	const char *end, *colon;
	int r;

	if (from < to && *from == '[') {
		end = memchr(from, ']', (size_t)(to - from));
		if (!end || (end + 1 < to && end[1] != ':'))
			return aw_fail(AW_EINVAL, "the host of the DSN begins "
				       "with [ but no ] ends the address");
		r = set(data, MY_HOST, "host", from + 1, end);
		colon = end + 1 < to ? end + 1 : NULL;
	} else {
		colon = memchr(from, ':', (size_t)(to - from));
		r = set(data, MY_HOST, "host", from, colon ? colon : to);
	}
	return r == 0 && colon ? take_port(data, colon + 1, to) : r;
}

static int
take_parameter(struct aw_my_data *data, const char *from, const char *to)
{
	const char *equals = memchr(from, '=', (size_t)(to - from));
	size_t n = (size_t)((equals ? equals : to) - from);

	if (from == to)
		return 0;
	for (size_t i = 0; i < AW_LENGTH(parameters); i++) {
		const struct parameter *p = &parameters[i];

		if (strlen(p->name) != n || memcmp(p->name, from, n) != 0)
			continue;
		if (!equals)
			return aw_fail(AW_EINVAL, "the parameter %s of the DSN "
				       "has no value", p->name);
		return set(data, p->part, p->name, equals + 1, to);
	}
	/* Behind a bare ? of a password its rest looks like a parameter. */
	if (memchr(from, '@', strlen(from)))
		return aw_fail(AW_EINVAL, "the DSN has an @ behind its first "
			       "?: in a password write %%3F for ?");
	return aw_fail(AW_EINVAL, "the DSN has a parameter \"%.*s\" that is "
		       "not known", n < 40 ? (int)n : 40, from);
}

static int
take_parameters(struct aw_my_data *data, const char *from)
{
	while (*from) {
		const char *to = from + strcspn(from, "&");
		int r = take_parameter(data, from, to);

		if (r < 0)
			return r;
		from = *to ? to + 1 : to;
	}
	return 0;
}

static int
take_flag(const struct aw_my_data *data, enum aw_my_part part,
	  const char *name, bool fallback, bool *ret)
{
	static const char *const yes[] = { "1", "true", "yes", "on" };
	static const char *const no[] = { "0", "false", "no", "off" };
	const char *text = data->parts[part];

	*ret = fallback;
	if (!text)
		return 0;
	for (size_t i = 0; i < AW_LENGTH(yes); i++) {
		*ret = strcmp(text, yes[i]) == 0;
		if (*ret || strcmp(text, no[i]) == 0)
			return 0;
	}
	return aw_fail(AW_EINVAL, "the parameter %s of the DSN is neither 1 "
		       "nor 0", name);
}

/* They become a part of SQL text. */
static int
check_words(const struct aw_my_data *data)
{
	static const struct {
		enum aw_my_part part;
		const char *name, *extra;
	} words[] = {
		{ MY_CHARSET, "charset", "_" },
		{ MY_TIME_ZONE, "time_zone", "_+-:/" },
		{ MY_SQL_MODE, "sql_mode", "_," },
	};
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	for (size_t i = 0; i < AW_LENGTH(words); i++) {
		const char *at = data->parts[words[i].part];
		size_t size = at ? strlen(at) : 0;

		for (; at && *at; at++)
			if (size > 80 || (!strchr(letters, *at) &&
					  !strchr(words[i].extra, *at)))
				return aw_fail(AW_EINVAL, "the parameter %s of "
					       "the DSN is no such name",
					       words[i].name);
	}
	return 0;
}

static int
check(struct aw_my_data *data)
{
	char **p = data->parts;
	bool named = p[MY_SSL_CA] || p[MY_SSL_CAPATH] || p[MY_SSL_CERT] ||
		p[MY_SSL_KEY] || p[MY_SSL_CIPHER] || p[MY_SSL_VERIFY];
	int r = take_flag(data, MY_SSL, "ssl", named, &data->tls);

	if (r == 0)
		r = take_flag(data, MY_SSL_VERIFY, "ssl_verify", true,
			      &data->verify);
	if (r == 0)
		r = take_flag(data, MY_COMPRESS, "compress", false,
			      &data->compress);
	if (r == 0 && !p[MY_SSL_CERT] != !p[MY_SSL_KEY])
		r = aw_fail(AW_EINVAL, "the DSN has only one of ssl_cert and "
			    "ssl_key");
	return r < 0 ? r : check_words(data);
}

static int
parse(struct aw_my_data *data, const char *at)
{
	const char *end = at + strcspn(at, "/?");
	const char *host = at, *name;
	int r = 0;

	for (const char *s = at; s < end; s++)
		if (*s == '@')
			host = s + 1;
	if (host > at)
		r = take_user(data, at, host - 1);
	if (r == 0)
		r = take_host(data, host, end);
	name = *end == '/' ? end + 1 : end;
	end = name + strcspn(name, "?");
	if (r == 0)
		r = set(data, MY_DATABASE, "database", name, end);
	if (r == 0 && *end == '?')
		r = take_parameters(data, end + 1);
	return r < 0 ? r : check(data);
}

int
aw__my_dsn_parse(const char *dsn, struct aw_my_data **ret)
{
	const char *rest = dsn ? strstr(dsn, "://") : NULL;
	size_t n = rest ? (size_t)(rest - dsn) : 0;
	struct aw_my_data *data;
	int r;

	if (!rest || !((n == 5 && memcmp(dsn, "mysql", n) == 0) ||
		       (n == 7 && memcmp(dsn, "mariadb", n) == 0)))
		return aw_fail(AW_EINVAL, "the DSN does not begin with "
			       "mysql:// or mariadb://");
	data = calloc(1, sizeof(*data));
	if (!data)
		return aw_fail(AW_ENOMEM, "the parts of a DSN");
	r = parse(data, rest + 3);
	if (r < 0) {
		aw__my_data_free(data);
		return r;
	}
	*ret = data;
	return 0;
}
