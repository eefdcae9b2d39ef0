/* SPDX-License-Identifier: MIT */
/*
 * echo_load PORT CONNECTIONS BYTES SECONDS - who talks to the echo servers
 *
 * Every connection sends its bytes, waits until they have come back, compares
 * them and sends again. One thread and epoll, with nothing between it and the
 * system, so that the server is what is measured. The clock starts when every
 * connection has had one answer; it ends with the line of bench/common.h.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256

static char *sent, *came;		/* what is said, what comes */
static int size;
static int *got;			/* bytes come back, by descriptor */
static long long done;
static int open_ones;			/* have an answer to get */
static int over;

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
say(int fd)
{
	got[fd] = 0;
	if (send(fd, sent, (size_t)size, MSG_NOSIGNAL) != size)
		fail("send");
}

/* Once for every readiness: what is left is told again. */
static void
hear(int fd)
{
	ssize_t n = recv(fd, came, (size_t)(size - got[fd]), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		fail("recv");
	if (memcmp(came, sent + got[fd], (size_t)n) != 0)
		fail("other bytes came back");
	got[fd] += (int)n;
	if (got[fd] < size)
		return;
	done++;
	if (!over)
		say(fd);
	else
		open_ones--;
}

static void
turn(int epoll)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll, events, EVENTS, 1000), i;

	if (n < 0 && errno != EINTR)
		fail("epoll_wait");
	for (i = 0; i < n; i++)
		hear(events[i].data.fd);
}

static int
connect_to(int port, int epoll)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	in.sin_port = htons((uint16_t)port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	event.data.fd = fd;
	if (fd < 0 || connect(fd, (void *)&in, sizeof in) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("connect");
	return fd;
}

static void
prepare(int port, int n, int epoll)
{
	int *fds = malloc((size_t)n * sizeof *fds), i;

	sent = malloc((size_t)size);
	came = malloc((size_t)size);
	if (!fds || !sent || !came)
		fail("malloc");
	for (i = 0; i < size; i++)
		sent[i] = (char)(i * 7);
	for (i = 0; i < n; i++)
		fds[i] = connect_to(port, epoll);
	got = calloc((size_t)fds[n - 1] + 1, sizeof *got);
	if (!got)
		fail("malloc");
	for (i = 0; i < n; i++)
		say(fds[i]);
	open_ones = n;
	free(fds);
	while (done < n)
		turn(epoll);
}

int
main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), n;
	double begin, end;

	if (argc != 5) {
		fprintf(stderr, "usage: echo_load PORT CONNECTIONS BYTES "
			"SECONDS\n");
		return 2;
	}
	n = (int)strtol(argv[2], NULL, 10);
	size = (int)strtol(argv[3], NULL, 10);
	if (epoll < 0 || n < 1 || size < 1)
		fail("arguments");
	prepare((int)strtol(argv[1], NULL, 10), n, epoll);
	done = 0;
	begin = now();
	end = begin + strtod(argv[4], NULL);
	while (now() < end)
		turn(epoll);
	printf("{\"ops\":%lld,\"seconds\":%.6f}\n", done, now() - begin);
	over = 1;		/* the end of a connection must be no reset */
	while (open_ones > 0)
		turn(epoll);
	return 0;
}
