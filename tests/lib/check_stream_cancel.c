/* SPDX-License-Identifier: MIT */
/*
 * lib/stream*.c: waits of a stream that are cancelled, run out of time, or
 * have the stream closed under them; one reader and one writer.
 */
#include "stream_pair.h"

static char much[4 << 20];

/* --- The waits --------------------------------------------------------- */

static int
waits_chunk(void *arg)
{
	struct aw_bytes bytes;

	(void)arg;
	return aw_stream_chunk(stream, &bytes);
}

static int
waits_line(void *arg)
{
	struct aw_bytes bytes;

	(void)arg;
	return aw_stream_line(stream, &bytes);
}

static int
waits_until(void *arg)
{
	struct aw_bytes bytes;

	(void)arg;
	return aw_stream_until(stream, &bytes, aw_text("--"));
}

static int
waits_exactly(void *arg)
{
	struct aw_bytes bytes;

	(void)arg;
	return aw_stream_exactly(stream, &bytes, 100);
}

static int
waits_read(void *arg)
{
	char byte;

	(void)arg;
	return aw_stream_read(stream, &byte, 1);
}

static int
waits_write(void *arg)
{
	(void)arg;
	return aw_stream_write(stream, aw_bytes(much, sizeof much));
}

static int
waits_printf(void *arg)
{
	(void)arg;
	memset(much, 'x', sizeof much - 1);
	return aw_stream_printf(stream, "%s", much);
}

static int
waits_flush(void *arg)
{
	(void)arg;
	return aw_stream_flush(stream);
}

static int
waits_shutdown(void *arg)
{
	(void)arg;
	return aw_stream_shutdown(stream);
}

static int
waits_close(void *arg)
{
	(void)arg;
	return aw_stream_close(&stream);
}

static int (*reads[])(void *) = {
	waits_chunk, waits_line, waits_until, waits_exactly, waits_read
};

static int (*writes[])(void *) = {
	waits_write, waits_printf, waits_flush, waits_shutdown, waits_close
};

/* Until the socket is full and bytes wait in the buffer: they still wait after
 * twenty turns of the loop. */
static int
fill_up(void)
{
	struct aw_stream_counts n = { 0 }, before;

	for (int still = 0; still < 20;) {
		if (n.written == n.sent)
			AW_TRY(aw_stream_write(stream, aw_bytes(much, 8192)));
		before = aw_stream_counts(stream);
		AW_TRY(aw_sleep(0.0001));
		n = aw_stream_counts(stream);
		still = n.written != n.sent && n.sent == before.sent ?
			still + 1 : 0;
	}
	return 0;
}

/* --- Cancel and timeout ------------------------------------------------ */

static int
interrupt(int (*fn)(void *))
{
	struct aw_task *task = aw_spawn("waits", fn, NULL);
	int status = 0;

	let_others_run();
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, &status));
	note("%s", name(status));
	if (!stream)
		return 0;
	AW_TIMEOUT(0.002);
	note("%s", name(fn(NULL)));
	return 0;
}

static int
interrupted_reads(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(reads); i++)
		AW_TRY(interrupt(reads[i]));
	say("half a li");
	AW_TRY(interrupt(waits_line));
	AW_TRY(interrupt(waits_until));
	AW_TRY(interrupt(waits_exactly));
	say("ne\n");
	line();
	return 0;
}

START_TEST(an_interrupted_read_has_taken_nothing)
{
	ck_assert_int_eq(run_pair(interrupted_reads), 0);
	ck_assert_str_eq(noted, "ECANCELED; ETIME; ECANCELED; ETIME; "
			 "ECANCELED; ETIME; ECANCELED; ETIME; "
			 "ECANCELED; ETIME; ECANCELED; ETIME; "
			 "ECANCELED; ETIME; ECANCELED; ETIME; "
			 "1 half a line; ");
}
END_TEST

static int
interrupted_writes(void *arg)
{
	(void)arg;
	AW_TRY(fill_up());
	for (size_t i = 0; i < AW_LENGTH(writes); i++)
		AW_TRY(interrupt(writes[i]));
	note("%d", stream == NULL);
	return 0;
}

START_TEST(an_interrupted_write_fails_and_a_close_still_closes)
{
	ck_assert_int_eq(run_pair(interrupted_writes), 0);
	ck_assert_str_eq(noted, "ECANCELED; ETIME; ECANCELED; ETIME; "
			 "ECANCELED; ETIME; ECANCELED; ETIME; ECANCELED; 1; ");
}
END_TEST

