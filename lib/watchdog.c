/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: says who keeps the loop while it is being kept.
 *
 *	loop's thread                     watchdog's thread
 *	beat++ at each switch  .........> the same beat for 0.1 s, and not
 *	polling = nothing runs            in poll? asked = beat
 *	   ^                                        |
 *	   +---- handler: is it still that beat? <--+ SIGURG
 *	         name and backtrace, now
 *
 * SIGURG, because its default is to be ignored, nobody sends it unasked and
 * debuggers let it pass. An application's own loop keeps its signals to
 * itself: there the watchdog names the task, without a backtrace.
 *
 * A signal in the middle of a switch would be unwound from one stack into
 * another. The handler looks first whether the stack pointer lies in the
 * stack of the task that is said to run, and else waits for the next time.
 *
 * A stall that lasts is told in any case. Where the handler cannot tell (the
 * program took the signal or blocks it, the task runs on a stack of its own
 * making) the watchdog names the task without a backtrace. Whoever claims
 * the beat first tells: it is told once.
 */
#include <errno.h>
#include <execinfo.h>
#include <stdio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "debug_private.h"
#include "fork.h"

#define SIGNAL SIGURG
#define FRAMES 64
#define REFUSALS 4			/* no switch takes so long */
#define UNHEARD 200			/* signals that were not handled */

static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;			/* loops that need the handler */
static struct sigaction former;

/* --- In the handler ---------------------------------------------------- */

static void
say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

static uintptr_t
stack_pointer(const ucontext_t *machine)
{
#if defined(__x86_64__)
	return (uintptr_t)machine->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	return (uintptr_t)machine->uc_mcontext.sp;
#else
	(void)machine;
	return 0;
#endif
}

static uintptr_t
program_counter(const ucontext_t *machine)
{
#if defined(__x86_64__)
	return (uintptr_t)machine->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)machine->uc_mcontext.pc;
#else
	(void)machine;
	return 0;
#endif
}

static bool
is_switching(const struct aw_loop *loop, const ucontext_t *machine)
{
	const struct aw_task *self = loop->self;
	uintptr_t sp = stack_pointer(machine), base;

	if (!self || sp == 0)
		return false;
	base = (uintptr_t)self->stack.base;
	return sp < base || sp > base + self->stack.size;
}

/* Without the frames of the handler itself, where they can be told. */
static void
write_backtrace(const ucontext_t *machine)
{
	void *frames[FRAMES];
	int n = backtrace(frames, FRAMES), skip;

	for (skip = 0; skip < n; skip++)
		if ((uintptr_t)frames[skip] == program_counter(machine))
			break;
	if (skip == n)
		skip = 0;
	backtrace_symbols_fd(frames + skip, n - skip, STDERR_FILENO);
}

/* Whose turn is it to tell of this beat? Ours if true. */
static bool
claim(struct aw__debug *debug, unsigned long beat)
{
	unsigned long told = atomic_load(&debug->reported);

	while (told < beat)
		if (atomic_compare_exchange_weak(&debug->reported, &told, beat))
			return true;
	return false;
}

static void
on_signal(int number, siginfo_t *info, void *machine)
{
	struct aw_loop *loop = aw__loop;
	struct aw__debug *debug = loop ? loop->debug : NULL;
	unsigned long beat;
	int saved = errno;

	(void)number;
	(void)info;
	if (!debug)
		return;
	beat = atomic_load(&debug->beat);
	if (beat != atomic_load(&debug->asked))
		return;
	if (is_switching(loop, machine)) {
		atomic_fetch_add(&debug->refused, 1);
		return;
	}
	if (!claim(debug, beat))
		return;
	if (loop->self) {
		say("await: task '");
		say(loop->self->name);
		say("' keeps the loop; it is here:\n");
	} else {
		say("await: a callback keeps the loop; it is here:\n");
	}
	write_backtrace(machine);
	errno = saved;
}

static void
install(void)
{
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
	};
	void *frame;

	/* The first call loads the unwinder: not in a handler. */
	backtrace(&frame, 1);
	sigemptyset(&action.sa_mask);
	pthread_mutex_lock(&users_lock);
	if (users++ == 0)
		sigaction(SIGNAL, &action, &former);
	pthread_mutex_unlock(&users_lock);
}

static void
uninstall(void)
{
	pthread_mutex_lock(&users_lock);
	if (--users == 0)
		sigaction(SIGNAL, &former, NULL);
	pthread_mutex_unlock(&users_lock);
}

/* --- In the watchdog's thread ------------------------------------------ */

static bool
wait_until(struct aw__debug *debug, double at)
{
	struct timespec when;
	bool quit;
	int r = 0;

	when.tv_sec = (time_t)at;
	when.tv_nsec = (long)((at - (double)when.tv_sec) * 1e9);
	pthread_mutex_lock(&debug->lock);
	while (!debug->quit && r == 0)
		r = pthread_cond_timedwait(&debug->over, &debug->lock, &when);
	quit = debug->quit;
	pthread_mutex_unlock(&debug->lock);
	return !quit;
}

