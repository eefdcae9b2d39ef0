/* SPDX-License-Identifier: MIT */
/* lib/queue.c: waiting until the work for all items is done. */
#include <await/queue.h>

#include "tasks.h"

static struct aw_queue *queue;

static int
run(int (*fn)(void *arg))
{
	int r;

	ck_assert_int_eq(aw_queue_new(&queue, sizeof(int), 1), 0);
	r = run_tasks(fn, NULL);
	aw_queue_freep(&queue);
	return r;
}

static int
works(void *arg)
{
	int item, r;

	(void)arg;
	while ((r = aw_queue_next(queue, &item)) > 0) {
		AW_TRY(aw_sleep(1));
		note("%d", item);
		aw_queue_task_done(queue);
	}
	return r;
}

static int
joins(void *arg)
{
	const char *who = arg;
	int r = aw_queue_join(queue);

	note("%s %s", who, name(r));
	return r;
}

static int
all_done(void *arg)
{
	(void)arg;
	note("empty %s", name(aw_queue_join(queue)));
	start("worker", works, NULL);
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_queue_put(queue, &i));
	start("a", joins, "a");
	note("join %s", name(aw_queue_join(queue)));
	aw_queue_task_done(queue);	/* of nothing: must not count */
	let_others_run();
	int item = 7;

	AW_TRY(aw_queue_put(queue, &item));
	aw_queue_close(queue);
	note("join %s", name(aw_queue_join(queue)));
	return 0;
}

START_TEST(a_join_waits_until_the_work_for_each_item_is_done)
{
	ck_assert_int_eq(run(all_done), 0);
	ck_assert_str_eq(noted, "empty ok; 0; 1; 2; join ok; a ok; 7; "
			 "join ok; ");
}
END_TEST

static int
ends(void *arg)
{
	struct aw_task *a = aw_spawn("a", joins, "a");
	int item = 1;

	(void)arg;
	AW_TRY(aw_queue_put(queue, &item));
	start("b", joins, "b");
	let_others_run();
	{
		AW_TIMEOUT(1);
		note("%s", name(aw_queue_join(queue)));
		note("%s", aw_error()->wait);
	}
	aw_cancel(a, "test");
	let_others_run();
	aw_queue_freep(&queue);
	let_others_run();
	aw_task_release(a);
	return 0;
}

START_TEST(a_cancel_a_deadline_and_a_release_end_a_join)
{
	ck_assert_int_eq(run(ends), 0);
	ck_assert_str_eq(noted, "ETIME; the work of a queue; a ECANCELED; "
			 "b ECLOSED; ");
}
END_TEST

START_TEST(outside_a_task_nothing_joins)
{
	ck_assert_int_eq(aw_queue_new(&queue, sizeof(int), 1), 0);
	ck_assert_int_eq(aw_queue_join(queue), AW_EUSAGE);
	aw_queue_freep(&queue);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("queue_join");
	TCase *basic = tcase_create("basic");

	tcase_add_test(basic,
		       a_join_waits_until_the_work_for_each_item_is_done);
	tcase_add_test(basic, a_cancel_a_deadline_and_a_release_end_a_join);
	tcase_add_test(basic, outside_a_task_nothing_joins);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
