/* SPDX-License-Identifier: MIT */
/*
 * Stack overflow: say whose it was, then die as one dies of a wild write.
 *
 * A fault in the guard of the stack that runs is an overflow and nothing
 * else; so is one anywhere once the gap below it was written to. There is no
 * stack left to say so on, hence the signal stack of each loop thread. The
 * handler writes one line by write(2), restores the default disposition and
 * returns: the instruction faults again, and the core file shows the frame
 * that did not fit. Every other fault is passed on to what was installed
 * before us, as if we were not there.
 *
 *	process		SIGSEGV handler, while at least one loop wants it
 *	thread		signal stack, unless it has one that is large enough
 */
#include "fork.h"
#include "stack.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

/* SIGSTKSZ holds a frame; unwinders and reports of others need several. */
#define OVERFLOW_STACKS 4
#define OVERFLOW_MIN ((size_t)64 * 1024)

aw__stack_current_fn *aw__stack_current;
void (*aw__stack_overflow_report)(void *addr);

static pthread_mutex_t overflow_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned overflow_users;
static struct sigaction overflow_former;	/* valid while users > 0 */

/* --- The report: async-signal-safe ------------------------------------ */

struct line {
	size_t length;
	char text[160];
};

static void
line_add(struct line *line, const char *text)
{
	while (*text && line->length < sizeof(line->text))
		line->text[line->length++] = *text++;
}

static void
line_add_number(struct line *line, size_t number)
{
	char digits[24];
	char *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	line_add(line, at);
}

static void
overflow_write(const char *name, size_t size)
{
	struct line line = { 0 };
	ssize_t n;

	line_add(&line, "await: stack overflow in task '");
	line_add(&line, name ? name : "?");
	line_add(&line, "' (");
	line_add_number(&line, size);
	line_add(&line, " bytes)\n");
	/* Nothing is left to do if this fails. */
	n = write(STDERR_FILENO, line.text, line.length);
	(void)n;
}

static void
overflow_default(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
}

/* What would have happened without us. */
static void
overflow_pass_on(int number, siginfo_t *info, void *machine)
{
	struct sigaction former = overflow_former;

	if (former.sa_flags & SA_SIGINFO) {
		former.sa_sigaction(number, info, machine);
		return;
	}
	if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
		former.sa_handler(number);
		return;
	}
	/* Sent by kill(2), not a fault: returning would not repeat it. */
	if (info->si_code <= 0 && former.sa_handler == SIG_IGN)
		return;
	overflow_default();
	if (info->si_code <= 0)
		raise(SIGSEGV);
}

/* Behind a gap an overflow goes on, until it meets something else. */
static bool
is_overflow(const struct aw__stack *stack, const void *at)
{
	return aw__stack_guards(at, stack) || aw__stack_gap_crossed(stack);
}

static void
overflow_handler(int number, siginfo_t *info, void *machine)
{
	const struct aw__stack *stack = NULL;
	const char *name = NULL;
	int saved = errno;

	if (aw__stack_current && info->si_code > 0)
		stack = aw__stack_current(&name);
	if (!stack || !is_overflow(stack, info->si_addr)) {
		overflow_pass_on(number, info, machine);
		errno = saved;
		return;
	}

	overflow_write(name, stack->size);
	if (aw__stack_overflow_report)
		aw__stack_overflow_report(info->si_addr);
	overflow_default();
}

/*
 * For a guard that cannot fault: the damage is done, nothing may go on. The
 * stack may be that of a task that has ended: then another one runs, and its
 * name would be a lie.
 */
void
aw__stack_overflow_die(const struct aw__stack *stack)
{
	const char *name = NULL;
	sigset_t set;

	if (aw__stack_current && aw__stack_current(&name) != stack)
		name = NULL;
	overflow_write(name, stack->size);
	if (aw__stack_overflow_report)
		aw__stack_overflow_report(stack->base);

	overflow_default();
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGSEGV);
	_exit(128 + SIGSEGV);
}

/* --- Installing ------------------------------------------------------- */

static size_t
overflow_size(void)
{
	/* Not a constant since glibc 2.34: it knows the CPU's registers. */
	size_t size = OVERFLOW_STACKS * (size_t)SIGSTKSZ;

	return size < OVERFLOW_MIN ? OVERFLOW_MIN : size;
}

static int
overflow_signal_stack(struct aw__overflow *overflow)
{
	size_t size = overflow_size();
	stack_t stack;

	/* Someone else's, a sanitizer's for one, serves as well. */
	if (sigaltstack(NULL, &overflow->former) == 0 &&
	    !(overflow->former.ss_flags & SS_DISABLE) &&
	    overflow->former.ss_size >= size)
		return 0;

	stack = (stack_t){ .ss_size = size };
	stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stack.ss_sp == MAP_FAILED)
		return -ENOMEM;
	if (sigaltstack(&stack, NULL) < 0) {
		munmap(stack.ss_sp, size);
		return -ENOMEM;
	}
	overflow->memory = stack.ss_sp;
	overflow->size = size;
	return 0;
}

static void
overflow_install_handler(void)
{
	struct sigaction action = {
		.sa_sigaction = overflow_handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	sigemptyset(&action.sa_mask);
	pthread_mutex_lock(&overflow_lock);
	if (overflow_users++ == 0)
		sigaction(SIGSEGV, &action, &overflow_former);
	pthread_mutex_unlock(&overflow_lock);
}

int
aw__stack_overflow_handler_install(struct aw__overflow *overflow)
{
	int r;

	*overflow = (struct aw__overflow){ 0 };
	r = overflow_signal_stack(overflow);
	if (r < 0)
		return r;

	overflow_install_handler();
	overflow->installed = true;
	return 0;
}

/* Ours may have been replaced meanwhile; then it is not ours to undo. */
static void
overflow_restore_handler(void)
{
	struct sigaction now;

	pthread_mutex_lock(&overflow_lock);
	if (--overflow_users == 0 && sigaction(SIGSEGV, NULL, &now) == 0 &&
	    (now.sa_flags & SA_SIGINFO) &&
	    now.sa_sigaction == overflow_handler)
		sigaction(SIGSEGV, &overflow_former, NULL);
	pthread_mutex_unlock(&overflow_lock);
}

/* In a child of fork() only one loop's thread is left: own, or none. */
void
aw__stack_overflow_forked(const struct aw__overflow *own)
{
	unsigned users = own && own->installed;

	pthread_mutex_init(&overflow_lock, NULL);
	if (overflow_users > 0 && users == 0)
		sigaction(SIGSEGV, &overflow_former, NULL);
	overflow_users = users;
}

void
aw__stack_overflow_handler_remove(struct aw__overflow *overflow)
{
	stack_t now;

	if (!overflow->installed)
		return;

	overflow_restore_handler();
	if (overflow->memory) {
		if (sigaltstack(NULL, &now) == 0 &&
		    now.ss_sp == overflow->memory)
			sigaltstack(&overflow->former, NULL);
		munmap(overflow->memory, overflow->size);
	}
	*overflow = (struct aw__overflow){ 0 };
}
