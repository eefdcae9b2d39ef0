/* SPDX-License-Identifier: MIT */
/* lib/stream_connect.c, lib/stream_open.c. */
#include "failmalloc.h"
#include "stream_descriptors.h"
#include "stream_hosts.h"

/* Connects to the name, and notes who answered. */
static int
connects(void *arg)
{
	AW_AUTO(aw_stream, s);
	struct aw_address who;
	int r = aw_tcp_connect(&s, "name.test", port);

	(void)arg;
	if (r < 0) {
		note("%s", name(r));
		return 0;
	}
	AW_TRY(aw_stream_peer(s, &who));
	note("%s", who.text);
	return 0;
}

/* --- The race ---------------------------------------------------------- */

static int
counts_descriptors(void *arg)
{
	int before = open_descriptors();

	(void)arg;
	AW_TRY(connects(NULL));
	note("%d more", open_descriptors() - before);
	return 0;
}

START_TEST(an_address_that_is_silent_is_passed_by)
{
	name_is(DEAD, ALIVE);
	ck_assert_int_eq(plain_run(counts_descriptors, NULL), 0);
	ck_assert_str_eq(noted, ALIVE "; 0 more; ");
}
END_TEST

START_TEST(an_address_that_refuses_is_passed_by)
{
	name_is(REFUSES, ALIVE);
	ck_assert_int_eq(plain_run(counts_descriptors, NULL), 0);
	ck_assert_str_eq(noted, ALIVE "; 0 more; ");
}
END_TEST

START_TEST(the_first_address_is_preferred)
{
	name_is(ALIVE, DEAD);
	ck_assert_int_eq(plain_run(counts_descriptors, NULL), 0);
	ck_assert_str_eq(noted, ALIVE "; 0 more; ");
}
END_TEST

static int
finds_nobody(void *arg)
{
	AW_AUTO(aw_stream, s);
	const struct aw_error *e = aw_error();
	char wanted[128];
	int r = aw_tcp_connect(&s, "name.test", port);

	(void)arg;
	e = aw_error();
	note("%s %d %d %d", name(r), e->native == ECONNREFUSED,
	     e->sent == AW_NOT_SENT, aw_is_retryable(r));
	snprintf(wanted, sizeof wanted, "no connection to name.test port %d: "
		 "127.0.0.4: Connection refused; 127.0.0.5: Connection "
		 "refused", port);
	note("%d", strcmp(e->message, wanted));
	note("%d", s == NULL);
	return 0;
}

START_TEST(when_all_fail_each_address_is_named)
{
	name_is(REFUSES, "127.0.0.5");
	ck_assert_int_eq(plain_run(finds_nobody, NULL), 0);
	ck_assert_str_eq(noted, "ECONNECT 1 1 1; 0; 1; ");
}
END_TEST

/* Connects within a budget that is longer each time, until what was waited
 * for is wanted: on a busy machine a short one is over before that. */
static int
connect_until(const char *wanted)
{
	AW_AUTO(aw_stream, s);
	double budget;
	int r = 0;

	for (budget = 0.01; budget < 30; budget *= 2) {
		r = aw_tcp_connect(&s, "name.test", port, .connect = budget);
		if (r == 0 || strstr(aw_error()->wait, wanted))
			return r;
	}
	return -EBADMSG;
}

static int
meets_limits(void *arg)
{
	AW_AUTO(aw_stream, s);
	int before = open_descriptors();

	(void)arg;
	note("%s", name(connect_until("; 127.0.0.2: no answer yet")));
	{
		AW_TIMEOUT(0.01);
		note("%s", name(aw_tcp_connect(&s, "name.test", port)));
	}
	note("%d more", open_descriptors() - before);
	return 0;
}

START_TEST(a_silent_host_meets_the_budget_and_the_scope)
{
	name_is(DEAD, NULL);
	ck_assert_int_eq(plain_run(meets_limits, NULL), 0);
	ck_assert_str_eq(noted, "ETIMEDOUT; ETIME; 0 more; ");
}
END_TEST

