/* SPDX-License-Identifier: MIT */
/* lib/debug.c, lib/watchdog.c: stalls, leaks, lost errors, seeds, signals. */
#include <await/debug.h>
#include <await/driver.h>
#include <ev.h>

#include "child.h"

#define LOOKS 200000000L		/* a few minutes */

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

/* --- Stalls ------------------------------------------------------------ */

/* The report is written by a handler on this thread: it is whole when the
 * next instruction sees its first byte. Nothing may be said of its size: it
 * depends on where the loop was, and on the paths of the objects.
 * Exported (the program is linked so), for its name in the backtrace. */
AW_API int busy_until_the_watchdog_speaks(void *arg);

int __attribute__((noinline))
busy_until_the_watchdog_speaks(void *arg)
{
	size_t before = written();	/* of a stall of the machine's */
	long i;

	(void)arg;
	for (i = 0; i < LOOKS && written() == before; i++)
		;
	return i < LOOKS ? 0 : 1;
}

static int
stalls(void *arg)
{
	struct aw_task *task =
	    aw_spawn("reader", busy_until_the_watchdog_speaks, arg);

	return aw_join(task, NULL);
}

static int
run_stall(void)
{
	setenv("AWAIT_DEBUG_STALL", "0.02", 1);
	return aw_run(stalls, NULL, .no_signals = true);
}

START_TEST(who_keeps_the_loop_is_named_with_the_backtrace_of_that_moment)
{
	ck_assert(ended(in_child(true, run_stall), 0));
	ck_assert_said("await: task 'reader' keeps the loop; it is here:\n");
	ck_assert_said("busy_until_the_watchdog_speaks");
	ck_assert_not_said("callback keeps");
}
END_TEST

/* Both in one batch: there is no poll between them. */
static int
busy_until_spoken_to(void *arg)
{
	size_t before = written();
	long i;

	(void)arg;
	for (i = 0; i < LOOKS && written() == before; i++)
		;
	return i < LOOKS ? 0 : 1;
}

static int
stall_in_turn(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, busy_until_spoken_to, NULL, .name = "first"));
	AW_TRY(aw_go(&group, busy_until_spoken_to, NULL, .name = "second"));
	return aw_group_wait(&group);
}

static int
run_stalls_in_turn(void)
{
	setenv("AWAIT_DEBUG_STALL", "0.02", 1);
	return aw_run(stall_in_turn, NULL, .no_signals = true);
}

START_TEST(two_that_keep_it_in_turn_are_both_named)
{
	ck_assert(ended(in_child(true, run_stalls_in_turn), 0));
	ck_assert_said("await: task 'first' keeps the loop");
	ck_assert_said("await: task 'second' keeps the loop");
}
END_TEST

static void
stall_in_callback(void *arg)
{
	*(bool *)arg = true;
	busy_until_the_watchdog_speaks(NULL);
}

static int
has_stalling_callback(void *arg)
{
	struct aw_timer timer = { 0 };
	bool over = false;
	int r = aw_timer_start(&timer, aw_now(), stall_in_callback, &over);

	(void)arg;
	while (r == 0 && !over)
		r = aw_sleep(0.001);
	return r;
}

static int
run_callback_stall(void)
{
	setenv("AWAIT_DEBUG_STALL", "0.02", 1);
	return aw_run(has_stalling_callback, NULL, .no_signals = true);
}

START_TEST(a_callback_that_keeps_the_loop_is_found_too)
{
	ck_assert(ended(in_child(true, run_callback_stall), 0));
	ck_assert_said("await: a callback keeps the loop; it is here:\n");
	ck_assert_said("busy_until_the_watchdog_speaks");
}
END_TEST

static int
run_attached_stall(void)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct sigaction before, now;
	struct aw_loop *loop;
	int r;

	setenv("AWAIT_DEBUG_STALL", "0.02", 1);
	sigaction(SIGURG, NULL, &before);
	if (aw_attach(ev, &loop) < 0)
		return 2;
	sigaction(SIGURG, NULL, &now);
	aw_task_release(aw_spawn("reader", busy_until_the_watchdog_speaks,
				 NULL));
	ev_run(ev, 0);
	r = now.sa_handler == before.sa_handler ? 0 : 3;
	if (aw_detach(loop, 0) < 0)
		r = 4;
	ev_loop_destroy(ev);
	return r;
}

