/* SPDX-License-Identifier: MIT */
/* lib/gather.c: results in the order of the calls, failures, limits. */
#include "failmalloc.h"
#include "tasks.h"

struct job {
	double seconds;
	int status;
};

static int
work(void *arg)
{
	const struct job *job = arg;

	AW_TRY(aw_sleep(job->seconds));
	if (job->status < 0)
		return aw_fail(job->status, "after %g s", job->seconds);
	return job->status;
}

static void
note_calls(const struct aw_call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		note("%zu: %s %s", i, name(calls[i].status),
		     aw_call_error(&calls[i])
			     ? aw_call_error(&calls[i])->message : "-");
}

static int
in_order(void *arg)
{
	struct job jobs[] = { { 3, 30 }, { 1, 10 }, { 2, 0 } };
	struct aw_call calls[] = {
		{ .fn = work, .arg = &jobs[0] },
		{ .fn = work, .arg = &jobs[1] },
		{ .fn = work, .arg = &jobs[2] }
	};
	double begin = aw_now();

	(void)arg;
	note("%s", name(aw_gather(calls, 3)));
	note("%d %d %d at %g", calls[0].status, calls[1].status,
	     calls[2].status, since(begin));
	note("%s", name(aw_gather(calls, 0)));
	return 0;
}

START_TEST(results_are_in_the_order_of_the_calls)
{
	ck_assert_int_eq(run_tasks(in_order, NULL), 0);
	ck_assert_str_eq(noted, "ok; 30 10 0 at 3; ok; ");
}
END_TEST

/* A status of 0 that the caller left there would look like a success. */
static int
never_begun(void *arg)
{
	struct aw_call calls[] = { AW_CALL(work, NULL), AW_CALL(work, NULL) };

	(void)arg;
	{
		AW_TIMEOUT(0);
		note("%s", name(aw_gather(calls, 2, .keep_going = true)));
		note_calls(calls, 2);
	}
	calls[0].status = calls[1].status = 0;
	calls[1].fn = NULL;
	note("%s", name(aw_gather(calls, 2)));
	note_calls(calls, 2);
	return 0;
}

