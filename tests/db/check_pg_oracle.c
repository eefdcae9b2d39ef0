/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: the oracle. Whatever is interrupted, whenever, nobody sees
 * another's rows or transaction.
 *
 * Its tasks share a small pool. Each sends a number that must come back,
 * beside a mark that a transaction leaves in its session; some moments later
 * it is cancelled, or its deadline passes. What it was waiting for then is
 * counted by state. AWAIT_TEST_ROUNDS sets the number of rounds; the counts
 * are printed when it is set.
 */
#include <unistd.h>

#include "pg_session.h"

enum state { ACQUIRE, CONNECTING, SENDING, FIRST_BYTE, MID_ROWS, REPAIR,
	     COMMIT, BETWEEN, N_STATES };

static const char *const state_names[] = {
	"acquire", "connecting", "sending", "first byte", "mid-rows", "repair",
	"commit", "between",
};

static struct {
	struct aw_db *db;
	unsigned seed;
	int64_t nonce;
	int left, done, hist[N_STATES];
	char *big;
	size_t big_size;
} o;

static double
chance(double most)
{
	return most * rand_r(&o.seed) / RAND_MAX;
}

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

static int (*const tries[])(int64_t) = {
	try_query, try_query, try_send, try_rows, try_buffered, try_tx, try_tx,
	try_reset,
};

/* What it waited for when it was interrupted. */
static enum state
state_of(int r, int (*fn)(int64_t))
{
	const struct aw_error *e = aw_error();
	struct aw_db_stats s = { .size = 0 };

	aw_db_stats(o.db, &s);
	if (r == AW_EUNKNOWN || strcmp(e->op, "COMMIT") == 0)
		return COMMIT;
	if (strstr(e->wait, "to take a statement"))
		return SENDING;
	if (strstr(e->wait, "the answer"))
		return fn == try_rows || fn == try_buffered ? MID_ROWS :
							      FIRST_BYTE;
	if (strstr(e->wait, "connection"))
		return s.connecting ? CONNECTING : s.repairing ? REPAIR :
								 ACQUIRE;
	return BETWEEN;
}

static int
one_try(void *arg)
{
	int (*fn)(int64_t) = tries[(size_t)rand_r(&o.seed) % AW_LENGTH(tries)];
	int64_t nonce = o.nonce += 2;
	int r;

	if (arg) {
		AW_TIMEOUT(chance(chance(0.02)));

		r = fn(nonce);
	} else {
		r = fn(nonce);
	}
	o.done++;
	if (aw_is_cancel(r) || r == AW_EUNKNOWN)
		o.hist[state_of(r, fn)]++;
	else if (r < 0)
		return unwanted(__LINE__, "gave %s", aw_error_name(r));
	return 0;
}

static int
worker(void *arg)
{
	while (o.left-- > 0 && !why[0]) {
		struct aw_task *task;
		int status;

		if (rand_r(&o.seed) % 2) {
			AW_TRY(one_try(arg));
			continue;
		}
		task = aw_spawn("try", one_try, NULL);
		WANT(task);
		WANT_OK(aw_sleep(chance(chance(0.02))));
		aw_cancel(task, "oracle");
		WANT_OK(aw_join(task, &status));
		if (status < 0 && status != AW_ECANCELED)
			return status;
	}
	return 0;
}

/* Connections are replaced from time to time. */
static int
replacer(void *arg)
{
	(void)arg;
	while (o.left > 0 && !why[0]) {
		aw_db_expire(o.db);
		WANT_OK(aw_sleep(0.5));
	}
	return 0;
}

static int
oracle(struct aw_db *db)
{
	const char *rounds = getenv("AWAIT_TEST_ROUNDS");
	int n;

	memset(&o, 0, sizeof(o));
	o.db = db;
	o.seed = (unsigned)getpid();
	o.left = rounds ? (int)strtol(rounds, NULL, 10) : 600;
	o.big_size = 4 << 20;
	o.big = calloc(1, o.big_size);
	WANT_OK(aw_db_exec(db, NULL, AW_SQL(.multi = true, .text =
		"DROP TABLE IF EXISTS oracle; CREATE TABLE oracle (n int8);"
		"CREATE OR REPLACE FUNCTION oracle_slow() RETURNS trigger "
		"LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(random() / 250); "
		"RETURN NULL; END'; "
		"CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON oracle "
		"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
		"oracle_slow()")));
	{
		AW_GROUP(g);

		for (int i = 0; i < 8; i++)
			WANT_OK(aw_go(&g, worker, &o));
		WANT_OK(aw_go(&g, replacer, NULL));
		WANT_OK(aw_group_wait(&g));
	}
	WANT(!why[0]);
	free(o.big);
	if (rounds)
		for (int i = 0; i < N_STATES; i++)
			fprintf(stderr, "# %-12s %d\n", state_names[i],
				o.hist[i]);
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
