/* SPDX-License-Identifier: MIT */
/* Broadcasts as broadcast.c, broadcast_life.c and select.c see them. */
#ifndef AW__BROADCAST_PRIVATE_H
#define AW__BROADCAST_PRIVATE_H

#include <await/broadcast.h>
#include <await/sync.h>

#include "runtime.h"

struct aw__slot {
	uint64_t refused;		/* by the policy, before this item */
	size_t left;			/* subscribers who have not read it */
};

struct aw_broadcast {
	size_t item;			/* bytes of one */
	size_t cap;
	enum aw_overflow overflow;
	bool replay;
	bool closed;
	bool released;
	uint64_t next;			/* the number of the next item */
	uint64_t first;			/* the oldest that is still wanted */
	uint64_t refused;		/* by AW_OVERFLOW_DROP_LATEST, ever */
	struct aw_waiters readers;	/* data: the subscriber */
	struct aw_waiters putters;	/* data: the item */
	struct aw_subscriber *subscribers;
	size_t n_subscribers;
	size_t n_inside;		/* tasks within aw_broadcast_put() */
	struct aw__slot *slots;
	unsigned char items[] __attribute__((aligned(16)));
};

struct aw_subscriber {
	struct aw_broadcast *broadcast;
	struct aw_subscriber *next, **prev;
	uint64_t at;			/* the number it reads next */
	uint64_t refused;		/* as far as it has been told */
	uint64_t missed;		/* and nobody has asked yet */
	struct aw__wait_node *waiting;
	void *ret;			/* of who waits */
	size_t n_inside;		/* tasks within a call */
	bool freed;
};

static inline struct aw__slot *
aw__slot_of(const struct aw_broadcast *b, uint64_t number)
{
	return &b->slots[number % b->cap];
}

/* The oldest number that the ring still holds, wanted or not. */
static inline uint64_t
aw__oldest(const struct aw_broadcast *b)
{
	return b->next > b->cap ? b->next - b->cap : 0;
}

/* Somebody has read: first moves on, and putters come in. */
void aw__broadcast_make_room(struct aw_broadcast *b);
void aw__broadcast_free_if_over(struct aw_broadcast *b);

/* For aw_select(). 0; AW_ECLOSED; -EAGAIN; -EBUSY. Records no failure. */
int aw__subscriber_try(struct aw_subscriber *subscriber, void *ret);
/* 0; -EBUSY. The wait's value is then 0 or AW_ECLOSED. */
int aw__subscriber_line_up(struct aw_subscriber *subscriber, void *ret,
			   struct aw__wait_node *node);
void aw__subscriber_step_out(struct aw_subscriber *subscriber,
			     struct aw__wait_node *node);
void aw__subscriber_hold(struct aw_subscriber *subscriber);
void aw__subscriber_let_go(struct aw_subscriber *subscriber);

#endif
