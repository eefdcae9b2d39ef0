/* SPDX-License-Identifier: MIT */
/* lib/workers.c: classes of work with threads of their own. */
#include <semaphore.h>
#include <stdatomic.h>

#include "child.h"
#include "failmalloc.h"
#include "switch.h"

static struct aw_workers *workers;
static sem_t began, gate;
static atomic_int n_at_once, n_most, n_calls;

static void
setup(void)
{
	sem_init(&began, 0, 0);
	sem_init(&gate, 0, 0);
	atomic_store(&n_at_once, 0);
	atomic_store(&n_most, 0);
	atomic_store(&n_calls, 0);
	forget_notes();
}

static void
take(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

static int
counts(void *arg)
{
	int n = atomic_fetch_add(&n_at_once, 1) + 1;
	int most = atomic_load(&n_most);

	while (n > most && !atomic_compare_exchange_weak(&n_most, &most, n))
		;
	atomic_fetch_add(&n_calls, 1);
	sem_post(&began);
	if (arg)
		take(&gate);
	atomic_fetch_sub(&n_at_once, 1);
	return 0;
}

static int
calls(void *arg)
{
	return aw_offload(counts, arg, .workers = workers);
}

/* --- The limit --------------------------------------------------------- */

static int
many_call(void *arg)
{
	AW_GROUP(group);

	for (int i = 0; i < 50; i++)
		AW_TRY(aw_go(&group, calls, arg));
	return aw_group_wait(&group);
}

START_TEST(no_more_run_at_once_than_the_class_has_threads)
{
	ck_assert_int_eq(aw_workers_new(&workers, 2), 0);
	ck_assert_int_eq(aw_run_threads(2, many_call, NULL), 0);
	ck_assert_int_eq(n_calls, 100);
	ck_assert_int_le(n_most, 2);
	aw_workers_free(workers);
}
END_TEST

static void
note_stats(void)
{
	struct aw_workers_stats s = aw_workers_stats(workers);

	note("%d %d %d", (int)s.limit, (int)s.threads, (int)s.queued);
}

static int
fills_and_resizes(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	for (int i = 0; i < 5; i++)
		AW_TRY(aw_go(&group, calls, "held"));
	AW_TRY(aw_yield());
	take(&began);
	note_stats();
	/* The general threads are not theirs. */
	note("%s", name(aw_offload(counts, NULL)));
	take(&began);
	aw_workers_resize(workers, 4);
	for (int i = 0; i < 3; i++)
		take(&began);
	note_stats();
	for (int i = 0; i < 5; i++)
		sem_post(&gate);
	return aw_group_wait(&group);
}

START_TEST(a_class_that_grows_runs_more_at_once)
{
	ck_assert_int_eq(aw_workers_new(&workers, 1), 0);
	ck_assert_int_eq(aw_run(fills_and_resizes, NULL), 0);
	ck_assert_str_eq(noted, "1 1 4; ok; 4 4 1; ");
	aw_workers_resize(workers, -1);
	ck_assert_int_eq(aw_workers_stats(workers).limit, 1);
	aw_workers_freep(&workers);
	ck_assert_ptr_null(workers);
	ck_assert_int_ge(aw_workers_stats(NULL).limit, 4);
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
	ck_assert_int_eq(aw_workers_new(&workers, 0), -EINVAL);
	ck_assert_int_eq(aw_workers_new(&workers, 1025), -EINVAL);
	fail_from(0);
	ck_assert_int_eq(aw_workers_new(&workers, 1), -ENOMEM);
	fail_stop();
	aw_workers_free(NULL);
	ck_assert_uint_eq(sizeof(struct aw_workers_stats), 72);
}
END_TEST

/* --- Cancels, deadlines, the end --------------------------------------- */

static int
late(void *arg)
{
	AW_TIMEOUT(0.001);
	note("late %s", name(calls(arg)));
	return 0;
}

static int
queued(void *arg)
{
	note("queued %s", name(calls(arg)));
	return 0;
}

static int
interrupts(void *arg)
{
	struct aw_task *held = aw_spawn("held", calls, "held"), *task;

	(void)arg;
	AW_TRY(aw_yield());
	take(&began);
	AW_TRY(late(NULL));
	task = aw_spawn("queued", queued, NULL);
	AW_TRY(aw_yield());
	aw_cancel(task, "enough");
	AW_TRY(aw_join(task, NULL));
	note("%s", name(aw_offload(counts, NULL, .workers = workers,
				   .abandon = true)));
	sem_post(&gate);
	return aw_join(held, NULL);
}

START_TEST(a_call_in_the_queue_can_be_taken_back)
{
	ck_assert_int_eq(aw_workers_new(&workers, 1), 0);
	ck_assert_int_eq(aw_run(interrupts, NULL), 0);
	ck_assert_str_eq(noted, "late ETIME; queued ECANCELED; EINVAL; ");
	ck_assert_int_eq(n_calls, 1);
	aw_workers_free(workers);
}
END_TEST

static int
frees_amid(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	for (int i = 0; i < 5; i++)
		AW_TRY(aw_go(&group, calls, "held"));
	AW_TRY(aw_yield());
	take(&began);
	aw_workers_freep(&workers);
	for (int i = 0; i < 5; i++)
		sem_post(&gate);
	return aw_group_wait(&group);
}

START_TEST(what_was_begun_or_queued_ends_after_the_class_was_freed)
{
	ck_assert_int_eq(aw_workers_new(&workers, 1), 0);
	ck_assert_int_eq(aw_run(frees_amid, NULL), 0);
	ck_assert_int_eq(n_calls, 5);
}
END_TEST

static int
call_in_child(void)
{
	return aw_run(many_call, NULL) == 0 ? 0 : 1;
}

START_TEST(a_child_of_fork_has_threads_of_its_own)
{
	ck_assert_int_eq(aw_workers_new(&workers, 1), 0);
	ck_assert_int_eq(aw_run(many_call, NULL), 0);
	ck_assert(ended(in_child(false, call_in_child), 0));
	ck_assert_int_eq(aw_run(many_call, NULL), 0);
	aw_workers_free(workers);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("workers");
	TCase *tcase = tcase_create("all");
	bool child_may_have_threads = true;

#ifdef AW__TSAN
	child_may_have_threads = false;
#endif
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, no_more_run_at_once_than_the_class_has_threads);
	tcase_add_test(tcase, a_class_that_grows_runs_more_at_once);
	tcase_add_test(tcase, what_cannot_be_is_refused);
	tcase_add_test(tcase, a_call_in_the_queue_can_be_taken_back);
	tcase_add_test(tcase,
		       what_was_begun_or_queued_ends_after_the_class_was_freed);
	if (child_may_have_threads)
		tcase_add_test(tcase, a_child_of_fork_has_threads_of_its_own);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
