/* SPDX-License-Identifier: MIT */
/* lib/clock.c and lib/civil.c: sleeping, the test clock, civil time. */
#include <limits.h>
#include <time.h>

#include <await/time.h>

#include "tasks.h"

/* --- Sleeping ---------------------------------------------------------- */

static int
sleeper(void *arg)
{
	double seconds = *(const double *)arg;
	double begin = aw_now();
	int r = aw_sleep(seconds);

	note("%g %s at %g", seconds, name(r), since(begin));
	return r;
}

static int
sleepers(void *arg)
{
	static const double seconds[] = { 3, 1, 86400, 2, 0.001 };
	AW_GROUP(group);

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(seconds); i++)
		AW_TRY(aw_go_copy(&group, sleeper, &seconds[i]));
	return aw_group_wait(&group);
}

START_TEST(sleepers_wake_in_the_order_of_their_times)
{
	ck_assert_int_eq(run_tasks(sleepers, NULL), 0);
	ck_assert_str_eq(noted, "0.001 ok at 0.001; 1 ok at 1; 2 ok at 2; "
			 "3 ok at 3; 86400 ok at 86400; ");
}
END_TEST

static int
say(void *arg)
{
	note("%s", (const char *)arg);
	return 0;
}

static int
no_time(void *arg)
{
	double begin = aw_now();

	(void)arg;
	start("a", say, "a");
	note("%s", name(aw_sleep(0)));
	start("b", say, "b");
	note("%s", name(aw_sleep(-1)));
	start("c", say, "c");
	note("%s", name(aw_sleep(NAN)));
	start("d", say, "d");
	note("%s", name(aw_sleep_until(0)));
	start("e", say, "e");
	note("%s", name(aw_sleep_until(NAN)));
	note("%g", since(begin));
	return 0;
}

START_TEST(to_sleep_for_nothing_lets_the_others_run_first)
{
	ck_assert_int_eq(run_tasks(no_time, NULL), 0);
	ck_assert_str_eq(noted, "a; ok; b; ok; c; ok; d; ok; e; ok; 0; ");
}
END_TEST

static int
sleep_for_ever(void *arg)
{
	double begin = aw_now();
	int r = aw_sleep(AW_FOREVER);

	(void)arg;
	note("%s after %g", name(r), since(begin));
	return 0;
}

static int
for_ever(void *arg)
{
	struct aw_task *task = aw_spawn("ever", sleep_for_ever, NULL);

	(void)arg;
	AW_TRY(aw_sleep(1e9));
	aw_cancel(task, "test");
	return aw_join(task, NULL);
}

