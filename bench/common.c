/* SPDX-License-Identifier: MIT */
/* The command line, the clock and the result line: see common.h. */
#include "common.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SECONDS = 1, OPS, CONNECTIONS, TASKS, DSN, URL, PATH, SIZE };

static const struct option options[] = {
	{ "seconds", required_argument, NULL, SECONDS },
	{ "ops", required_argument, NULL, OPS },
	{ "connections", required_argument, NULL, CONNECTIONS },
	{ "tasks", required_argument, NULL, TASKS },
	{ "dsn", required_argument, NULL, DSN },
	{ "url", required_argument, NULL, URL },
	{ "path", required_argument, NULL, PATH },
	{ "size", required_argument, NULL, SIZE },
	{ NULL, 0, NULL, 0 },
};

void
bench_options_parse(struct bench_options *opt, int argc, char **argv)
{
	int c;

	*opt = (struct bench_options){
		.seconds = 1.0, .connections = 10, .tasks = 100, .size = 1024,
	};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case SECONDS: opt->seconds = strtod(optarg, NULL); break;
		case OPS: opt->ops = strtoll(optarg, NULL, 10); break;
		case CONNECTIONS:
			opt->connections = (int)strtol(optarg, NULL, 10);
			break;
		case TASKS: opt->tasks = (int)strtol(optarg, NULL, 10); break;
		case DSN: opt->dsn = optarg; break;
		case URL: opt->url = optarg; break;
		case PATH: opt->path = optarg; break;
		case SIZE: opt->size = strtoll(optarg, NULL, 10); break;
		default: exit(2);
		}
	}
	if (opt->connections < 1 || opt->tasks < 1)
		bench_fail("--connections and --tasks", "must be 1 or more");
}

void
bench_fail(const char *what, const char *detail)
{
	fprintf(stderr, "%s: %s\n", what, detail);
	exit(1);
}

double
bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void
bench_begin(struct bench *b, const struct bench_options *opt)
{
	*b = (struct bench){ .opt = opt, .begin = bench_now() };
	b->end = b->begin + opt->seconds;
}

bool
bench_more(struct bench *b)
{
	if (b->opt->ops) {
		if (b->started >= b->opt->ops)
			return false;
	} else if (b->started % 64 == 0 && bench_now() >= b->end) {
		return false;	/* started stays: the next call asks again */
	}
	b->started++;
	return true;
}

bool
bench_round(struct bench *b, int64_t n)
{
	if (b->opt->ops ? b->started >= b->opt->ops
			: b->started > 0 && bench_now() >= b->end)
		return false;
	b->started += n;
	return true;
}

void
bench_pause(struct bench *b)
{
	b->paused = bench_now();
}

void
bench_resume(struct bench *b)
{
	b->begin += bench_now() - b->paused;
}

void
bench_report(const struct bench *b)
{
	printf("{\"ops\":%lld,\"seconds\":%.6f", (long long)b->done,
	       bench_now() - b->begin);
	if (b->note)
		printf(",\"%s\":%.6f", b->note, b->noted);
	puts("}");
}
