/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: bytes, text, times and UUIDs both ways, and every type as text.
 */
#include <mysql.h>

#include "my_session.h"

#include "huge.h"

/* The server's own error, 1153. */
static const int too_long = AW_ESQL;

static int
socket_of(struct aw_conn *conn)
{
	return (int)mysql_get_socket(aw_mysql_native(conn));
}

static int
bytes_both_ways(struct aw_db *db)
{
	static const char hostile[] = "'; DROP TABLE t; -- \\ \" ? \xc3\xa4"
		"\xf0\x9f\x98\x80";
	unsigned char all[256];
	char buf[64];

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	for (int i = 0; i < 3; i++) {
		AW_AUTO(aw_rows, rows);
		struct aw_bytes got;
		const char *text;

		WANT_OK(aw_db_query(db, &rows, "SELECT CAST(? AS binary)",
				    aw_bytes(all, sizeof(all))));
		WANT_INT(aw_rows_next(rows, &got), 1);
		WANT_INT(got.size, 256);
		WANT(memcmp(got.data, all, 256) == 0);
		WANT_CODE(aw_rows_get(rows, 0, &text), AW_EILSEQ);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT ?",
				  hostile));
		WANT_STR(buf, hostile);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT ?",
				  aw_decimal("12345678901234567890.50")));
		WANT_STR(buf, "12345678901234567890.50");
	}
	return 0;
}

/* Left to itself the server takes the nearest that it can hold. */
static int
decimals(struct aw_db *db)
{
	static const char *const good[][2] = {
		{ "-12345678901234567890123456789012345678901234567890123456789"
		  "012345", "-123456789012345678901234567890123456789012345678"
		  "90123456789012345" },
		{ "0.00000000000000000000000000000000000001",
		  "0.00000000000000000000000000000000000001" },
		{ "1e30", "1000000000000000000000000000000" },
		{ "000.50", "0.50" },
	};
	static const char *const bad[] = {
		"1e400", "1e-400", "abc", "", "-", "1e", "1 ", "0x1", "1e65",
		"1.2.3", "1.5.",
		"0.000000000000000000000000000000000000001",
		"123456789012345678901234567890123456789012345678901234567890"
		"123456",
	};
	char buf[80];

	for (size_t i = 0; i < AW_LENGTH(good); i++) {
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT ?",
				  aw_decimal(good[i][0])));
		WANT_STR(buf, good[i][1]);
	}
	for (size_t i = 0; i < AW_LENGTH(bad); i++)
		WANT_CODE(aw_db_exec(db, NULL, "SELECT ?", aw_decimal(bad[i])),
			  AW_ERANGE);
	return 0;
}

START_TEST(a_decimal_arrives_digit_by_digit_or_is_refused)
{
	check_with_pool(decimals, _i);
}
END_TEST

static int
nul_in_text(struct aw_db *db)
{
	struct aw_value text = aw_value_text_(aw_bytes("a\0b", 3));
	char buf[16];

	WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT HEX(?)", text));
	WANT_STR(buf, "610062");
	return 0;
}

START_TEST(a_nul_in_text_is_kept)
{
	check_with_pool(nul_in_text, _i);
}
END_TEST

START_TEST(bytes_and_hostile_text_come_back_unchanged)
{
	check_with_pool(bytes_both_ways, _i);
}
END_TEST

static bool
same_time(const struct aw_time *a, const struct aw_time *b)
{
	return a->kind == b->kind && a->year == b->year &&
		a->month == b->month && a->day == b->day &&
		a->hour == b->hour && a->minute == b->minute &&
		a->second == b->second && a->microsecond == b->microsecond &&
		a->negative == b->negative;
}

