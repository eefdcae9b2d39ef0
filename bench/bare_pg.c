/* SPDX-License-Identifier: MIT */
/*
 * The limit for pg-point: libpq and libev and nothing else.
 *
 * Each connection is a two-state machine, "query sent" and "answer read",
 * with one persistent read watcher and one write watcher that runs only
 * while libpq has bytes it could not send.  No pool, no tasks, no statement
 * cache, no row copies: what a library on top costs is what it adds to this.
 *
 *	fire() -> PQsendQueryPrepared ... readable() -> PQconsumeInput
 *	  ^                                               | PQisBusy == 0
 *	  +---------- check(), PQgetResult == NULL <------+
 */
#include "common.h"

#include <arpa/inet.h>
#include <endian.h>
#include <ev.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

struct conn {
	ev_io reader;
	ev_io writer;
	PGconn *pg;
	int id;			/* the row asked for */
	bool answered;		/* its row has been seen and was right */
};

static struct bench bench;
static uint32_t seed = 2463534242;
static int busy;		/* connections with a query on the way */

static void
die(struct conn *c, const char *what)
{
	bench_fail(what, PQerrorMessage(c->pg));
}

/* libpq keeps what the socket did not take: wait for both, as its manual
 * asks, because the server may be waiting for us to read. */
static void
flush(struct ev_loop *loop, struct conn *c)
{
	int r = PQflush(c->pg);

	if (r < 0)
		die(c, "PQflush");
	if (r > 0)
		ev_io_start(loop, &c->writer);
	else
		ev_io_stop(loop, &c->writer);
}

static void
fire(struct ev_loop *loop, struct conn *c)
{
	uint32_t id;
	const char *value = (const char *)&id;
	const int length = sizeof id, format = 1;

	c->id = bench_random_id(&seed);
	c->answered = false;
	id = htonl((uint32_t)c->id);
	if (!PQsendQueryPrepared(c->pg, "point", 1, &value, &length, &format,
	                         1))
		die(c, "PQsendQueryPrepared");
	flush(loop, c);
}

static void
check(struct conn *c, PGresult *result)
{
	uint32_t id;
	uint64_t balance;

	if (PQresultStatus(result) != PGRES_TUPLES_OK ||
	    PQntuples(result) != 1 || PQnfields(result) != 3)
		die(c, "one row of three columns expected");
	memcpy(&id, PQgetvalue(result, 0, 0), sizeof id);
	memcpy(&balance, PQgetvalue(result, 0, 2), sizeof balance);
	if ((int)ntohl(id) != c->id || PQgetlength(result, 0, 1) < 5 ||
	    (int64_t)be64toh(balance) != bench_balance(c->id))
		bench_fail("pg", "the row is not the one asked for");
	c->answered = true;
	PQclear(result);
}

static void
readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct conn *c = w->data;
	PGresult *result;

	(void)events;
	if (!PQconsumeInput(c->pg))
		die(c, "PQconsumeInput");
	while (!PQisBusy(c->pg)) {
		result = PQgetResult(c->pg);
		if (result) {
			check(c, result);
			continue;
		}
		if (!c->answered)
			die(c, "no row");
		bench.done++;
		if (bench_more(&bench))
			fire(loop, c);
		else if (--busy == 0)
			ev_break(loop, EVBREAK_ALL);
		return;
	}
}

static void
writable(struct ev_loop *loop, ev_io *w, int events)
{
	(void)events;
	flush(loop, w->data);
}

static void
conn_open(struct ev_loop *loop, struct conn *c, const char *dsn)
{
	PGresult *result;

	c->pg = PQconnectdb(dsn);
	if (PQstatus(c->pg) != CONNECTION_OK)
		die(c, "connect");
	result = PQprepare(c->pg, "point", BENCH_POINT_PG, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		die(c, "prepare");
	PQclear(result);
	PQsetnonblocking(c->pg, 1);
	ev_io_init(&c->reader, readable, PQsocket(c->pg), EV_READ);
	ev_io_init(&c->writer, writable, PQsocket(c->pg), EV_WRITE);
	c->reader.data = c->writer.data = c;
	ev_io_start(loop, &c->reader);
}

int
main(int argc, char **argv)
{
	struct bench_options opt;
	struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
	struct conn *conns;

	bench_options_parse(&opt, argc, argv);
	conns = calloc((size_t)opt.connections, sizeof *conns);
	if (!conns || !opt.dsn)
		bench_fail("bare_pg", "--dsn is missing, or memory");
	for (int i = 0; i < opt.connections; i++)
		conn_open(loop, &conns[i], opt.dsn);
	bench_begin(&bench, &opt);
	for (int i = 0; i < opt.connections && bench_more(&bench); i++) {
		busy++;
		fire(loop, &conns[i]);
	}
	ev_run(loop, 0);
	bench_report(&bench);
	for (int i = 0; i < opt.connections; i++)
		PQfinish(conns[i].pg);
	free(conns);
	return 0;
}
