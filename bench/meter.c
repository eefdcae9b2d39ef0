/* SPDX-License-Identifier: MIT */
/*
 * meter FILE PROGRAM [ARG]... - run a program and write what it used
 *
 * FILE gets {"cpu":S,"peak_kb":K,"wall":S,"status":N}: user and system time,
 * the largest resident size, elapsed seconds, and the exit status (128 + n
 * after signal n).
 *
 * Why not Python's os.wait4: the kernel counts the memory of whoever forked
 * into the child's maximum (setmax_mm_hiwater_rss in fs/exec.c), so that
 * every small program would be as large as the interpreter that started it.
 * This one has less than a megabyte.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

int
main(int argc, char **argv)
{
	struct rusage used;
	double begin = now();
	FILE *out;
	pid_t pid;
	int status;

	if (argc < 3) {
		fprintf(stderr, "usage: meter FILE PROGRAM [ARG]...\n");
		return 2;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		fprintf(stderr, "%s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid) {
		perror("meter");
		return 1;
	}
	status = WIFEXITED(status) ? WEXITSTATUS(status)
				   : 128 + WTERMSIG(status);
	out = fopen(argv[1], "we");
	if (!out) {
		perror(argv[1]);
		return 1;
	}
	fprintf(out, "{\"cpu\":%.6f,\"peak_kb\":%ld,\"wall\":%.6f,"
		"\"status\":%d}\n", seconds(used.ru_utime) +
		seconds(used.ru_stime), used.ru_maxrss, now() - begin, status);
	return fclose(out) == 0 ? 0 : 1;
}
