/* SPDX-License-Identifier: MIT */
/* TLS: verified unless it is said in so many words that it need not be. */
#include "web.h"

static int
get(const struct aw_http_options *options, const char *url)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_open_with(&http, options));
	AW_TRY(aw_http_get(http, &res, url));
	WANT(aw_response_status(res) == 200);
	return 0;
}

#define GET(url, ...) \
	get(&(struct aw_http_options){ \
		.size = sizeof(struct aw_http_options), __VA_ARGS__ }, url)

static int
verify_app(void *arg)
{
	const char *here = env("AWAIT_TEST_HTTPS");
	const char *elsewhere = env("AWAIT_TEST_HTTPS_ELSEWHERE");
	const char *ca = env("AWAIT_TEST_CA");

	(void)arg;
	AW_TRY(GET(here, .cacert = ca));
	WANT(GET(here) == AW_ETLS);		/* an unknown authority */
	WANT(aw_error()->sent == AW_NOT_SENT);
	WANT(*aw_error()->message);
	WANT(GET(here, .cacert = env("AWAIT_TEST_OTHER_CA")) == AW_ETLS);
	WANT(GET(elsewhere, .cacert = ca) == AW_ETLS);	/* another's name */
	WANT(GET(here, .cacert = "/nowhere/ca.pem") == AW_ETLS);
	AW_TRY(GET(here, .insecure = true));
	AW_TRY(GET(elsewhere, .insecure = true));
	return 0;
}

START_TEST(certificates_are_verified_by_authority_and_name)
{
	expect_run(verify_app, NULL);
}
END_TEST

static int
mixed_app(void *arg)
{
	AW_AUTO(aw_http, trusting);
	AW_AUTO(aw_http, careful);
	AW_AUTO(aw_response, res);
	struct aw_response *none = NULL;
	const char *url = env("AWAIT_TEST_HTTPS");

	(void)arg;
	AW_TRY(aw_http_open(&trusting, .insecure = true));
	AW_TRY(aw_http_open(&careful));
	AW_TRY(aw_http_get(trusting, &res, url));
	WANT(aw_http_get(careful, &none, url) == AW_ETLS && !none);
	return 0;
}

START_TEST(a_careful_session_uses_no_connection_of_a_trusting_one)
{
	expect_run(mixed_app, NULL);
}
END_TEST

static int
plain_app(void *arg)
{
	char url[100];

	(void)arg;
	snprintf(url, sizeof(url), "https%s", env("AWAIT_TEST_HTTP") + 4);
	WANT(GET(url, .insecure = true) == AW_ETLS);
	return 0;
}

START_TEST(a_server_without_tls_is_a_failure_of_tls)
{
	expect_run(plain_app, NULL);
}
END_TEST

static int
reuse_app(void *arg)
{
	AW_AUTO(aw_http, http);

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTPS"),
			    .cacert = env("AWAIT_TEST_CA")));
	for (int i = 0; i < 5; i++) {
		AW_AUTO(aw_response, res);

		AW_TRY(aw_http_get(http, &res, "/big/1m"));
		WANT(aw_response_body(res).size == 1 << 20);
		WANT(aw_response_timing(res)->reused == (i > 0));
	}
	return 0;
}

START_TEST(tls_connections_are_kept_too)
{
	expect_run(reuse_app, NULL);
}
END_TEST

static int
token_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTPS"),
			    .cacert = env("AWAIT_TEST_CA")));
	AW_TRY(aw_http_get(http, &res, "/echo-headers",
			   .auth = aw_auth_bearer("t0k3n")));
	WANT(body_has(res, "Bearer t0k3n\n"));
	return 0;
}

START_TEST(a_token_goes_over_tls)
{
	expect_run(token_app, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http tls");
	TCase *basic = tcase_create("basic");

	tcase_add_test(basic, certificates_are_verified_by_authority_and_name);
	tcase_add_test(basic,
		       a_careful_session_uses_no_connection_of_a_trusting_one);
	tcase_add_test(basic, a_server_without_tls_is_a_failure_of_tls);
	tcase_add_test(basic, tls_connections_are_kept_too);
	tcase_add_test(basic, a_token_goes_over_tls);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
