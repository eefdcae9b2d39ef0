/* SPDX-License-Identifier: MIT */
/*
 * The limit for http-get: curl_multi_socket_action and libev.
 *
 * One easy handle per request in flight, set up once and added again and
 * again; bodies are counted and dropped.  Two habits make it a limit and not
 * merely a sample program:
 *
 *  - libcurl is entered from one place per loop turn.  Watchers only note
 *    what is ready; an ev_check watcher then feeds it all to libcurl, takes
 *    the finished transfers, adds their successors and starts those together.
 *  - A watcher stays armed when libcurl says "remove" between two requests
 *    of a kept-alive connection, so that no epoll_ctl is paid per request.
 *    It really stops when the socket is closed, or when an event comes that
 *    nobody wants.
 *
 *	ev_io -> ready[] -> ev_check: socket_action* -> info_read: remove, add
 *	                              -> socket_action(TIMEOUT) sends them all
 */
#include "common.h"

#include <curl/curl.h>
#include <ev.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_FD 65536

struct transfer {
	CURL *easy;
	int64_t received;
	char error[CURL_ERROR_SIZE];
};

struct sock {
	ev_io io;
	int wanted;		/* EV_* that libcurl asked for, 0 = idle */
	int seen;		/* EV_* noted in this turn */
};

static struct bench bench;
static const struct bench_options *options;
static CURLM *multi;
static struct sock socks[MAX_FD];
static int ready[MAX_FD], n_ready;
static ev_timer timer;
static bool kick;		/* libcurl wants a turn at once */
static int busy;

static void
on_fd(struct ev_loop *loop, ev_io *w, int events)
{
	struct sock *s = &socks[w->fd];

	if (!s->wanted) {	/* end of an idle connection */
		ev_io_stop(loop, w);
		return;
	}
	if (!s->seen)
		ready[n_ready++] = w->fd;
	s->seen |= events;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct ev_loop *loop = arg;
	struct sock *s = &socks[fd];
	int wanted = (what & CURL_POLL_IN ? EV_READ : 0) |
		     (what & CURL_POLL_OUT ? EV_WRITE : 0);

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		s->wanted = 0;
		return 0;
	}
	s->wanted = wanted;
	if (ev_is_active(&s->io) && (s->io.events & 3) == wanted)
		return 0;
	ev_io_stop(loop, &s->io);
	ev_io_set(&s->io, fd, wanted);
	ev_io_start(loop, &s->io);
	return 0;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	ev_io_stop(arg, &socks[fd].io);
	socks[fd].wanted = 0;
	return close(fd);
}

static int
on_timeout(CURLM *m, long ms, void *arg)
{
	struct ev_loop *loop = arg;

	(void)m;
	kick = ms == 0;
	ev_timer_stop(loop, &timer);
	if (ms > 0) {
		ev_timer_set(&timer, (double)ms * 1e-3, 0.);
		ev_timer_start(loop, &timer);
	}
	return 0;
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)w;
	(void)events;
	kick = true;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)data;
	t->received += (int64_t)(size * n);
	return size * n;
}

static void
start(struct transfer *t)
{
	t->received = 0;
	if (curl_multi_add_handle(multi, t->easy) != CURLM_OK)
		bench_fail("curl_multi_add_handle", t->error);
}

static void
finished(struct ev_loop *loop, CURLMsg *msg)
{
	struct transfer *t;
	CURL *easy = msg->easy_handle;
	CURLcode result = msg->data.result;
	long status;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (result != CURLE_OK)
		bench_fail("transfer", t->error);
	if (status != 200 || t->received != options->size)
		bench_fail("transfer", "not the status and size expected");
	curl_multi_remove_handle(multi, easy);
	bench.done++;
	if (bench_more(&bench))
		start(t);
	else if (--busy == 0)
		ev_break(loop, EVBREAK_ALL);
}

static void
drive(struct ev_loop *loop)
{
	CURLMsg *msg;
	int running, left;

	for (int i = 0; i < n_ready; i++) {
		struct sock *s = &socks[ready[i]];
		int mask = (s->seen & EV_READ ? CURL_CSELECT_IN : 0) |
			   (s->seen & EV_WRITE ? CURL_CSELECT_OUT : 0);

		s->seen = 0;
		if (s->wanted)
			curl_multi_socket_action(multi, ready[i], mask,
						 &running);
	}
	n_ready = 0;
	do {
		while ((msg = curl_multi_info_read(multi, &left)))
			if (msg->msg == CURLMSG_DONE)
				finished(loop, msg);
		if (!kick)
			break;
		kick = false;
		curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0,
					 &running);
	} while (busy);
}

static void
on_check(struct ev_loop *loop, ev_check *w, int events)
{
	(void)w;
	(void)events;
	drive(loop);
}

static void
transfer_init(struct transfer *t, struct ev_loop *loop)
{
	CURL *easy = t->easy = curl_easy_init();

	if (!easy)
		bench_fail("curl_easy_init", "no memory");
	curl_easy_setopt(easy, CURLOPT_URL, options->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, loop);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60000L);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	/* The same bytes on the wire as ours. */
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "await/0.1.0");
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
}

int
main(int argc, char **argv)
{
	struct bench_options opt;
	struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
	struct transfer *transfers;
	ev_check check;

	bench_options_parse(&opt, argc, argv);
	options = &opt;
	transfers = calloc((size_t)opt.tasks, sizeof *transfers);
	if (!transfers || !opt.url || opt.tasks > MAX_FD / 2)
		bench_fail("bare_http", "--url is missing, or memory");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, loop);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)opt.tasks);
	for (int fd = 0; fd < MAX_FD; fd++)
		ev_init(&socks[fd].io, on_fd);
	ev_init(&timer, on_timer);
	ev_check_init(&check, on_check);
	ev_check_start(loop, &check);
	bench_begin(&bench, &opt);
	for (int i = 0; i < opt.tasks && bench_more(&bench); i++) {
		transfer_init(&transfers[i], loop);
		busy++;
		start(&transfers[i]);
	}
	drive(loop);
	if (busy)
		ev_run(loop, 0);
	bench_report(&bench);
	for (int i = 0; i < opt.tasks; i++)
		curl_easy_cleanup(transfers[i].easy);
	curl_multi_cleanup(multi);
	free(transfers);
	return 0;
}
