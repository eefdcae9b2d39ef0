/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: sessions and servers that go away, and come back.
 *
 * What stops a server has one of its own, so that no other test notices.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "pg_session.h"

/* --- Sessions ---------------------------------------------------------- */

static int
kill_sessions(const char *name)
{
	AW_AUTO(aw_db, other);
	int n = 0;

	WANT_OK(aw_pg_open(&other, pg_dsn(0), .max = 1));
	WANT_OK(aw_db_one(other, AW_INTO(&n), "SELECT "
			  "count(pg_terminate_backend(pid))::int FROM "
			  "pg_stat_activity WHERE application_name = $1",
			  name));
	WANT_OK(aw_db_close(&other, 1));
	return n;
}

/* Until one session of that name is in that state. */
static int
until_one(const char *name, const char *state)
{
	AW_AUTO(aw_db, other);
	char sql[200];
	int n = 0;

	WANT_OK(aw_pg_open(&other, pg_dsn(0), .max = 1));
	snprintf(sql, sizeof(sql), "SELECT count(*)::int FROM pg_stat_activity "
		 "WHERE application_name = $1 AND %s", state);
	for (int i = 0; i < 4000 && n != 1; i++) {
		WANT_OK(aw_db_one(other, AW_INTO(&n), sql, name));
		WANT_OK(aw_sleep(0.005));
	}
	WANT_INT(n, 1);
	return aw_db_close(&other, 1);
}

static int
idle_end(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };
	int n;

	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	aw_db_stats(db, &s);
	WANT_INT(s.idle, 1);
	WANT_INT(kill_sessions("idle_end"), 1);
	/* No statement is needed to notice it. */
	for (int i = 0; i < 1000 && s.idle; i++) {
		WANT_OK(aw_sleep(0.005));
		aw_db_stats(db, &s);
	}
	WANT_INT(s.idle, 0);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	return 0;
}

START_TEST(an_idle_connection_that_ends_leaves_the_pool)
{
	check_with_pool(idle_end, _i, .application = "idle_end");
}
END_TEST

static int
sleeper(void *arg)
{
	return aw_db_exec((struct aw_db *)arg, NULL, "SELECT pg_sleep(10)");
}

static int
killed_at_work(struct aw_db *db)
{
	struct aw_task *task = aw_spawn("sleeper", sleeper, db);
	int status, n;

	WANT(task);
	WANT_OK(until_one("at_work", "query LIKE '%pg_sleep%' AND "
			  "state = 'active'"));
	WANT_INT(kill_sessions("at_work"), 1);
	WANT_OK(aw_join(task, &status));
	WANT_CODE(status, AW_ELOST);
	WANT_STR(aw_error()->sqlstate, "57P01");
	WANT_INT(aw_error()->sent, AW_SENT_UNKNOWN);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	return 0;
}

START_TEST(a_session_killed_at_work_is_lost_and_replaced)
{
	check_with_pool(killed_at_work, _i, .application = "at_work");
}
END_TEST

