/* SPDX-License-Identifier: MIT */
/* URLs: what is refused, what the normal form is, where redirects lead. */
#include "../../net/internal.h"
#include "suite.h"

static const struct aw_pairs none;

static void
expect_url(const char *base, const char *url, const char *want)
{
	struct aw__target t;

	ck_assert_int_eq(aw__target_parse(&t, base, url, none), 0);
	ck_assert_str_eq(t.url, want);
	aw__target_clear(&t);
}

static void
expect_refused(const char *url)
{
	struct aw__target t = { .port = 4711 };

	ck_assert_msg(aw__target_parse(&t, NULL, url, none) == -EINVAL,
		      "%s was not refused", url);
	ck_assert_int_eq(t.port, 4711);
}

START_TEST(a_url_gets_its_normal_form)
{
	expect_url(NULL, "http://example.org", "http://example.org/");
	expect_url(NULL, "HTTP://Example.ORG/A", "http://example.org/A");
	expect_url(NULL, "http://example.org:80/", "http://example.org/");
	expect_url(NULL, "https://example.org:443/x", "https://example.org/x");
	expect_url(NULL, "http://example.org:8080/",
		   "http://example.org:8080/");
	expect_url(NULL, "http://example.org/a/../b", "http://example.org/b");
	expect_url(NULL, "http://example.org/#top", "http://example.org/");
	expect_url(NULL, "http://example.org/?q=1#top",
		   "http://example.org/?q=1");
}
END_TEST

START_TEST(odd_spellings_of_an_address_become_four_numbers)
{
	expect_url(NULL, "http://2130706433/", "http://127.0.0.1/");
	expect_url(NULL, "http://0x7f000001/", "http://127.0.0.1/");
	expect_url(NULL, "http://0177.0.0.1/", "http://127.0.0.1/");
	expect_url(NULL, "http://127.1/", "http://127.0.0.1/");
}
END_TEST

START_TEST(bytes_beyond_ascii_are_encoded)
{
	expect_url(NULL, "http://example.org/\xc3\xa4",
		   "http://example.org/%c3%a4");
}
END_TEST

START_TEST(an_internationalised_host_becomes_punycode)
{
	expect_url(NULL, "http://b\xc3\xbc" "cher.example/",
		   "http://xn--bcher-kva.example/");
}
END_TEST

START_TEST(what_is_no_plain_http_url_is_refused)
{
	expect_refused("");
	expect_refused("example.org");
	expect_refused("/path");
	expect_refused("ftp://example.org/");
	expect_refused("file:///etc/passwd");
	expect_refused("javascript:alert(1)");
	expect_refused("http://");
	expect_refused("http://user@example.org/");
	expect_refused("http://user:secret@example.org/");
	expect_refused("http://a@b@c/");
	expect_refused("http://example.org:0/");
	expect_refused("http://example.org:65536/");
	expect_refused("http://example.org:x/");
	expect_refused("http://example.org/a b");
	expect_refused("http://example.org/a\r\nX-Evil: 1");
	expect_refused("http://example.org/\x01");
	expect_refused("http://exa mple.org/");
	expect_refused("http://[::1");
	expect_refused("http://[fe80::1%25eth0]/");
}
END_TEST

START_TEST(a_refused_password_is_not_in_the_message)
{
	static const char *const urls[] = {
		"http://u:geheim@example.org/", "ftp://u:geheim@example.org/",
		"http://u:geheim@example.org:99999/", "http://u:geheim@[x/",
		"http://u:geh/eim@example.org/", "http://u:geheim?@h:x/",
	};

	for (size_t i = 0; i < AW_LENGTH(urls); i++) {
		struct aw__target t;

		ck_assert_int_eq(aw__target_parse(&t, NULL, urls[i], none),
				 -EINVAL);
		ck_assert_msg(!strstr(aw_error()->message, "geh"), "%s",
			      aw_error()->message);
	}
}
END_TEST

START_TEST(a_url_longer_than_64_kib_is_refused)
{
	char *url = malloc(AW__MAX_URL + 100);

	memset(url, 'a', AW__MAX_URL + 99);
	url[AW__MAX_URL + 99] = '\0';
	memcpy(url, "http://h/", 9);
	expect_refused(url);
	free(url);
}
END_TEST

START_TEST(a_relative_url_is_resolved_against_the_base)
{
	const char *base = "http://example.org/api/v1/index";

	expect_url(base, "items", "http://example.org/api/v1/items");
	expect_url(base, "/items", "http://example.org/items");
	expect_url(base, "../x", "http://example.org/api/x");
	expect_url(base, "?q=1", "http://example.org/api/v1/index?q=1");
	expect_url(base, "https://other.example/", "https://other.example/");
	expect_url(base, "//other.example/y", "http://other.example/y");
}
END_TEST

