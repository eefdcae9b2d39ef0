/* SPDX-License-Identifier: MIT */
/* lib/group.c: what a group that has ended leaves behind: cancels of the
 * user's, reports that nobody has read yet, failures that nobody asked for. */
#include "group_jobs.h"

/* --- Cancels of the user's --------------------------------------------- */

static int
cancels_its_own(void *arg)
{
	AW_GROUP(group);
	AW_SCOPE(scope);

	(void)arg;
	AW_TRY(go(&group, "child", 0, -EIO));
	note("%s", name(aw_sleep(1)));		/* the group is cancelled */
	aw_scope_cancel(&scope, "mine");
	note("%s", name(aw_group_wait(&group)));
	note("%s", name(aw_check()));
	note("%s", aw_cancel_reason());
	{
		AW_TIMEOUT(1);			/* entered below it */
		note("%s", name(aw_yield()));
	}
	return 0;
}

START_TEST(a_cancel_of_a_scope_inside_outlasts_the_groups)
{
	ck_assert_int_eq(run_tasks(cancels_its_own, NULL), 0);
	ck_assert_str_eq(noted, "child ok; ECANCELED; EIO; ECANCELED; mine; "
			 "ECANCELED; ");
}
END_TEST

static int
cancels_later(void *scope)
{
	AW_TRY(aw_sleep(2));
	aw_scope_cancel(scope, "the user pressed stop");
	return 0;
}

static int
cleans_up(void *arg)
{
	int r = aw_sleep(9);

	(void)arg;
	{
		AW_SHIELD(3);
		note("cleaned %s", name(aw_sleep(3)));
	}
	return r;
}

static int
is_cancelled_while_it_ends(void *arg)
{
	AW_GROUP(group, .first = true);

	(void)arg;
	{
		AW_SCOPE(scope);

		start("stop", cancels_later, &scope);
		AW_TRY(go(&group, "a", 1, 0));
		AW_TRY(aw_go(&group, cleans_up, NULL));
		note("%s", name(aw_group_wait(&group)));
		note("%d", aw_scope_cancelled(&scope));
		note("%s", name(aw_sleep(1)));
		note("%s", aw_error()->reason);
	}
	note("%s", name(aw_sleep(1)));
	return 0;
}

START_TEST(a_cancel_that_comes_while_a_group_ends_is_kept)
{
	ck_assert_int_eq(run_tasks(is_cancelled_while_it_ends, NULL), 0);
	ck_assert_str_eq(noted, "a ok; cleaned ok; ok; 1; ECANCELED; "
			 "the user pressed stop; ok; ");
}
END_TEST

static int
cancels_the_group(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(go(&group, "child", 1, -EIO));
	AW_TRY(aw_sleep(0.5));
	{
		AW_SHIELD(9);
		AW_TRY(aw_go(&group, cleans_up, NULL));
		aw_scope_cancel(&group.scope, "the whole group");
		aw_group_stop(&group);
		note("%s", name(aw_group_wait(&group)));
	}
	note("%s", name(aw_check()));
	note("%s", aw_cancel_reason());
	return 0;
}

START_TEST(a_cancel_of_the_groups_own_scope_is_not_undone)
{
	ck_assert_int_eq(run_tasks(cancels_the_group, NULL), 0);
	ck_assert_str_eq(noted, "child ECANCELED; cleaned ok; ok; ECANCELED; "
			 "the whole group; ");
}
END_TEST

/* --- Reports ----------------------------------------------------------- */

static int
note_reports(struct aw_group *group)
{
	struct aw_done done;
	int r;

	while ((r = aw_group_next(group, &done)) > 0)
		note("%s %s", done.status > 0 ? "won" : name(done.status),
		     done.error ? done.error->message : "-");
	note("next %s", name(r));
	return r;
}

