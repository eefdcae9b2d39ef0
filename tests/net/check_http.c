/* SPDX-License-Identifier: MIT */
/* Requests and responses, against a real nginx. */
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
get_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	char url[200];

	(void)arg;
	snprintf(url, sizeof(url), "%s/data.json", env("AWAIT_TEST_HTTP"));
	AW_TRY(aw_http_open(&http));
	AW_TRY(aw_http_get(http, &res, url));
	WANT(aw_response_status(res) == 200);
	WANT(strcmp(aw_response_url(res), url) == 0);
	WANT(body_is(res, "{\"name\":\"await\",\"numbers\":[1,2,3]}\n"));
	WANT(strcmp(aw_response_header(res, "content-TYPE"),
		    "application/json") == 0);
	WANT(!aw_response_header(res, "X-None"));
	WANT(aw_response_check(res) == 0);
	return 0;
}

START_TEST(get_gives_status_headers_and_body)
{
	expect_run(get_app, NULL);
}
END_TEST

static int
cookies_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	struct aw_header header = { 0 };
	char seen[500] = "";

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &res, "/cookies"));
	while (aw_response_header_next(res, &header)) {
		size_t n = strlen(seen);

		/* A look-up must not disturb the walk. */
		WANT(aw_response_header(res, "Server"));
		if (strcmp(header.name, "Set-Cookie") == 0)
			snprintf(seen + n, sizeof(seen) - n, "%s|",
				 header.value);
	}
	WANT(strcmp(seen, "one=1; Path=/|two=2; Path=/; HttpOnly|") == 0);
	WANT(aw_response_header_next(res, &header) == 0);
	return 0;
}

START_TEST(the_walk_through_the_headers_meets_repeated_ones)
{
	expect_run(cookies_app, NULL);
}
END_TEST

static int
methods_app(void *arg)
{
	static const char *const methods[] = { "GET", "PUT", "DELETE",
					       "PATCH", "OPTIONS", "REPORT",
					       "POST", "GET" };
	AW_AUTO(aw_http, http);

	(void)arg;
	http = http_to_nginx();
	for (size_t i = 0; i < AW_LENGTH(methods); i++) {
		AW_AUTO(aw_response, res);
		char line[100];

		AW_TRY(aw_http_request(http, &res, methods[i], "/echo"));
		snprintf(line, sizeof(line), "%s /echo HTTP/1.1\r\n",
			 methods[i]);
		WANT(strncmp(aw_response_body(res).data, line,
			     strlen(line)) == 0);
		WANT(strstr(line, "P") == NULL || i < 1 || i == 4 || i == 5 ||
		     methods[i][0] != 'P' ||
		     body_has(res, "Content-Length: 0"));
		WANT(!body_has(res, "Content-Type"));
		WANT(!body_has(res, "Expect"));
	}
	return 0;
}

START_TEST(every_method_arrives_as_it_was_asked_for)
{
	expect_run(methods_app, NULL);
}
END_TEST

static int
head_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	AW_AUTO(aw_response, next);

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_head(http, &res, "/big/1m"));
	WANT(aw_response_status(res) == 200);
	WANT(strcmp(aw_response_header(res, "Content-Length"),
		    "1048576") == 0);
	WANT(body_is(res, ""));
	AW_TRY(aw_http_get(http, &next, "/redirect/0"));
	WANT(body_is(next, "done\n"));
	return 0;
}

START_TEST(head_has_headers_and_no_body)
{
	expect_run(head_app, NULL);
}
END_TEST

static int
body_app(void *arg)
{
	static char big[3 << 20];
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, text);
	AW_AUTO(aw_response, form);
	AW_AUTO(aw_response, large);
	AW_AUTO(aw_response, put);

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_post(http, &text, "/echo-body",
			    .body = aw_bytes("a\0b", 3)));
	WANT(aw_response_body(text).size == 3);
	WANT(memcmp(aw_response_body(text).data, "a\0b", 4) == 0);
	AW_TRY(aw_http_post(http, &form, "/echo-body",
			    .form = AW_PAIRS("a", "x y", "b", "&")));
	WANT(body_is(form, "a=x+y&b=%26"));
	memset(big, 'x', sizeof(big));
	AW_TRY(aw_http_post(http, &large, "/echo-body",
			    .body = aw_bytes(big, sizeof(big))));
	WANT(aw_response_body(large).size == sizeof(big));
	WANT(memcmp(aw_response_body(large).data, big, sizeof(big)) == 0);
	AW_TRY(aw_http_put(http, &put, "/echo-body", .body = aw_text("p")));
	WANT(body_is(put, "p"));
	return 0;
}

START_TEST(bodies_arrive_byte_for_byte)
{
	expect_run(body_app, NULL);
}
END_TEST

