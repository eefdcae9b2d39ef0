/* SPDX-License-Identifier: MIT */
/*
 * No allocation in any path that waits, sleeps, locks or queues, once warm.
 *
 * malloc() and its kin are replaced in this whole program: what the library
 * and libev ask for is counted alike, from any thread. Each primitive runs
 * twice, the same work: the first time warms it (a task's stack, the timer
 * heap, libev's arrays), the second must ask for nothing.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <await/broadcast.h>
#include <await/driver.h>
#include <await/limiter.h>
#include <await/select.h>
#include <await/sync.h>

#include "failmalloc.h"
#include "tasks.h"

/* A sanitizer has an allocator of its own: then only what passes through
 * lib/mem.h is counted. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS 0
#endif
#endif
#ifndef COUNTS
#define COUNTS 1
#endif

#if COUNTS
static atomic_ulong n_allocations;

AW_API void *__libc_malloc(size_t size);
AW_API void *__libc_calloc(size_t n, size_t size);
AW_API void *__libc_realloc(void *ptr, size_t size);
AW_API void *__libc_memalign(size_t align, size_t size);

AW_API void *
malloc(size_t size)
{
	n_allocations++;
	return __libc_malloc(size);
}

AW_API void *
calloc(size_t n, size_t size)
{
	n_allocations++;
	return __libc_calloc(n, size);
}

AW_API void *
realloc(void *ptr, size_t size)
{
	n_allocations++;
	return __libc_realloc(ptr, size);
}

AW_API void *
aligned_alloc(size_t align, size_t size)
{
	n_allocations++;
	return __libc_memalign(align, size);
}

START_TEST(the_counter_counts)
{
	unsigned long before = n_allocations;
	void *volatile p = malloc(10);

	free(p);
	ck_assert_uint_eq(n_allocations - before, 1);
}
END_TEST
#endif

static unsigned long
count(void)
{
#if COUNTS
	return n_allocations;
#else
	return fail_n_asked;
#endif
}

/* --- The primitives: two tasks, many rounds, most of which wait --------- */

#define ROUNDS 100

static struct aw_sem sem;
static struct aw_mutex mutex;
static struct aw_event event, answer;
static struct aw_cond cond;
static struct aw_rwlock rwlock;
static struct aw_barrier barrier;
static struct aw_limiter limiter;
static struct aw_queue *queue;
static struct aw_broadcast *cast;
static struct aw_subscriber *subscriber;
static struct aw_fd *fd;
static int sides[2];
static int turn;

static int
sleeps(int who)
{
	AW_TIMEOUT(1);

	return aw_sleep(0.001 * (who + 1));
}

static int
yields(int who)
{
	(void)who;
	return aw_yield();
}

static int
has_permits(int who)
{
	AW_TRY(aw_sem_acquire_n(&sem, 1 + who));
	aw_ignore(aw_yield());
	aw_sem_release_n(&sem, 1 + who);
	return 0;
}

static int
locks(int who)
{
	(void)who;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	return aw_yield();
}

static int
meets_event(int who)
{
	if (who == 0) {
		AW_TRY(aw_event_wait(&event));
		aw_event_clear(&event);
		aw_event_set(&answer);
		return 0;
	}
	aw_event_set(&event);
	AW_TRY(aw_event_wait(&answer));
	aw_event_clear(&answer);
	return 0;
}

static int
takes_turns(int who)
{
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	while (turn != who)
		AW_TRY(aw_cond_wait(&cond, &mutex));
	turn = !who;
	aw_cond_signal(&cond);
	return 0;
}

static int
reads_or_writes(int who)
{
	AW_TRY(who ? aw_rwlock_write(&rwlock) : aw_rwlock_read(&rwlock));
	AW_HELD(&rwlock);
	return aw_yield();
}

static int
meets(int who)
{
	int r = aw_barrier_wait(&barrier);

	(void)who;
	return r < 0 ? r : 0;
}

static int
borrows(int who)
{
	struct aw_borrow mine = { 0 };

	(void)who;
	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	AW_HELD(&mine);
	return aw_yield();
}

static int
passes_items(int who)
{
	int item = 1;

	return who ? aw_queue_put(queue, &item) : aw_queue_get(queue, &item);
}

