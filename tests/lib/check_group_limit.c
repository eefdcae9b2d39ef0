/* SPDX-License-Identifier: MIT */
/* lib/group.c: .limit, sizes, memory, and who may wait. */
#include "failmalloc.h"
#include "group_jobs.h"

/* --- Limits ------------------------------------------------------------ */

static int n_running, n_most;

static int
counted(void *arg)
{
	(void)arg;
	n_running++;
	n_most = n_running > n_most ? n_running : n_most;
	AW_TRY(aw_sleep(1));
	n_running--;
	return 0;
}

static int
limited(void *arg)
{
	double begin = aw_now();
	AW_GROUP(group, .limit = 3);

	(void)arg;
	n_running = n_most = 0;
	for (int i = 0; i < 10; i++)
		AW_TRY(aw_go(&group, counted, NULL));
	AW_TRY(aw_group_wait(&group));
	note("most %d at %g", n_most, since(begin));
	return 0;
}

START_TEST(go_waits_when_the_limit_is_reached)
{
	ck_assert_int_eq(run_tasks(limited, NULL), 0);
	ck_assert_str_eq(noted, "most 3 at 4; ");
}
END_TEST

static int
limited_failure(void *arg)
{
	AW_GROUP(group, .limit = 1);
	int r;

	(void)arg;
	AW_TRY(go(&group, "a", 1, -EIO));
	r = go(&group, "b", 1, 0);
	note("go %s: %s", name(r), aw_error()->message);
	r = go(&group, "c", 1, 0);
	note("go %s: %s", name(r), aw_error()->message);
	r = aw_group_wait(&group);
	note("wait %s: %s", name(r), aw_error()->message);
	return 0;
}

START_TEST(go_returns_the_failure_that_ended_the_group)
{
	ck_assert_int_eq(run_tasks(limited_failure, NULL), 0);
	ck_assert_str_eq(noted, "a ok; go EIO: a failed; go EIO: a failed; "
			 "wait EIO: a failed; ");
}
END_TEST

static int
limited_deadline(void *arg)
{
	AW_GROUP(group, .limit = 1);

	(void)arg;
	AW_TRY(go(&group, "a", 3, 0));
	{
		AW_TIMEOUT(1);
		note("%s", name(go(&group, "b", 1, 0)));
		note("%s", aw_error()->wait);
	}
	AW_TRY(go(&group, "c", 1, 0));
	return aw_group_wait(&group);
}

