/* SPDX-License-Identifier: MIT */
/* lib/mem.c: the door to the allocator, and the failmalloc that stands in it.
 */
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static unsigned n_before_failure;

static void *
fail_nth(void *ptr, size_t size)
{
	if (n_before_failure == 0)
		return NULL;
	n_before_failure--;
	return realloc(ptr, size);
}

START_TEST(calloc_gives_zeros)
{
	unsigned char *bytes = aw__calloc(100, 3);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < 300; i++)
		ck_assert_uint_eq(bytes[i], 0);
	aw__free(bytes);
}
END_TEST

START_TEST(calloc_refuses_a_product_that_overflows)
{
	volatile size_t half = SIZE_MAX / 2 + 2;

	ck_assert_uint_eq(half * 2, 2);
	ck_assert_ptr_null(aw__calloc(half, 2));
	ck_assert_ptr_null(aw__calloc(2, half));
}
END_TEST

START_TEST(size_zero_is_a_block_too)
{
	void *block = aw__malloc(0);
	void *array = aw__calloc(0, 8);

	ck_assert_ptr_nonnull(block);
	ck_assert_ptr_nonnull(array);
	block = aw__realloc(block, 0);
	ck_assert_ptr_nonnull(block);
	aw__free(block);
	aw__free(array);
	aw__free(NULL);
}
END_TEST

START_TEST(realloc_keeps_the_bytes)
{
	char *text = aw__strdup("a stack is a place");

	ck_assert_ptr_nonnull(text);
	text = aw__realloc(text, 4096);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, "a stack is a place");
	aw__free(text);
}
END_TEST

START_TEST(hook_fails_every_kind_of_request)
{
	void *kept = aw__malloc(8);

	aw__mem_hook(fail_nth);
	n_before_failure = 0;
	ck_assert_ptr_null(aw__malloc(8));
	ck_assert_ptr_null(aw__calloc(2, 8));
	ck_assert_ptr_null(aw__strdup("x"));
	ck_assert_ptr_null(aw__realloc(kept, 16));
	aw__mem_hook(NULL);
	aw__free(kept);
}
END_TEST

START_TEST(hook_lets_earlier_requests_pass_and_zeroes_them)
{
	unsigned char *bytes;

	aw__mem_hook(fail_nth);
	n_before_failure = 1;
	bytes = aw__calloc(1, 64);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(bytes[63], 0);
	ck_assert_ptr_null(aw__malloc(1));
	aw__mem_hook(NULL);
	aw__free(bytes);
	bytes = aw__malloc(1);
	ck_assert_ptr_nonnull(bytes);
	aw__free(bytes);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mem");
	TCase *basic = tcase_create("basic");
	TCase *oom = tcase_create("oom");

	tcase_add_test(basic, calloc_gives_zeros);
	tcase_add_test(basic, calloc_refuses_a_product_that_overflows);
	tcase_add_test(basic, size_zero_is_a_block_too);
	tcase_add_test(basic, realloc_keeps_the_bytes);
	tcase_add_test(oom, hook_fails_every_kind_of_request);
	tcase_add_test(oom, hook_lets_earlier_requests_pass_and_zeroes_them);
	suite_add_tcase(suite, basic);
	suite_add_tcase(suite, oom);
	return suite_run(suite);
}
