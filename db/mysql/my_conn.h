/* SPDX-License-Identifier: MIT */
/*
 * my_conn.h - between the files of the MySQL and MariaDB driver.
 *
 *	dsn.c       a DSN, taken apart
 *	open.c      the pool on it; what is peculiar to this server
 *	connect.c   a connection, made in a helper thread
 *	io.c        libmariadb waits: the hook that suspends the task
 *	session.c   state, commands, reset, ping, the end; the idle watcher
 *	run.c       one statement: prepared, or as text
 *	prepare.c   statements on the server
 *	encode.c    parameters          decode.c   cells
 *	meta.c      columns, counted    portable.c rows by documented calls only
 *	rows.c      results             stream.c   rows as they come
 *	error.c     what the server or libmariadb said
 *
 * libmariadb's calls look blocking and run on the stack of the task that
 * calls them.  aw__my_enter() goes before each of them: it says to the hook
 * whose call it is, and empties OpenSSL's queue of errors, of which a foreign
 * one would make SSL_read() look failed.
 *
 * There is no way back into step with a server whose answer was not read to
 * its end, so whatever interrupts a call kills the connection: it is dead,
 * never cut.
 */
#ifndef AWAIT_DB_MYSQL_CONN_H
#define AWAIT_DB_MYSQL_CONN_H

#include <mysql.h>
#include <errmsg.h>
#include <mysqld_error.h>

#include "../driver_ops.h"

/* Parts of a DSN, as text. */
enum aw_my_part {
	MY_USER, MY_PASSWORD, MY_HOST, MY_PORT, MY_DATABASE, MY_UNIX_SOCKET,
	MY_SSL, MY_SSL_CA, MY_SSL_CAPATH, MY_SSL_CERT, MY_SSL_KEY,
	MY_SSL_CIPHER, MY_SSL_VERIFY, MY_CHARSET, MY_TIME_ZONE, MY_SQL_MODE,
	MY_COMPRESS, MY_PLUGIN_DIR, MY_PUBLIC_KEY, MY_APPLICATION, MY_PARTS
};

struct aw_my_data {
	char *parts[MY_PARTS];	/* NULL: not given */
	unsigned port;		/* 0: libmariadb's own choice */
	bool tls;		/* wanted, and nothing else accepted */
	bool verify;		/* the server's certificate */
	bool compress;
};

/* How a column's values are written in a binary row, and what they are. */
enum aw_my_form {
	FORM_INT, FORM_FLOAT, FORM_DOUBLE, FORM_DECIMAL, FORM_TEXT, FORM_BYTES,
	FORM_BIT, FORM_TIME, FORM_UUID, FORM_NULL
};

struct aw_my_column {
	const char *name;
	int type;		/* enum enum_field_types */
	unsigned flags, charset, decimals;
	enum aw_my_form form;
	int time_kind;		/* FORM_TIME: enum aw_time_kind */
	int width;		/* in a binary row; 0: its length goes before */
	bool is_unsigned;
};

/* The columns of a result: shared by a statement and the rows it gave. */
struct aw_my_meta {
	int refs;		/* rows may be released in any thread */
	int n;
	char *names;
	struct aw_my_column columns[];
};

/* A prepared statement of one connection; the handle of its slot. */
struct aw_my_stmt {
	MYSQL_STMT *stmt;
	struct aw_my_meta *meta;	/* of its last result; may be NULL */
};

struct aw_my_conn {
	struct aw_conn base;
	MYSQL *mysql;
	struct aw_fd *fd;	/* NULL once the socket is gone */
	int socket;
	struct aw_my_conn *next, **prev;	/* all of this thread */
	bool dead;
	bool tls;
	bool in_tx;		/* the server's last word */
	bool tracked;		/* the server reports a changed session */
	bool suspect;		/* bytes came that nobody asked for: ping */
	bool watched;		/* the idle watcher is on */
	bool waiting;		/* in the hook: what comes is asked for */
	bool rewatch;		/* the hook turns the idle watcher on again */
	int reads;		/* without a wait in between */
	int stopped;		/* why a wait in the hook failed, or 0 */
	uint64_t limit;		/* max_allowed_packet of the server */
	uint64_t insert_id;	/* of the last statement */
	struct aw_my_stmt temp;	/* of a statement without a slot */
	MYSQL_BIND *binds;	/* scratch for parameters */
	MYSQL_TIME *times;
	size_t n_binds;
	struct aw_my_meta *text_meta;	/* of the last text result */
	char init[320];		/* what sets a new session up */
};

/* One value of the current row; data is NULL for SQL NULL. */
struct aw_my_view {
	const unsigned char *data;
	size_t size;
};

#define MY_INLINE_COLUMNS 16
#define MY_INLINE_BYTES 1024

struct aw_my_rows {
	struct aw_rows base;
	struct aw_my_meta *meta;
	struct aw_my_view *views;	/* of the current row */
	bool binary;
	bool multi;		/* a stream of several commands */
	MYSQL_RES *text;	/* text protocol, else NULL */
	MYSQL_DATA data;	/* binary: the arena, taken over */
	MYSQL_ROWS *next_row;	/* in data or small */
	const unsigned char *row;	/* current packet */
	size_t row_size;
	MYSQL_STMT *stmt;	/* of a stream */
	struct aw_my_rows *next;	/* in the list of spare ones */
	struct aw_my_view inline_views[MY_INLINE_COLUMNS];
	unsigned char small[MY_INLINE_BYTES];	/* a small result, copied */
};

extern const struct aw_db_driver aw__my_driver;

static inline struct aw_my_conn *
aw__my(struct aw_conn *conn)
{
	return (struct aw_my_conn *)conn;
}

