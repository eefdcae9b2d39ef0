/* SPDX-License-Identifier: MIT */
/*
 * web.h - what the tests of the HTTP client share.
 *
 * A test's main task checks with WANT(), which returns a failure with the
 * line; expect_run() asserts after the loop has ended, because check's own
 * assertions must not leave a task's stack.  The servers are nginx, named by
 * the environment (tests/support/servers), and fakes (fake_http.h).
 */
#ifndef TESTS_WEB_H
#define TESTS_WEB_H

#include <await/await.h>
#include <await/http.h>

#include "fake_http.h"
#include "suite.h"

#define WANT(condition) \
	do { \
		if (!(condition)) \
			return aw_fail(-EBADMSG, "%s:%d: not so: %s (last " \
				       "failure: %s %s)", __FILE__, __LINE__, \
				       #condition, \
				       aw_error_name(aw_error()->code), \
				       aw_error()->message); \
	} while (0)

static inline void
expect_run(int (*fn)(void *arg), void *arg)
{
	int r = aw_run(fn, arg, .no_signals = true);

	ck_assert_msg(r == 0, "%s %s", aw_error_name(r), aw_error()->message);
}

static inline const char *
env(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		fprintf(stderr, "%s is not set: run this test by "
			"tests/support/with-servers\n", name);
		exit(99);
	}
	return value;
}

static inline bool
body_is(const struct aw_response *res, const char *text)
{
	struct aw_bytes body = aw_response_body(res);

	return body.size == strlen(text) &&
	       memcmp(body.data, text, body.size + 1) == 0;
}

static inline bool
body_has(const struct aw_response *res, const char *text)
{
	return strstr(aw_response_body(res).data, text) != NULL;
}

/* Waits until the fake has come to a FAKE_TELL. */
static inline int
hear(struct fake *fake)
{
	AW_TIMEOUT(30);
	int r = aw_wait_fd(fake_told(fake), AW_FD_READ);

	if (r < 0)
		return r;
	fake_hear(fake);
	return 0;
}

#endif
