/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: rows as they come.
 */
#include <unistd.h>

#include "my_layout.h"

#include "results.h"

static const char *const series = "SELECT seq + ?, repeat('x', seq % 300) "
	"FROM seq_1_to_5000 LIMIT ?";

static int
stream_both(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);

	WANT_OK(choose_layout(db, portable));
	WANT_OK(aw_db_acquire(db, &conn));
	for (int k = 0; k < 3; k++) {
		AW_AUTO(aw_rows, rows);
		AW_AUTO(aw_rows, text);
		const char *s;
		int i, n = 0, r;

		WANT_OK(aw_db_stream(conn, &rows, series, 10, 3000));
		WANT_CODE(aw_db_exec(conn, NULL, "DO 0"), AW_EBUSY);
		while ((r = aw_rows_next(rows, &i, &s)) > 0) {
			n++;
			WANT_INT(i, n + 10);
			WANT_INT((int)strlen(s), n % 300);
		}
		WANT_INT(r, 0);
		WANT_INT(n, 3000);
		WANT_OK(aw_db_stream(conn, &text, "SELECT seq, NULL FROM "
				     "seq_1_to_500"));
		for (n = 0; (r = aw_rows_next(text, &i, AW_SKIP)) > 0; n++)
			WANT_INT(i, n + 1);
		WANT_INT(r, 0);
		WANT_INT(n, 500);
		WANT_OK(aw_db_exec(conn, NULL, "DO 0"));
	}
	return 0;
}

START_TEST(a_stream_gives_every_row_and_the_connection_back)
{
	check_both(stream_both, _i, .max = 10);
}
END_TEST

/* A server that is always ahead: recv() has something whenever it is asked. */
static const char *const flood = "SELECT repeat('x', 999) FROM "
	"seq_1_to_20000";

struct turns {
	struct aw_scope *stop;	/* after the twentieth; NULL: not yet */
	int n;
	bool over;
};

static int
take_turns(void *arg)
{
	struct turns *t = arg;

	while (!t->over) {
		if (t->stop && ++t->n == 20)
			aw_scope_cancel(t->stop, "twenty turns were taken");
		AW_TRY(aw_yield());
	}
	return 0;
}

/* So slow that the server fills the socket meanwhile. */
static void
think(void)
{
	double until = aw_now() + 50e-6;

	while (aw_now() < until)
		continue;
}

static int
read_slowly(struct aw_db *db, struct turns *t, bool text, int *ret_rows)
{
	AW_AUTO(aw_rows, rows);
	AW_SCOPE(reading);
	int r;

	AW_TRY(aw_db_stream(db, &rows, AW_SQL(.text = flood,
					      .no_prepare = text)));
	t->stop = &reading;
	while ((r = aw_rows_next(rows, AW_SKIP)) > 0) {
		think();
		++*ret_rows;
	}
	return r;
}

static int
ahead(struct aw_db *db, bool text)
{
	struct turns t = { .n = 0 };
	AW_GROUP(g);
	int n = 0;

	WANT_OK(aw_go(&g, take_turns, &t));
	WANT_INT(read_slowly(db, &t, text, &n), AW_ECANCELED);
	WANT(strstr(aw_error_text(), "twenty turns"));
	WANT(n > 0 && n < 20000);
	t.over = true;
	WANT_OK(aw_group_wait(&g));
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT ?", 7));
	WANT_INT(n, 7);
	return 0;
}

static int
stream_ahead(struct aw_db *db)
{
	WANT_OK(choose_layout(db, portable));
	WANT_OK(ahead(db, false));
	return ahead(db, true);
}

START_TEST(a_stream_that_never_waits_gives_turns_and_is_cancelled)
{
	check_both(stream_ahead, _i, .max = 1);
}
END_TEST

static int
stream_left(struct aw_db *db)
{
	int i, n;

	WANT_OK(choose_layout(db, portable));
	for (int k = 0; k < 6; k++) {
		AW_AUTO(aw_rows, rows);

		if (k % 2)
			WANT_OK(aw_db_stream(db, &rows, series, 1, 5000));
		else
			WANT_OK(aw_db_stream(db, &rows, "SELECT seq, repeat("
					     "'x', 999) FROM seq_1_to_5000"));
		WANT_INT(aw_rows_next(rows, &i, AW_SKIP), 1);
		WANT_INT(aw_rows_next(rows, &i, AW_SKIP), 1);
		aw_rows_freep(&rows);
		WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT ?", k));
		WANT_INT(n, k);
	}
	return 0;
}

