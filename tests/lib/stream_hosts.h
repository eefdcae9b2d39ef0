/* SPDX-License-Identifier: MIT */
/*
 * stream_hosts.h - hosts on loopback that answer, refuse, or are silent, and
 * a getaddrinfo() that takes the place of the C library's: every name has the
 * addresses that the case wants, and can hang.
 */
#ifndef TESTS_STREAM_HOSTS_H
#define TESTS_STREAM_HOSTS_H

#include <arpa/inet.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "stream_pair.h"

/* --- Names ------------------------------------------------------------- */

static const char *addresses[8];	/* of every name */
static sem_t gate;
static bool hangs;
static atomic_int n_asked;

int
getaddrinfo(const char *host, const char *service,
	    const struct addrinfo *hints, struct addrinfo **ret)
{
	struct list {
		struct addrinfo info;
		struct sockaddr_storage at;
	} *list;
	int i;

	(void)host;
	(void)service;
	(void)hints;
	atomic_fetch_add(&n_asked, 1);
	while (hangs && sem_wait(&gate) != 0)
		;
	for (i = 0; addresses[i]; i++)
		;
	if (i == 0)
		return EAI_NONAME;
	for (*ret = NULL; i-- > 0;) {
		struct sockaddr_in *in;

		list = calloc(1, sizeof *list);
		in = (void *)&list->at;
		list->info.ai_family = in->sin_family = AF_INET;
		inet_pton(AF_INET, addresses[i], &in->sin_addr);
		list->info.ai_addr = (void *)in;
		list->info.ai_addrlen = sizeof *in;
		list->info.ai_socktype = SOCK_STREAM;
		list->info.ai_next = *ret;
		*ret = &list->info;
	}
	return 0;
}

void
freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}

/* --- Hosts on loopback ------------------------------------------------- */

#define DEAD "127.0.0.2"		/* swallows what is sent to it */
#define ALIVE "127.0.0.3"
#define REFUSES "127.0.0.4"

static int dead, alive, fillers[4];
static int port;

static int
listen_on(const char *host, int at, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof in;

	inet_pton(AF_INET, host, &in.sin_addr);
	in.sin_port = htons((uint16_t)at);
	if (bind(fd, (void *)&in, sizeof in) || listen(fd, backlog) ||
	    getsockname(fd, (void *)&in, &size)) {
		close(fd);
		return -1;
	}
	port = ntohs(in.sin_port);
	return fd;
}

/* A host whose backlog is full answers no SYN. */
static void
fill(const char *host)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	inet_pton(AF_INET, host, &in.sin_addr);
	in.sin_port = htons((uint16_t)port);
	for (size_t i = 0; i < AW_LENGTH(fillers); i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
				    SOCK_CLOEXEC, 0);
		aw_ignore(connect(fillers[i], (void *)&in, sizeof in));
	}
}

static void
setup(void)
{
	sem_init(&gate, 0, 0);
	hangs = false;
	atomic_store(&n_asked, 0);
	do {			/* one port that is free on both */
		alive = listen_on(ALIVE, 0, 10);
		dead = listen_on(DEAD, port, 0);
		if (dead < 0)
			close(alive);
	} while (dead < 0);
	fill(DEAD);
}

static void
teardown(void)
{
	close(alive);
	close(dead);
	for (size_t i = 0; i < AW_LENGTH(fillers); i++)
		close(fillers[i]);
}

static void
name_is(const char *first, const char *second)
{
	addresses[0] = first;
	addresses[1] = second;
	addresses[2] = NULL;
}

#endif
