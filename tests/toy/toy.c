/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE		/* pipe2() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <await/driver.h>

#include "toy.h"

struct toy {
	struct toy *next;		/* in the janitor's box */
	struct room *room;
	struct aw_fd *fd;
	struct aw_timer timer;
	struct aw_defer defer;
	struct aw_waiter waiter;
	uint64_t ticket;
	int echo;
	int pipe[2];
	unsigned mark;
};

/* What a loop has of us: the janitor, and the box that it empties. */
struct room {
	struct aw_closer closer;
	struct aw_waiter work;
	uint64_t ticket;
	struct toy *box;
	bool closing;
};

int toys_put_away;

/* --- The room, one for each loop --------------------------------------- */

static int slot = -1;
static pthread_once_t slot_once = PTHREAD_ONCE_INIT;

static void
put_away(struct toy *toy)
{
	aw_timer_stop(&toy->timer);
	aw_defer_cancel(&toy->defer);
	aw_fd_free(toy->fd);
	close(toy->pipe[0]);
	close(toy->pipe[1]);
	free(toy);
	toys_put_away++;
}

static void
empty_box(struct room *room)
{
	struct toy *toy;

	while ((toy = room->box) != NULL) {
		room->box = toy->next;
		put_away(toy);
	}
}

/* The service task. A completion that came while it was at work is kept by
 * the waiter, so that none is missed. */
static int
janitor(void *arg)
{
	struct room *room = arg;

	while (!room->closing) {
		room->ticket = aw_waiter_begin(&room->work);
		if (!room->box &&
		    aw_waiter_wait(&room->work, NULL, "toys to put away",
				   room) < 0)
			break;
		empty_box(room);
	}
	empty_box(room);
	return 0;
}

static void
on_close(void *arg)
{
	struct room *room = arg;

	room->closing = true;
	aw_waiter_complete(&room->work, room->ticket, 0);
}

static void
fini_room(void *value)
{
	struct room *room = value;

	empty_box(room);
	aw_closer_remove(&room->closer);
	free(room);
}

static void
make_slot(void)
{
	slot = aw_slot_new(fini_room);
}

static int
enter_room(struct room **ret)
{
	struct room *room;
	int r;

	pthread_once(&slot_once, make_slot);
	room = aw_slot_get(slot);
	if (!room) {
		room = calloc(1, sizeof *room);
		if (!room)
			return aw_fail(-ENOMEM, "no memory for a toy room");
		room->closer.fn = on_close;
		room->closer.arg = room;
		r = aw_closer_add(&room->closer);
		if (r == 0)
			r = aw_service_start("toy janitor", janitor, room);
		if (r == 0)
			r = aw_slot_set(slot, room);
		if (r < 0) {
			aw_closer_remove(&room->closer);
			free(room);
			return r;
		}
	}
	*ret = room;
	return 0;
}

/* --- Opening and closing ----------------------------------------------- */

int
toy_open(struct toy **ret)
{
	struct room *room;
	struct toy *toy;
	int r;

	r = enter_room(&room);
	if (r < 0)
		return r;
	toy = calloc(1, sizeof *toy);
	if (!toy)
		return aw_fail(-ENOMEM, "no memory for a toy");
	if (pipe2(toy->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
		r = aw_fail(-errno, "no pipe for a toy");
		free(toy);
		return r;
	}
	r = aw_fd_new(&toy->fd, toy->pipe[0]);
	if (r < 0) {
		close(toy->pipe[0]);
		close(toy->pipe[1]);
		free(toy);
		return r;
	}
	toy->room = room;
	toy->mark = aw_fork_mark();
	*ret = toy;
	return 0;
}

void
toy_close(struct toy *toy)
{
	if (!toy || toy->mark != aw_fork_mark())
		return;
	toy->next = toy->room->box;
	toy->room->box = toy;
	aw_waiter_complete(&toy->room->work, toy->room->ticket, 0);
}

void
toy_freep(struct toy **toy)
{
	toy_close(*toy);
	*toy = NULL;
}

/* --- The bell: a timer and a descriptor -------------------------------- */

static void
ring(void *arg)
{
	struct toy *toy = arg;

	/* A full pipe rings already. */
	aw_ignore(write(toy->pipe[1], "!", 1) < 0);
}

int
toy_ring(struct toy *toy, double seconds)
{
	return aw_timer_start(&toy->timer, aw_now() + seconds, ring, toy);
}

int
toy_hear(struct toy *toy)
{
	char bell;
	int r;

	if (toy->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the toy was opened before fork()");
	AW_TRY(aw_checkpoint());
	while (read(toy->pipe[0], &bell, 1) != 1) {
		if (errno != EAGAIN)
			return aw_fail(-errno, "the bell is broken");
		r = aw_fd_wait(toy->fd, AW_FD_READ, "a bell", toy);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- The echo: deferred work and a waiter ------------------------------ */

static void
echo(void *arg)
{
	struct toy *toy = arg;

	aw_waiter_complete(&toy->waiter, toy->ticket, toy->echo);
}

int
toy_echo(struct toy *toy, int value, int *ret_value)
{
	int r;

	AW_TRY(aw_checkpoint());
	toy->echo = value;
	toy->defer.fn = echo;
	toy->defer.arg = toy;
	toy->ticket = aw_waiter_begin(&toy->waiter);
	aw_defer(&toy->defer);
	r = aw_waiter_wait(&toy->waiter, ret_value, "an echo", toy);
	if (r < 0)
		aw_defer_cancel(&toy->defer);
	return r;
}

/* --- The square: a job under a budget ---------------------------------- */

struct square {
	int number, square;
	bool slow;
};

static atomic_int n_discarded;
static pthread_mutex_t slow_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t slow_cond = PTHREAD_COND_INITIALIZER;
static bool hurry;

void
toy_hurry(void)
{
	pthread_mutex_lock(&slow_lock);
	hurry = true;
	pthread_cond_broadcast(&slow_cond);
	pthread_mutex_unlock(&slow_lock);
}

int
toy_jobs_discarded(void)
{
	return n_discarded;
}

static void
run_square(void *memory)
{
	struct square *s = memory;

	pthread_mutex_lock(&slow_lock);
	while (s->slow && !hurry)
		pthread_cond_wait(&slow_cond, &slow_lock);
	pthread_mutex_unlock(&slow_lock);
	s->square = s->number * s->number;
}

static void
discard_square(void *memory)
{
	(void)memory;
	n_discarded++;
}

static int
negative(int number)
{
	struct aw_error *e = aw_error_set(-EDOM);

	e->native = number;
	e->sent = AW_NOT_SENT;
	return -EDOM;
}

int
toy_square(struct toy *toy, int number, bool slow, double budget,
	   int *ret_square)
{
	static const struct aw_job_type type = {
		sizeof(struct square), run_square, discard_square
	};
	struct square init = { number, 0, slow };
	struct aw_job *job;
	AW_BUDGET(budget);
	int r;

	AW_TRY(aw_checkpoint());
	if (number < 0)
		return negative(number);
	AW_TRY(aw_job_start(&job, AW_JOBS_GENERAL, &type, &init));
	r = aw_job_wait(job, "a square", toy);
	if (r == 0 && aw_job_done(job))
		*ret_square = ((struct square *)aw_job_memory(job))->square;
	aw_job_free(job);
	return r;
}
