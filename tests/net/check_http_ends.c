/* SPDX-License-Identifier: MIT */
/* Deadlines and cancels in each state; closing with requests under way. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Each request is held until the test says go. */
static const struct fake_step waits[] = {
	FAKE_READ, FAKE_TELL, FAKE_WAIT, FAKE_SEND(OK), FAKE_AGAIN
};
static const struct fake_step *const waiting[] = { waits, NULL };

static const struct fake_step answers[] = {
	FAKE_READ, FAKE_SEND(OK), FAKE_AGAIN
};
static const struct fake_step *const answering[] = { answers, NULL };

/* Reads the request, then nothing; tells when the client has closed. */
static const struct fake_step silent[] = {
	FAKE_READ, FAKE_TELL, FAKE_HOLD, FAKE_TELL, FAKE_CLOSE
};
static const struct fake_step *const silent_then_answering[] = {
	silent, answers, NULL
};

/* Half of a body, then nothing. */
static const struct fake_step half[] = {
	FAKE_READ,
	FAKE_SEND("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
	FAKE_TELL, FAKE_HOLD, FAKE_TELL, FAKE_CLOSE
};
static const struct fake_step *const half_then_answering[] = {
	half, answers, NULL
};

/* -- deadlines and cancels ------------------------------------------------ */

enum how { BY_TOTAL, BY_SCOPE, BY_CANCEL };

struct stop {
	const struct fake_step *const *scripts;
	enum how how;
	int want;
};

struct victim {
	struct aw_http *http;
	struct stop *stop;
	int r;
	enum aw_sent sent;
};

static int
victim_main(void *arg)
{
	struct victim *v = arg;
	struct aw_response *res = NULL;
	double total = v->stop->how == BY_TOTAL ? 1 : 30;
	double limit = v->stop->how == BY_SCOPE ? 1 : 30;

	AW_TIMEOUT(limit);
	v->r = aw_http_post(v->http, &res, "/", .total = total,
			    .body = aw_text("data"));
	v->sent = aw_error()->sent;
	aw_response_freep(&res);
	return 0;
}

static int
stop_app(void *arg)
{
	struct victim v = { .stop = arg };
	struct fake *fake = fake_start(v.stop->scripts);
	struct aw_http *http = NULL;
	struct aw_response *next = NULL;
	struct aw_task *task;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	/* The first request makes libcurl ready, which takes its time. */
	WANT(aw_http_get(http, &next, "http://127.0.0.1:1/") == AW_ECONNECT);
	v.http = http;
	task = aw_spawn("victim", victim_main, &v);
	AW_TRY(hear(fake));
	if (v.stop->how == BY_CANCEL)
		aw_cancel(task, "not wanted");
	AW_TRY(aw_join(task, NULL));
	WANT(v.r == v.stop->want);
	WANT(v.sent == AW_SENT_UNKNOWN);
	AW_TRY(hear(fake));		/* its connection has ended */
	AW_TRY(aw_http_get(http, &next, "/"));
	WANT(body_is(next, "ok"));
	WANT(fake_connections(fake) == 2);
	aw_response_freep(&next);
	aw_http_freep(&http);
	fake_stop(fake);
	return 0;
}

static void
expect_stop(const struct fake_step *const *scripts, enum how how, int want)
{
	struct stop stop = { scripts, how, want };

	expect_run(stop_app, &stop);
}

START_TEST(a_silent_server_meets_the_total)
{
	expect_stop(silent_then_answering, BY_TOTAL, -ETIMEDOUT);
}
END_TEST

START_TEST(a_silent_server_meets_the_scope)
{
	expect_stop(silent_then_answering, BY_SCOPE, -ETIME);
}
END_TEST

START_TEST(a_request_without_an_answer_can_be_cancelled)
{
	expect_stop(silent_then_answering, BY_CANCEL, -ECANCELED);
}
END_TEST

START_TEST(half_a_body_meets_the_total)
{
	expect_stop(half_then_answering, BY_TOTAL, -ETIMEDOUT);
}
END_TEST

START_TEST(half_a_body_meets_the_scope)
{
	expect_stop(half_then_answering, BY_SCOPE, -ETIME);
}
END_TEST

START_TEST(half_a_body_can_be_cancelled)
{
	expect_stop(half_then_answering, BY_CANCEL, -ECANCELED);
}
END_TEST

static int
over_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	struct aw_response *none = NULL;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	{
		AW_TIMEOUT(0);
		WANT(aw_http_get(http, &none, "/") == -ETIME);
	}
	WANT(!none && fake_requests(fake) == 0);
	AW_TRY(aw_http_get(http, &none, "/"));
	aw_response_freep(&none);
	return 0;
}

START_TEST(a_scope_that_is_over_sends_nothing)
{
	struct fake *fake = fake_start(answering);

	expect_run(over_app, fake);
	fake_stop(fake);
}
END_TEST

/* A listener whose queue is full: the connect itself hangs. */
static int
connect_app(void *arg)
{
	AW_AUTO(aw_http, http);
	struct aw_response *none = NULL;
	const char *url = arg;

	AW_TRY(aw_http_open(&http, .connect = 0.05));
	WANT(aw_http_get(http, &none, url) == -ETIMEDOUT);
	WANT(aw_error()->sent == AW_NOT_SENT && !none);
	WANT(aw_http_get(http, &none, url, .connect = 30, .total = 0.05) ==
	     -ETIMEDOUT);
	{
		AW_TIMEOUT(0.05);
		WANT(aw_http_get(http, &none, url, .connect = 30) == -ETIME);
	}
	return 0;
}

