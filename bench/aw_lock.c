/* SPDX-License-Identifier: MIT */
/* Row lock: a mutex that nobody else wants is locked and unlocked. */
#include "common.h"

#include <await/await.h>

static struct aw_mutex mutex;

static int
app(void *arg)
{
	struct bench bench;

	bench_begin(&bench, arg);
	while (bench_more(&bench)) {
		AW_TRY(aw_mutex_lock(&mutex));
		bench.done++;
		aw_mutex_unlock(&mutex);
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
