/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: transactions, savepoints, what is rolled back by whom, deadlocks,
 * statements that commit behind one's back, transact.
 */
#include "my_session.h"

/* Tables of this program, empty. */
static int
fresh(struct aw_db *db)
{
	WANT_OK(aw_db_exec(db, NULL, "CREATE TABLE IF NOT EXISTS tx_t (a int "
			   "PRIMARY KEY, b int)"));
	WANT_OK(aw_db_exec(db, NULL, "DELETE FROM tx_t"));
	return my_settled(db);
}

static int
rows_of(struct aw_db *db)
{
	int n = -1;

	aw_ignore(aw_db_one(db, AW_INTO(&n), "SELECT count(*) FROM tx_t"));
	return n;
}

static int
add(struct aw_conn *conn, int a)
{
	return aw_db_exec(conn, NULL, "INSERT INTO tx_t VALUES (?, 0)", a);
}

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
	WANT_OK(my_settled(db));
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
	WANT_OK(aw_tx_begin(conn, &inner));
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

/* MariaDB undoes the statement only: the transaction goes on. */
static int
statement_fails(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(add(conn, 1));
	WANT_CODE(add(conn, 1), AW_ESQL);
	WANT_OK(add(conn, 2));
	WANT_INT(rows_of(db), 0);
	WANT_OK(aw_tx_commit(tx));
	WANT_INT(rows_of(db), 2);
	return 0;
}

START_TEST(a_failed_statement_leaves_the_transaction_alive)
{
	check_with_pool(statement_fails, _i);
}
END_TEST

/* --- Deadlocks --------------------------------------------------------- */

struct locker {
	struct aw_conn *conn;
	int second;
	int result;
};

static int
lock_second(void *arg)
{
	struct locker *l = arg;

	l->result = aw_db_exec(l->conn, NULL, "UPDATE tx_t SET b = b + 1 WHERE "
			       "a = ?", l->second);
	return 0;
}

/* Two that each hold what the other wants: one is thrown out. */
static int
clash(struct aw_db *db, struct locker l[2], struct aw_tx *tx[2])
{
	AW_GROUP(g);

	for (int i = 0; i < 2; i++) {
		WANT_OK(aw_db_acquire(db, &l[i].conn));
		WANT_OK(aw_tx_begin(l[i].conn, &tx[i]));
		WANT_OK(aw_db_exec(l[i].conn, NULL, "UPDATE tx_t SET b = b + "
				   "100 WHERE a = ?", i + 1));
		l[i].second = 2 - i;
	}
	WANT_OK(aw_go(&g, lock_second, &l[0]));
	WANT_OK(aw_go(&g, lock_second, &l[1]));
	WANT_OK(aw_group_wait(&g));
	return 0;
}

static int
deadlock(struct aw_db *db)
{
	struct locker l[2] = { { NULL, 0, 0 }, { NULL, 0, 0 } };
	struct aw_tx *tx[2] = { NULL, NULL };
	int n, victim;

	WANT_OK(fresh(db));
	WANT_OK(aw_db_exec(db, NULL, "INSERT INTO tx_t VALUES (1, 0), (2, 0)"));
	WANT_OK(clash(db, l, tx));
	victim = l[1].result < 0;
	WANT_INT(l[!victim].result, 0);
	WANT_CODE(l[victim].result, AW_ESQL);
	/* Carrying on would be in autocommit. */
	WANT_CODE(add(l[victim].conn, 7), AW_ETXDEAD);
	WANT_STR(aw_error()->sqlstate, "40001");
	WANT_CODE(aw_tx_commit(tx[victim]), AW_ETXDEAD);
	WANT_OK(aw_tx_commit(tx[!victim]));
	for (int i = 0; i < 2; i++) {
		aw_tx_free(tx[i]);
		aw_conn_release(l[i].conn);
	}
	WANT_OK(my_settled(db));
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT sum(b) FROM tx_t"));
	WANT_INT(n, 101);
	WANT_INT(rows_of(db), 2);
	return 0;
}

START_TEST(after_a_deadlock_the_transaction_is_dead)
{
	check_with_pool(deadlock, _i);
}
END_TEST

/* DDL commits, also when it fails. */
static int
implicit_commit(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(add(conn, 1));
	WANT_CODE(aw_db_exec(conn, NULL, "CREATE TABLE tx_t (a int)"), AW_ESQL);
	WANT_CODE(add(conn, 2), AW_ETXDEAD);
	WANT_STR(aw_error()->sqlstate, "42S01");
	WANT_CODE(aw_tx_commit(tx), AW_ETXDEAD);
	aw_tx_freep(&tx);
	WANT_OK(add(conn, 3));
	WANT_INT(rows_of(db), 2);
	return 0;
}

START_TEST(a_transaction_that_the_server_ended_is_dead)
{
	check_with_pool(implicit_commit, _i);
}
END_TEST

