/* SPDX-License-Identifier: MIT */
/*
 * multi.c - the driver: libcurl on the loop.
 *
 *	descriptor ready --> on_fd: note it on the socket --.
 *	libcurl's timer  --> due ---------------------------+--> pass()
 *	a request starts --> kick --------------------------'
 *
 *	pass(): tell libcurl about each ready socket
 *	        let it run what is due, if no socket did so
 *	        take finished transfers out, complete their waiters
 *	        arm one timer for the next due time
 *
 * pass() runs on the loop's own stack, for AT_ONCE sockets; then come the
 * tasks whose transfers ended, then the next pass().  No task is ever resumed
 * in a callback of libcurl and no callback suspends, and TLS needs no room on
 * the stacks of tasks.  A task itself only adds a transfer, which does no I/O
 * (7.88.1 lib/multi.c), and takes its own out again when it is interrupted, by
 * way of the loop's stack.
 */
#include <stdlib.h>

#include <await/time.h>

#include "internal.h"

/* Sockets in one pass: whose transfers end there start their next ones while
 * all of it is in the cache. */
#define AT_ONCE 8

static void
pass_soon(struct aw_http *http)
{
	aw_defer(&http->pass);
}

/* -- time --------------------------------------------------------------- */

/* CURLMOPT_TIMERFUNCTION; may come from within any call: only notes it. */
static int
on_timer(CURLM *multi, long ms, void *arg)
{
	struct aw_http *http = arg;

	(void)multi;
	http->wish = ms;
	http->wished = true;
	return 0;
}

static void
on_due(void *arg)
{
	pass_soon(arg);
}

/* One timer for the earliest time; a later one is found when it fires.
 * libcurl rounds down, hence the millisecond more. */
static void
arm(struct aw_http *http)
{
	if (http->wished) {
		http->wished = false;
		http->due = http->wish < 0 ? -1.0
			  : aw_now() + (double)(http->wish + 1) / 1000.0;
	}
	if (http->due < 0)
		return;
	if (http->timer.place && http->timer.at <= http->due)
		return;
	if (aw_timer_start(&http->timer, http->due, on_due, http))
		pass_soon(http);
}

/* -- transfers ---------------------------------------------------------- */

static void
finish(struct aw_http *http, struct aw_response *res, CURLcode code)
{
	curl_multi_remove_handle(http->multi, res->easy);
	aw__multi_connected(res);
	aw__easy_trim(res);
	res->code = code;
	res->state = AW__DONE;
	aw__limiter_leave(&http->limiter, &res->slot);
	aw_waiter_complete(&res->waiter, res->ticket, 0);
}

/* Connecting took too long.  libcurl has a limit of its own, but it costs a
 * timer in every transfer; this one runs only where a socket was opened. */
static void
on_connect_due(void *arg)
{
	struct aw_response *res = arg;

	if (res->state != AW__RUNNING)
		return;
	res->stop = AW__STOP_CONNECT;
	finish(res->http, res, CURLE_OPERATION_TIMEDOUT);
	pass_soon(res->http);
}

/* A socket was opened; without a timer the total still ends it. */
void
aw__multi_connecting(struct aw_response *res)
{
	if (!res->connecting.place)
		aw_ignore(aw_timer_start(&res->connecting,
					 aw_now() + res->connect,
					 on_connect_due, res));
}

void
aw__multi_connected(struct aw_response *res)
{
	if (res->connecting.place)
		aw_timer_stop(&res->connecting);
}

static void
collect(struct aw_http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		CURLcode code = message->data.result;
		char *res = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
				  &res);
		finish(http, (struct aw_response *)(void *)res, code);
	}
}

/* Does libcurl want to run although no socket asks for it? */
static bool
is_due(struct aw_http *http)
{
	if (http->wished)
		return http->wish == 0;
	return http->due >= 0 && http->due <= aw_now();
}

/* libcurl had no memory to tell us which socket to watch for whom: whoever
 * is under way might wait for ever. */
static void
fail_all(struct aw_http *http)
{
	for (struct aw_response *res = http->all; res; res = res->next) {
		if (res->state == AW__RUNNING) {
			res->stop = AW__STOP_MEMORY;
			finish(http, res, CURLE_OUT_OF_MEMORY);
		}
	}
}

static void
act(struct aw_http *http, curl_socket_t fd, int events)
{
	int running;
	CURLMcode code = curl_multi_socket_action(http->multi, fd, events,
						  &running);

	if (code == CURLM_OUT_OF_MEMORY || code == CURLM_INTERNAL_ERROR)
		fail_all(http);
}

