/* SPDX-License-Identifier: MIT */
/* What is written: a body, a JSON object, a complaint. */
#include "awfetch.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* How many bytes the UTF-8 character at @s takes; 0 if it is none
 * (RFC 3629, section 4). */
static size_t
utf8(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2
		 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* A JSON string; bytes that are no UTF-8 become U+FFFD. */
static void
put_string(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	putc('"', out);
	while (*s) {
		size_t n = utf8(s);

		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s < 0x20)
			fprintf(out, "\\u%04x", *s);
		else if (n == 0)
			fputs("\\ufffd", out);
		else
			fwrite(s, 1, n, out);
		s += n ? n : 1;
	}
	putc('"', out);
}

static void
put_field(FILE *out, const char *name, const char *value)
{
	fprintf(out, ",\"%s\":", name);
	if (value)
		put_string(out, value);
	else
		fputs("null", out);
}

static void
put_headers(FILE *out, const struct aw_response *res)
{
	struct aw_header header = { 0 };
	const char *comma = "";

	fputs(",\"headers\":[", out);
	while (res && aw_response_header_next(res, &header)) {
		fprintf(out, "%s[", comma);
		put_string(out, header.name);
		putc(',', out);
		put_string(out, header.value);
		putc(']', out);
		comma = ",";
	}
	putc(']', out);
}

static void
put_error(FILE *out, const struct item *item)
{
	fputs(",\"error\":", out);
	if (!item->code) {
		fputs("null", out);
		return;
	}
	fputs("{\"name\":", out);
	put_string(out, aw_error_name(item->code));
	fputs(",\"message\":", out);
	put_string(out, item->message);
	putc('}', out);
}

static void
put_item(FILE *out, const struct item *item)
{
	const struct aw_response *res = item->res;

	fprintf(out, "{\"index\":%zu,\"url\":", item->index);
	put_string(out, item->given);
	put_field(out, "final_url", res ? aw_response_url(res) : NULL);
	if (res)
		fprintf(out, ",\"status\":%d", item->status);
	else
		fputs(",\"status\":null", out);
	put_headers(out, res);
	fprintf(out, ",\"bytes\":%zu", res ? aw_response_body(res).size : 0);
	put_field(out, "sha256", res ? item->sha256 : NULL);
	put_error(out, item);
	fprintf(out, ",\"attempts\":%d,\"seconds\":%.6f}\n", item->attempts,
		item->seconds);
}

static int
hash(void *arg)
{
	struct item *item = arg;
	struct aw_bytes body = aw_response_body(item->res);
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n;

	if (!EVP_Digest(body.data, body.size, sum, &n, EVP_sha256(), NULL))
		return aw_fail(-ENOMEM, "SHA-256 failed");
	for (unsigned i = 0; i < 32; i++)
		snprintf(item->sha256 + 2 * i, 3, "%02x", sum[i]);
	return 0;
}

/* The JSON object of an item that is done; a large body is hashed in a
 * helper thread. */
int
item_describe(struct item *item)
{
	FILE *out;
	int r = 0;

	if (item->res) {
		r = aw_response_body(item->res).size > 256 * 1024
			? aw_offload(hash, item) : hash(item);
		if (r < 0)
			return r;
	}
	out = open_memstream(&item->line, &item->line_size);
	if (!out)
		return -ENOMEM;
	put_item(out, item);
	return fclose(out) ? -ENOMEM : 0;
}

/* A line that others read tells no password.  One with a slash in it makes
 * the rest a path, and the port no number. */
static const char *
behind_user(const char *host)
{
	const char *end = host + strcspn(host, "/?#"), *at = end;
	const char *port = memchr(host, ':', (size_t)(end - host));

	while (at > host && at[-1] != '@')
		at--;
	if (at > host || *host == '[' || !port ||
	    port + 1 + strspn(port + 1, "0123456789") == end)
		return at;
	at = strrchr(end, '@');
	return at ? at + 1 : host;
}

void
item_complain(const struct item *item, const struct options *o)
{
	const char *url = item->given;
	size_t scheme = strcspn(url, ":/?#@");
	int n = strncmp(url + scheme, "://", 3) == 0 ? (int)scheme + 3 : 0;

	if (item->code)
		fprintf(stderr, "awfetch: %.*s%s: %s: %s\n", n, url,
			behind_user(url + n), aw_error_name(item->code),
			item->message);
	else if (o->fail && item->status >= 400)
		fprintf(stderr, "awfetch: %.*s%s: status %d\n", n, url,
			behind_user(url + n), item->status);
}

/* What is to be written; data is NULL if nothing is, not even an empty
 * body. */
struct aw_bytes
item_text(const struct item *item, const struct options *o)
{
	if (o->json)
		return aw_bytes(item->line, item->line_size);
	if (!item->res || (o->fail && item->status >= 400))
		return aw_bytes(NULL, 0);
	return aw_response_body(item->res);
}
