/* SPDX-License-Identifier: MIT */
/* base.h and the macros over the plain functions. */
#include "tasks.h"

static int n_calls;

static int
count_call(int r)
{
	n_calls++;
	return r;
}

static int
tries(int r)
{
	AW_TRY(count_call(r));
	return 99;
}

START_TEST(try_returns_failures_only_and_calls_once)
{
	n_calls = 0;
	ck_assert_int_eq(tries(-EIO), -EIO);
	ck_assert_int_eq(tries(0), 99);
	ck_assert_int_eq(tries(5), 99);
	ck_assert_int_eq(n_calls, 3);
}
END_TEST

START_TEST(try_and_ignore_are_single_statements)
{
	n_calls = 0;
	if (n_calls)
		aw_ignore(count_call(-1));
	else
		aw_ignore(count_call(1));
	ck_assert_int_eq(n_calls, 1);
}
END_TEST

struct aw_thing {
	int alive;
};

static void
aw_thing_freep(struct aw_thing **thing)
{
	if (*thing)
		(*thing)->alive--;
	*thing = NULL;
}

static struct aw_thing *
hand_out(struct aw_thing *it, bool keep)
{
	AW_AUTO(aw_thing, first);
	AW_AUTO(aw_thing, second);

	first = it;
	first->alive++;
	if (keep)
		return aw_move(&first);
	return second;
}

START_TEST(auto_releases_and_move_hands_out)
{
	struct aw_thing thing = { 0 }, *kept;

	kept = hand_out(&thing, false);
	ck_assert_ptr_null(kept);
	ck_assert_int_eq(thing.alive, 0);
	kept = hand_out(&thing, true);
	ck_assert_ptr_eq(kept, &thing);
	ck_assert_int_eq(thing.alive, 1);
}
END_TEST

START_TEST(text_is_freed_by_cleanup)
{
	AW_CLEANUP(aw_freep) char *text = strdup("x");
	char *moved = aw_move(&text);

	ck_assert_ptr_null(text);
	ck_assert_str_eq(moved, "x");
	aw_freep(&moved);
	ck_assert_ptr_null(moved);
}
END_TEST

START_TEST(views_know_null_from_empty)
{
	struct aw_bytes none = aw_text(NULL), empty = aw_text("");
	struct aw_bytes bytes = aw_bytes("abc", 2);
	void *copy = NULL;
	char text[16];

	ck_assert_ptr_null(none.data);
	ck_assert_uint_eq(none.size, 0);
	ck_assert_ptr_nonnull(empty.data);
	ck_assert_uint_eq(empty.size, 0);
	ck_assert_uint_eq(aw_bytes(NULL, 5).size, 0);
	snprintf(text, sizeof text, "%.*s", AW_ARG(bytes));
	ck_assert_str_eq(text, "ab");
	ck_assert_int_eq(aw_bytes_dup(bytes, &copy), 0);
	ck_assert_str_eq(copy, "ab");
	free(copy);
	ck_assert_int_eq(aw_bytes_dup(none, &copy), 0);
	ck_assert_str_eq(copy, "");
	free(copy);
}
END_TEST

START_TEST(units_and_lengths)
{
	int three[3];

	ck_assert_uint_eq(AW_LENGTH(three), 3);
	ck_assert(AW_MS(1500) == 1.5);
	ck_assert_int_eq(AW_KIB(4), 4096);
	ck_assert_int_eq(AW_MIB(4096), INT64_C(4294967296));
	ck_assert_int_lt(AW_NONE, 0);
	ck_assert_str_eq(aw_version(), PACKAGE_VERSION);
	ck_assert_uint_eq(sizeof(struct aw_bytes), 16);
}
END_TEST

static int
side_effects(void *arg)
{
	double seconds = 1;

	(void)arg;
	{ AW_TIMEOUT(seconds++); AW_TIMEOUT(seconds++); }
	note("%g", seconds);
	{ AW_TIMEOUT(1); AW_TIMEOUT(2); AW_SHIELD(3); AW_SHIELD(4); }
	for (int i = 0; i < 2; i++) {
		AW_TIMEOUT(1);
		note("left %g", aw_left());
	}
	switch (1) {
	case 1: {
		AW_TIMEOUT(5);
		note("left %g", aw_left());
		break;
	}
	}
	return 0;
}

START_TEST(scope_macros_take_their_argument_once_and_share_a_line)
{
	ck_assert_int_eq(run_tasks(side_effects, NULL), 0);
	ck_assert_str_eq(noted, "3; left 1; left 1; left 5; ");
}
END_TEST

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

static int
plain_twins(void *arg)
{
	struct aw_call call = { .fn = give, .arg = (void *)4 };
	struct aw_scope scope = { .name = "plain", .site = "here:1" };
	struct aw_task *task;
	int status = 0;

	(void)arg;
	aw_scope_enter_with(&scope, NULL);
	task = aw_spawn_with("plain", give, (void *)3, NULL);
	AW_TRY(aw_join(task, &status));
	AW_TRY(aw_gather_with(&call, 1, NULL));
	note("%d %d", status, call.status);
	aw_scope_leave(&scope);
	return 0;
}

/* What C++ and bindings use. */
START_TEST(the_plain_functions_take_null_for_no_options)
{
	forget_notes();
	ck_assert_int_eq(aw_run_with(plain_twins, NULL, NULL), 0);
	ck_assert_str_eq(noted, "3 4; ");
}
END_TEST

static int
from_the_future(void *arg)
{
	(void)arg;
	return 8;
}

/* A program built against a later header has a larger structure. */
START_TEST(options_of_another_size_are_understood)
{
	struct {
		struct aw_run_options known;
		char unknown[64];
	} later = { { .size = sizeof later, .test_clock = true }, "" };
	struct aw_run_options earlier = {
		.size = offsetof(struct aw_run_options, grace),
		.grace = NAN
	};

	memset(later.unknown, 0xFF, sizeof later.unknown);
	ck_assert_int_eq(aw_run_with(from_the_future, NULL, &later.known), 8);
	ck_assert_int_eq(aw_run_with(from_the_future, NULL, &earlier), 8);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("macros");
	TCase *basic = tcase_create("basic");
	TCase *options = tcase_create("options");

	tcase_add_test(basic, try_returns_failures_only_and_calls_once);
	tcase_add_test(basic, try_and_ignore_are_single_statements);
	tcase_add_test(basic, auto_releases_and_move_hands_out);
	tcase_add_test(basic, text_is_freed_by_cleanup);
	tcase_add_test(basic, views_know_null_from_empty);
	tcase_add_test(basic, units_and_lengths);
	tcase_add_test(basic,
		       scope_macros_take_their_argument_once_and_share_a_line);
	tcase_add_test(options, the_plain_functions_take_null_for_no_options);
	tcase_add_test(options, options_of_another_size_are_understood);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, options);
	return suite_run(suite);
}
