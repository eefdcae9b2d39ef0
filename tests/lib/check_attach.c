/* SPDX-License-Identifier: MIT */
/* aw_attach(): inside a libev loop that the application owns and runs. */
#include <ev.h>
#include <signal.h>

#include <await/driver.h>
#include <await/sync.h>

#include "child.h"

static struct ev_loop *ev;
static struct aw_loop *attached;

static void
begin(void)
{
	forget_notes();
	ev = ev_loop_new(EVFLAG_AUTO);
	ck_assert_ptr_nonnull(ev);
	ck_assert_int_eq(aw_attach(ev, &attached), 0);
}

static void
end(void)
{
	ck_assert_int_eq(aw_detach(attached, 1), 0);
	ck_assert_ptr_null(aw_loop_here());
	ev_loop_destroy(ev);
}

static int
naps(void *arg)
{
	note("%s", (const char *)arg);
	AW_TRY(aw_sleep(0.001));
	note("%s again", (const char *)arg);
	return 0;
}

START_TEST(ev_run_returns_when_the_tasks_have_ended)
{
	begin();
	ck_assert_ptr_eq(aw_loop_here(), attached);
	ck_assert_ptr_eq(aw_loop_ev(attached), ev);
	start("a", naps, "a");
	ck_assert_str_eq(noted, "");
	ev_run(ev, 0);
	ck_assert_str_eq(noted, "a; a again; ");
	ev_run(ev, 0);		/* and at once when there is none */
	start("b", naps, "b");
	ev_run(ev, 0);
	ck_assert_str_eq(noted, "a; a again; b; b again; ");
	end();
}
END_TEST

static void
on_timer(EV_P_ ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	note("timer of the application");
	start("spawned", naps, timer->data);
}

START_TEST(tasks_and_the_application_s_watchers_share_the_loop)
{
	ev_timer timer;

	begin();
	ev_timer_init(&timer, on_timer, 0.002, 0);
	timer.data = "from a callback";
	ev_timer_start(ev, &timer);
	ev_run(ev, 0);
	ck_assert_str_eq(noted, "timer of the application; "
			 "from a callback; from a callback again; ");
	end();
}
END_TEST

static int
sleeps_for_ever(void *arg)
{
	(void)arg;
	note("%s", name(aw_sleep(AW_FOREVER)));
	note("%s", aw_cancel_reason());
	return 0;
}

static struct aw_task *handle;

static void
on_cancel(EV_P_ ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	aw_cancel(handle, "by a callback");
}

START_TEST(a_callback_may_cancel_and_a_handle_lives_until_released)
{
	ev_timer timer;

	begin();
	handle = aw_spawn("long", sleeps_for_ever, NULL);
	ev_timer_init(&timer, on_cancel, 0.002, 0);
	ev_timer_start(ev, &timer);
	ev_run(ev, 0);
	ck_assert_str_eq(noted, "ECANCELED; by a callback; ");
	ck_assert_str_eq(aw_task_name(handle), "long");
	aw_task_release(handle);
	end();
}
END_TEST

static int detach_result;

static void
on_detach(EV_P_ ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	detach_result = aw_detach(attached, 0);
}

static int
detaches(void *arg)
{
	(void)arg;
	note("%s", name(aw_detach(attached, 0)));
	note("%s", name(aw_run(naps, NULL)));
	return 0;
}

START_TEST(detaching_inside_the_loop_is_refused)
{
	ev_timer timer;

	begin();
	start("detaches", detaches, NULL);
	ev_timer_init(&timer, on_detach, 0.001, 0);
	ev_timer_start(ev, &timer);
	ev_run(ev, 0);
	ck_assert_int_eq(detach_result, -EDEADLK);
	ck_assert_str_eq(noted, "EDEADLK; EDEADLK; ");
	end();
}
END_TEST

START_TEST(detaching_cancels_and_joins_what_is_left)
{
	begin();
	start("long", sleeps_for_ever, NULL);
	ev_run(ev, EVRUN_NOWAIT);
	end();
	ck_assert_str_eq(noted, "ECANCELED; main returned; ");
}
END_TEST

static int
turns_the_loop(void *arg)
{
	(void)arg;
	start("b", naps, "b");
	ev_run(ev, EVRUN_ONCE);
	ev_run(ev, EVRUN_NOWAIT);
	note("in '%s'", aw_task_name(NULL));
	AW_TRY(aw_sleep(0.001));
	note("a again");
	return 0;
}

START_TEST(ev_run_in_a_task_switches_to_no_other)
{
	begin();
	start("a", turns_the_loop, NULL);
	ev_run(ev, 0);
	ck_assert_str_eq(noted, "in 'a'; b; a again; b again; ");
	end();
}
END_TEST

