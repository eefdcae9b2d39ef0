/* SPDX-License-Identifier: MIT */
/*
 * URLs, as far as a crawler needs them: RFC 3986, sections 5.2 and 5.3, for
 * http and https, with what browsers forgive: blanks around and line breaks
 * inside a reference, and characters that have no place in a URL, which
 * become %XX.
 *
 *	http://host:port/a/b/c?query#fragment
 *	\_____ site ____/\_dir_/
 */
#include "fetch_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* A reference, taken apart: what is absent has size 0. */
struct reference {
	struct aw_bytes site, path, query;
};

/* Bytes of scheme://authority; 0 for anything but http and https. */
size_t
url_site(const char *url)
{
	size_t scheme = 0;

	if (strncasecmp(url, "http://", 7) == 0)
		scheme = 7;
	else if (strncasecmp(url, "https://", 8) == 0)
		scheme = 8;
	return scheme ? scheme + strcspn(url + scheme, "/?#") : 0;
}

/* Host and port: the port of a URL that names none is its scheme's. */
static struct aw_bytes
host_of(const char *url, long *ret_port)
{
	const char *host = strchr(url, ':') + 3, *port;
	size_t n = strcspn(host, "/?#"), i = n;

	*ret_port = strncasecmp(url, "https", 5) == 0 ? 443 : 80;
	while (i > 0 && host[i - 1] >= '0' && host[i - 1] <= '9')
		i--;
	if (i > 0 && host[i - 1] == ':') {
		port = host + i;
		if (i < n)
			*ret_port = strtol(port, NULL, 10);
		n = i - 1;
	}
	return aw_bytes(host, n);
}

/* Both are http or https; user names never match, for they are not sent. */
bool
url_same_site(const char *a, const char *b)
{
	long port_a, port_b;
	struct aw_bytes host_a = host_of(a, &port_a);
	struct aw_bytes host_b = host_of(b, &port_b);

	return strchr(a, ':') - a == strchr(b, ':') - b &&
	       port_a == port_b && host_a.size == host_b.size &&
	       strncasecmp(host_a.data, host_b.data, host_a.size) == 0;
}

/* --- Writing ----------------------------------------------------------- */

/* RFC 3986, appendix A: neither reserved nor unreserved. */
static const bool needs_escape[256] = {
	[0 ... ' '] = true, ['"'] = true, ['<'] = true, ['>'] = true,
	['\\'] = true, ['^'] = true, ['`'] = true, ['{'] = true, ['|'] = true,
	['}'] = true, [0x7f ... 0xff] = true
};

static char *
put(char *to, struct aw_bytes from)
{
	static const char hex[] = "0123456789ABCDEF";
	const unsigned char *c = from.data;
	size_t i;

	for (i = 0; i < from.size; i++) {
		if (c[i] == '\t' || c[i] == '\n' || c[i] == '\r')
			continue;
		if (!needs_escape[c[i]]) {
			*to++ = (char)c[i];
			continue;
		}
		*to++ = '%';
		*to++ = hex[c[i] >> 4];
		*to++ = hex[c[i] & 15];
	}
	return to;
}

/* RFC 3986, 5.2.4, in place: path begins with a slash; the new end. */
static char *
remove_dots(char *path, char *end)
{
	char *from = path, *to = path, *next;
	size_t n;

	while (from < end) {
		next = memchr(from + 1, '/', (size_t)(end - from) - 1);
		if (!next)
			next = end;
		n = (size_t)(next - from);
		if (n == 3 && from[1] == '.' && from[2] == '.') {
			while (to > path && *--to != '/')
				;
		} else if (n != 2 || from[1] != '.') {
			memmove(to, from, n);
			to += n;
			from = next;
			continue;
		}
		from = next;
		if (from == end)
			*to++ = '/';
	}
	if (to == path)
		*to++ = '/';
	return to;
}

/* --- Resolving --------------------------------------------------------- */

