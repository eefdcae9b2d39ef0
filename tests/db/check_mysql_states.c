/* SPDX-License-Identifier: MIT */
/*
 * MariaDB in the states that a server gets into: limits, refusals, locks.
 * Each has its number, and the connection lives on or leaves the pool.
 */
#include "my_session.h"

static int
id_of(struct aw_conn *conn)
{
	int id = -1;

	aw_ignore(aw_db_one(conn, AW_INTO(&id), "SELECT CONNECTION_ID()"));
	return id;
}

/* --- KILL QUERY, locks, packets ------------------------------------------- */

static int
sleeper(void *arg)
{
	return aw_db_exec((struct aw_conn *)arg, NULL,
			  "SELECT count(*) FROM seq_1_to_100000000 a, "
			  "seq_1_to_1000 b");
}

static int
kill_query(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	struct aw_task *task;
	char sql[64];
	int id, status;

	WANT_OK(aw_db_acquire(db, &conn));
	id = id_of(conn);
	task = aw_spawn("sleeper", sleeper, conn);
	WANT(task);
	WANT_OK(my_runs(db, id));
	snprintf(sql, sizeof(sql), "KILL QUERY %d", id);
	WANT_OK(aw_db_exec(db, NULL, sql));
	WANT_OK(aw_join(task, &status));
	WANT_CODE(status, AW_ESQL);
	WANT_INT(aw_error()->native, 1317);
	WANT_STR(aw_error()->sqlstate, "70100");
	WANT_INT(id_of(conn), id);
	return 0;
}

START_TEST(a_killed_query_leaves_its_session_alive)
{
	check_with_pool(kill_query, _i, .max = 2);
}
END_TEST

static int
lock_wait(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_conn, other);
	AW_AUTO(aw_tx, tx);
	int n;

	WANT_OK(aw_db_exec(db, NULL, "CREATE OR REPLACE TABLE held (a int "
			   "PRIMARY KEY, b int)"));
	WANT_OK(aw_db_exec(db, NULL, "INSERT INTO held VALUES (1, 0), (2, 0)"));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_acquire(db, &other));
	WANT_OK(aw_db_exec(other, NULL, "BEGIN"));
	WANT_OK(aw_db_exec(other, NULL, "UPDATE held SET b = 1 WHERE a = 1"));
	WANT_OK(aw_db_exec(conn, NULL, "SET innodb_lock_wait_timeout = 0"));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(aw_db_exec(conn, NULL, "UPDATE held SET b = 5 WHERE a = 2"));
	WANT_CODE(aw_db_exec(conn, NULL, "UPDATE held SET b = 5 WHERE a = 1"),
		  AW_ESQL);
	WANT_INT(aw_error()->native, 1205);
	/* Only the statement is undone: it is ours to decide. */
	WANT_OK(aw_tx_rollback(tx));
	WANT_OK(aw_db_exec(other, NULL, "ROLLBACK"));
	WANT_OK(aw_db_one(conn, AW_INTO(&n), "SELECT sum(b) FROM held"));
	WANT_INT(n, 0);
	return 0;
}

START_TEST(a_lock_that_is_not_given_fails_its_statement_only)
{
	check_with_pool(lock_wait, _i, .max = 2);
}
END_TEST

/* --- Accounts ------------------------------------------------------------- */

static struct aw_db *admin;

