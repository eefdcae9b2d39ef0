/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: statements, numbers and NULLs as parameters.
 */
#include <limits.h>
#include <math.h>

#include "my_session.h"

/* --- Statements -------------------------------------------------------- */

static int
query_rows(struct aw_db *db)
{
	for (int i = 0; i < 3; i++) {
		AW_AUTO(aw_rows, rows);
		const char *text;
		int64_t sum = 0;
		bool null;
		int n, r;

		WANT_OK(aw_db_query(db, &rows, "SELECT seq AS n, "
				    "concat('x', seq) AS t, NULL "
				    "FROM seq_1_to_100 WHERE seq <= ?", 100));
		WANT_INT(aw_rows_count(rows), 100);
		WANT_INT(aw_rows_columns(rows), 3);
		WANT_STR(aw_rows_name(rows, 1), "t");
		WANT_STR(aw_rows_type(rows, 0), "bigint unsigned");
		WANT_INT(aw_rows_find(rows, "t"), 1);
		while ((r = aw_rows_next(rows, &n, &text,
					 AW_OPT(&n, &null))) > 0) {
			sum += n;
			WANT(null && text[0] == 'x' &&
			     strtol(text + 1, NULL, 10) == n);
		}
		WANT_INT(r, 0);
		WANT_INT(sum, 5050);
	}
	return 0;
}

START_TEST(a_query_gives_its_rows)
{
	check_with_pool(query_rows, _i);
}
END_TEST

static int
exec_counts(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	uint64_t id = 7;
	int64_t n = 0;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "CREATE TEMPORARY TABLE t (id int "
			   "AUTO_INCREMENT PRIMARY KEY, a int)"));
	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_exec(conn, &n, "INSERT INTO t (a) SELECT seq "
				   "FROM seq_1_to_7 WHERE seq <= ?", 7));
		WANT_INT(n, 7);
		WANT_OK(aw_db_exec(conn, &n, "UPDATE t SET a = 0 WHERE a > 5"));
		WANT_INT(n, 2);
		WANT_OK(aw_db_exec(conn, &n, "UPDATE t SET a = 0 WHERE a = 0"));
		WANT_INT(n, 2 * (i + 1));
		WANT_OK(aw_db_exec(conn, &n, "SELECT 1 UNION ALL SELECT 2"));
		WANT_INT(n, 2);
		WANT_OK(
		    aw_db_exec(conn, NULL, "UPDATE t SET a = -9 WHERE a > 0"));
	}
	WANT_OK(aw_db_exec(conn, NULL, "TRUNCATE t"));
	WANT_OK(aw_mysql_insert(conn, &id, "INSERT INTO t (a) VALUES (1)"));
	WANT_INT(id, 1);
	for (int i = 2; i < 5; i++) {
		WANT_OK(aw_mysql_insert(conn, &id, "INSERT INTO t (a) VALUES "
					"(?)", i));
		WANT_INT(id, i);
	}
	WANT_OK(aw_mysql_insert(conn, &id, "UPDATE t SET a = 0"));
	WANT_INT(id, 0);
	return 0;
}

START_TEST(exec_tells_how_many_rows_it_found_and_insert_the_new_id)
{
	check_with_pool(exec_counts, _i);
}
END_TEST

static int
exactly_one(struct aw_db *db)
{
	char name[8];
	int n = 7;

	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&n, AW_BUF(name)),
				  "SELECT 3, 'abc'"));
		WANT_INT(n, 3);
		WANT_STR(name, "abc");
		WANT_CODE(aw_db_one(db, AW_INTO(&n), "SELECT 1 FROM DUAL WHERE "
				    "false"), AW_ENOROW);
		WANT_CODE(aw_db_one(db, AW_INTO(&n), "VALUES (1), (2)"),
			  AW_EMANY);
		WANT_CODE(aw_db_one(db, AW_INTO(&n), "SELECT 1, 2"), AW_ETYPE);
		WANT_CODE(aw_db_one(db, AW_INTO(&n), "DO 0"), AW_ENOROW);
		WANT_INT(n, 3);
	}
	return 0;
}

START_TEST(one_wants_exactly_one_row)
{
	check_with_pool(exactly_one, _i);
}
END_TEST

static int
several(struct aw_db *db)
{
	int n;

	WANT_CODE(aw_db_exec(db, NULL, "SELECT 1; SELECT 2"), AW_ESQL);
	WANT_INT(aw_error()->sql_class, AW_SQL_SYNTAX);
	WANT_OK(aw_db_one(db, AW_INTO(&n), AW_SQL(.text = "SELECT 1; SELECT 2",
						  .multi = true)));
	WANT_INT(n, 2);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT 1; SELECT 2"), AW_ESQL);
	WANT_CODE(aw_db_exec(db, NULL, AW_SQL(.text = "SELECT 1; SELECT x",
					      .multi = true)), AW_ESQL);
	WANT_INT(aw_error()->sent, AW_SENT_UNKNOWN);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT 1; SELECT 2"), AW_ESQL);
	WANT_CODE(
	    aw_db_exec(db, NULL, AW_SQL(.text = "SELECT 1", .multi = true), 1),
	    AW_EUSAGE);
	WANT_OK(aw_db_one(db, AW_INTO(&n), AW_SQL(.pg = "SELECT 5",
						  .mysql = "SELECT 6")));
	WANT_INT(n, 6);
	WANT_CODE(aw_db_exec(db, NULL, AW_SQL(.pg = "SELECT 6")), AW_EUSAGE);
	return 0;
}

