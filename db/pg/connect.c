/* SPDX-License-Identifier: MIT */
/*
 * connect.c - a connection is made in a helper thread and handed to the loop.
 *
 *	pool's task                     helper thread
 *	aw_job_start(copy of DSN) ----> connect_run(): names, TLS, SCRAM, ...
 *	aw_job_wait()                       |
 *	   | <------------------------------+
 *	   v
 *	attach(): nonblocking, watched
 *
 * When the wait ends early the job is orphaned: the thread finishes the
 * connection when it gets it, and nobody else ever sees it.
 *
 * With one host we poll libpq ourselves, so that notices and the SQLSTATE of
 * a refusal can be had; with several, PQconnectdbParams() has logic that
 * PQconnectPoll() lacks: a time limit per host and the next one after it.
 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <await/io.h>

#include "pg_conn.h"

#define OPENSSL_NO_ATEXIT 0x00080000ull	/* OPENSSL_INIT_NO_ATEXIT */

struct connect_job {
	struct aw_pg_data dsn;
	double seconds;
	PGconn *pg;
};

static pthread_once_t openssl_once = PTHREAD_ONCE_INIT;

/* OpenSSL must not clean up at exit() while a thread connects. */
static void
init_openssl(void)
{
	int (*init)(uint64_t, const void *);

	*(void **)&init = dlsym(RTLD_DEFAULT, "OPENSSL_init_crypto");
	if (init)
		init(OPENSSL_NO_ATEXIT, NULL);
}

static void
drop_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static double
monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool
wait_socket(PGconn *pg, PostgresPollingStatusType want, double deadline)
{
	struct pollfd p = { .fd = PQsocket(pg) };
	double left = deadline - monotonic();

	p.events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	if (left <= 0)
		return false;
	if (left > 3600)
		left = 3600;
	return poll(&p, 1, (int)(left * 1000) + 1) != 0;
}

/* Before the first PQconnectPoll() a connection is to be waited for as if it
 * had asked for writing (PostgreSQL 15 manual, PQconnectPoll). */
static void
poll_connection(PGconn *pg, double deadline)
{
	PostgresPollingStatusType want = PGRES_POLLING_WRITING;

	PQsetNoticeReceiver(pg, drop_notice, NULL);
	PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
	while (want == PGRES_POLLING_READING || want == PGRES_POLLING_WRITING) {
		if (PQsocket(pg) < 0 || !wait_socket(pg, want, deadline))
			return;
		want = PQconnectPoll(pg);
	}
}

static void
connect_run(void *memory)
{
	struct connect_job *job = memory;
	const char *const *keywords = (const char *const *)job->dsn.keywords;
	const char *const *values = (const char *const *)job->dsn.values;
	double deadline = monotonic() + job->seconds;

	pthread_once(&openssl_once, init_openssl);
	if (job->dsn.many_hosts) {
		job->pg = PQconnectdbParams(keywords, values, 0);
		return;
	}
	job->pg = PQconnectStartParams(keywords, values, 0);
	if (job->pg && PQstatus(job->pg) != CONNECTION_BAD)
		poll_connection(job->pg, deadline);
}

static void
connect_discard(void *memory)
{
	struct connect_job *job = memory;

	PQfinish(job->pg);
	for (int i = 0; i < job->dsn.n; i++) {
		free(job->dsn.keywords[i]);
		free(job->dsn.values[i]);
	}
	free(job->dsn.keywords);
	free(job->dsn.values);
}

static const struct aw_job_type connect_type = {
	.size = sizeof(struct connect_job),
	.run = connect_run,
	.discard = connect_discard,
};

static int
attach(struct aw_pg_conn *c, struct connect_job *job)
{
	int r;

	c->pg = job->pg;
	job->pg = NULL;
	PQsetNoticeReceiver(c->pg, aw__pg_take_notice, c);
	PQsetErrorVerbosity(c->pg, PQERRORS_DEFAULT);
	if (PQsetnonblocking(c->pg, 1) != 0)
		return aw__pg_fail_lost(c);
	c->tls = PQsslInUse(c->pg);
	r = aw_fd_new(&c->fd, PQsocket(c->pg));
	if (r == 0)
		aw__pg_watch(c, true);
	return r;
}

/* Took longer than its limit: libpq has no message for that. */
static int
fail(struct connect_job *job)
{
	if (job->pg && PQstatus(job->pg) != CONNECTION_BAD)
		return aw_fail(AW_ETIMEDOUT, "the server at host \"%s\", port "
			       "%s, did not answer within %g s (check host and "
			       "port of the DSN)", PQhost(job->pg),
			       PQport(job->pg), job->seconds);
	return aw__pg_fail_connect(job->pg);
}

static int
make_conn(struct aw_db *db, struct connect_job *job, struct aw_conn **ret)
{
	struct aw_pg_conn *c;
	int r;

	if (!job->pg || PQstatus(job->pg) != CONNECTION_OK)
		return fail(job);
	c = calloc(1, sizeof(*c));
	if (!c)
		return aw_fail(AW_ENOMEM, "a connection");
	r = aw__db_conn_init(&c->base, db);
	if (r == 0)
		r = attach(c, job);
	if (r < 0) {
		aw__db_conn_fini(&c->base);
		aw_fd_free(c->fd);
		PQfinish(c->pg);
		free(c);
		return r;
	}
	*ret = &c->base;
	return 0;
}

int
aw__pg_connect(struct aw_db *db, struct aw_conn **ret)
{
	/* A little less than the pool's budget: libpq knows more. */
	struct connect_job init = { .seconds = db->options.connect * 0.95 };
	struct aw_job *job = NULL;
	int r = aw__pg_data_copy(db->data, &init.dsn);

	if (r == 0)
		r = aw_job_start(&job, AW_JOBS_CONNECT, &connect_type, &init);
	if (r < 0) {
		connect_discard(&init);
		return aw_fail(r, "cannot start connecting to PostgreSQL");
	}
	r = aw_job_wait(job, "a connection to PostgreSQL", db);
	if (r == 0)
		r = make_conn(db, aw_job_memory(job), ret);
	else if (r == AW_ETIMEDOUT)
		aw_fail(r, "PostgreSQL did not answer within %g s (check the "
			"host of the DSN, and its port)", db->options.connect);
	aw_job_free(job);
	return r;
}
