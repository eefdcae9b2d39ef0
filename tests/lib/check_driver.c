/* SPDX-License-Identifier: MIT */
/* driver.h: waiters, deferred work, services, closers, slots. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <await/driver.h>
#include <await/sync.h>

#include "failmalloc.h"
#include "tasks.h"

/* --- Waiters ----------------------------------------------------------- */

static struct aw_waiter waiter;

static int
wait_for(void *arg)
{
	int value = -1, r;

	(void)arg;
	r = aw_waiter_wait(&waiter, &value, "a test", NULL);
	note("%s %d", name(r), value);
	return 0;
}

static int
tickets(void *arg)
{
	uint64_t first, second;

	(void)arg;
	note("zeroed %d", aw_waiter_complete(&waiter, 0, 1));
	first = aw_waiter_begin(&waiter);
	note("first %d", first != 0);
	note("once %d", aw_waiter_complete(&waiter, first, 10));
	note("twice %d", aw_waiter_complete(&waiter, first, 11));
	AW_TRY(wait_for(NULL));		/* completed before it begins */
	note("late %d", aw_waiter_complete(&waiter, first, 12));
	second = aw_waiter_begin(&waiter);
	note("other %d", second != first);
	note("old %d", aw_waiter_complete(&waiter, first, 13));
	start("waits", wait_for, NULL);
	AW_TRY(aw_yield());
	note("now %d", aw_waiter_complete(&waiter, second, 14));
	note("again %d", aw_waiter_complete(&waiter, second, 15));
	let_others_run();
	return 0;
}

START_TEST(a_waiter_takes_the_first_completion_of_its_ticket)
{
	memset(&waiter, 0, sizeof waiter);
	ck_assert_int_eq(run_tasks(tickets, NULL), 0);
	ck_assert_str_eq(noted, "zeroed 0; first 1; once 1; twice 0; ok 10; "
			 "late 0; other 1; old 0; now 1; again 0; ok 14; ");
}
END_TEST

