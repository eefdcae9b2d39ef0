/* SPDX-License-Identifier: MIT */
/*
 * aw_run(), aw_main(), aw_attach(): who drives a loop, and how it is stopped.
 *
 * Signals (aw_run only): the first SIGINT or SIGTERM sets the stop event and,
 * after .grace, cancels the main task; a second one is raised again under the
 * disposition that was there before. libev leaves SIG_DFL behind when a
 * signal watcher stops, so the former dispositions are kept and put back.
 *
 * SIGPIPE is blocked in this thread and its disposition is left alone: a
 * write to a closed socket then fails with EPIPE. TLS libraries write with
 * write(2), which knows no MSG_NOSIGNAL.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include <await/time.h>

#include "crew.h"
#include "fork.h"
#include "runtime.h"

#define GRACE_AT_END 5.0

struct signals {
	struct sigaction former[2];
	sigset_t mask;
	bool installed;
};

/* The frame of aw_run(). */
struct aw__run {
	struct signals signals;
	struct aw__dump_signal dump;
};

static const int stop_signals[2] = { SIGINT, SIGTERM };

/* libev can watch a signal in one loop only: the first to come has them. */
static _Atomic(struct aw_loop *) signals_owner;

/* --- Stopping ---------------------------------------------------------- */

static void
cancel_root(void *arg)
{
	struct aw_loop *l = arg;

	aw_scope_cancel(&l->root, "the process was asked to stop");
}

void
aw__stop_begin(struct aw_loop *l, const char *why)
{
	if (l->stopping)
		return;
	l->stopping = true;
	if (l->member)
		aw__crew_stop(l->member, why);
	aw_trace("a stop was asked for: %s", why);
	while (aw__waiters_wake(&l->stop_head, &l->stop_tail, 0))
		;
	if (l->options.grace >= AW_FOREVER)
		return;
	if (l->options.grace <= 0) {
		aw_scope_cancel(&l->root, why);
		return;
	}
	if (aw_timer_start(&l->stop_timer, aw__now(l) + l->options.grace,
			   cancel_root, l) < 0)
		cancel_root(l);
}

bool
aw_stopping(void)
{
	return aw__loop && aw__loop->stopping;
}

void
aw_stop(void)
{
	if (aw__loop)
		aw__stop_begin(aw__loop, "aw_stop() was called");
}

int
aw_stop_wait(void)
{
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r < 0 || self->loop->stopping)
		return r;

	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "the stop event", NULL)
	};

	return aw__waiters_wait(&self->loop->stop_head,
				&self->loop->stop_tail, &node);
}

/* --- Signals ----------------------------------------------------------- */

static void
raise_again(struct aw_loop *l, int signum)
{
	int i = signum == SIGINT ? 0 : 1;
	const struct signals *s = l->signals[i].data;

	ev_signal_stop(l->ev, &l->signals[i]);
	sigaction(signum, &s->former[i], NULL);
	raise(signum);
}

static void
on_signal(EV_P_ ev_signal *w, int revents)
{
	struct aw_loop *l = aw__loop;

	(void)loop;
	(void)revents;
	if (l->stopping)
		raise_again(l, w->signum);
	else
		aw__stop_begin(l, w->signum == SIGINT ? "SIGINT" : "SIGTERM");
}

bool
aw__run_has_signals(void)
{
	return atomic_load(&signals_owner);
}

static void
install_signals(struct aw_loop *l, struct signals *s)
{
	struct aw_loop *nobody = NULL;
	sigset_t pipe;
	int i;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &s->mask);
	s->installed = !l->options.no_signals &&
		       atomic_compare_exchange_strong(&signals_owner, &nobody,
						      l);
	if (!s->installed)
		return;
	for (i = 0; i < 2; i++) {
		sigaction(stop_signals[i], NULL, &s->former[i]);
		ev_signal_init(&l->signals[i], on_signal, stop_signals[i]);
		l->signals[i].data = s;
		ev_signal_start(l->ev, &l->signals[i]);
	}
}

static void
uninstall_signals(struct aw_loop *l, struct signals *s)
{
	int i;

	if (!s->installed)
		return;
	for (i = 0; i < 2; i++) {
		ev_signal_stop(l->ev, &l->signals[i]);
		sigaction(stop_signals[i], &s->former[i], NULL);
	}
	s->installed = false;
	atomic_store(&signals_owner, NULL);
}

void
aw__run_forked(void)
{
	struct aw_loop *l = atomic_load(&signals_owner);

	if (l)
		uninstall_signals(l, &l->run->signals);
	atomic_store(&signals_owner, NULL);
	aw__dump_signal_forked();
}

