/* SPDX-License-Identifier: MIT */
/* lib/thread_event.c, lib/spawn_on.c: what comes from another thread. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "failmalloc.h"
#include "tasks.h"

static struct aw_thread_event event;
static struct aw_loop *target;

static void
setup(void)
{
	forget_notes();
	memset(&event, 0, sizeof event);
}

static void *
sets(void *arg)
{
	aw_thread_event_set(arg);
	return NULL;
}

/* --- Events: one loop -------------------------------------------------- */

static int
waits(void *arg)
{
	int r = aw_thread_event_wait(&event);

	note("%s %s", (const char *)arg, name(r));
	return 0;
}

static int
woken_by_thread(void *arg)
{
	struct aw_call calls[] = {
		{ .fn = waits, .arg = "a" }, { .fn = waits, .arg = "b" }
	};
	pthread_t thread;
	int r;

	(void)arg;
	if (pthread_create(&thread, NULL, sets, &event) != 0)
		return -EAGAIN;
	r = aw_gather(calls, 2);
	pthread_join(thread, NULL);
	note("set %d", aw_thread_event_is_set(&event));
	return r;
}

START_TEST(a_thread_wakes_all_who_wait)
{
	ck_assert_int_eq(aw_run(woken_by_thread, NULL), 0);
	ck_assert_str_eq(noted, "a ok; b ok; set 1; ");
	ck_assert_int_eq(aw_thread_event_wait(&event), AW_EUSAGE);
}
END_TEST

static int
sets_and_clears(void *arg)
{
	struct aw_task *task;

	(void)arg;
	aw_thread_event_set(&event);
	AW_TRY(waits("set"));
	aw_thread_event_clear(&event);
	note("set %d", aw_thread_event_is_set(&event));
	task = aw_spawn("waits", waits, "woken");
	AW_TRY(aw_yield());
	aw_thread_event_set(&event);
	aw_thread_event_clear(&event);
	return aw_join(task, NULL);
}

START_TEST(set_stays_and_the_woken_stay_woken)
{
	ck_assert_int_eq(aw_run(sets_and_clears, NULL), 0);
	ck_assert_str_eq(noted, "set ok; set 0; woken ok; ");
}
END_TEST

static int
late(void *arg)
{
	(void)arg;
	AW_TIMEOUT(0.001);
	return waits("late");
}

static int
interrupts(void *arg)
{
	struct aw_task *a = aw_spawn("a", waits, "a");
	struct aw_task *b = aw_spawn("b", waits, "b");
	struct aw_task *c = aw_spawn("c", waits, "c");

	(void)arg;
	AW_TRY(aw_yield());
	aw_cancel(b, "enough");
	AW_TRY(aw_join(b, NULL));
	AW_TRY(late(NULL));
	aw_cancel(c, "enough");
	AW_TRY(aw_join(c, NULL));
	note("left %d", event.head == event.tail && event.head != NULL);
	aw_thread_event_set(&event);
	AW_TRY(aw_join(a, NULL));
	note("left %d", event.head != NULL || event.tail != NULL);
	return 0;
}

START_TEST(a_cancel_or_a_deadline_leaves_the_line)
{
	ck_assert_int_eq(aw_run(interrupts, NULL), 0);
	ck_assert_str_eq(noted, "b ECANCELED; late ETIME; c ECANCELED; "
			 "left 1; a ok; left 0; ");
}
END_TEST

static int
waits_and_sleeps(void *arg)
{
	(void)arg;
	aw_ignore(aw_fail(-EDOM, "an earlier failure"));
	note("%s", name(aw_thread_event_wait(&event)));
	note("%s", aw_error()->message);
	note("then %s", name(aw_sleep(1)));
	return 0;
}

/* The set is under way to this loop when the cancel comes, and the other way
 * round: either way the event has been set. */
