/* SPDX-License-Identifier: MIT */
/*
 * awsql - statements as JSON lines in, results as JSON lines out.
 *
 *	$ echo '{"id":1,"sql":"SELECT $1::int + 1","params":[41]}' |
 *	      awsql -d postgresql:///app
 *	{"id":1,"ok":true,"columns":["?column?"],"types":["int4"],...
 *
 * Answers come in the order of the lines.  With -c 1 everything runs in order
 * on one connection, so that a transaction may span lines; with more, lines
 * run concurrently and wait for their turn to be written:
 *
 *	reader --line--> job 1 --+
 *	       --line--> job 2   |  turn 1, turn 2, ...
 *	       --line--> job 3 --+--> stdout
 *
 * What the loss of that one connection means for the lines behind it is told in
 * session.c.  Reading and writing may block, so both happen in helper threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "awsql.h"

#ifdef AWSQL_PG
#include <await/pg.h>
#endif
#ifdef AWSQL_MYSQL
#include <await/mysql.h>
#endif

static const char usage[] =
	"usage: awsql [-d DSN] [-c CONNS] [-t SECONDS] [--text] [--stream] "
	"[FILE]\n"
	"  -d DSN       mysql://, mariadb://; all else is for libpq\n"
	"  -c CONNS     connections (1: all lines in order on one)\n"
	"  -t SECONDS   limit for each statement\n"
	"  --text       every value as the server's own text or null; SQL\n"
	"               without params may hold several statements, the last\n"
	"               result wins\n"
	"  --stream     rows are written as they come, memory stays bounded\n"
	"lines in:  {\"id\":any,\"sql\":\"...\",\"params\":[null|bool|number|"
	"string|{\"$bytes\":\"base64\"}]}\n";

struct state {
	struct options options;
	FILE *in;
	struct aw_db *db;
	struct session session;
	struct down down;
	struct job *last;	/* who writes before the next one */
};

struct job {
	struct line line;
	struct aw_event *before;	/* set when it is our turn; NULL: now */
	struct aw_event written;	/* we are done */
	struct job *previous;		/* owns before */
	int refs;
};

struct read_request {
	FILE *in;
	char *text;
	size_t n, room;
	bool cut, end;
};

static bool
make_room(struct read_request *q)
{
	size_t room = q->room ? 2 * q->room : 256;
	char *more = realloc(q->text, room);

	if (!more)
		return false;
	q->text = more;
	q->room = room;
	return true;
}

static int
read_line(void *arg)
{
	struct read_request *q = arg;

	int c;

	while ((c = getc_unlocked(q->in)) != EOF && c != '\n') {
		q->cut = q->cut || q->n >= MOST_LINE;
		if (!q->cut && q->n == q->room && !make_room(q))
			return -ENOMEM;
		if (!q->cut)
			q->text[q->n++] = (char)c;
	}
	q->end = c == EOF && q->n == 0;
	return c == EOF && ferror(q->in) ? -errno : 0;
}

/* Nobody waits for it any more: a signal came before the line did. */
static void
drop_line(void *arg)
{
	free(((struct read_request *)arg)->text);
}

struct write_request {
	const char *data;
	size_t n;
};

static int
write_out(void *arg)
{
	const struct write_request *q = arg;

	if (fwrite(q->data, 1, q->n, stdout) != q->n || fflush(stdout) != 0)
		return -errno;
	return 0;
}

static int
write_now(struct line *line)
{
	struct write_request q = { line->out.data, line->out.n };
	int r = aw_offload(write_out, &q);

	line->out.n = 0;
	return r < 0 ? aw_fail(r, "cannot write: %s", aw_strerror(r)) : 0;
}

static void
job_unref(struct job *job)
{
	if (!job || --job->refs > 0)
		return;
	free(job->line.text);
	free(job->line.out.data);
	free(job);
}

static int
write_in_turn(struct line *line)
{
	struct job *job = (struct job *)line;

	if (job->previous) {
		AW_TRY(aw_event_wait(&job->previous->written));
		job_unref(job->previous);
		job->previous = NULL;
	}
	return write_now(line);
}

static int
job_main(void *arg)
{
	struct job *job = arg;
	int r = line_run(&job->line);

	job_unref(job->previous);
	job->previous = NULL;
	if (r == 0)
		aw_event_set(&job->written);
	job_unref(job);
	return r;
}

static int
start_job(struct state *s, struct aw_group *group, struct read_request *q)
{
	struct job *job = calloc(1, sizeof(*job));
	int r;

	if (!job) {
		free(q->text);
		return aw_fail(AW_ENOMEM, "a line");
	}
	job->line.options = &s->options;
	job->line.db = s->db;
	job->line.down = &s->down;
	job->line.text = q->text;
	job->line.size = q->n;
	job->line.cut = q->cut;
	job->line.flush = write_in_turn;
	job->previous = s->last;	/* its reference moves */
	job->refs = 2;			/* its task, and its successor */
	r = aw_go(group, job_main, job);
	if (r < 0) {
		job_unref(job->previous);
		s->last = NULL;
		job->refs = 1;
		job_unref(job);
		return r;
	}
	s->last = job;
	return 0;
}

