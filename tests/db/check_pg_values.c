/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: parameters in every prepare mode, and the server's own text.
 */
#include <limits.h>
#include <libpq-fe.h>
#include <math.h>

#include "pg_session.h"

#include "huge.h"

static const int too_long = AW_ELIMIT;

static int
socket_of(struct aw_conn *conn)
{
	return PQsocket(aw_pg_native(conn));
}

/* --- Parameters ---------------------------------------------------------- */

#define ROUND_TRIP(type, value, cast) \
	do { \
		type back, sent = (value); \
		WANT_OK(aw_db_one(db, AW_INTO(&back), "SELECT $1::" cast, \
				  sent)); \
		WANT(memcmp(&back, &sent, sizeof(back)) == 0); \
	} while (0)

static int
round_trips(struct aw_db *db)
{
	ROUND_TRIP(short, SHRT_MIN, "int2");
	ROUND_TRIP(short, SHRT_MAX, "int2");
	ROUND_TRIP(int, INT_MIN, "int4");
	ROUND_TRIP(int, INT_MAX, "int4");
	ROUND_TRIP(long long, INT64_MIN, "int8");
	ROUND_TRIP(long long, INT64_MAX, "int8");
	ROUND_TRIP(unsigned, UINT_MAX, "oid");
	ROUND_TRIP(unsigned long long, INT64_MAX, "int8");
	ROUND_TRIP(bool, true, "bool");
	ROUND_TRIP(bool, false, "bool");
	ROUND_TRIP(double, 0.1, "float8");
	ROUND_TRIP(double, -INFINITY, "float8");
	ROUND_TRIP(double, 5e-324, "float8");
	ROUND_TRIP(float, 0.1f, "float4");
	ROUND_TRIP(int, 42, "numeric");
	ROUND_TRIP(int, 42, "float8");
	ROUND_TRIP(int, 1, "bool");
	ROUND_TRIP(bool, true, "int4");
	ROUND_TRIP(double, 42.0, "int4");
	ROUND_TRIP(double, 1e20, "numeric");
	return 0;
}

/* Twice, so that the second round goes by the prepared way. */
static int
round_trips_in_every_mode(struct aw_db *db)
{
	for (int i = 0; i < 3; i++) {
		int r = round_trips(db);

		if (r < 0)
			return r;
	}
	return 0;
}

static const enum aw_prepare modes[] = {
	AW_PREPARE_AUTO, AW_PREPARE_UNNAMED, AW_PREPARE_OFF,
};

START_TEST(numbers_come_back_as_they_were_in_every_mode)
{
	for (size_t i = 0; i < AW_LENGTH(modes); i++)
		check_with_pool(round_trips_in_every_mode, _i,
				.prepare = modes[i]);
}
END_TEST

static int
refused_values(struct aw_db *db)
{
	char here[1] = "";
	int n;

	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::int2", 32768), AW_ERANGE);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::int8", UINT64_MAX),
		  AW_ERANGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::numeric", UINT64_MAX),
		  AW_ERANGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::bool", 2), AW_ERANGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::int", 1.5), AW_ERANGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::float8", (1LL << 53) + 1),
		  AW_ERANGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::timestamptz", 20240101),
		  AW_ETYPE);
	WANT(strstr(aw_error()->message, "struct aw_time"));
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::date", 1.0), AW_ETYPE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::int8", aw_time()),
		  AW_ETYPE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::int4", aw_bytes("abcd", 4)),
		  AW_ETYPE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::text", (void *)here),
		  AW_EUSAGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::int", 1, 2), AW_EUSAGE);
	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::int + $2", 1), AW_EUSAGE);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	return 0;
}

START_TEST(a_value_that_does_not_fit_is_refused_in_every_mode)
{
	for (size_t i = 0; i < AW_LENGTH(modes); i++)
		check_with_pool(refused_values, _i, .prepare = modes[i],
				.prepare_after = i == 0 ? 1 : 2);
}
END_TEST

