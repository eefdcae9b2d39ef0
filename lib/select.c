/* SPDX-License-Identifier: MIT */
/*
 * aw_select(): one wait with several branches.
 *
 *	aw_select()'s frame           the caller's cases        waited for
 *	  trunk <------- branch --- cases[0].room.node <---- queue's getters
 *	    ^   <------- branch --- cases[1].room.node <---- event's waiters
 *	    |   <------- branch --- cases[2].room.node <---- task->joiner
 *	  task->wait
 *
 * Whoever completes a branch completes the trunk, once: a second branch is
 * refused as if its waiter had been interrupted, so that an item offered to
 * it goes to the next in line. That is all the agreement there is: losers
 * need no undoing but to be taken out of their lines.
 *
 * Before that everything is looked at once, beginning at another case each
 * time. For a descriptor this is a poll(2): a queue that is never empty would
 * else keep it waiting for ever.
 */
#include <limits.h>
#include <poll.h>

#include <await/io.h>
#include <await/queue.h>
#include <await/select.h>
#include <await/sync.h>
#include <await/time.h>

#include "broadcast_private.h"
#include "queue_private.h"
#include "runtime.h"

#define TOLD 8			/* cases that a report names */

const char aw__one_of_several[] = "one of several";

/* In the room of a case. */
struct room {
	struct aw__wait_node node;
	struct aw_fd *fd;
};

_Static_assert(sizeof(struct room) <= sizeof ((struct aw_case *)0)->room,
	       "a case has room for a waiter");

static struct room *
room_of(struct aw_case *c)
{
	return (struct room *)(void *)c->room;
}

/* --- Checking ---------------------------------------------------------- */

static bool
is_complete(const struct aw_case *c)
{
	switch (c->kind) {
	case AW_CASE_TASK_:
		return c->task;
	case AW_CASE_EVENT_:
		return c->event;
	case AW_CASE_GET_:
		return c->queue && c->get;
	case AW_CASE_PUT_:
		return c->queue && c->put;
	case AW_CASE_NEXT_:
		return c->subscriber && c->get;
	case AW_CASE_FD_:
		return c->fd >= 0 && (c->events & (AW_FD_READ | AW_FD_WRITE));
	default:
		return c->kind == AW_CASE_NONE_ || c->kind == AW_CASE_UNTIL_;
	}
}

static int
check_cases(const struct aw_case *cases, size_t n)
{
	size_t i;

	if (n < 1 || n >= INT_MAX)
		return aw_fail(-EINVAL, "aw_select: %zu cases", n);
	for (i = 0; i < n; i++)
		if (!is_complete(&cases[i]))
			return aw_fail(-EINVAL, "aw_select: case %zu names "
				       "nothing to wait for", i);
	return 0;
}

static int
check_tasks(struct aw_task *self, const struct aw_case *cases, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++)
		if (cases[i].kind == AW_CASE_TASK_)
			r = aw__task_check(self, cases[i].task, "aw_select");
	return r;
}

/* Queues and subscribers may be released while the task waits, or yields
 * before it. */
static void
hold(struct aw_case *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (cases[i].kind == AW_CASE_GET_ ||
		    cases[i].kind == AW_CASE_PUT_)
			aw__queue_hold(cases[i].queue);
		else if (cases[i].kind == AW_CASE_NEXT_)
			aw__subscriber_hold(cases[i].subscriber);
}

static void
let_go(struct aw_case *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (cases[i].kind == AW_CASE_GET_ ||
		    cases[i].kind == AW_CASE_PUT_)
			aw__queue_let_go(cases[i].queue);
		else if (cases[i].kind == AW_CASE_NEXT_)
			aw__subscriber_let_go(cases[i].subscriber);
}

/* --- What is ready ----------------------------------------------------- */