static int
interrupted(void *arg)
{
	uint64_t ticket = aw_waiter_begin(&waiter);
	struct aw_task *task = aw_spawn("waits", wait_for, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	aw_cancel(task, "test");
	note("refused %d", !aw_waiter_complete(&waiter, ticket, 1));
	AW_TRY(aw_join(task, NULL));
	note("void %d", !aw_waiter_complete(&waiter, ticket, 2));
	ticket = aw_waiter_begin(&waiter);
	task = aw_spawn("waits", wait_for, NULL);
	AW_TRY(aw_yield());
	note("won %d", aw_waiter_complete(&waiter, ticket, 3));
	aw_cancel(task, "too late");
	return aw_join(task, NULL);
}

START_TEST(an_interrupted_waiter_refuses_its_completion)
{
	memset(&waiter, 0, sizeof waiter);
	ck_assert_int_eq(run_tasks(interrupted, NULL), 0);
	ck_assert_str_eq(noted, "refused 1; ECANCELED -1; void 1; won 1; "
			 "ok 3; ");
}
END_TEST

static int
without_value(void *arg)
{
	(void)arg;
	aw_waiter_complete(&waiter, aw_waiter_begin(&waiter), 9);
	note("%s", name(aw_waiter_wait(&waiter, NULL, "a test", NULL)));
	return 0;
}

START_TEST(a_value_need_not_be_asked_for)
{
	memset(&waiter, 0, sizeof waiter);
	ck_assert_int_eq(run_tasks(without_value, NULL), 0);
	ck_assert_int_eq(aw_waiter_wait(&waiter, NULL, "x", NULL), AW_EUSAGE);
}
END_TEST

/* --- Deferred work ----------------------------------------------------- */

static struct aw_defer defers[3];
static int defer_left;

static void
on_defer(void *arg)
{
	note("%s on the loop %d", (const char *)arg, aw_self() == NULL);
	if (defer_left-- > 0)
		aw_defer(&defers[0]);
}

static int
deferred(void *arg)
{
	(void)arg;
	defer_left = 0;
	defers[0] = (struct aw_defer){ .fn = on_defer, .arg = "a" };
	defers[1] = (struct aw_defer){ .fn = on_defer, .arg = "b" };
	defers[2] = (struct aw_defer){ .fn = on_defer, .arg = "c" };
	aw_defer(&defers[0]);
	aw_defer(&defers[1]);
	aw_defer(&defers[0]);
	aw_defer(&defers[2]);
	aw_defer_cancel(&defers[1]);
	aw_defer_cancel(&defers[1]);
	note("waiting");
	AW_TRY(aw_sleep(1));
	defer_left = 1;
	aw_defer(&defers[0]);
	return aw_sleep(1);
}

START_TEST(deferred_work_runs_once_after_the_tasks_in_order)
{
	ck_assert_int_eq(run_tasks(deferred, NULL), 0);
	ck_assert_str_eq(noted, "waiting; a on the loop 1; c on the loop 1; "
			 "a on the loop 1; a on the loop 1; ");
}
END_TEST

static int n_deferred;

static void
defer_again(void *arg)
{
	(void)arg;
	n_deferred++;
	aw_defer(&defers[0]);
}

static int
defers_for_ever(void *arg)
{
	(void)arg;
	defers[0] = (struct aw_defer){ .fn = defer_again };
	aw_defer(&defers[0]);
	AW_TRY(aw_sleep(0.002));
	aw_defer_cancel(&defers[0]);
	note("%d", n_deferred > 0);
	return 0;
}

START_TEST(work_that_defers_itself_starves_no_timer)
{
	forget_notes();
	ck_assert_int_eq(aw_run(defers_for_ever, NULL), 0);
	ck_assert_str_eq(noted, "1; ");
}
END_TEST

static int
deep(void *arg)
{
	volatile char big[1024 * 1024];

	big[0] = big[sizeof big - 1] = 1;
	note("%s, task %d", (const char *)arg, aw_self() != NULL);
	return big[0] + 41;
}

static int
on_loop_stack(void *arg)
{
	(void)arg;
	note("%d", aw_on_loop_stack(deep, "inside"));
	note("%d", aw_on_loop_stack(deep, "again"));
	return 0;
}

START_TEST(a_deep_function_runs_on_the_loop_s_stack)
{
	ck_assert_int_eq(run_tasks(on_loop_stack, NULL), 0);
	ck_assert_str_eq(noted, "inside, task 0; 42; again, task 0; 42; ");
	forget_notes();
	ck_assert_int_eq(aw_on_loop_stack(deep, "outside"), 42);
	ck_assert_str_eq(noted, "outside, task 0; ");
}
END_TEST

/* --- Services and closers ---------------------------------------------- */

static struct aw_event goodbye;

static int
janitor(void *arg)
{
	int r;

	(void)arg;
	note("%s began", aw_task_name(NULL));
	r = aw_event_wait(&goodbye);
	note("goodbye %s", name(r));
	r = aw_sleep(1);
	note("cleaned %s", name(r));
	return r;
}

static void
on_close(void *arg)
{
	note("close %s, task %d", (const char *)arg, aw_self() != NULL);
	aw_event_set(&goodbye);
}

static struct aw_closer closers[3];

static int
serves(void *arg)
{
	AW_TIMEOUT(1);		/* not the service's */

	(void)arg;
	closers[0] = (struct aw_closer){ .fn = on_close, .arg = "first" };
	closers[1] = (struct aw_closer){ .fn = on_close, .arg = "second" };
	closers[2] = (struct aw_closer){ .fn = on_close, .arg = "never" };
	AW_TRY(aw_service_start("janitor", janitor, NULL));
	AW_TRY(aw_closer_add(&closers[0]));
	AW_TRY(aw_closer_add(&closers[2]));
	AW_TRY(aw_closer_add(&closers[1]));
	aw_closer_remove(&closers[2]);
	aw_closer_remove(&closers[2]);
	AW_TRY(aw_yield());
	note("main ends");
	return 0;
}

START_TEST(services_clean_up_after_the_closers_were_called)
{
	int r;

	memset(&goodbye, 0, sizeof goodbye);
	forget_notes();
	r = aw_run(serves, NULL, .max_tasks = 1, .check_leaks = true,
		   .grace = 30);
	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(noted, "janitor began; main ends; "
			 "close second, task 0; close first, task 0; "
			 "goodbye ok; cleaned ok; ");
}
END_TEST

static int
stubborn(void *arg)
{
	(void)arg;
	note("stubborn %s", name(aw_sleep(AW_FOREVER)));
	return 0;
}

static int
serves_stubborn(void *arg)
{
	(void)arg;
	AW_TRY(aw_service_start("stubborn", stubborn, NULL));
	return aw_yield();
}

START_TEST(a_service_that_does_not_end_is_cancelled_after_the_grace)
{
	forget_notes();
	ck_assert_int_eq(aw_run(serves_stubborn, NULL, .grace = 0.01), 0);
	ck_assert_str_eq(noted, "stubborn ECANCELED; ");
	ck_assert_int_eq(aw_service_start("x", stubborn, NULL), AW_EUSAGE);
	ck_assert_int_eq(aw_closer_add(&closers[0]), AW_EUSAGE);
}
END_TEST

static int pipe_ends[2];

static void *
answers_late(void *arg)
{
	usleep(30000);
	return write(pipe_ends[1], "x", 1) == 1 ? NULL : arg;
}

static int
hears(void *arg)
{
	int r;

	(void)arg;
	note("heard %s", name(aw_wait_fd(pipe_ends[0], AW_FD_READ)));
	r = aw_sleep(1e6);		/* virtual: over at once */
	note("slept %s", name(r));
	return 0;
}

static int
serves_outside(void *arg)
{
	(void)arg;
	AW_TRY(aw_service_start("hears", hears, NULL));
	return aw_yield();
}

static int
run_outside(double grace)
{
	forget_notes();
	return aw_run(serves_outside, NULL, .test_clock = true,
		      .grace = grace);
}

START_TEST(under_the_test_clock_a_service_has_its_grace_for_the_outside)
{
	pthread_t thread;

	ck_assert_int_eq(pipe(pipe_ends), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, answers_late, NULL),
			 0);
	ck_assert_int_eq(run_outside(1e7), 0);
	ck_assert_str_eq(noted, "heard got; slept ok; ");
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(under_the_test_clock_that_grace_ends_by_the_real_one)
{
	ck_assert_int_eq(pipe(pipe_ends), 0);
	ck_assert_int_eq(run_outside(0.01), 0);
	ck_assert_str_eq(noted, "heard ECANCELED; slept ECANCELED; ");
}
END_TEST

/* --- Slots, marks ------------------------------------------------------ */

static int key_a, key_b;

static void
fini_slot(void *value)
{
	note("fini %s", (const char *)value);
}

static int
uses_slots(void *arg)
{
	(void)arg;
	key_a = aw_slot_new(fini_slot);
	key_b = aw_slot_new(NULL);
	note("%d %d", key_a >= 0, key_b > key_a);
	note("%d", aw_slot_get(key_a) == NULL);
	AW_TRY(aw_slot_set(key_a, "one"));
	AW_TRY(aw_slot_set(key_b, "two"));
	note("%s %s", (char *)aw_slot_get(key_a), (char *)aw_slot_get(key_b));
	note("%s", name(aw_slot_set(-1, NULL)));
	note("%s", name(aw_slot_set(16, NULL)));
	return 0;
}

START_TEST(a_slot_is_finished_with_its_loop)
{
	int key;

	ck_assert_int_eq(run_tasks(uses_slots, NULL), 0);
	ck_assert_str_eq(noted, "1 1; 1; one two; EINVAL; EINVAL; fini one; ");
	ck_assert_ptr_null(aw_slot_get(key_a));
	ck_assert_int_eq(aw_slot_set(key_a, "x"), AW_EUSAGE);
	do
		key = aw_slot_new(NULL);
	while (key >= 0);
	ck_assert_int_eq(key, AW_ELIMIT);
}
END_TEST

START_TEST(a_child_of_fork_has_another_mark)
{
	unsigned mark = aw_fork_mark();
	int status = 0;
	pid_t pid;

	ck_assert_uint_eq(aw_fork_mark(), mark);
	pid = fork();
	if (pid == 0)
		_exit(aw_fork_mark() != mark ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* They lie in the memory of drivers: their size is the ABI. */
START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_waiter), 56);
	ck_assert_uint_eq(sizeof(struct aw_timer), 80);
	ck_assert_uint_eq(sizeof(struct aw_defer), 48);
	ck_assert_uint_eq(sizeof(struct aw_closer), 48);
	ck_assert_uint_eq(sizeof(struct aw_job_type), 24);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("driver");
	TCase *waiters = tcase_create("waiters");
	TCase *loops = tcase_create("loops");

	tcase_add_test(waiters,
		       a_waiter_takes_the_first_completion_of_its_ticket);
	tcase_add_test(waiters, an_interrupted_waiter_refuses_its_completion);
	tcase_add_test(waiters, a_value_need_not_be_asked_for);
	tcase_add_test(loops, deferred_work_runs_once_after_the_tasks_in_order);
	tcase_add_test(loops, work_that_defers_itself_starves_no_timer);
	tcase_add_test(loops, a_deep_function_runs_on_the_loop_s_stack);
	tcase_add_test(loops, services_clean_up_after_the_closers_were_called);
	tcase_add_test(loops,
		a_service_that_does_not_end_is_cancelled_after_the_grace);
	tcase_add_test(loops,
	    under_the_test_clock_a_service_has_its_grace_for_the_outside);
	tcase_add_test(loops,
		under_the_test_clock_that_grace_ends_by_the_real_one);
	tcase_add_test(loops, a_slot_is_finished_with_its_loop);
	tcase_add_test(loops, a_child_of_fork_has_another_mark);
	tcase_add_test(loops, the_sizes_do_not_change);
	suite_add_tcase(suite, waiters);
	suite_add_tcase(suite, loops);
	return suite_run(suite);
}
