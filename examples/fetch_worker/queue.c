/* SPDX-License-Identifier: MIT */
/*
 * The queue: a table of jobs in PostgreSQL.
 *
 *	ready --- claim ---> leased --- end ---> done, failed
 *	  ^                    |
 *	  +-- later, give back +-- due passed: anybody may claim it again
 *
 * Links are added by a statement of their own, sorted: one that also touched
 * the page's own job could deadlock against a page that links back, since
 * ON CONFLICT waits for whoever is inserting the row it meets.
 *
 * bench/peers/worker_sql.py says the same to the servers: change both.
 */
#include "fetch_worker.h"

#include <await/pg.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOCK "SELECT pg_advisory_xact_lock(7246823301)"
#define CREATE_JOB \
	"CREATE TABLE IF NOT EXISTS job (" \
	"url text PRIMARY KEY, " \
	"state text NOT NULL DEFAULT 'ready' " \
	"CHECK (state IN ('ready', 'leased', 'done', 'failed')), " \
	"attempts int NOT NULL DEFAULT 0, " \
	"failures int NOT NULL DEFAULT 0, " \
	"due timestamptz NOT NULL DEFAULT now(), " \
	"owner text)"
#define CREATE_INDEX \
	"CREATE INDEX IF NOT EXISTS job_due ON job (due) " \
	"WHERE state IN ('ready', 'leased')"
/* Changes nothing and needs every privilege that the others need. */
#define PROBE \
	"WITH added AS (INSERT INTO job (url) SELECT '' WHERE false " \
	"RETURNING 1), changed AS (UPDATE job SET state = state, " \
	"attempts = attempts, failures = failures, due = due, " \
	"owner = owner WHERE false RETURNING 1) " \
	"SELECT count(*) FROM added"
#define CLAIM \
	"UPDATE job SET state = 'leased', attempts = attempts + 1, " \
	"owner = $1, due = now() + make_interval(secs => $2) " \
	"WHERE url = ANY (ARRAY(SELECT url FROM job " \
	"WHERE state IN ('ready', 'leased') AND due <= now() " \
	"ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED)) " \
	"RETURNING url, attempts, failures"
#define ADD \
	"WITH added AS (INSERT INTO job (url) " \
	"SELECT link FROM unnest($1::text[]) AS link " \
	"WHERE NOT EXISTS (SELECT FROM job WHERE url = link) " \
	"ON CONFLICT DO NOTHING RETURNING 1) " \
	"SELECT count(*), CASE WHEN count(*) > 0 " \
	"THEN pg_notify('job', '')::text END FROM added"
#define END \
	"UPDATE job SET state = $4, owner = NULL " \
	"WHERE url = $1 AND owner = $2 AND attempts = $3"
#define LATER \
	"UPDATE job SET state = 'ready', owner = NULL, " \
	"failures = failures + $5, due = now() + make_interval(secs => $4) " \
	"WHERE url = $1 AND owner = $2 AND attempts = $3"
#define GIVE_BACK \
	"UPDATE job SET state = 'ready', owner = NULL, due = now() " \
	"WHERE owner = $1 AND state = 'leased'"
#define HEARTBEAT \
	"UPDATE job SET due = now() + make_interval(secs => $2) " \
	"WHERE owner = $1 AND state = 'leased' AND url = ANY ($3::text[])"
#define LEFT \
	"SELECT EXISTS (SELECT FROM job WHERE state IN ('ready', 'leased'))"

/* --- Opening ----------------------------------------------------------- */

/* Two workers that start at once must not both create the table: IF NOT
 * EXISTS alone races in the catalogue. */
static int
create_tables(struct aw_conn *conn, void *arg)
{
	(void)arg;
	AW_TRY(aw_db_exec(conn, NULL, LOCK));
	AW_TRY(aw_db_exec(conn, NULL, CREATE_JOB));
	return aw_db_exec(conn, NULL, CREATE_INDEX);
}

/* Only what is missing is created: that takes more privileges. */
static int
need_tables(struct worker *worker)
{
	int r = aw_db_exec(worker->beat, NULL, PROBE);

	if (r != AW_ESQL || aw_error()->sql_class != AW_SQL_UNDEFINED)
		return r;
	AW_TRY(aw_db_transact(worker->beat, create_tables, NULL));
	return aw_db_exec(worker->beat, NULL, PROBE);
}

