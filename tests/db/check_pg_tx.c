/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: transactions, savepoints, what is rolled back by whom, what a
 * release finds, transact.
 */
#include "tx_table.h"

static int
commits(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(add(conn, 1));
	WANT_INT(rows_of(db), 0);
	WANT_OK(aw_tx_commit(tx));
	WANT_INT(rows_of(db), 1);
	WANT_CODE(aw_tx_commit(tx), AW_EUSAGE);
	WANT_CODE(aw_tx_rollback(tx), AW_EUSAGE);
	return 0;
}

START_TEST(a_commit_makes_it_last)
{
	check_with_pool(commits, _i);
}
END_TEST

static int
drop_one(struct aw_conn *conn)
{
	AW_AUTO(aw_tx, tx);

	WANT_OK(aw_tx_begin(conn, &tx));
	return add(conn, 1);
}

static int
dropped(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(drop_one(conn));
	WANT_OK(add(conn, 2));
	WANT_INT(rows_of(db), 1);
	WANT_OK(drop_one(conn));
	aw_conn_freep(&conn);
	WANT_OK(wait_settled(db));
	WANT_INT(rows_of(db), 1);
	return 0;
}

START_TEST(what_is_not_committed_is_rolled_back_before_the_next_statement)
{
	check_with_pool(dropped, _i);
}
END_TEST

static int
savepoints(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, outer);
	AW_AUTO(aw_tx, inner);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &outer));
	WANT_OK(add(conn, 1));
	WANT_CODE(aw_tx_begin(conn, &inner, .read_only = true), AW_EUSAGE);
	WANT_OK(aw_tx_begin(conn, &inner));
	WANT_CODE(aw_tx_commit(outer), AW_EUSAGE);
	WANT_OK(add(conn, 2));
	WANT_OK(aw_tx_rollback(inner));
	aw_tx_freep(&inner);
	WANT_OK(add(conn, 3));
	WANT_OK(aw_tx_begin(conn, &inner));
	WANT_OK(add(conn, 4));
	WANT_OK(aw_tx_commit(inner));
	aw_tx_freep(&inner);
	WANT_OK(aw_tx_begin(conn, &inner));
	WANT_OK(add(conn, 5));
	aw_tx_freep(&inner);
	WANT_OK(aw_tx_commit(outer));
	WANT_INT(rows_of(db), 3);
	return 0;
}

START_TEST(a_begin_inside_a_begin_is_a_savepoint)
{
	check_with_pool(savepoints, _i);
}
END_TEST

static int
dead(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	AW_AUTO(aw_tx, inner);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1/0"), AW_ESQL);
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1"), AW_ETXDEAD);
	WANT_STR(aw_error()->sqlstate, "22012");
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT_CODE(aw_tx_begin(conn, &inner), AW_ETXDEAD);
	WANT_CODE(aw_tx_commit(tx), AW_ETXDEAD);
	WANT_STR(aw_error()->sqlstate, "22012");
	aw_tx_freep(&tx);
	WANT_OK(add(conn, 1));
	WANT_INT(rows_of(db), 1);
	return 0;
}

START_TEST(a_dead_transaction_fails_every_call_with_its_first_sqlstate)
{
	check_with_pool(dead, _i);
}
END_TEST

static int
revived(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, outer);
	AW_AUTO(aw_tx, inner);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &outer));
	WANT_OK(add(conn, 1));
	WANT_OK(aw_tx_begin(conn, &inner));
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1/0"), AW_ESQL);
	aw_tx_freep(&inner);
	WANT_OK(add(conn, 2));
	WANT_OK(aw_tx_commit(outer));
	WANT_INT(rows_of(db), 2);
	return 0;
}

START_TEST(a_rollback_to_the_savepoint_revives_the_transaction)
{
	check_with_pool(revived, _i);
}
END_TEST

static int
deferred(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(add(conn, 1));
	WANT_OK(add(conn, 1));
	WANT_CODE(aw_tx_commit(tx), AW_ESQL);
	WANT_STR(aw_error()->sqlstate, "23505");
	WANT_INT(aw_error()->sent, AW_SENT_NO_EFFECT);
	aw_tx_freep(&tx);
	WANT_INT(rows_of(db), 0);
	WANT_OK(add(conn, 1));
	return 0;
}

START_TEST(a_commit_that_is_refused_leaves_nothing)
{
	check_with_pool(deferred, _i);
}
END_TEST

static int
options(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	char level[32];

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx, .isolation = AW_SERIALIZABLE,
			    .read_only = true, .deferrable = true));
	WANT_OK(aw_db_one(conn, AW_INTO(AW_BUF(level)),
			  "SHOW transaction_isolation"));
	WANT_STR(level, "serializable");
	WANT_CODE(add(conn, 1), AW_ESQL);
	WANT_INT(aw_error()->sql_class, AW_SQL_READ_ONLY);
	return 0;
}

START_TEST(isolation_and_read_only_reach_the_server)
{
	check_with_pool(options, _i);
}
END_TEST

