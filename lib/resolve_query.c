/* SPDX-License-Identifier: MIT */
/*
 * One query: getaddrinfo(), and its list brought into the order to try.
 *
 * AI_ADDRCONFIG is not used. It does not count the loopback interface, so
 * that a machine with, say, one IPv6 link and no other network cannot find
 * 127.0.0.1 for localhost; and what it is good for, the sorting by RFC 6724
 * that getaddrinfo() does anyway, puts what cannot be reached last.
 *
 * The families then alternate, beginning with the one that the system
 * prefers (RFC 8305, section 4), so that the second attempt does not repeat
 * a family that is broken as a whole.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "resolve.h"

#define ADDRESSES_MAX 64

void
aw__address_finish(struct aw_address *a)
{
	const void *sockaddr = &a->sockaddr;
	const struct sockaddr_in *in = sockaddr;
	const struct sockaddr_in6 *in6 = sockaddr;
	size_t n;

	a->family = in->sin_family;
	if (a->family == AF_INET) {
		a->size = sizeof *in;
		inet_ntop(AF_INET, &in->sin_addr, a->text, sizeof a->text);
		return;
	}
	a->size = sizeof *in6;
	inet_ntop(AF_INET6, &in6->sin6_addr, a->text, sizeof a->text);
	n = strlen(a->text);
	if (in6->sin6_scope_id)
		snprintf(a->text + n, sizeof a->text - n, "%%%u",
			 (unsigned)in6->sin6_scope_id);
}

static bool
usable(const struct addrinfo *info)
{
	return (info->ai_family == AF_INET &&
		info->ai_addrlen == sizeof(struct sockaddr_in)) ||
	       (info->ai_family == AF_INET6 &&
		info->ai_addrlen == sizeof(struct sockaddr_in6));
}

static bool
seen(const struct aw__answer *answer, const struct addrinfo *info)
{
	size_t i;

	for (i = 0; i < answer->n; i++)
		if (answer->at[i].family == info->ai_family &&
		    memcmp(&answer->at[i].sockaddr, info->ai_addr,
			   info->ai_addrlen) == 0)
			return true;
	return false;
}

/* Moves the first address from place at on that is of another family than
 * the one before into place; the others keep their order. */
static void
alternate(struct aw__answer *answer, size_t at)
{
	int before = answer->at[at - 1].family;
	struct aw_address moved;
	size_t i = at;

	while (i < answer->n && answer->at[i].family == before)
		i++;
	if (i == at || i == answer->n)
		return;
	moved = answer->at[i];
	memmove(&answer->at[at + 1], &answer->at[at],
		(i - at) * sizeof moved);
	answer->at[at] = moved;
}

static struct aw__answer *
answer_new(size_t room)
{
	struct aw__answer *answer;

	answer = aw__calloc(1, sizeof *answer + room * sizeof answer->at[0]);
	if (answer)
		answer->refs = 1;
	return answer;
}

static struct aw__answer *
gather_addresses(const struct addrinfo *list)
{
	const struct addrinfo *info;
	struct aw__answer *answer;
	size_t n = 0, i;

	for (info = list; info && n < ADDRESSES_MAX; info = info->ai_next)
		n += usable(info);
	answer = answer_new(n);
	if (!answer)
		return NULL;
	for (info = list; info && answer->n < n; info = info->ai_next) {
		if (!usable(info) || seen(answer, info))
			continue;
		memcpy(&answer->at[answer->n].sockaddr, info->ai_addr,
		       info->ai_addrlen);
		aw__address_finish(&answer->at[answer->n++]);
	}
	for (i = 1; i < answer->n; i++)
		alternate(answer, i);
	return answer;
}

static struct aw__answer *
failed(int eai, int error)
{
	struct aw__answer *answer = answer_new(0);

	if (answer) {
		answer->eai = eai;
		answer->error = error;
	}
	return answer;
}

/* A query that could not open its files or its socket has learned nothing of
 * the name, whatever it says: "not known" (EAI_NONAME) is what it makes of
 * EMFILE as often as EAI_SYSTEM. -errno; 0: the answer is one. */
static int
lack(int eai, int error)
{
	if (eai == EAI_MEMORY)
		return -ENOMEM;
	return error == EMFILE || error == ENFILE || error == ENOMEM ? -error
								     : 0;
}

static void
run(void *memory)
{
	struct aw__query *query = memory;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int eai;

	errno = 0;
	eai = getaddrinfo(query->host, NULL, &hints, &list);
	if (eai) {
		query->lack = lack(eai, errno);
		query->answer = query->lack ? NULL : failed(eai, errno);
	} else {
		query->answer = gather_addresses(list);
		freeaddrinfo(list);
	}
	if (!query->answer && !query->lack)
		query->lack = -ENOMEM;
	if (query->answer && !query->answer->eai && query->answer->n == 0)
		query->answer->eai = EAI_NONAME;
}

static void
discard(void *memory)
{
	struct aw__query *query = memory;

	aw__answer_unref(query->answer);
}

const struct aw_job_type aw__query_type = {
	.size = sizeof(struct aw__query),
	.run = run,
	.discard = discard,
};
