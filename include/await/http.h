/* SPDX-License-Identifier: MIT */
/*
 * http.h - an HTTP client: sessions, requests, responses.
 *
 *	AW_AUTO(aw_http, http);
 *	AW_AUTO(aw_response, res);
 *
 *	AW_TRY(aw_http_open(&http, .base = "https://example.org/"));
 *	AW_TRY(aw_http_get(http, &res, "items", .ok = true,
 *			   .query = AW_PAIRS("page", "2", "q", "a b")));
 *	puts(aw_response_body(res).data);
 *
 * A session keeps connections open, limits how many there are per host and
 * in total, and belongs to the loop of the first request.  A response holds
 * its body and headers until it is freed and needs no session for that.
 *
 * What holds without asking: certificates are verified, only http and https
 * are spoken, also after a redirect; a redirect to another origin carries no
 * credentials and no headers of yours but harmless ones; every limit is
 * finite; a body shorter than announced is an error; a request that may have
 * taken effect is never sent again; proxies, netrc and credentials are not
 * taken from the environment or the URL.
 *
 * Limits: 10 transfers per host and 100 in total, others wait in order; 60 s
 * for a request with its redirects, 10 s to connect, 10 redirects, 100 KiB
 * of headers, 64 MiB of decoded body.  A limit of time fails with
 * -ETIMEDOUT, a limit of size with AW_ELIMIT; the message says which.  The
 * scopes of the caller apply beside them and fail with -ETIME or -ECANCELED
 * as everywhere.  In an option AW_FOREVER is no limit and AW_NONE is none: no
 * redirects, no retries, no such limit.  Any other negative number, and NaN,
 * is refused.
 */
#ifndef AWAIT_HTTP_H
#define AWAIT_HTTP_H

#include <await/base.h>
#include <await/err.h>

AW_BEGIN_DECLS

struct aw_http;
struct aw_response;
struct json_t;			/* of jansson */

/* Names and values in turn: n strings, n even.  A pair whose value is NULL
 * is left out; a header whose value is NULL is not sent at all, not even one
 * of the session or of the library (User-Agent, Accept, Accept-Encoding). */
struct aw_pairs {
	const char *const *items;
	size_t n;
};

/* What is sent as Authorization; from aw_auth_basic(), aw_auth_bearer(). */
struct aw_auth {
	const char *user;		/* NULL: a bearer token */
	const char *secret;		/* NULL: no authorization */
};

enum aw_http_policy {
	AW_HTTP_ANY_ADDRESS,
	AW_HTTP_PUBLIC_ONLY		/* connect to public addresses only */
};

/* Options of aw_http_open(). */
struct aw_http_options {
	size_t size;
	struct aw_named *named;
	const char *base;		/* URLs are resolved against it */
	struct aw_pairs headers;	/* sent with every request */
	struct aw_pairs resolve;	/* "host:port", "address,address" */
	const char *cacert;		/* PEM file of trusted certificates */
	double total;			/* seconds a request: 60 */
	double connect;			/* seconds to connect: 10 */
	double queue;			/* seconds to wait for a free transfer,
					 * which then are no part of total; 0:
					 * they are, and have no other limit */
	int64_t max_body;		/* decoded bytes: 64 MiB */
	int max_per_host;		/* transfers at once: 10 */
	int max_total;			/* transfers at once: 100 */
	int redirects;			/* followed: 10; AW_NONE: none */
	int retries;			/* further attempts: 0 */
	int policy;			/* enum aw_http_policy */
	int buffer;			/* bytes a transfer reads: 16 KiB */
	bool ok;			/* status >= 400 is AW_EHTTP */
	bool identity;			/* do not ask for compression */
	bool insecure;			/* do not verify certificates */
	bool cleartext_auth;		/* bearer tokens over plain http */
};