START_TEST(several_commands_need_to_be_asked_for)
{
	check_with_pool(several, _i);
}
END_TEST

static int
procedures(struct aw_db *db)
{
	int n;

	WANT_OK(aw_db_exec(db, NULL, "CREATE OR REPLACE PROCEDURE three(a int) "
			   "BEGIN SELECT a; SELECT 'b', 2; SELECT 3; END"));
	for (int i = 0; i < 4; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&n), "CALL three(?)", 10 + i));
		WANT_INT(n, 10 + i);
		WANT_OK(aw_db_one(db, AW_INTO(&n), "CALL three(4)"));
		WANT_INT(n, 4);
		WANT_OK(aw_db_exec(db, NULL, "CALL three(?)", 5));
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT ? + 1", i));
		WANT_INT(n, i + 1);
	}
	return 0;
}

START_TEST(of_a_call_the_first_result_is_kept_and_the_rest_dropped)
{
	check_with_pool(procedures, _i);
}
END_TEST

static int
limits_rows(struct aw_db *db)
{
	for (int i = 0; i < 3; i++) {
		AW_AUTO(aw_rows, rows);

		WANT_CODE(aw_db_query(db, &rows, AW_SQL(.text = "SELECT seq "
				      "FROM seq_1_to_11", .max_rows = 10)),
			  AW_ELIMIT);
		WANT_OK(aw_db_query(db, &rows, AW_SQL(.text = "SELECT seq "
				    "FROM seq_1_to_10", .max_rows = 10)));
	}
	return 0;
}

START_TEST(max_rows_is_a_limit)
{
	check_with_pool(limits_rows, _i);
}
END_TEST

/* --- Parameters -------------------------------------------------------- */

#define ROUND_TRIP(type, value, column) \
	do { \
		type back, sent = (value); \
		WANT_OK(aw_db_exec(conn, NULL, "REPLACE INTO v (id, " column \
				   ") VALUES (1, ?)", sent)); \
		WANT_OK(aw_db_one(conn, AW_INTO(&back), "SELECT " column \
				  " FROM v")); \
		WANT(memcmp(&back, &sent, sizeof(back)) == 0); \
	} while (0)

static int
round_trips(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(
	    aw_db_exec(conn, NULL,
		       "CREATE TEMPORARY TABLE v (id int "
		       "PRIMARY KEY, i1 tinyint, i2 smallint, i3 mediumint,"
		       " i4 int, i8 bigint, u1 tinyint unsigned, u2 "
		       "smallint unsigned, u4 int unsigned, u8 bigint "
		       "unsigned, f4 float, f8 double, b bit(64), y year)"));
	for (int i = 0; i < 3; i++) {
		ROUND_TRIP(short, -128, "i1");
		ROUND_TRIP(short, SHRT_MIN, "i2");
		ROUND_TRIP(int, -8388608, "i3");
		ROUND_TRIP(int, 8388607, "i3");
		ROUND_TRIP(int, INT_MIN, "i4");
		ROUND_TRIP(long long, INT64_MIN, "i8");
		ROUND_TRIP(long long, INT64_MAX, "i8");
		ROUND_TRIP(unsigned short, 255, "u1");
		ROUND_TRIP(unsigned short, USHRT_MAX, "u2");
		ROUND_TRIP(unsigned, UINT_MAX, "u4");
		ROUND_TRIP(unsigned long long, UINT64_MAX, "u8");
		ROUND_TRIP(bool, true, "i1");
		ROUND_TRIP(bool, false, "i4");
		ROUND_TRIP(double, 0.1, "f8");
		ROUND_TRIP(double, -1.7976931348623157e308, "f8");
		ROUND_TRIP(float, 0.1f, "f4");
		ROUND_TRIP(unsigned long long, 0x8123456789abcdefULL, "b");
		ROUND_TRIP(int, 2024, "y");
	}
	return 0;
}

static const enum aw_prepare modes[] = {
	AW_PREPARE_AUTO, AW_PREPARE_UNNAMED, AW_PREPARE_OFF,
};

START_TEST(numbers_come_back_as_they_were_in_every_mode)
{
	for (size_t i = 0; i < AW_LENGTH(modes); i++)
		check_with_pool(round_trips, _i, .prepare = modes[i]);
}
END_TEST

