/* SPDX-License-Identifier: MIT */
/*
 * Every descriptor of every library is closed when a program is executed:
 * those that are open, those that are being connected, and whatever helps.
 *
 *	open everything --> look at each number --> programs list what they got
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <await/mysql.h>
#include <await/pg.h>

#include "web.h"

#define MOST 1024

static bool before[MOST];	/* open when the case began */
static char folder[] = "/tmp/aw-descriptors.XXXXXX";
static char text[4096];

/* --- Looking ----------------------------------------------------------- */

static void
note_open(void)
{
	for (int fd = 0; fd < MOST; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0;
}

static const char *
kind(int fd)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
		return "no socket";
	return domain == AF_UNIX ? "a unix socket" : "a TCP socket";
}

/* The first that a program would inherit, and what it is; -1: none. */
static int
first_inherited(char what[200])
{
	char name[40], target[120];
	ssize_t n;
	int fd;

	for (fd = 0; fd < MOST; fd++)
		if (!before[fd] && fcntl(fd, F_GETFD) == 0)
			break;
	if (fd == MOST)
		return -1;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, target, sizeof(target) - 1);
	snprintf(what, 200, "%d is %.*s, %s", fd, n > 0 ? (int)n : 0, target,
		 kind(fd));
	return fd;
}

/* libpq and libmariadb name a socket theirs some instructions after they have
 * made it, in a thread: so there is a second look, and a hundredth. */
static int
none_is_inherited(void)
{
	char what[200];

	for (int i = 0; i < 400; i++) {
		if (first_inherited(what) < 0)
			return 0;
		AW_TRY(aw_sleep(0.005));
	}
	return aw_fail(-EBADMSG, "inherited by programs: %s", what);
}

/* --- What programs say ------------------------------------------------- */

/* A line of ls(1): "... 5 -> socket:[123]"; its own folder does not count. */
static int
judge_line(const char *line, bool ours_alone)
{
	const char *arrow = strstr(line, " -> ");
	int fd;

	if (!arrow || strstr(arrow, "/proc/"))
		return 0;
	while (arrow > line && arrow[-1] != ' ')
		arrow--;
	fd = (int)strtol(arrow, NULL, 10);
	if (fd <= 2 || (!ours_alone && before[fd]))
		return 0;
	return aw_fail(-EBADMSG, "a program got %s", arrow);
}

static int
judge(char *list, bool ours_alone)
{
	char *at, *rest = list;
	int r = 0, n = 0;

	while (r == 0 && (at = strsep(&rest, "\n")) != NULL) {
		r = judge_line(at, ours_alone);
		n += strstr(at, " -> ") != NULL;
	}
	WANT(r < 0 || n >= 3);
	return r;
}

static int
ask_process(void)
{
	AW_AUTO(aw_output, output);

	AW_TRY(aw_process_run(&output, AW_ARGV("ls", "-l", "/proc/self/fd"),
			      .out = AW_PIPE));
	WANT(output->out.size < sizeof(text));
	memcpy(text, output->out.data, output->out.size);
	text[output->out.size] = '\0';
	return judge(text, true);
}