static int
closes_late(void *arg)
{
	(void)arg;
	AW_TRY(fill_up());
	AW_TIMEOUT(0.002);
	note("%s", name(aw_stream_close(&stream)));
	note("%d", stream == NULL);
	return 0;
}

START_TEST(a_close_that_runs_out_of_time_has_closed)
{
	ck_assert_int_eq(run_pair(closes_late), 0);
	ck_assert_str_eq(noted, "ETIME; 1; ");
}
END_TEST

static int
reads_all(void *arg)
{
	*(size_t *)arg = drain_peer(SIZE_MAX);
	return 0;
}

static int
counts_a_cancelled_write(void *arg)
{
	struct aw_stream_counts n = { 0 };
	size_t got = 0;
	int r = 0;
	AW_GROUP(group);

	(void)arg;
	put("first");
	for (size_t i = 0; i < sizeof much; i++)
		much[i] = (char)(i % 251);
	/* On a busy machine the first deadlines are over before it begins. */
	for (double limit = 0.005; limit < 30; limit *= 2) {
		AW_TIMEOUT(limit);
		r = waits_write(NULL);
		n = aw_stream_counts(stream);
		if (n.written > 5)
			break;
	}
	note("%s", name(r));
	note("%d %d", n.written > 5 && n.written < sizeof much,
	     n.written == n.sent);
	AW_TRY(aw_go(&group, reads_all, &got));
	put("last");
	AW_TRY(aw_stream_close(&stream));
	AW_TRY(aw_group_wait(&group));
	note("%d", got == n.sent + 4);
	return 0;
}

START_TEST(how_much_of_a_cancelled_write_was_sent_is_known)
{
	ck_assert_int_eq(run_pair(counts_a_cancelled_write), 0);
	ck_assert_str_eq(noted, "ETIME; 1 1; 1; ");
	ck_assert_int_eq(run_tcp(counts_a_cancelled_write), 0);
	ck_assert_str_eq(noted, "ETIME; 1 1; 1; ");
}
END_TEST

static int
over_before_it_began(void *arg)
{
	struct aw_bytes bytes;

	(void)arg;
	say("ready");
	AW_TRY(aw_sleep(0.001));
	{
		AW_TIMEOUT(0);
		note("%s", name(aw_stream_chunk(stream, &bytes)));
		note("%s", name(aw_stream_write(stream, aw_text("x"))));
		note("%s", name(aw_stream_flush(stream)));
	}
	chunk();
	return 0;
}

START_TEST(a_deadline_that_is_over_ends_also_what_is_ready)
{
	ck_assert_int_eq(run_pair(over_before_it_began), 0);
	ck_assert_str_eq(noted, "ETIME; ETIME; ETIME; 1 ready; ");
}
END_TEST

/* --- One reader, one writer -------------------------------------------- */

static int
two_at_once(void *arg)
{
	AW_GROUP(group, .collect = true);

	(void)arg;
	AW_TRY(fill_up());
	AW_TRY(aw_go(&group, waits_line, NULL));
	AW_TRY(aw_go(&group, waits_write, NULL));
	let_others_run();
	for (size_t i = 0; i < AW_LENGTH(reads); i++)
		note("%s", name(reads[i](NULL)));
	for (size_t i = 0; i < 4; i++)
		note("%s", name(writes[i](NULL)));
	aw_group_stop(&group);
	return aw_group_wait(&group);
}

START_TEST(a_second_reader_or_writer_is_refused)
{
	ck_assert_int_eq(run_pair(two_at_once), 0);
	ck_assert_str_eq(noted, "EBUSY; EBUSY; EBUSY; EBUSY; EBUSY; EBUSY; "
			 "EBUSY; EBUSY; EBUSY; ");
}
END_TEST

/* --- Closed under their feet ------------------------------------------- */

static bool ends_gently;

static int
ends_under(void *arg)
{
	int (*fn)(void *) = *(int (**)(void *))arg;
	struct aw_task *task;
	int ends[2] = { -1, -1 }, status = 0, r = 0;

	AW_TRY(unix_pair(ends));
	peer = ends[1];
	AW_TRY(aw_stream_from_fd(&stream, ends[0]));
	AW_TRY(fill_up());
	task = aw_spawn("waits", fn, NULL);
	let_others_run();
	if (ends_gently) {
		AW_TIMEOUT(0.002);
		r = aw_stream_close(&stream);
	} else {
		aw_stream_abort(&stream);
	}
	AW_TRY(aw_join(task, &status));
	note("%s %s", name(r), name(status));
	hang_up();
	return 0;
}

