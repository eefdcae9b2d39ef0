/* SPDX-License-Identifier: MIT */
/* tx_table.h - the table that tests of PostgreSQL's transactions change. */
#ifndef TESTS_DB_TX_TABLE_H
#define TESTS_DB_TX_TABLE_H

#include "pg_session.h"

/* A table of this program, new: a run that was killed leaves no trigger. */
static inline int
fresh(struct aw_db *db)
{
	WANT_OK(aw_db_exec(db, NULL, "DROP TABLE IF EXISTS tx_t"));
	WANT_OK(aw_db_exec(db, NULL, "CREATE TABLE tx_t (a int PRIMARY KEY "
			   "DEFERRABLE INITIALLY DEFERRED)"));
	return wait_settled(db);
}

static inline int
rows_of(struct aw_db *db)
{
	int n = -1;

	aw_ignore(aw_db_one(db, AW_INTO(&n),
			    "SELECT count(*)::int FROM tx_t"));
	return n;
}

static inline int
add(struct aw_conn *conn, int a)
{
	return aw_db_exec(conn, NULL, "INSERT INTO tx_t VALUES ($1)", a);
}

#endif
