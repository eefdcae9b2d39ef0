/* SPDX-License-Identifier: MIT */
/* lib/process.c: asked, killed and reaped, by whomever. */
#include <sys/resource.h>

#include "process_world.h"

/* --- Close ------------------------------------------------------------- */

static int
closes(const char *const argv[], double grace)
{
	struct aw_process *p;
	AW_GROUP(group);

	AW_TRY(start_ready(&p, argv, grace));
	AW_TRY(aw_go(&group, note_status, p));
	let_others_run();
	{
		/* One that is never killed is a failure, and no long wait. */
		AW_TIMEOUT(30);
		note("%s", name(aw_process_close(&p)));
	}
	note("%d", p == NULL);
	note("%s", name(aw_process_close(&p)));
	return aw_group_wait(&group);
}

static int
asks_first(void *arg)
{
	(void)arg;
	return closes(POLITE, 600);
}

static int
then_kills(void *arg)
{
	(void)arg;
	return closes(STUBBORN, 0.05);
}

static int
kills_at_once(void *arg)
{
	(void)arg;
	return closes(POLITE, AW_NONE);
}

START_TEST(a_process_that_listens_ends_by_itself)
{
	ck_assert_int_eq(run_world(asks_first, NULL), 0);
	ck_assert_str_eq(noted, "ok 7; ok; 1; ok; ");
}
END_TEST

START_TEST(one_that_does_not_is_killed)
{
	ck_assert_int_eq(run_world(then_kills, NULL), 0);
	ck_assert_str_eq(noted, "ok -9; ok; 1; ok; ");
	ck_assert_int_eq(run_world(kills_at_once, NULL), 0);
	ck_assert_str_eq(noted, "ok -9; ok; 1; ok; ");
}
END_TEST

static int
closes_late(void *arg)
{
	AW_AUTO(aw_process, p);

	(void)arg;
	AW_TRY(aw_process_start(&p, AW_ARGV("true")));
	note_status(p);
	note("%d", waitpid(aw_process_pid(p), NULL, WNOHANG));
	note("%s", name(aw_process_close(&p)));
	return 0;
}

START_TEST(one_that_has_ended_was_reaped_and_is_closed_at_once)
{
	ck_assert_int_eq(run_world(closes_late, NULL), 0);
	ck_assert_str_eq(noted, "ok 0; -1; ok; ");
}
END_TEST

static int
close_task(void *arg)
{
	struct aw_process **p = arg;
	int r = aw_process_close(p);

	note("%s %s %d", name(r), r < 0 ? aw_cancel_reason() : "", *p == NULL);
	return 0;
}

static int
interrupted_close(void *arg)
{
	struct aw_process *p, *q;
	struct aw_task *task;
	int r;

	(void)arg;
	AW_TRY(start_ready(&p, STUBBORN, 0.05));
	AW_TRY(start_ready(&q, STUBBORN, 0.05));
	task = aw_spawn("closer", close_task, &p);
	let_others_run();
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, NULL));
	AW_TIMEOUT(0);
	r = aw_process_close(&q);
	note("%s %d", name(r), q == NULL);
	return 0;
}

