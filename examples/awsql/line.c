/* SPDX-License-Identifier: MIT */
/*
 * line.c - one line of JSON in, one line of JSON out.
 *
 * What goes wrong is part of the answer, not a failure of the program.  With
 * --stream the rows leave before their end is known, so "ok" comes last; an
 * error behind the first rows is still reported in the same object.
 */
#include <stdlib.h>
#include <string.h>

#include <await/driver.h>

#include "awsql.h"

#define FLUSH_AT (64 * 1024)

static void
begin_answer(struct out *out, const struct request *q)
{
	out_str(out, "{\"id\":");
	if (q->id.at)
		out_piece(out, q->id);
	else
		out_str(out, "null");
}

/* more: what is to be said behind the message. */
static void
answer_error(struct out *out, int r, const char *more)
{
	const struct aw_error *e = aw_error();
	char number[64], text[sizeof(e->message) + 200];

	out_str(out, ",\"ok\":false,\"error\":{\"name\":\"");
	out_str(out, aw_error_name(r));
	out_str(out, "\",\"sqlstate\":");
	if (e->sqlstate[0])
		out_json_string(out, aw_text(e->sqlstate));
	else
		out_str(out, "null");
	snprintf(number, sizeof(number), ",\"native\":%d,\"message\":",
		 e->native);
	out_str(out, number);
	snprintf(text, sizeof(text), "%s%s",
		 e->message[0] ? e->message : aw_strerror(r), more);
	out_json_string(out, aw_text(text));
	out_str(out, "}");
}

static void
answer_columns(struct out *out, struct aw_rows *rows)
{
	int n = aw_rows_columns(rows);

	out_str(out, ",\"columns\":[");
	for (int i = 0; i < n; i++) {
		out_str(out, i ? "," : "");
		out_json_string(out, aw_text(aw_rows_name(rows, i)));
	}
	out_str(out, "],\"types\":[");
	for (int i = 0; i < n; i++) {
		out_str(out, i ? "," : "");
		out_json_string(out, aw_text(aw_rows_type(rows, i)));
	}
	out_str(out, "],\"rows\":[");
}

static int
answer_row(struct line *line, struct aw_rows *rows, bool first)
{
	int n = aw_rows_columns(rows), r = 0;

	out_str(&line->out, first ? "[" : ",[");
	for (int i = 0; r == 0 && i < n; i++) {
		out_str(&line->out, i ? "," : "");
		r = out_cell(&line->out, rows, i, line->options->text);
	}
	out_str(&line->out, "]");
	return r;
}

/* One row under the statement's deadline; waiting for our turn to write does
 * not count against it. */
static int
next_row(struct aw_rows *rows, double deadline)
{
	AW_SCOPE(scope, .deadline = deadline);

	return aw_rows_next(rows);
}

/* What is there already leaves: to the output, or aside if it may have to be
 * dropped again. */
static int
relieve(struct line *line, int *ret_write)
{
	if (line->out.n < FLUSH_AT || !line->options->stream)
		return 0;
	if (line->several)
		return spill_add(line);
	*ret_write = line->flush(line);
	return *ret_write;
}

static int
answer_rows(struct line *line, struct aw_rows *rows, double deadline,
	    int *ret_write)
{
	struct out *out = &line->out;
	bool first = true;
	size_t good;
	int r;

	for (;;) {
		good = out->n;
		r = next_row(rows, deadline);
		if (r > 0)
			r = answer_row(line, rows, first) < 0 ? aw_error()->code
							      : 1;
		if (r <= 0)
			break;
		first = false;
		AW_TRY(relieve(line, ret_write));
	}
	if (r < 0)
		out->n = good;
	return r;
}

/* Not one command only, or it looks like it: a semicolon in a string does no
 * harm. */
static bool
may_be_several(const char *sql)
{
	const char *at = strchr(sql, ';');

	return at && at[strspn(at, "; \t\r\n")] != '\0';
}

