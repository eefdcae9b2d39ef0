/* SPDX-License-Identifier: MIT */
/* lib/queue.c: closing, and release under waiting tasks. */
#include <await/queue.h>

#include "failmalloc.h"
#include "tasks.h"

static struct aw_queue *queue;

/* A queue of cap ints for fn; 0 and no queue left, or fn's failure. */
static int
run(size_t cap, int (*fn)(void *arg))
{
	int r;

	ck_assert_int_eq(aw_queue_new(&queue, sizeof(int), cap), 0);
	r = run_tasks(fn, NULL);
	aw_queue_free(queue);
	queue = NULL;
	return r;
}

static int
put(void *arg)
{
	int item = (int)(intptr_t)arg;
	int r = aw_queue_put(queue, &item);

	note("put %d %s", item, name(r));
	return r;
}

static int
get(void *arg)
{
	const char *who = arg;
	int item = -1;
	int r = aw_queue_get(queue, &item);

	note("%s %d %s", who, item, name(r));
	return r;
}

static void
start_put(int item)
{
	start("put", put, (void *)(intptr_t)item);
}

/* --- Closing ----------------------------------------------------------- */

static int
closing(void *arg)
{
	int item = 7;

	(void)arg;
	AW_TRY(aw_queue_put(queue, &item));
	start_put(8);
	let_others_run();
	aw_queue_close(queue);
	aw_queue_close(queue);
	let_others_run();
	note("%s", name(aw_queue_put(queue, &item)));
	note("%s", name(aw_queue_try_put(queue, &item)));
	item = 0;
	note("%s", name(aw_queue_get(queue, &item)));
	note("%d", item);
	note("%s", name(aw_queue_get(queue, &item)));
	note("%s", aw_error()->message);
	note("%s", name(aw_queue_try_get(queue, &item)));
	note("%d", aw_queue_next(queue, &item));
	return 0;
}

START_TEST(a_closed_queue_gives_what_it_has_and_takes_nothing)
{
	ck_assert_int_eq(run(1, closing), 0);
	ck_assert_str_eq(noted, "put 8 ECLOSED; ECLOSED; ECLOSED; ok; 7; "
			 "ECLOSED; the queue was closed; ECLOSED; 0; ");
}
END_TEST

static int
next_item(void *arg)
{
	int item = 0;
	int r = aw_queue_next(queue, &item);

	(void)arg;
	note("next %d, error %d", r, aw_error()->code);
	return r;
}

static int
close_wakes_getters(void *arg)
{
	(void)arg;
	start("a", get, "a");
	start("b", next_item, NULL);
	let_others_run();
	aw_queue_close(queue);
	let_others_run();
	return 0;
}

START_TEST(closing_wakes_the_getters_and_next_calls_it_no_failure)
{
	ck_assert_int_eq(run(1, close_wakes_getters), 0);
	ck_assert_str_eq(noted, "a -1 ECLOSED; next 0, error 0; ");
}
END_TEST

/* --- Life -------------------------------------------------------------- */

static int
released_under_waiters(void *arg)
{
	(void)arg;
	start("a", get, "a");
	start("b", get, "b");
	let_others_run();
	aw_queue_freep(&queue);
	note("null %d", queue == NULL);
	let_others_run();
	return 0;
}

/* AddressSanitizer and Valgrind see a release too early, or none. */
START_TEST(a_queue_released_under_getters_lives_until_they_have_left)
{
	ck_assert_int_eq(run(1, released_under_waiters), 0);
	ck_assert_str_eq(noted, "null 1; a -1 ECLOSED; b -1 ECLOSED; ");
}
END_TEST

static int
released_under_putters(void *arg)
{
	(void)arg;
	start_put(1);
	start_put(2);
	let_others_run();
	aw_queue_freep(&queue);
	let_others_run();
	return 0;
}

START_TEST(a_queue_released_under_a_putter_fails_its_put)
{
	ck_assert_int_eq(run(1, released_under_putters), 0);
	ck_assert_str_eq(noted, "put 1 ok; put 2 ECLOSED; ");
}
END_TEST

static int
released_by_the_end(void *arg)
{
	(void)arg;
	start("a", get, "a");
	let_others_run();
	aw_queue_freep(&queue);
	return 0;	/* a is cancelled by the end of the loop, or closed */
}

START_TEST(a_queue_released_as_the_loop_ends_is_not_leaked)
{
	ck_assert_int_eq(run(1, released_by_the_end), 0);
	ck_assert_str_eq(noted, "a -1 ECLOSED; ");
}
END_TEST

START_TEST(senseless_sizes_are_refused)
{
	struct aw_queue *q = NULL;

	ck_assert_int_eq(aw_queue_new(&q, 0, 1), -EINVAL);
	ck_assert_int_eq(aw_queue_new(&q, 65537, 1), -EINVAL);
	ck_assert_int_eq(aw_queue_new(&q, 1, 0), -EINVAL);
	ck_assert_int_eq(aw_queue_new(&q, 1, (size_t)1 << 31), -EINVAL);
	ck_assert_ptr_null(q);
	aw_queue_free(NULL);
	ck_assert_int_eq(aw_queue_new(&q, 65536, 1), 0);
	aw_queue_freep(&q);
	aw_queue_freep(&q);
}
END_TEST

START_TEST(a_queue_without_memory_leaves_the_pointer_alone)
{
	struct aw_queue *q = NULL;

	fail_from(0);
	ck_assert_int_eq(aw_queue_new(&q, 8, 8), -ENOMEM);
	ck_assert(fail_stop());
	ck_assert_ptr_null(q);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("queue_end");
	TCase *close = tcase_create("close");
	TCase *life = tcase_create("life");

	tcase_add_test(close,
		       a_closed_queue_gives_what_it_has_and_takes_nothing);
	tcase_add_test(close,
		       closing_wakes_the_getters_and_next_calls_it_no_failure);
	tcase_add_test(life,
		a_queue_released_under_getters_lives_until_they_have_left);
	tcase_add_test(life, a_queue_released_under_a_putter_fails_its_put);
	tcase_add_test(life, a_queue_released_as_the_loop_ends_is_not_leaked);
	tcase_add_test(life, senseless_sizes_are_refused);
	tcase_add_test(life, a_queue_without_memory_leaves_the_pointer_alone);
	suite_add_tcase(suite, close);
	suite_add_tcase(suite, life);
	return suite_run(suite);
}
