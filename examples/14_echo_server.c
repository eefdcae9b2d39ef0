/* SPDX-License-Identifier: MIT */
/*
 * <DESC> An echo server with a task for each connection; it ends politely.
 *
 *	cc 14_echo_server.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	the server listens
 *	anna hears: hello, anna
 *	berta hears: hello, berta
 *	the server has stopped
 */
#include <await/await.h>

#include <stdio.h>

static struct aw_listener *listener;

static int
echo(struct aw_stream *s, void *arg)
{
	struct aw_bytes bytes;
	int r;

	(void)arg;
	while ((r = aw_stream_chunk(s, &bytes)) > 0)
		AW_TRY(aw_stream_write(s, bytes));
	return r;
}

static int
serve(void *arg)
{
	AW_TRY(aw_started(arg));
	return aw_serve(listener, echo, NULL, .max = 100);
}

static int
ask(const char *name)
{
	AW_AUTO(aw_stream, s);
	struct aw_bytes line;

	AW_TIMEOUT(10);
	AW_TRY(aw_tcp_connect(&s, "127.0.0.1", aw_listener_port(listener)));
	AW_TRY(aw_stream_printf(s, "hello, %s\n", name));
	AW_TRY(aw_stream_until(s, &line, aw_text("\n")));
	printf("%s hears: %.*s", name, AW_ARG(line));
	return aw_stream_close(&s);
}

static int
app(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_tcp_listen(&listener, "127.0.0.1", 0));
	AW_TRY(aw_go_ready(&group, NULL, serve, NULL));
	puts("the server listens");
	AW_TRY(ask("anna"));
	AW_TRY(ask("berta"));
	aw_listener_stop(listener);	/* and waits for who is still there */
	AW_TRY(aw_group_wait(&group));
	aw_listener_freep(&listener);
	puts("the server has stopped");
	return 0;
}

int
main(void)
{
	return aw_main(app, NULL);
}
