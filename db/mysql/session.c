/* SPDX-License-Identifier: MIT */
/*
 * session.c - the life of a connection between its statements.
 *
 * The socket is watched while the connection is idle.  No bytes are the end
 * of the file, and the connection leaves the pool at once.  So it does when
 * bytes come that nobody asked for: the next answer would be looked for in
 * them.  Under TLS they may be TLS's own business, which a round trip before
 * the next statement tells.  Either way the callback looks
 * only (MSG_PEEK): reading is libmariadb's.
 *
 * in_tx is the server's word.  An error packet carries no status, so after an
 * error that may have ended or begun a transaction the server is asked.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <await/io.h>
#include <await/mysql.h>

#include "my_conn.h"

/* The watcher goes before the descriptor: its number may be reused.  After
 * the shutdown nothing that libmariadb does on the socket can wait. */
void
aw__my_died(struct aw_my_conn *c)
{
	c->dead = true;
	c->watched = false;
	aw_fd_free(c->fd);
	c->fd = NULL;
	if (c->mysql && c->mysql->net.pvio)
		mariadb_cancel(c->mysql);
}

static bool
has_ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return errno != EAGAIN && errno != EINTR;
	return n == 0 || (poll(&p, 1, 0) > 0 &&
			  (p.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}

/* Without TLS there is no good reason for bytes between two statements. */
static bool
says_more(const struct aw_my_conn *c)
{
	return !c->tls && !c->base.calling && !c->base.stream;
}

static void
on_readable(void *arg, int events)
{
	struct aw_my_conn *c = arg;

	(void)events;
	if (c->waiting || c->base.calling) {
		/* An answer: its task is ready but has not run yet, or gives
		 * others a turn amid it. */
		aw__my_watch(c, false);
		c->rewatch = c->waiting;
	} else if (has_ended(c->socket) || says_more(c)) {
		aw__my_died(c);
		if (!c->base.lent)
			aw__db_conn_lost(&c->base);
	} else {
		c->suspect = true;
		aw__my_watch(c, false);
	}
}

void
aw__my_watch(struct aw_my_conn *c, bool on)
{
	if (!c->fd || c->watched == on)
		return;
	aw_fd_watch(c->fd, on ? AW_FD_READ : 0, on ? on_readable : NULL, c);
	c->watched = on;
}

static const char *
past_comment(const char *at)
{
	const char *end = strstr(at, "*/");

	return end ? end + 2 : NULL;
}

/* What the server executes although it looks like a comment is none. */
static const char *
skip_comments(const char *at)
{
	for (;;) {
		const char *end;

		at += strspn(at, " \t\n\r(");
		if (*at == '#' || (at[0] == '-' && at[1] == '-'))
			end = strchr(at, '\n');
		else if (at[0] == '/' && at[1] == '*' && at[2] != '!' &&
			 strncmp(at + 2, "M!", 2) != 0)
			end = past_comment(at + 2);
		else
			return at;
		if (!end)
			return at;
		at = end;
	}
}

bool
aw__my_is_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	text = skip_comments(text);
	return strncasecmp(text, word, n) == 0 &&
		!((text[n] | 0x20) >= 'a' && (text[n] | 0x20) <= 'z');
}

void
aw__my_note_status(struct aw_my_conn *c)
{
	const char *what;
	size_t size;

	c->in_tx = c->mysql->server_status & SERVER_STATUS_IN_TRANS;
	if ((c->mysql->server_status & SERVER_SESSION_STATE_CHANGED) &&
	    mysql_session_track_get_first(c->mysql, SESSION_TRACK_STATE_CHANGE,
					  &what, &size) == 0)
		c->base.dirty = true;
}

/* An error of the question itself must not hide the one that led to it. */
void
aw__my_ask_status(struct aw_my_conn *c)
{
	struct aw_error *kept = NULL;

	if (aw_error_dup(&kept) < 0) {
		aw__my_died(c);
		return;
	}
	aw__my_enter(c);
	if (mysql_real_query(c->mysql, "DO 0", 4) != 0)
		aw__my_died(c);
	else
		c->in_tx = c->mysql->server_status & SERVER_STATUS_IN_TRANS;
	aw_error_put(kept);
	aw_error_free(kept);
}

static enum aw_conn_state
state(const struct aw_conn *conn)
{
	const struct aw_my_conn *c = (const struct aw_my_conn *)conn;

	if (c->dead || (!conn->stream && aw__my_has_stray(c)))
		return AW_CONN_DEAD;
	return c->in_tx ? AW_CONN_IN_TX : AW_CONN_IDLE;
}

int
aw__my_simple(struct aw_my_conn *c, const char *text)
{
	enum aw_sent sent = AW_NOT_SENT;

	aw__my_enter(c);
	if (mysql_real_query(c->mysql, text, strlen(text)) == 0)
		return 0;
	return aw__my_fail(c, &sent);
}

