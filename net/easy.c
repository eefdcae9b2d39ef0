/* SPDX-License-Identifier: MIT */
/*
 * easy.c - easy handles: primed once, used many times.
 *
 * Setting a handle up takes some thirty options; curl_easy_reset() would ask
 * for all of them again.  So a handle stays as it is, and a request changes
 * only what differs: a plain GET of the same URL sets nothing at all.  What
 * a request with a method or a body changed is changed back (rewind).  Kept
 * handles also keep a small buffer for the body.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

/* -- callbacks: they copy, count and return ----------------------------- */

static int
reserve(struct aw_response *res, size_t n)
{
	size_t capacity = res->capacity ? res->capacity : AW__KEEP_BODY;
	char *body;

	if (n <= res->capacity)
		return 0;
	while (capacity < n)
		capacity *= 2;
	body = realloc(res->body, capacity);
	if (!body)
		return -ENOMEM;
	res->body = body;
	res->capacity = capacity;
	return 0;
}

/* A body waits for its user, often beside many others, so it gives back what
 * doubling left over. */
void
aw__easy_trim(struct aw_response *res)
{
	size_t size = res->size + 1;
	char *body;

	if (size < AW__KEEP_BODY)
		size = AW__KEEP_BODY;
	if (size > res->capacity / 8 * 7)
		return;
	body = realloc(res->body, size);
	if (body) {
		res->body = body;
		res->capacity = size;
	}
}

/* Before the first byte: room for what was announced, within reason; a body
 * that is announced too large is not even begun. */
static bool
begin_body(struct aw_response *res)
{
	curl_off_t length = -1;

	curl_easy_getinfo(res->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
			  &length);
	if (length > res->max_body)
		return false;
	if (length > 0 && length < AW_MIB(4) &&
	    reserve(res, (size_t)length + 1))
		res->stop = AW__STOP_MEMORY;
	return true;
}

static size_t
on_body(char *data, size_t one, size_t n, void *arg)
{
	struct aw_response *res = arg;

	(void)one;
	if ((!res->size && !begin_body(res)) ||
	    (int64_t)(res->size + n) > res->max_body)
		res->stop = AW__STOP_BODY;
	else if (reserve(res, res->size + n + 1))
		res->stop = AW__STOP_MEMORY;
	if (res->stop)
		return CURL_WRITEFUNC_ERROR;

	memcpy(res->body + res->size, data, n);
	res->size += n;
	return n;
}

static void
begin_headers(struct aw_response *res)
{
	res->headers_ended = false;
	res->chunked = false;
	res->framing = false;
	res->length = -1;
}

static size_t
on_header(char *line, size_t one, size_t n, void *arg)
{
	struct aw_response *res = arg;

	(void)one;
	if (n >= 5 && strncasecmp(line, "HTTP/", 5) == 0 &&
	    (res->headers_ended || !res->header_bytes))
		begin_headers(res);		/* hints came before */
	else if (*line == '\r' || *line == '\n')
		res->headers_ended = true;
	else if (!res->headers_ended)
		res->stop = aw__length_note(res, line, n);
	res->header_bytes += n;
	if (res->header_bytes > AW__MAX_HEADERS)
		res->stop = AW__STOP_HEADERS;
	return res->stop ? 0 : n;
}

/* Just before the request is sent, and again when libcurl repeats it on a
 * new connection because a kept one had died: it does so with any method
 * (7.88.1 lib/transfer.c, Curl_retry_request). */
static int
on_send(void *arg, char *ip, char *own_ip, int port, int own_port)
{
	struct aw_response *res = arg;

	(void)ip;
	(void)own_ip;
	(void)port;
	(void)own_port;
	aw__multi_connected(res);
	if (res->sends++ && !res->idempotent) {
		res->stop = AW__STOP_REPLAY;
		return CURL_PREREQFUNC_ABORT;
	}
	return CURL_PREREQFUNC_OK;
}

/* -- priming ------------------------------------------------------------ */

#define SET(option, value) \
	do { \
		if (!code) \
			code = curl_easy_setopt(easy, option, value); \
	} while (0)

static CURLcode
prime_callbacks(struct aw_response *res, CURL *easy)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PRIVATE, res);
	SET(CURLOPT_ERRORBUFFER, res->text);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, res);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, res);
	SET(CURLOPT_PREREQFUNCTION, on_send);
	SET(CURLOPT_PREREQDATA, res);
	SET(CURLOPT_OPENSOCKETFUNCTION, aw__sock_open);
	SET(CURLOPT_OPENSOCKETDATA, res);
	SET(CURLOPT_CLOSESOCKETFUNCTION, aw__sock_close);
	SET(CURLOPT_CLOSESOCKETDATA, res->http);
	return code;
}

/* No signals, no environment, no protocol but http; HTTP/1.1, because
 * HTTP/2 of libcurl before 8.1 can lose data (curl commits 544a7f804d,
 * 744dcf22fa). */
static CURLcode
prime_transport(struct aw_http *http, CURL *easy)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_NOPROGRESS, 1L);
	SET(CURLOPT_SHARE, http->share);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_BUFFERSIZE, http->buffer);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, -1L);
	SET(CURLOPT_MAXAGE_CONN, 15L);
	SET(CURLOPT_MAXLIFETIME_CONN, 3600L);
	SET(CURLOPT_HTTPHEADER, http->headers);
	if (!http->identity)
		SET(CURLOPT_ACCEPT_ENCODING, "");
	return code;
}

/* With CAPATH set, as Debian builds it, libcurl does not cache the parsed
 * certificates: each connection would read all of them again (7.88.1
 * lib/vtls/openssl.c, Curl_ssl_setup_x509_store). */
