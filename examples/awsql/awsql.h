/* SPDX-License-Identifier: MIT */
/*
 * awsql.h - what the files of awsql share.
 *
 *	main.c    command line, the lines in and out
 *	line.c    one line: runs it and answers
 *	session.c the connection of all lines
 *	request.c what a line asks for
 *	scan.c    the pieces of JSON
 *	spill.c   rows that may have to be dropped again
 *	json.c    writing JSON
 *	base64.c  bytes in JSON
 */
#ifndef AWSQL_H
#define AWSQL_H

#include <stdio.h>

#include <await/await.h>
#include <await/db.h>
#include <jansson.h>

#define MOST_LINE (128 << 20)	/* bytes */

struct options {
	const char *dsn;
	const char *file;
	int connections;
	double seconds;		/* 0: no limit */
	bool text;
	bool stream;
};

/* Bytes that grow.  failed: memory was short once, what follows is lost. */
struct out {
	char *data;
	size_t n, room;
	bool failed;
};

void out_put(struct out *out, const void *data, size_t n);
void out_str(struct out *out, const char *text);
void out_json_string(struct out *out, struct aw_bytes text);
/* How many bytes of UTF-8 a character at *at has; 0: it is none. */
size_t utf8_size(const unsigned char *at, size_t left);
void out_base64(struct out *out, struct aw_bytes bytes);

/* One column of the current row. */
int out_cell(struct out *out, struct aw_rows *rows, int column, bool text);

/* JSON as it stands in the line. */
struct piece {
	const char *at;		/* NULL: there is none */
	size_t n;
};

struct scan {
	const char *begin, *at, *end;
	int levels;		/* that are open around it */
};

/* 0, or AW_EINVAL with the reason. */
int scan_value(struct scan *s, struct piece *ret);
int scan_member(struct scan *s, struct piece *ret_key, struct piece *ret_value);
/* The next thing, if it is c; nothing but space is left. */
bool scan_sign(struct scan *s, char c);
bool scan_end(struct scan *s);
int scan_wrong(const struct scan *s, const char *what);

/* Without the space between its parts. */
void out_piece(struct out *out, struct piece piece);

/* What a line asks for; id and sql point into it. */
struct request {
	struct piece id;
	const char *sql;
	struct aw_value *values;
	size_t n_values, room;
	json_t *kept;		/* an array: owns what values point at */
};

/* AW_EINVAL: id is set nevertheless if it could be found.  fini always. */
int request_parse(struct request *q, const char *text, size_t size);
void request_fini(struct request *q);

/* Decoded in place; -EINVAL. */
int base64_decode(char *text, size_t *ret_n);

/*
 * What became of the last attempt to get a connection.  Who sends a thousand
 * lines to a server that is down wants to know it once, not to wait ten
 * seconds for each: after a failure a line is answered with it at once, and
 * one line a second tries again, not for long.
 */
struct down {
	struct aw_error *error;	/* NULL: the server can be reached */
	double until;		/* on aw_now(): nobody tries before */
};

/* The connection that is kept between lines. */
struct session {
	struct aw_conn *conn;	/* NULL: there is none yet */
	bool in_tx;		/* after the last line */
	bool lost_tx;		/* the lines of a transaction that is gone */
	bool failed_tx;		/* before this line, said the server */
	char sqlstate[8];	/* of what it failed by; "": not known */
};

/*
 * One line of input and what becomes of it.  Output goes to out; when a
 * stream has gathered much, flush() is called and may wait for its turn.
 */
struct line {
	const struct options *options;
	struct aw_db *db;
	struct down *down;	/* of all lines */
	struct session *session;	/* of all lines; NULL: borrow one */
	char *text;
	size_t size;
	bool cut;		/* it was longer than MOST_LINE */
	struct out out;
	int (*flush)(struct line *line);
	bool several;		/* of the results the last one is wanted */
	size_t begun;		/* in out: where the result begins */
	FILE *spill;		/* what of it stood there before; NULL */
};

/* What of the result is not in out any more.  Only spill_end() writes: the
 * failure is not that of the statement. */
int spill_add(struct line *line);
int spill_end(struct line *line);
void spill_drop(struct line *line);
void spill_close(struct line *line);

/* A connection for one line. */
int borrow(struct line *line, struct aw_conn **ret);

/* AW_ETXDEAD: the line belongs to a transaction that is lost. */
int session_check(struct session *session, const char *sql);
/* Did the server answer a commit by a rollback?  AW_ETXDEAD. */
int session_committed(const struct session *session, const char *sql);
/* After a line; what a failure has to say of the session, perhaps "". */
const char *session_note(struct session *session, const char *sql);

/* Answers the line, whatever happens.  0, or the failure to write. */
int line_run(struct line *line);

#endif
