/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of the HTTP client share.
 *
 *	struct aw_http			a session; one per handle of the user
 *	 |-- multi, share		libcurl's, made in the first request
 *	 |-- socks[fd] -> aw__sock	the watchers of its sockets (multi.c)
 *	 |-- hosts -> aw__host -> ...	the limiter's queues (limiter.c)
 *	 |-- idle  -> aw_response -> .. primed easy handles, last used first
 *	 `-- all   -> aw_response -> .. every handle, for the end
 *
 * A response is the easy handle and what it collects.  It is taken from the
 * idle list by a request, belongs to the user from success to
 * aw_response_free(), and goes back to the idle list.  A session that was
 * closed stays in memory, without libcurl, until nothing refers to it.
 */
#ifndef AWAIT_NET_INTERNAL_H
#define AWAIT_NET_INTERNAL_H

#include <curl/curl.h>
#include <netinet/in.h>

#include <await/driver.h>
#include <await/http.h>
#include <await/sync.h>

#define AW__MAX_URL (64 * 1024)
#define AW__MAX_HEADERS (100 * 1024)
#define AW__KEEP_BODY ((size_t)4096)	/* of an idle handle */
#define AW__KEEP_IDLE 128		/* idle handles */
#define AW__RETRY_TOKENS 10.0		/* of a session, at most */

/* Where a request goes: one URL, taken apart. */
struct aw__target {
	char *url;			/* normalised, no fragment */
	char *origin;			/* "https://host:443" */
	char *host;			/* lower case, no brackets */
	int port;
	bool https;
	bool literal;			/* host is an address */
};

/* What a request sends, apart from its headers. */
struct aw__body {
	const void *data;
	size_t size;
	const char *type;		/* of the data; "": none */
	bool present;
};

/* The state of one origin; lives while used, and a while longer. */
struct aw__host {
	struct aw__host *next;		/* same bucket */
	struct aw__host *turn_next;	/* among those that may start one */
	struct aw__slot *head, *tail;	/* who waits, oldest first */
	char *origin;
	char *fed;			/* addresses that libcurl has */
	double fed_at;
	int busy;			/* transfers at once */
	bool has_turn;
};

/* A request's place in the limiter. */
struct aw__slot {
	struct aw__slot *next, *prev;	/* while it waits */
	struct aw__host *host;		/* while it waits or holds */
	struct aw_waiter waiter;
	uint64_t ticket;
	bool waiting, held;
};

struct aw__limiter {
	struct aw__host **buckets;
	size_t n_buckets, n_hosts;
	struct aw__host *turn_head, *turn_tail;
	int busy, max_total, max_per_host;
};

/* A socket that libcurl uses.  idle: kept open between two transfers, and
 * watched, so that what arrives then cannot answer the next request. */
struct aw__sock {
	struct aw__sock *next, **prev;	/* in http->ready */
	struct aw_http *http;
	struct aw_fd *handle;
	int fd;
	int want;			/* AW_FD_..., what is watched */
	int ready;			/* CURL_CSELECT_..., not yet told */
	bool idle;
	bool up;			/* connected, for all we know */
};

enum aw__state {
	AW__IDLE,			/* in the session's list */
	AW__READY,			/* a request prepares it */
	AW__RUNNING,			/* libcurl has it */
	AW__DONE			/* its result stands */
};

/* Why a callback of ours ended a transfer. */
enum aw__stop {
	AW__STOP_NONE,
	AW__STOP_BODY,    /* larger than max_body */
	AW__STOP_HEADERS, /* larger than AW__MAX_HEADERS */
	AW__STOP_LENGTH,  /* of the body, is not clear */
	AW__STOP_MEMORY,
	AW__STOP_CONNECT, /* took longer than the option connect */
	AW__STOP_POLICY,  /* address not public */
	AW__STOP_REPLAY   /* libcurl wanted to send it again */
};

/* How far aw_response_header_next() has come in libcurl's list, and whether
 * the last hop was added to the timing: what changes in a response that is
 * otherwise constant. */
struct aw__walk {
	size_t place;
	struct curl_header *at;
	bool timed;
};

struct aw_response {
	struct aw_http *http;
	struct aw_response *next, **prev;	/* in http->all */
	struct aw_response *idle_next;		/* in http->idle */
	CURL *easy;
	enum aw__state state;
	struct aw_waiter waiter;		/* of the transfer */
	uint64_t ticket;
	struct aw__slot slot;
	/* What the handle is set to. */
	struct aw__target target;
	char *raw;			/* target comes from this, or NULL */
	struct curl_slist *headers;	/* instead of the session's */
	struct curl_slist *resolve;
	char *form;			/* encoded form or JSON */
	struct aw_timer connecting;	/* from the first socket to sending */
	double connect;			/* seconds it may take */
	bool plain;			/* a GET without a body */
	/* What it collects. */
	char *body;
	size_t size, capacity;
	size_t header_bytes;
	int64_t max_body;
	int status;
	int sends;			/* how often libcurl sent it */
	int sys;			/* errno of a failed socket() */
	bool idempotent;
	bool headers_ended;		/* by an empty line */
	bool chunked;			/* it has a Transfer-Encoding */
	bool framing;			/* so the last line was of either */
	int64_t length;			/* of the body, as announced; -1 */
	enum aw__stop stop;
	CURLcode code;
	struct aw_timing timing, *timed;	/* timed points there */
	struct aw__walk walk_state, *walk;	/* walk points there */
	char text[CURL_ERROR_SIZE];
};

struct aw_http {
	int refs;			/* handle + calls + responses held */
	int calls;			/* requests of tasks under way */
	unsigned fork_mark;
	bool closing;			/* no new requests */
	bool closed;			/* libcurl is gone */
	struct aw_loop *loop;		/* of the first request */
	struct aw_mutex binding;	/* while it makes libcurl ready */
	CURLM *multi;
	CURLSH *share;
	/* The driver. */
	struct aw_closer closer;
	struct aw_defer pass;
	struct aw_timer timer;
	long wish;			/* libcurl's last word, in ms */
	bool wished;			/* since due was computed */
	double due;			/* < 0: none */
	struct aw__sock **socks;
	size_t n_socks;
	struct aw__sock *ready, **ready_end;	/* oldest first */
	/* Requests. */
	struct aw__limiter limiter;
	struct aw_response *all, *idle;
	int n_idle;
	struct aw_waiter drained;	/* of aw_http_close() */
	uint64_t drained_ticket;
	/* Options. */
	char *base, *cacert;
	char **header_items;		/* copies; header_pairs points here */
	struct aw_pairs header_pairs;
	char **resolve_items;
	struct aw_pairs resolve_pairs;
	struct curl_slist *headers;
	double total, connect;
	double queue;			/* 0: a part of the total */
	int64_t max_body;
	double retry_tokens;		/* retries that may still be made */
	int redirects, retries;
	long buffer;			/* of a transfer under way */
	bool public_only, ok, identity, insecure, cleartext_auth;
};

/* One call of the user. */
struct aw__call {
	struct aw_http *http;
	struct aw_response *res;
	struct aw_request_options o;
	const char *method, *first_method;
	const char *accept;		/* default, or NULL */
	struct aw__body body;
	double total;
	double end;			/* of the total, unless it has none */
	int redirects, retries;
	bool foreign;			/* a redirect led to another origin */
	bool no_body;			/* a redirect dropped the body */
};

/* url.c */
int aw__target_parse(struct aw__target *ret, const char *base, const char *url,
		     struct aw_pairs query);
int aw__target_follow(struct aw__target *ret, const struct aw__target *from,
		      const char *location);
void aw__target_clear(struct aw__target *target);
bool aw__same_origin(const struct aw__target *a, const struct aw__target *b);
int aw__encode_pairs(char **ret, struct aw_pairs pairs, bool form);

/* redirect.c */
int aw__redirect_method(int status, const char **method, bool *drop_body);
bool aw__is_redirect(int status);
bool aw__is_idempotent(const char *method);
bool aw__is_token(const char *text);

/* headers.c */
struct aw__header_rules {
	struct aw_pairs session, request;
	struct aw_auth auth;
	const char *content_type;	/* default; "": send none */
	const char *accept;		/* default, or NULL */
	bool foreign;			/* the origin is not the first one */
	bool no_body;			/* a redirect dropped it */
	bool no_expect;			/* libcurl would wait for 100 */
};
int aw__pairs_check(struct aw_pairs pairs, const char *what);
int aw__headers_check(struct aw_pairs pairs);
int aw__headers_build(struct curl_slist **ret,
		      const struct aw__header_rules *rules);
bool aw__pairs_have(struct aw_pairs pairs, const char *name);

/* response.c */
void aw__timing_add(const struct aw_response *res);

/* policy.c */
bool aw__is_public(const struct sockaddr *address);
bool aw__is_public_text(const char *address);

/* resolve.c */
int aw__resolve_check(struct aw_pairs pairs);
int aw__resolve_feed(struct aw_http *http, struct aw_response *res);
void aw__resolve_forget(struct aw_response *res);

/* length.c */
enum aw__stop aw__length_note(struct aw_response *res, const char *line,
			      size_t n);

/* limiter.c */
int aw__limiter_init(struct aw__limiter *limiter, int per_host, int total);
void aw__limiter_fini(struct aw__limiter *limiter);
int aw__limiter_enter(struct aw__limiter *limiter, struct aw__slot *slot,
		      const char *origin, double seconds, double *waited);
void aw__limiter_leave(struct aw__limiter *limiter, struct aw__slot *slot);
void aw__limiter_fail(struct aw__limiter *limiter, int code);

/* init.c */
int aw__curl_ready(void);

/* options.c: what both structures have; queue is the session's. */
struct aw__numbers {
	double total, connect, queue;
	int64_t max_body;
	int redirects, retries;
};
int aw__numbers_check(const struct aw__numbers *n);
double aw__or_seconds(double value, double otherwise);
int64_t aw__or_limit(int64_t value, int64_t otherwise);

/* session.c */
void aw__http_ref(struct aw_http *http);
void aw__http_unref(struct aw_http *http);
void aw__http_bury(struct aw_http *http);

/* multi.c */
int aw__multi_open(struct aw_http *http);
void aw__multi_close(struct aw_http *http);
int aw__multi_start(struct aw_http *http, struct aw_response *res);
void aw__multi_abandon(struct aw_http *http, struct aw_response *res);
void aw__multi_connected(struct aw_response *res);
void aw__multi_connecting(struct aw_response *res);

/* sock.c */
curl_socket_t aw__sock_open(void *arg, curlsocktype purpose,
			    struct curl_sockaddr *address);
int aw__sock_close(void *arg, curl_socket_t fd);
int aw__on_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
		  void *socketp);
struct aw__sock *aw__sock_next(struct aw_http *http, int *ret_events);
void aw__sock_free(struct aw__sock *sock);

/* wakeup.c */
void aw__wakeup_hide(CURLM *multi);

/* request.c */
int aw__request(struct aw_http *http, struct aw_response **ret,
		const char *method, const char *url,
		const struct aw_request_options *options, const char *accept);
double aw__call_left(const struct aw__call *call);

/* json.c */
int aw__json_text(char **ret, const struct json_t *value);

/* hop.c */
int aw__call_perform(struct aw__call *call);

/* retry.c */
double aw__retry_pause(struct aw__call *call, int r);
bool aw__retry_is_safe(int r, int status, bool idempotent, enum aw_sent sent);
double aw__retry_backoff(int attempt, double random, double retry_after);

/* easy.c */
int aw__easy_take(struct aw_http *http, struct aw_response **ret);
void aw__easy_give(struct aw_response *res);
void aw__easy_free(struct aw_response *res);
void aw__easy_trim(struct aw_response *res);
int aw__easy_url(struct aw_response *res);
int aw__easy_method(struct aw_response *res, const char *method,
		    const struct aw__body *body);
int aw__easy_headers(struct aw_response *res, struct curl_slist *headers);
void aw__easy_rewind(struct aw_response *res);

/* fail.c */
int aw__fail(struct aw_response *res, const char *method);
int aw__fail_status(const struct aw_response *res);
void aw__fail_note(const struct aw_response *res, const char *method);
void aw__fail_late(const char *option, double seconds, const char *what);

#endif
