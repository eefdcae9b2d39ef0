/* SPDX-License-Identifier: MIT */
/*
 * sleepers - a program to look into: for awps and the gdb script
 *
 * Prints "ready" once every task stands where it will stand, and ends when
 * its standard input does.
 */
#include <stdio.h>
#include <unistd.h>

#include <await/await.h>
#include <await/driver.h>

/* Not inlined and with work behind the call: frames to be found. */
AW_API int dig_deeper(int left);

int __attribute__((noinline))
dig_deeper(int left)
{
	int r = left > 0 ? dig_deeper(left - 1) : aw_sleep(AW_FOREVER);

	return r < 0 ? r : r + 1;
}

static int
digger(void *arg)
{
	(void)arg;
	AW_TIMEOUT(3600);
	return dig_deeper(3);
}

static int
foreman(void *arg)
{
	AW_GROUP(crew);

	(void)arg;
	AW_TRY(aw_go(&crew, digger, NULL));
	AW_TRY(aw_go(&crew, digger, NULL, .name = "second digger"));
	return aw_group_wait(&crew);
}

static int
waiter(void *arg)
{
	return aw_join(arg, NULL);
}

static int
fails(void *arg)
{
	(void)arg;
	return aw_fail(-EIO, "the ground is too hard");
}

static int
janitor(void *arg)
{
	(void)arg;
	return aw_sleep(AW_FOREVER);
}

/* After the batch: main stands where it will stand, too. */
static void
say_ready(void *arg)
{
	(void)arg;
	if (puts("ready") < 0 || fflush(stdout) < 0)
		_exit(1);
}

static int
app(void *arg)
{
	struct aw_defer ready = { .fn = say_ready };
	struct aw_task *boss = aw_spawn("foreman", foreman, NULL);
	struct aw_task *friend = aw_spawn("waiter", waiter, boss);
	struct aw_task *failed = aw_spawn("failed", fails, NULL);

	(void)arg;
	if (!boss || !friend || !failed)
		return aw_error()->code;
	AW_TRY(aw_service_start("janitor", janitor, NULL));
	AW_TRY(aw_sleep(0.001));
	aw_defer(&ready);
	AW_TRY(aw_wait_fd(STDIN_FILENO, AW_FD_READ));
	return 0;
}

int
main(void)
{
	return aw_main(app, NULL);
}