START_TEST(waiting_for_a_place_ends_with_the_scope)
{
	ck_assert_int_eq(run_tasks(limited_deadline, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; a place in a group; a ok; c ok; ");
}
END_TEST

static struct aw_group *crawl;

static int
page(void *arg)
{
	int depth = (int)(intptr_t)arg;

	n_running++;
	n_most = n_running > n_most ? n_running : n_most;
	AW_TRY(aw_sleep(1));
	for (int i = 0; depth > 0 && i < 3; i++)
		AW_TRY(aw_go(crawl, page, (void *)(intptr_t)(depth - 1)));
	n_running--;
	return 0;
}

static int
crawls(void *arg)
{
	AW_GROUP(group, .limit = 2);

	(void)arg;
	crawl = &group;
	n_running = n_most = 0;
	AW_TRY(aw_go(&group, page, (void *)3));
	AW_TRY(aw_group_wait(&group));
	note("most %d", n_most);
	return 0;
}

START_TEST(children_start_siblings_without_waiting_within_the_limit)
{
	ck_assert_int_eq(run_tasks(crawls, NULL), 0);
	ck_assert_str_eq(noted, "most 2; ");
}
END_TEST

static int n_ran;

static int
runs_once(void *arg)
{
	(void)arg;
	n_ran++;
	return aw_sleep(1);
}

static int
queue_some(void *arg)
{
	struct aw_group *group = arg;

	for (int i = 0; i < 5; i++)
		AW_TRY(aw_go(group, runs_once, NULL));
	return 0;
}

static int
queued_cancelled(void *arg)
{
	AW_GROUP(group, .limit = 1);

	(void)arg;
	n_ran = 0;
	AW_TRY(aw_go(&group, queue_some, &group));
	AW_TRY(aw_sleep(0.5));
	return 0;
}

START_TEST(queued_children_run_once_also_when_cancelled_before)
{
	ck_assert_int_eq(run_tasks(queued_cancelled, NULL), 0);
	ck_assert_int_eq(n_ran, 5);
}
END_TEST

static int
stop_crawl(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(1));
	aw_group_stop(crawl);
	return 0;
}

static int
stopped_at_the_limit(void *arg)
{
	AW_GROUP(group, .limit = 1);
	int r;

	(void)arg;
	crawl = &group;
	start("stops", stop_crawl, NULL);
	AW_TRY(go(&group, "a", 9, 0));
	r = go(&group, "b", 9, 0);
	note("%s: %s", name(r), aw_error()->message);
	return aw_group_wait(&group);
}

START_TEST(go_that_waits_for_a_place_is_told_of_a_stop)
{
	ck_assert_int_eq(run_tasks(stopped_at_the_limit, NULL), 0);
	ck_assert_str_eq(noted, "ECLOSED: aw_go: the group has been stopped; "
			 "a ECANCELED; ");
}
END_TEST

static int
helps(void *arg)
{
	(void)arg;
	note("helper %s", name(go(crawl, "c", 1, 0)));
	return 0;
}

static int
fails_with_helpers(void *arg)
{
	AW_GROUP(group, .limit = 1);

	(void)arg;
	crawl = &group;
	AW_TRY(go(&group, "a", 1, -EIO));
	for (int i = 0; i < 3; i++)
		start("helper", helps, NULL);
	AW_TRY(aw_yield());
	{
		AW_SHIELD(9);
		AW_TRY(aw_sleep(2));
	}
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(everybody_who_waits_for_a_place_hears_of_the_end)
{
	ck_assert_int_eq(run_tasks(fails_with_helpers, NULL), 0);
	ck_assert_str_eq(noted, "a ok; helper EIO; helper EIO; helper EIO; "
			 "EIO; ");
}
END_TEST

/* --- Arguments --------------------------------------------------------- */

struct large {
	char bytes[16 * 1024];
};

struct larger {
	char bytes[16 * 1024 + 1];
};

static int
sum(void *arg)
{
	const struct large *large = arg;
	size_t n = 0;

	AW_TRY(aw_yield());
	for (size_t i = 0; i < sizeof large->bytes; i++)
		n += large->bytes[i] == (char)(i % 100);
	note("%d", n == sizeof large->bytes);
	return 0;
}

static int
large_copies(void *arg)
{
	static struct larger larger;
	static struct large large;
	AW_GROUP(group);

	(void)arg;
	for (size_t i = 0; i < sizeof large.bytes; i++)
		large.bytes[i] = (char)(i % 100);
	AW_TRY(aw_go_copy(&group, sum, &large));
	memset(&large, 0x55, sizeof large);
	note("%s", name(aw_go_copy(&group, sum, &larger)));
	return aw_group_wait(&group);
}

START_TEST(a_copy_may_have_16_kib)
{
	ck_assert_int_eq(run_tasks(large_copies, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; 1; ");
}
END_TEST

/* --- Misuse ------------------------------------------------------------ */

static struct aw_group *theirs;

static int
waits_for_parents(void *arg)
{
	struct aw_done done;

	(void)arg;
	note("%s", name(aw_group_wait(theirs)));
	note("%s", name(aw_group_next(theirs, &done)));
	return 0;
}

static int
wrong_waiters(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	theirs = &group;
	AW_TRY(aw_go(&group, waits_for_parents, NULL));
	AW_TRY(aw_group_wait(&group));
	AW_TRY(aw_join(aw_spawn("stranger", waits_for_parents, NULL), NULL));
	return 0;
}

START_TEST(only_the_owner_waits_for_a_group)
{
	AW_GROUP(group);

	ck_assert_int_eq(run_tasks(wrong_waiters, NULL), 0);
	ck_assert_str_eq(noted, "EDEADLK; EDEADLK; EUSAGE; EUSAGE; ");
	ck_assert_int_eq(aw_go(&group, give, NULL), AW_EUSAGE);
	ck_assert_int_eq(aw_group_wait(&group), AW_EUSAGE);
	aw_group_stop(&group);
}
END_TEST

static int
no_memory(void *arg)
{
	int r = 0, i;
	AW_GROUP(group);

	(void)arg;
	n_ran = 0;
	for (i = 0; i < 100; i++)
		AW_TRY(aw_go(&group, runs_once, NULL));
	AW_TRY(aw_sleep(0.5));
	fail_from(0);
	for (i = 0; i < 100 && r == 0; i++)
		r = aw_go(&group, give, NULL);
	note("%s %d", name(r), fail_stop());
	AW_TRY(aw_go(&group, give, NULL));
	return aw_group_wait(&group);
}

START_TEST(without_memory_no_child_starts_and_the_others_go_on)
{
	ck_assert_int_eq(run_tasks(no_memory, NULL), 0);
	ck_assert_str_eq(noted, "ENOMEM 1; ");
}
END_TEST

/* One after another wants a place; the first has no use for it. */
static int
sends(void *arg)
{
	static const char huge[] = "huge";
	bool is_huge = strcmp(aw_task_name(NULL), huge) == 0;
	int r = aw_go(arg, give, NULL, .stack = is_huge ? (int64_t)1 << 48 : 0);

	note("%s %s", aw_task_name(NULL), name(r));
	return 0;
}

static int
no_use_for_a_place(void *arg)
{
	AW_GROUP(group, .limit = 1);
	struct aw_task *last;

	(void)arg;
	AW_TRY(aw_go(&group, runs_once, NULL));
	start("huge", sends, &group);
	last = aw_spawn("last", sends, &group);
	AW_TIMEOUT(60);
	note("%s", name(aw_join(last, NULL)));
	return aw_group_wait(&group);
}

START_TEST(a_place_that_is_not_used_goes_to_the_next)
{
	ck_assert_int_eq(run_tasks(no_use_for_a_place, NULL), 0);
	ck_assert_str_eq(noted, "huge ENOMEM; last ok; ok; ");
}
END_TEST

/* The owner may see the end before those who wait for a place. */
static int
joins_beside_senders(void *arg)
{
	AW_GROUP(group, .limit = 1);
	struct aw_task *tasks[2];

	(void)arg;
	AW_TRY(aw_go(&group, runs_once, NULL));
	tasks[0] = aw_spawn("a", sends, &group);
	tasks[1] = aw_spawn("b", sends, &group);
	AW_TRY(aw_group_wait(&group));
	AW_TIMEOUT(60);
	AW_TRY(aw_join(tasks[0], NULL));
	return aw_join(tasks[1], NULL);
}

START_TEST(nobody_waits_for_a_place_in_a_joined_group)
{
	for (unsigned seed = 0; seed < 50; seed++) {
		forget_notes();
		ck_assert_int_eq(aw_run(joins_beside_senders, NULL,
					.test_clock = true, .no_signals = true,
					.seed = seed), 0);
	}
}
END_TEST

START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_group), 336);
	ck_assert_uint_eq(sizeof(struct aw_group_options), 48);
	ck_assert_uint_eq(sizeof(struct aw_call), 48);
	ck_assert_uint_eq(sizeof(struct aw_done), 32);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("group_limit");
	TCase *limits = tcase_create("limits");

	tcase_add_test(limits, go_waits_when_the_limit_is_reached);
	tcase_add_test(limits, go_returns_the_failure_that_ended_the_group);
	tcase_add_test(limits, waiting_for_a_place_ends_with_the_scope);
	tcase_add_test(limits,
		children_start_siblings_without_waiting_within_the_limit);
	tcase_add_test(limits,
		       queued_children_run_once_also_when_cancelled_before);
	tcase_add_test(limits, go_that_waits_for_a_place_is_told_of_a_stop);
	tcase_add_test(limits,
		       everybody_who_waits_for_a_place_hears_of_the_end);
	tcase_add_test(limits, a_copy_may_have_16_kib);
	tcase_add_test(limits,
		       without_memory_no_child_starts_and_the_others_go_on);
	tcase_add_test(limits, a_place_that_is_not_used_goes_to_the_next);
	tcase_add_test(limits, nobody_waits_for_a_place_in_a_joined_group);
	tcase_add_test(limits, only_the_owner_waits_for_a_group);
	tcase_add_test(limits, the_sizes_do_not_change);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
