/* SPDX-License-Identifier: MIT */
/*
 * lib/wait.c and lib/schedule.c: nobody who fails or succeeds at once keeps the
 * others from running.
 */
#include <fcntl.h>
#include <unistd.h>

#include <await/driver.h>

#include "tasks.h"

static struct aw_event event;

static int
run(int (*fn)(void *arg))
{
	memset(&event, 0, sizeof event);
	return run_tasks(fn, NULL);
}

/* --- Fairness ---------------------------------------------------------- */

static int turns;
static bool done;

static int
count_turns(void *arg)
{
	(void)arg;
	while (!done) {
		turns++;
		AW_TRY(aw_yield());
	}
	return 0;
}

static int
fail_for_ever(void *arg)
{
	int n = 0;

	(void)arg;
	AW_SCOPE(scope);
	turns = 0;
	done = false;
	start("other", count_turns, NULL);
	AW_TRY(aw_yield());
	turns = 0;
	aw_scope_cancel(&scope, "test");
	while (turns < 10 && n < 1000000) {
		aw_ignore(aw_sleep(1));
		n++;
	}
	done = true;
	note("%d", n);
	return 0;
}

/* The number is part of the promise: a hundred failed waits, one turn. */
START_TEST(a_hundred_failed_waits_give_the_loop_a_turn)
{
	ck_assert_int_eq(run(fail_for_ever), 0);
	ck_assert_str_eq(noted, "1000; ");
}
END_TEST

static int
succeed_for_ever(void *arg)
{
	int n = 0;

	(void)arg;
	turns = 0;
	done = false;
	start("other", count_turns, NULL);
	AW_TRY(aw_yield());
	turns = 0;
	aw_event_set(&event);
	while (turns < 10 && n < 1000000) {
		AW_TRY(aw_event_wait(&event));
		n++;
	}
	done = true;
	note("%d", n);
	return 0;
}

START_TEST(waits_that_are_ready_at_once_yield_after_128)
{
	ck_assert_int_eq(run(succeed_for_ever), 0);
	ck_assert_str_eq(noted, "1280; ");
}
END_TEST

static int
no_await_is_kept(void *arg)
{
	int r = 0;

	(void)arg;
	turns = 0;
	done = false;
	start("other", count_turns, NULL);
	AW_TRY(aw_yield());
	turns = 0;
	aw_event_set(&event);
	{
		AW_NO_AWAIT;
		for (int i = 0; i < 1000 && turns == 0; i++)
			r = aw_event_wait(&event);
		note("%s, %d turns", name(r), turns);
		note("%s", name(aw_yield()));
		note("%s", name(aw_sleep(0)));
		note("%s", name(aw_sleep(1)));
		note("%d turns", turns);
	}
	done = true;
	return aw_event_wait(&event);
}

START_TEST(where_waiting_is_forbidden_nobody_else_runs)
{
	ck_assert_int_eq(run(no_await_is_kept), 0);
	ck_assert_str_eq(noted, "EDEADLK, 0 turns; EDEADLK; EDEADLK; "
			 "EDEADLK; 0 turns; ");
}
END_TEST

static int n_events, n_yields;

static void
on_ready(void *arg, int events)
{
	(void)arg;
	(void)events;
	n_events++;
}

static int
yield_for_ever(void *arg)
{
	(void)arg;
	for (;;) {
		n_yields++;
		AW_TRY(aw_yield());
	}
}

/* The one test here on the real clock: it ends when its timers have fired. */
static int
chatty(void *arg)
{
	struct aw_fd *fd;
	int pipes[2];
	AW_GROUP(group);

	(void)arg;
	if (pipe2(pipes, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	AW_TRY(aw_fd_new(&fd, pipes[1]));
	aw_fd_watch(fd, AW_FD_WRITE, on_ready, NULL);	/* always ready */
	for (int i = 0; i < 1000; i++)
		AW_TRY(aw_go(&group, yield_for_ever, NULL));
	for (int i = 0; i < 5; i++)
		AW_TRY(aw_sleep(0.001));
	note("events %d, yields %d", n_events > 0, n_yields > 0);
	/* One poll for at most 1024 runs. */
	note("fair %d", n_yields <= 1024 * (n_events + 2));
	aw_fd_free(fd);
	close(pipes[0]);
	close(pipes[1]);
	aw_group_stop(&group);
	return aw_group_wait(&group);
}

START_TEST(a_thousand_chatty_tasks_and_a_ready_descriptor_starve_no_timer)
{
	forget_notes();
	ck_assert_int_eq(aw_run(chatty, NULL, .no_signals = true), 0);
	ck_assert_str_eq(noted, "events 1, yields 1; fair 1; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fair");
	TCase *fair = tcase_create("fairness");

	tcase_add_test(fair, a_hundred_failed_waits_give_the_loop_a_turn);
	tcase_add_test(fair, waits_that_are_ready_at_once_yield_after_128);
	tcase_add_test(fair, where_waiting_is_forbidden_nobody_else_runs);
	tcase_add_test(fair,
		a_thousand_chatty_tasks_and_a_ready_descriptor_starve_no_timer);
	suite_add_tcase(suite, fair);
	return suite_run(suite);
}
