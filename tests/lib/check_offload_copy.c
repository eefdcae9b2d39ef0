/* SPDX-License-Identifier: MIT */
/*
 * lib/offload.c: copies that are left behind, and who frees what they own.
 */
#include <semaphore.h>
#include <stdatomic.h>

#include <await/driver.h>
#include <await/offload.h>

#include "failmalloc.h"
#include "tasks.h"

static sem_t began, gate, ended;
static atomic_int n_calls, n_discards;

struct block {
	int n;
	char text[100];
};

static void
setup(void)
{
	sem_init(&began, 0, 0);
	sem_init(&gate, 0, 0);
	sem_init(&ended, 0, 0);
	atomic_store(&n_calls, 0);
	atomic_store(&n_discards, 0);
}

static void
take(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

static int
fills(void *copy)
{
	struct block *block = copy;

	block->n++;
	return block->n;
}

static int
fills_late(void *copy)
{
	atomic_fetch_add(&n_calls, 1);
	sem_post(&began);
	take(&gate);
	return fills(copy);
}

static void
discards(void *copy)
{
	const struct block *block = copy;

	if (block->n == 5)
		atomic_fetch_add(&n_discards, 1);
	sem_post(&ended);
}

static int
abandons(void *arg)
{
	struct block block = { .n = 4 };
	int r;

	(void)arg;
	r = aw_offload_copy(fills_late, &block, .abandon = true,
			    .discard = discards);
	note("%s %d %s", name(r), block.n, aw_error()->reason);
	return 0;
}

static int
cancels_abandoned(void *arg)
{
	struct aw_task *task = aw_spawn("abandons", abandons, NULL);

	(void)arg;
	let_others_run();
	take(&began);
	aw_cancel(task, "impatience");
	return aw_join(task, NULL);
}

START_TEST(an_abandoned_call_ends_by_itself)
{
	ck_assert_int_eq(run_tasks(cancels_abandoned, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED 4 impatience; ");
	ck_assert_int_eq(n_discards, 0);
	sem_post(&gate);
	take(&ended);
	ck_assert_int_eq(n_discards, 1);
}
END_TEST

static struct aw_workers *workers;

static int
holds_the_thread(void *arg)
{
	(void)arg;
	note("%d", aw_offload_copy(fills_late, &(struct block){ .n = 4 },
				   .workers = workers, .abandon = true,
				   .discard = discards));
	return 0;
}

static int
abandons_late(void *arg)
{
	struct block block = { .n = 5 };

	(void)arg;
	AW_TIMEOUT(0.001);
	note("%s", name(aw_offload_copy(fills_late, &block, .abandon = true,
					.workers = workers,
					.discard = discards)));
	note("%d discarded", n_discards);
	return 0;
}

static int
abandons_queued(void *arg)
{
	struct aw_task *task = aw_spawn("holds", holds_the_thread, NULL);

	(void)arg;
	AW_TRY(aw_yield());
	take(&began);
	AW_TRY(abandons_late(NULL));
	sem_post(&gate);
	return aw_join(task, NULL);
}

START_TEST(a_call_that_was_taken_back_is_discarded_too)
{
	ck_assert_int_eq(aw_workers_new(&workers, 1), 0);
	forget_notes();
	ck_assert_int_eq(aw_run(abandons_queued, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; 1 discarded; 5; ");
	ck_assert_int_eq(n_calls, 1);
	ck_assert_int_eq(n_discards, 1);
	aw_workers_freep(&workers);
}
END_TEST

static int
without_thread(void *arg)
{
	struct block block = { .n = 5 };

	(void)arg;
	fail_only(0);
	note("%s", name(aw_offload_copy(fills, &block, .abandon = true,
					.discard = discards)));
	return fail_stop() ? 0 : 1;
}

START_TEST(what_was_not_handed_over_is_the_callers)
{
	ck_assert_int_eq(run_tasks(without_thread, NULL), 0);
	ck_assert_str_eq(noted, "ENOMEM; ");
	ck_assert_int_eq(n_discards, 0);
}
END_TEST

static int
does_not_discard(void *arg)
{
	struct block block = { .n = 4 };

	(void)arg;
	note("%d", aw_offload_copy(fills, &block, .abandon = true,
				   .discard = discards));
	return 0;
}

START_TEST(a_call_that_was_waited_for_is_not_discarded)
{
	ck_assert_int_eq(run_tasks(does_not_discard, NULL), 0);
	ck_assert_str_eq(noted, "5; ");
	ck_assert_int_eq(n_discards, 0);
}
END_TEST

static bool refusing, when_begun;

static void *
refuses_growth(void *memory, size_t size)
{
	if (!memory || !refusing)
		return realloc(memory, size);
	if (when_begun)
		take(&began);
	refusing = false;
	return NULL;
}

static int
sleeps(void *arg)
{
	(void)arg;
	return aw_sleep(1000);
}

/* Sleepers, until the loop has no place for one more timer. */
static int
fill_timers(struct aw_group *group)
{
	int r;

	when_begun = false;
	do {
		AW_TRY(aw_go(group, sleeps, NULL));
		AW_TRY(aw_yield());
		refusing = true;
		aw__mem_hook(refuses_growth);
		r = aw_sleep(0.001);
		aw__mem_hook(NULL);
	} while (r == 0);
	return r == -ENOMEM ? 0 : r;
}

static int
abandons_without_timer(struct aw_group *group, bool begun)
{
	struct block block = { .n = 5 };
	AW_TIMEOUT(500);

	AW_TRY(fill_timers(group));
	when_begun = begun;
	refusing = true;
	aw__mem_hook(refuses_growth);
	note("%s", name(aw_offload_copy(fills_late, &block, .abandon = true,
					.discard = discards,
					.workers = workers)));
	aw__mem_hook(NULL);
	note("%d", block.n);
	return 0;
}

static int
begins_without_timer(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	sem_post(&gate);
	AW_TRY(abandons_without_timer(&group, true));
	return -EINTR;			/* and the sleepers end */
}

START_TEST(without_a_timer_a_call_that_began_is_waited_for)
{
	workers = NULL;
	ck_assert_int_eq(run_tasks(begins_without_timer, NULL), -EINTR);
	ck_assert_str_eq(noted, "got; 6; ");
	ck_assert_int_eq(n_discards, 0);
}
END_TEST

static int
queues_without_timer(void *arg)
{
	struct aw_task *task = aw_spawn("holds", holds_the_thread, NULL);
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_yield());
	take(&began);
	AW_TRY(abandons_without_timer(&group, false));
	sem_post(&gate);
	AW_TRY(aw_join(task, NULL));
	return -EINTR;
}

START_TEST(without_a_timer_a_call_that_did_not_begin_is_the_callers)
{
	ck_assert_int_eq(aw_workers_new(&workers, 1), 0);
	forget_notes();
	ck_assert_int_eq(aw_run(queues_without_timer, NULL), -EINTR);
	ck_assert_str_eq(noted, "ENOMEM; 5; 5; ");
	ck_assert_int_eq(n_calls, 1);
	ck_assert_int_eq(n_discards, 0);
	aw_workers_freep(&workers);
}
END_TEST

static int
abandons_quickly(void *arg)
{
	struct block block = { .n = 5 };

	(void)arg;
	note("%s", name(aw_offload_copy(fills, &block, .abandon = true,
					.discard = discards)));
	note("%s", name(aw_offload_copy(fills, &block, .discard = discards)));
	return 0;
}

static int
interrupted_before(void *arg)
{
	struct aw_task *task = aw_spawn("late", abandons_quickly, NULL);
	AW_TIMEOUT(-1);

	aw_cancel(task, "early");
	{
		AW_SHIELD(100);
		AW_TRY(aw_join(task, NULL));
	}
	return abandons_quickly(arg);
}

START_TEST(who_was_interrupted_before_has_its_copy_discarded)
{
	ck_assert_int_eq(run_tasks(interrupted_before, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ECANCELED; ETIME; ETIME; ");
	ck_assert_int_eq(n_discards, 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("offload_copy");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, an_abandoned_call_ends_by_itself);
	tcase_add_test(tcase, a_call_that_was_taken_back_is_discarded_too);
	tcase_add_test(tcase, what_was_not_handed_over_is_the_callers);
	tcase_add_test(tcase, a_call_that_was_waited_for_is_not_discarded);
	tcase_add_test(tcase, without_a_timer_a_call_that_began_is_waited_for);
	tcase_add_test(tcase,
		without_a_timer_a_call_that_did_not_begin_is_the_callers);
	tcase_add_test(tcase,
		       who_was_interrupted_before_has_its_copy_discarded);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
