/* SPDX-License-Identifier: MIT */
/* lib/local.c: task-locals, their inheritance and their end. */
#include <await/driver.h>

#include "failmalloc.h"
#include "tasks.h"

static void
gone(void *value)
{
	note("%s is gone", (const char *)value);
}

static struct aw_local mine = { .dtor = gone };
static struct aw_local ours = { .inherit = true, .dtor = gone };
static struct aw_local other = { .inherit = true };

static const char *
text(const struct aw_local *key)
{
	const char *value = aw_local_get(key);

	return value ? value : "none";
}

static int
shows(void *arg)
{
	note("%s: %s %s", (const char *)arg, text(&mine), text(&ours));
	return 0;
}

/* --- Values ------------------------------------------------------------ */

static int
one_task(void *arg)
{
	(void)arg;
	note("%s", text(&mine));
	AW_TRY(aw_local_set(&mine, "a"));
	AW_TRY(aw_local_set(&mine, "b"));
	note("%s", text(&mine));
	AW_TRY(aw_local_set(&mine, NULL));
	note("%s", text(&mine));
	AW_TRY(aw_local_set(&mine, "c"));
	note("returns");
	return 0;
}

START_TEST(a_value_is_destroyed_when_it_is_replaced_and_at_the_end)
{
	ck_assert_int_eq(run_tasks(one_task, NULL), 0);
	ck_assert_str_eq(noted, "none; a is gone; b; b is gone; none; "
			 "returns; c is gone; ");
}
END_TEST

static int
sets_and_shows(void *arg)
{
	AW_TRY(aw_local_set(&mine, arg));
	AW_TRY(aw_yield());
	return shows("task");
}

static int
two_tasks(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, sets_and_shows, "a"));
	AW_TRY(aw_go(&group, sets_and_shows, "b"));
	return aw_group_wait(&group);
}

START_TEST(each_task_has_its_own)
{
	ck_assert_int_eq(run_tasks(two_tasks, NULL), 0);
	ck_assert_str_eq(noted, "task: a none; a is gone; task: b none; "
			 "b is gone; ");
}
END_TEST

/* --- Inheritance ------------------------------------------------------- */

static int
changes(void *arg)
{
	shows(arg);
	AW_TRY(aw_local_set(&ours, "changed"));
	return shows(arg);
}

static int
parent(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_local_set(&mine, "own"));
	AW_TRY(aw_local_set(&ours, "first"));
	AW_TRY(aw_go(&group, changes, "child"));
	AW_TRY(aw_local_set(&ours, "second"));
	AW_TRY(aw_go(&group, shows, "later"));
	AW_TRY(aw_join(aw_spawn("spawned", shows, "spawned"), NULL));
	AW_TRY(aw_group_wait(&group));
	return shows("parent");
}

START_TEST(a_task_takes_what_its_starter_has_at_that_moment)
{
	ck_assert_int_eq(run_tasks(parent, NULL), 0);
	ck_assert_str_eq(noted, "child: none first; first is gone; "
			 "child: none changed; changed is gone; "
			 "later: none second; spawned: none second; "
			 "parent: own second; own is gone; second is gone; ");
}
END_TEST

static int
ends_late(void *arg)
{
	AW_TRY(aw_sleep(1));
	return shows(arg);
}

static int
leaves_child(void *arg)
{
	(void)arg;
	AW_TRY(aw_local_set(&ours, "shared"));
	start("child", ends_late, "child");
	return 0;
}

static int
grandparent(void *arg)
{
	(void)arg;
	AW_TRY(aw_join(aw_spawn("parent", leaves_child, NULL), NULL));
	note("joined");
	return aw_sleep(2);
}

START_TEST(an_inherited_value_lives_as_long_as_the_last_task_that_has_it)
{
	ck_assert_int_eq(run_tasks(grandparent, NULL), 0);
	ck_assert_str_eq(noted, "joined; child: none shared; "
			 "shared is gone; ");
}
END_TEST

