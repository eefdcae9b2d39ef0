/* SPDX-License-Identifier: MIT */
/*
 * group.h - structured concurrency: a group joins its children before the
 * block that declares it is left.
 *
 *	AW_GROUP(group, .limit = 100);
 *	for (size_t i = 0; i < n; i++)
 *		AW_TRY(aw_go_copy(&group, fetch, &job[i]));
 *	return aw_group_wait(&group);
 *
 * A group is a scope with children.  They live under the scopes around
 * AW_GROUP, wherever aw_go() is called, and may point into the frame.  The
 * first failure cancels the others and is what aw_group_wait() returns, with
 * its detail; a child that ends with -ECANCELED because it was cancelled is
 * no failure.  Leaving the block without a wait cancels the children and
 * joins them: the only end of a scope that waits.
 *
 * Three children given the address of one loop variable share it: aw_go_copy
 * gives each child its own copy.
 */
#ifndef AWAIT_GROUP_H
#define AWAIT_GROUP_H

#include <await/base.h>
#include <await/err.h>
#include <await/scope.h>

AW_BEGIN_DECLS

/* Options of AW_GROUP(). */
struct aw_group_options {
	size_t size;
	struct aw_named *named;
	int64_t limit;		/* children at a time; 0 = no limit */
	bool collect;		/* failures do not cancel the others */
	bool first;		/* the first success ends the group */
	void *spare[2];
};

/* Options of aw_go() and aw_go_copy(). */
struct aw_go_options {
	size_t size;
	const char *site;	/* set by the macro */
	const char *fn_name;	/* set by the macro */
	struct aw_named *named;
	const char *name;	/* for dumps and errors (the function's) */
	int64_t stack;		/* usable bytes (0: the loop's) */
	bool service;		/* for the other children: cancelled, last
				 * started first, when they have ended */
	void *spare[3];
};

/* A group on the frame of its task.  The fields are the library's. */
struct aw_group {
	struct aw_scope scope;		/* must be the first */
	struct aw_group_options options;
	struct aw_task *queued, *queued_last;	/* for a place below limit */
	struct aw_task *finished, *finished_last; /* for aw_group_next() */
	struct aw_task *reported;	/* by the last aw_group_next() */
	size_t n_running, n_queued;
	size_t n_cancelled;		/* ended because they were cancelled */
	int status;			/* the first failure */
	unsigned state;
	struct aw_error *error;		/* its detail */
	struct aw__wait *waiter;	/* the owner, in wait, next or leave */
	struct aw__wait_node *senders, *senders_last; /* for a place */
	struct aw_task *services;	/* the last started first */
	struct aw__reason *failed;	/* who failed first, from where */
	void *spare[3];
};

/* What aw_group_next() reports. */
struct aw_done {
	void *arg;			/* as given to aw_go(); NULL for the
					 * copy of aw_go_copy(): it is gone */
	int status;
	const struct aw_error *error;	/* NULL if status >= 0; until the next
					 * call on this group */
	void *result;			/* of aw_task_result_set(), or NULL;
					 * as long as error */
};

/* One call of aw_gather(). */
struct aw_call {
	int (*fn)(void *arg);
	void *arg;
	int status;			/* -ECANCELED until it has run */
	struct aw_error *error;		/* see aw_call_error() */
	void *spare[2];
};

/* Options of aw_gather(). */
struct aw_gather_options {
	size_t size;
	struct aw_named *named;
	int64_t limit;		/* calls at a time; 0 = all */
	bool keep_going;	/* a failure does not cancel the others */
	void *spare[2];
};

#ifndef __cplusplus

