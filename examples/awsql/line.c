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
#define MOST_LEVELS 256
#define RETRY_SECONDS 1.0

struct request {
	json_t *root;		/* owns everything below */
	const json_t *id;
	const char *sql;
	struct aw_value *values;
	size_t n_values;
};

static int
take_bytes(json_t *param, struct aw_value *ret)
{
	json_t *text = json_object_get(param, "$bytes");
	size_t n;
	int r;

	if (json_object_size(param) != 1 || !json_is_string(text))
		return aw_fail(AW_EINVAL, "a parameter is null, a boolean, a "
			       "number, a string or {\"$bytes\": base64}");
	/* Decoded where it stands: the text belongs to the request alone. */
	r = base64_decode((char *)(uintptr_t)json_string_value(text), &n);
	if (r < 0)
		return aw_fail(r, "the $bytes of a parameter are no base64");
	*ret = aw_value(aw_bytes(json_string_value(text), n));
	return 0;
}

static int
take_param(json_t *param, struct aw_value *ret)
{
	switch (json_typeof(param)) {
	case JSON_NULL:
		*ret = AW_NULL;
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = aw_value((bool)json_is_true(param));
		return 0;
	case JSON_INTEGER:
		*ret = aw_value((int64_t)json_integer_value(param));
		return 0;
	case JSON_REAL:
		*ret = aw_value(json_real_value(param));
		return 0;
	case JSON_STRING:
		*ret = aw_value(json_string_value(param));
		return 0;
	default:
		return take_bytes(param, ret);
	}
}

static int
take_params(struct request *q, json_t *params)
{
	size_t n = json_array_size(params);
	int r = 0;

	if (params && !json_is_array(params))
		return aw_fail(AW_EINVAL, "\"params\" is no array");
	q->values = n ? calloc(n, sizeof(*q->values)) : NULL;
	if (n && !q->values)
		return aw_fail(AW_ENOMEM, "%zu parameters", n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = take_param(json_array_get(params, i), &q->values[i]);
	q->n_values = n;
	return r;
}

/* jansson reads and writes by recursion; a task's stack is not for thousands
 * of levels. */
static bool
is_deep(const char *at, size_t n)
{
	int open = 0;
	bool string = false;

	for (const char *end = at + n; at < end; at++) {
		if (*at == '"')
			string = !string;
		else if (string)
			at += *at == '\\';
		else if (*at == '[' || *at == '{')
			open++;
		else if (*at == ']' || *at == '}')
			open--;
		if (open > MOST_LEVELS)
			return true;
	}
	return false;
}

static int
parse(const char *text, size_t size, struct request *q)
{
	json_error_t error;
	json_t *sql;

	if (is_deep(text, size))
		return aw_fail(AW_EINVAL, "the line is JSON of more than %d "
			       "levels", MOST_LEVELS);
	q->root = json_loadb(text, size, 0, &error);
	if (!q->root)
		return aw_fail(AW_EINVAL, "the line is no JSON: %s, column %d",
			       error.text, error.column);
	q->id = json_object_get(q->root, "id");
	sql = json_object_get(q->root, "sql");
	if (!json_is_string(sql))
		return aw_fail(AW_EINVAL, "the line has no \"sql\"");
	q->sql = json_string_value(sql);
	return take_params(q, json_object_get(q->root, "params"));
}

static void
begin_answer(struct out *out, const struct request *q)
{
	out_str(out, "{\"id\":");
	if (q->id)
		out_json(out, q->id);
	else
		out_str(out, "null");
}

static void
answer_error(struct out *out, int r)
{
	const struct aw_error *e = aw_error();
	char number[64];

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
	out_json_string(out, aw_text(e->message[0] ? e->message :
						     aw_strerror(r)));
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
		if (line->options->stream && out->n >= FLUSH_AT) {
			*ret_write = line->flush(line);
			if (*ret_write < 0)
				return *ret_write;
		}
	}
	if (r < 0)
		out->n = good;
	return r;
}

