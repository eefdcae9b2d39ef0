/* SPDX-License-Identifier: MIT */
/*
 * driver.h - for writers of new awaitables: what the database and HTTP
 * libraries of this project are built on, and nothing else.
 *
 *	struct aw_waiter   a one-shot completion: the first one wins
 *	struct aw_fd       a persistent watcher of one descriptor
 *	struct aw_timer    a callback at a time
 *	struct aw_defer    a callback on the loop's stack, this turn
 *	aw_job_*           blocking work in a helper thread of its class (job.h)
 *	aw_service_start   a task of a library
 *	struct aw_closer   what to close when the loop ends
 *	aw_slot_*          one pointer per loop and library
 *	AW_BUDGET          a limit of ours: waits in it fail with -ETIMEDOUT
 *
 * Rules.  Callbacks run on the loop's own stack and never suspend: they copy,
 * set flags, complete waiters and return.  A waiter is completed, never a
 * task woken: a completion that comes late, for an earlier ticket or after
 * the wait was interrupted, does nothing.  An awaiting call begins with
 * aw_checkpoint(), so that a cancel is seen also when the result is ready.
 *
 * Everything here belongs to the loop of the thread that calls.
 */
#ifndef AWAIT_DRIVER_H
#define AWAIT_DRIVER_H

#include <await/base.h>
#include <await/err.h>
#include <await/io.h>
#include <await/job.h>
#include <await/loop.h>
#include <await/scope.h>
#include <await/task.h>
#include <await/time.h>

AW_BEGIN_DECLS

struct ev_loop;

/* One-shot completion.  Zeroed memory is a waiter without a ticket.  The
 * fields are the library's. */
struct aw_waiter {
	struct aw__wait *wait;		/* the wait in progress, or NULL */
	uint64_t ticket;		/* of the current use, never 0 */
	int value;
	bool done;
	uint64_t loop;			/* the number of the one that began */
	void *spare[3];
};

/* A callback at a time of aw_now().  Zeroed memory is a stopped timer. */
struct aw_timer {
	double at;
	size_t place;			/* in the heap, from 1; 0 = stopped */
	void (*fn)(void *arg);
	void *arg;
	struct aw_loop *loop;
	bool internal;			/* set by a library's own timers */
	void *spare[4];
};

/* A callback on the loop's stack after this batch of tasks.  Zeroed memory
 * is one that is not queued. */
struct aw_defer {
	struct aw_defer *next, **prev;
	void (*fn)(void *arg);
	void *arg;
	void *spare[2];
};

/* Called when the loop ends, on the loop's stack, in reverse order. */
struct aw_closer {
	struct aw_closer *next, **prev;
	void (*fn)(void *arg);
	void *arg;
	void *spare[2];
};

struct aw_fd;

#ifndef __cplusplus
/* AW_BUDGET(seconds); a scope until the end of the block in which waits that
 * outlast it fail with -ETIMEDOUT; a nearer deadline of the user still wins. */
#define AW_BUDGET(limit) \
	AW_SCOPE_DECLARE_(AW_CAT(aw_budget_, __COUNTER__), AW_SCOPE_BUDGET_, \
			  "AW_BUDGET", (limit), 0.0)
#endif

