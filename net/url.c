/* SPDX-License-Identifier: MIT */
/*
 * url.c - URLs, taken apart once.
 *
 * libcurl's own parser is used, so that what we check is what it connects
 * to: two parsers that disagree about one URL are a hole in every policy
 * (libcurl-security(3), "RFC 3986 vs WHATWG URL").  The form that is kept and
 * sent is normalised: scheme and host in lower case, an internationalised
 * host in punycode, odd spellings of IPv4 addresses in four decimal numbers,
 * dots in the path resolved, no default port, no fragment.
 */
#include <arpa/inet.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#ifndef CURLU_PUNYCODE
#define CURLU_PUNYCODE 0	/* libcurl before 7.88.0 */
#endif

/* A URL to be taken apart. */
struct parsing {
	struct aw__target *ret;
	const char *base;		/* or NULL */
	const char *url;
	const char *query;		/* encoded, to be added */
	unsigned flags;
};

/* A message must not tell a password: what is behind the last @. */
static const char *
without_user(const char *url)
{
	const char *at = strrchr(url, '@');

	return at ? at + 1 : url;
}

static int
url_error(CURLUcode code, const char *url)
{
	if (code == CURLUE_OUT_OF_MEMORY)
		return aw_fail(-ENOMEM, "no memory for a URL");
	if (code == CURLUE_USER_NOT_ALLOWED)
		return aw_fail(-EINVAL, "a URL must not hold a user name or "
			       "a password: use the option auth");
	return aw_fail(-EINVAL, "bad URL \"%.200s\": %s", without_user(url),
		       curl_url_strerror(code));
}

static void
lower(char *text)
{
	for (; *text; text++) {
		if (*text >= 'A' && *text <= 'Z')
			*text += 'a' - 'A';
	}
}

void
aw__target_clear(struct aw__target *target)
{
	free(target->url);
	free(target->origin);
	free(target->host);
	memset(target, 0, sizeof(*target));
}

/* "[::1]" -> "::1"; says whether the host is an address. */
static int
take_host(struct aw__target *t, const char *host)
{
	unsigned char address[16];
	size_t n = strlen(host);

	if (host[0] == '[' && n > 2) {
		t->host = strndup(host + 1, n - 2);
		t->literal = true;
	} else {
		t->host = strdup(host);
		t->literal = inet_pton(AF_INET, host, address) == 1;
	}
	return t->host ? 0 : -ENOMEM;
}

static int
take_origin(struct aw__target *t, const char *host, const char *port)
{
	size_t size = strlen(host) + 32;

	t->port = (int)strtol(port, NULL, 10);
	if (t->port < 1 || t->port > 65535)
		return aw_fail(-EINVAL, "a URL's port must be 1 to 65535");
	t->origin = malloc(size);
	if (!t->origin)
		return -ENOMEM;

	snprintf(t->origin, size, "%s://%s:%d", t->https ? "https" : "http",
		 host, t->port);
	return 0;
}

static int
take_scheme(struct aw__target *t, CURLU *u, const char *url)
{
	char *scheme = NULL;
	CURLUcode code = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
	int r = 0;

	if (code)
		return url_error(code, url);
	t->https = strcmp(scheme, "https") == 0;
	if (!t->https && strcmp(scheme, "http") != 0)
		r = aw_fail(-EINVAL, "bad URL \"%.200s\": only http and https "
			    "are spoken", without_user(url));
	curl_free(scheme);
	return r;
}

static bool
is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			return false;
	}
	return true;
}

/* libidn2, as libcurl calls it, takes the host for text of the thread's
 * locale; ours are UTF-8 whatever the program's is. */
static CURLUcode
punycode(CURLU *u, char **ret)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL), former;
	CURLUcode code;

	if (!utf8)
		return CURLUE_BAD_HOSTNAME;
	former = uselocale(utf8);
	code = curl_url_get(u, CURLUPART_HOST, ret, CURLU_PUNYCODE);
	uselocale(former);
	freelocale(utf8);
	return code ? CURLUE_BAD_HOSTNAME : CURLUE_OK;
}

/* In lower case and in ASCII. */
static CURLUcode
normal_host(CURLU *u, char **ret)
{
	CURLUcode code = curl_url_get(u, CURLUPART_HOST, ret, 0);

	if (!code && !is_ascii(*ret)) {
		curl_free(*ret);
		*ret = NULL;
		code = punycode(u, ret);
		if (!code && !is_ascii(*ret))
			code = CURLUE_BAD_HOSTNAME;
	}
	if (code)
		return code;
	lower(*ret);
	return curl_url_set(u, CURLUPART_HOST, *ret, 0);
}

/* Host and port, and the host's normal form back into the URL. */
static int
take_place(struct aw__target *t, CURLU *u, const char *url)
{
	char *host = NULL, *port = NULL, *zone = NULL;
	CURLUcode code;
	int r;

	if (!curl_url_get(u, CURLUPART_ZONEID, &zone, 0)) {
		curl_free(zone);
		return aw_fail(-EINVAL, "a URL must not name a network zone");
	}
	code = normal_host(u, &host);
	if (!code)
		code = curl_url_get(u, CURLUPART_PORT, &port,
				    CURLU_DEFAULT_PORT);
	r = code ? url_error(code, url) : take_host(t, host);
	if (!r)
		r = take_origin(t, host, port);
	curl_free(host);
	curl_free(port);
	return r;
}

