/* SPDX-License-Identifier: MIT */
/* lib/queue_order.c: the order of a priority queue, and that all else is as
 * in any queue. */
#include <errno.h>

#include <await/queue.h>
#include <await/select.h>

#include "failmalloc.h"
#include "tasks.h"

struct item {
	int priority;			/* the smallest first */
	int number;
};

static struct aw_queue *queue;

static int
compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->priority > y->priority) - (x->priority < y->priority);
}

static int
run(size_t cap, int (*fn)(void *arg))
{
	int r;

	ck_assert_int_eq(aw_queue_new_priority(&queue, sizeof(struct item),
					       cap, compare), 0);
	r = run_tasks(fn, NULL);
	aw_queue_freep(&queue);
	return r;
}

static int
try_put(int priority, int number)
{
	struct item item = { priority, number };

	return aw_queue_try_put(queue, &item);
}

static void
note_all(void)
{
	struct item item;

	while (aw_queue_try_get(queue, &item) == 0)
		note("%d.%d", item.priority, item.number);
}

/* --- Order ------------------------------------------------------------- */

static int
sorted(void *arg)
{
	static const int priorities[] = { 3, 1, 2, 1, 3, 0, 1 };

	(void)arg;
	for (int i = 0; i < (int)AW_LENGTH(priorities); i++)
		AW_TRY(try_put(priorities[i], i));
	note("%s", name(try_put(0, 7)));
	note_all();
	return 0;
}

START_TEST(the_smallest_comes_first_and_equals_in_their_order)
{
	ck_assert_int_eq(run(7, sorted), 0);
	ck_assert_str_eq(noted, "EAGAIN; 0.5; 1.1; 1.3; 1.6; 2.2; 3.0; 3.4; ");
}
END_TEST

/* What a queue of this kind should do, without any cleverness. */
static struct item model[64];
static int n_model;

static struct item
model_pop(void)
{
	int first = 0, i;
	struct item item;

	for (i = 1; i < n_model; i++)
		if (model[i].priority < model[first].priority)
			first = i;
	item = model[first];
	memmove(model + first, model + first + 1,
		(size_t)(n_model-- - first - 1) * sizeof *model);
	return item;
}

static int
like_the_model(void *arg)
{
	unsigned x = 1;
	int wrong = 0;

	(void)arg;
	for (int i = 0; i < 200000; i++) {
		struct item item = { 0, i }, want;

		x = x * 1103515245u + 12345u;
		/* It fills and empties in waves. */
		if ((x >> 16) % 100 < (i / 500 % 2 ? 60u : 40u)) {
			item.priority = (int)(x >> 20) % 8;
			if (aw_queue_try_put(queue, &item) == 0)
				model[n_model++] = item;
			else
				wrong += n_model < 64;
		} else if (aw_queue_try_get(queue, &item) == 0) {
			want = model_pop();
			wrong += memcmp(&item, &want, sizeof item) != 0;
		} else {
			wrong += n_model > 0;
		}
	}
	return wrong;
}

START_TEST(two_hundred_thousand_calls_do_what_a_simple_list_does)
{
	ck_assert_int_eq(run(64, like_the_model), 0);
}
END_TEST

/* --- Waiting ----------------------------------------------------------- */

static int
put(void *arg)
{
	struct item item = { (int)(intptr_t)arg / 10,
			     (int)(intptr_t)arg % 10 };
	AW_TIMEOUT(5);
	int r = aw_queue_put(queue, &item);

	note("put %d.%d %s", item.priority, item.number, name(r));
	return r;
}

static int
get(void *arg)
{
	struct item item = { -1, -1 };
	AW_TIMEOUT(5);
	int r = aw_queue_get(queue, &item);

	note("%s %d.%d %s", (const char *)arg, item.priority, item.number,
	     name(r));
	return r;
}

static void
start_put(int what)
{
	start("put", put, (void *)(intptr_t)what);
}

static int
full(void *arg)
{
	(void)arg;
	AW_TRY(try_put(5, 0));
	start_put(91);			/* waits longest: it gets the room */
	start_put(2);
	let_others_run();
	get("got");
	let_others_run();
	note_all();
	let_others_run();
	note_all();
	return 0;
}

START_TEST(room_goes_to_the_oldest_putter_whatever_his_item)
{
	ck_assert_int_eq(run(1, full), 0);
	ck_assert_str_eq(noted, "got 5.0 ok; put 9.1 ok; 9.1; 0.2; "
			 "put 0.2 ok; ");
}
END_TEST

static int
empty(void *arg)
{
	(void)arg;
	start("get", get, "first");
	start("get", get, "second");
	let_others_run();
	AW_TRY(try_put(4, 0));
	AW_TRY(try_put(1, 1));
	AW_TRY(try_put(0, 2));
	let_others_run();
	note_all();
	return 0;
}

