/* SPDX-License-Identifier: MIT */
/*
 * Timers: a 4-ary heap of (time, timer), with one ev_timer for its head.
 *
 *	place      1                   the earliest
 *	      2  3  4  5               children of p: 4p-2 .. 4p+1
 *	   6 7 8 9 ...                 parent of p: (p+2)/4
 *
 * A timer knows its place, so that it can be removed from the middle: most
 * deadlines never pass. A heap of our own and not libev's, because deadlines
 * are set from a fresh clock (libev's are relative to its cached time), and
 * because the test clock must jump to the head.
 */
#include "runtime.h"

static void
put(struct aw__heap *h, size_t place, struct aw__heap_entry entry)
{
	h->at[place] = entry;
	entry.timer->place = place;
}

static void
sift_up(struct aw__heap *h, size_t place, struct aw__heap_entry entry)
{
	while (place > 1) {
		size_t parent = (place + 2) / 4;

		if (h->at[parent].at <= entry.at)
			break;
		put(h, place, h->at[parent]);
		place = parent;
	}
	put(h, place, entry);
}

static size_t
earliest_child(const struct aw__heap *h, size_t place)
{
	size_t first = 4 * place - 2, best = first, i;
	size_t end = first + 4 <= h->n + 1 ? first + 4 : h->n + 1;

	for (i = first + 1; i < end; i++)
		if (h->at[i].at < h->at[best].at)
			best = i;
	return best;
}

static void
sift_down(struct aw__heap *h, size_t place, struct aw__heap_entry entry)
{
	while (4 * place - 2 <= h->n) {
		size_t child = earliest_child(h, place);

		if (entry.at <= h->at[child].at)
			break;
		put(h, place, h->at[child]);
		place = child;
	}
	put(h, place, entry);
}

static int
grow(struct aw__heap *h)
{
	size_t room = h->room ? h->room * 2 : 64;
	struct aw__heap_entry *at = aw__realloc(h->at, room * sizeof *at);

	if (!at)
		return -ENOMEM;
	h->at = at;
	h->room = room;
	return 0;
}

void
aw__heap_fini(struct aw__heap *heap)
{
	aw__free(heap->at);
	memset(heap, 0, sizeof *heap);
}

int
aw__timer_add(struct aw_loop *loop, struct aw_timer *timer)
{
	struct aw__heap *h = &loop->timers;
	struct aw__heap_entry entry = { timer->at, timer };

	/* Behind what is due already: one that starts itself again in the
	 * past must not be first for ever.  NaN is due now; in the heap it
	 * would stand before all others. */
	if (!(entry.at >= loop->fired))
		entry.at = loop->fired;
	if (h->n + 1 >= h->room && grow(h) < 0)
		return aw_fail(-ENOMEM, "no memory for a timer");
	timer->loop = loop;
	if (!timer->internal)
		loop->n_user_timers++;
	sift_up(h, ++h->n, entry);
	return 0;
}

void
aw__timer_remove(struct aw_loop *loop, struct aw_timer *timer)
{
	struct aw__heap *h = &loop->timers;
	size_t place = timer->place;
	struct aw__heap_entry last;

	if (place == 0)
		return;
	timer->place = 0;
	if (!timer->internal)
		loop->n_user_timers--;
	last = h->at[h->n--];
	if (last.timer == timer)
		return;
	if (place > 1 && h->at[(place + 2) / 4].at > last.at)
		sift_up(h, place, last);
	else
		sift_down(h, place, last);
}

/* Calls back what is due by one reading, and no more timers than there were:
 * one that starts itself again at once comes next time. */
void
aw__timers_fire(struct aw_loop *loop)
{
	struct aw__heap *h = &loop->timers;
	size_t left = h->n;
	double now;

	if (left == 0)
		return;
	loop->fired = now = aw__now(loop);
	while (left-- > 0 && h->n > 0 && h->at[1].at <= now &&
	       !loop->forked) {
		struct aw_timer *timer = h->at[1].timer;

		aw__timer_remove(loop, timer);
		timer->fn(timer->arg);
	}
}

/*
 * Lets libev wake us for the head. A head that moved to a later time is left
 * armed: one early wake-up is cheaper than re-arming for each removal.
 */
void
aw__timers_arm(struct aw_loop *loop)
{
	double at = loop->timers.n > 0 ? loop->timers.at[1].at : AW__NEVER;
	double after;

	if (loop->test_clock || !(at < loop->armed) || at == AW__NEVER)
		return;
	ev_now_update(loop->ev);
	after = at - aw__now(loop);
	if (ev_is_active(&loop->head)) {
		ev_ref(loop->ev);
		ev_timer_stop(loop->ev, &loop->head);
	}
	ev_timer_set(&loop->head, after > 0 ? after : 0, 0);
	ev_timer_start(loop->ev, &loop->head);
	ev_unref(loop->ev);
	loop->armed = at;
}

int
aw_timer_start(struct aw_timer *timer, double at, void (*fn)(void *arg),
	       void *arg)
{
	if (!aw__loop)
		return aw__no_loop("aw_timer_start");
	if (timer->place != 0 && aw__is_foreign(timer->loop, "aw_timer_start"))
		return AW_EUSAGE;
	aw_timer_stop(timer);
	timer->at = at;
	timer->fn = fn;
	timer->arg = arg;
	return aw__timer_add(aw__loop, timer);
}

void
aw_timer_stop(struct aw_timer *timer)
{
	if (timer->place != 0 &&
	    !aw__is_foreign(timer->loop, "aw_timer_stop"))
		aw__timer_remove(timer->loop, timer);
}
