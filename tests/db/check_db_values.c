/* SPDX-License-Identifier: MIT */
/*
 * Values and targets without a server: constructors, integers and their
 * limits, rows that fail as a whole.
 */
#include <math.h>

#include "fake_rows.h"

/* --- Constructors ------------------------------------------------------ */

START_TEST(every_type_of_c_gives_its_kind_of_value)
{
	char array[] = "x";
	void *nothing = NULL;
	enum { ONE = 1 } e = ONE;

	ck_assert_int_eq(aw_value((bool)1).kind, AW_KIND_BOOL);
	ck_assert_int_eq(aw_value(true).kind, AW_KIND_INT);
	ck_assert_int_eq(aw_value(1 == 1).kind, AW_KIND_INT);
	ck_assert_int_eq(aw_value('x').kind, AW_KIND_INT);
	ck_assert_int_eq((int)aw_value(e).as.i, 1);
	ck_assert_int_eq(aw_value((short)-1).kind, AW_KIND_INT);
	ck_assert_int_eq(aw_value(-1L).kind, AW_KIND_INT);
	ck_assert_int_eq(aw_value(-1LL).kind, AW_KIND_INT);
	ck_assert_int_eq(aw_value((uint8_t)1).kind, AW_KIND_UINT);
	ck_assert_int_eq(aw_value(1UL).kind, AW_KIND_UINT);
	ck_assert_int_eq(aw_value(1ULL).kind, AW_KIND_UINT);
	ck_assert_int_eq(aw_value(1.5f).kind, AW_KIND_FLOAT);
	ck_assert_int_eq(aw_value(1.5).kind, AW_KIND_DOUBLE);
	ck_assert_int_eq(aw_value("x").kind, AW_KIND_TEXT);
	ck_assert_int_eq(aw_value(array).kind, AW_KIND_TEXT);
	ck_assert_int_eq(aw_value(nothing).kind, AW_KIND_NULL);
	ck_assert_int_eq(aw_value((void *)array).kind, AW_KIND_POINTER);
	ck_assert_int_eq(aw_value(aw_bytes("x", 1)).kind, AW_KIND_BYTES);
	ck_assert_int_eq(aw_value(aw_time_unix(0)).kind, AW_KIND_TIME);
	ck_assert_int_eq(aw_value(aw_decimal("1.5")).kind, AW_KIND_DECIMAL);
}
END_TEST

START_TEST(what_points_nowhere_is_sql_null)
{
	const char *text = NULL;

	ck_assert_int_eq(aw_value(NULL).kind, AW_KIND_NULL);
	ck_assert_int_eq(aw_value(text).kind, AW_KIND_NULL);
	ck_assert_int_eq(aw_value(aw_bytes(NULL, 3)).kind, AW_KIND_NULL);
	ck_assert_int_eq(AW_IF(false, 3).kind, AW_KIND_NULL);
	ck_assert_int_eq(AW_IF(true, 3).kind, AW_KIND_INT);
	ck_assert_int_eq(aw_value(aw_bytes("", 0)).kind, AW_KIND_BYTES);
}
END_TEST

#define COUNT(...) count(AW_VALUES_(__VA_ARGS__))

static size_t
count(const struct aw_value *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(values[i].kind, AW_KIND_INT);
	return n;
}

START_TEST(sixty_four_parameters_fit_and_none_is_none)
{
	ck_assert_int_eq(COUNT("sql"), 0);
	ck_assert_int_eq(COUNT("sql", 1), 1);
	ck_assert_int_eq(COUNT("sql", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
			       13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
			       25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
			       37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
			       49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60,
			       61, 62, 63, 64), 64);
}
END_TEST

/* --- Integers ---------------------------------------------------------- */

START_TEST(an_integer_is_refused_beyond_both_ends)
{
	short s = 7;
	int i = 7;
	long long ll = 7;

	ck_assert_int_eq(into(native(aw_value(32767)), aw_target(&s)), 0);
	ck_assert_int_eq(s, 32767);
	ck_assert_int_eq(into(native(aw_value(-32768)), aw_target(&s)), 0);
	ck_assert_int_eq(s, -32768);
	ck_assert_int_eq(into(native(aw_value(32768)), aw_target(&s)),
			 AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value(-32769)), aw_target(&s)),
			 AW_ERANGE);
	ck_assert_int_eq(s, -32768);
	ck_assert_int_eq(into(native(aw_value(1LL << 31)), aw_target(&i)),
			 AW_ERANGE);
	ck_assert_int_eq(i, 7);
	ck_assert_int_eq(into(native(aw_value(UINT64_MAX)), aw_target(&ll)),
			 AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value((uint64_t)INT64_MAX)),
			      aw_target(&ll)), 0);
	ck_assert(ll == INT64_MAX);
}
END_TEST