/* Again what was said when the server was found to be down. */
static int
still_down(const struct down *down)
{
	struct aw_error *error = aw_error_set(down->error->code);

	snprintf(error->message, sizeof(error->message), "%s",
		 down->error->message);
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s",
		 down->error->sqlstate);
	error->native = down->error->native;
	error->sent = AW_NOT_SENT;
	return error->code;
}

static int
try_again(struct line *line, struct aw_conn **ret)
{
	AW_BUDGET(RETRY_SECONDS);

	return aw_db_acquire(line->db, ret);
}

/* Interrupted by the user's own limit: that says nothing of the server. */
static bool
is_interrupt(int r)
{
	return r == AW_ETIME || r == AW_ECANCELED;
}

static int
borrow(struct line *line, struct aw_conn **ret)
{
	struct down *down = line->down;
	int r;

	if (down->error && aw_now() < down->until)
		return still_down(down);
	r = down->error ? try_again(line, ret) : aw_db_acquire(line->db, ret);
	if (is_interrupt(r))
		return r;
	if (r < 0)
		down->until = aw_now() + RETRY_SECONDS;
	if (r < 0 && r == AW_ETIMEDOUT && down->error)
		return still_down(down);
	aw_error_freep(&down->error);
	if (r < 0)
		aw_ignore(aw_error_dup(&down->error));
	return r;
}

static int
start(struct line *line, const struct request *q, double deadline,
      struct aw_conn **conn, struct aw_rows **ret)
{
	const struct options *o = line->options;
	struct aw_sql sql = {
		.size = sizeof(sql), .text = q->sql, .as_text = o->text,
		.multi = o->text && q->n_values == 0 && !o->stream,
	};
	AW_SCOPE(scope, .deadline = deadline);

	if (!*conn)
		AW_TRY(borrow(line, conn));
	return o->stream ?
		aw_conn_stream_v(*conn, ret, &sql, q->values, q->n_values) :
		aw_conn_query_v(*conn, ret, &sql, q->values, q->n_values);
}

static int
answer(struct line *line, const struct request *q, int *ret_write)
{
	double deadline = line->options->seconds > 0 ?
		aw_now() + line->options->seconds : 0;
	AW_AUTO(aw_conn, mine);
	AW_AUTO(aw_rows, rows);
	size_t begun = line->out.n;
	char number[40];
	int r = start(line, q, deadline, line->conn ? line->conn : &mine,
		      &rows);

	if (r < 0)
		return r;
	if (!line->options->stream)
		out_str(&line->out, ",\"ok\":true");
	answer_columns(&line->out, rows);
	r = answer_rows(line, rows, deadline, ret_write);
	if (*ret_write < 0)
		return r;
	if (r < 0) {
		/* Nothing of a buffered answer has left. */
		if (!line->options->stream)
			line->out.n = begun;
		else
			out_str(&line->out, "]");
		return r;
	}
	snprintf(number, sizeof(number), "],\"affected\":%lld",
		 (long long)aw_rows_affected(rows));
	out_str(&line->out, number);
	if (line->options->stream)
		out_str(&line->out, ",\"ok\":true");
	return 0;
}

/* A lost connection is replaced for the next line. */
static void
drop_lost(struct line *line, int r)
{
	if (line->conn && (r == AW_ELOST || r == AW_EUNKNOWN))
		aw_conn_freep(line->conn);
}

int
line_run(struct line *line)
{
	struct request q = { .root = NULL };
	int r = parse(line->text, line->size, &q), wrote = 0;

	begin_answer(&line->out, &q);
	if (r == 0)
		r = answer(line, &q, &wrote);
	if (r < 0 && wrote == 0) {
		answer_error(&line->out, r);
		drop_lost(line, r);
	}
	out_str(&line->out, "}\n");
	free(q.values);
	json_decref(q.root);
	if (wrote < 0)
		return wrote;
	if (line->out.failed)
		return aw_fail(AW_ENOMEM, "an answer");
	return line->flush(line);
}
