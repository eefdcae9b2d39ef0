/* SPDX-License-Identifier: MIT */
/* lib/stack.c, stack_memory.c: where tasks live, and what stays there. */
#include "stack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mem.h"
#include "suite.h"
#include "switch.h"

static struct aw__stacks stacks;

static void
setup(void)
{
	unsetenv("AWAIT_STACK_GUARD");
	ck_assert_int_eq(aw__stacks_init(&stacks), 0);
}

static void
teardown(void)
{
	ck_assert_uint_eq(stacks.n_used, 0);
	aw__stacks_fini(&stacks);
}

static struct aw__stack
get(size_t size)
{
	struct aw__stack stack;

	ck_assert_int_eq(aw__stack_get(&stacks, size, &stack), 0);
	return stack;
}

static size_t
resident_bytes(void *base, size_t size)
{
	unsigned char pages[1024];
	size_t n = size / stacks.page;
	size_t sum = 0;

	ck_assert_uint_le(n, sizeof(pages));
	ck_assert_int_eq(mincore(base, size, pages), 0);
	for (size_t i = 0; i < n; i++)
		sum += pages[i] & 1;
	return sum * stacks.page;
}

/* What lies below the part that is kept, without the page looked at. */
static size_t
resident_below(const struct aw__stack *stack)
{
	return resident_bytes(stack->base,
			      stack->size - AW__STACK_KEEP - stacks.page);
}

/* --- Sizes and order -------------------------------------------------- */

START_TEST(size_zero_is_the_default)
{
	struct aw__stack stack = get(0);

	ck_assert_uint_eq(stack.size, AW__STACK_DEFAULT);
	ck_assert_uint_eq((uintptr_t)stack.base % stacks.page, 0);
	aw__stack_put(&stacks, &stack);
	ck_assert_ptr_null(stack.base);
}
END_TEST

START_TEST(sizes_are_at_least_what_was_asked)
{
	const size_t sizes[] = { 1, 70000, AW__STACK_DEFAULT - 1, 1 << 20,
				 (1 << 20) + 1, 8 << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct aw__stack stack = get(sizes[i]);

		ck_assert_uint_ge(stack.size, sizes[i]);
		ck_assert_uint_ge(stack.size, AW__STACK_MIN);
		ck_assert_uint_eq(stack.size % stacks.page, 0);
		memset(stack.base, 1, stack.size);
		aw__stack_put(&stacks, &stack);
	}
}
END_TEST

START_TEST(stacks_do_not_touch_each_other)
{
	enum { N = 130 };
	struct aw__stack all[N];

	for (int i = 0; i < N; i++) {
		all[i] = get(0);
		memset(all[i].base, i, stacks.page);
		memset((char *)all[i].base + all[i].size - stacks.page, i,
		       stacks.page);
	}
	ck_assert_uint_eq(stacks.n_slabs, 3);
	for (int i = 0; i < N; i++) {
		const unsigned char *base = all[i].base;

		ck_assert_uint_eq(base[0], i);
		ck_assert_uint_eq(base[all[i].size - 1], i);
		aw__stack_put(&stacks, &all[i]);
	}
}
END_TEST

START_TEST(last_stack_put_is_the_first_got)
{
	struct aw__stack a = get(0), b = get(0), c = get(0);
	void *base_a = a.base, *base_c = c.base;

	aw__stack_put(&stacks, &c);
	aw__stack_put(&stacks, &a);
	a = get(0);
	c = get(0);
	ck_assert_ptr_eq(a.base, base_a);
	ck_assert_ptr_eq(c.base, base_c);
	aw__stack_put(&stacks, &a);
	aw__stack_put(&stacks, &b);
	aw__stack_put(&stacks, &c);
}
END_TEST

/* 64 in the first slab, 10 in the second: while the first has free stacks,
 * those of the second are left alone, whichever came back last. */
START_TEST(few_more_than_a_slab_do_not_wander_to_the_next_one)
{
	struct aw__stack all[74];
	size_t i;

	for (i = 0; i < 74; i++)
		all[i] = get(0);
	ck_assert_ptr_ne(all[0].slab, all[64].slab);
	for (i = 0; i < 10; i++)
		aw__stack_put(&stacks, &all[i]);
	for (i = 64; i < 69; i++)
		aw__stack_put(&stacks, &all[i]);
	for (i = 0; i < 10; i++) {
		all[i] = get(0);
		ck_assert_ptr_eq(all[i].slab, all[10].slab);
	}
	for (i = 0; i < 74; i++)
		if (i < 64 || i >= 69)
			aw__stack_put(&stacks, &all[i]);
}
END_TEST

