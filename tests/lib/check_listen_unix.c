/* SPDX-License-Identifier: MIT */
/* lib/listen.c, lib/listen_open.c, aw_unix_connect(): unix sockets, and what
 * becomes of a listener after fork() and after the loop. */
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "listen_world.h"

static int
accepts(void *arg)
{
	AW_AUTO(aw_stream, s);
	int r = aw_listener_accept(listener, &s);

	(void)arg;
	note("%s", name(r));
	return 0;
}

/* --- Unix sockets ------------------------------------------------------ */

static int
meet_at(const char *where)
{
	AW_AUTO(aw_stream, client);
	AW_AUTO(aw_stream, server);
	struct aw_bytes got;

	AW_TRY(aw_unix_connect(&client, where));
	AW_TRY(aw_listener_accept(listener, &server));
	AW_TRY(aw_stream_write(client, aw_text("hello")));
	AW_TRY(aw_stream_exactly(server, &got, 5));
	note("%.*s", AW_ARG(got));
	return 0;
}

static int
at_a_path(void *arg)
{
	AW_AUTO(aw_listener, second);
	struct stat file;

	(void)arg;
	AW_TRY(aw_unix_listen(&listener, path, .mode = 0600));
	AW_TRY(stat(path, &file) == 0 ? 0 : -errno);
	note("%o", (unsigned)file.st_mode & 0777);
	note("port %d", aw_listener_port(listener));
	AW_TRY(meet_at(path));
	note("%s", name(aw_unix_listen(&second, path)));
	aw_listener_freep(&listener);
	note("%d", access(path, F_OK));
	return 0;
}

START_TEST(a_unix_socket_serves_and_its_path_is_removed)
{
	ck_assert_int_eq(plain_run(at_a_path, NULL), 0);
	ck_assert_str_eq(noted, "600; port 0; hello; EADDRINUSE; -1; ");
}
END_TEST

static int
left_behind(void *arg)
{
	AW_AUTO(aw_stream, s);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)arg;
	memcpy(un.sun_path, path, sizeof path);
	if (bind(fd, (void *)&un, sizeof un) < 0)
		return -errno;
	close(fd);
	note("%s", name(aw_unix_connect(&s, path)));
	AW_TRY(aw_unix_listen(&listener, path));
	AW_TRY(meet_at(path));
	/* Another one in its place: not ours to remove. */
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	aw_listener_freep(&listener);
	note("%d", access(path, F_OK));
	note("%s", name(aw_unix_listen(&listener, path)));
	note("%d", access(path, F_OK));
	return 0;
}

START_TEST(a_socket_left_behind_is_replaced_and_a_file_is_not)
{
	ck_assert_int_eq(plain_run(left_behind, NULL), 0);
	ck_assert_str_eq(noted, "ECONNREFUSED; hello; 0; EADDRINUSE; 0; ");
}
END_TEST

static int
bad_paths(void *arg)
{
	AW_AUTO(aw_stream, s);
	char longest[200];

	(void)arg;
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	note("%s", name(aw_unix_connect(&s, longest)));
	note("%d", strstr(aw_error()->message, "199 bytes, 107") != NULL);
	note("%s", name(aw_unix_connect(&s, "")));
	note("%s", name(aw_unix_connect(&s, NULL)));
	note("%s", name(aw_unix_connect(&s, "/missing/socket")));
	note("%s", aw_error()->message);
	note("%s", name(aw_unix_listen(&listener, longest)));
	note("%s", name(aw_unix_listen(&listener, "/missing/socket")));
	note("%s", name(aw_unix_listen(&listener, path, .mode = 01000)));
	if (geteuid() == 0)
		return 0;
	AW_TRY(aw_unix_listen(&listener, path, .mode = 0400));
	if (aw_unix_connect(&s, path) != -EACCES)
		note("a forbidden socket was opened");
	aw_listener_freep(&listener);
	return 0;
}

START_TEST(bad_paths_are_told_apart)
{
	ck_assert_int_eq(plain_run(bad_paths, NULL), 0);
	ck_assert_str_eq(noted, "ENAMETOOLONG; 1; EINVAL; EINVAL; ENOENT; "
			 "the unix socket /missing/socket: No such file or "
			 "directory; ENAMETOOLONG; ENOENT; EINVAL; ");
}
END_TEST

static int
abstract(void *arg)
{
	char where[64];

	(void)arg;
	snprintf(where, sizeof where, "@await-test-%d", (int)getpid());
	AW_TRY(aw_unix_listen(&listener, where));
	AW_TRY(meet_at(where));
	aw_listener_freep(&listener);
	return 0;
}

START_TEST(an_abstract_name_needs_no_path)
{
	ck_assert_int_eq(plain_run(abstract, NULL), 0);
	ck_assert_str_eq(noted, "hello; ");
}
END_TEST