static int
is_cancelled(void *arg)
{
	struct aw_task *task = aw_spawn("connects", connects, NULL);
	int before = open_descriptors();

	(void)arg;
	for (int i = 0; i < 20000 && open_descriptors() == before; i++)
		AW_TRY(aw_sleep(0.001));
	note("%d more", open_descriptors() - before);
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, NULL));
	note("%d more", open_descriptors() - before);
	return 0;
}

START_TEST(a_cancelled_connect_leaves_no_descriptor)
{
	name_is(DEAD, NULL);
	ck_assert_int_eq(plain_run(is_cancelled, NULL), 0);
	ck_assert_str_eq(noted, "1 more; ECANCELED; 0 more; ");
}
END_TEST

/* --- Names ------------------------------------------------------------- */

static int
ticks(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		AW_TRY(aw_sleep(0.0005));
	note("100 ticks");
	sem_post(&gate);
	return 0;
}

static int
name_hangs(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, connects, NULL));
	AW_TRY(aw_go(&group, ticks, NULL));
	return aw_group_wait(&group);
}

START_TEST(a_ticker_ticks_while_the_name_server_is_silent)
{
	name_is(ALIVE, NULL);
	hangs = true;
	ck_assert_int_eq(plain_run(name_hangs, NULL), 0);
	ck_assert_str_eq(noted, "100 ticks; " ALIVE "; ");
}
END_TEST

static int
silent_names(void *arg)
{
	AW_AUTO(aw_stream, s);

	(void)arg;
	note("%s", name(aw_tcp_connect(&s, "name.test", port,
				       .connect = 0.01)));
	{
		AW_TIMEOUT(0.01);
		note("%s", name(aw_tcp_connect(&s, "name.test", port)));
	}
	sem_post(&gate);
	return 0;
}

START_TEST(a_silent_name_server_meets_the_budget_and_the_scope)
{
	name_is(ALIVE, NULL);
	hangs = true;
	ck_assert_int_eq(plain_run(silent_names, NULL), 0);
	ck_assert_str_eq(noted, "ETIMEDOUT; ETIME; ");
}
END_TEST

static int
resolves(void *arg)
{
	AW_AUTO(aw_addresses, list);

	AW_TRY(aw_resolve(&list, "name.test", 80));
	++*(int *)arg;
	return 0;
}

static int
a_thousand(void *arg)
{
	AW_GROUP(group);
	int n = 0;

	(void)arg;
	for (int i = 0; i < 1000; i++)
		AW_TRY(aw_go(&group, resolves, &n));
	AW_TRY(aw_sleep(0.001));
	sem_post(&gate);
	AW_TRY(aw_group_wait(&group));
	note("%d answers, asked %d", n, atomic_load(&n_asked));
	return 0;
}

START_TEST(a_thousand_lookups_of_one_name_are_one_query)
{
	name_is(ALIVE, NULL);
	hangs = true;
	ck_assert_int_eq(plain_run(a_thousand, NULL), 0);
	ck_assert_str_eq(noted, "1000 answers, asked 1; ");
}
END_TEST

static int
no_name(void *arg)
{
	AW_AUTO(aw_stream, s);

	(void)arg;
	AW_TRY(connects(NULL));
	note("%s", name(aw_tcp_connect(&s, "", 80)));
	note("%s", name(aw_tcp_connect(&s, ALIVE, 0)));
	note("%s", name(aw_tcp_connect(&s, ALIVE, 65536)));
	note("%s", name(aw_tcp_connect(&s, ALIVE, port, .connect = -1)));
	note("%s", name(aw_tcp_connect(&s, ALIVE, port, .limit = -1)));
	note("%s", name(aw_tcp_connect(&s, ALIVE, port, .high = -2)));
	return 0;
}

START_TEST(bad_names_ports_and_options_are_refused)
{
	name_is(NULL, NULL);
	ck_assert_int_eq(plain_run(no_name, NULL), 0);
	ck_assert_str_eq(noted, "ERESOLVE; EINVAL; EINVAL; EINVAL; EINVAL; "
			 "EINVAL; EINVAL; ");
}
END_TEST

/* --- Want -------------------------------------------------------------- */

