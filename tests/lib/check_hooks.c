/* SPDX-License-Identifier: MIT */
/* lib/hooks.c, lib/metrics.c: what a loop tells, and what it counts. */
#include <await/debug.h>
#include <await/driver.h>
#include <time.h>
#include <unistd.h>

#include "tasks.h"

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

static int
fails(void *arg)
{
	(void)arg;
	return aw_fail(-EIO, "the disk is on fire");
}

static const char *
who(const struct aw_task *task)
{
	return task ? aw_task_name(task) : "loop";
}

/* --- Hooks ------------------------------------------------------------- */

static void
on_spawned(void *arg, const struct aw_task *task, const char *site)
{
	note("%s+%s%s", (char *)arg, who(task),
	     site && strstr(site, "check_hooks.c:") ? "@" : "");
}

static void
on_switched(void *arg, const struct aw_task *from, const struct aw_task *to)
{
	char name_of_from[64];

	(void)arg;
	snprintf(name_of_from, sizeof name_of_from, "%s", who(from));
	note("%s>%s", name_of_from, who(to));
}

static void
on_blocked(void *arg, const struct aw_task *task, const char *what,
	   const void *object)
{
	(void)arg;
	note("%s:%s%s", who(task), what, object ? "!" : "");
}

static void
on_woken(void *arg, const struct aw_task *task)
{
	(void)arg;
	note("%s^", who(task));
}

static void
on_exited(void *arg, const struct aw_task *task, int status)
{
	(void)arg;
	note("%s-%d", who(task), status);
}

static void
on_unhandled(void *arg, const char *task, const struct aw_error *error)
{
	(void)arg;
	note("%s: %s", task, error->message);
}

static void
on_trace(void *arg, const char *text)
{
	(void)arg;
	note("[%s]", text);
}

static int
joins_one(void *arg)
{
	struct aw_task *task = aw_spawn("child", give, arg);

	return aw_join(task, NULL);
}

START_TEST(every_step_of_a_task_is_told_in_order)
{
	struct aw_hooks hooks = {
		.size = sizeof hooks,
		.arg = "T",
		.spawned = on_spawned,
		.switched = on_switched,
		.blocked = on_blocked,
		.woken = on_woken,
		.exited = on_exited,
	};

	aw_set_hooks(&hooks);
	ck_assert_int_eq(run_tasks(joins_one, (void *)3), 0);
	ck_assert_str_eq(noted, "T+main; loop>main; T+child@; main:a task!; "
			 "main>child; child-3; main^; child>main; main-0; "
			 "main>loop; ");
	aw_set_hooks(NULL);
	ck_assert_int_eq(run_tasks(joins_one, NULL), 0);
	ck_assert_str_eq(noted, "");
}
END_TEST

static int
sets_hooks_inside(void *arg)
{
	struct aw_hooks hooks = { .size = sizeof hooks, .exited = on_exited };

	aw_set_hooks(arg ? &hooks : NULL);
	return joins_one(NULL);
}

START_TEST(hooks_can_come_and_go_while_the_loop_runs)
{
	ck_assert_int_eq(run_tasks(sets_hooks_inside, (void *)1), 0);
	ck_assert_str_eq(noted, "child-0; main-0; ");
	ck_assert_int_eq(run_tasks(sets_hooks_inside, NULL), 0);
	ck_assert_str_eq(noted, "");
}
END_TEST

static int
releases_failure(void *arg)
{
	(void)arg;
	start("careless", fails, NULL);
	let_others_run();
	return 0;
}

START_TEST(an_error_that_nobody_asks_for_is_told)
{
	struct aw_hooks hooks = { .size = sizeof hooks,
				  .unhandled = on_unhandled };

	aw_set_hooks(&hooks);
	ck_assert_int_eq(run_tasks(releases_failure, NULL), 0);
	ck_assert_str_eq(noted, "careless: the disk is on fire; ");
	aw_set_hooks(NULL);
}
END_TEST

/* Works on the processor for some milliseconds. */
static int
works(void *arg)
{
	clock_t until = clock() + CLOCKS_PER_SEC / 200;

	(void)arg;
	while (clock() < until)
		;
	return 0;
}

static void
on_stalled(void *arg, const struct aw_task *task, double seconds)
{
	(void)arg;
	note("%s %s", who(task), seconds >= 0.001 ? "late" : "early");
}

