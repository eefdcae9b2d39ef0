/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: the outcome of a COMMIT, and interruptions around it.
 */
#include "tx_table.h"

static int
commit_cut_off(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	int r;

	WANT_OK(fresh(db));
	WANT_OK(aw_db_exec(db, NULL, "CREATE OR REPLACE FUNCTION tx_slow() "
			   "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM "
			   "pg_sleep(10); RETURN NULL; END'"));
	WANT_OK(aw_db_exec(db, NULL, "CREATE CONSTRAINT TRIGGER tx_slow AFTER "
			   "INSERT ON tx_t DEFERRABLE INITIALLY DEFERRED FOR "
			   "EACH ROW EXECUTE FUNCTION tx_slow()"));
	WANT_OK(wait_settled(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(add(conn, 1));
	{
		AW_TIMEOUT(0.3);

		r = aw_tx_commit(tx);
	}
	WANT_CODE(r, AW_EUNKNOWN);
	WANT_INT(aw_error()->sent, AW_SENT_UNKNOWN);
	WANT(!aw_is_retryable(r));
	aw_tx_freep(&tx);
	WANT_OK(aw_db_exec(conn, NULL, "SELECT 1"));
	WANT_OK(aw_db_exec(db, NULL, "DROP TRIGGER tx_slow ON tx_t"));
	WANT_INT(rows_of(db), 0);
	return 0;
}

START_TEST(a_commit_without_an_answer_is_of_unknown_outcome)
{
	check_with_pool(commit_cut_off, _i);
}
END_TEST

static int
too_late(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	int begun, committed;

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	{
		AW_TIMEOUT(0);

		begun = aw_tx_begin(conn, &tx);
	}
	WANT_CODE(begun, AW_ETIME);
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(add(conn, 1));
	{
		AW_TIMEOUT(0);

		committed = aw_tx_commit(tx);
	}
	WANT_CODE(committed, AW_ETIME);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT_OK(aw_tx_commit(tx));
	WANT_INT(rows_of(db), 1);
	return 0;
}

START_TEST(a_deadline_that_is_over_sends_nothing)
{
	check_with_pool(too_late, _i);
}
END_TEST

static int
interrupted(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	int r;

	WANT_OK(fresh(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(add(conn, 1));
	{
		AW_TIMEOUT(0.3);

		r = aw_db_exec(conn, NULL, "SELECT pg_sleep(10)");
	}
	WANT_CODE(r, AW_ETIME);
	WANT_CODE(add(conn, 2), AW_ETXDEAD);
	WANT_CODE(aw_tx_commit(tx), AW_ETXDEAD);
	WANT_OK(aw_tx_rollback(tx));
	WANT_OK(add(conn, 3));
	WANT_INT(rows_of(db), 1);
	return 0;
}

START_TEST(an_interrupted_statement_kills_its_transaction)
{
	check_with_pool(interrupted, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_commit");
	TCase *tc = tcase_create("basic");
	const TTest *const tests[] = {
		a_commit_without_an_answer_is_of_unknown_outcome,
		a_deadline_that_is_over_sends_nothing,
		an_interrupted_statement_kills_its_transaction,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
