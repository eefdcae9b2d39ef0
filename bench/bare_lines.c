/* SPDX-License-Identifier: MIT */
/* Row lines: read(2) and memchr(3), and nothing beside them. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LINE 100
#define BLOCK (256 * 1024)

static char buffer[BLOCK + LINE];

/* Lines in the n bytes of the buffer; what is left of one moves to its
 * begin. */
static int64_t
lines(size_t *n)
{
	char *at = buffer, *end = buffer + *n, *newline;
	int64_t found = 0;

	while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (newline - at != LINE - 1)
			bench_fail("a line", "of another length");
		at = newline + 1;
		found++;
	}
	*n = (size_t)(end - at);
	memmove(buffer, at, *n);
	return found;
}

static int64_t
pass(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t found = 0;
	size_t rest = 0;
	ssize_t n;

	if (fd < 0)
		bench_fail(path, strerror(errno));
	while ((n = read(fd, buffer + rest, BLOCK)) > 0) {
		rest += (size_t)n;
		found += lines(&rest);
	}
	close(fd);
	return found;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;
	struct bench bench;

	bench_options_parse(&opt, argc, argv);
	bench_begin(&bench, &opt);
	do {
		int64_t found = pass(opt.path);

		if (found != opt.size / LINE)
			bench_fail(opt.path, "has another number of lines");
		bench.done += found;
	} while (bench_now() < bench.end);
	bench_report(&bench);
	return 0;
}
