/* SPDX-License-Identifier: MIT */
/* chaos_cut.h - streams that are cut, sliced, changed, and a network that
 * comes and goes; for both databases, see chaos_session.h. */
#ifndef TESTS_DB_CHAOS_CUT_H
#define TESTS_DB_CHAOS_CUT_H

#include "chaos_life.h"

/* --- Cut after n bytes ------------------------------------------------- */

static inline int
twenty_rows(struct aw_db *db)
{
	AW_AUTO(aw_rows, rows);
	int n = 0, r;

	AW_TRY(aw_db_stream(db, &rows, AW_SQL(
		.pg = "SELECT g, repeat('x', 40) FROM generate_series(1, 20) g",
		.mysql = "SELECT seq, repeat('x', 40) FROM seq_1_to_20")));
	for (int i = 1; (r = aw_rows_next(rows, &n, AW_SKIP)) > 0; i++)
		WANT_INT(n, i);
	if (r == 0)
		WANT_INT(n, 20);
	return r;
}

/* What ends too early is never taken for the end. */
static inline int
cut_answers(struct aw_db *db)
{
	int whole = 0, lost = 0;

	for (int n = 1; n < 2000; n += n < 120 ? 5 : 121) {
		int r;

		WANT_OK(ask(db, n));
		chaos_set(&net, .client = { .after = n, .then = n % 2 ?
			  CHAOS_THEN_CLOSE : CHAOS_THEN_RESET });
		r = twenty_rows(db);
		if (r != 0 && !is_loss(r))
			return unwanted(__LINE__, "%d bytes gave %s", n,
					aw_error_name(r));
		*(r == 0 ? &whole : &lost) += 1;
		WANT_OK(cut_all(db, CHAOS_RESET));
	}
	WANT(lost > 15);
	WANT(whole > 0);
	return heals(db);
}

static inline int
count_rows(struct aw_db *db, int id)
{
	int n = -1;

	WANT_OK(aw_db_one(db, AW_INTO(&n), AW_SQL(
		.pg = "SELECT count(*)::int FROM chaos_ledger WHERE id = $1",
		.mysql = "SELECT count(*) FROM chaos_ledger WHERE id = ?"),
		id));
	return n;
}

static inline int
new_ledger(struct aw_db *db)
{
	WANT_OK(aw_db_exec(db, NULL, "DROP TABLE IF EXISTS chaos_ledger"));
	return aw_db_exec(db, NULL, "CREATE TABLE chaos_ledger (id int)");
}

static inline int
write_id(struct aw_db *db, int id)
{
	return aw_db_exec(db, NULL, AW_SQL(
		.pg = "INSERT INTO chaos_ledger VALUES ($1)",
		.mysql = "INSERT INTO chaos_ledger VALUES (?)"), id);
}

/* A row is there exactly if the call said so, or could not tell. */
static inline int
cut_requests(struct aw_db *db)
{
	int written = 0, lost = 0;

	WANT_OK(new_ledger(db));
	for (int n = 1; n < 160; n += 6) {
		int r, there;
		enum aw_sent sent;

		WANT_OK(ask(db, n));
		chaos_set(&net, .server = { .after = n, .then = n % 2 ?
			  CHAOS_THEN_CLOSE : CHAOS_THEN_RESET });
		r = write_id(db, n);
		sent = aw_error()->sent;
		WANT_OK(cut_all(db, CHAOS_RESET));
		there = count_rows(db, n);
		WANT(r == 0 || is_loss(r));
		WANT(there == 0 || there == 1);
		WANT(r != 0 || there == 1);
		WANT(r == 0 || sent == AW_SENT_UNKNOWN || there == 0);
		*(r == 0 ? &written : &lost) += 1;
	}
	WANT(lost > 3);
	return heals(db);
}

static inline int
lost_commit(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);

	WANT_OK(new_ledger(db));
	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(aw_db_exec(conn, NULL, "INSERT INTO chaos_ledger VALUES (1)"));
	chaos_set(&net, .client = { .after = 1, .then = CHAOS_THEN_RESET });
	WANT_CODE(aw_tx_commit(tx), AW_EUNKNOWN);
	WANT_INT(aw_error()->sent, AW_SENT_UNKNOWN);
	WANT(!aw_is_retryable(AW_EUNKNOWN));
	aw_tx_freep(&tx);
	aw_conn_freep(&conn);
	WANT_OK(cut_all(db, CHAOS_RESET));
	/* The server had got it: only the answer was lost. */
	WANT_INT(count_rows(db, 1), 1);
	return heals(db);
}

/* --- Slices ------------------------------------------------------------ */

/* From the first byte of the handshake on. */
static inline int
byte_by_byte(struct aw_db *db)
{
	chaos_set(&net, .client = { .slice = 1 }, .server = { .slice = 1 });
	for (int i = 0; i < 5; i++) {
		WANT_OK(ask(db, i));
		WANT_OK(twenty_rows(db));
	}
	WANT_INT(chaos_look(&net).accepted, 1);
	return heals(db);
}

static inline int
far_away(struct aw_db *db)
{
	chaos_set(&net, .client = { .delay = 15 }, .server = { .delay = 5 });
	for (int i = 0; i < 5; i++)
		WANT_OK(ask(db, i));
	WANT_OK(twenty_rows(db));
	WANT_INT(chaos_look(&net).accepted, 1);
	return heals(db);
}

