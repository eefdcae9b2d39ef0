/* SPDX-License-Identifier: MIT */
/*
 * my_layout.h - rows of MariaDB read in both ways.
 *
 * _i chooses the way to the server and, above N_WAYS, the copy by documented
 * calls that stands in where the layout of MYSQL_STMT is not known.
 */
#ifndef TESTS_DB_MY_LAYOUT_H
#define TESTS_DB_MY_LAYOUT_H

#include "my_session.h"

extern bool aw__my_layout_known;

/* After the first connection, which looks at the layout. */
static inline int
choose_layout(struct aw_db *db, bool portable)
{
	WANT_OK(aw_db_ping(db));
	WANT(aw__my_layout_known);
	aw__my_layout_known = !portable;
	return 0;
}

static bool portable;

#define check_both(fn_, i_, ...) \
	do { \
		portable = (i_) >= N_WAYS; \
		check_with_pool(fn_, (i_) % N_WAYS, __VA_ARGS__); \
	} while (0)

#endif