START_TEST(a_connect_that_hangs_meets_each_limit)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fds[8];
	char url[60];

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert(bind(listener, (struct sockaddr *)&in, size) == 0 &&
		  listen(listener, 0) == 0 &&
		  getsockname(listener, (struct sockaddr *)&in, &size) == 0);
	for (size_t i = 0; i < AW_LENGTH(fds); i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		aw_ignore(connect(fds[i], (struct sockaddr *)&in, size));
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/",
		 ntohs(in.sin_port));
	expect_run(connect_app, url);
	for (size_t i = 0; i < AW_LENGTH(fds); i++)
		close(fds[i]);
	close(listener);
}
END_TEST

/* -- closing --------------------------------------------------------------- */

static int
one_get(void *arg)
{
	AW_AUTO(aw_response, res);

	return aw_http_get(arg, &res, "/");
}

static int
close_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	struct aw_task *task;
	int status = 1;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	task = aw_spawn("a", one_get, http);
	AW_TRY(hear(fake));
	fake_go(fake);
	AW_TRY(aw_http_close(&http, 20));
	WANT(!http);
	AW_TRY(aw_join(task, &status));
	WANT(status == 0);
	return 0;
}

START_TEST(close_lets_requests_under_way_end)
{
	struct fake *fake = fake_start(waiting);

	expect_run(close_app, fake);
	fake_stop(fake);
}
END_TEST

static int
close_grace_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	struct aw_task *running, *queued;
	int status = 1;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake),
			    .max_per_host = 1));
	running = aw_spawn("a", one_get, http);
	AW_TRY(hear(fake));
	queued = aw_spawn("b", one_get, http);
	AW_TRY(aw_yield());
	WANT(aw_http_close(&http, 0.02) == -ETIMEDOUT);
	AW_TRY(aw_join(running, &status));
	WANT(status == AW_ECLOSED);
	AW_TRY(aw_join(queued, &status));
	WANT(status == AW_ECLOSED);
	AW_TRY(aw_http_close(&http, 1));	/* NULL is fine */
	return 0;
}

START_TEST(after_the_grace_requests_fail_as_closed)
{
	struct fake *fake = fake_start(waiting);

	expect_run(close_grace_app, fake);
	fake_stop(fake);
}
END_TEST

static int
outlive_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_response, res);
	struct aw_header header = { 0 };
	struct aw_http *http = NULL;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	AW_TRY(aw_http_get(http, &res, "/"));
	aw_http_freep(&http);
	WANT(body_is(res, "ok"));
	WANT(strcmp(aw_response_header(res, "content-length"), "2") == 0);
	WANT(aw_response_header_next(res, &header) == 1);
	return 0;
}

START_TEST(a_response_outlives_its_session)
{
	struct fake *fake = fake_start(answering);

	expect_run(outlive_app, fake);
	fake_stop(fake);
}
END_TEST

static struct aw_response *late_response;
static struct aw_http *late_session;

static int
leave_app(void *arg)
{
	AW_TRY(aw_http_open(&late_session, .base = fake_url(arg)));
	return aw_http_get(late_session, &late_response, "/");
}

START_TEST(both_outlive_the_loop)
{
	struct fake *fake = fake_start(answering);

	expect_run(leave_app, fake);
	ck_assert_str_eq(aw_response_body(late_response).data, "ok");
	aw_http_freep(&late_session);
	ck_assert_int_eq(aw_response_status(late_response), 200);
	aw_response_freep(&late_response);
	fake_stop(fake);
}
END_TEST

static int
second_loop_app(void *arg)
{
	struct aw_response *res = NULL;

	(void)arg;
	WANT(aw_http_get(late_session, &res, "/") == AW_ECLOSED);
	return 0;
}

START_TEST(a_session_ends_with_its_loop)
{
	struct fake *fake = fake_start(answering);

	expect_run(leave_app, fake);
	aw_response_freep(&late_response);
	expect_run(second_loop_app, NULL);
	aw_http_freep(&late_session);
	fake_stop(fake);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http ends");
	TCase *stops = tcase_create("timeout and cancel");
	TCase *closes = tcase_create("close");

	tcase_add_test(stops, a_silent_server_meets_the_total);
	tcase_add_test(stops, a_silent_server_meets_the_scope);
	tcase_add_test(stops, a_request_without_an_answer_can_be_cancelled);
	tcase_add_test(stops, half_a_body_meets_the_total);
	tcase_add_test(stops, half_a_body_meets_the_scope);
	tcase_add_test(stops, half_a_body_can_be_cancelled);
	tcase_add_test(stops, a_scope_that_is_over_sends_nothing);
	tcase_add_test(stops, a_connect_that_hangs_meets_each_limit);
	tcase_add_test(closes, close_lets_requests_under_way_end);
	tcase_add_test(closes, after_the_grace_requests_fail_as_closed);
	tcase_add_test(closes, a_response_outlives_its_session);
	tcase_add_test(closes, both_outlive_the_loop);
	tcase_add_test(closes, a_session_ends_with_its_loop);
	suite_add_tcase(suite, stops);
	suite_add_tcase(suite, closes);
	return suite_run(suite);
}
