/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: errors, what a release finds, what the server holds, and what
 * becomes of connections that are lost.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "my_session.h"

/* --- Errors ------------------------------------------------------------ */

static int
errors(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_exec(db, NULL, "DROP TABLE IF EXISTS child, parent"));
	WANT_OK(
	    aw_db_exec(db, NULL,
		       "CREATE TABLE parent (a int, CONSTRAINT "
		       "a_key UNIQUE (a), CONSTRAINT small CHECK (a < 10))"));
	WANT_OK(aw_db_exec(db, NULL, "CREATE TABLE child (a int NOT NULL, "
			   "CONSTRAINT has_parent FOREIGN KEY (a) REFERENCES "
			   "parent (a))"));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "INSERT INTO parent VALUES (1)"));
	for (int i = 0; i < 3; i++) {
		WANT_CODE(aw_db_exec(conn, NULL, "INSERT INTO parent VALUES "
				     "(?)", 1), AW_ESQL);
		WANT_INT(aw_error()->native, 1062);
		WANT_STR(aw_error()->sqlstate, "23000");
		WANT_INT(aw_error()->sql_class, AW_SQL_UNIQUE);
		WANT_STR(aw_error()->constraint, "a_key");
		WANT_INT(aw_error()->sent, AW_SENT_NO_EFFECT);
		WANT_STR(aw_error()->op, "INSERT INTO parent VALUES (?)");
		WANT_CODE(aw_db_exec(conn, NULL, "INSERT INTO parent VALUES "
				     "(10)"), AW_ESQL);
		WANT_INT(aw_error()->sql_class, AW_SQL_CHECK);
		WANT_STR(aw_error()->constraint, "small");
		WANT_CODE(aw_db_exec(conn, NULL, "INSERT INTO child VALUES "
				     "(2)"), AW_ESQL);
		WANT_INT(aw_error()->sql_class, AW_SQL_FOREIGN_KEY);
		WANT_STR(aw_error()->constraint, "has_parent");
		WANT_CODE(aw_db_exec(conn, NULL, "INSERT INTO child VALUES "
				     "(NULL)"), AW_ESQL);
		WANT_INT(aw_error()->sql_class, AW_SQL_NOT_NULL);
		WANT_CODE(aw_db_exec(conn, NULL, "SELECT * FROM nowhere"),
			  AW_ESQL);
		WANT_INT(aw_error()->sql_class, AW_SQL_UNDEFINED);
		WANT_CODE(aw_db_exec(conn, NULL, "SELEKT"), AW_ESQL);
		WANT_INT(aw_error()->sql_class, AW_SQL_SYNTAX);
		WANT_CODE(aw_db_exec(conn, NULL, "INSERT INTO parent VALUES "
				     "(?)", "x"), AW_ESQL);
		WANT_INT(aw_error()->sql_class, AW_SQL_DATA);
		WANT_CODE(aw_db_exec(conn, NULL, "SET STATEMENT "
				     "max_statement_time = 0.01 FOR SELECT "
				     "SUM(a.seq * b.seq) FROM seq_1_to_1000000 "
				     "a, seq_1_to_1000000 b"), AW_ESQL);
		WANT_INT(aw_error()->sql_class, AW_SQL_TIMEOUT);
		WANT_OK(aw_db_exec(conn, NULL, "SELECT 1"));
	}
	return 0;
}

START_TEST(an_error_keeps_what_the_server_said_and_the_connection_lives)
{
	check_with_pool(errors, _i);
}
END_TEST

static int
sleeper(void *arg)
{
	return aw_db_exec((struct aw_conn *)arg, NULL, "SELECT SLEEP(0.2)");
}

static int
busy(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_GROUP(g);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_go(&g, sleeper, conn));
	WANT_OK(aw_yield());		/* it has asked, and waits */
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1"), AW_EBUSY);
	WANT(strstr(aw_error()->message, "SLEEP"));
	WANT_OK(aw_group_wait(&g));
	WANT_OK(aw_db_exec(conn, NULL, "SELECT 1"));
	return 0;
}

START_TEST(a_second_call_on_a_busy_connection_is_refused_by_name)
{
	check_with_pool(busy, _i);
}
END_TEST

