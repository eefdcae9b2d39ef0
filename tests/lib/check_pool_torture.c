/* SPDX-License-Identifier: MIT */
/*
 * The pool under a crowd: many tasks, few members, cancels and failures at
 * random points. Whatever happens, no member is lost, none has two users, and
 * in the end the pool still serves.
 */
#include <await/driver.h>

#include "toy_pool.h"

static struct aw_pool *pool;

/* --- A crowd in order -------------------------------------------------- */

#define CROWD 1000
#define MEMBERS 10

static int order[CROWD], n_order;

static int
one_of_crowd(void *arg)
{
	struct toy *toy;

	AW_TRY(toy_acquire(pool, &toy));
	order[n_order++] = (int)(intptr_t)arg;
	AW_TRY(aw_sleep(0.01));
	toy_release(toy);
	return 0;
}

static int
serves_crowd(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	n_order = 0;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = MEMBERS,
			    .max_opening = MEMBERS));
	for (intptr_t i = 0; i < CROWD; i++)
		AW_TRY(aw_go(&group, one_of_crowd, (void *)i));
	AW_TRY(aw_group_wait(&group));
	return aw_pool_close(&pool, 1);
}

START_TEST(a_thousand_waiters_are_served_in_order)
{
	ck_assert_int_eq(run_toys(serves_crowd, NULL), 0);
	ck_assert_int_eq(n_order, CROWD);
	for (int i = 0; i < CROWD; i++)
		ck_assert_int_eq(order[i], i);
	ck_assert_int_eq(factory.most, MEMBERS);
	ck_assert_int_eq(factory.doubles, 0);
	ck_assert_int_eq(factory.alive, 0);
}
END_TEST

/* --- Disorder ---------------------------------------------------------- */

static uint64_t dice;

static unsigned
roll(unsigned sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice >> 33) % sides;
}

static int
wild_open(void *arg, struct aw_pool_item **ret)
{
	factory.open_takes = roll(3) * 0.004;
	factory.fail = roll(6) == 0 ? AW_ECONNECT : 0;
	return toy_open(arg, ret);
}

static int
wild_check(struct aw_pool_item *item)
{
	factory.check_takes = roll(2) * 0.003;
	factory.fail_check = roll(4) == 0 ? -EPIPE : 0;
	return toy_check(item);
}

static enum aw_pool_verdict
wild_judge(struct aw_pool_item *item)
{
	(void)item;
	return roll(2) ? AW_POOL_KEEP : roll(3) ? AW_POOL_CLEAN : AW_POOL_DROP;
}

static int
wild_clean(struct aw_pool_item *item)
{
	factory.clean_takes = roll(4) * 0.004;
	factory.fail_clean = roll(4) == 0 ? -EIO : 0;
	return toy_clean(item);
}

static const struct aw_pool_type wild_type = {
	.kind = "toy",
	.open = wild_open,
	.check = wild_check,
	.judge = wild_judge,
	.clean = wild_clean,
	.close = toy_close,
	.abort = toy_abort,
	.fini = toy_fini,
};

static int n_got, n_refused, n_busy;

static int
wild_user(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		AW_SCOPE(budget, .seconds = roll(5) ? 0 : 0.001 * roll(20));
		struct toy *toy;
		int r = toy_acquire(pool, &toy);

		if (r < 0) {
			n_refused++;
			if (aw_check() < 0 && !aw_scope_expired(&budget))
				return r;
			continue;
		}
		n_got++;
		n_busy += toy->users != 1;
		aw_ignore(aw_sleep(roll(3) * 0.002));
		n_busy += toy->users != 1;
		toy_release(toy);
	}
	return 0;
}

static int
cancels_some(struct aw_task **task, int n)
{
	for (int i = 0; i < 400; i++) {
		AW_TRY(aw_sleep(roll(4) * 0.0005));
		if (roll(3) == 0)
			aw_cancel(task[roll((unsigned)n)], "bad luck");
		if (roll(100) == 0)
			aw_pool_expire(pool);
	}
	return 0;
}

