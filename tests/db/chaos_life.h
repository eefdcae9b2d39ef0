/* SPDX-License-Identifier: MIT */
/* chaos_life.h - what can happen to a connection that lives; for both
 * databases, see chaos_session.h. */
#ifndef TESTS_DB_CHAOS_LIFE_H
#define TESTS_DB_CHAOS_LIFE_H

#include "chaos_session.h"

static inline bool
is_loss(int r)
{
	return r == AW_ELOST || r == AW_EPOOL || r == AW_ECONNECT ||
		r == AW_EPROTO || r == AW_EUNKNOWN || r == AW_ETIMEDOUT;
}

/* --- Frozen ------------------------------------------------------------ */

static inline int
frozen_query(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	int r;

	/* Prepared by now, so that one round trip is all. */
	for (int i = 0; i < 3; i++)
		WANT_OK(ask(db, i));
	chaos_set(&net, .client = { .freeze = true },
		  .server = { .freeze = true });
	{
		AW_TIMEOUT(0.3);

		r = ask(db, 2);
	}
	WANT_CODE(r, AW_ETIME);
	WANT_INT(aw_error()->sent, AW_SENT_UNKNOWN);
	/* No cancel is acknowledged; the repair has an end all the same. */
	WANT_OK(settles(db));
	aw_db_stats(db, &s);
	WANT_INT(s.open, 0);
	return heals(db);
}

/* What was asked in the frozen time is answered afterwards, to nobody. */
static inline int
stray_answers(struct aw_db *db)
{
	for (int i = 0; i < 5; i++) {
		int r;

		WANT_OK(ask(db, 1));
		chaos_set(&net, .client = { .freeze = true });
		{
			AW_TIMEOUT(0.02);

			r = ask(db, 2);
		}
		WANT_CODE(r, AW_ETIME);
		chaos_set(&net, .door = CHAOS_OPEN);
		for (int k = 0; k < 5; k++)
			WANT_OK(ask(db, 10 * i + k));
	}
	return heals(db);
}

/* For .check_after = 0.001, .cleanup = 0.1: it was idle, nobody has closed it,
 * and it does not answer. */
static inline int
frozen_idle(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	int r;

	WANT_OK(ask(db, 1));
	WANT_OK(aw_sleep(0.02));
	chaos_set(&net, .client = { .freeze = true },
		  .server = { .freeze = true });
	{
		AW_TIMEOUT(0.3);

		r = ask(db, 2);
	}
	WANT(r == AW_ETIME || r == AW_EPOOL);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT_OK(settles(db));
	aw_db_stats(db, &s);
	WANT(s.closed >= 1);
	return heals(db);
}

static inline int
closes_frozen(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	static char big[4 << 20];
	int r;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, AW_SQL(.pg = "SELECT 1",
						.mysql = "DO 0")));
	chaos_set(&net, .client = { .freeze = true },
		  .server = { .freeze = true });
	{
		AW_TIMEOUT(0.1);

		r = aw_db_exec(conn, NULL,
				 AW_SQL(.pg = "SELECT length($1::bytea)",
					.mysql = "SELECT length(?)"),
				 aw_bytes(big, sizeof(big)));
	}
	WANT_CODE(r, AW_ETIME);
	aw_conn_freep(&conn);
	return 0;		/* the pool is closed in this state */
}

/* --- One direction is full --------------------------------------------- */

static inline int
heartbeat(void *arg)
{
	int *beats = arg;

	for (;;) {
		AW_TRY(aw_sleep(0.005));
		++*beats;
	}
}

static inline int
slow_reader(struct aw_db *db)
{
	size_t size = 8 << 20;
	char *big = calloc(1, size);
	int r, beats = 0;
	struct aw_task *heart;

	WANT(big);
	WANT_OK(ask(db, 1));
	heart = aw_spawn("heart", heartbeat, &beats);
	WANT(heart);
	chaos_set(&net, .server = { .freeze = true });
	{
		AW_TIMEOUT(0.15);

		r = aw_db_exec(db, NULL,
			       AW_SQL(.pg = "SELECT length($1::bytea)",
				      .mysql = "SELECT length(?)"),
			       aw_bytes(big, size));
	}
	free(big);
	WANT_CODE(r, AW_ETIME);
	WANT(beats >= 3);
	aw_cancel(heart, "enough");
	aw_task_release(heart);
	return heals(db);
}

/* --- The end ----------------------------------------------------------- */

static inline int
reset_idle(struct aw_db *db)
{
	for (int i = 0; i < 3; i++) {
		WANT_OK(ask(db, 1));
		WANT_OK(cut_all(db, i % 2 ? CHAOS_CLOSE : CHAOS_RESET));
		WANT_OK(ask(db, 2));	/* nobody is told of it */
	}
	return 0;
}

static inline int
napper(void *arg)
{
	return aw_db_exec((struct aw_db *)arg, NULL,
			  AW_SQL(.pg = "SELECT pg_sleep(10)",
				 .mysql = "SELECT SLEEP(10)",
				 .no_prepare = true));
}

/* The answer is waited for. */
static inline int
cut_reading(struct aw_db *db)
{
	for (int i = 0; i < 2; i++) {
		struct aw_task *task;
		int status;
		long sent;

		WANT_OK(ask(db, 1));
		sent = chaos_look(&net).to_server;
		task = aw_spawn("napper", napper, db);
		WANT(task);
		for (int k = 0; k < 1000; k++) {
			if (chaos_look(&net).to_server > sent)
				break;
			WANT_OK(aw_sleep(0.002));
		}
		chaos_set(&net, .cut = i ? CHAOS_CLOSE : CHAOS_RESET);
		WANT_OK(aw_join(task, &status));
		WANT_CODE(status, AW_ELOST);
		WANT_INT(aw_error()->sent, AW_SENT_UNKNOWN);
	}
	return heals(db);
}

static inline int
sender(void *arg)
{
	static char big[8 << 20];

	return aw_db_exec((struct aw_db *)arg, NULL,
			  AW_SQL(.pg = "SELECT length($1::bytea)",
				 .mysql = "SELECT length(?)"),
			  aw_bytes(big, sizeof(big)));
}

/* Half of the statement has gone. */
static inline int
cut_writing(struct aw_db *db)
{
	for (int i = 0; i < 2; i++) {
		WANT_OK(ask(db, 1));
		chaos_set(&net, .server = { .after = 1 << 20, .then = i ?
			  CHAOS_THEN_CLOSE : CHAOS_THEN_RESET });
		WANT_CODE(sender(db), AW_ELOST);
		chaos_set(&net, .cut = CHAOS_KEEP);
	}
	return heals(db);
}

/* --- One of two -------------------------------------------------------- */

/* Another pool, to the same server by the good network. */
static inline int
neighbour(struct aw_db *db)
{
	AW_AUTO(aw_db, good);
	struct aw_task *task;
	int status;

	WANT_OK(open_directly(&good));
	WANT_OK(ask(db, 1));
	chaos_set(&net, .client = { .freeze = true },
		  .server = { .freeze = true });
	task = aw_spawn("napper", napper, db);
	WANT(task);
	for (int i = 0; i < 50; i++)
		WANT_OK(ask(good, i));
	aw_cancel(task, "enough");
	WANT_OK(aw_join(task, &status));
	WANT_CODE(status, AW_ECANCELED);
	WANT_OK(aw_db_close(&good, 5));
	return heals(db);
}

#endif
