/* SPDX-License-Identifier: MIT */
/* lib/rate.c: how many pass, when, in which order. Time is virtual. */
#include "tasks.h"

static struct aw_rate rate;
static double begin;

static void
setup(void)
{
	forget_notes();
	rate = (struct aw_rate)AW_RATE_INIT(2, 3);
}

static int
takes(void *arg)
{
	int64_t n = (intptr_t)arg;
	int r = aw_rate_acquire_n(&rate, n);

	note("%d %s at %g", (int)n, name(r), since(begin));
	return r;
}

/* --- How many ---------------------------------------------------------- */

static int
takes_eight(void *arg)
{
	(void)arg;
	begin = aw_now();
	for (int i = 0; i < 8; i++) {
		AW_TRY(aw_rate_acquire(&rate));
		note("%g", since(begin));
	}
	AW_TRY(aw_sleep(1));
	note("%s", name(aw_rate_try_acquire(&rate)));
	note("%s", name(aw_rate_try_acquire(&rate)));
	note("%s", name(aw_rate_try_acquire(&rate)));
	AW_TRY(aw_sleep(1000));
	for (int i = 0; i < 4; i++)
		note("%s", name(aw_rate_try_acquire(&rate)));
	return 0;
}

START_TEST(a_burst_passes_and_then_so_many_a_second)
{
	ck_assert_int_eq(run_tasks(takes_eight, NULL), 0);
	ck_assert_str_eq(noted, "0; 0; 0; 0.5; 1; 1.5; 2; 2.5; ok; ok; "
			 "EAGAIN; ok; ok; ok; EAGAIN; ");
	ck_assert_int_eq(aw_rate_acquire(&rate), AW_EUSAGE);
}
END_TEST

static int
asks_for_nonsense(void *arg)
{
	struct aw_rate none = AW_RATE_INIT(0, 1), nan = AW_RATE_INIT(NAN, 1);

	(void)arg;
	note("%s %s", name(aw_rate_acquire_n(&rate, 0)),
	     name(aw_rate_acquire_n(&rate, 4)));
	note("%s %s", name(aw_rate_acquire(&none)),
	     name(aw_rate_try_acquire(&nan)));
	return 0;
}

START_TEST(what_can_never_be_given_is_refused)
{
	ck_assert_int_eq(run_tasks(asks_for_nonsense, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL EINVAL; EINVAL EINVAL; ");
	ck_assert_uint_eq(sizeof(struct aw_rate), 80);
}
END_TEST

static int
many_times(void *arg)
{
	rate = (struct aw_rate)AW_RATE_INIT(3, 1);
	(void)arg;
	begin = aw_now();
	for (int i = 0; i < 30001; i++)
		AW_TRY(aw_rate_acquire(&rate));
	note("%g", floor(aw_now() - begin + 0.5));
	return 0;
}

START_TEST(rounding_does_not_add_up)
{
	ck_assert_int_eq(run_tasks(many_times, NULL), 0);
	ck_assert_str_eq(noted, "10000; ");
}
END_TEST

/* --- Who --------------------------------------------------------------- */

static int
several_wait(void *arg)
{
	static const intptr_t n[] = { 3, 2, 3, 1 };
	AW_GROUP(group);

	(void)arg;
	begin = aw_now();
	for (size_t i = 0; i < AW_LENGTH(n); i++)
		AW_TRY(aw_go(&group, takes, (void *)n[i]));
	AW_TRY(aw_yield());
	note("%s", name(aw_rate_try_acquire(&rate)));
	return aw_group_wait(&group);
}

START_TEST(the_oldest_waiter_is_served_first)
{
	ck_assert_int_eq(run_tasks(several_wait, NULL), 0);
	ck_assert_str_eq(noted, "3 ok at 0; EAGAIN; 2 ok at 1; 3 ok at 2.5; "
			 "1 ok at 3; ");
}
END_TEST

static int
late(void *arg)
{
	AW_TIMEOUT(0.25);
	return takes(arg);
}

/* The first in line is cancelled, the second is late: the third comes as if
 * they had not been. */
static int
interrupts(void *arg)
{
	struct aw_task *task[3];

	(void)arg;
	begin = aw_now();
	AW_TRY(aw_rate_acquire_n(&rate, 3));
	task[0] = aw_spawn("3", takes, (void *)3);
	task[1] = aw_spawn("2", late, (void *)2);
	task[2] = aw_spawn("1", takes, (void *)1);
	AW_TRY(aw_sleep(0.125));
	aw_cancel(task[0], "enough");
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_join(task[i], NULL));
	note("left %d", rate.waiters.head != NULL);
	return 0;
}

START_TEST(those_who_give_up_take_nothing_and_hold_nobody_up)
{
	ck_assert_int_eq(run_tasks(interrupts, NULL), 0);
	ck_assert_str_eq(noted, "3 ECANCELED at 0.125; 2 ETIME at 0.25; "
			 "1 ok at 0.5; left 0; ");
}
END_TEST

static int
crowd_member(void *arg)
{
	int *done = arg;

	AW_TIMEOUT(100);
	if (aw_rate_acquire(&rate) == 0)
		++*done;
	return 0;
}

static int
crowd(void *arg)
{
	int done = 0;
	AW_GROUP(group);

	(void)arg;
	for (int i = 0; i < 1000; i++)
		AW_TRY(aw_go(&group, crowd_member, &done));
	AW_TRY(aw_group_wait(&group));
	note("%d", done >= 202 && done <= 203);
	return 0;
}

START_TEST(a_crowd_gets_what_the_deadline_leaves_time_for)
{
	ck_assert_int_eq(run_tasks(crowd, NULL), 0);
	ck_assert_str_eq(noted, "1; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rate");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_burst_passes_and_then_so_many_a_second);
	tcase_add_test(tcase, what_can_never_be_given_is_refused);
	tcase_add_test(tcase, rounding_does_not_add_up);
	tcase_add_test(tcase, the_oldest_waiter_is_served_first);
	tcase_add_test(tcase,
		       those_who_give_up_take_nothing_and_hold_nobody_up);
	tcase_add_test(tcase, a_crowd_gets_what_the_deadline_leaves_time_for);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
