/* SPDX-License-Identifier: MIT */
/*
 * stream_pair.h - a stream, and the other side of it as a plain socket.
 *
 *	static int
 *	reads_it(void *arg)
 *	{
 *		say("hello");		the peer writes
 *		chunk();		notes "hello"
 *		return 0;
 *	}
 *	...
 *	ck_assert_int_eq(run_pair(reads_it), 0);
 *
 * The clock is the real one: the test clock stands still while a task waits
 * for a descriptor.
 */
#ifndef TESTS_STREAM_PAIR_H
#define TESTS_STREAM_PAIR_H

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tasks.h"

static struct aw_stream *stream;
static int peer = -1;		/* blocking */

static inline int
plain_run(int (*fn)(void *arg), void *arg)
{
	forget_notes();
	return aw_run(fn, arg, .no_signals = true);
}

/* Two ends of a TCP connection over loopback. */
static inline int
tcp_pair(int ends[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof in;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (void *)&in, sizeof in) ||
	    listen(listener, 1) ||
	    getsockname(listener, (void *)&in, &size))
		return -errno;
	ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ends[1] < 0 || connect(ends[1], (void *)&in, sizeof in))
		return -errno;
	ends[0] = accept(listener, NULL, NULL);
	close(listener);
	return ends[0] < 0 ? -errno : 0;
}

static inline int
unix_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0
		? -errno : 0;
}

static inline void
hang_up(void)
{
	if (peer >= 0)
		close(peer);
	peer = -1;
}

struct pair_case {
	int (*make)(int ends[2]);
	int (*fn)(void *arg);
	int64_t limit, high;
};

static inline int
in_pair(void *arg)
{
	const struct pair_case *c = arg;
	int ends[2] = { -1, -1 }, r;

	AW_TRY(c->make(ends));
	peer = ends[1];
	AW_TRY(aw_stream_from_fd(&stream, ends[0], .limit = c->limit,
				 .high = c->high));
	r = c->fn(NULL);
	aw_stream_abort(&stream);
	hang_up();
	return r;
}

static inline int
run_limited(int (*fn)(void *arg), int64_t limit, int64_t high)
{
	return plain_run(in_pair, &(struct pair_case){ unix_pair, fn, limit,
						       high });
}

static inline int
run_pair(int (*fn)(void *arg))
{
	return run_limited(fn, 0, 0);
}

static inline int
run_tcp(int (*fn)(void *arg))
{
	return plain_run(in_pair, &(struct pair_case){ tcp_pair, fn, 0, 0 });
}

/* The peer writes; its bytes fit into the socket. */
static inline void
say(const char *text)
{
	if (write(peer, text, strlen(text)) != (ssize_t)strlen(text))
		note("the peer could not write");
}

/* What has reached the peer, or "-". */
static inline void
heard(void)
{
	char text[256];
	ssize_t n = recv(peer, text, sizeof text - 1, MSG_DONTWAIT);

	if (n < 0)
		note("heard %s", errno == EAGAIN ? "-" : strerror(errno));
	else
		note("heard %.*s", (int)n, text);
}

static inline void
noted_bytes(int r, struct aw_bytes bytes)
{
	if (r < 0)
		note("%s", name(r));
	else
		note("%d %.*s", r, AW_ARG(bytes));
}

static inline void
chunk(void)
{
	struct aw_bytes bytes = { "", 0 };
	int r = aw_stream_chunk(stream, &bytes);

	noted_bytes(r, bytes);
}

static inline void
line(void)
{
	struct aw_bytes bytes = { "", 0 };
	int r = aw_stream_line(stream, &bytes);

	noted_bytes(r, bytes);
}

static inline void
until(const char *delimiter)
{
	struct aw_bytes bytes = { "", 0 };
	int r = aw_stream_until(stream, &bytes, aw_text(delimiter));

	noted_bytes(r, bytes);
}

static inline void
exactly(size_t n)
{
	struct aw_bytes bytes = { "", 0 };
	int r = aw_stream_exactly(stream, &bytes, n);

	noted_bytes(r, bytes);
}

static inline void
put(const char *text)
{
	int r = aw_stream_write(stream, aw_text(text));

	if (r < 0)
		note("%s", name(r));
}

/* Reads n bytes of the peer in a thread's stead: small reads, and turns of
 * the loop between them. The number that came before the end. */
static inline size_t
drain_peer(size_t n)
{
	static char buf[65536];
	size_t got = 0;

	while (got < n) {
		ssize_t r = recv(peer, buf, sizeof buf, MSG_DONTWAIT);

		if (r == 0 || (r < 0 && errno != EAGAIN))
			break;
		if (r > 0)
			got += (size_t)r;
		else if (aw_sleep(0.0001) < 0)
			break;
	}
	return got;
}

#endif
