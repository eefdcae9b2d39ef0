/* SPDX-License-Identifier: MIT */
/*
 * chaos_session.h - session.h with a bad network between pool and server
 * (tests/support/chaos.h). The cases are the same for both databases:
 * chaos_open.h has what happens while a connection is made, chaos_life.h what
 * happens to one that lives.
 *
 *	pool --- 127.0.0.1:net.port --- proxy --- the server
 *
 * _i chooses the way: 0 plain, 1 TLS. After each case every descriptor must
 * have been given back. The program says where the server is:
 *
 *	static const char *const server_port_name;	of the environment
 *	static const char *const server_dsn_names[2];
 */
#ifndef TESTS_DB_CHAOS_SESSION_H
#define TESTS_DB_CHAOS_SESSION_H

#include <unistd.h>

#include "session.h"
#include "../support/chaos.h"

#define N_WAYS 2

static const char *const server_port_name;
static const char *const server_dsn_names[N_WAYS];

/* Past the proxy. */
static int open_directly(struct aw_db **ret);

static struct chaos net;

static inline const char *
chaos_env(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		fprintf(stderr, "%s is not set: run this through "
			"tests/support/with-servers\n", name);
		exit(99);
	}
	return value;
}

/* The DSN of @name with another port. */
static inline void
other_port(char *dsn, size_t size, const char *name, const char *was, int port)
{
	const char *old = chaos_env(name);
	const char *at = strrchr(strchr(old, '@'), ':');

	snprintf(dsn, size, "%.*s:%d%s", (int)(at - old), old, port,
		 at + 1 + strlen(was));
}

static inline void
chaos_dsn(char *dsn, size_t size, int way)
{
	other_port(dsn, size, server_dsn_names[way],
		   chaos_env(server_port_name), net.port);
}

/* One question whose answer cannot be another's. */
static inline int
ask(struct aw_db *db, int nonce)
{
	int got = -1;

	AW_TRY(aw_db_one(db, AW_INTO(&got),
			 AW_SQL(.pg = "SELECT $1::int", .mysql = "SELECT ?"),
			 nonce));
	WANT_INT(got, nonce);
	return 0;
}

/* On a good network the pool is as good as new, however it was left. */
static inline int
heals(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	int good = 0;

	chaos_set(&net, .door = CHAOS_OPEN);
	for (int i = 0; i < 400 && good < 10; i++) {
		int r = ask(db, 1000 + i);

		WANT(r == 0 || r != -1);
		good = r == 0 ? good + 1 : 0;
		if (r < 0)
			WANT_OK(aw_sleep(0.01));
	}
	WANT_INT(good, 10);
	aw_db_stats(db, &s);
	WANT_INT(s.lent, 0);
	WANT_INT(s.waiting, 0);
	return 0;
}

/* Cut all links and wait until the pool has noticed. */
static inline int
cut_all(struct aw_db *db, enum chaos_cut how)
{
	struct aw_db_stats s = { .size = 0 };

	chaos_set(&net, .cut = how);
	for (int i = 0; i < 2000; i++) {
		aw_db_stats(db, &s);
		if (!s.open)
			return 0;
		AW_TRY(aw_sleep(0.002));
	}
	return aw_fail(AW_ETIMEDOUT, "a cut is not noticed");
}

/* Until nobody repairs or connects: a limit of ours ends each. */
static inline int
settles(struct aw_db *db)
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

struct chaos_case {
	int (*fn)(struct aw_db *db);
	int way;
	struct aw_db_options options;
};

static inline int
chaos_main(void *arg)
{
	struct chaos_case *c = arg;
	AW_AUTO(aw_db, db);
	int r;

	WANT_OK(open_pool(&db, c->way, &c->options));
	r = c->fn(db);
	if (r == 0)
		WANT_OK(aw_db_close(&db, 10));
	return r;
}

/* A helper thread whose connect was given up ends when its link is cut. */
static inline int
fds_come_down_to(int wanted)
{
	int n = chaos_count_fds();

	for (int i = 0; i < 2000 && n > wanted; i++) {
		usleep(2000);
		n = chaos_count_fds();
	}
	return n;
}

static inline void
check_chaos_case(struct chaos_case c)
{
	int r, before, after;

	why[0] = '\0';
	c.options.size = sizeof(c.options);
	chaos_start(&net, (int)strtol(chaos_env(server_port_name), NULL, 10));
	before = chaos_count_fds();
	r = aw_run(chaos_main, &c, .no_signals = true, .check_leaks = true);
	chaos_set(&net, .cut = CHAOS_RESET, .door = CHAOS_SLAM);
	after = fds_come_down_to(before);
	chaos_stop(&net);
	ck_assert_msg(r == 0 && !why[0], "%s (%s)", why, aw_error_name(r));
	ck_assert_int_eq(after, before);
}

#define check_chaos(fn_, way_, ...) \
	check_chaos_case((struct chaos_case){ (fn_), (way_), \
					      { .named = NULL, __VA_ARGS__ } })

#endif
