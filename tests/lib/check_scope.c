/* SPDX-License-Identifier: MIT */
/* lib/scope.c: nesting, cancels, who was it, and odd deadlines. */
#include <await/driver.h>
#include <await/scope.h>

#include "failmalloc.h"
#include "tasks.h"

/* --- Deadlines --------------------------------------------------------- */

static int
nesting(void *arg)
{
	double begin = aw_now();

	(void)arg;
	AW_SCOPE(outer, .seconds = 3);
	{
		AW_SCOPE(inner, .seconds = 1);
		note("%s", name(aw_sleep(9)));
		note("at %g: %d %d", since(begin), aw_scope_expired(&inner),
		     aw_scope_expired(&outer));
	}
	note("%s", name(aw_check()));
	{
		AW_SCOPE(inner, .seconds = 100);
		note("%s", name(aw_sleep(9)));
		note("at %g: %d %d", since(begin), aw_scope_expired(&inner),
		     aw_scope_expired(&outer));
		note("%s", aw_error()->scope);
	}
	return 0;
}

START_TEST(the_nearest_deadline_counts_and_says_whose_it_was)
{
	ck_assert_int_eq(run_tasks(nesting, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; at 1: 1 0; ok; ETIME; at 3: 0 1; "
			 "outer; ");
}
END_TEST

static void
note_over(const char *what)
{
	note("%s: %s", what, name(aw_yield()));
}

static int
odd_deadlines(void *arg)
{
	(void)arg;
	{ AW_TIMEOUT(0); note_over("0"); }
	{ AW_TIMEOUT(-1); note_over("-1"); }
	{ AW_TIMEOUT(NAN); note_over("nan"); }
	{ AW_SHIELD(0); note_over("shield 0"); }
	{ AW_BUDGET(0); note_over("budget 0"); }
	{ AW_SCOPE(s, .seconds = -1); note_over("seconds -1"); }
	{ AW_SCOPE(s, .deadline = -1); note_over("deadline -1"); }
	{ AW_SCOPE(s, .deadline = NAN); note_over("deadline nan"); }
	{ AW_SCOPE(s, .seconds = 0); note_over("seconds 0"); }
	{ AW_TIMEOUT(AW_FOREVER); note_over("for ever"); }
	{ AW_TIMEOUT(HUGE_VAL); note_over("infinity"); }
	{ AW_SCOPE(s); note_over("none"); }
	return 0;
}

START_TEST(a_deadline_that_is_not_above_0_is_over_at_once)
{
	ck_assert_int_eq(run_tasks(odd_deadlines, NULL), 0);
	ck_assert_str_eq(noted,
		"0: ETIME; -1: ETIME; nan: ETIME; shield 0: ETIME; "
		"budget 0: ETIMEDOUT; seconds -1: ETIME; deadline -1: ETIME; "
		"deadline nan: ETIME; seconds 0: ok; for ever: ok; "
		"infinity: ok; none: ok; ");
}
END_TEST

static int
absolute(void *arg)
{
	double begin = aw_now();

	(void)arg;
	AW_SCOPE(s, .deadline = begin + 5);
	AW_TRY(aw_sleep(2));
	note("left %g, deadline %g", aw_left(),
	     aw_deadline() - begin);
	note("%s", name(aw_sleep(3.5)));
	note("%g, left %g", since(begin), aw_left());
	return 0;
}

START_TEST(an_absolute_deadline_does_not_move)
{
	ck_assert_int_eq(run_tasks(absolute, NULL), 0);
	ck_assert_str_eq(noted, "left 3, deadline 5; ETIME; 5, left 0; ");
}
END_TEST

static int
none(void *arg)
{
	(void)arg;
	note("%d %d", aw_deadline() == HUGE_VAL, aw_left() == HUGE_VAL);
	note("%s", aw_cancel_reason() ? "reason" : "no reason");
	return 0;
}

START_TEST(without_a_scope_there_is_no_deadline)
{
	ck_assert_int_eq(run_tasks(none, NULL), 0);
	ck_assert_str_eq(noted, "1 1; no reason; ");
	ck_assert(aw_deadline() == HUGE_VAL);
	ck_assert(aw_left() == HUGE_VAL);
	ck_assert_ptr_null(aw_cancel_reason());
}
END_TEST

/* --- Cancelling -------------------------------------------------------- */

static int
cancels(void *arg)
{
	(void)arg;
	{
		AW_SCOPE(outer);
		{
			AW_SCOPE(inner);
			aw_scope_cancel(&inner, "one");
			aw_scope_cancel(&inner, "two");
			note("%s %s", name(aw_yield()), aw_cancel_reason());
			note("%d %d", aw_scope_cancelled(&inner),
			     aw_scope_cancelled(&outer));
		}
		note("%s", name(aw_yield()));
		aw_scope_cancel(&outer, NULL);
		{
			AW_SCOPE(later);
			note("%s %s", name(aw_yield()), aw_cancel_reason());
			note("%d", aw_scope_cancelled(&later));
		}
	}
	note("%s", name(aw_yield()));
	return 0;
}

START_TEST(a_cancel_lasts_until_its_scope_ends_and_reaches_later_ones)
{
	ck_assert_int_eq(run_tasks(cancels, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED one; 1 0; ok; "
			 "ECANCELED no reason given; 0; ok; ");
}
END_TEST

static int
waiter(void *arg)
{
	(void)arg;
	AW_SCOPE(a);
	AW_SCOPE(b);
	{
		AW_TIMEOUT(50);
		note("%s", name(aw_sleep(100)));
		note("%s", aw_error()->reason);
	}
	return 0;
}

static int
deep(void *arg)
{
	char why[100];
	struct aw_task *task = aw_spawn("waiter", waiter, NULL);

	(void)arg;
	AW_TRY(aw_sleep(1));
	memset(why, 'x', sizeof why);
	why[99] = '\0';
	aw_cancel(task, why);
	memset(why, 'y', sizeof why - 1);
	return aw_join(task, NULL);
}

START_TEST(a_cancel_reaches_the_innermost_scope_and_copies_its_reason)
{
	ck_assert_int_eq(run_tasks(deep, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			 "xxxxxxxxxxxxxxxxxxxxxxxxxxxx; ");
}
END_TEST

static struct aw_scope *shared;

static int
cancel_shared(void *arg)
{
	(void)arg;
	aw_scope_cancel(shared, "from another task");
	return 0;
}

static int
from_outside(void *arg)
{
	(void)arg;
	AW_SCOPE(mine);
	shared = &mine;
	start("canceller", cancel_shared, NULL);
	note("%s", name(aw_sleep(100)));
	note("%s", aw_cancel_reason());
	return 0;
}

START_TEST(another_task_can_cancel_a_scope)
{
	ck_assert_int_eq(run_tasks(from_outside, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; from another task; ");
}
END_TEST

#define DEPTH 10000

static int
nest(int depth)
{
	AW_SCOPE(scope);

	if (depth == 0)
		return aw_sleep(5);
	return nest(depth - 1);
}

static int
nest_deeply(void *arg)
{
	(void)arg;
	return nest(DEPTH);
}

static int
ten_thousand(void *arg)
{
	struct aw_task *task = aw_spawn("deep", nest_deeply, NULL,
					.stack = AW_MIB(16));
	int status = 0;

	(void)arg;
	AW_TRY(aw_sleep(1));
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, &status));
	note("%s", name(status));
	return 0;
}

START_TEST(ten_thousand_nested_scopes_are_cancelled_without_recursion)
{
	ck_assert_int_eq(run_tasks(ten_thousand, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ");
}
END_TEST

/* --- Blocks left in every way ------------------------------------------ */

static int
returns_early(bool early)
{
	AW_TIMEOUT(0);
	if (early)
		return 1;
	AW_TIMEOUT(1);
	return 2;
}

static int
ways_out(void *arg)
{
	int i;

	(void)arg;
	note("%d %d", returns_early(true), returns_early(false));
	for (i = 0; i < 3; i++) {
		AW_TIMEOUT(0);
		if (i == 0)
			continue;
		if (i == 1)
			break;
	}
	{
		AW_TIMEOUT(0);
		goto out;
	}
out:
	{ AW_TIMEOUT(1); AW_TIMEOUT(2); AW_SHIELD(3); AW_NO_AWAIT; }
	note("%s %d", name(aw_yield()), aw_deadline() == HUGE_VAL);
	return 0;
}

START_TEST(a_scope_ends_however_its_block_is_left)
{
	ck_assert_int_eq(run_tasks(ways_out, NULL), 0);
	ck_assert_str_eq(noted, "1 2; ok 1; ");
}
END_TEST

/* What a jump over a declaration does to the cleanup: garbage must be left
 * alone, and so must a scope that is not the innermost. */
static int
misnested(void *arg)
{
	struct aw_scope garbage;
	struct aw_scope other = { .name = "other", .site = "", .seconds = 0.5 };

	(void)arg;
	memset(&garbage, 0xA5, sizeof garbage);
	AW_TIMEOUT(1);
	aw_scope_leave(&garbage);
	aw_scope_enter(&other);
	{
		AW_SCOPE(inner);
		aw_scope_leave(&other);
		note("left %g", aw_left());
	}
	aw_scope_leave(&other);
	aw_scope_leave(&other);
	note("left %g", aw_left());
	return 0;
}

START_TEST(only_the_innermost_scope_can_end)
{
	ck_assert_int_eq(run_tasks(misnested, NULL), 0);
	ck_assert_str_eq(noted, "left 0.5; left 1; ");
}
END_TEST

START_TEST(outside_a_task_the_macros_do_nothing)
{
	AW_TIMEOUT(0);
	AW_SCOPE(scope, .seconds = 0.001);
	AW_SHIELD(1);
	AW_NO_AWAIT;

	aw_scope_cancel(&scope, "nobody");
	ck_assert_int_eq(aw_check(), 0);
	ck_assert(!aw_scope_cancelled(&scope));
	ck_assert(!aw_scope_expired(&scope));
}
END_TEST

static int
no_memory(void *arg)
{
	(void)arg;
	AW_SCOPE(scope);
	fail_from(0);
	aw_scope_cancel(&scope, "a reason");
	note("%d", fail_stop());
	note("%s %s", name(aw_yield()), aw_cancel_reason());
	return 0;
}

START_TEST(a_cancel_needs_no_memory)
{
	ck_assert_int_eq(run_tasks(no_memory, NULL), 0);
	ck_assert_str_eq(noted, "1; ECANCELED no memory for the reason; ");
}
END_TEST

START_TEST(the_size_does_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_scope), 144);
	ck_assert_uint_eq(sizeof(struct aw_scope_options), 48);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scope");
	TCase *timeout = tcase_create("timeout");
	TCase *cancel = tcase_create("cancel");
	TCase *misuse = tcase_create("misuse");

	tcase_add_test(timeout,
		       the_nearest_deadline_counts_and_says_whose_it_was);
	tcase_add_test(timeout, a_deadline_that_is_not_above_0_is_over_at_once);
	tcase_add_test(timeout, an_absolute_deadline_does_not_move);
	tcase_add_test(timeout, without_a_scope_there_is_no_deadline);
	tcase_add_test(cancel,
		a_cancel_lasts_until_its_scope_ends_and_reaches_later_ones);
	tcase_add_test(cancel,
		a_cancel_reaches_the_innermost_scope_and_copies_its_reason);
	tcase_add_test(cancel, another_task_can_cancel_a_scope);
	tcase_add_test(cancel,
		ten_thousand_nested_scopes_are_cancelled_without_recursion);
	tcase_add_test(cancel, a_cancel_needs_no_memory);
	tcase_add_test(misuse, a_scope_ends_however_its_block_is_left);
	tcase_add_test(misuse, only_the_innermost_scope_can_end);
	tcase_add_test(misuse, outside_a_task_the_macros_do_nothing);
	tcase_add_test(misuse, the_size_does_not_change);
	suite_add_tcase(suite, timeout);
	suite_add_tcase(suite, cancel);
	suite_add_tcase(suite, misuse);
	return suite_run(suite);
}
