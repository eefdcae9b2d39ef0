/* SPDX-License-Identifier: MIT */
/* JSON: what is sent, what is read, what is refused. */
#include <jansson.h>

#include "web.h"

#define OK(text) \
	FAKE_SEND("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" text)

static int
get_app(void *arg)
{
	AW_AUTO(aw_http, http);
	json_t *value = NULL;

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")));
	AW_TRY(aw_http_get_json(http, &value, "/data.json"));
	WANT(strcmp(json_string_value(json_object_get(value, "name")),
		    "await") == 0);
	WANT(json_array_size(json_object_get(value, "numbers")) == 3);
	json_decref(value);
	value = NULL;
	WANT(aw_http_get_json(http, &value, "/status/404") == AW_EHTTP);
	WANT(aw_error()->status == 404);
	WANT(aw_http_get_json(http, &value, "/a.html") == AW_EDECODE);
	WANT(strstr(aw_error()->message, "line 1 column 1"));
	WANT(!value);
	return 0;
}

START_TEST(a_value_is_got_in_one_call)
{
	expect_run(get_app, NULL);
}
END_TEST

static int
accept_app(void *arg)
{
	AW_AUTO(aw_http, http);
	json_t *value = NULL;

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")));
	WANT(aw_http_get_json(http, &value, "/echo") == AW_EDECODE);
	return 0;
}

static const struct fake_step numbers[] = {
	FAKE_READ, OK("[1, 2.5, null, \"\\u00e4\"]"), FAKE_CLOSE
};
static const struct fake_step *const number[] = { numbers, NULL };

static int
fake_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	json_t *value = NULL;

	AW_TRY(accept_app(NULL));
	AW_TRY(aw_http_open(&http, .base = fake_url(fake)));
	AW_TRY(aw_http_get_json(http, &value, "/"));
	WANT(json_integer_value(json_array_get(value, 0)) == 1);
	json_decref(value);
	WANT(strstr(fake_request(fake, 0), "Accept: application/json\r\n"));
	AW_TRY(aw_http_get_json(http, &value, "/",
				.headers = AW_PAIRS("Accept", "x/y")));
	json_decref(value);
	WANT(strstr(fake_request(fake, 1), "Accept: x/y\r\n"));
	WANT(!strstr(fake_request(fake, 1), "application/json"));
	return 0;
}

START_TEST(the_request_says_that_it_wants_json)
{
	struct fake *fake = fake_start(number);

	expect_run(fake_app, fake);
	fake_stop(fake);
}
END_TEST

static int
send_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	AW_AUTO(aw_response, echo);
	struct aw_response *none = NULL;
	json_t *value = json_pack("{s:i,s:[s,n]}", "a", 1, "b", "x");

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")));
	AW_TRY(aw_http_post(http, &res, "/echo-body", .json = value));
	WANT(body_is(res, "{\"a\":1,\"b\":[\"x\",null]}"));
	AW_TRY(aw_http_post(http, &echo, "/echo", .json = value));
	WANT(body_has(echo, "Content-Type: application/json\r\n"));
	WANT(aw_http_post(http, &none, "/", .json = value,
			  .body = aw_text("x")) == -EINVAL && !none);
	json_decref(value);
	return 0;
}

START_TEST(a_value_is_sent_and_stays_the_callers)
{
	expect_run(send_app, NULL);
}
END_TEST

/* n times @open, "1", n times @close. */
static char *
nested(size_t n, const char *open, const char *close)
{
	char *text = malloc(n * (strlen(open) + strlen(close)) + 2), *at = text;

	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, open);
	at = stpcpy(at, "1");
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, close);
	return text;
}

static int
echo_json(struct aw_http *http, const char *text)
{
	AW_AUTO(aw_response, res);
	json_t *value = NULL;

	AW_TRY(aw_http_post(http, &res, "/echo-body", .body = aw_text(text)));
	AW_TRY(aw_response_json(res, &value));
	json_decref(value);
	return 0;
}

static int
depth_app(void *arg)
{
	AW_AUTO(aw_http, http);
	char *fits = nested(256, "[", "]"), *over = nested(257, "[", "]");
	char *far = nested(100000, "{\"a\":", "}");

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")));
	AW_TRY(echo_json(http, fits));
	WANT(echo_json(http, over) == AW_EDECODE);
	WANT(echo_json(http, far) == AW_EDECODE);
	AW_TRY(echo_json(http, "[\"[[[[\\\"[[\", 1]"));
	WANT(echo_json(http, "") == AW_EDECODE);
	WANT(echo_json(http, "[1") == AW_EDECODE);
	WANT(echo_json(http, "\"\\") == AW_EDECODE);
	free(fits);
	free(over);
	free(far);
	return 0;
}

START_TEST(more_than_256_levels_are_refused)
{
	expect_run(depth_app, NULL);
}
END_TEST

static int
large_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	json_t *list = json_array(), *value = NULL;

	(void)arg;
	for (int i = 0; i < 100000; i++)
		json_array_append_new(list, json_integer(i));
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")));
	AW_TRY(aw_http_post(http, &res, "/echo-body", .json = list));
	WANT(aw_response_body(res).size > 256 * 1024);
	AW_TRY(aw_response_json(res, &value));
	WANT(json_equal(list, value));
	json_decref(value);
	value = NULL;
	{
		AW_TIMEOUT(0);
		WANT(aw_response_json(res, &value) == -ETIME && !value);
	}
	json_decref(list);
	return 0;
}

START_TEST(a_large_value_is_read_in_a_helper_thread)
{
	expect_run(large_app, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http json");
	TCase *basic = tcase_create("basic");

	tcase_add_test(basic, a_value_is_got_in_one_call);
	tcase_add_test(basic, the_request_says_that_it_wants_json);
	tcase_add_test(basic, a_value_is_sent_and_stays_the_callers);
	tcase_add_test(basic, more_than_256_levels_are_refused);
	tcase_add_test(basic, a_large_value_is_read_in_a_helper_thread);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
