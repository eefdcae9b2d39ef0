/* SPDX-License-Identifier: MIT */
/*
 * MariaDB: DSNs good and bad, connecting that fails, a server that never
 * answers, a server that is restarted.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "my_session.h"

/* --- Text -------------------------------------------------------------- */

static const struct {
	const char *dsn, *says;
} bad_dsns[] = {
	{ NULL, "mysql://" },
	{ "", "mysql://" },
	{ "postgresql://localhost/x", "mysql://" },
	{ "mysql:/localhost", "mysql://" },
	{ "mysql://u:s3cret@h:port/db", "port" },
	{ "mysql://u:s3cret@h:70000/db", "port" },
	{ "mysql://u:s3cret@h:0/db", "port" },
	{ "mysql://u:s3cret%zz@h/db", "password" },
	{ "mysql://u:1?s3cret@h/db", "%3F" },
	{ "mysql://u:1?s3cret=2@h/db?charset=x", "%3F" },
	{ "mysql://u%2:s3cret@h/db", "user" },
	{ "mysql://u:s3cret@[::1/db", "host" },
	{ "mysql://u:s3cret@[::1]x/db", "host" },
	{ "mysql://u:s3cret@h/d%00b", "database" },
	{ "mysql://u:s3cret@h/db?sslca=x", "\"sslca\"" },
	{ "mysql://u:s3cret@h/db?ssl_ca", "ssl_ca" },
	{ "mysql://u:s3cret@h/db?ssl_verify=maybe", "ssl_verify" },
	{ "mysql://u:s3cret@h/db?ssl_cert=x", "ssl_key" },
	{ "mysql://u:s3cret@h/db?charset=a'b", "charset" },
	{ "mysql://u:s3cret@h/db?time_zone=%27;--", "time_zone" },
};

static int
refuses(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(bad_dsns); i++) {
		struct aw_db *db = NULL;

		WANT_CODE(aw_mysql_open(&db, bad_dsns[i].dsn), AW_EINVAL);
		WANT(!db);
		if (!strstr(aw_error()->message, bad_dsns[i].says))
			return unwanted(__LINE__, "%s", bad_dsns[i].dsn);
		WANT(!strstr(aw_error()->message, "s3cret"));
	}
	return 0;
}

static void
run(int (*fn)(void *), void *arg)
{
	int r;

	why[0] = '\0';
	r = aw_run(fn, arg, .no_signals = true, .check_leaks = true);
	ck_assert_msg(r == 0, "%s (%s)", why, aw_error_name(r));
}

START_TEST(a_bad_dsn_is_refused_by_the_name_of_its_part_without_the_password)
{
	run(refuses, NULL);
}
END_TEST

/* --- Connecting -------------------------------------------------------- */

/* The test DSN, taken apart by hand: mysql://user:PASSWORD@HOST/DB?... */
static struct {
	char password[128], tail[512];
} parts;

static void
take_apart(const char *name)
{
	const char *dsn = getenv(name), *colon, *at;

	ck_assert(dsn != NULL);
	colon = strchr(strstr(dsn, "://") + 3, ':');
	at = strchr(colon, '@');
	snprintf(parts.password, sizeof(parts.password), "%.*s",
		 (int)(at - colon - 1), colon + 1);
	snprintf(parts.tail, sizeof(parts.tail), "%s", at + 1);
}

static int
fails(const char *dsn, int code, const char *says)
{
	AW_AUTO(aw_db, db);
	int r;

	WANT_OK(aw_mysql_open(&db, dsn, .acquire = 3, .connect = 1));
	r = aw_db_ping(db);
	if (r != code)
		return unwanted(__LINE__, "%s: %s", dsn, aw_error_name(r));
	if (!strstr(aw_error()->message, says))
		return unwanted(__LINE__, "%s: %s", dsn, says);
	WANT(!strstr(aw_error()->message, parts.password));
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	return 0;
}

static int
failures(void *arg)
{
	char dsn[1024];

	(void)arg;
	take_apart("AWAIT_TEST_MYSQL");
	WANT_OK(
	    fails("mysql://await:wrong@localhost/await?unix_socket=/nowhere",
		  AW_EPOOL, "unix_socket"));
	snprintf(dsn, sizeof(dsn), "mysql://await:wrong@%s", parts.tail);
	WANT_OK(fails(dsn, AW_EAUTH, "user and password"));
	snprintf(dsn, sizeof(dsn), "mysql://await:%s@localhost/nowhere%s",
		 parts.password, strchr(parts.tail, '?'));
	WANT_OK(fails(dsn, AW_EAUTH, "database name"));
	snprintf(dsn, sizeof(dsn), "mysql://await:%s@%s&charset=klingon",
		 parts.password, parts.tail);
	WANT_OK(fails(dsn, AW_EUSAGE, "charset"));
	snprintf(dsn, sizeof(dsn), "mysql://await:%s@%s&time_zone=Mars",
		 parts.password, parts.tail);
	WANT_OK(fails(dsn, AW_EUSAGE, "time_zone"));
	WANT_OK(fails("mysql://u:p@127.0.0.1:1/x", AW_EPOOL, "host and port"));
	WANT_OK(fails("mysql://u:p@nowhere.invalid/x", AW_EPOOL,
		      "the host of the DSN"));
	return 0;
}

