/* SPDX-License-Identifier: MIT */
/*
 * What the runtime keeps so that it can be seen, and what watches it.
 *
 *	always		struct aw__counts: plain increments, sampled times
 *	hooks		loop->watched: one branch per switch, wake, wait
 *	AWAIT_DEBUG	loop->debug (and loop->watched): a watchdog thread,
 *			a quarantine for task blocks, reports
 *
 * Included by runtime.h, where the structures it points to are defined.
 */
#ifndef AW__DEBUG_H
#define AW__DEBUG_H

#include <ev.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include <await/debug.h>

struct aw_broadcast;
struct aw_error;
struct aw_event;
struct aw_loop;
struct aw_queue;
struct aw_scope;
struct aw_task;
struct aw__debug;
struct aw__wait;
struct aw__wait_node;

#define AW__SAMPLE_MASK 63u	/* every 64th wake is timed */

struct aw__counts {
	uint64_t readied;		/* puts into the ready queue */
	uint64_t mask;			/* of readied; 0: look at each */
	struct aw_task *sampled;	/* ready since sampled_at */
	double sampled_at;
	double batch_at;		/* when the last batch began */
	uint64_t runs;			/* of the batches that have ended */
	uint64_t direct;		/* switches past the queue */
	uint64_t polls, batches, by_count, by_time;
	uint64_t failed;		/* waits */
	uint64_t n_samples;
	double samples, samples_max;	/* seconds */
	size_t peak_tasks, peak_ready;
	bool told_gap;			/* the trace hook, about guards */
};

/* --- job.c -------------------------------------------------------------- */

/* Jobs of this loop that have not been delivered. */
size_t aw__jobs_count(void);

/* --- hooks.c ------------------------------------------------------------ */

void aw__hooks_init(struct aw_loop *loop);
void aw__hooks_update(struct aw_loop *loop);
/* A task becomes ready: time it, tell it. */
void aw__seen_ready(struct aw_loop *loop, struct aw_task *task);
/* The task that is timed runs now. */
void aw__seen_sample(struct aw_loop *loop);
void aw__seen_switch(struct aw_loop *loop, const struct aw_task *to);
void aw__seen_block(struct aw__wait *wait);
void aw__seen_spawn(const struct aw_task *task);
void aw__seen_exit(struct aw_task *task);
/* A failure that nobody will ask for, of the task name from site. */
void aw__unhandled(const struct aw_loop *loop, const char *name,
		   const char *site, const struct aw_error *e);

/* --- registry.c: every loop of the process ----------------------------- */

void aw__registry_add(struct aw_loop *loop);
void aw__registry_remove(struct aw_loop *loop);
/* Does the loop of that number live, and is it under AWAIT_DEBUG? */
bool aw__registry_has(uint64_t serial, bool *ret_debug);
/* Lets every other loop call fn with itself as the argument. */
void aw__registry_post(struct aw_loop *but, void (*fn)(void *arg));

/* --- debug.c: AWAIT_DEBUG and the signal for a dump --------------------- */

struct aw__dump_signal {
	struct aw_loop *loop;
	ev_signal watcher;
	struct sigaction former;
	bool installed;
};

void aw__dump_signal_start(struct aw_loop *loop, struct aw__dump_signal *dump);
void aw__dump_signal_stop(struct aw_loop *loop, struct aw__dump_signal *dump);
/* In a child of fork(), whichever loop had it. */
void aw__dump_signal_forked(void);

/* --- debug.c: under AWAIT_DEBUG --------------------------------------- */

void aw__debug_start(struct aw_loop *loop);
void aw__debug_stop(struct aw_loop *loop);
/* One line on standard error about the task: once for each what. */
void aw__debug_warn(struct aw_task *task, unsigned what, const char *fmt, ...)
	__attribute__((cold, format(printf, 3, 4)));
/* Takes a block that would be reused; false: not under debug. */
bool aw__debug_keep(struct aw_task *task);
/* Main has returned: what was left behind? */
void aw__debug_leaks(struct aw_loop *loop);
/* Poll would block: can anybody wake anybody? */
void aw__debug_deadlock(struct aw_loop *loop);

/* --- misuse.c ----------------------------------------------------------- */

/* One line on standard error, and the end of the process. */
void aw__debug_die(const char *fmt, ...)
	__attribute__((noreturn, cold, format(printf, 1, 2)));
/* Fails with AW_EUSAGE in a callback, with -EDEADLK under AW_NO_AWAIT. */
int aw__misuse_no_await(const struct aw_task *task, const char *what) AW_COLD;
void aw__misuse_order(const struct aw_scope *left,
		      const struct aw_scope *innermost) AW_COLD;
void aw__misuse_nan(const char *what, const char *site) AW_COLD;
void aw__misuse_gone(const struct aw_task *task, const char *call) AW_COLD;
/* Fails with AW_EUSAGE. */
int aw__misuse_thread(const struct aw_loop *owner, const char *call) AW_COLD;
/* The same of the loop of that number; 0: it has ended. */
int aw__misuse_loop(uint64_t serial, const char *call) AW_COLD;

/* --- dump.c, describe.c, describe_wait.c -------------------------------- */

/* Text in pieces: what does not fit the buffer is handed on. */
struct aw__sink {
	void (*fn)(void *arg, const char *text, size_t size);
	void *arg;
	size_t n;
	char text[512];
};

void aw__sink_add(struct aw__sink *sink, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void aw__sink_flush(struct aw__sink *sink);
/* To standard error; arg is not used. */
void aw__sink_stderr(void *arg, const char *text, size_t size);
/* One line: state, wait, age, deadline, cancel, stack, site. */
void aw__describe_task(struct aw__sink *sink, const struct aw_task *task,
		       double now);
/* "waiting 0.2 s for a mutex held by 'b'" */
void aw__describe_state(struct aw__sink *sink, const struct aw_task *task,
			double now);
/* ", cancelled: why, by 'a' at file:line", or nothing. */
void aw__describe_cancel(struct aw__sink *sink, const struct aw_scope *scope);
/* Whom a task waits for; one of them, if there are several; or NULL. */
const struct aw_task *aw__waited_for(const struct aw_task *task);
/* " 0x1 held by 'b'": what it waits for, and how that stands. */
void aw__describe_object(struct aw__sink *sink, const struct aw_task *task);
/* "2 wait" */
void aw__describe_line(struct aw__sink *sink, const struct aw__wait_node *head);

/* --- queue.c, broadcast_life.c, select.c: " 0x1 (empty, room for 4)" ------ */

void aw__queue_describe(struct aw__sink *sink, const struct aw_queue *queue);
void aw__broadcast_describe(struct aw__sink *sink,
			    const struct aw_broadcast *broadcast);
void aw__event_describe(struct aw__sink *sink, const struct aw_event *event);
/* By this name of its wait a select is known. */
extern const char aw__one_of_several[];
void aw__select_describe(struct aw__sink *sink, const struct aw__wait *wait);

#endif
