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
#include "torture.h"

#define ROUNDS 3

static struct aw_queue *queue;
static struct aw_event event;
static int n_put, n_got, n_results, n_values, n_children, n_odd;

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

/* --- One run ----------------------------------------------------------- */

static void
reset(void)
{
	event = (struct aw_event){ 0 };
	n_put = n_got = n_results = n_values = n_children = n_odd = 0;
	ck_assert_int_eq(aw_queue_new(&queue, sizeof(int), 1), 0);
}

static void
assert_nothing_lost(void)
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

static const struct torture torture = {
	kinds, AW_LENGTH(kinds), .moments = 48, .turn = 0.1,
	.begin = reset, .check = assert_nothing_lost,
};

int
main(void)
{
	Suite *suite = suite_create("torture_select");
	TCase *all = tcase_create("torture");

	add_torture(all);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
