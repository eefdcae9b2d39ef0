/* SPDX-License-Identifier: MIT */
/* Headers of a request, methods, redirect rules, public addresses. */
#include "../../net/internal.h"
#include "suite.h"

#include <arpa/inet.h>

#define PAIRS(...) \
	{ (const char *const[]){ __VA_ARGS__ }, \
	  sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *) }

static void
expect_list(const struct aw__header_rules *rules, const char *want)
{
	struct curl_slist *list;
	char text[1000] = "";

	ck_assert_int_eq(aw__headers_build(&list, rules), 0);
	for (struct curl_slist *at = list; at; at = at->next) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s|", at->data);
	}
	ck_assert_str_eq(text, want);
	curl_slist_free_all(list);
}

START_TEST(headers_of_a_request_replace_the_sessions)
{
	struct aw__header_rules rules = {
		.session = PAIRS("Accept", "text/html", "X-Trace", "1"),
		.request = PAIRS("accept", "text/plain", "X-Multi", "a",
				 "X-Multi", "b", "X-Gone", NULL, "X-Empty",
				 ""),
	};

	expect_list(&rules, "X-Trace: 1|accept: text/plain|X-Multi: a|"
		    "X-Multi: b|X-Gone:|X-Empty;|");
}
END_TEST

START_TEST(a_null_value_takes_the_sessions_header_away)
{
	struct aw__header_rules rules = {
		.session = PAIRS("X-Trace", "1"),
		.request = PAIRS("X-Trace", NULL),
	};

	/* libcurl's word for "do not send it". */
	expect_list(&rules, "X-Trace:|");
}
END_TEST

START_TEST(a_foreign_origin_sees_only_harmless_headers)
{
	struct aw__header_rules rules = {
		.session = PAIRS("X-Api-Key", "s1", "Accept", "*/*"),
		.request = PAIRS("Authorization", "s2", "Cookie", "s3",
				 "Host", "h", "If-None-Match", "e",
				 "Range", "bytes=0-1", "Proxy-Authorization",
				 "s4"),
		.auth = { "user", "s5" },
		.foreign = true,
	};

	expect_list(&rules,
		    "Accept: */*|If-None-Match: e|Range: bytes=0-1|");
}
END_TEST

START_TEST(without_the_body_its_headers_stay_behind)
{
	struct aw__header_rules rules = {
		.request = PAIRS("Content-Type", "text/xml", "Accept", "a"),
		.content_type = "text/plain",
		.no_body = true,
		.no_expect = true,
	};

	expect_list(&rules, "Accept: a|");
}
END_TEST

START_TEST(a_body_gets_a_type_unless_it_has_one)
{
	struct aw__header_rules rules = { .content_type = "text/plain" };
	struct aw__header_rules own = {
		.request = PAIRS("content-type", "text/xml"),
		.content_type = "text/plain",
	};
	struct aw__header_rules no_type = { .content_type = "" };

	expect_list(&rules, "Content-Type: text/plain|");
	expect_list(&own, "content-type: text/xml|");
	expect_list(&no_type, "Content-Type:|");
}
END_TEST

START_TEST(credentials_are_encoded_as_rfc_7617_says)
{
	struct aw__header_rules rules = { .auth = { "Aladdin",
						    "open sesame" } };
	struct aw__header_rules one = { .auth = { "a", "" } };
	struct aw__header_rules two = { .auth = { "a", "b" } };
	struct aw__header_rules token = { .auth = { NULL, "t0k3n" } };

	expect_list(&rules,
		    "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|");
	expect_list(&one, "Authorization: Basic YTo=|");
	expect_list(&two, "Authorization: Basic YTpi|");
	expect_list(&token, "Authorization: Bearer t0k3n|");
}
END_TEST

static int
check(const char *name, const char *value)
{
	const char *items[] = { name, value };
	struct aw_pairs pairs = { items, 2 };

	return aw__headers_check(pairs);
}

START_TEST(a_header_cannot_smuggle_another)
{
	struct aw_pairs odd = PAIRS("Accept");

	ck_assert_int_eq(check("X", "tab\tand text"), 0);
	ck_assert_int_eq(check("X", "\xc3\xa4"), 0);
	ck_assert_int_eq(check("X", "a\r\nY: b"), -EINVAL);
	ck_assert_int_eq(check("X", "a\nY: b"), -EINVAL);
	ck_assert_int_eq(check("X", "\x7f"), -EINVAL);
	ck_assert_int_eq(check("X: y", "a"), -EINVAL);
	ck_assert_int_eq(check("", "a"), -EINVAL);
	ck_assert_int_eq(check("X Y", "a"), -EINVAL);
	ck_assert_int_eq(check("content-length", "5"), -EINVAL);
	ck_assert_int_eq(check("Transfer-Encoding", "chunked"), -EINVAL);
	ck_assert_int_eq(check(NULL, "a"), -EINVAL);
	ck_assert_int_eq(aw__headers_check(odd), -EINVAL);
}
END_TEST

