/* SPDX-License-Identifier: MIT */
/* lib/stack_overflow.c: the last words of a task, and faults of others. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack.h"
#include "suite.h"
#include "switch.h"

static struct aw__stacks stacks;
static struct aw__overflow overflow;
static struct aw__stack stack;
static struct aw__context home, task;
static volatile bool in_task;

static const struct aw__stack *
current(const char **ret_name)
{
	if (!in_task)
		return NULL;
	*ret_name = "parser";
	return &stack;
}

static void
report(void *addr)
{
	const char *text = aw__stack_guards(addr, &stack) ? "guard\n" :
			   addr == stack.base ? "base\n" : "elsewhere\n";

	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(99);
}

static __attribute__((noinline)) int
recurse(volatile char *above)
{
	volatile char frame[1500];

	frame[0] = (char)(*above + 1);
	if (!in_task)
		return 0;
	return recurse(frame) + frame[0];
}

static struct aw__context *
overflow_entry(void *arg)
{
	volatile char top = 1;

	(void)arg;
	in_task = true;
	top = (char)recurse(&top);
	_exit(98);
	return NULL;
}

static char *
forbidden_page(void)
{
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ck_assert(page != MAP_FAILED);
	return page;
}

static struct aw__context *
fault_entry(void *arg)
{
	(void)arg;
	in_task = true;
	*(volatile char *)forbidden_page() = 1;
	_exit(98);
	return NULL;
}

/* What a child wrote to stderr, and how it ended. */
struct last_words {
	char text[4096];
	int status;
};

/* AddressSanitizer has a remark on each first use of ucontext. */
static void
drop_remarks(char *text)
{
	while (strncmp(text, "==", 2) == 0 && strchr(text, '\n')) {
		const char *next = strchr(text, '\n') + 1;

		memmove(text, next, strlen(next) + 1);
	}
}

static struct last_words
run_child(void (*fn)(void))
{
	struct last_words words = { .text = "" };
	size_t n = 0;
	ssize_t got;
	int ends[2];
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		fn();
		_exit(97);
	}
	ck_assert_int_gt(child, 0);
	close(ends[1]);
	while (n < sizeof(words.text) - 1 &&
	       (got = read(ends[0], words.text + n,
			   sizeof(words.text) - 1 - n)) > 0)
		n += (size_t)got;
	close(ends[0]);
	drop_remarks(words.text);
	ck_assert_int_eq(waitpid(child, &words.status, 0), child);
	return words;
}

static void
install(void)
{
	aw__stack_current = current;
	aw__stack_overflow_report = report;
	if (aw__stack_overflow_handler_install(&overflow) < 0 ||
	    aw__stacks_init(&stacks) < 0 ||
	    aw__stack_get(&stacks, 0, &stack) < 0)
		_exit(96);
	aw__context_main(&home);
}

static void
run_on_task(aw__context_fn *entry)
{
	aw__context_make(&task, &stack, entry, NULL);
	aw__context_switch(&home, &task);
}

/* A former handler that shows that it was asked. */
static void
former_handler(int number)
{
	_exit(number == SIGSEGV ? 7 : 95);
}

static void
former_action(int number, siginfo_t *info, void *machine)
{
	(void)machine;
	_exit(number == SIGSEGV && info->si_addr ? 8 : 95);
}

static void
expect_report(const struct last_words *words, const char *where)
{
	char line[128];

	snprintf(line, sizeof(line),
		 "await: stack overflow in task 'parser' (%zu bytes)\n%s\n",
		 AW__STACK_DEFAULT, where);
	ck_assert_str_eq(words->text, line);
	ck_assert(WIFSIGNALED(words->status));
	ck_assert_int_eq(WTERMSIG(words->status), SIGSEGV);
}

/* --- Overflows -------------------------------------------------------- */

static void
child_overflows(void)
{
	install();
	run_on_task(overflow_entry);
}

static const char *const wishes[] = { "light", "mprotect" };

START_TEST(overflow_names_the_task_and_kills)
{
	struct last_words words;

	setenv("AWAIT_STACK_GUARD", wishes[_i], 1);
	words = run_child(child_overflows);
	expect_report(&words, "guard");
}
END_TEST

static void
child_overflows_into_a_gap(void)
{
	install();
	in_task = true;
	((volatile char *)stack.base)[-8] = 1;
	aw__stack_put(&stacks, &stack);
}

