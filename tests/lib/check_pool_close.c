/* SPDX-License-Identifier: MIT */
/*
 * lib/pool.c: options, closing in every state, the end of the loop, fork().
 */
#include <sys/wait.h>
#include <unistd.h>

#include <ev.h>

#include <await/driver.h>

#include "toy_pool.h"

static struct aw_pool *pool;
static double begun;

/* --- Options ----------------------------------------------------------- */

static int
opens_badly(void *arg)
{
	static const struct aw_pool_type bare = { .kind = "toy" };
	struct aw_pool *p = NULL;

	(void)arg;
	note("%s", name(aw_pool_open(&p, &toy_type, NULL, .max = -1)));
	note("%s", name(aw_pool_open(&p, &toy_type, NULL, .max = 2,
				     .min = 3)));
	note("%s", name(aw_pool_open(&p, &bare, NULL)));
	note("%s", name(aw_pool_open(&p, NULL, NULL)));
	note("%d", p == NULL);
	return aw_pool_open_with(&p, &toy_type, NULL, NULL);
}

START_TEST(options_are_checked)
{
	struct aw_pool *p;

	ck_assert_int_eq(run_toys(opens_badly, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EINVAL; EINVAL; 1; ");
	ck_assert_int_eq(factory.finis, 1);	/* the loop's end closed it */
	ck_assert_int_eq(aw_pool_open(&p, &toy_type, NULL), AW_EUSAGE);
	aw_pool_free(NULL);
}
END_TEST

static int
does_not_wait(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b;
	int r;

	(void)arg;
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .acquire = AW_NONE,
			    .min = 1));
	let_others_run();
	begun = aw_now();
	AW_TRY(toy_acquire(p, &a));
	factory.open_takes = 1;
	r = toy_acquire(p, &b);
	note("%s at %g", name(r), since(begun));
	toy_release(a);
	return 0;
}

START_TEST(acquire_none_does_not_wait)
{
	ck_assert_int_eq(run_toys(does_not_wait, NULL), 0);
	ck_assert_str_eq(noted, "EPOOL at 0; ");
}
END_TEST

/* --- Closing ----------------------------------------------------------- */

static int
borrow_for(void *arg)
{
	struct toy *toy;
	int r = toy_acquire(pool, &toy);

	if (r < 0) {
		note("%s at %g", name(r), since(begun));
		return 0;
	}
	aw_ignore(aw_sleep((double)(intptr_t)arg));
	toy_release(toy);
	note("released at %g", since(begun));
	return 0;
}

/* One borrowed for 5 s, one idle, one being opened, one waiting. */
static int
prepare(struct aw_task *task[3])
{
	struct toy *toy;

	begun = aw_now();
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .max = 2));
	AW_TRY(toy_acquire(pool, &toy));
	task[0] = aw_spawn("a", borrow_for, (void *)5);
	toy_release(toy);
	let_others_run();
	factory.open_takes = 100;
	task[1] = aw_spawn("b", borrow_for, (void *)1);
	task[2] = aw_spawn("c", borrow_for, (void *)1);
	AW_TRY(aw_sleep(1));
	note_stats(pool);
	return 0;
}

static int
join_all(struct aw_task *task[3])
{
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_join(task[i], NULL));
	return 0;
}

static int
closes(void *arg)
{
	struct aw_task *task[3];
	struct aw_pool *p;
	int r;

	(void)arg;
	AW_TRY(prepare(task));
	p = pool;
	r = aw_pool_close(&p, 10);
	note("%s at %g, alive %d, handle %d", name(r), since(begun),
	     factory.alive, p != NULL);
	note("%s", name(aw_pool_close(&p, 10)));
	return join_all(task);
}

START_TEST(close_waits_for_what_is_borrowed)
{
	ck_assert_int_eq(run_toys(closes, NULL), 0);
	ck_assert_str_eq(noted, "idle 0 borrowed 1 opening 1 cleaning 0 "
			 "waiting 2; ECLOSED at 1; ECLOSED at 1; "
			 "released at 5; ok at 5, alive 0, handle 0; ok; ");
	ck_assert_int_eq(factory.finis, 1);
	ck_assert_int_eq(factory.closes, 1);
}
END_TEST

static int
closes_in_haste(void *arg)
{
	struct aw_task *task[3];
	int r;

	(void)arg;
	AW_TRY(prepare(task));
	r = aw_pool_close(&pool, 2);
	note("%s at %g: %s", name(r), since(begun), aw_error()->message);
	return join_all(task);
}

