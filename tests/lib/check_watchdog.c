/* SPDX-License-Identifier: MIT */
/* lib/watchdog.c: stalls that its signal cannot see. What it sees of others
 * is in check_debug.c. */
#include <pthread.h>
#include <ucontext.h>

#include "child.h"

#define LOOKS 200000000L		/* a few minutes */

static int
busy(void *arg)
{
	size_t before = written();	/* AddressSanitizer's remark */
	long i;

	(void)arg;
	for (i = 0; i < LOOKS && written() == before; i++)
		;
	return i < LOOKS ? 0 : 1;
}

static void
mine(int number)
{
	(void)number;
}

static int
takes_the_signal(void *arg)
{
	struct sigaction action = { .sa_handler = mine };

	sigaction(SIGURG, &action, NULL);
	return busy(arg);
}

static int
blocks_the_signal(void *arg)
{
	sigset_t urgent;

	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	pthread_sigmask(SIG_BLOCK, &urgent, NULL);
	return busy(arg);
}

static ucontext_t here, elsewhere;
static int result;

static void
busy_elsewhere(void)
{
	result = busy(NULL);
}

static int
has_its_own_stack(void *arg)
{
	static char stack[1 << 18];

	(void)arg;
	getcontext(&elsewhere);
	elsewhere.uc_stack.ss_sp = stack;
	elsewhere.uc_stack.ss_size = sizeof stack;
	elsewhere.uc_link = &here;
	makecontext(&elsewhere, busy_elsewhere, 0);
	swapcontext(&here, &elsewhere);
	return result;
}

static int (*hidden[])(void *) = {
	takes_the_signal, blocks_the_signal, has_its_own_stack
};
static int hidden_now;

static int
run_hidden(void)
{
	setenv("AWAIT_DEBUG_STALL", "0.05", 1);
	return aw_run(hidden[hidden_now], NULL, .no_signals = true);
}

START_TEST(a_stall_that_the_signal_cannot_see_is_told_without_backtrace)
{
	hidden_now = _i;
	ck_assert(ended(in_child(true, run_hidden), 0));
	/* AddressSanitizer has a remark on the first use of ucontext. */
	ck_assert_said("await: task 'main' keeps the loop\n");
	ck_assert_not_said("'main' keeps the loop; it is here");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("watchdog");
	TCase *t = tcase_create("stalls");

	tcase_add_loop_test(
	    t, a_stall_that_the_signal_cannot_see_is_told_without_backtrace, 0,
	    AW_LENGTH(hidden));
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
