/* SPDX-License-Identifier: MIT */
/*
 * lib/retry.c: what is repeated, how often, and when no further attempt makes
 * sense. Time is virtual; the backoff is random, so tests look at its bounds.
 */
#include <await/driver.h>
#include <await/retry.h>

#include "random.h"
#include "tasks.h"

/* --- Functions to repeat ----------------------------------------------- */

struct script {
	int codes[8];		/* of each call; the last one for ever */
	int calls;
	double at[64];		/* when it was called */
	double takes;		/* seconds */
};

static int
play(void *arg)
{
	struct script *s = arg;
	int i = s->calls < 7 ? s->calls : 7;

	if (s->calls < 64)
		s->at[s->calls] = aw_now();
	s->calls++;
	if (s->takes > 0)
		AW_TRY(aw_sleep(s->takes));
	if (s->codes[i] >= 0)
		return s->codes[i];
	return aw_fail(s->codes[i], "call %d", s->calls);
}

static void
note_result(const struct script *s, int r)
{
	if (r >= 0)
		note("%d after %d", r, s->calls);
	else
		note("%s '%s' after %d", name(r), aw_error()->message,
		     s->calls);
}

#define ALWAYS(code) \
	{ .codes = { code, code, code, code, code, code, code, code } }

/* --- What is repeated -------------------------------------------------- */

static int
by_code(void *arg)
{
	struct script heals = { .codes = { AW_ECONNECT, AW_ELOST, 7 } };
	struct script never = ALWAYS(AW_ECONNECT);
	struct script permanent = ALWAYS(AW_EAUTH);
	struct script fine = { .codes = { 3 } };

	(void)arg;
	note_result(&heals, aw_retry(play, &heals));
	note_result(&never, aw_retry(play, &never));
	note_result(&permanent, aw_retry(play, &permanent));
	note_result(&fine, aw_retry(play, &fine));
	note("%s", name(aw_retry(NULL, NULL)));
	return 0;
}

START_TEST(passing_failures_are_repeated_five_times_in_all)
{
	ck_assert_int_eq(run_tasks(by_code, NULL), 0);
	ck_assert_str_eq(noted, "7 after 3; ECONNECT 'call 5' after 5; "
			 "EAUTH 'call 1' after 1; 3 after 1; EINVAL; ");
	ck_assert_int_eq(aw_retry(play, NULL), AW_EUSAGE);
}
END_TEST

static int
by_count(void *arg)
{
	struct script two = ALWAYS(AW_ECONNECT), none = ALWAYS(AW_ECONNECT);
	struct script endless = ALWAYS(AW_ECONNECT);

	(void)arg;
	note_result(&two, aw_retry(play, &two, .attempts = 2));
	note_result(&none, aw_retry(play, &none, .attempts = AW_NONE));
	{
		AW_TIMEOUT(1000);
		note("%s", name(aw_retry(play, &endless,
					 .attempts = AW_FOREVER, .cap = 1)));
		note("%d", endless.calls > 500);
	}
	return 0;
}

START_TEST(attempts_can_be_counted_and_endless)
{
	ck_assert_int_eq(run_tasks(by_count, NULL), 0);
	ck_assert_str_eq(noted, "ECONNECT 'call 2' after 2; "
			 "ECONNECT 'call 1' after 1; ECONNECT; 1; ");
}
END_TEST

static bool
is_eauth(int r, void *arg)
{
	const struct script *s = arg;

	return r == AW_EAUTH && s->calls < 3;
}

static int
by_predicate(void *arg)
{
	struct script a = ALWAYS(AW_EAUTH), b = ALWAYS(AW_ECONNECT);

	(void)arg;
	note_result(&a, aw_retry(play, &a, .retry_if = is_eauth));
	note_result(&b, aw_retry(play, &b, .retry_if = is_eauth));
	return 0;
}

START_TEST(the_predicate_decides)
{
	ck_assert_int_eq(run_tasks(by_predicate, NULL), 0);
	ck_assert_str_eq(noted, "EAUTH 'call 3' after 3; "
			 "ECONNECT 'call 1' after 1; ");
}
END_TEST

static bool
always(int r, void *arg)
{
	(void)arg;
	note("asked about %s", name(r));
	return true;
}

static int
beyond_the_predicate(void *arg)
{
	struct script cancel = ALWAYS(AW_ECANCELED), late = ALWAYS(AW_ETIME);
	struct script unknown = ALWAYS(AW_EUNKNOWN), alone = unknown;

	(void)arg;
	note_result(&cancel, aw_retry(play, &cancel, .retry_if = always));
	note_result(&late, aw_retry(play, &late, .retry_if = always));
	note_result(&alone, aw_retry(play, &alone));
	note_result(&unknown, aw_retry(play, &unknown, .retry_if = always,
				       .attempts = 2));
	return 0;
}