START_TEST(after_the_grace_the_rest_happens_by_itself)
{
	ck_assert_int_eq(run_toys(closes_in_haste, NULL), 0);
	ck_assert_ptr_nonnull(strstr(noted, "ETIMEDOUT at 3: pool pool: 1 of "
				     "its members are still borrowed, 0 are "
				     "being closed; released at 5; "));
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.finis, 1);
}
END_TEST

static int
is_interrupted(void *arg)
{
	struct aw_task *task[3];
	int r;

	(void)arg;
	AW_TRY(prepare(task));
	AW_TIMEOUT(1);
	r = aw_pool_close(&pool, AW_FOREVER);
	note("%s at %g", name(r), since(begun));
	return 0;
}

START_TEST(an_interrupted_close_closes_all_the_same)
{
	ck_assert_int_eq(run_toys(is_interrupted, NULL), 0);
	ck_assert_ptr_nonnull(strstr(noted, "ETIME at 2; "));
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.finis, 1);
}
END_TEST

static int
frees(void *arg)
{
	struct aw_task *task[3];

	(void)arg;
	AW_TRY(prepare(task));
	aw_pool_freep(&pool);
	note("freed at %g, alive %d", since(begun), factory.alive);
	return join_all(task);
}

START_TEST(a_borrowed_member_outlives_the_handle)
{
	ck_assert_int_eq(run_toys(frees, NULL), 0);
	ck_assert_ptr_nonnull(strstr(noted, "freed at 1, alive 1; "
				     "ECLOSED at 1; ECLOSED at 1; "
				     "released at 5; "));
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.finis, 1);
}
END_TEST

static int
closes_while_cleaning(void *arg)
{
	struct toy *a, *b;
	int r;

	(void)arg;
	begun = aw_now();
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL));
	AW_TRY(toy_acquire(pool, &a));
	AW_TRY(toy_acquire(pool, &b));
	factory.verdict = AW_POOL_CLEAN;
	factory.clean_takes = 2;
	factory.close_takes = 1;
	toy_release(a);
	AW_TRY(aw_sleep(1));
	toy_release(b);			/* not begun: only closed */
	r = aw_pool_close(&pool, AW_NONE);
	note("%s at %g, cleans %d closes %d", name(r), since(begun),
	     factory.cleans, factory.closes);
	return 0;
}

/* Without borrowers there is nothing to be impatient about. */
START_TEST(close_waits_for_helpers_without_grace_too)
{
	ck_assert_int_eq(run_toys(closes_while_cleaning, NULL), 0);
	ck_assert_str_eq(noted, "ok at 3, cleans 1 closes 2; ");
	ck_assert_int_eq(factory.alive, 0);
}
END_TEST

static int
closes_hanging(void *arg)
{
	AW_AUTO(aw_pool, p);
	struct toy *a, *b;

	(void)arg;
	begun = aw_now();
	AW_TRY(aw_pool_open(&p, &toy_type, NULL, .max = 2, .idle = 10,
			    .clean = 3, .check = AW_NONE));
	AW_TRY(toy_acquire(p, &a));
	AW_TRY(toy_acquire(p, &b));
	factory.close_takes = 100;
	toy_release(a);
	AW_TRY(aw_sleep(10.5));
	AW_TRY(toy_acquire(p, &a));	/* after the close was cut short */
	note("%d at %g, most %d", a->id, since(begun), factory.most);
	toy_release(a);
	toy_release(b);
	return 0;
}

START_TEST(a_close_that_hangs_is_cut_short_and_counts_until_then)
{
	ck_assert_int_eq(run_toys(closes_hanging, NULL), 0);
	ck_assert_str_eq(noted, "3 at 13, most 2; ");
	ck_assert_int_eq(factory.alive, 0);
}
END_TEST

/* --- The end of the loop ----------------------------------------------- */

static int
leaves_open(void *arg)
{
	struct toy *a, *b;

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL, .min = 1));
	AW_TRY(toy_acquire(pool, &a));
	AW_TRY(toy_acquire(pool, &b));
	factory.verdict = AW_POOL_CLEAN;
	factory.clean_takes = 1;
	toy_release(a);
	toy_release(b);
	return 0;
}

START_TEST(the_end_of_the_loop_closes_pools)
{
	ck_assert_int_eq(run_toys(leaves_open, NULL), 0);
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.finis, 1);
	ck_assert_int_eq(factory.closes, 2);
}
END_TEST

static int
hangs_at_the_end(void *arg)
{
	AW_TRY(leaves_open(arg));
	factory.close_takes = AW_FOREVER;
	return 0;
}