#define AW_GROUP(var, ...) \
	struct aw_group var __attribute__((cleanup(aw_group_leave), unused)) = \
		{ .scope = { .name = #var, .site = AW_SITE }, \
		  .options = { .size = sizeof(struct aw_group_options), \
			       __VA_ARGS__ } }, \
		*var##_p __attribute__((unused)) = aw_group_enter(&var)

#define aw_go(group, fn, arg, ...) \
	aw_go_with((group), (fn), (arg), &(struct aw_go_options){ \
		.size = sizeof(struct aw_go_options), .site = AW_SITE, \
		.fn_name = #fn, __VA_ARGS__ })
#define aw_go_copy(group, fn, value, ...) \
	aw_go_copy_with((group), (fn), (value), sizeof *(value), \
		&(struct aw_go_options){ \
			.size = sizeof(struct aw_go_options), \
			.site = AW_SITE, .fn_name = #fn, __VA_ARGS__ })
#define aw_go_ready(group, ret_value, fn, arg, ...) \
	aw_go_ready_with((group), (ret_value), (fn), (arg), \
		&(struct aw_go_options){ \
			.size = sizeof(struct aw_go_options), \
			.site = AW_SITE, .fn_name = #fn, __VA_ARGS__ })

/* struct aw_call calls[] = { AW_CALL(fetch, &a), AW_CALL(fetch, &b) }; */
#define AW_CALL(fn_, arg_) \
	((struct aw_call){ .fn = (fn_), .arg = (arg_) })
#define aw_gather(calls, n, ...) \
	aw_gather_with((calls), (n), &(struct aw_gather_options){ \
		.size = sizeof(struct aw_gather_options), __VA_ARGS__ })

#endif

/**
 * aw_group_enter - begin a group that AW_GROUP() declared
 * @group: scope name and site and options are set, the rest is zero
 *
 * Return: @group.
 * Lifetime: @group must stay where it is until aw_group_leave().
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_group *aw_group_enter(struct aw_group *group);

/**
 * aw_group_leave - end a group
 * @group: if it was not waited for, its children are cancelled ("the group
 * was left") and joined
 *
 * May suspend: the one scope exit that does.
 *
 * Return: nothing.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_group_leave(struct aw_group *group);

/**
 * aw_go_with - start a child
 * @group: not yet joined; children may start siblings
 * @fn: its function; runs exactly once after a success
 * @arg: handed to @fn
 * @options: may be NULL
 *
 * Awaits when the limit is reached; cancel point.  Called by a child of the
 * group it never waits: the new child is queued.
 *
 * Return: 0; the code of the child that failed the group, with its detail;
 * -ECANCELED; -ETIME; -ETIMEDOUT (a budget); AW_ECLOSED (joined or stopped);
 * -EAGAIN (.max_tasks); -ENOMEM; -EDEADLK; -EINVAL (no @fn;
 * .stack; the group's .limit); AW_EUSAGE.
 * Lifetime: @arg must live until the group has been joined.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_go_with(struct aw_group *group, int (*fn)(void *arg), void *arg,
	   const struct aw_go_options *options);

/**
 * aw_go_copy_with - start a child that owns a copy of its argument
 * @group: not yet joined
 * @fn: its function
 * @value: @size bytes, copied onto the child's stack
 * @size: at most 16 KiB
 * @options: may be NULL
 *
 * Awaits when the limit is reached; cancel point.
 *
 * Return: as aw_go_with(); -EINVAL (@size).
 * Lifetime: @value is not kept.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_go_copy_with(struct aw_group *group, int (*fn)(void *arg),
		const void *value, size_t size,
		const struct aw_go_options *options);

/**
 * aw_go_ready_with - start a child and wait until it is ready
 * @group: not yet joined
 * @ret_value: what the child gave to aw_started(); may be NULL
 * @fn: its function
 * @arg: handed to @fn
 * @options: may be NULL
 *
 * Awaits; cancel point.  A child that fails before it calls aw_started()
 * has failed this call and not the group.  When the wait is interrupted the
 * child is cancelled.  A child of the group that calls this goes beyond the
 * limit if it is reached.
 *
 * Return: 0; the child's own failure, with its detail; AW_EUSAGE (it ended
 * without a call of aw_started()); else as aw_go_with().
 * Lifetime: @arg must live until the group has been joined; the value as
 * long as the child says.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_go_ready_with(struct aw_group *group, void **ret_value,
		 int (*fn)(void *arg), void *arg,
		 const struct aw_go_options *options);

/**
 * aw_started - tell who started this task with aw_go_ready() that it is ready
 * @value: handed to them; may be NULL
 *
 * In a task that was started otherwise it does nothing.
 *
 * Return: 0; AW_EUSAGE (called twice, or outside a task).
 * Lifetime: what @value points to must live as long as they may use it.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_started(void *value);

/**
 * aw_group_wait - join the children
 * @group: of this task
 *
 * Awaits, always to the end: a cancel reaches the children, and with .first
 * and after a failure the others are cancelled.  Service children are
 * cancelled when the others have ended.
 *
 * Return: 0; the first failure's code, with its detail; -ECANCELED or -ETIME
 * when a scope around the group ended it; with .collect the first failure
 * after all have ended; with .first 0 if one succeeded; AW_EUSAGE (not the
 * owner); -EDEADLK (called by its own child).
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_group_wait(struct aw_group *group);

/**
 * aw_group_next - wait for the next child to finish
 * @group: of this task; with .collect every child is reported, without it
 * those that finish after the first call
 * @ret: set when the value is 1
 *
 * Awaits; cancel point.  With .collect and with .first a failure is only
 * reported here; without, it fails the group and is what this call returns.
 * After aw_group_stop() and the success of .first the others are reported as
 * they end, with -ECANCELED as a rule; that wait is as firm as that of
 * aw_group_wait(), after which what is unread can still be read.
 *
 * Return: 1 (@ret is set); 0 (no child is left); the code of the child that
 * failed the group; -ECANCELED; -ETIME;
 * -ETIMEDOUT (a budget); -EDEADLK; AW_EUSAGE.
 * Lifetime: @ret->error until the next call on this group.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_group_next(struct aw_group *group,
						 struct aw_done *ret);

/**
 * aw_group_stop - end the group early, without a failure
 * @group: its children are cancelled ("the group was stopped")
 *
 * In C it is a macro around aw_group_stop_at(), which keeps its place.
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_group_stop(struct aw_group *group);

/**
 * aw_group_stop_at - aw_group_stop() that says where it was called
 * @group: its children are cancelled
 * @site: file:line for errors and dumps; static; may be NULL
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_group_stop_at(struct aw_group *group, const char *site);

#ifndef __cplusplus
#define aw_group_stop(group) aw_group_stop_at((group), AW_SITE)
#endif

/**
 * aw_gather_with - run calls at the same time, results in order
 * @calls: @n calls; status and error of each are set, also on failure
 * @n: number of calls
 * @options: may be NULL
 *
 * Awaits until every call has ended; cancel point.
 *
 * Return: 0; the code of the first call in time that failed, with its
 * detail and item; with .keep_going 0 unless cancelled; -ECANCELED; -ETIME;
 * -ENOMEM; -EAGAIN; -EDEADLK; -EINVAL (a call without a function,
 * a negative .limit); AW_EUSAGE.
 * Lifetime: @calls must stay until it returns; the details live until this
 * task's next aw_gather() or its end.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_gather_with(struct aw_call *calls, size_t n,
	       const struct aw_gather_options *options);

/**
 * aw_call_error - the detail of a gathered call
 * @call: after aw_gather()
 *
 * Return: the detail; NULL if it did not fail or memory was short.
 * Lifetime: borrowed until this task's next aw_gather() or its end.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API const struct aw_error *aw_call_error(const struct aw_call *call);

AW_END_DECLS

#endif
