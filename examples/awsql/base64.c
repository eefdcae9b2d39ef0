/* SPDX-License-Identifier: MIT */
/* base64.c - RFC 4648, section 4. */
#include <errno.h>
#include <string.h>

#include "awsql.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
out_base64(struct out *out, struct aw_bytes bytes)
{
	const unsigned char *at = bytes.data;

	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t left = bytes.size - i;
		unsigned n = (unsigned)at[i] << 16;
		char four[4];

		n |= left > 1 ? (unsigned)at[i + 1] << 8 : 0;
		n |= left > 2 ? at[i + 2] : 0;
		four[0] = alphabet[n >> 18];
		four[1] = alphabet[n >> 12 & 63];
		four[2] = left > 1 ? alphabet[n >> 6 & 63] : '=';
		four[3] = left > 2 ? alphabet[n & 63] : '=';
		out_put(out, four, 4);
	}
}

int
base64_decode(char *text, size_t *ret_n)
{
	size_t size = strlen(text), n = 0, padding = 0;
	unsigned bits = 0;

	if (size % 4)
		return -EINVAL;
	while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < size; i++) {
		const char *found = memchr(alphabet, text[i], 64);

		if (!found && i < size - padding)
			return -EINVAL;
		bits = bits << 6 | (found ? (unsigned)(found - alphabet) : 0);
		if (i % 4 != 3)
			continue;
		text[n++] = (char)(bits >> 16);
		text[n++] = (char)(bits >> 8);
		text[n++] = (char)bits;
		bits = 0;
	}
	*ret_n = n - padding;
	return 0;
}
