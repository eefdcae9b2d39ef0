/* SPDX-License-Identifier: MIT */
/*
 * task.h - tasks: functions with a stack of their own that wait without
 * blocking their thread.
 *
 * A spawned task hangs under the loop's root and inherits no deadline; the
 * children of a group (group.h) live under the scopes around it and are what
 * most programs want.  After a successful spawn fn runs exactly once, also
 * when the task is cancelled before: its first wait fails then.  A handle is
 * valid until it is joined or released; no task is ever destroyed from
 * outside.
 */
#ifndef AWAIT_TASK_H
#define AWAIT_TASK_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_task;

/* Options of aw_spawn(). */
struct aw_spawn_options {
	size_t size;
	const char *site;	/* set by the macro: where it was created */
	struct aw_named *named;
	int64_t stack;		/* usable bytes (0: the loop's) */
	double deadline;	/* absolute, of aw_now(); 0 = none */
	bool eager;		/* runs at once, until its first wait; from
				 * outside a task: as without it */
	void *spare[4];
};

#ifndef __cplusplus
#define aw_spawn(name, fn, arg, ...) \
	aw_spawn_with((name), (fn), (arg), &(struct aw_spawn_options){ \
		.size = sizeof(struct aw_spawn_options), .site = AW_SITE, \
		__VA_ARGS__ })
#endif

/**
 * aw_spawn_with - start a task under the loop's root
 * @name: for dumps and errors; copied, at most 63 bytes
 * @fn: its function; a negative value is a failure
 * @arg: handed to @fn
 * @options: may be NULL
 *
 * Does not switch, unless .eager.
 *
 * Return: the handle; NULL with -ENOMEM, -EAGAIN (.max_tasks is reached),
 * -EINVAL, -EDEADLK (.eager under AW_NO_AWAIT) or AW_EUSAGE (no loop on this
 * thread; .eager in a callback that must not wait) in aw_error().
 * Lifetime: @arg must live until @fn returns; the handle until aw_join(),
 * aw_task_release() or the loop's end.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK struct aw_task *
aw_spawn_with(const char *name, int (*fn)(void *arg), void *arg,
	      const struct aw_spawn_options *options);

/**
 * aw_join - wait for a task and take its status
 * @task: consumed by a success; a failed wait keeps it
 * @ret_status: value of its function; may be NULL
 *
 * Awaits; cancel point.  When the status is negative the task's error
 * detail becomes this task's.
 *
 * Return: 0 (the task has ended); -ECANCELED; -ETIME; -ETIMEDOUT (a budget);
 * -EDEADLK (joins itself; AW_NO_AWAIT); -EINVAL (joined already, or a child
 * of a group); -EBUSY (another task is joining it); AW_EUSAGE.
 * Lifetime: ends that of @task on success.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_join(struct aw_task *task,
					   int *ret_status);

/**
 * aw_join_result - wait for a task and take its status and its result
 * @task: consumed by a success; a failed wait keeps it
 * @ret_status: value of its function; may be NULL
 * @ret_result: what the task gave to aw_task_result_set(), NULL if nothing,
 * whatever the status; the caller's from now on
 *
 * Awaits; cancel point.
 *
 * Return: as aw_join().
 * Lifetime: ends that of @task on success.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_join_result(struct aw_task *task, int *ret_status, void **ret_result);

/**
 * aw_task_result_set - leave something to whoever joins this task
 * @result: a former one is destroyed; may be NULL
 * @dtor: called with it when nobody takes it: aw_join(), a release, a group;
 * may be NULL; must not suspend: a wait in it fails with AW_EUSAGE
 *
 * For a group's child it is shown by aw_group_next().
 *
 * Return: 0; AW_EUSAGE (outside a task).
 * Lifetime: @result is the task's from a success on; it must not lie on the
 * task's own stack.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_task_result_set(void *result,
					    void (*dtor)(void *result));

/**
 * aw_task_release - let a task go on by itself
 * @task: gone for the caller; may be NULL; a child of a group is left alone
 *
 * Its failure is handed to the loop's .on_unhandled.  While another task
 * joins it, the handle goes when that join has ended.
 *
 * Return: nothing.
 * Lifetime: ends that of the handle.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_task_release(struct aw_task *task);

/**
 * aw_task_freep - aw_task_release() for AW_AUTO
 * @task: address of the handle; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_task_freep(struct aw_task **task);

/**
 * aw_cancel - let every wait of a task fail with -ECANCELED
 * @task: a finished task is left alone
 * @why: reason for errors and dumps; copied, at most 63 bytes
 *
 * Never runs the task at once.  In C it is a macro around aw_cancel_at(),
 * which keeps its place.
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_cancel(struct aw_task *task, const char *why);

/**
 * aw_cancel_at - aw_cancel() that says where it was called
 * @task: a finished task is left alone
 * @why: as aw_cancel()
 * @site: file:line for errors and dumps; static; may be NULL
 *
 * The task that calls it is named beside the reason: canceller and
 * cancelled_at in aw_error() of what is cancelled.
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_cancel_at(struct aw_task *task, const char *why,
			 const char *site);

#ifndef __cplusplus
#define aw_cancel(task, why) aw_cancel_at((task), (why), AW_SITE)
#endif

/**
 * aw_self - the task that runs
 *
 * Return: the task; NULL outside one.
 * Lifetime: borrowed until the task ends.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_task *aw_self(void);

/**
 * aw_task_name - the name of a task
 * @task: NULL: the task that runs
 *
 * Return: its name; "" outside a task.
 * Lifetime: borrowed until the task is joined or released.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *aw_task_name(const struct aw_task *task);

/**
 * aw_task_atexit - call a function when this task has returned
 * @fn: called on this task's stack, last registered first; must not suspend:
 * a wait in it fails with AW_EUSAGE
 * @arg: handed to @fn
 *
 * Return: 0; -ENOMEM; AW_EUSAGE (outside a task).
 * Lifetime: @arg must live until then.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_task_atexit(void (*fn)(void *arg), void *arg);

/**
 * aw_yield - let the other ready tasks run first
 *
 * Awaits; cancel point.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK;
 * AW_EUSAGE.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_yield(void);

AW_END_DECLS

#endif
