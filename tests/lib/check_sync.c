/* SPDX-License-Identifier: MIT */
/* lib/sync.c: semaphores, and what all primitives promise. */
#include <await/sync.h>

#include "failmalloc.h"
#include "tasks.h"

static struct aw_sem sem;
static struct aw_mutex mutex;
static struct aw_event event;

static int
run(int (*fn)(void *arg))
{
	aw_sem_init(&sem, 0);
	memset(&mutex, 0, sizeof mutex);
	memset(&event, 0, sizeof event);
	return run_tasks(fn, NULL);
}

/* --- Semaphores -------------------------------------------------------- */

static int
acquire(void *arg)
{
	const char *who = arg;
	int r = aw_sem_acquire(&sem);

	note("%s %s", who, name(r));
	return r;
}

static int
grants_in_order(void *arg)
{
	(void)arg;
	start("a", acquire, "a");
	start("b", acquire, "b");
	start("c", acquire, "c");
	let_others_run();
	for (int i = 0; i < 3; i++) {
		note("release");
		aw_sem_release(&sem);
		let_others_run();
	}
	note("left %d", (int)sem.permits);
	return 0;
}

START_TEST(a_semaphore_grants_in_the_order_of_arrival)
{
	ck_assert_int_eq(run(grants_in_order), 0);
	ck_assert_str_eq(noted, "release; a ok; release; b ok; release; c ok; "
			 "left 0; ");
}
END_TEST

static int
newcomer(void *arg)
{
	(void)arg;
	start("a", acquire, "a");
	let_others_run();
	aw_sem_release(&sem);
	/* The waiter has not run yet, but the permit is his. */
	note("try %s", name(aw_sem_try_acquire(&sem)));
	note("permits %d", (int)sem.permits);
	start("b", acquire, "b");
	let_others_run();
	aw_sem_release(&sem);
	let_others_run();
	return 0;
}

START_TEST(a_newcomer_does_not_overtake_a_waiter_of_a_semaphore)
{
	ck_assert_int_eq(run(newcomer), 0);
	ck_assert_str_eq(noted, "try EAGAIN; permits 0; a ok; b ok; ");
}
END_TEST

static int
permits_add_up(void *arg)
{
	static struct aw_sem two = AW_SEM_INIT(2);

	(void)arg;
	note("%s", name(aw_sem_acquire(&two)));
	note("%s", name(aw_sem_try_acquire(&two)));
	note("%s", name(aw_sem_try_acquire(&two)));
	note("%s", aw_error()->wait);
	aw_sem_release(&two);
	aw_sem_release(&two);
	aw_sem_release(&two);
	note("%d", (int)two.permits);
	aw_sem_init(&two, 2);
	return 0;
}

START_TEST(releases_add_up_when_nobody_waits)
{
	ck_assert_int_eq(run(permits_add_up), 0);
	ck_assert_str_eq(noted, "ok; ok; EAGAIN; a permit; 3; ");
}
END_TEST

static int
cancelled_waiter(void *arg)
{
	struct aw_task *a = aw_spawn("a", acquire, "a");

	(void)arg;
	start("b", acquire, "b");
	let_others_run();
	aw_cancel(a, "test");
	aw_sem_release(&sem);	/* before a could run and leave the line */
	let_others_run();
	note("left %d", (int)sem.permits);
	aw_task_release(a);
	return 0;
}

START_TEST(a_permit_that_meets_a_cancelled_waiter_goes_to_the_next)
{
	ck_assert_int_eq(run(cancelled_waiter), 0);
	ck_assert_str_eq(noted, "a ECANCELED; b ok; left 0; ");
}
END_TEST

static int
all_cancelled(void *arg)
{
	struct aw_task *a = aw_spawn("a", acquire, "a");
	struct aw_task *b = aw_spawn("b", acquire, "b");

	(void)arg;
	let_others_run();
	aw_cancel(a, "test");
	aw_cancel(b, "test");
	aw_sem_release(&sem);
	note("at once %d", (int)sem.permits);
	let_others_run();
	note("left %d %d", (int)sem.permits, sem.waiters.head != NULL);
	aw_task_release(a);
	aw_task_release(b);
	return 0;
}

