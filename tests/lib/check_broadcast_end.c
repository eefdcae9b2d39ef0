/* SPDX-License-Identifier: MIT */
/* lib/broadcast.c: cancels, closing, releasing under waits, mistakes. */
#include <await/broadcast.h>
#include <await/select.h>

#include "failmalloc.h"
#include "tasks.h"

static struct aw_broadcast *cast;
static struct aw_subscriber *one, *two;

static int
run(int (*fn)(void *arg))
{
	int r;

	ck_assert_int_eq(aw_broadcast_new(&cast, sizeof(int), 1), 0);
	ck_assert_int_eq(aw_subscriber_new(&one, cast), 0);
	ck_assert_int_eq(aw_subscriber_new(&two, cast), 0);
	r = run_tasks(fn, NULL);
	aw_subscriber_freep(&one);
	aw_broadcast_freep(&cast);
	aw_subscriber_freep(&two);
	return r;
}

static int
try_put(int item)
{
	return aw_broadcast_try_put(cast, &item);
}

static int
next(void *arg)
{
	struct aw_subscriber *subscriber = *(struct aw_subscriber **)arg;
	int item = -1, r;
	AW_TIMEOUT(5);

	r = aw_subscriber_next(subscriber, &item, NULL);
	note("%s %d", r == 0 ? "end" : name(r), item);
	return r;
}

static int
put(void *arg)
{
	int item = (int)(intptr_t)arg, r;
	AW_TIMEOUT(5);

	r = aw_broadcast_put(cast, &item);
	note("put %d %s", item, name(r));
	return r;
}

/* --- Interrupted ------------------------------------------------------- */

static int
interrupted_reads(void *arg)
{
	struct aw_task *reader = aw_spawn("next", next, &one);

	(void)arg;
	start("next", next, &two);
	let_others_run();
	aw_cancel(reader, "enough");
	AW_TRY(try_put(1));		/* meets one that is cancelled */
	AW_TRY(aw_join(reader, NULL));
	let_others_run();
	next(&one);			/* and it is still there */
	next(&two);			/* by the deadline */
	return 0;
}

START_TEST(an_interrupted_read_loses_nothing)
{
	ck_assert_int_eq(run(interrupted_reads), 0);
	ck_assert_str_eq(noted, "ECANCELED -1; got 1; got 1; ETIME -1; ");
}
END_TEST

static int
interrupted_puts(void *arg)
{
	struct aw_task *writer;

	(void)arg;
	AW_TRY(try_put(1));
	writer = aw_spawn("put", put, (void *)2);
	start("put", put, (void *)3);
	let_others_run();
	aw_cancel(writer, "enough");
	next(&one);
	next(&two);			/* room: 2 is refused, 3 comes in */
	AW_TRY(aw_join(writer, NULL));
	let_others_run();
	next(&one);
	put((void *)4);			/* by the deadline: two has not read */
	next(&two);
	note("%s", name(try_put(5)));
	return 0;
}

START_TEST(an_interrupted_put_is_seen_by_nobody)
{
	ck_assert_int_eq(run(interrupted_puts), 0);
	ck_assert_str_eq(noted, "got 1; got 1; put 2 ECANCELED; put 3 ok; "
			 "got 3; put 4 ETIME; got 3; ok; ");
}
END_TEST

/* --- Closed ------------------------------------------------------------ */

static int
closes(void *arg)
{
	(void)arg;
	AW_TRY(try_put(1));
	next(&one);
	start("put", put, (void *)2);
	start("next", next, &one);
	let_others_run();
	aw_broadcast_close(cast);
	aw_broadcast_close(cast);
	let_others_run();
	note("%s", name(try_put(3)));
	next(&two);			/* what was there can be read */
	next(&two);
	return 0;
}

START_TEST(closing_ends_waits_of_both_sides_and_leaves_what_is_there)
{
	ck_assert_int_eq(run(closes), 0);
	ck_assert_str_eq(noted, "got 1; end -1; put 2 ECLOSED; ECLOSED; "
			 "got 1; end -1; ");
}
END_TEST

static int
releases_all(void *arg)
{
	(void)arg;
	AW_TRY(try_put(1));
	next(&one);
	start("put", put, (void *)2);
	start("next", next, &one);
	let_others_run();
	aw_broadcast_freep(&cast);	/* two can still read */
	next(&two);
	aw_subscriber_freep(&two);
	aw_subscriber_freep(&one);	/* before the others have run */
	let_others_run();
	return 0;
}

START_TEST(releasing_under_waits_takes_nothing_away_from_them)
{
	ck_assert_int_eq(run(releases_all), 0);
	ck_assert_str_eq(noted, "got 1; got 1; ECLOSED -1; put 2 ECLOSED; ");
}
END_TEST

static int
leaves(void *arg)
{
	struct aw_task *reader = aw_spawn("next", next, &one);

	(void)arg;
	let_others_run();
	aw_subscriber_freep(&one);
	AW_TRY(try_put(1));
	let_others_run();
	note("status %s", name(aw_join(reader, NULL)));
	reader = aw_spawn("next", next, &two);
	let_others_run();
	next(&two);			/* it has 1, and waits no more */
	return aw_join(reader, NULL);
}

START_TEST(a_released_subscriber_wakes_who_waits_for_it)
{
	ck_assert_int_eq(run(leaves), 0);
	ck_assert_str_eq(noted, "ECLOSED -1; status ok; got 1; ETIME -1; ");
}
END_TEST