START_TEST(a_negative_number_never_becomes_unsigned)
{
	unsigned u = 7;
	unsigned long long ull = 7;

	ck_assert_int_eq(into(native(aw_value(-1)), aw_target(&u)), AW_ERANGE);
	ck_assert_int_eq(into(text_cell(AW_KIND_INT, "-1"), aw_target(&ull)),
			 AW_ERANGE);
	ck_assert_int_eq(into(text_cell(AW_KIND_UINT, "18446744073709551615"),
			      aw_target(&ull)), 0);
	ck_assert(ull == UINT64_MAX);
	ck_assert_int_eq(into(text_cell(AW_KIND_UINT, "18446744073709551616"),
			      aw_target(&ull)), AW_ERANGE);
	ck_assert_int_eq(u, 7);
}
END_TEST

START_TEST(integers_are_read_to_the_last_character)
{
	static const char *const bad[] = {
		"", "-", "+1", "1x", " 1", "1 ", "0x1", "1.0", "--1", "1e3",
	};
	long long n = 7;

	for (size_t i = 0; i < AW_LENGTH(bad); i++)
		ck_assert_msg(into(text_cell(AW_KIND_INT, bad[i]),
				   aw_target(&n)) == AW_EDECODE, "%s", bad[i]);
	ck_assert_int_eq(n, 7);
	ck_assert_int_eq(into(text_cell(AW_KIND_INT, "-9223372036854775808"),
			      aw_target(&n)), 0);
	ck_assert(n == INT64_MIN);
	ck_assert_int_eq(into(text_cell(AW_KIND_INT, "-9223372036854775809"),
			      aw_target(&n)), AW_ERANGE);
}
END_TEST

START_TEST(what_keeps_the_value_is_converted)
{
	bool b = false;
	int i = 0;
	double d = 0;
	float f = 0;

	ck_assert_int_eq(into(native(aw_value(1)), aw_target(&b)), 0);
	ck_assert(b);
	ck_assert_int_eq(into(native(aw_value(2)), aw_target(&b)), AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value((bool)1)), aw_target(&i)), 0);
	ck_assert_int_eq(i, 1);
	ck_assert_int_eq(into(native(aw_value(-7.0)), aw_target(&i)), 0);
	ck_assert_int_eq(i, -7);
	ck_assert_int_eq(into(native(aw_value(7.5)), aw_target(&i)), AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value(NAN)), aw_target(&i)), AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value(0x1p63)), aw_target(&i)),
			 AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value(1LL << 53)), aw_target(&d)), 0);
	ck_assert(d == 0x1p53);
	ck_assert_int_eq(into(native(aw_value((1LL << 53) + 1)),
			      aw_target(&d)), AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value(INT64_MAX)), aw_target(&d)),
			 AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value(0.1)), aw_target(&f)), AW_ERANGE);
	ck_assert_int_eq(into(native(aw_value(0.5)), aw_target(&f)), 0);
	ck_assert(f == 0.5f);
}
END_TEST

START_TEST(a_decimal_is_an_integer_only_without_a_fraction)
{
	long long n = 0;
	double d = 0;

	ck_assert_int_eq(into(text_cell(AW_KIND_DECIMAL, "12.000"),
			      aw_target(&n)), 0);
	ck_assert_int_eq((int)n, 12);
	ck_assert_int_eq(into(text_cell(AW_KIND_DECIMAL, "12.001"),
			      aw_target(&n)), AW_ERANGE);
	ck_assert_int_eq(into(text_cell(AW_KIND_DECIMAL, "NaN"),
			      aw_target(&n)), AW_ERANGE);
	ck_assert_int_eq(into(text_cell(AW_KIND_DECIMAL, "0.1"),
			      aw_target(&d)), 0);
	ck_assert(d == 0.1);
	ck_assert_int_eq(into(text_cell(AW_KIND_DECIMAL, "1e999"),
			      aw_target(&d)), AW_ERANGE);
}
END_TEST

START_TEST(types_that_make_no_sense_are_refused)
{
	struct aw_time t = aw_time_unix(0);
	struct aw_uuid u;
	bool b;
	int i;

	ck_assert_int_eq(into(native(aw_value("7")), aw_target(&i)), AW_ETYPE);
	ck_assert_int_eq(into(native(aw_value("t")), aw_target(&b)), AW_ETYPE);
	ck_assert_int_eq(into(native(aw_value(7)), aw_target(&t)), AW_ETYPE);
	ck_assert_int_eq(into(native(aw_value(7)), aw_target(&u)), AW_ETYPE);
	ck_assert_int_eq(into(native(aw_value(t)), aw_target(&i)), AW_ETYPE);
	ck_assert(strstr(aw_error()->message, "struct aw_time"));
	ck_assert(strstr(aw_error()->message, "\"a\""));
}
END_TEST

