/* SPDX-License-Identifier: MIT */
/* lib/process_run.c: writing to a process and reading it, to the end. */
#include "process_world.h"
#include "stream.h"

#define MEGABYTE (1 << 20)

static char block[8 * MEGABYTE];

static struct aw_bytes
big(void)
{
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 7919 >> 3);
	return aw_bytes(block, sizeof block);
}

/* Runs a script and notes what came of it, in numbers. */
static void
note_run(const char *script, const struct aw_process_options *options)
{
	AW_AUTO(aw_output, o);
	int r = aw_process_run_with(&o, AW_ARGV("sh", "-c", script), options);

	if (r < 0)
		note("%s", name(r));
	else
		note("%d %zu %zu", o->status, o->out.size, o->err.size);
}

#define runs(script, ...) \
	note_run((script), &(struct aw_process_options){ \
		.size = sizeof(struct aw_process_options), __VA_ARGS__ })

/* --- There and back ---------------------------------------------------- */

static int
through_cat(void *arg)
{
	AW_AUTO(aw_output, o);

	(void)arg;
	AW_TRY(aw_process_run(&o, AW_ARGV("cat"), .input = big()));
	note("%d %d", o->status, o->out.size == sizeof block &&
	     memcmp(o->out.data, block, sizeof block) == 0);
	note("%d", ((const char *)o->out.data)[o->out.size]);
	note("%d '%s'", (int)o->err.size, (const char *)o->err.data);
	return 0;
}

START_TEST(megabytes_go_through_a_process_and_come_back)
{
	ck_assert_int_eq(run_world(through_cat, NULL), 0);
	ck_assert_str_eq(noted, "0 1; 0; 0 ''; ");
}
END_TEST

static int
odd_ones(void *arg)
{
	(void)arg;
	runs("exec <&-; echo done; exit 4", .input = big());
	runs("exit 5", .input = big());
	runs("head -c 2000000 /dev/zero; head -c 3000000 /dev/zero >&2; "
	     "wc -c >&2", .input = big());
	runs("kill -9 $$", .input = big());
	runs("cat");
	runs("cat", .input = aw_text(""));
	runs("echo x; echo y >&2", .err = AW_NONE);
	return 0;
}

START_TEST(no_pipe_that_is_full_or_closed_holds_up_the_others)
{
	ck_assert_int_eq(run_world(odd_ones, NULL), 0);
	ck_assert_str_eq(noted, "4 5 0; 5 0 0; 0 2000000 3000008; -9 0 0; "
			 "0 0 0; 0 0 0; 0 2 0; ");
}
END_TEST

static int
by_hand(void *arg)
{
	AW_AUTO(aw_process, p);
	AW_AUTO(aw_output, o);
	struct aw_bytes line;

	(void)arg;
	AW_TRY(aw_process_start(&p, AW_ARGV("cat"), .in = AW_PIPE,
				.out = AW_PIPE));
	AW_TRY(aw_stream_write(aw_process_in(p), aw_text("question\n")));
	AW_TRY(aw_stream_line(aw_process_out(p), &line));
	note("%.*s", AW_ARG(line));
	note("%d", aw_process_err(p) == NULL);
	AW_TRY(aw_stream_write(aw_process_in(p), aw_text("rest")));
	AW_TRY(aw_stream_shutdown(aw_process_in(p)));
	AW_TRY(aw_process_communicate(p, &o, aw_bytes(NULL, 0)));
	note("%d %.*s", o->status, AW_ARG(o->out));
	return 0;
}

START_TEST(a_dialogue_line_by_line_and_then_the_rest)
{
	ck_assert_int_eq(run_world(by_hand, NULL), 0);
	ck_assert_str_eq(noted, "question; 1; 0 rest; ");
}
END_TEST

/* --- Limits ------------------------------------------------------------ */

static int
too_much(void *arg)
{
	(void)arg;
	runs("head -c 1000000000 /dev/zero", .max = 100000, .grace = 0.05);
	note("%s", aw_error()->message);
	runs("head -c 1000000000 /dev/zero >&2", .max = 100000);
	runs("head -c 100000 /dev/zero", .max = 100000);
	runs("head -c 100001 /dev/zero", .max = 100000);
	runs("head -c 100000 /dev/zero", .max = AW_FOREVER);
	return 0;
}

