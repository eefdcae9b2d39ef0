/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Cancelling with a reason, cleaning up under a shield, going on.
 *
 *	cc 10_cancellation.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	item 1 failed, going on
 *	item 2 is done
 *	stopping: the user pressed stop
 *	what was half done is put away
 *	the worker ended: it was cancelled
 */
#include <await/await.h>

#include <errno.h>
#include <stdio.h>

static int
handle(int item)
{
	AW_TRY(aw_sleep(item <= 2 ? 0.01 : 60));
	return item == 1 ? -EIO : 0;
}

static int
put_away(void)
{
	AW_SHIELD(1.0);		/* no cancel reaches here, for a second */
	AW_TRY(aw_sleep(0.01));
	puts("what was half done is put away");
	return 0;
}

static int
work(void *arg)
{
	int r;

	(void)arg;
	for (int item = 1; (r = aw_check()) == 0; item++) {
		r = handle(item);
		if (r == 0)
			printf("item %d is done\n", item);
		else if (aw_check() == 0)
			printf("item %d failed, going on\n", item);
	}
	printf("stopping: %s\n", aw_cancel_reason());
	AW_TRY(put_away());
	return r;
}

static int
app(void *arg)
{
	struct aw_task *worker = aw_spawn("worker", work, NULL);
	int status;

	(void)arg;
	if (!worker)
		return aw_error()->code;
	AW_TRY(aw_sleep(0.5));
	aw_cancel(worker, "the user pressed stop");
	AW_TRY(aw_join(worker, &status));
	if (status == AW_ECANCELED)
		puts("the worker ended: it was cancelled");
	return 0;
}

int
main(void)
{
	return aw_main(app, NULL);
}