/* --- Rows -------------------------------------------------------------- */

START_TEST(a_row_that_fails_touches_no_target)
{
	struct fake f = fake_rows(2, native(aw_value(1)), null_cell,
				  native(aw_value(3)));
	int a = 7, b = 7, c = 7;

	ck_assert_int_eq(aw_rows_next(&f.base, &a, &b, &c), AW_ENULL);
	ck_assert_int_eq(a, 7);
	ck_assert_int_eq(c, 7);
	ck_assert_int_eq((int)aw_error()->row, 0);
	ck_assert_int_eq(aw_error()->column, 1);
	ck_assert_int_eq(aw_rows_get(&f.base, 2, &c), 0);
	f.cells[1] = native(aw_value(2));
	ck_assert_int_eq(aw_rows_next(&f.base, &a, &b, &c), 1);
	ck_assert_int_eq(a + b + c, 6);
	ck_assert_int_eq(aw_rows_next(&f.base, &a, &b, &c), 0);
	ck_assert_int_eq(aw_rows_next(&f.base), 0);
	aw_rows_free(&f.base);
}
END_TEST

START_TEST(an_optional_target_tells_null_and_is_else_filled)
{
	struct fake f = fake_rows(1, null_cell, native(aw_value(2)), null_cell);
	bool no_a = false, no_b = true;
	int a = 7, b = 7;

	ck_assert_int_eq(aw_rows_next(&f.base, AW_OPT(&a, &no_a),
				      AW_OPT(&b, &no_b), AW_SKIP), 1);
	ck_assert(no_a && !no_b);
	ck_assert_int_eq(a, 7);
	ck_assert_int_eq(b, 2);
	aw_rows_free(&f.base);
}
END_TEST

START_TEST(columns_are_found_by_name_and_counted)
{
	struct fake f = fake_rows(1, null_cell, null_cell, null_cell);
	int a;

	ck_assert_int_eq(aw_rows_find(&f.base, "b"), 1);
	ck_assert_int_eq(aw_rows_find(&f.base, "a"), 0);
	ck_assert_int_eq(aw_rows_find(&f.base, "A"), AW_ENOENT);
	ck_assert_int_eq(aw_rows_get(&f.base, 0, &a), AW_EUSAGE);
	ck_assert_int_eq(aw_rows_next(&f.base, &a), AW_ETYPE);
	ck_assert_int_eq(aw_rows_get(&f.base, 3, &a), AW_ETYPE);
	aw_rows_free(&f.base);
}
END_TEST

START_TEST(sqlstates_have_a_class)
{
	ck_assert_int_eq(aw__db_sqlstate_class("23505"), AW_SQL_UNIQUE);
	ck_assert_int_eq(aw__db_sqlstate_class("40P01"), AW_SQL_DEADLOCK);
	ck_assert_int_eq(aw__db_sqlstate_class("22012"), AW_SQL_DATA);
	ck_assert_int_eq(aw__db_sqlstate_class("XX000"), AW_SQL_OTHER);
	ck_assert_int_eq(aw__db_sqlstate_class(""), AW_SQL_NONE);
}
END_TEST

START_TEST(one_line_is_one_line_and_whole_characters)
{
	char line[8];

	aw__db_line(line, sizeof(line), "  a\n\tb  ");
	ck_assert_str_eq(line, "a b");
	aw__db_line(line, sizeof(line), "abcdef\xc3\xa4");
	ck_assert_str_eq(line, "abcdef");
	aw__db_line(line, sizeof(line), NULL);
	ck_assert_str_eq(line, "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("db_values");
	TCase *tc = tcase_create("basic");

	tcase_add_test(tc, every_type_of_c_gives_its_kind_of_value);
	tcase_add_test(tc, what_points_nowhere_is_sql_null);
	tcase_add_test(tc, sixty_four_parameters_fit_and_none_is_none);
	tcase_add_test(tc, what_keeps_the_value_is_converted);
	tcase_add_test(tc, an_optional_target_tells_null_and_is_else_filled);
	tcase_add_test(tc, columns_are_found_by_name_and_counted);
	tcase_add_test(tc, sqlstates_have_a_class);
	tcase_add_test(tc, one_line_is_one_line_and_whole_characters);
	suite_add_tcase(suite, tc);

	tc = tcase_create("limits");
	tcase_add_test(tc, an_integer_is_refused_beyond_both_ends);
	tcase_add_test(tc, a_negative_number_never_becomes_unsigned);
	tcase_add_test(tc, integers_are_read_to_the_last_character);
	tcase_add_test(tc, a_decimal_is_an_integer_only_without_a_fraction);
	tcase_add_test(tc, types_that_make_no_sense_are_refused);
	tcase_add_test(tc, a_row_that_fails_touches_no_target);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
