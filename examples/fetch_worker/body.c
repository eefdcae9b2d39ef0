/* SPDX-License-Identifier: MIT */
/*
 * What is made of a body: its sum and its links.  Large ones are looked into
 * by a helper thread, so that the loop goes on.
 */
#include "fetch_worker.h"

#include <openssl/evp.h>

#define BIG_BODY AW_KIB(256)

int
sha256(struct aw_bytes bytes, char ret[65])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0, i;

	if (!EVP_Digest(bytes.size ? bytes.data : "", bytes.size, sum, &n,
			EVP_sha256(), NULL) || n != 32)
		return aw_fail(-ENOMEM, "SHA-256 failed");
	for (i = 0; i < n; i++) {
		ret[2 * i] = hex[sum[i] >> 4];
		ret[2 * i + 1] = hex[sum[i] & 15];
	}
	ret[2 * n] = '\0';
	return 0;
}

/* May run in a helper thread. */
static int
look(void *arg)
{
	struct found *found = arg;

	AW_TRY(sha256(found->body, found->sha256));
	if (!found->site)
		return 0;
	return links_find(&found->links, found->site, found->base,
			  found->body);
}

int
look_into(struct found *found)
{
	if (found->body.size > (size_t)BIG_BODY)
		return aw_offload(look, found);
	return look(found);
}
