/* SPDX-License-Identifier: MIT */
/*
 * fork_session.h - a pool, its connections, transactions and streams in a
 * child of fork(), of either server.
 *
 * The server sees none of it: the parent's transaction goes on and commits,
 * its streams are read to their ends, each session is the same as before.
 */
#ifndef TESTS_FORK_SESSION_H
#define TESTS_FORK_SESSION_H

#include "../support/forked.h"
#include "session.h"

#define N_ROWS 50000

/* Each server has its own. */
static const char session_sql[];	/* the number of the session */
static const char plain_sql[];		/* 1 to N_ROWS, in order */
static const char bound_sql[];		/* the same, above a parameter */
static bool has_native(struct aw_conn *conn);

struct held {
	struct aw_db *db;
	struct aw_conn *conn, *idle;
	struct aw_tx *tx;
	struct aw_rows *plain, *bound;
	int session, idle_session;
};

static inline int
never_runs(struct aw_conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
	return 0;
}

static inline int
pool_calls(struct held *h)
{
	struct aw_db_stats stats = { .size = 0 };
	struct aw_rows *rows;
	struct aw_conn *conn;
	int n;

	REFUSED(aw_db_acquire(h->db, &conn));
	REFUSED(aw_db_ping(h->db));
	REFUSED(aw_db_exec(h->db, NULL, "SELECT 1"));
	REFUSED(aw_db_query(h->db, &rows, "SELECT 1"));
	REFUSED(aw_db_stream(h->db, &rows, "SELECT 1"));
	REFUSED(aw_db_one(h->db, AW_INTO(&n), "SELECT 1"));
	REFUSED(aw_db_transact(h->db, never_runs, NULL));
	aw_db_expire(h->db);
	aw_db_stats(h->db, &stats);
	EXPECT_IN_CHILD(stats.open == 4 && stats.idle == 1);
	return 0;
}

static inline int
held_calls(void *arg)
{
	struct held *h = arg;
	struct aw_rows *rows;
	struct aw_tx *tx;
	int n;

	AW_TRY(pool_calls(h));
	REFUSED(aw_db_exec(h->conn, NULL, "SELECT 1"));
	REFUSED(aw_db_query(h->conn, &rows, "SELECT 1"));
	REFUSED(aw_db_stream(h->conn, &rows, "SELECT 1"));
	REFUSED(aw_db_one(h->conn, AW_INTO(&n), "SELECT 1"));
	REFUSED(aw_tx_begin(h->conn, &tx));
	REFUSED(aw_tx_commit(h->tx));
	REFUSED(aw_tx_rollback(h->tx));
	EXPECT_IN_CHILD(!has_native(h->conn));
	REFUSED(aw_rows_next(h->plain));
	REFUSED(aw_rows_next(h->plain));
	REFUSED(aw_rows_next(h->bound, &n));
	EXPECT_IN_CHILD(aw_rows_columns(h->bound) == 1);
	return 0;
}

static inline int
held_drop(void *arg, bool close_it)
{
	struct held *h = arg;

	aw_rows_freep(&h->plain);
	aw_tx_freep(&h->tx);
	aw_conn_freep(&h->conn);
	if (close_it)
		REFUSED(aw_db_close(&h->db, 1));
	else
		aw_db_freep(&h->db);
	aw_rows_freep(&h->bound);
	EXPECT_IN_CHILD(!h->db);
	return 0;
}

static inline int
read_rest(struct aw_rows *rows, int from)
{
	int n = 0, r;

	for (int i = from; i <= N_ROWS; i++) {
		WANT_INT(aw_rows_next(rows, &n), 1);
		WANT_INT(n, i);
	}
	r = aw_rows_next(rows, &n);
	WANT_INT(r, 0);
	return 0;
}

