/* SPDX-License-Identifier: MIT */
/* stream_descriptors.h - counting descriptors, and running out of them. */
#ifndef TESTS_STREAM_DESCRIPTORS_H
#define TESTS_STREAM_DESCRIPTORS_H

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rlimit descriptors_before;

/* How many this process has open. */
static inline int
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* From now on n more can be opened. The soft limit alone is lowered, and the
 * free numbers below it are those that stay. */
static inline void
few_descriptors(int n)
{
	struct rlimit few;
	int fd[8], i;

	getrlimit(RLIMIT_NOFILE, &descriptors_before);
	few = descriptors_before;
	for (i = 0; i <= n; i++)
		fd[i] = dup(STDERR_FILENO);
	few.rlim_cur = (rlim_t)fd[n];
	while (i-- > 0)
		close(fd[i]);
	setrlimit(RLIMIT_NOFILE, &few);
}

static inline void
many_descriptors(void)
{
	setrlimit(RLIMIT_NOFILE, &descriptors_before);
}

#endif
