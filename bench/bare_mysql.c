/* SPDX-License-Identifier: MIT */
/*
 * The limit for mysql-point: libmariadb's non-blocking calls and libev.
 *
 * A connection repeats execute, fetch the row, fetch the end.  Each step is
 * a _start call that either finishes at once or names the event to wait
 * for, after which _cont goes on; rows are read straight from the wire
 * buffer (no mysql_stmt_store_result: one row needs no second copy).
 *
 *	EXECUTE -> ROW -> END -> EXECUTE ...    (bound buffers, one prepare)
 */
#include "common.h"
#include "mysql_dsn.h"

#include <ev.h>
#include <fcntl.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum step { EXECUTE, ROW, END };

struct conn {
	ev_io reader;
	ev_io writer;
	MYSQL *mysql;
	MYSQL_STMT *stmt;
	enum step step;
	int id;			/* parameter: the row asked for */
	int got_id;		/* bound results */
	long long balance;
	char name[64];
	unsigned long name_length;
};

static struct bench bench;
static uint32_t seed = 2463534242;
static int busy;

static void
die(struct conn *c, const char *what)
{
	bench_fail(what, c->stmt && mysql_stmt_errno(c->stmt)
		   ? mysql_stmt_error(c->stmt) : mysql_error(c->mysql));
}

static void
check(struct conn *c)
{
	if (c->got_id != c->id || c->name_length < 5 ||
	    c->balance != bench_balance(c->id))
		bench_fail("mysql", "the row is not the one asked for");
}

/* A step has ended with r: judge it and say which comes next. */
static void
step_done(struct conn *c, int r)
{
	switch (c->step) {
	case EXECUTE:
		if (r)
			die(c, "execute");
		c->step = ROW;
		break;
	case ROW:
		if (r)
			die(c, "one row expected");
		check(c);
		c->step = END;
		break;
	case END:
		if (r != MYSQL_NO_DATA)
			die(c, "the end of the rows expected");
		bench.done++;
		c->step = EXECUTE;
		break;
	}
}

/* Begin the current step: 0 = finished, else the events to wait for. */
static int
step_start(struct conn *c, int *r)
{
	if (c->step == EXECUTE) {
		c->id = bench_random_id(&seed);
		return mysql_stmt_execute_start(r, c->stmt);
	}
	return mysql_stmt_fetch_start(r, c->stmt);
}

static int
step_cont(struct conn *c, int *r, int events)
{
	return c->step == EXECUTE
		? mysql_stmt_execute_cont(r, c->stmt, events)
		: mysql_stmt_fetch_cont(r, c->stmt, events);
}

/* Run steps until one has to wait; `waits` is what the last one said. */
static void
advance(struct ev_loop *loop, struct conn *c, int waits, int r)
{
	while (!waits) {
		step_done(c, r);
		if (c->step == EXECUTE && !bench_more(&bench)) {
			if (--busy == 0)
				ev_break(loop, EVBREAK_ALL);
			return;
		}
		waits = step_start(c, &r);
	}
	if (waits & MYSQL_WAIT_WRITE)
		ev_io_start(loop, &c->writer);
}

static void
ready(struct ev_loop *loop, ev_io *w, int events)
{
	struct conn *c = w->data;
	int r, waits;

	ev_io_stop(loop, &c->writer);
	waits = step_cont(c, &r, events & EV_READ ? MYSQL_WAIT_READ
						  : MYSQL_WAIT_WRITE);
	advance(loop, c, waits, r);
}

static void
statement(struct conn *c)
{
	MYSQL_BIND in = { .buffer_type = MYSQL_TYPE_LONG, .buffer = &c->id };
	MYSQL_BIND out[3] = {
		{ .buffer_type = MYSQL_TYPE_LONG, .buffer = &c->got_id },
		{ .buffer_type = MYSQL_TYPE_STRING, .buffer = c->name,
		  .buffer_length = sizeof c->name, .length = &c->name_length },
		{ .buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &c->balance },
	};

	c->stmt = mysql_stmt_init(c->mysql);
	if (!c->stmt ||
	    mysql_stmt_prepare(c->stmt, BENCH_POINT_MYSQL,
			       strlen(BENCH_POINT_MYSQL)) ||
	    mysql_stmt_bind_param(c->stmt, &in) ||
	    mysql_stmt_bind_result(c->stmt, out))
		die(c, "prepare");
}

static void
conn_open(struct ev_loop *loop, struct conn *c, const struct mysql_dsn *dsn)
{
	int fd;

	c->mysql = mysql_init(NULL);
	mysql_options(c->mysql, MYSQL_OPT_NONBLOCK, NULL);
	if (!mysql_real_connect(c->mysql, dsn->host, dsn->user, dsn->password,
				dsn->database, dsn->port, dsn->socket, 0))
		die(c, "connect");
	statement(c);
	/* The plain calls above left the socket blocking; libmariadb does not
	 * change it again while only _start and _cont are used. */
	fd = (int)mysql_get_socket(c->mysql);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	ev_io_init(&c->reader, ready, fd, EV_READ);
	ev_io_init(&c->writer, ready, fd, EV_WRITE);
	c->reader.data = c->writer.data = c;
	ev_io_start(loop, &c->reader);
}

int
main(int argc, char **argv)
{
	struct bench_options opt;
	struct mysql_dsn dsn;
	struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
	struct conn *conns;
	int r;

	bench_options_parse(&opt, argc, argv);
	conns = calloc((size_t)opt.connections, sizeof *conns);
	if (!conns || mysql_dsn_parse(&dsn, opt.dsn) < 0)
		bench_fail("--dsn", "mysql://user:password@host:port/database"
			   "?socket=/path expected");
	for (int i = 0; i < opt.connections; i++)
		conn_open(loop, &conns[i], &dsn);
	bench_begin(&bench, &opt);
	for (int i = 0; i < opt.connections && bench_more(&bench); i++) {
		busy++;
		int waits = step_start(&conns[i], &r);
		advance(loop, &conns[i], waits, r);
	}
	ev_run(loop, 0);
	bench_report(&bench);
	for (int i = 0; i < opt.connections; i++) {
		mysql_stmt_close(conns[i].stmt);
		mysql_close(conns[i].mysql);
	}
	free(conns);
	return 0;
}
