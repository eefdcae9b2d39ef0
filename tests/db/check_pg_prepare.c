/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: what a session keeps: settings, names of prepared statements,
 * plans that grow stale.
 */
#include "pg_session.h"

static int
clean_session(struct aw_db *db)
{
	char path[64];
	int n;

	WANT_OK(aw_db_exec(db, NULL, "SET search_path = elsewhere"));
	WANT_OK(aw_db_exec(db, NULL, "CREATE TEMP TABLE mine (a int)"));
	WANT_OK(wait_settled(db));
	WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(path)), "SHOW search_path"));
	WANT_STR(path, "\"$user\", public");
	WANT_CODE(aw_db_exec(db, NULL, "SELECT * FROM mine"), AW_ESQL);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	return 0;
}

START_TEST(what_one_user_changed_the_next_does_not_see)
{
	check_with_pool(clean_session, _i, .max = 1);
}
END_TEST

static int
no_reset(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	int a, b;

	WANT_OK(aw_db_one(db, AW_INTO(&a), "SELECT pg_backend_pid()"));
	for (int i = 0; i < 20; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&b), "SELECT pg_backend_pid() + "
				  "$1", 0));
		WANT_INT(b, a);
	}
	aw_db_stats(db, &s);
	WANT_INT(s.opened, 1);
	WANT_INT(s.prepared, 19);
	WANT_INT(s.idle, 1);
	return 0;
}

START_TEST(one_connection_serves_one_task_and_prepares_from_the_second_use)
{
	check_with_pool(no_reset, _i);
}
END_TEST

static int
cap(struct aw_db *db)
{
	char sql[64];
	int n;

	for (int i = 0; i < 30; i++) {
		for (int k = 0; k < 3; k++) {
			snprintf(sql, sizeof(sql), "SELECT %d + $1::int", i);
			WANT_OK(aw_db_one(db, AW_INTO(&n), sql, 1));
			WANT_INT(n, i + 1);
		}
	}
	WANT_OK(aw_db_one(db, AW_INTO(&n), AW_SQL(.text = "SELECT "
			  "count(*)::int FROM pg_prepared_statements",
			  .no_prepare = true)));
	WANT_INT(n, 8);
	return 0;
}

START_TEST(the_server_never_holds_more_names_than_the_cache_is_large)
{
	check_with_pool(cap, _i, .max = 1, .cache = 8);
}
END_TEST

static int
no_names(struct aw_db *db)
{
	int n;

	for (int i = 0; i < 5; i++)
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT $1::int", i));
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT count(*)::int FROM "
			  "pg_prepared_statements"));
	WANT_INT(n, 0);
	return 0;
}

START_TEST(without_preparing_the_server_holds_no_names)
{
	check_with_pool(no_names, _i, .max = 1, .prepare = AW_PREPARE_OFF);
	check_with_pool(no_names, _i, .max = 1, .prepare = AW_PREPARE_UNNAMED);
}
END_TEST

static int
altered(struct aw_db *db)
{
	static const char *const select = "SELECT * FROM altered";
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	AW_AUTO(aw_rows, rows);
	struct aw_db_stats s = { .size = 0 };

	WANT_OK(aw_db_exec(db, NULL, "DROP TABLE IF EXISTS altered"));
	WANT_OK(aw_db_exec(db, NULL, "CREATE TABLE altered (a int)"));
	WANT_OK(wait_settled(db));
	for (int i = 0; i < 4; i++)
		WANT_OK(aw_db_exec(db, NULL, select));
	WANT_OK(aw_db_exec(db, NULL, "ALTER TABLE altered ADD b text"));
	/* The session was reset for the ALTER; prepare again, alter by another
	 * connection. */
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, select));
	WANT_OK(aw_db_exec(db, NULL, "ALTER TABLE altered ADD c text"));
	WANT_OK(aw_db_query(conn, &rows, select));
	WANT_INT(aw_rows_columns(rows), 3);
	aw_db_stats(db, &s);
	WANT_INT(s.stale_plans, 1);
	WANT_OK(aw_db_exec(conn, NULL, select));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(aw_db_exec(conn, NULL, select));
	WANT_OK(aw_tx_commit(tx));
	aw_tx_freep(&tx);
	WANT_OK(aw_db_exec(db, NULL, "ALTER TABLE altered ADD d text"));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_CODE(aw_db_exec(conn, NULL, select), AW_ESQL);
	WANT_INT(aw_error()->sql_class, AW_SQL_STALE_PLAN);
	aw_tx_freep(&tx);
	WANT_OK(aw_db_exec(conn, NULL, select));
	return 0;
}

START_TEST(a_stale_plan_is_replaced_outside_transactions)
{
	check_with_pool(altered, _i, .max = 2);
}
END_TEST

static int
deallocated(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	int n;

	WANT_OK(aw_db_acquire(db, &conn));
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 3; k++)
			WANT_OK(aw_db_one(conn, AW_INTO(&n), "SELECT $1::int",
					  i));
		WANT_OK(aw_db_exec(conn, NULL, i % 2 ? "DISCARD ALL" :
				   "DEALLOCATE ALL"));
		WANT_OK(aw_db_exec(conn, NULL, "DO $$ BEGIN EXECUTE "
				   "'DEALLOCATE ALL'; END $$"));
	}
	return 0;
}

START_TEST(names_dropped_behind_our_back_are_made_again)
{
	check_with_pool(deallocated, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_prepare");
	TCase *tc = tcase_create("basic");
	const TTest *const tests[] = {
		what_one_user_changed_the_next_does_not_see,
		one_connection_serves_one_task_and_prepares_from_the_second_use,
		the_server_never_holds_more_names_than_the_cache_is_large,
		without_preparing_the_server_holds_no_names,
		a_stale_plan_is_replaced_outside_transactions,
		names_dropped_behind_our_back_are_made_again,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
