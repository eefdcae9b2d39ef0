/* SPDX-License-Identifier: MIT */
/* Redirects: how far, with which method, and what does not go along. */
#include "web.h"

static struct aw_http *
http_to_nginx(void)
{
	struct aw_http *http = NULL;

	if (aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")))
		return NULL;
	return http;
}

static int
count_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, ten);
	AW_AUTO(aw_response, more);
	AW_AUTO(aw_response, none);
	struct aw_response *over = NULL;
	char url[200];

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &ten, "/redirect/10"));
	WANT(body_is(ten, "done\n"));
	snprintf(url, sizeof(url), "%s/redirect/0", env("AWAIT_TEST_HTTP"));
	WANT(strcmp(aw_response_url(ten), url) == 0);
	WANT(aw_response_timing(ten)->redirects == 10);
	WANT(aw_response_timing(ten)->requests == 11);
	WANT(aw_http_get(http, &over, "/redirect/11") == AW_EREDIRECT);
	WANT(aw_http_get(http, &over, "/loop") == AW_EREDIRECT);
	WANT(aw_http_get(http, &over, "/redirect/3", .redirects = 2) ==
	     AW_EREDIRECT);
	WANT(!over);
	AW_TRY(aw_http_get(http, &more, "/redirect/20", .redirects = 20));
	WANT(body_is(more, "done\n"));
	AW_TRY(aw_http_get(http, &none, "/redirect/1", .redirects = AW_NONE));
	WANT(aw_response_status(none) == 302);
	WANT(strstr(aw_response_header(none, "Location"), "/redirect/0"));
	return 0;
}

START_TEST(ten_redirects_are_followed_unless_told_otherwise)
{
	expect_run(count_app, NULL);
}
END_TEST

static int
relative_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &res, "/relative"));
	WANT(aw_response_status(res) == 200);
	WANT(strstr(aw_response_url(res), "/a.html"));
	return 0;
}

START_TEST(a_relative_location_is_followed)
{
	expect_run(relative_app, NULL);
}
END_TEST

struct rule {
	int status;
	const char *method, *arrives;
	bool body;
};

static int
method_app(void *arg)
{
	static const struct rule rules[] = {
		{ 301, "POST", "GET", false }, { 302, "POST", "GET", false },
		{ 303, "POST", "GET", false }, { 303, "PUT", "GET", false },
		{ 301, "PUT", "PUT", true },   { 307, "POST", "POST", true },
		{ 308, "PATCH", "PATCH", true },
	};
	AW_AUTO(aw_http, http);

	(void)arg;
	http = http_to_nginx();
	for (size_t i = 0; i < AW_LENGTH(rules); i++) {
		AW_AUTO(aw_response, res);
		char url[50], line[50];

		snprintf(url, sizeof(url), "/status/%d", rules[i].status);
		snprintf(line, sizeof(line), "%s /echo HTTP/1.1\r\n",
			 rules[i].arrives);
		AW_TRY(aw_http_request(http, &res, rules[i].method, url,
				       .body = aw_text("data!"),
				       .headers = AW_PAIRS("Content-Type",
							   "x/y", "X-Test",
							   "stays")));
		WANT(strncmp(aw_response_body(res).data, line,
			     strlen(line)) == 0);
		WANT(body_has(res, "Content-Length: 5\r\n") == rules[i].body);
		WANT(body_has(res, "Content-Type: x/y\r\n") == rules[i].body);
		WANT(body_has(res, "X-Test: stays\r\n"));
	}
	return 0;
}

START_TEST(method_and_body_change_as_rfc_9110_says)
{
	expect_run(method_app, NULL);
}
END_TEST

static const struct fake_step answers[] = {
	FAKE_READ,
	FAKE_SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
	FAKE_AGAIN
};
static const struct fake_step *const answering[] = { answers, NULL };

static int
secrets_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	char url[200];
	const char *seen;

	snprintf(url, sizeof(url), "/redirect-to?url=%s/x", fake_url(fake));
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP"),
			    .headers = AW_PAIRS("X-Api-Key", "secret1")));
	AW_TRY(aw_http_get(http, &res, url,
			   .auth = aw_auth_basic("user", "pass"),
			   .headers = AW_PAIRS("Cookie", "secret2",
					       "Accept", "text/plain",
					       "Host", "secret3")));
	WANT(body_is(res, "ok"));
	seen = fake_request(fake, 0);
	WANT(strncmp(seen, "GET /x HTTP/1.1\r\n", 17) == 0);
	WANT(!strstr(seen, "secret"));
	WANT(!strstr(seen, "Authorization"));
	WANT(strstr(seen, "Accept: text/plain\r\n"));
	return 0;
}

