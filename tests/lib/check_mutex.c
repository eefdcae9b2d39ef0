/* SPDX-License-Identifier: MIT */
/* lib/sync.c: mutexes, events, AW_HELD(). */
#include <await/debug.h>
#include <await/sync.h>

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

/* --- Mutexes ----------------------------------------------------------- */

static int
critical(void *arg)
{
	const char *who = arg;

	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	note("%s in", who);
	AW_TRY(aw_sleep(1));
	note("%s out", who);
	return 0;
}

static int
exclusion(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, critical, "a"));
	AW_TRY(aw_go(&group, critical, "b"));
	AW_TRY(aw_go(&group, critical, "c"));
	AW_TRY(aw_group_wait(&group));
	note("%d", mutex.owner != NULL);
	return 0;
}

START_TEST(a_mutex_is_held_across_waits_by_one_at_a_time)
{
	ck_assert_int_eq(run(exclusion), 0);
	ck_assert_str_eq(noted, "a in; a out; b in; b out; c in; c out; 0; ");
}
END_TEST

static int
lock_again(void *arg)
{
	(void)arg;
	note("%s", name(aw_mutex_lock(&mutex)));
	note("%s", name(aw_mutex_lock(&mutex)));
	note("%s", aw_error()->message);
	note("%s", name(aw_mutex_try_lock(&mutex)));
	aw_mutex_unlock(&mutex);
	note("%s", name(aw_mutex_try_lock(&mutex)));
	aw_mutex_unlock(&mutex);
	note("%d", mutex.owner != NULL);
	return 0;
}

START_TEST(the_owner_is_told_that_he_locks_twice)
{
	ck_assert_int_eq(run(lock_again), 0);
	ck_assert_str_eq(noted, "ok; EDEADLK; this task owns the mutex "
			 "already: unlock it before locking it again; "
			 "EDEADLK; ok; 0; ");
}
END_TEST

static int
lock(void *arg)
{
	const char *who = arg;
	int r = aw_mutex_lock(&mutex);

	note("%s %s", who, name(r));
	return r;
}

static int
not_the_owner(void *arg)
{
	(void)arg;
	start("a", lock, "a");
	let_others_run();
	aw_mutex_unlock(&mutex);
	note("%d", mutex.owner != NULL);
	note("%s", name(aw_mutex_try_lock(&mutex)));
	return 0;
}

START_TEST(only_the_owner_unlocks)
{
	ck_assert_int_eq(run(not_the_owner), 0);
	ck_assert_str_eq(noted, "a ok; 1; EAGAIN; ");
}
END_TEST

static int
handed_over(void *arg)
{
	struct aw_task *a;

	(void)arg;
	aw_ignore(aw_mutex_lock(&mutex));
	a = aw_spawn("a", lock, "a");
	start("b", lock, "b");
	let_others_run();
	aw_cancel(a, "test");
	aw_mutex_unlock(&mutex);
	note("free %d", mutex.owner == NULL);
	note("try %s", name(aw_mutex_try_lock(&mutex)));
	let_others_run();
	aw_task_release(a);
	return 0;
}

START_TEST(unlocking_hands_the_mutex_to_the_oldest_who_still_wants_it)
{
	ck_assert_int_eq(run(handed_over), 0);
	ck_assert_str_eq(noted, "free 0; try EAGAIN; a ECANCELED; b ok; ");
}
END_TEST

/* --- Events ------------------------------------------------------------ */

static int
wait_event(void *arg)
{
	const char *who = arg;
	int r = aw_event_wait(&event);

	note("%s %s", who, name(r));
	return r;
}

static int
set_wakes_all(void *arg)
{
	(void)arg;
	start("a", wait_event, "a");
	start("b", wait_event, "b");
	let_others_run();
	aw_event_set(&event);
	aw_event_clear(&event);
	start("c", wait_event, "c");
	let_others_run();
	note("set");
	aw_event_set(&event);
	let_others_run();
	note("%s", name(aw_event_wait(&event)));
	return 0;
}

START_TEST(an_event_wakes_all_and_those_stay_woken)
{
	ck_assert_int_eq(run(set_wakes_all), 0);
	ck_assert_str_eq(noted, "a ok; b ok; set; c ok; ok; ");
}
END_TEST

static int
cancelled_event(void *arg)
{
	struct aw_task *a = aw_spawn("a", wait_event, "a");

	(void)arg;
	start("b", wait_event, "b");
	let_others_run();
	aw_cancel(a, "test");
	let_others_run();
	aw_event_set(&event);
	let_others_run();
	aw_task_release(a);
	return 0;
}

START_TEST(a_cancelled_wait_for_an_event_leaves_the_others)
{
	ck_assert_int_eq(run(cancelled_event), 0);
	ck_assert_str_eq(noted, "a ECANCELED; b ok; ");
}
END_TEST

/* --- AW_HELD() --------------------------------------------------------- */

static int
held_both(bool fail)
{
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	AW_TRY(aw_sem_acquire(&sem));
	AW_HELD(&sem);
	note("%d %d", mutex.owner == aw_self(), (int)sem.permits);
	if (fail)
		return -EIO;
	return 0;
}

static int
held(void *arg)
{
	(void)arg;
	aw_sem_release(&sem);
	note("%s", name(held_both(false)));
	note("%d %d", mutex.owner == NULL, (int)sem.permits);
	note("%s", name(held_both(true)));
	note("%d %d", mutex.owner == NULL, (int)sem.permits);
	return 0;
}

