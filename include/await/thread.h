/* SPDX-License-Identifier: MIT */
/*
 * thread.h - what threads may do to each other's loops, and what a process
 * must do after fork().
 *
 * A loop and everything on it belong to one thread: tasks never move, and a
 * lock, a queue or a pool is used by the tasks of one loop only.  From
 * another thread, whether it runs a loop or not, exactly three things are
 * allowed: aw_post() (loop.h), aw_spawn_on(), aw_thread_event_set().
 *
 *	static struct aw_thread_event loaded;	(zeroes: not set)
 *
 *	any thread			a task of any loop
 *	aw_thread_event_set(&loaded);	AW_TRY(aw_thread_event_wait(&loaded));
 *
 * What was written before the set can be read after the wait.
 */
#ifndef AWAIT_THREAD_H
#define AWAIT_THREAD_H

#include <await/base.h>
#include <await/loop.h>

AW_BEGIN_DECLS

struct aw__thread_waiter;

/* Set or not set, for the tasks of all loops; zeroes are a valid start. */
struct aw_thread_event {
	bool is_set;			/* ask aw_thread_event_is_set() */
	struct aw__thread_waiter *head, *tail;
	void *spare[4];
};

/* Options of aw_spawn_on(). */
struct aw_spawn_on_options {
	size_t size;
	const char *site;	/* set by the macro: where it was called */
	struct aw_named *named;
	int64_t stack;		/* usable bytes (0: the loop's) */
	void (*lost)(void *arg);	/* called on the loop's stack when the
				 * task could not be made there */
	void *spare[4];
};

#ifndef __cplusplus
#define aw_spawn_on(loop, name, fn, arg, ...) \
	aw_spawn_on_with((loop), (name), (fn), (arg), \
		&(struct aw_spawn_on_options){ \
			.size = sizeof(struct aw_spawn_on_options), \
			.site = AW_SITE, __VA_ARGS__ })
#endif

/**
 * aw_spawn_on_with - start a task on another thread's loop
 * @loop: must live, see aw_loop_here()
 * @name: for dumps and errors; copied, at most 63 bytes
 * @fn: its function; its value, when negative, goes to .on_unhandled
 * @arg: handed to @fn
 * @options: may be NULL
 *
 * Tasks begin in the order of the calls.  When the loop has no memory or no
 * room for one more task (.max_tasks), that goes to its .on_unhandled, and
 * .lost is called in the place of @fn.  While the loop is ending @fn still
 * runs: its waits fail.
 *
 * Return: 0 (either @fn or .lost will be called, once); -EINVAL; -ENOMEM;
 * AW_ECLOSED (the loop is ending); AW_EFORK.
 * Lifetime: @arg must live until @fn returns.
 * Context: any thread.
 * Source: libev manual, ev_async.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_spawn_on_with(struct aw_loop *loop, const char *name,
		 int (*fn)(void *arg), void *arg,
		 const struct aw_spawn_on_options *options);

/**
 * aw_thread_event_wait - wait until any thread sets an event
 * @event: tasks of several loops may wait for it
 *
 * Awaits; cancel point.  The event may be freed once every wait for it has
 * returned: a set that is still under way does not look at it again.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK;
 * AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: @event must outlive the wait.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_thread_event_wait(struct aw_thread_event *event);

/**
 * aw_thread_event_set - set an event and wake all who wait for it
 * @event: stays set until aw_thread_event_clear()
 *
 * Never fails and allocates nothing.
 *
 * Return: nothing.
 * Lifetime: @event must live until it returns, unless its waiters have it.
 * Context: any thread.
 * Source: libev manual, ev_async.
 * Since: 0.1
 */
AW_API void aw_thread_event_set(struct aw_thread_event *event);

/**
 * aw_thread_event_clear - unset an event
 * @event: those already woken stay woken
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_thread_event_clear(struct aw_thread_event *event);

/**
 * aw_thread_event_is_set - has it been set?
 * @event: the event
 *
 * Return: the answer, which may be old when it is read.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API bool aw_thread_event_is_set(const struct aw_thread_event *event);

/**
 * aw_reinit - let go of the loop that this process inherited from its parent
 *
 * For a child of fork() that wants a loop of its own: a pre-fork server whose
 * parent forks inside a task, or inside a libev loop that was attached.  Not
 * needed when the parent forked outside.  Neither the parent's sockets nor
 * its epoll are touched; handles made by the parent go on answering AW_EFORK,
 * and releasing one closes the child's descriptors only.
 *
 *	if (fork() == 0) {
 *		aw_ignore(aw_reinit());
 *		_exit(aw_run(worker, NULL) < 0);
 *	}
 *
 * Inside a task of the parent the new aw_run() runs on that task's stack.
 * When the task's function returns in the child, the aw_run() of the parent
 * returns there too: see loop.h.
 *
 * Return: 0 (aw_run() and aw_attach() can be called); AW_EUSAGE (this is no
 * child: the loop is this process's own).
 * Context: any thread.
 * Source: fork(2), epoll(7).
 * Since: 0.1
 */
AW_API int aw_reinit(void);

AW_END_DECLS

#endif
