/* SPDX-License-Identifier: MIT */
/* Row mysql-point: see aw_point.c. */
#include "aw_point.h"

#include <await/await.h>
#include <await/mysql.h>

static int
app(void *arg)
{
	const struct bench_options *opt = arg;
	AW_AUTO(aw_db, db);

	AW_TRY(aw_mysql_open(&db, opt->dsn, .min = opt->connections,
			     .max = opt->connections));
	return point_run(db, BENCH_POINT_MYSQL, opt);
}

int
main(int argc, char **argv)
{
	struct bench_options opt;

	bench_options_parse(&opt, argc, argv);
	if (!opt.dsn)
		bench_fail("--dsn", "is missing");
	return aw_main(app, &opt);
}
