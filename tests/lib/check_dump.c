/* SPDX-License-Identifier: MIT */
/* lib/dump.c, lib/describe.c: the tree of tasks as text. */
#include <await/debug.h>
#include <await/driver.h>
#include <ev.h>
#include <unistd.h>

#include "tasks.h"

static char text[1 << 20];
static size_t n_text;

static void
keep(void *arg, const char *piece, size_t size)
{
	(void)arg;
	if (n_text + size >= sizeof text)
		return;
	memcpy(text + n_text, piece, size);
	n_text += size;
	text[n_text] = '\0';
}

static int
take(void)
{
	n_text = 0;
	text[0] = '\0';
	return aw_dump_to(keep, NULL);
}

#define ck_assert_shows(part) \
	ck_assert_msg(strstr(text, (part)) != NULL, \
		      "\"%s\" is not in:\n%s", (part), text)

static int
sleep_seconds(void *arg)
{
	return aw_sleep((double)(intptr_t)arg);
}

static int
fails(void *arg)
{
	(void)arg;
	return aw_fail(-EIO, "the disk is on fire");
}

/* --- The tree ---------------------------------------------------------- */

static int
sleep_again(void *arg)
{
	AW_TRY(aw_sleep(1));
	return sleep_seconds(arg);
}

static int
family(void *arg)
{
	AW_GROUP(inner, .limit = 1);

	(void)arg;
	AW_TRY(aw_go(&inner, sleep_seconds, (void *)50, .name = "grandchild"));
	return aw_group_wait(&inner);
}

static int
has_tree(void *arg)
{
	struct aw_task *failed = aw_spawn("failed", fails, NULL);
	AW_TIMEOUT(100);
	AW_GROUP(outer, .limit = 2);

	(void)arg;
	AW_TRY(aw_go(&outer, family, NULL));
	AW_TRY(aw_go(&outer, sleep_seconds, (void *)9, .name = "sleeper"));
	start("late", sleep_again, (void *)50);
	AW_TRY(aw_sleep(3));
	AW_TRY(take());
	aw_group_stop(&outer);
	AW_TRY(aw_group_wait(&outer));
	return aw_join(failed, NULL);
}

/* The indentation of the line that begins with word. */
static int
level(const char *word)
{
	const char *at = strstr(text, word), *begin = at;

	if (!at)
		return -1;
	while (begin > text && begin[-1] == ' ')
		begin--;
	return begin == text || begin[-1] == '\n' ? (int)(at - begin) : -2;
}

START_TEST(groups_and_their_children_stand_under_their_owner)
{
	ck_assert_int_eq(run_tasks(has_tree, NULL), 0);
	ck_assert_int_eq(level("main #1 "), 0);
	ck_assert_int_eq(level("outer at "), 2);
	ck_assert_int_eq(level("family #3 "), 4);
	ck_assert_int_eq(level("inner at "), 6);
	ck_assert_int_eq(level("grandchild #6 "), 8);
	ck_assert_int_eq(level("sleeper #4 "), 4);
	ck_assert_int_eq(level("failed #2 "), 2);
	ck_assert_shows("2 running, 0 queued, limit 2\n");
	ck_assert_shows("ended, and not yet asked for:\n  failed #2 finished "
			"with AW_EIO");
	ck_assert(strstr(text, "family #") < strstr(text, "sleeper #"));
}
END_TEST

START_TEST(a_line_says_state_wait_age_deadline_stack_and_birthplace)
{
	ck_assert_int_eq(run_tasks(has_tree, NULL), 0);
	ck_assert_shows("main #1 running, age 3 s, deadline in 97 s "
			"(AW_TIMEOUT(100) at ");
	ck_assert_shows("waiting 3 s for children of a group 'inner', age 3 s");
	ck_assert_shows("sleeper #4 waiting 3 s for a time, age 3 s, deadline "
			"in 97 s (AW_TIMEOUT(100) at ");
	ck_assert_shows("late #5 waiting 2 s for a time, age 3 s, stack ");
	ck_assert_shows(", at most ");
	ck_assert_shows("check_dump.c:");
}
END_TEST

static int
is_cancelled(void *arg)
{
	(void)arg;
	AW_SHIELD(5);
	return take();
}

static char here[32];

static int
cancels(void *arg)
{
	struct aw_task *task = aw_spawn("victim", sleep_seconds, (void *)50);
	struct aw_task *other = aw_spawn("shielded", is_cancelled, NULL);

	(void)arg;
	AW_TRY(aw_sleep(0));
	snprintf(here, sizeof here, "check_dump.c:%d", __LINE__ + 1);
	aw_cancel(task, "the user went home");
	AW_TRY(aw_join(other, NULL));
	AW_TRY(take());
	return aw_join(task, NULL);
}

START_TEST(who_is_being_cancelled_is_shown_with_the_reason)
{
	ck_assert_int_eq(run_tasks(cancels, NULL), 0);
	ck_assert_shows("victim #2 ");
	ck_assert_shows(", cancelled: the user went home, by 'main' at ");
	ck_assert_shows(here);
}
END_TEST

/* Stack use is what lies between the top and where the task waits. */
static int
deep(void *arg)
{
	volatile char room[100 * 1024];

	for (size_t i = 0; i < sizeof room; i++)
		room[i] = 1;
	return aw_sleep((double)(intptr_t)arg) + (room[1] - 1);
}

static int
was_deep(void *arg)
{
	int r = deep(NULL);

	return r < 0 ? r : sleep_seconds(arg);
}

