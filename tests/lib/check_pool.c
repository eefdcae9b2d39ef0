/* SPDX-License-Identifier: MIT */
/*
 * lib/pool_acquire.c, lib/pool_release.c: who gets which member, in which
 * order, and what the others are told.
 */
#include <await/driver.h>

#include "failmalloc.h"
#include "toy_pool.h"

static struct aw_pool *pool;

/* --- Borrowing --------------------------------------------------------- */

static int
borrows(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL));
	note("opened %d", factory.opens);
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(toy_acquire(p, &b));
	note("%d %d", a->id, b->id);
	toy_release(a);
	toy_release(b);
	note_stats(p);
	AW_TRY(toy_acquire(p, &a));
	note("%d", a->id);		/* last in, first out */
	toy_release(a);
	aw_pool_release(NULL);
	return 0;
}

START_TEST(members_are_opened_on_demand_and_reused_last_first)
{
	ck_assert_int_eq(run_toys(borrows, NULL), 0);
	ck_assert_str_eq(noted, "opened 0; 1 2; idle 2 borrowed 0 opening 0 "
			 "cleaning 0 waiting 0; 2; ");
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.closes, 2);
	ck_assert_int_eq(factory.finis, 1);
}
END_TEST

static int
counts_costs(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *toy;
	unsigned long n;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL));
	AW_TRY(toy_acquire(p, &toy));
	toy_release(toy);
	let_others_run();
	count_start();
	for (int i = 0; i < 100; i++) {
		AW_TRY(toy_acquire(p, &toy));
		toy_release(toy);
	}
	n = count_stop();
	note("%lu", n);
	return 0;
}

START_TEST(an_idle_member_costs_no_memory)
{
	ck_assert_int_eq(run_toys(counts_costs, NULL), 0);
	ck_assert_str_eq(noted, "0; ");
}
END_TEST

static int
runs_beside(void *arg)
{
	(void)arg;
	note("switched");
	return 0;
}

static int
does_not_switch(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *toy;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL));
	AW_TRY(toy_acquire(p, &toy));
	toy_release(toy);
	let_others_run();
	start("beside", runs_beside, NULL);
	AW_TRY(toy_acquire(p, &toy));
	toy_release(toy);
	note("released");
	let_others_run();
	return 0;
}

START_TEST(an_idle_member_costs_no_switch)
{
	ck_assert_int_eq(run_toys(does_not_switch, NULL), 0);
	ck_assert_str_eq(noted, "released; switched; ");
}
END_TEST

/* --- Waiting ----------------------------------------------------------- */

static int
user(void *arg)
{
	struct toy *toy;
	int r = toy_acquire(pool, &toy);

	if (r < 0) {
		note("%d %s", (int)(intptr_t)arg, name(r));
		return 0;
	}
	note("%d has %d", (int)(intptr_t)arg, toy->id);
	aw_ignore(aw_sleep(1));
	toy_release(toy);
	return 0;
}

static int
queues(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 2));
	for (intptr_t i = 1; i <= 6; i++)
		AW_TRY(aw_go(&group, user, (void *)i));
	AW_TRY(aw_group_wait(&group));
	aw_pool_free(pool);
	return 0;
}

START_TEST(waiters_are_served_first_come_first_served)
{
	ck_assert_int_eq(run_toys(queues, NULL), 0);
	ck_assert_str_eq(noted, "1 has 1; 2 has 2; 3 has 1; 4 has 2; 5 has 1; "
			 "6 has 2; ");
	ck_assert_int_eq(factory.most, 2);
}
END_TEST

/* A release hands over to the waiter: who asks in between must queue. */
static int
cannot_overtake(void *arg)
{
	struct aw_task *waiter;
	struct toy *toy;

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 1));
	AW_TRY(toy_acquire(pool, &toy));
	waiter = aw_spawn("waiter", user, (void *)1);
	let_others_run();
	toy_release(toy);
	AW_TRY(toy_acquire(pool, &toy));
	note("main has %d", toy->id);
	toy_release(toy);
	AW_TRY(aw_join(waiter, NULL));
	aw_pool_free(pool);
	return 0;
}

START_TEST(nobody_overtakes_a_waiter)
{
	ck_assert_int_eq(run_toys(cannot_overtake, NULL), 0);
	ck_assert_str_eq(noted, "1 has 1; main has 1; ");
}
END_TEST