/* Does it begin with a scheme, and with another one than ours? */
static bool
has_scheme(const char *href, size_t size)
{
	size_t n = strspn(href, "abcdefghijklmnopqrstuvwxyz"
			  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	return n > 0 && n < size && href[n] == ':';
}

static void
take_path(struct reference *ref, const char *from, size_t size)
{
	const char *query = size ? memchr(from, '?', size) : NULL;
	size_t n = query ? (size_t)(query - from) : size;

	ref->path = aw_bytes(from, n);
	ref->query = aw_bytes(from + n, size - n);
}

/* 1: it may lead to a page; 0: mailto:, javascript:, ftp: and the like. */
static int
take_apart(struct reference *ref, const char *base, const char *href,
	   size_t size)
{
	size_t site = url_site(href);

	if (site > 0) {
		site = site < size ? site : size;
		ref->site = aw_bytes(href, site);
	} else if (size > 1 && href[0] == '/' && href[1] == '/') {
		site = 2 + strcspn(href + 2, "/?#");
		site = site < size ? site : size;
		ref->site = aw_bytes(href, site);
	} else if (has_scheme(href, size)) {
		return 0;
	} else {
		ref->site = aw_bytes(base, url_site(base));
	}
	take_path(ref, href + site, size - site);
	return 1;
}

/* The path of base up to its last slash, or all of it. */
static struct aw_bytes
base_path(const char *base, bool whole, struct aw_bytes *ret_query)
{
	const char *path = base + url_site(base);
	size_t n = strcspn(path, "?#"), query = strcspn(path, "#");

	*ret_query = aw_bytes(path + n, query - n);
	while (!whole && n > 0 && path[n - 1] != '/')
		n--;
	return aw_bytes(path, n);
}

static char *
write_path(char *to, const struct reference *ref, const char *base, bool own)
{
	struct aw_bytes query = { NULL, 0 }, dir = { NULL, 0 };
	const char *path = ref->path.data;
	char *begin = to;

	if (!own && (ref->path.size == 0 || path[0] != '/'))
		dir = base_path(base, ref->path.size == 0, &query);
	to = put(to, dir);
	if (to == begin && (ref->path.size == 0 || path[0] != '/'))
		*to++ = '/';
	to = put(to, ref->path);
	to = remove_dots(begin, to);
	return put(to, ref->query.size || ref->path.size ? ref->query : query);
}

/*
 * href, as it stands in a page, against base, an absolute URL; without its
 * fragment.  1: *ret is new; 0: it leads to no page; -ENOMEM.
 */
int
url_resolve(const char *base, const char *href, char **ret)
{
	struct reference ref;
	size_t size, scheme;
	char *to;
	bool own;

	href += strspn(href, " \t\r\n\f");
	size = strcspn(href, "#");
	while (size > 0 && strchr(" \t\r\n\f", href[size - 1]))
		size--;
	if (url_site(base) == 0 || take_apart(&ref, base, href, size) == 0)
		return 0;
	to = malloc(3 * (strlen(base) + size) + 16);
	if (!to)
		return aw_fail(-ENOMEM, "no memory for a URL");
	*ret = to;
	own = ref.site.data != base;
	if (own && *(const char *)ref.site.data == '/') {
		scheme = (size_t)(strchr(base, ':') - base) + 1;
		memcpy(to, base, scheme);
		to += scheme;
	}
	to = put(to, ref.site);
	to = write_path(to, &ref, base, own);
	*to = '\0';
	return 1;
}

/* --- Text -------------------------------------------------------------- */

/* What any table takes, whatever its character set. */
void
to_ascii(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* A key for a URL that does not fit the table: its beginning and its sum. */
void
url_key(char *to, size_t size, const char *url)
{
	char sum[65] = "";

	sha256(aw_text(url), sum);
	snprintf(to, size, "%.*s#sha256=%s", (int)size - 80, url, sum);
	to_ascii(to);
}
