/* SPDX-License-Identifier: MIT */
/*
 * The store: a table of pages, in PostgreSQL or in MariaDB.
 *
 * A row is never overwritten by an earlier attempt: a worker that lost its
 * lease and comes late changes nothing, and storing the same attempt twice,
 * because the first answer was lost, is the same as storing it once.
 *
 * MariaDB's default collation would take /A and /a for one key, and its
 * PAD SPACE "x" and "x ": hence ascii_nopad_bin.
 *
 * Large pages have one connection to themselves.  A connection of libpq keeps
 * a buffer as large as the largest statement it sent, so four connections
 * that take what comes soon keep four times the largest page.
 */
#include "fetch_worker.h"

#ifdef WITH_MYSQL
#include <await/mysql.h>
#endif
#include <await/pg.h>

#define LOCK "SELECT pg_advisory_xact_lock(7246823302)"
#define CREATE_PG \
	"CREATE TABLE IF NOT EXISTS page (" \
	"url text PRIMARY KEY, final_url text, status int, " \
	"content_type text, body bytea, bytes bigint, sha256 text, " \
	"error text, attempts int NOT NULL, " \
	"fetched_at timestamptz NOT NULL DEFAULT now())"
#define CREATE_MYSQL \
	"CREATE TABLE IF NOT EXISTS page (" \
	"url varchar(2048) CHARACTER SET ascii COLLATE ascii_nopad_bin " \
	"PRIMARY KEY, final_url text, status int, content_type text, " \
	"body longblob, bytes bigint, sha256 char(64), error text, " \
	"attempts int NOT NULL, " \
	"fetched_at timestamp NOT NULL DEFAULT current_timestamp)"
#define INSERT \
	"INSERT INTO page (url, final_url, status, content_type, body, " \
	"bytes, sha256, error, attempts) "
#define OR_UPDATE_PG \
	" ON CONFLICT (url) DO UPDATE SET final_url = EXCLUDED.final_url, " \
	"status = EXCLUDED.status, content_type = EXCLUDED.content_type, " \
	"body = EXCLUDED.body, bytes = EXCLUDED.bytes, " \
	"sha256 = EXCLUDED.sha256, error = EXCLUDED.error, " \
	"attempts = EXCLUDED.attempts, fetched_at = now() " \
	"WHERE page.attempts <= EXCLUDED.attempts"
/* The assignments run from left to right: attempts must come last. */
#define IF_LATER(column, value) \
	#column " = IF(attempts <= VALUES(attempts), " value ", " #column "), "
#define LATER(column) IF_LATER(column, "VALUES(" #column ")")
#define OR_UPDATE_MYSQL \
	" ON DUPLICATE KEY UPDATE " LATER(final_url) LATER(status) \
	LATER(content_type) LATER(body) LATER(bytes) LATER(sha256) \
	LATER(error) IF_LATER(fetched_at, "current_timestamp") \
	"attempts = GREATEST(attempts, VALUES(attempts))"
#define PUT_PG \
	INSERT "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)" OR_UPDATE_PG
#define PUT_MYSQL \
	INSERT "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)" OR_UPDATE_MYSQL
/* Changes nothing and needs every privilege that the others need. */
#define NOTHING \
	"SELECT '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0 " \
	"FROM (SELECT 1) AS one WHERE 1 = 0"

static bool
is_mysql(const char *dsn)
{
	return strncmp(dsn, "mysql:", 6) == 0 ||
	       strncmp(dsn, "mariadb:", 8) == 0;
}

/* An attempt to connect ends before the acquire does, which can then say what
 * became of it: libmariadb alone would ask for a name for ten seconds. */
int
db_open(struct aw_db **ret, const char *dsn, const char *name, int max,
	double acquire)
{
	double connect = acquire < 12 ? acquire * 0.8 : 10;

	if (!is_mysql(dsn))
		return aw_pg_open(ret, dsn, .name = name, .max = max,
				  .acquire = acquire, .connect = connect,
				  .application = "fetch_worker");
#ifdef WITH_MYSQL
	return aw_mysql_open(ret, dsn, .name = name, .max = max,
			     .acquire = acquire, .connect = connect,
			     .application = "fetch_worker");
#else
	return aw_fail(-ENOTSUP, "this fetch_worker was built without "
		       "MariaDB: build it where libmariadb-dev is installed");
#endif
}

/* --- Opening ----------------------------------------------------------- */

/* As in queue.c: IF NOT EXISTS alone races in PostgreSQL's catalogue. */
static int
create_table(struct aw_conn *conn, void *arg)
{
	(void)arg;
	AW_TRY(aw_db_exec(conn, NULL, AW_SQL(.pg = LOCK, .mysql = "DO 0")));
	return aw_db_exec(conn, NULL,
			  AW_SQL(.pg = CREATE_PG, .mysql = CREATE_MYSQL));
}

