/* SPDX-License-Identifier: MIT */
/*
 * io.c - waiting for libpq.
 *
 * libpq never blocks in nonblocking mode; it says "not yet", and we wait.
 * Two rules are easy to break.  While output is pending the server may be
 * unable to read because it cannot write: so wait for reading as well and
 * take what comes (libpq's pqSendSome says so).  Over TLS the bytes of a
 * record may lie decrypted in OpenSSL while the socket stays silent: so ask
 * SSL_pending() before waiting; libpq itself does so only when it blocks.
 *
 * PostgreSQL 15 sends records of 8 KiB, for which libpq always has room, so
 * that nothing stays behind; servers that send larger ones are known.
 *
 * The symbol is looked up at run time: libpq brings the OpenSSL, or none.
 */
#include <dlfcn.h>
#include <pthread.h>

#include <await/io.h>

#include "pg_conn.h"

static int (*ssl_pending)(const void *);
static pthread_once_t ssl_once = PTHREAD_ONCE_INIT;

static void
find_ssl_pending(void)
{
	*(void **)&ssl_pending = dlsym(RTLD_DEFAULT, "SSL_pending");
}

static bool
has_hidden_bytes(struct aw_pg_conn *c)
{
	const void *ssl;

	if (!c->tls)
		return false;
	pthread_once(&ssl_once, find_ssl_pending);
	ssl = PQsslStruct(c->pg, "OpenSSL");
	return ssl && ssl_pending && ssl_pending(ssl) > 0;
}

bool
aw__pg_consume(struct aw_pg_conn *c)
{
	do {
		if (!PQconsumeInput(c->pg))
			return false;
	} while (has_hidden_bytes(c) && PQisBusy(c->pg));
	return true;
}

static int
wait_fd(struct aw_pg_conn *c, int events, const char *what)
{
	int r = c->fd ? aw_fd_wait(c->fd, events, what, c) : AW_EBADF;

	return r == AW_EBADF ? aw__pg_fail_lost(c) : r;
}

int
aw__pg_flush(struct aw_pg_conn *c)
{
	int n, r;

	while ((n = PQflush(c->pg)) > 0) {
		r = wait_fd(c, AW_FD_READ | AW_FD_WRITE,
			    "PostgreSQL to take a statement");
		if (r < 0)
			return r;
		if ((r & AW_FD_READ) && !aw__pg_consume(c))
			return aw__pg_fail_lost(c);
	}
	return n < 0 ? aw__pg_fail_lost(c) : 0;
}

static int
fill(struct aw_pg_conn *c)
{
	while (PQisBusy(c->pg)) {
		if (!has_hidden_bytes(c)) {
			int r = wait_fd(c, AW_FD_READ,
					"the answer of PostgreSQL");

			if (r < 0)
				return r;
		}
		if (!aw__pg_consume(c))
			return aw__pg_fail_lost(c);
	}
	return 0;
}

int
aw__pg_result(struct aw_pg_conn *c, PGresult **ret)
{
	int r = fill(c);

	if (r == 0)
		*ret = PQgetResult(c->pg);
	return r;
}

/* What lies behind the end of an answer would be taken for the next one's
 * beginning: libpq drops it if it is asked while idle (pqParseInput3). */
void
aw__pg_ended(struct aw_pg_conn *c)
{
	c->cut = false;
	PQisBusy(c->pg);
	if (c->stray)
		aw__pg_died(c);
}

static bool
is_error(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_FATAL_ERROR;
}

/* Of several results the first error wins, else the last one. */
static void
keep(PGresult **kept, PGresult *result)
{
	if (*kept && is_error(*kept)) {
		PQclear(result);
		return;
	}
	PQclear(*kept);
	*kept = result;
}

static int
refuse_copy(PGresult *kept)
{
	PQclear(kept);
	return aw_fail(AW_EUSAGE, "COPY from or to the client is no "
		       "statement with rows");
}

int
aw__pg_finish(struct aw_pg_conn *c, PGresult **ret)
{
	PGresult *kept = NULL, *result;
	ExecStatusType status;
	int r;

	for (;;) {
		r = aw__pg_result(c, &result);
		if (r < 0)
			break;
		if (!result) {
			aw__pg_ended(c);
			break;
		}
		status = PQresultStatus(result);
		aw__pg_note_tag(c, result);
		keep(&kept, result);
		if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
		    status == PGRES_COPY_BOTH)
			return refuse_copy(kept);
	}
	if (r == 0 && !kept)
		r = aw__pg_fail_lost(c);
	/* A server that ends the session says why, then closes. */
	if (r == AW_ELOST && kept && is_error(kept))
		r = 0;
	if (r < 0) {
		PQclear(kept);
		return r;
	}
	*ret = kept;
	return 0;
}