static int
spawns_work(void *arg)
{
	struct aw_task *task;

	AW_TRY(aw_yield());
	task = aw_spawn("worker", works, arg);
	AW_TRY(aw_yield());
	return aw_join(task, NULL);
}

START_TEST(who_kept_the_loop_is_told_when_it_is_over)
{
	struct aw_hooks hooks = { .size = sizeof hooks, .stalled = on_stalled };

	setenv("AWAIT_DEBUG_STALL", "0.001", 1);
	aw_set_hooks(&hooks);
	forget_notes();
	ck_assert_int_eq(aw_run(spawns_work, NULL, .no_signals = true), 0);
	ck_assert_ptr_nonnull(strstr(noted, "worker late; "));
	ck_assert_ptr_null(strstr(noted, "early"));
	aw_set_hooks(NULL);
	unsetenv("AWAIT_DEBUG_STALL");
}
END_TEST

static int
ignores_failures(void *arg)
{
	(void)arg;
	aw_trace("%s %d", "begin", 1);
	{
		AW_TIMEOUT(0);
		for (int i = 0; i < 100; i++)
			aw_ignore(aw_sleep(1));
	}
	return 0;
}

START_TEST(the_trace_hook_hears_the_library_and_its_drivers)
{
	struct aw_hooks hooks = { .size = sizeof hooks, .trace = on_trace };

	aw_set_hooks(&hooks);
	ck_assert_int_eq(run_tasks(ignores_failures, NULL), 0);
	ck_assert_str_eq(noted, "[begin 1]; [task 'main' ignored 100 failed "
			 "waits in a row]; ");
	aw_trace("outside");
	ck_assert_ptr_nonnull(strstr(noted, "[outside]"));
	aw_set_hooks(NULL);
	aw_trace("to nobody");
	ck_assert_ptr_null(strstr(noted, "nobody"));
}
END_TEST

/* A program built against an older header gives fewer hooks. */
START_TEST(a_shorter_structure_sets_what_it_has)
{
	struct aw_hooks hooks = {
		.size = offsetof(struct aw_hooks, exited),
		.spawned = on_spawned,
		.arg = "T",
		.exited = on_exited,
	};

	aw_set_hooks(&hooks);
	ck_assert_int_eq(run_tasks(joins_one, NULL), 0);
	ck_assert_str_eq(noted, "T+main; T+child@; ");
	aw_set_hooks(NULL);
}
END_TEST

/* --- Metrics ----------------------------------------------------------- */

static struct aw_metrics m;

static int
sleeps(void *arg)
{
	(void)arg;
	return aw_sleep(10);
}

static int
has_counts(void *arg)
{
	struct aw_task *a, *b, *c;

	(void)arg;
	a = aw_spawn("a", sleeps, NULL);
	b = aw_spawn("b", give, NULL);
	AW_TRY(aw_sleep(1));
	c = aw_spawn("c", give, NULL);
	aw_cancel(a, "counted");
	{
		AW_TIMEOUT(0);
		aw_ignore(aw_sleep(1));
		AW_TRY(aw_metrics(&m));
	}
	aw_ignore(aw_join(a, NULL));
	AW_TRY(aw_join(b, NULL));
	return aw_join(c, NULL);
}

START_TEST(tasks_waits_and_timers_are_counted)
{
	ck_assert_int_eq(run_tasks(has_counts, NULL), 0);
	ck_assert_uint_eq(m.tasks, 3);
	ck_assert_uint_eq(m.tasks_peak, 3);
	ck_assert_uint_eq(m.services, 0);
	ck_assert_uint_eq(m.spawned, 4);
	ck_assert_uint_eq(m.unjoined, 1);
	ck_assert_uint_eq(m.switches, 4);
	ck_assert_uint_eq(m.ready, 2);
	ck_assert_uint_eq(m.timers, 1);
	ck_assert_uint_eq(m.waits_failed, 1);
	ck_assert_uint_eq(m.stacks, 3);
	ck_assert_uint_eq(m.guards_light + m.guards_mprotect + m.guards_gap, 3);
	ck_assert_uint_ge(m.stack_bytes, 64 * 256 * 1024);
}
END_TEST

static int
yields(void *arg)
{
	for (intptr_t i = (intptr_t)arg; i > 0; i--)
		AW_TRY(aw_yield());
	return 0;
}

static int
has_batches(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	for (int i = 0; i < 10; i++)
		AW_TRY(aw_go(&group, yields, (void *)61));
	AW_TRY(aw_group_wait(&group));
	return aw_metrics(&m);
}

