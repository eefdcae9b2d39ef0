/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Fetch pages and store them, with one deadline for both.
 *
 *	cc 07_fetch_and_store.c \
 *		$(pkg-config --cflags --libs await-pg await-http)
 *	./a.out postgresql:///mydb http://127.0.0.1/
 *
 * Prints
 *	1 page stored
 */
#include <await/await.h>
#include <await/http.h>
#include <await/pg.h>

#include <stdio.h>

struct job {
	struct aw_http *http;
	struct aw_db *db;
	const char *url;
};

static int
fetch(void *arg)
{
	struct job *job = arg;
	AW_AUTO(aw_response, res);	/* released however this block ends */

	AW_TIMEOUT(10.0);		/* for the page and for the database */
	AW_TRY(aw_http_get(job->http, &res, job->url, .ok = true));
	return aw_db_exec(job->db, NULL, "INSERT INTO example_page "
			  "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			  job->url, aw_response_status(res),
			  aw_response_body(res));
}

static int
fetch_all(struct aw_db *db, struct aw_http *http, char **urls)
{
	AW_GROUP(group, .limit = 100);	/* joins its children */

	for (; *urls; urls++) {
		struct job job = { http, db, *urls };

		AW_TRY(aw_go_copy(&group, fetch, &job));
	}
	return aw_group_wait(&group);	/* the first failure, with detail */
}

static int
app(void *arg)
{
	char **args = arg;
	AW_AUTO(aw_db, db);
	AW_AUTO(aw_http, http);
	long long n;

	AW_TRY(aw_pg_open(&db, args[0], .max = 10));
	AW_TRY(aw_http_open(&http));
	AW_TRY(aw_db_exec(db, NULL, "CREATE TABLE IF NOT EXISTS example_page "
			  "(url text PRIMARY KEY, status int, body bytea)"));
	AW_TRY(fetch_all(db, http, args + 1));
	AW_TRY(aw_db_one(db, AW_INTO(&n), "SELECT count(*) "
			 "FROM example_page"));
	printf("%lld page%s stored\n", n, n == 1 ? "" : "s");
	return aw_db_exec(db, NULL, "DROP TABLE example_page");
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s DSN URL...\n", argv[0]);
		return 1;
	}
	return aw_main(app, argv + 1);
}
