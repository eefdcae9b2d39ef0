/* SPDX-License-Identifier: MIT */
/* Cancels at every moment: each answer is its own request's, and afterwards
 * nothing is left. */
#include <dirent.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "web.h"

#define TASKS 40
#define ROUNDS 100

struct torture {
	struct aw_http *http;
	int answered, timed_out, cancelled, refused;
	unsigned seed;
};

static unsigned
next_random(struct torture *t)
{
	t->seed = t->seed * 1103515245u + 12345u;
	return t->seed >> 16;
}

static int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* The nonce must come back; a body now and then, a redirect now and then. */
static int
ask(struct torture *t, int nonce)
{
	AW_AUTO(aw_response, res);
	char text[20], want[60];

	snprintf(text, sizeof(text), "%d", nonce);
	snprintf(want, sizeof(want), "nonce=%d ", nonce);
	if (nonce % 3 == 0) {
		AW_TRY(aw_http_post(t->http, &res, "/echo-body",
				    .body = aw_text(want)));
	} else {
		AW_TRY(aw_http_get(t->http, &res, "/echo",
				   .query = AW_PAIRS("nonce", text)));
	}
	WANT(aw_response_status(res) == 200);
	WANT(body_has(res, want));
	return 0;
}

static int
count(struct torture *t, int r)
{
	switch (r) {
	case 0:
		t->answered++;
		return 0;
	case -ETIME:
		t->timed_out++;
		return 0;
	case -ECANCELED:
		t->cancelled++;
		return 0;
	case AW_ECLOSED:
		t->refused++;
		return 0;
	}
	return r;
}

static int
asker(void *arg)
{
	struct torture *t = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int nonce = (int)(next_random(t) << 8) + i;
		double limit = (double)(next_random(t) % 4000) / 1e6;

		AW_TIMEOUT(nonce % 4 ? limit : 30);
		AW_TRY(count(t, ask(t, nonce)));
	}
	return 0;
}

static int
canceller(void *arg)
{
	struct torture *t = arg;
	int r = 0;

	while (!r)
		r = ask(t, (int)next_random(t));
	return count(t, r);
}

static int
torture_app(void *arg)
{
	struct torture t = { .seed = 4711 };
	AW_AUTO(aw_http, http);
	struct aw_task *victims[TASKS];
	int before, after;

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP"),
			    .max_per_host = 15));
	t.http = http;
	AW_TRY(ask(&t, 1));
	before = count_fds();
	{
		AW_GROUP(group);

		for (int i = 0; i < TASKS; i++)
			victims[i] = aw_spawn("victim", canceller, &t);
		for (int i = 0; i < TASKS; i++)
			AW_TRY(aw_go(&group, asker, &t));
		for (int i = 0; i < TASKS; i++) {
			AW_TRY(aw_sleep((double)(next_random(&t) % 3000) /
					1e6));
			aw_cancel(victims[i], "tortured");
		}
		AW_TRY(aw_group_wait(&group));
	}
	for (int i = 0; i < TASKS; i++) {
		int status;

		AW_TRY(aw_join(victims[i], &status));
		WANT(status == 0);
	}
	WANT(t.cancelled == TASKS);
	WANT(t.timed_out > ROUNDS && t.answered > ROUNDS);
	/* Kept connections, and no more of them than the limit. */
	after = count_fds();
	WANT(after <= before + 15);
	for (int i = 0; i < 50; i++)
		AW_TRY(ask(&t, i));
	return 0;
}

START_TEST(thousands_of_cancels_mix_nothing_up)
{
	int before = count_fds();

	expect_run(torture_app, NULL);
	ck_assert_int_eq(count_fds(), before);
}
END_TEST

static int
close_app(void *arg)
{
	struct torture t = { .seed = 42 };
	AW_AUTO(aw_http, http);
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP"),
			    .max_per_host = 5));
	t.http = http;
	for (int i = 0; i < TASKS; i++)
		AW_TRY(aw_go(&group, canceller, &t));
	AW_TRY(aw_sleep(0.02));
	aw_http_freep(&http);
	AW_TRY(aw_group_wait(&group));
	WANT(t.refused == TASKS);
	return 0;
}

START_TEST(a_session_closed_under_load_leaves_nothing)
{
	int before = count_fds();

	expect_run(close_app, NULL);
	ck_assert_int_eq(count_fds(), before);
}
END_TEST

static int
no_descriptor_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_http, other);
	struct aw_response *none = NULL;
	struct rlimit limit, few;
	struct torture t = { 0 };
	int r;

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")));
	AW_TRY(aw_http_open(&other));
	t.http = http;
	AW_TRY(ask(&t, 1));
	aw_ignore(aw_http_get(other, &none, "http://127.0.0.1:1/"));
	getrlimit(RLIMIT_NOFILE, &limit);
	few = limit;
	few.rlim_cur = (rlim_t)dup(0);
	close((int)few.rlim_cur);
	setrlimit(RLIMIT_NOFILE, &few);
	r = aw_http_get(other, &none, env("AWAIT_TEST_HTTP"));
	AW_TRY(ask(&t, 2));		/* a kept connection needs none */
	setrlimit(RLIMIT_NOFILE, &limit);
	WANT(r == -EMFILE && !none);
	WANT(aw_error()->sent == AW_NOT_SENT);
	AW_TRY(aw_http_get(other, &none, env("AWAIT_TEST_HTTP")));
	aw_response_freep(&none);
	return 0;
}

START_TEST(without_descriptors_the_failure_says_so_and_passes)
{
	expect_run(no_descriptor_app, NULL);
}
END_TEST

/* 0 if all is as it must be in the child. */
static int
in_child(struct aw_http **http, struct aw_response **res)
{
	struct aw_response *none = NULL;

	if (aw_http_get(*http, &none, "/") != AW_EFORK)
		return 1;
	if (aw_http_close(http, 1) != AW_EFORK || *http)
		return 2;
	aw_response_freep(res);
	return 0;
}

static int
fork_app(void *arg)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);
	struct torture t = { 0 };
	int status = -1;
	pid_t child;

	(void)arg;
	AW_TRY(aw_http_open(&http, .base = env("AWAIT_TEST_HTTP")));
	t.http = http;
	AW_TRY(aw_http_get(http, &res, "/"));
	child = fork();
	if (child == 0)
		_exit(in_child(&http, &res));
	WANT(waitpid(child, &status, 0) == child);
	WANT(status == 0);
	for (int i = 0; i < 5; i++)
		AW_TRY(ask(&t, i));
	return 0;
}

START_TEST(a_forked_child_cannot_use_or_harm_the_parents_session)
{
	expect_run(fork_app, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http torture");
	TCase *basic = tcase_create("basic");

	tcase_add_test(basic, thousands_of_cancels_mix_nothing_up);
	tcase_add_test(basic, a_session_closed_under_load_leaves_nothing);
	tcase_add_test(basic,
		       without_descriptors_the_failure_says_so_and_passes);
	tcase_add_test(basic,
		       a_forked_child_cannot_use_or_harm_the_parents_session);
	suite_add_tcase(suite, basic);
	return suite_run(suite);
}
