/* SPDX-License-Identifier: MIT */
/* Retries: only where repeating is safe, with pauses, within bounds. */
#include "../../net/internal.h"
#include "web.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define LATER "HTTP/1.1 503 Later\r\nContent-Length: 5\r\n\r\nlater"

static const struct fake_step later[] = {
	FAKE_READ, FAKE_SEND(LATER), FAKE_READ, FAKE_SEND(LATER),
	FAKE_READ, FAKE_SEND(OK), FAKE_AGAIN
};
static const struct fake_step *const later_then_ok[] = { later, NULL };

static const struct fake_step always[] = {
	FAKE_READ, FAKE_SEND(LATER), FAKE_AGAIN
};
static const struct fake_step *const always_later[] = { always, NULL };

static const struct fake_step drops[] = { FAKE_READ, FAKE_CLOSE };
static const struct fake_step answers[] = {
	FAKE_READ, FAKE_SEND(OK), FAKE_AGAIN
};
static const struct fake_step *const drops_then_answers[] = {
	drops, answers, NULL
};

static const struct fake_step wishes[] = {
	FAKE_READ,
	FAKE_SEND("HTTP/1.1 429 Slow\r\nRetry-After: 86400\r\n"
		  "Content-Length: 0\r\n\r\n"),
	FAKE_AGAIN
};
static const struct fake_step *const long_wish[] = { wishes, NULL };

START_TEST(only_what_is_safe_is_tried_again)
{
	ck_assert(aw__retry_is_safe(0, 503, true, AW_SENT_NA));
	ck_assert(aw__retry_is_safe(0, 429, true, AW_SENT_NA));
	ck_assert(!aw__retry_is_safe(0, 503, false, AW_SENT_NA));
	ck_assert(!aw__retry_is_safe(0, 404, true, AW_SENT_NA));
	ck_assert(!aw__retry_is_safe(0, 501, true, AW_SENT_NA));
	ck_assert(!aw__retry_is_safe(0, 200, true, AW_SENT_NA));
	ck_assert(aw__retry_is_safe(AW_ECONNECT, 0, false, AW_NOT_SENT));
	ck_assert(aw__retry_is_safe(AW_ERESOLVE, 0, false, AW_NOT_SENT));
	ck_assert(aw__retry_is_safe(-ETIMEDOUT, 0, true, AW_NOT_SENT));
	ck_assert(!aw__retry_is_safe(-ETIMEDOUT, 0, true, AW_SENT_UNKNOWN));
	ck_assert(aw__retry_is_safe(AW_ELOST, 0, true, AW_SENT_UNKNOWN));
	ck_assert(!aw__retry_is_safe(AW_ELOST, 0, false, AW_SENT_UNKNOWN));
	ck_assert(!aw__retry_is_safe(AW_EUNKNOWN, 0, false,
				     AW_SENT_UNKNOWN));
	ck_assert(!aw__retry_is_safe(-ECANCELED, 0, true, AW_NOT_SENT));
	ck_assert(!aw__retry_is_safe(-ETIME, 0, true, AW_NOT_SENT));
	ck_assert(!aw__retry_is_safe(AW_ETLS, 0, true, AW_NOT_SENT));
	ck_assert(!aw__retry_is_safe(-ENOMEM, 0, true, AW_NOT_SENT));
}
END_TEST

START_TEST(pauses_double_up_to_ten_seconds_and_obey_the_server)
{
	ck_assert_double_eq_tol(aw__retry_backoff(1, 0.999, 0), 0.2, 0.01);
	ck_assert_double_eq_tol(aw__retry_backoff(2, 0.5, 0), 0.2, 0.01);
	ck_assert_double_eq_tol(aw__retry_backoff(3, 0.5, 0), 0.4, 0.01);
	ck_assert_double_eq_tol(aw__retry_backoff(50, 0.5, 0), 5, 0.01);
	ck_assert_double_eq_tol(aw__retry_backoff(9, 0, 0), 0, 0.01);
	ck_assert_double_eq_tol(aw__retry_backoff(1, 0, 3), 3, 0.01);
	ck_assert_double_eq_tol(aw__retry_backoff(1, 0.5, 60), 60.1, 0.01);
	ck_assert(aw__retry_backoff(1, 0.5, 61) < 0);
}
END_TEST

static int
later_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	AW_AUTO(aw_response, posted);
	int attempts = 0;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	AW_TRY(aw_http_get(http, &res, "/", .retries = 5,
			   .attempts = &attempts));
	WANT(aw_response_status(res) == 200 && body_is(res, "ok"));
	WANT(attempts == 3 && aw_response_timing(res)->attempts == 3);
	AW_TRY(aw_http_post(http, &posted, "/", .retries = 5,
			    .body = aw_text("x")));
	WANT(aw_response_status(posted) == 503);
	WANT(aw_response_timing(posted)->attempts == 1);
	WANT(fake_requests(fake) == 4);
	return 0;
}

