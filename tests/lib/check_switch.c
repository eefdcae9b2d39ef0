/* SPDX-License-Identifier: MIT */
/* lib/switch*: contexts from birth to death, and the stack they are on. */
#include "switch.h"

#include <stdint.h>
#include <stdlib.h>
#include <unwind.h>

#include "suite.h"

/* A context with its stack, and the one that it goes back to. */
struct coroutine {
	struct aw__context context;
	struct aw__context *back;
	struct aw__stack stack;
	unsigned long n;
	void *seen;
};

static struct aw__stacks stacks;
static struct aw__context home;

static void
setup(void)
{
	ck_assert_int_eq(aw__stacks_init(&stacks), 0);
	aw__context_main(&home);
}

static void
teardown(void)
{
	ck_assert_uint_eq(stacks.n_used, 0);
	aw__stacks_fini(&stacks);
}

static void
coroutine_start(struct coroutine *c, aw__context_fn *entry)
{
	*c = (struct coroutine){ .back = &home };
	ck_assert_int_eq(aw__stack_get(&stacks, 0, &c->stack), 0);
	aw__context_make(&c->context, &c->stack, entry, c);
}

static void
coroutine_resume(struct coroutine *c)
{
	aw__context_switch(&home, &c->context);
}

static void
coroutine_yield(struct coroutine *c)
{
	aw__context_switch(&c->context, c->back);
}

/* The context has made its last switch, or never ran. */
static void
coroutine_end(struct coroutine *c)
{
	aw__context_fini(&c->context);
	aw__stack_put(&stacks, &c->stack);
}

static struct aw__context *
run_once(void *arg)
{
	struct coroutine *c = arg;

	c->n++;
	return c->back;
}

static struct aw__context *
count_forever(void *arg)
{
	struct coroutine *c = arg;

	while (c->back) {
		c->n++;
		coroutine_yield(c);
	}
	return NULL;
}

/* --- Life ------------------------------------------------------------- */

START_TEST(entry_runs_at_the_first_switch_with_its_argument)
{
	struct coroutine c;

	coroutine_start(&c, run_once);
	ck_assert_uint_eq(c.n, 0);
	coroutine_resume(&c);
	ck_assert_uint_eq(c.n, 1);
	coroutine_end(&c);
}
END_TEST

START_TEST(context_that_never_ran_can_be_finished)
{
	struct coroutine c;

	coroutine_start(&c, run_once);
	coroutine_end(&c);
	ck_assert_uint_eq(c.n, 0);
}
END_TEST

START_TEST(million_switches_lose_nothing)
{
	struct coroutine c;

	coroutine_start(&c, count_forever);
	for (unsigned long i = 1; i <= 1000000; i++) {
		coroutine_resume(&c);
		ck_assert_uint_eq(c.n, i);
	}
	coroutine_end(&c);
}
END_TEST

START_TEST(contexts_can_be_made_and_ended_without_end)
{
	struct coroutine c;

	for (int i = 0; i < 20000; i++) {
		coroutine_start(&c, run_once);
		coroutine_resume(&c);
		ck_assert_uint_eq(c.n, 1);
		coroutine_end(&c);
	}
	ck_assert_uint_eq(stacks.n_slabs, 1);
}
END_TEST

START_TEST(many_contexts_take_turns)
{
	enum { N = 500 };
	struct coroutine *c = calloc(N, sizeof(*c));

	ck_assert_ptr_nonnull(c);
	for (int i = 0; i < N; i++)
		coroutine_start(&c[i], count_forever);
	for (int turn = 1; turn <= 20; turn++) {
		for (int i = 0; i < N; i++) {
			coroutine_resume(&c[i]);
			ck_assert_uint_eq(c[i].n, turn);
		}
	}
	for (int i = 0; i < N; i++)
		coroutine_end(&c[i]);
	free(c);
}
END_TEST

/* One context may resume another: nothing ties them to the thread's own. */
static struct aw__context *
start_the_next(void *arg)
{
	struct coroutine *c = arg;
	struct coroutine next;

	coroutine_start(&next, run_once);
	next.back = &c->context;
	aw__context_switch(&c->context, &next.context);
	c->n = next.n;
	coroutine_end(&next);
	return c->back;
}

