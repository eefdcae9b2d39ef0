/* SPDX-License-Identifier: MIT */
/*
 * The order of a priority queue: a binary heap of places in the item array.
 *
 *	            heap, n = 3            free
 *	places:  [ 2:#4 | 0:#1 | 1:#3 || 3 | 4 ]	slot:arrival
 *	items:   [ b    | c    | a    |   |   ]		never move
 *
 * Items may be large and stay where they were put; what is sifted is a slot
 * number with the number of its arrival. That number decides between items
 * that compare as equal: they leave in the order in which they came. Places
 * behind the heap hold the free slots; those from n_ever on were never used,
 * and their memory is untouched.
 */
#include "queue_private.h"
#include "runtime.h"

static const void *
item_at(const struct aw__order *order, struct aw__place place)
{
	return order->items + place.slot * order->item;
}

static bool
is_before(const struct aw__order *order, struct aw__place a,
	  struct aw__place b)
{
	int r = order->compare(item_at(order, a), item_at(order, b));

	return r != 0 ? r < 0 : a.arrival < b.arrival;
}

static void
sift_up(struct aw__order *order, size_t i)
{
	struct aw__place place = order->places[i];

	while (i > 0 && is_before(order, place, order->places[(i - 1) / 2])) {
		order->places[i] = order->places[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	order->places[i] = place;
}

static void
sift_down(struct aw__order *order, size_t n)
{
	struct aw__place place = order->places[0];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && is_before(order, order->places[child + 1],
					       order->places[child]))
			child++;
		if (!is_before(order, order->places[child], place))
			break;
		order->places[i] = order->places[child];
	}
	order->places[i] = place;
}

void
aw__order_push(struct aw__order *order, size_t n, const void *item)
{
	struct aw__place *place = &order->places[n];
	AW__CALLBACK("the comparison of a priority queue");

	if (n == order->n_ever)
		place->slot = order->n_ever++;
	place->arrival = order->n_arrived++;
	memcpy(order->items + place->slot * order->item, item, order->item);
	sift_up(order, n);
}

void
aw__order_pop(struct aw__order *order, size_t n, void *ret)
{
	struct aw__place first = order->places[0];
	AW__CALLBACK("the comparison of a priority queue");

	memcpy(ret, item_at(order, first), order->item);
	order->places[0] = order->places[n - 1];
	order->places[n - 1] = first;
	if (n > 1)
		sift_down(order, n - 1);
}