/* The whole URL with the encoded @query behind it. */
static int
take_url(struct aw__target *t, CURLU *u, const char *url, const char *query)
{
	char *whole = NULL;
	CURLUcode code = curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	size_t size;

	if (!code)
		code = curl_url_get(u, CURLUPART_URL, &whole,
				    CURLU_NO_DEFAULT_PORT);
	if (code)
		return url_error(code, url);
	size = strlen(whole) + strlen(query) + 2;
	t->url = malloc(size);
	if (t->url)
		snprintf(t->url, size, "%s%s%s", whole,
			 !*query ? "" : strchr(whole, '?') ? "&" : "?", query);
	curl_free(whole);
	return t->url ? 0 : -ENOMEM;
}

static int
take_apart(struct aw__target *ret, CURLU *u, const char *url,
	   const char *query)
{
	struct aw__target t = { 0 };
	int r;

	r = take_scheme(&t, u, url);
	if (!r)
		r = take_place(&t, u, url);
	if (!r)
		r = take_url(&t, u, url, query);
	if (r) {
		aw__target_clear(&t);
		return r == -ENOMEM ? aw_fail(r, "no memory for a URL") : r;
	}
	*ret = t;
	return 0;
}

/* @url, relative to @base unless that is NULL, as libcurl sees it. */
static int
load(CURLU *u, const char *base, const char *url, unsigned flags)
{
	CURLUcode code = CURLUE_OK;

	if (strlen(url) > AW__MAX_URL)
		return aw_fail(-EINVAL, "the URL is longer than 64 KiB");
	flags |= CURLU_URLENCODE | CURLU_DISALLOW_USER;
	if (base)
		code = curl_url_set(u, CURLUPART_URL, base, flags);
	if (!code)
		code = curl_url_set(u, CURLUPART_URL, url, flags);
	return code ? url_error(code, url) : 0;
}

static int
parse_here(void *arg)
{
	const struct parsing *p = arg;
	CURLU *u = curl_url();
	int r;

	if (!u)
		return aw_fail(-ENOMEM, "no memory for a URL");
	r = load(u, p->base, p->url, p->flags);
	if (!r)
		r = take_apart(p->ret, u, p->url, p->query);
	curl_url_cleanup(u);
	return r;
}

/* libcurl's printf alone takes 5 KiB of stack (7.88.1 lib/mprintf.c), two
 * pages that each task with a request would keep.  What is wrong with a URL
 * must be told to the task: so it is found once more, on the task's stack. */
static int
parse(struct parsing p)
{
	int r = aw_on_loop_stack(parse_here, &p);

	return r ? parse_here(&p) : 0;
}

int
aw__target_parse(struct aw__target *ret, const char *base, const char *url,
		 struct aw_pairs query)
{
	char *encoded = NULL;
	int r;

	for (const char *p = url; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return aw_fail(-EINVAL, "a URL must not hold spaces "
				       "or control characters");
	}
	r = aw__encode_pairs(&encoded, query, false);
	if (r)
		return r;
	r = parse((struct parsing){ ret, base, url, encoded, 0 });
	free(encoded);
	return r;
}

/* Servers put spaces into Location; they are encoded, not refused. */
int
aw__target_follow(struct aw__target *ret, const struct aw__target *from,
		  const char *location)
{
	return parse((struct parsing){ ret, from->url, location, "",
				       CURLU_ALLOW_SPACE });
}

bool
aw__same_origin(const struct aw__target *a, const struct aw__target *b)
{
	return strcmp(a->origin, b->origin) == 0;
}

/* Percent-encoding; in a form a space is a plus (WHATWG URL, 5.2). */
static char *
encode(char *out, const char *text, bool form)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') || strchr("-._~", c)) {
			*out++ = (char)c;
		} else if (c == ' ' && form) {
			*out++ = '+';
		} else {
			*out++ = '%';
			*out++ = hex[c >> 4];
			*out++ = hex[c & 15];
		}
	}
	return out;
}

/* "a=1&b=x%20y", new; empty for no pairs. */
int
aw__encode_pairs(char **ret, struct aw_pairs pairs, bool form)
{
	size_t size = 1;
	char *text, *out;

	for (size_t i = 0; i < pairs.n; i++)
		size += pairs.items[i] ? 3 * strlen(pairs.items[i]) + 1 : 0;
	text = out = malloc(size);
	if (!text)
		return aw_fail(-ENOMEM, "no memory for a query or a form");

	for (size_t i = 0; i + 1 < pairs.n; i += 2) {
		if (!pairs.items[i + 1])
			continue;
		if (out > text)
			*out++ = '&';
		out = encode(out, pairs.items[i], form);
		*out++ = '=';
		out = encode(out, pairs.items[i + 1], form);
	}
	*out = '\0';
	*ret = text;
	return 0;
}
