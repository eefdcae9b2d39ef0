/* SPDX-License-Identifier: MIT */
/* How many at once and in which order; addresses that are not allowed. */
#include <malloc.h>

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

/* -- limits -------------------------------------------------------------- */

struct crowd {
	struct fake *fake;
	struct aw_http *http;
	int started, ended, most, now;
	char order[100];
};

struct member {
	struct crowd *crowd;
	char name;
};

static int
member_main(void *arg)
{
	struct member *m = arg;
	AW_AUTO(aw_response, res);
	char url[50];
	size_t n;

	snprintf(url, sizeof(url), "/%c", m->name);
	AW_TRY(aw_http_get(m->crowd->http, &res, url));
	n = strlen(m->crowd->order);
	m->crowd->order[n] = m->name;
	m->crowd->ended++;
	return 0;
}

static int
per_host_app(void *arg)
{
	struct crowd crowd = { .fake = arg };
	AW_AUTO(aw_http, http);
	char order[10] = "";

	AW_TRY(aw_http_open(&http, .base = fake_url(crowd.fake),
			    .max_per_host = 2));
	crowd.http = http;
	{
		AW_GROUP(group);

		for (char c = 'a'; c < 'a' + 6; c++) {
			struct member m = { &crowd, c };

			AW_TRY(aw_go_copy(&group, member_main, &m));
		}
		AW_TRY(hear(crowd.fake));
		AW_TRY(hear(crowd.fake));
		for (int i = 0; i < 4; i++) {
			WANT(fake_requests(crowd.fake) == 2 + i);
			fake_go(crowd.fake);
			AW_TRY(hear(crowd.fake));
		}
		fake_go(crowd.fake);
		fake_go(crowd.fake);
		AW_TRY(aw_group_wait(&group));
	}
	WANT(fake_connections(crowd.fake) == 2);
	for (int i = 0; i < 6; i++)
		order[i] = fake_request(crowd.fake, i)[5];
	/* The first two go together; then strictly in order. */
	WANT(strcmp(order + 2, "cdef") == 0);
	return 0;
}

START_TEST(a_host_gets_so_many_at_once_and_the_others_in_order)
{
	struct fake *fake = fake_start(waiting);

	expect_run(per_host_app, fake);
	fake_stop(fake);
}
END_TEST

struct pair {
	struct fake *slow, *quick;
};

static int
other_host_app(void *arg)
{
	struct pair *pair = arg;
	struct crowd crowd = { .fake = pair->slow };
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_open(&http, .base = fake_url(pair->slow),
			    .max_per_host = 1, .max_total = 2));
	crowd.http = http;
	{
		AW_GROUP(group);

		for (char c = 'a'; c < 'd'; c++) {
			struct member m = { &crowd, c };

			AW_TRY(aw_go_copy(&group, member_main, &m));
		}
		AW_TRY(hear(pair->slow));
		AW_TRY(aw_http_get(http, &res, fake_url(pair->quick)));
		WANT(body_is(res, "ok"));
		for (int i = 0; i < 3; i++)
			fake_go(pair->slow);
		AW_TRY(aw_group_wait(&group));
	}
	WANT(strcmp(crowd.order, "abc") == 0);
	return 0;
}

START_TEST(a_slow_host_does_not_hold_up_another)
{
	struct pair pair = { fake_start(waiting), fake_start(answering) };

	expect_run(other_host_app, &pair);
	fake_stop(pair.slow);
	fake_stop(pair.quick);
}
END_TEST

static int
total_app(void *arg)
{
	struct pair *pair = arg;
	AW_AUTO(aw_http, http);
	struct crowd crowd = { .fake = pair->slow };
	struct aw_response *none = NULL;

	AW_TRY(aw_http_open(&http, .base = fake_url(pair->slow),
			    .max_total = 1));
	crowd.http = http;
	{
		struct member m = { &crowd, 'a' };
		AW_GROUP(group);

		AW_TRY(aw_go_copy(&group, member_main, &m));
		AW_TRY(hear(pair->slow));
		WANT(aw_http_get(http, &none, fake_url(pair->quick),
				 .total = 0.02) == -ETIMEDOUT);
		WANT(aw_error()->sent == AW_NOT_SENT);
		WANT(fake_connections(pair->quick) == 0);
		fake_go(pair->slow);
		AW_TRY(aw_group_wait(&group));
	}
	AW_TRY(aw_http_get(http, &none, fake_url(pair->quick)));
	aw_response_freep(&none);
	return 0;
}

START_TEST(the_total_counts_over_all_hosts)
{
	struct pair pair = { fake_start(waiting), fake_start(answering) };

	expect_run(total_app, &pair);
	fake_stop(pair.slow);
	fake_stop(pair.quick);
}
END_TEST

