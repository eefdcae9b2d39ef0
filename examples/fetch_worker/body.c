/* SPDX-License-Identifier: MIT */
/*
 * What is made of a body: its sum and its links.  Large ones are looked into
 * by a helper thread, so that the loop goes on; the others on the loop's
 * stack, so that the parser's frames are in memory once and not in each task.
 */
/* SHA256_Init() and so on are deprecated in favour of EVP_Digest(), which
 * looks for providers first: 0.3 MB that a worker needs for nothing else. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "fetch_worker.h"

#include <await/driver.h>

#include <openssl/sha.h>

#define BIG_BODY AW_KIB(256)

void
sha256(struct aw_bytes bytes, char ret[65])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char sum[SHA256_DIGEST_LENGTH];
	SHA256_CTX context;
	unsigned i;

	SHA256_Init(&context);
	SHA256_Update(&context, bytes.data, bytes.size);
	SHA256_Final(sum, &context);
	for (i = 0; i < sizeof sum; i++) {
		ret[2 * i] = hex[sum[i] >> 4];
		ret[2 * i + 1] = hex[sum[i] & 15];
	}
	ret[2 * i] = '\0';
}

static int
sum(void *arg)
{
	struct found *found = arg;

	sha256(found->body, found->sha256);
	return 0;
}

static int
links(void *arg)
{
	struct found *found = arg;

	return links_find(&found->links, found->site, found->base,
			  found->body);
}

static int
look(struct found *found, int (*fn)(void *found))
{
	if (found->body.size > (size_t)BIG_BODY)
		return aw_offload(fn, found);
	return aw_on_loop_stack(fn, found);
}

int
find_sum(struct found *found)
{
	return look(found, sum);
}

int
find_links(struct found *found)
{
	return found->site ? look(found, links) : 0;
}
