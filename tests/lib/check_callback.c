/* SPDX-License-Identifier: MIT */
/*
 * AW__CALLBACK of lib/runtime.h: functions of the user's that must not wait
 * cannot. Each is called once where a task runs; each tries a sleep, an eager
 * start and the join of a group, and notes what came of it.
 */
#include <await/debug.h>
#include <await/local.h>
#include <await/queue.h>
#include <await/retry.h>

#include "child.h"

static struct aw_group *outer;		/* of the task that runs, or NULL */
static int n_calls, n_wrong, n_begun;
static char message[sizeof ((struct aw_error *)NULL)->message];

static int
begun(void *arg)
{
	(void)arg;
	n_begun++;
	return 0;
}

static void
expect_usage(int r)
{
	n_wrong += r != AW_EUSAGE || aw_error()->code != AW_EUSAGE;
}

/* What every one of the callbacks does. */
static void
tries_to_wait(void)
{
	/* On the loop's own stack a wait fails for want of a task. */
	if (!aw_self() || n_calls++ > 0)
		return;
	expect_usage(aw_sleep(1));
	snprintf(message, sizeof message, "%s", aw_error()->message);
	{
		AW_SHIELD(10);
		expect_usage(aw_yield());
	}
	{
		AW_GROUP(inner);
		expect_usage(aw_go(&inner, begun, NULL));
		expect_usage(aw_group_wait(&inner));
	}
	if (outer)
		expect_usage(aw_group_wait(outer));
	n_wrong += aw_spawn("eager", begun, NULL, .eager = true) != NULL;
	expect_usage(aw_error()->code);
}

static void
callback(void *arg)
{
	(void)arg;
	tries_to_wait();
}

/* --- The places -------------------------------------------------------- */

static int
leaves_result(void *arg)
{
	return aw_task_result_set(arg, callback);
}

/* The task that joins runs its destructor, with children of its own. */
static int
result_of_joined(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	outer = &group;
	AW_TRY(aw_go(&group, begun, NULL));
	AW_TRY(aw_join(aw_spawn("left", leaves_result, "result"), NULL));
	outer = NULL;
	return aw_group_wait(&group);
}

/* On the stack that is switched to when the task has ended. */
static int
result_of_released(void *arg)
{
	(void)arg;
	start("left", leaves_result, "result");
	return aw_yield();
}

static int
result_replaced(void *arg)
{
	(void)arg;
	AW_TRY(aw_task_result_set("result", callback));
	return aw_task_result_set(NULL, NULL);
}

static int
at_exit(void *arg)
{
	(void)arg;
	return aw_task_atexit(callback, NULL);
}

static struct aw_local local = { .dtor = callback };

static int
local_replaced(void *arg)
{
	(void)arg;
	AW_TRY(aw_local_set(&local, "value"));
	return aw_local_set(&local, NULL);
}

static int
compare(const void *a, const void *b)
{
	tries_to_wait();
	return *(const int *)a - *(const int *)b;
}

static int
compares(void *arg)
{
	AW_AUTO(aw_queue, queue);
	int item = 3;

	(void)arg;
	AW_TRY(aw_queue_new_priority(&queue, sizeof item, 2, compare));
	AW_TRY(aw_queue_put(queue, &item));
	return aw_queue_put(queue, &item);
}

static int
fails(void *arg)
{
	(void)arg;
	return aw_fail(-EAGAIN, "not yet");
}

static bool
retry_if(int r, void *arg)
{
	(void)r;
	(void)arg;
	tries_to_wait();
	return false;
}

static void
on_retry(struct aw_retry_state *state, void *arg)
{
	(void)state;
	(void)arg;
	tries_to_wait();
}

static int
retries_if(void *arg)
{
	(void)arg;
	return aw_retry(fails, NULL, .retry_if = retry_if) == -EAGAIN ? 0 : 1;
}

static int
retries(void *arg)
{
	(void)arg;
	return aw_retry(fails, NULL, .attempts = 2, .on_retry = on_retry) ==
	       -EAGAIN ? 0 : 1;
}

static void
reads_dump(void *arg, const char *text, size_t size)
{
	(void)arg;
	(void)text;
	(void)size;
	tries_to_wait();
}

static int
dumps(void *arg)
{
	return aw_dump_to(reads_dump, arg);
}

static void
on_unhandled(const char *task, const struct aw_error *error)
{
	(void)task;
	(void)error;
	tries_to_wait();
}

static int
leaves_failure(void *arg)
{
	(void)arg;
	start("fails", fails, NULL);
	return aw_yield();
}

static const struct place {
	int (*fn)(void *arg);
	const char *what;
} places[] = {
	{ result_of_joined, "the destructor of a result" },
	{ result_of_released, "the destructor of a result" },
	{ result_replaced, "the destructor of a result" },
	{ at_exit, "a function of aw_task_atexit()" },
	{ local_replaced, "the destructor of a task-local" },
	{ compares, "the comparison of a priority queue" },
	{ retries_if, "the function .retry_if" },
	{ retries, "the function .on_retry" },
	{ dumps, "the function of aw_dump_to()" },
	{ leaves_failure, "the function .on_unhandled" },
};

