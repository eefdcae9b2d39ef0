/* SPDX-License-Identifier: MIT */
/*
 * session.c - sessions: their options, their life.
 *
 * A session is made without a loop and binds to the loop of its first
 * request.  It is referred to by its handle, by each request under way and
 * by each response that the user holds; the last of them frees it:
 *
 *	open --> (first request: libcurl) --> closing --> closed --> free
 *					aw_http_close   bury	   refs 0
 *
 * bury() ends all transfers, wakes their tasks with AW_ECLOSED and takes
 * libcurl down; what is left of the session is plain memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <await/time.h>

#include "internal.h"

/* -- options ------------------------------------------------------------ */

static void
free_items(char **items, struct aw_pairs pairs)
{
	for (size_t i = 0; items && i < pairs.n; i++)
		free(items[i]);
	free(items);
}

/* Copies of @from, behind what of @defaults it does not mention. */
static int
copy_pairs(char ***ret, struct aw_pairs *ret_pairs, struct aw_pairs defaults,
	   struct aw_pairs from)
{
	char **items = calloc(defaults.n + from.n + 1, sizeof(*items));
	struct aw_pairs copy = { (const char *const *)items, 0 };

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < defaults.n + from.n; i++) {
		bool own = i >= defaults.n;
		const char *item = own ? from.items[i - defaults.n]
				       : defaults.items[i];

		if (!own && aw__pairs_have(from, defaults.items[i & ~1ul]))
			continue;
		items[copy.n] = item ? strdup(item) : NULL;
		if (item && !items[copy.n]) {
			free_items(items, copy);
			return -ENOMEM;
		}
		copy.n++;
	}
	*ret = items;
	*ret_pairs = copy;
	return 0;
}

/* What libcurl can decode.  Not deflate: servers disagree about what it is
 * (RFC 9110, section 8.4.1.2). */
static const char *
encodings(char *text, size_t size)
{
	int features = curl_version_info(CURLVERSION_NOW)->features;

	snprintf(text, size, "%s%s%s",
		 features & CURL_VERSION_LIBZ ? "gzip" : "identity",
		 features & CURL_VERSION_BROTLI ? ", br" : "",
		 features & CURL_VERSION_ZSTD ? ", zstd" : "");
	return text;
}

/* Said by headers of ours and not by libcurl's options: those compose the
 * line anew for every request, which costs 2 % of it. */
static int
copy_headers(struct aw_http *http, const struct aw_http_options *o)
{
	char text[64];
	const char *const items[] = {
		"User-Agent", "await/" PACKAGE_VERSION,
		"Accept-Encoding", encodings(text, sizeof(text))
	};
	struct aw_pairs defaults = { items, o->identity ? 2 : 4 };
	struct aw__header_rules rules = { 0 };
	int r;

	r = copy_pairs(&http->header_items, &http->header_pairs, defaults,
		       o->headers);
	rules.session = http->header_pairs;
	return r ? r : aw__headers_build(&http->headers, &rules);
}

static int
check_options(const struct aw_http_options *o)
{
	struct aw__numbers numbers = { o->total, o->connect, o->queue,
				       o->max_body, o->redirects, o->retries };
	int r;

	if (o->size != sizeof(*o))
		return aw_fail(AW_EUSAGE, "aw_http_open: use the macro, or "
			       "set size");
	if (o->max_per_host < 0 || o->max_total < 0)
		return aw_fail(-EINVAL, "max_per_host and max_total must be "
			       "positive");
	if (o->buffer && (o->buffer < AW_KIB(1) || o->buffer > AW_KIB(512)))
		return aw_fail(-EINVAL, "buffer must be 1 to 512 KiB");
	if (o->policy != AW_HTTP_ANY_ADDRESS &&
	    o->policy != AW_HTTP_PUBLIC_ONLY)
		return aw_fail(-EINVAL, "policy: unknown value %d", o->policy);
	r = aw__numbers_check(&numbers);
	if (!r)
		r = aw__headers_check(o->headers);
	return r ? r : aw__resolve_check(o->resolve);
}

static int
copy_base(struct aw_http *http, const char *base)
{
	static const struct aw_pairs none;
	struct aw__target target;
	int r;

	if (!base)
		return 0;
	r = aw__target_parse(&target, NULL, base, none);
	if (r)
		return r;
	http->base = target.url;
	target.url = NULL;
	aw__target_clear(&target);
	return 0;
}

static int
copy_strings(struct aw_http *http, const struct aw_http_options *o)
{
	static const struct aw_pairs none;
	int r;

	r = copy_base(http, o->base);
	if (!r && o->cacert) {
		http->cacert = strdup(o->cacert);
		r = http->cacert ? 0 : -ENOMEM;
	}
	if (!r)
		r = copy_pairs(&http->resolve_items, &http->resolve_pairs,
			       none, o->resolve);
	return r ? r : copy_headers(http, o);
}

