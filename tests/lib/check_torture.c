/* SPDX-License-Identifier: MIT */
/*
 * Every primitive at once, with one task cancelled at each possible moment,
 * with deadlines at each, and with each allocation refused. Whatever happens,
 * nothing may be lost or doubled, and nobody may wait for ever:
 *
 *	permits and mutex are given back, no waiter is left in any line,
 *	items put = items got + items left,
 *	every task that was started ran to its end once.
 */
#include <await/driver.h>
#include <await/limiter.h>
#include <await/queue.h>
#include <await/sync.h>

#include "torture.h"

#define PERMITS 2
#define ROUNDS 3

static struct aw_sem sem;
static struct aw_mutex mutex;
static struct aw_event event;
static struct aw_cond cond;
static struct aw_rwlock rwlock;
static struct aw_barrier barrier;
static struct aw_once once;
static struct aw_limiter limiter;
static struct aw_queue *queue;
static int n_readers, n_writers, n_wrong;
static int n_inside, n_inside_most, n_put, n_got;

/* --- The workers ------------------------------------------------------- */

static int
critical(void *arg)
{
	struct aw_borrow mine = { 0 };
	int r;

	(void)arg;
	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	AW_HELD(&mine);
	AW_TRY(aw_sem_acquire(&sem));
	AW_HELD(&sem);
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	n_inside++;
	n_inside_most = n_inside > n_inside_most ? n_inside : n_inside_most;
	r = aw_sleep(0.5);
	n_inside--;
	return r;
}

static int
locks(void)
{
	for (int i = 0; i < ROUNDS; i++)
		AW_TRY(critical(NULL));
	return 0;
}

static int
puts_items(void)
{
	for (int i = 0; i < ROUNDS * 2; i++) {
		AW_TRY(aw_queue_put(queue, &i));
		n_put++;
	}
	return 0;
}

static int
gets_items(void)
{
	int item;

	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_queue_get(queue, &item));
		n_got++;
		AW_TRY(aw_yield());
	}
	return 0;
}

static int
waits_event(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TIMEOUT(1);
		int r = aw_event_wait(&event);

		if (r < 0 && !aw_is_cancel(r))
			return r;
		aw_event_clear(&event);
	}
	return aw_check();
}

static int
sets_event(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_sleep(0.7));
		aw_event_set(&event);
	}
	return 0;
}

static int
waits_cond(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TIMEOUT(2);
		AW_TRY(aw_mutex_lock(&mutex));
		AW_HELD(&mutex);
		int r = aw_cond_wait(&cond, &mutex);

		n_wrong += mutex.owner != aw_self();
		if (r < 0 && !aw_is_cancel(r))
			return r;
	}
	return aw_check();
}

static int
signals(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_sleep(0.6));
		aw_cond_signal(&cond);
		AW_TRY(aw_sleep(0.6));
		aw_cond_broadcast(&cond);
	}
	return 0;
}

static int
takes_both(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int r;

		AW_TRY(aw_sem_acquire_n(&sem, PERMITS));
		n_wrong += sem.permits != 0;
		r = aw_sleep(0.5);
		aw_sem_release_n(&sem, PERMITS);
		AW_TRY(r);
	}
	return 0;
}

static int
begins_once(void *arg)
{
	(void)arg;
	n_wrong += once.is_done;
	return aw_sleep(0.5);
}

static int
meets(void)
{
	AW_TRY(aw_once(&once, begins_once, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		AW_TIMEOUT(2);	/* the other one may have been cancelled */
		int r = aw_barrier_wait(&barrier);

		if (r < 0 && !aw_is_cancel(r))
			return r;
	}
	return aw_check();
}

static int
reads(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_rwlock_read(&rwlock));
		AW_HELD(&rwlock);
		n_readers++;
		n_wrong += n_writers > 0;
		int r = aw_sleep(0.5);

		n_readers--;
		AW_TRY(r);
	}
	return 0;
}

static int
writes(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_rwlock_write(&rwlock));
		AW_HELD(&rwlock);
		n_wrong += n_writers++ > 0 || n_readers > 0;
		int r = aw_sleep(0.5);

		n_writers--;
		AW_TRY(r);
	}
	return 0;
}

