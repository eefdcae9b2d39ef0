/* SPDX-License-Identifier: MIT */
/*
 * Which process are we in?
 *
 * A child of fork() inherits handles whose descriptors belong to its parent:
 * one polite goodbye on them would end the parent's session. So each handle
 * keeps the mark of the process that made it and answers AW_EFORK elsewhere.
 * A counter that the child raises, and not getpid(): it is one load where
 * getpid() is a system call since glibc 2.25.
 *
 * The helper threads do not exist in a child; their classes start afresh. A
 * task that called fork() goes on in the child, but its loop is the parent's:
 * its epoll descriptor is shared, and what the child changed there the parent
 * would miss. So its waits fail, and no other task runs in the child.
 *
 *	aw_run() -> task -> fork() = 0 -+-> exec, _exit
 *					+-> return: out of aw_run() at once
 *					+-> aw_reinit(), aw_run(): a new loop,
 *					    above the old one's task
 *
 * An inherited loop is abandoned and not freed: handles of the parent that
 * the child drops later still look into it, and a libev loop can neither be
 * freed nor used without the system calls that must not be made.
 */
#include <pthread.h>

#include <await/driver.h>
#include <await/thread.h>

#include "fork.h"
#include "job.h"
#include "runtime.h"

static unsigned mark = 1;
static struct aw_loop *abandoned;	/* never used, never freed */

/*
 * Only the thread that called fork() is here, and it holds none of these
 * locks: who does hold one is gone. The loop's ready queue is closed, so that
 * the task which forked is the last one to run here.
 */
static void
in_child(void)
{
	struct aw_loop *loop = aw__loop;

	mark++;
	if (loop)
		loop->forked = true;
	aw__scope_forked();
	aw__jobs_forked();
	aw__thread_events_forked();
	aw__hooks_forked();
	aw__loops_forked();
	aw__slots_forked();
	aw__registry_forked(loop);
	aw__run_forked();
	aw__signals_forked();
	aw__watchdog_forked(loop);
	aw__stack_overflow_forked(loop ? &loop->overflow : NULL);
}

/* Before main(), so that no fork() can come first. */
static void __attribute__((constructor))
watch_forks(void)
{
	/* Without memory for it there is no mark; nothing else can be done. */
	aw_ignore(pthread_atfork(NULL, NULL, in_child));
}

unsigned
aw_fork_mark(void)
{
	return mark;
}

/* In the child, on any stack. Memory and descriptors stay: see above. */
void
aw__loop_abandon(struct aw_loop *loop)
{
	if (aw__loop != loop)
		return;
	aw__watchdog_abandon(loop);
	if (loop->overflow.installed)
		aw__stack_overflow_handler_remove(&loop->overflow);
	aw__registry_remove(loop);
	aw__loop_unhook(loop);
	loop->abandoned = abandoned;
	abandoned = loop;
	aw__loop = NULL;
}

int
aw_reinit(void)
{
	struct aw_loop *loop = aw__loop;

	if (!loop)
		return 0;
	if (!loop->forked)
		return aw_fail(AW_EUSAGE, "aw_reinit: this is not a child of "
			       "the process that runs the loop");
	aw__loop_abandon(loop);
	return 0;
}