START_TEST(a_permit_is_kept_when_every_waiter_was_cancelled)
{
	ck_assert_int_eq(run(all_cancelled), 0);
	ck_assert_str_eq(noted, "at once 1; a ECANCELED; b ECANCELED; "
			 "left 1 0; ");
}
END_TEST

static int
acquire_twice(void *arg)
{
	(void)arg;
	note("first %s", name(aw_sem_acquire(&sem)));
	note("second %s", name(aw_sem_acquire(&sem)));
	return 0;
}

static int
grant_before_cancel(void *arg)
{
	struct aw_task *a = aw_spawn("a", acquire_twice, NULL);

	(void)arg;
	let_others_run();
	aw_sem_release(&sem);
	aw_cancel(a, "too late");
	aw_sem_release(&sem);
	note("join %s", name(aw_join(a, NULL)));
	note("left %d", (int)sem.permits);
	return 0;
}

START_TEST(a_grant_that_came_before_the_cancel_is_kept)
{
	ck_assert_int_eq(run(grant_before_cancel), 0);
	ck_assert_str_eq(noted, "first ok; second ECANCELED; join ok; "
			 "left 1; ");
}
END_TEST

static int
from_the_middle(void *arg)
{
	struct aw_task *b;

	(void)arg;
	start("a", acquire, "a");
	b = aw_spawn("b", acquire, "b");
	start("c", acquire, "c");
	let_others_run();
	aw_cancel(b, "test");
	let_others_run();
	aw_sem_release(&sem);
	aw_sem_release(&sem);
	let_others_run();
	note("left %d %d", (int)sem.permits, sem.waiters.tail != NULL);
	aw_task_release(b);
	return 0;
}

START_TEST(a_cancelled_waiter_leaves_the_middle_of_the_line)
{
	ck_assert_int_eq(run(from_the_middle), 0);
	ck_assert_str_eq(noted, "b ECANCELED; a ok; c ok; left 0 0; ");
}
END_TEST

static int
cancelled_before(void *arg)
{
	AW_SCOPE(scope);

	(void)arg;
	aw_scope_cancel(&scope, "test");
	aw_sem_release(&sem);
	note("%s", name(aw_sem_acquire(&sem)));
	note("%s", name(aw_mutex_lock(&mutex)));
	aw_event_set(&event);
	note("%s", name(aw_event_wait(&event)));
	note("%d %d", (int)sem.permits, mutex.owner != NULL);
	return 0;
}

START_TEST(a_cancelled_scope_refuses_also_what_is_free)
{
	ck_assert_int_eq(run(cancelled_before), 0);
	ck_assert_str_eq(noted, "ECANCELED; ECANCELED; ECANCELED; 1 0; ");
}
END_TEST

/* --- Mutexes ----------------------------------------------------------- */

static int
lock(void *arg)
{
	const char *who = arg;
	int r = aw_mutex_lock(&mutex);

	note("%s %s", who, name(r));
	return r;
}

/* --- Deadlines --------------------------------------------------------- */

static int
deadlines(void *arg)
{
	struct aw_task *a;
	double begin = aw_now();

	(void)arg;
	a = aw_spawn("a", lock, "a");
	let_others_run();
	{
		AW_TIMEOUT(1);
		note("%s", name(aw_sem_acquire(&sem)));
		note("%s", aw_error()->wait);
	}
	{
		AW_TIMEOUT(2);
		note("%s", name(aw_mutex_lock(&mutex)));
		note("%s", aw_error()->wait);
	}
	{
		AW_TIMEOUT(3);
		note("%s", name(aw_event_wait(&event)));
		note("%s", aw_error()->wait);
	}
	note("%g s", since(begin));
	note("%d", sem.waiters.head || mutex.waiters.head ||
	     event.waiters.head);
	aw_task_release(a);
	return 0;
}

START_TEST(a_deadline_ends_each_wait_and_says_for_what_it_was)
{
	ck_assert_int_eq(run(deadlines), 0);
	ck_assert_str_eq(noted, "a ok; ETIME; a permit; ETIME; a mutex; "
			 "ETIME; an event; 6 s; 0; ");
}
END_TEST

/* --- Misuse, memory, fairness ------------------------------------------ */

