/* SPDX-License-Identifier: MIT */
/* lib/group_go.c: children that say when they are ready; groups that are used
 * wrongly. */
#include "failmalloc.h"
#include "group_jobs.h"

/* --- Readiness --------------------------------------------------------- */

static int
listens(void *arg)
{
	AW_TRY(aw_sleep(1));
	note("listening");
	AW_TRY(aw_started(arg));
	note("%s", name(aw_started(arg)));
	note("served %s", name(aw_sleep(10)));
	return 0;
}

static int
starts_server(void *arg)
{
	void *port = NULL;
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go_ready(&group, &port, listens, "8080", .service = true));
	note("port %s", (char *)port);
	AW_TRY(aw_go(&group, listens, "quietly"));
	return aw_group_wait(&group);
}

START_TEST(go_ready_returns_when_the_child_says_so)
{
	ck_assert_int_eq(run_tasks(starts_server, NULL), 0);
	ck_assert_str_eq(noted, "listening; EUSAGE; port 8080; listening; ok; "
			 "served ok; served ok; ");
	ck_assert_int_eq(aw_started(NULL), AW_EUSAGE);
}
END_TEST

static int
port_in_use(void *arg)
{
	AW_TRY(aw_sleep(1));
	return arg ? aw_fail(-EADDRINUSE, "port %s", (char *)arg) : 0;
}