START_TEST(held_gives_back_however_the_block_ends)
{
	ck_assert_int_eq(run(held), 0);
	ck_assert_str_eq(noted, "1 0; ok; 1 1; 1 0; EIO; 1 1; ");
}
END_TEST

/* --- Misuse, memory, fairness ------------------------------------------ */

static bool stop;

static int
spin_on_a_free_lock(void *arg)
{
	(void)arg;
	while (!stop) {
		AW_TRY(aw_mutex_lock(&mutex));
		aw_mutex_unlock(&mutex);
	}
	return 0;
}

static int
spinning(void *arg)
{
	struct aw_task *task = aw_spawn("spin", spin_on_a_free_lock, NULL);

	(void)arg;
	stop = false;
	AW_TRY(aw_yield());	/* comes back, though it never has to wait */
	stop = true;
	return aw_join(task, NULL);
}

START_TEST(locking_a_free_mutex_for_ever_lets_others_run)
{
	ck_assert_int_eq(run(spinning), 0);
}
END_TEST

static int
locks_and_ends(void *arg)
{
	return aw_mutex_lock(arg);
}

static int
writes_and_ends(void *arg)
{
	return aw_rwlock_write(arg);
}

/* In the memory of a task that ended as the owner. */
static int
comes_after(void *arg)
{
	struct aw_mutex *m = arg;
	AW_TIMEOUT(1);

	note("%s", name(aw_mutex_try_lock(m)));
	note("%s", name(aw_mutex_lock(m)));
	aw_mutex_unlock(m);
	note("%d", m->owner != NULL);
	return 0;
}

static int
reads_after(void *arg)
{
	struct aw_rwlock *lock = arg;
	AW_TIMEOUT(1);

	note("%s", name(aw_rwlock_read(lock)));
	aw_rwlock_unlock(lock);
	note("%d", lock->writer != NULL);
	return 0;
}

static int
owners_end(void *arg)
{
	struct aw_mutex m = { 0 };
	struct aw_rwlock lock = { 0 };
	struct aw_task *first, *next;

	(void)arg;
	first = aw_spawn("first", locks_and_ends, &m);
	AW_TRY(aw_join(first, NULL));
	next = aw_spawn("next", comes_after, &m);
	note("same %d", next == first);
	AW_TRY(aw_join(next, NULL));
	AW_TRY(aw_join(aw_spawn("first", writes_and_ends, &lock), NULL));
	return aw_join(aw_spawn("next", reads_after, &lock), NULL);
}

START_TEST(who_gets_the_memory_of_an_owner_that_ended_owns_nothing)
{
	ck_assert_int_eq(run_tasks(owners_end, NULL), 0);
	ck_assert_str_eq(noted, "same 1; EAGAIN; ETIME; 1; ETIME; 1; ");
}
END_TEST

/* --- From one loop to the next ----------------------------------------- */

static struct aw_rwlock kept_lock;

static int
keeps_locks(void *arg)
{
	(void)arg;
	note("%s", name(aw_mutex_lock(&mutex)));
	note("%s", name(aw_rwlock_write(&kept_lock)));
	return 0;
}

static int
waits_for_mutex(void *arg)
{
	(void)arg;
	return aw_mutex_lock(&mutex);
}

/* None of this loop's tasks may be named. */
static void
look_for_holder(void *arg, const char *text, size_t size)
{
	(void)arg;
	if (memmem(text, size, "held by '", 9))
		note("held");
	if (memmem(text, size, "held by a task that has ended", 29))
		note("ended");
}

static int
finds_locks(void *arg)
{
	struct aw_task *task;
	AW_TIMEOUT(1);

	(void)arg;
	note("%s", name(aw_mutex_try_lock(&mutex)));
	aw_mutex_unlock(&mutex);
	note("%s", name(aw_mutex_try_lock(&mutex)));
	task = aw_spawn("waits", waits_for_mutex, NULL);
	AW_TRY(aw_yield());
	AW_TRY(aw_dump_to(look_for_holder, NULL));
	aw_cancel(task, "seen");
	aw_ignore(aw_join(task, NULL));
	aw_rwlock_unlock(&kept_lock);
	note("%s", name(aw_rwlock_write(&kept_lock)));
	return 0;
}

START_TEST(what_a_loop_left_locked_is_not_the_next_ones)
{
	ck_assert_int_eq(run(keeps_locks), 0);
	ck_assert_str_eq(noted, "ok; ok; ");
	ck_assert_int_eq(run_tasks(finds_locks, NULL), 0);
	ck_assert_str_eq(noted, "EAGAIN; EAGAIN; ended; ETIME; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mutex");
	TCase *basic = tcase_create("basic");
	TCase *cancel = tcase_create("cancel");
	TCase *limits = tcase_create("limits");

	tcase_add_test(basic, a_mutex_is_held_across_waits_by_one_at_a_time);
	tcase_add_test(basic, the_owner_is_told_that_he_locks_twice);
	tcase_add_test(basic, only_the_owner_unlocks);
	tcase_add_test(basic, an_event_wakes_all_and_those_stay_woken);
	tcase_add_test(basic, held_gives_back_however_the_block_ends);
	tcase_add_test(cancel,
		unlocking_hands_the_mutex_to_the_oldest_who_still_wants_it);
	tcase_add_test(cancel, a_cancelled_wait_for_an_event_leaves_the_others);
	tcase_add_test(limits,
		who_gets_the_memory_of_an_owner_that_ended_owns_nothing);
	tcase_add_test(limits, what_a_loop_left_locked_is_not_the_next_ones);
	tcase_add_test(limits, locking_a_free_mutex_for_ever_lets_others_run);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, cancel);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
