/* SPDX-License-Identifier: MIT */
/*
 * The begin and the end of broadcasts and subscribers (see broadcast.c).
 *
 * A released broadcast is closed; its memory stays until the last subscriber
 * and the last putter have left, a subscriber's until the last task has left
 * the call that it is within.
 */
#include "broadcast_private.h"

#define ITEM_MAX 65536
#define CAP_MAX 2147483647

/* Bytes of the items, and of all with the slots behind them. */
static bool
measure(size_t item, size_t cap, size_t *ret_items, size_t *ret_all)
{
	size_t items, slots;

	if (__builtin_mul_overflow(item, cap, &items) ||
	    __builtin_mul_overflow(sizeof(struct aw__slot), cap, &slots) ||
	    __builtin_add_overflow(items, 15, &items))
		return false;
	*ret_items = items & ~(size_t)15;
	return !__builtin_add_overflow(*ret_items, slots, ret_all) &&
	       !__builtin_add_overflow(*ret_all, sizeof(struct aw_broadcast),
				       ret_all);
}

static int
check(size_t item, size_t cap, const struct aw_broadcast_options *options)
{
	if (item < 1 || item > ITEM_MAX || cap < 1 || cap > CAP_MAX)
		return aw_fail(-EINVAL, "a broadcast of %zu items of %zu "
			       "bytes: 1..%d items of 1..%d bytes are possible",
			       cap, item, CAP_MAX, ITEM_MAX);
	if ((unsigned)options->overflow > AW_OVERFLOW_DROP_LATEST)
		return aw_fail(-EINVAL, "a broadcast with .overflow = %d",
			       (int)options->overflow);
	return 0;
}

int
aw_broadcast_new_with(struct aw_broadcast **ret, size_t item, size_t cap,
		      const struct aw_broadcast_options *options)
{
	struct aw_broadcast_options o = { 0 };
	struct aw_broadcast *b = NULL;
	size_t items, all;
	int r;

	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	r = check(item, cap, &o);
	if (r < 0)
		return r;
	if (measure(item, cap, &items, &all))
		b = aw__malloc(all);
	if (!b)
		return aw_fail(-ENOMEM, "no memory for a broadcast of %zu "
			       "items of %zu bytes", cap, item);
	memset(b, 0, sizeof *b);
	b->item = item;
	b->cap = cap;
	b->overflow = o.overflow;
	b->replay = o.replay;
	b->slots = (void *)(b->items + items);
	*ret = b;
	return 0;
}

void
aw__broadcast_free_if_over(struct aw_broadcast *b)
{
	if (b->released && b->n_inside == 0 && !b->subscribers)
		aw__free(b);
}

void
aw_broadcast_free(struct aw_broadcast *broadcast)
{
	if (!broadcast)
		return;
	aw_broadcast_close(broadcast);
	broadcast->released = true;
	aw__broadcast_free_if_over(broadcast);
}

void
aw_broadcast_freep(struct aw_broadcast **broadcast)
{
	aw_broadcast_free(*broadcast);
	*broadcast = NULL;
}

/* What the ring still holds is wanted again, from the oldest. */
static void
begin_again(struct aw_subscriber *s)
{
	struct aw_broadcast *b = s->broadcast;
	uint64_t number;

	s->at = aw__oldest(b);
	if (s->at < b->next)
		s->refused = aw__slot_of(b, s->at)->refused;
	for (number = s->at; number < b->next; number++)
		aw__slot_of(b, number)->left++;
	if (s->at < b->first)
		b->first = s->at;
}

int
aw_subscriber_new(struct aw_subscriber **ret, struct aw_broadcast *broadcast)
{
	struct aw_subscriber *s = aw__calloc(1, sizeof *s);

	if (!s)
		return aw_fail(-ENOMEM, "no memory for a subscriber");
	s->broadcast = broadcast;
	s->at = broadcast->next;
	s->refused = broadcast->refused;
	s->next = broadcast->subscribers;
	if (s->next)
		s->next->prev = &s->next;
	s->prev = &broadcast->subscribers;
	broadcast->subscribers = s;
	broadcast->n_subscribers++;
	if (broadcast->replay)
		begin_again(s);
	*ret = s;
	return 0;
}

static void
leave(struct aw_subscriber *s)
{
	struct aw_broadcast *b = s->broadcast;
	uint64_t number = s->at < aw__oldest(b) ? aw__oldest(b) : s->at;

	for (; number < b->next; number++)
		aw__slot_of(b, number)->left--;
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	b->n_subscribers--;
	aw__broadcast_make_room(b);
	aw__broadcast_free_if_over(b);
}

void
aw_subscriber_free(struct aw_subscriber *subscriber)
{
	struct aw__wait_node *node;

	if (!subscriber)
		return;
	node = subscriber->waiting;
	if (node) {
		aw__subscriber_step_out(subscriber, node);
		aw__wake(&node->wait, AW_ECLOSED);
	}
	subscriber->freed = true;
	leave(subscriber);
	if (subscriber->n_inside == 0)
		aw__free(subscriber);
}

void
aw_subscriber_freep(struct aw_subscriber **subscriber)
{
	aw_subscriber_free(*subscriber);
	*subscriber = NULL;
}

/* --- Seen from outside ------------------------------------------------- */

/* Who has still to read the oldest item holds the putters up. */
static void
describe_putters(struct aw__sink *sink, const struct aw_broadcast *b)
{
	size_t left = aw__slot_of(b, b->first)->left;

	aw__sink_add(sink, ", full, room for %zu, the oldest item is unread "
		     "by %zu, ", b->cap, left);
	aw__describe_line(sink, b->putters.head);
	aw__sink_add(sink, " to put");
}

void
aw__broadcast_describe(struct aw__sink *sink, const struct aw_broadcast *b)
{
	aw__sink_add(sink, " %p (%zu %s", (const void *)b, b->n_subscribers,
		     b->n_subscribers == 1 ? "subscriber" : "subscribers");
	if (b->putters.head)
		describe_putters(sink, b);
	if (b->readers.head) {
		aw__sink_add(sink, ", ");
		aw__describe_line(sink, b->readers.head);
		aw__sink_add(sink, " for the next item");
	}
	aw__sink_add(sink, ")");
}
