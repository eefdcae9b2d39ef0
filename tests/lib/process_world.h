/* SPDX-License-Identifier: MIT */
/*
 * process_world.h - what tests of processes share. They run by the real
 * clock, since a child does; no result depends on how fast it is. After each
 * run there must be no child at all, neither living nor dead.
 */
#ifndef TESTS_PROCESS_WORLD_H
#define TESTS_PROCESS_WORLD_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tasks.h"

/* Ends only when it is told to. */
#define FOREVER AW_ARGV("sleep", "1000")
/* The same, and says so first; it does not listen to SIGTERM. */
#define STUBBORN AW_ARGV("sh", "-c", "trap '' TERM; echo ready; " \
			 "exec sleep 1000")
/* Ends with 7 when it is asked to. */
#define POLITE AW_ARGV("sh", "-c", "trap 'exit 7' TERM; echo ready; " \
		       "while :; do sleep 0.01; done")

static inline bool
no_children(void)
{
	return waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD;
}

static inline int
n_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = -1;

	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* Its value, when it has left no child and no descriptor. */
static inline int
run_world(int (*fn)(void *arg), void *arg)
{
	int before = n_descriptors(), r;

	forget_notes();
	r = aw_run(fn, arg, .no_signals = true);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", name(r), aw_error_text());
	ck_assert(no_children());
	ck_assert_int_eq(n_descriptors(), before);
	return r;
}

/* Starts and notes what it becomes: "0" or an error's name. */
static inline void
note_start(const char *const argv[],
	   const struct aw_process_options *options)
{
	AW_AUTO(aw_process, p);
	int r = aw_process_start_with(&p, argv, options);

	note("%s%s%s", name(r), r < 0 ? ": " : "",
	     r < 0 ? aw_error()->message : "");
}

/* The first line of a process: it has got so far. */
static inline int
await_ready(struct aw_process *p)
{
	struct aw_bytes line;
	int r = aw_stream_line(aw_process_out(p), &line);

	return r < 0 ? r : r == 1 ? 0 : -EPIPE;
}

/* In a task of its own: notes how it ended. */
static inline int
note_status(void *process)
{
	int status = 0, r = aw_process_wait(process, &status);

	note("%s %d", name(r), status);
	return 0;
}

/* A process that says "ready"; *ret is left alone after a failure. */
static inline int
start_ready(struct aw_process **ret, const char *const argv[], double grace)
{
	AW_AUTO(aw_process, p);

	AW_TRY(aw_process_start(&p, argv, .out = AW_PIPE, .grace = grace));
	AW_TRY(await_ready(p));
	*ret = aw_move(&p);
	return 0;
}

#endif
