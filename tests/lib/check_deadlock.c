/* SPDX-License-Identifier: MIT */
/* lib/debug.c: when nobody can wake anybody, and when somebody can. */
#include <await/debug.h>
#include <await/driver.h>
#include <await/limiter.h>
#include <ev.h>
#include <pthread.h>

#include "child.h"

static struct aw_mutex m1, m2;
static struct aw_event never;
static struct aw_task *one, *two;

/* Runs fn as main; exits with 0 if aw_run() says -EDEADLK. */
static int
deadlocks(int (*fn)(void *arg))
{
	int r = aw_run(fn, NULL, .no_signals = true);

	if (r != -EDEADLK)
		return r == 0 ? 1 : 2;
	return aw_error()->code == -EDEADLK ? 0 : 3;
}

/* --- Deadlocks --------------------------------------------------------- */

static int
join_other(void *arg)
{
	return aw_join(arg ? one : two, NULL);
}

static int
joins_in_a_circle(void *arg)
{
	(void)arg;
	one = aw_spawn("one", join_other, NULL);
	two = aw_spawn("two", join_other, (void *)1);
	return aw_event_wait(&never);
}

static int
run_circle(void)
{
	return deadlocks(joins_in_a_circle);
}

START_TEST(two_tasks_that_join_each_other_are_told_with_the_circle)
{
	ck_assert(ended(in_child(true, run_circle), 0));
	ck_assert_said("await: deadlock: 3 tasks wait, and nothing is left");
	ck_assert_said("await:   main #1 waiting");
	ck_assert_said(" for an event 0x");
	ck_assert_said("await:   one #2 waiting");
	ck_assert_said(" for a task 'two'");
	ck_assert_said("check_deadlock.c:");
	ck_assert_said("waits for 'one', which waits for 'two'\n");
}
END_TEST

static int
lock_both(void *arg)
{
	struct aw_mutex *a = arg ? &m1 : &m2, *b = arg ? &m2 : &m1;

	AW_TRY(aw_mutex_lock(a));
	AW_HELD(a);
	AW_TRY(aw_yield());
	AW_TRY(aw_mutex_lock(b));
	AW_HELD(b);
	return 0;
}

static int
locks_crosswise(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, lock_both, NULL, .name = "down"));
	AW_TRY(aw_go(&group, lock_both, (void *)1, .name = "up"));
	return aw_group_wait(&group);
}

static int
run_crosswise(void)
{
	return deadlocks(locks_crosswise);
}

START_TEST(mutexes_taken_crosswise_name_who_holds_them)
{
	ck_assert(ended(in_child(true, run_crosswise), 0));
	ck_assert_said("for children of a group 'group'");
	ck_assert_said("held by 'down'");
	ck_assert_said("held by 'up'");
	ck_assert_said(", which waits for '");
}
END_TEST

static struct aw_rwlock rwlock;
static struct aw_limiter limiter = AW_LIMITER_INIT(1);

static int
writes_then_borrows(void *arg)
{
	struct aw_borrow mine = { 0 };

	(void)arg;
	AW_TRY(aw_rwlock_write(&rwlock));
	AW_HELD(&rwlock);
	AW_TRY(aw_yield());
	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	AW_HELD(&mine);
	return 0;
}

static int
reads(void *arg)
{
	(void)arg;
	AW_TRY(aw_rwlock_read(&rwlock));
	AW_HELD(&rwlock);
	return 0;
}

/* Borrows, and waits for a child that waits for the lock. */
static int
borrows_then_reads(void *arg)
{
	struct aw_borrow mine = { 0 };
	AW_GROUP(group);
	AW_SCOPE(between);

	(void)arg;
	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	AW_HELD(&mine);
	AW_TRY(aw_yield());
	AW_TRY(aw_go(&group, reads, NULL));
	return aw_group_wait(&group);
}

static int
waits_through_three(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, writes_then_borrows, NULL, .name = "writer"));
	AW_TRY(aw_go(&group, borrows_then_reads, NULL, .name = "borrower"));
	return aw_group_wait(&group);
}

static int
run_three(void)
{
	return deadlocks(waits_through_three);
}

START_TEST(locks_limiters_and_groups_are_followed)
{
	ck_assert(ended(in_child(true, run_three), 0));
	ck_assert_said(" held by 'writer'");
	ck_assert_said(" held by 'borrower'");
	ck_assert_said("await: 'reads' waits for 'writer', which waits for "
		       "'borrower', which waits for 'reads'\n");
}
END_TEST

static int
waits_for_nothing(void *arg)
{
	(void)arg;
	return aw_event_wait(&never);
}

static int
run_nothing(void)
{
	return deadlocks(waits_for_nothing);
}

static int
run_nothing_test_clock(void)
{
	return run_tasks(waits_for_nothing, NULL) == -EDEADLK ? 0 : 1;
}

START_TEST(a_wait_that_nobody_can_end_is_a_deadlock_of_one)
{
	ck_assert(ended(in_child(true, run_nothing), 0));
	ck_assert_said("await: deadlock: 1 tasks wait");
	ck_assert_not_said("which");
	ck_assert(ended(in_child(true, run_nothing_test_clock), 0));
	ck_assert_said("await: deadlock: 1 tasks wait");
}
END_TEST

static int
waits_in_a_shield(void *arg)
{
	(void)arg;
	AW_SHIELD(AW_FOREVER);
	return aw_event_wait(&never);
}

