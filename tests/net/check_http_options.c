/* SPDX-License-Identifier: MIT */
/* Numbers that are refused, and limits of time that say their name. */
#include <limits.h>
#include <math.h>
#include <sys/mman.h>

#include <await/driver.h>
#include <await/stream.h>

#include "web.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Each request is held until the test says go. */
static const struct fake_step waits[] = {
	FAKE_READ, FAKE_TELL, FAKE_WAIT, FAKE_SEND(OK), FAKE_AGAIN
};
static const struct fake_step *const waiting[] = { waits, NULL };

static const struct fake_step half[] = {
	FAKE_READ,
	FAKE_SEND("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
	FAKE_HOLD, FAKE_CLOSE
};
static const struct fake_step *const half_a_body[] = { half, NULL };

static bool
says(const char *what)
{
	return strstr(aw_error()->message, what) != NULL;
}

/* -- numbers -------------------------------------------------------------- */

#define REFUSED(call, name) \
	do { \
		WANT((call) == -EINVAL); \
		WANT(says("option " name " is ")); \
	} while (0)

static int
open_app(void *arg)
{
	struct aw_http *none = NULL;

	(void)arg;
	REFUSED(aw_http_open(&none, .total = -3), "total");
	REFUSED(aw_http_open(&none, .total = NAN), "total");
	REFUSED(aw_http_open(&none, .connect = -0.5), "connect");
	REFUSED(aw_http_open(&none, .connect = NAN), "connect");
	REFUSED(aw_http_open(&none, .queue = -2), "queue");
	REFUSED(aw_http_open(&none, .max_body = -9), "max_body");
	REFUSED(aw_http_open(&none, .redirects = -5), "redirects");
	REFUSED(aw_http_open(&none, .retries = -5), "retries");
	WANT(aw_http_open(&none, .max_per_host = -5) == -EINVAL);
	WANT(aw_http_open(&none, .max_total = AW_NONE) == -EINVAL);
	WANT(!none);
	AW_TRY(aw_http_open(&none, .total = AW_FOREVER, .connect = AW_NONE,
			    .queue = AW_FOREVER, .max_body = AW_FOREVER,
			    .redirects = AW_NONE, .retries = AW_NONE));
	aw_http_freep(&none);
	return 0;
}

START_TEST(a_session_is_not_opened_with_senseless_numbers)
{
	expect_run(open_app, NULL);
}
END_TEST

static int
request_app(void *arg)
{
	struct aw_response *none = NULL;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_open(&http, .base = fake_url(arg)));
	REFUSED(aw_http_get(http, &none, "/", .total = -3), "total");
	REFUSED(aw_http_get(http, &none, "/", .total = NAN), "total");
	REFUSED(aw_http_get(http, &none, "/", .connect = -3), "connect");
	REFUSED(aw_http_get(http, &none, "/", .max_body = -7), "max_body");
	REFUSED(aw_http_get(http, &none, "/", .redirects = -2), "redirects");
	REFUSED(aw_http_get(http, &none, "/", .retries = -2), "retries");
	WANT(!none && fake_requests(arg) == 0);
	fake_go(arg);
	AW_TRY(aw_http_get(http, &res, "/", .total = AW_FOREVER,
			   .connect = AW_NONE, .max_body = AW_NONE,
			   .redirects = AW_FOREVER, .retries = AW_NONE));
	WANT(body_is(res, "ok"));
	return 0;
}

START_TEST(a_request_with_senseless_numbers_is_not_sent)
{
	struct fake *fake = fake_start(waiting);

	expect_run(request_app, fake);
	fake_stop(fake);
}
END_TEST

/* -- limits of time ------------------------------------------------------- */

