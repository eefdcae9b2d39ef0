/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL in the states that a server gets into: limits, refusals, floods.
 * Each has its SQLSTATE, and the connection lives on or leaves the pool.
 */
#include <errno.h>
#include <signal.h>

#include "pg_session.h"

static int
refused(struct aw_conn *conn, const char *sql, const char *sqlstate)
{
	int n;

	WANT_CODE(aw_db_exec(conn, NULL, sql), AW_ESQL);
	WANT_STR(aw_error()->sqlstate, sqlstate);
	WANT_INT(aw_error()->sent, AW_SENT_NO_EFFECT);
	WANT_OK(aw_db_one(conn, AW_INTO(&n), "SELECT 7"));
	WANT_INT(n, 7);
	return 0;
}

static int
limits(struct aw_db *db)
{
	static char deep[8100], wide[5000];
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_conn, other);

	WANT_OK(aw_db_exec(db, NULL, "CREATE TABLE IF NOT EXISTS held (a "
			   "int)"));
	WANT_OK(wait_settled(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_acquire(db, &other));
	WANT_OK(aw_db_exec(other, NULL, "BEGIN"));
	WANT_OK(aw_db_exec(other, NULL, "LOCK TABLE held"));
	WANT_OK(aw_db_exec(conn, NULL, "SET lock_timeout = 20"));
	WANT_OK(refused(conn, "SELECT * FROM held", "55P03"));
	WANT_OK(aw_db_exec(other, NULL, "ROLLBACK"));
	WANT_OK(aw_db_exec(conn, NULL, "SET work_mem = '64kB'"));
	WANT_OK(aw_db_exec(conn, NULL, "SET temp_file_limit = '64kB'"));
	WANT_OK(refused(conn, "SELECT g FROM generate_series(1, 90000) g "
			"ORDER BY -g", "53400"));
	memcpy(wide, "SELECT 1", 8);
	for (int i = 1; i < 1665; i++)
		memcpy(wide + 6 + 2 * i, ",1", 2);
	WANT_OK(refused(conn, wide, "54011"));
	wide[6 + 2 * 1664] = '\0';
	WANT_OK(aw_db_exec(conn, NULL, wide));
	memcpy(deep, "SELECT ", 7);
	for (int i = 0; i < 2000; i++)
		memcpy(deep + 7 + 3 * i, "1+(", 3);
	deep[6007] = '1';
	memset(deep + 6008, ')', 2000);
	WANT_OK(aw_db_exec(conn, NULL, "SET max_stack_depth = '100kB'"));
	WANT_OK(refused(conn, deep, "54001"));
	WANT_OK(refused(conn, "SELECT pg_notify('c', repeat('x', 8001))",
			"22023"));
	WANT_OK(refused(conn, "DROP DATABASE await", "55006"));
	return 0;
}

START_TEST(a_limit_of_the_server_is_told_and_the_session_lives)
{
	check_with_pool(limits, _i);
}
END_TEST

static int
bad_text(struct aw_db *db)
{
	static const char *const texts[] = {
		"\xc0\xc0", "\xed\xa0\x80", "a\xff", "\xe2\x82",
		"\xc0' OR 1 --",
	};
	char back[16];

	for (size_t i = 0; i < AW_LENGTH(texts); i++) {
		AW_AUTO(aw_conn, conn);

		WANT_OK(aw_db_acquire(db, &conn));
		for (int k = 0; k < 3; k++) {
			WANT_CODE(aw_db_one(conn, AW_INTO(AW_BUF(back)),
					    "SELECT $1::text", texts[i]),
				  AW_ESQL);
			WANT_STR(aw_error()->sqlstate, "22021");
		}
		WANT_OK(aw_db_one(conn, AW_INTO(AW_BUF(back)),
				  "SELECT $1::text", "good"));
		WANT_STR(back, "good");
	}
	return 0;
}

START_TEST(text_that_is_no_utf8_is_refused)
{
	check_with_pool(bad_text, _i);
}
END_TEST

static int
nothing(struct aw_db *db)
{
	static const char *const texts[] = { "", " ", ";", "-- nothing" };
	int64_t affected;
	int n;

	for (size_t i = 0; i < AW_LENGTH(texts); i++) {
		affected = -1;
		WANT_OK(aw_db_exec(db, &affected, texts[i]));
		WANT_INT(affected, 0);
		WANT_CODE(aw_db_one(db, AW_INTO(&n), texts[i]), AW_ENOROW);
	}
	return 0;
}

START_TEST(a_statement_without_a_statement_does_nothing)
{
	check_with_pool(nothing, _i);
}
END_TEST