static int
both_at_once(void *arg)
{
	struct aw_task *task = aw_spawn("waits", waits_and_sleeps, NULL);

	AW_TRY(aw_yield());
	if (arg)
		aw_cancel(task, "first");
	aw_thread_event_set(&event);
	if (!arg)
		aw_cancel(task, "second");
	return aw_join(task, NULL);
}

START_TEST(a_set_that_is_under_way_wins_over_a_cancel)
{
	for (int i = 0; i < 2; i++) {
		setup();
		ck_assert_int_eq(aw_run(both_at_once, i ? "" : NULL), 0);
		ck_assert_str_eq(noted, "ok; an earlier failure; "
				 "then ECANCELED; ");
	}
}
END_TEST

/* --- Events: many threads ---------------------------------------------- */

#define ROUNDS 2000

struct ball {
	struct aw_thread_event event;
};

static _Atomic(struct ball *) thrown;
static sem_t caught;

/* Each ball is freed by its waiter, maybe before the set has returned. */
static void *
throws(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct ball *ball;

		while (!(ball = atomic_exchange(&thrown, NULL)))
			while (sem_wait(&caught) != 0)
				;
		aw_thread_event_set(&ball->event);
	}
	return NULL;
}

static int
catches(void *arg)
{
	int r = 0;

	(void)arg;
	for (int i = 0; i < ROUNDS && r == 0; i++) {
		struct ball *ball = calloc(1, sizeof *ball);

		if (!ball)
			return -ENOMEM;
		atomic_store(&thrown, ball);
		sem_post(&caught);
		r = aw_thread_event_wait(&ball->event);
		free(ball);
	}
	return r;
}

START_TEST(the_waiter_may_free_the_event)
{
	pthread_t thread;

	sem_init(&caught, 0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, throws, NULL), 0);
	ck_assert_int_eq(aw_run(catches, NULL), 0);
	pthread_join(thread, NULL);
}
END_TEST

static atomic_bool over;

static void *
sets_again_and_again(void *arg)
{
	while (!atomic_load(&over)) {
		aw_thread_event_set(arg);
		aw_thread_event_clear(arg);
	}
	return NULL;
}

/* Whatever the moment: woken or late, and the line stays whole. */
static int
is_often_late(void *arg)
{
	int n[2] = { 0, 0 };

	for (int i = 0; i < ROUNDS; i++) {
		AW_TIMEOUT(i % 8 == 0 ? 0.0005 : 0);
		int r = aw_thread_event_wait(arg);

		if (r != 0 && r != AW_ETIME)
			return r;
		n[r == 0]++;
	}
	return n[0] + n[1] == ROUNDS ? 0 : -EIO;
}

static int
many_often_late(void *arg)
{
	struct aw_call calls[4];

	for (int i = 0; i < 4; i++)
		calls[i] = (struct aw_call){ .fn = is_often_late, .arg = arg };
	AW_TRY(aw_gather(calls, 4));
	return 0;
}

START_TEST(any_moment_of_a_set_meets_any_moment_of_a_deadline)
{
	pthread_t thread;

	atomic_store(&over, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, sets_again_and_again,
					&event), 0);
	ck_assert_int_eq(aw_run_threads(3, many_often_late, &event), 0);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	ck_assert_ptr_null(event.head);
	ck_assert_ptr_null(event.tail);
}
END_TEST

/* --- Tasks for another loop -------------------------------------------- */

static pthread_t loop_thread;
static int n_ran;

static int
runs_there(void *arg)
{
	note("%s %s %d", aw_task_name(NULL), (const char *)arg,
	     pthread_equal(pthread_self(), loop_thread));
	AW_TRY(aw_yield());
	if (++n_ran == 2)
		aw_thread_event_set(&event);
	return 0;
}

static void *
spawns(void *arg)
{
	note("%s", name(aw_spawn_on(target, "first", runs_there, "x")));
	note("%s", name(aw_spawn_on(target, "second", runs_there, "y",
				    .stack = 64 * 1024)));
	return arg;
}

