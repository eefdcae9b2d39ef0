/* SPDX-License-Identifier: MIT */
/* lib/serve.c: a task for each connection. */
#include "failmalloc.h"
#include "listen.h"
#include "listen_world.h"

static int n_now, n_most, n_begun, n_failed, last_failure;

static int
echo(struct aw_stream *s, void *arg)
{
	struct aw_bytes bytes;
	int r;

	(void)arg;
	n_begun++;
	n_now++;
	n_most = n_now > n_most ? n_now : n_most;
	while ((r = aw_stream_chunk(s, &bytes)) > 0) {
		r = aw_stream_write(s, bytes);
		if (r < 0)
			break;
	}
	n_now--;
	return r;
}

static void
on_failure(void *arg, int r)
{
	(void)arg;
	n_failed++;
	last_failure = r;
}

static int
serves(void *arg)
{
	int64_t *max = arg;

	return aw_serve(listener, echo, NULL, .max = max ? *max : 0,
			.on_failure = on_failure);
}

/* Says a word and hears it back. */
static int
ask(struct aw_stream *s, const char *word)
{
	struct aw_bytes got;

	AW_TRY(aw_stream_write(s, aw_text(word)));
	AW_TRY(aw_stream_exactly(s, &got, strlen(word)));
	return memcmp(got.data, word, got.size) ? -EBADMSG : 0;
}

static int
client(void *arg)
{
	AW_AUTO(aw_stream, s);

	(void)arg;
	AW_TRY(aw_tcp_connect(&s, "127.0.0.1", aw_listener_port(listener)));
	for (int i = 0; i < 3; i++) {
		AW_TRY(ask(s, "word"));
		AW_TRY(aw_sleep(0.0001));
	}
	AW_TRY(aw_stream_shutdown(s));
	return aw_stream_read(s, &(char){ 0 }, 1) == 0 ? 0 : -EBADMSG;
}

static int
run_listener(int (*fn)(void *arg))
{
	n_now = n_most = n_begun = n_failed = last_failure = 0;
	return plain_run(in_listener, &fn);
}

/* --- Serving ----------------------------------------------------------- */

static int
many_clients(void *arg)
{
	int64_t max = 4;
	struct aw_task *server = aw_spawn("serves", serves, &max);
	int status = 1;

	(void)arg;
	{
		AW_GROUP(clients);

		for (int i = 0; i < 40; i++)
			AW_TRY(aw_go(&clients, client, NULL));
		AW_TRY(aw_group_wait(&clients));
	}
	aw_listener_stop(listener);
	AW_TRY(aw_join(server, &status));
	note("%d begun, %s at once, %d failed, status %d", n_begun,
	     n_most <= 4 ? "few" : "many", n_failed, status);
	return 0;
}

START_TEST(no_more_connections_are_served_than_the_limit)
{
	ck_assert_int_eq(run_listener(many_clients), 0);
	ck_assert_str_eq(noted, "40 begun, few at once, 0 failed, status 0; ");
}
END_TEST

static int
one_fails(void *arg)
{
	const struct linger now = { 1, 0 };
	AW_AUTO(aw_stream, good);
	AW_AUTO(aw_stream, bad);
	struct aw_task *server = aw_spawn("serves", serves, NULL);
	int status = 1;

	(void)arg;
	AW_TRY(aw_tcp_connect(&good, "127.0.0.1",
			      aw_listener_port(listener)));
	AW_TRY(aw_tcp_connect(&bad, "127.0.0.1", aw_listener_port(listener)));
	AW_TRY(ask(good, "one"));
	AW_TRY(ask(bad, "two"));
	setsockopt(aw_stream_fd(bad), SOL_SOCKET, SO_LINGER, &now, sizeof now);
	aw_stream_abort(&bad);
	for (int i = 0; i < 20000 && !n_failed; i++)
		AW_TRY(aw_sleep(0.001));
	note("%s", name(last_failure));
	AW_TRY(ask(good, "three"));
	aw_listener_stop(listener);
	AW_TRY(ask(good, "four"));	/* those that there are go on */
	AW_TRY(aw_stream_close(&good));
	AW_TRY(aw_join(server, &status));
	note("%d failed, status %d", n_failed, status);
	return 0;
}

