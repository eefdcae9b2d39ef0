/* SPDX-License-Identifier: MIT */
/*
 * <DESC> A deadline for everything below a line, and who asks whose it was.
 *
 *	cc 03_timeout.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	the answer did not come in time
 *	cleaning up took its own time
 */
#include <await/await.h>

#include <stdio.h>

static int
slow_answer(void)
{
	return aw_sleep(60);
}

static int
ask(void)
{
	AW_SCOPE(limit, .seconds = 0.02);
	int r = slow_answer();

	if (r == AW_ETIME && aw_scope_expired(&limit)) {
		puts("the answer did not come in time");
		AW_SHIELD(1.0);		/* the deadline does not reach here */
		AW_TRY(aw_sleep(0.01));
		puts("cleaning up took its own time");
		return 0;
	}
	return r;
}

static int
app(void *arg)
{
	(void)arg;
	return ask();
}

int
main(void)
{
	return aw_main(app, NULL);
}