static int
refused_values(struct aw_db *db)
{
	struct aw_time t = { .kind = AW_TIME_INFINITY };
	struct aw_interval interval = { 1, 2, 3 };
	int numbers[] = { 1, 2 };
	char here[1] = "";
	unsigned u;
	short s;
	int n;

	WANT_CODE(aw_db_exec(db, NULL, "SELECT ?", (double)NAN), AW_ERANGE);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT ?", t), AW_ERANGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT ?", interval), AW_ETYPE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT ?", aw_array(numbers, 2)),
		  AW_ETYPE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT ?", (void *)here), AW_EUSAGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT ?", 1, 2), AW_EUSAGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT ? + ?", 1), AW_EUSAGE);
	for (int i = 0; i < 3; i++) {
		WANT_CODE(aw_db_one(db, AW_INTO(&s), "SELECT 32768"),
			  AW_ERANGE);
		WANT_CODE(aw_db_one(db, AW_INTO(&u), "SELECT -1"), AW_ERANGE);
		WANT_CODE(aw_db_one(db, AW_INTO(&n), "SELECT 'x'"), AW_ETYPE);
		WANT_CODE(aw_db_one(db, AW_INTO(&n), "SELECT NOW()"),
			  AW_ETYPE);
		WANT_CODE(aw_db_one(db, AW_INTO(&n),
				    "SELECT 18446744073709551615"), AW_ERANGE);
	}
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	return 0;
}

START_TEST(a_value_that_does_not_fit_is_refused_in_every_mode)
{
	for (size_t i = 0; i < AW_LENGTH(modes); i++)
		check_with_pool(refused_values, _i, .prepare = modes[i]);
}
END_TEST

static int
nulls(struct aw_db *db)
{
	const char *none = NULL;
	bool a, b, c, d;
	int n = 0;

	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&a, &b, &c, &d), "SELECT "
				  "? IS NULL, ? IS NULL, ? IS NULL, ? IS NULL",
				  NULL, none, aw_bytes(NULL, 0),
				  AW_IF(i > 5, i)));
		WANT(a && b && c && d);
		WANT_CODE(aw_db_one(db, AW_INTO(&n), "SELECT CAST(? AS int)",
				    NULL), AW_ENULL);
		WANT_OK(aw_db_one(db, AW_INTO(AW_OPT(&n, &a)), "SELECT ?",
				  AW_NULL));
		WANT(a);
		WANT_OK(aw_db_one(db, AW_INTO(AW_OPT(&n, &a), &b, &c),
				  "SELECT NULL, 1, ?", i % 2));
		WANT(a && b);
	}
	return 0;
}

START_TEST(nulls_go_both_ways)
{
	check_with_pool(nulls, _i);
}
END_TEST

static int
many_parameters(struct aw_db *db)
{
	static struct aw_value values[65536];
	static char sql[200000];
	struct aw_sql s = aw_sql_from_text(sql);
	AW_AUTO(aw_rows, rows);
	size_t n = 0;

	for (size_t i = 0; i < AW_LENGTH(values); i++)
		values[i] = aw_value((int)i);
	n = (size_t)snprintf(sql, sizeof(sql), "SELECT 1 FROM DUAL WHERE 7 IN "
			     "(?");
	for (int i = 1; i < 65535; i++, n += 2)
		memcpy(sql + n, ",?", 2);
	memcpy(sql + n, ")", 2);
	WANT_CODE(aw_db_query_v(db, &rows, &s, values, 65536), AW_ELIMIT);
	WANT_OK(aw_db_query_v(db, &rows, &s, values, 65535));
	WANT_INT(aw_rows_count(rows), 1);
	return 0;
}

START_TEST(sixty_five_thousand_parameters_fit_and_no_more)
{
	check_with_pool(many_parameters, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql");
	TCase *tc = tcase_create("statements");

	tcase_add_loop_test(tc, a_query_gives_its_rows, 0, N_WAYS);
	tcase_add_loop_test(
	    tc, exec_tells_how_many_rows_it_found_and_insert_the_new_id, 0,
	    N_WAYS);
	tcase_add_loop_test(tc, one_wants_exactly_one_row, 0, N_WAYS);
	tcase_add_loop_test(tc, several_commands_need_to_be_asked_for, 0,
			    N_WAYS);
	tcase_add_loop_test(
	    tc, of_a_call_the_first_result_is_kept_and_the_rest_dropped, 0,
	    N_WAYS);
	tcase_add_loop_test(tc, max_rows_is_a_limit, 0, N_WAYS);
	suite_add_tcase(suite, tc);

	tc = tcase_create("parameters");
	tcase_add_loop_test(tc, numbers_come_back_as_they_were_in_every_mode,
			    0, N_WAYS);
	tcase_add_loop_test(
	    tc, a_value_that_does_not_fit_is_refused_in_every_mode, 0, N_WAYS);
	tcase_add_loop_test(tc, nulls_go_both_ways, 0, N_WAYS);
	tcase_add_loop_test(tc, sixty_five_thousand_parameters_fit_and_no_more,
			    0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