START_TEST(no_predicate_repeats_a_cancel_or_a_deadline)
{
	ck_assert_int_eq(run_tasks(beyond_the_predicate, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED 'call 1' after 1; "
			 "ETIME 'call 1' after 1; "
			 "EUNKNOWN 'call 1' after 1; asked about EUNKNOWN; "
			 "EUNKNOWN 'call 2' after 2; ");
}
END_TEST

/* --- Time -------------------------------------------------------------- */

/* Full jitter: pause n is below min(cap, base * 2^n), and not always short. */
static int
backs_off(void *arg)
{
	static const double most[] = { 1, 2, 4, 4, 4, 4 };
	double longest[6] = { 0 };
	int long_enough = 0;

	(void)arg;
	for (int i = 0; i < 200; i++) {
		struct script s = ALWAYS(AW_ECONNECT);

		aw_ignore(aw_retry(play, &s, .attempts = 7, .base = 1,
				   .cap = 4));
		for (int k = 0; k < 6; k++) {
			double pause = s.at[k + 1] - s.at[k];

			if (pause > most[k] + 1e-9)
				note("pause %d of %g", k, pause);
			if (pause > longest[k])
				longest[k] = pause;
		}
	}
	for (int k = 0; k < 6; k++)
		long_enough += longest[k] > 0.8 * most[k];
	note("%d", long_enough);
	return 0;
}

START_TEST(pauses_grow_up_to_the_cap)
{
	ck_assert_int_eq(run_tasks(backs_off, NULL), 0);
	ck_assert_str_eq(noted, "6; ");
}
END_TEST

static int
has_a_deadline(void *arg)
{
	struct script s = ALWAYS(AW_ECONNECT);
	double start = aw_now();

	(void)arg;
	AW_TIMEOUT(1e-7);
	note_result(&s, aw_retry(play, &s, .base = 1000, .cap = 1000));
	note("%d", aw_now() - start < 1e-6);
	return 0;
}

START_TEST(a_pause_that_would_outlast_the_deadline_is_not_begun)
{
	ck_assert_int_eq(run_tasks(has_a_deadline, NULL), 0);
	ck_assert_str_eq(noted, "ECONNECT 'call 1' after 1; 1; ");
}
END_TEST

static int
has_slow_attempts(void *arg)
{
	struct script slow = { .codes = { 1 }, .takes = 10 };
	double start = aw_now();

	(void)arg;
	note("%s", name(aw_retry(play, &slow, .attempts = 3, .each = 2)));
	note("%d calls, %d", slow.calls, since(start) >= 6);
	slow.calls = 0;
	{
		AW_TIMEOUT(3);
		note("%s", name(aw_retry(play, &slow, .each = 5)));
		note("%d calls", slow.calls);
	}
	return 0;
}

START_TEST(an_attempt_may_have_a_limit_of_its_own)
{
	ck_assert_int_eq(run_tasks(has_slow_attempts, NULL), 0);
	ck_assert_str_eq(noted, "ETIMEDOUT; 3 calls, 1; ETIME; 1 calls; ");
}
END_TEST

static void
asks_for_a_minute(struct aw_retry_state *state, void *arg)
{
	const struct script *s = arg;

	note("%d calls, %s, %s, %d", (int)state->calls, name(state->code),
	     aw_error()->message, s->calls);
	state->pause = state->calls == 1 ? 60 : NAN;
}

static int
is_told(void *arg)
{
	struct script s = { .codes = { AW_ECONNECT, AW_ELOST, 7 } };

	(void)arg;
	note_result(&s, aw_retry(play, &s, .on_retry = asks_for_a_minute));
	note("%g %g", since(s.at[0]), floor(s.at[1] - s.at[0]));
	return 0;
}

START_TEST(whoever_is_told_may_change_the_pause)
{
	ck_assert_int_eq(run_tasks(is_told, NULL), 0);
	ck_assert_str_eq(noted, "1 calls, ECONNECT, call 1, 1; "
			 "2 calls, ELOST, call 2, 2; 7 after 3; 60 60; ");
}
END_TEST

static void
pauses_for_three(struct aw_retry_state *state, void *arg)
{
	(void)arg;
	state->pause = 3;
}

static int
has_a_total(void *arg)
{
	struct script s = ALWAYS(AW_ECONNECT), slow = ALWAYS(AW_ECONNECT);

	(void)arg;
	slow.takes = 20;
	note_result(&s, aw_retry(play, &s, .attempts = AW_FOREVER,
				 .total = 10, .on_retry = pauses_for_three));
	note_result(&slow, aw_retry(play, &slow, .total = 10));
	return 0;
}

START_TEST(no_attempt_begins_after_the_total)
{
	ck_assert_int_eq(run_tasks(has_a_total, NULL), 0);
	ck_assert_str_eq(noted, "ECONNECT 'call 4' after 4; "
			 "ECONNECT 'call 1' after 1; ");
}
END_TEST

/* Three repeats in stock, then every second call has one. */
static int
shares_a_budget(void *arg)
{
	static struct aw_retry_budget budget = AW_RETRY_BUDGET_INIT(0.5, 3);
	struct script fine = { .codes = { 0 } };

	(void)arg;
	for (int i = 0; i < 7; i++) {
		struct script s = ALWAYS(AW_ECONNECT);

		aw_ignore(aw_retry(play, &s, .budget = &budget,
				   .attempts = 3));
		note("%d", s.calls);
	}
	for (int i = 0; i < 6; i++)
		AW_TRY(aw_retry(play, &fine, .budget = &budget));
	fine = (struct script)ALWAYS(AW_ECONNECT);
	aw_ignore(aw_retry(play, &fine, .budget = &budget,
			   .attempts = AW_FOREVER));
	note("%d", fine.calls);
	return 0;
}

START_TEST(a_budget_bounds_the_repeats_of_all_calls)
{
	ck_assert_int_eq(run_tasks(shares_a_budget, NULL), 0);
	ck_assert_str_eq(noted, "3; 2; 2; 1; 2; 1; 2; 4; ");
}
END_TEST

/* --- Cancels ----------------------------------------------------------- */

static struct script endless;

static int
retries(void *arg)
{
	(void)arg;
	note("%s", name(aw_retry(play, &endless, .attempts = AW_FOREVER)));
	note("%s", aw_error()->reason);
	return 0;
}

static int
cancels(void *arg)
{
	struct aw_task *task = aw_spawn("retries", retries, NULL);

	(void)arg;
	endless = (struct script)ALWAYS(AW_ECONNECT);
	AW_TRY(aw_sleep(500));
	aw_cancel(task, "enough");
	AW_TRY(aw_join(task, NULL));
	note("%d", endless.calls > 5);
	return 0;
}

START_TEST(a_cancel_ends_the_pause)
{
	ck_assert_int_eq(run_tasks(cancels, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; enough; 1; ");
}
END_TEST

static int
begins_cancelled(void *arg)
{
	struct script s = ALWAYS(AW_ECONNECT);

	(void)arg;
	{
		AW_SCOPE(mine);
		aw_scope_cancel(&mine, "never mind");
		note("%s", name(aw_retry(play, &s)));
	}
	{
		AW_TIMEOUT(0);
		note("%s", name(aw_retry(play, &s)));
	}
	note("%d", s.calls);
	return 0;
}

START_TEST(a_cancelled_scope_makes_no_attempt)
{
	ck_assert_int_eq(run_tasks(begins_cancelled, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ETIME; 0; ");
}
END_TEST

/* --- lib/random.c ------------------------------------------------------ */

START_TEST(random_numbers_fill_their_range)
{
	int seen[10] = { 0 };

	for (int i = 0; i < 10000; i++) {
		double x = aw__random();

		ck_assert(x >= 0 && x < 1);
		seen[(int)(x * 10)]++;
	}
	for (int i = 0; i < 10; i++)
		ck_assert_int_gt(seen[i], 800);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("retry");
	TCase *tcase = tcase_create("all");

	tcase_add_test(tcase, passing_failures_are_repeated_five_times_in_all);
	tcase_add_test(tcase, attempts_can_be_counted_and_endless);
	tcase_add_test(tcase, the_predicate_decides);
	tcase_add_test(tcase, no_predicate_repeats_a_cancel_or_a_deadline);
	tcase_add_test(tcase, pauses_grow_up_to_the_cap);
	tcase_add_test(tcase,
		       a_pause_that_would_outlast_the_deadline_is_not_begun);
	tcase_add_test(tcase, an_attempt_may_have_a_limit_of_its_own);
	tcase_add_test(tcase, whoever_is_told_may_change_the_pause);
	tcase_add_test(tcase, no_attempt_begins_after_the_total);
	tcase_add_test(tcase, a_budget_bounds_the_repeats_of_all_calls);
	tcase_add_test(tcase, a_cancel_ends_the_pause);
	tcase_add_test(tcase, a_cancelled_scope_makes_no_attempt);
	tcase_add_test(tcase, random_numbers_fill_their_range);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
