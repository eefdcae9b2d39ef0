/* SPDX-License-Identifier: MIT */
/*
 * lib/pool_open.c: opens that are slow, fail, or outlive their acquirer.
 */
#include <await/driver.h>

#include "failmalloc.h"
#include "toy_pool.h"

static struct aw_pool *pool;
static double begun;

static int
user(void *arg)
{
	struct toy *toy;
	int r = toy_acquire(pool, &toy);

	if (r < 0) {
		note("%d %s at %g", (int)(intptr_t)arg, name(r),
		     since(begun));
		return 0;
	}
	note("%d has %d at %g", (int)(intptr_t)arg, toy->id, since(begun));
	aw_ignore(aw_sleep(1));
	toy_release(toy);
	return 0;
}

/* --- Opening ----------------------------------------------------------- */

static int
opens_slowly(void *arg)
{
	struct aw_task *task;

	(void)arg;
	factory.open_takes = 2;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 1));
	begun = aw_now();
	task = aw_spawn("user", user, (void *)1);
	AW_TRY(aw_sleep(1));
	aw_cancel(task, "impatience");
	AW_TRY(aw_join(task, NULL));
	user((void *)2);		/* gets what the cancelled one caused */
	note("opens %d", factory.opens);
	aw_pool_free(pool);
	return 0;
}

START_TEST(a_cancelled_acquire_does_not_stop_the_open)
{
	ck_assert_int_eq(run_toys(opens_slowly, NULL), 0);
	ck_assert_str_eq(noted, "1 ECANCELED at 1; 2 has 1 at 2; opens 1; ");
}
END_TEST

static int
opens_few(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	factory.open_takes = 3;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 5));
	begun = aw_now();
	for (intptr_t i = 1; i <= 5; i++)
		AW_TRY(aw_go(&group, user, (void *)i));
	AW_TRY(aw_group_wait(&group));
	note("opens %d", factory.opens);
	aw_pool_free(pool);
	return 0;
}

/* Two at a time; those who wait are served by releases too. */
START_TEST(few_members_are_opened_at_a_time)
{
	ck_assert_int_eq(run_toys(opens_few, NULL), 0);
	ck_assert_str_eq(noted, "1 has 1 at 3; 2 has 2 at 3; 3 has 1 at 4; "
			 "4 has 2 at 4; 5 has 1 at 5; opens 4; ");
}
END_TEST

static int
opens_for_too_long(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *toy;
	int r;

	(void)arg;
	factory.open_takes = 100;
	begun = aw_now();
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .open = 2, .acquire = 3));
	r = toy_acquire(p, &toy);
	note("%s at %g: %s", name(r), since(begun), aw_error()->message);
	return 0;
}

START_TEST(an_open_has_a_limit)
{
	ck_assert_int_eq(run_toys(opens_for_too_long, NULL), 0);
	ck_assert_str_eq(noted, "EPOOL at 3: no toy of pool pool became free "
			 "in 3 s: 1 of 10 in use, 0 more waiting; the last "
			 "attempt to open one failed: a time limit of the "
			 "library or the network passed; ");
}
END_TEST

/* --- Failing ----------------------------------------------------------- */

static int
fails_for_a_while(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *toy;
	int r;

	(void)arg;
	factory.fail = AW_ECONNECT;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .acquire = 20));
	begun = aw_now();
	r = toy_acquire(p, &toy);
	note("%s at %g, opens %d: %d", name(r), since(begun), factory.opens,
	     strstr(aw_error()->message, "failed: the toy shop is closed") !=
	     NULL);
	factory.fail = 0;
	r = toy_acquire(p, &toy);
	note("%s, within 5: %d", name(r), since(begun) <= 25);
	toy_release(toy);
	return 0;
}

/* Pauses of 0.1, 0.2 ... 5 s less up to half: 20 s hold 8 to 13 opens. */
START_TEST(opens_are_repeated_with_backoff_until_one_succeeds)
{
	ck_assert_int_eq(run_toys(fails_for_a_while, NULL), 0);
	ck_assert_int_ge(factory.opens, 9);
	ck_assert_int_le(factory.opens, 15);
	ck_assert_ptr_nonnull(strstr(noted, "EPOOL at 20, opens "));
	ck_assert_ptr_nonnull(strstr(noted, ": 1; ok, within 5: 1; "));
}
END_TEST

static int
fails_in_a_crowd(void *arg)
{
	struct aw_task *task[5];

	(void)arg;
	factory.fail = AW_ECONNECT;
	factory.open_takes = 1;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max_opening = 5,
			    .acquire = 30));
	for (intptr_t i = 0; i < 5; i++)
		task[i] = aw_spawn("user", user, (void *)i);
	AW_TRY(aw_sleep(0.5));
	note_stats(pool);
	for (int i = 0; i < 20; i++) {
		struct aw_pool_stats s;

		AW_TRY(aw_sleep(1));
		aw_pool_stats(pool, &s);
		if (s.opening > 1)
			note("too many");
	}
	factory.fail = 0;
	for (int i = 0; i < 5; i++)
		AW_TRY(aw_join(task[i], NULL));
	aw_pool_free(pool);
	return 0;
}

START_TEST(after_a_failure_one_member_is_tried_at_a_time)
{
	ck_assert_int_eq(run_toys(fails_in_a_crowd, NULL), 0);
	ck_assert_ptr_eq(strstr(noted, "idle 0 borrowed 0 opening 5 cleaning 0 "
				"waiting 5; "), noted);
	ck_assert_ptr_null(strstr(noted, "too many"));
	ck_assert_ptr_null(strstr(noted, "EPOOL"));
}
END_TEST