static void
copy_numbers(struct aw_http *http, const struct aw_http_options *o)
{
	http->total = aw__or_seconds(o->total, 60.0);
	http->connect = aw__or_seconds(o->connect, 10.0);
	http->queue = aw__or_seconds(o->queue, 0);
	http->max_body = aw__or_limit(o->max_body, AW_MIB(64));
	http->redirects = o->redirects ? o->redirects : 10;
	http->retries = o->retries;
	http->buffer = o->buffer ? o->buffer : (long)AW_KIB(16);
	http->retry_tokens = AW__RETRY_TOKENS;
	http->public_only = o->policy == AW_HTTP_PUBLIC_ONLY;
	http->ok = o->ok;
	http->identity = o->identity;
	http->insecure = o->insecure;
	http->cleartext_auth = o->cleartext_auth;
}

/* -- life --------------------------------------------------------------- */

static void
http_free(struct aw_http *http)
{
	aw__limiter_fini(&http->limiter);
	curl_slist_free_all(http->headers);
	free_items(http->header_items, http->header_pairs);
	free_items(http->resolve_items, http->resolve_pairs);
	free(http->base);
	free(http->cacert);
	free(http);
}

void
aw__http_ref(struct aw_http *http)
{
	http->refs++;
}

void
aw__http_unref(struct aw_http *http)
{
	if (--http->refs == 0)
		http_free(http);
}

int
aw_http_open_with(struct aw_http **ret, const struct aw_http_options *options)
{
	struct aw_http_options defaults = { .size = sizeof(defaults) };
	const struct aw_http_options *o = options ? options : &defaults;
	struct aw_http *http;
	int r;

	r = check_options(o);
	if (r)
		return r;
	http = calloc(1, sizeof(*http));
	if (!http)
		return aw_fail(-ENOMEM, "no memory for a session");
	http->refs = 1;
	http->fork_mark = aw_fork_mark();
	copy_numbers(http, o);
	r = aw__limiter_init(&http->limiter,
			     o->max_per_host ? o->max_per_host : 10,
			     o->max_total ? o->max_total : 100);
	if (!r)
		r = copy_strings(http, o);
	if (r) {
		http_free(http);
		return r == -ENOMEM ? aw_fail(r, "no memory for a session") : r;
	}
	*ret = http;
	return 0;
}

void
aw__http_bury(struct aw_http *http)
{
	if (http->closed)
		return;
	http->closing = true;
	http->closed = true;
	aw__limiter_fail(&http->limiter, AW_ECLOSED);
	aw__multi_close(http);
	while (http->idle) {
		struct aw_response *res = http->idle;

		http->idle = res->idle_next;
		aw__easy_free(res);
	}
	http->n_idle = 0;
}

/* In a child of fork() only the descriptors are ours: the watchers and the
 * TLS sessions are the parent's. */
static void
close_inherited(struct aw_http *http)
{
	for (size_t i = 0; i < http->n_socks; i++) {
		if (http->socks[i])
			close(http->socks[i]->fd);
	}
}

void
aw_http_freep(struct aw_http **http)
{
	struct aw_http *gone = *http;

	*http = NULL;
	if (!gone)
		return;
	if (gone->fork_mark != aw_fork_mark()) {
		close_inherited(gone);
		return;
	}
	aw__http_bury(gone);
	aw__http_unref(gone);
}

static int
too_slow(const struct aw_http *http, double grace)
{
	return aw_fail(-ETIMEDOUT, "%d requests were still under way when the "
		       "grace of aw_http_close(), %g s, was over",
		       http->calls, grace);
}

/* Waits until no request is under way, or the grace is over. */
static int
drain(struct aw_http *http, double grace)
{
	int r = 0;

	double end = aw_now() + grace;

	AW_BUDGET(grace);
	while (!r && http->calls) {
		http->drained_ticket = aw_waiter_begin(&http->drained);
		r = aw_waiter_wait(&http->drained, NULL,
				   "requests under way to end", http);
	}
	return r == -ETIMEDOUT && aw_now() >= end ? too_slow(http, grace) : r;
}

int
aw_http_close(struct aw_http **http, double grace)
{
	struct aw_http *gone = *http;
	int r;

	*http = NULL;
	if (!gone)
		return 0;
	if (gone->fork_mark != aw_fork_mark()) {
		aw_http_freep(&gone);
		return aw_fail(AW_EFORK, "the session belongs to the parent "
			       "process");
	}
	gone->closing = true;
	r = gone->calls ? drain(gone, grace) : 0;
	aw_http_freep(&gone);
	return r;
}
