/* SPDX-License-Identifier: MIT */
/*
 * child.h - run a function in a process of its own and read what it wrote
 * on standard error, also when it died.
 *
 *	int status = in_child(true, overflow);
 *
 *	ck_assert(died_of(status, SIGABRT));
 *	ck_assert_ptr_nonnull(strstr(said, "left before"));
 *
 * Standard error is a file in memory, so that the function itself can look
 * whether something has been written (written()).
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tasks.h"

static char said[65536];

/* Bytes on standard error so far; in the child. */
static inline size_t
written(void)
{
	struct stat file;

	return fstat(STDERR_FILENO, &file) == 0 ? (size_t)file.st_size : 0;
}

static inline void
be_child(int file, bool debug, int (*fn)(void))
{
	struct rlimit none = { 0, 0 };

	dup2(file, STDERR_FILENO);
	setrlimit(RLIMIT_CORE, &none);
	if (debug)
		setenv("AWAIT_DEBUG", "1", 1);
	else
		unsetenv("AWAIT_DEBUG");
	_exit(fn());
}

/* The wait status; what it wrote is in said. */
static inline int
in_child(bool debug, int (*fn)(void))
{
	int file = memfd_create("stderr", MFD_CLOEXEC), status = -1;
	ssize_t n;
	pid_t pid;

	ck_assert_int_ge(file, 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		be_child(file, debug, fn);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	n = pread(file, said, sizeof said - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(file);
	return status;
}

static inline bool
died_of(int status, int number)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == number;
}

static inline bool
ended(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

#define ck_assert_said(text) \
	ck_assert_msg(strstr(said, (text)) != NULL, "\"%s\" is not in:\n%s", \
		      (text), said)
#define ck_assert_not_said(text) \
	ck_assert_msg(strstr(said, (text)) == NULL, "\"%s\" is in:\n%s", \
		      (text), said)

#endif
