/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of items of one size.
 *
 *	              first            n = 3
 *	  items:  [ . | a | b | c | . | . ]    cap = 6, a ring
 *
 *	  getters: tasks that wait for an item; only while n == 0
 *	  putters: tasks that wait for room;    only while n == cap
 *
 * Both lists never have somebody who could go on. An item that meets a
 * waiting getter does not go through the ring: it is copied into the getter's
 * own buffer, on the stack of its task, which stands still. A get that makes
 * room takes the oldest putter's item in at once, out of the putter's buffer,
 * so that nobody who comes later overtakes it.
 *
 * An interrupted waiter stays linked until its task runs, but is refused by
 * aw__waiters_wake(): its item is not taken and its buffer not written.
 *
 * A priority queue differs in which item is the next, and in nothing else
 * (queue_order.c): while items are in it no getter waits.
 *
 * n_inside counts the tasks within a call, so that a queue released under
 * them lives until the last has left.
 */
#include <await/queue.h>
#include <await/sync.h>

#include "queue_private.h"
#include "runtime.h"

#define ITEM_MAX 65536
#define CAP_MAX 2147483647

struct aw_queue {
	size_t item;			/* bytes of one */
	size_t cap;
	size_t n;
	size_t first;			/* place of the oldest; a FIFO's */
	struct aw__order order;		/* of a priority queue */
	struct aw_waiters getters;	/* data: where to put the item */
	struct aw_waiters putters;	/* data: the item */
	struct aw_waiters joiners;	/* only while n_undone > 0 */
	uint64_t n_undone;		/* put, and not said to be done */
	size_t n_inside;
	bool closed;
	bool released;
	unsigned char items[] __attribute__((aligned(16)));
};

/* --- The ring ---------------------------------------------------------- */

/* Most items are a pointer: that size is two instructions, not a call. */
static inline void
copy_item(const struct aw_queue *queue, void *to, const void *from)
{
	if (queue->item == sizeof(void *))
		memcpy(to, from, sizeof(void *));
	else
		memcpy(to, from, queue->item);
}

static inline void
push(struct aw_queue *queue, const void *item)
{
	size_t place = queue->first + queue->n;

	if (__builtin_expect(queue->order.compare != NULL, 0)) {
		aw__order_push(&queue->order, queue->n++, item);
		return;
	}
	if (place >= queue->cap)
		place -= queue->cap;
	copy_item(queue, queue->items + place * queue->item, item);
	queue->n++;
}

static inline void
pop(struct aw_queue *queue, void *ret)
{
	if (__builtin_expect(queue->order.compare != NULL, 0)) {
		aw__order_pop(&queue->order, queue->n--, ret);
		return;
	}
	copy_item(queue, ret, queue->items + queue->first * queue->item);
	if (++queue->first == queue->cap)
		queue->first = 0;
	queue->n--;
}

/* --- What needs no wait ------------------------------------------------ */

static struct aw__wait_node *
wake_oldest(struct aw_waiters *waiters, int value)
{
	if (!waiters->head)
		return NULL;
	return aw__waiters_wake(&waiters->head, &waiters->tail, value);
}

/* Return: 0; AW_ECLOSED; -EAGAIN: full. Records no failure. */
static inline int
put_now(struct aw_queue *queue, const void *item)
{
	struct aw__wait_node *getter;

	if (queue->closed)
		return AW_ECLOSED;
	getter = wake_oldest(&queue->getters, 0);
	if (getter)
		copy_item(queue, getter->data, item);
	else if (queue->n < queue->cap)
		push(queue, item);
	else
		return -EAGAIN;
	queue->n_undone++;
	return 0;
}

/* Return: 0; AW_ECLOSED: and empty; -EAGAIN: empty. Records no failure. */
static inline int
get_now(struct aw_queue *queue, void *ret)
{
	struct aw__wait_node *putter;

	if (queue->n == 0)
		return queue->closed ? AW_ECLOSED : -EAGAIN;
	pop(queue, ret);
	putter = wake_oldest(&queue->putters, 0);
	if (putter) {
		push(queue, putter->data);
		queue->n_undone++;
	}
	return 0;
}

static int
fail_closed(void)
{
	return aw_fail(AW_ECLOSED, "the queue was closed");
}

/* --- Waiting ----------------------------------------------------------- */