static int
rogue(struct aw_db *db)
{
	WANT_OK(
	    aw_db_exec(db, NULL, "CREATE OR REPLACE TABLE stolen (t text)"));
	WANT_CODE(aw_db_exec(db, NULL, "LOAD DATA LOCAL INFILE '/etc/passwd' "
			     "INTO TABLE stolen"), AW_ESQL);
	return aw_db_exec(db, NULL, "DROP TABLE stolen");
}

START_TEST(load_data_local_is_refused)
{
	check_with_pool(rogue, _i);
}
END_TEST

/* --- Sessions ---------------------------------------------------------- */

static int
session_of(struct aw_db *db)
{
	int id = -1;

	aw_ignore(aw_db_one(db, AW_INTO(&id), "SELECT CONNECTION_ID()"));
	return id;
}

static int
clean_session(struct aw_db *db)
{
	static const char *const changes[] = {
		"SET SESSION sort_buffer_size = 65536",
		"SET @mine = 7", "SELECT @mine := 7", "SELECT 7 INTO\n @mine",
		"CREATE TEMPORARY TABLE mine (a int)", "SET autocommit = 0",
		"USE mysql", "SET NAMES latin1", "SET time_zone = '+05:00'",
	};
	struct aw_time t;
	char text[64];
	bool null;
	int n, id = session_of(db);

	for (size_t i = 0; i < AW_LENGTH(changes); i++) {
		WANT_OK(aw_db_exec(db, NULL, changes[i]));
		WANT_OK(my_settled(db));
		WANT_OK(aw_db_one(db, AW_INTO(AW_OPT(&n, &null)),
				  "SELECT @mine"));
		WANT(null);
		WANT_CODE(aw_db_exec(db, NULL, "SELECT * FROM mine"),
			  AW_ESQL);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(text), &n), "SELECT "
				  "'\xc3\xa4\xf0\x9f\x98\x80', @@autocommit"));
		WANT_STR(text, "\xc3\xa4\xf0\x9f\x98\x80");
		WANT_INT(n, 1);
		WANT_OK(aw_db_one(db, AW_INTO(AW_BUF(text), &n), "SELECT "
				  "@@time_zone, @@sort_buffer_size"));
		WANT_STR(text, "+00:00");
		WANT(n != 65536);
		WANT_INT(session_of(db), id);
	}
	WANT_OK(
	    aw_db_one(db, AW_INTO(&t), "SELECT CAST('2024-01-02' AS date)"));
	WANT_INT(t.day, 2);
	return 0;
}

START_TEST(what_one_user_changed_the_next_does_not_see)
{
	check_with_pool(clean_session, _i, .max = 1);
}
END_TEST

/* Of the one session, since it began. */
static int
count_of(struct aw_db *db, const char *name)
{
	char sql[160];
	int n = -1;

	snprintf(sql, sizeof(sql), "SELECT CAST(VARIABLE_VALUE AS int) FROM "
		 "information_schema.SESSION_STATUS WHERE VARIABLE_NAME = '%s'",
		 name);
	aw_ignore(aw_db_one(db, AW_INTO(&n), AW_SQL(.text = sql,
						    .no_prepare = true)));
	return n;
}

