/* SPDX-License-Identifier: MIT */
/*
 * As check_torture.c, for what somebody outside the loop ends, and for time:
 * descriptors, threads, waiters of drivers, broadcasts, rates, tickers.
 *
 * The test clock stands still while the outside is waited for. So what comes
 * from there comes by the real clock, a moment later, whoever was cancelled.
 */
#include <sys/timerfd.h>
#include <unistd.h>

#include <await/driver.h>
#include <await/offload.h>
#include <await/rate.h>
#include <await/select.h>
#include <await/thread.h>

#include "torture.h"

#define ROUNDS 3

static struct aw_broadcast *broadcast;
static struct aw_thread_event thread_event;
static struct aw_waiter waiter;
static uint64_t ticket;
static struct aw_rate rate;
static int n_open, n_called, n_begun_calls, n_put, n_got, n_odd;

/* --- The workers ------------------------------------------------------- */

static void
close_clock(const int *fd)
{
	close(*fd);
	n_open--;
}

/* A descriptor that becomes readable by itself. */
static int
clock_new(void)
{
	const struct itimerspec soon = { .it_value.tv_nsec = 100000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &soon, NULL) < 0)
		abort();
	n_open++;
	return fd;
}

#define CLOCK(fd) \
	int fd __attribute__((cleanup(close_clock))) = clock_new()

/* Whoever was interrupted has left the descriptor's number to the next. */
static int
waits_fd(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		CLOCK(fd);
		int r = aw_wait_fd(fd, AW_FD_READ);

		n_odd += r == -EBUSY || r == -EBADF;
		if (r < 0)
			return r;
		AW_TRY(aw_yield());
	}
	return 0;
}

static int
selects_fd(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		CLOCK(fd);
		struct aw_case cases[] = {
			AW_CASE_FD(fd, AW_FD_READ),
			AW_CASE_UNTIL(aw_now() + 0.5)
		};
		int r = aw_select(cases, AW_LENGTH(cases));

		if (r < 0)
			return r;
		AW_TRY(aw_sleep(0.2));
	}
	return 0;
}

static int
subscribes(void)
{
	AW_AUTO(aw_subscriber, mine);
	int item = 0, r;

	AW_TRY(aw_subscriber_new(&mine, broadcast));
	for (int i = 0; i < ROUNDS; i++) {
		struct aw_case cases[] = {
			AW_CASE_NEXT(mine, &item),
			AW_CASE_UNTIL(aw_now() + 0.5)
		};

		r = aw_select(cases, AW_LENGTH(cases));
		if (r < 0)
			return r;
		n_got += r == 0;
		n_odd += r == 0 && item != 7;
	}
	return 0;
}

static int
broadcasts(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_broadcast_put(broadcast, &(int){ 7 }));
		n_put++;
		AW_TRY(aw_sleep(0.3));
	}
	return 0;
}

static int
is_rated(void)
{
	for (int i = 0; i < ROUNDS; i++)
		AW_TRY(aw_rate_acquire(&rate));
	return 0;
}

static int
waits_thread(void)
{
	AW_TRY(aw_thread_event_wait(&thread_event));
	return aw_yield();
}

/* Tells those who wait, also when it was cancelled: nobody else would. */
static int
tells(void)
{
	CLOCK(fd);
	int r = aw_wait_fd(fd, AW_FD_READ);

	aw_thread_event_set(&thread_event);
	aw_waiter_complete(&waiter, ticket, 5);
	return r;
}

static int
waits_waiter(void)
{
	int value = 0, r;

	r = aw_waiter_wait(&waiter, &value, "a driver", NULL);
	n_odd += r == 0 && value != 5;
	return r;
}

static int
called(void *arg)
{
	usleep(50);
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
	return 3;
}

/* What has begun runs to its end, and is waited for. */
static int
offloads(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int r = aw_offload(called, &n_called);

		n_begun_calls += r == 3;
		n_odd += r != 3 && r >= 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int
waits_stop(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TIMEOUT(0.4);
		int r = aw_stop_wait();

		n_odd += r == 0;
		if (!aw_is_cancel(r))
			return r;
	}
	return aw_check();
}

static int
sleeps_until(void)
{
	double begin = aw_now();

	for (int i = 1; i <= ROUNDS; i++)
		AW_TRY(aw_sleep_until(begin + 0.3 * i));
	return 0;
}

static int
ticks(void)
{
	struct aw_ticker ticker = { .seconds = 0.4 };

	for (int i = 0; i < ROUNDS; i++)
		AW_TRY(aw_ticker_next(&ticker));
	return 0;
}

static int (*const kinds[])(void) = {
	waits_fd, waits_fd, selects_fd, subscribes, subscribes, broadcasts,
	is_rated, is_rated, waits_thread, waits_thread, tells, waits_waiter,
	offloads, waits_stop, sleeps_until, ticks
};

/* --- One run ----------------------------------------------------------- */

static void
reset(void)
{
	memset(&thread_event, 0, sizeof thread_event);
	memset(&waiter, 0, sizeof waiter);
	ticket = aw_waiter_begin(&waiter);
	rate = (struct aw_rate)AW_RATE_INIT(4, 1);
	n_open = n_called = n_begun_calls = n_put = n_got = n_odd = 0;
	ck_assert_int_eq(aw_broadcast_new(&broadcast, sizeof(int), 8), 0);
}

static void
assert_nothing_lost(void)
{
	ck_assert_int_eq(n_open, 0);
	ck_assert_int_eq(n_odd, 0);
	ck_assert_int_le(n_got, 2 * n_put);
	ck_assert_int_ge(n_called, n_begun_calls);
	ck_assert_ptr_null(thread_event.head);
	ck_assert_ptr_null(waiter.wait);
	ck_assert_int_eq(n_begun, n_ended);
	aw_broadcast_freep(&broadcast);
}

static const struct torture torture = {
	kinds, AW_LENGTH(kinds), .moments = 24, .turn = 0.1,
	.begin = reset, .check = assert_nothing_lost,
};

/* --- The tests --------------------------------------------------------- */

START_TEST(undisturbed_everything_is_done)
{
	be_undisturbed();
	ck_assert_int_eq(n_put, ROUNDS);
	ck_assert_int_eq(n_called, ROUNDS);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torture_outside");
	TCase *all = tcase_create("torture");

	tcase_set_timeout(all, 300);
	tcase_add_test(all, undisturbed_everything_is_done);
	add_torture(all);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
