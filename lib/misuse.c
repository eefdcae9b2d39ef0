/* SPDX-License-Identifier: MIT */
/*
 * What AWAIT_DEBUG does not let pass: one line that names both places, the
 * backtrace, and the end of the process. Without it each of these has a
 * defined outcome that a program can live with, and nothing is written.
 */
#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime.h"

void
aw__debug_die(const char *fmt, ...)
{
	void *frames[64];
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	dprintf(STDERR_FILENO, "await: %s\n", text);
	backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
	abort();
}

static bool
is_debugging(void)
{
	return aw__loop && aw__loop->debug;
}

static const char *
site_of(const struct aw_scope *scope)
{
	return scope->site && *scope->site ? scope->site : "an unknown place";
}

/* The scope that forbids waits is scope or around it. */
static const struct aw_scope *
who_forbids(const struct aw_scope *scope)
{
	while (scope->parent && !(scope->kind & AW_SCOPE_NO_AWAIT_))
		scope = scope->parent;
	return scope;
}

int
aw__misuse_no_await(const struct aw_task *task, const char *what)
{
	const struct aw_scope *scope = who_forbids(task->scope);
	const char *sep = *what ? " for " : "";

	if (scope->kind & AW_SCOPE_CALLBACK_) {
		if (is_debugging())
			aw__debug_die("task '%s' waits%s%s in %s, which must "
				      "not wait; the wait:", task->name, sep,
				      what, scope->name);
		return aw_fail(AW_EUSAGE, "a wait%s%s in %s, which must not "
			       "wait: start a task that does", sep, what,
			       scope->name);
	}
	if (is_debugging())
		aw__debug_die("task '%s' waits%s%s, and AW_NO_AWAIT at %s "
			      "forbids it; the wait:", task->name, sep, what,
			      site_of(scope));
	return aw_fail(-EDEADLK, "a wait%s%s, where AW_NO_AWAIT at %s forbids "
		       "it", sep, what, site_of(scope));
}

void
aw__misuse_order(const struct aw_scope *left, const struct aw_scope *innermost)
{
	if (!is_debugging())
		return;
	aw__debug_die("scope %s at %s is left before scope %s at %s, which "
		      "lies inside it", left->name, site_of(left),
		      innermost->name, site_of(innermost));
}

void
aw__misuse_nan(const char *what, const char *site)
{
	if (!is_debugging())
		return;
	aw__debug_die("the deadline of %s at %s is not a number", what,
		      site && *site ? site : "an unknown place");
}

void
aw__misuse_gone(const struct aw_task *task, const char *call)
{
	if (!is_debugging())
		return;
	aw__debug_die("%s: task '%s' from %s %s", call, task->name,
		      task->site ? task->site : "an unknown place",
		      task->group ? "is a child: its group releases it"
				  : "was joined or released already");
}

static int
elsewhere(const char *call, bool debug)
{
	if (debug || is_debugging())
		aw__debug_die("%s: this belongs to the loop of another thread "
			      "(use aw_post)", call);
	return aw_fail(AW_EUSAGE, "%s: this belongs to the loop of another "
		       "thread (use aw_post)", call);
}

int
aw__misuse_thread(const struct aw_loop *owner, const char *call)
{
	if (owner->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "%s: the task belongs to the parent "
			       "process", call);
	return elsewhere(call, owner->debug);
}

int
aw__misuse_loop(uint64_t serial, const char *call)
{
	bool debug;

	return aw__registry_has(serial, &debug) ? elsewhere(call, debug) : 0;
}
