/* SPDX-License-Identifier: MIT */
/*
 * Items that every subscriber sees.
 *
 *	number   4   5   6   7   8   9
 *	            +---+---+---+---+
 *	            | e | f | g | h |		ring, cap = 4
 *	            +---+---+---+---+
 *	              ^       ^       ^
 *	             A.at    B.at   next, C.at: C waits in readers
 *	            first: the oldest that somebody has still to read
 *
 * An item has a number for ever and lies in the slot of that number modulo
 * cap. Each slot knows how many have still to read it; when the slot of first
 * comes to 0, first moves on, and a putter who waits is let in. It is full when
 * next - first = cap: then the policy decides.
 *
 * Whoever reads a number below next - cap was overtaken and missed the
 * difference. What AW_OVERFLOW_DROP_LATEST refuses has no number; a slot keeps
 * how many had been refused when it was written, the subscriber how many
 * when he last looked.
 *
 * As in a queue (queue.c) an item that meets a waiting subscriber is copied
 * into his own buffer at once, and an interrupted one is refused and still has
 * it to read. Nothing is allocated but by the two calls that make something.
 */
#include "broadcast_private.h"

/* --- The ring ---------------------------------------------------------- */

static unsigned char *
item_of(struct aw_broadcast *b, uint64_t number)
{
	return b->items + number % b->cap * b->item;
}

/* The subscriber's next item, which there must be. */
static void
take(struct aw_subscriber *s, void *ret)
{
	struct aw_broadcast *b = s->broadcast;
	struct aw__slot *slot;

	if (s->at < aw__oldest(b)) {
		s->missed += aw__oldest(b) - s->at;
		s->at = aw__oldest(b);
	}
	slot = aw__slot_of(b, s->at);
	s->missed += slot->refused - s->refused;
	s->refused = slot->refused;
	slot->left--;
	memcpy(ret, item_of(b, s->at), b->item);
	s->at++;
}

/* First moves on over what everybody has read. */
static void
settle(struct aw_broadcast *b)
{
	while (b->first < b->next && aw__slot_of(b, b->first)->left == 0)
		b->first++;
}

static bool
is_full(const struct aw_broadcast *b)
{
	return b->next - b->first == b->cap;
}

static void
store(struct aw_broadcast *b, const void *item)
{
	struct aw__slot *slot = aw__slot_of(b, b->next);
	struct aw__wait_node *node;
	struct aw_subscriber *s;

	memcpy(item_of(b, b->next), item, b->item);
	slot->refused = b->refused;
	slot->left = b->n_subscribers;
	b->next++;
	while ((node = aw__waiters_wake(&b->readers.head, &b->readers.tail,
					0)) != NULL) {
		s = node->data;
		take(s, s->ret);
	}
	settle(b);
}

void
aw__broadcast_make_room(struct aw_broadcast *b)
{
	struct aw_waiters *line = &b->putters;
	struct aw__wait_node *node;

	settle(b);
	while (line->head && !is_full(b)) {
		node = aw__waiters_wake(&line->head, &line->tail, 0);
		if (node)
			store(b, node->data);
	}
}

/* --- Putting ----------------------------------------------------------- */

/* Return: 0; AW_ECLOSED; -EAGAIN: full. Records no failure. */
static int
put_now(struct aw_broadcast *b, const void *item)
{
	if (b->closed)
		return AW_ECLOSED;
	if (is_full(b) && b->overflow == AW_OVERFLOW_WAIT)
		return -EAGAIN;
	if (is_full(b) && b->overflow == AW_OVERFLOW_DROP_LATEST) {
		b->refused++;
		return 0;
	}
	if (is_full(b))
		b->first++;
	store(b, item);
	return 0;
}

static int
fail_closed(void)
{
	return aw_fail(AW_ECLOSED, "the broadcast was closed");
}

static int
wait_for_room(struct aw_broadcast *b, struct aw_task *self, const void *item)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "room in a broadcast", b),
		.data = (void *)(uintptr_t)item		/* only read */
	};
	int r = aw__waiters_wait(&b->putters.head, &b->putters.tail, &node);

	return r < 0 ? r : node.wait.value;
}

int
aw_broadcast_put(struct aw_broadcast *broadcast, const void *item)
{
	struct aw_task *self;
	int r;

	broadcast->n_inside++;
	r = aw__enter(&self);
	if (r == 0) {
		r = put_now(broadcast, item);
		if (r == -EAGAIN)
			r = wait_for_room(broadcast, self, item);
		if (r == AW_ECLOSED)
			r = fail_closed();
	}
	broadcast->n_inside--;
	aw__broadcast_free_if_over(broadcast);
	return r;
}