START_TEST(for_ever_is_until_cancelled)
{
	ck_assert_int_eq(run_tasks(for_ever, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED after 1e+09; ");
}
END_TEST

static int
limits(void *arg)
{
	double begin = aw_now();

	(void)arg;
	{
		AW_TIMEOUT(1);
		note("%s", name(aw_sleep(5)));
		note("%s", name(aw_sleep(0)));
		note("%g", since(begin));
	}
	{
		AW_TIMEOUT(2);
		note("%s", name(aw_sleep_until(begin + 2)));
		note("%g", since(begin));
	}
	note("%s", name(aw_sleep_until(begin + 1)));
	return 0;
}

START_TEST(the_nearer_of_sleep_and_deadline_ends_it)
{
	ck_assert_int_eq(run_tasks(limits, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; ETIME; 1; ok; 2; ok; ");
}
END_TEST

static int
sleeps_after_work(void *arg)
{
	double begin = aw_now(), before;

	(void)arg;
	while (aw_now() < begin + 0.02)	/* libev's cached time is stale now */
		continue;
	before = aw_now();
	AW_TRY(aw_sleep(0.01));
	note("%d", aw_now() - before >= 0.01);
	while (aw_now() < begin + 0.06)
		continue;
	{
		AW_TIMEOUT(0.01);
		note("%d", aw_left() > 0);
		note("%s", name(aw_yield()));
	}
	return 0;
}

START_TEST(times_count_from_a_fresh_clock)
{
	forget_notes();
	ck_assert_int_eq(aw_run(sleeps_after_work, NULL), 0);
	ck_assert_str_eq(noted, "1; 1; ok; ");
}
END_TEST

START_TEST(outside_a_task_nobody_sleeps)
{
	ck_assert_int_eq(aw_sleep(1), AW_EUSAGE);
	ck_assert_int_eq(aw_sleep_until(0), AW_EUSAGE);
	ck_assert(aw_now() > 0);
	ck_assert(aw_now() <= aw_now());
}
END_TEST

/* --- Civil time -------------------------------------------------------- */

static void
assert_as_gmtime(int64_t seconds)
{
	struct aw_time t = aw_time_unix((time_t)seconds);
	time_t there = (time_t)seconds;
	int64_t back;
	int us = -1;
	struct tm tm;

	ck_assert_ptr_nonnull(gmtime_r(&there, &tm));
	ck_assert_int_eq(t.kind, AW_TIME_INSTANT);
	ck_assert_int_eq(t.year, tm.tm_year + 1900);
	ck_assert_int_eq(t.month, tm.tm_mon + 1);
	ck_assert_int_eq(t.day, tm.tm_mday);
	ck_assert_int_eq(t.hour, tm.tm_hour);
	ck_assert_int_eq(t.minute, tm.tm_min);
	ck_assert_int_eq(t.second, tm.tm_sec);
	ck_assert_int_eq(t.microsecond, 0);
	ck_assert_int_eq(aw_time_to_unix(&t, &back, &us), 0);
	ck_assert_int_eq(back, seconds);
	ck_assert_int_eq(us, 0);
}

START_TEST(unix_seconds_and_civil_time_agree_with_the_system)
{
	/* Every leap rule, both signs, years of ten digits. */
	static const int64_t points[] = {
		0, -1, 1, 86399, 86400, 951782400, 951868800, 1709164800,
		4107542400, -2203891200, -62135596800, -62167219200,
		-62167219201, 253402300799, 253402300800, 67767976233532799,
		-67767976233532800
	};
	int64_t seconds = -5000000000000;

	for (size_t i = 0; i < AW_LENGTH(points); i++)
		assert_as_gmtime(points[i]);
	for (int i = 0; i < 20000; i++, seconds += 500009999)
		assert_as_gmtime(seconds);
}
END_TEST

START_TEST(years_beyond_an_int_are_infinite)
{
	ck_assert_int_eq(aw_time_unix((time_t)INT64_MAX).kind,
			 AW_TIME_INFINITY);
	ck_assert_int_eq(aw_time_unix((time_t)INT64_MIN).kind,
			 AW_TIME_MINUS_INFINITY);
}
END_TEST

START_TEST(now_is_the_system_s_time_of_day)
{
	struct aw_time t = aw_time();
	int64_t seconds;
	int us;

	ck_assert_int_eq(aw_time_to_unix(&t, &seconds, &us), 0);
	ck_assert_int_ge(seconds, 1700000000);
	ck_assert_int_le(seconds, (int64_t)time(NULL) + 1);
	ck_assert_int_ge(us, 0);
	ck_assert_int_le(us, 999999);
}
END_TEST

START_TEST(dates_and_local_times_are_read_as_utc)
{
	struct aw_time date = { .kind = AW_TIME_DATE, .year = 2000, .month = 2,
				.day = 29, .hour = 5 };
	struct aw_time local = { .kind = AW_TIME_LOCAL, .year = 1969,
				 .month = 12, .day = 31, .hour = 23,
				 .minute = 59, .second = 59,
				 .microsecond = 999999 };
	int64_t seconds = 0;
	int us = -1;

	ck_assert_int_eq(aw_time_to_unix(&date, &seconds, NULL), 0);
	ck_assert_int_eq(seconds, 951782400);
	ck_assert_int_eq(aw_time_to_unix(&local, &seconds, &us), 0);
	ck_assert_int_eq(seconds, -1);
	ck_assert_int_eq(us, 999999);
}
END_TEST

START_TEST(what_is_no_point_of_time_is_out_of_range)
{
	static const struct aw_time bad[] = {
		{ .kind = AW_TIME_INFINITY },
		{ .kind = AW_TIME_MINUS_INFINITY },
		{ .kind = AW_TIME_OF_DAY, .hour = 12 },
		{ .kind = AW_TIME_DATE },
		{ .kind = AW_TIME_DATE, .year = 2001, .month = 2, .day = 29 },
		{ .kind = AW_TIME_DATE, .year = 1900, .month = 2, .day = 29 },
		{ .kind = AW_TIME_DATE, .year = 2000, .month = 13, .day = 1 },
		{ .kind = AW_TIME_LOCAL, .year = 2000, .month = 1, .day = 1,
		  .hour = 24 },
		{ .kind = AW_TIME_INSTANT, .year = 2000, .month = 1, .day = 1,
		  .microsecond = 1000000 },
	};
	int64_t seconds = 42;
	int us = 43;

	for (size_t i = 0; i < AW_LENGTH(bad); i++)
		ck_assert_int_eq(aw_time_to_unix(&bad[i], &seconds, &us),
				 AW_ERANGE);
	ck_assert_int_eq(seconds, 42);
	ck_assert_int_eq(us, 43);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("time");
	TCase *sleeping = tcase_create("sleeping");
	TCase *civil = tcase_create("civil");

	tcase_add_test(sleeping, sleepers_wake_in_the_order_of_their_times);
	tcase_add_test(sleeping,
		       to_sleep_for_nothing_lets_the_others_run_first);
	tcase_add_test(sleeping, for_ever_is_until_cancelled);
	tcase_add_test(sleeping, the_nearer_of_sleep_and_deadline_ends_it);
	tcase_add_test(sleeping, times_count_from_a_fresh_clock);
	tcase_add_test(sleeping, outside_a_task_nobody_sleeps);
	tcase_add_test(civil,
		       unix_seconds_and_civil_time_agree_with_the_system);
	tcase_add_test(civil, years_beyond_an_int_are_infinite);
	tcase_add_test(civil, now_is_the_system_s_time_of_day);
	tcase_add_test(civil, dates_and_local_times_are_read_as_utc);
	tcase_add_test(civil, what_is_no_point_of_time_is_out_of_range);
	suite_add_tcase(suite, sleeping);
	suite_add_tcase(suite, civil);
	return suite_run(suite);
}
