/* SPDX-License-Identifier: MIT */
/* PostgreSQL: what a child of fork() inherits, and its parent's sessions. */
#include "pg_session.h"

#include "fork_session.h"

static const char session_sql[] = "SELECT pg_backend_pid()";
static const char plain_sql[] = "SELECT generate_series(1, 50000)";
static const char bound_sql[] = "SELECT n FROM generate_series(1, 50000) n "
				"WHERE n > $1 ORDER BY n";

static bool
has_native(struct aw_conn *conn)
{
	return aw_pg_native(conn) != NULL;
}

/* --- Listeners --------------------------------------------------------- */

struct listening {
	struct aw_db *db;
	struct aw_pg_listener *listener;
};

static int
listener_calls(void *arg)
{
	struct listening *l = arg;
	struct aw_pg_listener *other;
	struct aw_pg_note note;

	REFUSED(aw_pg_listener_next(l->listener, &note));
	REFUSED(aw_pg_listen(l->db, &other, "forked"));
	return 0;
}

static int
listener_drop(void *arg, bool close_it)
{
	struct listening *l = arg;

	(void)close_it;
	aw_pg_listener_freep(&l->listener);
	EXPECT_IN_CHILD(!l->listener);
	return 0;
}

/* A note that has come before is the parent's, too. */
static int
forked_listener(struct aw_db *db)
{
	struct listening l = { .db = db };
	struct aw_pg_note note;

	WANT_OK(aw_pg_listen(db, &l.listener, "forked"));
	WANT_OK(aw_db_exec(db, NULL, "NOTIFY forked, 'before'"));
	WANT_OK(inherited(listener_calls, listener_drop, &l, 1));
	WANT_OK(aw_db_exec(db, NULL, "NOTIFY forked, 'after'"));
	WANT_INT(aw_pg_listener_next(l.listener, &note), 1);
	WANT(!note.gap);
	WANT_STR(note.payload, "before");
	WANT_INT(aw_pg_listener_next(l.listener, &note), 1);
	WANT(!note.gap);
	WANT_STR(note.payload, "after");
	aw_pg_listener_freep(&l.listener);
	return 0;
}

START_TEST(a_child_does_not_listen_on_its_parents_connection)
{
	check_with_pool(forked_listener, _i);
}
END_TEST

int
main(void)
{
	const TTest *const own[] = {
		a_child_does_not_listen_on_its_parents_connection,
		NULL,
	};

	return fork_main("pg_fork", own);
}
