/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Tasks inside a program that owns and runs its libev loop.
 *
 *	cc 19_embedding.c $(pkg-config --cflags --libs await) -lev && ./a.out
 *
 * Prints
 *	timer: job 1
 *	job 1 is done
 *	timer: job 2
 *	timer: stop
 *	job 2 ends: the program stops
 */
#include <await/await.h>

#include <ev.h>
#include <stdio.h>

static struct ev_loop *ev;
static ev_timer timer;
static struct aw_task *task;
static int number;

static void
fire_again(void)
{
	ev_timer_set(&timer, 0.01, 0);
	ev_timer_start(ev, &timer);
}

/* A task may use the program's watchers as the program does. */
static int
job(void *arg)
{
	int r = aw_sleep(number == 1 ? 0.01 : AW_FOREVER);

	(void)arg;
	if (r < 0) {
		printf("job %d ends: %s\n", number, aw_cancel_reason());
		return r;
	}
	printf("job %d is done\n", number);
	fire_again();
	return 0;
}

/* A callback may spawn and cancel tasks, and may not wait. */
static void
on_timer(struct ev_loop *loop, ev_timer *fired, int events)
{
	(void)loop, (void)fired, (void)events;
	if (number == 2) {
		printf("timer: stop\n");
		aw_cancel(task, "the program stops");
		return;
	}
	printf("timer: job %d\n", ++number);
	aw_task_release(task);
	task = aw_spawn("job", job, NULL);
	if (number == 2)
		fire_again();
}

int
main(void)
{
	struct aw_loop *loop;

	ev = ev_loop_new(EVFLAG_AUTO);
	if (!ev || aw_attach(ev, &loop, .name_overflow = true) < 0)
		return 1;
	ev_timer_init(&timer, on_timer, 0.01, 0);
	ev_timer_start(ev, &timer);
	ev_run(ev, 0);		/* until neither watchers nor tasks are left */
	aw_task_release(task);
	if (aw_detach(loop, 1) < 0)
		return 1;
	ev_loop_destroy(ev);
	return 0;
}