START_TEST(an_item_that_meets_a_getter_is_his)
{
	ck_assert_int_eq(run(4, empty), 0);
	ck_assert_str_eq(noted, "first 4.0 ok; second 1.1 ok; 0.2; ");
}
END_TEST

static int
interrupted(void *arg)
{
	struct aw_task *getter = aw_spawn("getter", get, "cancelled"), *putter;

	(void)arg;
	start("get", get, "late");
	let_others_run();
	aw_cancel(getter, "enough");
	AW_TRY(aw_join(getter, NULL));
	AW_TRY(aw_sleep(6));
	AW_TRY(try_put(1, 0));
	putter = aw_spawn("putter", put, (void *)21);
	start_put(32);
	let_others_run();
	aw_cancel(putter, "enough");
	AW_TRY(aw_join(putter, NULL));
	AW_TRY(aw_sleep(6));
	note_all();
	return 0;
}

START_TEST(a_cancel_or_a_deadline_leaves_no_trace)
{
	ck_assert_int_eq(run(1, interrupted), 0);
	ck_assert_str_eq(noted, "cancelled -1.-1 ECANCELED; "
			 "late -1.-1 ETIME; put 2.1 ECANCELED; "
			 "put 3.2 ETIME; 1.0; ");
}
END_TEST

static int
ends(void *arg)
{
	struct item item;
	int r;

	(void)arg;
	AW_TRY(try_put(2, 0));
	AW_TRY(try_put(1, 1));
	start_put(2);
	let_others_run();
	aw_queue_close(queue);
	while ((r = aw_queue_next(queue, &item)) > 0) {
		note("%d.%d", item.priority, item.number);
		aw_queue_task_done(queue);
	}
	note("%d, join %s", r, name(aw_queue_join(queue)));
	note("%s", name(try_put(0, 3)));
	return 0;
}

START_TEST(a_closed_one_is_emptied_in_order)
{
	ck_assert_int_eq(run(2, ends), 0);
	ck_assert_str_eq(noted, "1.1; 2.0; 0, join ok; ECLOSED; "
			 "put 0.2 ECLOSED; ");
}
END_TEST

static int
selects(void *arg)
{
	struct item got = { 0, 0 }, mine = { 7, 7 };
	struct aw_case get_case[] = { AW_CASE_GET(queue, &got) };
	struct aw_case put_case[] = { AW_CASE_PUT(queue, &mine) };

	(void)arg;
	AW_TRY(try_put(9, 0));
	AW_TRY(try_put(3, 1));
	AW_TRY(aw_select(get_case, 1));
	note("%d.%d", got.priority, got.number);
	AW_TRY(aw_select(put_case, 1));
	note_all();
	start_put(42);
	AW_TRY(aw_select(get_case, 1));	/* waits */
	note("%d.%d", got.priority, got.number);
	return 0;
}

START_TEST(a_select_gets_the_first_by_order)
{
	ck_assert_int_eq(run(2, selects), 0);
	ck_assert_str_eq(noted, "3.1; 7.7; 9.0; put 4.2 ok; 4.2; ");
}
END_TEST

/* --- Costs and mistakes ------------------------------------------------ */

static int
costs(void *arg)
{
	unsigned long n;

	count_start();
	aw_ignore(like_the_model(arg));
	n = count_stop();
	return n > 0 ? -ENOMEM : 0;
}

START_TEST(nothing_is_allocated_after_it_was_made)
{
	n_model = 0;
	ck_assert_int_eq(run(64, costs), 0);
}
END_TEST

START_TEST(senseless_and_too_large_ones_are_refused)
{
	struct aw_queue *none = NULL;

	ck_assert_int_eq(aw_queue_new_priority(&none, 8, 1, NULL), -EINVAL);
	ck_assert_int_eq(aw_queue_new_priority(&none, 0, 1, compare), -EINVAL);
	ck_assert_int_eq(aw_queue_new_priority(&none, 8, 0, compare), -EINVAL);
	fail_from(0);
	ck_assert_int_eq(aw_queue_new_priority(&none, 8, 1, compare), -ENOMEM);
	ck_assert(fail_stop());
	ck_assert_ptr_null(none);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("queue_priority");
	TCase *t = tcase_create("priority");

	tcase_add_test(t, the_smallest_comes_first_and_equals_in_their_order);
	tcase_add_test(t,
		       two_hundred_thousand_calls_do_what_a_simple_list_does);
	tcase_add_test(t, room_goes_to_the_oldest_putter_whatever_his_item);
	tcase_add_test(t, an_item_that_meets_a_getter_is_his);
	tcase_add_test(t, a_cancel_or_a_deadline_leaves_no_trace);
	tcase_add_test(t, a_closed_one_is_emptied_in_order);
	tcase_add_test(t, a_select_gets_the_first_by_order);
	tcase_add_test(t, nothing_is_allocated_after_it_was_made);
	tcase_add_test(t, senseless_and_too_large_ones_are_refused);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
