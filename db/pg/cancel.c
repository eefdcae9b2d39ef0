/* SPDX-License-Identifier: MIT */
/*
 * cancel.c - an interrupted connection is put right.
 *
 *	cut --(answer is here already)---------------------> drained
 *	    --PQcancel in a helper thread--> read the rest --> drained
 *	    --budget over, or anything fails --------------> closed by the pool
 *
 * PQcancel() makes a connection of its own and blocks; it returns when the
 * server closed that connection, and by then the signal is with the backend.
 * A backend that is between two commands ignores it, so once ReadyForQuery
 * is read nothing of the cancel can hit a later statement.  Until then the
 * connection is counted among the pool's and nobody else's.
 *
 * A COPY from us is never cancelled but ended with a failure of its own.
 * With both, the server may answer two Syncs, the one that went out with the
 * statement and the one that ends the COPY, and every later answer would be
 * one too early.
 */
#include <await/io.h>

#include "pg_conn.h"

#define MOST_AT_ONCE 256

struct cancel_job {
	PGcancel *cancel;
	int ok;
	char error[256];
};

static void
cancel_run(void *memory)
{
	struct cancel_job *job = memory;

	job->ok = PQcancel(job->cancel, job->error, sizeof(job->error));
}

static void
cancel_discard(void *memory)
{
	struct cancel_job *job = memory;

	PQfreeCancel(job->cancel);
}

static const struct aw_job_type cancel_type = {
	.size = sizeof(struct cancel_job),
	.run = cancel_run,
	.discard = cancel_discard,
};

static int
cancel(struct aw_pg_conn *c)
{
	struct cancel_job init = { .cancel = PQgetCancel(c->pg) };
	struct aw_job *job;
	int r;

	if (!init.cancel)
		return aw_fail(AW_ENOMEM, "a cancel request");
	c->base.db->n_cancelled++;
	r = aw_job_start(&job, AW_JOBS_CONNECT, &cancel_type, &init);
	if (r < 0) {
		PQfreeCancel(init.cancel);
		return r;
	}
	r = aw_job_wait(job, "PostgreSQL to cancel a statement", c);
	if (r == 0) {
		struct cancel_job *done = aw_job_memory(job);

		if (!done->ok)
			r = aw_fail(AW_ECONNECT, "cannot cancel: %s",
				    done->error);
	}
	aw_job_free(job);
	return r;
}

static int
end_copy(struct aw_pg_conn *c, ExecStatusType status, bool cancelled)
{
	if (status != PGRES_COPY_IN && status != PGRES_COPY_BOTH)
		return 0;
	if (status == PGRES_COPY_BOTH || cancelled)
		return aw_fail(AW_ELOST, "a COPY was interrupted as it began");
	return PQputCopyEnd(c->pg, "interrupted") < 0 ? aw__pg_fail_lost(c) : 0;
}

/* The data of a COPY to us is dropped as it comes. */
static int
drop_copy_data(struct aw_pg_conn *c)
{
	char *data;
	int n;

	while ((n = PQgetCopyData(c->pg, &data, 1)) > 0)
		PQfreemem(data);
	if (n == 0) {
		int r = aw_fd_wait(c->fd, AW_FD_READ, "the end of a COPY", c);

		if (r < 0)
			return r;
		if (!aw__pg_consume(c))
			return aw__pg_fail_lost(c);
		return 1;
	}
	return 0;
}

static int
drain_one(struct aw_pg_conn *c, PGresult *result, bool cancelled)
{
	ExecStatusType status = PQresultStatus(result);
	int r;

	aw__pg_note_tag(c, result);
	PQclear(result);
	if (status == PGRES_PIPELINE_SYNC) {
		c->syncs--;
		return 0;
	}
	if (status != PGRES_COPY_OUT)
		return end_copy(c, status, cancelled);
	do {
		r = drop_copy_data(c);
	} while (r > 0);
	return r;
}

/* NULL ends the command, or in a pipeline one of several. */
static bool
is_drained(struct aw_pg_conn *c)
{
	if (!c->pipeline)
		return true;
	if (c->syncs > 0)
		return false;
	c->pipeline = !PQexitPipelineMode(c->pg);
	return !c->pipeline;
}

static int
drain(struct aw_pg_conn *c, bool cancelled)
{
	for (;;) {
		PGresult *result;
		int r = aw__pg_flush(c);

		if (r == 0)
			r = aw__pg_result(c, &result);
		if (r == 0 && c->pipeline)
			aw__pg_prepare_saw(c, result);
		if (r == 0 && result)
			r = drain_one(c, result, cancelled);
		else if (r == 0 && is_drained(c))
			return 0;
		if (r < 0)
			return r;
	}
}

enum found { FOUND_END, FOUND_COPY_IN, FOUND_MORE };

/* What has arrived may be all there is: no cancel is needed then. */
static enum found
look(struct aw_pg_conn *c)
{
	if (c->pipeline || PQflush(c->pg) != 0 || !PQconsumeInput(c->pg))
		return FOUND_MORE;
	for (int i = 0; i < MOST_AT_ONCE && !PQisBusy(c->pg); i++) {
		PGresult *result = PQgetResult(c->pg);
		ExecStatusType status;

		if (!result)
			return FOUND_END;
		status = PQresultStatus(result);
		aw__pg_note_tag(c, result);
		PQclear(result);
		if (status == PGRES_COPY_IN)
			return FOUND_COPY_IN;
		if (status == PGRES_COPY_OUT)
			return FOUND_MORE;
	}
	return FOUND_MORE;
}

int
aw__pg_repair(struct aw_conn *conn)
{
	struct aw_pg_conn *c = aw__pg(conn);
	enum found found = look(c);
	int r = 0;

	if (found == FOUND_MORE)
		r = cancel(c);
	if (r == 0 && found != FOUND_END)
		r = drain(c, found == FOUND_MORE);
	if (r < 0) {
		aw__pg_died(c);
		return r;
	}
	aw__pg_ended(c);
	aw__pg_watch(c, true);
	return 0;
}