START_TEST(an_output_without_end_meets_the_limit)
{
	ck_assert_int_eq(run_world(too_much, NULL), 0);
	ck_assert_str_eq(noted, "ELIMIT; the standard output of a process is "
			 "longer than 100000 bytes (.max); ELIMIT; "
			 "0 100000 0; ELIMIT; 0 100000 0; ");
}
END_TEST

static int
long_line(int64_t limit)
{
	AW_AUTO(aw_process, p);
	struct aw_bytes line = { NULL, 0 };
	int r;

	AW_TRY(aw_process_start(&p, AW_ARGV("sh", "-c", "head -c 100000 "
					    "/dev/zero | tr '\\0' x; echo"),
				.out = AW_PIPE, .limit = limit));
	r = aw_stream_line(aw_process_out(p), &line);
	note("%s %zu", name(r), line.size);
	return 0;
}

static int
long_lines(void *arg)
{
	(void)arg;
	AW_TRY(long_line(0));
	return long_line(200000);
}

START_TEST(a_line_may_be_as_long_as_the_limit_of_the_process)
{
	ck_assert_int_eq(run_world(long_lines, NULL), 0);
	ck_assert_str_eq(noted, "ELIMIT 0; got 100000; ");
}
END_TEST

static int
feeds_slowly(void *arg)
{
	AW_AUTO(aw_process, p);
	struct aw_stream_counts n;

	(void)arg;
	AW_TRY(aw_process_start(&p, FOREVER, .in = AW_PIPE, .high = 300000));
	AW_TRY(aw_stream_write(aw_process_in(p), aw_bytes(block, 250000)));
	AW_TRY(aw_sleep(0.01));
	n = aw_stream_counts(aw_process_in(p));
	note("%d, %s", (int)n.written, n.sent < n.written ? "not all sent"
							   : "sent");
	return 0;
}

START_TEST(more_may_wait_to_be_sent_to_a_process)
{
	ck_assert_int_eq(run_world(feeds_slowly, NULL), 0);
	ck_assert_str_eq(noted, "250000, not all sent; ");
}
END_TEST

static int
a_gigabyte(void *arg)
{
	AW_AUTO(aw_process, p);
	struct aw_bytes bytes;
	uint64_t n = 0;
	int r;

	(void)arg;
	AW_TRY(aw_process_start(&p, AW_ARGV("head", "-c", "1000000000",
					    "/dev/zero"), .out = AW_PIPE));
	while ((r = aw_stream_chunk(aw_process_out(p), &bytes)) > 0)
		n += bytes.size;
	note("%d %llu", r, (unsigned long long)n);
	note_status(p);
	return 0;
}

START_TEST(a_gigabyte_goes_through_a_stream)
{
	ck_assert_int_eq(run_world(a_gigabyte, NULL), 0);
	ck_assert_str_eq(noted, "0 1000000000; ok 0; ");
}
END_TEST

/* --- Interruptions ----------------------------------------------------- */

static int
runs_forever(void *arg)
{
	AW_AUTO(aw_output, o);

	return aw_process_run(&o, AW_ARGV("sleep", "1000"), .input = big(),
			      .grace = arg ? AW_NONE : 5);
}

static int
runs_cut_short(void *arg)
{
	struct aw_task *task;
	int status = 0;

	(void)arg;
	{
		AW_TIMEOUT(0.02);
		note("%s", name(runs_forever(NULL)));
	}
	task = aw_spawn("runner", runs_forever, &status);
	AW_TRY(aw_sleep(0.02));
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, &status));
	note("%s", name(status));
	AW_TIMEOUT(0);
	note("%s", name(runs_forever(NULL)));
	return 0;
}

