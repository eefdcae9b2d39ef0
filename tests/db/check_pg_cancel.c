/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: every awaiting call under a cancel and under a deadline.
 */
#include "pg_session.h"

/* --- One call each ------------------------------------------------------- */

static const char *const slow = "SELECT pg_sleep(10)";

static int
do_exec(void *arg)
{
	return aw_db_exec((struct aw_db *)arg, NULL, slow);
}

static int
do_query(void *arg)
{
	AW_AUTO(aw_rows, rows);

	return aw_db_query((struct aw_db *)arg, &rows, slow);
}

static int
do_one(void *arg)
{
	int n;

	return aw_db_one((struct aw_db *)arg, AW_INTO(&n), slow);
}

static int
do_stream(void *arg)
{
	AW_AUTO(aw_rows, rows);

	return aw_db_stream((struct aw_db *)arg, &rows, slow);
}

static int
do_next(void *arg)
{
	AW_AUTO(aw_rows, rows);
	int r;

	AW_TRY(aw_db_stream((struct aw_db *)arg, &rows, "SELECT 1 UNION ALL "
			    "SELECT 2 FROM (SELECT pg_sleep(10)) s"));
	do {
		r = aw_rows_next(rows);
	} while (r > 0);
	return r;
}

static int
do_acquire(void *arg)
{
	struct aw_conn *held[2];
	AW_AUTO(aw_conn, more);
	int r;

	AW_TRY(aw_db_acquire((struct aw_db *)arg, &held[0]));
	r = aw_db_acquire((struct aw_db *)arg, &held[1]);
	if (r == 0) {
		/* Another task asks: one that holds them all is told so. */
		AW_GROUP(g);

		r = aw_go(&g, do_exec, arg);
		if (r == 0)
			r = aw_group_wait(&g);
		aw_conn_release(held[1]);
	}
	aw_conn_release(held[0]);
	return r;
}

static int
do_ping(void *arg)
{
	AW_TRY(aw_yield());
	AW_TRY(aw_db_exec((struct aw_db *)arg, NULL, slow));
	return aw_db_ping(arg);
}

static int
sleep_in_tx(struct aw_conn *conn, void *arg)
{
	(void)arg;
	return aw_db_exec(conn, NULL, slow);
}

static int
do_transact(void *arg)
{
	return aw_db_transact((struct aw_db *)arg, sleep_in_tx, NULL);
}

static int
do_next_result(void *arg)
{
	AW_AUTO(aw_rows, rows);

	AW_TRY(aw_db_stream((struct aw_db *)arg, &rows, AW_SQL(.multi = true,
			    .text = "SELECT 1; SELECT pg_sleep(5)")));
	return aw_rows_next_result(rows);
}

static int
do_listen(void *arg)
{
	AW_AUTO(aw_pg_listener, listener);
	struct aw_pg_note note;

	AW_TRY(aw_pg_listen(arg, &listener, "nothing"));
	return aw_pg_listener_next(listener, &note);
}

static int (*const calls[])(void *) = {
	do_exec, do_query, do_one, do_stream, do_next, do_acquire, do_ping,
	do_transact, do_listen, do_next_result,
};

#define N_CALLS ((int)AW_LENGTH(calls))

static int chosen;

static int
still_good(struct aw_db *db)
{
	int n;

	for (int i = 0; i < 8; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT $1::int", i));
		WANT_INT(n, i);
	}
	WANT_OK(wait_settled(db));
	return 0;
}

static int
cancelled(struct aw_db *db)
{
	struct aw_task *task;
	int status;

	WANT_OK(still_good(db));
	task = aw_spawn("caller", calls[chosen], db);
	WANT(task);
	WANT_OK(aw_sleep(0.05));
	aw_cancel(task, "not wanted any more");
	WANT_OK(aw_join(task, &status));
	WANT_CODE(status, AW_ECANCELED);
	WANT_STR(aw_error()->reason, "not wanted any more");
	return still_good(db);
}

START_TEST(every_call_can_be_cancelled_and_the_pool_heals)
{
	chosen = _i % N_CALLS;
	check_with_pool(cancelled, _i / N_CALLS, .max = 2);
}
END_TEST

static int
timed_out(struct aw_db *db)
{
	int r;

	WANT_OK(still_good(db));
	{
		AW_TIMEOUT(0.05);

		r = calls[chosen](db);
	}
	WANT_CODE(r, AW_ETIME);
	WANT(strstr(aw_error()->scope, "AW_TIMEOUT(0.05)"));
	return still_good(db);
}

