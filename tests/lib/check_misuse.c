/* SPDX-License-Identifier: MIT */
/* lib/misuse.c: what ends the process under AWAIT_DEBUG, and passes without
 * a word where it is off. */
#include <await/debug.h>
#include <await/driver.h>
#include <ev.h>
#include <pthread.h>

#include "child.h"

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

/* --- Waits where they are forbidden ------------------------------------ */

AW_API int waits_where_it_must_not(void *arg);

int __attribute__((noinline))
waits_where_it_must_not(void *arg)
{
	int r;

	(void)arg;
	AW_NO_AWAIT;
	{
		AW_TIMEOUT(1);
		r = aw_sleep(0.001);
	}
	return r == -EDEADLK ? 0 : 1;
}

static int
run_forbidden(void)
{
	return run_tasks(waits_where_it_must_not, NULL);
}

START_TEST(a_forbidden_wait_names_both_places)
{
	ck_assert(died_of(in_child(true, run_forbidden), SIGABRT));
	ck_assert_said("await: task 'main' waits, and AW_NO_AWAIT at ");
	ck_assert_said("check_misuse.c:27 forbids it");
	ck_assert_said("waits_where_it_must_not");
	ck_assert(ended(in_child(false, run_forbidden), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

/* --- Scopes ------------------------------------------------------------ */

static int
leaves_out_of_order(void *arg)
{
	struct aw_scope outer = { .name = "outer", .site = "a.c:1" };
	struct aw_scope inner = { .name = "inner", .site = "b.c:2" };

	(void)arg;
	aw_scope_enter(&outer);
	aw_scope_enter(&inner);
	aw_scope_leave(&outer);
	aw_scope_leave(&inner);
	aw_scope_leave(&outer);
	return 0;
}

static int
run_out_of_order(void)
{
	return run_tasks(leaves_out_of_order, NULL);
}

START_TEST(scopes_left_out_of_order_are_both_named)
{
	ck_assert(died_of(in_child(true, run_out_of_order), SIGABRT));
	ck_assert_said("scope outer at a.c:1 is left before scope inner at "
		       "b.c:2");
	ck_assert(ended(in_child(false, run_out_of_order), 0));
	ck_assert_str_eq(said, "");
}
END_TEST

static int
has_nan(void *arg)
{
	(void)arg;
	AW_TIMEOUT(NAN);
	return aw_sleep(0.001) == -ETIME ? 0 : 1;
}

static int
run_nan(void)
{
	return run_tasks(has_nan, NULL);
}

static int
spawns_nan(void *arg)
{
	struct aw_task *task = aw_spawn("late", give, NULL, .deadline = NAN);

	(void)arg;
	return aw_join(task, NULL);
}

static int
run_spawns_nan(void)
{
	return run_tasks(spawns_nan, NULL);
}

START_TEST(a_deadline_that_is_not_a_number_is_named)
{
	ck_assert(died_of(in_child(true, run_nan), SIGABRT));
	ck_assert_said("the deadline of AW_TIMEOUT(");
	ck_assert_said("check_misuse.c:");
	ck_assert(ended(in_child(false, run_nan), 0));
	ck_assert_str_eq(said, "");
	ck_assert(died_of(in_child(true, run_spawns_nan), SIGABRT));
	ck_assert_said("the deadline of late at ");
	ck_assert(ended(in_child(false, run_spawns_nan), 0));
}
END_TEST

/* --- Handles that are gone --------------------------------------------- */

/* A task that was joined, and then as many others as a slab holds, twice. */
static struct aw_task *
joined_long_ago(void)
{
	struct aw_task *gone = aw_spawn("gone", give, NULL);

	aw_ignore(aw_join(gone, NULL));
	for (int i = 0; i < 130; i++)
		aw_ignore(aw_join(aw_spawn("next", give, NULL), NULL));
	return gone;
}

static int
joins_twice(void *arg)
{
	(void)arg;
	return aw_join(joined_long_ago(), NULL) == -EINVAL ? 0 : 1;
}

static int
cancels_gone(void *arg)
{
	(void)arg;
	aw_cancel(joined_long_ago(), "too late");
	return 0;
}

static int
releases_gone(void *arg)
{
	(void)arg;
	aw_task_release(joined_long_ago());
	return 0;
}

static int
run_joins_twice(void)
{
	return run_tasks(joins_twice, NULL);
}

static int
run_cancels_gone(void)
{
	return run_tasks(cancels_gone, NULL);
}

static int
run_releases_gone(void)
{
	return run_tasks(releases_gone, NULL);
}

START_TEST(a_handle_used_after_its_join_is_found_however_late)
{
	ck_assert(ended(in_child(true, run_joins_twice), 0));
	ck_assert(died_of(in_child(true, run_cancels_gone), SIGABRT));
	ck_assert_said("aw_cancel: task 'gone' from ");
	ck_assert_said("check_misuse.c:");
	ck_assert(died_of(in_child(true, run_releases_gone), SIGABRT));
	ck_assert_said("aw_task_release: task 'gone'");
}
END_TEST

/* --- Other threads ----------------------------------------------------- */

struct stranger {
	struct aw_task *task;
	struct aw_event event;
	struct aw_group *group;
	struct aw_scope *scope;
	struct aw_fd *fd;
	struct aw_timer timer;
	struct aw_waiter waiter;
	uint64_t ticket;
	int (*fn)(void *arg);
};

static void *
run_stranger(void *arg)
{
	struct stranger *s = arg;

	return (void *)(intptr_t)aw_run(s->fn, s, .no_signals = true);
}

static int
sleep_long(void *arg)
{
	(void)arg;
	return aw_sleep(3600);
}

static int
join_there(void *arg)
{
	struct stranger *s = arg;

	return aw_join(s->task, NULL) == AW_EUSAGE ? 0 : 1;
}

static int
cancel_there(void *arg)
{
	struct stranger *s = arg;

	aw_cancel(s->task, "by a stranger");
	return 0;
}

static int
release_there(void *arg)
{
	struct stranger *s = arg;

	aw_task_release(s->task);
	return 0;
}

static int
stop_there(void *arg)
{
	const struct stranger *s = arg;

	aw_group_stop(s->group);
	return 0;
}

static int
cancel_scope_there(void *arg)
{
	const struct stranger *s = arg;

	aw_scope_cancel(s->scope, "by a stranger");
	return 0;
}

static int
wait_group_there(void *arg)
{
	const struct stranger *s = arg;

	return aw_group_wait(s->group) == AW_EUSAGE ? 0 : 1;
}

static int
watch_there(void *arg)
{
	const struct stranger *s = arg;

	aw_fd_watch(s->fd, 0, NULL, NULL);
	return 0;
}

static int
wait_fd_there(void *arg)
{
	struct aw_fd *fd = ((struct stranger *)arg)->fd;

	return aw_fd_wait(fd, AW_FD_READ, "", NULL) == AW_EUSAGE ? 0 : 1;
}

static int
free_fd_there(void *arg)
{
	const struct stranger *s = arg;

	aw_fd_free(s->fd);
	return 0;
}

static int
start_timer_there(void *arg)
{
	struct stranger *s = arg;

	return aw_timer_start(&s->timer, 0, NULL, NULL) == AW_EUSAGE ? 0 : 1;
}

static int
stop_timer_there(void *arg)
{
	struct stranger *s = arg;

	aw_timer_stop(&s->timer);
	return s->timer.place != 0 ? 0 : 1;
}

static int
complete_there(void *arg)
{
	struct stranger *s = arg;

	return aw_waiter_complete(&s->waiter, s->ticket, 0) ? 1 : 0;
}

static int
set_there(void *arg)
{
	struct stranger *s = arg;

	aw_event_set(&s->event);
	return 0;
}

static int
wait_event(void *arg)
{
	struct stranger *s = arg;

	return aw_event_wait(&s->event);
}

static int
wait_waiter(void *arg)
{
	struct stranger *s = arg;

	s->ticket = aw_waiter_begin(&s->waiter);
	return aw_waiter_wait(&s->waiter, NULL, "a test", NULL);
}

/* The other thread works on what is this one's while this one is blocked. */
static int
meet(struct stranger *s)
{
	pthread_t thread;
	void *r = NULL;

	if (pthread_create(&thread, NULL, run_stranger, s) != 0)
		return 2;
	pthread_join(thread, &r);
	return r ? (int)(intptr_t)r : aw_check();
}

static int
meets_stranger(void *arg)
{
	struct stranger *s = arg;
	int r;
	AW_GROUP(group);
	AW_SCOPE(scope);

	s->group = &group;
	s->scope = &scope;
	s->task = aw_spawn("mine", s->fn == set_there ? wait_event :
			   s->fn == complete_there ? wait_waiter : sleep_long,
			   s);
	AW_TRY(aw_timer_start(&s->timer, aw_now() + 100, NULL, NULL));
	AW_TRY(aw_fd_new(&s->fd, STDIN_FILENO));
	let_others_run();
	r = meet(s);
	aw_fd_free(s->fd);
	aw_timer_stop(&s->timer);
	aw_cancel(s->task, "the test is over");
	aw_ignore(aw_join(s->task, NULL));
	return r;
}

static int (*stranger_does)(void *arg);

static int
run_meets_stranger(void)
{
	struct stranger s = { .fn = stranger_does };

	return aw_run(meets_stranger, &s, .no_signals = true);
}

START_TEST(what_is_another_threads_is_out_of_reach)
{
	int (*const calls[])(void *) = {
		join_there, cancel_there, release_there, stop_there,
		cancel_scope_there, wait_group_there, watch_there,
		wait_fd_there, free_fd_there, start_timer_there,
		stop_timer_there, complete_there
	};
	const char *says[] = {
		"await: aw_join: this belongs to the loop of another",
		"await: aw_cancel: this belongs to the loop of another",
		"await: aw_task_release: this belongs to the loop of",
		"await: aw_group_stop: this belongs to the loop of",
		"await: aw_scope_cancel: this belongs to the loop of",
		"await: aw_group_wait: this belongs to the loop of",
		"await: aw_fd_watch: this belongs to the loop of",
		"await: aw_fd_wait: this belongs to the loop of",
		"await: aw_fd_free: this belongs to the loop of",
		"await: aw_timer_start: this belongs to the loop of",
		"await: aw_timer_stop: this belongs to the loop of",
		"await: aw_waiter_complete: this belongs to the loop of",
	};

	for (size_t i = 0; i < AW_LENGTH(calls); i++) {
		stranger_does = calls[i];
		ck_assert(died_of(in_child(true, run_meets_stranger),
				  SIGABRT));
		ck_assert_said(says[i]);
		ck_assert(ended(in_child(false, run_meets_stranger), 0));
		ck_assert_str_eq(said, "");
	}
}
END_TEST

START_TEST(a_wake_from_another_thread_is_found)
{
	stranger_does = set_there;
	ck_assert(died_of(in_child(true, run_meets_stranger), SIGABRT));
	ck_assert_said(
	    "await: a wake: this belongs to the loop of another");
}
END_TEST

static void *
detach_there(void *loop)
{
	return (void *)(intptr_t)aw_detach(loop, 0);
}

static int
run_detach_there(void)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct aw_loop *loop;
	pthread_t thread;
	void *r = NULL;

	if (aw_attach(ev, &loop) < 0)
		return 2;
	aw_task_release(aw_spawn("task", give, NULL));
	if (pthread_create(&thread, NULL, detach_there, loop) != 0)
		return 3;
	pthread_join(thread, &r);
	if ((int)(intptr_t)r != AW_EUSAGE || aw_detach(loop, 0) != 0)
		return 4;
	ev_loop_destroy(ev);
	return 0;
}

START_TEST(an_attached_loop_is_detached_by_its_own_thread)
{
	ck_assert(died_of(in_child(true, run_detach_there), SIGABRT));
	ck_assert_said("await: aw_detach: this belongs to the loop of another");
	ck_assert(ended(in_child(false, run_detach_there), 0));
}
END_TEST

static Suite *
misuse_suite(void)
{
	Suite *suite = suite_create("misuse");
	TCase *t = tcase_create("misuse");

	tcase_add_test(t, a_forbidden_wait_names_both_places);
	tcase_add_test(t, scopes_left_out_of_order_are_both_named);
	tcase_add_test(t, a_deadline_that_is_not_a_number_is_named);
	tcase_add_test(t, a_handle_used_after_its_join_is_found_however_late);
	tcase_add_test(t, what_is_another_threads_is_out_of_reach);
	tcase_add_test(t, an_attached_loop_is_detached_by_its_own_thread);
	tcase_add_test(t, a_wake_from_another_thread_is_found);
	suite_add_tcase(suite, t);
	return suite;
}

int
main(void)
{
	return suite_run(misuse_suite());
}
