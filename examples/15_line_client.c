/* SPDX-License-Identifier: MIT */
/*
 * <DESC> A client of a line protocol: lines, exact counts, the end.
 *
 *	cc 15_line_client.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	motd: be kind to your sockets
 *	nonsense: the server says: no such thing
 */
#include <await/await.h>

#include <stdio.h>
#include <stdlib.h>

/* The server: "GET name" is answered by "OK size" and the bytes, or "ERR". */
static int
answer(struct aw_stream *s, void *arg)
{
	const char *motd = "be kind to your sockets\n";
	struct aw_bytes line;
	int r;

	(void)arg;
	while ((r = aw_stream_line(s, &line)) > 0)
		if (line.size == 8 && !memcmp(line.data, "GET motd", 8))
			AW_TRY(aw_stream_printf(s, "OK %zu\r\n%s",
						strlen(motd), motd));
		else
			AW_TRY(aw_stream_printf(s, "ERR no such thing\r\n"));
	return r;
}

static int
get(struct aw_stream *s, const char *name, struct aw_bytes *ret)
{
	char head[80] = "";
	struct aw_bytes line;
	int r;

	AW_TRY(aw_stream_printf(s, "GET %s\r\n", name));
	r = aw_stream_line(s, &line);
	if (r <= 0)
		return r < 0 ? r : aw_fail(AW_ELOST, "the server hung up");
	snprintf(head, sizeof head, "%.*s", AW_ARG(line));
	if (strncmp(head, "OK ", 3) != 0)
		return aw_fail(AW_EPROTO, "the server says: %s", head + 4);
	return aw_stream_exactly(s, ret, strtoul(head + 3, NULL, 10));
}

static int
serve(void *arg)
{
	return aw_serve(arg, answer, NULL);
}

static int
client(void *arg)
{
	AW_AUTO(aw_listener, listener);
	AW_GROUP(group);
	AW_AUTO(aw_stream, s);
	struct aw_bytes motd;

	(void)arg;
	AW_TRY(aw_tcp_listen(&listener, NULL, 0));
	AW_TRY(aw_go(&group, serve, listener, .service = true));
	AW_TRY(aw_tcp_connect(&s, "127.0.0.1", aw_listener_port(listener)));
	AW_TRY(get(s, "motd", &motd));
	printf("motd: %.*s", AW_ARG(motd));
	if (get(s, "nonsense", &motd) < 0)
		printf("nonsense: %s\n", aw_error()->message);
	return aw_stream_close(&s);
}

int
main(void)
{
	return aw_main(client, NULL);
}
