/* SPDX-License-Identifier: MIT */
/* lib/limiter.c: places that are lent to tasks. */
#include <await/limiter.h>

#include "tasks.h"

static struct aw_limiter limiter;

static int
run(int (*fn)(void *arg))
{
	limiter = (struct aw_limiter)AW_LIMITER_INIT(1);
	return run_tasks(fn, NULL);
}

static bool
is_free(void)
{
	return !limiter.n_borrowed && !limiter.borrowers &&
	       !limiter.waiters.head;
}

static int
works(void *arg)
{
	const char *who = arg;
	struct aw_borrow mine = { 0 };
	int r = aw_limiter_borrow(&limiter, &mine);

	note("%s %s", who, name(r));
	if (r == 0)
		r = aw_sleep(1);
	aw_limiter_give_back(&mine);
	aw_limiter_give_back(&mine);	/* nothing more to give */
	return r;
}

/* Who has a place, the latest first. */
static void
note_borrowers(void)
{
	for (struct aw_borrow *b = limiter.borrowers; b; b = b->next)
		note("has %s", aw_task_name(b->task));
}

static int
in_order(void *arg)
{
	(void)arg;
	start("a", works, "a");
	start("b", works, "b");
	start("c", works, "c");
	AW_TRY(aw_sleep(0.5));
	note_borrowers();
	AW_TRY(aw_sleep(1));
	note_borrowers();
	AW_TRY(aw_sleep(5));
	note("%d", is_free());
	return 0;
}

START_TEST(places_go_to_the_oldest_and_the_borrowers_are_known)
{
	ck_assert_int_eq(run(in_order), 0);
	ck_assert_str_eq(noted, "a ok; has a; b ok; has b; c ok; 1; ");
}
END_TEST

static int
resized(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++)
		start("task", works, "task");
	AW_TRY(aw_sleep(0.5));
	aw_limiter_resize(&limiter, 3);
	note("%d", (int)limiter.n_borrowed);
	let_others_run();
	aw_limiter_resize(&limiter, 1);
	note("%d", (int)limiter.n_borrowed);
	AW_TRY(aw_sleep(0.75));
	note("first back %d", (int)limiter.n_borrowed);
	AW_TRY(aw_sleep(0.5));
	note("all three back %d", (int)limiter.n_borrowed);
	AW_TRY(aw_sleep(5));
	note("%d", is_free());
	return 0;
}

START_TEST(growing_serves_waiters_and_shrinking_takes_from_nobody)
{
	ck_assert_int_eq(run(resized), 0);
	ck_assert_str_eq(noted, "task ok; 3; task ok; task ok; 3; "
			 "first back 2; task ok; all three back 1; 1; ");
}
END_TEST

static int
cancelled(void *arg)
{
	struct aw_borrow mine = { 0 };
	struct aw_task *a;

	(void)arg;
	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	a = aw_spawn("a", works, "a");
	start("b", works, "b");
	let_others_run();
	aw_cancel(a, "test");
	aw_limiter_give_back(&mine);	/* before a could leave the line */
	note_borrowers();
	{
		AW_TIMEOUT(0.5);
		note("%s", name(aw_limiter_borrow(&limiter, &mine)));
	}
	note("%d", mine.limiter != NULL);
	AW_TRY(aw_sleep(5));
	note("%d", is_free());
	aw_task_release(a);
	return 0;
}

START_TEST(a_place_that_meets_a_cancelled_waiter_goes_to_the_next)
{
	ck_assert_int_eq(run(cancelled), 0);
	ck_assert_str_eq(noted, "has b; a ECANCELED; b ok; ETIME; 0; 1; ");
}
END_TEST

static int
held(void)
{
	struct aw_borrow mine = { 0 };

	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	AW_HELD(&mine);
	return (int)limiter.n_borrowed;
}