START_TEST(another_origin_gets_no_secrets)
{
	struct fake *fake = fake_start(answering);

	expect_run(secrets_app, fake);
	fake_stop(fake);
}
END_TEST

static int
same_origin_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &res, "/status/307",
			   .auth = aw_auth_basic("user", "pass"),
			   .headers = AW_PAIRS("X-Api-Key", "key")));
	WANT(body_has(res, "Authorization: Basic dXNlcjpwYXNz\r\n"));
	WANT(body_has(res, "X-Api-Key: key\r\n"));
	return 0;
}

START_TEST(the_same_origin_gets_them_again)
{
	expect_run(same_origin_app, NULL);
}
END_TEST

static int
scheme_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, up);
	struct aw_response *none = NULL;
	char url[200];

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP"),
			    .cacert = env("AWAIT_TEST_CA")));
	AW_TRY(aw_http_get(http, &up, "/to-https"));
	WANT(strncmp(aw_response_url(up), "https://", 8) == 0);
	snprintf(url, sizeof(url), "%s/redirect-to?url=%s/echo",
		 env("AWAIT_TEST_HTTPS"), env("AWAIT_TEST_HTTP"));
	WANT(aw_http_get(http, &none, url) == AW_EREDIRECT);
	WANT(strstr(aw_error()->message, "https to http"));
	WANT(aw_http_get(http, &none,
			 "/redirect-to?url=file:///etc/passwd") ==
	     AW_EREDIRECT);
	WANT(aw_http_get(http, &none, "/redirect-to?url=gopher://h/") ==
	     AW_EREDIRECT);
	WANT(aw_http_get(http, &none,
			 "/redirect-to?url=http://u:p@h.invalid/") ==
	     AW_EREDIRECT);
	WANT(!none);
	return 0;
}

START_TEST(a_redirect_leads_to_https_but_not_away_from_it_nor_elsewhere)
{
	expect_run(scheme_app, NULL);
}
END_TEST

static int
long_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	struct aw_response *none = NULL;

	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	WANT(aw_http_get(http, &none, "/") == AW_EREDIRECT);
	WANT(strstr(aw_error()->message, "is longer than 64 KiB"));
	WANT(!none && fake_requests(fake) == 1);
	return 0;
}

START_TEST(a_location_that_is_too_long_is_called_so)
{
	static char answer[70100] = "HTTP/1.1 302 Found\r\nContent-Length: 0"
				    "\r\nLocation: /";
	size_t n = strlen(answer);
	const struct fake_step far[] = {
		FAKE_READ, { FAKE_SEND_, answer, n + 70000 + 4 }, FAKE_HOLD,
		FAKE_END
	};
	const struct fake_step *const scripts[] = { far, NULL };
	struct fake *fake;

	memset(answer + n, 'a', 70000);
	memcpy(answer + n + 70000, "\r\n\r\n", 4);
	fake = fake_start(scripts);
	expect_run(long_app, fake);
	fake_stop(fake);
}
END_TEST

static int
warm_app(void *arg)
{
	AW_AUTO(aw_http, http);

	(void)arg;
	http = http_to_nginx();
	for (int i = 0; i < 3; i++) {
		AW_AUTO(aw_response, moved);
		AW_AUTO(aw_response, same);

		AW_TRY(aw_http_get(http, &moved, "/redirect/1"));
		WANT(body_is(moved, "done\n"));
		aw_response_freep(&moved);
		/* The kept handle must not know the redirect's URL as ours. */
		AW_TRY(aw_http_get(http, &same, "/redirect/1",
				   .redirects = AW_NONE));
		WANT(aw_response_status(same) == 302);
	}
	return 0;
}

START_TEST(a_redirect_does_not_stay_in_the_kept_handle)
{
	expect_run(warm_app, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http redirects");
	TCase *basic = tcase_create("basic");

	tcase_add_test(basic, ten_redirects_are_followed_unless_told_otherwise);
	tcase_add_test(basic, a_relative_location_is_followed);
	tcase_add_test(basic, method_and_body_change_as_rfc_9110_says);
	tcase_add_test(basic, another_origin_gets_no_secrets);
	tcase_add_test(basic, the_same_origin_gets_them_again);
	tcase_add_test(basic,
		a_redirect_leads_to_https_but_not_away_from_it_nor_elsewhere);
	tcase_add_test(basic, a_location_that_is_too_long_is_called_so);
	tcase_add_test(basic, a_redirect_does_not_stay_in_the_kept_handle);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
