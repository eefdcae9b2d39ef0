/* SPDX-License-Identifier: MIT */
/* results.h - several commands in one stream, the same on both databases. */
#ifndef TESTS_DB_RESULTS_H
#define TESTS_DB_RESULTS_H

#include "session.h"

#define STREAM_SEVERAL(on, ret, sql) \
	aw_db_stream(on, ret, AW_SQL(.text = sql, .multi = true))

/* The session works, and takes one command at a time again. */
static inline int
works_alone(struct aw_conn *conn)
{
	int n = 0;

	WANT_OK(aw_db_one(conn, AW_INTO(&n), "SELECT 7"));
	WANT_INT(n, 7);
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1; SELECT 2"), AW_ESQL);
	return 0;
}

static inline int
results_in_turn(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_rows, rows);
	int n, m;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(STREAM_SEVERAL(conn, &rows, "CREATE TEMPORARY TABLE several "
			       "(n int); INSERT INTO several VALUES (1), (2); "
			       "SELECT n FROM several ORDER BY n; "
			       "SELECT n, n + 5 AS m FROM several ORDER BY n"));
	WANT_INT(aw_rows_columns(rows), 0);
	WANT_INT(aw_rows_next(rows), 0);
	WANT_INT(aw_rows_next(rows), 0);
	WANT_INT(aw_rows_next_result(rows), 1);
	WANT_INT(aw_rows_affected(rows), 2);
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1"), AW_EBUSY);
	/* The second row of this one is not wanted. */
	WANT_INT(aw_rows_next_result(rows), 1);
	WANT_INT(aw_rows_columns(rows), 1);
	WANT_INT(aw_rows_next(rows, &n), 1);
	WANT_INT(n, 1);
	WANT_INT(aw_rows_next_result(rows), 1);
	WANT_INT(aw_rows_columns(rows), 2);
	WANT_STR(aw_rows_name(rows, 1), "m");
	WANT_INT(aw_rows_next(rows, &n, &m), 1);
	WANT_INT(aw_rows_next(rows, &n, &m), 1);
	WANT_INT(m, 7);
	WANT_INT(aw_rows_next(rows), 0);
	WANT_INT(aw_rows_next_result(rows), 0);
	WANT_INT(aw_rows_next_result(rows), 0);
	WANT_OK(works_alone(conn));
	return 0;
}

static inline int
results_that_fail(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_rows, rows);
	int n;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(STREAM_SEVERAL(conn, &rows, "SELECT 1; SELECT nope; SELECT 3"));
	WANT_INT(aw_rows_next(rows, &n), 1);
	WANT_CODE(aw_rows_next_result(rows), AW_ESQL);
	WANT_INT(aw_rows_next_result(rows), 0);
	WANT_OK(works_alone(conn));
	WANT_CODE(STREAM_SEVERAL(conn, &rows, "SELECT nope; SELECT 3"),
		  AW_ESQL);
	WANT_OK(works_alone(conn));
	return 0;
}

/* Left in the first result, behind it, and by a connection that is released. */
static inline int
results_left(struct aw_db *db)
{
	static const char sql[] = "SELECT 1; SELECT 2; SELECT 3";
	int n;

	for (int i = 0; i < 3; i++) {
		AW_AUTO(aw_rows, rows);
		AW_AUTO(aw_conn, conn);

		WANT_OK(aw_db_acquire(db, &conn));
		WANT_OK(STREAM_SEVERAL(conn, &rows, sql));
		WANT_INT(aw_rows_next(rows, &n), 1);
		if (i > 0)
			WANT_INT(aw_rows_next(rows), 0);
		if (i == 2) {
			aw_conn_freep(&conn);
			WANT_CODE(aw_rows_next_result(rows), AW_ECLOSED);
		}
	}
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	WANT_INT(n, 7);
	return 0;
}

START_TEST(the_results_of_several_commands_come_in_turn)
{
	check_with_pool(results_in_turn, _i, .max = 1);
}
END_TEST

START_TEST(an_error_of_one_command_ends_them_all)
{
	check_with_pool(results_that_fail, _i, .max = 1);
}
END_TEST

START_TEST(results_may_be_left_before_their_end)
{
	check_with_pool(results_left, _i, .max = 1);
}
END_TEST

static inline void
results_cases(TCase *tc)
{
	tcase_add_loop_test(tc, the_results_of_several_commands_come_in_turn,
			    0, N_WAYS);
	tcase_add_loop_test(tc, an_error_of_one_command_ends_them_all, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, results_may_be_left_before_their_end, 0,
			    N_WAYS);
}

#endif