static CURLcode
prime_tls(struct aw_http *http, CURL *easy)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CAPATH, NULL);
	if (http->cacert)
		SET(CURLOPT_CAINFO, http->cacert);
	SET(CURLOPT_SSL_VERIFYPEER, http->insecure ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, http->insecure ? 0L : 2L);
	return code;
}

static int
prime(struct aw_http *http, struct aw_response *res)
{
	CURLcode code = prime_callbacks(res, res->easy);

	if (!code)
		code = prime_transport(http, res->easy);
	if (!code)
		code = prime_tls(http, res->easy);
	if (code)
		return aw_fail(code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -ENOTSUP,
			       "libcurl: %s", curl_easy_strerror(code));
	res->plain = true;
	return 0;
}

static void
link_in(struct aw_http *http, struct aw_response *res)
{
	res->next = http->all;
	if (res->next)
		res->next->prev = &res->next;
	res->prev = &http->all;
	http->all = res;
}

static int
easy_new(struct aw_http *http, struct aw_response **ret)
{
	struct aw_response *res = calloc(1, sizeof(*res));
	int r;

	if (!res)
		return aw_fail(-ENOMEM, "no memory for a request");
	res->http = http;
	res->walk = &res->walk_state;
	res->timed = &res->timing;
	res->connecting.internal = true;
	res->easy = curl_easy_init();
	r = res->easy ? prime(http, res)
		      : aw_fail(-ENOMEM, "no memory for a request");
	if (r) {
		curl_easy_cleanup(res->easy);
		free(res);
		return r;
	}
	link_in(http, res);
	*ret = res;
	return 0;
}

/* -- the session's store ------------------------------------------------ */

static void
clear_result(struct aw_response *res)
{
	res->size = 0;
	res->header_bytes = 0;
	begin_headers(res);
	res->status = 0;
	res->sends = 0;
	res->sys = 0;
	res->stop = AW__STOP_NONE;
	res->code = CURLE_OK;
	res->walk->timed = false;
	res->walk->at = NULL;
}

/* A handle to prepare; the last one given back is the warmest. */
int
aw__easy_take(struct aw_http *http, struct aw_response **ret)
{
	struct aw_response *res = http->idle;
	int r;

	if (res) {
		http->idle = res->idle_next;
		http->n_idle--;
	} else {
		r = easy_new(http, &res);
		if (!res)
			return r;
	}
	memset(&res->timing, 0, sizeof(res->timing));
	clear_result(res);
	res->state = AW__READY;
	*ret = res;
	return 0;
}

void
aw__easy_free(struct aw_response *res)
{
	*res->prev = res->next;
	if (res->next)
		res->next->prev = res->prev;
	curl_easy_cleanup(res->easy);
	curl_slist_free_all(res->headers);
	curl_slist_free_all(res->resolve);
	aw__target_clear(&res->target);
	free(res->raw);
	free(res->form);
	free(res->body);
	free(res);
}

/* Back to the store, or to the heap; not while libcurl has it. */
void
aw__easy_give(struct aw_response *res)
{
	struct aw_http *http = res->http;

	if (http->closed || http->n_idle >= AW__KEEP_IDLE) {
		aw__easy_free(res);
		return;
	}
	aw__easy_rewind(res);
	free(res->form);
	res->form = NULL;
	if (res->capacity > AW__KEEP_BODY) {
		free(res->body);
		res->body = NULL;
		res->capacity = 0;
	}
	res->state = AW__IDLE;
	res->idle_next = http->idle;
	http->idle = res;
	http->n_idle++;
}

/* -- what differs from request to request ------------------------------- */

static int
no_memory(CURLcode code)
{
	return code ? aw_fail(-ENOMEM, "libcurl: %s",
			      curl_easy_strerror(code)) : 0;
}

int
aw__easy_url(struct aw_response *res)
{
	return no_memory(curl_easy_setopt(res->easy, CURLOPT_URL,
					  res->target.url));
}

/* Takes @headers over, also on failure; NULL: the session's. */
int
aw__easy_headers(struct aw_response *res, struct curl_slist *headers)
{
	CURLcode code;

	if (!headers && !res->headers)
		return 0;
	code = curl_easy_setopt(res->easy, CURLOPT_HTTPHEADER,
				headers ? headers : res->http->headers);
	curl_slist_free_all(res->headers);
	res->headers = headers;
	return no_memory(code);
}

static CURLcode
set_body(CURL *easy, const char *method, const struct aw__body *body)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
	SET(CURLOPT_POSTFIELDS, body->size ? body->data : "");
	if (strcmp(method, "POST") != 0)
		SET(CURLOPT_CUSTOMREQUEST, method);
	return code;
}

/* These announce a body even if there is none (RFC 9110, section 8.6). */
static bool
wants_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

int
aw__easy_method(struct aw_response *res, const char *method,
		const struct aw__body *body)
{
	CURL *easy = res->easy;
	CURLcode code = CURLE_OK;

	res->idempotent = aw__is_idempotent(method);
	aw__easy_rewind(res);
	if (!body->present && strcmp(method, "GET") == 0)
		return 0;

	res->plain = false;
	if (strcmp(method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else if (body->present || wants_body(method))
		code = set_body(easy, method, body);
	else
		SET(CURLOPT_CUSTOMREQUEST, method);
	return no_memory(code);
}

/* A plain GET again, with nothing of the caller's memory in it. */
void
aw__easy_rewind(struct aw_response *res)
{
	CURL *easy = res->easy;

	clear_result(res);
	if (res->plain)
		return;
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	res->plain = true;
}
