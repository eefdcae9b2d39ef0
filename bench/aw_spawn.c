/* SPDX-License-Identifier: MIT */
/* Row spawn: create a task that does nothing and join it, one at a time. */
#include "common.h"

#include <await/await.h>

static int
nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int
app(void *arg)
{
	struct bench bench;
	struct aw_task *task;
	int status;

	bench_begin(&bench, arg);
	while (bench_more(&bench)) {
		task = aw_spawn("nothing", nothing, NULL);
		if (!task)
			return aw_error()->code;
		AW_TRY(aw_join(task, &status));
		if (status)
			return aw_fail(AW_EUSAGE, "a task returned %d", status);
		bench.done++;
	}
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
