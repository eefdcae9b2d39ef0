/* SPDX-License-Identifier: MIT */
/*
 * awsql.h - what the files of awsql share.
 *
 *	main.c    command line, the lines in and out
 *	line.c    one line: JSON to statement, statement to JSON
 *	json.c    writing JSON
 *	base64.c  bytes in JSON
 */
#ifndef AWSQL_H
#define AWSQL_H

#include <stdio.h>

#include <await/await.h>
#include <await/db.h>
#include <jansson.h>

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
void out_json(struct out *out, const json_t *value);
void out_base64(struct out *out, struct aw_bytes bytes);

/* One column of the current row. */
int out_cell(struct out *out, struct aw_rows *rows, int column, bool text);

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

/*
 * One line of input and what becomes of it.  Output goes to out; when a
 * stream has gathered much, flush() is called and may wait for its turn.
 */
struct line {
	const struct options *options;
	struct aw_db *db;
	struct down *down;	/* of all lines */
	struct aw_conn **conn;	/* kept between lines; NULL: borrow one */
	char *text;
	size_t size;
	struct out out;
	int (*flush)(struct line *line);
};

/* Answers the line, whatever happens.  0, or the failure to write. */
int line_run(struct line *line);

#endif