START_TEST(overflow_into_a_gap_is_reported_when_the_stack_comes_back)
{
	struct last_words words;

	setenv("AWAIT_STACK_GUARD", "none", 1);
	words = run_child(child_overflows_into_a_gap);
	expect_report(&words, "base");
}
END_TEST

/* What lies behind the gap and the stacks below, or another page. */
static struct aw__context *
cross_entry(void *arg)
{
	in_task = true;
	((volatile char *)stack.base)[-(ptrdiff_t)AW__STACK_GUARD + 8] = 1;
	return fault_entry(arg);
}

static void
child_crosses_a_gap(void)
{
	install();
	run_on_task(cross_entry);
}

START_TEST(overflow_across_a_gap_is_reported_where_it_ends)
{
	struct last_words words;

	setenv("AWAIT_STACK_GUARD", "none", 1);
	words = run_child(child_crosses_a_gap);
	expect_report(&words, "elsewhere");
}
END_TEST

static void
child_puts_the_stack_of_another(void)
{
	struct aw__stack other;

	install();
	in_task = true;
	if (aw__stack_get(&stacks, 0, &other) < 0)
		_exit(96);
	((volatile char *)other.base)[-8] = 1;
	aw__stack_put(&stacks, &other);
}

START_TEST(overflow_of_an_ended_task_blames_nobody)
{
	struct last_words words;

	setenv("AWAIT_STACK_GUARD", "none", 1);
	words = run_child(child_puts_the_stack_of_another);
	ck_assert_ptr_nonnull(strstr(words.text, "in task '?' ("));
	ck_assert_ptr_null(strstr(words.text, "parser"));
	ck_assert(WIFSIGNALED(words.status));
}
END_TEST

static void
child_overflows_after_another_loop_ended(void)
{
	struct aw__overflow second;

	install();
	if (aw__stack_overflow_handler_install(&second) < 0)
		_exit(96);
	aw__stack_overflow_handler_remove(&second);
	run_on_task(overflow_entry);
}

START_TEST(handler_stays_while_one_loop_wants_it)
{
	struct last_words words =
		run_child(child_overflows_after_another_loop_ended);

	expect_report(&words, "guard");
}
END_TEST

/* --- Other faults ----------------------------------------------------- */

static void
child_faults_with_handler(void)
{
	signal(SIGSEGV, former_handler);
	install();
	run_on_task(fault_entry);
}