START_TEST(in_an_applications_loop_no_signal_is_touched)
{
	ck_assert(ended(in_child(true, run_attached_stall), 0));
	ck_assert_said("await: task 'reader' keeps the loop\n");
	ck_assert_not_said("busy_until");
}
END_TEST

static int
yields_a_lot(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++)
		AW_TRY(aw_yield());
	return 0;
}

static int
run_yields(void)
{
	setenv("AWAIT_DEBUG_STALL", "5", 1);
	return aw_run(yields_a_lot, NULL, .no_signals = true);
}

static int
sleeps(void *arg)
{
	(void)arg;
	return aw_sleep(2);
}

/* Several looks of the watchdog fall into the sleep. */
static int
run_sleeps(void)
{
	setenv("AWAIT_DEBUG_STALL", "0.8", 1);
	return aw_run(sleeps, NULL, .no_signals = true);
}

START_TEST(who_yields_and_who_sleeps_keeps_nobody)
{
	ck_assert(ended(in_child(true, run_yields), 0));
	ck_assert_str_eq(said, "");
	ck_assert(ended(in_child(true, run_sleeps), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

/* --- What was left behind ---------------------------------------------- */

static int
sleeps_for_ever(void *arg)
{
	(void)arg;
	return aw_sleep(AW_FOREVER);
}

static int
fails(void *arg)
{
	(void)arg;
	return aw_fail(-EIO, "the disk is on fire");
}

static int
leaves_much(void *arg)
{
	(void)arg;
	aw_ignore(aw_spawn("running", sleeps_for_ever, NULL) == NULL);
	aw_ignore(aw_spawn("ended", give, NULL) == NULL);
	aw_ignore(aw_spawn("failed", fails, NULL) == NULL);
	let_others_run();
	return 0;
}

static int
run_leaves_much(void)
{
	return run_tasks(leaves_much, NULL);
}

START_TEST(what_main_leaves_behind_is_told_with_where_it_began)
{
	ck_assert(ended(in_child(true, run_leaves_much), 0));
	ck_assert_said("still there when main returned: running #2 waiting");
	ck_assert_said("neither joined nor released: ended #3 finished");
	ck_assert_said("nobody asked for the error of task 'failed' from ");
	ck_assert_said("check_debug.c:");
	ck_assert_said("AW_EIO: the disk is on fire");
}
END_TEST

START_TEST(without_awaitdebug_nothing_is_ever_written)
{
	ck_assert(ended(in_child(false, run_leaves_much), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

static int
joins_all(void *arg)
{
	struct aw_task *task = aw_spawn("failed", fails, NULL);
	int status;

	(void)arg;
	start("released", give, NULL);
	AW_TRY(aw_join(task, &status));
	let_others_run();
	return status == -EIO ? 0 : -EINVAL;
}

/* On a busy machine a loop stands still though nobody keeps it. */
static void
bear_stalls(void)
{
	setenv("AWAIT_DEBUG_STALL", "60", 1);
}

static int
run_joins_all(void)
{
	bear_stalls();
	return run_tasks(joins_all, NULL);
}

START_TEST(who_cleans_up_hears_nothing)
{
	ck_assert(ended(in_child(true, run_joins_all), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

static int
releases_failure(void *arg)
{
	(void)arg;
	start("careless", fails, NULL);
	let_others_run();
	return 0;
}

static int
run_releases_failure(void)
{
	return run_tasks(releases_failure, NULL);
}

static int
leaves_group_failure(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, fails, NULL, .name = "child"));
	return aw_sleep(5);
}

static int
run_leaves_group_failure(void)
{
	return run_tasks(leaves_group_failure, NULL) == AW_ECANCELED ? 0 : 1;
}

START_TEST(the_error_of_a_child_is_told_if_its_group_is_left)
{
	ck_assert(ended(in_child(true, run_leaves_group_failure), 0));
	ck_assert_said("nobody asked for the error of task 'child' from ");
	ck_assert_said("check_debug.c:");
	ck_assert_said("AW_EIO: the disk is on fire");
	ck_assert(ended(in_child(false, run_leaves_group_failure), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

static void
take_failure(const char *task, const struct aw_error *error)
{
	(void)task;
	(void)error;
}

static int
run_handles_failure(void)
{
	bear_stalls();
	return aw_run(releases_failure, NULL, .test_clock = true,
		      .on_unhandled = take_failure);
}

START_TEST(the_error_of_a_released_task_is_told_unless_somebody_takes_it)
{
	ck_assert(ended(in_child(true, run_releases_failure), 0));
	ck_assert_said("nobody asked for the error of task 'careless'");
	ck_assert(ended(in_child(true, run_handles_failure), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

/* --- Signals ----------------------------------------------------------- */

static int
raises(void *arg)
{
	size_t before = written();

	raise((int)(intptr_t)arg);
	while (written() == before)
		AW_TRY(aw_sleep(0.001));
	return 0;
}

static int
raises_its_own(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
	return aw_sleep(0.001);
}

static int
run_raises_usr1(void)
{
	bear_stalls();
	return aw_run(raises, (void *)SIGUSR1, .no_signals = true);
}

START_TEST(sigusr1_writes_the_tree_of_tasks)
{
	ck_assert(ended(in_child(true, run_raises_usr1), 0));
	ck_assert_said("await: 1 tasks, 0 services");
	ck_assert_said("main #1 waiting");
	ck_assert(died_of(in_child(false, run_raises_usr1), SIGUSR1));
}
END_TEST

static int
run_raises_usr2(void)
{
	struct sigaction mine = { .sa_handler = SIG_IGN }, now;
	int r;

	sigaction(SIGUSR2, &mine, NULL);
	r = aw_run(raises, (void *)SIGUSR2, .no_signals = true,
		   .dump_signal = SIGUSR2);
	sigaction(SIGUSR2, NULL, &now);
	return now.sa_handler == SIG_IGN ? r : 2;
}

START_TEST(another_signal_can_be_asked_for_and_is_given_back)
{
	ck_assert(ended(in_child(false, run_raises_usr2), 0));
	ck_assert_said("main #1 waiting");
}
END_TEST

static int
run_own_usr1(void)
{
	struct sigaction mine = { .sa_handler = SIG_IGN };

	bear_stalls();
	sigaction(SIGUSR1, &mine, NULL);
	return aw_run(raises_its_own, NULL, .no_signals = true);
}

START_TEST(a_sigusr1_that_the_program_uses_stays_its_own)
{
	ck_assert(ended(in_child(true, run_own_usr1), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

/* --- Seeds ------------------------------------------------------------- */

static int
run_seeded(void)
{
	setenv("AWAIT_DEBUG_SEED", "7", 1);
	return run_tasks(joins_all, NULL);
}

START_TEST(a_shuffle_tells_its_seed)
{
	ck_assert(ended(in_child(true, run_seeded), 0));
	ck_assert_said("AWAIT_DEBUG_SEED=7\n");
}
END_TEST

/* ---------------------------------------------------------------------------
 */

static Suite *
debug_suite(void)
{
	Suite *suite = suite_create("debug");
	TCase *t = tcase_create("stalls");

	tcase_add_test(
	    t, who_keeps_the_loop_is_named_with_the_backtrace_of_that_moment);
	tcase_add_test(t, two_that_keep_it_in_turn_are_both_named);
	tcase_add_test(t, a_callback_that_keeps_the_loop_is_found_too);
	tcase_add_test(t, in_an_applications_loop_no_signal_is_touched);
	tcase_add_test(t, who_yields_and_who_sleeps_keeps_nobody);
	suite_add_tcase(suite, t);
	t = tcase_create("ends");
	tcase_add_test(t, what_main_leaves_behind_is_told_with_where_it_began);
	tcase_add_test(t, without_awaitdebug_nothing_is_ever_written);
	tcase_add_test(t, who_cleans_up_hears_nothing);
	tcase_add_test(
	    t,
		       the_error_of_a_child_is_told_if_its_group_is_left);
	tcase_add_test(
	    t, the_error_of_a_released_task_is_told_unless_somebody_takes_it);
	suite_add_tcase(suite, t);
	t = tcase_create("signals");
	tcase_add_test(t, sigusr1_writes_the_tree_of_tasks);
	tcase_add_test(t, another_signal_can_be_asked_for_and_is_given_back);
	tcase_add_test(t, a_sigusr1_that_the_program_uses_stays_its_own);
	tcase_add_test(t, a_shuffle_tells_its_seed);
	suite_add_tcase(suite, t);
	return suite;
}

int
main(void)
{
	return suite_run(debug_suite());
}
