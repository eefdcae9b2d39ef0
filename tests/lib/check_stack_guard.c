/* SPDX-License-Identifier: MIT */
/* lib/stack_guard.c: what stands below a stack, and what it may cost. */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack.h"
#include "suite.h"

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

/* Starts again with the best guard that the environment variable allows. */
static void
setup_guard(const char *wish)
{
	aw__stacks_fini(&stacks);
	setenv("AWAIT_STACK_GUARD", wish, 1);
	ck_assert_int_eq(aw__stacks_init(&stacks), 0);
}

static struct aw__stack
get(size_t size)
{
	struct aw__stack stack;

	ck_assert_int_eq(aw__stack_get(&stacks, size, &stack), 0);
	return stack;
}

/* --- Guards ----------------------------------------------------------- */

START_TEST(guard_is_the_region_below_the_stack)
{
	struct aw__stack stack = get(0);
	char *base = stack.base;

	ck_assert(!aw__stack_guards(base, &stack));
	ck_assert(aw__stack_guards(base - 1, &stack));
	ck_assert(aw__stack_guards(base - AW__STACK_GUARD, &stack));
	ck_assert(!aw__stack_guards(base - AW__STACK_GUARD - 1, &stack));
	ck_assert(!aw__stack_guards(NULL, &stack));
	aw__stack_put(&stacks, &stack);
}
END_TEST

