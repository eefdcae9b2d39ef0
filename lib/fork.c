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
 * would miss. So its waits fail, too.
 */
#include <pthread.h>

#include <await/driver.h>

#include "job.h"
#include "runtime.h"

static unsigned mark = 1;

static void
in_child(void)
{
	mark++;
	aw__jobs_forked();
	aw__scope_forked();
	aw__signals_forked();
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