/* A SIGPIPE that is pending for this thread is taken before it is unblocked. */
static void
restore_mask(const struct signals *s)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe;

	if (!sigismember(&s->mask, SIGPIPE)) {
		sigemptyset(&pipe);
		sigaddset(&pipe, SIGPIPE);
		while (sigtimedwait(&pipe, NULL, &now) == SIGPIPE)
			;
	}
	pthread_sigmask(SIG_SETMASK, &s->mask, NULL);
}

/* --- Running ----------------------------------------------------------- */

/* Tasks that main left behind, and handles that nobody joined. */
static size_t
count_leaks(const struct aw_loop *l)
{
	const struct aw_task *task;
	size_t n = 0;

	for (task = l->all; task; task = task->next_all)
		n += !(task->flags & AW__TASK_SERVICE);
	return n;
}

/* A task forked, and in the child it returned. */
static int
drive_ends_in_child(struct aw_task *task)
{
	if (task->state == AW__TASK_FINISHED) {
		aw__failure_move(&task->failure, aw__failure_here());
		return task->status;
	}
	return aw_fail(AW_EFORK, "a task called fork(), and in the child it "
		       "returned: the loop belongs to the parent process");
}

static int
drive(struct aw_loop *l, int (*fn)(void *arg), void *arg)
{
	struct aw_task *task;
	size_t leaks;
	int status;

	task = aw_spawn_with("main", fn, arg, NULL);
	if (!task)
		return aw_error()->code;
	while (task->state != AW__TASK_FINISHED && !l->forked)
		ev_run(l->ev, EVRUN_ONCE);
	if (l->forked)
		return drive_ends_in_child(task);
	status = task->status;
	aw__failure_move(&task->failure, aw__failure_here());
	task->status = 0;		/* it is ours now: not unhandled */
	aw_task_release(task);
	leaks = count_leaks(l);
	aw__debug_leaks(l);
	aw__loop_end(l, l->options.grace > 0 ? l->options.grace
					     : GRACE_AT_END);
	if (l->deadlocked)
		return aw_fail(-EDEADLK, "deadlock: tasks waited, and nothing "
			       "was left that could wake one");
	if (l->options.check_leaks && leaks > 0 && status >= 0)
		return aw_fail(AW_ELEAK, "%zu tasks were neither joined nor "
			       "released when main returned", leaks);
	return status;
}

int
aw__run(int (*fn)(void *arg), void *arg, const struct aw_run_options *options,
	struct aw__member *member)
{
	struct aw__run run = { 0 };
	struct aw_loop *l;
	bool forked;
	int r;

	if (aw__self())
		return aw_fail(-EDEADLK, "aw_run: called inside a task");
	r = aw__loop_new(&l, NULL, options);
	if (r < 0)
		return r;
	run.dump.loop = l;
	l->run = &run;
	l->member = member;
	install_signals(l, &run.signals);
	aw__dump_signal_start(l, &run.dump);
	r = drive(l, fn, arg);
	forked = l->forked;
	if (!forked) {
		aw__dump_signal_stop(l, &run.dump);
		uninstall_signals(l, &run.signals);
	}
	restore_mask(&run.signals);
	if (forked)
		aw__loop_abandon(l);
	else
		aw__loop_free(l);
	return r;
}

int
aw_run_with(int (*fn)(void *arg), void *arg,
	    const struct aw_run_options *options)
{
	return aw__run(fn, arg, options, NULL);
}

int
aw_main_with(int (*fn)(void *arg), void *arg,
	     const struct aw_run_options *options)
{
	int r = aw_run_with(fn, arg, options);

	if (r < 0) {
		aw_perror(NULL, r);
		return 1;
	}
	return r > 255 ? 255 : r;
}

/* --- Embedding --------------------------------------------------------- */

int
aw_attach_with(struct ev_loop *ev, struct aw_loop **ret,
	       const struct aw_run_options *options)
{
	if (!ev)
		return aw_fail(-EINVAL, "aw_attach: no loop was given");
	return aw__loop_new(ret, ev, options);
}

int
aw_detach(struct aw_loop *loop, double seconds)
{
	if (aw__is_foreign(loop, "aw_detach"))
		return AW_EUSAGE;
	if (aw__self() || ev_depth(loop->ev) > 0)
		return aw_fail(-EDEADLK, "aw_detach: called inside the loop: "
			       "call it after ev_run() returned");
	if (loop->mark != aw_fork_mark()) {
		aw__loop_abandon(loop);
		return 0;
	}
	aw__loop_end(loop, seconds > 0 ? seconds : 0);
	aw__loop_free(loop);
	return 0;
}