static int
as_user(struct aw_db **ret, const char *port)
{
	char dsn[512];

	snprintf(dsn, sizeof(dsn),
		 "mysql://state_user:first@127.0.0.1:%s/await", port);
	return aw_mysql_open(ret, dsn, .max = 4);
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
new_user(const char *how)
{
	char sql[200];

	WANT_OK(aw_db_exec(admin, NULL, "DROP USER IF EXISTS state_user"));
	snprintf(sql, sizeof(sql), "CREATE USER state_user %s", how);
	WANT_OK(aw_db_exec(admin, NULL, sql));
	return aw_db_exec(admin, NULL, "GRANT SELECT ON *.* TO state_user");
}

#define FIRST "IDENTIFIED BY 'first' "

static int
log_in(const char *how, int code, int native)
{
	AW_AUTO(aw_db, db);
	int r;

	WANT_OK(new_user(how));
	WANT_OK(as_user(&db, getenv("AWAIT_TEST_MYSQL_PORT")));
	r = ask(db);
	if (r != code || aw_error()->native != native)
		return unwanted(__LINE__, "%s gave %s, %d", how,
				aw_error_name(r), aw_error()->native);
	if (r != AW_ESQL)
		WANT_INT(aw_error()->sent, AW_NOT_SENT);
	return aw_db_close(&db, 2);
}

static int
accounts(struct aw_db *db)
{
	admin = db;
	WANT_OK(log_in(FIRST "ACCOUNT LOCK", AW_EAUTH, 4151));
	WANT_OK(log_in(FIRST "PASSWORD EXPIRE", AW_EAUTH, 1820));
	WANT_OK(log_in("IDENTIFIED BY 'second'", AW_EAUTH, 1045));
	WANT_OK(log_in("IDENTIFIED VIA unix_socket", AW_EAUTH, 1698));
	return aw_db_exec(db, NULL, "DROP USER state_user");
}

START_TEST(an_account_that_may_not_log_in_is_told_at_once)
{
	check_with_pool(accounts, 0);
}
END_TEST

/* The client's half of ed25519 is in libmariadb's own folder. */
static int
lacks_a_method(struct aw_db *db)
{
	AW_AUTO(aw_db, poor);
	char dsn[300];

	admin = db;
	WANT_OK(aw_db_exec(db, NULL, "INSTALL PLUGIN IF NOT EXISTS "
			   "ed25519 SONAME 'auth_ed25519'"));
	WANT_OK(new_user("IDENTIFIED VIA ed25519 USING PASSWORD('first')"));
	snprintf(dsn, sizeof(dsn), "mysql://state_user:first@127.0.0.1:%s/await"
		 "?plugin_dir=/nonexistent", getenv("AWAIT_TEST_MYSQL_PORT"));
	WANT_OK(aw_mysql_open(&poor, dsn, .max = 4));
	WANT_CODE(ask(poor), AW_EAUTH);
	WANT_INT(aw_error()->native, 2059);
	WANT(strstr(aw_error_text(), "/nonexistent/client_ed25519.so"));
	WANT(strstr(aw_error_text(), "plugin_dir"));
	WANT_OK(aw_db_close(&poor, 2));
	WANT_OK(aw_db_exec(db, NULL, "DROP USER state_user"));
	return aw_db_exec(db, NULL, "UNINSTALL PLUGIN ed25519");
}

START_TEST(a_way_of_logging_in_that_is_not_installed_is_named)
{
	check_with_pool(lacks_a_method, 0, .max = 1);
}
END_TEST

static int
asks_slowly(void *arg)
{
	int n;

	return aw_db_one((struct aw_db *)arg, AW_INTO(&n),
			 "SELECT SLEEP(0.02)");
}

static int
few_connections(struct aw_db *good)
{
	AW_AUTO(aw_db, db);
	struct aw_db_stats s = { .size = 0 };
	AW_GROUP(g);

	admin = good;
	WANT_OK(new_user(FIRST "WITH MAX_USER_CONNECTIONS 2"));
	WANT_OK(as_user(&db, getenv("AWAIT_TEST_MYSQL_PORT")));
	for (int i = 0; i < 12; i++)
		WANT_OK(aw_go(&g, asks_slowly, db));
	WANT_OK(aw_group_wait(&g));
	aw_db_stats(db, &s);
	WANT(s.open <= 2);
	return aw_db_close(&db, 2);
}

START_TEST(a_full_account_is_no_failure_while_some_live)
{
	check_with_pool(few_connections, 0);
}
END_TEST

static int
few_questions(struct aw_db *good)
{
	AW_AUTO(aw_db, db);
	int r = 0;

	admin = good;
	WANT_OK(new_user(FIRST "WITH MAX_QUERIES_PER_HOUR 8"));
	WANT_OK(as_user(&db, getenv("AWAIT_TEST_MYSQL_PORT")));
	for (int i = 0; i < 20 && r == 0; i++)
		r = aw_db_exec(db, NULL, AW_SQL(.text = "SELECT 7",
						.no_prepare = true));
	WANT(r == AW_ESQL || r == AW_EPOOL);
	WANT(strstr(aw_error_text(), "max_queries_per_hour"));
	return aw_db_close(&db, 2);
}

START_TEST(an_account_that_has_asked_too_much_is_told)
{
	check_with_pool(few_questions, 0);
}
END_TEST

static int
new_password(struct aw_db *good)
{
	AW_AUTO(aw_db, db);
	struct aw_db_stats s = { .size = 0 };

	admin = good;
	WANT_OK(new_user(FIRST));
	WANT_OK(as_user(&db, getenv("AWAIT_TEST_MYSQL_PORT")));
	WANT_OK(ask(db));
	WANT_OK(aw_db_exec(admin, NULL, "SET PASSWORD FOR state_user = "
			   "PASSWORD('second')"));
	WANT_OK(ask(db));		/* the session lives on */
	aw_db_expire(db);
	WANT_CODE(ask(db), AW_EAUTH);
	WANT_INT(aw_error()->native, 1045);
	aw_db_stats(db, &s);
	WANT(s.failed >= 1 && s.failed <= 2);
	return aw_db_close(&db, 2);
}

START_TEST(a_changed_password_is_told_to_new_sessions_only)
{
	check_with_pool(new_password, 0);
}
END_TEST

static int
idle_end(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "SET wait_timeout = 1"));
	for (int i = 0; i < 1000; i++) {
		WANT_OK(aw_sleep(0.005));
		if (aw_mysql_native(conn) == NULL)
			break;
	}
	WANT_CODE(aw_db_exec(conn, NULL, "DO 0"), AW_ELOST);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	aw_conn_freep(&conn);
	WANT_OK(ask(db));
	aw_db_stats(db, &s);
	WANT_INT(s.open, 1);
	return 0;
}

