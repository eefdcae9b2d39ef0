/* SPDX-License-Identifier: MIT */
/* Row lock: the same with a mutex between threads, of the C library. */
#include "common.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

int
main(int argc, char **argv)
{
	struct bench_options opt;
	struct bench bench;

	bench_options_parse(&opt, argc, argv);
	bench_begin(&bench, &opt);
	while (bench_more(&bench)) {
		if (pthread_mutex_lock(&mutex) != 0)
			bench_fail("pthread_mutex_lock", "failed");
		bench.done++;
		pthread_mutex_unlock(&mutex);
	}
	bench_report(&bench);
	return 0;
}
