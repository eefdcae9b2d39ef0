/* SPDX-License-Identifier: MIT */
/*
 * Options that are no numbers of anything: each is refused with -EINVAL and
 * its name, and nothing is begun.
 */
#include <fcntl.h>
#include <unistd.h>

#include <ev.h>

#include <await/driver.h>
#include <await/file.h>
#include <await/path.h>
#include <await/pool.h>
#include <await/retry.h>
#include <await/thread.h>

#include "tasks.h"

static int n_calls;

static int
give(void *arg)
{
	n_calls++;
	return (int)(intptr_t)arg;
}

/* Notes what is not -EINVAL with the name of the option. */
static void
expect(int r, const char *option)
{
	if (r != -EINVAL || !strstr(aw_error()->message, option))
		note("%s: %s (%s)", option, name(r), aw_error()->message);
}

/* --- Loops ------------------------------------------------------------- */

static int
attach(const struct aw_run_options *options)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct aw_loop *loop = NULL;
	int r = aw_attach_with(ev, &loop, options);

	if (r == 0)
		aw_ignore(aw_detach(loop, 0));
	ev_loop_destroy(ev);
	return r;
}

START_TEST(no_loop_with_negative_options)
{
	static const struct {
		struct aw_run_options options;
		const char *name;
	} t[] = {
		{ { .size = sizeof t[0].options, .stack = -1 }, ".stack" },
		{ { .size = sizeof t[0].options, .stack = INT64_MAX },
		  ".stack" },
		{ { .size = sizeof t[0].options, .max_tasks = -2 },
		  ".max_tasks" },
		{ { .size = sizeof t[0].options, .grace = -2 }, ".grace" },
		{ { .size = sizeof t[0].options, .grace = NAN }, ".grace" },
	};

	forget_notes();
	n_calls = 0;
	for (size_t i = 0; i < AW_LENGTH(t); i++) {
		expect(aw_run_with(give, NULL, &t[i].options), t[i].name);
		expect(attach(&t[i].options), t[i].name);
	}
	expect(aw_run_threads(2, give, NULL, .stack = -1), ".stack");
	ck_assert_str_eq(noted, "");
	ck_assert_int_eq(n_calls, 0);
	ck_assert_int_eq(aw_run(give, NULL, .grace = AW_NONE), 0);
}
END_TEST

/* --- Tasks ------------------------------------------------------------- */

static int
spawn(int64_t stack)
{
	struct aw_task *task = aw_spawn("task", give, NULL, .stack = stack);

	return task ? aw_join(task, NULL) : aw_error()->code;
}

static int
go_limited(int64_t limit)
{
	AW_GROUP(group, .limit = limit);

	AW_TRY(aw_go(&group, give, NULL));
	return aw_group_wait(&group);
}

static int
starts_tasks(void *arg)
{
	struct aw_call calls[] = { AW_CALL(give, NULL) };
	AW_GROUP(group);

	expect(spawn(-1), ".stack");
	expect(spawn(INT64_MAX), ".stack");
	expect(aw_go(&group, give, NULL, .stack = -1), ".stack");
	expect(aw_go(&group, give, NULL, .stack = INT64_MAX), ".stack");
	expect(aw_spawn_on(aw_loop_here(), "task", give, NULL, .stack = -1),
	       ".stack");
	expect(go_limited(-2), ".limit");
	expect(aw_gather(calls, 1, .limit = -2), ".limit");
	note("%d", n_calls);
	note("%s %s", name(go_limited(AW_NONE)), name(go_limited(AW_FOREVER)));
	return arg ? 1 : aw_group_wait(&group);
}

START_TEST(no_task_with_a_negative_stack_or_limit)
{
	n_calls = 0;
	ck_assert_int_eq(run_tasks(starts_tasks, NULL), 0);
	ck_assert_str_eq(noted, "0; ok ok; ");
}
END_TEST

/* --- Calls ------------------------------------------------------------- */

static int
retries(void *arg)
{
	expect(aw_retry(give, arg, .attempts = -2), ".attempts");
	expect(aw_retry(give, arg, .base = NAN), ".base");
	expect(aw_retry(give, arg, .cap = -2), ".cap");
	expect(aw_retry(give, arg, .each = -0.5), ".each");
	expect(aw_retry(give, arg, .total = NAN), ".total");
	note("%d", n_calls);
	note("%s", name(aw_retry(give, arg, .attempts = AW_NONE)));
	return 0;
}

START_TEST(no_attempt_with_negative_options)
{
	n_calls = 0;
	ck_assert_int_eq(run_tasks(retries, NULL), 0);
	ck_assert_str_eq(noted, "0; ok; ");
}
END_TEST

static int
opens_item(void *arg, struct aw_pool_item **ret)
{
	(void)arg;
	(void)ret;
	return -EIO;
}

static void
aborts_item(struct aw_pool_item *item)
{
	(void)item;
}

static int
opens_pools(void *arg)
{
	static const struct aw_pool_type type = {
		.kind = "thing", .open = opens_item, .abort = aborts_item
	};
	struct aw_pool *pool = NULL;

#define REFUSES(option, value) \
	expect(aw_pool_open(&pool, &type, arg, .option = (value)), "." #option)
	REFUSES(max, -2);
	REFUSES(min, -2);
	REFUSES(max_opening, -2);
	REFUSES(max_waiters, -2);
	REFUSES(acquire, NAN);
	REFUSES(open, -2);
	REFUSES(clean, -0.1);
	REFUSES(idle, NAN);
	REFUSES(lifetime, -2);
	REFUSES(check, NAN);
	REFUSES(leak, -2);
	note("%d", pool != NULL);
	return 0;
}

START_TEST(no_pool_with_negative_options)
{
	ck_assert_int_eq(run_tasks(opens_pools, NULL), 0);
	ck_assert_str_eq(noted, "0; ");
}
END_TEST

static int
makes_files(void *arg)
{
	struct aw_file *file = NULL;

	(void)arg;
	expect(aw_file_create(&file, "/nowhere/a", .mode = -1), "mode");
	expect(aw_file_create(&file, "/nowhere/a", .mode = 010000), "mode");
	expect(aw_file_spew("/nowhere/a", aw_bytes("", 0), .mode = -1),
	       "mode");
	expect((int)aw_path_copy("/dev/null", "/nowhere/a", .mode = -1),
	       "mode");
	expect(aw_path_mkdir("/nowhere/a", .mode = -1), "mode");
	expect(aw_file_create(&file, "/nowhere/a", .buffer = -1), "buffer");
	return 0;
}

START_TEST(no_file_with_a_mode_that_is_none)
{
	ck_assert_int_eq(run_tasks(makes_files, NULL), 0);
	ck_assert_str_eq(noted, "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("options");
	TCase *t = tcase_create("options");

	tcase_add_test(t, no_loop_with_negative_options);
	tcase_add_test(t, no_task_with_a_negative_stack_or_limit);
	tcase_add_test(t, no_attempt_with_negative_options);
	tcase_add_test(t, no_pool_with_negative_options);
	tcase_add_test(t, no_file_with_a_mode_that_is_none);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
