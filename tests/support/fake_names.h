/* SPDX-License-Identifier: MIT */
/*
 * fake_names.h - a getaddrinfo() that takes the place of the C library's, so
 * that names can hang, fail and be counted.
 */
#ifndef TESTS_FAKE_NAMES_H
#define TESTS_FAKE_NAMES_H

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <await/base.h>

static sem_t began, gate;
static atomic_int n_asked;

static struct addrinfo *
answer(struct addrinfo *next, const char *text)
{
	struct {
		struct addrinfo info;
		struct sockaddr_in6 at;		/* the larger one */
	} *a = calloc(1, sizeof *a);
	struct sockaddr_in *in = (void *)&a->at;

	if (!a)
		abort();
	a->info.ai_next = next;
	a->info.ai_addr = (void *)&a->at;
	a->info.ai_socktype = SOCK_STREAM;
	if (strchr(text, ':')) {
		a->info.ai_family = a->at.sin6_family = AF_INET6;
		a->info.ai_addrlen = sizeof a->at;
		inet_pton(AF_INET6, text, &a->at.sin6_addr);
	} else {
		a->info.ai_family = in->sin_family = AF_INET;
		a->info.ai_addrlen = sizeof *in;
		inet_pton(AF_INET, text, &in->sin_addr);
	}
	return &a->info;
}

static int
list_of(const char *const *texts, size_t n, struct addrinfo **ret)
{
	*ret = NULL;
	while (n-- > 0)
		*ret = answer(*ret, texts[n]);
	return 0;
}

int
getaddrinfo(const char *host, const char *service,
	    const struct addrinfo *hints, struct addrinfo **ret)
{
	static const char *const both[] = { "2001:db8::1", "2001:db8::2",
		"2001:db8::3", "192.0.2.1", "192.0.2.1", "192.0.2.2" };
	static const char *const one[] = { "192.0.2.7" };

	(void)service;
	(void)hints;
	atomic_fetch_add(&n_asked, 1);
	if (strcmp(host, "both.test") == 0)
		return list_of(both, AW_LENGTH(both), ret);
	if (strcmp(host, "missing.test") == 0)
		return EAI_NONAME;
	if (strcmp(host, "memory.test") == 0)
		return EAI_MEMORY;
	if (strcmp(host, "system.test") == 0) {
		errno = EIO;
		return EAI_SYSTEM;
	}
	if (strcmp(host, "lacking.test") == 0) {
		errno = ENFILE;
		return EAI_SYSTEM;
	}
	if (strcmp(host, "unopened.test") == 0) {
		errno = EMFILE;
		return EAI_NONAME;
	}
	if (strncmp(host, "slow", 4) == 0) {
		sem_post(&began);
		while (sem_wait(&gate) != 0)
			;
	}
	return list_of(one, 1, ret);
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

#endif