START_TEST(a_run_that_is_cut_short_takes_the_process_with_it)
{
	ck_assert_int_eq(run_world(runs_cut_short, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; ECANCELED; ETIME; ");
}
END_TEST

static int
talk_cut_short(void *arg)
{
	AW_AUTO(aw_process, p);
	AW_AUTO(aw_output, o);

	(void)arg;
	AW_TRY(aw_process_start(&p, AW_ARGV("sh", "-c", "echo once; "
					    "exec sleep 1000"),
				.in = AW_PIPE, .out = AW_PIPE));
	{
		AW_TIMEOUT(0.01);
		note("%s", name(aw_process_communicate(p, &o,
						       aw_bytes(NULL, 0))));
	}
	note("%d", o == NULL);
	note("%s", name(aw_process_signal(p, 0)));
	return 0;
}

START_TEST(a_communication_that_is_cut_short_leaves_the_process)
{
	ck_assert_int_eq(run_world(talk_cut_short, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; 1; ok; ");
}
END_TEST

/* What a stream was has another's contents. */
static void
use_again(void)
{
	static void *volatile memory[3];	/* kept: not optimized away */

	for (int i = 0; i < 3; i++) {
		memory[i] = malloc(sizeof(struct aw_stream));
		memset(memory[i], 0xff, sizeof(struct aw_stream));
	}
	for (int i = 0; i < 3; i++)
		free(memory[i]);
}

static struct aw_process *shared;

static int
communicates(void *arg)
{
	AW_AUTO(aw_output, o);

	(void)arg;
	note("%s", name(aw_process_communicate(shared, &o, aw_text("x"))));
	return 0;
}

static int
aborts(void *arg)
{
	int turns = *(int *)arg;

	while (turns-- > 0)
		AW_TRY(aw_yield());
	aw_process_abort(&shared);
	use_again();
	return 0;
}

static int
aborted_amid(void *arg)
{
	AW_GROUP(group);

	AW_TRY(aw_process_start(&shared, AW_ARGV("cat"), .in = AW_PIPE,
				.out = AW_PIPE));
	AW_TRY(aw_go(&group, communicates, NULL));
	AW_TRY(aw_go(&group, aborts, arg));
	return aw_group_wait(&group);
}

/* Before its children have begun, and when they wait. */
START_TEST(a_process_may_be_aborted_while_another_task_talks_to_it)
{
	for (int turns = 0; turns < 3; turns++) {
		ck_assert_int_eq(run_world(aborted_amid, &turns), 0);
		ck_assert_str_eq(noted, "ECLOSED; ");
	}
}
END_TEST

/* --- Misuse ------------------------------------------------------------ */

static int
reads_on(void *arg)
{
	struct aw_bytes bytes;

	return aw_stream_chunk(aw_process_out(arg), &bytes);
}

static int
misuse(void *arg)
{
	AW_AUTO(aw_process, p);
	AW_AUTO(aw_output, o);
	struct aw_task *reader;

	(void)arg;
	AW_TRY(aw_process_start(&p, FOREVER, .out = AW_PIPE));
	note("%s", name(aw_process_communicate(p, &o, aw_text("x"))));
	reader = aw_spawn("reader", reads_on, p);
	let_others_run();
	note("%s", name(aw_process_communicate(p, &o, aw_text(""))));
	AW_TRY(aw_process_close(&p));
	AW_TRY(aw_join(reader, NULL));
	runs("true", .in = AW_NONE, .input = aw_text("x"));
	return 0;
}

START_TEST(input_without_a_pipe_and_a_second_reader_are_refused)
{
	ck_assert_int_eq(run_world(misuse, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EBUSY; EINVAL; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process_run");
	TCase *tcase = tcase_create("process_run");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, megabytes_go_through_a_process_and_come_back);
	tcase_add_test(tcase,
		       no_pipe_that_is_full_or_closed_holds_up_the_others);
	tcase_add_test(tcase, a_dialogue_line_by_line_and_then_the_rest);
	tcase_add_test(tcase, an_output_without_end_meets_the_limit);
	tcase_add_test(tcase,
		       a_line_may_be_as_long_as_the_limit_of_the_process);
	tcase_add_test(tcase, more_may_wait_to_be_sent_to_a_process);
	tcase_add_test(tcase, a_gigabyte_goes_through_a_stream);
	tcase_add_test(tcase,
		       a_run_that_is_cut_short_takes_the_process_with_it);
	tcase_add_test(tcase,
		       a_communication_that_is_cut_short_leaves_the_process);
	tcase_add_test(tcase,
		a_process_may_be_aborted_while_another_task_talks_to_it);
	tcase_add_test(tcase,
		       input_without_a_pipe_and_a_second_reader_are_refused);
	return suite_run(suite);
}
