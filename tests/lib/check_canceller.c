/* SPDX-License-Identifier: MIT */
/* struct aw__reason of lib/runtime.h: who cancelled, and where. */
#include <await/driver.h>

#include "tasks.h"

static int line;			/* of the call that cancels */

#define HERE(call) do { \
	line = __LINE__; \
	call; \
} while (0)

static void
note_canceller(void)
{
	const struct aw_error *e = aw_error();
	char here[32];

	snprintf(here, sizeof here, "check_canceller.c:%d", line);
	note("%s, by '%s' %s", e->reason, e->canceller,
	     strstr(e->cancelled_at, here) ? "here" : e->cancelled_at);
}

static int
is_told(void *arg)
{
	int r = aw_sleep(100);

	(void)arg;
	if (r == AW_ECANCELED)
		note_canceller();
	return 0;
}

static int
stops(void *task)
{
	HERE(aw_cancel(task, "a"));	/* its name is read when it is gone */
	return 0;
}

static void
from_callback(void *task)
{
	HERE(aw_cancel(task, "b"));
}

static int
cancels_by_hand(void *arg)
{
	struct aw_task *a = aw_spawn("a", is_told, NULL);
	struct aw_task *b = aw_spawn("b", is_told, NULL);
	struct aw_task *c = aw_spawn("c", is_told, NULL);
	struct aw_defer defer = { .fn = from_callback, .arg = b };
	AW_SCOPE(scope);

	(void)arg;
	let_others_run();
	AW_TRY(aw_join(aw_spawn("stopper", stops, a), NULL));
	AW_TRY(aw_join(a, NULL));
	aw_defer(&defer);
	AW_TRY(aw_join(b, NULL));
	(aw_cancel)(c, "c");
	AW_TRY(aw_join(c, NULL));
	HERE(aw_scope_cancel(&scope, "d"));
	note("%s", name(aw_check()));
	note_canceller();
	return 0;
}

START_TEST(a_cancel_tells_by_whom_and_where)
{
	ck_assert_int_eq(run_tasks(cancels_by_hand, NULL), 0);
	ck_assert_str_eq(noted, "a, by 'stopper' here; b, by '' here; "
			 "c, by 'main' ; ECANCELED; d, by 'main' here; ");
}
END_TEST

static int
fails(void *arg)
{
	(void)arg;
	return aw_fail(-EIO, "broken");
}

static int
cancels_by_group(void *arg)
{
	(void)arg;
	{
		AW_GROUP(group);
		AW_TRY(aw_go(&group, is_told, NULL));
		let_others_run();
		HERE(AW_TRY(aw_go(&group, fails, NULL)));
		note("%s", name(aw_group_wait(&group)));
	}
	{
		AW_GROUP(group);
		AW_TRY(aw_go(&group, is_told, NULL));
		let_others_run();
		HERE(aw_group_stop(&group));
		note("%s", name(aw_group_wait(&group)));
	}
	line = __LINE__ + 1;
	AW_GROUP(group);
	AW_TRY(aw_go(&group, is_told, NULL));
	let_others_run();
	return 0;
}

START_TEST(a_group_tells_which_child_or_call_ended_it)
{
	ck_assert_int_eq(run_tasks(cancels_by_group, NULL), 0);
	ck_assert_str_eq(noted,
		"a sibling failed: broken, by 'fails' here; EIO; "
		"the group was stopped, by 'main' here; ok; "
		"the group was left, by 'main' here; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("canceller");
	TCase *cancel = tcase_create("cancel");

	tcase_add_test(cancel, a_cancel_tells_by_whom_and_where);
	tcase_add_test(cancel, a_group_tells_which_child_or_call_ended_it);
	suite_add_tcase(suite, cancel);
	return suite_run(suite);
}