static int
nulls(struct aw_db *db)
{
	const char *none = NULL;
	bool a, b, c, d;
	int n;

	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&a, &b, &c, &d),
				  "SELECT "
				  "$1::int IS NULL, $2::text IS NULL, "
				  "$3::bytea IS NULL, $4::int IS NULL",
				  NULL, none, aw_bytes(NULL, 0),
				  AW_IF(i > 5, i)));
		WANT(a && b && c && d);
		WANT_CODE(aw_db_one(db, AW_INTO(&n), "SELECT $1::int", NULL),
			  AW_ENULL);
		WANT(strstr(aw_error()->message, "int4"));
		WANT_OK(aw_db_one(db, AW_INTO(AW_OPT(&n, &a)),
				  "SELECT $1::int", AW_NULL));
		WANT(a);
	}
	return 0;
}

START_TEST(nulls_go_both_ways)
{
	check_with_pool(nulls, _i);
}
END_TEST

static int
bytes_both_ways(struct aw_db *db)
{
	static const char hostile[] = "'; DROP TABLE t; -- \\ \" $1 \xc3\xa4";
	AW_AUTO(aw_rows, rows);
	struct aw_bytes got;
	char buf[64];
	unsigned char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_query(db, &rows, "SELECT $1::bytea",
				    aw_bytes(all, sizeof(all))));
		WANT_INT(aw_rows_next(rows, &got), 1);
		WANT_INT(got.size, 256);
		WANT(memcmp(got.data, all, 256) == 0);
		aw_rows_freep(&rows);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT $1::text",
				  hostile));
		WANT_STR(buf, hostile);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT $1::text",
				  aw_text(hostile)));
		WANT_STR(buf, hostile);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT "
				  "($1::jsonb)->>'a'",
				  aw_text("{\"a\": \"b\"}")));
		WANT_STR(buf, "b");
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT $1::bytea",
				  aw_bytes("\0\xff", 2)));
		WANT_STR(buf, "\\x00ff");
	}
	return 0;
}

static int
nul_in_text(struct aw_db *db)
{
	struct aw_value text = aw_value_text_(aw_bytes("a\0b", 3));
	char buf[16];
	int n;

	/* The third time it has a name on the server. */
	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)),
				  "SELECT $1::bytea", text));
		WANT_STR(buf, "\\x610062");
		WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::int, $2::text", 1,
				     text), AW_EILSEQ);
		WANT(strstr(aw_error()->message, "parameter $2"));
		WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::json", text),
			  AW_EILSEQ);
		WANT_INT(aw_error()->sent, AW_NOT_SENT);
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	}
	return 0;
}

START_TEST(a_nul_in_text_is_for_bytea_and_never_cuts_it_short)
{
	check_with_pool(nul_in_text, _i, .max = 1);
}
END_TEST

START_TEST(bytes_and_hostile_text_come_back_unchanged)
{
	check_with_pool(bytes_both_ways, _i);
}
END_TEST

static int
times_both_ways(struct aw_db *db)
{
	struct aw_time t = aw_time_unix(1700000000), got;
	struct aw_interval v = { 14, -3, 5000001 }, w;
	struct aw_uuid u = { { 1, 2, 3 } }, x;

	t.microsecond = 123456;
	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&got), "SELECT $1::timestamptz",
				  t));
		WANT(got.kind == t.kind && got.year == t.year &&
		     got.month == t.month && got.day == t.day &&
		     got.hour == t.hour && got.minute == t.minute &&
		     got.second == t.second &&
		     got.microsecond == t.microsecond);
		WANT_OK(aw_db_one(db, AW_INTO(&got), "SELECT "
				  "'infinity'::timestamptz"));
		WANT_INT(got.kind, AW_TIME_INFINITY);
		WANT_OK(aw_db_one(db, AW_INTO(&got), "SELECT $1::date", got));
		WANT_INT(got.kind, AW_TIME_INFINITY);
		WANT_OK(aw_db_one(db, AW_INTO(&got), "SELECT "
				  "'0044-03-15 12:00 BC'::timestamp"));
		WANT_INT(got.year, -43);
		WANT_OK(aw_db_one(db, AW_INTO(&got), "SELECT $1::timestamp",
				  got));
		WANT_INT(got.year, -43);
		WANT_OK(aw_db_one(db, AW_INTO(&w), "SELECT $1::interval", v));
		WANT(w.months == 14 && w.days == -3 &&
		     w.microseconds == 5000001);
		WANT_OK(aw_db_one(db, AW_INTO(&x), "SELECT $1::uuid", u));
		WANT(memcmp(&u, &x, sizeof(u)) == 0);
	}
	return 0;
}

