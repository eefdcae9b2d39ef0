/* SPDX-License-Identifier: MIT */
/*
 * The life of a process; doc/internals/process.md draws the whole.
 *
 *	RUNNING --ask()--> ASKED --patience--> KILLED
 *	   |                 |                    |
 *	   +--------- pidfd readable: look() -----+--> ENDED, reaped
 *
 * Callbacks alone do all of it: the watch reaps, the timer kills. A reaper, a
 * service task, is there only so that the loop does not end before.
 *
 * The timer is libev's own, not one of ours: the child lives by the real
 * clock, also when the loop's is the test clock.
 */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <await/time.h>

#include "process.h"

#define LAST_WAIT 5.0			/* seconds after SIGKILL */
#define LOOK_AGAIN 0.02

/* linux/pidfd.h of 6.15 */
struct info {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t ids[11];
	int32_t exit_code;		/* as of wait(2) */
};
#define INFO_EXIT 8u
#define GET_INFO _IOWR(0xFF, 11, struct info)

/* --- Timers of the real clock ------------------------------------------ */

static void
start_timer(struct aw_process *p, ev_timer *timer, double seconds)
{
	ev_now_update(p->loop->ev);
	ev_timer_set(timer, seconds, 0);
	ev_timer_start(p->loop->ev, timer);
	ev_unref(p->loop->ev);
}

/* One that fired in this turn is pending and no longer active. */
static void
stop_timer(struct aw_process *p, ev_timer *timer)
{
	if (!ev_is_active(timer) && !ev_is_pending(timer))
		return;
	ev_ref(p->loop->ev);
	ev_timer_stop(p->loop->ev, timer);
}

/* --- References -------------------------------------------------------- */

void
aw__process_unref(struct aw_process *p)
{
	if (--p->refs > 0)
		return;
	if (p->pidfd >= 0)
		close(p->pidfd);
	aw__free(p);
}

/* Nobody looks after it any more. */
static void
unwatch(struct aw_process *p)
{
	if (!p->watch)
		return;
	stop_timer(p, &p->patience);
	stop_timer(p, &p->again);
	aw_closer_remove(&p->closer);
	aw_fd_free(p->watch);
	p->watch = NULL;
	while (aw__waiters_wake(&p->head, &p->tail, 0))
		;
	aw__process_unref(p);
}

/* --- The end of the child ---------------------------------------------- */

/* Somebody else has reaped it: the kernel may still know how it ended. */
static void
ask_kernel(struct aw_process *p)
{
	struct info info = { .mask = INFO_EXIT };

	p->code = -ECHILD;
	if (ioctl(p->pidfd, GET_INFO, &info) < 0 || !(info.mask & INFO_EXIT))
		return;
	p->code = 0;
	p->status = WIFSIGNALED(info.exit_code) ? -WTERMSIG(info.exit_code)
						: WEXITSTATUS(info.exit_code);
}

static void on_readable(void *process, int events);

static void
look(struct aw_process *p)
{
	siginfo_t info = { 0 };
	bool keep = aw__process_must_stay(p);
	int r = waitid(P_PIDFD, (id_t)p->pidfd, &info,
		       WEXITED | WNOHANG | (keep ? WNOWAIT : 0));

	if (r == 0 && info.si_pid == 0) {
		aw_fd_watch(p->watch, 0, NULL, NULL);
		start_timer(p, &p->again, LOOK_AGAIN);
		return;
	}
	if (r < 0)
		ask_kernel(p);
	else
		p->status = info.si_code == CLD_EXITED ? info.si_status
						       : -info.si_status;
	p->kept = keep && r == 0;
	p->ended = true;
	unwatch(p);
}

static void
on_readable(void *process, int events)
{
	(void)events;
	look(process);
}

static void
on_again(EV_P_ ev_timer *timer, int revents)
{
	struct aw_process *p = timer->data;

	(void)revents;
	ev_ref(loop);			/* a fired timer is inactive */
	if (p->mark == aw_fork_mark())
		aw_fd_watch(p->watch, AW_FD_READ, on_readable, p);
}

/* An application's loop fires it in a child of fork(), too. */
static void
on_patience(EV_P_ ev_timer *timer, int revents)
{
	const struct aw_process *p = timer->data;

	(void)revents;
	ev_ref(loop);
	if (p->mark == aw_fork_mark())
		aw_ignore(aw__process_send(p, SIGKILL));
}

/* --- Ending it --------------------------------------------------------- */

/* Once: a second SIGTERM means more to some programs. */
static void
ask(struct aw_process *p)
{
	if (p->asked || p->ended)
		return;
	p->asked = true;
	if (p->grace <= 0) {
		aw_ignore(aw__process_send(p, SIGKILL));
		return;
	}
	aw_ignore(aw__process_send(p, SIGTERM));
	if (p->grace < AW__NEVER)
		start_timer(p, &p->patience, p->grace);
}

static int
await_end(struct aw_process *p, struct aw_task *self, double until,
	  unsigned flags)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "the end of a process", p)
	};

	if (!p->watch)
		return 0;
	node.wait.until = until;
	node.wait.flags = (unsigned char)(AW__WAIT_OUTSIDE | flags);
	return aw__waiters_wait(&p->head, &p->tail, &node);
}

/* A service task. It is cancelled when the loop has no more patience. */
static int
reap(void *process)
{
	struct aw_process *p = process;
	struct aw_task *self = aw__self();

	if (await_end(p, self, AW__NEVER, 0) < 0) {
		aw_ignore(aw__process_send(p, SIGKILL));
		aw_ignore(await_end(p, self, aw_now() + LAST_WAIT,
				    AW__WAIT_FIRM));
	}
	aw__process_end_group(p);
	unwatch(p);
	aw__process_unref(p);
	return 0;
}

