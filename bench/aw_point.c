/* SPDX-License-Identifier: MIT */
/*
 * The point SELECT through our pool, the way a program uses it: every query
 * borrows a connection and gives it back, and says nothing about preparing.
 */
#include "aw_point.h"

#include <await/await.h>
#include <await/db.h>

struct point {
	struct aw_db *db;
	const char *sql;
	struct bench bench;
	uint32_t seed;
};

static int
ask(struct point *p)
{
	int id = 0, want = bench_random_id(&p->seed);
	int64_t balance = 0;
	char name[64];

	AW_TRY(aw_db_one(p->db, AW_INTO(&id, AW_BUF(name), &balance), p->sql,
			 want));
	if (id != want || balance != bench_balance(want))
		return aw_fail(AW_EUSAGE, "the row is not the one asked for");
	return 0;
}

static int
client(void *arg)
{
	struct point *p = arg;

	while (bench_more(&p->bench)) {
		AW_TRY(ask(p));
		p->bench.done++;
	}
	return 0;
}

/* Connections open and statements are prepared before the clock starts. */
static int
warm_up(void *arg)
{
	for (int i = 0; i < 20; i++)
		AW_TRY(ask(arg));
	return 0;
}

static int
all(struct point *p, int (*fn)(void *), int tasks)
{
	AW_GROUP(group);

	for (int i = 0; i < tasks; i++)
		AW_TRY(aw_go(&group, fn, p));
	return aw_group_wait(&group);
}

int
point_run(struct aw_db *db, const char *sql, const struct bench_options *opt)
{
	struct point p = { .db = db, .sql = sql, .seed = 2463534242 };

	AW_TRY(all(&p, warm_up, opt->connections));
	bench_begin(&p.bench, opt);
	AW_TRY(all(&p, client, opt->tasks));
	bench_report(&p.bench);
	return 0;
}
