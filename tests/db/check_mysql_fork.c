/* SPDX-License-Identifier: MIT */
/* MariaDB: what a child of fork() inherits, and its parent's sessions. */
#include "my_session.h"

#include "fork_session.h"

static const char session_sql[] = "SELECT CONNECTION_ID()";
static const char plain_sql[] = "SELECT seq FROM seq_1_to_50000";
static const char bound_sql[] = "SELECT seq FROM seq_1_to_50000 WHERE seq > ?";

static bool
has_native(struct aw_conn *conn)
{
	return aw_mysql_native(conn) != NULL;
}

int
main(void)
{
	const TTest *const none[] = { NULL };

	return fork_main("mysql_fork", none);
}