START_TEST(a_connection_that_cannot_be_made_says_what_to_check)
{
	run(failures, NULL);
}
END_TEST

static int
tls_failures(void *arg)
{
	char dsn[1024];
	const char *other = getenv("AWAIT_TEST_OTHER_CA");

	(void)arg;
	WANT(other);
	take_apart("AWAIT_TEST_MYSQL_TLS");
	*strchr(parts.tail, '?') = '\0';
	snprintf(dsn, sizeof(dsn), "mysql://await_tls:%s@%s?ssl_ca=%s",
		 parts.password, parts.tail, other);
	WANT_OK(fails(dsn, AW_ETLS, "ssl_ca"));
	snprintf(dsn, sizeof(dsn), "mysql://await_tls:%s@%s?ssl_ca=/nowhere",
		 parts.password, parts.tail);
	WANT_OK(fails(dsn, AW_ETLS, "ssl_ca"));
	/* An account that insists on TLS, without. */
	snprintf(dsn, sizeof(dsn), "mysql://await_tls:%s@%s",
		 parts.password, parts.tail);
	WANT_OK(fails(dsn, AW_EAUTH, "user and password"));
	return 0;
}

START_TEST(a_server_that_is_not_trusted_is_not_spoken_to)
{
	run(tls_failures, NULL);
}
END_TEST

static int
tls_is_used(void *arg)
{
	AW_AUTO(aw_db, db);
	char cipher[64], dsn[1024];

	(void)arg;
	WANT_OK(aw_mysql_open(&db, my_dsn(1)));
	WANT_OK(aw_db_one(db, AW_INTO(AW_SKIP, AW_BUF(cipher)),
			  "SHOW SESSION STATUS LIKE 'Ssl_cipher'"));
	WANT(cipher[0]);
	aw_db_freep(&db);
	take_apart("AWAIT_TEST_MYSQL_TLS");
	*strchr(parts.tail, '?') = '\0';
	snprintf(dsn, sizeof(dsn), "mariadb://await_tls:%s@%s?ssl=1&"
		 "ssl_verify=0&compress=1&application=tester", parts.password,
		 parts.tail);
	WANT_OK(aw_mysql_open(&db, dsn));
	WANT_OK(aw_db_one(db, AW_INTO(AW_SKIP, AW_BUF(cipher)),
			  "SHOW SESSION STATUS LIKE 'Compression'"));
	WANT_STR(cipher, "ON");
	return 0;
}

START_TEST(tls_and_compression_are_used_when_asked_for)
{
	run(tls_is_used, NULL);
}
END_TEST

/* Accepts, reads, and never says a word. */
static int
silent_server(int *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (void *)&a, size) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (void *)&a, &size) < 0)
		return -1;
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static int
silent(void *arg)
{
	AW_AUTO(aw_db, db);
	char dsn[128];
	int port, fd = silent_server(&port), r;

	(void)arg;
	WANT(fd >= 0);
	snprintf(dsn, sizeof(dsn), "mysql://u:p@127.0.0.1:%d/x", port);
	WANT_OK(aw_mysql_open(&db, dsn, .acquire = 0.4, .connect = 0.2));
	WANT_OK(fails_saying(db, AW_EPOOL, "within 0.2 s"));
	{
		AW_TIMEOUT(0.05);

		r = aw_db_ping(db);
	}
	WANT_CODE(r, AW_ETIME);
	aw_db_freep(&db);
	close(fd);
	return 0;
}

START_TEST(a_server_that_never_answers_holds_up_nobody)
{
	run(silent, NULL);
}
END_TEST

static int
sigpipe(void *arg)
{
	AW_AUTO(aw_db, db);
	struct sigaction now;

	(void)arg;
	WANT_OK(aw_mysql_open(&db, my_dsn(0)));
	WANT_OK(aw_db_ping(db));
	WANT(sigaction(SIGPIPE, NULL, &now) == 0);
	WANT(now.sa_handler == SIG_DFL);
	return 0;
}

START_TEST(the_disposition_of_sigpipe_stays_as_it_was)
{
	signal(SIGPIPE, SIG_DFL);
	run(sigpipe, NULL);
}
END_TEST

/* --- Restart ----------------------------------------------------------- */

/* A server of its own: the others are everybody's. */
static struct {
	char dir[64];
	char dsn[N_WAYS][512];
} own;

static int
servers(const char *command, const char *more)
{
	const char *tool = getenv("AWAIT_TEST_SERVERS");
	char line[1024];

	if (!tool)
		return -1;
	snprintf(line, sizeof(line), "%s %s %s %s >/dev/null 2>&1", tool,
		 command, own.dir, more);
	return system(line);
}