static int
options(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	static const char *const count = "SELECT count(*) FROM tx_t";
	int n;

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx, .isolation = AW_SERIALIZABLE,
			    .read_only = true));
	WANT_CODE(add(conn, 1), AW_ESQL);
	WANT_INT(aw_error()->sql_class, AW_SQL_READ_ONLY);
	WANT_OK(aw_tx_rollback(tx));
	aw_tx_freep(&tx);
	/* Read twice, a row comes between: who sees it? */
	for (int i = 0; i < 2; i++) {
		aw_tx_freep(&tx);
		WANT_OK(aw_tx_begin(conn, &tx, .isolation = i ?
				    AW_READ_COMMITTED : AW_REPEATABLE_READ));
		WANT_OK(aw_db_one(conn, AW_INTO(&n), count));
		WANT_INT(n, i);
		WANT_OK(aw_db_exec(db, NULL, "INSERT INTO tx_t VALUES (?, 0)",
				   i));
		WANT_OK(aw_db_one(conn, AW_INTO(&n), count));
		WANT_INT(n, 2 * i);
	}
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
	WANT_OK(aw_db_exec(db, NULL, "CREATE OR REPLACE PROCEDURE begins() "
			   "BEGIN START TRANSACTION; INSERT INTO tx_t VALUES "
			   "(1, 1); SELECT x FROM nowhere; END"));
	WANT_CODE(aw_db_exec(db, NULL, "CALL begins()"), AW_ESQL);
	WANT_INT(rows_of(db), 0);
	return 0;
}

START_TEST(a_begin_by_hand_never_reaches_the_next_borrower)
{
	check_with_pool(by_hand, _i, .max = 1);
}
END_TEST

/* --- transact ---------------------------------------------------------- */

static int n_calls;

static int
conflict_twice(struct aw_conn *conn, void *arg)
{
	(void)arg;
	AW_TRY(add(conn, 1));
	if (++n_calls < 3)
		return aw_db_exec(conn, NULL, "SIGNAL SQLSTATE '40001' SET "
				  "MYSQL_ERRNO = 1213");
	return 7;
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
transact(struct aw_db *db)
{
	WANT_OK(fresh(db));
	n_calls = 0;
	WANT_INT(aw_db_transact(db, conflict_twice, NULL, .base = 0.001), 7);
	WANT_INT(n_calls, 3);
	WANT_INT(rows_of(db), 1);
	n_calls = 0;
	WANT_CODE(aw_db_transact(db, own_failure, NULL), -EDOM);
	WANT_INT(n_calls, 1);
	WANT_INT(rows_of(db), 1);
	return 0;
}

START_TEST(transact_repeats_conflicts_and_nothing_else)
{
	check_with_pool(transact, _i);
}
END_TEST

/* Two tasks, each a deadlock for the other, both get through. */
static int
move(struct aw_conn *conn, void *arg)
{
	int first = *(int *)arg;

	AW_TRY(aw_db_exec(conn, NULL, "UPDATE tx_t SET b = b + 1 WHERE a = ?",
			  first));
	AW_TRY(aw_sleep(0.005));
	return aw_db_exec(conn, NULL, "UPDATE tx_t SET b = b + 1 WHERE a = ?",
			  3 - first);
}

static struct aw_db *pool;

static int
mover(void *arg)
{
	for (int i = 0; i < 20; i++)
		AW_TRY(aw_db_transact(pool, move, arg, .attempts = 50,
				      .base = 0.001));
	return 0;
}

static int
movers(struct aw_db *db)
{
	int first[] = { 1, 2 }, n;

	pool = db;
	WANT_OK(fresh(db));
	WANT_OK(aw_db_exec(db, NULL, "INSERT INTO tx_t VALUES (1, 0), (2, 0)"));
	{
		AW_GROUP(g);

		WANT_OK(aw_go(&g, mover, &first[0]));
		WANT_OK(aw_go(&g, mover, &first[1]));
		WANT_OK(aw_group_wait(&g));
	}
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT sum(b) FROM tx_t"));
	WANT_INT(n, 80);
	return 0;
}

START_TEST(two_that_deadlock_each_other_both_get_through_exactly_once)
{
	check_with_pool(movers, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_tx");
	TCase *tc = tcase_create("tx");

	tcase_add_loop_test(tc, a_commit_makes_it_last, 0, N_WAYS);
	tcase_add_loop_test(
	    tc, what_is_not_committed_is_rolled_back_before_the_next_statement,
	    0, N_WAYS);
	tcase_add_loop_test(tc, a_begin_inside_a_begin_is_a_savepoint, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, a_failed_statement_leaves_the_transaction_alive,
			    0, N_WAYS);
	tcase_add_loop_test(tc, after_a_deadlock_the_transaction_is_dead, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, a_transaction_that_the_server_ended_is_dead, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, isolation_and_read_only_reach_the_server, 0,
			    N_WAYS);
	tcase_add_loop_test(
	    tc, a_transaction_outlives_its_connection_only_as_closed, 0,
	    N_WAYS);
	tcase_add_loop_test(tc, a_begin_by_hand_never_reaches_the_next_borrower,
			    0, N_WAYS);
	suite_add_tcase(suite, tc);

	tc = tcase_create("transact");
	tcase_add_loop_test(tc, transact_repeats_conflicts_and_nothing_else, 0,
			    N_WAYS);
	tcase_add_loop_test(
	    tc, two_that_deadlock_each_other_both_get_through_exactly_once, 0,
	    N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
