/* SPDX-License-Identifier: MIT */
/*
 * fetch_worker: see fetch_worker.h.
 *
 *	run --+-- heartbeat, listener, progress, stopper  (children of side)
 *	      +-- work, work, work ...                    (children of jobs)
 *	      +-- claims, as long as there is room
 *
 * The first SIGTERM ends claiming; jobs in flight have --grace seconds, then
 * they are cancelled and given back.  The second one ends the process as it
 * would without us: leases run out, and nothing is lost.
 */
#include "fetch_worker.h"

#include <libxml/parser.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define CLAIM_MOST 64
#define LOOK_AGAIN 1.0		/* seconds, if nobody wakes us */
#define LINGER 0.002		/* seconds, so that one claim brings several */

/* libcurl and libldap bring GnuTLS along, which prepares itself as it is
 * loaded: 0.8 MB for a library that whoever uses it here initialises himself.
 * This is its GNUTLS_SKIP_GLOBAL_INIT, without its header. */
AW_API int _gnutls_global_init_skip(void);

int
_gnutls_global_init_skip(void)
{
	return 1;
}

/* --- Claiming ---------------------------------------------------------- */

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* How many may be claimed now. */
static int
allowed(const struct worker *worker)
{
	const struct options *o = &worker->options;
	int n = least(o->concurrency - worker->running, CLAIM_MOST);

	if (o->max_pages > 0)
		n = least(n, o->max_pages - worker->ended - worker->running);
	return n;
}

static bool
is_over(const struct worker *worker)
{
	int most = worker->options.max_pages;

	return aw_stopping() || worker->fatal < 0 ||
	       (most > 0 && worker->ended >= most);
}

static int
start(struct worker *worker, struct aw_group *jobs, const char *url,
      int attempts, int failures)
{
	size_t size = strlen(url) + 1;
	struct job *job = calloc(1, sizeof *job + size);
	int r;

	if (!job)
		return aw_fail(-ENOMEM, "no memory for a job");
	job->worker = worker;
	job->attempts = attempts;
	job->failures = failures;
	memcpy(job->url, url, size);
	r = aw_sem_try_acquire(&worker->room);
	if (r == 0) {
		r = aw_go(jobs, work, job);
		if (r < 0)
			aw_sem_release(&worker->room);
	}
	if (r < 0) {
		free(job);
		return r;
	}
	job->next = worker->jobs;
	job->at = &worker->jobs;
	if (job->next)
		job->next->at = &job->next;
	worker->jobs = job;
	worker->running++;
	return 0;
}

/* Claims and starts jobs; how many, or a failure of the queue.  What was
 * claimed and cannot be started any more is given back at the end. */
static int
claim(struct worker *worker, struct aw_group *jobs, int most)
{
	AW_AUTO(aw_rows, rows);
	int attempts, failures, n = 0, r;
	const char *url;

	AW_TRY(queue_claim(worker, most, &rows));
	while (!is_over(worker) &&
	       (r = aw_rows_next(rows, &url, &attempts, &failures)) != 0) {
		AW_TRY(r);
		AW_TRY(start(worker, jobs, url, attempts, failures));
		n++;
	}
	return n;
}

/* Nothing to claim: is that the end? */
static int
is_drained(struct worker *worker, bool *ret)
{
	bool left = true;

	*ret = false;
	if (!worker->options.drain || worker->running > 0)
		return 0;
	AW_TRY(queue_left(worker, &left));
	*ret = !left;
	return 0;
}

/* Until somebody wakes us, or for some seconds. */
static int
doze(struct worker *worker, double seconds)
{
	AW_SCOPE(pause, .seconds = seconds);
	int r = aw_event_wait(&worker->wake);

	aw_event_clear(&worker->wake);
	return r == AW_ETIME && aw_scope_expired(&pause) ? 0 : r;
}

/* Until there is room and the store is not known to be away. */
static int
wait_for_room(struct worker *worker)
{
	double left;

	while ((left = worker->store_again - aw_now()) > 0 && !is_over(worker))
		AW_TRY(doze(worker, left));
	AW_TRY(aw_sem_acquire(&worker->room));
	aw_sem_release(&worker->room);
	if (worker->running * 4 > worker->options.concurrency * 3)
		return aw_sleep(LINGER);
	return 0;
}

