/* SPDX-License-Identifier: MIT */
/* Row files: open, read, close, one file after the other. */
#include "common.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static char buffer[65536];

static void
reads(const char *name, int64_t i, int64_t size)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		bench_fail(name, strerror(errno));
	n = read(fd, buffer, sizeof buffer);
	close(fd);
	if (n < 0 || !files_is(i, buffer, (size_t)n, size))
		bench_fail(name, "is not what it was");
}

int
main(int argc, char **argv)
{
	struct bench_options opt;
	char name[FILES_NAME];
	struct bench bench;

	bench_options_parse(&opt, argc, argv);
	bench_begin(&bench, &opt);
	while (bench_more(&bench)) {
		files_name(name, opt.path, bench.started - 1);
		reads(name, bench.started - 1, opt.size);
		bench.done++;
	}
	bench_report(&bench);
	return 0;
}
