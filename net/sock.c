/* SPDX-License-Identifier: MIT */
/*
 * sock.c - the sockets of libcurl: opened by us, watched by us.
 *
 *	http->socks[fd] --> aw__sock { handle, want, ready, idle, up }
 *	http->ready ------> those with events that libcurl was not yet told
 *
 * Each socket has one persistent watcher.  Between two transfers it stays
 * armed for reading: the next one then needs no system call for it, and what
 * arrives meanwhile (an end of file, an answer that nobody asked for) ends
 * the connection, which libcurl 7.88.1 would take for alive and read as the
 * next answer (lib/cf-socket.c).  A pending event lives on its socket, so it
 * dies with it and cannot reach the next socket of the same number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <await/io.h>

#include "internal.h"

static void
ready_remove(struct aw__sock *sock)
{
	if (!sock->prev)
		return;
	*sock->prev = sock->next;
	if (sock->next)
		sock->next->prev = sock->prev;
	else
		sock->http->ready_end = sock->prev;
	sock->prev = NULL;
	sock->ready = 0;
}

/* Behind the others: not all of them have their turn in one pass. */
static void
ready_push(struct aw__sock *sock)
{
	struct aw_http *http = sock->http;

	if (sock->prev)
		return;
	if (!http->ready)
		http->ready_end = &http->ready;
	sock->next = NULL;
	sock->prev = http->ready_end;
	*http->ready_end = sock;
	http->ready_end = &sock->next;
}

/* Nothing may be said on a connection that nobody uses: end it.  libcurl
 * finds the end when it wants to use it. */
static void
spoil(struct aw__sock *sock)
{
	char waste[4096];
	int most = 64;

	aw_fd_watch(sock->handle, 0, NULL, NULL);
	sock->want = 0;
	shutdown(sock->fd, SHUT_RDWR);
	while (most-- && recv(sock->fd, waste, sizeof(waste),
			      MSG_DONTWAIT) > 0)
		continue;
}

static void
on_fd(void *arg, int events)
{
	struct aw__sock *sock = arg;

	if (sock->idle) {
		spoil(sock);
		return;
	}
	if (events & AW_FD_READ)
		sock->ready |= CURL_CSELECT_IN;
	if (events & AW_FD_WRITE)
		sock->ready |= CURL_CSELECT_OUT;
	ready_push(sock);
	aw_defer(&sock->http->pass);
}

static void
watch(struct aw__sock *sock, int want)
{
	if (sock->want == want)
		return;
	sock->want = want;
	aw_fd_watch(sock->handle, want, want ? on_fd : NULL, sock);
}

static int
socks_grow(struct aw_http *http, int fd)
{
	size_t n = (size_t)fd + 64;
	struct aw__sock **socks;

	if ((size_t)fd < http->n_socks)
		return 0;
	socks = realloc(http->socks, n * sizeof(*socks));
	if (!socks)
		return -ENOMEM;
	memset(socks + http->n_socks, 0,
	       (n - http->n_socks) * sizeof(*socks));
	http->socks = socks;
	http->n_socks = n;
	return 0;
}

static struct aw__sock *
sock_of(struct aw_http *http, curl_socket_t fd)
{
	return fd >= 0 && (size_t)fd < http->n_socks ? http->socks[fd] : NULL;
}

void
aw__sock_free(struct aw__sock *sock)
{
	ready_remove(sock);
	aw_fd_free(sock->handle);
	sock->http->socks[sock->fd] = NULL;
	free(sock);
}

/* libcurl closes a socket that did not get connected without a word, and
 * says that it no longer wants to know about it only afterwards (7.88.1
 * lib/cf-socket.c, cf_socket_close()).  If the next address of the host then
 * gets the same number and the same wishes, it says nothing at all: so the
 * new socket takes over what was watched on the old one. */
static struct aw__sock *
sock_new(struct aw_http *http, int fd)
{
	struct aw__sock *sock, *stale = sock_of(http, fd);
	int want = stale ? stale->want : 0;

	if (stale)
		aw__sock_free(stale);
	if (socks_grow(http, fd))
		return NULL;
	sock = calloc(1, sizeof(*sock));
	if (!sock)
		return NULL;
	if (aw_fd_new(&sock->handle, fd)) {
		free(sock);
		return NULL;
	}
	sock->http = http;
	sock->fd = fd;
	http->socks[fd] = sock;
	watch(sock, want);
	return sock;
}

/* CURLOPT_OPENSOCKETFUNCTION: libcurl's own sockets are inherited by child
 * processes.  The last look at the address, after every lookup. */
curl_socket_t
aw__sock_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct aw_response *res = arg;
	struct aw_http *http = res->http;
	int fd;

	(void)purpose;
	if (http->public_only && !aw__is_public(&address->addr)) {
		res->stop = AW__STOP_POLICY;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family,
		    address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    address->protocol);
	if (fd < 0) {
		res->sys = errno;
		return CURL_SOCKET_BAD;
	}
	if (!sock_new(http, fd)) {
		res->sys = ENOMEM;
		close(fd);
		return CURL_SOCKET_BAD;
	}
	aw__multi_connecting(res);
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION.  The argument is the session: libcurl keeps
 * the one of a connection's first transfer, which may be gone. */
int
aw__sock_close(void *arg, curl_socket_t fd)
{
	struct aw__sock *sock = sock_of(arg, fd);

	if (sock)
		aw__sock_free(sock);
	return close(fd);
}

/* A socket between two transfers; one that never was connected is closed by
 * now, and its number may be somebody else's. */
static void
leave(struct aw__sock *sock)
{
	if (!sock->up) {
		aw__sock_free(sock);
		return;
	}
	ready_remove(sock);
	sock->idle = true;
	watch(sock, AW_FD_READ);
}

/* CURLMOPT_SOCKETFUNCTION.  Never fails: -1 would end every transfer.  Only
 * of a connected socket does libcurl want to read. */
int
aw__on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socketp)
{
	struct aw_http *http = arg;
	struct aw__sock *sock = sock_of(http, fd);
	int want = 0;

	(void)easy;
	(void)socketp;
	if (what == CURL_POLL_REMOVE) {
		if (sock)
			leave(sock);
		return 0;
	}
	if (!sock)
		sock = sock_new(http, fd);
	if (!sock)
		return 0;
	if (what & CURL_POLL_IN) {
		want |= AW_FD_READ;
		sock->up = true;
	}
	if (what & CURL_POLL_OUT)
		want |= AW_FD_WRITE;
	sock->idle = false;
	watch(sock, want);
	return 0;
}

/* An event to tell libcurl, taken from the list; NULL if there is none. */
struct aw__sock *
aw__sock_next(struct aw_http *http, int *ret_events)
{
	struct aw__sock *sock = http->ready;

	if (!sock)
		return NULL;
	*ret_events = sock->ready;
	ready_remove(sock);
	return sock;
}
