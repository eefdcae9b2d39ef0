/* SPDX-License-Identifier: MIT */
/*
 * The DSN of a MySQL or MariaDB server for the bare program, taken apart:
 *
 *	mysql://user:password@host:port/database?socket=/path
 *
 * Every part but the scheme may be missing; %xx is decoded.
 */
#ifndef BENCH_MYSQL_DSN_H
#define BENCH_MYSQL_DSN_H

struct mysql_dsn {
	char text[1024];	/* owns what the pointers below point to */
	const char *user;
	const char *password;
	const char *host;
	const char *database;
	const char *socket;
	unsigned port;
};

/* 0, or -1 if it is no such DSN. */
int mysql_dsn_parse(struct mysql_dsn *dsn, const char *text);

#endif