/* VALUE of a line export NAME='VALUE'. */
static void
take_variable(const char *line, const char *name, char *ret, size_t size)
{
	size_t n = strlen(name);
	const char *at = strstr(line, name);

	if (at && strncmp(at + n, "='", 2) == 0)
		snprintf(ret, size, "%.*s", (int)strcspn(at + n + 2, "'"),
			 at + n + 2);
}

static void
start_own(void)
{
	char line[1024];
	FILE *env;

	snprintf(own.dir, sizeof(own.dir), "/tmp/await-check.XXXXXX");
	ck_assert(mkdtemp(own.dir) != NULL);
	ck_assert_int_eq(servers("start", "mysql"), 0);
	snprintf(line, sizeof(line), "%s/env", own.dir);
	env = fopen(line, "re");
	ck_assert(env != NULL);
	while (fgets(line, sizeof(line), env)) {
		take_variable(line, "AWAIT_TEST_MYSQL", own.dsn[0],
			      sizeof(own.dsn[0]));
		take_variable(line, "AWAIT_TEST_MYSQL_TLS", own.dsn[1],
			      sizeof(own.dsn[1]));
	}
	fclose(env);
	setenv("AWAIT_TEST_MYSQL", own.dsn[0], 1);
	setenv("AWAIT_TEST_MYSQL_TLS", own.dsn[1], 1);
}

static void
stop_own(void)
{
	char line[128];

	servers("stop", "");
	snprintf(line, sizeof(line), "rm -rf %s", own.dir);
	ck_assert_int_eq(system(line), 0);
}

static int
do_restart(void *arg)
{
	return servers("restart", arg) == 0 ? 0 : -EIO;
}

static int
asks_on(void *arg)
{
	int n, r;

	for (int i = 0; i < 20; i++) {
		r = aw_db_one((struct aw_db *)arg, AW_INTO(&n), "SELECT ?", i);
		if (r == 0 && n != i)
			return unwanted(__LINE__, "%d is not %d", n, i);
		if (r < 0 && r != AW_ELOST && r != AW_ESQL && r != AW_EPOOL &&
		    r != AW_ECONNECT)
			return unwanted(__LINE__, "%s", aw_error_name(r));
		AW_TRY(aw_sleep(0.02));
	}
	return 0;
}

static const char *restart_how;

static int
restarted(struct aw_db *db)
{
	AW_AUTO(aw_conn, conn);
	AW_AUTO(aw_tx, tx);
	int n, r;

	WANT_OK(aw_db_acquire(db, &conn));
	WANT_OK(aw_db_exec(conn, NULL, "CREATE OR REPLACE TABLE r (a int)"));
	WANT_OK(aw_tx_begin(conn, &tx));
	WANT_OK(aw_db_exec(conn, NULL, "INSERT INTO r VALUES (1)"));
	{
		AW_GROUP(g);

		for (int i = 0; i < 4; i++)
			WANT_OK(aw_go(&g, asks_on, db));
		WANT_OK(aw_offload(do_restart, (void *)(uintptr_t)restart_how));
		WANT_OK(aw_group_wait(&g));
	}
	r = aw_tx_commit(tx);
	WANT(r == AW_ELOST || r == AW_EUNKNOWN || r == AW_ETXDEAD);
	aw_tx_freep(&tx);
	aw_conn_freep(&conn);
	WANT_OK(aw_db_one(db, AW_INTO(&n), "SELECT count(*) FROM r"));
	WANT_INT(n, 0);
	return 0;
}

START_TEST(a_pool_heals_when_the_server_was_restarted)
{
	restart_how = "mysql";
	check_with_pool(restarted, _i % N_WAYS);
	restart_how = "--abrupt mysql";
	check_with_pool(restarted, _i % N_WAYS);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mysql_open");
	TCase *tc = tcase_create("text");

	tcase_add_test(
	    tc,
	    a_bad_dsn_is_refused_by_the_name_of_its_part_without_the_password);
	suite_add_tcase(suite, tc);

	tc = tcase_create("connecting");
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_connection_that_cannot_be_made_says_what_to_check);
	tcase_add_test(tc, a_server_that_is_not_trusted_is_not_spoken_to);
	tcase_add_test(tc, tls_and_compression_are_used_when_asked_for);
	tcase_add_test(tc, a_server_that_never_answers_holds_up_nobody);
	tcase_add_test(tc, the_disposition_of_sigpipe_stays_as_it_was);
	suite_add_tcase(suite, tc);

	tc = tcase_create("restart");
	tcase_set_timeout(tc, 300);
	tcase_add_unchecked_fixture(tc, start_own, stop_own);
	tcase_add_loop_test(tc, a_pool_heals_when_the_server_was_restarted, 0,
			    N_WAYS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
