/* SPDX-License-Identifier: MIT */
/*
 * scope.h - deadlines, cancellation and shields, from a line to the end of
 * its block.
 *
 *	AW_TIMEOUT(2.0);		every wait below fails with -ETIME
 *					once 2 seconds have passed
 *	AW_SCOPE(s, .seconds = 2.0);	the same, with a name to ask about
 *	AW_SHIELD(1.0);			hides the scopes outside for 1 second
 *	AW_NO_AWAIT;			a wait below is a mistake: -EDEADLK
 *
 * Scopes form a tree: a scope lies inside the innermost one of its task, the
 * outermost scope of a group's child inside its group.  The nearest deadline
 * counts.  A cancel or a passed deadline lasts until the scope ends: every
 * wait fails at once, with -ECANCELED before -ETIME, and the scope's end
 * never waits.  A result that came together with a cancel is returned; the
 * cancel shows at the next wait.
 *
 * Each macro is a declaration: in an unbraced if, for or case it does not
 * compile.  Never jump over one with goto or switch.
 */
#ifndef AWAIT_SCOPE_H
#define AWAIT_SCOPE_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_task;

/* A scope on the frame of its task.  The fields are the library's. */
struct aw_scope {
	struct aw_scope *parent;	/* NULL: the loop's root */
	struct aw_scope *child;		/* first of the scopes inside */
	struct aw_scope *next, **prev;	/* among the parent's children */
	struct aw_task *task;		/* NULL: not entered */
	struct aw_scope *cause;		/* the cancelled scope, or NULL */
	struct aw_scope *limit;		/* whose deadline is the nearest */
	struct aw__reason *reason;	/* of the cancel of this very scope */
	double deadline;		/* the nearest one, absolute */
	double seconds;			/* as declared */
	double at;			/* as declared, absolute, 0 = none */
	const char *name;
	const char *site;
	unsigned kind;			/* AW_SCOPE_..._ */
	unsigned flags;
	void *spare[4];
};

#define AW_SCOPE_PLAIN_ 0u	/* seconds 0 = no deadline of its own */
#define AW_SCOPE_TIMEOUT_ 1u	/* seconds 0 = over */
#define AW_SCOPE_SHIELD_ 2u
#define AW_SCOPE_NO_AWAIT_ 4u
#define AW_SCOPE_BUDGET_ 8u	/* fails with -ETIMEDOUT */
#define AW_SCOPE_GROUP_ 16u
#define AW_SCOPE_FORKED_ 32u	/* the loop is another process's */
#define AW_SCOPE_CALLBACK_ 64u	/* name is what must not wait */

#ifndef __cplusplus

/* Expands to
 *	struct aw_scope NAME __attribute__((cleanup, unused)) = { ... },
 *		*NAME_p __attribute__((unused)) = aw_scope_enter(&NAME) */
#define AW_SCOPE_DECLARE_(var, kind_, name_, seconds_, at_) \
	AW_SCOPE_DECLARE__(var, kind_, name_, seconds_, at_)
#define AW_SCOPE_DECLARE__(var, kind_, name_, seconds_, at_) \
	struct aw_scope var __attribute__((cleanup(aw_scope_leave), unused)) = \
		{ .seconds = (seconds_), .at = (at_), .name = (name_), \
		  .site = AW_SITE, .kind = (kind_) }, \
		*var##_p __attribute__((unused)) = aw_scope_enter(&var)

#define AW_TIMEOUT(limit) \
	AW_SCOPE_DECLARE_(AW_CAT(aw_timeout_, __COUNTER__), \
			  AW_SCOPE_TIMEOUT_, "AW_TIMEOUT(" #limit ")", \
			  (limit), 0.0)
#define AW_SHIELD(limit) \
	AW_SCOPE_DECLARE_(AW_CAT(aw_shield_, __COUNTER__), \
			  AW_SCOPE_SHIELD_, "AW_SHIELD(" #limit ")", \
			  (limit), 0.0)
#define AW_NO_AWAIT \
	AW_SCOPE_DECLARE_(AW_CAT(aw_no_await_, __COUNTER__), \
			  AW_SCOPE_NO_AWAIT_, "AW_NO_AWAIT", 0.0, 0.0)