static int
times_both_ways(struct aw_db *db)
{
	static const struct aw_time odd[] = {
		{ .kind = AW_TIME_OF_DAY, .hour = 838, .minute = 59,
		  .second = 59 },
		{ .kind = AW_TIME_OF_DAY, .hour = 838, .minute = 59,
		  .second = 59, .negative = true },
		{ .kind = AW_TIME_OF_DAY, .second = 1, .microsecond = 500000 },
		{ .kind = AW_TIME_OF_DAY },
	};
	struct aw_time t = aw_time_unix(1700000000), got;
	struct aw_uuid u = { { 1, 2, 3, 255 } }, x;
	AW_AUTO(aw_conn, conn);

	t.microsecond = 123456;
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "CREATE TEMPORARY TABLE w (id int "
			   "PRIMARY KEY, ts timestamp(6) NULL, dt datetime(6), "
			   "d date, t time(6), u uuid, b binary(16))"));
	WANT_OK(aw_db_exec(conn, NULL, "SET sql_mode = ''"));
	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_exec(conn, NULL, "REPLACE INTO w (id, ts, dt, u, "
				   "b) VALUES (1, ?, ?, ?, ?)", t, t, u,
				   aw_bytes(u.bytes, 16)));
		WANT_OK(aw_db_one(conn, AW_INTO(&got), "SELECT ts FROM w"));
		WANT(same_time(&got, &t));
		WANT_OK(aw_db_one(conn, AW_INTO(&got), "SELECT dt FROM w"));
		got.kind = AW_TIME_INSTANT;
		WANT(same_time(&got, &t));
		WANT_OK(aw_db_one(conn, AW_INTO(&x), "SELECT u FROM w"));
		WANT(memcmp(&u, &x, sizeof(u)) == 0);
		WANT_OK(aw_db_one(conn, AW_INTO(&x), "SELECT b FROM w"));
		WANT(memcmp(&u, &x, sizeof(u)) == 0);
		for (size_t k = 0; k < AW_LENGTH(odd); k++) {
			WANT_OK(aw_db_exec(conn, NULL, "UPDATE w SET t = ?",
					   odd[k]));
			WANT_OK(aw_db_one(conn, AW_INTO(&got),
					  "SELECT t FROM w"));
			WANT(same_time(&got, &odd[k]));
		}
		WANT_OK(aw_db_exec(conn, NULL, "UPDATE w SET dt = "
				   "'0000-00-00', d = '2024-00-00'"));
		WANT_OK(aw_db_one(conn, AW_INTO(&got), "SELECT dt FROM w"));
		WANT(got.kind == AW_TIME_LOCAL && !got.year && !got.month &&
		     !got.day && !got.hour);
		WANT_OK(aw_db_one(conn, AW_INTO(&got), "SELECT d FROM w"));
		WANT(got.kind == AW_TIME_DATE && got.year == 2024 &&
		     !got.month && !got.day);
	}
	return 0;
}

START_TEST(times_zero_dates_and_uuids_come_back_as_they_were)
{
	check_with_pool(times_both_ways, _i);
}
END_TEST

/* The same text by the text protocol and by the binary one. */
static int
same_text(struct aw_db *db)
{
	static const char *const values[] = {
		"true", "-32768", "2147483647", "9223372036854775807",
		"18446744073709551615", "1.5e0", "0.1e0", "1e20", "1e15",
		"123456789012345e0", "999999999999999e0", "1e-7",
		"1e-15", "1.5e-16", "-0.001e0", "123456.789e0", "1e100",
		"CAST(0.1 AS float)", "CAST(16777216 AS float)",
		"CAST(1.5 AS decimal(10,4))", "'a b'", "x'00ff'",
		"CAST('12345678-9abc-4ef0-8102-030405060708' AS uuid)",
		"DATE '2024-01-02'", "TIMESTAMP '2024-01-02 03:04:05'",
		"TIMESTAMP '2024-01-02 03:04:05.670'", "TIME '12:13:14.5'",
		"TIME '-838:59:59'", "CAST(0 AS date)", "b'101' + 0",
		"JSON_OBJECT('a', 1)", "12.50", "'\xc3\xa4'",
		"CAST(1.25 AS double(10,3))", "ROUND(2.5e0, 2)",
	};

	for (size_t i = 0; i < AW_LENGTH(values); i++) {
		char sql[128], plain[128], own[128];
		bool null = false;

		snprintf(sql, sizeof(sql), "SELECT %s", values[i]);
		if (strstr(sql, "x'00ff'"))
			continue;
		WANT_OK(aw_db_one(db, AW_INTO(AW_OPT(AW_BUF(plain), &null)),
				  AW_SQL(.text = sql, .as_text = true)));
		for (int k = 0; k < 3 && !null; k++) {
			WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(own)), sql));
			if (strcmp(own, plain) != 0)
				return unwanted(__LINE__, "%s: \"%s\", not "
						"\"%s\"", sql, own, plain);
		}
	}
	return 0;
}

