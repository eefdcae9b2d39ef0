/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: streams, large values in both directions, notifications.
 */
#include <sys/resource.h>

#include "pg_session.h"

#include "results.h"

/* --- Streams ----------------------------------------------------------- */

static int
whole(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	int64_t sum = 0;
	int n, r;

	WANT_OK(aw_db_stream(db, &rows, "SELECT g FROM generate_series(1, "
			     "$1::int) g", 50000));
	WANT_INT(aw_rows_count(rows), -1);
	while ((r = aw_rows_next(rows, &n)) > 0)
		sum += n;
	WANT_INT(r, 0);
	WANT_INT(sum, 1250025000);
	WANT_INT(aw_rows_affected(rows), 50000);
	WANT_INT(aw_rows_next(rows), 0);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	return 0;
}

START_TEST(a_stream_gives_every_row_and_then_its_connection_back)
{
	check_with_pool(whole, _i, .max = 1);
}
END_TEST

static int
early(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	int n;

	for (int i = 0; i < 20; i++) {
		AW_AUTO(aw_rows, rows);

		WANT_OK(aw_db_stream(db, &rows, "SELECT "
				     "generate_series(1, 10000000), "
				     "repeat('x', 100)"));
		for (int k = 1; k <= i; k++) {
			WANT_INT(aw_rows_next(rows, &n, AW_SKIP), 1);
			WANT_INT(n, k);
		}
	}
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	aw_db_stats(db, &s);
	WANT_INT(s.opened, 1);
	WANT_INT(s.cancelled, 20);
	return 0;
}

START_TEST(a_stream_may_end_early_and_the_connection_is_kept)
{
	check_with_pool(early, _i, .max = 1);
}
END_TEST

static int
on_conn(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_rows, rows);
	int n;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_stream(conn, &rows, "SELECT generate_series(1, "
			     "1000000)"));
	WANT_INT(aw_rows_next(rows, &n), 1);
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1"), AW_EBUSY);
	WANT(strstr(aw_error()->message, "generate_series"));
	WANT_INT(aw_rows_next(rows, &n), 1);
	WANT_INT(n, 2);
	aw_rows_freep(&rows);
	WANT_OK(aw_db_one(conn, AW_INTO(&n), "SELECT 7"));
	WANT_OK(aw_db_stream(conn, &rows, "SELECT generate_series(1, "
			     "1000000)"));
	aw_conn_freep(&conn);
	WANT_CODE(aw_rows_next(rows, &n), AW_ECLOSED);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	return 0;
}

START_TEST(a_stream_holds_its_connection_until_either_is_released)
{
	check_with_pool(on_conn, _i, .max = 1);
}
END_TEST

static int
late_error(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	int n, rows_seen = 0, r;

	WANT_OK(aw_db_stream(db, &rows, "SELECT 10 / (3 - g) FROM "
			     "generate_series(1, 5) g"));
	while ((r = aw_rows_next(rows, &n)) > 0)
		rows_seen++;
	WANT_CODE(r, AW_ESQL);
	WANT_STR(aw_error()->sqlstate, "22012");
	WANT_INT(rows_seen, 2);
	WANT_INT(aw_rows_next(rows), 0);
	WANT_CODE(aw_db_stream(db, &rows, "SELEC"), AW_ESQL);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	return 0;
}

START_TEST(an_error_may_come_after_rows)
{
	check_with_pool(late_error, _i, .max = 1);
}
END_TEST

static int
empty(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	AW_AUTO(aw_rows, none);
	int n;

	WANT_OK(aw_db_stream(db, &rows, "SELECT 1 WHERE false"));
	WANT_INT(aw_rows_columns(rows), 1);
	WANT_INT(aw_rows_next(rows, &n), 0);
	WANT_OK(aw_db_stream(db, &none, "CREATE TEMP TABLE t (a int)"));
	WANT_INT(aw_rows_next(none), 0);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	return 0;
}

START_TEST(a_stream_without_rows_ends_at_once)
{
	check_with_pool(empty, _i, .max = 1);
}
END_TEST

/* AddressSanitizer keeps freed memory for a while: 256 MB. */
#if defined(__SANITIZE_ADDRESS__)
#define MOST_KB (400 * 1024)
#else
#define MOST_KB 4096
#endif

static long
peak_kb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static int
flat(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	long before;
	int r;

	WANT_OK(aw_db_stream(db, &rows, "SELECT repeat('x', 1000) FROM "
			     "generate_series(1, 2000)"));
	while ((r = aw_rows_next(rows)) > 0)
		continue;
	WANT_INT(r, 0);
	aw_rows_freep(&rows);
	before = peak_kb();
	WANT_OK(aw_db_stream(db, &rows, "SELECT repeat('x', 1000) FROM "
			     "generate_series(1, 100000)"));
	while ((r = aw_rows_next(rows)) > 0)
		continue;
	WANT_INT(r, 0);
	/* 100 MB went through. */
	WANT(peak_kb() - before < MOST_KB);
	return 0;
}

START_TEST(the_memory_of_a_stream_does_not_grow_with_it)
{
	check_with_pool(flat, _i, .max = 1);
}
END_TEST

/* --- Large values ------------------------------------------------------ */