static int
is_spawned_on(void *arg)
{
	pthread_t thread;

	(void)arg;
	n_ran = 0;
	loop_thread = pthread_self();
	target = aw_loop_here();
	if (pthread_create(&thread, NULL, spawns, NULL) != 0)
		return -EAGAIN;
	pthread_join(thread, NULL);
	return aw_thread_event_wait(&event);
}

START_TEST(tasks_begin_on_the_loop_in_order)
{
	ck_assert_int_eq(aw_run(is_spawned_on, NULL), 0);
	ck_assert_str_eq(noted, "ok; ok; first x 1; second y 1; ");
	ck_assert_int_eq(aw_spawn_on(NULL, "x", runs_there, NULL), -EINVAL);
}
END_TEST

static void
on_unhandled(const char *task, const struct aw_error *error)
{
	note("unhandled %s %s", task, name(error->code));
}

static void
lost(void *arg)
{
	note("lost %s", (const char *)arg);
	aw_thread_event_set(&event);
}

static int
fails(void *arg)
{
	(void)arg;
	return aw_fail(-EIO, "no");
}

static int
has_no_room(void *arg)
{
	struct aw_loop *here = aw_loop_here();

	(void)arg;
	AW_TRY(aw_spawn_on(here, "fails", fails, NULL));
	AW_TRY(aw_spawn_on(here, "too many", fails, "arg", .lost = lost));
	AW_TRY(aw_thread_event_wait(&event));
	fail_from(0);
	note("%s", name(aw_spawn_on(here, "x", fails, NULL)));
	fail_stop();
	note("%s", name(aw_spawn_on(here, "x", NULL, NULL)));
	note("%s", name(aw_spawn_on(here, "x", fails, NULL, .stack = -1)));
	return 0;
}

START_TEST(a_task_that_cannot_be_made_is_reported_and_given_back)
{
	ck_assert_int_eq(aw_run(has_no_room, NULL, .max_tasks = 2,
				.on_unhandled = on_unhandled), 0);
	ck_assert_str_eq(noted, "unhandled too many EAGAIN; lost arg; "
			 "unhandled fails EIO; ENOMEM; EINVAL; EINVAL; ");
}
END_TEST

static int
runs_at_the_end(void *arg)
{
	(void)arg;
	note("%s", name(aw_sleep(1)));
	return 0;
}

static int
spawns_last(void *arg)
{
	return aw_spawn_on(aw_loop_here(), "last", runs_at_the_end, arg);
}

START_TEST(a_task_that_comes_at_the_end_still_runs)
{
	ck_assert_int_eq(aw_run(spawns_last, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ");
}
END_TEST

START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_thread_event), 56);
	ck_assert_uint_eq(sizeof(struct aw_spawn_on_options), 72);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("thread");
	TCase *events = tcase_create("events");
	TCase *tasks = tcase_create("tasks");

	tcase_add_checked_fixture(events, setup, NULL);
	tcase_add_test(events, a_thread_wakes_all_who_wait);
	tcase_add_test(events, set_stays_and_the_woken_stay_woken);
	tcase_add_test(events, a_cancel_or_a_deadline_leaves_the_line);
	tcase_add_test(events, a_set_that_is_under_way_wins_over_a_cancel);
	tcase_add_test(events, the_waiter_may_free_the_event);
	tcase_add_test(events,
		       any_moment_of_a_set_meets_any_moment_of_a_deadline);
	tcase_add_checked_fixture(tasks, setup, NULL);
	tcase_add_test(tasks, tasks_begin_on_the_loop_in_order);
	tcase_add_test(tasks,
		       a_task_that_cannot_be_made_is_reported_and_given_back);
	tcase_add_test(tasks, a_task_that_comes_at_the_end_still_runs);
	tcase_add_test(tasks, the_sizes_do_not_change);
	suite_add_tcase(suite, events);
	suite_add_tcase(suite, tasks);
	return suite_run(suite);
}
