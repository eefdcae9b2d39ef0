/* SPDX-License-Identifier: MIT */
/* pg_session.h - session.h for PostgreSQL. */
#ifndef TESTS_DB_PG_SESSION_H
#define TESTS_DB_PG_SESSION_H

#include <await/pg.h>

#include "session.h"

#define N_WAYS 2

static inline const char *
pg_dsn(int way)
{
	const char *name = way ? "AWAIT_TEST_PG_TLS" : "AWAIT_TEST_PG";
	const char *dsn = getenv(name);

	if (!dsn) {
		fprintf(stderr, "%s is not set: run this through "
			"tests/support/with-servers\n", name);
		exit(99);
	}
	return dsn;
}

static int
open_pool(struct aw_db **ret, int way, const struct aw_db_options *options)
{
	return aw_pg_open_with(ret, pg_dsn(way), options);
}

#endif
