/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a bounded queue of items of one size between the tasks of a
 * loop.
 *
 * Items are copied in and out; both sides wait in FIFO order.  Closing wakes
 * everybody: a put fails with AW_ECLOSED, a get takes what is still there
 * and then fails with AW_ECLOSED, or ends the loop:
 *
 *	while ((r = aw_queue_next(q, &item)) > 0)
 *		...
 */
#ifndef AWAIT_QUEUE_H
#define AWAIT_QUEUE_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_queue;

/**
 * aw_queue_new - a queue
 * @ret: new; release it with aw_queue_free()
 * @item: bytes of an item, 1..65536
 * @cap: number of items it holds, 1..2^31-1; all memory is taken at once
 *
 * Return: 0; -EINVAL; -ENOMEM.
 * Lifetime: belongs to the loop on which it is first waited for.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_queue_new(struct aw_queue **ret, size_t item,
				      size_t cap);

/**
 * aw_queue_new_priority - a queue that gives the first item by an order
 * @ret: new; release it with aw_queue_free()
 * @item: bytes of an item, 1..65536
 * @cap: number of items it holds, 1..2^31-1; all memory is taken at once
 * @compare: below 0 if @a goes before @b, 0 if they are equal, as for
 * qsort(3); must not suspend: a wait in it fails with AW_EUSAGE
 *
 * It is used by the same calls as any queue.  Equal items leave in the order
 * in which they came.  Room goes to who has waited longest for it, whatever
 * his item.
 *
 * Return: 0; -EINVAL; -ENOMEM.
 * Lifetime: belongs to the loop on which it is first waited for.
 * Context: any thread.
 * Source: Python, asyncio.PriorityQueue; our own for equal items.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_queue_new_priority(struct aw_queue **ret, size_t item, size_t cap,
		      int (*compare)(const void *a, const void *b));

/**
 * aw_queue_free - release a queue
 * @queue: may be NULL; if tasks still wait it is closed, and released when
 * the last of them has left; items in it are dropped
 *
 * Return: nothing.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_queue_free(struct aw_queue *queue);

/**
 * aw_queue_freep - aw_queue_free() for AW_AUTO
 * @queue: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_queue_freep(struct aw_queue **queue);

/**
 * aw_queue_put - append an item, waiting for room
 * @queue: the queue
 * @item: copied when there is room
 *
 * Awaits; cancel point.
 *
 * Return: 0; AW_ECLOSED; -ECANCELED; -ETIME; -ETIMEDOUT (a budget);
 * -EDEADLK; AW_EUSAGE; -ENOMEM.  After a failure the item is not in it.
 * Lifetime: @item is not kept.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_queue_put(struct aw_queue *queue,
						const void *item);

/**
 * aw_queue_get - take the oldest item, waiting for one
 * @queue: the queue
 * @ret: room for an item
 *
 * Awaits; cancel point.
 *
 * Return: 0; AW_ECLOSED (closed and empty); -ECANCELED; -ETIME; -ETIMEDOUT
 * (a budget); -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: the item is the caller's.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_queue_get(struct aw_queue *queue,
						void *ret);

/**
 * aw_queue_next - take the oldest item, for loops
 * @queue: the queue
 * @ret: room for an item
 *
 * Awaits; cancel point.
 *
 * Return: 1 (got one); 0 (closed and empty); else as aw_queue_get().
 * Lifetime: the item is the caller's.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_queue_next(struct aw_queue *queue,
						 void *ret);

/**
 * aw_queue_try_put - append an item if that needs no wait
 * @queue: the queue
 * @item: copied
 *
 * Return: 0; -EAGAIN (full, or others wait to put); AW_ECLOSED.
 * Lifetime: @item is not kept.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_queue_try_put(struct aw_queue *queue,
					  const void *item);

/**
 * aw_queue_try_get - take the oldest item if that needs no wait
 * @queue: the queue
 * @ret: room for an item
 *
 * Return: 0; -EAGAIN (empty); AW_ECLOSED (closed and empty).
 * Lifetime: the item is the caller's.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_queue_try_get(struct aw_queue *queue, void *ret);

/**
 * aw_queue_close - no more puts; wake everybody
 * @queue: closing again does nothing
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_queue_close(struct aw_queue *queue);

/**
 * aw_queue_task_done - say that the work for an item is done
 * @queue: once for each item that was got; more often does nothing
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_queue_task_done(struct aw_queue *queue);

/**
 * aw_queue_join - wait until the work for all items is done
 * @queue: the queue; closing it ends no join while items are unfinished
 *
 * Awaits; cancel point.  Every item that was put counts until
 * aw_queue_task_done() was called for it.
 *
 * Return: 0; AW_ECLOSED (the queue was released); -ECANCELED; -ETIME;
 * -ETIMEDOUT (a budget); -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: @queue may be released meanwhile.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_queue_join(struct aw_queue *queue);

/**
 * aw_queue_size - the number of items in it
 * @queue: the queue
 *
 * Return: the number.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API size_t aw_queue_size(const struct aw_queue *queue);

AW_END_DECLS

#endif