/* The ready events; -EBADF; 0. */
static int
look_at_fd(int fd, int events)
{
	struct pollfd p = { .fd = fd };
	int ready = 0;

	if (events & AW_FD_READ)
		p.events |= POLLIN;
	if (events & AW_FD_WRITE)
		p.events |= POLLOUT;
	if (poll(&p, 1, 0) <= 0)
		return 0;
	if (p.revents & POLLNVAL)
		return -EBADF;
	if (p.revents & (POLLIN | POLLHUP | POLLERR))
		ready |= AW_FD_READ;
	if (p.revents & (POLLOUT | POLLHUP | POLLERR))
		ready |= AW_FD_WRITE;
	return ready & events;
}

/* Can the case be done now? Then it is done, and its status set. */
static bool
try_case(struct aw_case *c)
{
	int r = -EAGAIN;

	switch (c->kind) {
	case AW_CASE_TASK_:
		r = c->task->state == AW__TASK_FINISHED ? 0 : -EAGAIN;
		break;
	case AW_CASE_EVENT_:
		r = c->event->is_set ? 0 : -EAGAIN;
		break;
	case AW_CASE_GET_:
		r = aw__queue_try_get(c->queue, c->get);
		break;
	case AW_CASE_PUT_:
		r = aw__queue_try_put(c->queue, c->put);
		break;
	case AW_CASE_NEXT_:
		r = aw__subscriber_try(c->subscriber, c->get);
		r = r == -EBUSY ? -EAGAIN : r;	/* attach() refuses it */
		break;
	case AW_CASE_FD_:
		r = look_at_fd(c->fd, c->events);
		r = r == 0 ? -EAGAIN : r;
		break;
	case AW_CASE_UNTIL_:
		r = c->until > 0 && c->until <= aw_now() ? 0 : -EAGAIN;
		break;
	}
	if (r == -EAGAIN)
		return false;
	c->status = r;
	return true;
}

static int
try_all(struct aw_task *self, struct aw_case *cases, size_t n)
{
	size_t first = self->n_selects++ % n, i;

	for (i = 0; i < n; i++)
		if (try_case(&cases[(first + i) % n]))
			return (int)((first + i) % n);
	return -EAGAIN;
}

/* The UNTIL case that is over first; n if there is none. */
static size_t
find_earliest(const struct aw_case *cases, size_t n)
{
	size_t i, found = n;

	for (i = 0; i < n; i++) {
		if (cases[i].kind != AW_CASE_UNTIL_)
			continue;
		if (!(cases[i].until > 0))
			return i;
		if (found == n || cases[i].until < cases[found].until)
			found = i;
	}
	return found;
}

/* --- Waiting ----------------------------------------------------------- */

static int
attach(struct aw_case *c, struct aw__wait *trunk, int place)
{
	struct room *room = room_of(c);
	struct aw__wait_node *node = &room->node;

	memset(room, 0, sizeof *room);
	aw__branch_init(&node->wait, trunk, place);
	switch (c->kind) {
	case AW_CASE_TASK_:
		return aw__task_watch(trunk->task, c->task, &node->wait,
				      "aw_select");
	case AW_CASE_EVENT_:
		aw__waiters_push(&c->event->waiters.head,
				 &c->event->waiters.tail, node);
		break;
	case AW_CASE_GET_:
		node->data = c->get;
		aw__queue_line_up(c->queue, false, node);
		break;
	case AW_CASE_PUT_:
		node->data = (void *)(uintptr_t)c->put;
		aw__queue_line_up(c->queue, true, node);
		break;
	case AW_CASE_NEXT_:
		if (aw__subscriber_line_up(c->subscriber, c->get, node) < 0)
			return aw_fail(-EBUSY, "aw_select: another task waits "
				       "for the next item of a subscriber");
		break;
	case AW_CASE_FD_:
		trunk->flags |= AW__WAIT_OUTSIDE;
		return aw__fd_branch(trunk->task->loop, c->fd, c->events,
				     &node->wait, &room->fd);
	}
	return 0;
}

