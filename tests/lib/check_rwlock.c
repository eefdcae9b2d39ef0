/* SPDX-License-Identifier: MIT */
/* lib/rwlock.c: locks that readers share. */
#include <await/sync.h>

#include "tasks.h"

static struct aw_rwlock lock;

static int
run(int (*fn)(void *arg))
{
	memset(&lock, 0, sizeof lock);
	return run_tasks(fn, NULL);
}

/* Reads or writes for a second: "r1" reads, "w1" writes. */
static int
user(void *arg)
{
	const char *who = arg;
	int r = *who == 'r' ? aw_rwlock_read(&lock) : aw_rwlock_write(&lock);

	note("%s %s", who, name(r));
	AW_TRY(r);
	AW_HELD(&lock);
	r = aw_sleep(1);
	if (*who == 'w')	/* equal times end in no certain order */
		note("%s out", who);
	return r;
}

static bool
is_free(void)
{
	return !lock.writer && !lock.readers && !lock.waiters.head &&
	       !lock.waiters.tail;
}

/* --- Order ------------------------------------------------------------- */

static int
all(const char *const *who)
{
	double begin = aw_now();
	AW_GROUP(group);

	for (; *who; who++)
		AW_TRY(aw_go(&group, user, (void *)(uintptr_t)*who));
	AW_TRY(aw_group_wait(&group));
	note("%g s, free %d", since(begin), is_free());
	return 0;
}

static int
readers_share(void *arg)
{
	static const char *const who[] = { "r1", "r2", "r3", NULL };

	(void)arg;
	return all(who);
}

START_TEST(readers_share_the_lock)
{
	ck_assert_int_eq(run(readers_share), 0);
	ck_assert_str_eq(noted, "r1 ok; r2 ok; r3 ok; 1 s, free 1; ");
}
END_TEST

static int
in_order(void *arg)
{
	static const char *const who[] = { "r1", "w1", "r2", "r3", "w2", "w3",
					   "r4", NULL };

	(void)arg;
	return all(who);
}

START_TEST(nobody_overtakes_so_neither_side_starves)
{
	ck_assert_int_eq(run(in_order), 0);
	ck_assert_str_eq(noted, "r1 ok; w1 ok; w1 out; r2 ok; r3 ok; w2 ok; "
			 "w2 out; w3 ok; w3 out; r4 ok; 6 s, free 1; ");
}
END_TEST

static bool stop;

static int
reads_again_and_again(void *arg)
{
	(void)arg;
	while (!stop) {
		AW_TRY(aw_rwlock_read(&lock));
		AW_HELD(&lock);
		AW_TRY(aw_sleep(1));
	}
	return 0;
}

static int
writer_among_readers(void *arg)
{
	(void)arg;
	stop = false;
	start("even", reads_again_and_again, NULL);
	AW_TRY(aw_sleep(0.5));
	start("odd", reads_again_and_again, NULL);
	AW_TRY(aw_sleep(0.25));
	AW_TIMEOUT(10);
	AW_TRY(aw_rwlock_write(&lock));
	note("wrote");
	stop = true;
	aw_rwlock_unlock(&lock);
	return 0;
}

START_TEST(a_writer_gets_in_among_readers_who_relieve_each_other)
{
	ck_assert_int_eq(run(writer_among_readers), 0);
	ck_assert_str_eq(noted, "wrote; ");
}
END_TEST

/* --- Cancels and deadlines --------------------------------------------- */

static int
cancelled_writer(void *arg)
{
	struct aw_task *w;

	(void)arg;
	start("r1", user, "r1");
	w = aw_spawn("w", user, "w");
	start("r2", user, "r2");
	let_others_run();
	note("cancel");
	aw_cancel(w, "test");
	let_others_run();
	note("%d read", (int)lock.readers);
	aw_task_release(w);
	AW_TRY(aw_sleep(5));
	note("free %d", is_free());
	return 0;
}

