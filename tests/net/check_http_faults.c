/* SPDX-License-Identifier: MIT */
/* Servers that lie, cut, flood and keep silent: each gets its own code, and
 * the next request is clean. */
#include "web.h"

#define OK(text, n) "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n" text

static const struct fake_step good[] = {
	FAKE_READ, FAKE_SEND(OK("good", 4)), FAKE_AGAIN
};

/* One request to a fake that follows one script, then a good one. */
struct fault {
	const struct fake_step *script;
	const char *method;
	int want;
	enum aw_sent sent;
};

static int
fault_app(void *arg)
{
	const struct fault *fault = arg;
	const struct fake_step *const scripts[] = { fault->script, good,
						    NULL };
	struct fake *fake = fake_start(scripts);
	struct aw_response *res = NULL, *next = NULL;
	struct aw_http *http = NULL;
	int r;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	r = aw_http_request(http, &res, fault->method, "/",
			    .body = fault->method[0] == 'P'
					? aw_text("data")
					: aw_bytes(NULL, 0));
	WANT(r == fault->want);
	if (r) {
		WANT(!res && aw_error()->code == r);
		WANT(aw_error()->sent == fault->sent);
		WANT(strncmp(aw_error()->op, fault->method,
			     strlen(fault->method)) == 0);
		WANT(fake_requests(fake) <= 1);
	}
	aw_response_freep(&res);
	AW_TRY(aw_http_get(http, &next, "/next"));
	WANT(aw_response_status(next) == 200 && body_is(next, "good"));
	aw_response_freep(&next);
	aw_http_freep(&http);
	fake_stop(fake);
	return 0;
}

static void
expect_fault(const struct fake_step *script, const char *method, int want)
{
	struct fault fault = { script, method, want, AW_SENT_UNKNOWN };

	expect_run(fault_app, &fault);
}

#define FAULT(test, method, want, ...) \
	START_TEST(test) \
	{ \
		static const struct fake_step script[] = { __VA_ARGS__, \
							   FAKE_END }; \
		expect_fault(script, method, want); \
	} \
	END_TEST

FAULT(a_close_without_an_answer_is_a_lost_connection, "GET", AW_ELOST,
      FAKE_READ, FAKE_CLOSE)
FAULT(a_lost_post_has_an_unknown_outcome, "POST", AW_EUNKNOWN,
      FAKE_READ, FAKE_CLOSE)
FAULT(a_reset_before_the_answer_is_a_lost_connection, "GET", AW_ELOST,
      FAKE_READ, FAKE_RESET)
FAULT(a_reset_post_has_an_unknown_outcome, "PATCH", AW_EUNKNOWN,
      FAKE_READ, FAKE_RESET)
FAULT(headers_that_end_too_early_are_a_lost_connection, "GET", AW_ELOST,
      FAKE_READ, FAKE_SEND("HTTP/1.1 200 OK\r\nContent-Le"), FAKE_CLOSE)
FAULT(a_body_shorter_than_announced_is_a_lost_connection, "GET", AW_ELOST,
      FAKE_READ, FAKE_SEND(OK("short", 50)), FAKE_CLOSE)
FAULT(a_reset_amid_the_body_is_a_lost_connection, "GET", AW_ELOST,
      FAKE_READ, FAKE_SEND(OK("short", 50)), FAKE_RESET)
FAULT(a_body_longer_than_announced_is_cut_and_the_next_is_clean, "GET", 0,
      FAKE_READ, FAKE_SEND(OK("goodHTTP/1.1 500 Evil\r\n\r\n", 4)),
      FAKE_HOLD)
FAULT(chunks_that_end_too_early_are_a_lost_connection, "GET", AW_ELOST,
      FAKE_READ, FAKE_SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
			   "\r\n\r\n5\r\nhello\r\n"), FAKE_CLOSE)
FAULT(hints_and_trailers_do_not_harm, "GET", 0,
      FAKE_READ, FAKE_SEND("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
			   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
			   "\r\n\r\n4\r\ngood\r\n0\r\nT: t\r\n\r\n"),
      FAKE_AGAIN)
/* libcurl reads the name of the protocol in any case. */
FAULT(hints_before_a_small_http_hide_no_length, "GET", -EPROTO,
      FAKE_READ, FAKE_SEND("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
			   "http/1.1 200 OK\r\nContent-Length: +4"
			   "\r\n\r\ngood\r\n"), FAKE_HOLD)
FAULT(a_bad_chunk_size_is_a_lost_connection, "GET", AW_ELOST,
      FAKE_READ, FAKE_SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
			   "\r\n\r\nzz\r\nhello\r\n"), FAKE_HOLD)
