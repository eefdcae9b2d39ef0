/* SPDX-License-Identifier: MIT */
/*
 * lib/stream_in.c, stream_out.c and stream_info.c: all that comes at once,
 * several pieces at once, both addresses, and where a connect comes from.
 */
#include <sys/syscall.h>

#include <await/listen.h>

#include "failmalloc.h"
#include "stream_pair.h"

/* --- Everything up to the end ------------------------------------------ */

static void
slurp(int64_t max)
{
	struct aw_bytes all = { NULL, 0 };
	int r = aw_stream_slurp(stream, &all, .max = max);

	note("%s%s%.*s%s", name(r), r < 0 ? "" : " ", AW_ARG(all),
	     r == 0 && ((const char *)all.data)[all.size] ? " no NUL" : "");
	free((void *)(uintptr_t)all.data);
}

static int
whole(void *arg)
{
	(void)arg;
	say("first\nsecond, ");
	line();
	{
		AW_TIMEOUT(0.005);
		slurp(0);
	}
	say("third");
	hang_up();
	slurp(5);
	slurp(0);
	slurp(-1);
	return 0;
}

START_TEST(a_slurp_gives_what_is_left_and_tells_interruptions)
{
	ck_assert_int_eq(run_pair(whole), 0);
	ck_assert_str_eq(noted, "1 first; ETIME; ok third; ok ; EINVAL; ");
}
END_TEST

static int
limited(void *arg)
{
	(void)arg;
	say("123456");
	hang_up();
	slurp(*(int64_t *)arg);
	note("%s", aw_error()->code ? aw_error()->message : "");
	return 0;
}

static int
limited_to_5(void *arg)
{
	(void)arg;
	return limited(&(int64_t){ 5 });
}

static int
limited_to_6(void *arg)
{
	(void)arg;
	return limited(&(int64_t){ 6 });
}

START_TEST(a_slurp_has_a_limit_that_is_told)
{
	ck_assert_int_eq(run_pair(limited_to_5), 0);
	ck_assert_str_eq(noted, "ELIMIT; what came by a stream is longer than "
			 "5 bytes (.max); ");
	ck_assert_int_eq(run_pair(limited_to_6), 0);
	ck_assert_ptr_nonnull(strstr(noted, "ok 123456; "));
}
END_TEST

static char much[3 << 20];

static int
says_much(void *arg)
{
	AW_AUTO(aw_stream, other);

	(void)arg;
	AW_TRY(aw_stream_from_fd(&other, peer));
	peer = -1;
	AW_TRY(aw_stream_write(other, aw_bytes(much, sizeof much)));
	return aw_stream_close(&other);
}

static int
megabytes(void *arg)
{
	struct aw_bytes all;
	AW_GROUP(group);

	(void)arg;
	memset(much, 'x', sizeof much);
	AW_TRY(aw_go(&group, says_much, NULL));
	AW_TRY(aw_stream_slurp(stream, &all));
	note("%d", all.size == sizeof much &&
	     memcmp(all.data, much, sizeof much) == 0);
	free((void *)(uintptr_t)all.data);
	return aw_group_wait(&group);
}

START_TEST(megabytes_are_slurped_beyond_the_limit_of_a_line)
{
	ck_assert_int_eq(run_pair(megabytes), 0);
	ck_assert_str_eq(noted, "1; ");
}
END_TEST

static int
no_memory(void *arg)
{
	(void)arg;
	say("x");
	hang_up();
	fail_from(0);
	slurp(0);
	note("refused %d", fail_stop());
	slurp(0);
	return 0;
}

START_TEST(without_memory_a_slurp_takes_nothing)
{
	ck_assert_int_eq(run_pair(no_memory), 0);
	ck_assert_str_eq(noted, "ENOMEM; refused 1; ok x; ");
}
END_TEST

/* --- Several pieces ---------------------------------------------------- */

static int
pieces(void *arg)
{
	const struct aw_bytes parts[] = {
		aw_text("one, "), aw_bytes(NULL, 0),
		aw_text("which does not fit, "), aw_text("three")
	};

	(void)arg;
	AW_TRY(aw_stream_writev(stream, parts, AW_LENGTH(parts)));
	AW_TRY(aw_stream_writev(stream, NULL, 0));
	AW_TRY(aw_stream_flush(stream));
	heard();
	return 0;
}

START_TEST(pieces_are_sent_in_order)
{
	ck_assert_int_eq(run_limited(pieces, 0, 10), 0);
	ck_assert_str_eq(noted, "heard one, which does not fit, three; ");
}
END_TEST

static int
writes_much(void *arg)
{
	const struct aw_bytes parts[] = {
		aw_bytes(much, sizeof much), aw_text("more")
	};

	(void)arg;
	note("%s", name(aw_stream_writev(stream, parts, 2)));
	return 0;
}

