/* SPDX-License-Identifier: MIT */
/*
 * transact.c - a function in a transaction, repeated while that is safe.
 *
 * Safe means: the server said that the transaction lost against another one
 * and has no effect.  The connection goes back between the attempts, so the
 * pool rolls back while this task pauses, and nobody starves meanwhile.
 */
#include <stdlib.h>

#include "common.h"

struct attempt {
	struct aw_db *db;
	int (*fn)(struct aw_conn *conn, void *arg);
	void *arg;
	const struct aw_tx_options *options;
};

static bool
lost_against_another(int r)
{
	enum aw_sql_class c = aw_error()->sql_class;

	return (r == AW_ESQL || r == AW_ETXDEAD) &&
		(c == AW_SQL_SERIALIZATION || c == AW_SQL_DEADLOCK ||
		 c == AW_SQL_LOCK_TIMEOUT);
}

static int
try_once(const struct attempt *a)
{
	struct aw_conn *conn;
	struct aw_tx *tx;
	int r, status = 0;

	r = aw_db_acquire_at(a->db, &conn, NULL);
	if (r < 0)
		return r;
	r = aw_tx_begin_with(conn, &tx, a->options);
	if (r == 0) {
		status = a->fn(conn, a->arg);
		r = status < 0 ? status : aw_tx_commit(tx);
		aw_tx_free(tx);
	}
	aw_conn_release(conn);
	return r < 0 ? r : status;
}

/* Half of the pause is chance, so that two losers do not meet again. */
static double
jitter(double pause)
{
	static _Thread_local unsigned seed = 2463534242u;

	return pause * (0.5 + 0.5 * rand_r(&seed) / RAND_MAX);
}

int
aw_db_transact_with(struct aw_db *db, int (*fn)(struct aw_conn *, void *),
		    void *arg, const struct aw_transact_options *options)
{
	static const struct aw_transact_options defaults;
	const struct aw_transact_options *o = options ? options : &defaults;
	struct aw_tx_options tx = { .size = sizeof(tx),
				    .isolation = o->isolation,
				    .read_only = o->read_only };
	struct attempt a = { db, fn, arg, &tx };
	int attempts = o->attempts ? o->attempts : 5;
	double pause = o->base ? o->base : 0.02;
	double cap = o->cap ? o->cap : 1.0;

	for (int i = 1;; i++) {
		int r = try_once(&a), slept;

		if (r >= 0 || i >= attempts || !lost_against_another(r))
			return r;
		slept = aw_sleep(jitter(pause));
		if (slept < 0)
			return slept;
		pause = pause * 2 < cap ? pause * 2 : cap;
	}
}