START_TEST(a_thread_has_one_loop_at_a_time)
{
	struct aw_loop *second = NULL;

	begin();
	ck_assert_int_eq(aw_attach(ev, &second), -EBUSY);
	ck_assert_ptr_null(second);
	ck_assert_int_eq(aw_run(naps, NULL), -EBUSY);
	end();
	ck_assert_int_eq(aw_attach(NULL, &second), -EINVAL);
}
END_TEST

static int
serves(void *arg)
{
	note("service %s", name(aw_event_wait(arg)));
	return 0;
}

START_TEST(services_and_timers_of_libraries_do_not_hold_ev_run)
{
	static struct aw_event event;
	static struct aw_timer timer;

	begin();
	ck_assert_int_eq(aw_service_start("service", serves, &event), 0);
	ck_assert_int_eq(aw_timer_start(&timer, aw_now() + 1e6, NULL, NULL),
			 0);
	ev_run(ev, 0);
	aw_timer_stop(&timer);
	end();
	ck_assert_str_eq(noted, "service ECANCELED; ");
}
END_TEST

static void
old_handler(int signum)
{
	(void)signum;
}

START_TEST(no_signal_is_touched)
{
	struct sigaction old = { .sa_handler = old_handler }, now;
	sigset_t mask;

	sigaction(SIGTERM, &old, NULL);
	begin();
	sigaction(SIGTERM, NULL, &now);
	ck_assert(now.sa_handler == old_handler);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ck_assert(!sigismember(&mask, SIGPIPE));
	end();
}
END_TEST

static void
on_post(void *arg)
{
	note("posted %s", (const char *)arg);
}

START_TEST(posts_reach_an_embedded_loop)
{
	begin();
	ck_assert_int_eq(aw_post(attached, on_post, "once"), 0);
	start("a", naps, "a");
	ev_run(ev, 0);
	ck_assert_ptr_nonnull(strstr(noted, "posted once; "));
	end();
}
END_TEST

/* --- Stack overflow ---------------------------------------------------- */

static __attribute__((noinline)) int
recurse(volatile char *above)
{
	volatile char frame[1500];

	frame[0] = (char)(*above + 1);
	return frame[0] == 0 && aw_stopping() ? 0 : recurse(frame) + frame[0];
}

static int
goes_deep(void *arg)
{
	volatile char top = 0;

	(void)arg;
	return recurse(&top);
}

static int
run_overflow(bool named)
{
	struct sigaction before, now;

	ev = ev_loop_new(EVFLAG_AUTO);
	sigaction(SIGSEGV, NULL, &before);
	if (aw_attach(ev, &attached, .name_overflow = named) < 0)
		return 2;
	sigaction(SIGSEGV, NULL, &now);
	if ((now.sa_sigaction == before.sa_sigaction) == named)
		return 3;
	aw_detach(attached, 0);
	sigaction(SIGSEGV, NULL, &now);
	if (now.sa_sigaction != before.sa_sigaction)
		return 4;
	if (aw_attach(ev, &attached, .name_overflow = named) < 0)
		return 5;
	aw_task_release(aw_spawn("parser", goes_deep, NULL));
	ev_run(ev, 0);
	return 6;
}

static int
run_named(void)
{
	return run_overflow(true);
}

static int
run_unnamed(void)
{
	return run_overflow(false);
}

START_TEST(who_overflows_is_named_if_the_application_asks)
{
	int status = in_child(false, run_named);

	ck_assert_said("await: stack overflow in task 'parser' (");
	ck_assert(died_of(status, SIGSEGV));
	status = in_child(false, run_unnamed);
	ck_assert_not_said("await:");
	/* Of the signal, or by a sanitizer's own handler. */
	ck_assert(died_of(status, SIGSEGV) || strstr(said, "Sanitizer"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("attach");
	TCase *basic = tcase_create("basic");
	TCase *misuse = tcase_create("misuse");

	tcase_add_test(basic, ev_run_returns_when_the_tasks_have_ended);
	tcase_add_test(basic,
		       tasks_and_the_application_s_watchers_share_the_loop);
	tcase_add_test(basic,
		       a_callback_may_cancel_and_a_handle_lives_until_released);
	tcase_add_test(basic, detaching_cancels_and_joins_what_is_left);
	tcase_add_test(basic,
		       services_and_timers_of_libraries_do_not_hold_ev_run);
	tcase_add_test(basic, posts_reach_an_embedded_loop);
	tcase_add_test(basic, no_signal_is_touched);
	tcase_add_test(misuse, detaching_inside_the_loop_is_refused);
	tcase_add_test(misuse, ev_run_in_a_task_switches_to_no_other);
	tcase_add_test(misuse, a_thread_has_one_loop_at_a_time);
	suite_add_tcase(suite, basic);
	tcase_add_test(misuse, who_overflows_is_named_if_the_application_asks);
	suite_add_tcase(suite, misuse);
	return suite_run(suite);
}