START_TEST(every_call_obeys_a_deadline_and_the_pool_heals)
{
	chosen = _i % N_CALLS;
	check_with_pool(timed_out, _i / N_CALLS, .max = 2);
}
END_TEST

static int
said_before(struct aw_db *db)
{
	struct aw_task *task;
	int status;

	task = aw_spawn("caller", calls[chosen], db);
	WANT(task);
	aw_cancel(task, "before it began");
	WANT_OK(aw_join(task, &status));
	WANT_CODE(status, AW_ECANCELED);
	return still_good(db);
}

START_TEST(a_call_cancelled_before_it_begins_sends_nothing)
{
	chosen = _i % N_CALLS;
	check_with_pool(said_before, _i / N_CALLS, .max = 2);
}
END_TEST

static int
server_side(struct aw_db *db)
{
	AW_AUTO(aw_db, other);
	int n = -1, r;

	WANT_OK(aw_pg_open(&other, pg_dsn(0), .max = 1));
	{
		AW_TIMEOUT(0.05);

		r = aw_db_exec(db, NULL, "SELECT pg_sleep(60) AS ghost");
	}
	WANT_CODE(r, AW_ETIME);
	WANT_OK(wait_settled(db));
	WANT_OK(aw_db_one(other, AW_INTO(&n), "SELECT count(*)::int FROM "
			  "pg_stat_activity WHERE state = 'active' AND query "
			  "LIKE '%AS ghost' AND pid <> pg_backend_pid()"));
	WANT_INT(n, 0);
	return aw_db_close(&other, 1);
}

START_TEST(an_interrupted_statement_ends_at_the_server)
{
	check_with_pool(server_side, _i);
}
END_TEST

static int
same_session(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	int a, b, r;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_one(conn, AW_INTO(&a), "SELECT pg_backend_pid()"));
	{
		AW_TIMEOUT(0.3);

		r = aw_db_exec(conn, NULL, slow);
	}
	WANT_CODE(r, AW_ETIME);
	WANT_INT(aw_error()->sent, AW_SENT_UNKNOWN);
	WANT_OK(aw_db_one(conn, AW_INTO(&b), "SELECT pg_backend_pid()"));
	WANT_INT(b, a);
	return 0;
}

START_TEST(an_interrupted_connection_is_repaired_and_kept)
{
	check_with_pool(same_session, _i);
}
END_TEST

static int
states(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	int r;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_INT(aw_conn_state(conn), AW_CONN_IDLE);
	WANT_OK(aw_db_exec(conn, NULL, "BEGIN"));
	WANT_INT(aw_conn_state(conn), AW_CONN_IN_TX);
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT nope"), AW_ESQL);
	WANT_INT(aw_conn_state(conn), AW_CONN_FAILED_TX);
	WANT_OK(aw_db_exec(conn, NULL, "ROLLBACK"));
	{
		AW_TIMEOUT(0.1);

		r = aw_db_exec(conn, NULL, "SELECT pg_sleep(5)");
	}
	WANT_CODE(r, AW_ETIME);
	WANT_INT(aw_conn_state(conn), AW_CONN_CUT);
	WANT_OK(aw_db_exec(conn, NULL, "SELECT 1"));
	WANT_INT(aw_conn_state(conn), AW_CONN_IDLE);
	WANT(aw_db_exec(conn, NULL, "SELECT pg_terminate_backend("
			"pg_backend_pid())") < 0);
	WANT_INT(aw_conn_state(conn), AW_CONN_DEAD);
	return 0;
}

START_TEST(the_state_of_a_session_is_what_the_server_said_last)
{
	check_with_pool(states, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_cancel");
	TCase *tc = tcase_create("cancel");

	tcase_add_loop_test(tc, every_call_can_be_cancelled_and_the_pool_heals,
			    0, N_WAYS * N_CALLS);
	tcase_add_loop_test(tc, a_call_cancelled_before_it_begins_sends_nothing,
			    0, N_WAYS * N_CALLS);
	tcase_add_loop_test(tc, an_interrupted_connection_is_repaired_and_kept,
			    0, N_WAYS);
	tcase_add_loop_test(tc, an_interrupted_statement_ends_at_the_server,
			    0, N_WAYS);
	suite_add_tcase(suite, tc);

	tc = tcase_create("timeout");
	tcase_add_loop_test(tc, every_call_obeys_a_deadline_and_the_pool_heals,
			    0, N_WAYS * N_CALLS);
	tcase_add_loop_test(tc,
			    the_state_of_a_session_is_what_the_server_said_last,
			    0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
