/* SPDX-License-Identifier: MIT */
/*
 * limiter.c - how many transfers at once, per origin and in total.
 *
 * libcurl has such limits too, but there a transfer that waits has no
 * timeout, and one queue over all hosts lets a slow host hold up the others
 * (libcurl 7.88.1 lib/multi.c, pending handles; curl issues 13276, 18017).
 * So nothing is given to libcurl before it may run.
 *
 *	buckets -> host "http://a:80"  busy 2  head -> slot -> slot -> slot
 *	        -> host "http://b:80"  busy 1  head -> slot
 *	turn_head -> host b -> host a	those that wait and have room
 *
 * Within a host the oldest waiter goes first.  Among hosts that wait only
 * for the total, one each in turn: a host with a thousand waiters does not
 * starve the others, and everything is O(1).  A slot is handed over as it
 * is released; a waiter that was interrupted is not in the queue any more,
 * so no hand-over is lost.
 */
#include <stdlib.h>
#include <string.h>

#include <await/time.h>

#include "internal.h"

#define MOST_HOSTS 1024		/* kept when unused */

int
aw__limiter_init(struct aw__limiter *limiter, int per_host, int total)
{
	limiter->n_buckets = 256;
	limiter->buckets = calloc(limiter->n_buckets, sizeof(void *));
	limiter->max_per_host = per_host;
	limiter->max_total = total;
	return limiter->buckets ? 0 : -ENOMEM;
}

static void
host_free(struct aw__host *host)
{
	free(host->origin);
	free(host->fed);
	free(host);
}