/* Without memory for a reaper there is no time to ask: it is killed, and the
 * watch reaps it. Return: is there a reaper? */
static bool
end_unattended(struct aw_process *p)
{
	ask(p);
	p->refs++;
	if (aw_service_start("reaper", reap, p) == 0) {
		aw_closer_remove(&p->closer);
		return true;
	}
	p->refs--;
	p->unattended = true;
	aw_ignore(aw__process_send(p, SIGKILL));
	return false;
}

static void
on_loop_end(void *process)
{
	struct aw_process *p = process;

	p->refs++;
	p->gone = true;
	if (!end_unattended(p)) {
		look(p);
		unwatch(p);
	}
	aw__process_unref(p);
}

/* Gives up the handle's reference. */
static void
let_go(struct aw_process *p)
{
	if (!p->ended && !p->gone)
		aw_ignore(!end_unattended(p));
	else
		aw__process_end_group(p);
	aw__process_unref(p);
}

static void
abort_streams(struct aw_process *p)
{
	int i;

	for (i = 0; i < 3; i++)
		aw_stream_abort(&p->streams[i]);
}

static void
abort_here(void *process)
{
	abort_streams(process);
	let_go(process);
}

/* The child is the parent's: only what this process has of it goes. */
static void
forget(struct aw_process *p)
{
	abort_streams(p);
	unwatch(p);
	aw__process_unref(p);
}

void
aw_process_abort(struct aw_process **process)
{
	struct aw_process *p = *process;

	*process = NULL;
	if (!p)
		return;
	if (p->mark != aw_fork_mark())
		forget(p);
	else if (p->watch && !p->gone && p->loop != aw__loop)
		aw_ignore(aw_post(p->loop, abort_here, p));
	else
		abort_here(p);
}

void
aw_process_freep(struct aw_process **process)
{
	aw_process_abort(process);
}

int
aw_process_close(struct aw_process **process)
{
	struct aw_process *p = *process;
	struct aw_task *self;
	int r;

	if (!p)
		return 0;
	r = aw__process_check(p);
	if (r < 0) {
		aw_process_abort(process);
		return r;
	}
	*process = NULL;
	abort_streams(p);
	ask(p);
	r = aw__enter(&self);
	if (r == 0)
		r = await_end(p, self, AW__NEVER, 0);
	let_go(p);
	return r;
}

/* --- Waiting ----------------------------------------------------------- */

int
aw__process_check(const struct aw_process *p)
{
	if (p->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the process was started before "
			       "fork(): it is a child of the parent process");
	if (p->gone)
		return aw_fail(AW_ECLOSED, "the loop of the process has "
			       "ended");
	if (p->loop != aw__loop)
		return aw_fail(AW_EUSAGE, "the process belongs to the loop "
			       "of another thread (use aw_post)");
	return 0;
}

static int
fail_status(const struct aw_process *p)
{
	return aw_fail(p->code, "process %d has ended, but how went to a "
		       "wait(-1) of the program, or SIGCHLD is ignored",
		       (int)p->pid);
}

int
aw_process_wait(struct aw_process *process, int *ret_status)
{
	struct aw_process *p = process;
	struct aw_task *self;
	int r = aw__process_check(p);

	if (r < 0)
		return r;
	p->refs++;
	r = aw__enter(&self);
	if (r == 0)
		r = await_end(p, self, AW__NEVER, 0);
	if (r == 0 && p->code < 0)
		r = fail_status(p);
	else if (r == 0 && !p->ended)
		r = aw_fail(AW_ECLOSED, "the loop of the process has ended");
	if (r == 0 && ret_status)
		*ret_status = p->status;
	aw__process_unref(p);
	return r;
}

int
aw_process_pid(const struct aw_process *process)
{
	return process->pid;
}

struct aw_stream *
aw_process_in(const struct aw_process *process)
{
	return process->streams[0];
}

struct aw_stream *
aw_process_out(const struct aw_process *process)
{
	return process->streams[1];
}

struct aw_stream *
aw_process_err(const struct aw_process *process)
{
	return process->streams[2];
}

/* --- The begin --------------------------------------------------------- */

int
aw__process_new(struct aw_process **ret)
{
	struct aw_process *p = aw__calloc(1, sizeof *p);
	int r;

	if (!p)
		return aw_fail(-ENOMEM, "no memory for a process");
	p->loop = aw__loop;
	p->pidfd = -1;
	p->mark = aw_fork_mark();
	p->refs = 1;
	p->closer.fn = on_loop_end;
	p->closer.arg = p;
	ev_init(&p->patience, on_patience);
	ev_init(&p->again, on_again);
	p->patience.data = p->again.data = p;
	/* For any descriptor until there is the right one: nothing may fail
	 * once the child runs. */
	r = aw_fd_new(&p->watch, 0);
	if (r < 0) {
		aw__free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void
aw__process_drop(struct aw_process *p)
{
	abort_streams(p);
	aw_fd_free(p->watch);
	aw__free(p);
}

void
aw__process_runs(struct aw_process *p)
{
	p->refs++;
	aw_fd_set(p->watch, p->pidfd);
	aw_fd_watch(p->watch, AW_FD_READ, on_readable, p);
	aw_ignore(aw_closer_add(&p->closer));
}
