/* SPDX-License-Identifier: MIT */
/* Row offload: a call in a helper thread and back, one after the other. */
#include "common.h"

#include <await/await.h>

static struct bench bench;

static int
add_one(void *arg)
{
	++*(int64_t *)arg;
	return 0;
}

static int
app(void *arg)
{
	bench_begin(&bench, arg);
	while (bench_more(&bench))
		AW_TRY(aw_offload(add_one, &bench.done));
	if (bench.done != bench.started)
		return aw_fail(AW_EUSAGE, "a call was lost");
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
