/* SPDX-License-Identifier: MIT */
/* Row queue: one task puts numbers, another gets them, through 64 places. */
#include "common.h"

#include <await/await.h>

static struct bench bench;

static int
produce(void *arg)
{
	struct aw_queue *queue = arg;

	while (bench_more(&bench))
		AW_TRY(aw_queue_put(queue, &bench.started));
	aw_queue_close(queue);
	return 0;
}

static int
consume(void *arg)
{
	struct aw_queue *queue = arg;
	int64_t item;
	int r;

	while ((r = aw_queue_next(queue, &item)) > 0) {
		if (item != bench.done + 1)
			return aw_fail(AW_EUSAGE, "an item out of order");
		bench.done++;
	}
	return r;
}

static int
app(void *arg)
{
	AW_AUTO(aw_queue, queue);
	AW_GROUP(group);

	AW_TRY(aw_queue_new(&queue, sizeof(int64_t), 64));
	bench_begin(&bench, arg);
	AW_TRY(aw_go(&group, produce, queue));
	AW_TRY(aw_go(&group, consume, queue));
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