/* One round of claiming; *ret_end: there is no more to do. */
static int
round_of_claims(struct worker *worker, struct aw_group *jobs, bool *ret_end)
{
	int most, n;

	AW_TRY(wait_for_room(worker));
	most = allowed(worker);
	if (is_over(worker))
		return 0;
	if (most <= 0)
		return doze(worker, LOOK_AGAIN);
	n = claim(worker, jobs, most);
	if (n < 0)
		return n;
	if (n == most)
		return 0;
	AW_TRY(is_drained(worker, ret_end));
	return *ret_end ? 0 : doze(worker, LOOK_AGAIN);
}

static int
claim_until_end(struct worker *worker, struct aw_group *jobs)
{
	bool end = false;
	int r;

	while (!end && !is_over(worker)) {
		r = round_of_claims(worker, jobs, &end);
		if (r < 0 && !trouble(worker, "claiming jobs", r))
			return worker->fatal < 0 ? worker->fatal : r;
	}
	return worker->fatal;
}

/* --- Running ----------------------------------------------------------- */

/* Wakes the claims when a stop is asked for. */
static int
stopper(void *arg)
{
	struct worker *worker = arg;

	AW_TRY(aw_stop_wait());
	fprintf(stderr, "fetch_worker: stopping: %d pages in flight have "
		"%g s\n", worker->running, worker->options.grace);
	aw_event_set(&worker->wake);
	return 0;
}

static int
crawl(struct worker *worker)
{
	AW_GROUP(side, .collect = true);
	AW_GROUP(jobs);

	AW_TRY(aw_go(&side, queue_heartbeat, worker));
	AW_TRY(aw_go(&side, queue_listen, worker));
	AW_TRY(aw_go(&side, progress, worker));
	AW_TRY(aw_go(&side, stopper, worker));
	AW_TRY(claim_until_end(worker, &jobs));
	AW_TRY(aw_group_wait(&jobs));
	return worker->fatal;
}

static int
open_all(void *arg)
{
	struct worker *worker = arg;
	const struct options *o = &worker->options;

	AW_TRY(cannot_start(worker, "--queue", queue_open(worker)));
	AW_TRY(cannot_start(worker, "--store", store_open(worker)));
	AW_TRY(cannot_start(worker, "--queue", queue_add_seeds(worker)));
	return aw_http_open(&worker->http, .total = o->timeout,
			    .max_body = o->max_body,
			    .max_per_host = o->concurrency,
			    .max_total = o->concurrency,
			    .buffer = AW_KIB(4));
}

static int
stop_opening(void *arg)
{
	AW_TRY(aw_stop_wait());
	aw_group_stop(arg);
	return 0;
}

/* Nothing is in flight yet, so a stop ends it at once. */
static int
open_or_stop(struct worker *worker)
{
	AW_GROUP(group);

	AW_TRY(aw_go(&group, open_all, worker));
	AW_TRY(aw_go(&group, stop_opening, &group, .service = true));
	return aw_group_wait(&group);
}

/* What was not finished goes back, also when we are being cancelled. */
static int
give_back(struct worker *worker)
{
	AW_SHIELD(2.0);

	return queue_give_back(worker);
}

static void
close_all(struct worker *worker)
{
	aw_http_freep(&worker->http);
	aw_db_freep(&worker->large);
	aw_db_freep(&worker->store);
	aw_db_freep(&worker->beat);
	aw_db_freep(&worker->queue);
}

static int
run(void *arg)
{
	struct worker *worker = arg;
	int r = open_or_stop(worker);

	if (r == 0 && !aw_stopping()) {
		r = crawl(worker);
		progress_end(worker);
		if (aw_stopping() || r < 0)
			aw_ignore(give_back(worker));
	}
	close_all(worker);
	if (aw_stopping() && aw_is_cancel(r))
		r = 0;
	if (r < 0 && worker->fatal == 0)
		aw_perror("fetch_worker", r);
	return r;
}

int
main(int argc, char **argv)
{
	struct worker worker = { 0 };
	int r = options_parse(&worker.options, argc, argv);

	if (r > 0) {
		free(worker.options.seeds);
		return r - 1;
	}
	/* Helper threads need no heaps of their own: they are few and seldom
	 * busy, and what they free should be ours again.  Large pages and the
	 * buffers they went through are given back at once, where by default
	 * the heap would grow around them. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	xmlInitParser();
	aw_sem_init(&worker.room, worker.options.concurrency);
	worker.begin = aw_now();
	r = aw_run(run, &worker, .grace = worker.options.grace);
	if (summary(&worker) < 0)
		r = -1;
	xmlCleanupParser();
	free(worker.options.seeds);
	return r < 0 ? 1 : 0;
}