START_TEST(a_connection_that_fails_disturbs_nobody)
{
	ck_assert_int_eq(run_listener(one_fails), 0);
	ck_assert_str_eq(noted, "ECONNRESET; 1 failed, status 0; ");
}
END_TEST

static int
cancelled(void *arg)
{
	AW_AUTO(aw_stream, s);
	struct aw_task *server = aw_spawn("serves", serves, NULL);
	struct aw_bytes bytes;
	int status = 0;

	(void)arg;
	AW_TRY(aw_tcp_connect(&s, "127.0.0.1", aw_listener_port(listener)));
	AW_TRY(ask(s, "one"));
	aw_cancel(server, "test");
	AW_TRY(aw_join(server, &status));
	note("%s, %d left", name(status), n_now);
	note("%s", name(aw_stream_chunk(s, &bytes)));
	{
		AW_TIMEOUT(0.005);
		note("%s", name(serves(NULL)));
	}
	return 0;
}

START_TEST(an_interrupted_server_aborts_its_connections)
{
	ck_assert_int_eq(run_listener(cancelled), 0);
	ck_assert_str_eq(noted, "ECANCELED, 0 left; ECONNRESET; ETIME; ");
}
END_TEST

static char much[8 << 20];

static int
says_much(struct aw_stream *s, void *arg)
{
	(void)arg;
	return aw_stream_write(s, aw_bytes(much, sizeof much)) < 0 ? -EIO : 7;
}

static int
serves_much(void *arg)
{
	(void)arg;
	return aw_serve(listener, says_much, NULL, .close = 0.01,
			.on_failure = on_failure);
}

static int
last_bytes(void *arg)
{
	AW_AUTO(aw_stream, s);
	struct aw_task *server = aw_spawn("serves", serves_much, NULL);
	struct aw_bytes bytes;
	size_t got = 0;
	int r;

	(void)arg;
	AW_TRY(aw_tcp_connect(&s, "127.0.0.1", aw_listener_port(listener)));
	while ((r = aw_stream_chunk(s, &bytes)) > 0)
		got += bytes.size;
	note("%d %d", r, got == sizeof much);
	aw_listener_stop(listener);
	return aw_join(server, NULL);
}

START_TEST(what_was_written_last_is_sent_before_the_end)
{
	ck_assert_int_eq(run_listener(last_bytes), 0);
	ck_assert_str_eq(noted, "0 1; ");
}
END_TEST

/* Until the system takes no more. A sleep so short that it is over when it
 * begins would only yield, and what was written could not be sent meanwhile. */
static int
says_and_stays(struct aw_stream *s, void *arg)
{
	struct aw_stream_counts n;

	(void)arg;
	do {
		AW_TRY(aw_stream_write(s, aw_bytes(much, 32768)));
		AW_TRY(aw_sleep(0.002));
		n = aw_stream_counts(s);
	} while (n.written == n.sent);
	return 0;
}

static int
nobody_reads(void *arg)
{
	AW_AUTO(aw_stream, s);

	(void)arg;
	AW_TRY(aw_tcp_connect(&s, "127.0.0.1", aw_listener_port(listener)));
	for (int i = 0; i < 20000 && !n_failed; i++)
		AW_TRY(aw_sleep(0.001));
	aw_listener_stop(listener);
	return 0;
}

static int
goodbye(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, nobody_reads, NULL));
	AW_TRY(aw_serve(listener, says_and_stays, NULL, .close = 0.01,
			.on_failure = on_failure));
	note("%s", name(last_failure));
	return aw_group_wait(&group);
}

START_TEST(a_goodbye_that_nobody_reads_has_a_limit)
{
	ck_assert_int_eq(run_listener(goodbye), 0);
	ck_assert_str_eq(noted, "ETIMEDOUT; ");
}
END_TEST

static int
bad_options(void *arg)
{
	(void)arg;
	note("%s", name(aw_serve(listener, echo, NULL, .max = -1)));
	note("%s", name(aw_serve(listener, echo, NULL, .close = -1)));
	note("%s", name(aw_serve(listener, echo, NULL, .stack = INT64_MAX)));
	aw_listener_stop(listener);
	note("%s", name(aw_serve(listener, echo, NULL)));
	return 0;
}

