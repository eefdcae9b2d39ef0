/* SPDX-License-Identifier: MIT */
/*
 * verbs.c - the verbs on a pool: borrow, call, give back.
 *
 * The connection is given back before the rows are looked at, except by a
 * stream, whose rows own it until they end.
 */
#include "common.h"

int
aw_db_exec_v(struct aw_db *db, int64_t *ret_affected, const struct aw_sql *sql,
	     const struct aw_value *values, size_t n_values)
{
	struct aw_conn *conn;
	int r = aw_db_acquire_at(db, &conn, NULL);

	if (r < 0)
		return r;
	r = aw_conn_exec_v(conn, ret_affected, sql, values, n_values);
	aw_conn_release(conn);
	return r;
}

int
aw_db_query_v(struct aw_db *db, struct aw_rows **ret, const struct aw_sql *sql,
	      const struct aw_value *values, size_t n_values)
{
	struct aw_conn *conn;
	int r = aw_db_acquire_at(db, &conn, NULL);

	if (r < 0)
		return r;
	r = aw_conn_query_v(conn, ret, sql, values, n_values);
	aw_conn_release(conn);
	return r;
}

int
aw_db_one_v(struct aw_db *db, struct aw_into into, const struct aw_sql *sql,
	    const struct aw_value *values, size_t n_values)
{
	struct aw_conn *conn;
	int r = aw_db_acquire_at(db, &conn, NULL);

	if (r < 0)
		return r;
	r = aw_conn_one_v(conn, into, sql, values, n_values);
	aw_conn_release(conn);
	return r;
}

int
aw_db_stream_v(struct aw_db *db, struct aw_rows **ret,
	       const struct aw_sql *sql, const struct aw_value *values,
	       size_t n_values)
{
	struct aw_rows *rows;
	struct aw_conn *conn;
	int r = aw_db_acquire_at(db, &conn, NULL);

	if (r < 0)
		return r;
	r = aw_conn_stream_v(conn, &rows, sql, values, n_values);
	if (r < 0 || !rows->conn) {
		aw_conn_release(conn);
	} else {
		rows->owns_conn = true;
	}
	if (r == 0)
		*ret = rows;
	return r;
}