START_TEST(outside_a_task_nothing_waits)
{
	aw_sem_init(&sem, 1);
	ck_assert_int_eq(aw_sem_acquire(&sem), AW_EUSAGE);
	ck_assert_int_eq(aw_mutex_lock(&mutex), AW_EUSAGE);
	ck_assert_int_eq(aw_mutex_try_lock(&mutex), AW_EUSAGE);
	ck_assert_int_eq(aw_event_wait(&event), AW_EUSAGE);
	ck_assert_int_eq(sem.permits, 1);
	ck_assert_int_eq(aw_sem_try_acquire(&sem), 0);
	ck_assert_int_eq(aw_sem_try_acquire(&sem), -EAGAIN);
	ck_assert_int_eq(aw_error()->code, -EAGAIN);
	aw_sem_release(&sem);
	ck_assert_int_eq(sem.permits, 1);
}
END_TEST

static int
ping(void *arg)
{
	int rounds = *(int *)arg;

	while (rounds-- > 0) {
		AW_TRY(aw_sem_acquire(&sem));
		AW_TRY(aw_mutex_lock(&mutex));
		AW_TRY(aw_sleep(0.001));
		aw_mutex_unlock(&mutex);
		aw_sem_release(&sem);
	}
	return 0;
}

static unsigned long n_allocated;

static int
contend(void *arg)
{
	static int rounds = 20;
	AW_GROUP(group);

	(void)arg;
	aw_sem_release(&sem);
	aw_sem_release(&sem);
	for (int i = 0; i < 10; i++)
		AW_TRY(aw_go(&group, ping, &rounds));
	AW_TRY(aw_sleep(0.0001));	/* everybody waits by now: warm */
	count_start();
	AW_TRY(aw_group_wait(&group));
	n_allocated = count_stop();
	return 0;
}

START_TEST(waiting_allocates_nothing)
{
	ck_assert_int_eq(run(contend), 0);
	ck_assert_uint_eq(n_allocated, 0);
}
END_TEST

/* These structures lie in users' memory: their size is the ABI. */
START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_waiters), 16);
	ck_assert_uint_eq(sizeof(struct aw_sem), 56);
	ck_assert_uint_eq(sizeof(struct aw_mutex), 56);
	ck_assert_uint_eq(sizeof(struct aw_event), 56);
	ck_assert_uint_eq(sizeof(struct aw_held), 16);
}
END_TEST

START_TEST(there_are_never_more_permits_than_can_be_counted)
{
	struct aw_sem most = AW_SEM_INIT(INT64_MAX - 1);

	aw_sem_release(&most);
	aw_sem_release(&most);
	ck_assert_int_eq(most.permits, INT64_MAX);
	aw_sem_release_n(&most, INT64_MAX);
	ck_assert_int_eq(most.permits, INT64_MAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sync");
	TCase *basic = tcase_create("basic");
	TCase *cancel = tcase_create("cancel");
	TCase *limits = tcase_create("limits");

	tcase_add_test(basic, a_semaphore_grants_in_the_order_of_arrival);
	tcase_add_test(basic,
		       a_newcomer_does_not_overtake_a_waiter_of_a_semaphore);
	tcase_add_test(basic, releases_add_up_when_nobody_waits);
	tcase_add_test(cancel,
		       a_permit_that_meets_a_cancelled_waiter_goes_to_the_next);
	tcase_add_test(cancel,
		       a_permit_is_kept_when_every_waiter_was_cancelled);
	tcase_add_test(cancel, a_grant_that_came_before_the_cancel_is_kept);
	tcase_add_test(cancel,
		       a_cancelled_waiter_leaves_the_middle_of_the_line);
	tcase_add_test(cancel, a_cancelled_scope_refuses_also_what_is_free);
	tcase_add_test(cancel,
		       a_deadline_ends_each_wait_and_says_for_what_it_was);
	tcase_add_test(limits, outside_a_task_nothing_waits);
	tcase_add_test(limits, waiting_allocates_nothing);
	tcase_add_test(limits,
		       there_are_never_more_permits_than_can_be_counted);
	tcase_add_test(limits, the_sizes_do_not_change);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, cancel);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
