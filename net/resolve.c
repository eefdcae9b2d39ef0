/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - names, before libcurl sees them.
 *
 * libcurl's own resolver starts a thread per lookup and joins it when a
 * transfer is removed, which stops the loop (7.88.1 lib/asyn-thread.c; curl
 * issue 8515).  So the names come from aw_resolve() and are put into
 * libcurl's cache with CURLOPT_RESOLVE; that cache never expires by itself
 * (DNS_CACHE_TIMEOUT -1), an entry is replaced when the addresses changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>

#include <await/io.h>
#include <await/time.h>

#include "internal.h"

#define FRESH 30.0	/* seconds; aw_resolve() keeps answers as long */

static bool
is_address(const char *text)
{
	unsigned char b[16];

	return inet_pton(AF_INET, text, b) == 1 ||
	       inet_pton(AF_INET6, text, b) == 1;
}

/* The next of "127.0.0.1,::1" into @one; where to go on, or NULL. */
static const char *
next_address(const char *list, struct aw_address *one)
{
	size_t n = strcspn(list, ",");

	memset(one, 0, sizeof(*one));
	if (n < sizeof(one->text))
		memcpy(one->text, list, n);
	return list[n] ? list + n + 1 : NULL;
}

static bool
are_addresses(const char *list)
{
	struct aw_address one;

	do {
		list = next_address(list, &one);
		if (!is_address(one.text))
			return false;
	} while (list);
	return true;
}

/* The option resolve: "host:port", "address". */
int
aw__resolve_check(struct aw_pairs pairs)
{
	int r = aw__pairs_check(pairs, "resolve");

	for (size_t i = 0; !r && i < pairs.n; i += 2) {
		const char *address = pairs.items[i + 1];

		if (!strrchr(pairs.items[i], ':'))
			r = aw_fail(-EINVAL, "resolve: \"%.100s\" is not "
				    "host:port", pairs.items[i]);
		else if (!address || !are_addresses(address))
			r = aw_fail(-EINVAL, "resolve: \"%.100s\" is no "
				    "address", address ? address : "");
	}
	return r;
}

/* The user's own address for this target, or NULL. */
static const char *
pinned(struct aw_http *http, const struct aw__target *target)
{
	char key[300];

	snprintf(key, sizeof(key), "%s:%d", target->host, target->port);
	for (size_t i = 0; i < http->resolve_pairs.n; i += 2) {
		if (strcasecmp(http->resolve_pairs.items[i], key) == 0)
			return http->resolve_pairs.items[i + 1];
	}
	return NULL;
}

static int
refuse(const struct aw__target *target)
{
	return aw_fail(AW_EPOLICY, "%.200s is not a public address",
		       target->host);
}

/* "host:port:1.2.3.4,[::1]", new; only public addresses if so asked. */
static int
entry_of(char **ret, struct aw_http *http, const struct aw__target *target,
	 const struct aw_addresses *found)
{
	size_t size = strlen(target->host) + 16 + found->n * 51, n;
	char *text = malloc(size);
	size_t used = 0;

	if (!text)
		return aw_fail(-ENOMEM, "no memory for addresses");
	n = (size_t)snprintf(text, size, "%s:%d:", target->host, target->port);
	for (size_t i = 0; i < found->n; i++) {
		const char *address = found->at[i].text;
		bool six = strchr(address, ':') != NULL;

		if (http->public_only && !aw__is_public_text(address))
			continue;
		n += (size_t)snprintf(text + n, size - n, "%s%s%s%s",
				      used++ ? "," : "", six ? "[" : "",
				      address, six ? "]" : "");
	}
	if (!used) {
		free(text);
		return refuse(target);
	}
	*ret = text;
	return 0;
}

#define MOST_PINNED 8

static int
look_up(char **ret, struct aw_http *http, const struct aw__target *target)
{
	const char *own = pinned(http, target);
	struct aw_address at[MOST_PINNED];
	struct aw_addresses list = { 0, at }, *found;
	int r;

	while (own && list.n < MOST_PINNED)
		own = next_address(own, &at[list.n++]);
	if (list.n)
		return entry_of(ret, http, target, &list);
	r = aw_resolve(&found, target->host, target->port);
	if (r)
		return r;
	r = entry_of(ret, http, target, found);
	aw_addresses_free(found);
	return r;
}

/* Hands a new entry to libcurl with this transfer. */
static int
feed(struct aw_response *res, struct aw__host *host, char *entry)
{
	struct curl_slist *list = curl_slist_append(NULL, entry);

	if (!list || curl_easy_setopt(res->easy, CURLOPT_RESOLVE, list)) {
		curl_slist_free_all(list);
		free(entry);
		return aw_fail(-ENOMEM, "no memory for addresses");
	}
	curl_slist_free_all(res->resolve);
	res->resolve = list;
	free(host->fed);
	host->fed = entry;
	return 0;
}

/* Awaits.  After a success libcurl knows where the target is; the slot must
 * be held, so that the host stays. */
int
aw__resolve_feed(struct aw_http *http, struct aw_response *res)
{
	struct aw__host *host = res->slot.host;
	double start;
	char *entry;
	int r;

	if (res->target.literal) {
		if (http->public_only &&
		    !aw__is_public_text(res->target.host))
			return refuse(&res->target);
		return 0;
	}
	start = aw_now();
	if (host->fed && start - host->fed_at < FRESH)
		return 0;

	r = look_up(&entry, http, &res->target);
	host->fed_at = aw_now();
	res->timing.resolve += host->fed_at - start;
	if (r)
		return r;
	if (host->fed && strcmp(host->fed, entry) == 0) {
		free(entry);
		return 0;
	}
	return feed(res, host, entry);
}

/* A transfer was taken away, perhaps before libcurl had read its entry. */
void
aw__resolve_forget(struct aw_response *res)
{
	struct aw__host *host = res->slot.host;

	if (!host || !res->resolve || res->sends)
		return;
	free(host->fed);
	host->fed = NULL;
}
