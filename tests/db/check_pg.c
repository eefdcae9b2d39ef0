/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: statements, rows, errors.
 */
#include "pg_session.h"

/* --- Statements ---------------------------------------------------------- */

static int
query_rows(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	const char *text;
	int64_t sum = 0;
	bool null;
	int n, r;

	WANT_OK(aw_db_query(db, &rows, "SELECT g AS n, 'x' || g AS t, NULL "
			    "FROM generate_series(1, $1::int) g", 100));
	WANT_INT(aw_rows_count(rows), 100);
	WANT_INT(aw_rows_columns(rows), 3);
	WANT_STR(aw_rows_name(rows, 1), "t");
	WANT_STR(aw_rows_type(rows, 0), "int4");
	WANT_INT(aw_rows_find(rows, "t"), 1);
	while ((r = aw_rows_next(rows, &n, &text,
				 AW_OPT(&n, &null))) > 0) {
		sum += n;
		WANT(null && text[0] == 'x' && strtol(text + 1, NULL, 10) == n);
	}
	WANT_INT(r, 0);
	WANT_INT(sum, 5050);
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
	int64_t n = 0;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "CREATE TEMP TABLE t (a int)"));
	WANT_OK(aw_db_exec(conn, &n, "INSERT INTO t SELECT generate_series(1, "
			   "$1::int)", 7));
	WANT_INT(n, 7);
	WANT_OK(aw_db_exec(conn, &n, "UPDATE t SET a = 0 WHERE a > 5"));
	WANT_INT(n, 2);
	WANT_OK(aw_db_exec(conn, &n, ""));
	WANT_INT(n, 0);
	return 0;
}

START_TEST(exec_tells_how_many_rows_it_changed)
{
	check_with_pool(exec_counts, _i);
}
END_TEST

static int
exactly_one(struct aw_db *db)
{
	char name[8];
	int n = 7;
	const char *view;

	WANT_OK(aw_db_one(db, AW_INTO(&n, AW_BUF(name)), "SELECT 3, 'abc'"));
	WANT_INT(n, 3);
	WANT_STR(name, "abc");
	WANT_CODE(aw_db_one(db, AW_INTO(&n), "SELECT 1 WHERE false"),
		  AW_ENOROW);
	WANT_CODE(aw_db_one(db, AW_INTO(&n), "VALUES (1), (2)"), AW_EMANY);
	WANT_CODE(aw_db_one(db, AW_INTO(&n), "SELECT 1, 2"), AW_ETYPE);
	WANT_CODE(aw_db_one(db, AW_INTO(&view), "SELECT 'x'"), AW_EUSAGE);
	WANT_INT(n, 3);
	return 0;
}

START_TEST(one_wants_exactly_one_row)
{
	check_with_pool(exactly_one, _i);
}
END_TEST

#if defined(__SANITIZE_ADDRESS__)
int __asan_address_is_poisoned(const volatile void *at);
#else
/* Without the sanitizer nothing can be seen of it. */
static int
__asan_address_is_poisoned(const volatile void *at)
{
	(void)at;
	return 1;
}
#endif

static int
views_end(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	const char *first, *second;

	WANT_OK(aw_db_query(db, &rows, "VALUES ('the first of two rows'), "
			    "('the second of two rows')"));
	WANT_INT(aw_rows_next(rows, &first), 1);
	WANT_STR(first, "the first of two rows");
	WANT_INT(aw_rows_next(rows, &second), 1);
	WANT_STR(second, "the second of two rows");
	WANT(__asan_address_is_poisoned(first + 8));
	WANT_INT(aw_rows_next(rows), 0);
	WANT(__asan_address_is_poisoned(second + 8));
	return 0;
}

START_TEST(a_view_lives_until_the_next_row)
{
	check_with_pool(views_end, _i);
}
END_TEST

static int
outlive(struct aw_db *db)
{
	struct aw_rows *rows;
	const char *text;
	int r;

	WANT_OK(aw_db_query(db, &rows, "SELECT repeat('x', 100000) FROM "
			    "generate_series(1, 3)"));
	WANT_OK(aw_db_close(&db, 10));
	r = aw_rows_next(rows, &text);
	if (r == 1)
		r = (int)strlen(text);
	aw_rows_free(rows);
	WANT_INT(r, 100000);
	return 0;
}

static int
outlive_main(void *arg)
{
	struct aw_db_options o = { .size = sizeof(o) };
	struct aw_db *db;

	WANT_OK(open_pool(&db, *(int *)arg, &o));
	return outlive(db);
}

START_TEST(rows_outlive_connection_and_pool)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(outlive_main, &_i, .no_signals = true) == 0,
		      "%s", why);
}
END_TEST