/* AW_SCOPE(name, .seconds = 2.0) or .deadline = absolute seconds of
 * aw_now(); without either it only takes cancels.  A value of exactly 0 is
 * "none": where a computed one may be 0, use AW_TIMEOUT(). */
#define AW_SCOPE(var, ...) \
	struct aw_scope var __attribute__((cleanup(aw_scope_leave), unused)) = \
		{ .name = #var, .site = AW_SITE }, \
		*var##_p __attribute__((unused)) = aw_scope_enter_with( \
			&var, &(struct aw_scope_options){ \
				.size = sizeof(struct aw_scope_options), \
				__VA_ARGS__ })

#endif

/* Options of AW_SCOPE(). */
struct aw_scope_options {
	size_t size;
	struct aw_named *named;
	double seconds;		/* from now; 0 = none; negative = over */
	double deadline;	/* absolute, of aw_now(); 0 = none */
	void *spare[2];
};

/**
 * aw_scope_enter - begin a scope that the macros declared
 * @scope: name, site, kind, seconds and at are set, the rest is zero
 *
 * Outside a task it does nothing.  A deadline that is 0, negative or NaN is
 * over already.
 *
 * Return: @scope.
 * Lifetime: @scope must stay where it is until aw_scope_leave().
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_scope *aw_scope_enter(struct aw_scope *scope);

/**
 * aw_scope_enter_with - begin a scope with options
 * @scope: name and site are set, the rest is zero
 * @options: deadline or seconds or neither; may be NULL
 *
 * Return: @scope.
 * Lifetime: @scope must stay where it is until aw_scope_leave().
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_scope *
aw_scope_enter_with(struct aw_scope *scope,
		    const struct aw_scope_options *options);

/**
 * aw_scope_leave - end a scope; never waits, never fails
 * @scope: the innermost scope of this task; if it is not, nothing is done
 *
 * Return: nothing.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_scope_leave(struct aw_scope *scope);

/**
 * aw_scope_cancel - let every wait in a scope fail with -ECANCELED
 * @scope: entered; once it is cancelled a further cancel does nothing
 * @why: reason for errors and dumps; copied, at most 63 bytes; NULL is
 * "no reason given"
 *
 * In C it is a macro around aw_scope_cancel_at(), which keeps its place.
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_scope_cancel(struct aw_scope *scope, const char *why);

/**
 * aw_scope_cancel_at - aw_scope_cancel() that says where it was called
 * @scope: entered; once it is cancelled a further cancel does nothing
 * @why: as aw_scope_cancel()
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
AW_API void aw_scope_cancel_at(struct aw_scope *scope, const char *why,
			       const char *site);

#ifndef __cplusplus
#define aw_scope_cancel(scope, why) \
	aw_scope_cancel_at((scope), (why), AW_SITE)
#endif

/**
 * aw_scope_expired - was it this scope's own deadline that passed?
 * @scope: entered
 *
 * Return: the answer, by the clock now.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API bool aw_scope_expired(const struct aw_scope *scope);

/**
 * aw_scope_cancelled - was this very scope cancelled?
 * @scope: entered
 *
 * Return: the answer.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API bool aw_scope_cancelled(const struct aw_scope *scope);

/**
 * aw_deadline - the nearest deadline of this task
 *
 * Return: absolute seconds of aw_now(); HUGE_VAL when there is none.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API double aw_deadline(void);

/**
 * aw_left - seconds until the nearest deadline of this task
 *
 * Return: 0 when it has passed; HUGE_VAL when there is none.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API double aw_left(void);

/**
 * aw_cancel_reason - why this task is being cancelled
 *
 * By whom, and where: canceller and cancelled_at in aw_error(), once a wait
 * or aw_check() has failed for it.
 *
 * Return: the reason; NULL when it is not being cancelled.
 * Lifetime: borrowed until the cancelled scope ends.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *aw_cancel_reason(void);

/**
 * aw_check - is it I who must stop?
 *
 * The only right test in a loop that logs failures and goes on.  Does not
 * suspend.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget).  0 outside a task.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_check(void);

AW_END_DECLS

#endif
