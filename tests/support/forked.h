/* SPDX-License-Identifier: MIT */
/*
 * forked.h - what becomes of handles that a child of fork() inherits.
 *
 *	static int
 *	calls(void *arg)	every call on it: REFUSED(...) each; 0
 *	static int
 *	drop(void *arg, bool close)	releases it, by close or by free; 0
 *
 *	AW_TRY(inherited(calls, drop, arg, 2));
 *
 * Three children are made inside the calling task. One drops nothing and calls
 * exit(), with all that libraries do then. One stays in the parent's task, one
 * has a loop of its own; both must be refused by every call, and by their drop
 * must close that many descriptors. What failed comes back through a shared
 * page. That the parent was not disturbed is for the caller to see.
 */
#ifndef TESTS_FORKED_H
#define TESTS_FORKED_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <await/await.h>

/* Under ThreadSanitizer a child has no threads, and no stacks but one. */
#if defined(__SANITIZE_THREAD__)
#define FORKED_RUNS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FORKED_RUNS 0
#endif
#endif
#ifndef FORKED_RUNS
#define FORKED_RUNS 1
#endif

#define FORKED_SECONDS 60

static char *forked_why;	/* shared, 1024 bytes */

static inline int
forked_complain(int line, const char *what, long long got)
{
	if (!forked_why[0])
		snprintf(forked_why, 1024, "line %d: %s gave %lld (%s %s)",
			 line, what, got, aw_error_name(aw_error()->code),
			 aw_error()->message);
	return -EBADMSG;
}

#define EXPECT_IN_CHILD(condition) \
	do { \
		if (!(condition)) \
			return forked_complain(__LINE__, #condition, 0); \
	} while (0)
#define REFUSED(call) \
	do { \
		long long got_ = (long long)(call); \
		if (got_ != AW_EFORK) \
			return forked_complain(__LINE__, #call, got_); \
	} while (0)

/* Entries, those of the folder itself included. */
static inline int
forked_count(const char *path)
{
	DIR *folder = opendir(path);
	int n = 0;

	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	return n;
}

static inline int
forked_drop(int (*drop)(void *arg, bool close), void *arg, bool close_it,
	    int closes)
{
	int before = forked_count("/proc/self/fd"), r = drop(arg, close_it);
	int gone = before - forked_count("/proc/self/fd");

	if (r == 0 && gone != closes)
		return forked_complain(__LINE__, "the descriptors closed",
				       gone);
	return r;
}

static inline int
forked_child(int (*calls)(void *arg), int (*drop)(void *arg, bool close),
	     void *arg, int closes, bool own_loop)
{
	int r;

	alarm(FORKED_SECONDS);
	r = calls(arg);
	if (r == 0 && own_loop)
		r = aw_reinit();
	if (r == 0 && own_loop)
		r = aw_run(calls, arg, .no_signals = true);
	return r == 0 ? forked_drop(drop, arg, !own_loop, closes) : r;
}

/* LeakSanitizer would complain of what belongs to the parent. */
static inline void
forked_exit(void)
{
#if !defined(__SANITIZE_ADDRESS__)
	exit(0);
#endif
	_exit(0);
}

/* In a task. */
static inline int
inherited(int (*calls)(void *arg), int (*drop)(void *arg, bool close),
	  void *arg, int closes)
{
	int status = 0;
	pid_t pid;

	if (!forked_why)
		forked_why = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int own = -1; own <= FORKED_RUNS; own++) {
		forked_why[0] = '\0';
		pid = fork();
		if (pid == 0 && own < 0)
			forked_exit();
		if (pid == 0)
			_exit(forked_child(calls, drop, arg, closes, own) < 0);
		if (waitpid(pid, &status, 0) != pid || status != 0)
			return aw_fail(-EBADMSG, "child %d: %s (status %d)",
				       own, forked_why, status);
	}
	return 0;
}

#endif
