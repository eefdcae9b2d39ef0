/* SPDX-License-Identifier: MIT */
/* lib/ticker.c: a rhythm, and what becomes of missed ticks. */
#include <await/time.h>

#include "tasks.h"

/* Ticks with work of these seconds after each. */
static int
work(struct aw_ticker *ticker, const double *seconds, size_t n)
{
	double begin = aw_now();

	for (size_t i = 0; i < n; i++) {
		AW_TRY(aw_ticker_next(ticker));
		note("%g", since(begin));
		if (seconds[i] > 0)
			AW_TRY(aw_sleep(seconds[i]));
	}
	return 0;
}

static const double busy[] = { 0.25, 3.5, 0.25, 0.25, 0, 0, 0, 0 };

static int
one_policy(void *arg)
{
	struct aw_ticker ticker = { .seconds = 1,
				    .missed = *(enum aw_missed *)arg };

	AW_TRY(work(&ticker, busy, AW_LENGTH(busy)));
	note("missed %d", (int)ticker.n_missed);
	return 0;
}

static void
assert_policy(enum aw_missed missed, const char *expected)
{
	ck_assert_int_eq(run_tasks(one_policy, &missed), 0);
	ck_assert_str_eq(noted, expected);
}

START_TEST(skip_keeps_the_rhythm_and_leaves_ticks_out)
{
	assert_policy(AW_TICK_SKIP, "0; 1; 4.5; 5; 6; 7; 8; 9; missed 2; ");
}
END_TEST

START_TEST(burst_makes_up_for_each_tick)
{
	assert_policy(AW_TICK_BURST, "0; 1; 4.5; 4.75; 5; 5; 6; 7; "
		      "missed 0; ");
}
END_TEST

START_TEST(delay_begins_a_new_rhythm)
{
	assert_policy(AW_TICK_DELAY, "0; 1; 4.5; 5.5; 6.5; 7.5; 8.5; 9.5; "
		      "missed 2; ");
}
END_TEST

static int
no_drift(void *arg)
{
	struct aw_ticker ticker = { .seconds = 0.125 };
	double begin = aw_now();

	(void)arg;
	for (int i = 0; i < 8001; i++) {
		AW_TRY(aw_ticker_next(&ticker));
		AW_TRY(aw_sleep(0.0625));
	}
	note("%g", since(begin));
	return 0;
}

START_TEST(the_time_of_the_work_does_not_add_up)
{
	ck_assert_int_eq(run_tasks(no_drift, NULL), 0);
	ck_assert_str_eq(noted, "1000.06; ");
}
END_TEST

static int
begins_later(void *arg)
{
	struct aw_ticker ticker = { .seconds = 1, .at = aw_now() + 5 };
	static const double none[3];

	(void)arg;
	return work(&ticker, none, AW_LENGTH(none));
}

START_TEST(the_first_tick_can_be_given)
{
	ck_assert_int_eq(run_tasks(begins_later, NULL), 0);
	ck_assert_str_eq(noted, "5; 6; 7; ");
}
END_TEST

/* --- Cancels, deadlines, bad values ------------------------------------ */

static int
deadline(void *arg)
{
	struct aw_ticker ticker = { .seconds = 1 };
	double begin = aw_now();

	(void)arg;
	AW_TRY(aw_ticker_next(&ticker));
	{
		AW_TIMEOUT(0.25);
		note("%s", name(aw_ticker_next(&ticker)));
	}
	note("%s", name(aw_ticker_next(&ticker)));
	note("%g s", since(begin));
	return 0;
}

START_TEST(a_tick_that_a_deadline_cut_short_is_still_to_come)
{
	ck_assert_int_eq(run_tasks(deadline, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; ok; 1 s; ");
}
END_TEST

static int
ticks(void *arg)
{
	struct aw_ticker ticker = { .seconds = 1 };
	int n = 0, r;

	(void)arg;
	while ((r = aw_ticker_next(&ticker)) == 0)
		n++;
	note("%d, %s", n, name(r));
	return r;
}

static int
cancelled(void *arg)
{
	struct aw_task *task = aw_spawn("ticks", ticks, NULL);

	(void)arg;
	AW_TRY(aw_sleep(2.5));
	aw_cancel(task, "test");
	let_others_run();
	aw_task_release(task);
	return 0;
}

START_TEST(a_cancel_ends_the_wait_for_a_tick)
{
	ck_assert_int_eq(run_tasks(cancelled, NULL), 0);
	ck_assert_str_eq(noted, "3, ECANCELED; ");
}
END_TEST

static int
bad(void *arg)
{
	static const double seconds[] = { 0, -1, NAN, INFINITY };

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(seconds); i++) {
		struct aw_ticker ticker = { .seconds = seconds[i] };

		note("%s", name(aw_ticker_next(&ticker)));
	}
	struct aw_ticker ticker = { .seconds = 1, .missed = 9 };

	note("%s", name(aw_ticker_next(&ticker)));
	return 0;
}

START_TEST(a_rhythm_that_is_none_is_refused)
{
	struct aw_ticker ticker = { .seconds = 1 };

	ck_assert_int_eq(run_tasks(bad, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EINVAL; EINVAL; EINVAL; ");
	ck_assert_int_eq(aw_ticker_next(&ticker), AW_EUSAGE);
}
END_TEST

static int
tiny(void *arg)
{
	struct aw_ticker ticker = { .seconds = 1e-300 };

	(void)arg;
	AW_TRY(aw_ticker_next(&ticker));
	AW_TRY(aw_sleep(1));
	AW_TRY(aw_ticker_next(&ticker));
	note("%d", ticker.n_missed > 0);
	return 0;
}

START_TEST(a_period_below_the_clock_loses_itself_but_does_not_hang)
{
	ck_assert_int_eq(run_tasks(tiny, NULL), 0);
	ck_assert_str_eq(noted, "1; ");
}
END_TEST

START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_ticker), 64);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ticker");
	TCase *basic = tcase_create("basic");
	TCase *ends = tcase_create("ends");

	tcase_add_test(basic, skip_keeps_the_rhythm_and_leaves_ticks_out);
	tcase_add_test(basic, burst_makes_up_for_each_tick);
	tcase_add_test(basic, delay_begins_a_new_rhythm);
	tcase_add_test(basic, the_time_of_the_work_does_not_add_up);
	tcase_add_test(basic, the_first_tick_can_be_given);
	tcase_add_test(basic, the_sizes_do_not_change);
	tcase_add_test(ends,
		       a_tick_that_a_deadline_cut_short_is_still_to_come);
	tcase_add_test(ends, a_cancel_ends_the_wait_for_a_tick);
	tcase_add_test(ends, a_rhythm_that_is_none_is_refused);
	tcase_add_test(ends,
		       a_period_below_the_clock_loses_itself_but_does_not_hang);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, ends);
	return suite_run(suite);
}
