/* SPDX-License-Identifier: MIT */
/*
 * loop.h - one loop per thread: running it, stopping it, embedding it.
 *
 *	int main(void) { return aw_main(app, NULL); }
 *
 * aw_run() makes a loop, runs fn as its main task and returns its value once
 * everything is finished: when the main task returns, the other tasks are
 * cancelled ("main returned") and joined, open pools and sessions are closed
 * and the work handed over to them gets .grace seconds.  The first SIGINT or
 * SIGTERM sets the stop event and, after .grace, cancels the main task; a
 * second one has the effect it had before aw_run().  When several threads run
 * a loop, the first that came has the signals.
 *
 * aw_run_threads() runs one loop in each of several threads; see thread.h for
 * what they may do to each other.
 *
 * fork(): the loop is the parent's.  In the child of a task every wait fails
 * with AW_EFORK and no other task runs; when its function returns, aw_run()
 * returns at once: the value of the main task, or AW_EFORK when it was
 * another task that forked.  SIGINT and SIGTERM are as they were before
 * aw_run().  To run a loop in the child fork outside one, or call aw_reinit()
 * (thread.h).
 *
 * aw_attach() works inside a libev loop that the application owns and runs:
 * no signal is touched (but for .name_overflow, if you ask for it) and idle
 * pools do not keep ev_run() going.
 */
#ifndef AWAIT_LOOP_H
#define AWAIT_LOOP_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_error;
struct aw_loop;
struct ev_loop;

/* Options of aw_run(), aw_run_threads(), aw_main() and aw_attach(). */
struct aw_run_options {
	size_t size;
	struct aw_named *named;
	double grace;		/* seconds between stop and cancel, and for
				 * handed-over work at the end (0: none at the
				 * stop, 5 s at the end) */
	bool no_signals;	/* leave SIGINT and SIGTERM alone */
	bool test_clock;	/* virtual time: jumps when all wait on it */
	bool check_leaks;	/* a task left at the end is AW_ELEAK */
	unsigned seed;		/* shuffles the ready tasks; 0 = plain FIFO */
	int64_t max_tasks;	/* living tasks; 0 = no limit */
	int64_t stack;		/* usable bytes of a task's stack (256 KiB) */
	void (*on_unhandled)(const char *task, const struct aw_error *error);
				/* nobody will ask for the failure: a released
				 * task's, or that of a group's child */
	int dump_signal;	/* aw_run(): writes aw_dump() to standard
				 * error (0: SIGUSR1 under AWAIT_DEBUG;
				 * AW_NONE) */
	bool name_overflow;	/* aw_attach(): names the task whose stack
				 * overflows, by a handler for SIGSEGV that
				 * passes every other fault on, and the
				 * thread's signal stack; aw_run() does so
				 * always */
	void *spare[3];
};

#ifndef __cplusplus
#define aw_run(fn, arg, ...) \
	aw_run_with((fn), (arg), &(struct aw_run_options){ \
		.size = sizeof(struct aw_run_options), __VA_ARGS__ })
#define aw_run_threads(n, fn, arg, ...) \
	aw_run_threads_with((n), (fn), (arg), &(struct aw_run_options){ \
		.size = sizeof(struct aw_run_options), __VA_ARGS__ })
#define aw_main(fn, arg, ...) \
	aw_main_with((fn), (arg), &(struct aw_run_options){ \
		.size = sizeof(struct aw_run_options), __VA_ARGS__ })
#define aw_attach(ev, ret, ...) \
	aw_attach_with((ev), (ret), &(struct aw_run_options){ \
		.size = sizeof(struct aw_run_options), __VA_ARGS__ })
#endif

/**
 * aw_run_with - run a loop on this thread until its main task is done
 * @fn: the main task
 * @arg: handed to @fn
 * @options: may be NULL
 *
 * Blocks the thread, not a task; must not be called inside a task.
 *
 * Return: the value of @fn; -EDEADLK (called in a task); -EBUSY (this thread
 * has a loop); -EINVAL (@options); -ENOMEM; -EMFILE and other errors of making
 * the loop; AW_ELEAK with .check_leaks; -EDEADLK under AWAIT_DEBUG when tasks
 * wait and nothing is left that could wake one.
 * Lifetime: @arg and @options are used until it returns.
 * Context: outside.
 * Source: libev manual, ev_loop_new, ev_run.
 * Since: 0.1
 */
AW_API int aw_run_with(int (*fn)(void *arg), void *arg,
		       const struct aw_run_options *options);

