/* SPDX-License-Identifier: MIT */
/* lib/stream*.c: reading, writing and ending a stream. */
#include "stream_pair.h"

/* --- Reading ----------------------------------------------------------- */

static int
reads_each_way(void *arg)
{
	char buf[8] = "";

	(void)arg;
	say("one\ntwo\r\n\nab--cd--12345678tail");
	line();
	line();
	line();
	until("--");
	until("--");
	exactly(5);
	note("%d", aw_stream_read(stream, buf, 2));
	note("%s", buf);
	chunk();
	exactly(0);
	return 0;
}

START_TEST(lines_delimiters_counts_and_chunks_come_in_order)
{
	ck_assert_int_eq(run_pair(reads_each_way), 0);
	ck_assert_str_eq(noted, "1 one; 1 two; 1 ; 0 ab--; 0 cd--; 0 12345; "
			 "2; 67; 1 8tail; 0 ; ");
}
END_TEST

static int
says_bytes(void *arg)
{
	for (const char *text = arg; *text; text++) {
		const char one[] = { *text, '\0' };

		say(one);
		AW_TRY(aw_sleep(0));
		AW_TRY(aw_sleep(0));
	}
	return 0;
}

static int
one_at_a_time(void *arg)
{
	char text[] = "line one\nhead--0123456789";
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, says_bytes, text));
	line();
	until("--");
	exactly(10);
	return aw_group_wait(&group);
}

START_TEST(a_peer_that_sends_one_byte_at_a_time_is_understood)
{
	ck_assert_int_eq(run_pair(one_at_a_time), 0);
	ck_assert_str_eq(noted, "1 line one; 0 head--; 0 0123456789; ");
}
END_TEST

static int
delimiter_in_pieces(void *arg)
{
	char text[] = "-\r\n\r-\r\n\r\nrest";
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, says_bytes, text));
	until("\r\n\r\n");
	exactly(4);
	until("");
	return aw_group_wait(&group);
}

START_TEST(a_delimiter_that_comes_in_pieces_is_found)
{
	ck_assert_int_eq(run_pair(delimiter_in_pieces), 0);
	ck_assert_str_eq(noted, "0 -\r\n\r-\r\n\r\n; 0 rest; EINVAL; ");
}
END_TEST

static int
ends_everywhere(void *arg)
{
	(void)arg;
	say("half a line");
	hang_up();
	until("\n");
	note("%s", aw_error()->message);
	exactly(20);
	line();
	line();
	chunk();
	until("\n");
	exactly(1);
	note("%d", aw_stream_read(stream, &(char){ 0 }, 1));
	return 0;
}

START_TEST(the_end_amid_a_message_is_told_and_the_rest_is_readable)
{
	ck_assert_int_eq(run_pair(ends_everywhere), 0);
	ck_assert_str_eq(noted, "ELOST; the stream ended after 11 bytes, "
			 "before the delimiter: aw_stream_chunk() gives them; "
			 "ELOST; 1 half a line; 0 ; 0 ; ECLOSED; ECLOSED; "
			 "0; ");
}
END_TEST

/* --- Limits ------------------------------------------------------------ */

static int
too_long(void *arg)
{
	(void)arg;
	say("0123456789abcdef\nnext\n");
	line();
	note("%s", aw_error()->message);
	until("\n");
	exactly(17);
	exactly(16);
	line();
	line();
	return 0;
}

START_TEST(what_is_longer_than_the_limit_fails_and_stays_readable)
{
	ck_assert_int_eq(run_limited(too_long, 16, 0), 0);
	ck_assert_str_eq(noted, "ELIMIT; 16 bytes of a stream came without "
			 "the end of what was asked for (.limit); ELIMIT; "
			 "ELIMIT; 0 0123456789abcdef; 1 ; 1 next; ");
}
END_TEST

static int
just_fits(void *arg)
{
	(void)arg;
	say("0123456789abcde\n");
	line();
	return 0;
}

START_TEST(a_line_of_the_limit_with_its_end_is_read)
{
	ck_assert_int_eq(run_limited(just_fits, 16, 0), 0);
	ck_assert_str_eq(noted, "1 0123456789abcde; ");
}
END_TEST

static int
says_much(void *arg)
{
	const char *text = arg;
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t sent = send(peer, text, n, MSG_DONTWAIT);

		if (sent > 0) {
			text += sent;
			n -= (size_t)sent;
		}
		AW_TRY(aw_sleep(0.0001));
	}
	hang_up();
	return 0;
}

