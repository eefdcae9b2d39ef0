/* SPDX-License-Identifier: MIT */
/*
 * lib/offload.c: values and details that come back from a thread, and what a
 * cancel means before, during and after the call.
 */
#include <semaphore.h>
#include <stdatomic.h>

#include <await/driver.h>
#include <await/offload.h>

#include "failmalloc.h"
#include "job.h"
#include "tasks.h"

static sem_t began, gate;
static atomic_int n_calls;
static pthread_t loop_thread;

static void
setup(void)
{
	sem_init(&began, 0, 0);
	sem_init(&gate, 0, 0);
	atomic_store(&n_calls, 0);
	loop_thread = pthread_self();
}

static void
take(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

/* --- Values ------------------------------------------------------------ */

static int
doubles(void *arg)
{
	int *n = arg;

	if (pthread_equal(pthread_self(), loop_thread))
		return -EDEADLK;
	*n *= 2;
	return *n;
}

static int
fails_with_detail(void *arg)
{
	(void)arg;
	return aw_fail(-EIO, "sector %d", 7);
}

static int
fails_silently(void *arg)
{
	(void)arg;
	return -ENOSPC;
}

static int
fails_with_another(void *arg)
{
	(void)arg;
	aw_ignore(aw_fail(-EIO, "sector 8"));
	return -ENOSPC;
}

static int
null_is_null(void *arg)
{
	return arg == NULL;
}

static int
gets_values(void *arg)
{
	int n = 21, r;

	(void)arg;
	r = aw_offload(doubles, &n);
	note("%d %d", r, n);
	note("%d", aw_offload(null_is_null, NULL));
	note("%s", name(aw_offload(NULL, NULL)));
	r = aw_offload(fails_with_detail, NULL);
	note("%s %s", name(r), aw_error()->message);
	r = aw_offload(fails_silently, NULL);
	note("%s %s", name(r), aw_error()->message);
	r = aw_offload(fails_with_another, NULL);
	note("%s %d %s", name(r), aw_error()->code == r, aw_error()->message);
	return 0;
}

START_TEST(the_value_and_the_detail_come_back)
{
	ck_assert_int_eq(run_tasks(gets_values, NULL), 0);
	ck_assert_str_eq(noted, "42 42; 1; EINVAL; EIO sector 7; "
			 "ENOSPC No space left on device; "
			 "ENOSPC 1 No space left on device; ");
	ck_assert_int_eq(aw_offload(doubles, NULL), AW_EUSAGE);
}
END_TEST

struct block {
	int n;
	char text[100];
};

static int
fills(void *copy)
{
	struct block *block = copy;

	block->n++;
	snprintf(block->text, sizeof block->text, "from the thread");
	return block->n;
}

static int
copies(void *arg)
{
	static char big[64 * 1024 + 1];
	struct block block = { .n = 4 };
	int r;

	(void)arg;
	r = aw_offload_copy(fills, &block);
	note("%d %d %s", r, block.n, block.text);
	note("%s", name(aw_offload_copy(fills, &big)));
	note("%s", name(aw_offload_copy_with(fills, big, 0, NULL)));
	return 0;
}

START_TEST(a_copy_is_copied_back)
{
	ck_assert_int_eq(run_tasks(copies, NULL), 0);
	ck_assert_str_eq(noted, "5 5 from the thread; EINVAL; EINVAL; ");
}
END_TEST

/* --- Cancels ----------------------------------------------------------- */

static int
holds(void *arg)
{
	int *n = arg;

	atomic_fetch_add(&n_calls, 1);
	sem_post(&began);
	take(&gate);
	if (n)
		*n = 1;
	return 5;
}

static int
offloads(void *arg)
{
	int done = 0, r;

	(void)arg;
	aw_ignore(aw_fail(-EDOM, "an earlier failure"));
	r = aw_offload(holds, &done);
	note("%d, done %d, detail %s", r, done, aw_error()->message);
	note("then %s", name(aw_sleep(1)));
	return 0;
}

static int
cancels_running(void *arg)
{
	struct aw_task *task = aw_spawn("offloads", offloads, NULL);

	(void)arg;
	let_others_run();
	take(&began);
	aw_cancel(task, "impatience");
	let_others_run();
	note("cancelled");
	sem_post(&gate);
	return aw_join(task, NULL);
}

START_TEST(a_call_that_runs_is_waited_for_and_the_cancel_stays)
{
	ck_assert_int_eq(run_tasks(cancels_running, NULL), 0);
	ck_assert_str_eq(noted, "cancelled; 5, done 1, "
			 "detail an earlier failure; then ECANCELED; ");
}
END_TEST

struct late {
	double limit;
	bool over;
};

static int
offloads_late(void *arg)
{
	struct late *late = arg;
	int done = 0, r;

	AW_TIMEOUT(late->limit);
	r = aw_offload(holds, &done);
	note("%d, done %d", r, done);
	note("then %s", name(aw_check()));
	late->over = true;
	return 0;
}

static bool
has_begun(const struct late *late)
{
	while (sem_trywait(&began) != 0) {
		if (late->over)
			return false;
		aw_ignore(aw_sleep(0.001));
	}
	return true;
}

/* The real clock: the test clock would stand still beside a job. A deadline
 * that passes before the thread has begun is another case: try a later one. */
static int
deadline_passes(void *arg)
{
	struct late late = { .limit = 0.01 };
	struct aw_task *task = aw_spawn("offloads", offloads_late, &late);

	(void)arg;
	while (!has_begun(&late)) {
		AW_TRY(aw_join(task, NULL));
		forget_notes();
		late = (struct late){ .limit = late.limit * 4 };
		task = aw_spawn("offloads", offloads_late, &late);
	}
	AW_TRY(aw_sleep(late.limit + 0.05));
	note("%zu", n_noted);
	sem_post(&gate);
	return aw_join(task, NULL);
}

START_TEST(a_deadline_does_not_end_a_call_that_runs)
{
	forget_notes();
	ck_assert_int_eq(aw_run(deadline_passes, NULL), 0);
	ck_assert_str_eq(noted, "0; 5, done 1; then ETIME; ");
}
END_TEST

/* Fills the class, so that further calls stay in the queue. */
static int
fill(struct aw_task *task[], int n)
{
	for (int i = 0; i < n; i++) {
		task[i] = aw_spawn("holds", offloads, NULL);
		if (!task[i])
			return aw_error()->code;
	}
	let_others_run();
	return 0;
}

static int
queued_cancelled(void *arg)
{
	(void)arg;
	note("queued %s", name(aw_offload(holds, NULL)));
	return 0;
}

static int
queued_late(void *arg)
{
	(void)arg;
	AW_TIMEOUT(0.01);
	note("late %s", name(aw_offload(holds, NULL)));
	return 0;
}

static int
cancels_queued(void *arg)
{
	struct aw_task *holders[AW__JOB_THREADS], *a, *b;
	unsigned idle;
	int n;

	(void)arg;
	AW_TRY(fill(holders, AW__JOB_THREADS));
	n = (int)aw__job_threads(AW_JOBS_GENERAL, &idle);
	for (int i = 0; i < n; i++)
		take(&began);
	a = aw_spawn("queued", queued_cancelled, NULL);
	b = aw_spawn("late", queued_late, NULL);
	let_others_run();
	aw_cancel(a, "impatience");
	AW_TRY(aw_join(a, NULL));
	AW_TRY(aw_join(b, NULL));
	for (int i = 0; i < AW__JOB_THREADS; i++)
		sem_post(&gate);
	for (int i = 0; i < AW__JOB_THREADS; i++)
		AW_TRY(aw_join(holders[i], NULL));
	return 0;
}

START_TEST(a_call_that_waits_for_a_thread_is_taken_back)
{
	forget_notes();
	ck_assert_int_eq(aw_run(cancels_queued, NULL), 0);
	ck_assert_ptr_nonnull(strstr(noted, "queued ECANCELED; late ETIME; "));
	ck_assert_int_eq(n_calls, AW__JOB_THREADS);
}
END_TEST

static int
begins_cancelled(void *arg)
{
	(void)arg;
	AW_SCOPE(mine);
	aw_scope_cancel(&mine, "never mind");
	note("%s", name(aw_offload(holds, NULL)));
	return 0;
}

START_TEST(a_cancelled_scope_calls_nothing)
{
	ck_assert_int_eq(run_tasks(begins_cancelled, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ");
	ck_assert_int_eq(n_calls, 0);
}
END_TEST

/* --- Short of memory --------------------------------------------------- */

static int
short_of_memory(void *arg)
{
	int n = 21;

	(void)arg;
	AW_TRY(aw_offload(doubles, &n));
	fail_only(0);
	note("%s", name(aw_offload(doubles, &n)));
	note("refused %d, n %d", fail_stop(), n);
	return 0;
}

START_TEST(without_memory_nothing_is_called)
{
	ck_assert_int_eq(run_tasks(short_of_memory, NULL), 0);
	ck_assert_str_eq(noted, "ENOMEM; refused 1, n 42; ");
}
END_TEST

static int
one_of_many(void *arg)
{
	return doubles(arg) / 2;
}

static int
many(void *arg)
{
	int n = (int)(intptr_t)arg, sum = 0;

	for (int i = 0; i < 100; i++) {
		int value = n + i, r = aw_offload(one_of_many, &value);

		sum += r == n + i && value == 2 * (n + i);
	}
	return sum == 100 ? 0 : -EIO;
}

static int
many_tasks(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	for (intptr_t i = 0; i < 50; i++)
		AW_TRY(aw_go(&group, many, (void *)(i * 1000)));
	return aw_group_wait(&group);
}

START_TEST(every_caller_gets_its_own_value)
{
	ck_assert_int_eq(run_tasks(many_tasks, NULL), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("offload");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, the_value_and_the_detail_come_back);
	tcase_add_test(tcase, a_copy_is_copied_back);
	tcase_add_test(tcase,
		       a_call_that_runs_is_waited_for_and_the_cancel_stays);
	tcase_add_test(tcase, a_deadline_does_not_end_a_call_that_runs);
	tcase_add_test(tcase, a_call_that_waits_for_a_thread_is_taken_back);
	tcase_add_test(tcase, a_cancelled_scope_calls_nothing);
	tcase_add_test(tcase, without_memory_nothing_is_called);
	tcase_add_test(tcase, every_caller_gets_its_own_value);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