FAULT(what_is_not_http_is_a_protocol_error, "GET", -EPROTO,
      FAKE_READ, FAKE_SEND("SSH-2.0-OpenSSH_9.2\r\n"), FAKE_CLOSE)
FAULT(an_answer_without_headers_is_a_protocol_error, "GET", -EPROTO,
      FAKE_READ, FAKE_SEND("<html>HTTP/0.9</html>"), FAKE_CLOSE)
FAULT(an_upgrade_that_nobody_asked_for_is_no_answer, "GET", AW_ELOST,
      FAKE_READ, FAKE_SEND("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
      FAKE_CLOSE)
FAULT(endless_headers_meet_the_limit, "GET", AW_ELIMIT,
      FAKE_READ, FAKE_SEND("HTTP/1.1 200 OK\r\n"),
      FAKE_FLOOD("X-Filler: 0123456789012345678901234567890123456789\r\n"))
FAULT(one_endless_header_line_meets_a_limit, "GET", AW_ELIMIT,
      FAKE_READ, FAKE_SEND("HTTP/1.1 200 OK\r\nX: "),
      FAKE_FLOOD("0123456789012345678901234567890123456789"))
FAULT(endless_hints_meet_the_limit, "GET", AW_ELIMIT,
      FAKE_READ, FAKE_FLOOD("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"))
FAULT(an_endless_body_meets_the_limit, "GET", AW_ELIMIT,
      FAKE_READ, FAKE_SEND("HTTP/1.1 200 OK\r\n\r\n"),
      FAKE_FLOOD("01234567890123456789012345678901234567890123456789"
		 "01234567890123456789012345678901234567890123456789"
		 "01234567890123456789012345678901234567890123456789"
		 "01234567890123456789012345678901234567890123456789"))

/* What the length of a body is must not be a matter of opinion: the rest of it
 * would be the next answer. */
#define LENGTH(test, want, headers) \
	START_TEST(test) \
	{ \
		static const struct fake_step script[] = { FAKE_READ, \
			FAKE_SEND("HTTP/1.1 200 OK\r\n" headers \
				  "\r\ngood\r\n"), \
			FAKE_HOLD, FAKE_END }; \
		expect_fault(script, "GET", want); \
	} \
	END_TEST

LENGTH(a_length_that_is_no_number_is_refused, -EPROTO,
       "Content-Length: crap\r\n")
LENGTH(a_negative_length_is_refused, -EPROTO, "Content-Length: -1\r\n")
LENGTH(a_length_with_a_sign_is_refused, -EPROTO, "Content-Length: +4\r\n")
LENGTH(a_length_with_something_behind_is_refused, -EPROTO,
       "Content-Length: 4x\r\n")
LENGTH(an_empty_length_is_refused, -EPROTO, "Content-Length:\r\n")
LENGTH(two_different_lengths_are_refused, -EPROTO,
       "Content-Length: 4\r\nContent-Length: 6\r\n")
LENGTH(a_line_that_looks_like_a_begin_hides_no_length, -EPROTO,
       "Content-Length: 4\r\nHTTP/x: y\r\nContent-Length: 6\r\n")
LENGTH(two_lengths_in_a_line_are_refused, -EPROTO, "Content-Length: 4, 4\r\n")
LENGTH(a_length_that_goes_on_in_the_next_line_is_refused, -EPROTO,
       "Content-Length: 1\r\n 0\r\n")
LENGTH(a_length_that_begins_in_the_next_line_is_refused, -EPROTO,
       "Content-Length:\r\n 4\r\n")
LENGTH(a_length_before_an_empty_line_with_a_blank_is_refused, -EPROTO,
       "Content-Length: 4\r\n \t\r\n")
LENGTH(chunks_that_go_on_in_the_next_line_are_refused, -EPROTO,
       "Transfer-Encoding:\r\n\tchunked\r\n")
LENGTH(a_first_line_that_is_folded_is_refused, -EPROTO,
       " Content-Length: 4\r\n")
LENGTH(another_header_that_is_folded_is_nobodys_business, 0,
       "X-Long: a\r\n Content-Length: 9\r\nContent-Length: 4\r\n")
LENGTH(a_line_of_one_blank_ends_no_headers, -EPROTO,
       "X: a\r\n \nContent-Length: 4\r\nContent-Length: 6\r\n")
LENGTH(the_same_length_twice_is_one, 0,
       "Content-Length: 4\r\ncontent-length: 4 \r\n")
LENGTH(a_length_beside_chunks_is_refused, -EPROTO,
       "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")
LENGTH(chunks_beside_a_length_are_refused, -EPROTO,
       "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n")
LENGTH(a_length_of_2_to_the_63_is_above_the_limit, AW_ELIMIT,
       "Content-Length: 9223372036854775808\r\n")
LENGTH(a_length_of_thirty_digits_is_above_the_limit, AW_ELIMIT,
       "Content-Length: 100000000000000000000000000000\r\n")

/* -- kept connections ---------------------------------------------------- */

static const struct fake_step stray[] = {
	FAKE_READ, FAKE_SEND(OK("one", 3)), FAKE_WAIT,
	FAKE_SEND("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
	FAKE_TELL, FAKE_HOLD, FAKE_TELL, FAKE_CLOSE
};
static const struct fake_step *const stray_then_good[] = { stray, good,
							   NULL };

static int
stray_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, one);
	AW_AUTO(aw_response, two);

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	AW_TRY(aw_http_get(http, &one, "/1"));
	WANT(body_is(one, "one"));
	fake_go(fake);
	AW_TRY(hear(fake));
	AW_TRY(hear(fake));		/* the client has ended it */
	AW_TRY(aw_http_get(http, &two, "/2"));
	WANT(body_is(two, "good"));
	WANT(fake_connections(fake) == 2);
	return 0;
}