static int
killed_in_tx(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	int n;

	WANT_OK(aw_db_exec(db, NULL, AW_SQL(.multi = true, .text =
			   "CREATE TABLE IF NOT EXISTS lost_t (a int); "
			   "TRUNCATE lost_t")));
	WANT_OK(wait_settled(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(aw_db_exec(conn, NULL, "INSERT INTO lost_t VALUES (1)"));
	WANT(kill_sessions("in_tx") >= 1);
	WANT_CODE(aw_db_exec(conn, NULL, "INSERT INTO lost_t VALUES (2)"),
		  AW_ELOST);
	WANT_CODE(aw_tx_commit(tx), AW_ELOST);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	aw_tx_freep(&tx);
	WANT_CODE(aw_db_exec(conn, NULL, "SELECT 1"), AW_ELOST);
	aw_conn_freep(&conn);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT count(*)::int FROM lost_t"));
	WANT_INT(n, 0);
	return 0;
}

START_TEST(a_session_killed_in_a_tx_leaves_nothing)
{
	check_with_pool(killed_in_tx, _i, .application = "in_tx");
}
END_TEST

static int
killed_streaming(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	int n, r;

	WANT_OK(aw_db_stream(db, &rows, "SELECT generate_series(1, 50000000)"));
	WANT_INT(aw_rows_next(rows, &n), 1);
	WANT_INT(kill_sessions("streaming"), 1);
	while ((r = aw_rows_next(rows, &n)) > 0)
		continue;
	WANT_CODE(r, AW_ELOST);
	aw_rows_freep(&rows);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	return 0;
}

START_TEST(a_session_killed_under_a_stream_ends_it)
{
	check_with_pool(killed_streaming, _i, .max = 1,
			.application = "streaming");
}
END_TEST

/* --- The pool against a server that is full ---------------------------- */

struct crowd {
	struct aw_db *db;
	int n;
};

static int
crowd_member(void *arg)
{
	struct crowd *crowd = arg;
	int n;

	AW_TRY(aw_db_one(crowd->db, AW_INTO(&n), "SELECT 1 FROM "
			 "pg_sleep(0.01)"));
	crowd->n++;
	return 0;
}

static int
full_main(void *arg)
{
	AW_AUTO(aw_db, admin);
	AW_AUTO(aw_db, db);
	struct crowd crowd = { .n = 0 };
	char dsn[1024];
	AW_GROUP(g);

	(void)arg;
	WANT_OK(aw_pg_open(&admin, pg_dsn(0), .max = 1));
	WANT_OK(aw_db_exec(admin, NULL, "DROP ROLE IF EXISTS narrow"));
	WANT_OK(aw_db_exec(admin, NULL, "CREATE ROLE narrow LOGIN CONNECTION "
			   "LIMIT 2 PASSWORD 'narrow'"));
	snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%s user=narrow "
		 "password=narrow dbname=await sslmode=disable",
		 getenv("AWAIT_TEST_PG_PORT"));
	WANT_OK(aw_pg_open(&db, dsn, .max = 8));
	crowd.db = db;
	for (int i = 0; i < 40; i++)
		WANT_OK(aw_go(&g, crowd_member, &crowd));
	WANT_OK(aw_group_wait(&g));
	WANT_INT(crowd.n, 40);
	WANT_OK(aw_db_close(&db, 5));
	return aw_db_close(&admin, 5);
}

START_TEST(a_full_server_is_no_failure_while_some_live)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(full_main, NULL, .no_signals = true) == 0, "%s",
		      why);
}
END_TEST

/* --- A server of our own ----------------------------------------------- */

static char own_dir[256], own_dsn[2][1024];