static int
phases_app(void *arg)
{
	struct fake *fake = fake_start(half_a_body);
	struct aw_response *none = NULL;
	AW_AUTO(aw_http, http);

	AW_TRY(aw_http_open(&http, .base = fake_url(arg)));
	WANT(aw_http_get(http, &none, "/", .total = 2) == -ETIMEDOUT);
	WANT(says("2 s (option total) passed while waiting for the head"));
	WANT(aw_http_get(http, &none, fake_url(fake), .total = 2) ==
	     -ETIMEDOUT);
	WANT(says("2 s (option total) passed while reading the body, of "
		  "which 4 bytes had come"));
	WANT(!none);
	fake_stop(fake);
	return 0;
}

START_TEST(a_limit_of_time_says_which_it_is_and_what_it_cut_short)
{
	struct fake *fake = fake_start(waiting);

	expect_run(phases_app, fake);
	fake_stop(fake);
}
END_TEST

struct holder {
	struct aw_http *http;
	double total;
	int r;
};

static int
hold(void *arg)
{
	struct holder *holder = arg;
	AW_AUTO(aw_response, res);

	holder->r = aw_http_get(holder->http, &res, "/",
				.total = holder->total);
	return 0;
}

/* One holds the only slot, so that each next one waits for it. */
static int
queue_app(void *arg)
{
	struct aw_response *none = NULL;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_http, own);
	struct holder a = { .total = 30, .r = 1 }, b = a;
	AW_GROUP(group);

	AW_TRY(aw_http_open(&http, .base = fake_url(arg), .max_per_host = 1,
			    .total = AW_FOREVER));
	a.http = http;
	AW_TRY(aw_go(&group, hold, &a));
	AW_TRY(hear(arg));
	WANT(aw_http_get(http, &none, "/", .total = 0.02) == -ETIMEDOUT);
	WANT(says("0.02 s (option total) passed while waiting for a free "
		  "transfer (max_per_host 1, max_total 100)"));
	fake_go(arg);
	while (a.r == 1)	/* or the other one takes its go */
		AW_TRY(aw_sleep(0.001));

	AW_TRY(aw_http_open(&own, .base = fake_url(arg), .max_per_host = 1,
			    .queue = 0.02));
	b.http = own;
	AW_TRY(aw_go(&group, hold, &b));
	AW_TRY(hear(arg));
	WANT(aw_http_get(own, &none, "/", .total = 30) == -ETIMEDOUT);
	WANT(says("0.02 s (option queue) passed while waiting for a free "));
	WANT(aw_error()->sent == AW_NOT_SENT && !none);
	fake_go(arg);
	return aw_group_wait(&group);
}

START_TEST(waiting_for_a_transfer_has_its_own_limit_if_so_wished)
{
	struct fake *fake = fake_start(waiting);

	expect_run(queue_app, fake);
	fake_stop(fake);
}
END_TEST

/* The second one waits for longer than its total before it may begin. */
static int
total_app(void *arg)
{
	AW_AUTO(aw_http, http);
	struct holder first = { .total = 30, .r = 1 };
	struct holder second = { .total = 2, .r = 1 };
	AW_GROUP(group);

	AW_TRY(aw_http_open(&http, .base = fake_url(arg), .max_per_host = 1,
			    .queue = AW_FOREVER));
	first.http = second.http = http;
	AW_TRY(aw_go(&group, hold, &first));
	AW_TRY(hear(arg));
	AW_TRY(aw_go(&group, hold, &second));
	AW_TRY(aw_sleep(2.1));
	fake_go(arg);
	fake_go(arg);
	AW_TRY(aw_group_wait(&group));
	WANT(first.r == 0 && second.r == 0);
	return 0;
}

START_TEST(and_is_then_no_part_of_the_total)
{
	struct fake *fake = fake_start(waiting);

	expect_run(total_app, fake);
	fake_stop(fake);
}
END_TEST

/* A limit of the caller that passes first is not called ours. */
static int
outer_app(void *arg)
{
	struct aw_response *none = NULL;
	AW_AUTO(aw_http, http);

	AW_TRY(aw_http_open(&http, .base = fake_url(arg)));
	AW_BUDGET(0.05);
	WANT(aw_http_get(http, &none, "/") == -ETIMEDOUT);
	WANT(!says("option"));
	return 0;
}

