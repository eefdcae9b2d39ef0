/* SPDX-License-Identifier: MIT */
/* lib/queue_order.c, for lib/queue.c: which item is next, by priority; and
 * lib/queue.c, for lib/select.c. */
#ifndef AW__QUEUE_PRIVATE_H
#define AW__QUEUE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct aw_queue;
struct aw__wait_node;

struct aw__place {
	uint64_t arrival;
	size_t slot;			/* of the item array */
};

struct aw__order {
	int (*compare)(const void *a, const void *b);	/* NULL: a FIFO */
	struct aw__place *places;
	unsigned char *items;
	size_t item;			/* bytes of one */
	size_t n_ever;			/* places that were ever used */
	uint64_t n_arrived;
};

/* n: items in the queue, before the call. There must be room, or an item. */
void aw__order_push(struct aw__order *order, size_t n, const void *item);
void aw__order_pop(struct aw__order *order, size_t n, void *ret);

/* queue.c: for aw_select(). try: 0, AW_ECLOSED, -EAGAIN; no failure is set. */
int aw__queue_try_put(struct aw_queue *queue, const void *item);
int aw__queue_try_get(struct aw_queue *queue, void *ret);
void aw__queue_line_up(struct aw_queue *queue, bool put,
		       struct aw__wait_node *node);
void aw__queue_step_out(struct aw_queue *queue, bool put,
			struct aw__wait_node *node);
void aw__queue_hold(struct aw_queue *queue);
void aw__queue_let_go(struct aw_queue *queue);

#endif
