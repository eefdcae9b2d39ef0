/* SPDX-License-Identifier: MIT */
/*
 * What has no descriptor, in a child of fork().
 *
 *	bound to the loop   tasks, groups, jobs, pools: AW_EFORK for good
 *	memory alone        queues, events, ...: in the parent's task each wait
 *	                    fails, even one that would not wait; in a loop of
 *	                    the child's own they are its own copies
 */
#include "forked.h"
#include "tasks.h"
#include "toy_pool.h"

static void
run(int (*fn)(void *arg))
{
	int r = aw_run(fn, NULL, .no_signals = true);

	ck_assert_msg(r == 0, "%s", aw_error_text());
}

static int
waits(void *arg)
{
	return aw_event_wait(arg);
}

static int
seven(void *arg)
{
	(void)arg;
	return 7;
}

static int
nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int
no_drop(void *arg, bool close_it)
{
	(void)arg;
	(void)close_it;
	return 0;
}

/* --- Bound to the loop ------------------------------------------------- */

struct bound {
	struct aw_loop *loop;
	struct aw_task *task;
	struct aw_pool *pool;
	struct aw_pool_item *item;
	struct aw_workers *workers;
	struct aw_thread_event *event;
};

static void
never_posted(void *arg)
{
	(void)arg;
}

static int
bound_calls(void *arg)
{
	struct bound *b = arg;
	struct aw_pool_item *item;
	struct aw_pool_stats stats;
	void *result;
	int n;

	REFUSED(aw_join(b->task, &n));
	REFUSED(aw_join_result(b->task, &n, &result));
	REFUSED(aw_post(b->loop, never_posted, NULL));
	REFUSED(aw_spawn_on(b->loop, "x", seven, NULL));
	REFUSED(aw_pool_acquire(b->pool, &item));
	aw_pool_expire(b->pool);
	aw_pool_stats(b->pool, &stats);
	EXPECT_IN_CHILD(stats.borrowed == 1 && stats.idle == 1);
	/* Asked without the threads, and without their lock. */
	aw_workers_resize(b->workers, 2);
	EXPECT_IN_CHILD(aw_workers_stats(b->workers).limit == 2);
	EXPECT_IN_CHILD(aw_workers_stats(b->workers).threads == 0);
	return 0;
}

static int
bound_drop(void *arg, bool close_it)
{
	struct bound *b = arg;
	int aborts = factory.aborts;

	aw_cancel(b->task, "nothing happens");
	aw_pool_release(b->item);
	if (close_it)
		REFUSED(aw_pool_close(&b->pool, 1));
	else
		aw_pool_freep(&b->pool);
	aw_workers_freep(&b->workers);
	/* Each member once, and in no other way. */
	EXPECT_IN_CHILD(factory.aborts == aborts + 2 && factory.closes == 0);
	return 0;
}

static int
fills_pool(struct bound *b)
{
	struct aw_pool_item *idle;

	AW_TRY(aw_pool_open(&b->pool, &toy_type, NULL, .max = 2));
	AW_TRY(aw_pool_acquire(b->pool, &b->item));
	AW_TRY(aw_pool_acquire(b->pool, &idle));
	aw_pool_release(idle);
	return 0;
}

static int
bound_app(void *arg)
{
	struct aw_event event = { 0 };
	struct bound b = { .loop = aw_loop_here() };

	(void)arg;
	AW_TRY(aw_workers_new(&b.workers, 1));
	AW_TRY(aw_offload(nothing, NULL, .workers = b.workers) );
	AW_TRY(fills_pool(&b));
	b.task = aw_spawn("waits", waits, &event);
	AW_TRY(aw_yield());
	AW_TRY(inherited(bound_calls, bound_drop, &b, 0));
	aw_event_set(&event);
	AW_TRY(aw_join(b.task, NULL));
	aw_pool_release(b.item);
	AW_TRY(aw_pool_close(&b.pool, 1));
	aw_workers_freep(&b.workers);
	return factory.aborts;
}

