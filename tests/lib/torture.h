/* SPDX-License-Identifier: MIT */
/*
 * torture.h - one task of many is cancelled, or runs out of time, at each
 * possible moment, in several orders; and each allocation is refused.
 *
 *	static const struct torture torture = {
 *		kinds, AW_LENGTH(kinds), .moments = 72, .turn = 0.1,
 *		.begin = reset, .check = assert_nothing_lost,
 *	};
 *
 * A world has one worker of each kind. A moment is a number n: n / 8 half
 * seconds of the virtual clock, then n % 8 turns of the ready queue, or
 * of .turn seconds for a deadline.
 *
 * Each moment is tried with 3 seeds of the schedule. With AWAIT_TEST_SEEDS of
 * them (make check-seeds) each further seed is tried at every 7th moment, and
 * the next seed at the next ones.
 */
#ifndef TESTS_TORTURE_H
#define TESTS_TORTURE_H

#include "failmalloc.h"
#include "tasks.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEEDS_IN_FULL 1		/* what they find depends on no order */
#else
#define SEEDS_IN_FULL 3
#endif
#define STRIDE 7
#define KINDS_MAX 32

struct torture {
	int (*const *kinds)(void);
	size_t n_kinds;
	int moments;
	double turn;			/* seconds */
	void (*begin)(void);
	void (*check)(void);		/* the end: was anything lost? */
};

static const struct torture torture;

static struct {
	size_t victim;			/* a kind; n_kinds: nobody */
	int moment;
	bool by_time;			/* the victim's scope ends by time */
} plan;

static struct aw_task *workers[KINDS_MAX];
static int statuses[KINDS_MAX];
static int n_begun, n_ended;		/* tasks, also those of workers */
static int n_victims_done;

static int
worker(void *arg)
{
	size_t kind = *(size_t *)arg;
	int r;

	workers[kind] = aw_self();
	if (plan.by_time && kind == plan.victim) {
		AW_TIMEOUT(plan.moment / 8 * 0.5 +
			   plan.moment % 8 * torture.turn);
		r = torture.kinds[kind]();
		/* It must be over now for good. */
		if (r < 0 && aw_check() < 0 && aw_yield() == 0)
			n_victims_done = -1000000;
	} else {
		r = torture.kinds[kind]();
	}
	n_victims_done += kind == plan.victim;
	workers[kind] = NULL;
	statuses[kind] = r;
	n_ended++;
	return r;
}

static int
cancels(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(plan.moment / 8 * 0.5));
	for (int i = 0; i < plan.moment % 8; i++)
		AW_TRY(aw_yield());
	if (workers[plan.victim])
		aw_cancel(workers[plan.victim], "torture");
	return 0;
}

static int
world(void *arg)
{
	AW_TIMEOUT(100);	/* for those whose partners were cancelled */
	AW_GROUP(group, .collect = true);

	(void)arg;
	for (size_t kind = 0; kind < torture.n_kinds; kind++) {
		AW_TRY(aw_go_copy(&group, worker, &kind));
		n_begun++;
	}
	if (!plan.by_time)
		AW_TRY(aw_go(&group, cancels, NULL));
	return aw_group_wait(&group);
}

static void
begin(void)
{
	ck_assert_uint_le(torture.n_kinds, KINDS_MAX);
	memset(workers, 0, sizeof workers);
	n_begun = n_ended = n_victims_done = 0;
	torture.begin();
}

static void
run_world(unsigned seed)
{
	begin();
	aw_ignore(aw_run(world, NULL, .test_clock = true, .no_signals = true,
			 .seed = seed, .check_leaks = true));
}

/* Nobody is the victim. */
static inline void
be_undisturbed(void)
{
	plan.victim = torture.n_kinds;
	plan.by_time = true;
	run_world(0);
	torture.check();
}

static inline void
at_each_moment(size_t victim, bool by_time)
{
	int seed, seeds = n_seeds(SEEDS_IN_FULL);

	plan.victim = victim;
	plan.by_time = by_time;
	for (seed = 0; seed < seeds; seed++) {
		bool full = seed < SEEDS_IN_FULL;

		plan.moment = full ? 0 : seed % STRIDE;
		for (; plan.moment < torture.moments;
		     plan.moment += full ? 1 : STRIDE) {
			run_world((unsigned)seed);
			ck_assert_msg(n_victims_done == 1,
				      "seed %d, moment %d: the victim ended "
				      "%d times", seed, plan.moment,
				      n_victims_done);
			torture.check();
		}
	}
}

/* Each allocation alone, or from each on. */
static inline void
without_memory(bool only_once)
{
	unsigned long n = 0;

	plan.victim = torture.n_kinds;
	plan.by_time = true;
	do {
		begin();
		if (only_once)
			fail_only(n++);
		else
			fail_from(n++);
		aw_ignore(aw_run(world, NULL, .test_clock = true,
				 .no_signals = true));
		aw__mem_hook(NULL);
		torture.check();
	} while (fail_n_asked > fail_at);
	ck_assert_uint_gt(n, 5);
}

/* --- The tests of every program ---------------------------------------- */

START_TEST(a_cancel_at_any_moment_loses_nothing)
{
	at_each_moment((size_t)_i, false);
}
END_TEST

START_TEST(a_deadline_at_any_moment_loses_nothing)
{
	at_each_moment((size_t)_i, true);
}
END_TEST

START_TEST(a_refused_allocation_loses_nothing)
{
	without_memory(_i == 0);
}
END_TEST

static inline void
add_torture(TCase *tcase)
{
	int n = (int)torture.n_kinds;

	tcase_add_loop_test(tcase, a_cancel_at_any_moment_loses_nothing, 0, n);
	tcase_add_loop_test(tcase, a_deadline_at_any_moment_loses_nothing, 0,
			    n);
	tcase_add_loop_test(tcase, a_refused_allocation_loses_nothing, 0, 2);
}

#endif
