/* SPDX-License-Identifier: MIT */
/*
 * headers.c - the headers of a request: checked, merged, and thinned out
 * before they go to a foreign origin.
 *
 * libcurl sends a header as it is given, line breaks included
 * (libcurl-security(3), "CRLF in Headers"), so names must be tokens and
 * values free of control characters.  Length and framing are libcurl's
 * business: a header that contradicts it would smuggle a request.
 *
 * Which headers hold secrets only their author knows: X-Api-Key does,
 * Accept does not.  After a redirect to another origin only those known to
 * be harmless go along.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

static bool
is_value(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* An even number of strings, names not NULL. */
int
aw__pairs_check(struct aw_pairs pairs, const char *what)
{
	if (pairs.n % 2)
		return aw_fail(-EINVAL, "%s: a name without a value", what);
	if (pairs.n && !pairs.items)
		return aw_fail(-EINVAL, "%s: no items", what);
	for (size_t i = 0; i < pairs.n; i += 2) {
		if (!pairs.items[i])
			return aw_fail(-EINVAL, "%s: a NULL name", what);
	}
	return 0;
}

static int
check_one(const char *name, const char *value)
{
	static const char *const framing[] = { "Content-Length",
					       "Transfer-Encoding",
					       "Trailer" };

	if (!aw__is_token(name))
		return aw_fail(-EINVAL, "\"%.60s\" is no header name", name);
	for (size_t i = 0; i < AW_LENGTH(framing); i++) {
		if (strcasecmp(name, framing[i]) == 0)
			return aw_fail(-EINVAL, "the header %s is set by the "
				       "library", name);
	}
	if (value && !is_value(value))
		return aw_fail(-EINVAL, "the value of the header %.60s holds "
			       "a control character", name);
	return 0;
}

int
aw__headers_check(struct aw_pairs pairs)
{
	int r = aw__pairs_check(pairs, "headers");

	for (size_t i = 0; !r && i < pairs.n; i += 2)
		r = check_one(pairs.items[i], pairs.items[i + 1]);
	return r;
}

bool
aw__pairs_have(struct aw_pairs pairs, const char *name)
{
	for (size_t i = 0; i < pairs.n; i += 2) {
		if (strcasecmp(pairs.items[i], name) == 0)
			return true;
	}
	return false;
}

static bool
has_prefix(const char *name, const char *prefix)
{
	return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

/* May every server see it? */
static bool
is_harmless(const char *name)
{
	static const char *const names[] = { "Accept", "Cache-Control",
					     "Pragma", "Range", "User-Agent" };

	for (size_t i = 0; i < AW_LENGTH(names); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return has_prefix(name, "Accept-") || has_prefix(name, "Content-") ||
	       has_prefix(name, "If-");
}

static bool
goes_along(const struct aw__header_rules *rules, const char *name)
{
	if (rules->foreign && !is_harmless(name))
		return false;
	return !rules->no_body || !has_prefix(name, "Content-");
}

/* libcurl's notation: "Name;" is a header without a value, "Name:" is one
 * that is not sent, not even if libcurl would; that is what NULL means. */
static int
add(struct curl_slist **list, const char *name, const char *value)
{
	const char *mark = !value ? ":" : *value ? ": " : ";";
	size_t size = strlen(name) + 3 + (value ? strlen(value) : 0);
	char *line = malloc(size);
	struct curl_slist *longer = NULL;

	if (line) {
		snprintf(line, size, "%s%s%s", name, mark, value ? value : "");
		longer = curl_slist_append(*list, line);
		free(line);
	}
	if (!longer)
		return aw_fail(-ENOMEM, "no memory for a header");
	*list = longer;
	return 0;
}

static int
add_pairs(struct curl_slist **list, const struct aw__header_rules *rules,
	  struct aw_pairs pairs, struct aw_pairs stronger)
{
	int r = 0;

	for (size_t i = 0; !r && i < pairs.n; i += 2) {
		const char *name = pairs.items[i];

		if (goes_along(rules, name) && !aw__pairs_have(stronger, name))
			r = add(list, name, pairs.items[i + 1]);
	}
	return r;
}

/* RFC 7617, section 2. */
static char *
basic(const char *user, const char *secret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/";
	size_t n = strlen(user) + 1 + strlen(secret);
	unsigned char *in = malloc(n + 3);
	char *text = malloc(6 + (n + 2) / 3 * 4 + 1), *out = text;

	if (in && text) {
		snprintf((char *)in, n + 1, "%s:%s", user, secret);
		in[n + 1] = in[n + 2] = 0;
		memcpy(out, "Basic ", 6);
		out += 6;
		for (size_t i = 0; i < n; i += 3) {
			unsigned v = (unsigned)in[i] << 16 |
				     (unsigned)in[i + 1] << 8 | in[i + 2];

			*out++ = digits[v >> 18];
			*out++ = digits[v >> 12 & 63];
			*out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
			*out++ = i + 2 < n ? digits[v & 63] : '=';
		}
		*out = '\0';
	} else {
		free(text);
		text = NULL;
	}
	free(in);
	return text;
}

static char *
bearer(const char *token)
{
	size_t size = strlen(token) + 8;
	char *text = malloc(size);

	if (text)
		snprintf(text, size, "Bearer %s", token);
	return text;
}

static int
add_auth(struct curl_slist **list, struct aw_auth auth)
{
	char *value = auth.user ? basic(auth.user, auth.secret)
				: bearer(auth.secret);
	int r;

	if (!value)
		return aw_fail(-ENOMEM, "no memory for a header");
	r = is_value(value) ? add(list, "Authorization", value)
			    : aw_fail(-EINVAL, "a token must not hold "
				      "control characters");
	free(value);
	return r;
}

/* Unless the user has one. */
static int
add_default(struct curl_slist **list, const struct aw__header_rules *rules,
	    const char *name, const char *value)
{
	if (aw__pairs_have(rules->request, name) ||
	    aw__pairs_have(rules->session, name))
		return 0;
	return add(list, name, value);
}

/* libcurl calls every body a form unless it is told otherwise. */
static int
add_type(struct curl_slist **list, const struct aw__header_rules *rules)
{
	const char *type = rules->content_type;

	return add_default(list, rules, "Content-Type", *type ? type : NULL);
}

/* New list, NULL for no headers. */
int
aw__headers_build(struct curl_slist **ret,
		  const struct aw__header_rules *rules)
{
	static const struct aw_pairs none;
	struct curl_slist *list = NULL;
	int r;

	r = add_pairs(&list, rules, rules->session, rules->request);
	if (!r)
		r = add_pairs(&list, rules, rules->request, none);
	if (!r && rules->auth.secret && !rules->foreign)
		r = add_auth(&list, rules->auth);
	if (!r && rules->accept)
		r = add_default(&list, rules, "Accept", rules->accept);
	if (!r && rules->content_type && !rules->no_body)
		r = add_type(&list, rules);
	if (!r && rules->no_expect && !rules->no_body)
		r = add(&list, "Expect", NULL);
	if (r) {
		curl_slist_free_all(list);
		return r;
	}
	*ret = list;
	return 0;
}
