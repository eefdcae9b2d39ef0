/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: the oracle. Whatever is interrupted, whenever, nobody sees
 * another's rows or transaction.
 *
 * Its tasks share a small pool. Each sends a number that must come back,
 * beside a mark that a transaction leaves in its session; some moments later
 * it is cancelled, or its deadline passes. What it was waiting for then is
 * counted by state; oracle.h says how the moments are chosen.
 */
#include "pg_session.h"

#include "oracle.h"

/* The number comes back, and no transaction of another is open. */
static int
ask(struct aw_conn *conn, int64_t nonce, double seconds)
{
	int64_t got = -1;
	char mark[16];
	bool null = true;

	AW_TRY(aw_db_one(conn, AW_INTO(&got, AW_OPT(AW_BUF(mark), &null),
				       AW_SKIP),
			 "SELECT $1::int8, nullif(current_setting('aw.mark', "
			 "true), ''), pg_sleep($2)", nonce, seconds));
	WANT(got == nonce);
	WANT(null);
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

	AW_TRY(aw_db_one(o.db, AW_INTO(&got, &n), "SELECT $1::int8, "
			 "length($2::bytea)", nonce,
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

	AW_TRY(aw_db_stream(o.db, &rows, "SELECT $1::int8, g, repeat('x', 500) "
			    "FROM generate_series(1, 3000) g", nonce));
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

	AW_TRY(aw_db_query(o.db, &rows, "SELECT $1::int8, repeat('x', 500) "
			   "FROM generate_series(1, 3000) g", nonce));
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
	AW_TRY(aw_db_exec(conn, NULL, "SELECT set_config('aw.mark', 'x', "
			  "true)"));
	AW_TRY(aw_db_exec(conn, NULL, "INSERT INTO oracle VALUES ($1)", nonce));
	AW_TRY(aw_tx_commit(tx));
	aw_tx_freep(&tx);
	return ask(conn, nonce, 0);
}

/* Changes the session, so that its release resets it. */
static int
try_reset(int64_t nonce)
{
	AW_AUTO(aw_conn, conn);

	AW_TRY(aw_db_acquire(o.db, &conn));
	AW_TRY(ask(conn, nonce, 0));
	return aw_db_exec(conn, NULL, "SET aw.mark = 'y'");
}

static try_fn *const tries[] = {
	try_query, try_query, try_send, try_rows, try_buffered, try_tx, try_tx,
	try_reset,
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
		return try_reset;
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

/* Connections are replaced from time to time. */
static int
replacer(void *arg)
{
	(void)arg;
	while (o.left > 0 && !why[0] && !is_enough()) {
		aw_db_expire(o.db);
		WANT_OK(aw_sleep(0.5));
	}
	return 0;
}

static int
oracle(struct aw_db *db)
{
	int n;

	WANT_OK(aw_db_exec(db, NULL, AW_SQL(.multi = true, .text =
		"DROP TABLE IF EXISTS oracle; CREATE TABLE oracle (n int8);"
		"CREATE OR REPLACE FUNCTION oracle_slow() RETURNS trigger "
		"LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(random() / 250); "
		"RETURN NULL; END'; "
		"CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON oracle "
		"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
		"oracle_slow()")));
	AW_TRY(oracle_open(db, 600));
	AW_TRY(oracle_run(replacer));
	AW_TRY(oracle_close());
	WANT_OK(wait_settled(db));
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT count(*)::int FROM "
			  "(SELECT n FROM oracle GROUP BY n HAVING count(*) > "
			  "1) twice"));
	WANT_INT(n, 0);
	return 0;
}

START_TEST(nobody_sees_anothers_rows_or_transaction)
{
	check_with_pool(oracle, _i, .max = 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_oracle");
	TCase *tc = tcase_create("basic");
	const TTest *const tests[] = {
		nobody_sees_anothers_rows_or_transaction,
		NULL,
	};

	for (size_t i = 0; tests[i]; i++)
		tcase_add_loop_test(tc, tests[i], 0, N_WAYS);
	tcase_set_timeout(tc, 1200);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
