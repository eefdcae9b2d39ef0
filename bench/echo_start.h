/* SPDX-License-Identifier: MIT */
/*
 * What the echo servers share: --url names the program echo_load, which is
 * started when the server listens. It is not waited for: what it uses must
 * not be counted with the server's. The server ends with its connections.
 */
#ifndef BENCH_ECHO_START_H
#define BENCH_ECHO_START_H

#include <stdio.h>
#include <unistd.h>

#include "common.h"

static inline void
echo_start(const struct bench_options *opt, int port)
{
	char text[4][32];

	snprintf(text[0], sizeof text[0], "%d", port);
	snprintf(text[1], sizeof text[1], "%d", opt->connections);
	snprintf(text[2], sizeof text[2], "%lld", (long long)opt->size);
	snprintf(text[3], sizeof text[3], "%f", opt->seconds);
	if (!opt->url)
		bench_fail("--url", "the path of echo_load is missing");
	if (fork() != 0)
		return;
	execl(opt->url, "echo_load", text[0], text[1], text[2], text[3],
	      (char *)NULL);
	_exit(127);
}

#endif