/* Afterwards the task can wait as before. */
static int
then_waits(void *arg)
{
	const struct place *place = arg;

	AW_TRY(place->fn(NULL));
	return aw_sleep(1);
}

static int
run_place(const struct place *place)
{
	n_calls = n_wrong = n_begun = 0;
	outer = NULL;
	return aw_run(then_waits, (void *)(uintptr_t)place, .test_clock = true,
		      .no_signals = true, .on_unhandled = on_unhandled);
}

START_TEST(no_callback_of_a_task_can_wait)
{
	const struct place *place = &places[_i];

	ck_assert_int_eq(run_place(place), 0);
	ck_assert_int_ge(n_calls, 1);
	ck_assert_int_eq(n_wrong, 0);
	ck_assert_int_eq(n_begun, place->fn == result_of_joined ? 1 : 0);
	ck_assert_ptr_nonnull(strstr(message, place->what));
	ck_assert_ptr_nonnull(strstr(message, "must not wait"));
}
END_TEST

static const struct place *dying;

static int
run_dying(void)
{
	return run_place(dying);
}

START_TEST(under_debug_it_is_named_and_ends_the_process)
{
	for (size_t i = 0; i < AW_LENGTH(places); i++) {
		dying = &places[i];
		ck_assert(died_of(in_child(true, run_dying), SIGABRT));
		ck_assert_said(" waits");
		ck_assert_said(places[i].what);
		ck_assert_said(", which must not wait; the wait:");
	}
}
END_TEST

/* --- Hooks ------------------------------------------------------------- */

/* One at a time; arg is where the task's end is noted. */
static void
see_spawn(void *arg, const struct aw_task *task, const char *site)
{
	(void)task;
	(void)site;
	callback(arg);
}

static void
see_switch(void *arg, const struct aw_task *from, const struct aw_task *to)
{
	(void)from;
	(void)to;
	callback(arg);
}

static void
see_block(void *arg, const struct aw_task *task, const char *what,
	  const void *object)
{
	(void)task;
	(void)what;
	(void)object;
	callback(arg);
}

static void
see_wake(void *arg, const struct aw_task *task)
{
	(void)task;
	callback(arg);
}

static void
see_exit(void *arg, const struct aw_task *task, int status)
{
	(void)task;
	(void)status;
	callback(arg);
}

static void
see_unhandled(void *arg, const char *task, const struct aw_error *error)
{
	(void)task;
	(void)error;
	callback(arg);
}

static void
see_trace(void *arg, const char *text)
{
	(void)text;
	callback(arg);
}

#define HOOKS(...) { .size = sizeof(struct aw_hooks), __VA_ARGS__ }

static const struct hook {
	const char *name;
	struct aw_hooks hooks;
} hooks[] = {
	{ "the hook .spawned", HOOKS(.spawned = see_spawn) },
	{ "the hook .switched", HOOKS(.switched = see_switch) },
	{ "the hook .blocked", HOOKS(.blocked = see_block) },
	{ "the hook .woken", HOOKS(.woken = see_wake) },
	{ "the hook .exited", HOOKS(.exited = see_exit) },
	{ "the hook .unhandled", HOOKS(.unhandled = see_unhandled) },
	{ "the hook .trace", HOOKS(.trace = see_trace) },
};

static int
waits(void *arg)
{
	return aw_event_wait(arg);
}

/* Comes by every hook once at least. */
static int
lives(void *arg)
{
	struct aw_event event = { 0 };
	struct aw_task *task;

	(void)arg;
	aw_trace("hello");
	start("fails", fails, NULL);
	task = aw_spawn("waits", waits, &event);
	AW_TRY(aw_sleep(1));
	aw_event_set(&event);
	return aw_join(task, NULL);
}

START_TEST(no_hook_can_wait)
{
	n_calls = n_wrong = n_begun = 0;
	aw_set_hooks(&hooks[_i].hooks);
	ck_assert_int_eq(run_tasks(lives, NULL), 0);
	aw_set_hooks(NULL);
	ck_assert_int_ge(n_calls, 1);
	ck_assert_int_eq(n_wrong, 0);
	ck_assert_int_eq(n_begun, 0);
	ck_assert_ptr_nonnull(strstr(message, hooks[_i].name));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("callback");
	TCase *t = tcase_create("callback");

	tcase_add_loop_test(t, no_callback_of_a_task_can_wait, 0,
			    (int)AW_LENGTH(places));
	tcase_add_loop_test(t, no_hook_can_wait, 0, (int)AW_LENGTH(hooks));
	tcase_add_test(t, under_debug_it_is_named_and_ends_the_process);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
