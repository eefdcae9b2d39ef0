/* SPDX-License-Identifier: MIT */
/*
 * pg_conn.h - between the files of the PostgreSQL driver.
 *
 *	open.c      DSN to parameters; the pool
 *	connect.c   a connection, made in a helper thread
 *	session.c   state, commands, reset, ping, the end; the idle watcher
 *	io.c        waiting: output and input at once, TLS's hidden bytes
 *	cancel.c    an interrupted connection is put right
 *	run.c       one statement: prepared, described, or plain
 *	prepare.c   names on the server, what the server infers
 *	encode.c, scratch.c  parameters  decode.c   cells
 *	rows.c      results and streams
 *	error.c     what the server said
 *	listen.c    notifications
 *
 * cut: a command was sent and its answer has not been read to the end.  Set
 * before something is sent, cleared when ReadyForQuery was seen; so an early
 * return, for whatever reason, leaves the truth behind.
 */
#ifndef AWAIT_DB_PG_CONN_H
#define AWAIT_DB_PG_CONN_H

#include <libpq-fe.h>

#include "../driver_ops.h"

/* Object identifiers of the built-in types that we know (pg_type.dat). */
enum {
	OID_BOOL = 16, OID_BYTEA = 17, OID_CHAR = 18, OID_NAME = 19,
	OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25,
	OID_OID = 26, OID_JSON = 114, OID_XML = 142, OID_FLOAT4 = 700,
	OID_FLOAT8 = 701, OID_UNKNOWN = 705, OID_BPCHAR = 1042,
	OID_VARCHAR = 1043, OID_DATE = 1082, OID_TIME = 1083,
	OID_TIMESTAMP = 1114, OID_TIMESTAMPTZ = 1184, OID_INTERVAL = 1186,
	OID_TIMETZ = 1266, OID_NUMERIC = 1700, OID_UUID = 2950,
	OID_JSONB = 3802
};

/* The server ends the session over a message of 1 GiB (PostgreSQL 15,
 * src/include/libpq/libpq.h, PQ_LARGE_MESSAGE_LIMIT); without the lengths,
 * names and formats that stand between the values. */
#define AW_PG_MOST_BYTES ((size_t)0x3ff00000)

/* The DSN, taken apart: what PQconnectdbParams() wants. */
struct aw_pg_data {
	char **keywords;	/* NULL-terminated, own copies */
	char **values;
	int n;
	bool many_hosts;
};

/* What the server inferred about a statement; in stmt->meta. */
struct aw_pg_meta {
	int n_params;
	bool binary;		/* every column has a binary decoder */
	Oid params[];
};

/* Encoded parameters; grows, and is used again for the next statement. */
struct aw_pg_scratch {
	size_t n;		/* room for that many */
	const char **values;
	int *lengths;
	int *formats;
	char (*cells)[64];	/* where small values are written out */
	char **blocks;		/* large ones, to be freed */
	size_t n_blocks;
	size_t size;		/* of all values */
};

/* Where the results of a pipeline that prepares have got to.  Kept with the
 * connection, since an interruption leaves the rest to whoever drains it. */
struct aw_pg_preparing {
	struct aw_stmt_slot *slot;	/* NULL: unnamed */
	uint32_t serial;
	uint64_t hash;
	int query;		/* the next result belongs to: 0 DEALLOCATE,
				 * 1 Parse, 2 Describe */
};

struct aw_pg_conn {
	struct aw_conn base;
	PGconn *pg;
	struct aw_fd *fd;	/* NULL once the socket is gone */
	bool cut;
	bool dead;
	bool stray;		/* an answer that nobody asked for came */
	bool tls;
	bool pipeline;		/* Syncs to be seen before it is idle */
	int syncs;
	struct aw_pg_preparing preparing;
	struct aw_pg_scratch scratch;
};