static void
detach(struct aw_case *c)
{
	struct room *room = room_of(c);

	switch (c->kind) {
	case AW_CASE_TASK_:
		aw__task_unwatch(c->task);
		break;
	case AW_CASE_EVENT_:
		aw__waiters_remove(&c->event->waiters.head,
				   &c->event->waiters.tail, &room->node);
		break;
	case AW_CASE_GET_:
	case AW_CASE_PUT_:
		aw__queue_step_out(c->queue, c->kind == AW_CASE_PUT_,
				   &room->node);
		break;
	case AW_CASE_NEXT_:
		aw__subscriber_step_out(c->subscriber, &room->node);
		break;
	case AW_CASE_FD_:
		aw__fd_unbranch(room->fd, &room->node.wait);
		break;
	}
}

static int
attach_all(struct aw_case *cases, size_t n, struct aw__wait *trunk)
{
	size_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++)
		r = attach(&cases[i], trunk, (int)i + 1);
	if (r == 0)
		return 0;
	for (i--; i-- > 0; )
		detach(&cases[i]);
	return r;
}

static int
wait_for_one(struct aw_task *self, struct aw_case *cases, size_t n)
{
	struct aw__wait trunk = AW__WAIT_INIT(self, aw__one_of_several, cases);
	size_t last = find_earliest(cases, n), i;
	int r;

	trunk.value = (int)n;		/* till it is woken: for a report */
	if (last < n && !(cases[last].until > 0)) {
		cases[last].status = 0;
		return (int)last;
	}
	if (last < n)
		trunk.until = cases[last].until;
	r = attach_all(cases, n, &trunk);
	if (r < 0)
		return r;
	r = aw__wait(&trunk);
	for (i = 0; i < n; i++)
		detach(&cases[i]);
	if (r < 0)
		return r;
	if (trunk.value > 0)		/* a branch; else the time */
		last = (size_t)trunk.value - 1;
	cases[last].status = trunk.value > 0 ?
		room_of(&cases[last])->node.wait.value : 0;
	return (int)last;
}

int
aw_select(struct aw_case *cases, size_t n)
{
	struct aw_task *self;
	int r;

	r = check_cases(cases, n);
	if (r < 0)
		return r;
	hold(cases, n);
	r = aw__enter(&self);
	if (r == 0)
		r = check_tasks(self, cases, n);
	if (r == 0) {
		r = try_all(self, cases, n);
		if (r == -EAGAIN)
			r = wait_for_one(self, cases, n);
	}
	let_go(cases, n);
	return r;
}

/* --- Seen from outside ------------------------------------------------- */

static void
describe_case(struct aw__sink *sink, const struct aw_case *c)
{
	switch (c->kind) {
	case AW_CASE_TASK_:
		aw__sink_add(sink, "a task '%s'", c->task->name);
		break;
	case AW_CASE_EVENT_:
		aw__sink_add(sink, "an event");
		aw__event_describe(sink, c->event);
		break;
	case AW_CASE_GET_:
	case AW_CASE_PUT_:
		aw__sink_add(sink, c->kind == AW_CASE_GET_ ?
			     "an item of a queue" : "room in a queue");
		aw__queue_describe(sink, c->queue);
		break;
	case AW_CASE_NEXT_:
		aw__sink_add(sink, "an item of a broadcast");
		aw__broadcast_describe(sink, c->subscriber->broadcast);
		break;
	case AW_CASE_FD_:
		aw__sink_add(sink, "descriptor %d", c->fd);
		break;
	case AW_CASE_UNTIL_:
		aw__sink_add(sink, "a time");
		break;
	default:
		aw__sink_add(sink, "nothing");
		break;
	}
}

/* Of a wait that goes on: its value is the number of cases. */
void
aw__select_describe(struct aw__sink *sink, const struct aw__wait *wait)
{
	const struct aw_case *cases = wait->object;
	int n = wait->value, i;

	for (i = 0; i < n && i < TOLD; i++) {
		aw__sink_add(sink, i == 0 ? ": " : ", or ");
		describe_case(sink, &cases[i]);
	}
	if (n > TOLD)
		aw__sink_add(sink, ", or one of %d more", n - TOLD);
}
