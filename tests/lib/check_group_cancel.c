/* SPDX-License-Identifier: MIT */
/* lib/group.c: scopes around a group, leaving it, stopping it. */
#include "group_jobs.h"

/* --- Waiting ----------------------------------------------------------- */

static int
left_behind(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(go(&group, "a", 5, 0));
	AW_TRY(go(&group, "b", 5, 0));
	AW_TRY(aw_sleep(1));
	return 3;
}

static int
leaves(void *arg)
{
	note("%d", left_behind(arg));
	note("%s", name(aw_yield()));
	return 0;
}

START_TEST(leaving_the_block_cancels_and_joins)
{
	ck_assert_int_eq(run_tasks(leaves, NULL), 0);
	ck_assert_str_eq(noted, "b ECANCELED; a ECANCELED; 3; ok; ");
}
END_TEST

static int
child_says_why(void *arg)
{
	(void)arg;
	aw_ignore(aw_sleep(100));
	note("%s", aw_cancel_reason());
	return 0;
}

static int
reasons(void *arg)
{
	(void)arg;
	{
		AW_GROUP(group);
		AW_TRY(aw_go(&group, child_says_why, NULL));
		AW_TRY(aw_sleep(1));
	}
	{
		AW_GROUP(group);
		AW_TRY(aw_go(&group, child_says_why, NULL));
		AW_TRY(aw_sleep(1));
		aw_group_stop(&group);
		AW_TRY(aw_group_wait(&group));
	}
	return 0;
}

START_TEST(children_can_read_why_they_are_cancelled)
{
	ck_assert_int_eq(run_tasks(reasons, NULL), 0);
	ck_assert_str_eq(noted, "the group was left; the group was stopped; ");
}
END_TEST

/* --- Scopes around it -------------------------------------------------- */

static int
outer_scope(void *arg)
{
	AW_TIMEOUT(2);
	AW_GROUP(group);

	(void)arg;
	{
		AW_TIMEOUT(0.5);	/* not the children's */
		AW_TRY(go(&group, "a", 1, 0));
		AW_TRY(go(&group, "b", 3, 0));
	}
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(children_live_under_the_scopes_around_the_group)
{
	ck_assert_int_eq(run_tasks(outer_scope, NULL), 0);
	ck_assert_str_eq(noted, "a ok; b ETIME; ETIME; ");
}
END_TEST

static int
cancelled_around(void *arg)
{
	int r;

	(void)arg;
	AW_SCOPE(outer);
	{
		AW_GROUP(group);
		AW_TRY(go(&group, "a", 1, 0));
		aw_scope_cancel(&outer, "test");
		r = aw_group_wait(&group);
		note("%s %s", name(r), aw_error()->reason);
	}
	return 0;
}

START_TEST(a_cancel_around_the_group_is_its_result)
{
	ck_assert_int_eq(run_tasks(cancelled_around, NULL), 0);
	ck_assert_str_eq(noted, "a ECANCELED; ECANCELED test; ");
}
END_TEST

static int
cancel_own(void *arg)
{
	(void)arg;
	AW_SCOPE(scope);
	aw_scope_cancel(&scope, "own");
	return aw_sleep(1);
}

static int
own_cancel(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, cancel_own, NULL));
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(a_child_that_cancelled_itself_has_failed)
{
	ck_assert_int_eq(run_tasks(own_cancel, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ");
}
END_TEST

static struct aw_task *child;

static int
be_cancelled(void *arg)
{
	(void)arg;
	child = aw_self();
	return aw_sleep(100);
}

static int
one_cancelled(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, be_cancelled, NULL));
	AW_TRY(go(&group, "a", 2, 0));
	AW_TRY(aw_sleep(1));
	aw_cancel(child, "only this one");
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(a_child_that_was_cancelled_is_no_failure)
{
	ck_assert_int_eq(run_tasks(one_cancelled, NULL), 0);
	ck_assert_str_eq(noted, "a ok; ok; ");
}
END_TEST

static int
slow_end(void *arg)
{
	(void)arg;
	note("%s", name(aw_sleep(100)));
	{
		AW_SHIELD(10);
		note("%s", name(aw_sleep(2)));
	}
	return 0;
}

static int
never_left_early(void *arg)
{
	double begin = aw_now();

	(void)arg;
	AW_TIMEOUT(1);
	{
		AW_GROUP(group);
		AW_TRY(aw_go(&group, slow_end, NULL));
		note("%s", name(aw_group_wait(&group)));
	}
	note("%g", since(begin));
	return 0;
}

/* Children point into the frame: it stays until they have ended. */
START_TEST(a_group_is_joined_to_the_end_also_under_a_deadline)
{
	ck_assert_int_eq(run_tasks(never_left_early, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; ok; ok; 3; ");
}
END_TEST

/* --- Stopping ---------------------------------------------------------- */

static int
stops(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(go(&group, "a", 1, 0));
	AW_TRY(go(&group, "b", 100, 0));
	{
		AW_SHIELD(9);	/* hides the cancel of the group from here */
		AW_TRY(aw_sleep(2));
		aw_group_stop(&group);
		aw_group_stop(&group);
		note("%s", name(go(&group, "c", 1, 0)));
	}
	note("%s", name(aw_group_wait(&group)));
	note("%s", name(aw_yield()));
	return 0;
}

START_TEST(a_stopped_group_ends_early_without_a_failure)
{
	ck_assert_int_eq(run_tasks(stops, NULL), 0);
	ck_assert_str_eq(noted, "a ok; ECLOSED; b ECANCELED; ok; ok; ");
}
END_TEST

static int
first_wins(void *arg)
{
	AW_GROUP(group, .first = true);

	(void)arg;
	AW_TRY(go(&group, "a", 3, 0));
	AW_TRY(go(&group, "b", 1, -EIO));
	AW_TRY(go(&group, "c", 2, 0));
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

static int
none_wins(void *arg)
{
	AW_GROUP(group, .first = true);

	(void)arg;
	AW_TRY(go(&group, "a", 2, -EPIPE));
	AW_TRY(go(&group, "b", 1, -EIO));
	note("%s", name(aw_group_wait(&group)));
	note("%s", aw_error()->message);
	return 0;
}

START_TEST(with_first_the_first_success_ends_the_group)
{
	ck_assert_int_eq(run_tasks(first_wins, NULL), 0);
	ck_assert_str_eq(noted, "b ok; c ok; a ECANCELED; ok; ");
	ck_assert_int_eq(run_tasks(none_wins, NULL), 0);
	ck_assert_str_eq(noted, "b ok; a ok; EIO; b failed; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("group_cancel");
	TCase *cancel = tcase_create("cancel");

	tcase_add_test(cancel, leaving_the_block_cancels_and_joins);
	tcase_add_test(cancel, children_can_read_why_they_are_cancelled);
	tcase_add_test(cancel, children_live_under_the_scopes_around_the_group);
	tcase_add_test(cancel, a_cancel_around_the_group_is_its_result);
	tcase_add_test(cancel, a_child_that_cancelled_itself_has_failed);
	tcase_add_test(cancel, a_child_that_was_cancelled_is_no_failure);
	tcase_add_test(cancel,
		       a_group_is_joined_to_the_end_also_under_a_deadline);
	tcase_add_test(cancel, a_stopped_group_ends_early_without_a_failure);
	tcase_add_test(cancel, with_first_the_first_success_ends_the_group);
	suite_add_tcase(suite, cancel);
	return suite_run(suite);
}