static int
ask_plain_child(void)
{
	size_t n = 0;
	ssize_t got;
	int ends[2];
	pid_t pid;

	WANT(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execlp("ls", "ls", "-l", "/proc/self/fd", NULL);
		_exit(1);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(ends[0]);
	WANT(waitpid(pid, NULL, 0) == pid);
	return judge(text, false);
}

static int
look(void)
{
	AW_TRY(none_is_inherited());
	AW_TRY(ask_process());
	AW_TRY(ask_plain_child());
	return none_is_inherited();
}

/* --- Everything open --------------------------------------------------- */

/* Both ways to each server, one connection lent, one idle. */
static int
with_databases(int (*next)(void))
{
	AW_AUTO(aw_db, pg);
	AW_AUTO(aw_db, pg_tls);
	AW_AUTO(aw_db, my);
	AW_AUTO(aw_db, my_tls);
	struct aw_db **const dbs[] = { &pg, &pg_tls, &my, &my_tls };
	AW_AUTO(aw_pg_listener, listener);
	AW_AUTO(aw_rows, rows);
	struct aw_conn *conns[4] = { NULL }, *second = NULL;
	int r = 0;

	AW_TRY(aw_pg_open(&pg, env("AWAIT_TEST_PG")));
	AW_TRY(aw_pg_open(&pg_tls, env("AWAIT_TEST_PG_TLS")));
	AW_TRY(aw_mysql_open(&my, env("AWAIT_TEST_MYSQL")));
	AW_TRY(aw_mysql_open(&my_tls, env("AWAIT_TEST_MYSQL_TLS")));
	AW_TRY(aw_pg_listen(pg_tls, &listener, "descriptors"));
	AW_TRY(aw_db_stream(pg, &rows, "SELECT generate_series(1, 100000)"));
	for (int i = 0; r == 0 && i < 4; i++) {
		r = aw_db_acquire(*dbs[i], &conns[i]);
		if (r == 0)
			r = aw_db_acquire(*dbs[i], &second);
		aw_conn_freep(&second);
	}
	if (r == 0)
		r = next();
	for (int i = 0; i < 4; i++)
		aw_conn_freep(&conns[i]);
	return r;
}

static int
get_in_flight(void *fake)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_open(&http));
	return aw_http_get(http, &res, fake_url(fake));
}

static int
with_http(int (*next)(void))
{
	static const struct fake_step hold[] = {
		FAKE_READ, FAKE_TELL, FAKE_HOLD, FAKE_END
	};
	static const struct fake_step *const scripts[] = { hold, NULL };
	AW_AUTO(aw_http, plain);
	AW_AUTO(aw_http, tls);
	AW_AUTO(aw_response, a);
	AW_AUTO(aw_response, b);
	struct fake *fake = fake_start(scripts);
	int r;

	AW_TRY(aw_http_open(&plain));
	AW_TRY(aw_http_open(&tls, .cacert = env("AWAIT_TEST_CA")));
	AW_TRY(aw_http_get(plain, &a, env("AWAIT_TEST_HTTP")));
	AW_TRY(aw_http_get(tls, &b, env("AWAIT_TEST_HTTPS")));
	{
		AW_GROUP(group);

		AW_TRY(aw_go(&group, get_in_flight, fake));
		AW_TRY(hear(fake));
		r = next();
		aw_group_stop(&group);
		aw_ignore(aw_group_wait(&group));
	}
	fake_stop(fake);
	return r;
}

static int
nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int
with_streams(int (*next)(void))
{
	AW_AUTO(aw_listener, tcp);
	AW_AUTO(aw_listener, local);
	AW_AUTO(aw_stream, client);
	AW_AUTO(aw_stream, server);
	AW_AUTO(aw_stream, other);
	AW_AUTO(aw_process, process);
	AW_AUTO(aw_signals, signals);
	AW_AUTO(aw_addresses, addresses);
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/s", folder);
	AW_TRY(aw_tcp_listen(&tcp, "localhost", 0));
	AW_TRY(aw_unix_listen(&local, path));
	AW_TRY(aw_tcp_connect(&client, "localhost", aw_listener_port(tcp)));
	AW_TRY(aw_listener_accept(tcp, &server));
	AW_TRY(aw_unix_connect(&other, path));
	AW_TRY(aw_process_start(&process, AW_ARGV("cat"), .in = AW_PIPE,
				.out = AW_PIPE, .err = AW_PIPE));
	AW_TRY(aw_signals_open(&signals, SIGUSR1));
	AW_TRY(aw_resolve(&addresses, "localhost", 80));
	AW_TRY(aw_offload(nothing, NULL));
	r = next();
	aw_listener_freep(&local);
	return r;
}