static int
run_here(struct state *s, struct read_request *q)
{
	struct line line = { .options = &s->options, .db = s->db,
			     .down = &s->down, .session = &s->session,
			     .text = q->text, .size = q->n, .cut = q->cut,
			     .flush = write_now };
	int r = line_run(&line);

	free(line.out.data);
	free(q->text);
	return r;
}

static bool
is_blank(const struct read_request *q)
{
	size_t i = 0;

	while (i < q->n && strchr(" \t\r", q->text[i]) && q->text[i])
		i++;
	return i == q->n;
}

static int
run_lines(struct state *s)
{
	AW_GROUP(group, .limit = s->options.connections);

	for (;;) {
		struct read_request q = { .in = s->in };
		int r = aw_offload_copy(read_line, &q, .abandon = true,
					.discard = drop_line);

		bool blank = !q.cut && is_blank(&q);

		if (r < 0 || q.end || blank)
			free(q.text);
		if (r < 0)
			return aw_fail(r, "cannot read %s: %s",
				       s->options.file ? s->options.file :
				       "the lines", aw_strerror(r));
		if (q.end)
			return aw_group_wait(&group);
		if (blank)
			continue;
		AW_TRY(s->options.connections == 1 ? run_here(s, &q) :
			start_job(s, &group, &q));
	}
}

static bool
is_mysql(const char *dsn)
{
	return strncmp(dsn, "mysql://", 8) == 0 ||
		strncmp(dsn, "mariadb://", 10) == 0;
}

static int
open_db(struct aw_db **ret, const char *dsn, int connections)
{
	/* An attempt ends before the wait for it does, and names the host. */
	struct aw_db_options options = { .size = sizeof(options),
					 .max = connections,
					 .acquire = 10, .connect = 8,
					 .application = "awsql" };

	if (is_mysql(dsn)) {
#ifdef AWSQL_MYSQL
		return aw_mysql_open_with(ret, dsn, &options);
#else
		return aw_fail(AW_ENOTSUP, "this awsql was built without "
			       "MySQL and MariaDB");
#endif
	}
#ifdef AWSQL_PG
	return aw_pg_open_with(ret, dsn, &options);
#else
	return aw_fail(AW_ENOTSUP, "this awsql was built without PostgreSQL");
#endif
}

/* A signal cancels whatever the lines wait for. */
static int
name_signal(int r)
{
	const char *why = aw_cancel_reason();

	return aw_is_cancel(r) && why ? aw_fail(r, "stopped by %s", why) : r;
}

static int
app(void *arg)
{
	struct state *s = arg;
	AW_AUTO(aw_db, db);
	int r;

	AW_TRY(open_db(&db, s->options.dsn, s->options.connections));
	s->db = db;
	r = run_lines(s);
	job_unref(s->last);
	aw_conn_freep(&s->session.conn);
	aw_error_freep(&s->down.error);
	if (r == 0)
		aw_ignore(aw_db_close(&db, 2));
	return name_signal(r);
}

enum { TEXT_OPTION = 256, STREAM_OPTION };

static const struct option long_options[] = {
	{ "text", no_argument, NULL, TEXT_OPTION },
	{ "stream", no_argument, NULL, STREAM_OPTION },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool
take_int(const char *text, int *ret)
{
	char *end;
	long n = strtol(text, &end, 10);

	*ret = (int)n;
	return *text && !*end && n >= 1 && n <= 10000;
}

static bool
take_seconds(const char *text, double *ret)
{
	char *end;

	*ret = strtod(text, &end);
	return *text && !*end && *ret > 0;
}

/* 0: go on; 1: answered; -1: wrong. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "d:c:t:h", long_options,
				NULL)) >= 0) {
		if (c == 'h')
			return fputs(usage, stdout) < 0 ||
				fflush(stdout) ? -1 : 1;
		if (c == 'd')
			o->dsn = optarg;
		else if (c == TEXT_OPTION)
			o->text = true;
		else if (c == STREAM_OPTION)
			o->stream = true;
		else if (c == 'c' ? !take_int(optarg, &o->connections) :
			 c == 't' ? !take_seconds(optarg, &o->seconds) : true)
			return -1;
	}
	if (argc - optind > 1)
		return -1;
	o->file = optind < argc ? argv[optind] : NULL;
	return 0;
}

/* What is opened later must not get the number of a stream that was closed:
 * an answer would go to the server. */
static void
fill_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			abort();
}

int
main(int argc, char **argv)
{
	struct state s = { .options = { .dsn = "", .connections = 1 } };
	int r = parse_options(argc, argv, &s.options);

	fill_streams();
	if (r != 0) {
		if (r < 0)
			fputs(usage, stderr);
		return r < 0 ? 2 : 0;
	}
	s.in = s.options.file ? fopen(s.options.file, "re") : stdin;
	if (!s.in) {
		fprintf(stderr, "awsql: %s: %s\n", s.options.file,
			strerror(errno));
		return 1;
	}
	return aw_main(app, &s);
}
