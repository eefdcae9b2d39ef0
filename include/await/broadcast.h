/* SPDX-License-Identifier: MIT */
/*
 * broadcast.h - items that every subscriber sees, in the order of the puts.
 *
 *	aw_broadcast_new(&prices, sizeof(struct price), 64,
 *			 .overflow = AW_OVERFLOW_DROP_OLDEST);
 *	...
 *	aw_subscriber_new(&mine, prices);
 *	while ((r = aw_subscriber_next(mine, &price, &missed)) > 0)
 *		...
 *
 * One item is stored once, however many read it.  At most so many items are
 * held as there is room for; what happens to one more while the slowest
 * subscriber has not read the oldest is the overflow policy.  Whoever missed
 * items is told how many.
 *
 * Only the latest value counts (a configuration, a state): room for one item,
 * AW_OVERFLOW_DROP_OLDEST, and .replay, so that who comes late begins with it.
 */
#ifndef AWAIT_BROADCAST_H
#define AWAIT_BROADCAST_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_broadcast;
struct aw_subscriber;

/* What a put does when there is no room. */
enum aw_overflow {
	AW_OVERFLOW_WAIT,		/* for the slowest subscriber */
	AW_OVERFLOW_DROP_OLDEST,	/* who has not read it misses it */
	AW_OVERFLOW_DROP_LATEST		/* everybody misses the new item */
};

/* Options of aw_broadcast_new(). */
struct aw_broadcast_options {
	size_t size;
	struct aw_named *named;
	enum aw_overflow overflow;
	bool replay;		/* who subscribes begins with the last items
				 * that were put, as many as there is room
				 * for, and not with the next */
	void *spare[4];
};

#ifndef __cplusplus
#define aw_broadcast_new(ret, item, cap, ...) \
	aw_broadcast_new_with((ret), (item), (cap), \
		&(struct aw_broadcast_options){ \
			.size = sizeof(struct aw_broadcast_options), \
			__VA_ARGS__ })
#endif

/**
 * aw_broadcast_new_with - a broadcast
 * @ret: new; release it with aw_broadcast_free()
 * @item: bytes of an item, 1..65536
 * @cap: number of items it holds, 1..2^31-1; all memory is taken at once
 * @options: may be NULL
 *
 * Return: 0; -EINVAL; -ENOMEM.
 * Lifetime: belongs to the loop on which it is first waited for.
 * Context: any thread.
 * Source: tokio, sync::broadcast and sync::watch.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_broadcast_new_with(struct aw_broadcast **ret, size_t item, size_t cap,
		      const struct aw_broadcast_options *options);

/**
 * aw_broadcast_free - release a broadcast
 * @broadcast: may be NULL; it is closed, and its memory lives until its last
 * subscriber has been released, who can read what is still there
 *
 * Return: nothing.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_broadcast_free(struct aw_broadcast *broadcast);

/**
 * aw_broadcast_freep - aw_broadcast_free() for AW_AUTO
 * @broadcast: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_broadcast_freep(struct aw_broadcast **broadcast);

/**
 * aw_broadcast_put - give an item to every subscriber
 * @broadcast: with no subscriber the item is gone at once, but for .replay
 * @item: copied when there is room
 *
 * Awaits; cancel point.  It waits under AW_OVERFLOW_WAIT only, oldest putter
 * first.
 *
 * Return: 0 (also when the policy drops the item); AW_ECLOSED; -ECANCELED;
 * -ETIME; -ETIMEDOUT (a budget); -EDEADLK; AW_EUSAGE; -ENOMEM.  After a
 * failure nobody sees the item.
 * Lifetime: @item is not kept.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_broadcast_put(struct aw_broadcast *broadcast, const void *item);

/**
 * aw_broadcast_try_put - give an item to every subscriber, without waiting
 * @broadcast: the broadcast
 * @item: copied
 *
 * Return: 0 (also when the policy drops the item); -EAGAIN (no room, under
 * AW_OVERFLOW_WAIT); AW_ECLOSED.
 * Lifetime: @item is not kept.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_broadcast_try_put(struct aw_broadcast *broadcast,
					      const void *item);

/**
 * aw_broadcast_close - no more puts; wake everybody
 * @broadcast: closing again does nothing
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_broadcast_close(struct aw_broadcast *broadcast);

/**
 * aw_subscriber_new - see every item from now on
 * @ret: new; release it with aw_subscriber_free()
 * @broadcast: may be closed
 *
 * Return: 0; -ENOMEM.
 * Lifetime: keeps the broadcast's memory, not the broadcast, alive.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_subscriber_new(struct aw_subscriber **ret,
					   struct aw_broadcast *broadcast);

/**
 * aw_subscriber_free - see no more items
 * @subscriber: may be NULL; a wait in progress ends with AW_ECLOSED; nobody
 * waits for it any more
 *
 * Return: nothing.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_subscriber_free(struct aw_subscriber *subscriber);

/**
 * aw_subscriber_freep - aw_subscriber_free() for AW_AUTO
 * @subscriber: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_subscriber_freep(struct aw_subscriber **subscriber);

/**
 * aw_subscriber_next - the next item, waiting for one
 * @subscriber: one task at a time
 * @ret: room for an item
 * @ret_missed: how many items were dropped before this one, or before the
 * end, since this was last asked; may be NULL
 *
 * Awaits; cancel point.
 *
 * Return: 1 (got one); 0 (closed, and all was read); AW_ECLOSED (@subscriber
 * was released); -EBUSY (another task waits); -ECANCELED; -ETIME; -ETIMEDOUT
 * (a budget); -EDEADLK; AW_EUSAGE; -ENOMEM.  After a failure nothing is lost.
 * Lifetime: the item is the caller's.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_subscriber_next(struct aw_subscriber *subscriber, void *ret,
		   uint64_t *ret_missed);

/**
 * aw_subscriber_try_next - the next item if there is one
 * @subscriber: the subscriber
 * @ret: room for an item
 * @ret_missed: as for aw_subscriber_next()
 *
 * Return: 1 (got one); 0 (closed, and all was read); -EAGAIN; -EBUSY (a task
 * waits for the next).
 * Lifetime: the item is the caller's.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_subscriber_try_next(struct aw_subscriber *subscriber, void *ret,
		       uint64_t *ret_missed);

AW_END_DECLS

#endif
