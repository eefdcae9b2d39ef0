/* SPDX-License-Identifier: MIT */
/* lib/queue.c: order, hand-over, cancels, costs. */
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

static int
try_get(void)
{
	int item = -1;

	aw_ignore(aw_queue_try_get(queue, &item));
	return item;
}

static void
start_put(int item)
{
	start("put", put, (void *)(intptr_t)item);
}

/* --- Order ------------------------------------------------------------- */

static int
first_in_first_out(void *arg)
{
	int item, out;

	(void)arg;
	for (int round = 0; round < 3; round++) {
		for (item = 1; item <= 3; item++)
			AW_TRY(aw_queue_put(queue, &item));
		note("size %zu", aw_queue_size(queue));
		for (item = 1; item <= 2; item++) {
			AW_TRY(aw_queue_get(queue, &out));
			note("%d", out);
		}
		AW_TRY(aw_queue_try_get(queue, &out));
		note("%d", out);
	}
	return 0;
}

START_TEST(items_come_out_in_the_order_they_went_in)
{
	ck_assert_int_eq(run(4, first_in_first_out), 0);
	ck_assert_str_eq(noted, "size 3; 1; 2; 3; size 3; 1; 2; 3; "
			 "size 3; 1; 2; 3; ");
}
END_TEST

static int
getters_in_order(void *arg)
{
	int one = 1, two = 2;

	(void)arg;
	start("a", get, "a");
	start("b", get, "b");
	let_others_run();
	note("%s", name(aw_queue_put(queue, &one)));
	note("size %zu", aw_queue_size(queue));
	note("try %d", try_get());	/* it is a's already */
	note("%s", name(aw_queue_try_put(queue, &two)));
	let_others_run();
	return 0;
}

START_TEST(an_item_goes_to_the_oldest_waiting_getter)
{
	ck_assert_int_eq(run(1, getters_in_order), 0);
	ck_assert_str_eq(noted, "ok; size 0; try -1; ok; a 1 ok; b 2 ok; ");
}
END_TEST

static int
putters_in_order(void *arg)
{
	int nine = 9;

	(void)arg;
	start_put(1);
	start_put(2);
	start_put(3);
	let_others_run();
	note("got %d", try_get());
	/* Room was made and given away at once: 2 is in, 9 must wait. */
	note("%s", name(aw_queue_try_put(queue, &nine)));
	let_others_run();
	note("got %d", try_get());
	note("got %d", try_get());
	let_others_run();
	return 0;
}

START_TEST(room_goes_to_the_oldest_waiting_putter)
{
	ck_assert_int_eq(run(1, putters_in_order), 0);
	ck_assert_str_eq(noted, "put 1 ok; got 1; EAGAIN; put 2 ok; got 2; "
			 "got 3; put 3 ok; ");
}
END_TEST

static int
try_says_why(void *arg)
{
	int item = 5;

	(void)arg;
	note("%s", name(aw_queue_try_get(queue, &item)));
	note("%s", aw_error()->wait);
	note("%s", name(aw_queue_try_put(queue, &item)));
	note("%s", name(aw_queue_try_put(queue, &item)));
	note("%s", aw_error()->wait);
	note("%d", item);
	return 0;
}

START_TEST(try_calls_say_that_it_is_not_now)
{
	ck_assert_int_eq(run(1, try_says_why), 0);
	ck_assert_str_eq(noted, "EAGAIN; an item of a queue; ok; EAGAIN; "
			 "room in a queue; 5; ");
}
END_TEST

struct big {
	char text[300];
	int n;
};

static int
producer(void *arg)
{
	struct aw_queue *q = arg;
	struct big item = { .text = "x" };

	for (item.n = 0; item.n < 1000; item.n++) {
		item.text[299] = (char)item.n;
		AW_TRY(aw_queue_put(q, &item));
	}
	aw_queue_close(q);
	return 0;
}

static int
consume(struct aw_queue *q)
{
	struct big item;
	int r, n = 0;

	while ((r = aw_queue_next(q, &item)) > 0)
		if (item.n != n++ || item.text[299] != (char)item.n)
			return -EILSEQ;
	note("%d of 1000", n);
	return r;
}

static int
large_items(void *arg)
{
	AW_AUTO(aw_queue, q);
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_queue_new(&q, sizeof(struct big), 3));
	AW_TRY(aw_go(&group, producer, q));
	AW_TRY(consume(q));
	return aw_group_wait(&group);
}

START_TEST(large_items_cross_whole_and_next_ends_at_the_close)
{
	ck_assert_int_eq(run_tasks(large_items, NULL), 0);
	ck_assert_str_eq(noted, "1000 of 1000; ");
}
END_TEST

/* --- Cancelling -------------------------------------------------------- */

static int
cancelled_put(void *arg)
{
	struct aw_task *task;

	(void)arg;
	start_put(1);
	let_others_run();
	task = aw_spawn("2", put, (void *)2);
	start_put(3);
	let_others_run();
	aw_cancel(task, "test");
	note("got %d", try_get());	/* before 2 could leave the line */
	let_others_run();
	note("got %d", try_get());
	note("got %d", try_get());
	aw_task_release(task);
	return 0;
}

START_TEST(a_cancelled_put_leaves_its_item_out)
{
	ck_assert_int_eq(run(1, cancelled_put), 0);
	ck_assert_str_eq(noted, "put 1 ok; got 1; put 2 ECANCELED; put 3 ok; "
			 "got 3; got -1; ");
}
END_TEST