START_TEST(a_session_ended_for_idling_is_lost_unsent)
{
	check_with_pool(idle_end, 0, .max = 1);
}
END_TEST

/* --- Elsewhere ------------------------------------------------------------ */

static int
no_mariadb(struct aw_db *unused)
{
	const char *ports[] = { getenv("AWAIT_TEST_PG_PORT"),
				strrchr(getenv("AWAIT_TEST_HTTP"), ':') + 1 };

	(void)unused;
	for (size_t i = 0; i < AW_LENGTH(ports); i++) {
		AW_AUTO(aw_db, db);
		char dsn[100];

		snprintf(dsn, sizeof(dsn), "mysql://u:p@127.0.0.1:%s/x",
			 ports[i]);
		WANT_OK(aw_mysql_open(&db, dsn, .acquire = 0.4,
				      .connect = 0.2));
		WANT_CODE(ask(db), AW_EPOOL);
		WANT_INT(aw_error()->sent, AW_NOT_SENT);
		WANT_OK(aw_db_close(&db, 2));
	}
	return 0;
}

START_TEST(another_service_is_no_mariadb)
{
	check_with_pool(no_mariadb, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_states");
	TCase *tc = tcase_create("states");

	tcase_add_loop_test(tc, a_killed_query_leaves_its_session_alive, 0,
			    N_WAYS);
	tcase_add_loop_test(tc,
			    a_lock_that_is_not_given_fails_its_statement_only,
			    0, N_WAYS);
	tcase_add_test(tc, an_account_that_may_not_log_in_is_told_at_once);
	tcase_add_test(tc, a_way_of_logging_in_that_is_not_installed_is_named);
	tcase_add_test(tc, a_full_account_is_no_failure_while_some_live);
	tcase_add_test(tc, an_account_that_has_asked_too_much_is_told);
	tcase_add_test(tc, a_changed_password_is_told_to_new_sessions_only);
	tcase_add_test(tc,
		       a_session_ended_for_idling_is_lost_unsent);
	tcase_add_test(tc, another_service_is_no_mariadb);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
