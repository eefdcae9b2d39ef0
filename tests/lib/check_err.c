/* SPDX-License-Identifier: MIT */
/* lib/err.c and lib/failure.c: names, meanings, and whose detail it is. */
#include <pthread.h>
#include <unistd.h>

#include <await/driver.h>

#include "failmalloc.h"
#include "tasks.h"

/* --- Names ------------------------------------------------------------- */

static const struct {
	int code, number;
	const char *name;
} codes[] = {
#define CODE(name) { AW_##name, -name, "AW_" #name },
	AW_ERRNO_MAP(CODE)
#undef CODE
#define CODE(name, number, text) { AW_##name, -number, "AW_" #name },
	AW_ERR_MAP(CODE)
#undef CODE
};

START_TEST(every_code_has_one_name_and_one_meaning)
{
	for (size_t i = 0; i < AW_LENGTH(codes); i++) {
		int code = codes[i].code;

		ck_assert_int_lt(code, 0);
		ck_assert_int_eq(code, codes[i].number);
		ck_assert_str_eq(aw_error_name(code), codes[i].name);
		ck_assert_str_ne(aw_strerror(code), "an unknown error");
		ck_assert_str_ne(aw_strerror(code), "");
		for (size_t j = 0; j < i; j++)
			ck_assert_int_ne(code, codes[j].code);
	}
}
END_TEST

/* Programs in the field have them compiled in: append only. */
START_TEST(our_numbers_do_not_change)
{
	ck_assert_int_eq(AW_EUSAGE, -5000);
	ck_assert_int_eq(AW_ECLOSED, -5001);
	ck_assert_int_eq(AW_EPOOL, -5002);
	ck_assert_int_eq(AW_ESQL, -5009);
	ck_assert_int_eq(AW_EUNKNOWN, -5010);
	ck_assert_int_eq(AW_EHTTP, -5020);
	ck_assert_int_eq(AW_ELEAK, -5023);
	ck_assert_int_eq(AW_ECANCELED, -ECANCELED);
	ck_assert_int_eq(AW_ETIME, -ETIME);
	ck_assert_int_eq(AW_ETIMEDOUT, -ETIMEDOUT);
	ck_assert_int_eq(AW_ERANGE, -ERANGE);
}
END_TEST

START_TEST(what_is_no_code_has_a_name_too)
{
	ck_assert_str_eq(aw_error_name(0), "AW_OK");
	ck_assert_str_eq(aw_error_name(17), "AW_OK");
	ck_assert_str_eq(aw_error_name(-4711), "AW_E?");
	ck_assert_str_eq(aw_error_name(-4999), "AW_E?");
	ck_assert_str_eq(aw_strerror(0), "success");
	ck_assert_str_eq(aw_strerror(-4999), "an unknown error");
	ck_assert_ptr_nonnull(aw_strerror(INT_MIN));
	ck_assert_str_eq(aw_error_name(INT_MIN), "AW_E?");
}
END_TEST

/* --- Predicates -------------------------------------------------------- */

START_TEST(time_limits_and_cancels_are_told_apart)
{
	ck_assert(aw_is_timeout(AW_ETIME));
	ck_assert(aw_is_timeout(AW_ETIMEDOUT));
	ck_assert(aw_is_timeout(AW_EPOOL));
	ck_assert(!aw_is_timeout(AW_ECANCELED));
	ck_assert(!aw_is_timeout(0));
	ck_assert(aw_is_cancel(AW_ECANCELED));
	ck_assert(aw_is_cancel(AW_ETIME));
	ck_assert(!aw_is_cancel(AW_ETIMEDOUT));
	ck_assert(!aw_is_cancel(1));
}
END_TEST

static bool
retryable(int code, enum aw_sent sent, enum aw_sql_class sql_class, int status)
{
	struct aw_error *e = aw_error_set(code);

	e->sent = sent;
	e->sql_class = sql_class;
	e->status = status;
	return aw_is_retryable(code);
}

