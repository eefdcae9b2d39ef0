/* SPDX-License-Identifier: MIT */
/*
 * HTTP over a bad network: a proxy (tests/support/chaos.h) between the client
 * and nginx. _i chooses the way: 0 plain, 1 TLS. After each case every
 * descriptor must have been given back.
 */
#include "../support/chaos.h"
#include "web.h"

#define N_WAYS 2
#define JSON_SIZE 35		/* of /data.json */

static struct chaos net;
static int way;

static const char *
server(void)
{
	return env(way ? "AWAIT_TEST_HTTPS" : "AWAIT_TEST_HTTP");
}

static int
open_session(struct aw_http **ret)
{
	static char base[64];

	snprintf(base, sizeof(base), "%s://127.0.0.1:%d",
		 way ? "https" : "http", net.port);
	return aw_http_open(ret, .base = base,
			    .cacert = env("AWAIT_TEST_CA"));
}

static int
get(struct aw_http *http, double total)
{
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_get(http, &res, "/data.json", .total = total));
	WANT(aw_response_status(res) == 200);
	WANT(aw_response_body(res).size == JSON_SIZE);
	WANT(((const char *)aw_response_body(res).data)[0] == '{');
	return 0;
}

static int
heals(struct aw_http *http)
{
	chaos_set(&net, .cut = CHAOS_RESET);
	AW_TRY(aw_sleep(0.005));
	for (int i = 0; i < 5; i++)
		AW_TRY(get(http, 10));
	return 0;
}

static int
chaos_main(void *arg)
{
	int (*const *fn)(struct aw_http *) = arg;
	AW_AUTO(aw_http, http);

	AW_TRY(open_session(&http));
	AW_TRY((*fn)(http));
	return heals(http);
}

static void
check_chaos(int (*fn)(struct aw_http *http), int i)
{
	int before;

	way = i;
	chaos_start(&net, (int)strtol(strrchr(server(), ':') + 1, NULL, 10));
	before = chaos_count_fds();
	expect_run(chaos_main, &fn);
	ck_assert_int_eq(chaos_count_fds(), before);
	chaos_stop(&net);
}

#define CASE(name, fn) \
	START_TEST(name) \
	{ \
		check_chaos(fn, _i); \
	} \
	END_TEST

/* --- Connecting ----------------------------------------------------------- */

static int
never_speaks(struct aw_http *http)
{
	AW_AUTO(aw_response, res);

	chaos_set(&net, .door = CHAOS_SILENT);
	WANT(aw_http_get(http, &res, "/", .total = 0.1) == -ETIMEDOUT);
	{
		AW_TIMEOUT(0.05);
		WANT(aw_http_get(http, &res, "/") == -ETIME);
	}
	WANT(!res);
	return 0;
}

static int
slams(struct aw_http *http)
{
	AW_AUTO(aw_response, res);
	int r, accepted;

	chaos_set(&net, .door = CHAOS_SLAM);
	r = aw_http_get(http, &res, "/", .total = 5);
	WANT(r == AW_ELOST || r == AW_ECONNECT || r == AW_ETLS);
	WANT(!res);
	accepted = chaos_look(&net).accepted;
	WANT(accepted >= 1 && accepted <= 2);
	chaos_set(&net, .door = CHAOS_SHUT);
	WANT(aw_http_get(http, &res, "/", .total = 5) == AW_ECONNECT);
	WANT(aw_error()->sent == AW_NOT_SENT);
	return 0;
}

/* Over TLS the first of them is in the handshake. */
static int
stops_half_way(struct aw_http *http)
{
	static const long stops[] = { 1, 90, 400, 900 };

	for (size_t i = 0; i < AW_LENGTH(stops); i++) {
		int r;

		chaos_set(&net, .cut = CHAOS_RESET, .client = {
			.then = CHAOS_THEN_FREEZE, .after = stops[i] });
		AW_TRY(aw_sleep(0.002));
		r = get(http, 0.1);
		WANT(r == -ETIMEDOUT || (r == 0 && i > 0));
	}
	return 0;
}

CASE(a_port_that_never_speaks_meets_each_limit, never_speaks)
CASE(a_port_that_resets_is_not_stormed, slams)
CASE(a_handshake_or_an_answer_that_stops_meets_the_total, stops_half_way)

/* --- Answers -------------------------------------------------------------- */