START_TEST(an_answer_that_nobody_asked_for_is_not_the_next_ones)
{
	struct fake *fake = fake_start(stray_then_good);

	expect_run(stray_app, fake);
	fake_stop(fake);
}
END_TEST

/* Answers once, reads the second request and closes: nobody can know
 * whether it was carried out. */
static const struct fake_step once[] = {
	FAKE_READ, FAKE_SEND(OK("one", 3)), FAKE_READ, FAKE_CLOSE
};
static const struct fake_step *const once_then_good[] = { once, good, NULL };

static int
replay_app(void *arg)
{
	const char *method = arg;
	bool get = strcmp(method, "GET") == 0;
	bool body = strcmp(method, "POST+") == 0;
	struct fake *fake = fake_start(once_then_good);
	struct aw_response *one = NULL, *two = NULL;
	struct aw_http *http = NULL;
	int r;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	AW_TRY(aw_http_get(http, &one, "/1"));
	r = aw_http_request(http, &two, get ? "GET" : "POST", "/2",
			    .body = body ? aw_text("data") : aw_text(NULL));
	if (get) {
		WANT(r == 0 && body_is(two, "good"));
		WANT(aw_response_timing(two)->requests == 2);
		WANT(fake_requests(fake) == 3);
	} else {
		WANT(r == AW_EUNKNOWN);
		WANT(aw_error()->sent == AW_SENT_UNKNOWN);
		WANT(!aw_is_retryable(r));
		WANT(fake_requests(fake) == 2);
	}
	aw_response_freep(&one);
	aw_response_freep(&two);
	aw_http_freep(&http);
	fake_stop(fake);
	return 0;
}

START_TEST(a_get_on_a_dead_kept_connection_is_sent_again)
{
	expect_run(replay_app, "GET");
}
END_TEST

START_TEST(a_post_on_a_dead_kept_connection_is_never_sent_again)
{
	expect_run(replay_app, "POST");
}
END_TEST

START_TEST(a_post_with_a_body_neither)
{
	expect_run(replay_app, "POST+");
}
END_TEST

static const struct fake_step closes[] = {
	FAKE_READ, FAKE_SEND(OK("one", 3)), FAKE_SHUT, FAKE_TELL, FAKE_HOLD,
	FAKE_CLOSE
};
static const struct fake_step *const closing[] = { closes, NULL };

static int
idle_close_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	for (int i = 0; i < 20; i++) {
		AW_AUTO(aw_response, res);

		AW_TRY(aw_http_post(http, &res, "/", .body = aw_text("x")));
		WANT(body_is(res, "one"));
		AW_TRY(hear(fake));
	}
	WANT(fake_requests(fake) == 20);
	return 0;
}

START_TEST(a_connection_closed_while_idle_costs_no_post)
{
	struct fake *fake = fake_start(closing);

	expect_run(idle_close_app, fake);
	fake_stop(fake);
}
END_TEST

/* -- connecting --------------------------------------------------------- */

static int
connect_app(void *arg)
{
	struct fake *fake = fake_start(closing);
	AW_AUTO(aw_http, http);
	struct aw_response *res = NULL;
	char url[100];

	(void)arg;
	snprintf(url, sizeof(url), "%s/", fake_url(fake));
	fake_stop(fake);		/* the port refuses now */
	AW_TRY(aw_http_open(&http));
	WANT(aw_http_get(http, &res, url) == AW_ECONNECT);
	WANT(aw_error()->sent == AW_NOT_SENT);
	WANT(aw_is_retryable(AW_ECONNECT));
	WANT(aw_http_get(http, &res, "http://no-such-host.invalid/") ==
	     AW_ERESOLVE);
	WANT(aw_error()->sent == AW_NOT_SENT);
	WANT(aw_http_get(http, &res, "nonsense") == -EINVAL);
	WANT(aw_http_request(http, &res, "G T", url) == -EINVAL);
	WANT(aw_http_get(http, &res, url,
			 .headers = AW_PAIRS("A", "b\r\nC: d")) == -EINVAL);
	WANT(aw_http_post(http, &res, url, .form = AW_PAIRS("a", "b"),
			  .body = aw_text("x")) == -EINVAL);
	WANT(aw_http_head(http, &res, url, .body = aw_text("x")) == -EINVAL);
	WANT(!res);
	return 0;
}

