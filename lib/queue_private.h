/* SPDX-License-Identifier: MIT */
/* lib/queue_order.c, for lib/queue.c: which item is next, by priority. */
#ifndef AW__QUEUE_PRIVATE_H
#define AW__QUEUE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

#endif
