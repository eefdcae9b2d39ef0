/* SPDX-License-Identifier: MIT */
/*
 * tasks.h - what tests of the runtime share.
 *
 *	static int
 *	app(void *arg)
 *	{
 *		note("slept %d", aw_sleep(1));
 *		return 0;
 *	}
 *	...
 *	ck_assert_int_eq(run_tasks(app, NULL), 0);
 *	ck_assert_str_eq(noted, "slept 0; ");
 *
 * check's assertions leave by longjmp() or exit(), which must not happen on
 * the stack of a task: tasks note what they see, the test compares after the
 * loop has ended. Time is virtual: a sleep costs nothing.
 */
#ifndef TESTS_TASKS_H
#define TESTS_TASKS_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <await/await.h>

#include "suite.h"

static char noted[16384];
static size_t n_noted;

/* Appends what printf would print, and "; ". */
static inline void AW_PRINTF(1, 2)
note(const char *fmt, ...)
{
	size_t left = sizeof noted - n_noted;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(noted + n_noted, left, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n + 3 > left)
		return;
	n_noted += (size_t)n;
	memcpy(noted + n_noted, "; ", 3);
	n_noted += 2;
}

/* A code by its name, without "AW_": note("%s", name(r)). */
static inline const char *
name(int r)
{
	return r >= 0 ? (r == 0 ? "ok" : "got") : aw_error_name(r) + 3;
}

static inline void
forget_notes(void)
{
	n_noted = 0;
	noted[0] = '\0';
}

/* Runs fn as the main task under the test clock, with empty notes. */
static inline int
run_tasks(int (*fn)(void *arg), void *arg)
{
	forget_notes();
	return aw_run(fn, arg, .test_clock = true, .no_signals = true);
}

/* How many orders to try: AWAIT_TEST_SEEDS of them, or otherwise. */
static inline int
n_seeds(int otherwise)
{
	const char *text = getenv("AWAIT_TEST_SEEDS");

	return text ? (int)strtol(text, NULL, 10) : otherwise;
}

/* Seconds of the virtual clock since the first call in this run. */
static inline double
since(double start)
{
	return floor((aw_now() - start) * 1e6 + 0.5) / 1e6;
}

/* Lets every other ready task run until it waits. */
static inline void
let_others_run(void)
{
	for (int i = 0; i < 4; i++)
		aw_ignore(aw_yield());
}

/* Spawns a task that nobody joins. */
static inline void
start(const char *task_name, int (*fn)(void *arg), void *arg)
{
	aw_task_release(aw_spawn(task_name, fn, arg));
}

#endif
