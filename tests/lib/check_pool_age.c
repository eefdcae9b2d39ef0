/* SPDX-License-Identifier: MIT */
/*
 * lib/pool_janitor.c, and the checks of lib/pool_acquire.c: members that lay
 * idle, are too old, were lost, or are not given back.
 */
#include <await/driver.h>

#include "toy_pool.h"

static struct aw_pool *pool;
static double begun;

static int
user(void *arg)
{
	struct toy *toy;

	AW_TRY(toy_acquire(pool, &toy));
	note("%d has %d at %g", (int)(intptr_t)arg, toy->id, since(begun));
	aw_ignore(aw_sleep(1));
	toy_release(toy);
	return 0;
}

/* --- Ageing ------------------------------------------------------------ */

static int
lies_idle(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b, *c;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .min = 1, .idle = 60,
			    .check = AW_NONE));
	AW_TRY(aw_sleep(1));
	note("made %d", factory.made);
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(toy_acquire(p, &b));
	AW_TRY(toy_acquire(p, &c));
	toy_release(a);
	toy_release(b);
	AW_TRY(aw_sleep(30));
	toy_release(c);
	AW_TRY(aw_sleep(29));
	note("alive %d", factory.alive);
	AW_TRY(aw_sleep(2));
	note("alive %d", factory.alive);
	AW_TRY(aw_sleep(100));
	note("alive %d made %d", factory.alive, factory.made);
	return 0;
}

START_TEST(idle_members_are_closed_down_to_the_minimum)
{
	ck_assert_int_eq(run_toys(lies_idle, NULL), 0);
	ck_assert_str_eq(noted, "made 1; alive 3; alive 1; alive 1 made 3; ");
	ck_assert_int_eq(factory.closes, 3);
	ck_assert_int_eq(factory.aborts, 0);
}
END_TEST

static int
grows_old(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .lifetime = 100,
			    .check = AW_NONE));
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(toy_acquire(p, &b));
	toy_release(a);
	AW_TRY(aw_sleep(89));
	note("alive %d", factory.alive);
	AW_TRY(aw_sleep(12));
	note("alive %d", factory.alive);	/* the idle one is gone */
	toy_release(b);				/* too old to be kept */
	let_others_run();
	note("alive %d closes %d", factory.alive, factory.closes);
	AW_TRY(toy_acquire(p, &a));
	note("%d", a->id);
	toy_release(a);
	return 0;
}

START_TEST(old_members_are_replaced_idle_or_not)
{
	ck_assert_int_eq(run_toys(grows_old, NULL), 0);
	ck_assert_str_eq(noted, "alive 2; alive 1; alive 0 closes 2; 3; ");
}
END_TEST

/* Too old, and the janitor has not run yet. */
static int
is_just_too_old(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL));
	AW_TRY(toy_acquire(p, &a));
	toy_release(a);
	a->item.expires = aw_now();
	AW_TRY(toy_acquire(p, &a));
	note("%d", a->id);
	toy_release(a);
	return 0;
}

START_TEST(an_idle_member_that_is_too_old_is_not_lent)
{
	ck_assert_int_eq(run_toys(is_just_too_old, NULL), 0);
	ck_assert_str_eq(noted, "2; ");
	ck_assert_int_eq(factory.closes, 2);
}
END_TEST

static int
lives_for_different_times(void *arg)
{
	AW_AUTO(aw_pool, p);
	int most = 0;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 50, .min = 50,
			    .lifetime = 1000, .idle = AW_NONE));
	AW_TRY(aw_sleep(899));
	note("closes %d", factory.closes);
	for (int i = 0; i < 102; i++) {
		int before = factory.closes;

		AW_TRY(aw_sleep(1));
		if (factory.closes - before > most)
			most = factory.closes - before;
	}
	note("closes %d, together at most 10: %d", factory.closes,
	     most <= 10);
	return 0;
}

START_TEST(members_opened_together_do_not_end_together)
{
	ck_assert_int_eq(run_toys(lives_for_different_times, NULL), 0);
	ck_assert_str_eq(noted,
			 "closes 0; closes 50, together at most 10: 1; ");
	ck_assert_int_eq(factory.most, 50);
}
END_TEST

static int
expires(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct aw_event open = { 0 };
	struct aw_task *task;
	struct toy *a, *b;

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 3));
	p = pool;
	begun = aw_now();
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(toy_acquire(p, &b));
	toy_release(b);
	AW_TRY(toy_acquire(p, &b));
	factory.hold_open = &open;
	task = aw_spawn("user", user, (void *)1);
	let_others_run();
	toy_release(b);			/* to the user; an open goes on */
	let_others_run();
	aw_pool_expire(p);
	aw_event_set(&open);
	let_others_run();
	note("alive %d closes %d", factory.alive, factory.closes);
	toy_release(a);
	AW_TRY(aw_join(task, NULL));
	let_others_run();
	note("alive %d closes %d", factory.alive, factory.closes);
	return 0;
}