static void
child_faults_with_action(void)
{
	struct sigaction action = { .sa_sigaction = former_action,
				    .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	install();
	run_on_task(fault_entry);
}

static void
child_faults_with_two_loops(void)
{
	struct aw__overflow second;

	signal(SIGSEGV, former_handler);
	install();
	if (aw__stack_overflow_handler_install(&second) < 0)
		_exit(96);
	run_on_task(fault_entry);
}

static void
child_faults_by_default(void)
{
	signal(SIGSEGV, SIG_DFL);
	install();
	run_on_task(fault_entry);
}

static void
child_is_sent_the_signal(void)
{
	signal(SIGSEGV, former_handler);
	install();
	raise(SIGSEGV);
}

static void
child_ignores_the_signal_sent(void)
{
	signal(SIGSEGV, SIG_IGN);
	install();
	raise(SIGSEGV);
	_exit(6);
}

static void
child_writes_to_the_guard_outside_a_task(void)
{
	signal(SIGSEGV, former_handler);
	install();
	((volatile char *)stack.base)[-8] = 1;
}

START_TEST(other_faults_are_passed_on)
{
	static const struct {
		void (*fn)(void);
		int code;	/* exit code, or -signal */
	} cases[] = {
		{ child_faults_with_handler, 7 },
		{ child_faults_with_action, 8 },
		{ child_faults_with_two_loops, 7 },
		{ child_faults_by_default, -SIGSEGV },
		{ child_is_sent_the_signal, 7 },
		{ child_ignores_the_signal_sent, 6 },
		{ child_writes_to_the_guard_outside_a_task, 7 },
	};
	struct last_words words = run_child(cases[_i].fn);

	ck_assert_str_eq(words.text, "");
	if (cases[_i].code < 0) {
		ck_assert(WIFSIGNALED(words.status));
		ck_assert_int_eq(WTERMSIG(words.status), -cases[_i].code);
	} else {
		ck_assert(WIFEXITED(words.status));
		ck_assert_int_eq(WEXITSTATUS(words.status), cases[_i].code);
	}
}
END_TEST

/* --- Undoing ---------------------------------------------------------- */

START_TEST(removal_restores_disposition_and_signal_stack)
{
	struct sigaction before, after;
	stack_t stack_before, stack_after;

	signal(SIGSEGV, former_handler);
	sigaction(SIGSEGV, NULL, &before);
	sigaltstack(NULL, &stack_before);
	ck_assert_int_eq(aw__stack_overflow_handler_install(&overflow), 0);
	sigaction(SIGSEGV, NULL, &after);
	ck_assert(after.sa_handler != before.sa_handler);
	sigaltstack(NULL, &stack_after);
	ck_assert(!(stack_after.ss_flags & SS_DISABLE));
	ck_assert_uint_ge(stack_after.ss_size, (size_t)4 * SIGSTKSZ);

	aw__stack_overflow_handler_remove(&overflow);
	aw__stack_overflow_handler_remove(&overflow);
	sigaction(SIGSEGV, NULL, &after);
	ck_assert(after.sa_handler == before.sa_handler);
	sigaltstack(NULL, &stack_after);
	ck_assert_int_eq(stack_after.ss_flags, stack_before.ss_flags);
	if (!(stack_before.ss_flags & SS_DISABLE))
		ck_assert_ptr_eq(stack_after.ss_sp, stack_before.ss_sp);
	signal(SIGSEGV, SIG_DFL);
}
END_TEST

START_TEST(removal_leaves_a_later_handler_alone)
{
	struct sigaction later = { .sa_sigaction = former_action,
				   .sa_flags = SA_SIGINFO };
	struct sigaction now;

	ck_assert_int_eq(aw__stack_overflow_handler_install(&overflow), 0);
	sigaction(SIGSEGV, &later, NULL);
	aw__stack_overflow_handler_remove(&overflow);
	sigaction(SIGSEGV, NULL, &now);
	ck_assert(now.sa_sigaction == former_action);
	signal(SIGSEGV, SIG_DFL);
}
END_TEST

START_TEST(large_signal_stack_of_the_thread_is_kept)
{
	size_t size = (size_t)64 * SIGSTKSZ + 65536;
	stack_t own = { .ss_sp = malloc(size), .ss_size = size };
	stack_t former, now;

	ck_assert_ptr_nonnull(own.ss_sp);
	ck_assert_int_eq(sigaltstack(&own, &former), 0);
	ck_assert_int_eq(aw__stack_overflow_handler_install(&overflow), 0);
	sigaltstack(NULL, &now);
	ck_assert_ptr_eq(now.ss_sp, own.ss_sp);
	aw__stack_overflow_handler_remove(&overflow);
	sigaltstack(NULL, &now);
	ck_assert_ptr_eq(now.ss_sp, own.ss_sp);
	sigaltstack(&former, NULL);
	free(own.ss_sp);
}
END_TEST

static void
setup(void)
{
	unsetenv("AWAIT_STACK_GUARD");
}

/* Under Valgrind a fault is an error found, and changes the exit code. */
static bool
faults_are_ours(void)
{
	bool ours;

	aw__stacks_init(&stacks);
	ours = !stacks.valgrind;
	aw__stacks_fini(&stacks);
	return ours;
}

int
main(void)
{
	Suite *suite = suite_create("stack_overflow");
	TCase *overflows = tcase_create("overflows");
	TCase *others = tcase_create("others");

	tcase_add_checked_fixture(overflows, setup, NULL);
	tcase_add_checked_fixture(others, setup, NULL);
	tcase_add_loop_test(overflows, overflow_names_the_task_and_kills, 0, 2);
	tcase_add_test(overflows,
		overflow_into_a_gap_is_reported_when_the_stack_comes_back);
	tcase_add_test(overflows,
		overflow_across_a_gap_is_reported_where_it_ends);
	tcase_add_test(overflows, overflow_of_an_ended_task_blames_nobody);
	tcase_add_test(overflows, handler_stays_while_one_loop_wants_it);
	suite_add_tcase(suite, overflows);

	if (faults_are_ours())
		tcase_add_loop_test(others, other_faults_are_passed_on, 0, 7);
	tcase_add_test(others, removal_restores_disposition_and_signal_stack);
	tcase_add_test(others, removal_leaves_a_later_handler_alone);
	tcase_add_test(others, large_signal_stack_of_the_thread_is_kept);
	suite_add_tcase(suite, others);
	return suite_run(suite);
}
