/* SPDX-License-Identifier: MIT */
/*
 * mysql.h - MariaDB and MySQL.
 *
 *	AW_AUTO(aw_db, db);
 *
 *	AW_TRY(aw_mysql_open(&db, "mysql://app:secret@db.example/app"));
 *
 * The DSN is mysql://user:password@host:port/database?name=value&...; every
 * part is optional and percent-encoded where it must be; mariadb:// means the
 * same.  Without a host, or with localhost, the unix socket is used.
 *
 *	unix_socket              its path
 *	ssl                      1: TLS or nothing; implied by those that follow
 *	ssl_ca ssl_capath        whom to trust
 *	ssl_cert ssl_key         who we are
 *	ssl_cipher
 *	ssl_verify               0: any certificate will do; default 1
 *	charset                  default utf8mb4
 *	time_zone                of the session; default +00:00
 *	sql_mode                 default the server's
 *	compress                 1: zlib
 *	application              shown by the server
 *	user password            instead of those before the @
 *	plugin_dir server_public_key
 *
 * Everything else is in db.h.  Placeholders are question marks.  Sessions
 * are in UTC, so that a TIMESTAMP is a point in time; affected rows are those
 * that the statement found, also if it wrote what was there already.
 * LOAD DATA LOCAL is refused, whoever asks for it.  Of a CALL with several
 * results the first is kept.
 *
 * MariaDB has no way to take a statement back: whatever interrupts one closes
 * its connection.
 */
#ifndef AWAIT_MYSQL_H
#define AWAIT_MYSQL_H

#include <await/base.h>
#include <await/db.h>

AW_BEGIN_DECLS

struct st_mysql;

#ifndef __cplusplus
#define aw_mysql_open(ret, ...) \
	aw_mysql_open_with(ret, AW_FIRST_(__VA_ARGS__, 0), \
			   AW_OPTIONS_(aw_db_options, __VA_ARGS__))
/* on: a pool or a connection; then sql and up to 64 parameters. */
#define aw_mysql_insert(on, ret_id, ...) _Generic((on), \
	struct aw_db *: aw_mysql_db_insert_v, \
	struct aw_conn *: aw_mysql_conn_insert_v)(on, ret_id, \
		AW_STATEMENT_(__VA_ARGS__))
#endif

/**
 * aw_mysql_open_with - make a pool of connections to MariaDB or MySQL
 * @ret: new; end it with aw_db_close() or aw_db_freep()
 * @dsn: mysql://... or mariadb://..., see above
 * @options: NULL for the defaults; copied
 *
 * The function under the macro aw_mysql_open(&db, dsn, [.max ...]).  Connects
 * nothing yet, unless .min asks for it.
 *
 * Return: 0; -EINVAL (@dsn: the message names the part, never the password;
 * or a number of @options below AW_NONE, or NaN); -ENOMEM; AW_EUSAGE (no loop
 * on this thread).
 * Lifetime: nothing passed is used after the return.
 * Context: task, loop callback.
 * Source: RFC 3986; MariaDB Connector/C, mysql_optionsv().
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_mysql_open_with(struct aw_db **ret, const char *dsn,
		   const struct aw_db_options *options);

/**
 * aw_mysql_db_insert_v - run a statement and get the number it generated
 * @db: a pool from aw_mysql_open()
 * @ret_id: the AUTO_INCREMENT value of the (first) new row; 0 if there is none
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * The function under the macro aw_mysql_insert(on, &id, sql, ...).
 * Awaits; cancel point.
 *
 * Return: as aw_db_exec_v().
 * Lifetime: nothing passed is used after the return.
 * Context: task.
 * Source: MariaDB Connector/C, mysql_insert_id().
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_mysql_db_insert_v(struct aw_db *db, uint64_t *ret_id,
		     const struct aw_sql *sql, const struct aw_value *values,
		     size_t n_values);

/**
 * aw_mysql_conn_insert_v - aw_mysql_db_insert_v() on a borrowed connection
 * @conn: the connection, of a pool from aw_mysql_open()
 * @ret_id: the AUTO_INCREMENT value of the (first) new row; 0 if there is none
 * @sql: the statement
 * @values: @n_values parameters; may be NULL if there are none
 * @n_values: 0 to 65535
 *
 * Awaits; cancel point.
 *
 * Return: as aw_db_exec_v().
 * Lifetime: nothing passed is used after the return.
 * Context: task.
 * Source: MariaDB Connector/C, mysql_insert_id().
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_mysql_conn_insert_v(struct aw_conn *conn, uint64_t *ret_id,
		       const struct aw_sql *sql, const struct aw_value *values,
		       size_t n_values);

/**
 * aw_mysql_native - the libmariadb connection underneath
 * @conn: borrowed, of a pool from aw_mysql_open()
 *
 * Its blocking calls suspend the task, as ours do, and must have read every
 * answer to the end before the next call of ours.  The session counts as
 * changed and is reset when it is released.
 *
 * Return: the MYSQL handle; NULL if the connection is lost, or the parent's in
 * a child of fork().
 * Lifetime: borrowed until aw_conn_release(); never mysql_close() it.
 * Context: task.
 * Source: MariaDB Connector/C, MARIADB_OPT_IO_WAIT.
 * Since: 0.1
 */
AW_API struct st_mysql *aw_mysql_native(struct aw_conn *conn);

AW_END_DECLS

#endif