struct aw_pg_rows {
	struct aw_rows base;
	PGresult *result;
	int at;			/* the current row in result */
	bool multi;		/* a stream of several commands */
	PGresult *pending;	/* of the next one, or its first row; NULL */
	struct aw_pg_rows *next;	/* in the list of spare ones */
};

extern const struct aw_db_driver aw__pg_driver;

static inline struct aw_pg_conn *
aw__pg(struct aw_conn *conn)
{
	return (struct aw_pg_conn *)conn;
}

/* connect.c */
int aw__pg_connect(struct aw_db *db, struct aw_conn **ret);
void aw__pg_data_free(void *data);
int aw__pg_data_copy(const struct aw_pg_data *from, struct aw_pg_data *ret);

/* io.c: await; on failure the connection is cut or dead. */
int aw__pg_flush(struct aw_pg_conn *c);
int aw__pg_result(struct aw_pg_conn *c, PGresult **ret);
/* Results to the end of the command; the last one, or the first error, is
 * kept, never NULL on success. */
int aw__pg_finish(struct aw_pg_conn *c, PGresult **ret);
/* ReadyForQuery was read: the connection is free, unless more than that has
 * come, which makes it dead. */
void aw__pg_ended(struct aw_pg_conn *c);
/* Read what has arrived; does not wait.  False: the connection is gone. */
bool aw__pg_consume(struct aw_pg_conn *c);

/* session.c */
void aw__pg_watch(struct aw_pg_conn *c, bool on);
void aw__pg_died(struct aw_pg_conn *c);
void aw__pg_take_notice(void *arg, const PGresult *result);
void aw__pg_forget_statements(struct aw_pg_conn *c);
void aw__pg_note_tag(struct aw_pg_conn *c, PGresult *result);

/* cancel.c */
int aw__pg_repair(struct aw_conn *conn);

/* prepare.c */
void aw__pg_statement_name(const struct aw_stmt_slot *slot, char name[40]);
int aw__pg_describe(struct aw_pg_conn *c, struct aw_call *call,
		    struct aw_pg_meta **ret);
int aw__pg_prepare(struct aw_pg_conn *c, struct aw_call *call);
/* A result of its pipeline, or NULL between two: what the server has done. */
void aw__pg_prepare_saw(struct aw_pg_conn *c, const PGresult *result);

/* run.c */
int aw__pg_run(struct aw_conn *conn, struct aw_call *call);

/* encode.c */
bool aw__pg_needs_types(const struct aw_value *values, size_t n);
int aw__pg_encode(struct aw_pg_conn *c, const struct aw_value *values,
		  size_t n, const struct aw_pg_meta *meta);

/* scratch.c */
int aw__pg_scratch_grow(struct aw_pg_scratch *scratch, size_t n);
void aw__pg_encode_done(struct aw_pg_conn *c);
void aw__pg_scratch_fini(struct aw_pg_scratch *scratch);

/* decode.c */
bool aw__pg_has_decoder(Oid type);
int aw__pg_cell(const PGresult *result, int row, int column,
		struct aw_cell *ret);
int aw__pg_format(const struct aw_cell *cell, char *buf, size_t size);
const char *aw__pg_type_name(Oid type, char buf[24]);

/* rows.c: result is taken, also on failure. */
int aw__pg_rows_new(PGresult *result, struct aw_rows **ret);
int aw__pg_stream_new(struct aw_pg_conn *c, struct aw_call *call);
void aw__pg_stream_end(struct aw_conn *conn, struct aw_rows *rows);
int64_t aw__pg_affected(PGresult *result);

/* error.c: set aw_error() and return its code. */
int aw__pg_fail_result(struct aw_pg_conn *c, const PGresult *result,
		       enum aw_sent *sent);
int aw__pg_fail_lost(struct aw_pg_conn *c);
int aw__pg_fail_send(struct aw_pg_conn *c);
int aw__pg_fail_connect(PGconn *pg);

#endif
