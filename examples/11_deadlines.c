/* SPDX-License-Identifier: MIT */
/*
 * <DESC> One deadline for all below it; a nearer one inside; whose was it?
 *
 *	cc 11_deadlines.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	the fresh answer is late: the cached one will do
 *	the whole request is late
 */
#include <await/await.h>

#include <stdio.h>

static int
ask_server(void)
{
	return aw_sleep(60);
}

static int
ask_cache(void)
{
	return aw_sleep(0.01);
}

/* Up to 20 ms for the fresh answer, within what the caller allows. */
static int
answer(void)
{
	int r;

	{
		AW_TIMEOUT(0.02);
		r = ask_server();
	}
	if (r != AW_ETIME || aw_check() < 0)
		return r;
	puts("the fresh answer is late: the cached one will do");
	return ask_cache();
}

static int
request(double seconds)
{
	AW_SCOPE(whole, .seconds = seconds);
	int r = answer();

	if (r == AW_ETIME && aw_scope_expired(&whole)) {
		puts("the whole request is late");
		return 0;
	}
	return r;
}

static int
app(void *arg)
{
	(void)arg;
	AW_TRY(request(10));
	return request(0.005);
}

int
main(void)
{
	return aw_main(app, NULL);
}