static int
one_fails_one_wins(void *arg)
{
	AW_GROUP(group, .first = true);

	(void)arg;
	AW_TRY(aw_go(&group, cleans_up, NULL));
	AW_TRY(go(&group, "a", 1, -EIO));
	AW_TRY(go(&group, "b", 2, 5));
	AW_TRY(note_reports(&group));
	note("go %s", name(go(&group, "late", 1, 0)));
	note("wait %s", name(aw_group_wait(&group)));
	return aw_check();
}

START_TEST(with_first_the_winner_is_reported_after_a_failure)
{
	ck_assert_int_eq(run_tasks(one_fails_one_wins, NULL), 0);
	ck_assert_str_eq(noted, "a ok; EIO a failed; b ok; won -; cleaned ok; "
			 "ECANCELED the work was cancelled; next ok; "
			 "go ECLOSED; wait ok; ");
}
END_TEST

static int
wins_before_it_is_asked(void *arg)
{
	AW_GROUP(group, .first = true);

	(void)arg;
	AW_TRY(go(&group, "a", 1, -EIO));
	AW_TRY(go(&group, "b", 2, 5));
	AW_TRY(aw_go(&group, cleans_up, NULL));
	note("%s", name(aw_sleep(3)));
	note("go %s", name(go(&group, "late", 1, 0)));
	AW_TRY(note_reports(&group));
	note("wait %s", name(aw_group_wait(&group)));
	return aw_check();
}

START_TEST(with_first_an_early_failure_hides_no_success)
{
	ck_assert_int_eq(run_tasks(wins_before_it_is_asked, NULL), 0);
	ck_assert_str_eq(noted, "a ok; b ok; ECANCELED; go ECLOSED; "
			 "cleaned ok; ECANCELED the work was cancelled; "
			 "next ok; wait ok; ");
}
END_TEST

static int
is_stopped(void *arg)
{
	AW_GROUP(group, .collect = true);
	struct aw_done done;

	(void)arg;
	AW_TRY(go(&group, "a", 1, -EIO));
	AW_TRY(aw_go(&group, cleans_up, NULL));
	AW_TRY(aw_sleep(2));
	aw_group_stop(&group);
	AW_TRY(note_reports(&group));
	note("wait %s", name(aw_group_wait(&group)));
	note("again %d", aw_group_next(&group, &done));
	return aw_check();
}

START_TEST(a_stopped_group_reports_every_child)
{
	ck_assert_int_eq(run_tasks(is_stopped, NULL), 0);
	ck_assert_str_eq(noted, "a ok; EIO a failed; cleaned ok; ECANCELED "
			 "the work was cancelled; next ok; wait EIO; "
			 "again 0; ");
}
END_TEST

static int
is_read_after_the_join(void *arg)
{
	AW_GROUP(group, .collect = true);

	(void)arg;
	AW_TRY(go(&group, "a", 1, -EIO));
	AW_TRY(go(&group, "b", 2, 7));
	note("wait %s", name(aw_group_wait(&group)));
	return note_reports(&group);
}

START_TEST(what_is_unread_can_be_read_after_the_join)
{
	ck_assert_int_eq(run_tasks(is_read_after_the_join, NULL), 0);
	ck_assert_str_eq(noted, "a ok; b ok; wait EIO; EIO a failed; won -; "
			 "next ok; ");
}
END_TEST

static int
is_cancelled_itself(void *arg)
{
	AW_GROUP(group, .collect = true);
	AW_TIMEOUT(1);

	(void)arg;
	AW_TRY(go(&group, "a", 2, 0));
	note_reports(&group);
	aw_group_stop(&group);
	return note_reports(&group);
}

START_TEST(a_deadline_ends_the_wait_for_a_report_unless_all_end)
{
	ck_assert_int_eq(run_tasks(is_cancelled_itself, NULL), 0);
	ck_assert_str_eq(noted, "next ETIME; a ECANCELED; ECANCELED the work "
			 "was cancelled; next ok; ");
}
END_TEST

/* --- Failures that nobody asks for ------------------------------------- */

static void
on_unhandled(const char *task, const struct aw_error *error)
{
	note("unhandled: %s: %s", task, error->message);
}