static int
woken_and_left(void *arg)
{
	(void)arg;
	start("next", next, &one);
	let_others_run();
	AW_TRY(try_put(9));		/* it is woken but has not run */
	aw_subscriber_freep(&one);
	let_others_run();
	return 0;
}

START_TEST(an_item_that_came_before_the_release_is_got)
{
	ck_assert_int_eq(run(woken_and_left), 0);
	ck_assert_str_eq(noted, "got 9; ");
}
END_TEST

/* --- Mistakes ---------------------------------------------------------- */

static int
two_tasks(void *arg)
{
	struct aw_case cases[1];
	int item;

	(void)arg;
	cases[0] = AW_CASE_NEXT(one, &item);
	start("next", next, &one);
	let_others_run();
	next(&one);
	note("%s", name(aw_subscriber_try_next(one, &item, NULL)));
	note("%s", name(aw_select(cases, 1)));
	AW_TRY(try_put(5));
	let_others_run();
	return 0;
}

START_TEST(two_tasks_cannot_wait_for_one_subscriber)
{
	ck_assert_int_eq(run(two_tasks), 0);
	ck_assert_str_eq(noted, "EBUSY -1; EBUSY; EBUSY; got 5; ");
}
END_TEST

START_TEST(senseless_ones_are_refused)
{
	struct aw_broadcast *none = NULL;
	struct aw_subscriber *nobody = NULL;

	ck_assert_int_eq(aw_broadcast_new(&none, 0, 1), -EINVAL);
	ck_assert_int_eq(aw_broadcast_new(&none, 65537, 1), -EINVAL);
	ck_assert_int_eq(aw_broadcast_new(&none, 1, 0), -EINVAL);
	ck_assert_int_eq(aw_broadcast_new(&none, 1, 1,
					  .overflow = (enum aw_overflow)3),
			 -EINVAL);
	fail_from(0);
	ck_assert_int_eq(aw_broadcast_new(&none, 1, 1), -ENOMEM);
	ck_assert(fail_stop());
	ck_assert_ptr_null(none);
	ck_assert_int_eq(aw_broadcast_new_with(&none, 1, 1, NULL), 0);
	fail_from(0);
	ck_assert_int_eq(aw_subscriber_new(&nobody, none), -ENOMEM);
	ck_assert(fail_stop());
	ck_assert_ptr_null(nobody);
	aw_broadcast_free(none);
	aw_broadcast_free(NULL);
	aw_subscriber_free(NULL);
}
END_TEST

/* --- Beside other waits ------------------------------------------------ */

static void
note_select(struct aw_case *cases, size_t n, const int *item)
{
	int i = aw_select(cases, n);

	note("%d: %s %d", i, name(i == 0 ? cases[0].status : 0), *item);
}

static int
selects(void *arg)
{
	uint64_t missed;
	int item = -1;
	struct aw_case cases[] = {
		AW_CASE_NEXT(one, &item),
		AW_CASE_UNTIL(0),
	};

	(void)arg;
	note_select(cases, 2, &item);
	cases[1] = AW_CASE_UNTIL(aw_now() + 5);
	AW_TRY(try_put(1));
	note_select(cases, 2, &item);
	start("next", next, &two);
	start("put", put, (void *)2);
	note_select(cases, 2, &item);
	note_select(cases, 2, &item);		/* 5 s */
	next(&two);
	aw_broadcast_close(cast);
	note_select(cases, 1, &item);
	note("%d", aw_subscriber_try_next(one, &item, &missed));
	return 0;
}

START_TEST(a_select_takes_the_next_item_or_leaves_it)
{
	ck_assert_int_eq(run(selects), 0);
	ck_assert_str_eq(noted, "1: ok -1; 0: ok 1; got 1; put 2 ok; "
			 "0: ok 2; 1: ok 2; got 2; 0: ECLOSED 2; 0; ");
}
END_TEST

static int
selects_released(void *arg)
{
	int item;
	struct aw_case cases[] = { AW_CASE_NEXT(one, &item) };
	int i = aw_select(cases, 1);

	(void)arg;
	note("%d: %s", i, name(cases[0].status));
	return 0;
}

static int
releases_selected(void *arg)
{
	(void)arg;
	start("selects", selects_released, NULL);
	let_others_run();
	aw_subscriber_freep(&one);
	let_others_run();
	return 0;
}

START_TEST(a_subscriber_may_be_released_under_a_select)
{
	ck_assert_int_eq(run(releases_selected), 0);
	ck_assert_str_eq(noted, "0: ECLOSED; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broadcast_end");
	TCase *t = tcase_create("broadcast");

	tcase_add_test(t, an_interrupted_read_loses_nothing);
	tcase_add_test(t, an_interrupted_put_is_seen_by_nobody);
	tcase_add_test(
	    t, closing_ends_waits_of_both_sides_and_leaves_what_is_there);
	tcase_add_test(t, releasing_under_waits_takes_nothing_away_from_them);
	tcase_add_test(t, a_released_subscriber_wakes_who_waits_for_it);
	tcase_add_test(t, an_item_that_came_before_the_release_is_got);
	tcase_add_test(t, two_tasks_cannot_wait_for_one_subscriber);
	tcase_add_test(t, senseless_ones_are_refused);
	tcase_add_test(t, a_select_takes_the_next_item_or_leaves_it);
	tcase_add_test(t, a_subscriber_may_be_released_under_a_select);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