START_TEST(only_what_took_no_effect_is_retryable)
{
	ck_assert(retryable(AW_ECONNECT, AW_NOT_SENT, 0, 0));
	ck_assert(retryable(AW_EPOOL, AW_NOT_SENT, 0, 0));
	ck_assert(retryable(AW_ELOST, AW_NOT_SENT, 0, 0));
	ck_assert(!retryable(AW_ELOST, AW_SENT_UNKNOWN, 0, 0));
	ck_assert(retryable(AW_ESQL, AW_SENT_NO_EFFECT,
			    AW_SQL_SERIALIZATION, 0));
	ck_assert(retryable(AW_ESQL, AW_SENT_NO_EFFECT, AW_SQL_DEADLOCK, 0));
	ck_assert(!retryable(AW_ESQL, AW_SENT_NO_EFFECT, AW_SQL_UNIQUE, 0));
	ck_assert(!retryable(AW_EUNKNOWN, AW_SENT_UNKNOWN, 0, 0));
	ck_assert(retryable(AW_EHTTP, AW_SENT_NO_EFFECT, 0, 503));
	ck_assert(!retryable(AW_EHTTP, AW_SENT_NO_EFFECT, 0, 404));
	ck_assert(!retryable(AW_ECANCELED, AW_NOT_SENT, 0, 0));
	ck_assert(!retryable(AW_ETIME, AW_NOT_SENT, 0, 0));
	ck_assert(!aw_is_retryable(0));
	ck_assert(!aw_is_retryable(-EINVAL));
}
END_TEST

/* --- The detail -------------------------------------------------------- */

START_TEST(fail_keeps_one_line_and_returns_the_code)
{
	const struct aw_error *e;

	ck_assert_int_eq(aw_fail(-EINVAL, "port %d", 70000), -EINVAL);
	e = aw_error();
	ck_assert_int_eq(e->code, -EINVAL);
	ck_assert_str_eq(e->message, "port 70000");
	ck_assert_int_eq(e->row, -1);
	ck_assert_int_eq(e->column, -1);
	ck_assert_int_eq(e->item, -1);
	ck_assert_int_eq(e->native, 0);
	ck_assert_str_eq(e->sqlstate, "");
	ck_assert_int_eq(aw_fail(0, "zero is no failure"), -EINVAL);
	ck_assert_int_eq(aw_fail(3, "nor is three"), -EINVAL);
}
END_TEST

START_TEST(a_message_may_quote_the_one_that_it_replaces)
{
	aw_fail(-EIO, "inner");
	aw_fail(-EPIPE, "outer: %s", aw_error()->message);
	ck_assert_str_eq(aw_error()->message, "outer: inner");
}
END_TEST

START_TEST(a_long_message_is_cut_and_ends)
{
	char text[1000];

	memset(text, 'x', sizeof text);
	text[999] = '\0';
	aw_fail(-EIO, "%s", text);
	ck_assert_uint_eq(strlen(aw_error()->message), 319);
}
END_TEST

START_TEST(a_copy_lives_on_and_can_be_put_back)
{
	struct aw_error *copy = NULL;

	aw_fail(-EIO, "kept");
	ck_assert_int_eq(aw_error_dup(&copy), 0);
	aw_fail(-EPIPE, "newer");
	ck_assert_str_eq(copy->message, "kept");
	ck_assert_int_eq(aw_error_put(copy), -EIO);
	ck_assert_str_eq(aw_error()->message, "kept");
	ck_assert_int_eq(aw_error_put(aw_error()), -EIO);
	ck_assert_str_eq(aw_error()->message, "kept");
	ck_assert_int_eq(aw_error_put(NULL), 0);
	aw_error_edit()->row = 12;
	ck_assert_int_eq(aw_error()->row, 12);
	ck_assert_str_eq(aw_error()->message, "kept");
	aw_error_freep(&copy);
	ck_assert_ptr_null(copy);
	aw_error_free(NULL);
}
END_TEST

