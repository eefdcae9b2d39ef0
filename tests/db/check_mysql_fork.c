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
	Suite *suite = suite_create("mysql_fork");
	TCase *tc = tcase_create("fork");

	tcase_add_loop_test(
	    tc, a_child_is_refused_by_all_it_inherits_and_no_server_sees_it,
	    0, N_WAYS);
	tcase_add_loop_test(
	    tc, a_child_closes_what_its_parents_pool_is_repairing, 0, N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