/* --- Floods --------------------------------------------------------------- */

static int
flood(struct aw_db *db)
{
	static struct aw_value values[65535];
	static char sql[500000];
	struct aw_sql s = aw_sql_from_text(sql);
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_rows, rows);
	size_t n = 0;
	int i;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "DO $$ BEGIN FOR i IN 1..20000 LOOP "
			   "RAISE NOTICE 'one more: %', i; END LOOP; END $$"));
	/* The server writes while we write. */
	WANT_OK(aw_db_exec(conn, NULL, "SET client_min_messages = debug5"));
	for (i = 1; i <= 65535; i++) {
		values[i - 1] = aw_value(i);
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, "%s$%d",
				      i == 1 ? "SELECT 1 WHERE 7::int IN (" :
					       ",", i);
	}
	snprintf(sql + n, sizeof(sql) - n, ")");
	WANT_OK(aw_conn_query_v(conn, &rows, &s, values, 65535));
	WANT_INT(aw_rows_count(rows), 1);
	WANT_OK(aw_db_one(conn, AW_INTO(&i), "SELECT 7"));
	WANT_INT(i, 7);
	return 0;
}

START_TEST(a_flood_of_notices_drowns_no_answer)
{
	check_with_pool(flood, _i);
}
END_TEST

/* --- Sessions that the server ends ---------------------------------------- */

/* The server's process has ended, and the loop has seen what it said and that
 * it has closed: two turns. */
static int
until_gone(int pid)
{
	for (int i = 0; i < 4000 && (kill(pid, 0) == 0 || errno == EPERM); i++)
		WANT_OK(aw_sleep(0.005));
	WANT(kill(pid, 0) < 0 && errno == ESRCH);
	for (int i = 0; i < 4; i++)
		WANT_OK(aw_sleep(0.005));
	return 0;
}

static int
ended_in_tx(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	int n, pid;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(aw_db_one(conn, AW_INTO(&pid), "SELECT pg_backend_pid()"));
	WANT_OK(aw_db_exec(conn, NULL,
			   "SET idle_in_transaction_session_timeout = 30"));
	WANT_OK(until_gone(pid));
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 2"), AW_ELOST);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT_CODE(aw_tx_commit(tx), AW_ELOST);
	aw_tx_freep(&tx);
	aw_conn_freep(&conn);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	return 0;
}

START_TEST(a_session_ended_while_idle_in_a_transaction_is_lost)
{
	check_with_pool(ended_in_tx, _i, .max = 1);
}
END_TEST

/* --- Roles ---------------------------------------------------------------- */

static int
as_role(struct aw_db **ret, const char *options)
{
	char dsn[512];

	snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%s user=state_role "
		 "password=first dbname=await sslmode=disable %s",
		 getenv("AWAIT_TEST_PG_PORT"), options);
	return aw_pg_open(ret, dsn, .max = 2, .acquire = 2);
}

static int
alter(struct aw_db *db, const char *how)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "ALTER ROLE state_role %s", how);
	return aw_db_exec(db, NULL, sql);
}

static int
ask(struct aw_db *db)
{
	int n = -1;

	AW_TRY(aw_db_one(db, AW_INTO(&n), "SELECT 7"));
	WANT_INT(n, 7);
	return 0;
}

static int
log_in(struct aw_db *admin, const char *how, const char *sqlstate)
{
	AW_AUTO(aw_db, db);

	WANT_OK(alter(admin, how));
	WANT_OK(as_role(&db, ""));
	WANT_CODE(ask(db), AW_EAUTH);
	WANT_STR(aw_error()->sqlstate, sqlstate);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	return aw_db_close(&db, 2);
}

static int
new_role(struct aw_db *admin)
{
	WANT_OK(aw_db_exec(admin, NULL, "DROP ROLE IF EXISTS state_role"));
	return aw_db_exec(admin, NULL, "CREATE ROLE state_role LOGIN PASSWORD "
			  "'first'");
}

static int
locked_out(struct aw_db *admin)
{
	WANT_OK(new_role(admin));
	WANT_OK(log_in(admin, "NOLOGIN", "28000"));
	WANT_OK(alter(admin, "LOGIN"));
	WANT_OK(log_in(admin, "VALID UNTIL '2001-01-01'", "28P01"));
	return 0;
}

START_TEST(a_role_that_may_not_log_in_is_told_at_once)
{
	check_with_pool(locked_out, 0);
}
END_TEST