START_TEST(contexts_can_be_resumed_from_contexts)
{
	struct coroutine c;

	coroutine_start(&c, start_the_next);
	coroutine_resume(&c);
	ck_assert_uint_eq(c.n, 1);
	coroutine_end(&c);
}
END_TEST

/* --- The stack -------------------------------------------------------- */

static struct aw__context *
look_at_the_frame(void *arg)
{
	struct coroutine *c = arg;
	_Alignas(16) volatile char aligned[16];

	aligned[0] = 1;
	c->seen = __builtin_frame_address(0);
	c->n = (uintptr_t)&aligned[0] % 16;
	return c->back;
}

START_TEST(stack_of_a_new_context_is_aligned_and_its_own)
{
	struct coroutine c;
	char *base;

	coroutine_start(&c, look_at_the_frame);
	base = c.stack.base;
	coroutine_resume(&c);
	ck_assert_uint_eq(c.n, 0);
	ck_assert_uint_eq((uintptr_t)c.seen % 16, 0);
	ck_assert((char *)c.seen > base + c.stack.size - 4096);
	ck_assert((char *)c.seen < base + c.stack.size);
	coroutine_end(&c);
}
END_TEST

START_TEST(neighbours_start_on_different_cache_lines)
{
	struct coroutine a, b;

	coroutine_start(&a, look_at_the_frame);
	coroutine_start(&b, look_at_the_frame);
	coroutine_resume(&a);
	coroutine_resume(&b);
	ck_assert_uint_ne((uintptr_t)a.seen / 64 % 64,
			  (uintptr_t)b.seen / 64 % 64);
	coroutine_end(&b);
	coroutine_end(&a);
}
END_TEST

/* Each frame points to the one above, so that none can be optimised away. */
static __attribute__((noinline)) unsigned
descend(unsigned kilobytes, volatile char *above)
{
	volatile char frame[1024];

	frame[0] = (char)(*above + 1);
	frame[1023] = 1;
	if (kilobytes == 0)
		return 0;
	return descend(kilobytes - 1, frame) +
	       (unsigned)((char)(frame[0] - *above) == frame[1023]);
}

static struct aw__context *
go_deep(void *arg)
{
	struct coroutine *c = arg;
	volatile char top = 0;

	c->n = descend(180, &top);
	return c->back;
}

START_TEST(deep_recursion_fits)
{
	struct coroutine c;

	coroutine_start(&c, go_deep);
	coroutine_resume(&c);
	ck_assert_uint_eq(c.n, 180);
#ifndef AW__ASAN	/* it may keep frames elsewhere */
	ck_assert_uint_ge(aw__stack_used(&c.stack), 180 * 1024);
#endif
	coroutine_end(&c);
}
END_TEST

static _Unwind_Reason_Code
count_frame(struct _Unwind_Context *frame, void *arg)
{
	unsigned long *n = arg;

	(void)frame;
	return ++*n > 100 ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static struct aw__context *
unwind_all(void *arg)
{
	struct coroutine *c = arg;

	if (_Unwind_Backtrace(count_frame, &c->n) != _URC_END_OF_STACK)
		c->n = 1000;
	return c->back;
}

START_TEST(unwinders_stop_at_the_root)
{
	struct coroutine c;

	coroutine_start(&c, unwind_all);
	coroutine_resume(&c);
	ck_assert_uint_ge(c.n, 2);
	ck_assert_uint_lt(c.n, 10);
	coroutine_end(&c);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("switch");
	TCase *life = tcase_create("life");

	tcase_add_checked_fixture(life, setup, teardown);
	tcase_add_test(life, entry_runs_at_the_first_switch_with_its_argument);
	tcase_add_test(life, context_that_never_ran_can_be_finished);
	tcase_add_test(life, million_switches_lose_nothing);
	tcase_add_test(life, contexts_can_be_made_and_ended_without_end);
	tcase_add_test(life, many_contexts_take_turns);
	tcase_add_test(life, contexts_can_be_resumed_from_contexts);
	tcase_add_test(life, stack_of_a_new_context_is_aligned_and_its_own);
	tcase_add_test(life, neighbours_start_on_different_cache_lines);
	tcase_add_test(life, deep_recursion_fits);
	tcase_add_test(life, unwinders_stop_at_the_root);
	suite_add_tcase(suite, life);
	return suite_run(suite);
}
