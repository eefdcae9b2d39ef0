/* SPDX-License-Identifier: MIT */
/*
 * play.c - the toy in use, as a program of a stranger: prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <await/await.h>

#include "toy.h"

static int n_tests;

static void
report(bool passed, const char *what)
{
	printf("%s %d - %s\n", passed ? "ok" : "not ok", ++n_tests, what);
}

static int
rings(void *arg)
{
	AW_AUTO(toy, toy);

	(void)arg;
	AW_TRY(toy_open(&toy));
	AW_TRY(toy_ring(toy, 0.005));
	return toy_hear(toy);
}

static int
rings_late(void *arg)
{
	AW_AUTO(toy, toy);
	int r;

	(void)arg;
	AW_TRY(toy_open(&toy));
	AW_TRY(toy_ring(toy, 0.02));
	{
		AW_TIMEOUT(0.002);
		r = toy_hear(toy);
		if (r != AW_ETIME || strcmp(aw_error()->wait, "a bell") != 0)
			return -EILSEQ;
	}
	return toy_hear(toy);	/* the bell was not lost */
}

static int
echoes(void *arg)
{
	AW_AUTO(toy, toy);
	int value = 0;

	(void)arg;
	AW_TRY(toy_open(&toy));
	for (int i = 1; i < 1000; i++) {
		AW_TRY(toy_echo(toy, i, &value));
		if (value != i)
			return -EILSEQ;
	}
	{
		AW_SCOPE(scope);
		aw_scope_cancel(&scope, "test");
		if (toy_echo(toy, 7, &value) != AW_ECANCELED || value == 7)
			return -EILSEQ;
	}
	return toy_echo(toy, 8, &value) == 0 && value == 8 ? 0 : -EILSEQ;
}

static int
squares(void *arg)
{
	AW_AUTO(toy, toy);
	int square = -1, r;

	(void)arg;
	AW_TRY(toy_open(&toy));
	AW_TRY(toy_square(toy, 12, false, 60, &square));
	if (square != 144)
		return -EILSEQ;
	r = toy_square(toy, -3, false, 60, &square);
	if (r != -EDOM || aw_error()->native != -3 || square != 144)
		return -EILSEQ;
	r = toy_square(toy, 5, true, 0.01, &square);
	if (r != AW_ETIMEDOUT || square != 144)
		return -EILSEQ;
	{
		AW_TIMEOUT(0.01);
		r = toy_square(toy, 5, true, 60, &square);
	}
	toy_hurry();
	if (r != AW_ETIME || square != 144)
		return -EILSEQ;
	AW_TRY(toy_square(toy, 6, true, 60, &square));
	while (toy_jobs_discarded() < 4)
		AW_TRY(aw_sleep(0.001));
	return square == 36 ? 0 : -EILSEQ;
}

static int
puts_away(void *arg)
{
	struct toy *toys[10];

	toys_put_away = 0;
	for (size_t i = 0; i < AW_LENGTH(toys); i++)
		AW_TRY(toy_open(&toys[i]));
	for (size_t i = 0; i < AW_LENGTH(toys); i++)
		toy_freep(&toys[i]);
	if (toys_put_away != 0)		/* never in the caller's time */
		return -EILSEQ;
	*(bool *)arg = true;
	return 0;
}

static int
works_in_groups(void *arg)
{
	AW_GROUP(group);

	for (int i = 0; i < 50; i++) {
		AW_TRY(aw_go(&group, rings, arg));
		AW_TRY(aw_go(&group, echoes, arg));
	}
	return aw_group_wait(&group);
}

static int
in_child(void *arg)
{
	AW_AUTO(toy, toy);
	int status = 1;
	pid_t pid;

	(void)arg;
	AW_TRY(toy_open(&toy));
	pid = fork();
	if (pid == 0)
		_exit(toy_hear(toy) == AW_EFORK ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	return status == 0 ? 0 : -EILSEQ;
}

static int
count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int
main(void)
{
	int before = count_descriptors();
	bool opened = false;
	struct toy *toy = NULL;

	report(aw_run(rings, NULL) == 0, "a bell rings");
	report(aw_run(rings_late, NULL) == 0, "a deadline loses no bell");
	report(aw_run(echoes, NULL, .test_clock = true) == 0, "echoes");
	report(aw_run(squares, NULL) == 0, "a thread squares in a budget");
	report(aw_run(puts_away, &opened) == 0 && opened &&
	       toys_put_away == 10, "the janitor puts all away at the end");
	report(aw_run(in_child, NULL) == 0, "a child of fork() is told");
	report(toy_open(&toy) == AW_EUSAGE && !toy, "a toy needs a loop");
	report(aw_run(works_in_groups, NULL) == 0, "fifty of each at once");
	report(count_descriptors() == before, "no descriptor is left");
	printf("1..%d\n", n_tests);
	return 0;
}
