/* SPDX-License-Identifier: MIT */
/*
 * Values as text without a server: text written and read, times, intervals.
 */
#include <float.h>
#include <locale.h>
#include <math.h>

#include "fake_rows.h"

/* --- Text -------------------------------------------------------------- */

static const char *
as_text(struct aw_cell cell, char buf[64])
{
	int r = into(cell, aw_target_buf(buf, 64));

	return r == 0 ? buf : aw_error_name(r);
}

START_TEST(a_text_target_takes_every_type)
{
	struct aw_uuid u = { { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
			       1, 2, 3, 4, 5, 6, 7, 8 } };
	char buf[64];

	ck_assert_str_eq(as_text(native(aw_value(-7)), buf), "-7");
	ck_assert_str_eq(as_text(native(aw_value(UINT64_MAX)), buf),
			 "18446744073709551615");
	ck_assert_str_eq(as_text(native(aw_value(u)), buf),
			 "12345678-9abc-def0-0102-030405060708");
	ck_assert_str_eq(as_text(native(aw_value(aw_time_unix(86399))), buf),
			 "1970-01-01 23:59:59");
	ck_assert_str_eq(as_text(text_cell(AW_KIND_INT, "007"), buf), "007");
}
END_TEST

START_TEST(text_that_is_too_long_or_has_a_nul_is_refused)
{
	struct aw_cell nul = native(aw_value_bytes(aw_bytes("a\0b", 3)));
	struct aw_bytes view = { NULL, 0 };
	char buf[4] = "old";
	const char *text = "old";

	nul.value.kind = AW_KIND_TEXT;
	ck_assert_int_eq(into(native(aw_value("abc")), AW_BUF(buf)), 0);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(into(native(aw_value("abcd")), AW_BUF(buf)),
			 AW_ETRUNCATED);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(into(nul, aw_target(&text)), AW_EILSEQ);
	ck_assert_str_eq(text, "old");
	ck_assert_int_eq(into(nul, AW_BUF(buf)), AW_EILSEQ);
	ck_assert_int_eq(into(nul, aw_target(&view)), 0);
	ck_assert_int_eq((int)view.size, 3);
}
END_TEST

START_TEST(a_view_without_a_nul_is_copied_with_one)
{
	char memory[4] = { 'a', 'b', 'c', 'X' };
	struct aw_cell c = text_cell(AW_KIND_TEXT, "abc");
	struct fake f;
	const char *text = NULL;

	c.value.as.bytes = aw_bytes(memory, 3);
	f = fake_rows(1, c, null_cell, null_cell);
	ck_assert_int_eq(aw_rows_next_v(&f.base, NULL, 0), 1);
	ck_assert_int_eq(aw_rows_get(&f.base, 0, &text), 0);
	ck_assert_str_eq(text, "abc");
	ck_assert_ptr_ne(text, memory);
	aw_rows_free(&f.base);
}
END_TEST

START_TEST(doubles_have_the_fewest_digits_that_read_back)
{
	static const struct {
		double d;
		const char *text;
	} known[] = {
		{ 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { 0.1, "0.1" },
		{ 0.1 + 0.2, "0.30000000000000004" }, { 100, "100" },
		{ 123456789012345, "123456789012345" }, { 1e15, "1e+15" },
		{ 1e20, "1e+20" }, { 0.0001, "0.0001" }, { 0.00001, "1e-05" },
		{ 1.5e-7, "1.5e-07" }, { -2.5, "-2.5" },
		{ DBL_MAX, "1.7976931348623157e+308" }, { 5e-324, "5e-324" },
		{ 1.0 / 3, "0.3333333333333333" }, { NAN, "NaN" },
		{ INFINITY, "Infinity" }, { -INFINITY, "-Infinity" },
	};
	char buf[64];

	for (size_t i = 0; i < AW_LENGTH(known); i++)
		ck_assert_str_eq(as_text(native(aw_value(known[i].d)), buf),
				 known[i].text);
	ck_assert_str_eq(as_text(native(aw_value(0.1f)), buf), "0.1");
	ck_assert_str_eq(as_text(native(aw_value(1e6f)), buf), "1e+06");
	ck_assert_str_eq(as_text(native(aw_value(16777216.0f)), buf),
			 "1.6777216e+07");
}
END_TEST

START_TEST(random_doubles_survive_text_in_any_locale)
{
	unsigned seed = 1;
	char buf[64];

	/* Not every machine has it; where it is, the comma must not matter. */
	setlocale(LC_ALL, "de_DE.UTF-8");
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = (uint64_t)rand_r(&seed) << 42 ^
			(uint64_t)rand_r(&seed) << 21 ^ (uint64_t)rand_r(&seed);
		double d, back = 0;

		memcpy(&d, &bits, sizeof(d));
		if (!isfinite(d))
			continue;
		as_text(native(aw_value(d)), buf);
		ck_assert(!strchr(buf, ','));
		ck_assert_int_eq(aw__db_parse_double(aw_text(buf), &back), 0);
		ck_assert_msg(memcmp(&d, &back, sizeof(d)) == 0, "%s", buf);
	}
	setlocale(LC_ALL, "C");
}
END_TEST

