/* SPDX-License-Identifier: MIT */
/*
 * Priority queues, joins of queues, broadcasts and tickers under the torture
 * of check_torture.c: one task is cancelled, or meets its deadline, at each
 * possible moment, in several orders, and each allocation is refused once.
 *
 *	items put = items got + items left, and each is said to be done,
 *	a subscriber sees every item of each writer, in order, none twice,
 *	a tick is late or counted as missed, never lost,
 *	every task that was started ran to its end.
 */
#include <await/broadcast.h>
#include <await/queue.h>
#include <await/select.h>

#include "torture.h"

#define ROUNDS 4
#define WRITERS 2

struct item {
	int priority;
	int writer;
};

static struct aw_queue *queue;
static struct aw_broadcast *cast;
static int n_put, n_got, n_wrong;

static int
compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->priority - y->priority;
}

/* --- The workers ------------------------------------------------------- */

static int
puts_items(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct item item = { (i * 7) % 5, 0 };

		AW_TRY(aw_queue_put(queue, &item));
		n_put++;
	}
	return 0;
}

static int
works(void)
{
	struct item item;

	for (int i = 0; i < ROUNDS; i++) {
		int r;

		AW_TRY(aw_queue_get(queue, &item));
		n_got++;
		r = aw_sleep(0.5);
		aw_queue_task_done(queue);
		AW_TRY(r);
	}
	return 0;
}

static int
joins(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		AW_TIMEOUT(2);
		int r = aw_queue_join(queue);

		if (r < 0 && !aw_is_cancel(r))
			return r;
		AW_TRY(aw_check());
		AW_TRY(aw_sleep(0.25));
	}
	return 0;
}

static int
ticks(void)
{
	struct aw_ticker ticker = { .seconds = 0.5 };
	double begin = aw_now();

	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_ticker_next(&ticker));
		AW_TRY(aw_sleep(i == 1 ? 1.75 : 0));
	}
	n_wrong += fabs((aw_now() - begin) / 0.5 - (ROUNDS - 1) -
			(double)ticker.n_missed) > 1e-6;
	return 0;
}

static int
writes(int writer)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct item item = { i, writer };

		AW_TRY(aw_broadcast_put(cast, &item));
		AW_TRY(aw_sleep(0.25 * writer));
	}
	return 0;
}

static int
writes_0(void)
{
	return writes(0);
}

static int
writes_1(void)
{
	return writes(1);
}

static void
see(const struct item *item, int *last)
{
	if (last[item->writer] >= 0)
		n_wrong += item->priority != last[item->writer] + 1;
	last[item->writer] = item->priority;
}

static int
reads(void)
{
	int last[WRITERS] = { -1, -1 };
	AW_AUTO(aw_subscriber, mine);
	struct item item;
	uint64_t missed;

	AW_TRY(aw_subscriber_new(&mine, cast));
	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_subscriber_next(mine, &item, &missed));
		n_wrong += missed > 0;
		see(&item, last);
		AW_TRY(aw_sleep(0.25));
	}
	return 0;
}

static int
selects(void)
{
	int last[WRITERS] = { -1, -1 };
	AW_AUTO(aw_subscriber, mine);
	struct item seen, got;

	AW_TRY(aw_subscriber_new(&mine, cast));
	for (int i = 0; i < ROUNDS; i++) {
		struct aw_case cases[] = {
			AW_CASE_NEXT(mine, &seen), AW_CASE_GET(queue, &got),
			AW_CASE_UNTIL(aw_now() + 1)
		};
		int which = aw_select(cases, AW_LENGTH(cases));

		AW_TRY(which);
		if (which == 0)
			see(&seen, last);
		if (which == 1) {
			n_got++;
			aw_queue_task_done(queue);
		}
	}
	return 0;
}

static int (*const kinds[])(void) = {
	puts_items, works, joins, reads, writes_0, reads, selects, writes_1,
	ticks, puts_items, works, joins
};

/* --- One run ----------------------------------------------------------- */

static void
reset(void)
{
	n_put = n_got = n_wrong = 0;
	ck_assert_int_eq(aw_queue_new_priority(&queue, sizeof(struct item), 2,
					       compare), 0);
	ck_assert_int_eq(aw_broadcast_new(&cast, sizeof(struct item), 2), 0);
}

/* What still waited would keep the memory: LeakSanitizer sees it. */
static void
assert_nothing_lost(void)
{
	ck_assert_int_eq(n_wrong, 0);
	ck_assert_int_eq(n_put, n_got + (int)aw_queue_size(queue));
	ck_assert_int_eq(n_begun, n_ended);
	aw_queue_freep(&queue);
	aw_broadcast_freep(&cast);
}

static const struct torture torture = {
	kinds, AW_LENGTH(kinds), .moments = 48, .turn = 0.05,
	.begin = reset, .check = assert_nothing_lost,
};

/* --- The tests --------------------------------------------------------- */

/* Of the others some wait for items that select has got; in another order a
 * subscriber may come when most has been said. */
START_TEST(undisturbed_readers_writers_and_tickers_succeed)
{
	be_undisturbed();
	for (size_t i = 0; i < AW_LENGTH(kinds); i++)
		if (kinds[i] == reads || kinds[i] == writes_0 ||
		    kinds[i] == writes_1 || kinds[i] == ticks)
			ck_assert_int_eq(statuses[i], 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torture_queues");
	TCase *all = tcase_create("torture");

	tcase_add_test(all, undisturbed_readers_writers_and_tickers_succeed);
	add_torture(all);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
