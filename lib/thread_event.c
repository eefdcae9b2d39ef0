/* SPDX-License-Identifier: MIT */
/*
 * Events that any thread may set.
 *
 *	struct aw_thread_event        task of loop 1      task of loop 2
 *	  head --------------------> waiter -----------> waiter <--- tail
 *
 *	LINED_UP --- set: sent to its loop ---> SENT --- arrive() ---> done
 *	   |                                     ^
 *	   +-- a cancel: unlinked, it failed     | a cancel comes too late: the
 *						 | word is under way and points
 *						 | here, so it is waited for
 *
 * A setter touches a waiter between "lined up" and "sent", and the event
 * until it has taken the list, both under a lock. The locks are static and
 * shared by address: zeroes are a valid event, and a waiter that came back
 * may free it while the setter still holds the lock.
 */
#include <await/thread.h>

#include "fork.h"
#include "thread_event.h"

#define LOCKS 16

struct aw__thread_waiter {
	struct aw__remote remote;		/* first: arrive() */
	struct aw__thread_waiter *next, *prev;	/* lock */
	bool sent;				/* lock */
	bool arrived;
	struct aw_loop *loop;
	struct aw__wait wait;
	struct aw__wait *again;			/* for what is under way */
	unsigned mark;				/* of the process */
};

static pthread_mutex_t locks[LOCKS];
static pthread_once_t locks_once = PTHREAD_ONCE_INIT;

static void
locks_init(void)
{
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
}

void
aw__thread_events_forked(void)
{
	locks_init();
}

static pthread_mutex_t *
lock(const struct aw_thread_event *event)
{
	uintptr_t number = (uintptr_t)event / sizeof *event;
	pthread_mutex_t *one = &locks[number % LOCKS];

	pthread_once(&locks_once, locks_init);
	pthread_mutex_lock(one);
	return one;
}

/* --- Waiting ----------------------------------------------------------- */

/* On the stack of the waiter's loop. */
static void
arrive(struct aw__remote *remote)
{
	struct aw__thread_waiter *w = (void *)remote;

	w->arrived = true;
	if (!aw__wake(&w->wait, 0) && w->again)
		aw__wake(w->again, 0);
}

/* False: it is set already. */
static bool
line_up(struct aw_thread_event *event, struct aw__thread_waiter *w)
{
	pthread_mutex_t *held = lock(event);
	bool is_set = event->is_set;

	if (!is_set) {
		w->prev = event->tail;
		if (event->tail)
			event->tail->next = w;
		else
			event->head = w;
		event->tail = w;
	}
	pthread_mutex_unlock(held);
	return !is_set;
}

/* False: too late, it has been sent. */
static bool
step_out(struct aw_thread_event *event, struct aw__thread_waiter *w)
{
	pthread_mutex_t *held = lock(event);
	bool sent = w->sent;

	if (!sent) {
		if (w->next)
			w->next->prev = w->prev;
		else
			event->tail = w->prev;
		if (w->prev)
			w->prev->next = w->next;
		else
			event->head = w->next;
	}
	pthread_mutex_unlock(held);
	return !sent;
}

/* A firm wait without a time of its own fails in a child of fork() only. */
static void
wait_for_arrival(struct aw__thread_waiter *w)
{
	struct aw__wait again = AW__WAIT_INIT(w->wait.task, w->wait.what,
					      w->wait.object);

	if (w->arrived)
		return;
	again.flags = AW__WAIT_FIRM | AW__WAIT_OUTSIDE;
	w->again = &again;
	aw_ignore(aw__wait(&again));
}

/* The detail of an interruption that does not count is not left behind. */
static int
wait_in_line(struct aw_thread_event *event, struct aw__thread_waiter *w)
{
	struct aw__failure *here = &w->wait.task->failure;
	struct aw__failure before = { 0 };
	int r;

	aw__failure_move(here, &before);
	r = aw__wait(&w->wait);
	if (r < 0 && (w->mark != aw_fork_mark() || step_out(event, w))) {
		aw__failure_fini(&before);
		return r;
	}
	if (r < 0) {
		wait_for_arrival(w);
		aw__failure_fini(here);
	}
	aw__failure_move(&before, here);
	return 0;
}

int
aw__thread_event_wait(struct aw_thread_event *event, struct aw_task *self,
		      unsigned flags)
{
	struct aw__thread_waiter w = {
		.remote = { .fn = arrive },
		.loop = self->loop,
		.wait = AW__WAIT_INIT(self, "an event of another thread",
				      event),
		.mark = aw_fork_mark()
	};

	w.wait.flags = (unsigned char)(flags | AW__WAIT_OUTSIDE);
	return line_up(event, &w) ? wait_in_line(event, &w) : 0;
}

int
aw_thread_event_wait(struct aw_thread_event *event)
{
	struct aw_task *self;
	int r = aw__enter(&self);

	return r < 0 ? r : aw__thread_event_wait(event, self, 0);
}

/* --- Setting ----------------------------------------------------------- */

/* A waiter may be gone as soon as it was sent. One of another process, in a
 * child of fork(), waits there and not here. */
static void
send_all(struct aw__thread_waiter *w)
{
	while (w) {
		struct aw__thread_waiter *next = w->next;

		w->sent = true;
		if (w->mark == aw_fork_mark())
			aw__remote_send(w->loop, &w->remote);
		w = next;
	}
}

void
aw_thread_event_set(struct aw_thread_event *event)
{
	pthread_mutex_t *held = lock(event);
	struct aw__thread_waiter *all = event->head;

	event->is_set = true;
	event->head = event->tail = NULL;
	send_all(all);
	pthread_mutex_unlock(held);
}

void
aw_thread_event_clear(struct aw_thread_event *event)
{
	pthread_mutex_t *held = lock(event);

	event->is_set = false;
	pthread_mutex_unlock(held);
}

bool
aw_thread_event_is_set(const struct aw_thread_event *event)
{
	pthread_mutex_t *held = lock(event);
	bool is_set = event->is_set;

	pthread_mutex_unlock(held);
	return is_set;
}
