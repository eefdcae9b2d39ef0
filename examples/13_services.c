/* SPDX-License-Identifier: MIT */
/*
 * <DESC> A server that says when it is ready, and ends after its users.
 *
 *	cc 13_services.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	the server listens on port 8080
 *	a client is served
 *	a client is served
 *	the server stops: the other children have ended
 */
#include <await/await.h>

#include <stdio.h>

static int
serve(void *arg)
{
	int r;

	AW_TRY(aw_started(arg));
	r = aw_sleep(AW_FOREVER);
	printf("the server stops: %s\n", aw_cancel_reason());
	return r;
}

static int
ask(void *arg)
{
	(void)arg;
	AW_TRY(aw_sleep(0.01));
	puts("a client is served");
	return 0;
}

static int
app(void *arg)
{
	static int port = 8080;
	void *ready;
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go_ready(&group, &ready, serve, &port, .service = true));
	printf("the server listens on port %d\n", *(int *)ready);
	AW_TRY(aw_go(&group, ask, NULL));
	AW_TRY(aw_go(&group, ask, NULL));
	return aw_group_wait(&group);
}

int
main(void)
{
	return aw_main(app, NULL);
}