START_TEST(what_is_bound_to_the_parents_loop_refuses_a_child)
{
	run(bound_app);
}
END_TEST

/* --- Work in a child of its own ---------------------------------------- */

/* The parent's helper may hold the lock of its class at any moment. */
static int
uses_workers(void *workers)
{
	for (int i = 0; i < 5; i++)
		AW_TRY(aw_offload(nothing, NULL, .workers = workers) );
	return 0;
}

static int
keeps_busy(void *workers)
{
	for (;;)
		AW_TRY(uses_workers(workers));
}

static int
asks_workers(void *workers)
{
	struct aw_workers_stats stats;

	/* The parent's jobs are not begun here. */
	aw_workers_resize(workers, 9);
	EXPECT_IN_CHILD(!FORKED_RUNS || forked_count("/proc/self/task") == 3);
	stats = aw_workers_stats(workers);
	EXPECT_IN_CHILD(stats.queued == 0 && stats.limit == 9);
	return 0;
}

static int
workers_app(void *arg)
{
	AW_AUTO(aw_workers, workers);
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_workers_new(&workers, 3));
	for (int i = 0; i < 6; i++)
		AW_TRY(aw_go(&group, keeps_busy, workers));
	for (int i = 0; i < 50; i++) {
		AW_TRY(inherited(asks_workers, no_drop, workers, 0));
		AW_TRY(aw_yield());
	}
	aw_group_stop(&group);
	return aw_group_wait(&group);
}

START_TEST(workers_are_asked_in_a_child_whoever_held_their_lock)
{
	run(workers_app);
}
END_TEST

/* --- Memory alone ------------------------------------------------------ */

struct memory {
	struct aw_sem sem;
	struct aw_mutex mutex;
	struct aw_event event;
	struct aw_cond cond;
	struct aw_rwlock rwlock;
	struct aw_barrier barrier;
	struct aw_once once;
	struct aw_limiter limiter;
	struct aw_rate rate;
	struct aw_ticker ticker;
	struct aw_thread_event flag;
	struct aw_queue *queue;
	struct aw_broadcast *broadcast;
	struct aw_subscriber *subscriber;
};