/* Options of a request.  At most one of body, form and json. */
struct aw_request_options {
	size_t size;
	struct aw_named *named;
	struct aw_pairs query;		/* added to the URL, encoded */
	struct aw_pairs headers;	/* replace the session's by name */
	struct aw_pairs form;		/* body, urlencoded */
	struct json_t *json;		/* body, written as JSON; borrowed */
	struct aw_bytes body;		/* body, as it is */
	struct aw_auth auth;
	double total;			/* seconds; the session's if 0 */
	double connect;			/* seconds; the session's if 0 */
	int64_t max_body;		/* decoded bytes; the session's if 0 */
	int redirects;			/* followed; the session's if 0 */
	int retries;			/* further attempts; the session's */
	int *attempts;			/* set to how many were made */
	bool ok;			/* status >= 400 is AW_EHTTP */
};

/* One header of a response; see aw_response_header_next(). */
struct aw_header {
	const char *name;
	const char *value;
	size_t place;			/* the library's */
	void *spare[2];
};

/* Where the time of a request went, in seconds; sums over its redirects and
 * attempts. */
struct aw_timing {
	double total;			/* of the whole call */
	double queue;			/* waiting for a free transfer */
	double resolve;			/* looking up names */
	double connect;			/* TCP and TLS; 0 when reused */
	double first;			/* from sending to the first byte */
	int attempts;			/* 1, and the retries */
	int requests;			/* sent, redirects included */
	int redirects;			/* followed */
	bool reused;			/* the last one needed no connection */
};

#ifndef __cplusplus

/* AW_PAIRS("page", "2", "q", text): the value of .query, .headers, .form.
 * The array lives until the end of the block. */