static int
serves_again(void)
{
	struct toy *toy[MEMBERS];

	for (int i = 0; i < MEMBERS; i++)
		AW_TRY(toy_acquire(pool, &toy[i]));
	for (int i = 0; i < MEMBERS; i++)
		toy_release(toy[i]);
	return 0;
}

static int
is_tortured(void *arg)
{
	struct aw_task *task[200];
	struct aw_pool_stats s;

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &wild_type, NULL, .max = MEMBERS,
			    .max_opening = 4, .check = 0.003, .idle = 0.02,
			    .lifetime = 0.1));
	for (int i = 0; i < 200; i++)
		task[i] = aw_spawn("wild", wild_user, NULL);
	AW_TRY(cancels_some(task, 200));
	for (int i = 0; i < 200; i++)
		AW_TRY(aw_join(task[i], NULL));
	AW_TRY(serves_again());
	AW_TRY(aw_sleep(1));
	aw_pool_stats(pool, &s);
	if (s.borrowed || s.waiting || s.cleaning)
		note("left: borrowed %d waiting %d cleaning %d",
		     (int)s.borrowed, (int)s.waiting, (int)s.cleaning);
	if (s.acquires != n_got + MEMBERS)
		note("acquires %d, got %d", (int)s.acquires, n_got);
	return aw_pool_close(&pool, 10);
}

/* The seed is that of the dice and of the order of the ready tasks. */
static int
run_wild(int (*fn)(void *arg), int seed)
{
	dice = 88172645463325252u + (uint64_t)seed * 1000003;
	memset(&factory, 0, sizeof factory);
	n_got = n_refused = n_busy = 0;
	forget_notes();
	return aw_run(fn, NULL, .test_clock = true, .no_signals = true,
		      .seed = (unsigned)seed);
}

static void
torture(int seed)
{
	ck_assert_int_eq(run_wild(is_tortured, seed), 0);
	ck_assert_str_eq(noted, "");
	ck_assert_int_gt(n_got, 200);
	ck_assert_int_gt(n_refused, 50);
	ck_assert_int_eq(n_busy, 0);
	ck_assert_int_eq(factory.doubles, 0);
	ck_assert_int_le(factory.most, MEMBERS);
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.finis, 1);
}

#define CASES 20

START_TEST(no_member_is_lost_and_none_is_shared)
{
	for (int seed = _i; seed < n_seeds(CASES); seed += CASES)
		torture(seed);
}
END_TEST

/* The same, closed in the middle of it. */
static int
is_closed_in_the_middle(void *arg)
{
	struct aw_task *task[50];

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &wild_type, NULL, .max = MEMBERS));
	for (int i = 0; i < 50; i++)
		task[i] = aw_spawn("wild", wild_user, NULL);
	AW_TRY(aw_sleep(0.001 * roll(40)));
	for (int i = 0; i < 50; i++)
		aw_cancel(task[i], "closing");
	aw_pool_freep(&pool);	/* who comes now finds none */
	for (int i = 0; i < 50; i++)
		AW_TRY(aw_join(task[i], NULL));
	return 0;
}

START_TEST(a_close_in_the_middle_loses_nothing)
{
	for (int seed = _i; seed < n_seeds(2 * CASES); seed += CASES) {
		ck_assert_int_eq(run_wild(is_closed_in_the_middle, seed), 0);
		ck_assert_int_eq(n_busy, 0);
		ck_assert_int_eq(factory.doubles, 0);
		ck_assert_int_eq(factory.alive, 0);
		ck_assert_int_eq(factory.finis, 1);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pool_torture");
	TCase *tcase = tcase_create("all");

	tcase_add_test(tcase, a_thousand_waiters_are_served_in_order);
	tcase_add_loop_test(tcase, no_member_is_lost_and_none_is_shared,
			    0, CASES);
	tcase_add_loop_test(tcase, a_close_in_the_middle_loses_nothing, 0,
			    CASES);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