START_TEST(what_cannot_be_reached_was_not_sent)
{
	expect_run(connect_app, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http faults");
	TCase *faults = tcase_create("faults");
	TCase *lengths = tcase_create("lengths");
	TCase *kept = tcase_create("kept connections");

	tcase_add_test(faults, a_close_without_an_answer_is_a_lost_connection);
	tcase_add_test(faults, a_lost_post_has_an_unknown_outcome);
	tcase_add_test(faults, a_reset_before_the_answer_is_a_lost_connection);
	tcase_add_test(faults, a_reset_post_has_an_unknown_outcome);
	tcase_add_test(faults,
		       headers_that_end_too_early_are_a_lost_connection);
	tcase_add_test(faults,
		       a_body_shorter_than_announced_is_a_lost_connection);
	tcase_add_test(faults, a_reset_amid_the_body_is_a_lost_connection);
	tcase_add_test(faults,
		a_body_longer_than_announced_is_cut_and_the_next_is_clean);
	tcase_add_test(faults, chunks_that_end_too_early_are_a_lost_connection);
	tcase_add_test(faults, hints_and_trailers_do_not_harm);
	tcase_add_test(faults, hints_before_a_small_http_hide_no_length);
	tcase_add_test(faults, a_bad_chunk_size_is_a_lost_connection);
	tcase_add_test(faults, what_is_not_http_is_a_protocol_error);
	tcase_add_test(faults, an_answer_without_headers_is_a_protocol_error);
	tcase_add_test(faults, an_upgrade_that_nobody_asked_for_is_no_answer);
	tcase_add_test(faults, endless_headers_meet_the_limit);
	tcase_add_test(faults, one_endless_header_line_meets_a_limit);
	tcase_add_test(faults, endless_hints_meet_the_limit);
	tcase_add_test(faults, an_endless_body_meets_the_limit);
	tcase_add_test(faults, what_cannot_be_reached_was_not_sent);
	tcase_add_test(lengths, a_length_that_is_no_number_is_refused);
	tcase_add_test(lengths, a_negative_length_is_refused);
	tcase_add_test(lengths, a_length_with_a_sign_is_refused);
	tcase_add_test(lengths, a_length_with_something_behind_is_refused);
	tcase_add_test(lengths, an_empty_length_is_refused);
	tcase_add_test(lengths, two_different_lengths_are_refused);
	tcase_add_test(lengths, two_lengths_in_a_line_are_refused);
	tcase_add_test(lengths,
		       a_length_that_goes_on_in_the_next_line_is_refused);
	tcase_add_test(lengths,
		       a_length_that_begins_in_the_next_line_is_refused);
	tcase_add_test(lengths,
		       a_length_before_an_empty_line_with_a_blank_is_refused);
	tcase_add_test(lengths,
		       chunks_that_go_on_in_the_next_line_are_refused);
	tcase_add_test(lengths,
		       a_first_line_that_is_folded_is_refused);
	tcase_add_test(lengths,
		       another_header_that_is_folded_is_nobodys_business);
	tcase_add_test(lengths, a_line_of_one_blank_ends_no_headers);
	tcase_add_test(lengths, the_same_length_twice_is_one);
	tcase_add_test(lengths, a_length_beside_chunks_is_refused);
	tcase_add_test(lengths,
		       a_line_that_looks_like_a_begin_hides_no_length);
	tcase_add_test(lengths, chunks_beside_a_length_are_refused);
	tcase_add_test(lengths, a_length_of_2_to_the_63_is_above_the_limit);
	tcase_add_test(lengths, a_length_of_thirty_digits_is_above_the_limit);
	tcase_add_test(kept,
		       an_answer_that_nobody_asked_for_is_not_the_next_ones);
	tcase_add_test(kept, a_get_on_a_dead_kept_connection_is_sent_again);
	tcase_add_test(kept,
		       a_post_on_a_dead_kept_connection_is_never_sent_again);
	tcase_add_test(kept, a_post_with_a_body_neither);
	tcase_add_test(kept, a_connection_closed_while_idle_costs_no_post);
	suite_add_tcase(suite, faults);
	suite_add_tcase(suite, lengths);
	suite_add_tcase(suite, kept);
	return suite_run(suite);
}