static int
run_and_tell(int (*fn)(void *arg))
{
	forget_notes();
	return aw_run(fn, NULL, .test_clock = true, .no_signals = true,
		      .on_unhandled = on_unhandled);
}

static int
waits_elsewhere(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(go(&group, "child", 1, -EIO));
	AW_TRY(aw_sleep(5));
	return aw_group_wait(&group);
}

START_TEST(an_owner_who_goes_without_asking_is_told_what_failed)
{
	ck_assert_int_eq(run_and_tell(waits_elsewhere), AW_ECANCELED);
	ck_assert_str_eq(noted, "child ok; unhandled: work: child failed; ");
	ck_assert_str_eq(aw_error()->reason,
			 "a sibling failed: child failed");
	ck_assert_str_eq(aw_error()->canceller, "work");
}
END_TEST

static int
leaves_unread(void *arg)
{
	AW_GROUP(group, .collect = true);

	(void)arg;
	AW_TRY(go(&group, "a", 1, 0));
	AW_TRY(go(&group, "b", 1, -EIO));
	return aw_sleep(2);
}

START_TEST(a_collected_failure_that_nobody_reads_is_told)
{
	ck_assert_int_eq(run_and_tell(leaves_unread), 0);
	ck_assert_str_eq(noted, "a ok; b ok; unhandled: work: b failed; ");
}
END_TEST

static int
asks(void *arg)
{
	struct aw_call calls[] = {
		AW_CALL(give, (void *)(intptr_t)-EIO),
		AW_CALL(give, (void *)(intptr_t)-EPIPE)
	};
	struct aw_done done;

	(void)arg;
	{
		AW_GROUP(group);
		AW_TRY(go(&group, "wait", 1, -EIO));
		aw_ignore(aw_group_wait(&group));
	}
	{
		AW_GROUP(group);
		AW_TRY(go(&group, "go", 1, -EIO));
		aw_ignore(aw_sleep(2));
		aw_ignore(go(&group, "late", 1, 0));
	}
	{
		AW_GROUP(group, .collect = true);
		AW_TRY(go(&group, "next", 1, -EIO));
		note("%d", aw_group_next(&group, &done));
	}
	{
		AW_GROUP(group, .first = true);
		AW_TRY(go(&group, "lost", 1, -EIO));
		AW_TRY(go(&group, "won", 2, 0));
		AW_TRY(aw_group_wait(&group));
	}
	aw_ignore(aw_gather(calls, AW_LENGTH(calls), .keep_going = true));
	aw_ignore(aw_gather(calls, AW_LENGTH(calls)));
	return 0;
}

START_TEST(a_failure_that_somebody_asked_for_is_not_told_again)
{
	ck_assert_int_eq(run_and_tell(asks), 0);
	ck_assert_str_eq(noted, "wait ok; go ok; next ok; 1; lost ok; "
			 "won ok; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("group_end");
	TCase *t = tcase_create("cancels");

	tcase_add_test(t, a_cancel_of_a_scope_inside_outlasts_the_groups);
	tcase_add_test(t, a_cancel_that_comes_while_a_group_ends_is_kept);
	tcase_add_test(t, a_cancel_of_the_groups_own_scope_is_not_undone);
	suite_add_tcase(suite, t);
	t = tcase_create("reports");
	tcase_add_test(t, with_first_the_winner_is_reported_after_a_failure);
	tcase_add_test(t, with_first_an_early_failure_hides_no_success);
	tcase_add_test(t, a_stopped_group_reports_every_child);
	tcase_add_test(t, what_is_unread_can_be_read_after_the_join);
	tcase_add_test(t, a_deadline_ends_the_wait_for_a_report_unless_all_end);
	suite_add_tcase(suite, t);
	t = tcase_create("failures");
	tcase_add_test(t, an_owner_who_goes_without_asking_is_told_what_failed);
	tcase_add_test(t, a_collected_failure_that_nobody_reads_is_told);
	tcase_add_test(t, a_failure_that_somebody_asked_for_is_not_told_again);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