START_TEST(a_text_target_gets_the_servers_own_text_of_every_type)
{
	check_with_pool(same_text, _i);
}
END_TEST

/* --- What is counted, and streams of what has no rows ------------------- */

static int
counted(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "CREATE TEMPORARY TABLE counted "
			   "(a int)"));
	for (int i = 0; i < 4; i++) {
		AW_AUTO(aw_rows, buffered);
		AW_AUTO(aw_rows, streamed);
		AW_AUTO(aw_rows, read);
		AW_AUTO(aw_rows, plain);

		WANT_OK(aw_db_query(conn, &buffered, "INSERT INTO counted "
				    "VALUES (?), (2)", i));
		WANT_INT(aw_rows_affected(buffered), 2);
		WANT_OK(aw_db_stream(conn, &streamed, "INSERT INTO counted "
				     "VALUES (?), (2), (3)", i));
		WANT_INT(aw_rows_columns(streamed), 0);
		WANT_INT(aw_rows_affected(streamed), 3);
		WANT_INT(aw_rows_next(streamed), 0);
		WANT_OK(aw_db_stream(conn, &read, "SELECT a FROM counted"));
		while (aw_rows_next(read) > 0)
			continue;
		WANT_INT(aw_rows_affected(read), 5);
		WANT_OK(aw_db_stream(conn, &plain, AW_SQL(.text =
				     "DELETE FROM counted",
				     .no_prepare = true)));
		WANT_INT(aw_rows_affected(plain), 5);
	}
	return 0;
}

START_TEST(a_stream_counts_as_a_query_does_with_rows_or_without)
{
	check_with_pool(counted, _i, .max = 1);
}
END_TEST

static int
called(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "CREATE OR REPLACE PROCEDURE called_p"
			   "(n int) BEGIN SELECT n; SELECT seq FROM "
			   "seq_1_to_3; DO 0; END"));
	for (int i = 0; i < 4; i++) {
		AW_AUTO(aw_rows, bound);
		AW_AUTO(aw_rows, plain);
		int n;

		WANT_OK(aw_db_stream(conn, &bound, "CALL called_p(?)", i));
		WANT_INT(aw_rows_next(bound, &n), 1);
		WANT_INT(n, i);
		WANT_INT(aw_rows_next(bound, &n), 0);
		WANT_OK(aw_db_stream(conn, &plain, "/**/ CALL called_p(7)"));
		WANT_INT(aw_rows_next(plain, &n), 1);
		WANT_INT(n, 7);
		WANT_INT(aw_rows_next(plain, &n), 0);
		WANT_OK(aw_db_one(conn, AW_INTO(&n), "SELECT ?", i));
		WANT_INT(n, i);
	}
	return 0;
}

START_TEST(a_streamed_call_leaves_nothing_behind_its_first_rows)
{
	check_with_pool(called, _i, .max = 1);
}
END_TEST

START_TEST(what_is_too_long_for_a_message_is_refused_unsent)
{
	check_with_pool(huge_lengths, _i, .max = 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_values");
	TCase *tc = tcase_create("values");

	tcase_add_loop_test(tc, a_decimal_arrives_digit_by_digit_or_is_refused,
			    0, N_WAYS);
	tcase_add_loop_test(tc, a_nul_in_text_is_kept, 0, N_WAYS);
	tcase_add_loop_test(tc, bytes_and_hostile_text_come_back_unchanged, 0,
			    N_WAYS);
	tcase_add_loop_test(
	    tc, times_zero_dates_and_uuids_come_back_as_they_were, 0, N_WAYS);
	tcase_add_loop_test(
	    tc, a_text_target_gets_the_servers_own_text_of_every_type, 0,
	    N_WAYS);
	tcase_add_loop_test(
	    tc, a_stream_counts_as_a_query_does_with_rows_or_without, 0,
	    N_WAYS);
	tcase_add_loop_test(
	    tc, a_streamed_call_leaves_nothing_behind_its_first_rows, 0,
	    N_WAYS);
	tcase_add_loop_test(
	    tc, what_is_too_long_for_a_message_is_refused_unsent, 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