static int
nests(void)
{
	struct aw_call calls[] = {
		{ .fn = critical }, { .fn = critical }, { .fn = critical }
	};
	struct aw_done done;
	AW_GROUP(group, .limit = 1, .collect = true);

	AW_TRY(aw_go(&group, critical, NULL));
	AW_TRY(aw_go(&group, critical, NULL));
	AW_TRY(aw_gather(calls, AW_LENGTH(calls)));
	while (aw_group_next(&group, &done) > 0)
		continue;
	return aw_group_wait(&group);
}

static int
spawned(void *arg)
{
	int r = critical(arg);

	n_ended++;
	return r;
}

static int
spawns(void)
{
	struct aw_task *task = aw_spawn("spawned", spawned, NULL);
	int r;

	if (!task)
		return aw_error()->code;
	n_begun++;
	r = aw_join(task, NULL);
	if (r < 0) {
		aw_cancel(task, "its parent gives up");
		aw_task_release(task);
	}
	return r;
}

static int
cleans_up(void)
{
	int r = critical(NULL);

	{
		AW_SHIELD(3);
		aw_ignore(critical(NULL));
	}
	return r;
}

static int (*const kinds[])(void) = {
	locks, puts_items, gets_items, waits_event, sets_event, nests, spawns,
	cleans_up, locks, gets_items, waits_cond, signals, waits_cond, reads,
	writes, reads, writes, takes_both, meets, meets
};

/* --- One run ----------------------------------------------------------- */

static void
reset(void)
{
	aw_sem_init(&sem, PERMITS);
	memset(&mutex, 0, sizeof mutex);
	memset(&event, 0, sizeof event);
	memset(&cond, 0, sizeof cond);
	memset(&rwlock, 0, sizeof rwlock);
	barrier = (struct aw_barrier)AW_BARRIER_INIT(2);
	memset(&once, 0, sizeof once);
	limiter = (struct aw_limiter)AW_LIMITER_INIT(PERMITS + 1);
	n_readers = n_writers = n_wrong = 0;
	n_inside = n_inside_most = n_put = n_got = 0;
	ck_assert_int_eq(aw_queue_new(&queue, sizeof(int), 2), 0);
}

static void
assert_nothing_lost(void)
{
	ck_assert_int_eq(sem.permits, PERMITS);
	ck_assert_ptr_null(sem.waiters.head);
	ck_assert_ptr_null(sem.waiters.tail);
	ck_assert_ptr_null(mutex.owner);
	ck_assert_ptr_null(mutex.waiters.head);
	ck_assert_ptr_null(event.waiters.head);
	ck_assert_ptr_null(cond.waiters.head);
	ck_assert_ptr_null(barrier.waiters.head);
	ck_assert_int_eq(barrier.n_waiting, 0);
	ck_assert_ptr_null(once.running.owner);
	ck_assert(!limiter.n_borrowed && !limiter.waiters.head);
	ck_assert_ptr_null(rwlock.writer);
	ck_assert_int_eq(rwlock.readers, 0);
	ck_assert_ptr_null(rwlock.waiters.head);
	ck_assert_int_eq(n_wrong, 0);
	ck_assert_int_eq(n_inside, 0);
	ck_assert_int_le(n_inside_most, 1);
	ck_assert_int_eq(n_put, n_got + (int)aw_queue_size(queue));
	ck_assert_int_eq(n_begun, n_ended);
	aw_queue_freep(&queue);
}

static const struct torture torture = {
	kinds, AW_LENGTH(kinds), .moments = 72, .turn = 0.1,
	.begin = reset, .check = assert_nothing_lost,
};

/* --- The tests --------------------------------------------------------- */

/* One case for each victim, so that a failure names it. */
START_TEST(undisturbed_everything_is_done)
{
	be_undisturbed();
	ck_assert_int_eq(n_put, ROUNDS * 2);
	ck_assert_int_eq(n_got, ROUNDS * 2);
	ck_assert_int_eq(n_begun, (int)torture.n_kinds + 1);
	ck_assert_int_eq(n_inside_most, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torture");
	TCase *all = tcase_create("torture");

	tcase_add_test(all, undisturbed_everything_is_done);
	add_torture(all);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