static int
stays_quiet(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *toy;
	int opens;

	(void)arg;
	factory.fail = AW_ECONNECT;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .acquire = 1));
	note("%s", name(toy_acquire(p, &toy)));
	opens = factory.opens;
	AW_TRY(aw_sleep(100));
	note("%d", factory.opens - opens);
	return 0;
}

START_TEST(nothing_is_opened_when_nobody_waits)
{
	ck_assert_int_eq(run_toys(stays_quiet, NULL), 0);
	ck_assert_str_eq(noted, "EPOOL; 0; ");
}
END_TEST

static int
refused(void *arg)
{
	struct toy *toy;
	int r = toy_acquire(pool, &toy);

	note("%d %s '%s' at %g", (int)(intptr_t)arg, name(r),
	     aw_error()->message, since(begun));
	return 0;
}

static int
fails_for_good(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	factory.fail = AW_EAUTH;
	factory.open_takes = 1;
	begun = aw_now();
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 10,
			    .max_opening = 1));
	for (intptr_t i = 1; i <= 3; i++)
		AW_TRY(aw_go(&group, refused, (void *)i));
	AW_TRY(aw_group_wait(&group));
	note("opens %d", factory.opens);
	aw_pool_free(pool);
	return 0;
}

START_TEST(a_failure_for_good_is_told_to_all_who_wait)
{
	ck_assert_int_eq(run_toys(fails_for_good, NULL), 0);
	ck_assert_str_eq(
	    noted, "1 EAUTH 'the toy shop is closed (1)' at 1; "
		   "2 EAUTH 'the toy shop is closed (1)' at 1; "
		   "3 EAUTH 'the toy shop is closed (1)' at 1; opens 1; ");
}
END_TEST

static bool
only_eio(int code)
{
	return code == -EIO;
}

static int
fails_by_its_own_rule(void *arg)
{
	static struct aw_pool_type type;
	AW_AUTO(aw_pool, p);
	struct toy *toy;

	(void)arg;
	type = toy_type;
	type.is_permanent = only_eio;
	/* Longer than the longest pause between two attempts. */
	AW_TRY(aw_pool_open(&p, &type, NULL, .acquire = 20));
	factory.fail = AW_EAUTH;
	note("%s", name(toy_acquire(p, &toy)));
	factory.fail = -EIO;
	note("%s", name(toy_acquire(p, &toy)));
	return aw_pool_close(&p, 1);
}

START_TEST(the_type_may_say_what_is_for_good)
{
	ck_assert_int_eq(run_toys(fails_by_its_own_rule, NULL), 0);
	ck_assert_str_eq(noted, "EPOOL; EIO; ");
}
END_TEST

static int
has_one_alive(void *arg)
{
	struct aw_task *task;
	struct toy *toy;

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 2));
	AW_TRY(toy_acquire(pool, &toy));
	factory.fail = AW_EAUTH;
	begun = aw_now();
	task = aw_spawn("user", user, (void *)1);
	AW_TRY(aw_sleep(10));
	toy_release(toy);
	AW_TRY(aw_join(task, NULL));
	aw_pool_free(pool);
	return 0;
}

START_TEST(who_can_still_be_served_goes_on_waiting)
{
	ck_assert_int_eq(run_toys(has_one_alive, NULL), 0);
	ck_assert_str_eq(noted, "1 has 1 at 10; ");
}
END_TEST

static int
cannot_start_tasks(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *toy, *others[200];
	int r, n;

	(void)arg;
	fail_from(0);
	r = aw_pool_open(&p, &toy_type, NULL);
	fail_stop();
	note("open %s", name(r));
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 200,
			    .max_opening = 200));
	for (n = 0; n < 150; n++)
		AW_TRY(toy_acquire(p, &others[n]));
	factory.verdict = AW_POOL_CLEAN;
	fail_from(0);
	for (n = 0; n < 150; n++)
		toy_release(others[n]);
	let_others_run();
	fail_stop();
	factory.verdict = AW_POOL_KEEP;
	note("all gone or cleaned %d",
	     factory.aborts + factory.cleans == 150 && factory.aborts > 0);
	note("%s", name(toy_acquire(p, &toy)));
	toy_release(toy);
	return 0;
}

START_TEST(without_memory_for_helpers_members_are_aborted)
{
	ck_assert_int_eq(run_toys(cannot_start_tasks, NULL), 0);
	ck_assert_str_eq(noted, "open ENOMEM; all gone or cleaned 1; ok; ");
	ck_assert_int_eq(factory.alive, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pool_open");
	TCase *tcase = tcase_create("all");

	tcase_add_test(tcase, a_cancelled_acquire_does_not_stop_the_open);
	tcase_add_test(tcase, few_members_are_opened_at_a_time);
	tcase_add_test(tcase, an_open_has_a_limit);
	tcase_add_test(tcase,
		       opens_are_repeated_with_backoff_until_one_succeeds);
	tcase_add_test(tcase, after_a_failure_one_member_is_tried_at_a_time);
	tcase_add_test(tcase, nothing_is_opened_when_nobody_waits);
	tcase_add_test(tcase, a_failure_for_good_is_told_to_all_who_wait);
	tcase_add_test(tcase, the_type_may_say_what_is_for_good);
	tcase_add_test(tcase, who_can_still_be_served_goes_on_waiting);
	tcase_add_test(tcase, without_memory_for_helpers_members_are_aborted);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