static int
cancels_waiters(void *arg)
{
	struct aw_task *task[4];
	struct toy *toy;

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 1));
	AW_TRY(toy_acquire(pool, &toy));
	for (intptr_t i = 0; i < 4; i++)
		task[i] = aw_spawn("waiter", user, (void *)i);
	let_others_run();
	aw_cancel(task[0], "before the release");
	aw_cancel(task[2], "before the release");
	toy_release(toy);		/* to 1, past the cancelled 0 */
	aw_cancel(task[1], "after the grant");
	for (int i = 0; i < 4; i++)
		AW_TRY(aw_join(task[i], NULL));
	note_stats(pool);
	aw_pool_free(pool);
	return 0;
}

START_TEST(a_cancelled_waiter_is_passed_over_and_a_grant_is_kept)
{
	ck_assert_int_eq(run_toys(cancels_waiters, NULL), 0);
	ck_assert_str_eq(noted, "0 ECANCELED; 2 ECANCELED; 1 has 1; 3 has 1; "
			 "idle 1 borrowed 0 opening 0 cleaning 0 waiting 0; ");
}
END_TEST

/* --- What the failures say --------------------------------------------- */

static int
is_late(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b;
	double begun;
	int r;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 2, .name = "app",
			    .acquire = 0.25));
	AW_TRY(toy_acquire(p, &a));
	hold_opens();
	begun = aw_now();
	r = toy_acquire(p, &b);
	note("%s after %g: %s | %s", name(r), since(begun),
	     aw_error()->message, aw_error()->wait);
	{
		AW_TIMEOUT(0.1);
		r = toy_acquire(p, &b);
		note("%s: %s", name(r), aw_error()->wait);
	}
	factory.hold_open = NULL;
	toy_release(a);
	return 0;
}

START_TEST(who_is_too_late_learns_why)
{
	ck_assert_int_eq(run_toys(is_late, NULL), 0);
	ck_assert_str_eq(noted, "EPOOL after 0.25: no toy of pool app became "
			 "free in 0.25 s: 2 of 2 in use, 0 more waiting | "
			 "a toy of pool app, 2 of 2 in use, 0.25 s; "
			 "ETIME: a toy of pool app, 2 of 2 in use, 0.10 s; ");
}
END_TEST

static int
holds_all(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b, *c = NULL;
	double begun = aw_now();
	int r;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 2));
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(toy_acquire(p, &b));
	r = toy_acquire(p, &c);
	note("%s after %g", name(r), since(begun));
	toy_release(a);
	note("%s", name(toy_acquire(p, &c)));
	toy_release(b);
	toy_release(c);
	return 0;
}

START_TEST(who_holds_all_members_is_told_at_once)
{
	ck_assert_int_eq(run_toys(holds_all, NULL), 0);
	ck_assert_str_eq(noted, "EDEADLK after 0; ok; ");
}
END_TEST

static int
limits_waiters(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 1,
			    .max_waiters = 2));
	for (intptr_t i = 1; i <= 4; i++)
		AW_TRY(aw_go(&group, user, (void *)i));
	AW_TRY(aw_group_wait(&group));
	aw_pool_free(pool);
	return 0;
}

START_TEST(more_waiters_than_allowed_are_refused)
{
	ck_assert_int_eq(run_toys(limits_waiters, NULL), 0);
	ck_assert_str_eq(noted, "3 ELIMIT; 4 ELIMIT; 1 has 1; 2 has 1; ");
}
END_TEST

static int
is_cancelled(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *toy;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 1));
	AW_TRY(toy_acquire(p, &toy));
	toy_release(toy);
	AW_SCOPE(mine);
	aw_scope_cancel(&mine, "never mind");
	note("%s", name(toy_acquire(p, &toy)));	/* though one is idle */
	return 0;
}

