/* SPDX-License-Identifier: MIT */
/* Row echo: a server that sends back what comes, a task for each connection. */
#include "echo_start.h"

#include <await/await.h>

static struct aw_listener *listener;
static int n_connections;

static int
echo(struct aw_stream *s, void *arg)
{
	struct aw_bytes bytes;
	int r;

	(void)arg;
	n_connections++;
	while ((r = aw_stream_chunk(s, &bytes)) > 0 &&
	       (r = aw_stream_write(s, bytes)) == 0)
		continue;
	if (--n_connections == 0)
		aw_listener_stop(listener);
	return r;
}

static int
app(void *arg)
{
	const struct bench_options *opt = arg;
	int r;

	AW_TRY(aw_tcp_listen(&listener, NULL, 0, .backlog = 4096));
	echo_start(opt, aw_listener_port(listener));
	r = aw_serve(listener, echo, NULL, .max = opt->connections);
	aw_listener_freep(&listener);
	return r;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;

	bench_options_parse(&opt, argc, argv);
	return aw_main(app, &opt);
}