static double
number_after(const char *task, const char *word)
{
	const char *at = strstr(text, task);

	at = at ? strstr(at, word) : NULL;
	return at ? strtod(at + strlen(word), NULL) : -1;
}

static int
has_stacks(void *arg)
{
	struct aw_task *is = aw_spawn("is_deep", deep, (void *)5);
	struct aw_task *was = aw_spawn("was_deep", was_deep, (void *)5);

	(void)arg;
	AW_TRY(aw_sleep(1));
	AW_TRY(take());
	AW_TRY(aw_join(is, NULL));
	return aw_join(was, NULL);
}

START_TEST(the_stack_shows_its_use_now_and_at_most)
{
	ck_assert_int_eq(run_tasks(has_stacks, NULL), 0);
#ifndef AW_SWITCH_PORTABLE
	ck_assert_double_ge(number_after("is_deep #", ", stack "), 100);
	ck_assert_double_lt(number_after("was_deep #", ", stack "), 50);
#endif
	ck_assert_double_ge(number_after("is_deep #", "at most "), 100);
	ck_assert_double_ge(number_after("was_deep #", "at most "), 100);
}
END_TEST

static int
service(void *arg)
{
	(void)arg;
	return aw_sleep(AW_FOREVER);
}

static int
has_services(void *arg)
{
	(void)arg;
	AW_TRY(aw_service_start("janitor", service, NULL));
	let_others_run();
	return take();
}

START_TEST(services_have_a_part_of_their_own)
{
	ck_assert_int_eq(run_tasks(has_services, NULL), 0);
	ck_assert_shows("await: 1 tasks, 1 services");
	ck_assert_shows("services:\njanitor #2 waiting");
}
END_TEST

/* --- Large trees ------------------------------------------------------- */

#define DEEP 3000

static int
nests(int left)
{
	AW_SCOPE(scope, .seconds = 1000);

	if (left > 0)
		return nests(left - 1);
	return take();
}

static int
nests_deeply(void *arg)
{
	(void)arg;
	return nests(DEEP);
}

static int
runs_nest(void *arg)
{
	struct aw_task *task = aw_spawn("nest", nests_deeply, NULL,
					.stack = 16 << 20);

	(void)arg;
	return aw_join(task, NULL);
}

START_TEST(thousands_of_nested_scopes_are_one_line)
{
	ck_assert_int_eq(run_tasks(runs_nest, NULL), 0);
	ck_assert_shows("nest #2 running");
	ck_assert_int_eq(level("scope at"), -2);
}
END_TEST

static int
descends(void *arg)
{
	AW_GROUP(level);

	if ((intptr_t)arg == 0)
		return take();
	AW_TRY(aw_go(&level, descends, (char *)arg - 1));
	return aw_group_wait(&level);
}

START_TEST(a_deep_family_is_indented_up_to_a_point)
{
	ck_assert_int_eq(run_tasks(descends, (void *)100), 0);
	ck_assert_int_eq(level("descends #2 "), 4);
	ck_assert_int_eq(level("descends #11 "), 40);
	ck_assert_int_eq(level("descends #101 "), 40);
}
END_TEST

/* --- Where to, and from where ------------------------------------------ */

static int
dumps_to_fd(void *arg)
{
	return aw_dump(*(int *)arg);
}

START_TEST(it_is_written_to_a_descriptor)
{
	int fd[2], bad = -1;
	ssize_t n;

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(run_tasks(dumps_to_fd, &fd[1]), 0);
	n = read(fd[0], text, sizeof text - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_shows("main #1 running");
	ck_assert_int_eq(run_tasks(dumps_to_fd, &bad), -EBADF);
}
END_TEST

static void
dump_in_callback(void *arg)
{
	*(int *)arg = take();
}

static int
dumps_in_callback(void *arg)
{
	struct aw_defer defer = { .fn = dump_in_callback, .arg = arg };

	aw_defer(&defer);
	return aw_sleep(1);
}

START_TEST(callbacks_of_the_loop_can_dump)
{
	int r = -1;

	ck_assert_int_eq(run_tasks(dumps_in_callback, &r), 0);
	ck_assert_int_eq(r, 0);
	ck_assert_shows("main #1 waiting 0 s for a time");
}
END_TEST

START_TEST(without_a_loop_there_is_nothing_to_dump)
{
	ck_assert_int_eq(aw_dump(1), AW_EUSAGE);
	ck_assert_int_eq(take(), AW_EUSAGE);
}
END_TEST

static Suite *
dump_suite(void)
{
	Suite *suite = suite_create("dump");
	TCase *t = tcase_create("tree");

	tcase_add_test(t, groups_and_their_children_stand_under_their_owner);
	tcase_add_test(
	    t, a_line_says_state_wait_age_deadline_stack_and_birthplace);
	tcase_add_test(t, who_is_being_cancelled_is_shown_with_the_reason);
	tcase_add_test(t, the_stack_shows_its_use_now_and_at_most);
	tcase_add_test(t, services_have_a_part_of_their_own);
	suite_add_tcase(suite, t);
	t = tcase_create("limits");
	tcase_add_test(t, thousands_of_nested_scopes_are_one_line);
	tcase_add_test(t, a_deep_family_is_indented_up_to_a_point);
	suite_add_tcase(suite, t);
	t = tcase_create("where");
	tcase_add_test(t, it_is_written_to_a_descriptor);
	tcase_add_test(t, callbacks_of_the_loop_can_dump);
	tcase_add_test(t, without_a_loop_there_is_nothing_to_dump);
	suite_add_tcase(suite, t);
	return suite;
}

int
main(void)
{
	return suite_run(dump_suite());
}
