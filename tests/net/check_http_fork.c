/* SPDX-License-Identifier: MIT */
/* A session and its responses in a child of fork(), and a fork amid the
 * making of libcurl's global state. */
#include <sys/socket.h>

#include "../support/forked.h"
#include "web.h"

/* --- What is inherited ------------------------------------------------- */

struct held {
	struct aw_http *http;
	struct aw_response *res;
	const char *url;
};

static int
calls(void *arg)
{
	struct held *h = arg;
	struct aw_header header = { .place = 0 };
	struct aw_response *res;
	struct json_t *value;

	REFUSED(aw_http_get(h->http, &res, h->url));
	REFUSED(aw_http_post(h->http, &res, h->url, .body = aw_text("x")));
	REFUSED(aw_http_get_json(h->http, &value, h->url));
	/* A response is memory. */
	EXPECT_IN_CHILD(aw_response_status(h->res) == 200);
	EXPECT_IN_CHILD(aw_response_check(h->res) == 0);
	EXPECT_IN_CHILD(aw_response_header(h->res, "Content-Length"));
	EXPECT_IN_CHILD(aw_response_header_next(h->res, &header) == 1);
	EXPECT_IN_CHILD(aw_response_body(h->res).size > 0);
	EXPECT_IN_CHILD(aw_response_url(h->res));
	return 0;
}

static int
drop(void *arg, bool close_it)
{
	struct held *h = arg;

	if (close_it)
		REFUSED(aw_http_close(&h->http, 1));
	else
		aw_http_freep(&h->http);
	aw_response_freep(&h->res);
	EXPECT_IN_CHILD(!h->http && !h->res);
	return 0;
}

static int
get_late(void *arg)
{
	struct held *h = arg;
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_get(h->http, &res, h->url));
	WANT(body_is(res, "late"));
	return 0;
}

/* The request under way is answered, and the idle connection is used again:
 * its server has seen neither an end nor a goodbye. */
static int
check_parent(struct held *h, struct fake *fake, struct aw_group *group)
{
	fake_go(fake);
	AW_TRY(aw_group_wait(group));
	aw_response_freep(&h->res);
	AW_TRY(aw_http_get(h->http, &h->res, h->url));
	WANT(aw_response_status(h->res) == 200);
	WANT(aw_response_timing(h->res)->reused);
	return 0;
}

static int
session_app(void *arg)
{
	static const struct fake_step late[] = {
		FAKE_READ, FAKE_TELL, FAKE_WAIT,
		FAKE_SEND("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"),
		FAKE_CLOSE
	};
	static const struct fake_step *const scripts[] = { late, NULL };
	struct fake *fake = fake_start(scripts);
	AW_AUTO(aw_http, http);
	struct held h = { .url = arg }, other = { .url = fake_url(fake) };
	AW_GROUP(group);

	AW_TRY(aw_http_open(&http, .cacert = env("AWAIT_TEST_CA")));
	h.http = other.http = http;
	AW_TRY(aw_http_get(http, &h.res, h.url));
	AW_TRY(aw_go(&group, get_late, &other));
	AW_TRY(hear(fake));
	AW_TRY(inherited(calls, drop, &h, 2));
	AW_TRY(check_parent(&h, fake, &group));
	aw_response_freep(&h.res);
	fake_stop(fake);
	return 0;
}

START_TEST(a_child_is_refused_by_a_session_and_the_server_sees_nothing)
{
	char url[200];

	snprintf(url, sizeof(url), "%s/", env(_i ? "AWAIT_TEST_HTTPS"
						 : "AWAIT_TEST_HTTP"));
	expect_run(session_app, url);
}
END_TEST

/* --- Amid the beginning ------------------------------------------------ */

static int
get_once(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	(void)arg;
	AW_TRY(aw_http_open(&http, .cacert = env("AWAIT_TEST_CA")));
	AW_TRY(aw_http_get(http, &res, env("AWAIT_TEST_HTTPS")));
	WANT(aw_response_status(res) == 200);
	return 0;
}

/* A helper makes libcurl's state while the child is made, which must not find
 * a lock that nobody opens any more. */
static int
early_app(void *arg)
{
	struct aw_task *task = aw_spawn("first", get_once, NULL);
	int status = 0;
	pid_t pid;

	WANT(task);
	AW_TRY(aw_yield());
	for (volatile int i = 0; i < *(int *)arg * 20000; i++)
		continue;
	pid = fork();
	if (pid == 0) {
		alarm(FORKED_SECONDS);
		_exit(aw_reinit() < 0 ||
		      aw_run(get_once, NULL, .no_signals = true) < 0);
	}
	WANT(waitpid(pid, &status, 0) == pid && status == 0);
	return aw_join(task, NULL);
}

START_TEST(a_fork_while_libcurl_is_made_ready_leaves_no_lock_behind)
{
	expect_run(early_app, &(int){ _i });
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http_fork");
	TCase *tcase = tcase_create("fork");

	tcase_add_loop_test(
	    tcase, a_child_is_refused_by_a_session_and_the_server_sees_nothing,
	    0, 2);
	if (FORKED_RUNS)
		tcase_add_loop_test(
		    tcase,
		    a_fork_while_libcurl_is_made_ready_leaves_no_lock_behind,
		    0, 20);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
