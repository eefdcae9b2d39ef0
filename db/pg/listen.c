/* SPDX-License-Identifier: MIT */
/*
 * listen.c - notifications, on a connection that heals.
 *
 *	connected --note--> given out
 *	    | lost, or no answer to the heartbeat
 *	    v
 *	pause, connect, LISTEN --failed--> longer pause, again
 *	    | worked
 *	    v
 *	a note with gap set: whatever was sent meanwhile is gone
 *
 * The connection is made by the driver as for the pool, but belongs to the
 * listener alone.  Only a refusal that time will not mend (AW_EAUTH) is
 * handed out; everything else is tried again while the caller waits.
 */
#include <stdio.h>
#include <stdlib.h>

#include <await/io.h>
#include <await/pg.h>
#include <await/time.h>

#include "pg_conn.h"

#define HEARTBEAT 30.0
#define FIRST_PAUSE 0.1
#define LONGEST_PAUSE 10.0

struct aw_pg_listener {
	struct aw_db *db;
	struct aw_conn *conn;	/* NULL: to be made again */
	PGnotify *note;		/* lent to the caller */
	bool waiting;
	double pause;
	char *channel;
};

static void
drop_conn(struct aw_pg_listener *l)
{
	if (l->conn)
		l->conn->db->driver->abort(l->conn);
	l->conn = NULL;
}

static int
send_listen(struct aw_pg_listener *l)
{
	struct aw_pg_conn *c = aw__pg(l->conn);
	char *name = PQescapeIdentifier(c->pg, l->channel, strlen(l->channel));
	enum aw_sent sent;
	char text[512];
	int n, r;

	if (!name)
		return aw_fail(AW_EINVAL, "the channel's name is not UTF-8");
	n = snprintf(text, sizeof(text), "LISTEN %s", name);
	PQfreemem(name);
	if (n < 0 || (size_t)n >= sizeof(text))
		return aw_fail(AW_EINVAL, "the channel's name is too long");
	l->conn->calling = text;
	r = l->conn->db->driver->command(l->conn, text, &sent);
	l->conn->calling = NULL;
	return r;
}

static int
connect_and_listen(struct aw_pg_listener *l)
{
	AW_BUDGET(l->db->options.connect);
	int r = aw__pg_connect(l->db, &l->conn);

	if (r < 0) {
		l->conn = NULL;
		return r;
	}
	l->conn->lent = true;
	r = send_listen(l);
	if (r < 0)
		drop_conn(l);
	return r;
}

/* May this task listen, in this process? */
static int
enter(const struct aw_db *db)
{
	int r = aw_checkpoint();

	if (r == 0 && db->fork_mark != aw_fork_mark())
		r = aw_fail(AW_EFORK, "the pool \"%s\" and its listeners "
			    "belong to the parent process: open your own",
			    db->name);
	return r;
}

int
aw_pg_listen(struct aw_db *db, struct aw_pg_listener **ret,
	     const char *channel)
{
	struct aw_pg_listener *l = calloc(1, sizeof(*l));
	int r = enter(db);

	if (l)
		l->channel = strdup(channel);
	if (r == 0 && (!l || !l->channel))
		r = aw_fail(AW_ENOMEM, "a listener");
	if (r < 0) {
		if (l)
			free(l->channel);
		free(l);
		return r;
	}
	l->db = db;
	l->pause = FIRST_PAUSE;
	aw__db_ref(db);
	r = connect_and_listen(l);
	if (r < 0) {
		aw_pg_listener_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

/* Ends when something arrived or the heartbeat was answered. */
static int
wait_quietly(struct aw_pg_conn *c)
{
	AW_BUDGET(HEARTBEAT);

	if (!c->fd)
		return AW_ELOST;
	return aw_fd_wait(c->fd, AW_FD_READ, "a notification", c);
}

static int
check_heart(struct aw_pg_conn *c)
{
	int r;
	AW_BUDGET(c->base.db->options.cleanup);

	r = c->base.db->driver->ping(&c->base);
	return r == AW_ETIMEDOUT ? AW_ELOST : r;
}

/* 1: l->note is set; 0: nothing yet; AW_ELOST: connect again. */
static int
wait_note(struct aw_pg_listener *l)
{
	struct aw_pg_conn *c = aw__pg(l->conn);
	int r;

	PQisBusy(c->pg);
	l->note = PQnotifies(c->pg);
	if (l->note)
		return 1;
	if (c->cut || c->dead)
		return AW_ELOST;
	l->conn->calling = "LISTEN";
	r = wait_quietly(c);
	if (r == AW_ETIMEDOUT)
		r = check_heart(c);
	else if (r > 0)
		r = aw__pg_consume(c) && PQstatus(c->pg) == CONNECTION_OK ?
			0 : AW_ELOST;
	l->conn->calling = NULL;
	return r == AW_EBADF ? AW_ELOST : r;
}

static bool
is_final(int r)
{
	return aw_is_cancel(r) || r == AW_EAUTH || r == AW_ENOMEM ||
		r == AW_EUSAGE || r == AW_EINVAL;
}

static int
reconnect(struct aw_pg_listener *l)
{
	drop_conn(l);
	for (;;) {
		int r = connect_and_listen(l);

		if (r == 0) {
			l->pause = FIRST_PAUSE;
			return 0;
		}
		if (is_final(r))
			return r;
		r = aw_sleep(l->pause);
		if (r < 0)
			return r;
		l->pause = l->pause * 2 < LONGEST_PAUSE ? l->pause * 2 :
							  LONGEST_PAUSE;
	}
}

static int
next(struct aw_pg_listener *l, struct aw_pg_note *ret)
{
	int r = 0;

	while (r == 0) {
		r = l->conn ? wait_note(l) : AW_ELOST;
		if (r == AW_ELOST) {
			r = reconnect(l);
			if (r < 0)
				return r;
			ret->gap = true;
			return 1;
		}
	}
	if (r < 0)
		return r;
	ret->pid = l->note->be_pid;
	ret->channel = l->note->relname;
	ret->payload = l->note->extra;
	return 1;
}

int
aw_pg_listener_next(struct aw_pg_listener *listener, struct aw_pg_note *ret)
{
	struct aw_pg_note note = { .channel = "", .payload = "" };
	int r = enter(listener->db);

	if (r < 0)
		return r;
	if (listener->waiting)
		return aw_fail(AW_EBUSY, "another task waits on this listener");
	PQfreemem(listener->note);
	listener->note = NULL;
	listener->waiting = true;
	r = next(listener, &note);
	listener->waiting = false;
	if (r > 0)
		*ret = note;
	return r;
}

void
aw_pg_listener_free(struct aw_pg_listener *listener)
{
	if (!listener)
		return;

	drop_conn(listener);
	PQfreemem(listener->note);
	aw__db_unref(listener->db);
	free(listener->channel);
	free(listener);
}

void
aw_pg_listener_freep(struct aw_pg_listener **listener)
{
	aw_pg_listener_free(*listener);
	*listener = NULL;
}