static int
no_descriptor(void *arg)
{
	AW_AUTO(aw_stream, s);
	int r;

	(void)arg;
	few_descriptors(0);
	r = aw_tcp_connect(&s, ALIVE, port);
	note("%s", name(r));
	r = aw_unix_connect(&s, "/nowhere");
	note("%s", name(r));
	many_descriptors();
	AW_TRY(aw_tcp_connect(&s, ALIVE, port));
	note("later");
	return 0;
}

START_TEST(without_a_descriptor_it_fails_and_works_later)
{
	ck_assert_int_eq(plain_run(no_descriptor, NULL), 0);
	ck_assert_str_eq(noted, "EMFILE; EMFILE; later; ");
}
END_TEST

static int
lacks_the_second(void *arg)
{
	int r;

	(void)arg;
	aw_ignore(connects(NULL));	/* the name is known from here on */
	few_descriptors(1);
	r = connect_until("; 127.0.0.2: no answer yet; 127.0.0.3: Too many "
			  "open files");
	note("%s", name(r));
	many_descriptors();
	return 0;
}

START_TEST(want_of_a_second_descriptor_does_not_end_the_first)
{
	name_is(DEAD, ALIVE);
	ck_assert_int_eq(plain_run(lacks_the_second, NULL), 0);
	ck_assert_str_eq(noted, ALIVE "; ETIMEDOUT; ");
}
END_TEST

static int
no_memory(void *arg)
{
	int before = open_descriptors(), r = 0;

	(void)arg;
	for (unsigned long n = 0; n < 200; n++) {
		AW_AUTO(aw_stream, s);

		fail_from(n);
		r = aw_tcp_connect(&s, ALIVE, port);
		if (!fail_stop())
			break;
		if (r != -ENOMEM && r != 0)
			note("%s at %lu", name(r), n);
		aw_stream_abort(&s);
		if (open_descriptors() != before)
			note("a descriptor is left at %lu", n);
	}
	note("%s", name(r));
	return 0;
}

START_TEST(without_memory_it_fails_and_leaves_nothing)
{
	ck_assert_int_eq(plain_run(no_memory, NULL), 0);
	ck_assert_str_eq(noted, "ok; ");
}
END_TEST

START_TEST(outside_a_task_it_is_refused)
{
	struct aw_stream *s = NULL;

	ck_assert_int_eq(aw_tcp_connect(&s, ALIVE, port), AW_EUSAGE);
	ck_assert_int_eq(aw_unix_connect(&s, "/nowhere"), AW_EUSAGE);
	ck_assert_int_eq(aw_stream_from_fd(&s, 0), AW_EUSAGE);
	ck_assert_ptr_null(s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_connect");
	TCase *race = tcase_create("race");
	TCase *names = tcase_create("names");
	TCase *want = tcase_create("want");

	tcase_add_checked_fixture(race, setup, teardown);
	tcase_add_test(race, an_address_that_is_silent_is_passed_by);
	tcase_add_test(race, an_address_that_refuses_is_passed_by);
	tcase_add_test(race, the_first_address_is_preferred);
	tcase_add_test(race, when_all_fail_each_address_is_named);
	tcase_add_test(race, a_silent_host_meets_the_budget_and_the_scope);
	tcase_add_test(race, a_cancelled_connect_leaves_no_descriptor);
	suite_add_tcase(suite, race);

	tcase_add_checked_fixture(names, setup, teardown);
	tcase_add_test(names, a_ticker_ticks_while_the_name_server_is_silent);
	tcase_add_test(names,
		       a_silent_name_server_meets_the_budget_and_the_scope);
	tcase_add_test(names, a_thousand_lookups_of_one_name_are_one_query);
	tcase_add_test(names, bad_names_ports_and_options_are_refused);
	suite_add_tcase(suite, names);

	tcase_add_checked_fixture(want, setup, teardown);
	tcase_add_test(want, without_a_descriptor_it_fails_and_works_later);
	tcase_add_test(want,
		       want_of_a_second_descriptor_does_not_end_the_first);
	tcase_add_test(want, without_memory_it_fails_and_leaves_nothing);
	tcase_add_test(want, outside_a_task_it_is_refused);
	suite_add_tcase(suite, want);
	return suite_run(suite);
}