START_TEST(a_get_that_comes_too_early_comes_again_and_a_post_does_not)
{
	struct fake *fake = fake_start(later_then_ok);

	expect_run(later_app, fake);
	fake_stop(fake);
}
END_TEST

static int
lost_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_open(&http, .base = fake_url(fake), .retries = 1));
	AW_TRY(aw_http_get(http, &res, "/"));
	WANT(body_is(res, "ok"));
	WANT(fake_requests(fake) == 2);
	return 0;
}

START_TEST(a_get_that_was_lost_is_tried_again)
{
	struct fake *fake = fake_start(drops_then_answers);

	expect_run(lost_app, fake);
	fake_stop(fake);
}
END_TEST

static int
bounds_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, two);
	AW_AUTO(aw_response, none);

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	AW_TRY(aw_http_get(http, &two, "/", .retries = 2));
	WANT(aw_response_status(two) == 503);
	WANT(fake_requests(fake) == 3);
	AW_TRY(aw_http_get(http, &none, "/"));
	WANT(fake_requests(fake) == 4);
	return 0;
}

START_TEST(the_number_of_retries_is_kept_and_the_last_answer_stands)
{
	struct fake *fake = fake_start(always_later);

	expect_run(bounds_app, fake);
	fake_stop(fake);
}
END_TEST

static int
budget_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	int all = 0;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake), .retries = 1));
	for (int i = 0; i < 30; i++) {
		AW_AUTO(aw_response, res);

		AW_TRY(aw_http_get(http, &res, "/"));
		all += aw_response_timing(res)->attempts;
	}
	/* Ten at once, and then one for five requests. */
	WANT(all >= 30 + 12 && all <= 30 + 16);
	return 0;
}

START_TEST(a_server_in_trouble_gets_little_more_than_its_load)
{
	struct fake *fake = fake_start(always_later);

	expect_run(budget_app, fake);
	fake_stop(fake);
}
END_TEST

static int
wish_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_open(&http, .base = fake_url(fake), .retries = 3));
	AW_TRY(aw_http_get(http, &res, "/"));
	WANT(aw_response_status(res) == 429);
	WANT(fake_requests(fake) == 1);
	return 0;
}

START_TEST(a_wish_for_tomorrow_ends_the_attempts)
{
	struct fake *fake = fake_start(long_wish);

	expect_run(wish_app, fake);
	fake_stop(fake);
}
END_TEST

static int
pause_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	struct aw_response *none = NULL;
	int r;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	{
		AW_TIMEOUT(0.3);
		r = aw_http_get(http, &none, "/", .retries = 9);
	}
	/* A pause that cannot end in time is not begun. */
	WANT(r == -ETIME || (r == 0 && aw_response_status(none) == 503));
	aw_response_freep(&none);
	return 0;
}

START_TEST(pauses_stay_within_the_scope)
{
	struct fake *fake = fake_start(always_later);

	expect_run(pause_app, fake);
	fake_stop(fake);
}
END_TEST

static int
get_later(void *arg)
{
	AW_AUTO(aw_response, res);

	return aw_http_get(arg, &res, "/", .retries = 9);
}

static int
cancel_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	struct aw_task *task;
	int status = 0;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	task = aw_spawn("get", get_later, http);
	while (fake_requests(fake) < 3)
		AW_TRY(aw_sleep(0.01));
	aw_cancel(task, "not wanted");
	AW_TRY(aw_join(task, &status));
	WANT(status == -ECANCELED);
	return 0;
}

START_TEST(retries_can_be_cancelled)
{
	struct fake *fake = fake_start(always_later);

	expect_run(cancel_app, fake);
	fake_stop(fake);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http retry");
	TCase *basic = tcase_create("basic");

	tcase_add_test(basic, only_what_is_safe_is_tried_again);
	tcase_add_test(basic,
		       pauses_double_up_to_ten_seconds_and_obey_the_server);
	tcase_add_test(basic,
		a_get_that_comes_too_early_comes_again_and_a_post_does_not);
	tcase_add_test(basic, a_get_that_was_lost_is_tried_again);
	tcase_add_test(basic,
		the_number_of_retries_is_kept_and_the_last_answer_stands);
	tcase_add_test(basic,
		       a_server_in_trouble_gets_little_more_than_its_load);
	tcase_add_test(basic, a_wish_for_tomorrow_ends_the_attempts);
	tcase_add_test(basic, pauses_stay_within_the_scope);
	tcase_add_test(basic, retries_can_be_cancelled);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