static int
several(struct aw_db *db)
{
	int n;

	WANT_CODE(aw_db_exec(db, NULL, "SELECT 1; SELECT 2"), AW_ESQL);
	WANT_STR(aw_error()->sqlstate, "42601");
	WANT_OK(aw_db_one(db, AW_INTO(&n), AW_SQL(.text = "SELECT 1; SELECT 2",
						  .multi = true)));
	WANT_INT(n, 2);
	WANT_CODE(aw_db_exec(db, NULL, AW_SQL(.text = "SELECT 1",
					      .multi = true), 1), AW_EUSAGE);
	WANT_OK(aw_db_one(db, AW_INTO(&n), AW_SQL(.pg = "SELECT 5",
						  .mysql = "SELECT 6")));
	WANT_INT(n, 5);
	WANT_CODE(aw_db_exec(db, NULL, AW_SQL(.mysql = "SELECT 6")),
		  AW_EUSAGE);
	return 0;
}

START_TEST(several_commands_need_to_be_asked_for)
{
	check_with_pool(several, _i);
}
END_TEST

static int
limits_rows(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);

	WANT_CODE(aw_db_query(db, &rows, AW_SQL(.text = "SELECT "
			      "generate_series(1, 11)", .max_rows = 10)),
		  AW_ELIMIT);
	WANT_OK(aw_db_query(db, &rows, AW_SQL(.text = "SELECT "
			    "generate_series(1, 10)", .max_rows = 10)));
	return 0;
}

START_TEST(max_rows_is_a_limit)
{
	check_with_pool(limits_rows, _i);
}
END_TEST

/* --- Errors -------------------------------------------------------------- */

static int
errors(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "CREATE TEMP TABLE t (a int CONSTRAINT "
			   "t_key UNIQUE CHECK (a < 10))"));
	WANT_OK(aw_db_exec(conn, NULL, "INSERT INTO t VALUES (1)"));
	WANT_CODE(aw_db_exec(conn, NULL, "INSERT INTO t VALUES ($1)", 1),
		  AW_ESQL);
	WANT_STR(aw_error()->sqlstate, "23505");
	WANT_INT(aw_error()->sql_class, AW_SQL_UNIQUE);
	WANT_STR(aw_error()->constraint, "t_key");
	WANT_INT(aw_error()->sent, AW_SENT_NO_EFFECT);
	WANT_STR(aw_error()->op, "INSERT INTO t VALUES ($1)");
	WANT(strstr(aw_error()->detail, "already exists"));
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT * FROM nowhere"), AW_ESQL);
	WANT_INT(aw_error()->sql_class, AW_SQL_UNDEFINED);
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1/$1::int", 0), AW_ESQL);
	WANT_INT(aw_error()->sql_class, AW_SQL_DATA);
	WANT_OK(aw_db_exec(conn, NULL, "SET statement_timeout = 20"));
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT pg_sleep(10)"), AW_ESQL);
	WANT_INT(aw_error()->sql_class, AW_SQL_TIMEOUT);
	WANT_OK(aw_db_exec(conn, NULL, "SELECT 1"));
	WANT_CODE(aw_db_exec(conn, NULL, "COPY t FROM STDIN"), AW_EUSAGE);
	WANT_OK(aw_db_exec(conn, NULL, "SELECT 1"));
	WANT_CODE(aw_db_exec(conn, NULL, "COPY t TO STDOUT"), AW_EUSAGE);
	WANT_OK(aw_db_exec(conn, NULL, "SELECT 1"));
	return 0;
}

START_TEST(an_error_keeps_what_the_server_said_and_the_connection_lives)
{
	check_with_pool(errors, _i);
}
END_TEST

static int
busy_reader(void *arg)
{
	return aw_db_exec((struct aw_conn *)arg, NULL, "SELECT pg_sleep(0.2)");
}

static int
busy(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_GROUP(g);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_go(&g, busy_reader, conn));
	WANT_OK(aw_yield());		/* it has asked, and waits */
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1"), AW_EBUSY);
	WANT(strstr(aw_error()->message, "pg_sleep"));
	WANT_OK(aw_group_wait(&g));
	WANT_OK(aw_db_exec(conn, NULL, "SELECT 1"));
	return 0;
}

START_TEST(a_second_call_on_a_busy_connection_is_refused_by_name)
{
	check_with_pool(busy, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg");
	TCase *tc = tcase_create("basic");
	const TTest *const tests[] = {
		a_query_gives_its_rows,
		exec_tells_how_many_rows_it_changed,
		one_wants_exactly_one_row,
		a_view_lives_until_the_next_row,
		rows_outlive_connection_and_pool,
		several_commands_need_to_be_asked_for,
		max_rows_is_a_limit,
		an_error_keeps_what_the_server_said_and_the_connection_lives,
		a_second_call_on_a_busy_connection_is_refused_by_name,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
