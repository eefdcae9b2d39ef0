/* SPDX-License-Identifier: MIT */
/*
 * blocker - makes one call that blocks: for check_noblock.sh
 *
 *	blocker calls|conversations|harmless	their names
 *	blocker loop CALL	in a task of aw_run()
 *	blocker attached CALL	in a callback of an embedded loop
 *	blocker end CALL	between the last turn and the end of aw_run()
 *	blocker helper CALL	in a task's helper thread
 *	blocker locked CALL	there, under a lock that the loop takes
 *	blocker before CALL	before any loop
 *
 * Ends with 0 after the call.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <ev.h>

#include <await/await.h>
#include <await/driver.h>

#include "blocker.h"

static void
list(enum kind kind)
{
	for (const struct call *c = calls; c->name; c++)
		if (c->kind == kind)
			printf("%s\n", c->name);
}

static const struct call *
find(const char *name)
{
	for (const struct call *c = calls; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* --- Where -------------------------------------------------------------- */

static void
make(void *arg)
{
	const struct call *call = arg;

	call->fn();
}

static int
in_task(void *arg)
{
	make(arg);
	return 0;
}

static int
in_helper(void *arg)
{
	return aw_offload(in_task, arg);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int
with_lock(void *arg)
{
	pthread_mutex_lock(&lock);
	make(arg);
	pthread_mutex_unlock(&lock);
	return 0;
}

/* The loop takes it, too. */
static int
in_locked_helper(void *arg)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	return aw_offload(with_lock, arg);
}

/* Between the last turn and the end of aw_run(). */
static int
at_the_end(void *arg)
{
	static struct aw_closer closer = { .fn = make };

	closer.arg = arg;
	return aw_closer_add(&closer);
}

static void
on_timer(EV_P_ ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	make(timer->data);
}

/* No task is needed: ev_run() makes the thread a loop's. */
static int
attached(void *arg)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct aw_loop *loop;
	ev_timer timer;

	if (!ev || aw_attach(ev, &loop) < 0)
		return 1;
	ev_timer_init(&timer, on_timer, 0, 0);
	timer.data = arg;
	ev_timer_start(ev, &timer);
	ev_run(ev, 0);
	aw_ignore(aw_detach(loop, 1));
	ev_loop_destroy(ev);
	return 0;
}

static int
make_at(const char *where, const struct call *call)
{
	void *arg = (void *)(uintptr_t)call;

	if (strcmp(where, "loop") == 0)
		return aw_main(in_task, arg);
	if (strcmp(where, "helper") == 0)
		return aw_main(in_helper, arg);
	if (strcmp(where, "locked") == 0)
		return aw_main(in_locked_helper, arg);
	if (strcmp(where, "end") == 0)
		return aw_main(at_the_end, arg);
	if (strcmp(where, "attached") == 0)
		return attached(arg);
	if (strcmp(where, "before") == 0)
		return in_task(arg);
	return 2;
}

int
main(int argc, char **argv)
{
	const struct call *call = argc == 3 ? find(argv[2]) : NULL;
	struct rlimit none = { 0, 0 };

	if (argc == 2) {
		list(strcmp(argv[1], "calls") == 0 ? CALL :
		     strcmp(argv[1], "conversations") == 0 ? CONVERSATION
							   : HARMLESS);
		return 0;
	}
	setrlimit(RLIMIT_CORE, &none);
	if (!call || !prepare())
		return 2;
	return make_at(argv[1], call);
}
