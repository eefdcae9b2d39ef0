/* SPDX-License-Identifier: MIT */
/* rounds.h - rows whose operations come in rounds of --tasks. */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include "common.h"

#include <await/await.h>

struct bench_rounds {
	struct bench_options options;
	int (*round)(struct bench *bench, int n);
};

static int
bench_rounds_run(void *arg)
{
	const struct bench_rounds *rounds = arg;
	struct bench bench;

	bench_begin(&bench, &rounds->options);
	while (bench_round(&bench, rounds->options.tasks))
		AW_TRY(rounds->round(&bench, rounds->options.tasks));
	bench_report(&bench);
	return 0;
}

/* The exit code of the program; round does n operations and counts them. */
static inline int
bench_rounds(int argc, char **argv, int (*round)(struct bench *bench, int n))
{
	struct bench_rounds rounds = { .round = round };

	bench_options_parse(&rounds.options, argc, argv);
	return aw_main(bench_rounds_run, &rounds);
}

#endif
