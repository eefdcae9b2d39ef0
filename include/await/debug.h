/* SPDX-License-Identifier: MIT */
/*
 * debug.h - seeing inside: the tree of tasks, counters, hooks.
 *
 *	aw_dump(STDERR_FILENO);			who waits for what, now
 *	struct aw_metrics m;
 *	aw_metrics(&m);				how it has been going
 *	aw_set_hooks(&hooks);			be told as it goes
 *
 * With AWAIT_DEBUG=1 in the environment a loop watches its program and says
 * on standard error: which task kept the loop for longer than 0.1 seconds
 * (AWAIT_DEBUG_STALL=seconds), with the backtrace of that moment; which tasks
 * and errors nobody asked for when aw_run() ends, and where the tasks were
 * started; that nobody can wake anybody (aw_run() then fails with -EDEADLK).
 * It ends the process when tasks are used from the wrong thread or after
 * their join, when a task waits under AW_NO_AWAIT, when scopes are left out
 * of order and when a deadline is NaN.  SIGUSR1 writes the tree of tasks, and
 * AWAIT_DEBUG_SEED=n shuffles the ready tasks.
 *
 * Without it the library never writes anything but the last words of a
 * process that dies; what it has to tell goes to the trace hook.
 */
#ifndef AWAIT_DEBUG_H
#define AWAIT_DEBUG_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_error;
struct aw_task;

/* Counters of one loop since it began. */
struct aw_metrics {
	uint64_t tasks;			/* living, without services */
	uint64_t tasks_peak;
	uint64_t services;		/* living tasks of libraries */
	uint64_t spawned;		/* tasks and services ever started */
	uint64_t unjoined;		/* ended, their handle not yet */
	uint64_t switches;		/* a task was given the processor */
	uint64_t polls;			/* of libev */
	uint64_t batches;		/* of ready tasks between two polls */
	uint64_t batches_by_count;	/* ended after 61 runs or more */
	uint64_t batches_by_time;	/* ended by 0.5 ms, after fewer */
	uint64_t turns_forced;		/* a task ignored 100 failed waits */
	uint64_t ready;			/* tasks that could run now */
	uint64_t ready_peak;		/* at the begin of a batch */
	uint64_t latency_samples;	/* every 64th wake is timed */
	double latency_mean;		/* seconds from ready to running */
	double latency_max;
	uint64_t waits_failed;		/* cancelled, or too late */
	uint64_t timers;		/* armed: sleeps, deadlines, others */
	uint64_t jobs;			/* in helper threads, or queued */
	uint64_t stacks;		/* in use */
	uint64_t stack_bytes;		/* address space, free ones too */
	uint64_t guards_light;		/* stacks by what lies below them */
	uint64_t guards_mprotect;
	uint64_t guards_gap;
	uint64_t ring_done;		/* reads, writes, syncs by io_uring */
	uint64_t ring_refused;		/* errno: why threads do them; 0 */
	uint64_t spare[6];
};

/* What a loop tells.  Each may be NULL; none may keep its pointers, and a
 * wait in one fails with AW_EUSAGE.
 * They run on the stack of the task in question, or of the loop. */
struct aw_hooks {
	size_t size;			/* of this structure */
	void *arg;			/* handed to each */
	void (*spawned)(void *arg, const struct aw_task *task,
			const char *site);	/* site may be NULL */
	void (*switched)(void *arg, const struct aw_task *from,
			 const struct aw_task *to);	/* NULL: the loop */
	void (*blocked)(void *arg, const struct aw_task *task,
			const char *what, const void *object);
	void (*woken)(void *arg, const struct aw_task *task);
	void (*exited)(void *arg, const struct aw_task *task, int status);
	void (*stalled)(void *arg, const struct aw_task *task,
			double seconds);	/* told when it is over */
	void (*unhandled)(void *arg, const char *task,
			  const struct aw_error *error);
	void (*trace)(void *arg, const char *text);	/* one line */
	void *spare[4];
};

/* How another process, a debugger or a core file finds the tasks. */
struct aw_debug_v1 {
	uint32_t version;		/* 1; a change of meaning makes it 2 */
	uint32_t n_offsets;		/* that are valid; more are appended */
	void *const *loops;		/* where the first one is named */
	uint32_t offsets[64];		/* by enum aw_debug_offset */
};

