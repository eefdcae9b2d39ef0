/* SPDX-License-Identifier: MIT */
/*
 * As check_torture.c: selects, starts with readiness, services, results and
 * task-locals, with one task cancelled or out of time at each moment, and
 * with each allocation refused. Whatever happens:
 *
 *	items put = items got + items left, and no waiter is left in a line,
 *	results and values of locals are destroyed once each,
 *	a service never ends before the children that it is for.
 */
#include "failmalloc.h"
#include "tasks.h"

#define MOMENTS 48
#define ROUNDS 3

static struct aw_queue *queue;
static struct aw_event event;
static int n_put, n_got, n_results, n_values, n_children, n_odd;
static int n_begun, n_ended;

static void
drop_result(void *result)
{
	(void)result;
	n_results--;
}

static void
drop_value(void *value)
{
	(void)value;
	n_values--;
}

static struct aw_local local = { .inherit = true, .dtor = drop_value };

/* --- The workers ------------------------------------------------------- */

static int
selects_get(void)
{
	int item = 0, i;

	for (int round = 0; round < ROUNDS; round++) {
		struct aw_case cases[] = { AW_CASE_EVENT(&event),
					   AW_CASE_GET(queue, &item),
					   AW_CASE_UNTIL(aw_now() + 0.5) };

		i = aw_select(cases, AW_LENGTH(cases));
		if (i < 0)
			return i;
		n_got += i == 1;
	}
	return 0;
}

static int
selects_put(void)
{
	int item = 1, i;

	for (int round = 0; round < ROUNDS; round++) {
		struct aw_case cases[] = { AW_CASE_PUT(queue, &item),
					   AW_CASE_UNTIL(aw_now() + 0.7) };

		i = aw_select(cases, AW_LENGTH(cases));
		if (i < 0)
			return i;
		n_put += i == 0;
		AW_TRY(aw_sleep(0.2));
	}
	return 0;
}

static int
sets(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		AW_TRY(aw_sleep(0.6));
		aw_event_set(&event);
		AW_TRY(aw_yield());
		aw_event_clear(&event);
	}
	return 0;
}

static int
gives(void *arg)
{
	int r = aw_sleep(0.8);

	n_results++;
	aw_ignore(aw_task_result_set(arg, drop_result));
	n_ended++;
	return r;
}

static int
joins(void)
{
	struct aw_task *task = aw_spawn("gives", gives, &event);
	struct aw_case cases[] = { AW_CASE_TASK(task),
				   AW_CASE_UNTIL(HUGE_VAL) };
	void *result = NULL;
	int r;

	if (!task)
		return aw_error()->code;
	n_begun++;
	r = aw_select(cases, AW_LENGTH(cases));
	if (r == 0)
		r = aw_join_result(task, NULL, &result);
	if (r < 0)
		aw_task_release(task);
	else
		drop_result(result);
	n_odd += r >= 0 && result != &event;
	return r;
}

static int
serves(void *arg)
{
	int r = aw_sleep(0.3);

	if (r == 0)
		r = aw_started(arg);
	if (r == 0)
		r = aw_sleep(1000);
	n_odd += n_children != 0 && r != AW_ECANCELED;
	n_odd += n_children != 0 && aw_local_get(&local) == NULL;
	return r;
}

static int
is_served(void *arg)
{
	int r = aw_sleep(0.4);

	n_odd += aw_local_get(&local) != arg;
	n_children--;
	return r;
}

static int
starts(void)
{
	void *value = NULL;
	int r;
	AW_GROUP(group, .limit = 1);

	n_values++;
	r = aw_local_set(&local, &n_odd);
	if (r < 0)
		n_values--;
	AW_TRY(r);
	AW_TRY(aw_go_ready(&group, &value, serves, &event, .service = true));
	n_odd += value != &event;
	for (int i = 0; i < 2; i++) {
		AW_TRY(aw_go(&group, is_served, &n_odd));
		n_children++;
	}
	return aw_group_wait(&group);
}

static int (*const kinds[])(void) = {
	selects_get, selects_get, selects_put, selects_put, sets, joins, starts
};