static int
released(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(add(conn, 1));
	aw_conn_freep(&conn);
	WANT_CODE(aw_tx_commit(tx), AW_ECLOSED);
	WANT_CODE(aw_tx_rollback(tx), AW_ECLOSED);
	WANT_INT(rows_of(db), 0);
	WANT_INT(rows_of(db), 0);
	return 0;
}

START_TEST(a_transaction_outlives_its_connection_only_as_closed)
{
	check_with_pool(released, _i, .max = 1);
}
END_TEST

static int
by_hand(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "BEGIN"));
	WANT_CODE(aw_tx_begin(conn, &tx), AW_EUSAGE);
	WANT_OK(add(conn, 1));
	aw_conn_freep(&conn);
	WANT_INT(rows_of(db), 0);
	WANT_OK(aw_db_exec(db, NULL, "BEGIN"));
	WANT_INT(rows_of(db), 0);
	return 0;
}

START_TEST(a_begin_by_hand_never_reaches_the_next_borrower)
{
	check_with_pool(by_hand, _i, .max = 1);
}
END_TEST

/* --- transact ------------------------------------------------------------ */

static int n_calls;

static int
conflict_twice(struct aw_conn *conn, void *arg)
{
	(void)arg;
	AW_TRY(add(conn, 1));
	if (++n_calls < 3)
		return aw_db_exec(conn, NULL, "DO $$ BEGIN RAISE EXCEPTION "
				  "'again' USING ERRCODE = '40001'; END $$");
	return 7;
}

static int
always_conflict(struct aw_conn *conn, void *arg)
{
	(void)arg;
	n_calls++;
	return aw_db_exec(conn, NULL, "DO $$ BEGIN RAISE EXCEPTION 'again' "
			  "USING ERRCODE = '40P01'; END $$");
}

static int
own_failure(struct aw_conn *conn, void *arg)
{
	(void)arg;
	n_calls++;
	AW_TRY(add(conn, 5));
	return -EDOM;
}

static int
swallowed(struct aw_conn *conn, void *arg)
{
	(void)arg;
	n_calls++;
	aw_ignore(aw_db_exec(conn, NULL, "SELECT 1/0"));
	return 0;
}

static int
transact(struct aw_db *db)
{
	WANT_OK(fresh(db));
	n_calls = 0;
	WANT_INT(aw_db_transact(db, conflict_twice, NULL, .base = 0.001), 7);
	WANT_INT(n_calls, 3);
	WANT_INT(rows_of(db), 1);
	n_calls = 0;
	WANT_CODE(aw_db_transact(db, always_conflict, NULL, .attempts = 4,
				 .base = 0.001), AW_ESQL);
	WANT_INT(n_calls, 4);
	n_calls = 0;
	WANT_CODE(aw_db_transact(db, own_failure, NULL), -EDOM);
	WANT_INT(n_calls, 1);
	WANT_CODE(aw_db_transact(db, swallowed, NULL), AW_ETXDEAD);
	WANT_INT(n_calls, 2);
	WANT_INT(rows_of(db), 1);
	return 0;
}

START_TEST(transact_repeats_the_function_only_when_it_lost_against_another)
{
	check_with_pool(transact, _i);
}
END_TEST

struct locker {
	struct aw_db *db;
	int first, second;
};

static int
lock_both(struct aw_conn *conn, void *arg)
{
	struct locker *l = arg;

	AW_TRY(aw_db_exec(conn, NULL, "UPDATE tx_t SET a = a WHERE a = $1",
			  l->first));
	AW_TRY(aw_sleep(0.05));
	return aw_db_exec(conn, NULL, "UPDATE tx_t SET a = a WHERE a = $1",
			  l->second);
}

static int
lock_main(void *arg)
{
	struct locker *l = arg;

	return aw_db_transact(l->db, lock_both, l);
}

static int
deadlock(struct aw_db *db)
{
	struct locker a = { db, 1, 2 }, b = { db, 2, 1 };
	AW_GROUP(g);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_exec(db, NULL, "INSERT INTO tx_t VALUES (1), (2)"));
	WANT_OK(aw_go(&g, lock_main, &a));
	WANT_OK(aw_go(&g, lock_main, &b));
	WANT_OK(aw_group_wait(&g));
	return 0;
}

START_TEST(two_that_deadlock_both_finish)
{
	check_with_pool(deadlock, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_tx");
	TCase *tc = tcase_create("basic");
	const TTest *const tests[] = {
		a_commit_makes_it_last,
		what_is_not_committed_is_rolled_back_before_the_next_statement,
		a_begin_inside_a_begin_is_a_savepoint,
		a_dead_transaction_fails_every_call_with_its_first_sqlstate,
		a_rollback_to_the_savepoint_revives_the_transaction,
		a_commit_that_is_refused_leaves_nothing,
		isolation_and_read_only_reach_the_server,
		a_transaction_outlives_its_connection_only_as_closed,
		a_begin_by_hand_never_reaches_the_next_borrower,
		transact_repeats_the_function_only_when_it_lost_against_another,
		two_that_deadlock_both_finish,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