START_TEST(an_interrupted_close_goes_on_without_its_caller)
{
	ck_assert_int_eq(run_world(interrupted_close, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED test 1; ETIME 1; ");
}
END_TEST

/* Would end with 2 at the second SIGTERM. */
#define COUNTS AW_ARGV("sh", "-c", "trap 'test $t && exit 2; t=1' TERM; " \
		       "echo ready; while :; do sleep 0.01; done")

static int
asks_once(void *arg)
{
	struct aw_process *p;
	AW_GROUP(group);

	(void)arg;
	AW_TRY(start_ready(&p, COUNTS, 0.3));
	AW_TRY(aw_go(&group, note_status, p));
	let_others_run();
	{
		AW_TIMEOUT(0.1);
		note("%s", name(aw_process_close(&p)));
	}
	return aw_group_wait(&group);
}

START_TEST(it_is_asked_once_also_when_the_close_was_interrupted)
{
	ck_assert_int_eq(run_world(asks_once, NULL), 0);
	ck_assert_ptr_nonnull(strstr(noted, "ok -9; "));
}
END_TEST

static int
reads_forever(void *arg)
{
	struct aw_bytes bytes;

	note("%s", name(aw_stream_chunk(aw_process_out(arg), &bytes)));
	return 0;
}

static int
closed_under_a_reader(void *arg)
{
	struct aw_process *p;
	AW_GROUP(group);

	(void)arg;
	AW_TRY(start_ready(&p, POLITE, 600));
	AW_TRY(aw_go(&group, reads_forever, p));
	let_others_run();
	note("%s", name(aw_process_close(&p)));
	return aw_group_wait(&group);
}

START_TEST(who_reads_from_a_process_that_is_closed_is_told)
{
	ck_assert_int_eq(run_world(closed_under_a_reader, NULL), 0);
	ck_assert_str_eq(noted, "ECLOSED; ok; ");
}
END_TEST

/* --- Abort, and the end of the loop ------------------------------------ */

static int
leaves_a_block(void *arg)
{
	double *grace = arg;
	AW_AUTO(aw_process, p);

	AW_TRY(start_ready(&p, STUBBORN, *grace));
	note("left");
	return 0;
}

START_TEST(leaving_the_block_ends_the_process_before_the_loop_ends)
{
	double grace = 0.05;

	ck_assert_int_eq(run_world(leaves_a_block, &grace), 0);
	ck_assert_str_eq(noted, "left; ");
}
END_TEST

START_TEST(the_loop_does_not_wait_longer_than_its_own_grace)
{
	double grace = AW_FOREVER;

	forget_notes();
	ck_assert_int_eq(aw_run(leaves_a_block, &grace, .no_signals = true,
				.grace = 0.05), 0);
	ck_assert(no_children());
	ck_assert_str_eq(noted, "left; ");
}
END_TEST

static int
leaks(void *arg)
{
	struct aw_process **ret = arg;

	return start_ready(ret, STUBBORN, 0.05);
}

START_TEST(a_forgotten_process_is_ended_with_the_loop)
{
	struct aw_process *p = NULL;

	ck_assert_int_eq(aw_run(leaks, &p, .no_signals = true), 0);
	ck_assert(no_children());
	ck_assert_int_eq(aw_process_signal(p, 0), AW_ECLOSED);
	ck_assert_int_eq(aw_process_wait(p, NULL), AW_ECLOSED);
	ck_assert_int_gt(aw_process_pid(p), 0);
	aw_process_abort(&p);
	ck_assert_ptr_null(p);
}
END_TEST

static int
cancelled_amid(void *arg)
{
	AW_AUTO(aw_process, p);

	AW_TRY(start_ready(&p, STUBBORN, 0.05));
	*(bool *)arg = true;
	return aw_process_wait(p, NULL);
}

static int
cancels(void *arg)
{
	bool runs = false;
	struct aw_task *task = aw_spawn("victim", cancelled_amid, &runs);
	int status;

	(void)arg;
	while (!runs)
		AW_TRY(aw_sleep(0.001));
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, &status));
	note("%s", name(status));
	return 0;
}

START_TEST(a_cancelled_task_takes_its_process_with_it)
{
	ck_assert_int_eq(run_world(cancels, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ");
}
END_TEST

/* --- Many -------------------------------------------------------------- */

static int n_right;

static int
one_of_many(void *arg)
{
	AW_AUTO(aw_output, o);
	char text[32];

	snprintf(text, sizeof text, "number %d\n", *(int *)arg);
	AW_TRY(aw_process_run(&o, AW_ARGV("cat"), .input = aw_text(text)));
	n_right += strcmp(o->out.data, text) == 0 && o->status == 0;
	return 0;
}

static int
many(void *arg)
{
	AW_GROUP(group);

	n_right = 0;
	for (int i = 0; i < *(int *)arg; i++)
		AW_TRY(aw_go_copy(&group, one_of_many, &i));
	return aw_group_wait(&group);
}

/* Each takes up to eight descriptors, and a session begins with 1,024: ask for
 * more, and be content with fewer processes where that is refused. */
static int
most_processes(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < 2000) {
		limit.rlim_cur = limit.rlim_max < 2000 ? limit.rlim_max : 2000;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	}
	return limit.rlim_cur < 2000 ? (int)limit.rlim_cur / 10 : 200;
}

START_TEST(two_hundred_at_once)
{
	int n = most_processes();

	ck_assert_int_eq(run_world(many, &n), 0);
	ck_assert_int_eq(n_right, n);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process_end");
	TCase *tcase = tcase_create("process_end");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, a_process_that_listens_ends_by_itself);
	tcase_add_test(tcase, one_that_does_not_is_killed);
	tcase_add_test(tcase,
		       one_that_has_ended_was_reaped_and_is_closed_at_once);
	tcase_add_test(tcase, an_interrupted_close_goes_on_without_its_caller);
	tcase_add_test(tcase,
		       it_is_asked_once_also_when_the_close_was_interrupted);
	tcase_add_test(tcase, who_reads_from_a_process_that_is_closed_is_told);
	tcase_add_test(tcase,
		       leaving_the_block_ends_the_process_before_the_loop_ends);
	tcase_add_test(tcase, the_loop_does_not_wait_longer_than_its_own_grace);
	tcase_add_test(tcase, a_forgotten_process_is_ended_with_the_loop);
	tcase_add_test(tcase, a_cancelled_task_takes_its_process_with_it);
	tcase_add_test(tcase, two_hundred_at_once);
	return suite_run(suite);
}