static int
twice(void *arg)
{
	struct aw_borrow one = { 0 }, two = { 0 };

	(void)arg;
	aw_limiter_resize(&limiter, 2);
	AW_TRY(aw_limiter_borrow(&limiter, &one));
	note("%s", name(aw_limiter_borrow(&limiter, &two)));
	aw_limiter_give_back(&two);
	aw_limiter_give_back(&one);
	note("held %d", held());
	note("%d", is_free());
	return 0;
}

START_TEST(a_second_place_for_one_task_is_refused)
{
	struct aw_borrow none = { 0 };

	ck_assert_int_eq(run(twice), 0);
	ck_assert_str_eq(noted, "EDEADLK; held 1; 1; ");
	ck_assert_int_eq(aw_limiter_borrow(&limiter, &none), AW_EUSAGE);
}
END_TEST

static struct aw_borrow forgotten;

static int
forgets(void *arg)
{
	(void)arg;
	return aw_limiter_borrow(&limiter, &forgotten);
}

/* A task's memory goes to the next one at once. */
static int
outlives(void *arg)
{
	const struct aw_task *first, *second;
	struct aw_task *task = aw_spawn("forgets", forgets, NULL);

	(void)arg;
	aw_limiter_resize(&limiter, 2);
	first = task;
	AW_TRY(aw_join(task, NULL));
	task = aw_spawn("works", works, "later");
	second = task;
	AW_TRY(aw_join(task, NULL));
	note("the same memory %d", first == second);
	aw_limiter_give_back(&forgotten);
	note("%d", is_free());
	return 0;
}

START_TEST(a_place_that_outlives_its_task_is_not_the_next_one_s)
{
	ck_assert_int_eq(run(outlives), 0);
	ck_assert_str_eq(noted, "later ok; the same memory 1; 1; ");
}
END_TEST

static struct aw_borrow shared;

static int
borrows_with_shared(void *arg)
{
	int r = aw_limiter_borrow(&limiter, &shared);

	note("%s %s", (const char *)arg, name(r));
	if (r < 0)
		return 0;
	AW_TRY(aw_sleep(1));
	aw_limiter_give_back(&shared);
	return 0;
}

static int
shares(void *arg)
{
	struct aw_borrow mine = { 0 };
	AW_GROUP(group);

	limiter = (struct aw_limiter)AW_LIMITER_INIT((intptr_t)arg);
	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	AW_TRY(aw_go(&group, borrows_with_shared, "a"));
	AW_TRY(aw_go(&group, borrows_with_shared, "b"));
	let_others_run();
	aw_limiter_give_back(&mine);
	AW_TRY(aw_group_wait(&group));
	note("free %d", is_free());
	AW_TRY(aw_limiter_borrow(&limiter, &shared));
	aw_limiter_give_back(&shared);
	return 0;
}

START_TEST(two_tasks_cannot_borrow_with_one_struct)
{
	ck_assert_int_eq(run_tasks(shares, (void *)1), 0);
	ck_assert_str_eq(noted, "b EBUSY; a ok; free 1; ");
	ck_assert_int_eq(run_tasks(shares, (void *)3), 0);
	ck_assert_str_eq(noted, "a ok; b EBUSY; free 1; ");
}
END_TEST

START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_limiter), 72);
	ck_assert_uint_eq(sizeof(struct aw_borrow), 40);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("limiter");
	TCase *basic = tcase_create("basic");

	tcase_add_test(basic,
		       places_go_to_the_oldest_and_the_borrowers_are_known);
	tcase_add_test(basic,
		       growing_serves_waiters_and_shrinking_takes_from_nobody);
	tcase_add_test(basic,
		       a_place_that_meets_a_cancelled_waiter_goes_to_the_next);
	tcase_add_test(basic, a_second_place_for_one_task_is_refused);
	tcase_add_test(basic,
		       a_place_that_outlives_its_task_is_not_the_next_one_s);
	tcase_add_test(basic, two_tasks_cannot_borrow_with_one_struct);
	tcase_add_test(basic, the_sizes_do_not_change);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