static bool
is_loss(int r)
{
	return r == AW_ELOST || r == AW_ECONNECT || r == AW_ETLS ||
		r == -EPROTO || r == -ETIMEDOUT;
}

static int
cut_answers(struct aw_http *http)
{
	int whole = 0, lost = 0;

	for (int n = 1; n < 3000; n += n < 400 ? 11 : 131) {
		int r;

		chaos_set(&net, .cut = CHAOS_RESET, .client = { .after = n,
			.then = n % 2 ? CHAOS_THEN_CLOSE : CHAOS_THEN_RESET });
		AW_TRY(aw_sleep(0.002));
		r = get(http, 5);
		WANT(r == 0 || is_loss(r));
		*(r == 0 ? &whole : &lost) += 1;
	}
	WANT(lost > 20 && whole > 0);
	return 0;
}

static int
byte_by_byte(struct aw_http *http)
{
	AW_AUTO(aw_response, res);
	static char body[3000];

	chaos_set(&net, .client = { .slice = 1 }, .server = { .slice = 1 });
	for (int i = 0; i < 3; i++)
		AW_TRY(get(http, 30));
	memset(body, 'b', sizeof(body));
	AW_TRY(aw_http_post(http, &res, "/echo-body",
			    .body = aw_bytes(body, sizeof(body))));
	WANT(aw_response_body(res).size == sizeof(body));
	WANT(memcmp(aw_response_body(res).data, body, sizeof(body)) == 0);
	WANT(chaos_look(&net).accepted == 1);
	return 0;
}

static int
trickle(struct aw_http *http)
{
	AW_TRY(get(http, 5));
	chaos_set(&net, .client = { .slice = 1, .delay = 50 });
	WANT(get(http, 1) == -ETIMEDOUT);
	WANT(aw_error()->sent == AW_SENT_UNKNOWN);
	return 0;
}

static int
frozen(struct aw_http *http)
{
	AW_AUTO(aw_response, res);

	AW_TRY(get(http, 5));
	chaos_set(&net, .client = { .freeze = true },
		  .server = { .freeze = true });
	WANT(aw_http_post(http, &res, "/echo-body", .total = 1,
			  .body = aw_text("x")) == -ETIMEDOUT);
	WANT(aw_error()->sent == AW_SENT_UNKNOWN && !res);
	/* What comes of it when the network is back is nobody's. */
	chaos_set(&net, .door = CHAOS_OPEN);
	for (int i = 0; i < 5; i++)
		AW_TRY(get(http, 5));
	return 0;
}

/* Over TLS no changed byte gets through; else only what the body says. */
static int
corrupt(struct aw_http *http)
{
	for (int at = 0; at < 700; at += 29) {
		int r;

		chaos_set(&net, .cut = CHAOS_RESET, .client = { .at = at,
			.flip = 0x41 });
		AW_TRY(aw_sleep(0.002));
		r = get(http, 0.1);
		WANT(!way || r == 0 || is_loss(r));
		chaos_set(&net, .cut = CHAOS_RESET);
		AW_TRY(aw_sleep(0.002));
		AW_TRY(get(http, 10));
	}
	return 0;
}

CASE(an_answer_cut_anywhere_is_never_taken_for_whole, cut_answers)
CASE(one_byte_at_a_time_is_enough, byte_by_byte)
CASE(a_trickle_does_not_outlast_the_total, trickle)
CASE(a_frozen_request_is_given_up_and_its_connection_too, frozen)
CASE(an_answer_with_a_wrong_byte_harms_no_other, corrupt)

/* --- Requests ------------------------------------------------------------- */

static int
heartbeat(void *arg)
{
	int *beats = arg;

	for (;;) {
		AW_TRY(aw_sleep(0.005));
		++*beats;
	}
}

static int
slow_reader(struct aw_http *http)
{
	AW_AUTO(aw_response, res);
	static char big[8 << 20];
	static int beats;		/* the heart outlives a failure here */
	struct aw_task *heart;

	AW_TRY(get(http, 5));
	beats = 0;
	heart = aw_spawn("heart", heartbeat, &beats);
	WANT(heart);
	chaos_set(&net, .server = { .freeze = true });
	WANT(aw_http_put(http, &res, "/echo-body", .total = 2,
			 .body = aw_bytes(big, sizeof(big))) == -ETIMEDOUT);
	WANT(aw_error()->sent == AW_SENT_UNKNOWN && !res);
	WANT(beats >= 3);
	aw_cancel(heart, "enough");
	aw_task_release(heart);
	return 0;
}