/* A task that has been running for so long is not about to end: its name can
 * be read from here. */
static void __attribute__((no_sanitize("thread")))
say_from_here(struct aw_loop *loop)
{
	const struct aw_task *self = loop->self;

	if (!self) {
		say("await: a callback keeps the loop\n");
		return;
	}
	say("await: task '");
	say(self->name);
	say("' keeps the loop\n");
}

/* Has the program put its own handler in the place of ours? */
static bool
is_taken(void)
{
	struct sigaction now;

	return sigaction(SIGNAL, NULL, &now) < 0 ||
	       now.sa_sigaction != on_signal;
}

static bool
can_ask(struct aw__debug *debug, unsigned long beat)
{
	if (!debug->handles || is_taken())
		return false;
	if (atomic_load(&debug->asked) != beat) {
		debug->n_asked = 0;
		atomic_store(&debug->refused, 0);
		atomic_store(&debug->asked, beat);
	}
	return debug->n_asked++ < UNHEARD &&
	       atomic_load(&debug->refused) < REFUSALS;
}

static void
ask(struct aw__debug *debug, unsigned long beat)
{
	if (atomic_load(&debug->reported) >= beat)
		return;
	if (can_ask(debug, beat))
		pthread_kill(debug->owner, SIGNAL);
	else if (atomic_load(&debug->beat) == beat && claim(debug, beat))
		say_from_here(debug->loop);
}

static void *
watch(void *arg)
{
	struct aw__debug *debug = arg;
	unsigned long beat, last = 0;
	double step = debug->loop->stall / 2, now;
	unsigned looks = 0;

	for (now = aw__now(NULL); wait_until(debug, now + step);
	     now = aw__now(NULL)) {
		beat = atomic_load(&debug->beat);
		looks = beat == last && !atomic_load(&debug->polling)
			? looks + 1 : 0;
		last = beat;
		if (looks >= 2)
			ask(debug, beat);
	}
	return NULL;
}

/* --- On the loop's thread ---------------------------------------------- */

static void
before_poll(EV_P_ ev_prepare *prepare, int revents)
{
	struct aw__debug *debug = prepare->data;

	(void)loop;
	(void)revents;
	atomic_store(&debug->polling, true);
}

static void
after_poll(EV_P_ ev_check *check, int revents)
{
	struct aw__debug *debug = check->data;

	(void)loop;
	(void)revents;
	aw__watchdog_beat(debug);
	atomic_store(&debug->polling, false);
}

static void
start_watchers(struct aw__debug *debug)
{
	struct ev_loop *ev = debug->loop->ev;

	ev_prepare_init(&debug->before, before_poll);
	ev_set_priority(&debug->before, EV_MINPRI);
	ev_check_init(&debug->after, after_poll);
	ev_set_priority(&debug->after, EV_MAXPRI);
	debug->before.data = debug->after.data = debug;
	ev_prepare_start(ev, &debug->before);
	ev_check_start(ev, &debug->after);
	ev_unref(ev);
	ev_unref(ev);
}

static void
stop_watchers(struct aw__debug *debug)
{
	struct ev_loop *ev = debug->loop->ev;

	ev_ref(ev);
	ev_ref(ev);
	ev_prepare_stop(ev, &debug->before);
	ev_check_stop(ev, &debug->after);
}

/* Its thread takes no signal that somebody else waits for. */
static bool
start_thread(struct aw__debug *debug)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int r;

	pthread_mutex_init(&debug->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&debug->over, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&debug->watchdog, NULL, watch, debug);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r == 0;
}

void
aw__watchdog_start(struct aw__debug *debug)
{
	debug->owner = pthread_self();
	atomic_store(&debug->beat, 1);
	atomic_store(&debug->polling, true);	/* until it runs */
	start_watchers(debug);
	if (debug->loop->own) {
		install();
		debug->handles = true;
	}
	debug->watching = start_thread(debug);
	if (!debug->watching)
		say("await: no thread for the watchdog: stalls go unseen\n");
}

void
aw__watchdog_stop(struct aw__debug *debug)
{
	if (debug->watching) {
		pthread_mutex_lock(&debug->lock);
		debug->quit = true;
		pthread_cond_signal(&debug->over);
		pthread_mutex_unlock(&debug->lock);
		pthread_join(debug->watchdog, NULL);
	}
	pthread_cond_destroy(&debug->over);
	pthread_mutex_destroy(&debug->lock);
	if (debug->handles)
		uninstall();
	stop_watchers(debug);
}

/* --- In a child of fork() ---------------------------------------------- */

void
aw__watchdog_forked(const struct aw_loop *own)
{
	unsigned left = own && own->debug && own->debug->handles;

	pthread_mutex_init(&users_lock, NULL);
	if (users > 0 && left == 0)
		sigaction(SIGNAL, &former, NULL);
	users = left;
}

void
aw__watchdog_abandon(struct aw_loop *loop)
{
	if (!loop->debug)
		return;
	if (loop->debug->handles)
		uninstall();
	stop_watchers(loop->debug);
	loop->debug = NULL;
	aw__hooks_update(loop);
}
