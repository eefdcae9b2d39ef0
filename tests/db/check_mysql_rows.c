/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: rows depend on nothing once the call returned; tables altered
 * under a prepared statement.
 */
#include "my_layout.h"

/* Many rows, so that the arena moves, and few, so that they are copied. */
static const int sizes[] = { 1, 3, 200, 5000 };

static int
check_rows(struct aw_rows *rows, int n, int plus)
{
	const char *text;
	int i, k = 0, r;

	WANT_INT(aw_rows_count(rows), n);
	while ((r = aw_rows_next(rows, &i, &text)) > 0) {
		k++;
		WANT_INT(i, k + plus);
		WANT_INT((int)strlen(text), k % 300);
		WANT(strspn(text, "x") == strlen(text));
	}
	WANT_INT(r, 0);
	WANT_INT(k, n);
	return 0;
}

static const char *const series = "SELECT seq + ?, repeat('x', seq % 300) "
	"FROM seq_1_to_5000 LIMIT ?";

static int
reused(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(choose_layout(db, portable));
	WANT_OK(aw_db_acquire(db, &conn));
	for (int i = 0; i < 3; i++)
		WANT_OK(aw_db_exec(conn, NULL, series, i, 1));
	for (size_t i = 0; i < AW_LENGTH(sizes); i++) {
		AW_AUTO(aw_rows, first);
		AW_AUTO(aw_rows, second);
		AW_AUTO(aw_rows, third);

		WANT_OK(aw_db_query(conn, &first, series, 10, sizes[i]));
		WANT_OK(aw_db_query(conn, &second, series, 20, sizes[i]));
		WANT_OK(aw_db_exec(conn, NULL, series, 30, 4000));
		WANT_OK(aw_db_query(conn, &third, series, 40, 0));
		WANT_OK(check_rows(first, sizes[i], 10));
		WANT_OK(check_rows(second, sizes[i], 20));
		WANT_OK(check_rows(third, 0, 40));
	}
	return 0;
}

START_TEST(rows_survive_the_next_use_of_their_statement)
{
	check_both(reused, _i, .prepare_after = 1);
}
END_TEST

static int
evicted(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	char sql[64];
	int n;

	WANT_OK(choose_layout(db, portable));
	for (size_t i = 0; i < AW_LENGTH(sizes); i++) {
		WANT_OK(aw_db_query(db, &rows, series, 10, sizes[i]));
		for (int k = 0; k < 4; k++) {
			snprintf(sql, sizeof(sql), "SELECT %d + ?", k);
			WANT_OK(aw_db_one(db, AW_INTO(&n), sql, 1));
			WANT_INT(n, k + 1);
		}
		WANT_OK(check_rows(rows, sizes[i], 10));
		aw_rows_freep(&rows);
	}
	return 0;
}

START_TEST(rows_survive_the_end_of_their_statement)
{
	check_both(evicted, _i, .prepare_after = 1, .cache = 2, .max = 1);
}
END_TEST

static int
outlive_main(void *arg)
{
	struct aw_db_options o = { .size = sizeof(o), .prepare_after = 1 };

	for (size_t i = 0; i < AW_LENGTH(sizes); i++) {
		AW_AUTO(aw_rows, rows);
		AW_AUTO(aw_rows, text);
		struct aw_db *db;

		WANT_OK(open_pool(&db, *(int *)arg % N_WAYS, &o));
		WANT_OK(aw_db_query(db, &rows, series, 5, sizes[i]));
		WANT_OK(aw_db_query(db, &text, AW_SQL(.text = "SELECT 'abc', 2",
						      .as_text = true)));
		WANT_OK(aw_db_close(&db, 10));
		WANT_OK(check_rows(rows, sizes[i], 5));
		WANT_STR(aw_rows_name(text, 0), "abc");
		WANT_INT(aw_rows_next(text), 1);
	}
	return 0;
}

START_TEST(rows_outlive_connection_and_pool)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(outlive_main, &_i, .no_signals = true) == 0,
		      "%s", why);
}
END_TEST