static int
serves(void *arg)
{
	(void)arg;
	return shows("service");
}

static int
starts_service(void *arg)
{
	(void)arg;
	AW_TRY(aw_local_set(&ours, "request"));
	AW_TRY(aw_service_start("service", serves, NULL));
	return aw_yield();
}

START_TEST(a_service_of_a_library_inherits_nothing)
{
	ck_assert_int_eq(run_tasks(starts_service, NULL), 0);
	ck_assert_str_eq(noted, "service: none none; request is gone; ");
}
END_TEST

/* --- Cost and limits --------------------------------------------------- */

static int
does_nothing(void *arg)
{
	return aw_local_get(arg) != NULL;
}

static int
counts(void *arg)
{
	int status;

	(void)arg;
	AW_TRY(aw_local_set(&ours, "a"));
	AW_TRY(aw_local_set(&other, "b"));
	AW_TRY(aw_join(aw_spawn("warm", does_nothing, &other), NULL));
	count_start();
	AW_TRY(aw_join(aw_spawn("task", does_nothing, &other), &status));
	note("%lu allocations, %d", count_stop(), status);
	return 0;
}

START_TEST(inheriting_allocates_nothing)
{
	ck_assert_int_eq(run_tasks(counts, NULL), 0);
	ck_assert_str_eq(noted, "0 allocations, 1; a is gone; ");
}
END_TEST

static int
without_memory(void *arg)
{
	unsigned long n;
	int r;

	(void)arg;
	AW_TRY(aw_local_set(&mine, "kept"));
	for (n = 0; ; n++) {
		fail_from(n);
		r = aw_local_set(&ours, "new");
		if (!fail_stop())
			break;
		note("%s %s", name(r), text(&ours));
	}
	note("%s %s", name(r), text(&ours));
	fail_from(0);
	r = aw_local_set(&mine, "other");
	fail_stop();
	note("%s %s", name(r), text(&mine));
	return 0;
}

START_TEST(without_memory_the_former_value_stays)
{
	ck_assert_int_eq(run_tasks(without_memory, NULL), 0);
	ck_assert_str_eq(noted, "ENOMEM none; ENOMEM none; ok new; "
			 "ENOMEM kept; kept is gone; new is gone; ");
}
END_TEST

static int
many_keys(void *arg)
{
	static struct aw_local keys[300];
	size_t i;
	int r = 0;

	(void)arg;
	for (i = 0; i < AW_LENGTH(keys) && r == 0; i++)
		r = aw_local_set(&keys[i], &keys[i]);
	note("%s %d", name(r), i > 200);
	r = 0;
	while (i-- > 1)
		r |= aw_local_get(&keys[i - 1]) != &keys[i - 1];
	note("%d", r);
	return 0;
}

START_TEST(a_process_has_256_keys)
{
	ck_assert_int_eq(run_tasks(many_keys, NULL), 0);
	ck_assert_str_eq(noted, "ELIMIT 1; 0; ");
}
END_TEST

START_TEST(outside_a_task_there_are_none)
{
	ck_assert_int_eq(aw_local_set(&mine, "x"), AW_EUSAGE);
	ck_assert_ptr_null(aw_local_get(&mine));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("local");
	TCase *values = tcase_create("values");
	TCase *limits = tcase_create("limits");

	tcase_add_test(values,
		a_value_is_destroyed_when_it_is_replaced_and_at_the_end);
	tcase_add_test(values, each_task_has_its_own);
	tcase_add_test(values,
		       a_task_takes_what_its_starter_has_at_that_moment);
	tcase_add_test(values,
		an_inherited_value_lives_as_long_as_the_last_task_that_has_it);
	tcase_add_test(values, a_service_of_a_library_inherits_nothing);
	tcase_add_test(limits, inheriting_allocates_nothing);
	tcase_add_test(limits, without_memory_the_former_value_stays);
	tcase_add_test(limits, a_process_has_256_keys);
	tcase_add_test(limits, outside_a_task_there_are_none);
	suite_add_tcase(suite, values);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