/**
 * aw_error_set - begin the detail of a failure
 * @code: negative code
 *
 * Return: this task's detail, never NULL, cleared but for @code and the
 * defaults of struct aw_error: fill in what is known, then return @code.
 * Lifetime: as aw_error().
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_error *aw_error_set(int code) AW_COLD;

/**
 * aw_error_edit - the detail of the last failure, to add to it
 *
 * Return: this task's detail, never NULL.
 * Lifetime: as aw_error().
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_error *aw_error_edit(void) AW_COLD;

/**
 * aw_error_put - make a kept detail the last failure of this task
 * @error: copied; NULL does nothing
 *
 * Return: its code, 0 for NULL.
 * Lifetime: @error stays the caller's.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_error_put(const struct aw_error *error);

/**
 * aw_checkpoint - the first line of every awaiting call
 *
 * Fails when the innermost scope was cancelled or its deadline has passed.
 * Counts an operation that is ready at once: after 128 of them or 2 ms
 * without a switch it lets others run.
 *
 * Awaits; cancel point.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK (under
 * AW_NO_AWAIT); AW_EUSAGE (outside a task).
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_checkpoint(void);

/**
 * aw_waiter_begin - start a new use of a waiter
 * @waiter: no wait may be in progress on it
 *
 * Return: the ticket that the completion must show, never 0.
 * Lifetime: @waiter must live until the wait returned; completions that
 * come later need the memory of @waiter, not the ticket, to be alive.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API uint64_t aw_waiter_begin(struct aw_waiter *waiter);

/**
 * aw_waiter_complete - complete a waiter, once
 * @waiter: the waiter
 * @ticket: from aw_waiter_begin()
 * @value: handed to the wait
 *
 * Legal before the wait begins: it then returns at once.  Another thread's call
 * is refused, with AW_EUSAGE as the last failure, from aw_waiter_begin() on as
 * long as the loop lives that called it: use aw_post().
 *
 * Return: true if this was the first completion of this ticket and the wait
 * had not been interrupted.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API bool aw_waiter_complete(struct aw_waiter *waiter, uint64_t ticket,
			       int value);

/**
 * aw_waiter_wait - wait for the completion
 * @waiter: after aw_waiter_begin()
 * @ret_value: value of the completion; may be NULL
 * @what: what is waited for, for dumps and errors; not copied
 * @object: the thing, for dumps; may be NULL
 *
 * Awaits; cancel point.  A completion that came first wins, also when the
 * scope is cancelled meanwhile; after an interruption the ticket is void.
 *
 * Return: 0 when completed; -ECANCELED; -ETIME; -ETIMEDOUT (a budget);
 * -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: @what must be static.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_waiter_wait(struct aw_waiter *waiter,
						  int *ret_value,
						  const char *what,
						  const void *object);

/**
 * aw_fd_new - a persistent watcher of a descriptor
 * @ret: new; release it with aw_fd_free() before the descriptor is closed
 * @fd: open, in non-blocking mode
 *
 * Return: 0; -EINVAL (negative descriptor); -ENOMEM; AW_EUSAGE (no loop).
 * Lifetime: does not own @fd.
 * Context: task, loop callback.
 * Source: libev manual, ev_io.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_fd_new(struct aw_fd **ret, int fd);

/**
 * aw_fd_set - the number may stand for a new socket now
 * @handle: nobody waits on it
 * @fd: the descriptor
 *
 * Return: nothing; in another thread than its loop's it does nothing.
 * Lifetime: does not own @fd.
 * Context: task, loop callback.
 * Source: libev manual, "The special problem of disappearing file
 * descriptors".
 * Since: 0.1
 */
AW_API void aw_fd_set(struct aw_fd *handle, int fd);

/**
 * aw_fd_free - stop watching
 * @handle: may be NULL; a wait in progress ends with -EBADF
 *
 * Return: nothing; in another thread than its loop's it does nothing.
 * Lifetime: the descriptor stays open.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_fd_free(struct aw_fd *handle);

/**
 * aw_fd_wait - wait until the descriptor is ready
 * @handle: one task at a time may wait for each direction
 * @events: AW_FD_READ, AW_FD_WRITE or both (either suffices)
 * @what: what is waited for; not copied
 * @object: the thing, for dumps; may be NULL
 *
 * Awaits; cancel point.  The watcher stays armed after the wait: readiness
 * that nobody waits for is remembered and ends the next wait at once, so a
 * wait may end early and the caller must expect EAGAIN.
 *
 * Return: the ready events (> 0); -ECANCELED; -ETIME; -ETIMEDOUT (a budget);
 * -EBUSY (another task waits); -EBADF; -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: @what must be static.
 * Context: task.
 * Source: libev manual, ev_io; epoll(7).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_fd_wait(struct aw_fd *handle, int events,
					      const char *what,
					      const void *object);

/**
 * aw_fd_watch - call back when the descriptor is ready and no task waits
 * @handle: the handle
 * @events: AW_FD_READ, AW_FD_WRITE, both, or 0 to stop
 * @fn: called on the loop's stack with the ready events, again and again
 * while they are ready; may free the handle; NULL to stop
 * @arg: handed to @fn
 *
 * Return: nothing; in another thread than its loop's it does nothing.
 * Lifetime: @arg must live until the watch ends.
 * Context: task, loop callback.
 * Source: libev manual, ev_io.
 * Since: 0.1
 */
