/* SPDX-License-Identifier: MIT */
/* lib/switch*: what must be the same behind a switch as before it. */
#include "switch.h"

#include <fenv.h>
#include <stdint.h>

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

/* --- Registers -------------------------------------------------------- */

/* More live values than there are callee-saved registers. */
static __attribute__((noinline)) uint64_t
keep_twenty(struct coroutine *c, uint64_t seed, void (*go)(struct coroutine *))
{
	uint64_t v[20];
	double d[10];

	for (unsigned i = 0; i < 20; i++)
		v[i] = seed * (i + 1);
	for (unsigned i = 0; i < 10; i++)
		d[i] = (double)seed / (i + 1);
	for (int turn = 0; turn < 10; turn++) {
		go(c);
		for (unsigned i = 0; i < 20; i++)
			v[i] += seed;
	}
	for (unsigned i = 0; i < 20; i++) {
		if (v[i] != seed * (i + 1) + 10 * seed ||
		    d[i / 2] != (double)seed / (i / 2 + 1))
			return 0;
	}
	return seed;
}

static struct aw__context *
keep_twenty_entry(void *arg)
{
	struct coroutine *c = arg;

	c->n = keep_twenty(c, 0x5555123456789, coroutine_yield);
	return c->back;
}

START_TEST(values_survive_a_switch_on_both_sides)
{
	struct coroutine c;

	coroutine_start(&c, keep_twenty_entry);
	ck_assert_uint_eq(keep_twenty(&c, 0x1111222233, coroutine_resume),
			  0x1111222233);
	coroutine_resume(&c);
	ck_assert_uint_eq(c.n, 0x5555123456789);
	coroutine_end(&c);
}
END_TEST

#if defined(__x86_64__) && !defined(AW_SWITCH_PORTABLE) && \
	!defined(AW__ASAN) && !defined(AW__TSAN)

/* Fills every callee-saved register with rubbish and goes back. */
static struct aw__context *
clobber_all(void *arg)
{
	struct coroutine *c = arg;

	while (c->back) {
		__asm__ volatile(
			"xor %%ebx, %%ebx\n\txor %%r12, %%r12\n\t"
			"xor %%r13, %%r13\n\txor %%r14, %%r14\n\t"
			"xor %%r15, %%r15"
			::: "rbx", "r12", "r13", "r14", "r15", "cc");
		coroutine_yield(c);
	}
	return NULL;
}

/* Sets the six to known values, switches, and stores what came back. */
static __attribute__((noinline)) void
switch_and_dump(void **ret_sp, void *sp, uint64_t *dump)
{
	__asm__ volatile(
		"push %%rbp\n\t"
		"push %[dump]\n\t"
		"mov $0xb, %%ebx\n\tmov $0xbb, %%ebp\n\t"
		"mov $0x12, %%r12d\n\tmov $0x13, %%r13d\n\t"
		"mov $0x14, %%r14d\n\tmov $0x15, %%r15d\n\t"
		"call aw__switch_stack\n\t"
		"pop %%rax\n\t"
		"mov %%rbx, (%%rax)\n\tmov %%rbp, 8(%%rax)\n\t"
		"mov %%r12, 16(%%rax)\n\tmov %%r13, 24(%%rax)\n\t"
		"mov %%r14, 32(%%rax)\n\tmov %%r15, 40(%%rax)\n\t"
		"pop %%rbp"
		: "+D"(ret_sp), "+S"(sp), [dump] "+d"(dump)
		:
		: "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13",
		  "r14", "r15", "memory", "cc");
}

START_TEST(callee_saved_registers_survive_a_switch)
{
	uint64_t dump[6] = { 0 };
	struct coroutine c;

	coroutine_start(&c, clobber_all);
	switch_and_dump(&home.sp, c.context.sp, dump);
	ck_assert_uint_eq(dump[0], 0xb);
	ck_assert_uint_eq(dump[1], 0xbb);
	ck_assert_uint_eq(dump[2], 0x12);
	ck_assert_uint_eq(dump[3], 0x13);
	ck_assert_uint_eq(dump[4], 0x14);
	ck_assert_uint_eq(dump[5], 0x15);
	coroutine_end(&c);
}
END_TEST

#define HAVE_REGISTER_TEST 1
#endif

/* --- Floating point --------------------------------------------------- */

/* fegetround() asks one unit, the x87 on x86-64; the division the other. */
static int
rounding_now(void)
{
	const volatile double nearest = 0x1.5555555555555p-2;
	volatile double one = 1.0, three = 3.0;
	int mode = fegetround();
	bool upward = one / three > nearest;

	return upward == (mode == FE_UPWARD) ? mode : -1;
}

