/* SPDX-License-Identifier: MIT */
/* lib/timer.c: the order of timers, removal, and callbacks that start more. */
#include <await/driver.h>

#include "failmalloc.h"
#include "tasks.h"

#define MANY 2000

static struct aw_timer timers[MANY];
static double last;
static int n_fired, n_wrong;

static void
fire(void *arg)
{
	struct aw_timer *timer = arg;

	n_fired++;
	n_wrong += timer->at < last || aw_now() < timer->at ||
		   timer->place != 0;
	last = timer->at;
}

static unsigned
random_bits(void)
{
	static unsigned x = 12345;

	return (x = x * 1103515245u + 12345u) >> 8;
}

/* Starts, moves and stops at random, then lets the rest fire. */
static int
shuffle(void *arg)
{
	double begin = aw_now();
	int running = 0, i;

	(void)arg;
	n_fired = n_wrong = 0;
	last = 0;
	for (i = 0; i < 20 * MANY; i++) {
		struct aw_timer *timer = &timers[random_bits() % MANY];

		if (random_bits() % 3 == 0)
			aw_timer_stop(timer);
		else
			AW_TRY(aw_timer_start(timer, begin + 1 +
					      random_bits() % 500,
					      fire, timer));
	}
	for (i = 0; i < MANY; i++)
		running += timers[i].place != 0;
	AW_TRY(aw_sleep(1000));
	note("all %d, wrong %d", n_fired == running, n_wrong);
	return 0;
}

START_TEST(timers_fire_in_the_order_of_their_times)
{
	ck_assert_int_eq(run_tasks(shuffle, NULL), 0);
	ck_assert_str_eq(noted, "all 1, wrong 0; ");
}
END_TEST

static struct aw_timer again;
static int n_again;

static void
restart(void *arg)
{
	(void)arg;
	if (++n_again < 1000000)
		aw_ignore(aw_timer_start(&again, 0, restart, NULL));
}

static int
restarts_itself(void *arg)
{
	(void)arg;
	n_again = 0;
	AW_TRY(aw_timer_start(&again, 0, restart, NULL));
	AW_TRY(aw_sleep(0.001));
	note("%d", n_again > 0 && n_again < 1000000);
	aw_timer_stop(&again);
	return 0;
}

START_TEST(a_timer_that_restarts_itself_at_once_lets_others_run)
{
	forget_notes();
	/* On the real clock: the virtual one stands still meanwhile. */
	ck_assert_int_eq(aw_run(restarts_itself, NULL), 0);
	ck_assert_str_eq(noted, "1; ");
}
END_TEST

static void
stop_others(void *arg)
{
	(void)arg;
	note("first");
	aw_timer_stop(&timers[1]);
	aw_timer_stop(&timers[0]);
}

static void
say(void *arg)
{
	note("%s", (const char *)arg);
}

static int
stops(void *arg)
{
	double at = aw_now() + 1;

	(void)arg;
	AW_TRY(aw_timer_start(&timers[0], at, stop_others, NULL));
	AW_TRY(aw_timer_start(&timers[1], at + 1, say, "stopped"));
	AW_TRY(aw_timer_start(&timers[2], at + 1, say, "other"));
	AW_TRY(aw_timer_start(&timers[2], at + 3, say, "moved"));
	AW_TRY(aw_sleep(2.5));
	note("slept");
	AW_TRY(aw_sleep(2));
	return 0;
}

START_TEST(a_callback_may_stop_timers_and_a_started_one_can_be_moved)
{
	ck_assert_int_eq(run_tasks(stops, NULL), 0);
	ck_assert_str_eq(noted, "first; slept; moved; ");
}
END_TEST

static int
spawned(void *arg)
{
	note("spawned %s", (const char *)arg);
	return 0;
}

static void
spawn_there(void *arg)
{
	note("on the loop %d", aw_self() == NULL);
	start("spawned", spawned, arg);
}

static int
spawns(void *arg)
{
	(void)arg;
	AW_TRY(aw_timer_start(&timers[0], aw_now() + 1, spawn_there, "x"));
	return aw_sleep(2);
}

START_TEST(a_callback_runs_on_the_loop_and_may_spawn)
{
	ck_assert_int_eq(run_tasks(spawns, NULL), 0);
	ck_assert_str_eq(noted, "on the loop 1; spawned x; ");
}
END_TEST

static int
no_memory(void *arg)
{
	int i, r = 0;

	(void)arg;
	fail_from(0);
	for (i = 0; i < MANY && r == 0; i++)
		r = aw_timer_start(&timers[i], aw_now() + i, say, "");
	note("%s %d", name(r), fail_stop());
	note("stopped %d", timers[i - 1].place == 0);
	while (i-- > 0)
		aw_timer_stop(&timers[i]);
	return aw_sleep(1);
}

START_TEST(without_memory_a_timer_stays_stopped)
{
	memset(timers, 0, sizeof timers);
	ck_assert_int_eq(run_tasks(no_memory, NULL), 0);
	ck_assert_str_eq(noted, "ENOMEM 1; stopped 1; ");
}
END_TEST

/* Nothing compares with NaN: at the top of the heap it would stop all. */
static int
not_a_number(void *arg)
{
	struct aw_timer a = { 0 }, b = { 0 };

	(void)arg;
	AW_TRY(aw_timer_start(&a, aw_now() + 1, say, "a"));
	AW_TRY(aw_timer_start(&b, NAN, say, "not a number"));
	return aw_sleep(2);
}

START_TEST(a_timer_that_is_not_a_number_is_due_and_stops_no_other)
{
	ck_assert_int_eq(run_tasks(not_a_number, NULL), 0);
	ck_assert_str_eq(noted, "not a number; a; ");
}
END_TEST

START_TEST(without_a_loop_no_timer_starts)
{
	struct aw_timer timer = { 0 };

	ck_assert_int_eq(aw_timer_start(&timer, 0, say, ""), AW_EUSAGE);
	aw_timer_stop(&timer);
	ck_assert_uint_eq(sizeof timer, 80);
}
END_TEST

/* On the real clock, so that the one ev_timer for the head is used. */
static int
real(void *arg)
{
	double begin = aw_now();

	(void)arg;
	AW_TRY(aw_timer_start(&timers[0], begin + 0.02, say, "c"));
	AW_TRY(aw_timer_start(&timers[1], begin + 0.002, say, "a"));
	AW_TRY(aw_timer_start(&timers[2], begin + 0.01, say, "b"));
	AW_TRY(aw_sleep_until(begin + 0.03));
	note("%d", aw_now() >= begin + 0.03);
	return 0;
}

START_TEST(the_head_of_the_heap_wakes_the_loop)
{
	forget_notes();
	ck_assert_int_eq(aw_run(real, NULL), 0);
	ck_assert_str_eq(noted, "a; b; c; 1; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("timer");
	TCase *basic = tcase_create("basic");
	TCase *limits = tcase_create("limits");

	tcase_add_test(basic, timers_fire_in_the_order_of_their_times);
	tcase_add_test(basic,
		a_callback_may_stop_timers_and_a_started_one_can_be_moved);
	tcase_add_test(basic, a_callback_runs_on_the_loop_and_may_spawn);
	tcase_add_test(basic, the_head_of_the_heap_wakes_the_loop);
	tcase_add_test(limits,
		       a_timer_that_restarts_itself_at_once_lets_others_run);
	tcase_add_test(limits, without_memory_a_timer_stays_stopped);
	tcase_add_test(limits, without_a_loop_no_timer_starts);
	tcase_add_test(limits,
		a_timer_that_is_not_a_number_is_due_and_stops_no_other);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