static int
cancelled_get(void *arg)
{
	struct aw_task *a = aw_spawn("a", get, "a");

	(void)arg;
	start("b", get, "b");
	let_others_run();
	aw_cancel(a, "test");
	start_put(1);
	let_others_run();
	note("size %zu", aw_queue_size(queue));
	aw_task_release(a);
	return 0;
}

START_TEST(an_item_that_meets_a_cancelled_getter_goes_to_the_next)
{
	ck_assert_int_eq(run(1, cancelled_get), 0);
	ck_assert_str_eq(noted, "a -1 ECANCELED; put 1 ok; b 1 ok; size 0; ");
}
END_TEST

static int
item_before_cancel(void *arg)
{
	struct aw_task *a = aw_spawn("a", get, "a");
	int item = 4;

	(void)arg;
	let_others_run();
	AW_TRY(aw_queue_put(queue, &item));
	aw_cancel(a, "too late");
	note("%s", name(aw_join(a, NULL)));
	return 0;
}

START_TEST(an_item_that_came_before_the_cancel_is_kept)
{
	ck_assert_int_eq(run(1, item_before_cancel), 0);
	ck_assert_str_eq(noted, "a 4 ok; ok; ");
}
END_TEST

static int
get_late(void *arg)
{
	int item = -1, r;
	double begin = aw_now();
	AW_TIMEOUT(2);

	(void)arg;
	r = aw_queue_get(queue, &item);
	note("%s %s %g", name(r), aw_error()->wait, since(begin));
	item = 1;
	note("%s %zu", name(aw_queue_put(queue, &item)), aw_queue_size(queue));
	note("%s", name(aw_queue_next(queue, &item)));
	return 0;
}

START_TEST(a_deadline_ends_the_wait_and_refuses_also_what_is_ready)
{
	ck_assert_int_eq(run(1, get_late), 0);
	ck_assert_str_eq(noted, "ETIME an item of a queue 2; ETIME 0; "
			 "ETIME; ");
}
END_TEST

static int
put_late(void *arg)
{
	int item = 1;

	(void)arg;
	AW_TRY(aw_queue_put(queue, &item));
	{
		AW_TIMEOUT(2);
		note("%s", name(aw_queue_put(queue, &item)));
		note("%s", aw_error()->wait);
	}
	note("%zu", aw_queue_size(queue));
	return 0;
}

START_TEST(a_deadline_ends_a_put_into_a_full_queue)
{
	ck_assert_int_eq(run(1, put_late), 0);
	ck_assert_str_eq(noted, "ETIME; room in a queue; 1; ");
}
END_TEST

/* --- Life -------------------------------------------------------------- */

START_TEST(outside_a_task_only_try_calls_work)
{
	int item = 3;

	ck_assert_int_eq(aw_queue_new(&queue, sizeof item, 1), 0);
	ck_assert_int_eq(aw_queue_put(queue, &item), AW_EUSAGE);
	ck_assert_int_eq(aw_queue_get(queue, &item), AW_EUSAGE);
	ck_assert_int_eq(aw_queue_next(queue, &item), AW_EUSAGE);
	ck_assert_int_eq(aw_queue_try_put(queue, &item), 0);
	item = 0;
	ck_assert_int_eq(aw_queue_try_get(queue, &item), 0);
	ck_assert_int_eq(item, 3);
	aw_queue_free(queue);
}
END_TEST

/* --- Costs ------------------------------------------------------------- */

static int
put_many(void *arg)
{
	int n = (int)(intptr_t)arg;

	for (int i = 0; i < n; i++)
		AW_TRY(aw_queue_put(queue, &i));
	return 0;
}

static unsigned long n_allocated;

static int
hop(void *arg)
{
	int item;
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, put_many, (void *)1000));
	{
		AW_TIMEOUT(1);	/* the timers' heap exists from now on */
		AW_TRY(aw_queue_get(queue, &item));
	}
	count_start();
	for (int i = 1; i < 1000; i++) {
		AW_TIMEOUT(1);
		AW_TRY(aw_queue_get(queue, &item));
		if (item != i)
			return -EILSEQ;
	}
	n_allocated = count_stop();
	return aw_group_wait(&group);
}

START_TEST(a_hop_allocates_nothing)
{
	ck_assert_int_eq(run(1, hop), 0);
	ck_assert_uint_eq(n_allocated, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("queue");
	TCase *basic = tcase_create("basic");
	TCase *cancel = tcase_create("cancel");

	tcase_add_test(basic, items_come_out_in_the_order_they_went_in);
	tcase_add_test(basic, an_item_goes_to_the_oldest_waiting_getter);
	tcase_add_test(basic, room_goes_to_the_oldest_waiting_putter);
	tcase_add_test(basic, try_calls_say_that_it_is_not_now);
	tcase_add_test(basic,
		       large_items_cross_whole_and_next_ends_at_the_close);
	tcase_add_test(basic, outside_a_task_only_try_calls_work);
	tcase_add_test(basic, a_hop_allocates_nothing);
	tcase_add_test(cancel, a_cancelled_put_leaves_its_item_out);
	tcase_add_test(cancel,
		       an_item_that_meets_a_cancelled_getter_goes_to_the_next);
	tcase_add_test(cancel, an_item_that_came_before_the_cancel_is_kept);
	tcase_add_test(cancel,
		       a_deadline_ends_the_wait_and_refuses_also_what_is_ready);
	tcase_add_test(cancel, a_deadline_ends_a_put_into_a_full_queue);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, cancel);
	return suite_run(suite);
}