#define N_KINDS AW_LENGTH(kinds)

/* --- One run ----------------------------------------------------------- */

static size_t victim;
static int moment, n_victims_done;
static bool by_time;
static struct aw_task *workers[N_KINDS];

static double
moment_seconds(void)
{
	return moment / 8 * 0.5;
}

static int
worker(void *arg)
{
	size_t kind = *(size_t *)arg;
	int r;

	workers[kind] = aw_self();
	if (by_time && kind == victim) {
		AW_TIMEOUT(moment_seconds() + moment % 8 * 0.1);
		r = kinds[kind]();
	} else {
		r = kinds[kind]();
	}
	n_victims_done += kind == victim;
	workers[kind] = NULL;
	return r;
}

static int
cancels(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(moment_seconds()));
	for (int i = 0; i < moment % 8; i++)
		AW_TRY(aw_yield());
	if (workers[victim])
		aw_cancel(workers[victim], "torture");
	return 0;
}

static int
world(void *arg)
{
	AW_GROUP(group, .collect = true);

	(void)arg;
	for (size_t kind = 0; kind < N_KINDS; kind++)
		AW_TRY(aw_go_copy(&group, worker, &kind));
	if (!by_time)
		AW_TRY(aw_go(&group, cancels, NULL));
	return aw_group_wait(&group);
}

static void
begin(void)
{
	event = (struct aw_event){ 0 };
	n_put = n_got = n_results = n_values = n_children = n_odd = 0;
	n_begun = n_ended = n_victims_done = 0;
	ck_assert_int_eq(aw_queue_new(&queue, sizeof(int), 1), 0);
}

static void
check_end(void)
{
	ck_assert_int_eq(n_put, n_got + (int)aw_queue_size(queue));
	ck_assert_ptr_null(event.waiters.head);
	ck_assert_int_eq(n_results, 0);
	ck_assert_int_eq(n_values, 0);
	ck_assert_int_eq(n_children, 0);
	ck_assert_int_eq(n_begun, n_ended);
	ck_assert_int_eq(n_odd, 0);
	aw_queue_freep(&queue);
}

static void
run_moments(void)
{
	const char *text = getenv("AWAIT_TEST_SEEDS");
	unsigned n_seeds = text ? (unsigned)strtoul(text, NULL, 10) : 3;

	for (unsigned seed = 0; seed < n_seeds; seed++)
		for (moment = 0; moment < MOMENTS; moment++) {
			begin();
			aw_ignore(aw_run(world, NULL, .test_clock = true,
					 .no_signals = true, .seed = seed));
			ck_assert_int_eq(n_victims_done, 1);
			check_end();
		}
}

/* --- The tests --------------------------------------------------------- */

START_TEST(a_cancel_at_any_moment_loses_nothing)
{
	victim = (size_t)_i;
	run_moments();
}
END_TEST

START_TEST(a_deadline_at_any_moment_loses_nothing)
{
	victim = (size_t)_i;
	by_time = true;
	run_moments();
}
END_TEST

START_TEST(a_refused_allocation_loses_nothing)
{
	unsigned long n = 0;

	victim = N_KINDS;
	by_time = true;
	do {
		begin();
		if (_i == 0)
			fail_only(n++);
		else
			fail_from(n++);
		aw_ignore(aw_run(world, NULL, .test_clock = true,
				 .no_signals = true));
		aw__mem_hook(NULL);
		check_end();
	} while (fail_n_asked > fail_at);
	ck_assert_uint_gt(n, 5);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torture_select");
	TCase *torture = tcase_create("torture");

	tcase_add_loop_test(torture, a_cancel_at_any_moment_loses_nothing, 0,
			    (int)N_KINDS);
	tcase_add_loop_test(torture, a_deadline_at_any_moment_loses_nothing, 0,
			    (int)N_KINDS);
	tcase_add_loop_test(torture, a_refused_allocation_loses_nothing, 0, 2);
	suite_add_tcase(suite, torture);
	return suite_run(suite);
}