START_TEST(a_cancelled_scope_gets_no_member)
{
	ck_assert_int_eq(run_toys(is_cancelled, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ");
}
END_TEST

/* --- Verdicts ---------------------------------------------------------- */

static int
is_cleaned(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a;

	(void)arg;
	factory.clean_takes = 1;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 1));
	AW_TRY(toy_acquire(p, &a));
	factory.verdict = AW_POOL_CLEAN;
	toy_release(a);
	note_stats(p);
	AW_TRY(toy_acquire(p, &a));	/* waits: it counts against .max */
	note("%d, cleans %d, most %d", a->id, factory.cleans, factory.most);
	factory.fail_clean = -EIO;
	toy_release(a);
	AW_TRY(toy_acquire(p, &a));
	note("%d, aborts %d", a->id, factory.aborts);
	factory.verdict = AW_POOL_DROP;
	toy_release(a);
	note_stats(p);
	factory.fail_clean = 0;
	factory.clean_takes = 100;
	factory.verdict = AW_POOL_CLEAN;
	AW_TRY(toy_acquire(p, &a));
	toy_release(a);
	AW_TRY(aw_sleep(4.9));
	note("aborts %d", factory.aborts);
	AW_TRY(aw_sleep(0.2));
	note("aborts %d", factory.aborts);
	return 0;
}

START_TEST(what_needs_cleaning_is_cleaned_by_the_pool_under_a_deadline)
{
	ck_assert_int_eq(run_toys(is_cleaned, NULL), 0);
	ck_assert_str_eq(noted,
		"idle 0 borrowed 0 opening 0 cleaning 1 waiting 0; "
		"1, cleans 1, most 1; 2, aborts 1; "
		"idle 0 borrowed 0 opening 0 cleaning 0 waiting 0; "
		"aborts 2; aborts 3; ");
	ck_assert_int_eq(factory.alive, 0);
}
END_TEST

static int
cleans_side_by_side(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b;
	double begun;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 2));
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(toy_acquire(p, &b));
	begun = aw_now();
	factory.verdict = AW_POOL_CLEAN;
	factory.clean_takes = 4;
	toy_release(a);
	let_others_run();
	factory.clean_takes = 1;
	toy_release(b);
	AW_TRY(toy_acquire(p, &a));
	note("%d after %g", a->id, since(begun));
	factory.verdict = AW_POOL_KEEP;
	toy_release(a);
	return 0;
}

START_TEST(a_slow_clean_delays_nobody_else)
{
	ck_assert_int_eq(run_toys(cleans_side_by_side, NULL), 0);
	ck_assert_str_eq(noted, "2 after 1; ");
}
END_TEST

static int
is_used_wrongly(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 2));
	AW_TRY(toy_acquire(p, &a));
	aw_pool_release(&a->item);
	aw_pool_release(&a->item);
	aw_pool_lost(NULL);
	AW_TRY(toy_acquire(p, &a));
	a->users--;
	aw_pool_lost(&a->item);		/* borrowed: the release tells */
	AW_TRY(toy_acquire(p, &b));
	note("%d %d", a->id, b->id);
	note_stats(p);
	a->users++;
	toy_release(a);
	toy_release(b);
	return 0;
}

START_TEST(a_second_release_does_nothing)
{
	struct aw_pool_item *item;

	ck_assert_int_eq(run_toys(is_used_wrongly, NULL), 0);
	ck_assert_str_eq(noted, "1 2; idle 0 borrowed 2 opening 0 cleaning 0 "
			 "waiting 0; ");
	ck_assert_int_eq(aw_pool_acquire(NULL, &item), -EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pool");
	TCase *tcase = tcase_create("all");

	tcase_add_test(tcase,
		       members_are_opened_on_demand_and_reused_last_first);
	tcase_add_test(tcase, an_idle_member_costs_no_memory);
	tcase_add_test(tcase, an_idle_member_costs_no_switch);
	tcase_add_test(tcase, waiters_are_served_first_come_first_served);
	tcase_add_test(tcase, nobody_overtakes_a_waiter);
	tcase_add_test(tcase,
		       a_cancelled_waiter_is_passed_over_and_a_grant_is_kept);
	tcase_add_test(tcase, who_is_too_late_learns_why);
	tcase_add_test(tcase, who_holds_all_members_is_told_at_once);
	tcase_add_test(tcase, more_waiters_than_allowed_are_refused);
	tcase_add_test(tcase, a_cancelled_scope_gets_no_member);
	tcase_add_test(tcase,
		what_needs_cleaning_is_cleaned_by_the_pool_under_a_deadline);
	tcase_add_test(tcase, a_slow_clean_delays_nobody_else);
	tcase_add_test(tcase, a_second_release_does_nothing);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