START_TEST(one_line_tells_all_that_is_known)
{
	struct aw_error *e = aw_error_set(AW_ESQL);

	snprintf(e->message, sizeof e->message, "no such table");
	snprintf(e->sqlstate, sizeof e->sqlstate, "42P01");
	snprintf(e->op, sizeof e->op, "SELECT 1");
	snprintf(e->wait, sizeof e->wait, "an answer");
	snprintf(e->detail, sizeof e->detail, "more");
	snprintf(e->hint, sizeof e->hint, "look");
	snprintf(e->reason, sizeof e->reason, "why");
	snprintf(e->canceller, sizeof e->canceller, "who");
	snprintf(e->cancelled_at, sizeof e->cancelled_at, "y.c:2");
	snprintf(e->scope, sizeof e->scope, "s");
	snprintf(e->site, sizeof e->site, "x.c:1");
	ck_assert_str_eq(aw_error_text(),
		"AW_ESQL: no such table [42P01]; more; hint: look; "
		"in: SELECT 1; waited for an answer; because: why, "
		"by 'who' at y.c:2; scope s at x.c:1");
	aw_error_set(AW_EHTTP);
	ck_assert_str_eq(aw_error_text(), "AW_EHTTP: the server answered with "
			 "an error status");
}
END_TEST

START_TEST(the_longest_detail_fits_the_line)
{
	struct aw_error *e = aw_error_set(AW_ESQL);

	memset(e->message, 'm', sizeof e->message - 1);
	memset(e->op, 'o', sizeof e->op - 1);
	memset(e->wait, 'w', sizeof e->wait - 1);
	memset(e->reason, 'r', sizeof e->reason - 1);
	memset(e->canceller, 'c', sizeof e->canceller - 1);
	memset(e->cancelled_at, 'a', sizeof e->cancelled_at - 1);
	memset(e->scope, 's', sizeof e->scope - 1);
	memset(e->site, 'i', sizeof e->site - 1);
	memset(e->detail, 'd', sizeof e->detail - 1);
	memset(e->hint, 'h', sizeof e->hint - 1);
	memset(e->sqlstate, 'q', sizeof e->sqlstate - 1);
	ck_assert_uint_gt(strlen(aw_error_text()), 1300);
	ck_assert_uint_lt(strlen(aw_error_text()), 1599);
	ck_assert_ptr_nonnull(strstr(aw_error_text(), "; scope sss"));
	ck_assert_ptr_nonnull(strstr(aw_error_text(), " at iii"));
}
END_TEST

/* --- Whose detail ------------------------------------------------------ */

static int
has_own(void *arg)
{
	note("new %s", name(aw_error()->code));
	aw_fail((int)(intptr_t)arg, "mine");
	AW_TRY(aw_yield());
	note("still %s", name(aw_error()->code));
	return 0;
}

static int
two_tasks(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	aw_fail(-EBADF, "of main");
	AW_TRY(aw_go(&group, has_own, (void *)(intptr_t)-EIO));
	AW_TRY(aw_go(&group, has_own, (void *)(intptr_t)-EPIPE));
	AW_TRY(aw_group_wait(&group));
	note("main %s", name(aw_error()->code));
	return aw_fail(-ENOSPC, "the end");
}

START_TEST(each_task_has_its_own_and_main_s_outlives_the_loop)
{
	aw_fail(-EDOM, "of the thread");
	ck_assert_int_eq(run_tasks(two_tasks, NULL), -ENOSPC);
	ck_assert_str_eq(noted, "new ok; new ok; still EIO; still EPIPE; "
			 "main EBADF; ");
	ck_assert_int_eq(aw_error()->code, -ENOSPC);
	ck_assert_str_eq(aw_error()->message, "the end");
}
END_TEST

static int
bare(void *arg)
{
	(void)arg;
	aw_fail(-EIO, "handled");
	return -ENOTDIR;
}

START_TEST(a_bare_code_of_main_replaces_what_it_had_handled)
{
	ck_assert_int_eq(run_tasks(bare, NULL), -ENOTDIR);
	ck_assert_int_eq(aw_error()->code, -ENOTDIR);
	ck_assert_str_eq(aw_error()->message, aw_strerror(-ENOTDIR));
}
END_TEST