void
aw__limiter_fini(struct aw__limiter *limiter)
{
	for (size_t i = 0; limiter->buckets && i < limiter->n_buckets; i++) {
		struct aw__host *host = limiter->buckets[i], *next;

		for (; host; host = next) {
			next = host->next;
			host_free(host);
		}
	}
	free(limiter->buckets);
	limiter->buckets = NULL;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static struct aw__host **
bucket_of(struct aw__limiter *limiter, const char *origin)
{
	uint32_t hash = 2166136261u;

	for (; *origin; origin++)
		hash = (hash ^ (unsigned char)*origin) * 16777619u;
	return &limiter->buckets[hash % limiter->n_buckets];
}

/* Too many hosts were met: forget those that nobody uses. */
static void
sweep(struct aw__limiter *limiter)
{
	for (size_t i = 0; i < limiter->n_buckets; i++) {
		struct aw__host **at = &limiter->buckets[i];

		while (*at) {
			struct aw__host *host = *at;

			if (host->busy || host->head || host->has_turn) {
				at = &host->next;
				continue;
			}
			*at = host->next;
			limiter->n_hosts--;
			host_free(host);
		}
	}
}

static struct aw__host *
host_new(struct aw__limiter *limiter, const char *origin)
{
	struct aw__host *host, **bucket;

	if (limiter->n_hosts >= MOST_HOSTS)
		sweep(limiter);
	host = calloc(1, sizeof(*host));
	if (!host)
		return NULL;
	host->origin = strdup(origin);
	if (!host->origin) {
		free(host);
		return NULL;
	}
	bucket = bucket_of(limiter, origin);
	host->next = *bucket;
	*bucket = host;
	limiter->n_hosts++;
	return host;
}

static struct aw__host *
host_of(struct aw__limiter *limiter, const char *origin)
{
	struct aw__host *host = *bucket_of(limiter, origin);

	while (host && strcmp(host->origin, origin) != 0)
		host = host->next;
	return host ? host : host_new(limiter, origin);
}

static void
turn_push(struct aw__limiter *limiter, struct aw__host *host)
{
	host->has_turn = true;
	host->turn_next = NULL;
	if (limiter->turn_tail)
		limiter->turn_tail->turn_next = host;
	else
		limiter->turn_head = host;
	limiter->turn_tail = host;
}

static struct aw__host *
turn_pop(struct aw__limiter *limiter)
{
	struct aw__host *host = limiter->turn_head;

	limiter->turn_head = host->turn_next;
	if (!limiter->turn_head)
		limiter->turn_tail = NULL;
	host->has_turn = false;
	return host;
}

static void
queue_push(struct aw__host *host, struct aw__slot *slot)
{
	slot->next = NULL;
	slot->prev = host->tail;
	if (host->tail)
		host->tail->next = slot;
	else
		host->head = slot;
	host->tail = slot;
	slot->waiting = true;
}

static void
queue_remove(struct aw__host *host, struct aw__slot *slot)
{
	if (slot->prev)
		slot->prev->next = slot->next;
	else
		host->head = slot->next;
	if (slot->next)
		slot->next->prev = slot->prev;
	else
		host->tail = slot->prev;
	slot->waiting = false;
}

static void
hold(struct aw__limiter *limiter, struct aw__slot *slot)
{
	slot->held = true;
	slot->host->busy++;
	limiter->busy++;
}

/* A host may want its turn: it waits, has room, and is not in line. */
static void
line_up(struct aw__limiter *limiter, struct aw__host *host)
{
	if (host->head && !host->has_turn &&
	    host->busy < limiter->max_per_host)
		turn_push(limiter, host);
}

/* Hands free slots to those whose turn it is. */
static void
grant(struct aw__limiter *limiter)
{
	while (limiter->busy < limiter->max_total && limiter->turn_head) {
		struct aw__host *host = turn_pop(limiter);
		struct aw__slot *slot = host->head;

		if (!slot || host->busy >= limiter->max_per_host)
			continue;
		queue_remove(host, slot);
		if (aw_waiter_complete(&slot->waiter, slot->ticket, 0))
			hold(limiter, slot);
		line_up(limiter, host);
	}
}

static int
wait_in_line(struct aw__limiter *limiter, struct aw__slot *slot,
	     double seconds)
{
	int value = 0, r;

	AW_BUDGET(seconds);
	slot->ticket = aw_waiter_begin(&slot->waiter);
	queue_push(slot->host, slot);
	line_up(limiter, slot->host);
	r = aw_waiter_wait(&slot->waiter, &value,
			   "a free transfer (limits per host and in total)",
			   limiter);
	if (r && slot->waiting)
		queue_remove(slot->host, slot);
	if (!r && value)
		r = aw_fail(value, "the session was closed");
	return r;
}

/* Takes a slot of @origin, waiting so long for it if need be; @waited
 * grows. */
int
aw__limiter_enter(struct aw__limiter *limiter, struct aw__slot *slot,
		  const char *origin, double seconds, double *waited)
{
	struct aw__host *host = host_of(limiter, origin);
	double start;
	int r;

	if (!host)
		return aw_fail(-ENOMEM, "no memory for a host");
	slot->host = host;
	if (!host->head && host->busy < limiter->max_per_host &&
	    limiter->busy < limiter->max_total) {
		hold(limiter, slot);
		return 0;
	}
	start = aw_now();
	r = wait_in_line(limiter, slot, seconds);
	*waited += aw_now() - start;
	return r;
}

void
aw__limiter_leave(struct aw__limiter *limiter, struct aw__slot *slot)
{
	struct aw__host *host = slot->host;

	if (!slot->held)
		return;
	slot->held = false;
	slot->host = NULL;
	host->busy--;
	limiter->busy--;
	line_up(limiter, host);
	grant(limiter);
}

/* The session closes: everyone who waits fails. */
void
aw__limiter_fail(struct aw__limiter *limiter, int code)
{
	for (size_t i = 0; limiter->buckets && i < limiter->n_buckets; i++) {
		struct aw__host *host = limiter->buckets[i];

		for (; host; host = host->next) {
			while (host->head) {
				struct aw__slot *slot = host->head;

				queue_remove(host, slot);
				aw_waiter_complete(&slot->waiter,
						   slot->ticket, code);
			}
		}
	}
}
