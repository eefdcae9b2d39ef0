/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: the pool as its users meet it: exhausted, closed, forked.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "pg_session.h"

static int
ask_once(void *arg)
{
	int n = 0;

	AW_TRY(aw_db_one((struct aw_db *)arg, AW_INTO(&n), "SELECT 7"));
	return n;
}

static int
own_deadlock(struct aw_db *db)
{
	AW_AUTO(aw_conn, a);
	AW_AUTO(aw_conn, b);

	WANT_OK(aw_db_acquire(db, &a));
	WANT_OK(aw_db_acquire(db, &b));
	WANT_CODE(ask_once(db), -EDEADLK);
	aw_conn_freep(&b);
	WANT_INT(ask_once(db), 7);
	return 0;
}

START_TEST(who_holds_every_connection_is_told_at_once)
{
	check_with_pool(own_deadlock, _i, .max = 2);
}
END_TEST

/* It takes what it takes; the short limit is for the waiting task. */
static int
first_connection(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };

	for (int i = 0; i < 4000; i++) {
		aw_db_stats(db, &s);
		if (s.idle == 1)
			return 0;
		WANT_OK(aw_sleep(0.005));
	}
	return unwanted(__LINE__, "no connection");
}

static int
exhausted(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	struct aw_task *task;
	int status;

	WANT_OK(first_connection(db));
	WANT_OK(aw_db_acquire(db, &conn));
	task = aw_spawn("other", ask_once, db);
	WANT(task);
	WANT_OK(aw_join(task, &status));
	WANT_CODE(status, AW_EPOOL);
	WANT(strstr(aw_error_text(), "tiny"));
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	aw_conn_freep(&conn);
	WANT_INT(ask_once(db), 7);
	return 0;
}

START_TEST(an_exhausted_pool_says_its_name)
{
	check_with_pool(exhausted, _i, .max = 1, .min = 1, .acquire = 0.05,
			.check_after = 600, .name = "tiny");
}
END_TEST

static int
closed_main(void *arg)
{
	struct aw_db_options o = { .size = sizeof(o), .max = 1 };
	struct aw_task *waiter;
	struct aw_conn *conn;
	struct aw_db *db, *copy;
	int status, n = 0;

	WANT_OK(open_pool(&db, *(int *)arg, &o));
	copy = db;
	WANT_OK(aw_db_acquire(db, &conn));
	waiter = aw_spawn("waiter", ask_once, copy);
	WANT(waiter);
	WANT_OK(aw_sleep(0.01));
	aw_db_freep(&db);
	WANT(!db);
	WANT_OK(aw_join(waiter, &status));
	WANT_CODE(status, AW_ECLOSED);
	WANT_OK(aw_db_one(conn, AW_INTO(&n), "SELECT 7"));
	WANT_INT(n, 7);
	aw_conn_release(conn);
	return 0;
}

START_TEST(a_closed_pool_keeps_what_was_borrowed_and_refuses_who_waits)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(closed_main, &_i, .no_signals = true,
			     .check_leaks = true) == 0, "%s", why);
}
END_TEST

static int
forked(struct aw_db *db)
{
	int before, after, status = -1;
	pid_t pid;

	WANT_OK(aw_db_one(db, AW_INTO(&before), "SELECT pg_backend_pid()"));
	pid = fork();
	if (pid == 0)
		_exit(ask_once(db) == AW_EFORK ? 0 : 1);
	WANT(pid > 0);
	WANT_INT(waitpid(pid, &status, 0), pid);
	WANT_INT(status, 0);
	WANT_OK(aw_db_one(db, AW_INTO(&after), "SELECT pg_backend_pid()"));
	WANT_INT(after, before);
	return 0;
}

START_TEST(a_child_of_fork_is_refused_and_the_session_unharmed)
{
	check_with_pool(forked, _i);
}
END_TEST

static int
idle_checks(struct aw_db *db)
{
	int before, after;

	WANT_OK(aw_db_one(db, AW_INTO(&before), "SELECT pg_backend_pid()"));
	WANT_OK(aw_sleep(0.02));
	WANT_OK(aw_db_ping(db));
	WANT_OK(aw_db_one(db, AW_INTO(&after), "SELECT pg_backend_pid()"));
	WANT_INT(after, before);
	aw_db_expire(db);
	WANT_OK(wait_settled(db));
	WANT_OK(aw_db_one(db, AW_INTO(&after), "SELECT pg_backend_pid()"));
	WANT(after != before);
	return 0;
}

START_TEST(a_connection_is_checked_kept_and_replaced_when_expired)
{
	check_with_pool(idle_checks, _i, .max = 1, .check_after = 0.01);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_pool");
	TCase *tc = tcase_create("basic");
	const TTest *const tests[] = {
		who_holds_every_connection_is_told_at_once,
		an_exhausted_pool_says_its_name,
		a_closed_pool_keeps_what_was_borrowed_and_refuses_who_waits,
		a_child_of_fork_is_refused_and_the_session_unharmed,
		a_connection_is_checked_kept_and_replaced_when_expired,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