int
aw_broadcast_try_put(struct aw_broadcast *broadcast, const void *item)
{
	int r = put_now(broadcast, item);

	if (r == AW_ECLOSED)
		return fail_closed();
	return r < 0 ? aw__fail_briefly(r, "room in a broadcast") : 0;
}

void
aw_broadcast_close(struct aw_broadcast *broadcast)
{
	struct aw_broadcast *b = broadcast;

	b->closed = true;
	while (b->readers.head)
		aw__waiters_wake(&b->readers.head, &b->readers.tail,
				 AW_ECLOSED);
	while (b->putters.head)
		aw__waiters_wake(&b->putters.head, &b->putters.tail,
				 AW_ECLOSED);
}

/* --- Reading ----------------------------------------------------------- */

/* Return: 0; AW_ECLOSED: and all was read; -EAGAIN; -EBUSY. Records no
 * failure. */
int
aw__subscriber_try(struct aw_subscriber *subscriber, void *ret)
{
	struct aw_broadcast *b = subscriber->broadcast;

	if (subscriber->waiting)
		return -EBUSY;
	if (subscriber->freed)
		return AW_ECLOSED;
	if (subscriber->at == b->next)
		return b->closed ? AW_ECLOSED : -EAGAIN;
	take(subscriber, ret);
	aw__broadcast_make_room(b);
	return 0;
}

int
aw__subscriber_line_up(struct aw_subscriber *subscriber, void *ret,
		       struct aw__wait_node *node)
{
	struct aw_waiters *line = &subscriber->broadcast->readers;

	if (subscriber->waiting)
		return -EBUSY;
	node->data = subscriber;
	subscriber->waiting = node;
	subscriber->ret = ret;
	aw__waiters_push(&line->head, &line->tail, node);
	return 0;
}

/* Once the subscriber is freed the line may be gone: then node is on none. */
void
aw__subscriber_step_out(struct aw_subscriber *subscriber,
			struct aw__wait_node *node)
{
	struct aw_waiters *line;

	if (node->linked) {
		line = &subscriber->broadcast->readers;
		aw__waiters_remove(&line->head, &line->tail, node);
	}
	subscriber->waiting = NULL;
}

void
aw__subscriber_hold(struct aw_subscriber *subscriber)
{
	subscriber->n_inside++;
}

void
aw__subscriber_let_go(struct aw_subscriber *subscriber)
{
	if (--subscriber->n_inside == 0 && subscriber->freed)
		aw__free(subscriber);
}

static int
wait_for_item(struct aw_subscriber *s, struct aw_task *self, void *ret)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "an item of a broadcast",
				      s->broadcast)
	};
	int r = aw__subscriber_line_up(s, ret, &node);

	if (r < 0)
		return r;
	r = aw__wait(&node.wait);
	aw__subscriber_step_out(s, &node);
	return r < 0 ? r : node.wait.value;
}

/* What a call returns for 0, AW_ECLOSED, -EBUSY and a failed wait. */
static int
report(struct aw_subscriber *s, int r, uint64_t *ret_missed)
{
	if (r == -EBUSY)
		return aw_fail(r, "another task waits for the next item of "
			       "this subscriber");
	if (r == AW_ECLOSED && s->freed)
		return aw_fail(r, "the subscriber was released");
	if (r < 0 && r != AW_ECLOSED)
		return r;
	if (r == AW_ECLOSED) {
		s->missed += s->broadcast->refused - s->refused;
		s->refused = s->broadcast->refused;
	}
	if (ret_missed) {
		*ret_missed = s->missed;
		s->missed = 0;
	}
	return r == 0;
}

int
aw_subscriber_next(struct aw_subscriber *subscriber, void *ret,
		   uint64_t *ret_missed)
{
	struct aw_task *self;
	int r;

	subscriber->n_inside++;
	r = aw__enter(&self);
	if (r == 0) {
		r = aw__subscriber_try(subscriber, ret);
		if (r == -EAGAIN)
			r = wait_for_item(subscriber, self, ret);
		r = report(subscriber, r, ret_missed);
	}
	aw__subscriber_let_go(subscriber);
	return r;
}

int
aw_subscriber_try_next(struct aw_subscriber *subscriber, void *ret,
		       uint64_t *ret_missed)
{
	int r = aw__subscriber_try(subscriber, ret);

	if (r == -EAGAIN)
		return aw__fail_briefly(r, "an item of a broadcast");
	return report(subscriber, r, ret_missed);
}
