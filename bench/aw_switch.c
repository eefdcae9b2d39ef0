/* SPDX-License-Identifier: MIT */
/* Row switch: tasks that only give way to each other; one turn is one op. */
#include "common.h"

#include <await/await.h>

static struct bench bench;

static int
turn(void *arg)
{
	(void)arg;
	while (bench_more(&bench)) {
		AW_TRY(aw_yield());
		bench.done++;
	}
	return 0;
}

static int
app(void *arg)
{
	const struct bench_options *opt = arg;
	AW_GROUP(group);

	bench_begin(&bench, opt);
	for (int i = 0; i < opt->tasks; i++)
		AW_TRY(aw_go(&group, turn, NULL));
	AW_TRY(aw_group_wait(&group));
	bench_report(&bench);
	return 0;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;

	bench_options_parse(&opt, argc, argv);
	return aw_main(app, &opt);
}