static int
connects_last(void *arg)
{
	AW_AUTO(aw_stream, s);

	(void)arg;
	AW_TRY(aw_unix_connect(&s, path));
	note("connected");
	return 0;
}

static int
full_backlog(void *arg)
{
	AW_AUTO(aw_stream, first);
	AW_AUTO(aw_stream, second);
	AW_AUTO(aw_stream, third);
	struct aw_task *task;

	(void)arg;
	AW_TRY(aw_unix_listen(&listener, path, .backlog = 1));
	AW_TRY(aw_unix_connect(&first, path));
	AW_TRY(aw_unix_connect(&second, path));
	note("%s", name(aw_unix_connect(&third, path, .connect = 0.01)));
	{
		AW_TIMEOUT(0.01);
		note("%s", name(aw_unix_connect(&third, path)));
	}
	task = aw_spawn("connects", connects_last, NULL);
	AW_TRY(aw_sleep(0.01));
	note("accept");
	AW_TRY(accepts(NULL));
	AW_TRY(aw_join(task, NULL));
	aw_listener_freep(&listener);
	return 0;
}

START_TEST(a_full_backlog_is_waited_for)
{
	ck_assert_int_eq(plain_run(full_backlog, NULL), 0);
	ck_assert_str_eq(noted, "ETIMEDOUT; ETIME; accept; ok; connected; ");
}
END_TEST

static int
full_backlog_at(void *arg)
{
	AW_AUTO(aw_stream, first);
	AW_AUTO(aw_stream, second);
	AW_AUTO(aw_listener, other);
	struct stat before, after;

	(void)arg;
	AW_TRY(aw_unix_listen(&listener, path, .backlog = 1));
	AW_TRY(stat(path, &before) == 0 ? 0 : -errno);
	AW_TRY(aw_unix_connect(&first, path));
	AW_TRY(aw_unix_connect(&second, path));
	note("%s", name(aw_unix_listen(&other, path)));
	AW_TRY(stat(path, &after) == 0 ? 0 : -errno);
	note("%d", before.st_ino == after.st_ino);
	aw_listener_freep(&listener);
	return 0;
}

START_TEST(a_socket_with_a_full_backlog_was_not_left_behind)
{
	ck_assert_int_eq(plain_run(full_backlog_at, NULL), 0);
	ck_assert_str_eq(noted, "EADDRINUSE; 1; ");
}
END_TEST

/* --- Fork and the end of the loop -------------------------------------- */

static int
in_fork(void *arg)
{
	int status = -1;
	pid_t pid;

	(void)arg;
	AW_TRY(aw_unix_listen(&listener, path));
	pid = fork();
	if (pid == 0) {
		AW_AUTO(aw_stream, s);
		int r = aw_listener_accept(listener, &s);

		aw_listener_freep(&listener);
		_exit(r == AW_EFORK ? 7 : 1);
	}
	waitpid(pid, &status, 0);
	note("child %d", WEXITSTATUS(status));
	AW_TRY(meet_at(path));
	aw_listener_freep(&listener);
	return 0;
}

START_TEST(a_child_of_fork_takes_nothing_from_its_parent)
{
	ck_assert_int_eq(plain_run(in_fork, NULL), 0);
	ck_assert_str_eq(noted, "child 7; hello; ");
}
END_TEST

static int
forgets(void *arg)
{
	(void)arg;
	return aw_unix_listen(&listener, path);
}

START_TEST(a_listener_that_was_forgotten_ends_with_the_loop)
{
	ck_assert_int_eq(plain_run(forgets, NULL), 0);
	ck_assert_int_eq(access(path, F_OK), -1);
	aw_listener_freep(&listener);
	ck_assert_int_eq(aw_unix_listen(&listener, path), AW_EUSAGE);
	ck_assert_int_eq(aw_tcp_listen(&listener, NULL, 0), AW_EUSAGE);
	ck_assert_int_eq(aw_listener_from_fd(&listener, 0), AW_EUSAGE);
	aw_listener_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("listen_unix");
	TCase *local = tcase_create("unix");

	tcase_add_checked_fixture(local, setup_path, teardown_path);
	tcase_add_test(local, a_unix_socket_serves_and_its_path_is_removed);
	tcase_add_test(local,
		       a_socket_left_behind_is_replaced_and_a_file_is_not);
	tcase_add_test(local, bad_paths_are_told_apart);
	tcase_add_test(local, an_abstract_name_needs_no_path);
	tcase_add_test(local, a_full_backlog_is_waited_for);
	tcase_add_test(local, a_socket_with_a_full_backlog_was_not_left_behind);
	tcase_add_test(local, a_child_of_fork_takes_nothing_from_its_parent);
	tcase_add_test(local,
		       a_listener_that_was_forgotten_ends_with_the_loop);
	suite_add_tcase(suite, local);
	return suite_run(suite);
}
