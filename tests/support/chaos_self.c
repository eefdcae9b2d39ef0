/* SPDX-License-Identifier: MIT */
/* chaos_self.c - the part of chaos.h that makes trouble in the test's own
 * process: descriptors, signals. */
#include "chaos.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

int
chaos_count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	if (!folder) {
		perror("chaos: /proc/self/fd");
		exit(1);
	}
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* The limit is on the number: the lowest free ones count. */
void
chaos_limit_fds(int more)
{
	static struct rlimit before;
	struct rlimit now;

	if (!before.rlim_cur)
		getrlimit(RLIMIT_NOFILE, &before);
	now = before;
	if (more >= 0) {
		now.rlim_cur = 0;
		for (int fd = 0; more > 0 || fcntl(fd, F_GETFD) >= 0; fd++) {
			more -= fcntl(fd, F_GETFD) < 0;
			now.rlim_cur = (rlim_t)fd + 1;
		}
	}
	setrlimit(RLIMIT_NOFILE, &now);
}

bool
chaos_fill_fds(int below)
{
	static unsigned char ours[65536];
	struct rlimit limit;

	for (int fd = 0; below == 0 && fd < (int)sizeof(ours); fd++) {
		if (ours[fd])
			close(fd);
		ours[fd] = 0;
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int fd = 0; below > 0 && fd < below;) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fd >= (int)sizeof(ours))
			return false;
		ours[fd] = 1;
	}
	return true;
}

static void
nothing(int number)
{
	(void)number;
}

/* Without SA_RESTART: whatever can be interrupted, is. */
void
chaos_alarms(bool on)
{
	struct sigaction act = { .sa_handler = nothing };
	struct itimerval every = { { 0, on ? 1000 : 0 }, { 0, on ? 1000 : 0 } };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}
