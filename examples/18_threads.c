/* SPDX-License-Identifier: MIT */
/*
 * <DESC> A server on every processor: a loop, a listener and a pool in each.
 *
 *	cc 18_threads.c $(pkg-config --cflags --libs await-pg)
 *	./a.out postgresql:///mydb
 *
 * Prints
 *	20 questions, 20 answers
 */
#include <await/await.h>
#include <await/pg.h>

#include <stdio.h>
#include <stdlib.h>

static struct aw_thread_event listening;
static int port;

static int
answer(struct aw_stream *stream, void *arg)
{
	struct aw_bytes line;
	int square;

	AW_TRY(aw_stream_until(stream, &line, aw_text("\n")));
	AW_TRY(aw_db_one((struct aw_db *)arg, AW_INTO(&square), "SELECT $1 * "
			 "$1::int", strtol(line.data, NULL, 10)));
	return aw_stream_printf(stream, "%d\n", square);
}

static int
ask(void)
{
	struct aw_bytes line;
	int i, right = 0;

	for (i = 1; i <= 20; i++) {
		AW_AUTO(aw_stream, stream);
		AW_TRY(aw_tcp_connect(&stream, "127.0.0.1", port));
		AW_TRY(aw_stream_printf(stream, "%d\n", i));
		AW_TRY(aw_stream_until(stream, &line, aw_text("\n")));
		right += strtol(line.data, NULL, 10) == i * i;
	}
	aw_stop();		/* in every thread, as SIGTERM does */
	return printf("20 questions, %d answers\n", right) < 0;
}

static int
stop(void *listener)
{
	if (aw_thread_index() == 0)
		AW_TRY(ask());
	AW_TRY(aw_stop_wait());
	return aw_listener_stop(listener), 0;
}

static int
serve(void *dsn)
{
	AW_AUTO(aw_db, db);
	AW_AUTO(aw_listener, listener);
	AW_GROUP(group);

	if (aw_thread_index() > 0)	/* the first one chooses the port */
		AW_TRY(aw_thread_event_wait(&listening));
	AW_TRY(aw_tcp_listen(&listener, "127.0.0.1", port, .reuse_port = true));
	if (aw_thread_index() == 0)
		port = aw_listener_port(listener);
	aw_thread_event_set(&listening);
	AW_TRY(aw_pg_open(&db, dsn, .max = 2));
	AW_TRY(aw_go(&group, stop, listener));
	return aw_serve(listener, answer, db);
}

int
main(int argc, char **argv)
{
	return aw_run_threads(0, serve, argv[argc - 1], .grace = 30) < 0;
}
