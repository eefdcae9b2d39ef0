/* SPDX-License-Identifier: MIT */
/*
 * connect.c - a connection is made in a helper thread and handed to the loop.
 *
 *	pool's task                     helper thread
 *	aw_job_start(copy of DSN) ----> connect_run(): names, TLS, plugins,
 *	aw_job_wait()                       | password, session's set-up
 *	   | <------------------------------+
 *	   v
 *	attach(): nonblocking, hooked, watched
 *
 * When the wait ends early the job is orphaned: the thread finishes the
 * connection when it gets it, and nobody else ever sees it.
 *
 * The session speaks utf8mb4 and UTC (so a TIMESTAMP is a point in time), and
 * reports when something in it was changed; affected rows are the rows found,
 * as everywhere else.
 */
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "my_conn.h"

#define OPENSSL_NO_ATEXIT 0x00080000ull	/* OPENSSL_INIT_NO_ATEXIT */

struct connect_job {
	struct aw_my_data dsn;
	unsigned seconds;
	MYSQL *mysql;
	bool ok;
	bool tracked;
	uint64_t limit;
	unsigned number;	/* of the failure */
	char sqlstate[8];
	char message[240];
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* OpenSSL must not clean up at exit() while a thread connects; libmariadb
 * ignores SIGPIPE for the whole process, which is not its business. */
static void
init_library(void)
{
	struct sigaction before;
	int (*init)(uint64_t, const void *);

	*(void **)&init = dlsym(RTLD_DEFAULT, "OPENSSL_init_crypto");
	if (init)
		init(OPENSSL_NO_ATEXIT, NULL);
	sigaction(SIGPIPE, NULL, &before);
	mysql_library_init(0, NULL, NULL);
	sigaction(SIGPIPE, &before, NULL);
	aw__my_io_init();
}

void
aw__my_init_text(const struct aw_my_data *data, bool tracked, char *ret,
		 size_t size)
{
	const char *charset = data->parts[MY_CHARSET];
	const char *zone = data->parts[MY_TIME_ZONE];
	const char *mode = data->parts[MY_SQL_MODE];

	snprintf(ret, size, "SET NAMES %s, time_zone = '%s'%s%s%s%s",
		 charset ? charset : "utf8mb4", zone ? zone : "+00:00",
		 mode ? ", sql_mode = '" : "", mode ? mode : "",
		 mode ? "'" : "",
		 tracked ? ", session_track_state_change = ON" : "");
}

static void
set_options(struct connect_job *job)
{
	struct aw_my_data *d = &job->dsn;
	MYSQL *m = job->mysql;
	unsigned no = 0;
	my_bool yes = 1, verify = d->verify;
	const char *charset = d->parts[MY_CHARSET];

	aw__my_io_prepare(m);
	mysql_options(m, MYSQL_OPT_CONNECT_TIMEOUT, &job->seconds);
	mysql_options(m, MYSQL_OPT_READ_TIMEOUT, &job->seconds);
	mysql_options(m, MYSQL_OPT_WRITE_TIMEOUT, &job->seconds);
	mysql_options(m, MYSQL_OPT_LOCAL_INFILE, &no);
	mysql_options(m, MYSQL_SET_CHARSET_NAME, charset ? charset : "utf8mb4");
	if (d->compress)
		mysql_options(m, MYSQL_OPT_COMPRESS, NULL);
	if (d->parts[MY_PLUGIN_DIR])
		mysql_options(m, MYSQL_PLUGIN_DIR, d->parts[MY_PLUGIN_DIR]);
	if (d->parts[MY_PUBLIC_KEY])
		mysql_options(m, MYSQL_SERVER_PUBLIC_KEY,
			      d->parts[MY_PUBLIC_KEY]);
	mysql_options4(m, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name",
		       d->parts[MY_APPLICATION] ? d->parts[MY_APPLICATION] :
						  "await");
	if (!d->tls)
		return;
	mysql_ssl_set(m, d->parts[MY_SSL_KEY], d->parts[MY_SSL_CERT],
		      d->parts[MY_SSL_CA], d->parts[MY_SSL_CAPATH],
		      d->parts[MY_SSL_CIPHER]);
	mysql_options(m, MYSQL_OPT_SSL_ENFORCE, &yes);
	mysql_options(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

/* A server that does not know how to track is told apart from a failure. */
static bool
set_up_session(struct connect_job *job)
{
	char text[320];

	aw__my_init_text(&job->dsn, true, text, sizeof(text));
	job->tracked = mysql_query(job->mysql, text) == 0;
	if (job->tracked)
		return true;
	if (mysql_errno(job->mysql) != ER_UNKNOWN_SYSTEM_VARIABLE)
		return false;
	aw__my_init_text(&job->dsn, false, text, sizeof(text));
	return mysql_query(job->mysql, text) == 0;
}

static bool
ask_limit(struct connect_job *job)
{
	MYSQL_RES *result;
	MYSQL_ROW row;

	if (mysql_query(job->mysql, "SELECT @@max_allowed_packet") != 0)
		return false;
	result = mysql_store_result(job->mysql);
	row = result ? mysql_fetch_row(result) : NULL;
	if (row && row[0])
		job->limit = strtoull(row[0], NULL, 10);
	mysql_free_result(result);
	return row != NULL;
}

static bool
make_session(struct connect_job *job)
{
	struct aw_my_data *d = &job->dsn;

	return mysql_real_connect(job->mysql, d->parts[MY_HOST],
				  d->parts[MY_USER], d->parts[MY_PASSWORD],
				  d->parts[MY_DATABASE], d->port,
				  d->parts[MY_UNIX_SOCKET],
				  CLIENT_FOUND_ROWS | CLIENT_MULTI_RESULTS) &&
		set_up_session(job) && ask_limit(job);
}

/* The layout is looked at with a statement of its own, on any connection. */
static void
check_layout(struct connect_job *job)
{
	MYSQL_STMT *stmt = mysql_stmt_init(job->mysql);

	if (stmt && mysql_stmt_prepare(stmt, "SELECT 1", 8) == 0 &&
	    mysql_stmt_execute(stmt) == 0 && mysql_stmt_store_result(stmt) == 0)
		aw__my_check_layout(stmt);
	if (stmt)
		mysql_stmt_close(stmt);
}

static pthread_once_t layout_once = PTHREAD_ONCE_INIT;
static __thread struct connect_job *layout_job;

static void
check_layout_once(void)
{
	check_layout(layout_job);
}

static void
connect_run(void *memory)
{
	struct connect_job *job = memory;

	pthread_once(&library_once, init_library);
	job->mysql = mysql_init(NULL);
	if (!job->mysql) {
		job->number = CR_OUT_OF_MEMORY;
		return;
	}
	set_options(job);
	job->ok = make_session(job);
	if (!job->ok) {
		job->number = mysql_errno(job->mysql);
		snprintf(job->sqlstate, sizeof(job->sqlstate), "%s",
			 mysql_sqlstate(job->mysql));
		aw__db_line(job->message, sizeof(job->message),
			    mysql_error(job->mysql));
		return;
	}
	layout_job = job;
	pthread_once(&layout_once, check_layout_once);
	layout_job = NULL;
}

static void
connect_discard(void *memory)
{
	struct connect_job *job = memory;

	if (job->mysql)
		mysql_close(job->mysql);
	aw__my_data_fini(&job->dsn);
}

static const struct aw_job_type connect_type = {
	.size = sizeof(struct connect_job),
	.run = connect_run,
	.discard = connect_discard,
};

static int
attach(struct aw_my_conn *c, struct connect_job *job)
{
	const struct aw_my_data *data = c->base.db->data;
	int r;

	c->mysql = job->mysql;
	job->mysql = NULL;
	c->tls = mysql_get_ssl_cipher(c->mysql) != NULL;
	c->tracked = job->tracked;
	c->limit = job->limit;
	aw__my_init_text(data, c->tracked, c->init, sizeof(c->init));
	r = aw__my_io_attach(c);
	if (r == 0)
		aw__my_watch(c, true);
	return r;
}

static int
make_conn(struct aw_db *db, struct connect_job *job, struct aw_conn **ret)
{
	struct aw_my_conn *c;
	int r;

	if (!job->ok)
		return aw__my_fail_connect(job->number, job->sqlstate,
					   job->message);
	c = calloc(1, sizeof(*c));
	if (!c)
		return aw_fail(AW_ENOMEM, "a connection");
	c->socket = -1;
	r = aw__db_conn_init(&c->base, db);
	if (r == 0)
		r = attach(c, job);
	if (r < 0) {
		if (c->mysql) {
			aw__my_died(c);
			mysql_close(c->mysql);
		}
		aw__my_conn_free(c);
		return r;
	}
	*ret = &c->base;
	return 0;
}

int
aw__my_connect(struct aw_db *db, struct aw_conn **ret)
{
	struct connect_job init = { .ok = false };
	struct aw_job *job = NULL;
	int r = aw__my_data_copy(db->data, &init.dsn);

	/* libmariadb counts in whole seconds, and 0 would be for ever. */
	init.seconds = (unsigned)fmin(fmax(ceil(db->options.connect), 1),
				      86400);
	if (r == 0)
		r = aw_job_start(&job, AW_JOBS_CONNECT, &connect_type, &init);
	if (r < 0) {
		connect_discard(&init);
		return aw_fail(r, "cannot start connecting to MariaDB");
	}
	r = aw_job_wait(job, "a connection to MariaDB", db);
	if (r == 0)
		r = make_conn(db, aw_job_memory(job), ret);
	else if (r == AW_ETIMEDOUT)
		/* Maybe not even a name: libmariadb asks for it again and again
		 * while no name server answers. */
		aw_fail(r, "MariaDB did not answer within %g s (check the host "
			"of the DSN, and its port)", db->options.connect);
	aw_job_free(job);
	return r;
}