static int
every_form(struct aw_db *db)
{
	struct aw_time ts, d, t;
	unsigned long long u;
	double f8;
	float f4;
	char dec[32], s[32], id[40];
	bool null;
	int i;

	WANT_OK(choose_layout(db, portable));
	for (int k = 0; k < 3; k++) {
		WANT_OK(aw_db_one(
		    db,
		    AW_INTO(&i, &u, &f4, &f8, AW_BUF(dec), &ts, &d, &t,
			    AW_BUF(s), AW_BUF(id), AW_OPT(&i, &null)),
		    "SELECT CAST(-5 AS int), ? + 0, CAST(0.5 AS "
		    "float), 0.25e0, 12.50, TIMESTAMP '2024-01-02 "
		    "03:04:05.678901', DATE '2023-12-31', TIME "
		    "'-100:00:01.5', 'text', CAST('12345678-9abc-"
		    "4ef0-8102-030405060708' AS uuid), NULL",
		    UINT64_MAX));
		WANT_INT(i, -5);
		WANT(u == UINT64_MAX && f4 == 0.5f && f8 == 0.25 && null);
		WANT_STR(dec, "12.50");
		WANT(ts.year == 2024 && ts.month == 1 && ts.day == 2 &&
		     ts.hour == 3 && ts.minute == 4 && ts.second == 5 &&
		     ts.microsecond == 678901);
		WANT(d.year == 2023 && d.month == 12 && d.day == 31);
		WANT(t.negative && t.hour == 100 && t.second == 1 &&
		     t.microsecond == 500000);
		WANT_STR(s, "text");
		WANT_STR(id, "12345678-9abc-4ef0-8102-030405060708");
	}
	return 0;
}

START_TEST(every_form_of_value_is_read)
{
	check_both(every_form, _i, .prepare_after = 1);
}
END_TEST

static int
wide(struct aw_db *db)
{
	for (int k = 0; k < 3; k++) {
		AW_AUTO(aw_rows, rows);
		char sql[2000] = "SELECT ?";
		size_t n = strlen(sql);
		int value;

		for (int i = 1; i < 300; i++)
			n += (size_t)snprintf(sql + n, sizeof(sql) - n, ",%s",
					      i % 3 ? "7" : "NULL");
		WANT_OK(aw_db_query(db, &rows, sql, 42));
		WANT_INT(aw_rows_columns(rows), 300);
		WANT_INT(aw_rows_next(rows), 1);
		WANT_OK(aw_rows_get(rows, 0, &value));
		WANT_INT(value, 42);
		WANT_CODE(aw_rows_get(rows, 297, &value), AW_ENULL);
		WANT_OK(aw_rows_get(rows, 298, &value));
		WANT_INT(value, 7);
	}
	return 0;
}

START_TEST(three_hundred_columns_are_no_trouble)
{
	check_with_pool(wide, _i, .prepare_after = 2);
}
END_TEST

static int
huge(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	struct aw_bytes got;
	size_t size = 9 << 20;
	char *big = malloc(size);

	WANT(big);
	memset(big, 'y', size);
	WANT_OK(aw_db_query(db, &rows, "SELECT ?, 1", aw_bytes(big, size)));
	WANT_INT(aw_rows_next(rows, &got, AW_SKIP), 1);
	WANT(got.size == size && memcmp(got.data, big, size) == 0);
	aw_rows_freep(&rows);
	free(big);
	big = calloc(1, 17 << 20);
	WANT(big);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT length(?)",
			     aw_bytes(big, 17 << 20)), AW_ESQL);
	free(big);
	WANT_INT(aw_error()->sql_class, AW_SQL_RESOURCES);
	WANT_INT(aw_error()->native, 1153);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	return aw_db_exec(db, NULL, "DO 0");
}

START_TEST(nine_megabytes_pass_and_more_than_the_server_takes_is_refused)
{
	check_with_pool(huge, _i);
}
END_TEST

