/* SPDX-License-Identifier: MIT */
/*
 * crowd - a program to look into that does not stand still: for awps
 *
 * Behind tasks that stay where they are, others begin and end all the time.
 * Prints "ready" once the first of these run, and ends when its standard input
 * does.
 */
#include <stdio.h>
#include <unistd.h>

#include <await/await.h>

#define STAY 100
#define COME_AND_GO 300

static int
stays(void *arg)
{
	(void)arg;
	return aw_sleep(AW_FOREVER);
}

static int
comes_and_goes(void *arg)
{
	(void)arg;
	return aw_yield();
}

static int
bustles(void *arg)
{
	AW_GROUP(group, .limit = COME_AND_GO);

	(void)arg;
	for (;;)
		AW_TRY(aw_go(&group, comes_and_goes, NULL));
}

static int
app(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	for (int i = 0; i < STAY; i++)
		AW_TRY(aw_go(&group, stays, NULL));
	AW_TRY(aw_go(&group, bustles, NULL));
	AW_TRY(aw_sleep(0.001));
	if (puts("ready") < 0 || fflush(stdout) < 0)
		return -EIO;
	AW_TRY(aw_wait_fd(STDIN_FILENO, AW_FD_READ));
	aw_group_stop(&group);
	return aw_group_wait(&group);
}

int
main(void)
{
	return aw_main(app, NULL);
}