/* Each would succeed at once, but for the last. */
static int
all_wait(struct memory *m, int wanted)
{
	struct aw_borrow borrow = { 0 };
	int n = 1;

#define GIVES(call) \
	do { \
		int r_ = (call); \
		if (wanted < 0 ? r_ != wanted : r_ < 0) \
			return forked_complain(__LINE__, #call, r_); \
	} while (0)

	GIVES(aw_sem_acquire(&m->sem));
	GIVES(aw_sem_acquire_n(&m->sem, 1));
	GIVES(aw_mutex_lock(&m->mutex));
	if (wanted == 0)
		aw_mutex_unlock(&m->mutex);
	GIVES(aw_event_wait(&m->event));
	GIVES(aw_rwlock_read(&m->rwlock));
	if (wanted == 0)
		aw_rwlock_unlock(&m->rwlock);
	GIVES(aw_rwlock_write(&m->rwlock));
	GIVES(aw_barrier_wait(&m->barrier));
	GIVES(aw_once(&m->once, nothing, NULL));
	GIVES(aw_limiter_borrow(&m->limiter, &borrow));
	if (wanted == 0)
		aw_limiter_give_back(&borrow);
	GIVES(aw_rate_acquire(&m->rate));
	GIVES(aw_ticker_next(&m->ticker));
	GIVES(aw_thread_event_wait(&m->flag));
	GIVES(aw_queue_put(m->queue, &n));
	GIVES(aw_queue_get(m->queue, &n));
	GIVES(aw_queue_next(m->queue, &n));
	GIVES(aw_broadcast_put(m->broadcast, &n));
	GIVES(aw_subscriber_next(m->subscriber, &n, NULL));
	GIVES(aw_sleep(0));
	return 0;
}

static int
only_in_parents_task(struct memory *m)
{
	struct aw_case cases[] = { AW_CASE_EVENT(&m->event) };
	struct aw_call call = { .fn = seven };
	AW_GROUP(group);

	REFUSED(aw_queue_join(m->queue));
	REFUSED(aw_cond_wait(&m->cond, &m->mutex));
	REFUSED(aw_select(cases, 1));
	REFUSED(aw_go(&group, seven, NULL));
	REFUSED(aw_gather_with(&call, 1, NULL));
	REFUSED(aw_offload(seven, NULL));
	REFUSED(aw_sleep_until(aw_now()));
	REFUSED(aw_stop_wait());
	EXPECT_IN_CHILD(!aw_spawn("x", seven, NULL));
	return 0;
}

/* What does not wait works on the copy. */
static int
without_waiting(struct memory *m)
{
	int n = 3;

	EXPECT_IN_CHILD(aw_sem_try_acquire(&m->sem) == 0);
	aw_sem_release(&m->sem);
	EXPECT_IN_CHILD(aw_mutex_try_lock(&m->mutex) == 0);
	aw_mutex_unlock(&m->mutex);
	EXPECT_IN_CHILD(aw_queue_try_put(m->queue, &n) == 0);
	EXPECT_IN_CHILD(aw_queue_size(m->queue) >= 1);
	EXPECT_IN_CHILD(aw_rate_try_acquire(&m->rate) == 0);
	EXPECT_IN_CHILD(aw_broadcast_try_put(m->broadcast, &n) == 0);
	return 0;
}

/* The first time it is the parent's task that calls. */
static int
memory_calls(void *arg)
{
	static bool second;
	struct memory *m = arg;

	AW_TRY(without_waiting(m));
	if (!second) {
		second = true;
		AW_TRY(only_in_parents_task(m));
		return all_wait(m, AW_EFORK);
	}
	return all_wait(m, 0);
}

static int
memory_drop(void *arg, bool close_it)
{
	struct memory *m = arg;

	(void)close_it;
	aw_queue_freep(&m->queue);
	aw_subscriber_freep(&m->subscriber);
	aw_broadcast_freep(&m->broadcast);
	return 0;
}

static int
memory_app(void *arg)
{
	struct memory m = {
		.sem = AW_SEM_INIT(2), .event = { .is_set = true },
		.barrier = AW_BARRIER_INIT(1), .limiter = AW_LIMITER_INIT(1),
		.rate = AW_RATE_INIT(1000, 100), .ticker = { .seconds = 1 },
	};
	int n = 1;

	(void)arg;
	aw_thread_event_set(&m.flag);
	AW_TRY(aw_queue_new(&m.queue, sizeof n, 8));
	AW_TRY(aw_queue_put(m.queue, &n));
	AW_TRY(aw_broadcast_new(&m.broadcast, sizeof n, 8));
	AW_TRY(aw_subscriber_new(&m.subscriber, m.broadcast));
	AW_TRY(inherited(memory_calls, memory_drop, &m, 0));
	/* Nothing of what the children did is here. */
	if (aw_queue_size(m.queue) != 1 || m.sem.permits != 2)
		return aw_fail(-EBADMSG, "a child changed the parent's");
	AW_TRY(aw_queue_get(m.queue, &n));
	return memory_drop(&m, true);
}

START_TEST(what_is_memory_alone_is_the_childs_own_copy)
{
	run(memory_app);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fork_sync");
	TCase *tcase = tcase_create("sync");

	tcase_add_test(tcase,
		       what_is_bound_to_the_parents_loop_refuses_a_child);
	tcase_add_test(tcase,
		       workers_are_asked_in_a_child_whoever_held_their_lock);
	tcase_add_test(tcase, what_is_memory_alone_is_the_childs_own_copy);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