static int
no_reset(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	int a, b;

	WANT_OK(aw_db_one(db, AW_INTO(&a), "SELECT CONNECTION_ID()"));
	for (int i = 0; i < 20; i++) {
		WANT_OK(aw_db_one(db, AW_INTO(&b), "SELECT CONNECTION_ID() + "
				  "?", 0));
		WANT_INT(b, a);
	}
	/* A reset would have dropped what is prepared. */
	/* The first use, the second, and once a process a look at libmariadb.
	 */
	WANT(count_of(db, "COM_STMT_PREPARE") <= 3);
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
held(struct aw_db *db, int wanted)
{
	AW_AUTO(aw_conn, conn);
	char sql[64];
	int n;

	WANT_OK(aw_db_acquire(db, &conn));
	for (int i = 0; i < 30; i++) {
		for (int k = 0; k < 3; k++) {
			snprintf(sql, sizeof(sql), "SELECT %d + ?", i);
			WANT_OK(aw_db_one(conn, AW_INTO(&n), sql, 1));
			WANT_INT(n, i + 1);
		}
	}
	aw_conn_freep(&conn);
	/* The last one without a place is closed by the next. */
	n = count_of(db, "COM_STMT_PREPARE") - count_of(db, "COM_STMT_CLOSE");
	WANT(n <= wanted + 1);
	WANT(n >= wanted);
	return 0;
}

static int
held_eight(struct aw_db *db)
{
	return held(db, 8);
}

static int
held_none(struct aw_db *db)
{
	return held(db, 0);
}

START_TEST(the_server_never_holds_more_statements_than_the_cache_is_large)
{
	check_with_pool(held_eight, _i, .max = 1, .cache = 8);
	check_with_pool(held_none, _i, .max = 1, .prepare = AW_PREPARE_OFF);
}
END_TEST

/* --- Lost connections -------------------------------------------------- */

static int
idle_end(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	AW_AUTO(aw_db, other);
	int id = session_of(db), n;
	char sql[32];

	snprintf(sql, sizeof(sql), "KILL %d", id);
	WANT_OK(aw_mysql_open(&other, my_dsn(0), .max = 1));
	WANT_OK(aw_db_exec(other, NULL, sql));
	for (int i = 0; i < 1000; i++) {
		aw_db_stats(db, &s);
		if (!s.open)
			break;
		WANT_OK(aw_sleep(0.002));
	}
	WANT_INT(s.open, 0);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	WANT(session_of(db) != id);
	return aw_db_close(&other, 1);
}

START_TEST(an_idle_connection_that_ends_leaves_the_pool_at_once)
{
	check_with_pool(idle_end, _i, .max = 2);
}
END_TEST

static int
killed_in_use(struct aw_db *db)
{
	AW_AUTO(aw_db, other);
	AW_AUTO(aw_conn, conn);
	char sql[32];
	int id, r;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_one(conn, AW_INTO(&id), "SELECT CONNECTION_ID()"));
	snprintf(sql, sizeof(sql), "KILL %d", id);
	WANT_OK(aw_mysql_open(&other, my_dsn(0), .max = 1));
	WANT_OK(aw_db_exec(other, NULL, sql));
	r = aw_db_exec(conn, NULL, "DO 0");
	WANT(r == AW_ELOST || r == AW_ESQL);
	WANT_CODE(aw_db_exec(conn, NULL, "DO 0"), AW_ELOST);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	aw_conn_freep(&conn);
	WANT_OK(aw_db_exec(db, NULL, "DO 0"));
	return aw_db_close(&other, 1);
}

START_TEST(a_connection_killed_while_it_is_borrowed_is_lost_and_replaced)
{
	check_with_pool(killed_in_use, _i);
}
END_TEST

static int
endless(void *arg)
{
	return aw_db_exec((struct aw_conn *)arg, NULL, "SELECT SUM(a.seq * "
			  "b.seq) FROM seq_1_to_1000000 a, seq_1_to_1000000 b");
}

static int
killed_query(struct aw_db *db)
{
	AW_AUTO(aw_db, other);
	AW_AUTO(aw_conn, conn);
	char sql[32];
	int id, r, again;
	AW_GROUP(g);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_one(conn, AW_INTO(&id), "SELECT CONNECTION_ID()"));
	snprintf(sql, sizeof(sql), "KILL QUERY %d", id);
	WANT_OK(aw_mysql_open(&other, my_dsn(0), .max = 1));
	WANT_OK(aw_go(&g, endless, conn));
	WANT_OK(my_runs(other, id));
	WANT_OK(aw_db_exec(other, NULL, sql));
	r = aw_group_wait(&g);
	WANT_CODE(r, AW_ESQL);
	WANT_INT(aw_error()->sql_class, AW_SQL_CANCELED);
	WANT_OK(aw_db_one(conn, AW_INTO(&again), "SELECT CONNECTION_ID()"));
	WANT_INT(again, id);
	return aw_db_close(&other, 1);
}

START_TEST(a_query_killed_at_the_server_leaves_the_connection_usable)
{
	check_with_pool(killed_query, _i);
}
END_TEST