static int
start(struct line *line, const struct request *q, double deadline,
      struct aw_conn **conn, struct aw_rows **ret)
{
	const struct options *o = line->options;
	bool multi = o->text && q->n_values == 0;
	struct aw_sql sql = {
		.size = sizeof(sql), .text = q->sql, .as_text = o->text,
		.multi = o->stream ? multi && may_be_several(q->sql) : multi,
	};
	AW_SCOPE(scope, .deadline = deadline);

	line->several = sql.multi && o->stream;
	if (!*conn)
		AW_TRY(borrow(line, conn));
	return o->stream ?
		aw_conn_stream_v(*conn, ret, &sql, q->values, q->n_values) :
		aw_conn_query_v(*conn, ret, &sql, q->values, q->n_values);
}

static int
answer_result(struct line *line, struct aw_rows *rows, double deadline,
	      int *ret_write)
{
	char number[40];
	int r;

	if (!line->options->stream)
		out_str(&line->out, ",\"ok\":true");
	answer_columns(&line->out, rows);
	r = answer_rows(line, rows, deadline, ret_write);
	if (r < 0)
		return r;
	snprintf(number, sizeof(number), "],\"affected\":%lld",
		 (long long)aw_rows_affected(rows));
	out_str(&line->out, number);
	return 0;
}

static int
next_result(struct aw_rows *rows, double deadline)
{
	AW_SCOPE(scope, .deadline = deadline);

	return aw_rows_next_result(rows);
}

/* Each result but the last is forgotten again. */
static int
answer_results(struct line *line, struct aw_rows *rows, double deadline,
	       int *ret_write)
{
	int r;

	do {
		spill_drop(line);
		r = answer_result(line, rows, deadline, ret_write);
		if (r == 0)
			r = next_result(rows, deadline);
	} while (r > 0);
	return r == 0 && line->spill ? spill_add(line) : r;
}

static int
answer(struct line *line, const struct request *q, struct aw_conn **conn,
       int *ret_write)
{
	double deadline = line->options->seconds > 0 ?
		aw_now() + line->options->seconds : 0;
	AW_AUTO(aw_rows, rows);
	int r;

	line->begun = line->out.n;
	AW_TRY(start(line, q, deadline, conn, &rows));
	r = answer_results(line, rows, deadline, ret_write);
	if (*ret_write < 0)
		return r;
	if (r < 0) {
		/* Nothing of this answer has left, unless it is a stream. */
		if (!line->options->stream || line->several)
			spill_drop(line);
		else
			out_str(&line->out, "]");
		return r;
	}
	r = line->session ? session_committed(line->session, q->sql) : 0;
	if (r < 0) {
		spill_drop(line);
		return r;
	}
	*ret_write = spill_end(line);
	if (line->options->stream)
		out_str(&line->out, ",\"ok\":true");
	return *ret_write;
}

/* On the connection of all lines, or on one of its own. */
static int
run(struct line *line, const struct request *q, int *ret_write,
    const char **ret_more)
{
	AW_AUTO(aw_conn, mine);
	int r;

	if (!line->session)
		return answer(line, q, &mine, ret_write);
	r = session_check(line->session, q->sql);
	if (r < 0)
		return r;
	r = answer(line, q, &line->session->conn, ret_write);
	*ret_more = session_note(line->session, q->sql);
	return r;
}

int
line_run(struct line *line)
{
	struct request q = { .sql = NULL };
	int r = line->cut ?
		aw_fail(AW_ELIMIT, "the line is longer than %d MiB",
			MOST_LINE >> 20) :
		request_parse(&q, line->text, line->size);
	int wrote = 0;
	const char *more = "";

	begin_answer(&line->out, &q);
	if (r == 0)
		r = run(line, &q, &wrote, &more);
	if (r < 0 && wrote == 0)
		answer_error(&line->out, r, more);
	out_str(&line->out, "}\n");
	request_fini(&q);
	spill_close(line);
	if (wrote < 0)
		return wrote;
	if (line->out.failed)
		return aw_fail(AW_ENOMEM, "an answer");
	return line->flush(line);
}