static int
thousand_lines(void *arg)
{
	static char text[300000];
	struct aw_bytes got;
	size_t n = 0;
	int lines = 0, wrong = 0, r;
	AW_GROUP(group);

	(void)arg;
	for (; n < sizeof text - 200; lines++)
		n += (size_t)snprintf(text + n, 200, "%d %*s\n", lines,
				      lines % 90, ".");
	AW_TRY(aw_go(&group, says_much, text));
	n = 0;
	lines = 0;
	while ((r = aw_stream_line(stream, &got)) > 0) {
		wrong += memcmp(text + n, got.data, got.size) != 0 ||
			 text[n + got.size] != '\n';
		n += got.size + 1;
		lines++;
	}
	note("%d %d %d", r, wrong, n == strlen(text));
	return aw_group_wait(&group);
}

START_TEST(thousands_of_lines_go_through_a_buffer_that_moves)
{
	ck_assert_int_eq(run_pair(thousand_lines), 0);
	ck_assert_str_eq(noted, "0 0 1; ");
	ck_assert_int_eq(run_limited(thousand_lines, 200, 0), 0);
	ck_assert_str_eq(noted, "0 0 1; ");
}
END_TEST

/* --- Writing ----------------------------------------------------------- */

static int
small_writes(void *arg)
{
	(void)arg;
	put("one ");
	AW_TRY(aw_stream_printf(stream, "%s %d", "two", 3));
	put("");
	heard();
	AW_TRY(aw_sleep(0.0001));
	heard();
	put("four");
	AW_TRY(aw_stream_flush(stream));
	heard();
	return 0;
}

START_TEST(writes_of_one_turn_leave_together)
{
	ck_assert_int_eq(run_pair(small_writes), 0);
	ck_assert_str_eq(noted, "heard -; heard one two 3; heard four; ");
}
END_TEST

static int
long_text(void *arg)
{
	char text[2000], got[2001] = "";

	(void)arg;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	AW_TRY(aw_stream_printf(stream, "%s", text));
	AW_TRY(aw_stream_flush(stream));
	note("%zd", recv(peer, got, sizeof got, 0));
	return strcmp(text, got);
}

START_TEST(a_long_text_is_formatted_whole)
{
	ck_assert_int_eq(run_pair(long_text), 0);
	ck_assert_str_eq(noted, "1999; ");
}
END_TEST

#define MUCH (8 << 20)

static int
reads_all(void *arg)
{
	*(size_t *)arg = drain_peer(MUCH);
	return 0;
}

static int
much_at_once(void *arg)
{
	static char much[MUCH];
	struct aw_stream_counts n;
	size_t got = 0;
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, reads_all, &got));
	AW_TRY(aw_stream_write(stream, aw_bytes(much, sizeof much)));
	n = aw_stream_counts(stream);
	note("%d %d", n.sent == MUCH, n.written == MUCH);
	AW_TRY(aw_group_wait(&group));
	note("%d", got == MUCH);
	return 0;
}

START_TEST(a_write_beyond_the_mark_waits_until_it_has_been_sent)
{
	ck_assert_int_eq(run_pair(much_at_once), 0);
	ck_assert_str_eq(noted, "1 1; 1; ");
	ck_assert_int_eq(run_tcp(much_at_once), 0);
	ck_assert_str_eq(noted, "1 1; 1; ");
	ck_assert_int_eq(run_limited(much_at_once, 0, AW_NONE), 0);
	ck_assert_str_eq(noted, "1 1; 1; ");
}
END_TEST

static int
in_the_background(void *arg)
{
	static const char kilobyte[1024];
	struct aw_stream_counts n;
	size_t total = 0;

	(void)arg;
	do {			/* fills the socket, then the buffer */
		AW_TRY(aw_stream_write(stream, aw_bytes(kilobyte, 1024)));
		AW_TRY(aw_yield());
		total += 1024;
		n = aw_stream_counts(stream);
	} while (n.written - n.sent < 32768);
	note("%d", drain_peer(total) == total);
	n = aw_stream_counts(stream);
	note("%d %d", n.written == total, n.sent == total);
	return 0;
}

START_TEST(what_is_buffered_is_sent_while_nobody_waits)
{
	ck_assert_int_eq(run_pair(in_the_background), 0);
	ck_assert_str_eq(noted, "1; 1 1; ");
}
END_TEST

/* --- The ends ---------------------------------------------------------- */

static int
half_closes(void *arg)
{
	char end;

	(void)arg;
	put("question");
	AW_TRY(aw_stream_shutdown(stream));
	heard();
	note("%zd", recv(peer, &end, 1, 0));
	say("answer");
	chunk();
	put("more");
	note("%s", name(aw_stream_flush(stream)));
	note("%s", name(aw_stream_shutdown(stream)));
	note("%s", name(aw_stream_close(&stream)));
	return 0;
}

