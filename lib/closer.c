/* SPDX-License-Identifier: MIT */
/*
 * What libraries hang on a loop: work for the loop's stack (defer), what to
 * close at its end (closer), and one pointer each (slot).
 */
#include "fork.h"
#include "runtime.h"

/* --- Deferred work ----------------------------------------------------- */

void
aw_defer(struct aw_defer *defer)
{
	struct aw_loop *loop = aw__loop;

	if (!loop || defer->prev)
		return;
	defer->next = NULL;
	defer->prev = loop->defers_tail;
	*loop->defers_tail = defer;
	loop->defers_tail = &defer->next;
}

/* In a child of fork() it may be queued in the parent's loop, which is not
 * the one here, and whose end does not matter any more. */
void
aw_defer_cancel(struct aw_defer *defer)
{
	struct aw_loop *loop = aw__loop;

	if (!defer->prev)
		return;
	*defer->prev = defer->next;
	if (defer->next)
		defer->next->prev = defer->prev;
	else if (loop && loop->defers_tail == &defer->next)
		loop->defers_tail = defer->prev;
	defer->prev = NULL;
}

/* Runs what is queued now; what is queued meanwhile runs next time. */
void
aw__defers_run(struct aw_loop *loop)
{
	struct aw_defer mark = { 0 }, *defer;

	if (!loop->defers)
		return;
	aw_defer(&mark);
	while ((defer = loop->defers) != &mark) {
		aw_defer_cancel(defer);
		defer->fn(defer->arg);
	}
	aw_defer_cancel(&mark);
}

/* --- Closers ----------------------------------------------------------- */

int
aw_closer_add(struct aw_closer *closer)
{
	struct aw_loop *loop = aw__loop;

	if (!loop)
		return aw__no_loop("opening this");
	closer->next = loop->closers;
	closer->prev = &loop->closers;
	if (loop->closers)
		loop->closers->prev = &closer->next;
	loop->closers = closer;
	return 0;
}

void
aw_closer_remove(struct aw_closer *closer)
{
	if (!closer->prev)
		return;
	*closer->prev = closer->next;
	if (closer->next)
		closer->next->prev = closer->prev;
	closer->prev = NULL;
}

void
aw__closers_run(struct aw_loop *loop)
{
	struct aw_closer *closer;

	while ((closer = loop->closers) != NULL) {
		aw_closer_remove(closer);
		closer->fn(closer->arg);
	}
}

/* --- Slots ------------------------------------------------------------- */

static pthread_mutex_t slot_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*slot_fini[AW__SLOTS])(void *value);
static int n_slots;

void
aw__slots_forked(void)
{
	pthread_mutex_init(&slot_lock, NULL);
}

int
aw_slot_new(void (*fini)(void *value))
{
	int key = -1;

	pthread_mutex_lock(&slot_lock);
	if (n_slots < AW__SLOTS) {
		key = n_slots++;
		slot_fini[key] = fini;
	}
	pthread_mutex_unlock(&slot_lock);
	if (key < 0)
		return aw_fail(AW_ELIMIT, "a process has %d slots, and all "
			       "are taken", AW__SLOTS);
	return key;
}

void *
aw_slot_get(int key)
{
	if (!aw__loop || key < 0 || key >= AW__SLOTS)
		return NULL;
	return aw__loop->slots[key];
}

int
aw_slot_set(int key, void *value)
{
	if (!aw__loop)
		return aw__no_loop("aw_slot_set");
	if (key < 0 || key >= AW__SLOTS)
		return aw_fail(-EINVAL, "aw_slot_set: %d is no key", key);
	aw__loop->slots[key] = value;
	return 0;
}

void
aw__slots_fini(struct aw_loop *loop)
{
	int key;

	for (key = AW__SLOTS - 1; key >= 0; key--) {
		void *value = loop->slots[key];

		loop->slots[key] = NULL;
		if (value && slot_fini[key])
			slot_fini[key](value);
	}
}