/* dsn.c */
int aw__my_dsn_parse(const char *dsn, struct aw_my_data **ret);
int aw__my_data_copy(const struct aw_my_data *from, struct aw_my_data *ret);
void aw__my_data_fini(struct aw_my_data *data);
void aw__my_data_free(void *data);

/* connect.c */
int aw__my_connect(struct aw_db *db, struct aw_conn **ret);
void aw__my_init_text(const struct aw_my_data *data, bool tracked, char *ret,
		      size_t size);

/* io.c */
void aw__my_io_init(void);	/* once, in a helper thread */
void aw__my_io_prepare(MYSQL *mysql);
int aw__my_io_attach(struct aw_my_conn *c);
void aw__my_io_detach(struct aw_my_conn *c);
/* Bytes of no answer lie in what libmariadb has read. */
bool aw__my_has_stray(const struct aw_my_conn *c);
void aw__my_enter(struct aw_my_conn *c);

/* session.c */
void aw__my_watch(struct aw_my_conn *c, bool on);
void aw__my_died(struct aw_my_conn *c);
/* What the server said in its last answer. */
void aw__my_note_status(struct aw_my_conn *c);
/* Ask the server: an error says nothing about the transaction. */
void aw__my_ask_status(struct aw_my_conn *c);
int aw__my_simple(struct aw_my_conn *c, const char *text);
/* Does the text begin with this word? */
bool aw__my_is_word(const char *text, const char *word);
/* Free everything of a connection but leave the session. */
void aw__my_conn_free(struct aw_my_conn *c);

/* prepare.c */
int aw__my_prepare(struct aw_my_conn *c, struct aw_call *call,
		   struct aw_my_stmt **ret);
void aw__my_stmt_fini(struct aw_my_conn *c, struct aw_my_stmt *stmt);
void aw__my_forget_slot(struct aw_my_conn *c, struct aw_stmt *stmt);
void aw__my_forget_statements(struct aw_my_conn *c);

/* run.c */
int aw__my_run(struct aw_conn *conn, struct aw_call *call);
/* Several commands in one text are allowed no more.  Where an error stands
 * already, it stays, and the connection dies if this fails. */
int aw__my_multi_off(struct aw_my_conn *c);
void aw__my_multi_off_quietly(struct aw_my_conn *c);

/* encode.c */
int aw__my_check_size(const struct aw_my_conn *c, const struct aw_call *call);
int aw__my_encode(struct aw_my_conn *c, const struct aw_call *call);

/* meta.c */
struct aw_my_meta *aw__my_meta_new(const MYSQL_FIELD *fields, unsigned n);
bool aw__my_meta_fits(const struct aw_my_meta *meta,
		      const MYSQL_FIELD *fields, unsigned n);
struct aw_my_meta *aw__my_meta_ref(struct aw_my_meta *meta);
void aw__my_meta_unref(struct aw_my_meta *meta);
const char *aw__my_type_name(const struct aw_my_column *column, char buf[24]);

/* decode.c */
bool aw__my_find_views(const struct aw_my_meta *meta,
		       const unsigned char *row, size_t size,
		       struct aw_my_view *ret);
bool aw__my_take_view(const struct aw_my_column *column,
		      const unsigned char **at, const unsigned char *end,
		      struct aw_my_view *ret);
int aw__my_cell(const struct aw_my_column *column,
		const struct aw_my_view *view, bool binary,
		struct aw_cell *ret);
int aw__my_format(const struct aw_cell *cell, char *buf, size_t size);

/* portable.c: is the layout of MYSQL_STMT the one of our header? */
extern bool aw__my_layout_known;
void aw__my_check_layout(MYSQL_STMT *stmt);
/* The current row of a statement as the server would have sent it; *ret is
 * malloced. */
int aw__my_copy_row(MYSQL_STMT *stmt, const struct aw_my_meta *meta,
		    MYSQL_ROWS **ret);

/* rows.c */
int aw__my_rows_alloc(struct aw_my_meta *meta, const struct aw_rows_ops *ops,
		      struct aw_my_rows **ret);
int aw__my_rows_text(struct aw_my_conn *c, MYSQL_RES *result,
		     struct aw_rows **ret);
/* Takes the stored result out of the statement. */
int aw__my_rows_binary(struct aw_my_stmt *stmt, struct aw_rows **ret);
/* Columns of another result. */
int aw__my_rows_adopt(struct aw_my_rows *rows, struct aw_my_meta *meta);
void aw__my_rows_free(struct aw_rows *base);
int aw__my_rows_cell(struct aw_rows *base, int column, struct aw_cell *ret);
const char *aw__my_rows_name(const struct aw_rows *base, int column);
const char *aw__my_rows_type(struct aw_rows *base, int column);
void aw__my_poison(const struct aw_my_rows *rows);
/* The columns of a text result; kept with the connection. */
int aw__my_text_meta(struct aw_my_conn *c, MYSQL_RES *result,
		     struct aw_my_meta **ret);

/* stream.c */
int aw__my_stream_text(struct aw_my_conn *c, struct aw_rows **ret);
/* Of several commands, after the text was sent. */
int aw__my_stream_multi(struct aw_my_conn *c, struct aw_rows **ret);
int aw__my_stream_binary(struct aw_my_conn *c, struct aw_my_stmt *stmt,
			 struct aw_rows **ret);
void aw__my_stream_end(struct aw_conn *conn, struct aw_rows *rows);

/* error.c: set aw_error() and return its code; the connection is dead if the
 * session is. */
int aw__my_fail(struct aw_my_conn *c, enum aw_sent *sent);
int aw__my_fail_stmt(struct aw_my_conn *c, MYSQL_STMT *stmt,
		     enum aw_sent *sent);
int aw__my_fail_connect(unsigned number, const char *sqlstate,
			const char *message);

#endif