static int
wait_in_line(struct aw_queue *queue, struct aw_waiters *waiters,
	     struct aw_task *self, const char *what, const void *data)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, what, queue),
		.data = (void *)(uintptr_t)data	/* a putter's is only read */
	};
	int r = aw__waiters_wait(&waiters->head, &waiters->tail, &node);

	return r < 0 ? r : node.wait.value;
}

/* The last task that leaves a released queue frees it. */
static inline int
leave(struct aw_queue *queue, int r)
{
	if (--queue->n_inside == 0 && queue->released)
		aw__free(queue);
	return r;
}

int
aw_queue_put(struct aw_queue *queue, const void *item)
{
	struct aw_task *self;
	int r;

	queue->n_inside++;
	r = aw__enter(&self);
	if (r < 0)
		return leave(queue, r);
	r = put_now(queue, item);
	if (r == -EAGAIN)
		r = wait_in_line(queue, &queue->putters, self,
				 "room in a queue", item);
	if (r == AW_ECLOSED)
		r = fail_closed();
	return leave(queue, r);
}

/* aw_queue_get() that records no failure for AW_ECLOSED. */
static inline int
take(struct aw_queue *queue, void *ret)
{
	struct aw_task *self;
	int r;

	queue->n_inside++;
	r = aw__enter(&self);
	if (r < 0)
		return leave(queue, r);
	r = get_now(queue, ret);
	if (r == -EAGAIN)
		r = wait_in_line(queue, &queue->getters, self,
				 "an item of a queue", ret);
	return leave(queue, r);
}

int
aw_queue_get(struct aw_queue *queue, void *ret)
{
	int r = take(queue, ret);

	return r == AW_ECLOSED ? fail_closed() : r;
}

int
aw_queue_next(struct aw_queue *queue, void *ret)
{
	int r = take(queue, ret);

	if (r == AW_ECLOSED)
		return 0;
	return r < 0 ? r : 1;
}

/* --- Until the work is done -------------------------------------------- */

static void
wake_joiners(struct aw_queue *queue, int value)
{
	while (wake_oldest(&queue->joiners, value))
		continue;
}

void
aw_queue_task_done(struct aw_queue *queue)
{
	if (queue->n_undone > 0 && --queue->n_undone == 0)
		wake_joiners(queue, 0);
}

int
aw_queue_join(struct aw_queue *queue)
{
	struct aw_task *self;
	int r;

	queue->n_inside++;
	r = aw__enter(&self);
	if (r < 0)
		return leave(queue, r);
	if (queue->released)
		r = AW_ECLOSED;
	else if (queue->n_undone > 0)
		r = wait_in_line(queue, &queue->joiners, self,
				 "the work of a queue", NULL);
	if (r == AW_ECLOSED)
		r = fail_closed();
	return leave(queue, r);
}

/* --- Without waiting --------------------------------------------------- */

int
aw_queue_try_put(struct aw_queue *queue, const void *item)
{
	int r = put_now(queue, item);

	if (r == AW_ECLOSED)
		return fail_closed();
	return r < 0 ? aw__fail_briefly(r, "room in a queue") : 0;
}

int
aw_queue_try_get(struct aw_queue *queue, void *ret)
{
	int r = get_now(queue, ret);

	if (r == AW_ECLOSED)
		return fail_closed();
	return r < 0 ? aw__fail_briefly(r, "an item of a queue") : 0;
}

void
aw_queue_close(struct aw_queue *queue)
{
	queue->closed = true;
	while (wake_oldest(&queue->getters, AW_ECLOSED))
		continue;
	while (wake_oldest(&queue->putters, AW_ECLOSED))
		continue;
}

size_t
aw_queue_size(const struct aw_queue *queue)
{
	return queue->n;
}

/* --- Beside other waits: select.c -------------------------------------- */

int
aw__queue_try_put(struct aw_queue *queue, const void *item)
{
	return put_now(queue, item);
}

int
aw__queue_try_get(struct aw_queue *queue, void *ret)
{
	return get_now(queue, ret);
}

static struct aw_waiters *
line_of(struct aw_queue *queue, bool put)
{
	return put ? &queue->putters : &queue->getters;
}

void
aw__queue_line_up(struct aw_queue *queue, bool put, struct aw__wait_node *node)
{
	struct aw_waiters *line = line_of(queue, put);

	aw__waiters_push(&line->head, &line->tail, node);
}

void
aw__queue_step_out(struct aw_queue *queue, bool put,
		   struct aw__wait_node *node)
{
	struct aw_waiters *line = line_of(queue, put);

