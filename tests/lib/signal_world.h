/* SPDX-License-Identifier: MIT */
/* signal_world.h - what tests of signals share; by the real clock. */
#ifndef TESTS_SIGNAL_WORLD_H
#define TESTS_SIGNAL_WORLD_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tasks.h"

static inline int
run_signals(int (*fn)(void *arg))
{
	forget_notes();
	return aw_run(fn, NULL, .no_signals = true);
}

static inline void
note_next(struct aw_signals *s)
{
	int number = 0, r = aw_signals_next(s, &number);

	if (r < 0)
		note("%s", name(r));
	else
		note("%d %s", r, sigabbrev_np(number));
}

/* In a task of its own. */
static inline int
next_task(void *arg)
{
	note_next(arg);
	return 0;
}

/* What comes within a while: nothing. */
static inline void
note_none(struct aw_signals *s)
{
	AW_TIMEOUT(0.005);

	note_next(s);
}

static inline void
note_open(int number)
{
	AW_AUTO(aw_signals, s);

	note("%s", name(aw_signals_open(&s, number)));
}

/* Any thread may be the one that hears. */
static atomic_int n_heard;

static inline void
hear(int number)
{
	(void)number;
	atomic_fetch_add(&n_heard, 1);
}

static inline void *
handler_of(int number)
{
	struct sigaction now;

	sigaction(number, NULL, &now);
	return (void *)now.sa_handler;
}

#endif