static int
probe(struct aw_db *db)
{
	return aw_db_exec(db, NULL, AW_SQL(
		.pg = INSERT NOTHING OR_UPDATE_PG,
		.mysql = INSERT NOTHING OR_UPDATE_MYSQL));
}

/* A table that is there but cannot be written right now is a matter of
 * waiting: pages go back to the queue until it can. */
static int
check_table(struct worker *worker, struct aw_db *db)
{
	int r = probe(db);

	if (r == AW_ESQL && aw_error()->sql_class == AW_SQL_UNDEFINED) {
		AW_TRY(aw_db_transact(db, create_table, NULL));
		r = probe(db);
	}
	if (r == AW_ESQL && aw_error()->sql_class == AW_SQL_READ_ONLY) {
		report(worker, "the store cannot be written", r);
		r = 0;
	}
	return r;
}

/* Through a pool of its own that is told to give up early. */
int
store_open(struct worker *worker)
{
	const char *dsn = worker->options.store;
	AW_AUTO(aw_db, first);

	AW_TRY(db_open(&first, dsn, "store", 1, 10));
	AW_TRY(check_table(worker, first));
	AW_TRY(db_open(&worker->store, dsn, "store", 3, 30));
	return db_open(&worker->large, dsn, "large pages", 1, 30);
}

/* --- Pages ------------------------------------------------------------- */

int
store_put(struct worker *worker, const struct page *p)
{
	bool got = p->body.data != NULL;
	bool is_large = p->body.size > LARGE_PAGE;

	return aw_db_exec(is_large ? worker->large : worker->store, NULL,
			  AW_SQL(.pg = PUT_PG, .mysql = PUT_MYSQL),
			  p->url, p->final_url, AW_IF(p->status > 0, p->status),
			  p->content_type, p->body,
			  AW_IF(got, p->body.size), p->sha256, p->error,
			  p->attempts);
}

/* MariaDB hangs up on a packet above its limit, often before it has said
 * why: so it is asked, if it is still there. */
static bool
is_too_large(struct worker *worker, const struct page *page)
{
	AW_TIMEOUT(3.0);
	unsigned long long limit;
	int r;

	if (!is_mysql(worker->options.store) || page->body.size < 1024)
		return false;
	r = aw_db_one(worker->store, AW_INTO(&limit),
		      "SELECT @@max_allowed_packet");
	if (r < 0 || page->body.size + 512 < limit)
		return false;
	aw_fail(AW_ELIMIT, "the body has %zu bytes, max_allowed_packet of the "
		"store is %llu", page->body.size, limit);
	return true;
}

/* The SQLSTATEs of values that do not fit, of broken constraints, of limits
 * and of what triggers raise. */
static bool
is_about_the_page(const struct aw_error *e)
{
	static const char classes[][3] = { "22", "23", "44", "45", "54", "P0" };
	size_t i;

	for (i = 0; i < AW_LENGTH(classes); i++)
		if (strncmp(e->sqlstate, classes[i], 2) == 0)
			return true;
	return e->native == 1118 || e->native == 1364 || e->native == 1366 ||
	       e->native == 1406;
}

/* r: of a put that was refused. Was it a rule that somebody made for such
 * rows, and not the shape of the table? */
bool
store_has_rule(int r)
{
	static const char classes[][3] = { "44", "45", "P0" };
	const struct aw_error *e = aw_error();
	size_t i;

	if (r != AW_ESQL)
		return false;
	for (i = 0; i < AW_LENGTH(classes); i++)
		if (strncmp(e->sqlstate, classes[i], 2) == 0)
			return true;
	return e->sql_class == AW_SQL_CHECK || e->sql_class == AW_SQL_UNIQUE ||
	       e->sql_class == AW_SQL_FOREIGN_KEY ||
	       e->sql_class == AW_SQL_EXCLUSION;
}

/* r: of a put. Does the store refuse this very page, now and for ever? */
bool
store_refuses(struct worker *worker, int r, const struct page *page)
{
	switch (r) {
	case AW_EUSAGE:
	case AW_ETYPE:
	case AW_ERANGE:
	case AW_EILSEQ:
	case AW_ELIMIT:
		return true;
	case AW_ELOST:
		return is_too_large(worker, page);
	case AW_ESQL:
		return is_about_the_page(aw_error()) ||
		       (aw_error()->native == 1153 &&
			is_too_large(worker, page));
	}
	return false;
}