static int
passes_news(int who)
{
	int item = 1, r;

	if (who)
		return aw_broadcast_put(cast, &item);
	r = aw_subscriber_next(subscriber, &item, NULL);
	return r < 0 ? r : 0;
}

static int
selects(int who)
{
	int item = 1;
	struct aw_case cases[] = {
		who ? AW_CASE_PUT(queue, &item) : AW_CASE_GET(queue, &item),
		AW_CASE_EVENT(&event), AW_CASE_UNTIL(aw_now() + 60)
	};
	int r = aw_select(cases, AW_LENGTH(cases));

	return r < 0 ? r : 0;
}

static int
passes_bytes(int who)
{
	char c = 'x';
	int r;

	if (who) {
		AW_TRY(aw_yield());
		return write(sides[1], &c, 1) == 1 ? 0 : -errno;
	}
	while (read(sides[0], &c, 1) < 0) {
		r = aw_fd_wait(fd, AW_FD_READ, "bytes", NULL);
		AW_TRY(r);
	}
	return 0;
}

static int
waits_by_number(int who)
{
	int r = aw_wait_fd(sides[who], AW_FD_WRITE);

	return r < 0 ? r : 0;
}

static int
times_out(int who)
{
	AW_TIMEOUT(0.001 * (who + 1));

	return aw_sleep(AW_FOREVER) == AW_ETIME ? 0 : -EINVAL;
}

static struct aw_ticker tickers[2];

static int
ticks(int who)
{
	return aw_ticker_next(&tickers[who]);
}

static int (*const primitives[])(int who) = {
	sleeps, yields, has_permits, locks, meets_event, takes_turns,
	reads_or_writes, meets, borrows, passes_items, passes_news, selects,
	passes_bytes, waits_by_number, times_out, ticks
};

/* --- One primitive ----------------------------------------------------- */

static int (*primitive)(int who);
static unsigned long n_counted;

static int
rounds(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		AW_TRY(primitive((int)(intptr_t)arg));
	return 0;
}

static int
both(void)
{
	struct aw_call calls[] = { { .fn = rounds, .arg = (void *)0 },
				   { .fn = rounds, .arg = (void *)1 } };

	return aw_gather(calls, AW_LENGTH(calls));
}

/* The tasks themselves cost something; what two more rounds of them cost is
 * the price of the waits. */
static int
counts(void *arg)
{
	unsigned long before;
	struct aw_task *task;

	(void)arg;
	AW_TRY(both());
	AW_TRY(both());
	task = aw_spawn("other", rounds, (void *)1);
	AW_TRY(aw_yield());		/* it exists; the rest is waits */
	before = count();
	AW_TRY(rounds((void *)0));
	n_counted = count() - before;
	return aw_join(task, NULL);
}

static int
world(void *arg)
{
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       sides) < 0)
		return -errno;
	count_start();
	AW_TRY(aw_fd_new(&fd, sides[0]));
	AW_TRY(aw_queue_new(&queue, sizeof(int), 1));
	AW_TRY(aw_broadcast_new(&cast, sizeof(int), 1));
	AW_TRY(aw_subscriber_new(&subscriber, cast));
	r = counts(arg);
	aw_subscriber_freep(&subscriber);
	aw_broadcast_freep(&cast);
	aw_queue_freep(&queue);
	aw_fd_free(fd);
	aw__mem_hook(NULL);
	close(sides[0]);
	close(sides[1]);
	return r;
}

START_TEST(once_warm_no_wait_allocates)
{
	primitive = primitives[_i];
	aw_sem_init(&sem, 2);
	barrier = (struct aw_barrier)AW_BARRIER_INIT(2);
	limiter = (struct aw_limiter)AW_LIMITER_INIT(1);
	tickers[0] = tickers[1] = (struct aw_ticker){ .seconds = 0.001 };
	ck_assert_int_eq(run_tasks(world, NULL), 0);
	ck_assert_uint_eq(n_counted, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("allocations");
	TCase *t = tcase_create("allocations");

#if COUNTS
	tcase_add_test(t, the_counter_counts);
#endif
	tcase_add_loop_test(t, once_warm_no_wait_allocates, 0,
			    (int)AW_LENGTH(primitives));
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
