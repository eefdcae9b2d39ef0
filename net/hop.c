/* SPDX-License-Identifier: MIT */
/*
 * hop.c - one attempt of a request: hops, and what happens in each.
 *
 *	hop		a slot of the limiter; then, under what is left of
 *			the total, the address, the options of the handle;
 *			then libcurl has it; wait
 *	redirect?	new URL, perhaps a new method; next hop
 *
 * However a hop ends, the handle is out of libcurl before its function
 * returns: nothing that the caller passed is in use any more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define PHASE 100		/* bytes that name one */

static int
configure_headers(struct aw__call *call)
{
	bool body = call->body.present || strcmp(call->method, "POST") == 0 ||
		    strcmp(call->method, "PUT") == 0 ||
		    strcmp(call->method, "PATCH") == 0;
	struct aw__header_rules rules = {
		.session = call->http->header_pairs,
		.request = call->o.headers,
		.auth = call->o.auth,
		.content_type = body ? call->body.type : NULL,
		.accept = call->accept,
		.foreign = call->foreign,
		.no_body = call->no_body,
		.no_expect = call->body.size > 1024 * 1024,
	};
	struct curl_slist *list = NULL;
	int r;

	if (!body && !rules.request.n && !rules.auth.secret &&
	    !rules.foreign && !rules.accept)
		return aw__easy_headers(call->res, NULL);
	r = aw__headers_build(&list, &rules);
	return r ? r : aw__easy_headers(call->res, list);
}

static int
configure(struct aw__call *call)
{
	static const struct aw__body none = { .type = "" };
	int r;

	r = aw__easy_method(call->res, call->method,
			    call->no_body ? &none : &call->body);
	return r ? r : configure_headers(call);
}

/* The result of a transfer that libcurl has ended. */
static int
conclude(struct aw__call *call)
{
	struct aw_response *res = call->res;
	long status = 0;

	if (res->code)
		return aw__fail(res, call->method);
	curl_easy_getinfo(res->easy, CURLINFO_RESPONSE_CODE, &status);
	res->status = (int)status;
	/* An end amid the headers is a success for libcurl. */
	if (!res->headers_ended)
		res->code = CURLE_GOT_NOTHING;
	else if (res->status < 200)
		res->code = CURLE_WEIRD_SERVER_REPLY;
	if (res->code)
		return aw__fail(res, call->method);
	if (res->body)
		res->body[res->size] = '\0';
	res->timing.requests += res->sends;
	return 0;
}

/* A wait of ours failed; was it our limit?  A scope of the caller may have
 * been nearer. */
static void
note(struct aw__call *call, int r, const char *what)
{
	if (r == -ETIMEDOUT && aw__call_left(call) <= 0)
		aw__fail_late("total", call->total, what);
	aw__fail_note(call->res, call->method);
}

static const char *
how_far(const struct aw_response *res, char text[PHASE])
{
	if (!res->sends)
		snprintf(text, PHASE, "connecting to %.60s", res->target.host);
	else if (!res->headers_ended)
		snprintf(text, PHASE, "waiting for the headers");
	else
		snprintf(text, PHASE, "reading the body, of which %zu bytes "
			 "had come", res->size);
	return text;
}

static int
transfer(struct aw__call *call)
{
	struct aw_response *res = call->res;
	char text[PHASE];
	int value = 0, r;

	r = aw__multi_start(call->http, res);
	if (r)
		return r;
	r = aw_waiter_wait(&res->waiter, &value, "an HTTP response", res);
	if (r) {
		aw__multi_abandon(call->http, res);
		note(call, r, how_far(res, text));
		return r;
	}
	if (value)
		return aw_fail(value, "the session was closed");
	return conclude(call);
}

/* Waiting for a slot is a part of the total, unless it has a limit of its
 * own. */
static int
take_slot(struct aw__call *call)
{
	struct aw_response *res = call->res;
	struct aw_http *http = call->http;
	double before = res->timing.queue, own = http->queue;
	char text[PHASE];
	int r;

	r = aw__limiter_enter(&http->limiter, &res->slot, res->target.origin,
			      own ? own : aw__call_left(call),
			      &res->timing.queue);
	if (own)
		call->end += res->timing.queue - before;
	if (!r)
		return 0;
	snprintf(text, sizeof(text), "waiting for a free transfer "
		 "(max_per_host %d, max_total %d)",
		 http->limiter.max_per_host, http->limiter.max_total);
	if (r == -ETIMEDOUT && own && res->timing.queue - before >= own)
		aw__fail_late("queue", own, text);
	note(call, own ? 0 : r, text);
	return r;
}

static int
look_up(struct aw__call *call)
{
	struct aw_response *res = call->res;
	char text[PHASE];
	int r = aw__resolve_feed(call->http, res);

	if (r) {
		snprintf(text, sizeof(text), "looking up %.60s",
			 res->target.host);
		note(call, r, text);
		return r;
	}
	return call->http->closed ?
		aw_fail(AW_ECLOSED, "the session was closed") : 0;
}

/* All that needs a slot. */
static int
exchange(struct aw__call *call)
{
	int r;

	AW_BUDGET(aw__call_left(call));
	r = look_up(call);
	if (!r)
		r = configure(call);
	return r ? r : transfer(call);
}

static int
hop(struct aw__call *call)
{
	int r = take_slot(call);

	if (!r)
		r = exchange(call);
	aw__limiter_leave(&call->http->limiter, &call->res->slot);
	return r;
}

/* -- redirects ---------------------------------------------------------- */

static int
refuse_redirect(struct aw__call *call, const char *why)
{
	struct aw_error *error = aw_error_set(AW_EREDIRECT);

	error->status = call->res->status;
	snprintf(error->message, sizeof(error->message), "%s", why);
	aw__fail_note(call->res, call->method);
	return AW_EREDIRECT;
}

/* The next hop's URL and method. */
static int
follow(struct aw__call *call, const char *location)
{
	struct aw_response *res = call->res;
	struct aw__target target;
	int r;

	if (res->timing.redirects >= call->redirects)
		return refuse_redirect(call, "too many redirects");
	if (strlen(location) > AW__MAX_URL)
		return refuse_redirect(call, "the redirect's Location is "
				       "longer than 64 KiB");
	r = aw__target_follow(&target, &res->target, location);
	if (r == -ENOMEM)
		return r;
	if (r)
		return refuse_redirect(call, "the redirect's Location is no "
				       "http or https URL");
	if (res->target.https && !target.https) {
		aw__target_clear(&target);
		return refuse_redirect(call, "a redirect led from https to "
				       "http");
	}
	if (!aw__same_origin(&target, &res->target))
		call->foreign = true;
	aw__redirect_method(res->status, &call->method, &call->no_body);
	aw__target_clear(&res->target);
	res->target = target;
	free(res->raw);
	res->raw = NULL;
	aw__timing_add(res);
	res->timing.redirects++;
	return aw__easy_url(res);
}

/* Hops until there is an answer.  Awaits. */
int
aw__call_perform(struct aw__call *call)
{
	int r = 0;

	while (!r) {
		const char *location;

		r = hop(call);
		if (r || call->redirects < 0 ||
		    !aw__is_redirect(call->res->status))
			break;
		location = aw_response_header(call->res, "Location");
		if (!location)
			break;
		r = follow(call, location);
	}
	return r;
}
