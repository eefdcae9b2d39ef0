/* SPDX-License-Identifier: MIT */
/* select_world.h - what the tests of aw_select() choose from. */
#ifndef TESTS_SELECT_WORLD_H
#define TESTS_SELECT_WORLD_H

#include <unistd.h>

#include "tasks.h"

static struct aw_queue *full, *empty;	/* of 1 int each; full holds a 7 */
static struct aw_event event;
static int ends[2];			/* a pipe */

static inline int
sleeps(void *arg)
{
	return aw_sleep(*(double *)arg);
}

static double soon = 1, late = 50;

/* --- The world of each test -------------------------------------------- */

static inline void
set_up(void)
{
	int item = 7;

	event = (struct aw_event){ 0 };
	ck_assert_int_eq(aw_queue_new(&full, sizeof(int), 1), 0);
	ck_assert_int_eq(aw_queue_new(&empty, sizeof(int), 1), 0);
	ck_assert_int_eq(aw_queue_try_put(full, &item), 0);
	ck_assert_int_eq(pipe(ends), 0);
}

static inline void
tear_down(void)
{
	ck_assert_ptr_null(event.waiters.head);
	aw_queue_freep(&full);
	aw_queue_freep(&empty);
	close(ends[0]);
	close(ends[1]);
}

/* What is in a queue, by taking it out; 0 = empty. */
static inline int
take(struct aw_queue *queue)
{
	int item = 0;

	return aw_queue_try_get(queue, &item) == 0 ? item : 0;
}

static struct aw_case all[6];
static int item_got, item_put = 9;

static inline int
all_cases(struct aw_task *task)
{
	int i, r;

	all[0] = AW_CASE_TASK(task);
	all[1] = AW_CASE_EVENT(&event);
	all[2] = AW_CASE_GET(empty, &item_got);
	all[3] = AW_CASE_PUT(full, &item_put);
	all[4] = AW_CASE_FD(ends[0], AW_FD_READ);
	all[5] = AW_CASE_UNTIL(aw_now() + 1e6);
	for (i = 0; i < 6; i++)
		all[i].status = -7;
	r = aw_select(all, 6);
	for (i = 0; i < 6; i++)
		if (i != r && all[i].status != -7)
			note("case %d was touched", i);
	return r;
}

/* Does what completes case number *arg. */
static inline int
completes(void *arg)
{
	int item = 5;

	AW_TRY(aw_yield());
	switch (*(int *)arg) {
	case 1:
		aw_event_set(&event);
		aw_event_clear(&event);
		return 0;
	case 2:
		return aw_queue_put(empty, &item);
	case 3:
		return aw_queue_get(full, &item);
	case 4:
		return write(ends[1], "x", 1) == 1 ? 0 : -EIO;
	default:
		return 0;
	}
}

#endif