START_TEST(batches_switches_and_waits_in_line_are_counted)
{
	ck_assert_int_eq(run_tasks(has_batches, NULL), 0);
	/* Ten times 62 runs and main's two, 61 to a batch. */
	ck_assert_uint_eq(m.switches, 622);
	ck_assert_uint_eq(m.batches, 11);
	ck_assert_uint_eq(m.batches_by_count, 10);
	ck_assert_uint_eq(m.batches_by_time, 0);
	ck_assert_uint_eq(m.polls, 11);
	ck_assert_uint_eq(m.ready_peak, 10);
	/* Of 622 wakes each 64th. */
	ck_assert_uint_eq(m.latency_samples, 9);
	ck_assert_double_ge(m.latency_max, m.latency_mean);
}
END_TEST

static int
works_long(void *arg)
{
	AW_GROUP(group);

	for (int i = 0; i < 20; i++)
		AW_TRY(aw_go(&group, works, arg));
	AW_TRY(aw_group_wait(&group));
	return aw_metrics(&m);
}

START_TEST(a_batch_that_takes_long_is_ended_by_time)
{
	ck_assert_int_eq(aw_run(works_long, NULL, .no_signals = true), 0);
	ck_assert_uint_ge(m.batches_by_time, 1);
	ck_assert_uint_eq(m.batches_by_count, 0);
}
END_TEST

static int
forces_turn(void *arg)
{
	AW_TRY(ignores_failures(arg));
	return aw_metrics(&m);
}

START_TEST(forced_turns_are_counted)
{
	ck_assert_int_eq(run_tasks(forces_turn, NULL), 0);
	ck_assert_uint_eq(m.turns_forced, 1);
	ck_assert_uint_eq(m.waits_failed, 100);
}
END_TEST

/* A job that lasts until a byte comes. */
static void
read_byte(void *memory)
{
	char byte;

	if (read(*(int *)memory, &byte, 1) != 1)
		abort();
}

static int
note_jobs(void)
{
	int r = aw_metrics(&m);

	note("%llu", (unsigned long long)m.jobs);
	return r;
}

static int
counts_jobs(void *arg)
{
	static const struct aw_job_type type = {
		.size = sizeof(int), .run = read_byte
	};
	struct aw_job *job;
	int fd[2], r;

	(void)arg;
	if (pipe(fd) < 0)
		return -errno;
	AW_TRY(note_jobs());
	AW_TRY(aw_job_start(&job, AW_JOBS_GENERAL, &type, fd));
	AW_TRY(note_jobs());
	if (write(fd[1], "x", 1) != 1)
		return -EIO;
	r = aw_job_wait(job, "a byte", NULL);
	AW_TRY(note_jobs());
	aw_job_free(job);
	return r;
}

START_TEST(jobs_count_until_they_are_done)
{
	ck_assert_int_eq(run_tasks(counts_jobs, NULL), 0);
	ck_assert_str_eq(noted, "0; 1; 0; ");
}
END_TEST

START_TEST(without_a_loop_there_is_nothing_to_count)
{
	ck_assert_int_eq(aw_metrics(&m), AW_EUSAGE);
}
END_TEST

static Suite *
hooks_suite(void)
{
	Suite *suite = suite_create("hooks");
	TCase *t = tcase_create("hooks");

	tcase_add_test(t, every_step_of_a_task_is_told_in_order);
	tcase_add_test(t, hooks_can_come_and_go_while_the_loop_runs);
	tcase_add_test(t, an_error_that_nobody_asks_for_is_told);
	tcase_add_test(t, who_kept_the_loop_is_told_when_it_is_over);
	tcase_add_test(t, the_trace_hook_hears_the_library_and_its_drivers);
	tcase_add_test(t, a_shorter_structure_sets_what_it_has);
	suite_add_tcase(suite, t);
	t = tcase_create("metrics");
	tcase_add_test(t, tasks_waits_and_timers_are_counted);
	tcase_add_test(t, batches_switches_and_waits_in_line_are_counted);
	tcase_add_test(t, a_batch_that_takes_long_is_ended_by_time);
	tcase_add_test(t, forced_turns_are_counted);
	tcase_add_test(t, jobs_count_until_they_are_done);
	tcase_add_test(t, without_a_loop_there_is_nothing_to_count);
	suite_add_tcase(suite, t);
	return suite;
}

int
main(void)
{
	return suite_run(hooks_suite());
}
