/* SPDX-License-Identifier: MIT */
/*
 * What a person sees: a bar on a terminal, a line a second elsewhere (both on
 * standard error), and one JSON object at the end of standard output.
 */
#include "fetch_worker.h"

#include <await/pg.h>

#include <stdio.h>
#include <unistd.h>

#define BAR 30
#define COUNT \
	"SELECT count(*) FILTER (WHERE state IN ('done', 'failed')), " \
	"count(*) FROM job"

static void
draw(const struct worker *worker, long long ended, long long all)
{
	const struct counts *c = &worker->counts;
	char bar[BAR + 1];
	int full = all > 0 ? (int)(ended * BAR / all) : 0;

	memset(bar, '.', BAR);
	memset(bar, '#', (size_t)full);
	bar[BAR] = '\0';
	fprintf(stderr, "\r[%s] %lld of %lld  %d in flight  %lld failed ",
		bar, ended, all, worker->running, c->failed);
	fflush(stderr);
}

static void
line(const struct worker *worker)
{
	const struct counts *c = &worker->counts;

	fprintf(stderr, "%.0f s: %lld fetched, %lld stored, %lld failed, "
		"%lld retried, %d in flight\n", aw_now() - worker->begin,
		c->fetched, c->stored, c->failed, c->retried, worker->running);
}

/* The bar counts the whole queue, which takes the server long if it is a
 * large one: it must not be busy with our bar most of the time. */
static int
bar(struct worker *worker, double *ret_pause)
{
	double begin = aw_now(), took;
	long long ended, all;
	int r = aw_db_one(worker->queue, AW_INTO(&ended, &all), COUNT);

	took = aw_now() - begin;
	*ret_pause = took < 0.01 ? 0.2 : took * 20;
	if (r == 0)
		draw(worker, ended, all);
	return aw_check();
}

/* A task; runs until it is cancelled. */
int
progress(void *arg)
{
	struct worker *worker = arg;
	bool terminal = isatty(STDERR_FILENO);
	double pause = terminal ? 0.2 : 1.0;

	for (;;) {
		AW_TRY(aw_sleep(pause));
		if (terminal)
			AW_TRY(bar(worker, &pause));
		else
			line(worker);
	}
}

void
progress_end(const struct worker *worker)
{
	if (isatty(STDERR_FILENO)) {
		draw(worker, worker->ended, worker->ended + worker->running);
		fputc('\n', stderr);
	}
}

/* Standard output may be a full disk or a closed pipe. */
int
summary(const struct worker *worker)
{
	const struct counts *c = &worker->counts;

	printf("{\"fetched\":%lld,\"stored\":%lld,\"failed\":%lld,"
	       "\"retried\":%lld,\"bytes\":%lld,\"seconds\":%.6f}\n",
	       c->fetched, c->stored, c->failed, c->retried, c->bytes,
	       aw_now() - worker->begin);
	return fflush(stdout) == 0 ? 0 : aw_perror("standard output", -errno);
}