static int
command(struct aw_conn *conn, const char *text, enum aw_sent *ret_sent)
{
	struct aw_my_conn *c = aw__my(conn);
	bool asks = c->in_tx;

	*ret_sent = AW_SENT_UNKNOWN;
	aw__my_enter(c);
	if (mysql_real_query(c->mysql, text, strlen(text)) != 0) {
		int r = aw__my_fail(c, ret_sent);

		if (asks && !c->dead)
			aw__my_ask_status(c);
		return r;
	}
	c->in_tx = c->mysql->server_status & SERVER_STATUS_IN_TRANS;
	return 0;
}

static const char *
isolation_text(enum aw_isolation isolation)
{
	switch (isolation) {
	case AW_READ_UNCOMMITTED:
		return "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED";
	case AW_READ_COMMITTED:
		return "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
	case AW_REPEATABLE_READ:
		return "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
	case AW_SERIALIZABLE:
		return "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE";
	default:
		return NULL;
	}
}

static int
begin(struct aw_conn *conn, const struct aw_tx_options *o,
      enum aw_sent *ret_sent)
{
	const char *text = isolation_text(o->isolation);
	int r = text ? command(conn, text, ret_sent) : 0;

	if (r < 0)
		return r;
	return command(conn, o->read_only ? "START TRANSACTION READ ONLY" :
		       "START TRANSACTION", ret_sent);
}

/* It cannot be put right: see the head of my_conn.h. */
static int
repair(struct aw_conn *conn)
{
	aw__my_died(aw__my(conn));
	return aw_fail(AW_ELOST, "an interrupted connection cannot be used "
		       "again");
}

static int
ping(struct aw_conn *conn)
{
	struct aw_my_conn *c = aw__my(conn);
	enum aw_sent sent = AW_NOT_SENT;

	aw__my_enter(c);
	if (mysql_ping(c->mysql) != 0)
		return aw__my_fail(c, &sent);
	c->suspect = false;
	aw__my_watch(c, true);
	return 0;
}

static int
reset(struct aw_conn *conn)
{
	struct aw_my_conn *c = aw__my(conn);
	enum aw_sent sent = AW_NOT_SENT;
	int r;

	aw__my_enter(c);
	if (mysql_reset_connection(c->mysql) != 0)
		return aw__my_fail(c, &sent);
	aw__my_forget_statements(c);
	r = aw__my_simple(c, c->init);
	if (r == 0)
		c->in_tx = c->mysql->server_status & SERVER_STATUS_IN_TRANS;
	return r;
}

void
aw__my_conn_free(struct aw_my_conn *c)
{
	aw__my_io_detach(c);
	if (c->base.slots)
		aw__my_forget_statements(c);
	aw__my_meta_unref(c->text_meta);
	free(c->binds);
	free(c->times);
	aw__db_conn_fini(&c->base);
	free(c);
}

/* In a child of fork() the session is the parent's, which a COM_QUIT or a
 * shutdown would end: only the descriptor is ours, the rest stays behind. */
static void
let_go_inherited(struct aw_my_conn *c)
{
	aw__my_io_detach(c);
	if (c->socket >= 0 && c->mysql->net.pvio)
		close(c->socket);
}

/* Without a watcher the hook never waits: COM_QUIT goes out if the socket
 * takes it, which an idle one does.  Statements are freed afterwards, when
 * nothing needs to be told to the server any more. */
static void
conn_close(struct aw_conn *conn)
{
	struct aw_my_conn *c = aw__my(conn);

	if (conn->fork_mark != aw_fork_mark()) {
		let_go_inherited(c);
		return;
	}
	aw_fd_free(c->fd);
	c->fd = NULL;
	aw__my_enter(c);
	mysql_close(c->mysql);
	aw__my_conn_free(c);
}

static void
conn_abort(struct aw_conn *conn)
{
	if (conn->fork_mark == aw_fork_mark())
		aw__my_died(aw__my(conn));
	conn_close(conn);
}

static void
meta_free(void *meta)
{
	(void)meta;
}

struct st_mysql *
aw_mysql_native(struct aw_conn *conn)
{
	struct aw_my_conn *c = aw__my(conn);

	if (conn->db->driver != &aw__my_driver ||
	    conn->fork_mark != aw_fork_mark())
		return NULL;
	conn->dirty = true;
	aw__my_enter(c);
	return c->dead ? NULL : c->mysql;
}

const struct aw_db_driver aw__my_driver = {
	.name = "MariaDB",
	.mysql = true,
	.connect = aw__my_connect,
	.run = aw__my_run,
	.command = command,
	.begin = begin,
	.state = state,
	.repair = repair,
	.reset = reset,
	.ping = ping,
	.close = conn_close,
	.abort = conn_abort,
	.stream_end = aw__my_stream_end,
	.meta_free = meta_free,
	.data_free = aw__my_data_free,
};