START_TEST(perror_prints_and_passes_the_code_on)
{
	int saved = dup(STDERR_FILENO), pipes[2];
	char text[200] = "";

	ck_assert_int_eq(pipe(pipes), 0);
	dup2(pipes[1], STDERR_FILENO);
	aw_fail(-EIO, "broken");
	ck_assert_int_eq(aw_perror("open", -EIO), -EIO);
	ck_assert_int_eq(aw_perror(NULL, AW_ECLOSED), AW_ECLOSED);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	ck_assert_int_gt(read(pipes[0], text, sizeof text - 1), 0);
	ck_assert_str_eq(text, "open: AW_EIO: broken\n"
			 "the thing was closed\n");
	close(pipes[0]);
	close(pipes[1]);
	close(saved);
}
END_TEST

static void *
fails_in_thread(void *arg)
{
	(void)arg;
	aw_fail(-EDOM, "of a thread that ends");
	return aw_error()->code == -EDOM ? NULL : (void *)1;
}

/* What stays behind is for the leak checkers to see. */
START_TEST(a_thread_takes_its_detail_along)
{
	pthread_t thread;
	void *wrong = NULL;

	ck_assert_int_eq(pthread_create(&thread, NULL, fails_in_thread, NULL),
			 0);
	pthread_join(thread, &wrong);
	ck_assert_ptr_null(wrong);
}
END_TEST

START_TEST(the_size_does_not_change)
{
	ck_assert_uint_eq(sizeof(struct aw_error), 1488);
}
END_TEST

static int
is_named(void *arg)
{
	(void)arg;
	return (int)strlen(aw_task_name(NULL));
}

static int
names_tasks(void *arg)
{
	char text[100];
	int n, length = 0;

	(void)arg;
	for (n = 58; n < 66; n++) {	/* a character of 4 bytes at each */
		memset(text, 'x', sizeof text);
		memcpy(text + n, "\xF0\x9F\x90\x98", 5);
		AW_TRY(aw_join(aw_spawn(text, is_named, NULL), &length));
		note("%d", length);
	}
	memset(text, 0x80, sizeof text - 1);
	text[sizeof text - 1] = '\0';
	AW_TRY(aw_join(aw_spawn(text, is_named, NULL), &length));
	note("%d", length);
	return 0;
}

START_TEST(a_long_name_is_cut_between_characters)
{
	ck_assert_int_eq(run_tasks(names_tasks, NULL), 0);
	ck_assert_str_eq(noted, "62; 63; 60; 61; 62; 63; 63; 63; 63; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("err");
	TCase *names = tcase_create("names");
	TCase *detail = tcase_create("detail");

	tcase_add_test(names, every_code_has_one_name_and_one_meaning);
	tcase_add_test(names, our_numbers_do_not_change);
	tcase_add_test(names, what_is_no_code_has_a_name_too);
	tcase_add_test(names, time_limits_and_cancels_are_told_apart);
	tcase_add_test(names, only_what_took_no_effect_is_retryable);
	tcase_add_test(detail, fail_keeps_one_line_and_returns_the_code);
	tcase_add_test(detail, a_message_may_quote_the_one_that_it_replaces);
	tcase_add_test(detail, a_long_message_is_cut_and_ends);
	tcase_add_test(detail, a_copy_lives_on_and_can_be_put_back);
	tcase_add_test(detail, one_line_tells_all_that_is_known);
	tcase_add_test(detail, the_longest_detail_fits_the_line);
	tcase_add_test(detail,
		       each_task_has_its_own_and_main_s_outlives_the_loop);
	tcase_add_test(detail,
		       a_bare_code_of_main_replaces_what_it_had_handled);
	tcase_add_test(detail, perror_prints_and_passes_the_code_on);
	tcase_add_test(detail, a_thread_takes_its_detail_along);
	tcase_add_test(detail, a_long_name_is_cut_between_characters);
	tcase_add_test(detail, the_size_does_not_change);
	suite_add_tcase(suite, names);
	suite_add_tcase(suite, detail);
	return suite_run(suite);
}
