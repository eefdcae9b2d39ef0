/* SPDX-License-Identifier: MIT */
/*
 * Processes between their files: process.c (life), process_signal.c (signals
 * and groups), process_start.c (the loop's side of a start), process_spawn.c
 * (the helper thread's and the child's), process_user.c (whose it is),
 * process_run.c (communicating).
 * doc/internals/process.md draws the whole.
 */
#ifndef AW__PROCESS_H
#define AW__PROCESS_H

#include <await/process.h>

#include "runtime.h"

struct aw_process {
	struct aw_loop *loop;
	struct aw_fd *watch;		/* of pidfd; NULL: nobody looks */
	int pidfd;			/* -1: none yet */
	pid_t pid;
	unsigned mark;			/* of the process that made it */
	unsigned refs;			/* handle, watch, reaper, calls */
	bool new_group;
	bool asked;			/* SIGTERM was sent */
	bool ended;
	bool kept;			/* ended, but its number is still its
					 * own: a group below Linux 6.9 */
	bool unattended;		/* nobody but the watch is left */
	bool gone;			/* the loop has ended */
	int code;			/* 0, or why there is no status */
	int status;
	double grace;			/* seconds; AW__NEVER */
	size_t max;			/* bytes of an output */
	ev_timer patience;		/* then SIGKILL; of the real clock */
	ev_timer again;			/* look again: a debugger holds it */
	struct aw__wait_node *head, *tail;
	struct aw_closer closer;
	struct aw_stream *streams[3];	/* ours; NULL: no pipe */
};

/* What a child is made of. Nothing is copied: who asks waits for it. */
struct aw__spawn {
	const char *const *argv, *const *env;
	const char *paths;		/* to try: "a\0b\0\0" */
	const char *cwd;		/* NULL: as it is */
	int stdio[3];			/* descriptors, or AW_NONE, AW_STDOUT */
	const int *fds;			/* to be kept open */
	int n_fds;
	struct aw_stream_options streams;	/* of our ends */
	bool new_group, new_session;
	int umask;			/* -1: as it is */
	const char *user, *group;	/* as they were given, or NULL */
	const char *const *names;	/* of groups, or NULL */
	bool has_uid, has_gid;
	uid_t uid;
	gid_t gid;
	gid_t *groups;			/* NULL: as they are */
	int n_groups;
	int pidfd;			/* the result */
	pid_t pid;
	const char *failed;		/* where; NULL: it runs */
	int code;			/* -errno */
	char why[160];			/* room for failed */
};

/* process_spawn.c: blocks until the program is executed; for a helper
 * thread. Fills in the result. */
void aw__spawn(struct aw__spawn *spawn);

/* process_user.c: names become numbers; blocks. 0, or what failed. The groups
 * are the caller's to free. */
int aw__spawn_user(struct aw__spawn *spawn);

/* process.c: a process that does not run yet, and what undoes that. */
int aw__process_new(struct aw_process **ret);
void aw__process_drop(struct aw_process *p);
/* It runs: pidfd and pid are set. Cannot fail. */
void aw__process_runs(struct aw_process *p);
void aw__process_unref(struct aw_process *p);
/* process_signal.c: to the group, if it has one. -ESRCH: it has ended. */
int aw__process_send(const struct aw_process *p, int number);
/* Must its leader, when it ends, not be reaped before the group is killed? */
bool aw__process_must_stay(const struct aw_process *p);
/* The handle has gone, and with it what is left of the group. */
void aw__process_end_group(struct aw_process *p);
/* First line of every call. */
int aw__process_check(const struct aw_process *p);

#endif