START_TEST(times_intervals_and_uuids_come_back_as_they_were)
{
	check_with_pool(times_both_ways, _i);
}
END_TEST

static int
arrays(struct aw_db *db)
{
	int numbers[] = { 1, -2, 3 };
	const char *texts[] = { "a\"b", "c\\d", NULL, "{e,f}", "" };
	char buf[64];
	int n;

	for (int i = 0; i < 3; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT sum(x)::int FROM "
				  "unnest($1::int[]) x",
				  aw_array(numbers, AW_LENGTH(numbers))));
		WANT_INT(n, 2);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(buf)), "SELECT "
				  "string_agg(coalesce(x, '-'), '|') FROM "
				  "unnest($1::text[]) x",
				  aw_array(texts, AW_LENGTH(texts))));
		WANT_STR(buf, "a\"b|c\\d|-|{e,f}|");
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT "
				  "cardinality($1::int[])",
				  aw_array(numbers, 0)));
		WANT_INT(n, 0);
	}
	return 0;
}

START_TEST(an_array_is_one_parameter)
{
	check_with_pool(arrays, _i);
}
END_TEST

static int
many_parameters(struct aw_db *db)
{
	static struct aw_value values[65536];
	static char sql[500000];
	struct aw_sql s = aw_sql_from_text(sql);
	AW_AUTO(aw_rows, rows);
	size_t n = 0;

	for (size_t i = 0; i < AW_LENGTH(values); i++)
		values[i] = aw_value((int)i);
	for (int i = 1; i <= 65535; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, "%s$%d",
				      i == 1 ? "SELECT 1 WHERE 7::int IN (" :
					       ",", i);
	snprintf(sql + n, sizeof(sql) - n, ")");
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

/* The types of 7,000 are asked for, those of one more are not: the values
 * arrive the same. */
static int
mixed_parameters(struct aw_db *db)
{
	static struct aw_value values[7001];
	static char sql[70000];
	struct aw_sql s = aw_sql_from_text(sql);
	AW_AUTO(aw_rows, rows);
	struct aw_bytes bytes;
	bool yes, same;
	double d;
	int i;

	values[0] = aw_value(aw_bytes("\0\377\\", 3));
	values[1] = aw_value(0.1);
	values[2] = aw_value((bool)true);
	values[3] = aw_value(aw_time_unix(1700000000));
	for (size_t n = 7000; n <= 7001; n++) {
		size_t at = (size_t)snprintf(
			sql, sizeof(sql), "SELECT $1::bytea, $2::float8, "
			"$3::bool, $4::timestamptz = to_timestamp(1700000000),"
			" 7 WHERE 7::int IN ($5");

		for (size_t k = 5; k <= n; k++) {
			values[k - 1] = aw_value((int)k);
			at += (size_t)snprintf(sql + at, sizeof(sql) - at,
					       ",$%zu", k);
		}
		snprintf(sql + at, sizeof(sql) - at, ")");
		aw_rows_freep(&rows);
		WANT_OK(aw_db_query_v(db, &rows, &s, values, n));
		WANT_INT(aw_rows_next(rows, &bytes, &d, &yes, &same, &i), 1);
		WANT(bytes.size == 3 &&
		     memcmp(bytes.data, "\0\377\\", 3) == 0);
		WANT(d == 0.1 && yes && same && i == 7);
	}
	return 0;
}

START_TEST(parameters_too_many_to_ask_for_arrive_the_same)
{
	check_with_pool(mixed_parameters, _i);
}
END_TEST

/* --- Text of every type, binary or not ----------------------------------- */

static int
same_text(struct aw_db *db)
{
	static const char *const values[] = {
		"true", "(-32768)::int2", "2147483647", "9223372036854775807",
		"1.5::float4", "0.1::float8", "1e20::float8", "'NaN'::float8",
		"1e-7::float8", "123456.789::float4", "16777216::float4",
		"'-Infinity'::float4", "'a b'::text",
		"'ab'::char(5)", "'x'::varchar", "'\\x00ff'::bytea",
		"'12345678-9abc-def0-0102-030405060708'::uuid",
		"'{\"a\": 1}'::json", "'{\"b\":2}'::jsonb", "42::oid",
		"'name'::name", "1.500::numeric", "'2024-01-02'::date",
		"'2024-01-02 03:04:05.6+02'::timestamptz", "'1 day'::interval",
		"'{1,2}'::int[]", "'10.0.0.1'::inet", "'(1,2)'::point",
	};

	for (size_t i = 0; i < AW_LENGTH(values); i++) {
		char sql[128], plain[64], own[64];

		snprintf(sql, sizeof(sql), "SELECT %s", values[i]);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(plain)),
				  AW_SQL(.text = sql, .as_text = true)));
		for (int k = 0; k < 3; k++) {
			WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(own)), sql));
			WANT_STR(own, plain);
		}
	}
	return 0;
}

