/* SPDX-License-Identifier: MIT */
/* lib/sync.c: several permits at once. */
#include <await/sync.h>

#include "tasks.h"

static struct aw_sem sem;

static int
run(int (*fn)(void *arg))
{
	aw_sem_init(&sem, 0);
	return run_tasks(fn, NULL);
}

/* "3 a" wants three. */
static int
acquire(void *arg)
{
	const char *who = arg;
	int r = aw_sem_acquire_n(&sem, *who - '0');

	note("%s %s", who, name(r));
	return r;
}

static int
all_or_none(void *arg)
{
	(void)arg;
	start("a", acquire, "3 a");
	let_others_run();
	aw_sem_release(&sem);
	aw_sem_release(&sem);
	let_others_run();
	note("%d", (int)sem.permits);
	aw_sem_release_n(&sem, 2);
	let_others_run();
	note("%d", (int)sem.permits);
	aw_sem_release_n(&sem, -1);
	note("%d", (int)sem.permits);
	return 0;
}

START_TEST(permits_are_taken_all_at_once)
{
	ck_assert_int_eq(run(all_or_none), 0);
	ck_assert_str_eq(noted, "2; 3 a ok; 1; 1; ");
}
END_TEST

static int
not_overtaken(void *arg)
{
	(void)arg;
	start("a", acquire, "3 a");
	start("b", acquire, "1 b");
	start("c", acquire, "1 c");
	let_others_run();
	aw_sem_release_n(&sem, 2);
	note("try %s", name(aw_sem_try_acquire(&sem)));
	start("d", acquire, "1 d");
	let_others_run();
	note("one more");
	aw_sem_release(&sem);
	let_others_run();
	note("three more");
	aw_sem_release_n(&sem, 3);
	let_others_run();
	note("%d", (int)sem.permits);
	return 0;
}

START_TEST(who_wants_many_is_not_overtaken_by_those_who_want_few)
{
	ck_assert_int_eq(run(not_overtaken), 0);
	ck_assert_str_eq(noted, "try EAGAIN; one more; 3 a ok; three more; "
			 "1 b ok; 1 c ok; 1 d ok; 0; ");
}
END_TEST

static int
cancelled(void *arg)
{
	struct aw_task *a = aw_spawn("a", acquire, "3 a");

	(void)arg;
	start("b", acquire, "1 b");
	start("c", acquire, "1 c");
	let_others_run();
	aw_sem_release_n(&sem, 2);
	let_others_run();
	aw_cancel(a, "test");
	let_others_run();
	note("%d %d", (int)sem.permits, sem.waiters.head != NULL);
	aw_task_release(a);
	return 0;
}

START_TEST(those_behind_a_cancelled_waiter_for_many_go_on)
{
	ck_assert_int_eq(run(cancelled), 0);
	ck_assert_str_eq(noted, "3 a ECANCELED; 1 b ok; 1 c ok; 0 0; ");
}
END_TEST

static int
deadline(void *arg)
{
	(void)arg;
	aw_sem_release_n(&sem, 2);
	{
		AW_TIMEOUT(1);
		note("%s", name(aw_sem_acquire_n(&sem, 3)));
	}
	note("%d", (int)sem.permits);
	note("%s", name(aw_sem_acquire_n(&sem, 2)));
	note("%s", name(aw_sem_acquire_n(&sem, 0)));
	note("%d", (int)sem.permits);
	return 0;
}

START_TEST(a_deadline_takes_none)
{
	ck_assert_int_eq(run(deadline), 0);
	ck_assert_str_eq(noted, "ETIME; 2; ok; EINVAL; 0; ");
	ck_assert_int_eq(aw_sem_acquire_n(&sem, 1), AW_EUSAGE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sem_n");
	TCase *basic = tcase_create("basic");

	tcase_add_test(basic, permits_are_taken_all_at_once);
	tcase_add_test(basic,
		       who_wants_many_is_not_overtaken_by_those_who_want_few);
	tcase_add_test(basic, those_behind_a_cancelled_waiter_for_many_go_on);
	tcase_add_test(basic, a_deadline_takes_none);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
