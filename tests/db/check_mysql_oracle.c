/* SPDX-License-Identifier: MIT */
/*
 * MariaDB, the oracle: whatever is interrupted, whenever, nobody sees another's
 * rows or transaction.
 *
 * Its tasks share a small pool. Each sends a number that must come back, beside
 * a mark that a change of the session leaves; some moments later it is
 * cancelled, or its deadline passes. What it was waiting for then is counted by
 * state; oracle.h says how the moments are chosen.
 */
#include "my_session.h"

#include "oracle.h"

/* The number comes back, and no transaction of another is open. */
static int
ask(struct aw_conn *conn, int64_t nonce, double seconds)
{
	int64_t got = -1;
	bool null = true;
	int in_tx = -1, mark;

	AW_TRY(aw_db_one(conn, AW_INTO(&got, AW_OPT(&mark, &null), &in_tx,
				       AW_SKIP),
			 "SELECT ?, @mark, @@in_transaction, SLEEP(?)", nonce,
			 seconds));
	WANT(got == nonce);
	WANT(null);
	WANT_INT(in_tx, 0);
	return 0;
}

static int
try_query(int64_t nonce)
{
	AW_AUTO(aw_conn, conn);

	AW_TRY(aw_db_acquire(o.db, &conn));
	AW_TRY(ask(conn, nonce, chance(0.004)));
	return ask(conn, nonce + 1, 0);
}

static int
try_send(int64_t nonce)
{
	int64_t got = -1;
	int n = -1;

	AW_TRY(aw_db_one(o.db, AW_INTO(&got, &n), "SELECT ?, length(?)", nonce,
			 aw_bytes(o.big, o.big_size)));
	WANT(got == nonce);
	WANT_INT(n, (int)o.big_size);
	return 0;
}

static int
try_rows(int64_t nonce)
{
	AW_AUTO(aw_rows, rows);
	int64_t got;
	int n = 0, i, r;

	AW_TRY(aw_db_stream(o.db, &rows, "SELECT ?, seq, repeat('x', 500) "
			    "FROM seq_1_to_3000", nonce));
	while ((r = aw_rows_next(rows, &got, &i, AW_SKIP)) > 0) {
		WANT(got == nonce);
		WANT_INT(i, ++n);
	}
	if (r == 0)
		WANT_INT(n, 3000);
	return r;
}

static int
try_buffered(int64_t nonce)
{
	AW_AUTO(aw_rows, rows);
	int64_t got;

	AW_TRY(aw_db_query(o.db, &rows, "SELECT ?, repeat('x', 500) FROM "
			   "seq_1_to_3000", nonce));
	WANT_INT(aw_rows_count(rows), 3000);
	WANT_INT(aw_rows_next(rows, &got, AW_SKIP), 1);
	WANT(got == nonce);
	return 0;
}

static int
try_tx(int64_t nonce)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	AW_TRY(aw_db_acquire(o.db, &conn));
	AW_TRY(ask(conn, nonce, 0));
	AW_TRY(aw_tx_begin(conn, &tx));
	AW_TRY(aw_db_exec(conn, NULL, "INSERT INTO oracle VALUES (?)", nonce));
	if (rand_r(&o.seed) % 4) {
		/* Short enough to end while the server commits. */
		AW_TIMEOUT(chance(0.0002));

		AW_TRY(aw_tx_commit(tx));
	} else {
		AW_TRY(aw_tx_commit(tx));
	}
	aw_tx_freep(&tx);
	return ask(conn, nonce, 0);
}

/* Leaves a transaction behind for the pool to roll back. */
static int
try_left(int64_t nonce)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	AW_TRY(aw_db_acquire(o.db, &conn));
	AW_TRY(ask(conn, nonce, 0));
	AW_TRY(aw_tx_begin(conn, &tx));
	return aw_db_exec(conn, NULL, "INSERT INTO oracle VALUES (?)", nonce);
}

/* Changes the session, so that its release resets it. */
static int
try_reset(int64_t nonce)
{
	AW_AUTO(aw_conn, conn);

	AW_TRY(aw_db_acquire(o.db, &conn));
	AW_TRY(ask(conn, nonce, 0));
	return aw_db_exec(conn, NULL, "SET @mark = 1");
}

static try_fn *const tries[] = {
	try_query, try_query, try_send, try_send, try_rows, try_buffered,
	try_tx, try_tx, try_tx, try_tx, try_left, try_left, try_reset,
	try_reset, try_reset,
};

static try_fn *
pick_any(void)
{
	return tries[(size_t)rand_r(&o.seed) % AW_LENGTH(tries)];
}

static try_fn *
pick_for(enum state state)
{
	switch (state) {
	case SENDING:
		return try_send;
	case MID_ROWS:
		return rand_r(&o.seed) % 2 ? try_rows : try_buffered;
	case REPAIR:
		return rand_r(&o.seed) % 2 ? try_left : try_reset;
	case COMMIT:
		return try_tx;
	default:
		return pick_any();
	}
}

static bool
reads_rows(try_fn *fn)
{
	return fn == try_rows || fn == try_buffered;
}

static int
oracle(struct aw_db *db)
{
	int n;

	WANT_OK(aw_db_exec(db, NULL, "CREATE OR REPLACE TABLE oracle (n "
			   "bigint)"));
	AW_TRY(oracle_open(db, 400));
	AW_TRY(oracle_run(NULL));
	AW_TRY(oracle_close());
	WANT_OK(my_settled(db));
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT count(*) FROM (SELECT n "
			  "FROM oracle GROUP BY n HAVING count(*) > 1) twice"));
	WANT_INT(n, 0);
	return 0;
}

START_TEST(nobody_sees_anothers_rows_or_transaction_whatever_is_interrupted)
{
	check_with_pool(oracle, _i, .max = 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_oracle");
	TCase *tc = tcase_create("oracle");

	tcase_set_timeout(tc, 1200);
	tcase_add_loop_test(
	    tc,
	    nobody_sees_anothers_rows_or_transaction_whatever_is_interrupted, 0,
	    N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
