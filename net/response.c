/* SPDX-License-Identifier: MIT */
/*
 * response.c - what a response answers.
 *
 * The headers are read where libcurl keeps them, in the easy handle that the
 * response is; nothing is copied.  Only those of the last hop are there: a
 * handle forgets them as its next transfer begins.
 */
#include <stdlib.h>

#include "internal.h"

void
aw_response_free(struct aw_response *res)
{
	struct aw_http *http;

	if (!res)
		return;
	http = res->http;
	if (http->fork_mark != aw_fork_mark())
		return;
	aw__easy_give(res);
	aw__http_unref(http);
}

void
aw_response_freep(struct aw_response **res)
{
	aw_response_free(*res);
	*res = NULL;
}

int
aw_response_check(const struct aw_response *res)
{
	return res->status < 400 ? 0 : aw__fail_status(res);
}

int
aw_response_status(const struct aw_response *res)
{
	return res->status;
}

const char *
aw_response_url(const struct aw_response *res)
{
	return res->target.url;
}

const char *
aw_response_header(const struct aw_response *res, const char *name)
{
	struct curl_header *header;

	/* libcurl answers both kinds of question in one structure. */
	res->walk->at = NULL;
	if (curl_easy_header(res->easy, name, 0, CURLH_HEADER, -1, &header))
		return NULL;
	return header->value;
}

static struct curl_header *
after(const struct aw_response *res, struct curl_header *at)
{
	return curl_easy_nextheader(res->easy, CURLH_HEADER, -1, at);
}

/* libcurl walks on from the last header it gave; after a jump, from the
 * first one. */
static struct curl_header *
walk_to(const struct aw_response *res, size_t place)
{
	struct curl_header *at = res->walk->at;

	if (at && res->walk->place == place)
		return after(res, at);
	at = after(res, NULL);
	while (at && place--)
		at = after(res, at);
	return at;
}

int
aw_response_header_next(const struct aw_response *res,
			struct aw_header *header)
{
	struct curl_header *at = walk_to(res, header->place);

	res->walk->at = at;
	res->walk->place = header->place + 1;
	if (!at)
		return 0;
	header->name = at->name;
	header->value = at->value;
	header->place++;
	return 1;
}

struct aw_bytes
aw_response_body(const struct aw_response *res)
{
	return aw_bytes(res->body ? res->body : "", res->size);
}

static double
seconds_of(CURL *easy, CURLINFO info)
{
	curl_off_t us = 0;

	curl_easy_getinfo(easy, info, &us);
	return (double)us / 1e6;
}

/* Asked only when somebody wants to know: it is five calls. */
void
aw__timing_add(const struct aw_response *res)
{
	struct aw_timing *t = res->timed;
	long connects = 0;
	double sent;

	curl_easy_getinfo(res->easy, CURLINFO_NUM_CONNECTS, &connects);
	sent = seconds_of(res->easy, CURLINFO_PRETRANSFER_TIME_T);
	t->reused = connects == 0;
	t->connect += connects ? sent : 0;
	t->first += seconds_of(res->easy, CURLINFO_STARTTRANSFER_TIME_T) - sent;
}

const struct aw_timing *
aw_response_timing(const struct aw_response *res)
{
	if (!res->walk->timed)
		aw__timing_add(res);
	res->walk->timed = true;
	return &res->timing;
}
