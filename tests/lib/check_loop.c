/* SPDX-License-Identifier: MIT */
/* lib/run.c, lib/loop.c, lib/post.c: running, posting, ending. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <await/driver.h>

#include "failmalloc.h"
#include "tasks.h"

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

/* --- Running ----------------------------------------------------------- */

static int
nested(void *arg)
{
	(void)arg;
	note("%s", name(aw_run(give, NULL)));
	return 7;
}

START_TEST(run_returns_the_value_of_main)
{
	forget_notes();
	ck_assert_int_eq(aw_run(give, (void *)5), 5);
	ck_assert_int_eq(aw_run(give, (void *)(intptr_t)-EIO), -EIO);
	ck_assert_int_eq(aw_run(nested, NULL), 7);
	ck_assert_str_eq(noted, "EDEADLK; ");
	ck_assert_int_eq(aw_run_with(give, (void *)3, NULL), 3);
	ck_assert_ptr_null(aw_loop_here());
}
END_TEST

START_TEST(main_gives_an_exit_code)
{
	ck_assert_int_eq(aw_main(give, NULL), 0);
	ck_assert_int_eq(aw_main(give, (void *)3), 3);
	ck_assert_int_eq(aw_main(give, (void *)1000), 255);
	ck_assert_int_eq(dup2(open("/dev/null", O_WRONLY), 2), 2);
	ck_assert_int_eq(aw_main(give, (void *)(intptr_t)-EIO), 1);
}
END_TEST

static int
sleeps_long(void *arg)
{
	(void)arg;
	note("%s", name(aw_sleep(1000)));
	note("%s", aw_cancel_reason());
	{
		AW_SHIELD(10);
		note("%s", name(aw_sleep(1)));
	}
	return 0;
}

static int
leaves_a_task(void *arg)
{
	struct aw_task *task = aw_spawn("left", sleeps_long, NULL);

	(void)arg;
	AW_TRY(aw_sleep(1));
	return task ? 4 : -ENOMEM;
}

START_TEST(what_main_leaves_behind_is_cancelled_and_joined)
{
	ck_assert_int_eq(run_tasks(leaves_a_task, NULL), 4);
	ck_assert_str_eq(noted, "ECANCELED; main returned; ok; ");
	ck_assert_int_eq(aw_run(leaves_a_task, NULL, .test_clock = true,
				.check_leaks = true), AW_ELEAK);
	ck_assert_ptr_nonnull(strstr(aw_error()->message, "1 task"));
}
END_TEST

static int
spawns_at_the_end(void *arg)
{
	int depth = (int)(intptr_t)arg;

	aw_ignore(aw_sleep(AW_FOREVER));
	note("%d", depth);
	if (depth > 0)
		start("more", spawns_at_the_end, (void *)(intptr_t)(depth - 1));
	return 0;
}

static int
ends_with_spawning(void *arg)
{
	(void)arg;
	start("more", spawns_at_the_end, (void *)3);
	return aw_yield();
}

START_TEST(tasks_that_spawn_more_at_the_end_are_joined_too)
{
	ck_assert_int_eq(run_tasks(ends_with_spawning, NULL), 0);
	ck_assert_str_eq(noted, "3; 2; 1; 0; ");
}
END_TEST

static int
jumps(void *arg)
{
	double begin = aw_now();

	(void)arg;
	for (int i = 0; i < 1000; i++)
		AW_TRY(aw_sleep(86400));
	note("%g", since(begin));
	return 0;
}

START_TEST(the_test_clock_jumps_over_years)
{
	ck_assert_int_eq(run_tasks(jumps, NULL), 0);
	ck_assert_str_eq(noted, "8.64e+07; ");
}
END_TEST

/* --- Posting ----------------------------------------------------------- */

static struct aw_loop *target;
static int n_posted, last_posted, n_disordered;
static struct aw_waiter posted;
static uint64_t ticket;
#define N_POSTS 1000

static void
on_post(void *arg)
{
	int i = (int)(intptr_t)arg;

	n_disordered += i != last_posted + 1 || aw_self() != NULL;
	last_posted = i;
	if (++n_posted == N_POSTS)
		aw_waiter_complete(&posted, ticket, 0);
}

static void *
posts(void *arg)
{
	(void)arg;
	for (intptr_t i = 1; i <= N_POSTS; i++)
		if (aw_post(target, on_post, (void *)i) < 0)
			abort();
	return NULL;
}