static int
type_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, bytes);
	AW_AUTO(aw_response, form);
	AW_AUTO(aw_response, own);

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_post(http, &bytes, "/echo", .body = aw_text("x")));
	WANT(body_has(bytes, "Content-Type: application/octet-stream\r\n"));
	AW_TRY(aw_http_post(http, &form, "/echo",
			    .form = AW_PAIRS("a", "b")));
	WANT(body_has(form, "Content-Type: application/x-www-form-"
		      "urlencoded\r\n"));
	AW_TRY(aw_http_post(http, &own, "/echo", .body = aw_text("x"),
			    .headers = AW_PAIRS("Content-Type", "text/x")));
	WANT(body_has(own, "Content-Type: text/x\r\n"));
	WANT(!body_has(own, "octet-stream"));
	return 0;
}

START_TEST(a_body_says_what_it_is)
{
	expect_run(type_app, NULL);
}
END_TEST

static int
headers_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, own);
	AW_AUTO(aw_response, plain);

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP"),
			    .headers = AW_PAIRS("X-Test", "session",
						"User-Agent", "robot/1")));
	AW_TRY(aw_http_get(http, &own, "/echo",
			   .headers = AW_PAIRS("X-Test", "request", "X-Void",
					       "")));
	WANT(body_has(own, "X-Test: request\r\n"));
	WANT(!body_has(own, "X-Test: session"));
	WANT(body_has(own, "X-Void:"));
	WANT(body_has(own, "User-Agent: robot/1\r\n"));
	AW_TRY(aw_http_get(http, &plain, "/echo"));
	WANT(body_has(plain, "X-Test: session\r\n"));
	WANT(!body_has(plain, "X-Void"));
	return 0;
}

START_TEST(headers_of_one_request_do_not_stay_for_the_next)
{
	expect_run(headers_app, NULL);
}
END_TEST

static int
query_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	AW_AUTO(aw_response, plain);

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &res, "/echo",
			   .query = AW_PAIRS("q", "a b", "n", "1")));
	WANT(body_has(res, "GET /echo?q=a%20b&n=1 HTTP/1.1\r\n"));
	AW_TRY(aw_http_get(http, &plain, "/echo"));
	WANT(body_has(plain, "GET /echo HTTP/1.1\r\n"));
	return 0;
}

START_TEST(a_query_is_sent_with_its_request_only)
{
	expect_run(query_app, NULL);
}
END_TEST

static int
auth_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, with);
	AW_AUTO(aw_response, without);
	struct aw_response *none = NULL;

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &with, "/auth/a.html",
			   .auth = aw_auth_basic("user", "pass")));
	WANT(aw_response_status(with) == 200);
	AW_TRY(aw_http_get(http, &without, "/auth/a.html"));
	WANT(aw_response_status(without) == 401);
	WANT(aw_http_get(http, &none, "/", .auth = aw_auth_bearer("t")) ==
	     AW_EPOLICY);
	WANT(!none);
	return 0;
}

START_TEST(credentials_are_for_one_request_and_tokens_for_https)
{
	expect_run(auth_app, NULL);
}
END_TEST

static int
decode_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_http, plain);
	AW_AUTO(aw_response, gzip);
	AW_AUTO(aw_response, zstd);
	AW_AUTO(aw_response, raw);
	struct aw_response *bad = NULL;

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &gzip, "/gzip"));
	WANT(aw_response_header(gzip, "Content-Encoding"));
	WANT(aw_response_body(gzip).size == 8893);
	WANT(strncmp(aw_response_body(gzip).data, "1\n2\n3\n", 6) == 0);
	AW_TRY(aw_http_get(http, &zstd, "/zstd"));
	WANT(body_is(zstd, "hello, zstd\n"));
	WANT(aw_http_get(http, &bad, "/bad-gzip") == AW_EDECODE && !bad);

	AW_TRY(aw_http_open(&plain, .base = env("AWAIT_TEST_HTTP"),
			    .identity = true));
	AW_TRY(aw_http_get(plain, &raw, "/gzip"));
	WANT(!aw_response_header(raw, "Content-Encoding"));
	WANT(aw_response_body(raw).size == 8893);
	return 0;
}

START_TEST(compressed_bodies_are_decoded_unless_not_wanted)
{
	expect_run(decode_app, NULL);
}
END_TEST

static int
ok_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_http, strict);
	AW_AUTO(aw_response, res);
	struct aw_response *none = NULL;

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &res, "/status/503"));
	WANT(aw_response_status(res) == 503);
	WANT(aw_response_check(res) == AW_EHTTP);
	WANT(aw_error()->status == 503);
	WANT(strcmp(aw_error()->detail, "503\n") == 0);
	WANT(aw_http_get(http, &none, "/status/404", .ok = true) == AW_EHTTP);
	WANT(!none && aw_error()->status == 404);
	AW_TRY(aw_http_open(&strict, .base = env("AWAIT_TEST_HTTP"),
			    .ok = true));
	WANT(aw_http_get(strict, &none, "/status/500") == AW_EHTTP && !none);
	return 0;
}