static int
queue_cancel_app(void *arg)
{
	struct crowd crowd = { .fake = arg };
	AW_AUTO(aw_http, http);
	struct member a = { &crowd, 'a' }, b = { &crowd, 'b' };
	struct member c = { &crowd, 'c' }, d = { &crowd, 'd' };
	struct aw_task *first, *second, *third, *fourth;
	int status = 0;

	AW_TRY(aw_http_open(&http, .base = fake_url(crowd.fake),
			    .max_per_host = 1));
	crowd.http = http;
	first = aw_spawn("a", member_main, &a);
	AW_TRY(hear(crowd.fake));
	second = aw_spawn("b", member_main, &b);
	third = aw_spawn("c", member_main, &c);
	AW_TRY(aw_yield());
	aw_cancel(second, "not wanted");
	AW_TRY(aw_join(second, &status));
	WANT(status == -ECANCELED);
	WANT(aw_error()->sent == AW_NOT_SENT);
	/* It gets the handle that waited, and must not inherit its place. */
	fourth = aw_spawn("d", member_main, &d);
	AW_TRY(aw_yield());
	for (int i = 0; i < 3; i++)
		fake_go(crowd.fake);
	AW_TRY(aw_join(first, &status));
	WANT(status == 0);
	AW_TRY(aw_join(third, &status));
	WANT(status == 0);
	AW_TRY(aw_join(fourth, &status));
	WANT(status == 0);
	WANT(strcmp(crowd.order, "acd") == 0);
	return 0;
}

START_TEST(a_cancelled_waiter_passes_its_turn_on)
{
	struct fake *fake = fake_start(waiting);

	expect_run(queue_cancel_app, fake);
	fake_stop(fake);
}
END_TEST

/* The slot is granted and its waiter cancelled in the same turn. */
static int
grant_cancel_app(void *arg)
{
	struct crowd crowd = { .fake = arg };
	AW_AUTO(aw_http, http);
	struct member a = { &crowd, 'a' }, b = { &crowd, 'b' };
	struct aw_task *first, *second;
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_open(&http, .base = fake_url(crowd.fake),
			    .max_per_host = 1));
	crowd.http = http;
	first = aw_spawn("a", member_main, &a);
	AW_TRY(hear(crowd.fake));
	second = aw_spawn("b", member_main, &b);
	AW_TRY(aw_yield());
	aw_cancel(second, "too late");
	aw_cancel(first, "makes room");
	AW_TRY(aw_join(second, NULL));
	AW_TRY(aw_join(first, NULL));
	fake_go(crowd.fake);
	fake_go(crowd.fake);
	AW_TRY(aw_http_get(http, &res, "/c", .total = 20));
	WANT(body_is(res, "ok"));
	return 0;
}

START_TEST(no_slot_is_lost_when_grant_and_cancel_meet)
{
	struct fake *fake = fake_start(waiting);

	expect_run(grant_cancel_app, fake);
	fake_stop(fake);
}
END_TEST

static const struct fake_step closes[] = {
	FAKE_READ, FAKE_SEND(OK), FAKE_CLOSE
};
static const struct fake_step *const closing[] = { closes, NULL };

/* -- policy, names --------------------------------------------------------- */

static int
policy_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_http, open);
	AW_AUTO(aw_response, res);
	struct aw_response *none = NULL;
	char pinned[50], url[100];

	snprintf(pinned, sizeof(pinned), "public.example:%d", fake_port(fake));
	AW_TRY(aw_http_open(&http, .policy = AW_HTTP_PUBLIC_ONLY,
			    .resolve = AW_PAIRS(pinned, "127.0.0.1")));
	WANT(aw_http_get(http, &none, fake_url(fake)) == AW_EPOLICY);
	snprintf(url, sizeof(url), "http://localhost:%d/", fake_port(fake));
	WANT(aw_http_get(http, &none, url) == AW_EPOLICY);
	snprintf(url, sizeof(url), "http://[::1]:%d/", fake_port(fake));
	WANT(aw_http_get(http, &none, url) == AW_EPOLICY);
	snprintf(url, sizeof(url), "http://2130706433:%d/", fake_port(fake));
	WANT(aw_http_get(http, &none, url) == AW_EPOLICY);
	snprintf(url, sizeof(url), "http://%s/", pinned);
	WANT(aw_http_get(http, &none, url) == AW_EPOLICY);
	WANT(!none && fake_connections(fake) == 0);
	WANT(aw_error()->sent == AW_NOT_SENT);

	AW_TRY(aw_http_open(&open, .resolve = AW_PAIRS(pinned, "127.0.0.1")));
	AW_TRY(aw_http_get(open, &res, url));
	WANT(body_is(res, "ok"));
	WANT(strstr(fake_request(fake, 0), "Host: public.example:"));
	return 0;
}

START_TEST(with_public_only_nothing_private_is_reached)
{
	struct fake *fake = fake_start(answering);

	expect_run(policy_app, fake);
	fake_stop(fake);
}
END_TEST