START_TEST(a_stream_left_early_disturbs_nobody)
{
	check_both(stream_left, _i, .max = 1);
}
END_TEST

static int
stream_orphaned(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	AW_AUTO(aw_conn, conn);

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_stream(conn, &rows, "SELECT seq FROM seq_1_to_100000"));
	WANT_INT(aw_rows_next(rows), 1);
	aw_conn_freep(&conn);
	WANT_CODE(aw_rows_next(rows), AW_ECLOSED);
	return aw_db_exec(db, NULL, "DO 0");
}

START_TEST(a_stream_without_its_connection_is_closed)
{
	check_with_pool(stream_orphaned, _i, .max = 1);
}
END_TEST

static int
stream_fails(struct aw_db *db)
{
	for (int k = 0; k < 3; k++) {
		AW_AUTO(aw_rows, rows);
		int r, n = 0;

		WANT_OK(aw_db_stream(db, &rows, "SELECT IF(seq < 20000, seq, "
				     "(SELECT 1 UNION SELECT seq)) FROM "
				     "seq_1_to_30000 WHERE seq > ?", 0));
		while ((r = aw_rows_next(rows)) > 0)
			n++;
		WANT_CODE(r, AW_ESQL);
		WANT_INT(aw_error()->native, 1242);
		WANT(n > 0);
		WANT_INT(aw_rows_next(rows), 0);
		WANT_OK(aw_db_exec(db, NULL, "DO 0"));
	}
	return 0;
}

START_TEST(an_error_in_the_middle_of_a_stream_is_reported)
{
	check_with_pool(stream_fails, _i, .max = 1);
}
END_TEST

/* Between two results of a CALL that fails at its end. */
static int
stop_call(void *arg)
{
	struct turns *t = arg;

	WANT_OK(aw_sleep(0.001));
	usleep(200000);		/* the first result is in the socket */
	for (int i = 0; i < t->n; i++)
		WANT_OK(aw_yield());
	if (t->stop)
		aw_scope_cancel(t->stop, "enough");
	return 0;
}

static int
called_off(struct aw_db *db, int turns)
{
	struct turns t = { .n = turns };
	AW_AUTO(aw_rows, rows);
	AW_GROUP(g);

	{
		AW_SCOPE(calling);
		int r;

		t.stop = &calling;
		WANT_OK(aw_go(&g, stop_call, &t));
		r = aw_db_query(db, &rows, "CALL failing_late()");
		t.stop = NULL;
		WANT(r == AW_ECANCELED || r == AW_ESQL);
		WANT(!rows);
	}
	WANT_OK(aw_group_wait(&g));
	return 0;
}

static int
calls_off(struct aw_db *db)
{
	WANT_OK(aw_db_exec(db, NULL, "CREATE OR REPLACE PROCEDURE "
		"failing_late() BEGIN SELECT seq, repeat('x', 1000) FROM "
		"seq_1_to_900; DO SLEEP(0.3); SIGNAL SQLSTATE '45000'; END"));
	for (int turns = 0; turns < 3; turns++)
		WANT_OK(called_off(db, turns));
	return 0;
}

START_TEST(a_call_that_is_interrupted_between_results_is_no_success)
{
	check_with_pool(calls_off, _i, .max = 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_stream");
	TCase *tc = tcase_create("streams");
	int both = 2 * N_WAYS;

	tcase_add_loop_test(
	    tc, a_stream_gives_every_row_and_the_connection_back, 0, both);
	tcase_add_loop_test(tc, a_stream_left_early_disturbs_nobody, 0, both);
	tcase_add_loop_test(
		tc, a_stream_that_never_waits_gives_turns_and_is_cancelled, 0,
		both);
	tcase_add_loop_test(tc, a_stream_without_its_connection_is_closed, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, an_error_in_the_middle_of_a_stream_is_reported,
			    0, N_WAYS);
	tcase_add_loop_test(
		tc, a_call_that_is_interrupted_between_results_is_no_success,
		0, N_WAYS);
	results_cases(tc);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
