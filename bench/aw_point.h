/* SPDX-License-Identifier: MIT */
/* Rows pg-point and mysql-point: the half that is the same for both. */
#ifndef BENCH_AW_POINT_H
#define BENCH_AW_POINT_H

#include "common.h"

struct aw_db;

/*
 * Opens nothing: `db` is the pool.  Runs --tasks tasks that ask it for random
 * rows of table account by `sql`, and prints the result line.  0 or an error.
 */
int point_run(struct aw_db *db, const char *sql,
	      const struct bench_options *opt);

#endif