AW_API void aw_fd_watch(struct aw_fd *handle, int events,
			void (*fn)(void *arg, int events), void *arg);

/**
 * aw_timer_start - call back at a time
 * @timer: stopped or running (it is moved)
 * @at: absolute, in seconds of aw_now()
 * @fn: called once, on the loop's stack
 * @arg: handed to @fn
 *
 * Return: 0; -ENOMEM; AW_EUSAGE (no loop, or it runs in that of another
 * thread).
 * Lifetime: @timer must be stopped before its memory goes.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_timer_start(struct aw_timer *timer, double at,
					void (*fn)(void *arg), void *arg);

/**
 * aw_timer_stop - do not call back
 * @timer: stopped or running
 *
 * Return: nothing; in another thread than its loop's it does nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_timer_stop(struct aw_timer *timer);

/**
 * aw_defer - run something on the loop's stack before the next poll
 * @defer: fn and arg set; does nothing if it is queued already
 *
 * Return: nothing; outside a loop's thread it does nothing.
 * Lifetime: @defer must live until it ran or aw_defer_cancel().
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_defer(struct aw_defer *defer);

/**
 * aw_defer_cancel - take it from the queue
 * @defer: queued or not
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_defer_cancel(struct aw_defer *defer);

/**
 * aw_on_loop_stack - run a deep, synchronous function on the loop's stack
 * @fn: must not suspend
 * @arg: handed to @fn
 *
 * Return: the value of @fn.
 * Context: task (outside one, @fn is called in place).
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_on_loop_stack(int (*fn)(void *arg), void *arg);

/**
 * aw_service_start - start a task of a library
 * @name: for dumps; copied, at most 63 bytes
 * @fn: its function; the value is dropped
 * @arg: handed to @fn
 *
 * It hangs under the root, inherits no deadline, does not count in
 * max_tasks, does not keep an embedded loop alive and is not joined.  When
 * the loop ends it may go on until the grace is over; then it is cancelled.
 *
 * Return: 0; -ENOMEM; -EAGAIN; AW_EUSAGE (no loop).
 * Lifetime: @arg must live until @fn returns.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_service_start(const char *name,
					  int (*fn)(void *arg), void *arg);

/**
 * aw_closer_add - be told when the loop ends
 * @closer: fn and arg set
 *
 * Return: 0; AW_EUSAGE (no loop on this thread).
 * Lifetime: @closer must live until it ran or aw_closer_remove().
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_closer_add(struct aw_closer *closer);

/**
 * aw_closer_remove - need not be told any more
 * @closer: added or not
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_closer_remove(struct aw_closer *closer);

/**
 * aw_slot_new - a key under which each loop keeps one pointer
 * @fini: called with the pointer, when it is not NULL, as the loop is freed;
 * may be NULL
 *
 * Return: the key (>= 0); AW_ELIMIT (16 a process).
 * Lifetime: the key lives as long as the process.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_slot_new(void (*fini)(void *value));

/**
 * aw_slot_get - this loop's pointer
 * @key: from aw_slot_new()
 *
 * Return: the pointer; NULL when none was set or there is no loop.
 * Lifetime: borrowed.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void *aw_slot_get(int key);

/**
 * aw_slot_set - set this loop's pointer
 * @key: from aw_slot_new()
 * @value: may be NULL; a former value is not finished
 *
 * Return: 0; -EINVAL (key); AW_EUSAGE (no loop).
 * Lifetime: the loop hands it to fini when it is freed.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_slot_set(int key, void *value);

/**
 * aw_fork_mark - which process are we in?
 *
 * Return: a number that changes in a child of fork().  A handle keeps it and
 * answers AW_EFORK when it differs.
 * Context: any thread.
 * Source: pthread_atfork(3).
 * Since: 0.1
 */
AW_API unsigned aw_fork_mark(void);

/**
 * aw_loop_ev - the libev loop underneath
 * @loop: the loop
 *
 * Return: the libev loop.
 * Lifetime: borrowed.
 * Context: task, loop callback.
 * Source: libev manual.
 * Since: 0.1
 */
AW_API struct ev_loop *aw_loop_ev(struct aw_loop *loop);

AW_END_DECLS

#endif