static int
is_posted_to(void *arg)
{
	pthread_t thread;

	(void)arg;
	n_posted = n_disordered = last_posted = 0;
	target = aw_loop_here();
	ticket = aw_waiter_begin(&posted);
	if (pthread_create(&thread, NULL, posts, NULL) != 0)
		return -EAGAIN;
	AW_TRY(aw_waiter_wait(&posted, NULL, "posts", NULL));
	pthread_join(thread, NULL);
	note("%d, disordered %d", n_posted, n_disordered);
	return 0;
}

START_TEST(posts_from_a_thread_run_on_the_loop_in_order)
{
	forget_notes();
	ck_assert_int_eq(aw_run(is_posted_to, NULL), 0);
	ck_assert_str_eq(noted, "1000, disordered 0; ");
}
END_TEST

static void
count_post(void *arg)
{
	(void)arg;
	n_posted++;
}

static int
posts_last(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		AW_TRY(aw_post(aw_loop_here(), count_post, NULL));
	fail_from(0);
	note("%s", name(aw_post(aw_loop_here(), count_post, NULL)));
	fail_stop();
	return 0;
}

START_TEST(posts_that_came_before_the_end_are_run)
{
	n_posted = 0;
	ck_assert_int_eq(run_tasks(posts_last, NULL), 0);
	ck_assert_int_eq(n_posted, 10);
	ck_assert_str_eq(noted, "ENOMEM; ");
}
END_TEST

/* --- Several loops ----------------------------------------------------- */

static int
yields(void *arg)
{
	AW_GROUP(group);
	double seconds = 0.001;

	(void)arg;
	for (int i = 0; i < 100; i++)
		AW_TRY(aw_yield());
	AW_TRY(aw_sleep(seconds));
	return aw_group_wait(&group);
}

static void *
run_a_loop(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++)
		if (aw_run(yields, NULL) != 0)
			return "failed";
	return NULL;
}

START_TEST(each_thread_can_run_a_loop)
{
	pthread_t threads[4];
	void *failed = NULL;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_a_loop,
						NULL), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
}
END_TEST

/* --- Memory ------------------------------------------------------------ */

static int
works(void *arg)
{
	AW_GROUP(group);
	double begin = aw_now();

	(void)arg;
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_go(&group, give, NULL));
	AW_TRY(aw_group_wait(&group));
	AW_TRY(aw_sleep_until(begin + 1));
	return 0;
}

START_TEST(a_loop_without_memory_fails_and_leaves_nothing)
{
	int n, r, n_failed = 0;

	for (n = 0; ; n++) {
		aw_error_set(0)->code = 0;
		fail_only((unsigned long)n);
		r = aw_run(works, NULL, .test_clock = true,
			   .no_signals = true);
		if (!fail_stop())
			break;
		/* 0: it was only the reason of a cancel. */
		ck_assert(r == -ENOMEM || r == 0);
		ck_assert_int_eq(aw_error()->code, r);
		n_failed += r < 0;
		ck_assert_ptr_null(aw_loop_here());
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_gt(n_failed, 2);
}
END_TEST

START_TEST(the_sizes_do_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_run_options), 88);
	ck_assert_uint_eq(sizeof(struct aw_spawn_options), 80);
	ck_assert_uint_eq(sizeof(struct aw_go_options), 80);
}
END_TEST

static int
posts_nothing(void *arg)
{
	(void)arg;
	note("%s", name(aw_post(aw_loop_here(), NULL, NULL)));
	note("%s", name(aw_post(NULL, count_post, NULL)));
	return aw_yield();
}

START_TEST(a_post_of_nothing_or_to_nobody_is_refused)
{
	ck_assert_int_eq(run_tasks(posts_nothing, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *basic = tcase_create("basic");
	TCase *threads = tcase_create("threads");

	tcase_add_test(basic, run_returns_the_value_of_main);
	tcase_add_test(basic, main_gives_an_exit_code);
	tcase_add_test(basic, what_main_leaves_behind_is_cancelled_and_joined);
	tcase_add_test(basic, tasks_that_spawn_more_at_the_end_are_joined_too);
	tcase_add_test(basic, the_test_clock_jumps_over_years);
	tcase_add_test(basic, a_loop_without_memory_fails_and_leaves_nothing);
	tcase_add_test(basic, the_sizes_do_not_change);
	tcase_add_test(threads, posts_from_a_thread_run_on_the_loop_in_order);
	tcase_add_test(threads, posts_that_came_before_the_end_are_run);
	tcase_add_test(threads, a_post_of_nothing_or_to_nobody_is_refused);
	tcase_add_test(threads, each_thread_can_run_a_loop);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, threads);
	return suite_run(suite);
}