START_TEST(bad_options_are_refused)
{
	ck_assert_int_eq(run_listener(bad_options), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EINVAL; ok; ");
}
END_TEST

/* The memory of what was just freed gets another's contents. */
static void
use_again(size_t size)
{
	static void *volatile memory;	/* kept: not optimized away */

	memory = malloc(size);
	memset(memory, 0xff, size);
	free(memory);
}

static int
freed_meanwhile(int64_t *max, struct aw_stream **s)
{
	struct aw_task *server = aw_spawn("serves", serves, max);
	int status = 1;

	/* It may be dropped before it is seen to be connected. */
	aw_ignore(aw_tcp_connect(s, "127.0.0.1", aw_listener_port(listener)));
	while (aw_listener_counts(listener).accepted == 0)
		AW_TRY(aw_sleep(0.001));
	let_others_run();
	aw_listener_freep(&listener);
	use_again(sizeof *listener);
	aw_stream_freep(s);
	AW_TRY(aw_join(server, &status));
	note("status %d", status);
	return 0;
}

static int
freed_while_full(void *arg)
{
	AW_AUTO(aw_stream, s);

	(void)arg;
	return freed_meanwhile(&(int64_t){ 1 }, &s);
}

START_TEST(a_listener_may_be_freed_while_its_server_waits_for_a_place)
{
	ck_assert_int_eq(run_listener(freed_while_full), 0);
	ck_assert_str_eq(noted, "status 0; ");
	ck_assert_int_eq(n_begun, 1);
}
END_TEST

static int
freed_while_pausing(void *arg)
{
	AW_AUTO(aw_stream, s);

	(void)arg;
	AW_TRY(aw_tcp_listen(&listener, NULL, 0));
	return freed_meanwhile(NULL, &s);
}

/* No task may be made for the connection, so the server pauses. */
START_TEST(a_listener_may_be_freed_while_its_server_pauses)
{
	forget_notes();
	n_begun = 0;
	ck_assert_int_eq(aw_run(freed_while_pausing, NULL, .max_tasks = 2,
				.no_signals = true), 0);
	ck_assert_str_eq(noted, "status 0; ");
	ck_assert_int_eq(n_begun, 0);
}
END_TEST

/* Each allocation of a served connection is refused once: the server lives,
 * and serves the next. */
static int
short_of_memory(void *arg)
{
	struct aw_task *server = aw_spawn("serves", serves, NULL);
	int status = 1, served = 0;
	bool refused = true;

	(void)arg;
	for (unsigned long n = 0; n < 100 && refused; n++) {
		AW_AUTO(aw_stream, s);

		AW_TRY(aw_tcp_connect(&s, "127.0.0.1",
				      aw_listener_port(listener)));
		fail_only(n);
		{
			AW_TIMEOUT(0.05);
			aw_ignore(ask(s, "x"));
		}
		refused = fail_stop();
	}
	for (int i = 0; i < 200 && !served; i++)
		served = client(NULL) == 0;
	aw_listener_stop(listener);
	AW_TRY(aw_join(server, &status));
	note("served %d, status %d", served, status);
	return 0;
}

START_TEST(short_of_memory_the_server_goes_on)
{
	ck_assert_int_eq(run_listener(short_of_memory), 0);
	ck_assert_str_eq(noted, "served 1, status 0; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("serve");
	TCase *serving = tcase_create("serving");

	tcase_add_test(serving,
		       no_more_connections_are_served_than_the_limit);
	tcase_add_test(serving,
		       a_connection_that_fails_disturbs_nobody);
	tcase_add_test(serving, an_interrupted_server_aborts_its_connections);
	tcase_add_test(serving,
		       what_was_written_last_is_sent_before_the_end);
	tcase_add_test(serving, a_goodbye_that_nobody_reads_has_a_limit);
	tcase_add_test(serving,
		       bad_options_are_refused);
	tcase_add_test(serving,
		a_listener_may_be_freed_while_its_server_waits_for_a_place);
	tcase_add_test(serving,
		       a_listener_may_be_freed_while_its_server_pauses);
	tcase_add_test(serving, short_of_memory_the_server_goes_on);
	suite_add_tcase(suite, serving);
	return suite_run(suite);
}