START_TEST(the_grace_of_the_loop_bounds_the_close)
{
	ck_assert_int_eq(run_toys(hangs_at_the_end, NULL), 0);
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.finis, 1);
}
END_TEST

/* A task of a library that keeps its member to the very end. */
static int
keeps_to_the_end(void *arg)
{
	struct toy *toy;

	(void)arg;
	AW_TRY(toy_acquire(pool, &toy));
	aw_ignore(aw_sleep(AW_FOREVER));
	let_others_run();
	for (int i = 0; i < 200; i++)	/* each hundredth gives a turn */
		aw_ignore(aw_sleep(1));
	factory.verdict = AW_POOL_CLEAN;
	toy_release(toy);
	return 0;
}

static int
lends_to_a_service(void *arg)
{
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL));
	AW_TRY(aw_service_start("keeper", keeps_to_the_end, arg));
	let_others_run();
	return 0;
}

START_TEST(what_comes_back_after_the_janitor_is_aborted)
{
	ck_assert_int_eq(run_toys(lends_to_a_service, NULL), 0);
	ck_assert_int_eq(factory.made, 1);
	ck_assert_int_eq(factory.aborts, 1);
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.finis, 1);
}
END_TEST

START_TEST(an_idle_pool_does_not_hold_an_embedded_loop)
{
	struct ev_loop *ev = ev_loop_new(0);
	struct aw_loop *loop;
	struct aw_pool *p;

	memset(&factory, 0, sizeof factory);
	ck_assert_int_eq(aw_attach(ev, &loop), 0);
	ck_assert_int_eq(aw_pool_open(&p, &toy_type, NULL, .min = 1), 0);
	while (factory.alive == 0)
		ev_run(ev, EVRUN_ONCE);
	ev_run(ev, 0);			/* returns: nothing holds it */
	ck_assert_int_eq(factory.alive, 1);
	aw_pool_free(p);
	ck_assert_int_eq(aw_detach(loop, 1), 0);
	ck_assert_int_eq(factory.alive, 0);
	ck_assert_int_eq(factory.finis, 1);
	ev_loop_destroy(ev);
}
END_TEST

/* --- fork() ------------------------------------------------------------ */

static int
forks(void *arg)
{
	struct toy *a, *b, *c;
	int status = 0;
	pid_t pid;

	(void)arg;
	AW_TRY(aw_pool_open(&pool, &toy_type, NULL));
	AW_TRY(toy_acquire(pool, &a));
	AW_TRY(toy_acquire(pool, &b));
	toy_release(a);
	pid = fork();
	if (pid == 0) {
		int ok = toy_acquire(pool, &c) == AW_EFORK;

		toy_release(b);
		ok += factory.aborts == 1;
		ok += aw_pool_close(&pool, 1) == AW_EFORK;
		ok += factory.aborts == 2 && factory.closes == 0;
		_exit(ok);
	}
	waitpid(pid, &status, 0);
	note("%d", WEXITSTATUS(status));
	AW_TRY(toy_acquire(pool, &a));
	note("%d", a->id);
	toy_release(a);
	toy_release(b);
	return aw_pool_close(&pool, 1);
}

START_TEST(a_child_of_fork_only_drops_what_it_inherited)
{
	ck_assert_int_eq(run_toys(forks, NULL), 0);
	ck_assert_str_eq(noted, "4; 1; ");
	ck_assert_int_eq(factory.closes, 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pool_close");
	TCase *tcase = tcase_create("all");

	tcase_add_test(tcase, options_are_checked);
	tcase_add_test(tcase, acquire_none_does_not_wait);
	tcase_add_test(tcase, close_waits_for_what_is_borrowed);
	tcase_add_test(tcase, after_the_grace_the_rest_happens_by_itself);
	tcase_add_test(tcase, an_interrupted_close_closes_all_the_same);
	tcase_add_test(tcase, a_borrowed_member_outlives_the_handle);
	tcase_add_test(tcase, close_waits_for_helpers_without_grace_too);
	tcase_add_test(tcase,
		       a_close_that_hangs_is_cut_short_and_counts_until_then);
	tcase_add_test(tcase, the_end_of_the_loop_closes_pools);
	tcase_add_test(tcase, the_grace_of_the_loop_bounds_the_close);
	tcase_add_test(tcase, what_comes_back_after_the_janitor_is_aborted);
	tcase_add_test(tcase, an_idle_pool_does_not_hold_an_embedded_loop);
	tcase_add_test(tcase, a_child_of_fork_only_drops_what_it_inherited);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