START_TEST(a_gather_that_does_not_begin_says_so_of_each_call)
{
	ck_assert_int_eq(run_tasks(never_begun, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; 0: ECANCELED -; 1: ECANCELED -; "
			 "EINVAL; 0: ECANCELED -; 1: ECANCELED -; ");
}
END_TEST

static int
one_fails(void *arg)
{
	struct job jobs[] = { { 5, 0 }, { 1, 4 }, { 2, -EIO }, { 9, 0 } };
	struct aw_call calls[4];
	int r;

	(void)arg;
	for (int i = 0; i < 4; i++)
		calls[i] = (struct aw_call){ .fn = work, .arg = &jobs[i],
					     .status = 77 };
	r = aw_gather(calls, 4);
	note("%s: %s, item %d", name(r), aw_error()->message,
	     (int)aw_error()->item);
	note_calls(calls, 4);
	return 0;
}

START_TEST(the_first_failure_cancels_the_others)
{
	ck_assert_int_eq(run_tasks(one_fails, NULL), 0);
	ck_assert_str_eq(noted, "EIO: after 2 s, item 2; "
			 "0: ECANCELED the work was cancelled; 1: got -; "
			 "2: EIO after 2 s; "
			 "3: ECANCELED the work was cancelled; ");
}
END_TEST

static int
all_are_run(void *arg)
{
	struct job jobs[] = { { 3, -EPIPE }, { 1, -EIO }, { 2, 6 } };
	struct aw_call calls[3];

	(void)arg;
	for (int i = 0; i < 3; i++)
		calls[i] = (struct aw_call){ .fn = work, .arg = &jobs[i] };
	note("%s", name(aw_gather(calls, 3, .keep_going = true)));
	note_calls(calls, 3);
	note("%d", (int)aw_call_error(&calls[1])->item);
	return 0;
}

START_TEST(keep_going_runs_all_and_keeps_each_detail)
{
	ck_assert_int_eq(run_tasks(all_are_run, NULL), 0);
	ck_assert_str_eq(noted, "ok; 0: EPIPE after 3 s; 1: EIO after 1 s; "
			 "2: got -; 1; ");
}
END_TEST

static int
limited(void *arg)
{
	struct job job = { 1, 0 };
	struct aw_call calls[10];
	double begin = aw_now();

	(void)arg;
	for (int i = 0; i < 10; i++)
		calls[i] = (struct aw_call){ .fn = work, .arg = &job };
	note("%s", name(aw_gather(calls, 10, .limit = 4)));
	note("%g", since(begin));
	return 0;
}

START_TEST(a_limit_bounds_the_calls_at_a_time)
{
	ck_assert_int_eq(run_tasks(limited, NULL), 0);
	ck_assert_str_eq(noted, "ok; 3; ");
}
END_TEST

static int
not_reached(void *arg)
{
	struct job jobs[] = { { 1, -EIO }, { 1, 0 }, { 1, 0 } };
	struct aw_call calls[3];
	int r;

	(void)arg;
	for (int i = 0; i < 3; i++)
		calls[i] = (struct aw_call){ .fn = work, .arg = &jobs[i] };
	r = aw_gather(calls, 3, .limit = 1);
	note("%s %s", name(r), aw_error()->message);
	note_calls(calls, 3);
	return 0;
}

START_TEST(a_call_that_was_never_made_says_cancelled)
{
	ck_assert_int_eq(run_tasks(not_reached, NULL), 0);
	ck_assert_str_eq(noted, "EIO after 1 s; 0: EIO after 1 s; "
			 "1: ECANCELED -; 2: ECANCELED -; ");
}
END_TEST

static int
in_time(void *arg)
{
	struct job jobs[] = { { 1, 5 }, { 9, 0 } };
	struct aw_call calls[2] = { { .fn = work, .arg = &jobs[0] },
				    { .fn = work, .arg = &jobs[1] } };

	(void)arg;
	{
		AW_TIMEOUT(2);
		note("%s", name(aw_gather(calls, 2)));
		note_calls(calls, 2);
	}
	{
		AW_TIMEOUT(2);
		note("%s", name(aw_gather(calls, 2, .keep_going = true)));
	}
	{
		AW_SCOPE(scope);
		aw_scope_cancel(&scope, "test");
		note("%s", name(aw_gather(calls, 2)));
	}
	return 0;
}

START_TEST(a_deadline_and_a_cancel_end_a_gather)
{
	ck_assert_int_eq(run_tasks(in_time, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; 0: got -; 1: ETIME the deadline "
			 "passed; ETIME; ECANCELED; ");
}
END_TEST

static int
bare(void *arg)
{
	(void)arg;
	return -EPERM;
}

static int
no_detail(void *arg)
{
	struct aw_call calls[] = { { .fn = bare } };

	(void)arg;
	note("%s", name(aw_gather(calls, 1)));
	note("%s", name(aw_error()->code));
	note("%s", name(aw_call_error(&calls[0])->code));
	return 0;
}

START_TEST(a_call_that_fails_without_a_detail_fails_the_gather)
{
	ck_assert_int_eq(run_tasks(no_detail, NULL), 0);
	ck_assert_str_eq(noted, "EPERM; EPERM; EPERM; ");
}
END_TEST

static int
no_memory(void *arg)
{
	struct job job = { 0, 0 };
	struct aw_call calls[3];
	unsigned long n;
	int r, n_failed = 0;

	(void)arg;
	for (n = 0; n < 100; n++) {
		for (int i = 0; i < 3; i++)
			calls[i] = (struct aw_call){ .fn = work,
						     .arg = &job };
		fail_only(n);
		r = aw_gather(calls, 3);
		if (!fail_stop())
			break;
		n_failed += r == -ENOMEM;
		if (r != -ENOMEM)
			return -EILSEQ;
	}
	note("%d %s", n_failed > 0, name(r));
	return 0;
}

START_TEST(without_memory_a_gather_fails_whole)
{
	ck_assert_int_eq(run_tasks(no_memory, NULL), 0);
	ck_assert_str_eq(noted, "1 ok; ");
}
END_TEST

START_TEST(outside_a_task_nothing_is_gathered)
{
	struct aw_call calls[] = { { .fn = bare, .status = 3 } };

	ck_assert_int_eq(aw_gather(calls, 1), AW_EUSAGE);
	ck_assert_int_eq(calls[0].status, AW_ECANCELED);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gather");
	TCase *basic = tcase_create("basic");
	TCase *limits = tcase_create("limits");

	tcase_add_test(basic, results_are_in_the_order_of_the_calls);
	tcase_add_test(basic,
		       a_gather_that_does_not_begin_says_so_of_each_call);
	tcase_add_test(basic, the_first_failure_cancels_the_others);
	tcase_add_test(basic, keep_going_runs_all_and_keeps_each_detail);
	tcase_add_test(basic,
		       a_call_that_fails_without_a_detail_fails_the_gather);
	tcase_add_test(limits, a_limit_bounds_the_calls_at_a_time);
	tcase_add_test(limits, a_call_that_was_never_made_says_cancelled);
	tcase_add_test(limits, a_deadline_and_a_cancel_end_a_gather);
	tcase_add_test(limits, without_memory_a_gather_fails_whole);
	tcase_add_test(limits, outside_a_task_nothing_is_gathered);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