	aw__waiters_remove(&line->head, &line->tail, node);
}

void
aw__queue_hold(struct aw_queue *queue)
{
	queue->n_inside++;
}

void
aw__queue_let_go(struct aw_queue *queue)
{
	leave(queue, 0);
}

/* --- Seen from outside ------------------------------------------------- */

static void
describe_fill(struct aw__sink *sink, const struct aw_queue *queue)
{
	if (queue->n == 0)
		aw__sink_add(sink, "empty, room for %zu", queue->cap);
	else if (queue->n == queue->cap)
		aw__sink_add(sink, "full, room for %zu", queue->cap);
	else
		aw__sink_add(sink, "%zu of %zu places taken", queue->n,
			     queue->cap);
}

static void
describe_line(struct aw__sink *sink, const struct aw_waiters *line,
	      const char *to)
{
	if (!line->head)
		return;
	aw__sink_add(sink, ", ");
	aw__describe_line(sink, line->head);
	aw__sink_add(sink, " %s", to);
}

void
aw__queue_describe(struct aw__sink *sink, const struct aw_queue *queue)
{
	aw__sink_add(sink, " %p (", (const void *)queue);
	describe_fill(sink, queue);
	describe_line(sink, &queue->getters, "to get");
	describe_line(sink, &queue->putters, "to put");
	describe_line(sink, &queue->joiners, "for all to be done");
	if (queue->joiners.head)
		aw__sink_add(sink, ", %llu not done",
			     (unsigned long long)queue->n_undone);
	aw__sink_add(sink, ")");
}

/* --- Life -------------------------------------------------------------- */

/* Bytes of cap items, and of their places behind them; false: too many. */
static bool
measure(size_t item, size_t cap, size_t place, size_t *ret_items,
	size_t *ret_all)
{
	size_t items, places;

	if (__builtin_mul_overflow(item, cap, &items) ||
	    __builtin_mul_overflow(place, cap, &places) ||
	    __builtin_add_overflow(items, 15, &items))
		return false;
	*ret_items = items & ~(size_t)15;
	return !__builtin_add_overflow(*ret_items, places, ret_all) &&
	       !__builtin_add_overflow(*ret_all, sizeof(struct aw_queue),
				       ret_all);
}

/* Items have places if they are to be sorted. */
static int
make(struct aw_queue **ret, size_t item, size_t cap, size_t place)
{
	struct aw_queue *queue;
	size_t items, all;

	if (item < 1 || item > ITEM_MAX || cap < 1 || cap > CAP_MAX)
		return aw_fail(-EINVAL, "a queue of %zu items of %zu bytes: "
			       "1..%d items of 1..%d bytes are possible",
			       cap, item, CAP_MAX, ITEM_MAX);
	if (!measure(item, cap, place, &items, &all))
		return aw_fail(-ENOMEM, "no memory for a queue");
	queue = aw__malloc(all);
	if (!queue)
		return aw_fail(-ENOMEM, "no memory for a queue of %zu items of "
			       "%zu bytes", cap, item);
	memset(queue, 0, sizeof *queue);
	queue->item = item;
	queue->cap = cap;
	queue->order.places = (void *)(queue->items + items);
	*ret = queue;
	return 0;
}

int
aw_queue_new(struct aw_queue **ret, size_t item, size_t cap)
{
	return make(ret, item, cap, 0);
}

int
aw_queue_new_priority(struct aw_queue **ret, size_t item, size_t cap,
		      int (*compare)(const void *a, const void *b))
{
	int r;

	if (!compare)
		return aw_fail(-EINVAL, "a priority queue needs a function "
			       "that compares two items");
	r = make(ret, item, cap, sizeof(struct aw__place));
	if (r < 0)
		return r;
	(*ret)->order.compare = compare;
	(*ret)->order.items = (*ret)->items;
	(*ret)->order.item = item;
	return 0;
}

void
aw_queue_free(struct aw_queue *queue)
{
	if (!queue)
		return;
	if (queue->n_inside == 0) {
		aw__free(queue);
		return;
	}
	queue->n = 0;
	queue->released = true;
	aw_queue_close(queue);
	wake_joiners(queue, AW_ECLOSED);
}

void
aw_queue_freep(struct aw_queue **queue)
{
	aw_queue_free(*queue);
	*queue = NULL;
}
