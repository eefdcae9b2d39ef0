/* SPDX-License-Identifier: MIT */
/* The statement cache: who earns a place, who loses it, who is pinned. */
#include "../../db/common.h"
#include "../support/suite.h"

static int n_freed;

static void
count_free(void *meta)
{
	(void)meta;
	n_freed++;
}

/* Used once, in memory of its own, so that no address repeats. */
static struct aw_stmt *
get(struct aw_stmts *stmts, const char *text)
{
	char *copy = strdup(text);
	struct aw_stmt *stmt = aw__db_stmt_get(stmts, copy, strlen(copy));

	free(copy);
	return stmt;
}

static struct aw_stmt *
get_put(struct aw_stmts *stmts, const char *text)
{
	struct aw_stmt *stmt = get(stmts, text);

	aw__db_stmt_put(stmt);
	return stmt;
}

START_TEST(a_text_has_a_place_from_the_second_use_on)
{
	struct aw_stmts *stmts = aw__db_stmts_new(4, 2, NULL);
	struct aw_stmt *stmt;

	ck_assert_ptr_null(get_put(stmts, "SELECT 1"));
	stmt = get_put(stmts, "SELECT 1");
	ck_assert_ptr_nonnull(stmt);
	ck_assert_ptr_eq(get_put(stmts, "SELECT 1"), stmt);
	ck_assert_ptr_null(get_put(stmts, "SELECT 2"));
	aw__db_stmts_free(stmts);
}
END_TEST

START_TEST(texts_used_once_push_nobody_out)
{
	struct aw_stmts *stmts = aw__db_stmts_new(2, 2, NULL);
	struct aw_stmt *hot;
	uint32_t serial;
	char text[32];

	get_put(stmts, "hot");
	hot = get_put(stmts, "hot");
	serial = hot->serial;
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "SELECT %d", i);
		ck_assert_ptr_null(get_put(stmts, text));
	}
	ck_assert_ptr_eq(get_put(stmts, "hot"), hot);
	ck_assert_uint_eq(hot->serial, serial);
	aw__db_stmts_free(stmts);
}
END_TEST

START_TEST(the_least_recently_used_goes)
{
	struct aw_stmts *stmts = aw__db_stmts_new(2, 1, count_free);
	struct aw_stmt *a = get_put(stmts, "a"), *b = get_put(stmts, "b"), *c;
	uint32_t slot = b->slot, serial = b->serial;

	n_freed = 0;
	b->meta = &n_freed;
	get_put(stmts, "a");
	c = get_put(stmts, "c");
	ck_assert_uint_eq(c->slot, slot);
	ck_assert_uint_ne(c->serial, serial);
	ck_assert_int_eq(n_freed, 1);
	ck_assert_str_eq(a->text, "a");
	ck_assert_str_eq(c->text, "c");
	aw__db_stmts_free(stmts);
}
END_TEST

START_TEST(a_statement_at_work_is_not_evicted)
{
	struct aw_stmts *stmts = aw__db_stmts_new(1, 1, NULL);
	struct aw_stmt *a = get(stmts, "a");

	ck_assert_ptr_null(get_put(stmts, "b"));
	ck_assert_str_eq(a->text, "a");
	aw__db_stmt_put(a);
	ck_assert_ptr_nonnull(get_put(stmts, "b"));
	aw__db_stmts_free(stmts);
}
END_TEST

START_TEST(a_stale_statement_is_renewed_when_nobody_is_at_work)
{
	struct aw_db db = { .stmts = aw__db_stmts_new(4, 1, count_free) };
	struct aw_stmt *a = get(db.stmts, "a");
	uint32_t serial = a->serial;

	n_freed = 0;
	a->meta = &n_freed;
	aw__db_stmt_forget(&db, a);
	ck_assert_ptr_null(get(db.stmts, "a"));
	ck_assert_int_eq(n_freed, 0);
	aw__db_stmt_put(a);
	ck_assert_ptr_eq(get_put(db.stmts, "a"), a);
	ck_assert_uint_ne(a->serial, serial);
	ck_assert_int_eq(n_freed, 1);
	aw__db_stmts_free(db.stmts);
}
END_TEST

START_TEST(an_address_with_another_text_is_another_statement)
{
	struct aw_stmts *stmts = aw__db_stmts_new(4, 1, NULL);
	char text[16] = "SELECT 1";
	struct aw_stmt *one = aw__db_stmt_get(stmts, text, 8), *two;

	memcpy(text, "SELECT 2", 8);
	two = aw__db_stmt_get(stmts, text, 8);
	ck_assert_ptr_ne(one, two);
	ck_assert_str_eq(two->text, "SELECT 2");
	ck_assert_ptr_ne(aw__db_stmt_get(stmts, text, 7), two);
	aw__db_stmts_free(stmts);
}
END_TEST

START_TEST(without_places_and_for_huge_texts_there_is_no_cache)
{
	struct aw_stmts *none = aw__db_stmts_new(0, 1, NULL);
	struct aw_stmts *some = aw__db_stmts_new(1, 1, NULL);
	char *huge = malloc(70000);

	memset(huge, 'x', 70000);
	ck_assert_ptr_null(aw__db_stmt_get(none, "a", 1));
	ck_assert_ptr_null(aw__db_stmt_get(some, huge, 70000));
	free(huge);
	aw__db_stmts_free(none);
	aw__db_stmts_free(some);
	aw__db_stmts_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("db_stmts");
	TCase *tc = tcase_create("basic");

	tcase_add_test(tc, a_text_has_a_place_from_the_second_use_on);
	tcase_add_test(tc, texts_used_once_push_nobody_out);
	tcase_add_test(tc, the_least_recently_used_goes);
	tcase_add_test(tc, a_statement_at_work_is_not_evicted);
	tcase_add_test(tc, a_stale_statement_is_renewed_when_nobody_is_at_work);
	tcase_add_test(tc, an_address_with_another_text_is_another_statement);
	tcase_add_test(tc, without_places_and_for_huge_texts_there_is_no_cache);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
