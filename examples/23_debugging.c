/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Who waits for what, who cancelled, whose error nobody asked for.
 *
 *	cc 23_debugging.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	await: 3 tasks
 *	main #1 running
 *	digger #2 waiting 2 s for a time
 *	boss #3 waiting 2 s for a task 'digger'
 *	digger: the hole is deep enough (main)
 *	logger failed, and nobody asked: the disk is full
 */
#include <await/await.h>

#include <stdio.h>

static int
dig(void *arg)
{
	int r = aw_sleep(3600);

	printf("%s: %s (%s)\n", (char *)arg, aw_error()->reason,
	       aw_error()->canceller);
	return r;
}

static int
wait_for(void *task)
{
	return aw_join(task, NULL);
}

static int
log_it(void *arg)
{
	return aw_fail(AW_EIO, "the %s is full", (char *)arg);
}

/* The dump without what follows the first comma of a line. */
static void
shorten(void *arg, const char *text, size_t size)
{
	bool *comma = arg;

	for (; size > 0; size--, text++)
		if (!(*comma = *text != '\n' && (*comma || *text == ',')))
			putchar(*text);
}

static void
unhandled(void *arg, const char *task, const struct aw_error *error)
{
	printf("%s failed, and %s: %s\n", task, (char *)arg, error->message);
}

static int
app(void *arg)
{
	struct aw_task *digger = aw_spawn("digger", dig, arg);
	struct aw_task *boss = aw_spawn("boss", wait_for, digger);
	bool comma = false;

	AW_TRY(aw_sleep(2));
	aw_dump_to(shorten, &comma);	/* aw_dump(2): all of it, to stderr */
	aw_cancel(digger, "the hole is deep enough");
	AW_TRY(aw_join(boss, NULL));
	aw_task_release(aw_spawn("logger", log_it, "disk"));
	return aw_yield();
}

int
main(void)
{
	aw_set_hooks(&(struct aw_hooks){ .size = sizeof(struct aw_hooks),
					 .arg = "nobody asked",
					 .unhandled = unhandled });
	return aw_run(app, "digger", .test_clock = true) < 0;
}