/**
 * aw_main_with - aw_run_with() for main(): prints a failure on standard
 * error with its detail and gives the exit code
 * @fn: the main task
 * @arg: handed to @fn
 * @options: may be NULL
 *
 * Return: 1 for a failure, else the value of @fn, at most 255.
 * Lifetime: as aw_run_with().
 * Context: outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_main_with(int (*fn)(void *arg), void *arg,
			const struct aw_run_options *options);

/**
 * aw_run_threads_with - run a loop in each of several threads
 * @n: how many; 0: as many as there are processors for this process; at
 * most 1024
 * @fn: the main task of each loop; aw_thread_index() tells them apart
 * @arg: handed to each @fn: the threads share it
 * @options: of each loop; .on_unhandled is called in any of the threads; may
 * be NULL
 *
 * The calling thread is thread 0, which has the signals.  @fn begins nowhere
 * before every thread has a loop.  The first failure stops the other threads
 * as a SIGTERM does, at once or after .grace; a stop that is asked for in one
 * thread reaches all.  A thread whose @fn returns without failure ends alone.
 * Returns when all have ended; until then their loops stay valid for
 * aw_post(), aw_spawn_on() and the like, which answer AW_ECLOSED.
 *
 * Return: the value of @fn in thread 0; the first failure, with its detail;
 * -EINVAL; -EAGAIN (a thread could not be started; @fn was called nowhere);
 * else as aw_run_with().
 * Lifetime: @arg and @options are used until it returns.
 * Context: outside.
 * Source: pthreads(7).
 * Since: 0.1
 */
AW_API int aw_run_threads_with(int n, int (*fn)(void *arg), void *arg,
			       const struct aw_run_options *options);

/**
 * aw_thread_index - which thread of aw_run_threads() is this?
 *
 * Return: from 0; 0 under aw_run() and aw_attach(); -1 on a thread without a
 * loop.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_thread_index(void);

/**
 * aw_thread_count - how many threads did aw_run_threads() begin?
 *
 * Return: the number; 1 under aw_run() and aw_attach(); 0 on a thread
 * without a loop.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_thread_count(void);

/**
 * aw_loop_here - the loop of this thread
 *
 * For those who give it to other threads.
 *
 * Return: the loop; NULL when there is none.
 * Lifetime: borrowed until the loop ends; with aw_run_threads() until it has
 * ended in every thread.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_loop *aw_loop_here(void);

/**
 * aw_attach_with - use a libev loop that the application runs
 * @ev: the loop; this thread runs it
 * @ret: new; end it with aw_detach()
 * @options: may be NULL; .grace and .no_signals have no meaning here
 *
 * Return: 0; -EBUSY (this thread has a loop); -EINVAL (no @ev; @options);
 * -EMFILE; -ENFILE; -ENOMEM.
 * Lifetime: @ev must outlive it.
 * Context: outside (this thread has no loop yet).
 * Source: libev manual.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_attach_with(struct ev_loop *ev,
					struct aw_loop **ret,
					const struct aw_run_options *options);

/**
 * aw_detach - cancel all tasks, close what is open, give the loop back
 * @loop: from aw_attach(); gone afterwards
 * @seconds: how long handed-over work may take
 *
 * Runs the libev loop until the tasks have ended: one that waits in an
 * AW_SHIELD() without end holds it for as long.
 *
 * Return: 0; -EDEADLK (called in a task or in a callback of the loop: the
 * loop stays attached); AW_EUSAGE (another thread's).
 * Lifetime: ends that of @loop.
 * Context: outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_detach(struct aw_loop *loop, double seconds);

/**
 * aw_post - call a function on another thread's loop
 * @loop: must live
 * @fn: called once, on that loop's stack, in the order of posting
 * @arg: handed to @fn
 *
 * Return: 0; -EINVAL (no @loop, no @fn); -ENOMEM; AW_ECLOSED (the loop is
 * ending); AW_EFORK.
 * Lifetime: @arg must live until @fn ran.
 * Context: any thread.
 * Source: libev manual, ev_async.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_post(struct aw_loop *loop, void (*fn)(void *arg),
				 void *arg);

/**
 * aw_stopping - has a stop been asked for?
 *
 * Return: true after the first SIGINT or SIGTERM, or aw_stop().
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API bool aw_stopping(void);

/**
 * aw_stop - ask for a stop, as the first SIGTERM does
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_stop(void);

/**
 * aw_stop_wait - wait until a stop is asked for
 *
 * Awaits; cancel point.
 *
 * Return: 0; -ECANCELED; -ETIME; -EDEADLK; AW_EUSAGE.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stop_wait(void);

AW_END_DECLS

#endif