/* Offsets in bytes; LOOP_ in a loop, TASK_ in a task and so on. */
enum aw_debug_offset {
	AW_DEBUG_LOOP_NEXT,		/* pointer to the next loop */
	AW_DEBUG_LOOP_TASKS,		/* pointer to the newest task */
	AW_DEBUG_LOOP_SELF,		/* pointer to the running task */
	AW_DEBUG_LOOP_THREAD,		/* int32: the kernel's number */
	AW_DEBUG_TASK_NEXT,		/* pointer to the next older task */
	AW_DEBUG_TASK_NAME,		/* characters, in the task */
	AW_DEBUG_TASK_STATE,		/* byte: queued, ready, running,
					 * waiting, finished */
	AW_DEBUG_TASK_FLAGS,		/* byte: 1 is a service */
	AW_DEBUG_TASK_ID,		/* uint64 */
	AW_DEBUG_TASK_BORN,		/* double, CLOCK_MONOTONIC */
	AW_DEBUG_TASK_STATUS,		/* int32, when finished */
	AW_DEBUG_TASK_SITE,		/* pointer to characters, or NULL */
	AW_DEBUG_TASK_SCOPE,		/* pointer to its innermost scope */
	AW_DEBUG_TASK_BASE,		/* a scope in it: the outermost */
	AW_DEBUG_TASK_WAIT,		/* pointer to its wait, or NULL */
	AW_DEBUG_TASK_SP,		/* saved stack pointer, when it does not
					 * run; 0xffffffff: not known */
	AW_DEBUG_TASK_STACK,		/* pointer to the lowest byte */
	AW_DEBUG_TASK_STACK_SIZE,	/* size_t */
	AW_DEBUG_WAIT_WHAT,		/* pointer to characters */
	AW_DEBUG_WAIT_OBJECT,		/* pointer */
	AW_DEBUG_WAIT_SINCE,		/* double, CLOCK_MONOTONIC */
	AW_DEBUG_SCOPE_PARENT,		/* pointer, or NULL */
	AW_DEBUG_SCOPE_TASK,		/* pointer to its task, or NULL */
	AW_DEBUG_SCOPE_CAUSE,		/* pointer to the cancelled scope */
	AW_DEBUG_SCOPE_DEADLINE,	/* double, or infinite */
	AW_DEBUG_SCOPE_NAME,		/* pointer to characters */
	AW_DEBUG_SCOPE_SITE,		/* pointer to characters */
	AW_DEBUG_SCOPE_KIND,		/* uint32: 16 is a group */
	AW_DEBUG_OFFSETS
};

/**
 * aw_dump - write the tree of this loop's tasks
 * @fd: where to; a slow reader makes the loop wait
 *
 * One line for each task and group: name, number, state, what it waits for
 * and for how long, age, nearest deadline and whose it is, why it is being
 * cancelled, stack in use and at most used, where it was started.  Takes
 * about 3 us for a task.
 *
 * Return: 0; AW_EUSAGE (this thread has no loop); -errno of write(2).
 * Context: task, loop callback.
 * Source: write(2).
 * Since: 0.1
 */
AW_API int aw_dump(int fd);

/**
 * aw_dump_to - the same, handed over piece by piece
 * @fn: gets the text in order; must not suspend: a wait in it fails with
 * AW_EUSAGE
 * @arg: handed to @fn
 *
 * Return: 0; AW_EUSAGE (this thread has no loop).
 * Lifetime: the text is lent for one call of @fn.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_dump_to(void (*fn)(void *arg, const char *text, size_t size),
		      void *arg);

/**
 * aw_metrics - read the counters of this loop
 * @ret: new values; what is counted on demand takes a walk over the ready
 * tasks, the ended ones and the stacks
 *
 * Return: 0; AW_EUSAGE (this thread has no loop).
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_metrics(struct aw_metrics *ret);

/**
 * aw_set_hooks - be told what loops do
 * @hooks: copied; NULL: be told nothing any more
 *
 * For the loop of this thread, if there is one, and for every loop that
 * begins later.  Without hooks a switch costs one predictable branch.
 *
 * Return: nothing.
 * Lifetime: what @hooks->arg points to must outlive those loops.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_set_hooks(const struct aw_hooks *hooks);

/**
 * aw_trace - tell the trace hook what happened
 * @fmt: as printf; one line without a newline, cut after 255 bytes
 *
 * For drivers, in place of a log.  Without a hook nothing is formatted.
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_trace(const char *fmt, ...) AW_PRINTF(1, 2) AW_COLD;

/**
 * aw_debug_v1 - the map for those who look from outside
 *
 * Read it in the memory of a process or in a core file, without running any
 * code there: from loops to tasks to waits by the offsets.
 *
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API extern const struct aw_debug_v1 aw_debug_v1;

AW_END_DECLS

#endif