static int
new_password(struct aw_db *admin)
{
	AW_AUTO(aw_db, db);
	struct aw_db_stats s = { .size = 0 };

	WANT_OK(new_role(admin));
	WANT_OK(as_role(&db, ""));
	WANT_OK(ask(db));
	WANT_OK(alter(admin, "PASSWORD 'second'"));
	WANT_OK(ask(db));		/* the session lives on */
	aw_db_expire(db);
	WANT_CODE(ask(db), AW_EAUTH);
	WANT_STR(aw_error()->sqlstate, "28P01");
	aw_db_stats(db, &s);
	WANT(s.failed >= 1 && s.failed <= 2);
	WANT_OK(alter(admin, "PASSWORD 'first'"));
	for (int i = 0; i < 200; i++) {
		if (ask(db) == 0)
			break;
		WANT_OK(aw_sleep(0.01));
	}
	WANT_OK(ask(db));
	return aw_db_close(&db, 2);
}

START_TEST(a_changed_password_is_told_to_new_sessions_only)
{
	check_with_pool(new_password, 0);
}
END_TEST

static int
ended_idle(struct aw_db *admin)
{
	AW_AUTO(aw_db, db);
	struct aw_db_stats s = { .size = 0 };

	WANT_OK(new_role(admin));
	WANT_OK(alter(admin, "SET idle_session_timeout = 40"));
	WANT_OK(as_role(&db, ""));
	for (int i = 0; i < 3; i++) {
		WANT_OK(ask(db));
		for (int k = 0; k < 1000; k++) {
			aw_db_stats(db, &s);
			if (!s.open)
				break;
			WANT_OK(aw_sleep(0.005));
		}
		WANT_INT(s.open, 0);
	}
	return aw_db_close(&db, 2);
}

START_TEST(a_session_ended_for_idling_is_missed_by_nobody)
{
	check_with_pool(ended_idle, 0);
}
END_TEST

/* --- Elsewhere ------------------------------------------------------------ */

static int
fails(const char *dsn, int code, const char *says)
{
	AW_AUTO(aw_db, db);

	WANT_OK(aw_pg_open(&db, dsn, .acquire = 0.4, .connect = 0.2));
	WANT_OK(fails_saying(db, code, says));
	return aw_db_close(&db, 2);
}

static int
elsewhere(void *arg)
{
	const char *http = getenv("AWAIT_TEST_HTTP");
	char dsn[1024], path[100];

	(void)arg;
	WANT_OK(fails("host=/nowhere user=a dbname=b", AW_EPOOL, "/nowhere"));
	memset(path, 'x', sizeof(path));	/* with "/.s.PGSQL.5432" */
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	snprintf(dsn, sizeof(dsn), "host=%s user=a dbname=b", path);
	WANT_OK(fails(dsn, AW_EPOOL, "too long"));
	snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%s user=a dbname=b",
		 getenv("AWAIT_TEST_MYSQL_PORT"));
	WANT_OK(fails(dsn, AW_EPOOL, ""));
	snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%s user=a dbname=b",
		 strrchr(http, ':') + 1);
	WANT_OK(fails(dsn, AW_EPOOL, ""));
	snprintf(dsn, sizeof(dsn), "host=wrong.example hostaddr=127.0.0.1 "
		 "port=%s user=await_tls dbname=await sslmode=verify-full "
		 "sslrootcert=%s", getenv("AWAIT_TEST_PG_PORT"),
		 getenv("AWAIT_TEST_CA"));
	WANT_OK(fails(dsn, AW_ETLS, "wrong.example"));
	return 0;
}

START_TEST(another_service_or_another_name_is_no_postgresql)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(elsewhere, NULL, .no_signals = true,
			     .check_leaks = true) == 0, "%s", why);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_states");
	TCase *tc = tcase_create("states");

	tcase_add_loop_test(tc,
			    a_limit_of_the_server_is_told_and_the_session_lives,
			    0, N_WAYS);
	tcase_add_loop_test(tc,
			    text_that_is_no_utf8_is_refused,
			    0, N_WAYS);
	tcase_add_loop_test(tc, a_statement_without_a_statement_does_nothing, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, a_flood_of_notices_drowns_no_answer, 0, N_WAYS);
	tcase_add_loop_test(tc,
			    a_session_ended_while_idle_in_a_transaction_is_lost,
			    0, N_WAYS);
	tcase_add_test(tc, a_role_that_may_not_log_in_is_told_at_once);
	tcase_add_test(tc, a_changed_password_is_told_to_new_sessions_only);
	tcase_add_test(tc, a_session_ended_for_idling_is_missed_by_nobody);
	tcase_add_test(tc, another_service_or_another_name_is_no_postgresql);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