static int
tries_ports(void *arg)
{
	void *value = "untouched";
	AW_GROUP(group);

	(void)arg;
	note("%s", name(aw_go_ready(&group, &value, port_in_use, "80")));
	note("%s %s", aw_error()->message, (char *)value);
	note("%s", name(aw_go_ready(&group, &value, port_in_use, NULL)));
	note("%s", aw_error()->message);
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(a_child_that_ends_before_fails_the_call_and_not_the_group)
{
	ck_assert_int_eq(run_tasks(tries_ports, NULL), 0);
	ck_assert_str_eq(noted, "EADDRINUSE; port 80 untouched; EUSAGE; "
			 "'port_in_use' ended without a call of "
			 "aw_started(); ok; ");
}
END_TEST

static int
impatient(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	{
		AW_TIMEOUT(0.5);
		note("%s", name(aw_go_ready(&group, NULL, listens, "x")));
	}
	note("%s", name(aw_sleep(0)));
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(a_start_that_was_given_up_cancels_the_child)
{
	ck_assert_int_eq(run_tasks(impatient, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; ok; ok; ");
}
END_TEST

/* Hears of no cancel for a second, and then says that it is ready. */
static int
starts_late(void *arg)
{
	AW_SHIELD(1);

	AW_TRY(aw_sleep(0.9));
	return aw_started(arg);
}

static int
starts_in_time(void *arg)
{
	AW_TRY(aw_sleep(2));
	return aw_started(arg);
}

static int
tries_another(void *arg)
{
	void *value = NULL;
	AW_GROUP(group);
	int (*const fns[])(void *) = { starts_late, starts_in_time };
	const char *values[] = { "late", "in time" };
	int r = -1;

	(void)arg;
	/* Both calls have their frame at the same place. */
	for (int i = 0; i < 2; i++) {
		AW_TIMEOUT(i == 0 ? 0.5 : 10);
		r = aw_go_ready(&group, &value, fns[i],
				(void *)(uintptr_t)values[i]);
		note("%s", name(r));
	}
	note("%s", (char *)value);
	return aw_group_wait(&group);
}

START_TEST(who_was_given_up_cannot_answer_for_the_next)
{
	ck_assert_int_eq(run_tasks(tries_another, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; ok; in time; ");
}
END_TEST

static int
sibling_fails(void *arg)
{
	struct job fails = { "fails", 0.5, -EIO };
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, work, &fails));
	note("%s", name(aw_go_ready(&group, NULL, listens, "x")));
	return 0;
}

START_TEST(a_sibling_that_fails_ends_the_wait_for_a_start)
{
	ck_assert_int_eq(run_tasks(sibling_fails, NULL), 0);
	ck_assert_str_eq(noted, "fails ok; EIO; ");
}
END_TEST

static int
starts_sibling(void *arg)
{
	void *value;

	AW_TRY(aw_go_ready(arg, &value, listens, "inner"));
	note("%s", (char *)value);
	return 0;
}

static int
full_group(void *arg)
{
	AW_GROUP(group, .limit = 1);

	(void)arg;
	AW_TRY(aw_go(&group, starts_sibling, &group));
	return aw_group_wait(&group);
}

START_TEST(a_ready_sibling_does_not_wait_for_the_place_of_its_starter)
{
	ck_assert_int_eq(run_tasks(full_group, NULL), 0);
	ck_assert_str_eq(noted, "listening; EUSAGE; inner; served ok; ");
}
END_TEST

/* --- Misuse ------------------------------------------------------------ */

static int
foreign_calls(void *arg)
{
	struct aw_done done;

	note("%s", name(aw_group_wait(arg)));
	note("%s", name(aw_group_next(arg, &done)));
	aw_group_leave(arg);
	return 0;
}

static int
waited_by_another(void *arg)
{
	struct job child = { "child", 1, 0 };
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, work, &child));
	AW_TRY(aw_join(aw_spawn("x", foreign_calls, &group), NULL));
	note("%s", aw_error_name(aw_error()->code));
	return aw_group_wait(&group);
}

START_TEST(another_task_can_neither_wait_for_nor_leave_a_group)
{
	ck_assert_int_eq(run_tasks(waited_by_another, NULL), 0);
	ck_assert_str_eq(noted, "EUSAGE; EUSAGE; AW_OK; child ok; ");
}
END_TEST

static int
out_of_order(void *arg)
{
	struct job child = { "child", 1000, 0 };
	struct aw_group outer = { .scope = { .name = "outer" } };
	struct aw_group inner = { .scope = { .name = "inner" } };

	(void)arg;
	aw_group_enter(&outer);
	aw_group_enter(&inner);
	AW_TRY(aw_go(&outer, work, &child));
	AW_TRY(aw_go(&inner, work, &child));
	aw_group_leave(&outer);
	note("outer left");
	aw_group_leave(&inner);
	note("inner left");
	aw_group_leave(&outer);
	note("%s", name(aw_go(&outer, work, &child)));
	note("%s", name(aw_group_wait(&inner)));
	return aw_sleep(1);
}

START_TEST(closing_out_of_order_joins_and_leaves_the_scopes_in_order)
{
	ck_assert_int_eq(run_tasks(out_of_order, NULL), 0);
	ck_assert_str_eq(noted, "child ECANCELED; child ECANCELED; "
			 "outer left; inner left; EUSAGE; EUSAGE; ");
}
END_TEST

static int
go_without_memory(void *arg)
{
	unsigned long n;
	int r;

	(void)arg;
	for (n = 0; n < 1000; n++) {
		AW_GROUP(group);

		fail_only(n);
		r = aw_go_ready(&group, NULL, listens, "x",
				.stack = AW_KIB(320));
		if (!fail_stop())
			break;
		if (r != -ENOMEM && r != 0)
			note("%lu: %s", n, name(r));
		r = aw_group_wait(&group);
		if (r < 0)
			note("%lu: wait %s", n, name(r));
		forget_notes();
	}
	return n > 0 ? r : 1;
}

START_TEST(a_start_without_memory_leaves_the_group_as_it_was)
{
	ck_assert_int_eq(run_tasks(go_without_memory, NULL), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("group_ready");
	TCase *ready = tcase_create("ready");
	TCase *misuse = tcase_create("misuse");

	tcase_add_test(ready, go_ready_returns_when_the_child_says_so);
	tcase_add_test(ready,
		a_child_that_ends_before_fails_the_call_and_not_the_group);
	tcase_add_test(ready, a_start_that_was_given_up_cancels_the_child);
	tcase_add_test(ready, who_was_given_up_cannot_answer_for_the_next);
	tcase_add_test(ready, a_sibling_that_fails_ends_the_wait_for_a_start);
	tcase_add_test(ready,
	    a_ready_sibling_does_not_wait_for_the_place_of_its_starter);
	tcase_add_test(misuse,
		another_task_can_neither_wait_for_nor_leave_a_group);
	tcase_add_test(misuse,
		closing_out_of_order_joins_and_leaves_the_scopes_in_order);
	tcase_add_test(misuse,
		a_start_without_memory_leaves_the_group_as_it_was);
	suite_add_tcase(suite, ready);
	suite_add_tcase(suite, misuse);
	return suite_run(suite);
}
