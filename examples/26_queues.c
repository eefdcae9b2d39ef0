/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Queues, a priority queue, a broadcast and a rhythm, as the guide has
 * them.
 *
 *	cc 26_queues.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	1000 items used
 *	all is done
 *	the most urgent: 1
 *	price 3, missed 2
 *	collected 3 times
 */
#include <await/await.h>

#include <stdio.h>

struct job {
	int priority;
};

static int n_used, n_collected;

static int
producer(void *arg)
{
	struct aw_queue *queue = arg;

	for (int n = 0; n < 1000; n++)
		AW_TRY(aw_queue_put(queue, &n));
	aw_queue_close(queue);
	return 0;
}

static void
use(int n)
{
	n_used += n >= 0;
}

static int
consumer(void *arg)
{
	int n, r;

	while ((r = aw_queue_next(arg, &n)) > 0)
		use(n);
	return r;
}

static int
one_to_another(void)
{
	AW_AUTO(aw_queue, queue);

	AW_TRY(aw_queue_new(&queue, sizeof(int), 100));
	AW_TRY(aw_gather(((struct aw_call[]){ AW_CALL(producer, queue),
					      AW_CALL(consumer, queue) }), 2));
	printf("%d items used\n", n_used);
	return 0;
}

static int
worker(void *queue)
{
	int item;

	AW_TRY(aw_queue_get(queue, &item));
	aw_queue_task_done(queue);
	return 0;
}

static int
until_done(void)
{
	AW_AUTO(aw_queue, queue);
	AW_GROUP(group);
	int item = 1;

	AW_TRY(aw_queue_new(&queue, sizeof(int), 100));
	AW_TRY(aw_go(&group, worker, queue));
	AW_TRY(aw_queue_put(queue, &item));
	AW_TRY(aw_queue_join(queue));	/* the worker: task_done() */
	puts("all is done");
	return aw_group_wait(&group);
}

static int
by_priority(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	return (x->priority > y->priority) - (x->priority < y->priority);
}

static int
most_urgent(void)
{
	AW_AUTO(aw_queue, queue);
	struct job job;

	AW_TRY(aw_queue_new_priority(&queue, sizeof job, 100, by_priority));
	for (int n = 3; n > 0; n--)
		AW_TRY(aw_queue_put(queue, &(struct job){ n }));
	AW_TRY(aw_queue_get(queue, &job));
	printf("the most urgent: %d\n", job.priority);
	return 0;
}

static void
show(const int *price, uint64_t missed)
{
	printf("price %d, missed %d\n", *price, (int)missed);
}

static int
everybody(void)
{
	AW_AUTO(aw_broadcast, prices);
	AW_AUTO(aw_subscriber, mine);	/* in each reader */
	uint64_t missed;
	int price, r;

	AW_TRY(aw_broadcast_new(&prices, sizeof(int), 1,
				.overflow = AW_OVERFLOW_DROP_OLDEST));
	AW_TRY(aw_subscriber_new(&mine, prices));
	for (price = 1; price <= 3; price++)
		AW_TRY(aw_broadcast_put(prices, &price));
	aw_broadcast_close(prices);
	while ((r = aw_subscriber_next(mine, &price, &missed)) > 0)
		show(&price, missed);
	return r;
}

static int
collect(void)
{
	return ++n_collected < 3 ? 0 : AW_ECLOSED;
}

static int
rhythm(void)
{
	struct aw_ticker ticker = { .seconds = 60 };
	int r;

	while ((r = aw_ticker_next(&ticker)) == 0)
		AW_TRY(collect());
	return r;
}

static int
app(void *arg)
{
	(void)arg;
	AW_TRY(one_to_another());
	AW_TRY(until_done());
	AW_TRY(most_urgent());
	AW_TRY(everybody());
	if (rhythm() != AW_ECLOSED)
		return -EINVAL;
	printf("collected %d times\n", n_collected);
	return 0;
}

int
main(void)
{
	/* The test clock: a minute takes no time. */
	return aw_run(app, NULL, .test_clock = true) < 0;
}