/* --- Times ------------------------------------------------------------- */

static int
time_of(const char *text, int kind, struct aw_time *ret)
{
	return aw__db_parse_time(aw_text(text), kind, ret);
}

START_TEST(instants_are_read_into_utc)
{
	struct aw_time t;

	ck_assert_int_eq(time_of("2024-02-29 23:30:00.5+02", AW_TIME_INSTANT,
				 &t), 0);
	ck_assert_int_eq(t.day, 29);
	ck_assert_int_eq(t.hour, 21);
	ck_assert_int_eq(t.microsecond, 500000);
	ck_assert_int_eq(time_of("2024-12-31 23:30:00-05:30", AW_TIME_INSTANT,
				 &t), 0);
	ck_assert_int_eq(t.year, 2025);
	ck_assert_int_eq(t.hour, 5);
	ck_assert_int_eq(time_of("0044-03-15 12:00:00+00 BC", AW_TIME_INSTANT,
				 &t), 0);
	ck_assert_int_eq(t.year, -43);
	ck_assert_int_eq(time_of("294276-12-31 23:59:59.999999+00",
				 AW_TIME_INSTANT, &t), 0);
	ck_assert_int_eq(t.year, 294276);
	ck_assert_int_eq(time_of("infinity", AW_TIME_INSTANT, &t), 0);
	ck_assert_int_eq(t.kind, AW_TIME_INFINITY);
	ck_assert_int_eq(time_of("-infinity", AW_TIME_DATE, &t), 0);
	ck_assert_int_eq(t.kind, AW_TIME_MINUS_INFINITY);
}
END_TEST

START_TEST(dates_and_clocks_keep_what_they_have)
{
	struct aw_time t;

	ck_assert_int_eq(time_of("0000-00-00", AW_TIME_DATE, &t), 0);
	ck_assert_int_eq(t.month, 0);
	ck_assert_int_eq(time_of("-838:59:59", AW_TIME_OF_DAY, &t), 0);
	ck_assert(t.negative);
	ck_assert_int_eq(t.hour, 838);
	ck_assert_int_eq(time_of("04:05:06.789+02:30", AW_TIME_OF_DAY, &t), 0);
	ck_assert_int_eq(t.offset, 9000);
	ck_assert_int_eq(time_of("2024-01-02 03:04:05", AW_TIME_LOCAL, &t), 0);
	ck_assert_int_eq(t.kind, AW_TIME_LOCAL);
}
END_TEST

START_TEST(times_in_another_style_are_not_guessed)
{
	static const char *const bad[] = {
		"", "2024", "2024-1-2", "01/02/2024", "2024-01-02T03:04:05",
		"Tue Jan 02 03:04:05 2024", "2024-01-02 03:04:05 PST", "x",
		"2024-01-02 03:04:05.", "2024-01-02 ",
	};
	struct aw_time t = { .year = 7 };

	for (size_t i = 0; i < AW_LENGTH(bad); i++)
		ck_assert_msg(time_of(bad[i], AW_TIME_INSTANT, &t) < 0, "%s",
			      bad[i]);
	ck_assert_int_eq(t.year, 7);
}
END_TEST

START_TEST(intervals_keep_their_three_parts)
{
	struct aw_interval v = { 0 };

	ck_assert_int_eq(aw__db_parse_interval(
		aw_text("1 year 2 mons -3 days +04:05:06.7"), &v), 0);
	ck_assert_int_eq(v.months, 14);
	ck_assert_int_eq(v.days, -3);
	ck_assert(v.microseconds == 14706700000);
	ck_assert_int_eq(aw__db_parse_interval(aw_text("-00:00:01"), &v), 0);
	ck_assert(v.microseconds == -1000000 && v.months == 0);
	ck_assert_int_lt(aw__db_parse_interval(aw_text("P1Y"), &v), 0);
	ck_assert_int_lt(aw__db_parse_interval(aw_text(""), &v), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("db_text");
	TCase *tc = tcase_create("basic");

	tcase_add_test(tc, a_text_target_takes_every_type);
	tcase_add_test(tc, text_that_is_too_long_or_has_a_nul_is_refused);
	tcase_add_test(tc, a_view_without_a_nul_is_copied_with_one);
	tcase_add_test(tc, doubles_have_the_fewest_digits_that_read_back);
	tcase_add_test(tc, random_doubles_survive_text_in_any_locale);
	tcase_add_test(tc, instants_are_read_into_utc);
	tcase_add_test(tc, dates_and_clocks_keep_what_they_have);
	tcase_add_test(tc, times_in_another_style_are_not_guessed);
	tcase_add_test(tc, intervals_keep_their_three_parts);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