START_TEST(other_sizes_are_kept_apart_and_reused)
{
	struct aw__stack small = get(100000), large = get(1 << 20);
	void *base_small = small.base, *base_large = large.base;

	aw__stack_put(&stacks, &small);
	aw__stack_put(&stacks, &large);
	ck_assert_uint_eq(stacks.n_odd, 2);
	small = get(100000);
	ck_assert_ptr_eq(small.base, base_small);
	large = get(1 << 20);
	ck_assert_ptr_eq(large.base, base_large);
	ck_assert_uint_eq(stacks.n_odd, 0);
	aw__stack_put(&stacks, &small);
	aw__stack_put(&stacks, &large);
}
END_TEST

START_TEST(cache_of_other_sizes_is_bounded)
{
	struct aw__stack all[AW__STACK_ODD + 3];

	for (unsigned i = 0; i < AW__STACK_ODD + 3; i++)
		all[i] = get(1 << 20);
	for (unsigned i = 0; i < AW__STACK_ODD + 3; i++)
		aw__stack_put(&stacks, &all[i]);
	ck_assert_uint_eq(stacks.n_odd, AW__STACK_ODD);
	ck_assert(aw__stacks_trim(&stacks, 0));
	ck_assert_uint_eq(stacks.n_odd, 0);
}
END_TEST

START_TEST(free_slabs_stay_until_they_are_trimmed)
{
	size_t n = (AW__STACK_RESERVE + 10) * 64;
	struct aw__stack *all = calloc(n, sizeof(*all));

	ck_assert_ptr_nonnull(all);
	for (size_t i = 0; i < n; i++)
		all[i] = get(0);
	ck_assert_uint_eq(stacks.n_slabs, AW__STACK_RESERVE + 10);
	for (size_t i = 0; i < n; i++)
		aw__stack_put(&stacks, &all[i]);
	ck_assert_uint_eq(stacks.n_slabs, AW__STACK_RESERVE + 10);
	ck_assert(aw__stacks_trim(&stacks, AW__STACK_RESERVE));
	ck_assert_uint_eq(stacks.n_slabs, AW__STACK_RESERVE);
	ck_assert_uint_eq(stacks.n_empty, AW__STACK_RESERVE);
	ck_assert(aw__stacks_trim(&stacks, 1));
	ck_assert_uint_eq(stacks.n_slabs, 1);
	free(all);
}
END_TEST

/* Random gets and puts against the simplest model: who has which base. */
START_TEST(random_use_never_hands_out_a_stack_twice)
{
	enum { N = 300 };
	struct aw__stack all[N] = { 0 };
	unsigned seed = 1;

	for (unsigned step = 1; step < 30000; step++) {
		unsigned i = (seed = seed * 1103515245 + 12345) / 65536 % N;

		if (all[i].base) {
			ck_assert_uint_eq(*(unsigned *)all[i].base, i);
			*(unsigned *)all[i].base = 0;
			aw__stack_put(&stacks, &all[i]);
		} else {
			all[i] = get(0);
			ck_assert_uint_eq(*(unsigned *)all[i].base, 0);
			*(unsigned *)all[i].base = i;
		}
	}
	for (unsigned i = 0; i < N; i++) {
		if (all[i].base)
			aw__stack_put(&stacks, &all[i]);
	}
	ck_assert_uint_eq(stacks.n_empty, stacks.n_slabs);
}
END_TEST

/* --- Memory ----------------------------------------------------------- */

START_TEST(deep_use_gives_its_memory_back)
{
	struct aw__stack stack = get(0);
	struct aw__stack copy = stack;

	memset(stack.base, 1, stack.size);
	ck_assert_uint_gt(resident_below(&copy), 0);
	aw__stack_put(&stacks, &stack);
	ck_assert_uint_eq(resident_below(&copy), 0);
	ck_assert_uint_eq(resident_bytes((char *)copy.base + copy.size -
					 AW__STACK_KEEP, AW__STACK_KEEP),
			  AW__STACK_KEEP);
}
END_TEST

/* A look at the page below would map the kernel's page of zeros there. */
START_TEST(shallow_use_is_not_looked_for_below)
{
	struct aw__stack stack = get(0);
	struct aw__stack copy = stack;
	char *top = (char *)stack.base + stack.size;

	memset(top - 1024, 7, 1024);
	aw__stack_put(&stacks, &stack);
	if (!stacks.valgrind)
		ck_assert_uint_eq(resident_bytes(copy.base, copy.size),
				  stacks.page);
}
END_TEST

START_TEST(shallow_use_keeps_its_memory)
{
	struct aw__stack stack = get(0);
	char *top = (char *)stack.base + stack.size;

	memset(top - AW__STACK_KEEP, 7, AW__STACK_KEEP);
	aw__stack_put(&stacks, &stack);
	if (!stacks.valgrind)
		ck_assert_uint_eq(resident_bytes(top - AW__STACK_KEEP,
						 AW__STACK_KEEP),
				  AW__STACK_KEEP);
}
END_TEST