START_TEST(a_budget_of_the_caller_is_none_of_ours)
{
	struct fake *fake = fake_start(waiting);

	expect_run(outer_app, fake);
	fake_stop(fake);
}
END_TEST

/* --- Lengths ------------------------------------------------------------ */

static const size_t lengths[] = { INT_MAX, INT_MAX + 1u, UINT_MAX,
				  ((size_t)1 << 32) + 5 };

/* As much as fits into the socket is sent before the answer is read. */
static int
refuse_early(void *arg)
{
	struct aw_stream *stream;
	struct aw_bytes head;
	char want[60];
	int r = 0;

	for (size_t i = 0; r == 0 && i < AW_LENGTH(lengths); i++) {
		AW_TRY(aw_listener_accept(arg, &stream));
		r = aw_stream_until(stream, &head, aw_text("\r\n\r\n"));
		snprintf(want, sizeof(want), "\r\nContent-Length: %zu\r\n",
			 lengths[i]);
		if (r == 0 && !memmem(head.data, head.size, want, strlen(want)))
			r = aw_fail(-EBADMSG, "%.*s", (int)head.size,
				    (const char *)head.data);
		if (r == 0)
			r = aw_stream_write(stream, aw_text("HTTP/1.1 413 No"
				"\r\nContent-Length: 3\r\n\r\nbig"));
		while (r == 0 && aw_stream_chunk(stream, &head) > 0)
			continue;
		aw_stream_freep(&stream);
	}
	return r;
}

static int
lengths_app(void *arg)
{
	AW_AUTO(aw_listener, listener);
	AW_AUTO(aw_http, http);
	struct aw_response *none = NULL;
	AW_GROUP(group);
	char url[50];

	AW_TRY(aw_tcp_listen(&listener, "127.0.0.1", 0));
	AW_TRY(aw_go(&group, refuse_early, listener));
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/",
		 aw_listener_port(listener));
	AW_TRY(aw_http_open(&http));
	for (size_t i = 0; i < AW_LENGTH(lengths); i++) {
		AW_AUTO(aw_response, res);

		AW_TRY(aw_http_post(http, &res, url,
				    .body = aw_bytes(arg, lengths[i])));
		WANT(aw_response_status(res) == 413 && body_is(res, "big"));
	}
	AW_TRY(aw_group_wait(&group));
	WANT(aw_http_post(http, &none, url, .body = aw_bytes("x", SIZE_MAX)) ==
	     AW_ELIMIT);
	return 0;
}

START_TEST(a_huge_body_is_announced_as_it_is_and_may_be_refused_early)
{
	size_t most = lengths[AW_LENGTH(lengths) - 1];
	void *zeros = mmap(NULL, most, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
			   MAP_NORESERVE, -1, 0);

	ck_assert(zeros != MAP_FAILED);
	expect_run(lengths_app, zeros);
	munmap(zeros, most);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http options");
	TCase *numbers = tcase_create("numbers");
	TCase *time = tcase_create("time");

	tcase_add_test(numbers, a_session_is_not_opened_with_senseless_numbers);
	tcase_add_test(numbers, a_request_with_senseless_numbers_is_not_sent);
	tcase_add_test(numbers,
		a_huge_body_is_announced_as_it_is_and_may_be_refused_early);
	tcase_add_test(time,
		       a_limit_of_time_says_which_it_is_and_what_it_cut_short);
	tcase_add_test(time,
		       waiting_for_a_transfer_has_its_own_limit_if_so_wished);
	tcase_add_test(time, and_is_then_no_part_of_the_total);
	tcase_add_test(time, a_budget_of_the_caller_is_none_of_ours);
	suite_add_tcase(suite, numbers);
	suite_add_tcase(suite, time);
	return suite_run(suite);
}