START_TEST(expire_replaces_every_member_also_those_being_opened)
{
	ck_assert_int_eq(run_toys(expires, NULL), 0);
	ck_assert_str_eq(noted, "1 has 2 at 0; alive 2 closes 1; "
			 "alive 0 closes 3; ");
}
END_TEST

static int
is_lost(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .min = 1, .max = 1));
	AW_TRY(toy_acquire(p, &a));
	toy_release(a);
	aw_pool_lost(&a->item);
	note("aborts %d", factory.aborts);
	let_others_run();
	note("alive %d made %d", factory.alive, factory.made);
	return 0;
}

START_TEST(a_lost_member_is_aborted_and_the_minimum_kept)
{
	ck_assert_int_eq(run_toys(is_lost, NULL), 0);
	ck_assert_str_eq(noted, "aborts 1; alive 1 made 2; ");
}
END_TEST

static int
leaks(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct aw_pool_stats s;
	struct toy *a, *b;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .leak = 10));
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(aw_sleep(9));
	AW_TRY(toy_acquire(p, &b));
	AW_TRY(aw_sleep(2));
	aw_pool_stats(p, &s);
	note("leaked %d, acquires %d, waits %d, opened %d, waited %d",
	     (int)s.leaked, (int)s.acquires, (int)s.waits, (int)s.opened,
	     s.waited == 0);
	note("site %d", strstr(a->item.site, "toy_pool.h:") != NULL);
	toy_release(a);
	toy_release(b);
	return 0;
}

START_TEST(what_is_borrowed_for_long_counts_as_a_leak)
{
	ck_assert_int_eq(run_toys(leaks, NULL), 0);
	ck_assert_str_eq(noted, "leaked 1, acquires 2, waits 2, opened 2, "
			 "waited 1; site 1; ");
}
END_TEST

/* --- Checks of idle members -------------------------------------------- */

static int
is_checked(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 2));
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(toy_acquire(p, &b));
	toy_release(a);
	toy_release(b);
	AW_TRY(toy_acquire(p, &a));
	note("fresh: checks %d", factory.checks);
	toy_release(a);
	AW_TRY(aw_sleep(1.5));
	AW_TRY(toy_acquire(p, &a));
	note("stale: checks %d", factory.checks);
	toy_release(a);
	AW_TRY(aw_sleep(1.5));
	factory.fail_check = -EPIPE;
	aw_ignore(aw_fail(-EDOM, "an earlier failure"));
	AW_TRY(toy_acquire(p, &a));
	note("dead: checks %d aborts %d got %d, %s", factory.checks,
	     factory.aborts, a->id, aw_error()->message);
	toy_release(a);
	return 0;
}

START_TEST(a_member_that_lay_idle_is_checked_and_replaced)
{
	ck_assert_int_eq(run_toys(is_checked, NULL), 0);
	ck_assert_str_eq(noted, "fresh: checks 0; stale: checks 1; "
			 "dead: checks 3 aborts 2 got 3, an earlier failure; ");
}
END_TEST

static int
checks_slowly(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 1));
	AW_TRY(toy_acquire(p, &a));
	toy_release(a);
	AW_TRY(aw_sleep(2));
	begun = aw_now();
	factory.check_takes = 100;
	AW_TRY(toy_acquire(p, &a));	/* .clean is 5 s */
	note("%d after %g", a->id, since(begun));
	toy_release(a);
	AW_TRY(aw_sleep(2));
	{
		AW_TIMEOUT(1);
		note("%s", name(toy_acquire(p, &a)));
		note_stats(p);
	}
	return 0;
}

START_TEST(a_check_has_a_limit_and_can_be_interrupted)
{
	ck_assert_int_eq(run_toys(checks_slowly, NULL), 0);
	ck_assert_str_eq(noted, "2 after 5; ETIME; idle 0 borrowed 0 opening 0 "
			 "cleaning 0 waiting 0; ");
	ck_assert_int_eq(factory.alive, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pool_age");
	TCase *tcase = tcase_create("all");

	tcase_add_test(tcase, idle_members_are_closed_down_to_the_minimum);
	tcase_add_test(tcase, old_members_are_replaced_idle_or_not);
	tcase_add_test(tcase, an_idle_member_that_is_too_old_is_not_lent);
	tcase_add_test(tcase, members_opened_together_do_not_end_together);
	tcase_add_test(tcase,
		       expire_replaces_every_member_also_those_being_opened);
	tcase_add_test(tcase, a_lost_member_is_aborted_and_the_minimum_kept);
	tcase_add_test(tcase, what_is_borrowed_for_long_counts_as_a_leak);
	tcase_add_test(tcase, a_member_that_lay_idle_is_checked_and_replaced);
	tcase_add_test(tcase, a_check_has_a_limit_and_can_be_interrupted);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