static int
localhost_app(void *arg)
{
	struct fake *fake = arg;
	AW_AUTO(aw_http, http);
	char url[100];

	snprintf(url, sizeof(url), "http://localhost:%d/", fake_port(fake));
	AW_TRY(aw_http_open(&http));
	for (int i = 0; i < 3; i++) {
		AW_AUTO(aw_response, res);

		AW_TRY(aw_http_get(http, &res, url));
		WANT(body_is(res, "ok"));
	}
	WANT(fake_connections(fake) == 1);
	return 0;
}

START_TEST(a_name_is_looked_up_and_its_connection_kept)
{
	struct fake *fake = fake_start(answering);

	expect_run(localhost_app, fake);
	fake_stop(fake);
}
END_TEST

struct twice {
	struct fake *fake;
	const char *addresses;
};

/* The first address refuses, and the second gets its descriptor. */
static int
second_address_app(void *arg)
{
	struct twice *twice = arg;
	struct fake *fake = twice->fake;
	AW_AUTO(aw_http, http);
	char url[100], both[100];

	snprintf(url, sizeof(url), "http://twice.example:%d/",
		 fake_port(fake));
	snprintf(both, sizeof(both), "twice.example:%d", fake_port(fake));
	AW_TRY(aw_http_open(&http, .max_per_host = 50,
			    .resolve = AW_PAIRS(both, twice->addresses)));
	for (int i = 0; i < 5; i++) {
		AW_AUTO(aw_response, res);

		AW_TRY(aw_http_get(http, &res, url, .total = 5));
		WANT(body_is(res, "ok"));
	}
	return 0;
}

static void
expect_second_address(const char *addresses)
{
	struct twice twice = { fake_start(closing), addresses };

	expect_run(second_address_app, &twice);
	fake_stop(twice.fake);
}

START_TEST(the_second_address_is_tried_when_the_first_refuses)
{
	expect_second_address("127.0.0.9,127.0.0.1");
}
END_TEST

/* Whether this machine has IPv6 or not: 2001:db8:: leads nowhere (RFC 3849),
 * and the fake does not listen on ::1. */
START_TEST(ipv6_that_comes_first_and_is_unreachable_is_passed_by)
{
	expect_second_address("::1,127.0.0.1");
	expect_second_address("2001:db8::1,127.0.0.1");
}
END_TEST

/* The body decoded to 8,893 bytes for which 16 KiB had been taken. */
static int
trim_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	void *held;

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")));
	AW_TRY(aw_http_get(http, &res, "/gzip"));
	WANT(aw_response_body(res).size == 8893);
	held = (void *)(uintptr_t)aw_response_body(res).data;
	WANT(malloc_usable_size(held) < 10000);
	WANT(strlen(aw_response_body(res).data) == 8893);
	return 0;
}

START_TEST(a_body_takes_no_more_memory_than_it_needs)
{
	expect_run(trim_app, NULL);
}
END_TEST

static int
buffer_app(void *arg)
{
	AW_AUTO(aw_http, small);
	AW_AUTO(aw_response, a);
	AW_AUTO(aw_response, b);
	struct aw_http *none = NULL;

	(void)arg;
	WANT(aw_http_open(&none, .buffer = 1023) == -EINVAL && !none);
	WANT(aw_http_open(&none, .buffer = (512 << 10) + 1) == -EINVAL &&
	     !none);
	AW_TRY(aw_http_open(&small, .base = env("AWAIT_TEST_HTTP"),
			    .buffer = 1024));
	AW_TRY(aw_http_get(small, &a, "/gzip"));
	WANT(aw_response_body(a).size == 8893);
	WANT(strncmp(aw_response_body(a).data, "1\n2\n3\n", 6) == 0);
	AW_TRY(aw_http_get(small, &b, "/big/1m"));
	WANT(aw_response_body(b).size == 1 << 20);
	return 0;
}

START_TEST(a_small_buffer_brings_the_same_bodies)
{
	expect_run(buffer_app, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http limits");
	TCase *limits = tcase_create("limits");
	TCase *memory = tcase_create("memory");
	TCase *names = tcase_create("names");

	tcase_add_test(limits,
		       a_host_gets_so_many_at_once_and_the_others_in_order);
	tcase_add_test(limits, a_slow_host_does_not_hold_up_another);
	tcase_add_test(limits, the_total_counts_over_all_hosts);
	tcase_add_test(limits, a_cancelled_waiter_passes_its_turn_on);
	tcase_add_test(limits, no_slot_is_lost_when_grant_and_cancel_meet);
	tcase_add_test(memory, a_body_takes_no_more_memory_than_it_needs);
	tcase_add_test(memory, a_small_buffer_brings_the_same_bodies);
	tcase_add_test(names, with_public_only_nothing_private_is_reached);
	tcase_add_test(names, a_name_is_looked_up_and_its_connection_kept);
	tcase_add_test(names,
		       the_second_address_is_tried_when_the_first_refuses);
	tcase_add_test(names,
		       ipv6_that_comes_first_and_is_unreachable_is_passed_by);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, memory);
	suite_add_tcase(suite, names);
	return suite_run(suite);
}
