/* SPDX-License-Identifier: MIT */
/*
 * select.h - waiting for whichever of several things comes first.
 *
 *	struct aw_case cases[] = {
 *		AW_CASE_GET(queue, &item),
 *		AW_CASE_EVENT(&reload),
 *		AW_CASE_FD(socket, AW_FD_READ),
 *		AW_CASE_UNTIL(aw_now() + 5),
 *	};
 *	int i = aw_select(cases, AW_LENGTH(cases));
 *
 * Exactly one case is chosen: its item is got or put, and nothing else has
 * happened to the others.  When several are ready at once each has its turn.
 */
#ifndef AWAIT_SELECT_H
#define AWAIT_SELECT_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_event;
struct aw_queue;
struct aw_subscriber;
struct aw_task;

/* One thing to wait for, made by a macro below.  It can be used again. */
struct aw_case {
	int kind;		/* AW_CASE_..._ */
	int events;		/* of fd */
	int status;		/* set in the case that is chosen: 0; fd: the
				 * ready events or -EBADF; queues: AW_ECLOSED
				 * (for a get: and empty); a subscriber:
				 * AW_ECLOSED (all was read, or released) */
	int fd;
	struct aw_task *task;
	struct aw_event *event;
	struct aw_queue *queue;
	struct aw_subscriber *subscriber;
	void *get;		/* room for an item */
	const void *put;	/* an item */
	double until;
	void *room[32];		/* the library's, while it waits */
};

#define AW_CASE_NONE_ 0
#define AW_CASE_TASK_ 1
#define AW_CASE_EVENT_ 2
#define AW_CASE_GET_ 3
#define AW_CASE_PUT_ 4
#define AW_CASE_FD_ 5
#define AW_CASE_UNTIL_ 6
#define AW_CASE_NEXT_ 7

#ifndef __cplusplus

/* Never chosen: keeps the places of the others. */
#define AW_CASE_NONE \
	((struct aw_case){ .kind = AW_CASE_NONE_ })
/* The task has ended; its handle is kept: aw_join() then returns at once. */
#define AW_CASE_TASK(task_) \
	((struct aw_case){ .kind = AW_CASE_TASK_, .task = (task_) })
/* The event is set. */
#define AW_CASE_EVENT(event_) \
	((struct aw_case){ .kind = AW_CASE_EVENT_, .event = (event_) })
/* An item was taken from the queue. */
#define AW_CASE_GET(queue_, ret_) \
	((struct aw_case){ .kind = AW_CASE_GET_, .queue = (queue_), \
			   .get = (ret_) })
/* The next item of a broadcast was taken; what the subscriber missed is told
 * by its next call. */
#define AW_CASE_NEXT(subscriber_, ret_) \
	((struct aw_case){ .kind = AW_CASE_NEXT_, \
			   .subscriber = (subscriber_), .get = (ret_) })
/* The item was put into the queue. */
#define AW_CASE_PUT(queue_, item_) \
	((struct aw_case){ .kind = AW_CASE_PUT_, .queue = (queue_), \
			   .put = (item_) })
/* The descriptor is ready: AW_FD_READ, AW_FD_WRITE, or either of both. */
#define AW_CASE_FD(fd_, events_) \
	((struct aw_case){ .kind = AW_CASE_FD_, .fd = (fd_), \
			   .events = (events_) })
/* The time, of aw_now(), has come; 0, negative or NaN: nothing else is ready
 * now. */
#define AW_CASE_UNTIL(time_) \
	((struct aw_case){ .kind = AW_CASE_UNTIL_, .until = (time_) })

#endif

/**
 * aw_select - wait until one of several things can be done, and do it
 * @cases: at least one; the status of the chosen one is set
 * @n: number of cases
 *
 * Awaits; cancel point.  Allocates nothing.  When several are ready it looks
 * first at another one each time.  A task may be in one select or join at a
 * time, a descriptor in one wait for each direction.
 *
 * Return: the index of the chosen case (>= 0); -ECANCELED; -ETIME;
 * -ETIMEDOUT (a budget); -EINVAL (no case, a bad case, a task joined or
 * released already); -EBUSY (another task waits for the task, subscriber or
 * descriptor);
 * -EBADF; -EDEADLK (the task itself; AW_NO_AWAIT); AW_EUSAGE; -ENOMEM.  No
 * case was chosen then.
 * Lifetime: @cases and what they name must stay until it returns.
 * Context: task.
 * Source: our own; for the rotation: Go's select.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_select(struct aw_case *cases, size_t n);

AW_END_DECLS

#endif
