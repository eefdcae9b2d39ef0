/* SPDX-License-Identifier: MIT */
/*
 * request.c - one call of the user.
 *
 *	check, admit	options; the session, this loop, libcurl
 *	prepare		handle, URL, body
 *	attempt		hops until there is an answer (hop.c)
 *	again?		a pause, then prepare and attempt (retry.c)
 *
 * The whole runs under one budget, the option total, and inside the scopes
 * of the caller.  Each hop enters a scope for what is left of the budget, so
 * that waiting for a free transfer can be left out of it (option queue).
 */
#include <stdlib.h>
#include <string.h>

#include <await/scope.h>
#include <await/sync.h>
#include <await/time.h>

#include "internal.h"

/* -- checks ------------------------------------------------------------- */

static int
check_auth(struct aw_auth auth)
{
	if (auth.user && !auth.secret)
		return aw_fail(-EINVAL, "auth: a user without a password");
	if (auth.user && strchr(auth.user, ':'))
		return aw_fail(-EINVAL, "auth: a user name must not hold a "
			       "colon");
	return 0;
}

static int
check_body(const struct aw__call *call)
{
	const struct aw_request_options *o = &call->o;
	int n = (o->form.n > 0) + (o->body.data != NULL) + (o->json != NULL);

	if (n > 1)
		return aw_fail(-EINVAL, "a request has one body: form, json "
			       "or body");
	if (n && strcmp(call->method, "HEAD") == 0)
		return aw_fail(-EINVAL, "HEAD has no body");
	/* To libcurl -1 is "as long as the string". */
	if (o->body.size > INT64_MAX)
		return aw_fail(AW_ELIMIT, "a body of %zu bytes", o->body.size);
	return aw__pairs_check(o->form, "form");
}

static int
check_call(const struct aw__call *call, const char *url)
{
	const struct aw_request_options *o = &call->o;
	int r;

	if (!url)
		return aw_fail(-EINVAL, "the URL is NULL");
	if (!call->method || !aw__is_token(call->method))
		return aw_fail(-EINVAL, "\"%.60s\" is no method",
			       call->method ? call->method : "");
	r = aw__headers_check(o->headers);
	if (!r)
		r = aw__pairs_check(o->query, "query");
	if (!r)
		r = check_body(call);
	return r ? r : check_auth(o->auth);
}

static int
read_options(struct aw__call *call, const struct aw_request_options *options)
{
	struct aw_request_options *o = &call->o;
	struct aw__numbers numbers;

	if (options && options->size != sizeof(*options))
		return aw_fail(AW_EUSAGE, "aw_http_request: use the macro, "
			       "or set size");
	if (options)
		*o = *options;
	call->total = aw__or_seconds(o->total, call->http->total);
	call->redirects = o->redirects ? o->redirects : call->http->redirects;
	call->retries = o->retries ? o->retries : call->http->retries;
	numbers = (struct aw__numbers){ o->total, o->connect, 0, o->max_body,
					o->redirects, o->retries };
	return aw__numbers_check(&numbers);
}

/* The first request makes libcurl ready; the others wait in order. */
static int
bind_loop(struct aw_http *http)
{
	int r;

	AW_TRY(aw_mutex_lock(&http->binding));
	AW_HELD(&http->binding);
	if (http->multi)
		return 0;
	r = aw__curl_ready();
	if (r)
		return r;
	if (http->closing)
		return aw_fail(AW_ECLOSED, "the session is closed");
	r = aw__multi_open(http);
	if (!r)
		http->loop = aw_loop_here();
	return r;
}

/* The session, in this process, on this loop, with libcurl.  Awaits. */
static int
admit(struct aw_http *http)
{
	if (http->fork_mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the session belongs to the parent "
			       "process");
	if (http->closing)
		return aw_fail(AW_ECLOSED, "the session is closed");
	if (http->loop && http->loop != aw_loop_here())
		return aw_fail(AW_EUSAGE, "the session belongs to another "
			       "loop");
	return http->multi ? 0 : bind_loop(http);
}

/* -- preparing ---------------------------------------------------------- */

/* A body that is made of something; the handle keeps it. */
static int
encode_body(struct aw__call *call)
{
	free(call->res->form);
	call->res->form = NULL;
	if (call->o.json)
		return aw__json_text(&call->res->form, call->o.json);
	return aw__encode_pairs(&call->res->form, call->o.form, true);
}