static int
broken_off(struct aw_db *db)
{
	static const char *const bad = "SELECT IF(seq < 20000, seq, (SELECT 1 "
		"UNION SELECT seq)) FROM seq_1_to_30000 WHERE seq > ?";
	int before, after;

	WANT_OK(aw_db_one(db, AW_INTO(&before), "SELECT CONNECTION_ID()"));
	for (int i = 0; i < 3; i++) {
		AW_AUTO(aw_rows, rows);

		WANT_CODE(aw_db_query(db, &rows, bad, i), AW_ESQL);
		WANT_INT(aw_error()->native, 1242);
		WANT(!rows);
		WANT_OK(aw_db_query(db, &rows, series, 1, 200));
		WANT_OK(check_rows(rows, 200, 1));
	}
	WANT_OK(aw_db_one(db, AW_INTO(&after), "SELECT CONNECTION_ID()"));
	WANT_INT(after, before);
	return 0;
}

START_TEST(an_error_in_the_middle_of_a_result_leaves_the_connection_usable)
{
	check_with_pool(broken_off, _i, .max = 1);
}
END_TEST

/* --- Altered tables ---------------------------------------------------- */

static int
altered(struct aw_db *db)
{
	static const char *const select = "SELECT * FROM altered WHERE a > ?";
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_exec(db, NULL, "DROP TABLE IF EXISTS altered"));
	WANT_OK(aw_db_exec(db, NULL, "CREATE TABLE altered (a int)"));
	WANT_OK(aw_db_exec(db, NULL, "INSERT INTO altered VALUES (1)"));
	WANT_OK(aw_db_acquire(db, &conn));
	for (int i = 0; i < 8; i++) {
		static const char *const changes[] = {
			"ALTER TABLE altered ADD b varchar(9) DEFAULT 'abc'",
			"ALTER TABLE altered RENAME COLUMN b TO c",
			"ALTER TABLE altered MODIFY c int DEFAULT 0",
			"ALTER TABLE altered DROP c",
		};
		static const char *const names[] = { "b", "c", "c", "a" };
		AW_AUTO(aw_rows, before);
		AW_AUTO(aw_rows, after);
		int a, n = i % 4 == 3 ? 1 : 2;

		if (i % 4 == 2)
			WANT_OK(aw_db_exec(db, NULL, "UPDATE altered SET c = "
					   "'7'"));
		WANT_OK(aw_db_query(conn, &before, select, 0));
		WANT_OK(aw_db_exec(db, NULL, changes[i % 4]));
		WANT_OK(aw_db_query(conn, &after, select, 0));
		WANT_INT(aw_rows_columns(after), n);
		WANT_STR(aw_rows_name(after, n - 1), names[i % 4]);
		WANT_INT(aw_rows_next(after), 1);
		WANT_OK(aw_rows_get(after, 0, &a));
		WANT_INT(a, 1);
		WANT_INT(aw_rows_next(before), 1);
		WANT_OK(aw_db_exec(conn, NULL, select, 0));
	}
	return 0;
}

START_TEST(a_table_altered_under_a_prepared_statement_shows_its_new_columns)
{
	check_with_pool(altered, _i, .max = 2, .prepare_after = 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_rows");
	TCase *tc = tcase_create("detached");
	int both = 2 * N_WAYS;

	tcase_add_loop_test(tc, rows_survive_the_next_use_of_their_statement,
			    0, both);
	tcase_add_loop_test(tc, rows_survive_the_end_of_their_statement, 0,
			    both);
	tcase_add_loop_test(tc, rows_outlive_connection_and_pool, 0, N_WAYS);
	tcase_add_loop_test(tc, every_form_of_value_is_read, 0, both);
	tcase_add_loop_test(tc, three_hundred_columns_are_no_trouble, 0,
			    N_WAYS);
	tcase_add_loop_test(
	    tc, an_error_in_the_middle_of_a_result_leaves_the_connection_usable,
	    0, N_WAYS);
	tcase_add_loop_test(
	    tc, nine_megabytes_pass_and_more_than_the_server_takes_is_refused,
	    0, N_WAYS);
	suite_add_tcase(suite, tc);

	tc = tcase_create("altered");
	tcase_add_loop_test(
	    tc,
	    a_table_altered_under_a_prepared_statement_shows_its_new_columns, 0,
	    N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