START_TEST(a_token_must_not_hold_a_line_break)
{
	struct aw__header_rules rules = { .auth = { NULL, "a\r\nX: y" } };
	struct curl_slist *list = NULL;

	ck_assert_int_eq(aw__headers_build(&list, &rules), -EINVAL);
	ck_assert_ptr_null(list);
}
END_TEST

struct rule {
	int status;
	const char *method, *next;
	bool drops;
};

START_TEST(redirects_change_methods_as_rfc_9110_says)
{
	static const struct rule rules[] = {
		{ 301, "GET", "GET", false },  { 302, "HEAD", "HEAD", false },
		{ 303, "GET", "GET", false },  { 303, "HEAD", "HEAD", false },
		{ 301, "POST", "GET", true },  { 302, "POST", "GET", true },
		{ 303, "POST", "GET", true },  { 303, "PUT", "GET", true },
		{ 303, "DELETE", "GET", true },
		{ 301, "PUT", "PUT", false },  { 302, "PATCH", "PATCH", false },
		{ 307, "POST", "POST", false }, { 308, "POST", "POST", false },
		{ 307, "PUT", "PUT", false },
	};

	for (size_t i = 0; i < AW_LENGTH(rules); i++) {
		const char *method = rules[i].method;
		bool drops = false;

		ck_assert_int_eq(aw__redirect_method(rules[i].status, &method,
						     &drops), 0);
		ck_assert_str_eq(method, rules[i].next);
		ck_assert_int_eq(drops, rules[i].drops);
	}
}
END_TEST

START_TEST(other_statuses_are_no_redirects)
{
	static const int statuses[] = { 200, 204, 300, 304, 305, 306, 309, 400,
					500 };

	for (size_t i = 0; i < AW_LENGTH(statuses); i++)
		ck_assert(!aw__is_redirect(statuses[i]));
}
END_TEST

START_TEST(only_idempotent_methods_may_be_repeated)
{
	ck_assert(aw__is_idempotent("GET") && aw__is_idempotent("HEAD"));
	ck_assert(aw__is_idempotent("PUT") && aw__is_idempotent("DELETE"));
	ck_assert(!aw__is_idempotent("POST") && !aw__is_idempotent("PATCH"));
	ck_assert(!aw__is_idempotent("get") && !aw__is_idempotent("REPORT"));
}
END_TEST

START_TEST(private_addresses_are_not_public)
{
	static const char *const private[] = {
		"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1",
		"127.255.255.255", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.7",
		"203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
		"2002:7f00:1::", "2002:a00:1::", "2001:db8::1", "2001::1",
		"fec0::1", "100::1", "no address", "",
	};

	for (size_t i = 0; i < AW_LENGTH(private); i++)
		ck_assert_msg(!aw__is_public_text(private[i]), "%s",
			      private[i]);
}
END_TEST

START_TEST(public_addresses_are_public)
{
	static const char *const public[] = {
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255",
		"100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1",
		"198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1",
		"64:ff9b::101:101", "2002:101:101::",
	};

	for (size_t i = 0; i < AW_LENGTH(public); i++)
		ck_assert_msg(aw__is_public_text(public[i]), "%s", public[i]);
}
END_TEST

START_TEST(the_same_holds_for_socket_addresses)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr un = { .sa_family = AF_UNIX };

	inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
	ck_assert(!aw__is_public((struct sockaddr *)&in));
	inet_pton(AF_INET, "1.1.1.1", &in.sin_addr);
	ck_assert(aw__is_public((struct sockaddr *)&in));
	inet_pton(AF_INET6, "::1", &in6.sin6_addr);
	ck_assert(!aw__is_public((struct sockaddr *)&in6));
	ck_assert(!aw__is_public(&un));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("headers");
	TCase *basic = tcase_create("basic");
	TCase *policy = tcase_create("policy");

	tcase_add_test(basic, headers_of_a_request_replace_the_sessions);
	tcase_add_test(basic, a_null_value_takes_the_sessions_header_away);
	tcase_add_test(basic, a_foreign_origin_sees_only_harmless_headers);
	tcase_add_test(basic, without_the_body_its_headers_stay_behind);
	tcase_add_test(basic, a_body_gets_a_type_unless_it_has_one);
	tcase_add_test(basic, credentials_are_encoded_as_rfc_7617_says);
	tcase_add_test(basic, a_header_cannot_smuggle_another);
	tcase_add_test(basic, a_token_must_not_hold_a_line_break);
	tcase_add_test(basic, redirects_change_methods_as_rfc_9110_says);
	tcase_add_test(basic, other_statuses_are_no_redirects);
	tcase_add_test(basic, only_idempotent_methods_may_be_repeated);
	tcase_add_test(policy, private_addresses_are_not_public);
	tcase_add_test(policy, public_addresses_are_public);
	tcase_add_test(policy, the_same_holds_for_socket_addresses);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, policy);
	return suite_run(suite);
}