/* Four sessions: one in a transaction, two with rows on their way, one idle. */
static inline int
hold(struct held *h)
{
	int n;

	WANT_OK(aw_db_stream(h->db, &h->plain, plain_sql));
	WANT_INT(aw_rows_next(h->plain, &n), 1);
	WANT_OK(aw_db_stream(h->db, &h->bound, bound_sql, 0));
	WANT_INT(aw_rows_next(h->bound, &n), 1);
	WANT_OK(aw_db_acquire(h->db, &h->conn));
	WANT_OK(aw_db_acquire(h->db, &h->idle));
	WANT_OK(aw_db_one(h->conn, AW_INTO(&h->session), session_sql));
	WANT_OK(aw_db_one(h->idle, AW_INTO(&h->idle_session), session_sql));
	aw_conn_freep(&h->idle);
	WANT_OK(aw_tx_begin(h->conn, &h->tx));
	WANT_OK(aw_db_exec(h->conn, NULL, "INSERT INTO forked VALUES (1)"));
	return 0;
}

static inline int
go_on(struct held *h)
{
	int n = 0;

	WANT_OK(read_rest(h->plain, 2));
	WANT_OK(read_rest(h->bound, 2));
	aw_rows_freep(&h->plain);
	aw_rows_freep(&h->bound);
	WANT_OK(aw_db_one(h->conn, AW_INTO(&n), session_sql));
	WANT_INT(n, h->session);
	WANT_OK(aw_tx_commit(h->tx));
	aw_tx_freep(&h->tx);
	aw_conn_freep(&h->conn);
	WANT_OK(aw_db_one(h->db, AW_INTO(&n), "SELECT COUNT(*) FROM forked"));
	WANT_INT(n, 1);
	return 0;
}

/* It is in the pool still, and answers. */
static inline int
finds_idle(struct held *h)
{
	struct aw_conn *conns[4] = { NULL };
	int n = 0, found = 0;

	for (int i = 0; i < 4; i++) {
		WANT_OK(aw_db_acquire(h->db, &conns[i]));
		WANT_OK(aw_db_one(conns[i], AW_INTO(&n), session_sql));
		found += n == h->idle_session;
	}
	for (int i = 0; i < 4; i++)
		aw_conn_freep(&conns[i]);
	WANT_INT(found, 1);
	return 0;
}

static inline int
forked_sessions(struct aw_db *db)
{
	struct held h = { .db = db };

	WANT_OK(aw_db_exec(db, NULL, "DROP TABLE IF EXISTS forked"));
	WANT_OK(aw_db_exec(db, NULL, "CREATE TABLE forked (a int)"));
	WANT_OK(hold(&h));
	WANT_OK(inherited(held_calls, held_drop, &h, 4));
	WANT_OK(go_on(&h));
	WANT_OK(finds_idle(&h));
	WANT_OK(aw_db_exec(db, NULL, "DROP TABLE forked"));
	return 0;
}

/* Connections that the pool repairs are dropped with it, too. */
static inline int
repaired_calls(void *arg)
{
	(void)arg;
	return 0;
}

static inline int
repaired_drop(void *arg, bool close_it)
{
	struct aw_db *db = arg;

	(void)close_it;
	aw_db_freep(&db);
	return 0;
}

static inline int
forked_repair(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	struct aw_tx *tx;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	aw_conn_freep(&conn);
	aw_tx_free(tx);
	WANT_OK(inherited(repaired_calls, repaired_drop, db, 1));
	WANT_OK(wait_settled(db));
	WANT_OK(aw_db_ping(db));
	return 0;
}

START_TEST(a_child_is_refused_by_all_it_inherits_and_no_server_sees_it)
{
	check_with_pool(forked_sessions, _i, .max = 4, .check_after = 1000);
}
END_TEST

START_TEST(a_child_closes_what_its_parents_pool_is_repairing)
{
	check_with_pool(forked_repair, _i, .max = 1);
}
END_TEST

/* The cases of both servers, in both ways to each; own: further ones, then
 * NULL. */
static inline int
fork_main(const char *name, const TTest *const *own)
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create("fork");

	tcase_add_loop_test(
	    tc, a_child_is_refused_by_all_it_inherits_and_no_server_sees_it,
	    0, N_WAYS);
	tcase_add_loop_test(
	    tc, a_child_closes_what_its_parents_pool_is_repairing, 0, N_WAYS);
	for (; *own; own++)
		tcase_add_loop_test(tc, *own, 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}

#endif