START_TEST(a_wait_on_a_stream_that_is_closed_ends)
{
	for (int gently = 0; gently < 2; gently++) {
		ends_gently = gently;
		for (size_t i = 0; i < AW_LENGTH(reads); i++) {
			ck_assert_int_eq(plain_run(ends_under,
						   &reads[i]), 0);
			ck_assert_str_eq(noted, gently ? "ETIME ECLOSED; "
						       : "ok ECLOSED; ");
		}
		for (size_t i = 0; i < 4; i++) {
			ck_assert_int_eq(plain_run(ends_under,
						   &writes[i]), 0);
			ck_assert_str_eq(noted, gently ? "ETIME ECLOSED; "
						       : "ok ECLOSED; ");
		}
	}
}
END_TEST

static struct aw_stream *kept;

static int
closes_kept(void *arg)
{
	struct aw_stream *s = stream;

	(void)arg;
	stream = NULL;
	return aw_stream_close(&s);
}

static int
uses_while_closing(void *arg)
{
	struct aw_task *task;
	int status = 0;

	(void)arg;
	AW_TRY(fill_up());
	kept = stream;
	task = aw_spawn("closes", closes_kept, NULL);
	let_others_run();
	stream = kept;		/* another task's pointer, not told yet */
	note("%s", name(waits_line(NULL)));
	note("%s", name(waits_flush(NULL)));
	stream = NULL;
	hang_up();
	AW_TRY(aw_join(task, &status));
	note("%s", name(status));
	return 0;
}

START_TEST(while_a_close_flushes_nothing_else_begins)
{
	ck_assert_int_eq(run_pair(uses_while_closing), 0);
	ck_assert_str_eq(noted, "ECLOSED; ECLOSED; EPIPE; ");
}
END_TEST

/* --- Long calls of which all is ready ---------------------------------- */

static struct aw_stream *device;

static int
open_device(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : aw_stream_from_fd(&device, fd);
}

static int
cancels_owner(void *task)
{
	aw_cancel(task, "too long");
	return 0;
}

static int
writes_many_parts(void *arg)
{
	static struct aw_bytes parts[10000];
	size_t i;

	(void)arg;
	AW_TRY(open_device("/dev/null", O_WRONLY));
	for (i = 0; i < 10000; i++)
		parts[i] = aw_bytes(much, 100000);
	return aw_stream_writev(device, parts, 10000);
}

static int
slurps_what_never_ends(void *arg)
{
	struct aw_bytes all;

	(void)arg;
	AW_TRY(open_device("/dev/zero", O_RDONLY));
	return aw_stream_slurp(device, &all);
}

static int
closes_device(void *arg)
{
	(void)arg;
	aw_stream_abort(&device);
	return 0;
}

static int
long_call(int (*fn)(void *arg), int (*by)(void *task))
{
	struct aw_task *task = aw_spawn("long", fn, NULL), *other;
	int status = 0;

	other = aw_spawn("other", by, task);
	AW_TRY(aw_join(task, &status));
	AW_TRY(aw_join(other, NULL));
	note("%s", name(status));
	aw_stream_abort(&device);
	return 0;
}

static int
interrupts_long_calls(void *arg)
{
	(void)arg;
	AW_TRY(long_call(writes_many_parts, cancels_owner));
	AW_TRY(long_call(writes_many_parts, closes_device));
	AW_TRY(long_call(slurps_what_never_ends, cancels_owner));
	return long_call(slurps_what_never_ends, closes_device);
}

START_TEST(a_long_call_of_which_all_is_ready_lets_others_run)
{
	ck_assert_int_eq(plain_run(interrupts_long_calls, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ECLOSED; ECANCELED; ECLOSED; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_cancel");
	TCase *cancel = tcase_create("cancel");
	TCase *closed = tcase_create("closed");

	tcase_add_test(cancel, an_interrupted_read_has_taken_nothing);
	tcase_add_test(cancel,
		       an_interrupted_write_fails_and_a_close_still_closes);
	tcase_add_test(cancel, a_close_that_runs_out_of_time_has_closed);
	tcase_add_test(cancel,
		       how_much_of_a_cancelled_write_was_sent_is_known);
	tcase_add_test(cancel,
		       a_deadline_that_is_over_ends_also_what_is_ready);
	tcase_add_test(cancel,
		       a_long_call_of_which_all_is_ready_lets_others_run);
	suite_add_tcase(suite, cancel);

	tcase_add_test(closed, a_second_reader_or_writer_is_refused);
	tcase_add_test(closed, a_wait_on_a_stream_that_is_closed_ends);
	tcase_add_test(closed, while_a_close_flushes_nothing_else_begins);
	suite_add_tcase(suite, closed);
	return suite_run(suite);
}