START_TEST(deep_use_that_skipped_the_looks_is_found_in_the_end)
{
	struct aw__stack stack = get(0);
	struct aw__stack copy = stack;

	*(volatile char *)stack.base = 1;
	for (int i = 0; i < 4000; i++) {
		aw__stack_put(&stacks, &stack);
		stack = get(0);
		ck_assert_ptr_eq(stack.base, copy.base);
	}
	aw__stack_put(&stacks, &stack);
	ck_assert_uint_eq(resident_below(&copy), 0);
}
END_TEST

START_TEST(high_water_mark_is_exact_to_the_word)
{
	struct aw__stack stack = get(0);
	char *top = (char *)stack.base + stack.size;

	ck_assert_uint_eq(aw__stack_used(&stack), 0);
	*(volatile uintptr_t *)(void *)(top - 1000) = 1;
	if (!stacks.valgrind)
		ck_assert_uint_eq(aw__stack_used(&stack), 1000);
	*(volatile uintptr_t *)(void *)(top - 100000) = 1;
	if (!stacks.valgrind)
		ck_assert_uint_eq(aw__stack_used(&stack), 100000);
	aw__stack_put(&stacks, &stack);
}
END_TEST

static struct aw__context home, parked;

static struct aw__context *
park(void *arg)
{
	(void)arg;
	aw__context_switch(&parked, &home);
	return &home;
}

START_TEST(parked_context_occupies_one_page)
{
	struct aw__stack stack = get(0);

	aw__context_main(&home);
	aw__context_make(&parked, &stack, park, NULL);
	aw__context_switch(&home, &parked);
	ck_assert(aw__stack_canary_ok(&stack));
	ck_assert_uint_eq(resident_bytes(stack.base, stack.size), stacks.page);
	aw__context_switch(&home, &parked);
	aw__context_fini(&parked);
	aw__stack_put(&stacks, &stack);
}
END_TEST

/* --- Out of memory ---------------------------------------------------- */

static unsigned n_before_failure;

static void *
fail_nth(void *ptr, size_t size)
{
	if (n_before_failure == 0)
		return NULL;
	n_before_failure--;
	return realloc(ptr, size);
}

START_TEST(failed_allocation_changes_nothing)
{
	struct aw__stack stack = { .slot = 77 };

	aw__mem_hook(fail_nth);
	n_before_failure = 0;
	ck_assert_int_eq(aw__stack_get(&stacks, 0, &stack), -ENOMEM);
	aw__mem_hook(NULL);
	ck_assert_uint_eq(stack.slot, 77);
	ck_assert_uint_eq(stacks.n_slabs, 0);
	ck_assert_uint_eq(stacks.n_used, 0);
	stack = get(0);
	aw__stack_put(&stacks, &stack);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
	struct aw__stack stack;

	ck_assert_int_eq(aw__stack_get(&stacks, SIZE_MAX, &stack), -ENOMEM);
	ck_assert_int_eq(aw__stack_get(&stacks, SIZE_MAX / 4, &stack), -ENOMEM);
	ck_assert_uint_eq(stacks.n_used, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stack");
	TCase *basic = tcase_create("basic");
	TCase *memory = tcase_create("memory");
	TCase *limits = tcase_create("limits");

	tcase_add_checked_fixture(basic, setup, teardown);
	tcase_add_test(basic, size_zero_is_the_default);
	tcase_add_test(basic, sizes_are_at_least_what_was_asked);
	tcase_add_test(basic, stacks_do_not_touch_each_other);
	tcase_add_test(basic, last_stack_put_is_the_first_got);
	tcase_add_test(basic,
		       few_more_than_a_slab_do_not_wander_to_the_next_one);
	tcase_add_test(basic, other_sizes_are_kept_apart_and_reused);
	tcase_add_test(basic, cache_of_other_sizes_is_bounded);
	tcase_add_test(basic, free_slabs_stay_until_they_are_trimmed);
	tcase_add_test(basic, random_use_never_hands_out_a_stack_twice);
	suite_add_tcase(suite, basic);

	tcase_add_checked_fixture(memory, setup, teardown);
	tcase_add_test(memory, deep_use_gives_its_memory_back);
	tcase_add_test(memory, shallow_use_is_not_looked_for_below);
	tcase_add_test(memory, shallow_use_keeps_its_memory);
	tcase_add_test(memory,
		       deep_use_that_skipped_the_looks_is_found_in_the_end);
	tcase_add_test(memory, high_water_mark_is_exact_to_the_word);
	tcase_add_test(memory, parked_context_occupies_one_page);
	suite_add_tcase(suite, memory);

	tcase_add_checked_fixture(limits, setup, teardown);
	tcase_add_test(limits, failed_allocation_changes_nothing);
	tcase_add_test(limits, absurd_sizes_are_refused);
	suite_add_tcase(suite, limits);
	return suite_run(suite);
}
