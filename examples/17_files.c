/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Files: the lines of a log become a report, whole or not at all.
 *
 *	cc 17_files.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	access.log: 250 of 1000 lines tell of an error
 */
#include <await/await.h>

#include <fcntl.h>
#include <stdio.h>

static int
write_log(const char *path)
{
	AW_AUTO(aw_file, log);
	int i;

	AW_TRY(aw_file_create(&log, path));
	for (i = 0; i < 1000; i++)
		AW_TRY(aw_file_printf(log, "%d %d\n", i, i % 4 ? 200 : 500));
	return aw_file_close(&log);
}

static bool
is_error(struct aw_bytes line)
{
	const char *end = (const char *)line.data + line.size;

	return line.size >= 4 && memcmp(end - 4, " 500", 4) == 0;
}

static int
write_report(const char *from, const char *to)
{
	AW_AUTO(aw_file, log);
	AW_AUTO(aw_file, report);
	struct aw_bytes line;
	int r, n = 0, n_errors = 0;

	AW_TRY(aw_file_open(&log, from, O_RDONLY, 0));
	while ((r = aw_file_line(log, &line)) > 0) {
		n_errors += is_error(line);
		n++;
	}
	AW_TRY(r);
	AW_TRY(aw_file_create(&report, to, .atomic = true));
	AW_TRY(aw_file_printf(report, "%d of %d lines tell of an error\n",
			      n_errors, n));
	return aw_file_commit(&report);	/* until here there is no report */
}

static int
app(void *arg)
{
	AW_AUTO(aw_temp_folder, folder);	/* removed in the end */
	struct aw_bytes text;
	char log[128], report[128];
	const char *path;

	(void)arg;
	AW_TRY(aw_temp_folder_new(&folder, NULL));
	path = aw_temp_folder_path(folder);
	snprintf(log, sizeof log, "%s/access.log", path);
	snprintf(report, sizeof report, "%s/report.txt", path);
	AW_TRY(write_log(log));
	AW_TRY(write_report(log, report));
	AW_TRY(aw_file_slurp(&text, report));
	printf("access.log: %.*s", AW_ARG(text));
	aw_freep(&text.data);
	return aw_temp_folder_remove(&folder);
}

int
main(void)
{
	return aw_main(app, NULL);
}
