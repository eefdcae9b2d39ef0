/* SPDX-License-Identifier: MIT */
/*
 * <DESC> One loop, one task, one wait.
 *
 *	cc -std=gnu11 01_hello.c -o hello $(pkg-config --cflags --libs await)
 *
 * Prints
 *	hello
 *	world
 */
#include <stdio.h>

#include <await/await.h>

static int
app(void *arg)
{
	(void)arg;
	puts("hello");
	AW_TRY(aw_sleep(AW_MS(100)));
	puts("world");
	return 0;
}

int
main(void)
{
	return aw_main(app, NULL);
}
