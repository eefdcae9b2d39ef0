/* SPDX-License-Identifier: MIT */
/* my_session.h - session.h for MariaDB. */
#ifndef TESTS_DB_MY_SESSION_H
#define TESTS_DB_MY_SESSION_H

#include <await/mysql.h>

#include "session.h"

#define N_WAYS 2

static inline const char *
my_dsn(int way)
{
	const char *name = way ? "AWAIT_TEST_MYSQL_TLS" : "AWAIT_TEST_MYSQL";
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
	return aw_mysql_open_with(ret, my_dsn(way), options);
}

/* Wait, but not for ever, until nothing goes on in the pool: repairs are
 * over. */
static inline int
my_settled(struct aw_db *db)
{
	struct aw_db_stats s = { .size = 0 };

	for (int i = 0; i < 2000; i++) {
		aw_db_stats(db, &s);
		if (!s.repairing && !s.lent && !s.connecting)
			return 0;
		AW_TRY(aw_sleep(0.005));
	}
	return aw_fail(AW_ETIMEDOUT, "the pool does not settle");
}

/* Until the session @id executes a statement, so that there is one to kill. */
static inline int
my_runs(struct aw_db *other, int id)
{
	int n = 0;

	for (int i = 0; i < 4000 && n == 0; i++) {
		WANT_OK(aw_sleep(0.005));
		WANT_OK(aw_db_one(other, AW_INTO(&n), "SELECT COUNT(*) FROM "
				  "information_schema.processlist WHERE id = ? "
				  "AND command IN ('Query', 'Execute') AND "
				  "state IN ('User sleep', 'Sending data')",
				  id));
	}
	WANT_INT(n, 1);
	return 0;
}

#endif