static int
both_ways(struct aw_db *db)
{
	size_t size = 10 << 20;
	char *big = malloc(size);
	AW_AUTO(aw_rows, rows);
	struct aw_bytes back;
	int n = 0;

	memset(big, 'y', size);
	WANT_OK(aw_db_query(db, &rows, "SELECT x FROM (SELECT $1::bytea x) s, "
			    "generate_series(1, 2)", aw_bytes(big, size)));
	while (aw_rows_next(rows, &back) > 0) {
		WANT_INT(back.size, (long long)size);
		WANT(memcmp(back.data, big, size) == 0);
		n++;
	}
	free(big);
	WANT_INT(n, 2);
	return 0;
}

START_TEST(ten_megabytes_go_there_and_back)
{
	check_with_pool(both_ways, _i);
}
END_TEST

/* Over TLS the end of a result may lie decrypted in OpenSSL while the socket
 * is silent: sizes around its 16 KiB records and libpq's buffer. */
static int
record_sizes(struct aw_db *db)
{
	for (int size = 8100; size < 82000; size += 97) {
		int n = 0;

		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT length(s) FROM "
				  "(SELECT repeat('x', $1::int) s) x WHERE s "
				  "IS NOT NULL", size));
		WANT_INT(n, size);
	}
	return 0;
}

static int
record_rows(struct aw_db *db)
{
	for (int size = 8100; size < 82000; size += 211) {
		AW_AUTO(aw_rows, rows);
		struct aw_bytes text;

		WANT_OK(aw_db_query(db, &rows, "SELECT repeat('x', $1::int)",
				    size));
		WANT_INT(aw_rows_next(rows, &text), 1);
		WANT_INT((int)text.size, size);
	}
	return record_sizes(db);
}

START_TEST(results_of_every_size_arrive)
{
	check_with_pool(record_rows, _i);
}
END_TEST

/* --- Notifications ----------------------------------------------------- */

static int
heard(struct aw_db *db)
{
	AW_AUTO(aw_pg_listener, listener);
	struct aw_pg_note note;

	WANT_OK(aw_pg_listen(db, &listener, "A \"channel\""));
	WANT_OK(aw_db_exec(db, NULL, "SELECT pg_notify('A \"channel\"', $1)",
			   "one"));
	WANT_OK(aw_db_exec(db, NULL, "SELECT pg_notify('a \"channel\"', 'x')"));
	WANT_OK(aw_db_exec(db, NULL, "NOTIFY \"A \"\"channel\"\"\""));
	WANT_INT(aw_pg_listener_next(listener, &note), 1);
	WANT(!note.gap);
	WANT_STR(note.payload, "one");
	WANT_STR(note.channel, "A \"channel\"");
	WANT_INT(aw_pg_listener_next(listener, &note), 1);
	WANT_STR(note.payload, "");
	return 0;
}

START_TEST(a_listener_hears_its_channel_and_no_other)
{
	check_with_pool(heard, _i);
}
END_TEST

static int
gap(struct aw_db *db)
{
	AW_AUTO(aw_pg_listener, listener);
	struct aw_pg_note note;
	int n = 0;

	WANT_OK(aw_pg_listen(db, &listener, "gap"));
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT count(pg_terminate_backend("
			  "pid))::int FROM pg_stat_activity WHERE query = "
			  "'LISTEN \"gap\"'"));
	WANT_INT(n, 1);
	WANT_INT(aw_pg_listener_next(listener, &note), 1);
	WANT(note.gap);
	WANT_STR(note.payload, "");
	WANT_OK(aw_db_exec(db, NULL, "SELECT pg_notify('gap', 'after')"));
	WANT_INT(aw_pg_listener_next(listener, &note), 1);
	WANT(!note.gap);
	WANT_STR(note.payload, "after");
	return 0;
}

START_TEST(a_lost_listener_connects_again_and_tells_of_the_gap)
{
	check_with_pool(gap, _i);
}
END_TEST

static int
outlives(struct aw_db *db)
{
	AW_AUTO(aw_pg_listener, listener);
	AW_AUTO(aw_db, other);
	struct aw_pg_note note;

	WANT_OK(aw_pg_open(&other, pg_dsn(0), .max = 1));
	WANT_OK(aw_pg_listen(other, &listener, "outlives"));
	WANT_OK(aw_db_close(&other, 1));
	WANT_OK(aw_db_exec(db, NULL, "SELECT pg_notify('outlives', 'x')"));
	WANT_INT(aw_pg_listener_next(listener, &note), 1);
	WANT_STR(note.payload, "x");
	return 0;
}

START_TEST(a_listener_outlives_the_pool_that_it_came_from)
{
	check_with_pool(outlives, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_stream");
	TCase *tc = tcase_create("basic");
	const TTest *const tests[] = {
		a_stream_gives_every_row_and_then_its_connection_back,
		a_stream_may_end_early_and_the_connection_is_kept,
		a_stream_holds_its_connection_until_either_is_released,
		an_error_may_come_after_rows,
		a_stream_without_rows_ends_at_once,
		ten_megabytes_go_there_and_back,
		results_of_every_size_arrive,
		a_listener_hears_its_channel_and_no_other,
		a_lost_listener_connects_again_and_tells_of_the_gap,
		a_listener_outlives_the_pool_that_it_came_from,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	results_cases(tc);
	suite_add_tcase(suite, tc);
	tc = tcase_create("memory");
	tcase_add_loop_test(tc, the_memory_of_a_stream_does_not_grow_with_it,
			    0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
