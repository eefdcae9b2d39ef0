/* SPDX-License-Identifier: MIT */
/*
 * open.c - the pool on a DSN, and what is peculiar to this server.
 */
#include <stdlib.h>
#include <string.h>

#include <await/mysql.h>

#include "my_conn.h"

static int
take_application(struct aw_my_data *data, const struct aw_db_options *options)
{
	const char *name = options ? options->application : NULL;

	if (!name || data->parts[MY_APPLICATION])
		return 0;
	data->parts[MY_APPLICATION] = strdup(name);
	return data->parts[MY_APPLICATION] ? 0 : aw_fail(AW_ENOMEM, "a pool");
}

int
aw_mysql_open_with(struct aw_db **ret, const char *dsn,
		   const struct aw_db_options *options)
{
	struct aw_my_data *data;
	int r = aw__my_dsn_parse(dsn, &data);

	if (r < 0)
		return r;
	r = take_application(data, options);
	if (r < 0) {
		aw__my_data_free(data);
		return r;
	}
	return aw__db_open(ret, &aw__my_driver, data,
			   data->parts[MY_DATABASE], options);
}

int
aw_mysql_conn_insert_v(struct aw_conn *conn, uint64_t *ret_id,
		       const struct aw_sql *sql, const struct aw_value *values,
		       size_t n_values)
{
	int r;

	if (conn->db->driver != &aw__my_driver)
		return aw_fail(AW_EUSAGE, "aw_mysql_insert() on a connection "
			       "to %s", conn->db->driver->name);
	r = aw_conn_exec_v(conn, NULL, sql, values, n_values);
	if (r == 0)
		*ret_id = aw__my(conn)->insert_id;
	return r;
}

int
aw_mysql_db_insert_v(struct aw_db *db, uint64_t *ret_id,
		     const struct aw_sql *sql, const struct aw_value *values,
		     size_t n_values)
{
	struct aw_conn *conn;
	int r = aw_db_acquire_at(db, &conn, NULL);

	if (r < 0)
		return r;
	r = aw_mysql_conn_insert_v(conn, ret_id, sql, values, n_values);
	aw_conn_release(conn);
	return r;
}
