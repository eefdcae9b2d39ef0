/* SPDX-License-Identifier: MIT */
/* lib/group.c: joining, failing, copies, and children as they finish. */
#include "group_jobs.h"

/* --- Waiting ----------------------------------------------------------- */

static int
all_well(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(go(&group, "a", 2, 0));
	AW_TRY(go(&group, "b", 1, 5));
	note("%s", name(aw_group_wait(&group)));
	note("%s", name(aw_group_wait(&group)));
	note("%s", name(go(&group, "c", 1, 0)));
	return 0;
}

START_TEST(wait_joins_all_children)
{
	ck_assert_int_eq(run_tasks(all_well, NULL), 0);
	ck_assert_str_eq(noted, "b ok; a ok; ok; ok; ECLOSED; ");
}
END_TEST

static int
one_fails(void *arg)
{
	double begin = aw_now();
	AW_GROUP(group);

	(void)arg;
	AW_TRY(go(&group, "a", 5, 0));
	AW_TRY(go(&group, "b", 1, -EIO));
	AW_TRY(go(&group, "c", 9, -EPIPE));
	note("%s", name(aw_group_wait(&group)));
	note("%s at %g", aw_error()->message, since(begin));
	note("%s", name(aw_yield()));
	return 0;
}

START_TEST(the_first_failure_cancels_the_others_and_is_the_result)
{
	ck_assert_int_eq(run_tasks(one_fails, NULL), 0);
	ck_assert_str_eq(noted, "b ok; c ECANCELED; a ECANCELED; EIO; "
			 "b failed at 1; ok; ");
}
END_TEST

static int
fails_in_silence(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, give, (void *)(intptr_t)-EIO));
	note("%s", name(aw_group_wait(&group)));
	note("%s", name(aw_error()->code));
	return 0;
}

static int
other_failure(void *arg)
{
	(void)arg;
	aw_fail(-ENOENT, "something else");
	return -EIO;
}

static int
fails_with_another(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, other_failure, NULL));
	note("%s", name(aw_group_wait(&group)));
	note("%s", aw_error()->message);
	return 0;
}

START_TEST(a_child_that_fails_without_a_detail_fails_the_group)
{
	ck_assert_int_eq(run_tasks(fails_in_silence, NULL), 0);
	ck_assert_str_eq(noted, "EIO; EIO; ");
	ck_assert_int_eq(run_tasks(fails_with_another, NULL), 0);
	ck_assert_str_eq(noted, "EIO; Input/output error; ");
}
END_TEST

/* --- Arguments --------------------------------------------------------- */

static int
note_index(void *arg)
{
	AW_TRY(aw_yield());
	note("%d", *(int *)arg);
	return 0;
}

static int
copies(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_go_copy(&group, note_index, &i));
	return aw_group_wait(&group);
}

START_TEST(go_copy_gives_each_child_its_own_value)
{
	ck_assert_int_eq(run_tasks(copies, NULL), 0);
	ck_assert_str_eq(noted, "0; 1; 2; ");
}
END_TEST

static int
no_start(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	note("%s", name(aw_go(&group, NULL, NULL)));
	note("%s", name(aw_go_copy(&group, NULL, &group.status)));
	note("%s", name(aw_go(&group, no_start, NULL, .stack = -1)));
	return aw_group_wait(&group);
}

