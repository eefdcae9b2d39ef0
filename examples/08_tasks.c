/* SPDX-License-Identifier: MIT */
/*
 * <DESC> A task with a result, joined in time or later; a task by itself.
 *
 *	cc 08_tasks.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	the report is not ready yet
 *	written for alice
 *	the report: three pages
 *	nobody waited for 'cleanup': the disk is full
 */
#include <await/await.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct aw_local user = { .inherit = true };

static int
write_report(void *arg)
{
	char *report;

	(void)arg;
	AW_TRY(aw_sleep(0.5));
	printf("written for %s\n", (const char *)aw_local_get(&user));
	report = strdup("three pages");
	if (!report)
		return -ENOMEM;
	return aw_task_result_set(report, free);
}

static int
clean_up(void *arg)
{
	(void)arg;
	return aw_fail(-ENOSPC, "the disk is full");
}

static void
unhandled(const char *task, const struct aw_error *error)
{
	printf("nobody waited for '%s': %s\n", task, error->message);
}

static int
app(void *arg)
{
	AW_AUTO(aw_task, task);
	void *report;
	int status;

	(void)arg;
	AW_TRY(aw_local_set(&user, "alice"));
	task = aw_spawn("report", write_report, NULL);
	if (!task)
		return aw_error()->code;
	{
		AW_TIMEOUT(0.01);
		if (aw_join_result(task, &status, &report) == AW_ETIME)
			puts("the report is not ready yet");
	}
	AW_TRY(aw_join_result(aw_move(&task), &status, &report));
	AW_TRY(status);
	printf("the report: %s\n", (const char *)report);
	free(report);
	aw_task_release(aw_spawn("cleanup", clean_up, NULL));
	return aw_yield();
}

int
main(void)
{
	return aw_main(app, NULL, .on_unhandled = unhandled);
}