static struct aw__context *
round_upward(void *arg)
{
	struct coroutine *c = arg;

	c->n = rounding_now() == FE_TONEAREST;
	fesetround(FE_UPWARD);
	coroutine_yield(c);
	c->n += rounding_now() == FE_UPWARD;
	fesetround(FE_DOWNWARD);
	return c->back;
}

START_TEST(rounding_mode_belongs_to_the_context)
{
	struct coroutine c;

	coroutine_start(&c, round_upward);
	coroutine_resume(&c);
	ck_assert_int_eq(rounding_now(), FE_TONEAREST);
	coroutine_resume(&c);
	ck_assert_int_eq(rounding_now(), FE_TONEAREST);
	ck_assert_uint_eq(c.n, 2);
	coroutine_end(&c);
}
END_TEST

START_TEST(new_context_inherits_the_rounding_mode)
{
	struct coroutine c;

	fesetround(FE_UPWARD);
	coroutine_start(&c, round_upward);
	fesetround(FE_TONEAREST);
	coroutine_resume(&c);
	ck_assert_uint_eq(c.n, 0);
	coroutine_resume(&c);
	coroutine_end(&c);
}
END_TEST

#if defined(__x86_64__)
#define HAVE_CONTROL_WORDS 1

#define FLUSH_TO_ZERO 0x8000u
#define DOUBLE_PRECISION 0x0200u	/* and 0x0300 is what it begins with */

static uint32_t
mxcsr(void)
{
	uint32_t word;

	__asm__ volatile("stmxcsr %0" : "=m"(word));
	return word & 0xffc0;
}

static void
mxcsr_set(uint32_t word)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(word));
}

static uint16_t
x87(void)
{
	uint16_t word;

	__asm__ volatile("fnstcw %0" : "=m"(word));
	return word;
}

static void
x87_set(uint16_t word)
{
	__asm__ volatile("fldcw %0" : : "m"(word));
}

static struct aw__context *
flush_to_zero(void *arg)
{
	struct coroutine *c = arg;
	uint32_t before = mxcsr();

	mxcsr_set(before | FLUSH_TO_ZERO);
	coroutine_yield(c);
	c->n = mxcsr() == (before | FLUSH_TO_ZERO);
	return c->back;
}

static struct aw__context *
less_precision(void *arg)
{
	struct coroutine *c = arg;
	uint16_t before = x87();

	x87_set((before & ~0x0300) | DOUBLE_PRECISION);
	coroutine_yield(c);
	c->n = x87() == ((before & ~0x0300) | DOUBLE_PRECISION);
	return c->back;
}

/* Each of the two words alone, since what is equal is not loaded. */
START_TEST(a_control_word_belongs_to_the_context)
{
	aw__context_fn *fn = _i ? less_precision : flush_to_zero;
	uint32_t sse = mxcsr();
	uint16_t precision = x87();
	struct coroutine c;

	coroutine_start(&c, fn);
	coroutine_resume(&c);
	ck_assert_uint_eq(mxcsr(), sse);
	ck_assert_uint_eq(x87(), precision);
	coroutine_resume(&c);
	ck_assert_uint_eq(mxcsr(), sse);
	ck_assert_uint_eq(x87(), precision);
	ck_assert_uint_eq(c.n, 1);
	coroutine_end(&c);
}
END_TEST
#endif

/* Not under Valgrind, which knows one rounding mode for much of SSE. */
static bool
rounding_can_be_set(void)
{
	bool works;

	fesetround(FE_UPWARD);
	works = rounding_now() == FE_UPWARD;
	fesetround(FE_TONEAREST);
	return works;
}

int
main(void)
{
	Suite *suite = suite_create("switch_registers");
	TCase *kept = tcase_create("kept");

	tcase_add_checked_fixture(kept, setup, teardown);
	tcase_add_test(kept, values_survive_a_switch_on_both_sides);
#ifdef HAVE_REGISTER_TEST
	tcase_add_test(kept, callee_saved_registers_survive_a_switch);
#endif
	if (rounding_can_be_set()) {
		tcase_add_test(kept, rounding_mode_belongs_to_the_context);
		tcase_add_test(kept, new_context_inherits_the_rounding_mode);
#ifdef HAVE_CONTROL_WORDS
		tcase_add_loop_test(kept,
				    a_control_word_belongs_to_the_context,
				    0, 2);
#endif
	}
	suite_add_tcase(suite, kept);
	return suite_run(suite);
}