static int
with_files(int (*next)(void))
{
	AW_AUTO(aw_file, file);
	AW_AUTO(aw_file, temp);
	AW_AUTO(aw_file, twin);
	struct aw_bytes chunk;
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/f", folder);
	AW_TRY(aw_file_spew(path, aw_text("a line\n")));
	AW_TRY(aw_file_open(&file, path, O_RDONLY, 0));
	WANT(aw_file_chunk(file, &chunk) == 1);
	AW_TRY(aw_file_temp(&temp, folder));
	AW_TRY(aw_file_write(temp, aw_text("x")));
	AW_TRY(aw_file_flush(temp));
	AW_TRY(aw_file_dup(&twin, aw_file_fd(file)));
	r = next();
	aw_ignore(aw_path_unlink(path));
	return r;
}

static int
in_streams(void)
{
	return with_streams(look);
}

static int
in_http(void)
{
	return with_http(in_streams);
}

static int
in_databases(void)
{
	return with_databases(in_http);
}

static int
everything(void *arg)
{
	(void)arg;
	return with_files(in_databases);
}

static void
run_in_folder(int (*fn)(void *arg))
{
	snprintf(folder, sizeof(folder), "/tmp/aw-descriptors.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	note_open();
	expect_run(fn, NULL);
	ck_assert_int_eq(rmdir(folder), 0);
}

/* By threads and by the ring. */
START_TEST(no_program_inherits_what_is_open)
{
	setenv("AWAIT_FILE_BACKEND", _i ? "uring" : "threads", 1);
	run_in_folder(everything);
}
END_TEST

/* --- Being connected --------------------------------------------------- */

static int
ping(void *arg)
{
	return aw_db_ping(arg);
}

static int
get_tls(void *url)
{
	AW_AUTO(aw_http, http);
	AW_AUTO(aw_response, res);

	AW_TRY(aw_http_open(&http, .insecure = true));
	return aw_http_get(http, &res, url);
}

static int
connect_all(struct aw_db *pg, struct aw_db *my, char *url,
	    struct aw_listener *servers[3])
{
	struct aw_stream *peers[3] = { NULL };
	AW_GROUP(group);
	int r = 0;

	AW_TRY(aw_go(&group, ping, pg));
	AW_TRY(aw_go(&group, ping, my));
	AW_TRY(aw_go(&group, get_tls, url));
	for (int i = 0; r == 0 && i < 3; i++)
		r = aw_listener_accept(servers[i], &peers[i]);
	if (r == 0)
		r = look();
	for (int i = 0; i < 3; i++)
		aw_stream_freep(&peers[i]);
	aw_group_stop(&group);
	aw_ignore(aw_group_wait(&group));
	return r;
}

/* Servers that accept and say nothing. */
static int
halfway(void *arg)
{
	AW_AUTO(aw_listener, a);
	AW_AUTO(aw_listener, b);
	AW_AUTO(aw_listener, c);
	AW_AUTO(aw_db, pg);
	AW_AUTO(aw_db, my);
	char pg_dsn[100], my_dsn[100], url[100];

	(void)arg;
	AW_TRY(aw_tcp_listen(&a, "127.0.0.1", 0));
	AW_TRY(aw_tcp_listen(&b, "127.0.0.1", 0));
	AW_TRY(aw_tcp_listen(&c, "127.0.0.1", 0));
	snprintf(pg_dsn, sizeof(pg_dsn), "postgresql://a@127.0.0.1:%d/a",
		 aw_listener_port(a));
	snprintf(my_dsn, sizeof(my_dsn), "mysql://a:b@127.0.0.1:%d/a",
		 aw_listener_port(b));
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/",
		 aw_listener_port(c));
	AW_TRY(aw_pg_open(&pg, pg_dsn, .max = 1));
	AW_TRY(aw_mysql_open(&my, my_dsn, .max = 1));
	return connect_all(pg, my, url, (struct aw_listener *[]){ a, b, c });
}

START_TEST(no_program_inherits_what_is_being_connected)
{
	run_in_folder(halfway);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("descriptors");
	TCase *tcase = tcase_create("all");

	tcase_add_loop_test(tcase, no_program_inherits_what_is_open, 0, 2);
	tcase_add_test(tcase, no_program_inherits_what_is_being_connected);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
