/* SPDX-License-Identifier: MIT */
/* lib/scope.c: shields and budgets. */
#include <await/driver.h>
#include <await/scope.h>

#include "tasks.h"

/* --- Shields ----------------------------------------------------------- */

static int
shielded(void *arg)
{
	double begin = aw_now();

	(void)arg;
	AW_SCOPE(outer, .seconds = 1);
	aw_scope_cancel(&outer, "outer");
	{
		AW_SHIELD(5);
		note("%s left %g", name(aw_check()), aw_left());
		note("%s", name(aw_sleep(2)));
		note("reason %s", aw_cancel_reason() ? "yes" : "no");
		{
			AW_TIMEOUT(1);
			note("%s", name(aw_sleep(2)));
		}
		note("at %g", since(begin));
		note("%s", name(aw_sleep(9)));
		note("at %g", since(begin));
	}
	note("%s", name(aw_check()));
	return 0;
}

START_TEST(a_shield_hides_what_is_outside_for_its_time)
{
	ck_assert_int_eq(run_tasks(shielded, NULL), 0);
	ck_assert_str_eq(noted, "ok left 5; ok; reason no; ETIME; at 3; "
			 "ETIME; at 5; ECANCELED; ");
}
END_TEST

static int
cleans_up(void *arg)
{
	(void)arg;
	{
		AW_SHIELD(10);
		AW_SCOPE(within);
		note("%s", name(aw_sleep(2)));
		note("%s", name(aw_yield()));
		{
			AW_SCOPE(own);
			aw_scope_cancel(&own, "mine");
			note("%s", name(aw_yield()));
		}
	}
	note("%s", name(aw_sleep(1)));
	return 0;
}

static int
cancelled_while_shielded(void *arg)
{
	struct aw_task *task = aw_spawn("cleaner", cleans_up, NULL);

	(void)arg;
	AW_TRY(aw_sleep(1));
	aw_cancel(task, "first");
	aw_cancel(task, "second");
	return aw_join(task, NULL);
}

START_TEST(a_cancel_during_a_shield_waits_for_its_end)
{
	ck_assert_int_eq(run_tasks(cancelled_while_shielded, NULL), 0);
	ck_assert_str_eq(noted, "ok; ok; ECANCELED; ECANCELED; ");
}
END_TEST

/* --- Budgets ----------------------------------------------------------- */

static int
budgets(void *arg)
{
	(void)arg;
	{
		AW_BUDGET(1);
		note("%s", name(aw_sleep(2)));
	}
	{
		AW_TIMEOUT(1);
		AW_BUDGET(2);
		note("%s", name(aw_sleep(5)));
	}
	{
		AW_BUDGET(1);
		AW_TIMEOUT(2);
		note("%s", name(aw_sleep(5)));
	}
	{
		AW_SCOPE(user);
		AW_BUDGET(0);
		aw_scope_cancel(&user, "test");
		note("%s", name(aw_sleep(5)));
	}
	return 0;
}

START_TEST(a_budget_fails_with_etimedout_unless_the_user_was_first)
{
	ck_assert_int_eq(run_tasks(budgets, NULL), 0);
	ck_assert_str_eq(noted, "ETIMEDOUT; ETIME; ETIMEDOUT; ECANCELED; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shield");
	TCase *timeout = tcase_create("timeout");
	TCase *shield = tcase_create("shield");

	tcase_add_test(timeout,
		       a_budget_fails_with_etimedout_unless_the_user_was_first);
	tcase_add_test(shield, a_shield_hides_what_is_outside_for_its_time);
	tcase_add_test(shield, a_cancel_during_a_shield_waits_for_its_end);
	suite_add_tcase(suite, timeout);
	suite_add_tcase(suite, shield);
	return suite_run(suite);
}