/* Runs in each turn before the writer, who is told in the same one. */
static int
closes_amid(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, writes_much, NULL));
	while (aw_stream_counts(stream).sent < sizeof much) {
		char buf[65536];

		aw_ignore(recv(peer, buf, sizeof buf, MSG_DONTWAIT) < 0);
		AW_TRY(aw_yield());
	}
	note("%s", name(aw_stream_close(&stream)));
	return aw_group_wait(&group);
}

START_TEST(a_close_between_two_pieces_ends_the_write)
{
	ck_assert_int_eq(run_pair(closes_amid), 0);
	ck_assert_str_eq(noted, "ok; ECLOSED; ");
}
END_TEST

/* --- Addresses --------------------------------------------------------- */

static void
note_addresses(const struct aw_stream *s)
{
	struct aw_address self, far;

	if (aw_stream_self(s, &self) < 0 || aw_stream_peer(s, &far) < 0)
		note("%s", aw_error()->message);
	else
		note("%s %s", self.text, far.text);
}

static int
from(int port, const char *local)
{
	AW_AUTO(aw_stream, s);
	int r = aw_tcp_connect(&s, "127.0.0.1", port, .local = local);

	if (r < 0)
		note("%s", name(r));
	else
		note_addresses(s);
	return 0;
}

static int
locals(void *arg)
{
	AW_AUTO(aw_listener, listener);
	int port;

	(void)arg;
	AW_TRY(aw_tcp_listen(&listener, NULL, 0));
	port = aw_listener_port(listener);
	AW_TRY(from(port, NULL));
	AW_TRY(from(port, "127.0.0.2"));
	AW_TRY(from(port, "localhost"));
	AW_TRY(from(port, "192.0.2.1"));
	return from(port, "::1");
}

START_TEST(a_connect_comes_from_the_address_that_was_asked_for)
{
	ck_assert_int_eq(plain_run(locals, NULL), 0);
	ck_assert_str_eq(noted, "127.0.0.1 127.0.0.1; 127.0.0.2 127.0.0.1; "
			 "EINVAL; ECONNECT; ECONNECT; ");
}
END_TEST

static bool meets_itself;

/* As the system does now and then for a port of its local range. */
int
connect(int fd, const struct sockaddr *to, socklen_t size)
{
	if (meets_itself && bind(fd, to, size) < 0)
		return -1;
	return (int)syscall(SYS_connect, fd, to, size);
}

static int
free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	aw_ignore(bind(fd, (void *)&in, size));
	aw_ignore(getsockname(fd, (void *)&in, &size));
	close(fd);
	return ntohs(in.sin_port);
}

static int
itself(void *arg)
{
	AW_AUTO(aw_stream, s);
	int r;

	(void)arg;
	meets_itself = true;
	r = aw_tcp_connect(&s, "127.0.0.1", free_port());
	meets_itself = false;
	note("%s", name(r));
	note("%d", aw_error()->native == ECONNREFUSED);
	return 0;
}

START_TEST(where_nobody_listens_a_connect_does_not_reach_itself)
{
	ck_assert_int_eq(plain_run(itself, NULL), 0);
	ck_assert_str_eq(noted, "ECONNECT; 1; ");
}
END_TEST

static int
long_path(void *arg)
{
	const char *path = arg;
	AW_AUTO(aw_listener, listener);
	AW_AUTO(aw_stream, s);
	struct aw_address self, far;

	AW_TRY(aw_unix_listen(&listener, path));
	AW_TRY(aw_unix_connect(&s, path));
	AW_TRY(aw_stream_peer(s, &far));
	note("%d", strcmp(far.text, path) == 0);
	AW_TRY(aw_stream_self(s, &self));
	note("'%s'", self.text);
	return 0;
}

START_TEST(the_path_of_a_unix_socket_is_told_whole)
{
	char path[108];
	int n = snprintf(path, sizeof path, "/tmp/await-whole-%d-",
			 (int)getpid());

	memset(path + n, 'x', sizeof path - (size_t)n);
	path[sizeof path - 1] = '\0';
	ck_assert_int_eq(plain_run(long_path, path), 0);
	ck_assert_ptr_nonnull(strstr(noted, "1; ''; "));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_whole");
	TCase *tcase = tcase_create("all");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase,
		       a_slurp_gives_what_is_left_and_tells_interruptions);
	tcase_add_test(tcase, a_slurp_has_a_limit_that_is_told);
	tcase_add_test(tcase,
		       megabytes_are_slurped_beyond_the_limit_of_a_line);
	tcase_add_test(tcase, without_memory_a_slurp_takes_nothing);
	tcase_add_test(tcase, pieces_are_sent_in_order);
	tcase_add_test(tcase, a_close_between_two_pieces_ends_the_write);
	tcase_add_test(tcase,
		       a_connect_comes_from_the_address_that_was_asked_for);
	tcase_add_test(tcase,
		       where_nobody_listens_a_connect_does_not_reach_itself);
	tcase_add_test(tcase, the_path_of_a_unix_socket_is_told_whole);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