START_TEST(a_query_is_encoded_and_appended)
{
	const char *items[] = { "q", "a b&c=d", "n", "1", "gone", NULL,
				"\xc3\xa4", "" };
	struct aw_pairs query = { items, 8 };
	struct aw__target t;

	ck_assert_int_eq(aw__target_parse(&t, NULL, "http://h/p", query), 0);
	ck_assert_str_eq(t.url, "http://h/p?q=a%20b%26c%3Dd&n=1&%C3%A4=");
	aw__target_clear(&t);
	ck_assert_int_eq(aw__target_parse(&t, NULL, "http://h/p?x=1", query),
			 0);
	ck_assert_str_eq(t.url, "http://h/p?x=1&q=a%20b%26c%3Dd&n=1&%C3%A4=");
	aw__target_clear(&t);
}
END_TEST

START_TEST(a_form_writes_a_space_as_a_plus)
{
	const char *items[] = { "a", "x y+z", "b", "1" };
	struct aw_pairs form = { items, 4 };
	char *text;

	ck_assert_int_eq(aw__encode_pairs(&text, form, true), 0);
	ck_assert_str_eq(text, "a=x+y%2Bz&b=1");
	free(text);
}
END_TEST

START_TEST(origin_host_and_kind_are_known)
{
	struct aw__target t;

	ck_assert_int_eq(aw__target_parse(&t, NULL, "https://A.example/x",
					  none), 0);
	ck_assert_str_eq(t.origin, "https://a.example:443");
	ck_assert_str_eq(t.host, "a.example");
	ck_assert(t.https && !t.literal && t.port == 443);
	aw__target_clear(&t);
	ck_assert_int_eq(aw__target_parse(&t, NULL, "http://[::1]:81/", none),
			 0);
	ck_assert_str_eq(t.origin, "http://[::1]:81");
	ck_assert_str_eq(t.host, "::1");
	ck_assert(t.literal);
	aw__target_clear(&t);
}
END_TEST

static void
expect_follow(const char *location, const char *want)
{
	struct aw__target from, to;

	ck_assert_int_eq(aw__target_parse(&from, NULL,
					  "https://a.example/d/e?f=1", none),
			 0);
	if (want) {
		ck_assert_int_eq(aw__target_follow(&to, &from, location), 0);
		ck_assert_str_eq(to.url, want);
		aw__target_clear(&to);
	} else {
		ck_assert_int_eq(aw__target_follow(&to, &from, location),
				 -EINVAL);
	}
	aw__target_clear(&from);
}

START_TEST(a_location_is_resolved_against_the_last_url)
{
	expect_follow("g", "https://a.example/d/g");
	expect_follow("/g?x#y", "https://a.example/g?x");
	expect_follow("//b.example", "https://b.example/");
	expect_follow("http://c.example/", "http://c.example/");
	expect_follow("/with space", "https://a.example/with%20space");
}
END_TEST

START_TEST(a_location_that_is_no_http_url_is_refused)
{
	expect_follow("file:///etc/passwd", NULL);
	expect_follow("gopher://x/", NULL);
	expect_follow("http://u:p@b.example/", NULL);
	expect_follow("http://b.example/\r\nSet-Cookie: a", NULL);
}
END_TEST

START_TEST(origins_differ_by_scheme_host_and_port)
{
	static const char *const others[] = { "http://a.example/",
					      "https://b.example/",
					      "https://a.example:444/" };
	struct aw__target a, b;

	ck_assert_int_eq(aw__target_parse(&a, NULL, "https://a.example/",
					  none), 0);
	for (size_t i = 0; i < AW_LENGTH(others); i++) {
		ck_assert_int_eq(aw__target_parse(&b, NULL, others[i], none),
				 0);
		ck_assert(!aw__same_origin(&a, &b));
		aw__target_clear(&b);
	}
	ck_assert_int_eq(aw__target_parse(&b, NULL, "https://A.example:443/q",
					  none), 0);
	ck_assert(aw__same_origin(&a, &b));
	aw__target_clear(&b);
	aw__target_clear(&a);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("url");
	TCase *basic = tcase_create("basic");
	TCase *misuse = tcase_create("misuse");

	tcase_add_test(basic, a_url_gets_its_normal_form);
	tcase_add_test(basic, odd_spellings_of_an_address_become_four_numbers);
	tcase_add_test(basic, bytes_beyond_ascii_are_encoded);
	tcase_add_test(basic, an_internationalised_host_becomes_punycode);
	tcase_add_test(basic, a_relative_url_is_resolved_against_the_base);
	tcase_add_test(basic, a_query_is_encoded_and_appended);
	tcase_add_test(basic, a_form_writes_a_space_as_a_plus);
	tcase_add_test(basic, origin_host_and_kind_are_known);
	tcase_add_test(basic, a_location_is_resolved_against_the_last_url);
	tcase_add_test(basic, origins_differ_by_scheme_host_and_port);
	tcase_add_test(misuse, what_is_no_plain_http_url_is_refused);
	tcase_add_test(misuse, a_refused_password_is_not_in_the_message);
	tcase_add_test(misuse, a_url_longer_than_64_kib_is_refused);
	tcase_add_test(misuse, a_location_that_is_no_http_url_is_refused);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, misuse);
	return suite_run(suite);
}
