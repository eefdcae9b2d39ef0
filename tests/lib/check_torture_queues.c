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
 *
 * A moment n is n / 8 half seconds of the virtual clock and n % 8 turns.
 */
#include <await/broadcast.h>
#include <await/queue.h>
#include <await/select.h>

#include "failmalloc.h"
#include "tasks.h"

#define MOMENTS 48
#define ROUNDS 4
#define WRITERS 2

struct item {
	int priority;
	int writer;
};

static struct aw_queue *queue;
static struct aw_broadcast *cast;
static int n_put, n_got, n_wrong, n_begun, n_ended, n_victims_done;

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

#define N_KINDS AW_LENGTH(kinds)

/* --- One run ----------------------------------------------------------- */

struct plan {
	size_t victim;
	int moment;
	bool deadline;		/* the victim's scope ends by time */
};

static struct aw_task *workers[N_KINDS];
static int statuses[N_KINDS];
static const struct plan *plan;

static int
worker(void *arg)
{
	size_t kind = *(size_t *)arg;
	int r;

	workers[kind] = aw_self();
	if (plan->deadline && kind == plan->victim) {
		AW_TIMEOUT(plan->moment / 8 * 0.5 + plan->moment % 8 * 0.05);
		r = kinds[kind]();
	} else {
		r = kinds[kind]();
	}
	n_victims_done += kind == plan->victim;
	workers[kind] = NULL;
	statuses[kind] = r;
	n_ended++;
	return r;
}

static int
cancels(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(plan->moment / 8 * 0.5));
	for (int i = 0; i < plan->moment % 8; i++)
		AW_TRY(aw_yield());
	if (workers[plan->victim])
		aw_cancel(workers[plan->victim], "torture");
	return 0;
}

static int
world(void *arg)
{
	AW_TIMEOUT(100);	/* for those whose partners were cancelled */
	AW_GROUP(group, .collect = true);

	(void)arg;
	for (size_t kind = 0; kind < N_KINDS; kind++) {
		AW_TRY(aw_go_copy(&group, worker, &kind));
		n_begun++;
	}
	if (!plan->deadline)
		AW_TRY(aw_go(&group, cancels, NULL));
	return aw_group_wait(&group);
}

static void
reset(void)
{
	memset(workers, 0, sizeof workers);
	n_put = n_got = n_wrong = n_begun = n_ended = n_victims_done = 0;
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

static void
run_plan(const struct plan *p, unsigned seed)
{
	plan = p;
	reset();
	aw_ignore(aw_run(world, NULL, .test_clock = true, .no_signals = true,
			 .seed = seed, .check_leaks = true));
}

static unsigned
n_seeds(void)
{
	const char *text = getenv("AWAIT_TEST_SEEDS");

	return text ? (unsigned)strtoul(text, NULL, 10) : 3;
}

/* --- The tests --------------------------------------------------------- */

/* Of the others some wait for items that select has got; in another order a
 * subscriber may come when most has been said. */
START_TEST(undisturbed_readers_writers_and_tickers_succeed)
{
	struct plan nobody = { .victim = N_KINDS, .deadline = true };

	run_plan(&nobody, 0);
	for (size_t i = 0; i < N_KINDS; i++)
		if (kinds[i] == reads || kinds[i] == writes_0 ||
		    kinds[i] == writes_1 || kinds[i] == ticks)
			ck_assert_int_eq(statuses[i], 0);
	assert_nothing_lost();
}
END_TEST

static void
at_each_moment(size_t victim, bool deadline)
{
	struct plan p = { .victim = victim, .deadline = deadline };

	for (unsigned seed = 0; seed < n_seeds(); seed++)
		for (p.moment = 0; p.moment < MOMENTS; p.moment++) {
			run_plan(&p, seed);
			ck_assert_int_eq(n_victims_done, 1);
			assert_nothing_lost();
		}
}

START_TEST(a_cancel_at_any_moment_loses_no_item)
{
	at_each_moment((size_t)_i, false);
}
END_TEST

START_TEST(a_deadline_at_any_moment_loses_no_item)
{
	at_each_moment((size_t)_i, true);
}
END_TEST

START_TEST(a_refused_allocation_loses_no_item)
{
	static const struct plan nobody = { .victim = N_KINDS,
					    .deadline = true };
	unsigned long n = 0;

	do {
		plan = &nobody;
		reset();
		fail_only(n++);
		aw_ignore(aw_run(world, NULL, .test_clock = true,
				 .no_signals = true));
		aw__mem_hook(NULL);
		assert_nothing_lost();
	} while (fail_n_asked > fail_at);
	ck_assert_uint_gt(n, 5);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torture_queues");
	TCase *cancel = tcase_create("cancel");
	TCase *timeout = tcase_create("timeout");
	TCase *oom = tcase_create("oom");

	tcase_add_test(cancel,
		       undisturbed_readers_writers_and_tickers_succeed);
	tcase_add_loop_test(cancel, a_cancel_at_any_moment_loses_no_item, 0,
			    (int)N_KINDS);
	tcase_add_loop_test(timeout, a_deadline_at_any_moment_loses_no_item, 0,
			    (int)N_KINDS);
	tcase_add_test(oom, a_refused_allocation_loses_no_item);
	suite_add_tcase(suite, cancel);
	suite_add_tcase(suite, timeout);
	suite_add_tcase(suite, oom);
	return suite_run(suite);
}