START_TEST(after_a_half_close_the_answer_is_read)
{
	ck_assert_int_eq(run_pair(half_closes), 0);
	ck_assert_str_eq(noted, "heard question; 0; 1 answer; ECLOSED; "
			 "ECLOSED; ok; ok; ");
}
END_TEST

static int
peer_half_closes(void *arg)
{
	(void)arg;
	say("question");
	shutdown(peer, SHUT_WR);
	chunk();
	chunk();
	put("answer");
	note("%s", name(aw_stream_close(&stream)));
	note("%d", stream == NULL);
	heard();
	return 0;
}

START_TEST(a_peer_that_half_closed_is_answered)
{
	ck_assert_int_eq(run_tcp(peer_half_closes), 0);
	ck_assert_str_eq(noted, "1 question; 0 ; ok; 1; heard answer; ");
}
END_TEST

static int
closes_with_much(void *arg)
{
	static char much[60000];
	AW_GROUP(group);
	size_t got = 0;

	(void)arg;
	while (aw_stream_counts(stream).written -
	       aw_stream_counts(stream).sent == 0) {
		AW_TRY(aw_stream_write(stream, aw_bytes(much, sizeof much)));
		AW_TRY(aw_yield());
	}
	AW_TRY(aw_go(&group, reads_all, &got));
	note("%s", name(aw_stream_close(&stream)));
	AW_TRY(aw_group_wait(&group));
	note("%d", got > 0 && got % sizeof much == 0);
	return 0;
}

START_TEST(close_waits_until_everything_is_sent)
{
	ck_assert_int_eq(run_pair(closes_with_much), 0);
	ck_assert_str_eq(noted, "ok; 1; ");
}
END_TEST

static int
aborts(void *arg)
{
	(void)arg;
	put("never sent");
	aw_stream_abort(&stream);
	note("%d", stream == NULL);
	heard();
	aw_stream_abort(&stream);
	note("%s", name(aw_stream_close(&stream)));
	return 0;
}

START_TEST(abort_resets_tcp_and_drops_what_was_buffered)
{
	ck_assert_int_eq(run_tcp(aborts), 0);
	ck_assert_str_eq(noted, "1; heard Connection reset by peer; ok; ");
	ck_assert_int_eq(run_pair(aborts), 0);
	ck_assert_str_eq(noted, "1; heard ; ok; ");
}
END_TEST

static int
in_a_block(void *arg)
{
	(void)arg;
	{
		AW_AUTO(aw_stream, mine);

		mine = stream;
		stream = NULL;
		AW_TRY(aw_stream_write(mine, aw_text("never sent")));
	}
	heard();
	return 0;
}

START_TEST(leaving_the_block_has_the_contract_of_abort)
{
	ck_assert_int_eq(run_tcp(in_a_block), 0);
	ck_assert_str_eq(noted, "heard Connection reset by peer; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream");
	TCase *reading = tcase_create("reading");
	TCase *writing = tcase_create("writing");
	TCase *ends = tcase_create("ends");

	tcase_add_test(reading,
		       lines_delimiters_counts_and_chunks_come_in_order);
	tcase_add_test(reading,
		       a_peer_that_sends_one_byte_at_a_time_is_understood);
	tcase_add_test(reading, a_delimiter_that_comes_in_pieces_is_found);
	tcase_add_test(reading,
		       the_end_amid_a_message_is_told_and_the_rest_is_readable);
	tcase_add_test(reading,
		       what_is_longer_than_the_limit_fails_and_stays_readable);
	tcase_add_test(reading, a_line_of_the_limit_with_its_end_is_read);
	tcase_add_test(reading,
		       thousands_of_lines_go_through_a_buffer_that_moves);
	suite_add_tcase(suite, reading);

	tcase_add_test(writing, writes_of_one_turn_leave_together);
	tcase_add_test(writing, a_long_text_is_formatted_whole);
	tcase_add_test(writing,
		       a_write_beyond_the_mark_waits_until_it_has_been_sent);
	tcase_add_test(writing,
		       what_is_buffered_is_sent_while_nobody_waits);
	suite_add_tcase(suite, writing);

	tcase_add_test(ends, after_a_half_close_the_answer_is_read);
	tcase_add_test(ends, a_peer_that_half_closed_is_answered);
	tcase_add_test(ends, close_waits_until_everything_is_sent);
	tcase_add_test(ends, abort_resets_tcp_and_drops_what_was_buffered);
	tcase_add_test(ends, leaving_the_block_has_the_contract_of_abort);
	suite_add_tcase(suite, ends);
	return suite_run(suite);
}
