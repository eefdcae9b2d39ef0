/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Waiting for whichever comes first: an item, a time, the end.
 *
 *	cc 12_select.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	a batch of 3
 *	a batch of 2
 *	the last batch: 1
 */
#include <await/await.h>

#include <stdio.h>

static struct aw_event stop;

/* Writes 3 items at a time, or what there is after 50 ms. */
static int
write_batches(void *arg)
{
	struct aw_queue *queue = arg;
	int item, n = 0, i;
	struct aw_case cases[] = {
		AW_CASE_GET(queue, &item),
		AW_CASE_EVENT(&stop),
		AW_CASE_NONE,
	};

	while ((i = aw_select(cases, AW_LENGTH(cases))) >= 0) {
		if (i == 0 && ++n == 1)
			cases[2] = AW_CASE_UNTIL(aw_now() + 0.05);
		if (i == 1) {
			printf("the last batch: %d\n", n);
			return 0;
		}
		if (i == 2 || n == 3) {
			printf("a batch of %d\n", n);
			cases[2] = AW_CASE_NONE;
			n = 0;
		}
	}
	return i;
}

static int
app(void *arg)
{
	AW_AUTO(aw_queue, queue);
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_queue_new(&queue, sizeof(int), 10));
	AW_TRY(aw_go(&group, write_batches, queue));
	for (int item = 0; item < 5; item++)
		AW_TRY(aw_queue_put(queue, &item));
	AW_TRY(aw_sleep(0.2));
	AW_TRY(aw_queue_put(queue, &(int){ 5 }));
	AW_TRY(aw_yield());
	aw_event_set(&stop);
	return aw_group_wait(&group);
}

int
main(void)
{
	return aw_main(app, NULL);
}