static int
run_servers(const char *verb, const char *rest)
{
	char command[1024];
	int status;

	snprintf(command, sizeof(command), "'%s' %s '%s' %s >&2 </dev/null",
		 getenv("AWAIT_TEST_SERVERS"), verb, own_dir, rest);
	status = system(command);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static void
read_dsn(const char *name, char dsn[1024])
{
	char command[1024];
	FILE *pipe;

	snprintf(command, sizeof(command), ". '%s/env'; printf %%s \"$%s\"",
		 own_dir, name);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	dsn[fread(dsn, 1, 1023, pipe)] = '\0';
	pclose(pipe);
}

static void
start_own(void)
{
	char owner[32];

	snprintf(own_dir, sizeof(own_dir), "/tmp/aw.faults.%d", (int)getpid());
	snprintf(owner, sizeof(owner), "%d", (int)getpid());
	setenv("AWAIT_SERVERS_OWNER", owner, 1);
	ck_assert_int_eq(run_servers("start", "pg"), 0);
	read_dsn("AWAIT_TEST_PG", own_dsn[0]);
	read_dsn("AWAIT_TEST_PG_TLS", own_dsn[1]);
}

static void
stop_own(void)
{
	char command[512];

	run_servers("stop", "");
	snprintf(command, sizeof(command), "rm -rf '%s'", own_dir);
	ck_assert_int_eq(system(command), 0);
}

static int
do_servers(void *arg)
{
	return run_servers(arg, "pg");
}

static int
do_restart(void *arg)
{
	(void)arg;
	return run_servers("restart", "pg");
}

static int
do_abrupt(void *arg)
{
	(void)arg;
	return run_servers("restart", "--abrupt pg");
}

struct ledger {
	struct aw_db *db;
	bool stop;
	int next, acked, failed, after;
};

static bool
is_outage(int r)
{
	return r == AW_ELOST || r == AW_ECONNECT || r == AW_EPOOL ||
		r == AW_ESQL || r == AW_ETIMEDOUT;
}

/* Every acknowledged row must be there; an error is that of an outage. */
static int
writer(void *arg)
{
	struct ledger *l = arg;

	while (!l->stop) {
		int id = l->next++;
		int r = aw_db_exec(l->db, NULL, "INSERT INTO ledger VALUES "
				   "($1)", id);

		if (r == 0) {
			l->acked++;
			l->after++;
		} else {
			WANT(is_outage(r));
			WANT(r != AW_ESQL ||
			     aw_error()->sql_class == AW_SQL_SHUTDOWN);
			l->failed++;
			l->after = 0;
		}
		WANT_OK(aw_sleep(0.002));
	}
	return 0;
}

static int
ledger_main(void *arg)
{
	int (*restart)(void *) = *(int (**)(void *))arg;
	AW_AUTO(aw_db, db);
	struct aw_db_stats s = { .size = 0 };
	struct ledger l = { .next = 1 };
	int n;

	WANT_OK(aw_pg_open(&db, own_dsn[restart == do_abrupt], .max = 4,
			   .acquire = 20));
	l.db = db;
	WANT_OK(aw_db_exec(db, NULL, "DROP TABLE IF EXISTS ledger"));
	WANT_OK(aw_db_exec(db, NULL, "CREATE TABLE ledger (id int PRIMARY "
			   "KEY)"));
	{
		AW_GROUP(g);

		for (int i = 0; i < 4; i++)
			WANT_OK(aw_go(&g, writer, &l));
		while (l.acked == 0)
			WANT_OK(aw_sleep(0.2));
		WANT_OK(aw_offload(restart, "restart"));
		l.after = 0;
		while (l.after < 20)
			WANT_OK(aw_sleep(0.01));
		l.stop = true;
		WANT_OK(aw_group_wait(&g));
	}
	aw_db_stats(db, &s);
	WANT(s.closed > 0);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT count(*)::int FROM ledger"));
	WANT(n >= l.acked && n <= l.acked + l.failed);
	return aw_db_close(&db, 5);
}

START_TEST(a_restart_costs_nothing_acknowledged)
{
	int (*how[])(void *) = { do_restart, do_abrupt };

	why[0] = '\0';
	ck_assert_msg(aw_run(ledger_main, &how[_i], .no_signals = true) == 0,
		      "%s", why);
}
END_TEST

static int
down_main(void *arg)
{
	AW_AUTO(aw_db, db);
	int n;

	(void)arg;
	WANT_OK(aw_pg_open(&db, own_dsn[0], .acquire = 0.5));
	for (int i = 0; i < 100; i++)
		if (aw_db_one(db, AW_INTO(&n), "SELECT 1") == 0)
			break;
	WANT_OK(aw_offload(do_servers, "down"));
	WANT_OK(fails_saying(db, AW_EPOOL, "check host and port"));
	WANT_OK(aw_offload(do_servers, "up"));
	for (int i = 0; i < 100; i++)
		if (aw_db_one(db, AW_INTO(&n), "SELECT 1") == 0)
			break;
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT 1"));
	return aw_db_close(&db, 5);
}

START_TEST(a_pool_whose_server_was_down_finds_it_again)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(down_main, NULL, .no_signals = true) == 0, "%s",
		      why);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_faults");
	TCase *tc = tcase_create("sessions");

	tcase_add_loop_test(tc, an_idle_connection_that_ends_leaves_the_pool,
			    0, N_WAYS);
	tcase_add_loop_test(tc, a_session_killed_at_work_is_lost_and_replaced,
			    0, N_WAYS);
	tcase_add_loop_test(tc, a_session_killed_in_a_tx_leaves_nothing,
			    0, N_WAYS);
	tcase_add_loop_test(tc, a_session_killed_under_a_stream_ends_it,
			    0, N_WAYS);
	tcase_add_test(tc, a_full_server_is_no_failure_while_some_live);
	suite_add_tcase(suite, tc);

	tc = tcase_create("servers");
	tcase_add_unchecked_fixture(tc, start_own, stop_own);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_restart_costs_nothing_acknowledged,
			    0, 2);
	tcase_add_test(tc, a_pool_whose_server_was_down_finds_it_again);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