START_TEST(a_child_needs_a_function_and_a_stack)
{
	ck_assert_int_eq(run_tasks(no_start, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EINVAL; ");
}
END_TEST

/* --- Reports ----------------------------------------------------------- */

static int
reports(void *arg)
{
	static struct job jobs[] = {
		{ "a", 3, 0 }, { "b", 1, -EIO }, { "c", 2, 7 }
	};
	struct aw_done done;
	AW_GROUP(group, .collect = true);
	int r;

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(jobs); i++)
		AW_TRY(aw_go(&group, work, &jobs[i]));
	AW_TRY(aw_sleep(1.5));		/* b has ended: reported all the same */
	while ((r = aw_group_next(&group, &done)) > 0)
		note("%s: %d %s", ((struct job *)done.arg)->name, done.status,
		     done.error ? done.error->message : "-");
	note("%d", r);
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(next_reports_children_as_they_finish)
{
	ck_assert_int_eq(run_tasks(reports, NULL), 0);
	ck_assert_str_eq(noted, "b ok; b: -5 b failed; c ok; c: 7 -; a ok; "
			 "a: 0 -; 0; EIO; ");
}
END_TEST

static int
next_fails(void *arg)
{
	struct aw_done done;
	AW_GROUP(group);
	int r;

	(void)arg;
	AW_TRY(go(&group, "a", 1, 0));
	AW_TRY(go(&group, "b", 2, -EIO));
	AW_TRY(go(&group, "c", 3, 0));
	note("next %d", aw_group_next(&group, &done));
	r = aw_group_next(&group, &done);
	note("next %s %s", name(r), aw_error()->message);
	note("wait %s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(next_returns_the_failure_that_ended_the_group)
{
	ck_assert_int_eq(run_tasks(next_fails, NULL), 0);
	ck_assert_str_eq(noted, "a ok; next 1; b ok; next EIO b failed; "
			 "c ECANCELED; wait EIO; ");
}
END_TEST

static int
next_in_time(void *arg)
{
	struct aw_done done;
	AW_GROUP(group);

	(void)arg;
	AW_TRY(go(&group, "a", 3, 0));
	{
		AW_TIMEOUT(1);
		note("%s", name(aw_group_next(&group, &done)));
	}
	note("%d", aw_group_next(&group, &done));
	note("%d", aw_group_next(&group, &done));
	return aw_group_wait(&group);
}

START_TEST(an_interrupted_next_keeps_the_children)
{
	ck_assert_int_eq(run_tasks(next_in_time, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; a ok; 1; 0; ");
}
END_TEST

static int
collects(void *arg)
{
	AW_GROUP(group, .collect = true);

	(void)arg;
	AW_TRY(go(&group, "a", 1, -EIO));
	AW_TRY(go(&group, "b", 2, -EPIPE));
	AW_TRY(go(&group, "c", 3, 0));
	note("%s", name(aw_group_wait(&group)));
	note("%s", aw_error()->message);
	return 0;
}

START_TEST(with_collect_a_failure_cancels_nobody)
{
	ck_assert_int_eq(run_tasks(collects, NULL), 0);
	ck_assert_str_eq(noted, "a ok; b ok; c ok; EIO; a failed; ");
}
END_TEST

static struct aw_task *kid;

static int
shows_itself(void *arg)
{
	(void)arg;
	kid = aw_self();
	return 5;
}

static int
takes_child(void *arg)
{
	AW_GROUP(group, .collect = true);
	struct aw_case cases[1];
	struct aw_done done = { .status = -1 };

	(void)arg;
	AW_TRY(aw_go(&group, shows_itself, NULL));
	let_others_run();
	cases[0] = AW_CASE_TASK(kid);
	note("%s", name(aw_join(kid, NULL)));
	note("%s", aw_error()->message);
	note("%s", name(aw_select(cases, 1)));
	aw_task_release(kid);
	note("%d", aw_group_next(&group, &done));
	note("%d", done.status);
	return aw_group_wait(&group);
}

START_TEST(a_child_cannot_be_joined_or_released_by_its_address)
{
	ck_assert_int_eq(run_tasks(takes_child, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; aw_join: 'shows_itself' is a child "
			 "of a group, which joins it; EINVAL; 1; 5; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("group");
	TCase *basic = tcase_create("basic");
	TCase *next = tcase_create("next");

	tcase_add_test(basic, wait_joins_all_children);
	tcase_add_test(basic,
		       the_first_failure_cancels_the_others_and_is_the_result);
	tcase_add_test(basic,
		       a_child_that_fails_without_a_detail_fails_the_group);
	tcase_add_test(basic, go_copy_gives_each_child_its_own_value);
	tcase_add_test(basic, a_child_needs_a_function_and_a_stack);
	tcase_add_test(basic, with_collect_a_failure_cancels_nobody);
	tcase_add_test(next, next_reports_children_as_they_finish);
	tcase_add_test(next, next_returns_the_failure_that_ended_the_group);
	tcase_add_test(next,
		       a_child_cannot_be_joined_or_released_by_its_address);
	tcase_add_test(next, an_interrupted_next_keeps_the_children);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, next);
	return suite_run(suite);
}