static int
forked(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	int id = session_of(db), status = -1;
	pid_t child;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "DO 0"));
	child = fork();
	if (child == 0) {
		int r = aw_db_exec(conn, NULL, "DO 0");

		_exit(r == AW_EFORK ? 7 : 1);
	}
	WANT(child > 0 && waitpid(child, &status, 0) == child);
	WANT_INT(WEXITSTATUS(status), 7);
	WANT_OK(aw_db_exec(conn, NULL, "DO 0"));
	aw_conn_freep(&conn);
	WANT_INT(session_of(db), id);
	return 0;
}

START_TEST(a_child_of_fork_is_refused_and_the_parent_unharmed)
{
	check_with_pool(forked, _i, .max = 1);
}
END_TEST

/* Another user of OpenSSL on this thread leaves an error behind, before the
 * call and while it waits. */
static void (*put_error)(int, int, const char *);
static void (*new_error)(void);

static void
foreign_error(void)
{
	if (new_error)
		new_error();
	if (put_error)
		put_error(20, 1, NULL);
}

static int
disturber(void *arg)
{
	(void)arg;
	for (;;) {
		foreign_error();
		AW_TRY(aw_sleep(0.0001));
	}
}

static int
stale_error(struct aw_db *db)
{
	struct aw_task *task;
	int n;

	WANT_OK(aw_db_ping(db));
	*(void **)&new_error = dlsym(RTLD_DEFAULT, "ERR_new");
	*(void **)&put_error = dlsym(RTLD_DEFAULT, "ERR_set_error");
	WANT(new_error && put_error);
	task = aw_spawn("disturber", disturber, NULL);
	WANT(task);
	for (int i = 0; i < 60; i++) {
		foreign_error();
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT ? + SLEEP(0.001)",
				  i));
		WANT_INT(n, i);
	}
	aw_cancel(task, "enough");
	aw_task_release(task);
	WANT_INT(session_of(db), session_of(db));
	return 0;
}

START_TEST(a_stale_error_of_openssl_disturbs_nobody)
{
	check_with_pool(stale_error, _i, .max = 1);
}
END_TEST

static int
native(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT(aw_mysql_native(conn));
	WANT_OK(aw_db_exec(conn, NULL, "DO 0"));
	return 0;
}

START_TEST(the_native_handle_can_be_had)
{
	check_with_pool(native, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_session");
	TCase *tc = tcase_create("errors");

	tcase_add_loop_test(
	    tc, an_error_keeps_what_the_server_said_and_the_connection_lives, 0,
	    N_WAYS);
	tcase_add_loop_test(
	    tc, a_second_call_on_a_busy_connection_is_refused_by_name, 0,
	    N_WAYS);
	tcase_add_loop_test(tc, load_data_local_is_refused, 0, N_WAYS);
	suite_add_tcase(suite, tc);

	tc = tcase_create("sessions");
	tcase_add_loop_test(tc, what_one_user_changed_the_next_does_not_see,
			    0, N_WAYS);
	tcase_add_loop_test(
	    tc, one_connection_serves_one_task_and_prepares_from_the_second_use,
	    0, N_WAYS);
	tcase_add_loop_test(
	    tc, the_server_never_holds_more_statements_than_the_cache_is_large,
	    0, N_WAYS);
	tcase_add_loop_test(tc, the_native_handle_can_be_had, 0, N_WAYS);
	suite_add_tcase(suite, tc);

	tc = tcase_create("lost");
	tcase_add_loop_test(
	    tc, an_idle_connection_that_ends_leaves_the_pool_at_once, 0,
	    N_WAYS);
	tcase_add_loop_test(
	    tc, a_connection_killed_while_it_is_borrowed_is_lost_and_replaced,
	    0, N_WAYS);
	tcase_add_loop_test(
	    tc, a_query_killed_at_the_server_leaves_the_connection_usable, 0,
	    N_WAYS);
	tcase_add_loop_test(
	    tc, a_child_of_fork_is_refused_and_the_parent_unharmed, 0, N_WAYS);
	tcase_add_loop_test(tc, a_stale_error_of_openssl_disturbs_nobody, 0,
			    N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