START_TEST(readers_behind_a_cancelled_writer_come_in)
{
	ck_assert_int_eq(run(cancelled_writer), 0);
	ck_assert_str_eq(noted, "r1 ok; cancel; w ECANCELED; r2 ok; "
			 "2 read; free 1; ");
}
END_TEST

static int
passed_on(void *arg)
{
	struct aw_task *w;

	(void)arg;
	AW_TRY(aw_rwlock_write(&lock));
	w = aw_spawn("w1", user, "w1");
	start("r1", user, "r1");
	let_others_run();
	aw_cancel(w, "test");
	aw_rwlock_unlock(&lock);	/* before w1 could leave the line */
	note("%d %d", lock.writer != NULL, (int)lock.readers);
	let_others_run();
	aw_task_release(w);
	AW_TRY(aw_sleep(2));
	note("free %d", is_free());
	return 0;
}

START_TEST(a_lock_that_meets_a_cancelled_waiter_goes_to_the_next)
{
	ck_assert_int_eq(run(passed_on), 0);
	ck_assert_str_eq(noted, "0 1; w1 ECANCELED; r1 ok; free 1; ");
}
END_TEST

static int
deadlines(void *arg)
{
	double begin = aw_now();

	(void)arg;
	start("w", user, "w");
	let_others_run();
	{
		AW_TIMEOUT(0.25);
		note("%s", name(aw_rwlock_read(&lock)));
		note("%s", aw_error()->wait);
	}
	{
		AW_TIMEOUT(0.25);
		note("%s", name(aw_rwlock_write(&lock)));
		note("%s", aw_error()->wait);
	}
	note("%g s", since(begin));
	AW_TRY(aw_sleep(2));
	note("free %d", is_free());
	return 0;
}

START_TEST(a_deadline_ends_the_wait_of_either_side)
{
	ck_assert_int_eq(run(deadlines), 0);
	ck_assert_str_eq(noted, "w ok; ETIME; a lock, to read; ETIME; "
			 "a lock, to write; 0.5 s; w out; free 1; ");
}
END_TEST

/* --- Misuse ------------------------------------------------------------ */

static int
misuse(void *arg)
{
	(void)arg;
	aw_rwlock_unlock(&lock);
	note("free %d", is_free());
	AW_TRY(aw_rwlock_write(&lock));
	note("%s", name(aw_rwlock_write(&lock)));
	note("%s", name(aw_rwlock_read(&lock)));
	aw_rwlock_unlock(&lock);
	start("w", user, "w");
	let_others_run();
	aw_rwlock_unlock(&lock);
	note("still %d", lock.writer != NULL);
	return 0;
}

START_TEST(only_the_writer_unlocks_and_is_told_that_he_locks_twice)
{
	ck_assert_int_eq(run(misuse), 0);
	ck_assert_str_eq(noted, "free 1; EDEADLK; EDEADLK; w ok; still 1; "
			 "w out; ");
	ck_assert_int_eq(aw_rwlock_read(&lock), AW_EUSAGE);
	ck_assert_int_eq(aw_rwlock_write(&lock), AW_EUSAGE);
}
END_TEST

START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_rwlock), 64);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rwlock");
	TCase *basic = tcase_create("basic");
	TCase *cancel = tcase_create("cancel");

	tcase_add_test(basic, readers_share_the_lock);
	tcase_add_test(basic, nobody_overtakes_so_neither_side_starves);
	tcase_add_test(basic,
		       a_writer_gets_in_among_readers_who_relieve_each_other);
	tcase_add_test(basic,
		only_the_writer_unlocks_and_is_told_that_he_locks_twice);
	tcase_add_test(basic, the_sizes_do_not_change);
	tcase_add_test(cancel, readers_behind_a_cancelled_writer_come_in);
	tcase_add_test(cancel,
		       a_lock_that_meets_a_cancelled_waiter_goes_to_the_next);
	tcase_add_test(cancel, a_deadline_ends_the_wait_of_either_side);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, cancel);
	return suite_run(suite);
}