/* Each action on a socket also runs whatever is due (multi_socket()). */
static void
pass(void *arg)
{
	struct aw_http *http = arg;
	struct aw__sock *sock;
	int events, n = 0;

	while (n++ < AT_ONCE && (sock = aw__sock_next(http, &events))) {
		http->wished = http->wished && http->wish != 0;
		act(http, sock->fd, events);
	}
	if (is_due(http)) {
		http->wished = false;
		http->due = -1.0;
		act(http, CURL_SOCKET_TIMEOUT, 0);
	}
	collect(http);
	arm(http);
	if (http->ready)
		pass_soon(http);
}

static int
add(void *arg)
{
	struct aw_response *res = arg;
	CURLMcode code = curl_multi_add_handle(res->http->multi, res->easy);

	if (code)
		return aw_fail(-ENOMEM, "libcurl: %s",
			       curl_multi_strerror(code));
	return 0;
}

/* Gives a prepared transfer to libcurl; its waiter is then completed. */
int
aw__multi_start(struct aw_http *http, struct aw_response *res)
{
	int r = add(res);

	if (r)
		return r;
	res->state = AW__RUNNING;
	res->ticket = aw_waiter_begin(&res->waiter);
	pass_soon(http);
	return 0;
}

static int
remove_one(void *arg)
{
	struct aw_response *res = arg;

	curl_multi_remove_handle(res->http->multi, res->easy);
	return 0;
}

/* Takes an unfinished transfer away, and its connection with it. */
void
aw__multi_abandon(struct aw_http *http, struct aw_response *res)
{
	if (res->state != AW__RUNNING)
		return;
	aw_on_loop_stack(remove_one, res);
	aw__multi_connected(res);
	res->state = AW__READY;
	aw__resolve_forget(res);
	aw__limiter_leave(&http->limiter, &res->slot);
	pass_soon(http);
}

/* -- the session's libcurl ---------------------------------------------- */

static int
set_up(struct aw_http *http)
{
	CURLM *m = http->multi;
	CURLMcode code;

	code = curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, aw__on_socket);
	code = code ? code : curl_multi_setopt(m, CURLMOPT_SOCKETDATA, http);
	code = code ? code
		: curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer);
	code = code ? code : curl_multi_setopt(m, CURLMOPT_TIMERDATA, http);
	code = code ? code
		: curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	/* Unset it is four times the transfers of the moment, and a burst's
	 * end closes what the next burst needs. */
	code = code ? code
		: curl_multi_setopt(m, CURLMOPT_MAXCONNECTS,
				    (long)http->limiter.max_total);
	if (!code && curl_share_setopt(http->share, CURLSHOPT_SHARE,
				       CURL_LOCK_DATA_SSL_SESSION))
		code = CURLM_OUT_OF_MEMORY;
	return code ? aw_fail(-ENOMEM, "libcurl: %s",
			      curl_multi_strerror(code)) : 0;
}

static void
on_loop_end(void *arg)
{
	struct aw_http *http = arg;

	aw__http_bury(http);
}

int
aw__multi_open(struct aw_http *http)
{
	int r;

	http->multi = curl_multi_init();
	http->share = curl_share_init();
	if (!http->multi || !http->share) {
		r = aw_fail(-ENOMEM, "no memory for libcurl");
		goto fail;
	}
	aw__wakeup_hide(http->multi);
	r = set_up(http);
	if (r)
		goto fail;
	http->due = -1.0;
	http->timer.internal = true;
	http->pass.fn = pass;
	http->pass.arg = http;
	http->closer.fn = on_loop_end;
	http->closer.arg = http;
	r = aw_closer_add(&http->closer);
	if (r)
		goto fail;
	return 0;

fail:
	curl_multi_cleanup(http->multi);
	curl_share_cleanup(http->share);
	http->multi = NULL;
	http->share = NULL;
	return r;
}

static int
close_down(void *arg)
{
	struct aw_http *http = arg;

	for (struct aw_response *res = http->all; res; res = res->next) {
		if (res->state == AW__RUNNING) {
			curl_multi_remove_handle(http->multi, res->easy);
			aw__multi_connected(res);
			res->state = AW__READY;
			aw_waiter_complete(&res->waiter, res->ticket,
					   AW_ECLOSED);
		}
		curl_easy_setopt(res->easy, CURLOPT_SHARE, NULL);
	}
	curl_multi_cleanup(http->multi);
	curl_share_cleanup(http->share);
	return 0;
}

/* Ends every transfer and connection; on the loop's thread. */
void
aw__multi_close(struct aw_http *http)
{
	if (!http->multi)
		return;
	aw_on_loop_stack(close_down, http);
	http->multi = NULL;
	http->share = NULL;
	aw_timer_stop(&http->timer);
	aw_defer_cancel(&http->pass);
	aw_closer_remove(&http->closer);
	for (size_t i = 0; i < http->n_socks; i++) {
		if (http->socks[i])
			aw__sock_free(http->socks[i]);
	}
	free(http->socks);
	http->socks = NULL;
	http->n_socks = 0;
}
