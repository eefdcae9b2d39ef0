/* SPDX-License-Identifier: MIT */
/*
 * lib/resolve*.c. This program has a getaddrinfo() of its own, so that names
 * can hang, fail and be counted.
 */
#include <await/driver.h>
#include <await/io.h>

#include "failmalloc.h"
#include "fake_names.h"
#include "tasks.h"

static void
setup(void)
{
	sem_init(&began, 0, 0);
	sem_init(&gate, 0, 0);
	atomic_store(&n_asked, 0);
}

static void
take(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

/* Notes the addresses, or the failure. */
static void
ask(const char *host, int port)
{
	AW_AUTO(aw_addresses, list);
	int r = aw_resolve(&list, host, port);

	if (r < 0) {
		note("%s", name(r));
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct sockaddr_in *in =
			(const void *)&list->at[i].sockaddr;

		note("%s %d%s", list->at[i].text, ntohs(in->sin_port),
		     in->sin_family == list->at[i].family ? "" : " family");
	}
}

static int
ask_all(void *arg)
{
	const char *const *host = arg;

	for (; *host; host++)
		ask(*host, 80);
	return 0;
}

/* --- What needs no thread ---------------------------------------------- */

START_TEST(numeric_hosts_are_answered_at_once)
{
	const char *hosts[] = { "192.0.2.9", "::1", "[::1]",
		"2001:DB8:0::5", "fe80::1%7", "::ffff:192.0.2.1", NULL };

	ck_assert_int_eq(run_tasks(ask_all, hosts), 0);
	ck_assert_str_eq(noted, "192.0.2.9 80; ::1 80; ::1 80; "
			 "2001:db8::5 80; fe80::1%7 80; "
			 "::ffff:192.0.2.1 80; ");
	ck_assert_int_eq(n_asked, 0);
}
END_TEST

static int
asks_badly(void *arg)
{
	char longest[300];

	(void)arg;
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	ask(NULL, 80);
	ask("", 80);
	ask("[example.test]", 80);
	ask("127.0.0.1 x", 80);
	ask("a\nb", 80);
	ask(longest, 80);
	ask("::1", -1);
	ask("::1", 65536);
	ask("::1", 0);
	ask("::1", 65535);
	return 0;
}

START_TEST(bad_hosts_and_ports_are_refused)
{
	ck_assert_int_eq(run_tasks(asks_badly, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EINVAL; EINVAL; EINVAL; "
			 "EINVAL; EINVAL; EINVAL; ::1 0; ::1 65535; ");
	ck_assert_int_eq(n_asked, 0);
}
END_TEST

START_TEST(outside_a_task_it_is_refused)
{
	struct aw_addresses *list;

	ck_assert_int_eq(aw_resolve(&list, "::1", 1), AW_EUSAGE);
	aw_addresses_free(NULL);
}
END_TEST

/* --- Answers ----------------------------------------------------------- */

START_TEST(families_alternate_and_doubles_are_dropped)
{
	const char *hosts[] = { "both.test", NULL };

	ck_assert_int_eq(run_tasks(ask_all, hosts), 0);
	ck_assert_str_eq(noted, "2001:db8::1 80; 192.0.2.1 80; "
			 "2001:db8::2 80; 192.0.2.2 80; 2001:db8::3 80; ");
}
END_TEST

static int
fails(void *arg)
{
	struct aw_addresses *list = NULL;
	int r;

	(void)arg;
	r = aw_resolve(&list, "missing.test", 80);
	note("%s %d %s", name(r), aw_error()->native == EAI_NONAME,
	     aw_error()->message);
	r = aw_resolve(&list, "system.test", 80);
	note("%s %d %s", name(r), aw_error()->native == EAI_SYSTEM,
	     aw_error()->message);
	note("%s", name(aw_resolve(&list, "memory.test", 80)));
	note("untouched %d", list == NULL);
	return 0;
}

START_TEST(failures_name_the_host_and_the_cause)
{
	ck_assert_int_eq(run_tasks(fails, NULL), 0);
	ck_assert_str_eq(noted,
		"ERESOLVE 1 host 'missing.test' could not be resolved: "
		"Name or service not known; "
		"ERESOLVE 1 host 'system.test' could not be resolved: "
		"Input/output error; ENOMEM; untouched 1; ");
}
END_TEST

/* --- What is remembered ------------------------------------------------ */

static int
remembers(void *arg)
{
	(void)arg;
	ask("one.test", 80);
	ask("ONE.test", 81);
	note("asked %d", n_asked);
	AW_TRY(aw_sleep(29.9));
	ask("one.test", 80);
	note("asked %d", n_asked);
	AW_TRY(aw_sleep(0.2));
	ask("one.test", 80);
	note("asked %d", n_asked);
	return 0;
}

START_TEST(good_answers_are_kept_for_thirty_seconds)
{
	ck_assert_int_eq(run_tasks(remembers, NULL), 0);
	ck_assert_str_eq(noted, "192.0.2.7 80; 192.0.2.7 81; asked 1; "
			 "192.0.2.7 80; asked 1; 192.0.2.7 80; asked 2; ");
}
END_TEST

static int
remembers_failures(void *arg)
{
	(void)arg;
	ask("missing.test", 80);
	AW_TRY(aw_sleep(4.9));
	ask("missing.test", 80);
	note("asked %d", n_asked);
	AW_TRY(aw_sleep(0.2));
	ask("missing.test", 80);
	note("asked %d", n_asked);
	ask("memory.test", 80);
	ask("memory.test", 80);
	note("asked %d", n_asked);
	ask("lacking.test", 80);
	note("%s", aw_error()->message);
	ask("lacking.test", 80);
	ask("unopened.test", 80);
	ask("unopened.test", 80);
	note("asked %d", n_asked);
	return 0;
}

START_TEST(failures_are_kept_for_five_seconds_and_a_lack_is_not)
{
	ck_assert_int_eq(run_tasks(remembers_failures, NULL), 0);
	ck_assert_str_eq(noted, "ERESOLVE; ERESOLVE; asked 1; ERESOLVE; "
			 "asked 2; ENOMEM; ENOMEM; asked 4; ENFILE; "
			 "the address of host 'lacking.test': Too many open "
			 "files in system; ENFILE; EMFILE; EMFILE; "
			 "asked 8; ");
}
END_TEST

static int
fills_the_table(void *arg)
{
	AW_AUTO(aw_addresses, list);
	char host[32];

	(void)arg;
	ask("first.test", 80);
	ask("second.test", 80);
	for (int i = 0; i < 1022; i++) {
		snprintf(host, sizeof host, "n%d.test", i);
		AW_TRY(aw_resolve(&list, host, 80));
		aw_addresses_freep(&list);
	}
	note("asked %d", n_asked);
	ask("first.test", 80);			/* second is the oldest now */
	ask("another.test", 80);
	note("asked %d", n_asked);
	ask("first.test", 80);
	note("asked %d", n_asked);
	ask("second.test", 80);
	note("asked %d", n_asked);
	return 0;
}

START_TEST(the_name_not_used_for_longest_is_forgotten_first)
{
	ck_assert_int_eq(run_tasks(fills_the_table, NULL), 0);
	ck_assert_str_eq(noted, "192.0.2.7 80; 192.0.2.7 80; asked 1024; "
			 "192.0.2.7 80; 192.0.2.7 80; asked 1025; "
			 "192.0.2.7 80; asked 1025; "
			 "192.0.2.7 80; asked 1026; ");
}
END_TEST

/* --- Queries in flight ------------------------------------------------- */

static int
ask_slow(void *arg)
{
	(void)arg;
	ask("slow.test", 80);
	return 0;
}

static int
shares(void *arg)
{
	struct aw_task *task[3];

	(void)arg;
	for (int i = 0; i < 3; i++)
		task[i] = aw_spawn("asks", ask_slow, NULL);
	let_others_run();
	take(&began);
	aw_cancel(task[1], "impatience");
	AW_TRY(aw_join(task[1], NULL));
	sem_post(&gate);
	AW_TRY(aw_join(task[0], NULL));
	AW_TRY(aw_join(task[2], NULL));
	note("asked %d", n_asked);
	return 0;
}

START_TEST(one_query_serves_all_and_a_cancel_disturbs_none)
{
	ck_assert_int_eq(run_tasks(shares, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; 192.0.2.7 80; 192.0.2.7 80; "
			 "asked 1; ");
}
END_TEST

/* The only waiter goes: two hanging names must not stop the others. */
static int
hangs(void *arg)
{
	const char *hosts[][2] = { { "slow1.test" }, { "slow2.test" } };
	struct aw_task *task[2];

	(void)arg;
	for (int i = 0; i < 2; i++)
		task[i] = aw_spawn("asks", ask_all, hosts[i]);
	let_others_run();
	take(&began);
	take(&began);
	for (int i = 0; i < 2; i++) {
		aw_cancel(task[i], "impatience");
		AW_TRY(aw_join(task[i], NULL));
	}
	ask("one.test", 80);
	note("asked %d", n_asked);
	sem_post(&gate);
	sem_post(&gate);
	ask("slow1.test", 80);		/* joins the query in flight */
	ask("slow2.test", 80);
	note("asked %d", n_asked);
	return 0;
}

START_TEST(names_that_hang_do_not_stop_the_others)
{
	ck_assert_int_eq(run_tasks(hangs, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ECANCELED; 192.0.2.7 80; asked 3; "
			 "192.0.2.7 80; 192.0.2.7 80; asked 3; ");
}
END_TEST

static int
takes_back(void *arg)
{
	const char *hosts[][2] = { { "slow1.test" }, { "slow2.test" },
				   { "one.test" } };
	struct aw_task *task[3];

	(void)arg;
	for (int i = 0; i < 2; i++)
		task[i] = aw_spawn("asks", ask_all, hosts[i]);
	let_others_run();
	take(&began);
	take(&began);
	task[2] = aw_spawn("asks", ask_all, hosts[2]);
	let_others_run();
	aw_cancel(task[2], "impatience");
	AW_TRY(aw_join(task[2], NULL));
	sem_post(&gate);
	sem_post(&gate);
	AW_TRY(aw_join(task[0], NULL));
	AW_TRY(aw_join(task[1], NULL));
	note("asked %d", n_asked);
	ask("one.test", 80);
	note("asked %d", n_asked);
	return 0;
}

START_TEST(a_query_that_has_not_begun_is_taken_back)
{
	ck_assert_int_eq(run_tasks(takes_back, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; 192.0.2.7 80; 192.0.2.7 80; "
			 "asked 2; 192.0.2.7 80; asked 3; ");
}
END_TEST

static int
gives_up(void *arg)
{
	(void)arg;
	AW_TIMEOUT(0.01);
	ask("slow.test", 80);
	return 0;
}

/* The real clock: the test clock would wait for the thread. */
START_TEST(a_deadline_ends_the_wait_and_the_loop_may_end_too)
{
	forget_notes();
	ck_assert_int_eq(aw_run(gives_up, NULL), 0);
	ck_assert_str_eq(noted, "ETIME; ");
	sem_post(&gate);
}
END_TEST

static int
begins_cancelled(void *arg)
{
	(void)arg;
	AW_SCOPE(mine);
	aw_scope_cancel(&mine, "never mind");
	ask("::1", 80);
	ask("one.test", 80);
	return 0;
}

START_TEST(a_cancelled_scope_gets_no_answer)
{
	ck_assert_int_eq(run_tasks(begins_cancelled, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ECANCELED; ");
	ck_assert_int_eq(n_asked, 0);
}
END_TEST

static int
short_of_memory(void *arg)
{
	struct aw_addresses *list = NULL;
	int r;

	(void)arg;
	for (unsigned long n = 0; n < 100; n++) {
		fail_only(n);
		r = aw_resolve(&list, "one.test", 80);
		if (!fail_stop())
			break;
		if (r != -ENOMEM)
			note("%lu: %s", n, name(r));
	}
	note("%s %d", name(r), list != NULL);
	aw_addresses_free(list);
	return 0;
}

START_TEST(without_memory_it_fails_and_works_later)
{
	ck_assert_int_eq(run_tasks(short_of_memory, NULL), 0);
	ck_assert_str_eq(noted, "ok 1; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("resolve");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, numeric_hosts_are_answered_at_once);
	tcase_add_test(tcase, bad_hosts_and_ports_are_refused);
	tcase_add_test(tcase, outside_a_task_it_is_refused);
	tcase_add_test(tcase, families_alternate_and_doubles_are_dropped);
	tcase_add_test(tcase, failures_name_the_host_and_the_cause);
	tcase_add_test(tcase, good_answers_are_kept_for_thirty_seconds);
	tcase_add_test(tcase,
		       failures_are_kept_for_five_seconds_and_a_lack_is_not);
	tcase_add_test(tcase, the_name_not_used_for_longest_is_forgotten_first);
	tcase_add_test(tcase, one_query_serves_all_and_a_cancel_disturbs_none);
	tcase_add_test(tcase, names_that_hang_do_not_stop_the_others);
	tcase_add_test(tcase, a_query_that_has_not_begun_is_taken_back);
	tcase_add_test(tcase,
		       a_deadline_ends_the_wait_and_the_loop_may_end_too);
	tcase_add_test(tcase, a_cancelled_scope_gets_no_answer);
	tcase_add_test(tcase, without_memory_it_fails_and_works_later);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
