/* SPDX-License-Identifier: MIT */
/* Row files: small files of --size bytes, --tasks of them at once. */
#include "common.h"
#include "files.h"

#include <stdlib.h>

#include <await/await.h>

static struct bench bench;

static int
reads(void *arg)
{
	const struct bench_options *opt = arg;
	char name[FILES_NAME];
	struct aw_bytes bytes;
	int64_t n;
	bool right;

	while (bench_more(&bench)) {
		n = bench.started - 1;
		files_name(name, opt->path, n);
		AW_TRY(aw_file_slurp(&bytes, name));
		right = files_is(n, bytes.data, bytes.size, opt->size);
		free((void *)(uintptr_t)bytes.data);
		if (!right)
			return aw_fail(AW_EUSAGE, "%s: not what it was", name);
		bench.done++;
	}
	return 0;
}

static int
app(void *arg)
{
	const struct bench_options *opt = arg;
	AW_GROUP(group);
	int i;

	bench_begin(&bench, opt);
	for (i = 0; i < opt->tasks; i++)
		AW_TRY(aw_go(&group, reads, arg));
	AW_TRY(aw_group_wait(&group));
	bench_report(&bench);
	return 0;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;

	bench_options_parse(&opt, argc, argv);
	return aw_main(app, &opt);
}