/* Does a write at ptr kill? Asked in a child. */
static bool
write_kills(char *ptr)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)ptr = 1;
		_exit(0);
	}
	ck_assert_int_gt(child, 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static const char *const wishes[] = { "light", "mprotect" };
static const size_t sizes[] = { 0, 1 << 20 };

START_TEST(writing_to_a_guard_kills)
{
	struct aw__stack stack;
	char *base;

	setup_guard(wishes[_i / 2]);
	stack = get(sizes[_i % 2]);
	base = stack.base;
	/* Light is what was asked for; an older kernel gives the other. */
	ck_assert_int_ne(stack.guard, AW__GUARD_GAP);
	if (_i / 2 == 1)
		ck_assert_int_eq(stack.guard, AW__GUARD_MPROTECT);
	ck_assert(!write_kills(base));
	ck_assert(write_kills(base - 1));
	ck_assert(write_kills(base - AW__STACK_GUARD));

	/* It is still there in the next life of the stack. */
	memset(base, 1, stack.size);
	aw__stack_put(&stacks, &stack);
	stack = get(sizes[_i % 2]);
	ck_assert_ptr_eq(stack.base, base);
	ck_assert(write_kills(base - 1));
	ck_assert_uint_eq(stacks.n_gap, 0);
	aw__stack_put(&stacks, &stack);
}
END_TEST

START_TEST(gap_notices_an_overflow_afterwards)
{
	struct aw__stack stack;

	setup_guard("none");
	stack = get(sizes[_i]);
	ck_assert_int_eq(stack.guard, AW__GUARD_GAP);
	ck_assert_uint_eq(stacks.n_gap, 1);
	memset(stack.base, 1, stack.size);
	ck_assert(aw__stack_canary_ok(&stack));
	((volatile char *)stack.base)[-16] = 1;
	ck_assert(!aw__stack_canary_ok(&stack));
	((volatile char *)stack.base)[-16] = 0;
	aw__stack_put(&stacks, &stack);
}
END_TEST

static long
max_map_count(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	long maps = 65530;

	if (file) {
		ck_assert_int_eq(fscanf(file, "%ld", &maps), 1);
		fclose(file);
	}
	return maps;
}

/* Valgrind looks for a stack that is given back in a list of all, the newest
 * first, and keeps the maps in an array: 100,000 stacks cost it 5e9 steps, and
 * 13,000 guards as many insertions. There the budget is not reached. */
static size_t
count(size_t n)
{
	return stacks.valgrind ? 500 : n;
}

START_TEST(hundred_thousand_stacks_fit_the_budget_of_maps)
{
	size_t n = count(100000);
	struct aw__stack *all = calloc(n, sizeof(*all));
	size_t budget = (size_t)max_map_count() / 5;

	setup_guard("mprotect");
	ck_assert_ptr_nonnull(all);
	for (size_t i = 0; i < n; i++)
		all[i] = get(0);
	ck_assert_uint_eq(stacks.n_gap, n > budget ? n - budget : 0);
	for (size_t i = 0; i < n; i++)
		aw__stack_put(&stacks, &all[i]);
	free(all);

	/* All of the budget has come back. */
	setup_guard("mprotect");
	for (int i = 0; i < 2; i++) {
		struct aw__stack stack = get(sizes[i]);

		ck_assert_int_eq(stack.guard, AW__GUARD_MPROTECT);
		aw__stack_put(&stacks, &stack);
	}
}
END_TEST

START_TEST(maps_of_other_sizes_come_back)
{
	size_t n = count((size_t)max_map_count() / 5 + 10);

	setup_guard("mprotect");
	for (size_t i = 0; i < n; i++) {
		struct aw__stack stack = get(1 << 20);

		ck_assert_int_eq(stack.guard, AW__GUARD_MPROTECT);
		aw__stack_put(&stacks, &stack);
		aw__stacks_trim(&stacks, 0);
	}
}
END_TEST

#if AW__STACK_SCALE == 1

/* Every second page readable: as many maps as the kernel gives. */
static char *
use_up_the_maps(size_t n, size_t page)
{
	char *memory = mmap(NULL, n * page, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert(memory != MAP_FAILED);
	for (size_t i = 0; i < n; i += 2) {
		if (mprotect(memory + i * page, page, PROT_READ) < 0)
			break;
	}
	return memory;
}

/* A map less is a map more for the kernel when it is cut from the middle. */
START_TEST(no_map_left_is_survived)
{
	enum { N = 3 * 64 };
	size_t n = (size_t)max_map_count() + 100;
	struct aw__stack all[N], other;
	char *memory;

	if (stacks.valgrind || n > 4000000)
		return;
	setup_guard("none");
	for (int i = 0; i < N; i++)
		all[i] = get(0);
	memory = use_up_the_maps(n, stacks.page);
	stacks.guard = AW__GUARD_MPROTECT;
	other = get(1 << 20);
	ck_assert_int_eq(other.guard, AW__GUARD_GAP);
	aw__stack_put(&stacks, &other);

	/* The slab in the middle cannot be unmapped now, and is not lost. */
	for (int i = 64; i < 128; i++)
		aw__stack_put(&stacks, &all[i]);
	aw__stacks_trim(&stacks, 0);
	ck_assert_uint_eq(stacks.n_slabs, 3);
	ck_assert_uint_eq(stacks.n_empty, 1);
	all[64] = get(0);
	*(volatile char *)all[64].base = 1;
	aw__stack_put(&stacks, &all[64]);

	munmap(memory, n * stacks.page);
	aw__stacks_trim(&stacks, 0);
	ck_assert_uint_eq(stacks.n_slabs, 2);
	for (int i = 0; i < N; i++) {
		if (all[i].base)
			aw__stack_put(&stacks, &all[i]);
	}
}
END_TEST

#endif

int
main(void)
{
	Suite *suite = suite_create("stack_guard");
	TCase *guards = tcase_create("guards");
	TCase *maps = tcase_create("maps");

	tcase_add_checked_fixture(guards, setup, teardown);
	tcase_add_test(guards, guard_is_the_region_below_the_stack);
	tcase_add_loop_test(guards, writing_to_a_guard_kills, 0, 4);
	tcase_add_loop_test(guards, gap_notices_an_overflow_afterwards, 0, 2);
	suite_add_tcase(suite, guards);

	tcase_add_checked_fixture(maps, setup, teardown);
	tcase_add_test(maps, hundred_thousand_stacks_fit_the_budget_of_maps);
	tcase_add_test(maps, maps_of_other_sizes_come_back);
#if AW__STACK_SCALE == 1
	tcase_add_test(maps, no_map_left_is_survived);
#endif
	suite_add_tcase(suite, maps);
	return suite_run(suite);
}