static int
cut_idle(struct aw_http *http)
{
	for (int i = 0; i < 4; i++) {
		AW_AUTO(aw_response, res);

		AW_TRY(aw_http_post(http, &res, "/echo-body",
				    .body = aw_text("once")));
		WANT(body_is(res, "once"));
		chaos_set(&net, .cut = i % 2 ? CHAOS_CLOSE : CHAOS_RESET);
		AW_TRY(aw_sleep(0.01));
	}
	return 0;
}

CASE(a_server_that_does_not_read_holds_up_nobody_else, slow_reader)
CASE(an_idle_connection_that_is_cut_is_missed_by_nobody, cut_idle)

/* --- The process ---------------------------------------------------------- */

static int
few_fds(struct aw_http *http)
{
	int missed = 0;

	for (int more = 0; more < 5; more++) {
		int r;

		chaos_set(&net, .cut = CHAOS_CLOSE);
		AW_TRY(aw_sleep(0.005));
		chaos_limit_fds(more);
		r = get(http, 5);
		chaos_limit_fds(-1);
		/* Over TLS the file of authorities cannot be read. */
		WANT(r == 0 || r == AW_ECONNECT || r == -EMFILE ||
		     (way && r == AW_ETLS));
		WANT(r == 0 || aw_error()->sent == AW_NOT_SENT);
		missed += r < 0;
	}
	WANT(missed >= 1);
	return 0;
}

static int
high_fds(struct aw_http *http)
{
	WANT(chaos_fill_fds(1100));
	for (int i = 0; i < 5; i++)
		AW_TRY(get(http, 5));
	AW_TRY(heals(http));
	WANT(chaos_fill_fds(0));
	return 0;
}

static int
alarms(struct aw_http *http)
{
	chaos_alarms(true);
	for (int i = 0; i < 50; i++) {
		AW_TRY(get(http, 30));
		if (i % 10 == 0)
			chaos_set(&net, .cut = CHAOS_CLOSE);
		AW_TRY(aw_sleep(0.002));
	}
	chaos_alarms(false);
	return 0;
}

CASE(no_descriptor_left_is_an_ordinary_failure, few_fds)
CASE(large_descriptors_are_as_good_as_small_ones, high_fds)
CASE(a_storm_of_signals_interrupts_nothing, alarms)

/* --- Elsewhere ------------------------------------------------------------ */

static int
no_http(void *arg)
{
	AW_AUTO(aw_http, http);
	const char *const ports[] = { env("AWAIT_TEST_PG_PORT"),
				      env("AWAIT_TEST_MYSQL_PORT") };

	(void)arg;
	AW_TRY(aw_http_open(&http, .total = 5));
	for (size_t i = 0; i < AW_LENGTH(ports); i++) {
		AW_AUTO(aw_response, res);
		char url[64];
		int r;

		snprintf(url, sizeof(url), "http://127.0.0.1:%s/", ports[i]);
		r = aw_http_get(http, &res, url);
		WANT(r == AW_ELOST || r == -EPROTO);
		WANT(!res);
	}
	return 0;
}

START_TEST(another_service_is_no_http)
{
	expect_run(no_http, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("chaos_http");
	TCase *tc = tcase_create("chaos");
	const TTest *const tests[] = {
		a_port_that_never_speaks_meets_each_limit,
		a_port_that_resets_is_not_stormed,
		a_handshake_or_an_answer_that_stops_meets_the_total,
		an_answer_cut_anywhere_is_never_taken_for_whole,
		one_byte_at_a_time_is_enough,
		a_trickle_does_not_outlast_the_total,
		a_frozen_request_is_given_up_and_its_connection_too,
		an_answer_with_a_wrong_byte_harms_no_other,
		a_server_that_does_not_read_holds_up_nobody_else,
		an_idle_connection_that_is_cut_is_missed_by_nobody,
		no_descriptor_left_is_an_ordinary_failure,
		large_descriptors_are_as_good_as_small_ones,
		a_storm_of_signals_interrupts_nothing,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	tcase_add_test(tc, another_service_is_no_http);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