static int
run_shielded(void)
{
	return deadlocks(waits_in_a_shield);
}

START_TEST(who_cannot_be_cancelled_out_of_it_ends_the_process)
{
	ck_assert(died_of(in_child(true, run_shielded), SIGABRT));
	ck_assert_said("the tasks were cancelled and still wait");
}
END_TEST

/* --- No deadlocks ------------------------------------------------------ */

static void
set_event(void *arg)
{
	(void)arg;
	aw_event_set(&never);
}

static void *
post_it(void *loop)
{
	usleep(20000);
	return aw_post(loop, set_event, NULL) < 0 ? loop : NULL;
}

static int
is_posted_to(void *arg)
{
	pthread_t thread;
	int r;

	(void)arg;
	if (pthread_create(&thread, NULL, post_it, aw_loop_here()) != 0)
		return -EAGAIN;
	r = aw_event_wait(&never);
	pthread_join(thread, NULL);
	return r;
}

static int
waits_for_bytes(void *arg)
{
	int fd[2];

	(void)arg;
	if (pipe(fd) < 0)
		return -errno;
	{
		AW_GROUP(group);

		AW_TRY(aw_go(&group, waits_for_nothing, NULL));
		AW_TIMEOUT(0.02);
		if (aw_wait_fd(fd[0], AW_FD_READ) != -ETIME)
			return -EINVAL;
		aw_event_set(&never);
		return aw_group_wait(&group);
	}
}

static void
on_bytes(void *arg, int events)
{
	(void)arg;
	(void)events;
	aw_event_set(&never);
}

static int
late_byte(void *arg)
{
	usleep(20000);
	return write(*(int *)arg, "x", 1) == 1 ? 0 : -EIO;
}

static int
is_watched_for(void *arg)
{
	struct aw_fd *handle;
	int fd[2], r;

	(void)arg;
	if (pipe(fd) < 0)
		return -errno;
	AW_TRY(aw_fd_new(&handle, fd[0]));
	aw_fd_watch(handle, AW_FD_READ, on_bytes, NULL);
	{
		AW_GROUP(group);

		AW_TRY(aw_go(&group, waits_for_nothing, NULL));
		AW_TRY(late_byte(&fd[1]));
		r = aw_group_wait(&group);
	}
	aw_fd_free(handle);
	return r;
}

static int
is_helped(void *arg)
{
	int fd[2];

	(void)arg;
	if (pipe(fd) < 0)
		return -errno;
	return aw_offload(late_byte, &fd[1]);
}

static int
is_stopped(void *arg)
{
	struct aw_task *task = aw_spawn("stop", waits_for_nothing, NULL);

	(void)arg;
	kill(getpid(), SIGTERM);
	AW_TRY(aw_stop_wait());
	aw_event_set(&never);
	return aw_join(task, NULL);
}

static int
run_hopes(void)
{
	int (*const hopes[])(void *) = {
		is_posted_to, waits_for_bytes, is_watched_for, is_helped,
	};
	int r = 0;

	for (size_t i = 0; i < AW_LENGTH(hopes); i++) {
		aw_event_clear(&never);
		if (aw_run(hopes[i], NULL, .no_signals = true) != 0)
			r = 10 + (int)i;
	}
	aw_event_clear(&never);
	if (aw_run(is_stopped, NULL, .grace = 5) != 0)
		r = 20;
	return r;
}

START_TEST(threads_descriptors_watches_jobs_and_signals_are_hope)
{
	ck_assert_int_eq(in_child(true, run_hopes), 0);
	ck_assert_str_eq(said, "");
}
END_TEST

static void
stop_loop(EV_P_ ev_timer *timer, int revents)
{
	(void)timer;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static int
run_attached(void)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct aw_loop *loop;
	struct aw_task *task;
	ev_timer timer;

	if (aw_attach(ev, &loop) < 0)
		return 1;
	task = aw_spawn("quiet", waits_for_nothing, NULL);
	ev_timer_init(&timer, stop_loop, 0.02, 0);
	ev_timer_start(ev, &timer);
	ev_run(ev, 0);
	aw_task_release(task);
	if (aw_detach(loop, 0) < 0)
		return 2;
	ev_loop_destroy(ev);
	return 0;
}

START_TEST(in_an_applications_loop_nobody_can_tell)
{
	ck_assert(ended(in_child(true, run_attached), 0));
	ck_assert_not_said("deadlock");
}
END_TEST

static Suite *
deadlock_suite(void)
{
	Suite *suite = suite_create("deadlock");
	TCase *t = tcase_create("deadlocks");

	tcase_add_test(t,
		       two_tasks_that_join_each_other_are_told_with_the_circle);
	tcase_add_test(t, mutexes_taken_crosswise_name_who_holds_them);
	tcase_add_test(t, locks_limiters_and_groups_are_followed);
	tcase_add_test(t, a_wait_that_nobody_can_end_is_a_deadlock_of_one);
	tcase_add_test(t, who_cannot_be_cancelled_out_of_it_ends_the_process);
	suite_add_tcase(suite, t);
	t = tcase_create("hope");
	tcase_add_test(t,
		       threads_descriptors_watches_jobs_and_signals_are_hope);
	tcase_add_test(t, in_an_applications_loop_nobody_can_tell);
	suite_add_tcase(suite, t);
	return suite;
}

int
main(void)
{
	return suite_run(deadlock_suite());
}
