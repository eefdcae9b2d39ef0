/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: a server that is always ahead, so that no read has to wait.
 */
#include <dlfcn.h>
#include <poll.h>
#include <sys/socket.h>

#include "my_session.h"

static int
settles(struct aw_db *db)
{
	int n;

	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT ?", 3));
	WANT_INT(n, 3);
	return my_settled(db);
}

static bool ahead;		/* recv() finds something each time */
static int n_received;		/* so often, since then */
static struct aw_task *victim;	/* to be cancelled as the next answer comes */

/* The libraries' recv() of this program. */
AW_API ssize_t recv(int fd, void *buf, size_t size, int flags);

ssize_t
recv(int fd, void *buf, size_t size, int flags)
{
	ssize_t (*libc)(int, void *, size_t, int);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	*(void **)&libc = dlsym(RTLD_NEXT, "recv");
	if (ahead) {
		aw_ignore(poll(&p, 1, 30000));
		n_received++;
	}
	if (ahead && victim)
		aw_cancel(victim, "too late");
	return libc(fd, buf, size, flags);
}

static const char *const large = "SELECT repeat('x', 999) FROM seq_1_to_20000";

struct turns {
	struct aw_scope *stop;	/* after so many turns; NULL: not yet */
	int left, n;
	bool over;
};

static int
take_turns(void *arg)
{
	struct turns *t = arg;

	while (!t->over) {
		t->n += ahead;
		if (t->stop && t->n == t->left)
			aw_scope_cancel(t->stop, "that was enough");
		AW_TRY(aw_yield());
	}
	return 0;
}

static int
ask_large(struct aw_db *db, struct turns *t, bool text)
{
	AW_AUTO(aw_rows, rows);
	AW_SCOPE(asking);
	int r;

	if (t->left)
		t->stop = &asking;
	n_received = 0;
	ahead = true;
	r = aw_db_query(db, &rows, AW_SQL(.text = large, .no_prepare = text));
	ahead = false;
	t->stop = NULL;
	t->over = true;
	return r;
}

static int
buffered(struct aw_db *db, bool text, int left)
{
	struct turns t = { .left = left };
	AW_GROUP(g);

	WANT_OK(aw_db_ping(db));
	WANT_OK(aw_go(&g, take_turns, &t));
	WANT_CODE(ask_large(db, &t, text), left ? AW_ECANCELED : 0);
	WANT_OK(aw_group_wait(&g));
	WANT(n_received > 100);
	WANT(left ? t.n == left : t.n > 7);
	return 0;
}

static int
buffered_ahead(struct aw_db *db)
{
	for (int text = 0; text < 2; text++) {
		WANT_OK(buffered(db, text, 0));
		WANT_OK(buffered(db, text, 7));
		WANT_OK(settles(db));
	}
	return 0;
}

START_TEST(an_answer_that_is_kept_gives_turns_and_is_cancelled)
{
	check_with_pool(buffered_ahead, 0, .max = 1);
}
END_TEST

/* The first leaves many reads behind; the second begins to count anew. */
static int
ask_twice(void *arg)
{
	struct aw_conn *conn = arg;
	int n = 0, r;

	ahead = true;
	r = aw_db_exec(conn, NULL, large);
	n_received = 0;
	victim = aw_self();
	if (r == 0)
		r = aw_db_one(conn, AW_INTO(&n), AW_SQL(.text = "SELECT 7",
							.no_prepare = true));
	ahead = false;
	victim = NULL;
	WANT_OK(r);
	WANT_INT(n, 7);
	WANT_INT(n_received, 1);	/* nor is there anything to suspect */
	WANT_CODE(aw_check(), AW_ECANCELED);
	return 0;
}

static int
answer_wins(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	struct aw_task *task;
	int status;

	WANT_OK(aw_db_acquire(db, &conn));
	task = aw_spawn("asker", ask_twice, conn);
	WANT(task);
	WANT_OK(aw_join(task, &status));
	WANT_OK(status);
	WANT_INT(aw_conn_state(conn), AW_CONN_IDLE);
	aw_conn_freep(&conn);
	return settles(db);
}

START_TEST(an_answer_that_is_there_wins_over_a_cancel)
{
	check_with_pool(answer_wins, 0, .max = 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_ahead");
	TCase *tc = tcase_create("ahead");

	tcase_add_test(tc, an_answer_that_is_kept_gives_turns_and_is_cancelled);
	tcase_add_test(tc, an_answer_that_is_there_wins_over_a_cancel);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