#define AW_PAIRS(...) \
	((struct aw_pairs){ \
		(const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / \
			sizeof(const char *) })

#define aw_http_open(ret, ...) \
	aw_http_open_with((ret), &(struct aw_http_options){ \
		.size = sizeof(struct aw_http_options), __VA_ARGS__ })

/* aw_http_request(http, &res, "REPORT", url, .body = aw_text(xml)) */
#define aw_http_request(http, ret, method, url, ...) \
	aw_http_request_with((http), (ret), (method), (url), \
		&(struct aw_request_options){ \
		.size = sizeof(struct aw_request_options), __VA_ARGS__ })

/* aw_http_get(http, &res, url, .ok = true), and so on. */
#define aw_http_get(http, ret, url, ...) \
	aw_http_request(http, ret, "GET", url, __VA_ARGS__)
#define aw_http_head(http, ret, url, ...) \
	aw_http_request(http, ret, "HEAD", url, __VA_ARGS__)
#define aw_http_delete(http, ret, url, ...) \
	aw_http_request(http, ret, "DELETE", url, __VA_ARGS__)
#define aw_http_post(http, ret, url, ...) \
	aw_http_request(http, ret, "POST", url, __VA_ARGS__)
#define aw_http_put(http, ret, url, ...) \
	aw_http_request(http, ret, "PUT", url, __VA_ARGS__)
#define aw_http_patch(http, ret, url, ...) \
	aw_http_request(http, ret, "PATCH", url, __VA_ARGS__)

/* aw_http_get_json(http, &value, url, .query = AW_PAIRS("q", "x")) */
#define aw_http_get_json(http, ret, url, ...) \
	aw_http_get_json_with((http), (ret), (url), \
		&(struct aw_request_options){ \
		.size = sizeof(struct aw_request_options), __VA_ARGS__ })

#endif

/**
 * aw_auth_basic - a user name and a password
 * @user: without a colon; must not be NULL
 * @password: may be empty; must not be NULL
 *
 * Return: the value of the option auth.
 * Lifetime: borrows its arguments.
 * Context: any thread.
 * Source: RFC 7617.
 * Since: 0.1
 */
static inline struct aw_auth
aw_auth_basic(const char *user, const char *password)
{
	struct aw_auth auth;

	auth.user = user;
	auth.secret = password;
	return auth;
}

/**
 * aw_auth_bearer - a token
 * @token: must not be NULL; over plain http it is refused with AW_EPOLICY,
 * unless the session says cleartext_auth
 *
 * Return: the value of the option auth.
 * Lifetime: borrows @token.
 * Context: any thread.
 * Source: RFC 6750.
 * Since: 0.1
 */
static inline struct aw_auth
aw_auth_bearer(const char *token)
{
	struct aw_auth auth;

	auth.user = NULL;
	auth.secret = token;
	return auth;
}

/**
 * aw_http_open_with - open a session; use the macro aw_http_open()
 * @ret: new session; release it with aw_http_close() or aw_http_freep()
 * @options: may be NULL
 *
 * Nothing is connected and nothing awaited.  The session belongs to the loop
 * in which its first request is made.  Each transfer under way has a buffer of
 * the option buffer, 1 to 512 KiB: a smaller one suits many transfers of small
 * bodies, a larger one few of large bodies.
 *
 * Return: 0; -EINVAL (a bad URL, header, address or number); AW_EUSAGE (the
 * size of @options); -ENOMEM.
 * Lifetime: @options and all that it points to are copied.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_http_open_with(struct aw_http **ret, const struct aw_http_options *options);

/**
 * aw_http_close - let the requests under way end, then close the session
 * @http: address of the session; it is set to NULL at once; NULL is fine
 * @grace: seconds to wait for requests of other tasks; 0 or less: none
 *
 * New requests fail with AW_ECLOSED from now on.  Those still under way when
 * the grace or the caller's scope ends fail with AW_ECLOSED too.  The session
 * is closed whatever the result.  Responses stay valid.
 *
 * Awaits; cancel point.
 *
 * Return: 0; -ETIMEDOUT (the grace ended first); -ECANCELED; -ETIME;
 * AW_EFORK.
 * Lifetime: the session is gone.
 * Context: task.
 * Source: curl_multi_cleanup(3).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_http_close(struct aw_http **http,
						 double grace);

/**
 * aw_http_freep - close a session at once; for AW_AUTO
 * @http: address of the session; it is set to NULL; NULL is fine
 *
 * Never waits.  Requests under way in other tasks fail with AW_ECLOSED;
 * responses stay valid.
 *
 * Return: nothing.
 * Lifetime: the session is gone.
 * Context: task, loop callback, outside after the loop has ended.
 * Source: curl_multi_cleanup(3).
 * Since: 0.1
 */
AW_API void aw_http_freep(struct aw_http **http);

/**
 * aw_http_request_with - make one request; use the macros aw_http_get(),
 * _head, _delete, _post, _put, _patch and aw_http_request()
 * @http: the session
 * @ret: new response with its whole body; release it with aw_response_free()
 * @method: a token in upper case, such as "GET"
 * @url: absolute, or relative to the session's base; ASCII or UTF-8, spaces
 * and user names are refused
 * @options: may be NULL
 *
 * Follows redirects: 303 turns into GET, 301 and 302 turn POST into GET, 307
 * and 308 repeat method and body.  Whatever the status, an answer is a
 * success, unless the option ok is set.
 *
 * A request that a server may have seen is sent again by no one but you,
 * with one exception: GET, HEAD, PUT, DELETE, OPTIONS and TRACE, when a kept
 * connection turns out to have been closed before the first byte of the
 * answer.  aw_error()->sent says how far a failed request came.
 *
 * The option retries allows further attempts, with growing pauses, where
 * repeating is safe: a request that was not sent, or one of those methods
 * after a lost connection or status 408, 425, 429, 500, 502, 503 or 504.
 * Retry-After is obeyed.  The option total covers all attempts; retries are
 * at most a fifth of a session's requests, and ten.
 *
 * Awaits; cancel point.  A cancelled request ends with its connection.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (total, connect or queue);
 * -EINVAL (URL, method, header, options); AW_ERESOLVE; AW_ECONNECT; AW_ETLS;
 * AW_ELOST; AW_EUNKNOWN (lost after a request was sent that must not be
 * repeated); -EPROTO (not HTTP, or a body of unclear length); AW_ELIMIT (body
 * or headers too large); AW_EDECODE; AW_EREDIRECT (too many, no http, or from
 * https to http); AW_EPOLICY;
 * AW_EHTTP (with the option ok); AW_ECLOSED; AW_EFORK; AW_EUSAGE; -EMFILE;
 * -ENOMEM.
 * Lifetime: nothing that was passed is touched after the return.
 * Context: task.
 * Source: RFC 9110, sections 9.2.2 and 15.4.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_http_request_with(struct aw_http *http, struct aw_response **ret,
		     const char *method, const char *url,
		     const struct aw_request_options *options);

/**
 * aw_http_get_json_with - get a JSON value; use the macro aw_http_get_json()
 * @http: the session
 * @ret: new value; release it with json_decref()
 * @url: as aw_http_request_with()
 * @options: may be NULL; ok is implied
 *
 * Asks for application/json.
 *
 * Awaits; cancel point.
 *
 * Return: as aw_http_request_with() and aw_response_json().
 * Lifetime: nothing that was passed is touched after the return.
 * Context: task.
 * Source: RFC 8259; jansson, json_loadb().
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_http_get_json_with(struct aw_http *http, struct json_t **ret,
		      const char *url,
		      const struct aw_request_options *options);

/**
 * aw_response_free - release a response
 * @res: may be NULL
 *
 * Return: nothing.
 * Lifetime: its body and headers are gone.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_response_free(struct aw_response *res);

/**
 * aw_response_freep - aw_response_free() for AW_AUTO
 * @res: address of the response; it is set to NULL
 *
 * Return: nothing.
 * Lifetime: its body and headers are gone.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_response_freep(struct aw_response **res);

/**
 * aw_response_check - is it a success?
 * @res: the response
 *
 * Return: 0 for a status below 400; else AW_EHTTP: aw_error() has the status
 * and, in detail, up to 255 bytes of the body.
 * Context: task, loop callback, outside.
 * Source: RFC 9110, section 15.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_response_check(const struct aw_response *res);

/**
 * aw_response_status - the status
 * @res: the response
 *
 * Return: 200 to 599.
 * Context: task, loop callback, outside.
 * Source: RFC 9110, section 15.
 * Since: 0.1
 */
AW_API int aw_response_status(const struct aw_response *res);

/**
 * aw_response_url - where the answer came from, after redirects
 * @res: the response
 *
 * Return: the URL, normalised, without a fragment.
 * Lifetime: borrowed until @res is freed.
 * Context: task, loop callback, outside.
 * Source: RFC 3986.
 * Since: 0.1
 */
AW_API const char *aw_response_url(const struct aw_response *res);

/**
 * aw_response_header - the first header of a name
 * @res: the response
 * @name: in any case
 *
 * Return: the value without surrounding blanks; NULL if there is none.
 * Lifetime: borrowed until @res is freed.
 * Context: task, loop callback, outside.
 * Source: curl_easy_header(3).
 * Since: 0.1
 */
AW_API const char *aw_response_header(const struct aw_response *res,
				      const char *name);

/**
 * aw_response_header_next - walk through the headers as they came
 * @res: the response
 * @header: zeroed at first; holds the next header after each success
 *
 * Return: 1 when there was one; 0 at the end.
 * Lifetime: the strings are borrowed until @res is freed.
 * Context: task, loop callback, outside.
 * Source: curl_easy_nextheader(3).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_response_header_next(const struct aw_response *res,
						 struct aw_header *header);

/**
 * aw_response_body - the body, decoded
 * @res: the response
 *
 * Return: the bytes, with a NUL after the end that is not counted; data is
 * never NULL.
 * Lifetime: borrowed until @res is freed.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_bytes aw_response_body(const struct aw_response *res);

/**
 * aw_response_json - the body as JSON
 * @res: the response, whatever its Content-Type
 * @ret: new value; release it with json_decref()
 *
 * Awaits when the body is larger than 256 KiB: it is then parsed in a helper
 * thread.  A cancel is answered when the parser has ended.
 *
 * Return: 0; AW_EDECODE (no JSON, where, or more than 256 levels);
 * -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EAGAIN (no thread); -EDEADLK;
 * AW_EUSAGE; -ENOMEM.
 * Lifetime: the value is independent of @res.
 * Context: task.
 * Source: RFC 8259; jansson, json_loadb().
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_response_json(const struct aw_response *res, struct json_t **ret);

/**
 * aw_response_timing - where the time went
 * @res: the response
 *
 * Return: never NULL.
 * Lifetime: borrowed until @res is freed.
 * Context: task, loop callback, outside.
 * Source: curl_easy_getinfo(3).
 * Since: 0.1
 */
AW_API const struct aw_timing *
aw_response_timing(const struct aw_response *res);

AW_END_DECLS

#endif