/* Each byte in time, the whole not: a deadline is not begun anew by a byte. */
static inline int
trickle(struct aw_db *db)
{
	int r;

	WANT_OK(ask(db, 1));
	chaos_set(&net, .client = { .slice = 1, .delay = 15 });
	{
		AW_TIMEOUT(0.2);

		r = twenty_rows(db);
	}
	WANT_CODE(r, AW_ETIME);
	return heals(db);
}

/* --- Other bytes ------------------------------------------------------- */

/* A byte of an answer is another; a value may be wrong, the next answer is
 * not. */
static inline int
corrupt_answers(struct aw_db *db)
{
	for (int at = 0; at < 130; at += 9) {
		int got;

		WANT_OK(ask(db, 1));
		chaos_set(&net, .client = { .at = at, .flip = at % 2 ? 0x80 :
			  0x04 });
		{
			AW_TIMEOUT(0.03);

			aw_ignore(aw_db_one(db, AW_INTO(&got),
				AW_SQL(.pg = "SELECT $1::int",
				       .mysql = "SELECT ?"), 1));
		}
		WANT_OK(cut_all(db, CHAOS_CLOSE));
		WANT_OK(ask(db, 2));
	}
	return heals(db);
}

/* The answer comes, and comes again: the second one is nobody's. */
static inline int
answered_twice(struct aw_db *db)
{
	for (int i = 0; i < 4; i++) {
		WANT_OK(ask(db, 1));
		chaos_set(&net, .client = { .twice = true });
		for (int k = 0; k < 3; k++) {
			int got = -1, r;

			AW_TIMEOUT(0.05);
			r = aw_db_one(db, AW_INTO(&got),
				      AW_SQL(.pg = "SELECT $1::int",
					     .mysql = "SELECT ?"), 100 + k);
			WANT(r < 0 || got == 100 + k);
		}
		WANT_OK(cut_all(db, CHAOS_RESET));
	}
	return heals(db);
}

/* It comes again later, on a connection that somebody holds: what fails then
 * must not be told of that answer. */
static inline int
answered_late_again(struct aw_db *db)
{
	struct aw_sql nothing = AW_SQL(.pg = "SELECT 1", .mysql = "DO 0",
				       .no_prepare = true);
	struct aw_sql failing = AW_SQL(.pg = "SELECT 1/0",
				       .mysql = "SIGNAL SQLSTATE '45000'",
				       .no_prepare = true);

	WANT_OK(ask(db, 1));
	for (int i = 0; i < 4; i++) {
		AW_AUTO(aw_conn, conn);

		WANT_OK(aw_db_acquire(db, &conn));
		chaos_set(&net, .client = { .twice = true, .slice = 1,
					      .delay = 1 });
		WANT_OK(aw_db_exec(conn, NULL, nothing));
		WANT_OK(aw_sleep(0.05));
		chaos_set(&net, .door = CHAOS_OPEN);
		for (int k = 0; k < 3; k++)
			WANT(aw_db_exec(conn, NULL, failing) < 0);
	}
	return heals(db);
}

/* --- Now and then ------------------------------------------------------ */

struct flapper {
	struct aw_db *db;
	bool stop;
	int next, acked, unknown, none;
};

static inline int
flap_writer(void *arg)
{
	struct flapper *f = arg;

	while (!f->stop) {
		int id = f->next++;
		int r = write_id(f->db, id);

		if (r == 0) {
			f->acked++;
			continue;
		}
		WANT(is_loss(r));
		if (aw_error()->sent == AW_SENT_UNKNOWN)
			f->unknown++;
		else
			f->none++;
		WANT_OK(aw_sleep(0.002));
	}
	return 0;
}

/* Cuts that met no statement on its way prove nothing: they go on, with more
 * time between them, since a busy machine needs that to connect. */
static inline bool
met_both(const struct flapper *f)
{
	return f->acked > 0 && f->unknown > 0;
}

/* For .max = 4. */
static inline int
flaps(struct aw_db *db)
{
	struct flapper f = { .db = db };
	struct aw_db_stats s = { .size = 0 };
	int rows, twice;

	WANT_OK(new_ledger(db));
	{
		AW_GROUP(g);

		for (int i = 0; i < 40; i++)
			WANT_OK(aw_go(&g, flap_writer, &f));
		for (int i = 0; i < 8 || (i < 80 && !met_both(&f)); i++) {
			WANT_OK(aw_sleep(0.05 + (i < 8 ? 0 : 0.02 * i)));
			chaos_set(&net, .cut = i % 4 ? CHAOS_RESET :
				  CHAOS_CLOSE, .door = CHAOS_SLAM);
			WANT_OK(aw_sleep(0.02));
			aw_db_stats(db, &s);
			WANT(s.open + s.connecting <= 4);
			chaos_set(&net, .door = CHAOS_OPEN);
		}
		f.stop = true;
		WANT_OK(aw_group_wait(&g));
	}
	WANT_OK(heals(db));
	WANT_OK(aw_db_one(db, AW_INTO(&rows, &twice), AW_SQL(
		.pg = "SELECT count(*)::int, (count(*) - count(DISTINCT id))"
		      "::int FROM chaos_ledger",
		.mysql = "SELECT count(*), count(*) - count(DISTINCT id) FROM "
			 "chaos_ledger")));
	WANT_INT(twice, 0);
	WANT(met_both(&f));
	WANT(rows >= f.acked && rows <= f.acked + f.unknown);
	return 0;
}

#endif
