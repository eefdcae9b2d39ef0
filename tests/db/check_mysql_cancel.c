/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: every awaiting call under a cancel and under a deadline.
 */
#include "my_session.h"

/* --- One call each ----------------------------------------------------- */

static const char *const slow = "SELECT SLEEP(5)";

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
do_prepared(void *arg)
{
	int n;

	return aw_db_one((struct aw_db *)arg, AW_INTO(&n), "SELECT SLEEP(?)",
			 5);
}

static int
do_insert(void *arg)
{
	uint64_t id;

	return aw_mysql_insert((struct aw_db *)arg, &id, "DO SLEEP(5)");
}

static int
do_multi(void *arg)
{
	return aw_db_exec((struct aw_db *)arg, NULL, AW_SQL(.multi = true,
			  .text = "SELECT 1; SELECT SLEEP(5)"));
}

static int
read_slowly(void *arg, const char *sql, bool values)
{
	AW_AUTO(aw_rows, rows);
	int r;

	if (values)
		AW_TRY(aw_db_stream((struct aw_db *)arg, &rows, sql, 300));
	else
		AW_TRY(aw_db_stream((struct aw_db *)arg, &rows, sql));
	do {
		r = aw_rows_next(rows);
	} while (r > 0);
	return r;
}

static int
do_next(void *arg)
{
	return read_slowly(arg, "SELECT seq, repeat('x', 9000), IF(seq > 300, "
			   "SLEEP(5), 0) FROM seq_1_to_301", false);
}

static int
do_next_prepared(void *arg)
{
	return read_slowly(arg, "SELECT seq, repeat('x', 9000), IF(seq > ?, "
			   "SLEEP(5), 0) FROM seq_1_to_301", true);
}

static int
do_next_result(void *arg)
{
	AW_AUTO(aw_rows, rows);

	AW_TRY(aw_db_stream((struct aw_db *)arg, &rows, AW_SQL(.multi = true,
			    .text = "SELECT 1; DO SLEEP(5)")));
	return aw_rows_next_result(rows);
}

static int
do_acquire(void *arg)
{
	struct aw_conn *held[2];
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

static int (*const calls[])(void *) = {
	do_exec, do_query, do_prepared, do_insert, do_multi, do_next,
	do_next_prepared, do_next_result, do_acquire, do_transact,
};

#define N_CALLS ((int)AW_LENGTH(calls))

static int chosen;

static int
still_good(struct aw_db *db)
{
	int n;

	for (int i = 0; i < 8; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT ?", i));
		WANT_INT(n, i);
	}
	WANT_OK(my_settled(db));
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
	WANT_OK(aw_sleep(0.1));
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
		AW_TIMEOUT(0.1);

		r = calls[chosen](db);
	}
	WANT_CODE(r, AW_ETIME);
	WANT(strstr(aw_error()->scope, "AW_TIMEOUT(0.1)"));
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
lost_session(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	int r;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_INT(aw_conn_state(conn), AW_CONN_IDLE);
	WANT_OK(aw_db_exec(conn, NULL, "BEGIN"));
	WANT_INT(aw_conn_state(conn), AW_CONN_IN_TX);
	{
		AW_TIMEOUT(0.3);

		r = aw_db_exec(conn, NULL, slow);
	}
	WANT_CODE(r, AW_ETIME);
	WANT_INT(aw_error()->sent, AW_SENT_UNKNOWN);
	WANT_INT(aw_conn_state(conn), AW_CONN_DEAD);
	WANT_CODE(aw_db_exec(conn, NULL, "DO 0"), AW_ELOST);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	return 0;
}

START_TEST(an_interrupted_connection_is_never_used_again)
{
	check_with_pool(lost_session, _i);
}
END_TEST

static int
lost_commit(struct aw_db *db)
{
	AW_AUTO(aw_conn, blocker);
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	int r;

	WANT_OK(aw_db_exec(db, NULL, "CREATE OR REPLACE TABLE slow_commit (a "
			   "int)"));
	WANT_OK(aw_db_acquire(db, &blocker));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(aw_db_exec(conn, NULL, "INSERT INTO slow_commit VALUES (1)"));
	/* A commit waits for a global read lock. */
	WANT_OK(aw_db_exec(blocker, NULL, "FLUSH TABLES WITH READ LOCK"));
	{
		AW_TIMEOUT(0.3);

		r = aw_tx_commit(tx);
	}
	WANT_CODE(r, AW_EUNKNOWN);
	WANT_OK(aw_db_exec(blocker, NULL, "UNLOCK TABLES"));
	return 0;
}

START_TEST(a_commit_without_its_answer_is_of_unknown_outcome)
{
	check_with_pool(lost_commit, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_cancel");
	TCase *tc = tcase_create("cancel");

	tcase_add_loop_test(tc, every_call_can_be_cancelled_and_the_pool_heals,
			    0, N_WAYS * N_CALLS);
	tcase_add_loop_test(tc, a_call_cancelled_before_it_begins_sends_nothing,
			    0, N_WAYS * N_CALLS);
	tcase_add_loop_test(tc, an_interrupted_connection_is_never_used_again,
			    0, N_WAYS);
	tcase_add_loop_test(
	    tc, a_commit_without_its_answer_is_of_unknown_outcome, 0, N_WAYS);
	suite_add_tcase(suite, tc);

	tc = tcase_create("timeout");
	tcase_add_loop_test(tc, every_call_obeys_a_deadline_and_the_pool_heals,
			    0, N_WAYS * N_CALLS);
	suite_add_tcase(suite, tc);

	return suite_run(suite);
}
