/* SPDX-License-Identifier: MIT */
/*
 * length.c - is it clear how long the body of an answer is?
 *
 * Where it is a matter of opinion, the rest of one answer is the beginning of
 * the next one on a kept connection.  libcurl takes "+4", "4x" and "4, 6" for
 * 4, the last of two lengths, and a length that no integer holds for the end
 * of the connection (7.88.1 lib/http.c, Curl_http_header); a server's
 * Transfer-Encoding outranks a length.  RFC 9112, section 6.3, calls most of
 * these unrecoverable and the last one suspect: all are refused.  So is a
 * length that goes on in the next line (obs-fold, section 5.2), of which
 * libcurl takes the first line.
 */
#include <string.h>
#include <strings.h>

#include "internal.h"

#define MOST_DIGITS 18		/* of an int64_t, whatever they are */

/* Behind "@name:", without blanks; data is NULL if it is another header. */
static struct aw_bytes
value_of(const char *line, size_t n, const char *name)
{
	size_t from = strlen(name);

	if (n <= from || strncasecmp(line, name, from) != 0 ||
	    line[from++] != ':')
		return aw_bytes(NULL, 0);
	while (from < n && (line[from] == ' ' || line[from] == '\t'))
		from++;
	while (n > from && strchr(" \t\r\n", line[n - 1]))
		n--;
	return aw_bytes(line + from, n - from);
}

static enum aw__stop
take_length(struct aw_response *res, struct aw_bytes text)
{
	const char *at = text.data, *end = at + text.size;
	int64_t length = 0;
	int digits = 0;

	if (at == end)
		return AW__STOP_LENGTH;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return AW__STOP_LENGTH;
		digits += digits > 0 || *at != '0';
		if (digits <= MOST_DIGITS)
			length = 10 * length + (*at - '0');
	}
	if (digits > MOST_DIGITS)
		return AW__STOP_BODY;
	if (res->chunked || (res->length >= 0 && res->length != length))
		return AW__STOP_LENGTH;
	res->length = length;
	return AW__STOP_NONE;
}

/* A header line, before libcurl looks at it. */
enum aw__stop
aw__length_note(struct aw_response *res, const char *line, size_t n)
{
	struct aw_bytes value;

	if (*line == ' ' || *line == '\t')
		return res->framing ? AW__STOP_LENGTH : AW__STOP_NONE;
	res->framing = false;
	if ((*line | 0x20) == 'c') {
		value = value_of(line, n, "Content-Length");
		res->framing = value.data != NULL;
		return value.data ? take_length(res, value) : AW__STOP_NONE;
	}
	if ((*line | 0x20) != 't' ||
	    !value_of(line, n, "Transfer-Encoding").data)
		return AW__STOP_NONE;
	res->chunked = res->framing = true;
	return res->length >= 0 ? AW__STOP_LENGTH : AW__STOP_NONE;
}
