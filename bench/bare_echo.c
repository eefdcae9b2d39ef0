/* SPDX-License-Identifier: MIT */
/*
 * The limit for echo: libev, a watcher for each connection, one recv and one
 * send for each message, and no state at all: what the socket does not take
 * at once would be a failure.
 */
#include "echo_start.h"

#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int n_connections;

static void
end(struct ev_loop *loop, ev_io *w)
{
	ev_io_stop(loop, w);
	close(w->fd);
	free(w);
	if (--n_connections == 0)
		ev_break(loop, EVBREAK_ALL);
}

static void
on_bytes(struct ev_loop *loop, ev_io *w, int events)
{
	static char buf[65536];
	ssize_t n = recv(w->fd, buf, sizeof buf, 0);

	(void)events;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		end(loop, w);
	else if (send(w->fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
		bench_fail("send", strerror(errno));
}

static void
on_connection(struct ev_loop *loop, ev_io *w, int events)
{
	int fd, one = 1;

	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		ev_io *io = malloc(sizeof *io);

		if (!io)
			bench_fail("malloc", "no memory");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		ev_io_init(io, on_bytes, fd, EV_READ);
		ev_io_start(loop, io);
		n_connections++;
	}
}

static int
listen_here(int *ret_port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (void *)&in, sizeof in) || listen(fd, 4096) ||
	    getsockname(fd, (void *)&in, &size))
		bench_fail("listen", strerror(errno));
	*ret_port = ntohs(in.sin_port);
	return fd;
}

int
main(int argc, char **argv)
{
	struct ev_loop *loop = ev_default_loop(0);
	struct bench_options opt;
	ev_io listener;
	int fd, port;

	bench_options_parse(&opt, argc, argv);
	fd = listen_here(&port);
	ev_io_init(&listener, on_connection, fd, EV_READ);
	ev_io_start(loop, &listener);
	echo_start(&opt, port);
	ev_run(loop, 0);
	return 0;
}
