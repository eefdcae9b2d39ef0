/* SPDX-License-Identifier: MIT */
/*
 * session.h - what tests against a real server share.
 *
 *	static int
 *	app(struct aw_db *db)
 *	{
 *		int n;
 *
 *		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
 *		WANT_INT(n, 1);
 *		return 0;
 *	}
 *
 *	START_TEST(a_sentence)
 *	{
 *		check_with_pool(app, _i);
 *	}
 *	END_TEST
 *
 * _i chooses the way to the server: 0 the unix socket, 1 TLS. A WANT that
 * fails leaves the task with -1 and says why; check's own assertion comes
 * after the loop, since it may not leave a task by longjmp().
 */
#ifndef TESTS_DB_SESSION_H
#define TESTS_DB_SESSION_H

#include <stdarg.h>

#include <await/await.h>
#include <await/db.h>

#include "../support/suite.h"

static char why[1024];

static inline int AW_PRINTF(2, 3)
unwanted(int line, const char *fmt, ...)
{
	va_list args;
	int n;

	if (why[0])
		return -1;
	n = snprintf(why, sizeof(why), "line %d: ", line);
	va_start(args, fmt);
	n += vsnprintf(why + n, sizeof(why) - (size_t)n, fmt, args);
	va_end(args);
	if ((size_t)n < sizeof(why))
		snprintf(why + n, sizeof(why) - (size_t)n, " [%s]",
			 aw_error_text());
	return -1;
}

#define WANT(cond) \
	do { \
		if (!(cond)) \
			return unwanted(__LINE__, "%s", #cond); \
	} while (0)
#define WANT_INT(got, wanted) \
	do { \
		long long got_ = (long long)(got), wanted_ = (wanted); \
		if (got_ != wanted_) \
			return unwanted(__LINE__, "%s is %lld, not %lld", \
					#got, got_, wanted_); \
	} while (0)
#define WANT_STR(got, wanted) \
	do { \
		const char *got_ = (got), *wanted_ = (wanted); \
		if (strcmp(got_, wanted_) != 0) \
			return unwanted(__LINE__, "%s is \"%s\", not \"%s\"", \
					#got, got_, wanted_); \
	} while (0)
#define WANT_OK(call) WANT_INT(call, 0)
#define WANT_CODE(call, wanted) \
	do { \
		int got_ = (call); \
		if (got_ != (wanted)) \
			return unwanted(__LINE__, "%s gave %s, not %s", \
					#call, aw_error_name(got_), \
					aw_error_name(wanted)); \
	} while (0)

/* Each program says how its server is opened. */
static int open_pool(struct aw_db **ret, int way,
		     const struct aw_db_options *options);

struct session {
	int (*fn)(struct aw_db *db);
	int way;
	struct aw_db_options options;
};

static inline int
session_main(void *arg)
{
	struct session *s = arg;
	AW_AUTO(aw_db, db);
	int r;

	WANT_OK(open_pool(&db, s->way, &s->options));
	r = s->fn(db);
	if (r == 0)
		WANT_OK(aw_db_close(&db, 10));
	return r;
}

static inline void
check_session(struct session s)
{
	int r;

	why[0] = '\0';
	s.options.size = sizeof(s.options);
	r = aw_run(session_main, &s, .no_signals = true, .check_leaks = true);
	ck_assert_msg(r == 0 && !why[0], "%s (%s)", why, aw_error_name(r));
}

/* Wait, but not for ever, until the pool has so many idle connections and
 * nothing else going on: repairs are over. */
static inline int
wait_settled(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };

	for (int i = 0; i < 2000; i++) {
		aw_db_stats(db, &s);
		if (!s.repairing && !s.lent && !s.connecting)
			return 0;
		AW_TRY(aw_sleep(0.005));
	}
	return aw_fail(AW_ETIMEDOUT, "the pool does not settle");
}

/* A pool whose acquire limit is short says so and names the last failure to
 * connect. Which of its attempts are over by then is the machine's affair:
 * ask again until one is. */
static inline int
fails_saying(struct aw_db *db, int code, const char *says)
{
	for (int i = 0; i < 60; i++) {
		WANT_CODE(aw_db_ping(db), code);
		WANT_INT(aw_error()->sent, AW_NOT_SENT);
		if (strstr(aw_error_text(), says))
			return 0;
	}
	return unwanted(__LINE__, "it does not say %s", says);
}

#define check_with_pool(fn_, way_, ...) \
	check_session((struct session){ (fn_), (way_), \
					{ .named = NULL, __VA_ARGS__ } })

#endif