START_TEST(a_text_target_gets_the_servers_own_text_of_every_type)
{
	check_with_pool(same_text, _i);
}
END_TEST

/* Its type is asked for first; the value itself does not go out. */
static int
huge_items(struct aw_db *db)
{
	const struct aw_bytes items[] = { aw_bytes("x", SIZE_MAX),
					  aw_bytes("x", (SIZE_MAX >> 1) + 1) };
	int n = 0;

	WANT_CODE(aw_db_exec(db, NULL, "SELECT $1::bytea[]",
			     aw_array(items, AW_LENGTH(items))), AW_ELIMIT);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	return 0;
}

/* None is too long, all of them are: so much memory is not there. */
static int
many_items(struct aw_db *db)
{
	size_t size = (size_t)1 << 29, n = 4096, i;
	struct aw_bytes *items = calloc(n, sizeof(*items));
	char *huge = huge_new();
	int r;

	WANT(items);
	for (i = 0; i < n; i++)
		items[i] = aw_bytes(huge, size);
	r = aw_db_exec(db, NULL, "SELECT $1::bytea[]", aw_array(items, n));
	munmap(huge, HUGE_PIECE * (HUGE_PIECES + 1));
	free(items);
	WANT_CODE(r, AW_ELIMIT);
	return 0;
}

START_TEST(what_is_too_long_for_a_message_is_refused_unsent)
{
	check_with_pool(huge_lengths, _i, .max = 1);
	check_with_pool(huge_items, _i, .max = 1);
	check_with_pool(many_items, _i, .max = 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_values");
	TCase *tc = tcase_create("basic");
	const TTest *const tests[] = {
		numbers_come_back_as_they_were_in_every_mode,
		a_value_that_does_not_fit_is_refused_in_every_mode,
		nulls_go_both_ways,
		bytes_and_hostile_text_come_back_unchanged,
		a_nul_in_text_is_for_bytea_and_never_cuts_it_short,
		times_intervals_and_uuids_come_back_as_they_were,
		an_array_is_one_parameter,
		sixty_five_thousand_parameters_fit_and_no_more,
		parameters_too_many_to_ask_for_arrive_the_same,
		what_is_too_long_for_a_message_is_refused_unsent,
		a_text_target_gets_the_servers_own_text_of_every_type,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