static int
prepare_body(struct aw__call *call)
{
	struct aw__body *body = &call->body;
	const struct aw_request_options *o = &call->o;
	int r;

	body->type = "";
	body->present = o->body.data || o->json || o->form.n;
	if (o->body.data) {
		body->data = o->body.data;
		body->size = o->body.size;
		body->type = "application/octet-stream";
	} else if (body->present) {
		r = encode_body(call);
		if (r)
			return r;
		body->data = call->res->form;
		body->size = strlen(call->res->form);
		body->type = o->json ? "application/json"
				     : "application/x-www-form-urlencoded";
	}
	return 0;
}

/* The handle may still know this URL from the last time. */
static int
prepare_url(struct aw__call *call, const char *url)
{
	struct aw_response *res = call->res;
	struct aw__target target;
	int r;

	if (res->raw && !call->o.query.n && strcmp(res->raw, url) == 0)
		return 0;
	r = aw__target_parse(&target, call->http->base, url, call->o.query);
	if (r)
		return r;
	aw__target_clear(&res->target);
	res->target = target;
	free(res->raw);
	res->raw = NULL;
	r = aw__easy_url(res);
	if (!r && !call->o.query.n)
		res->raw = strdup(url);
	return r;
}

static int
prepare(struct aw__call *call, const char *url)
{
	struct aw_response *res = call->res;
	int r = prepare_url(call, url);

	if (!r)
		r = prepare_body(call);
	if (r)
		return r;
	res->connect = aw__or_seconds(call->o.connect, call->http->connect);
	res->max_body = aw__or_limit(call->o.max_body, call->http->max_body);
	if (call->o.auth.secret && !call->o.auth.user &&
	    !res->target.https && !call->http->cleartext_auth)
		return aw_fail(AW_EPOLICY, "a bearer token is not sent over "
			       "plain http");
	return 0;
}

/* -- attempts ----------------------------------------------------------- */

/* What is left of the total. */
double
aw__call_left(const struct aw__call *call)
{
	return call->total < AW_FOREVER ? call->end - aw_now() : AW_FOREVER;
}

/* A pause before the next attempt; negative: the result stands. */
static double
pause_after(struct aw__call *call, int r)
{
	double pause;

	if (call->res->timing.attempts > call->retries)
		return -1;
	pause = aw__retry_pause(call, r);
	return pause < aw_left() && pause < aw__call_left(call) ? pause : -1;
}

static int
attempt(struct aw__call *call, const char *url)
{
	call->method = call->first_method;
	call->foreign = false;
	call->no_body = false;
	AW_TRY(prepare(call, url));
	call->res->timing.attempts++;
	return aw__call_perform(call);
}

static int
attempts(struct aw__call *call, const char *url)
{
	double pause;
	int r;

	for (;;) {
		r = attempt(call, url);
		pause = pause_after(call, r);
		if (pause < 0)
			return r;
		aw__timing_add(call->res);
		AW_TRY(aw_sleep(pause));
	}
}

static int
run(struct aw__call *call, const char *url)
{
	double start = aw_now();
	int r;

	call->end = start + call->total;
	r = aw__easy_take(call->http, &call->res);
	if (r)
		return r;
	r = attempts(call, url);
	call->res->timing.total = aw_now() - start;
	if (call->o.attempts)
		*call->o.attempts = call->res->timing.attempts;
	if (!r && (call->o.ok || call->http->ok)) {
		r = aw_response_check(call->res);
		if (r)
			aw__fail_note(call->res, call->method);
	}
	if (r)
		aw__easy_give(call->res);
	return r;
}

static void
end_call(struct aw_http *http)
{
	if (--http->calls == 0 && http->drained_ticket)
		aw_waiter_complete(&http->drained, http->drained_ticket, 0);
}

/* The public call; @accept is sent as Accept unless the user says so. */
int
aw__request(struct aw_http *http, struct aw_response **ret,
	    const char *method, const char *url,
	    const struct aw_request_options *options, const char *accept)
{
	struct aw__call call = { .http = http, .method = method,
				 .first_method = method, .accept = accept };
	int r;

	if (!http || !ret)
		return aw_fail(-EINVAL, "aw_http_request: NULL");
	r = read_options(&call, options);
	if (!r)
		r = check_call(&call, url);
	if (!r)
		r = aw_checkpoint();
	if (r)
		return r;

	aw__http_ref(http);
	http->calls++;
	if (http->retry_tokens < AW__RETRY_TOKENS)
		http->retry_tokens += 0.2;
	r = admit(http);
	if (!r)
		r = run(&call, url);
	end_call(http);
	if (r)
		aw__http_unref(http);
	else
		*ret = call.res;
	return r;
}

int
aw_http_request_with(struct aw_http *http, struct aw_response **ret,
		     const char *method, const char *url,
		     const struct aw_request_options *options)
{
	return aw__request(http, ret, method, url, options, NULL);
}