static int
add_seed(struct worker *worker, const char *seed)
{
	char *url;
	int r = url_resolve(seed, "", &url);

	if (r < 0)
		return r;
	if (r == 0)
		return aw_fail(-EINVAL, "--seed '%.200s': a URL begins with "
			       "http:// or https://", seed);
	if (strlen(url) > URL_MOST)
		r = refuse_long(worker, url);
	else
		r = queue_add(worker, &url, 1);
	free(url);
	return r;
}

int
queue_add_seeds(struct worker *worker)
{
	const struct options *o = &worker->options;
	size_t i;

	for (i = 0; i < o->n_seeds; i++)
		AW_TRY(add_seed(worker, o->seeds[i]));
	return 0;
}

int
queue_open(struct worker *worker)
{
	const char *dsn = worker->options.queue;
	char host[64] = "";

	gethostname(host, sizeof host - 1);
	snprintf(worker->owner, sizeof worker->owner, "%s-%d-%.0f", host,
		 (int)getpid(), aw_now() * 1e6);
	AW_TRY(db_open(&worker->queue, dsn, "queue", 4, 30));
	AW_TRY(db_open(&worker->beat, dsn, "heartbeat", 1, 10));
	return need_tables(worker);
}

/* --- Jobs -------------------------------------------------------------- */

int
queue_add(struct worker *worker, char **urls, size_t n)
{
	if (n == 0)
		return 0;
	return aw_db_exec(worker->queue, NULL, ADD, aw_array(urls, n));
}

int
queue_claim(struct worker *worker, int most, struct aw_rows **ret)
{
	return aw_db_query(worker->queue, ret, CLAIM, worker->owner,
			   worker->options.lease, most);
}

/* No row means that the lease was lost: somebody else has the job now. */
int
queue_end(const struct job *job, bool failed)
{
	return aw_db_exec(job->worker->queue, NULL, END, job->url,
			  job->worker->owner, job->attempts,
			  failed ? "failed" : "done");
}

int
queue_later(const struct job *job, double seconds, bool failed)
{
	return aw_db_exec(job->worker->queue, NULL, LATER, job->url,
			  job->worker->owner, job->attempts, seconds,
			  failed ? 1 : 0);
}

int
queue_give_back(struct worker *worker)
{
	return aw_db_exec(worker->queue, NULL, GIVE_BACK, worker->owner);
}

int
queue_left(struct worker *worker, bool *ret)
{
	return aw_db_one(worker->queue, AW_INTO(ret), LEFT);
}

/* --- Beside the jobs --------------------------------------------------- */

/* The URLs of the running jobs, copied, since they go on while we wait: an
 * array in front of its strings, in one piece. */
static char **
running_urls(const struct worker *worker, size_t *ret)
{
	size_t bytes = 0, n = 0, size;
	const struct job *job;
	char **urls, *to;

	for (job = worker->jobs; job; job = job->next, n++)
		bytes += strlen(job->url) + 1;
	urls = malloc(n * sizeof *urls + bytes + 1);
	if (!urls)
		return NULL;
	to = (char *)(urls + n);
	*ret = n;
	for (n = 0, job = worker->jobs; job; job = job->next, n++) {
		size = strlen(job->url) + 1;
		urls[n] = memcpy(to, job->url, size);
		to += size;
	}
	return urls;
}

static int
renew(struct worker *worker)
{
	size_t n;
	char **urls = running_urls(worker, &n);
	int r = 0;

	if (!urls)
		return aw_fail(-ENOMEM, "no memory to renew leases");
	if (n > 0)
		r = aw_db_exec(worker->beat, NULL, HEARTBEAT, worker->owner,
			       worker->options.lease, aw_array(urls, n));
	free(urls);
	return r;
}

int
queue_heartbeat(void *arg)
{
	struct worker *worker = arg;

	for (;;) {
		int r;

		AW_TRY(aw_sleep(worker->options.lease / 3));
		while ((r = renew(worker)) < 0)
			if (!trouble(worker, "renewing leases", r))
				return r;
	}
}

static int
listen_once(struct worker *worker)
{
	AW_AUTO(aw_pg_listener, listener);
	struct aw_pg_note note;

	AW_TRY(aw_pg_listen(worker->queue, &listener, "job"));
	for (;;) {
		aw_event_set(&worker->wake);
		AW_TRY(aw_pg_listener_next(listener, &note));
	}
}

/* Wakes the claims when somebody adds a job; also after a gap, in which
 * notes may have been lost. */
int
queue_listen(void *arg)
{
	struct worker *worker = arg;
	int r;

	do {
		r = listen_once(worker);
	} while (trouble(worker, "listening for jobs", r));
	return r;
}