START_TEST(an_error_status_is_an_error_only_if_asked_for)
{
	expect_run(ok_app, NULL);
}
END_TEST

static int
empty_app(void *arg)
{
	static const int statuses[] = { 204, 304, 201 };
	AW_AUTO(aw_http, http);

	(void)arg;
	http = http_to_nginx();
	for (size_t i = 0; i < AW_LENGTH(statuses); i++) {
		AW_AUTO(aw_response, res);
		char url[50];

		snprintf(url, sizeof(url), "/status/%d", statuses[i]);
		AW_TRY(aw_http_get(http, &res, url));
		WANT(aw_response_status(res) == statuses[i]);
		WANT(body_is(res, ""));
	}
	return 0;
}

START_TEST(an_empty_body_is_an_empty_string)
{
	expect_run(empty_app, NULL);
}
END_TEST

static int
max_body_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, fits);
	AW_AUTO(aw_response, next);
	struct aw_response *none = NULL;

	(void)arg;
	http = http_to_nginx();
	AW_TRY(aw_http_get(http, &fits, "/big/1m", .max_body = 1 << 20));
	WANT(aw_response_body(fits).size == 1 << 20);
	WANT(aw_http_get(http, &none, "/big/1m", .max_body = (1 << 20) - 1) ==
	     AW_ELIMIT);
	/* 8,893 bytes, sent as fewer: the limit is on what comes out. */
	WANT(aw_http_get(http, &none, "/gzip", .max_body = 8892) ==
	     AW_ELIMIT);
	WANT(aw_http_get(http, &none, "/big/70m") == AW_ELIMIT);
	WANT(!none);
	AW_TRY(aw_http_get(http, &next, "/redirect/0"));
	WANT(body_is(next, "done\n"));
	return 0;
}

START_TEST(a_body_larger_than_its_limit_is_not_taken)
{
	expect_run(max_body_app, NULL);
}
END_TEST

static int
reuse_app(void *arg)
{
	AW_AUTO(aw_http, http);
	const char *const urls[] = { "/a.html", "/a.html", "/echo",
				     "/no-keepalive/a.html", "/a.html" };
	static const bool reused[] = { false, true, true, true, false };

	(void)arg;
	http = http_to_nginx();
	for (size_t i = 0; i < AW_LENGTH(urls); i++) {
		AW_AUTO(aw_response, res);

		AW_TRY(aw_http_get(http, &res, urls[i]));
		WANT(aw_response_timing(res)->reused == reused[i]);
		WANT(aw_response_timing(res)->requests == 1);
	}
	return 0;
}

START_TEST(connections_are_kept_and_used_again)
{
	expect_run(reuse_app, NULL);
}
END_TEST

static int
many_child(void *arg)
{
	struct aw_http **http = arg;
	AW_AUTO(aw_response, res);
	char number[20];

	snprintf(number, sizeof(number), "n=%p", (void *)&number);
	AW_TRY(aw_http_get(*http, &res, "/echo",
			   .query = AW_PAIRS("nonce", number)));
	WANT(aw_response_status(res) == 200);
	number[1] = '\0';
	WANT(strstr(aw_response_body(res).data, number + 2));
	return 0;
}

static int
many_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_GROUP(group);

	(void)arg;
	http = http_to_nginx();
	for (int i = 0; i < 500; i++)
		AW_TRY(aw_go(&group, many_child, &http));
	return aw_group_wait(&group);
}

START_TEST(five_hundred_at_once_each_get_their_own_answer)
{
	expect_run(many_app, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http");
	TCase *basic = tcase_create("basic");
	TCase *limits = tcase_create("limits");

	tcase_add_test(basic, get_gives_status_headers_and_body);
	tcase_add_test(basic, the_walk_through_the_headers_meets_repeated_ones);
	tcase_add_test(basic, every_method_arrives_as_it_was_asked_for);
	tcase_add_test(basic, head_has_headers_and_no_body);
	tcase_add_test(basic, bodies_arrive_byte_for_byte);
	tcase_add_test(basic, a_body_says_what_it_is);
	tcase_add_test(basic, headers_of_one_request_do_not_stay_for_the_next);
	tcase_add_test(basic, a_query_is_sent_with_its_request_only);
	tcase_add_test(basic,
		       credentials_are_for_one_request_and_tokens_for_https);
	tcase_add_test(basic, compressed_bodies_are_decoded_unless_not_wanted);
	tcase_add_test(basic, an_error_status_is_an_error_only_if_asked_for);
	tcase_add_test(basic, an_empty_body_is_an_empty_string);
	tcase_add_test(basic, connections_are_kept_and_used_again);
	tcase_add_test(basic, five_hundred_at_once_each_get_their_own_answer);
	tcase_add_test(limits, a_body_larger_than_its_limit_is_not_taken);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
