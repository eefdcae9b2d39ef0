/* SPDX-License-Identifier: MIT */
/*
 * Row lines: the lines of a log of --size bytes, 100 each, beside a ticker of
 * 1 ms. Also reports the share of the ticks that came a period late or more.
 */
#include "common.h"

#include <fcntl.h>

#include <await/await.h>

#define LINE 100

static struct bench bench;
static int64_t n_ticks, n_missed;

static int
tick(void *arg)
{
	double due = aw_now() + AW_MS(1), late;
	int r;

	(void)arg;
	while ((r = aw_sleep_until(due)) == 0) {
		late = aw_now() - due;
		n_ticks++;
		for (due += AW_MS(1); late > AW_MS(1); late -= AW_MS(1)) {
			n_missed++;
			due += AW_MS(1);
		}
	}
	return r;
}

static int
pass(const char *path, int64_t size)
{
	AW_AUTO(aw_file, f);
	struct aw_bytes line;
	int64_t n = 0;
	int r;

	AW_TRY(aw_file_open(&f, path, O_RDONLY, 0));
	while ((r = aw_file_line(f, &line)) > 0) {
		if (line.size != LINE - 1)
			return aw_fail(AW_EUSAGE, "a line of %zu bytes",
				       line.size);
		n++;
	}
	if (r == 0 && n != size / LINE)
		return aw_fail(AW_EUSAGE, "%lld lines", (long long)n);
	bench.done += n;
	return r < 0 ? r : aw_file_close(&f);
}

static int
app(void *arg)
{
	const struct bench_options *opt = arg;
	struct aw_task *ticker = aw_spawn("tick", tick, NULL);

	bench_begin(&bench, opt);
	do
		AW_TRY(pass(opt->path, opt->size));
	while (bench_now() < bench.end);
	bench.note = "missed_ticks";
	bench.noted = (double)n_missed /
		      (double)(n_ticks + n_missed + (n_ticks == 0));
	bench_report(&bench);
	aw_cancel(ticker, "done");
	aw_task_release(ticker);
	return 0;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;

	bench_options_parse(&opt, argc, argv);
	return aw_main(app, &opt);
}
