/* SPDX-License-Identifier: MIT */
/*
 * The runtime as its own files see it: loops, tasks, waits.
 *
 *	             wake                    turn comes
 *	 WAITING ------------> READY ---------------------> RUNNING
 *	    ^                    ^                             |
 *	    |                    +--- yield -------------------+
 *	    +------------------------- wait -------------------+
 *	                                                       | fn returns
 *	 QUEUED --- below the group's limit ---> READY         v
 *	                                                    FINISHED
 *
 * Only schedule.c switches stacks, only wait.c parks a task, only scope.c
 * decides whether a wait must fail.
 */
#ifndef AW__RUNTIME_H
#define AW__RUNTIME_H

#include <ev.h>
#include <math.h>
#include <pthread.h>

#include <await/driver.h>
#include <await/group.h>
#include <await/loop.h>
#include <await/queue.h>
#include <await/scope.h>
#include <await/task.h>

#include "debug.h"
#include "mem.h"
#include "stack.h"
#include "switch.h"

/* The library's own cancels have no place that a user would know. */
#undef aw_cancel
#undef aw_group_stop
#undef aw_scope_cancel

#define AW__NAME 64			/* with the NUL */
#define AW__NEVER HUGE_VAL

#define aw__container(p, type, member) \
	((type *)(void *)((char *)(p) - offsetof(type, member)))

/* --- Waiting ----------------------------------------------------------- */

enum aw__wait_state {
	AW__WAIT_NEW,		/* may be completed before it begins */
	AW__WAIT_PARKED,
	AW__WAIT_DONE,		/* completed: value holds */
	AW__WAIT_BROKEN,	/* interrupted: completions are refused */
	AW__WAIT_BRANCH		/* of another wait: aw__branch_init() */
};

#define AW__WAIT_FIRM 1u	/* neither cancel nor deadline ends it */
#define AW__WAIT_OUTSIDE 2u	/* somebody outside the loop ends it: the test
				 * clock must not jump */
#define AW__WAIT_SERVED 4u	/* a service ends it: that is no deadlock */

/* One wait, on the stack of its task. */
struct aw__wait {
	struct aw_task *task;
	const char *what;		/* static: "a permit" */
	const void *object;
	double until;			/* completes by itself, value 0 */
	double since;			/* parked; the batch's begin */
	struct aw_timer timer;
	int value;
	int code;			/* why it was broken */
	unsigned char state;
	unsigned char flags;
};

#define AW__WAIT_INIT(task_, what_, object_) { \
	.task = (task_), .what = (what_), .object = (object_), \
	.until = AW__NEVER }

/* A wait in a FIFO of waiters (struct aw_waiters of sync.h). */
struct aw__wait_node {
	struct aw__wait_node *next, *prev;
	struct aw__wait wait;
	int64_t n;			/* what it asks for; the owner's use */
	void *data;			/* the owner's use */
	bool linked;
};

/* --- Errors ------------------------------------------------------------ */

/* Why something was cancelled, and by whom; shared by scopes and failures. */
struct aw__reason {
	const char *site;		/* static: of that call; or NULL */
	unsigned refs;
	char by[AW__NAME];		/* the task that did it; "" = none */
	char text[AW__NAME];
};

/* The last failure of a task, as cheap as it can be kept: a wait that fails
 * costs a few stores, and the text is made when somebody asks. */
struct aw__failure {
	int code;			/* 0: the detail counts */
	const char *what;		/* the wait */
	const char *scope, *site;	/* static strings of the scope */
	struct aw__reason *reason;
	struct aw_error *detail;	/* on the heap, or NULL */
};

/* --- Tasks ------------------------------------------------------------- */

enum aw__task_state {
	AW__TASK_QUEUED,
	AW__TASK_READY,
	AW__TASK_RUNNING,
	AW__TASK_WAITING,
	AW__TASK_FINISHED
};

#define AW__TASK_SERVICE 1u	/* of a library */
#define AW__TASK_RELEASED 2u	/* nobody holds the handle */
#define AW__TASK_JOINED 4u
#define AW__TASK_STARTED 8u	/* fn has been called */
#define AW__TASK_DROPPED 16u	/* released while somebody joins it */
#define AW__TASK_LAST 32u	/* of a group: cancelled after the others */
#define AW__TASK_TOLD 64u	/* has called aw_started() */
#define AW__TASK_GONE 128u	/* in quarantine: nobody may use it */

#define AW__TOLD_FAILURES 1u	/* it ignores failed waits */
#define AW__TOLD_NESTED 2u	/* it calls ev_run() */
#define AW__TOLD_HELD 4u	/* it ended as an owner */

struct aw__atexit {
	struct aw__atexit *next;
	void (*fn)(void *arg);
	void *arg;
};

struct aw_task {
	/* Zero at birth: as little as possible, a spawn clears it. */
	struct aw__wait *wait;		/* in progress, or NULL */
	unsigned char state;
	unsigned char flags;
	unsigned char failures;		/* failed waits without a switch */
	unsigned char told;		/* what was reported: AW__TOLD_... */
	int status;			/* of fn */
	struct aw__failure failure;
	size_t reserved;		/* at its top: a copied argument */
	struct aw__wait *joiner;
	struct aw_group *group;		/* or NULL */
	struct aw__starter *starter;	/* waits for aw_started(), or NULL */
	struct aw_task *next, *prev;	/* in a list of the group */
	struct aw__atexit *atexit;
	void *result;			/* for who joins, or NULL */
	struct aw__locals *own;		/* task-locals, or NULL */
	struct aw__locals *inherited;	/* shared with other tasks, or NULL */
	struct aw_error **gathered;	/* details of the last gather */
	size_t n_gathered;
	unsigned short n_selects;	/* where the next one begins to look */
	unsigned short n_held;		/* mutexes and locks to write */

	/* Set by whoever makes or uses it. */
	int saved_errno;
	struct aw_task *next_ready;
	struct aw__context context;
	struct aw_loop *loop;
	struct aw_scope *scope;		/* the innermost */
	int (*fn)(void *arg);
	void *arg;
	struct aw_scope base;		/* the outermost scope */
	struct aw__stack stack;
	struct aw_task *next_all, **prev_all;	/* every task of the loop */
	void (*result_dtor)(void *result);
	const char *site;		/* static: where it was created */
	double born;			/* or the begin of that batch */
	uint64_t id;
	char name[AW__NAME];
};

/* --- Loops ------------------------------------------------------------- */

struct aw__heap_entry {
	double at;
	struct aw_timer *timer;
};

/* 4-ary, place p has its children at 4p-2..4p+1; places begin with 1. */
struct aw__heap {
	struct aw__heap_entry *at;
	size_t n, room;
};

struct aw__post {
	struct aw__post *next;
	void (*fn)(void *arg);
	void *arg;
};

/* A call on another thread's loop, in memory of the sender's. */
struct aw__remote {
	struct aw__remote *next;
	void (*fn)(struct aw__remote *remote);
};

#define AW__SLOTS 16

struct aw_loop {
	struct ev_loop *ev;
	struct aw_task *self;		/* runs; NULL: the loop's own stack */
	struct aw_task *dying;		/* its stack can be recycled now */
	struct aw_task *ready_head, *ready_tail;
	struct aw__counts counts;
	bool watched;			/* hooks or debug are on */
	unsigned runs;			/* of this batch */
	unsigned ops;			/* ready operations of this slice */
	double batch_end;		/* by the clock */
	double poll_at;			/* the end of a batch of many runs */
	unsigned look_at;		/* runs: then the clock is read */
	double slice_end;
	struct aw__context context;	/* of the loop's own stack */

	struct aw__heap timers;
	double fired;			/* the reading that fired the last */
	size_t n_user_timers;		/* timers that are not internal */
	size_t n_outside;		/* waits that the outside ends */
	size_t n_served_outside;	/* the same, of services */
	bool ending;			/* only services are left */
	double clock;			/* of the test clock */
	bool test_clock;

	struct aw_scope root;		/* of user tasks */
	struct aw_scope services;	/* of service tasks */
	struct aw_task *all;		/* living and unjoined tasks */
	struct aw_task *spare;		/* recycled, linked by next_ready */
	struct aw__slab_of_tasks *slabs;
	size_t n_tasks;			/* living user tasks */
	size_t n_services;		/* living service tasks */
	uint64_t last_id;		/* of a task */
	uint64_t serial;		/* of the loop, << AW__TASK_ID_BITS */
	struct aw__stacks stacks;

	struct aw_defer *defers, **defers_tail;
	struct aw_closer *closers;
	void *slots[AW__SLOTS];
	int (*call_fn)(void *arg);	/* aw_on_loop_stack() */
	void *call_arg;
	int call_value;
	struct aw_task *caller;

	pthread_mutex_t post_lock;
	struct aw__post *posts, **posts_tail;
	struct aw__remote *remotes, **remotes_tail;
	bool post_closed;
	bool forked;			/* we are a child: nothing runs here */
	unsigned mark;			/* of the process that made it */
	struct aw__run *run;		/* aw_run()'s frame, or NULL */
	struct aw__member *member;	/* of aw_run_threads(), or NULL */
	struct aw_loop *abandoned;	/* the next inherited one */

	struct aw__wait_node *stop_head, *stop_tail;
	bool stopping;
	struct aw_timer stop_timer;

	unsigned char file_backend;	/* enum aw__backend; 0: not asked yet */
	unsigned char n_file_blocks;
	void *file_blocks[3];		/* memory of blocks for the next file */
	struct aw_fd *touched;		/* what libev will ask epoll for */
	struct aw_fd **fds;		/* of aw_wait_fd(), by number */
	size_t n_fds;

	struct aw_run_options options;
	uint64_t rng;			/* 0: no shuffle */
	bool own;			/* the ev_loop is ours */
	struct aw__overflow overflow;
	bool held;			/* an embedded loop is kept alive */
	double armed;			/* when head fires; AW__NEVER */
	uint64_t n_turns;		/* forced on failing tasks */
	struct aw_loop *next_loop, **prev_loop;	/* of the process */
	int32_t thread;			/* the kernel's number */
	struct aw__debug *debug;	/* NULL: AWAIT_DEBUG is off */
	struct aw_hooks hooks;
	double stall;			/* seconds that are too long */
	double slice_began;		/* while the stall hook is set */
	size_t n_watches;		/* descriptors that are watched */
	bool shared;			/* others may wake tasks unseen */
	bool deadlocked;
	ev_prepare prepare;
	ev_check check;
	ev_idle idle;
	ev_timer head;
	ev_async async;
	ev_signal signals[2];
};

extern _Thread_local struct aw_loop *aw__loop
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The task that runs, or NULL. */
static inline struct aw_task *
aw__self(void)
{
	return aw__loop ? aw__loop->self : NULL;
}

/* The tasks of a loop count from 1: with the number of the loop before it, no
 * two tasks of the process have the same. */
#define AW__TASK_ID_BITS 40

static inline uint64_t
aw__task_serial(const struct aw_task *task)
{
	return task->loop->serial | task->id;
}

/* Does it belong to the loop of another thread? Then the call has failed. */
static inline bool
aw__is_elsewhere(const struct aw_loop *loop, const char *call)
{
	return __builtin_expect(loop != aw__loop, 0) &&
	       aw__misuse_thread(loop, call) < 0;
}

/* The same; in a child of fork() what was inherited may be set aside. */
static inline bool
aw__is_foreign(const struct aw_loop *loop, const char *call)
{
	return __builtin_expect(loop != aw__loop, 0) &&
	       loop->mark == aw_fork_mark() &&
	       aw__misuse_thread(loop, call) < 0;
}

/* clock.c: the monotonic clock, or the test clock's. */
double aw__now(const struct aw_loop *loop);

/* schedule.c */
void aw__ready(struct aw_task *task);
void aw__ready_first(struct aw_task *task);
void aw__suspend(struct aw_task *self);
void aw__reschedule(struct aw_task *self);
void aw__give_turn(struct aw_task *self);
void aw__switch_to(struct aw_task *self, struct aw_task *to);
void aw__batch(struct aw_loop *loop);

/* wait.c: the suspend point. */

/* Begin of every awaiting call; 0 and *ret, or the code to return. */
int aw__enter(struct aw_task **ret);
/* The same without counting a ready operation. */
int aw__pending(struct aw_task *task);
/* Fails where a wait is forbidden, whether it would wait or not. */
int aw__may_wait(struct aw_task *task, const char *what);
/* Park until aw__wake() or an interruption. 0 = completed, see value. */
int aw__wait(struct aw__wait *wait);
/* Complete a wait; false: it is over already. */
bool aw__wake(struct aw__wait *wait, int value);
/* One way of several in which the wait trunk may be completed: the first
 * branch keeps the value, the trunk's value is its place. Never waited for
 * itself. */
void aw__branch_init(struct aw__wait *branch, struct aw__wait *trunk,
		     int place);
/* End a wait by an interruption (scope.c). */
void aw__interrupt(struct aw__wait *wait, int code);
/* Fail with a recorded interruption; returns code. */
int aw__broken(struct aw_task *task, int code, const char *what);

/* FIFO of waiters: head and tail are the fields of a struct aw_waiters. */
void aw__waiters_push(struct aw__wait_node **head, struct aw__wait_node **tail,
		      struct aw__wait_node *node);
void aw__waiters_remove(struct aw__wait_node **head,
			struct aw__wait_node **tail,
			struct aw__wait_node *node);
/* Unlink waiters from the head until one could be woken with value; that
 * one, or NULL. */
struct aw__wait_node *aw__waiters_wake(struct aw__wait_node **head,
				       struct aw__wait_node **tail, int value);
/* Push node, wait, unlink; the result of aw__wait(). */
int aw__waiters_wait(struct aw__wait_node **head, struct aw__wait_node **tail,
		     struct aw__wait_node *node);

/* timer.c */
int aw__timer_add(struct aw_loop *loop, struct aw_timer *timer);
void aw__timer_remove(struct aw_loop *loop, struct aw_timer *timer);
void aw__timers_fire(struct aw_loop *loop);
void aw__timers_arm(struct aw_loop *loop);
void aw__heap_fini(struct aw__heap *heap);

/* scope.c */
void aw__scope_root(struct aw_scope *scope, const char *name);
void aw__scope_base(struct aw_task *task, struct aw_scope *parent,
		    double deadline);
void aw__scope_link(struct aw_scope *scope, struct aw_scope *parent,
		    double at);
void aw__scope_unlink(struct aw_scope *scope);
void aw__scope_uncancel(struct aw_scope *scope);
void aw__scope_forked(void);
int aw__scope_interrupted(struct aw_scope *scope, double now);

/* What is called from here to the end of the block is a callback of the
 * user's that must not wait: a wait in it fails with AW_EUSAGE and what it
 * is. It may be called while another task is half switched to. */
#define AW__CALLBACK(what) \
	struct aw_scope AW_CAT(callback_, __LINE__) \
		__attribute__((cleanup(aw_scope_leave), unused)) = { \
			.name = (what), .site = "", \
			.kind = AW_SCOPE_NO_AWAIT_ | AW_SCOPE_CALLBACK_ }; \
	aw_scope_enter(&AW_CAT(callback_, __LINE__))

/* task.c */
struct aw_task *aw__task_new(struct aw_loop *loop, const char *name,
			     int (*fn)(void *), void *arg, size_t stack,
			     struct aw_scope *parent, unsigned flags,
			     double deadline, const char *site);
/* An option .stack: fails with -EINVAL. */
int aw__stack_check(const char *call, int64_t stack);
void aw__task_start(struct aw_task *task);
void aw__task_start_now(struct aw_task *self, struct aw_task *task);
void aw__task_finish(struct aw_task *task);
void aw__task_free(struct aw_task *task);
/* task_atexit.c: right after its function. */
void aw__task_run_atexit(struct aw_task *self);
void aw__tasks_fini(struct aw_loop *loop);

/* May self join the task? 0, or the code to return. */
int aw__task_check(struct aw_task *self, const struct aw_task *task,
		   const char *call);
/* The same, and the task tells one wait of its end. */
int aw__task_watch(struct aw_task *self, struct aw_task *task,
		   struct aw__wait *wait, const char *call);
void aw__task_unwatch(struct aw_task *task);

/* local.c */
struct aw__locals *aw__locals_ref(struct aw__locals *table);
void aw__locals_unref(struct aw__locals **table);

/* io.c: a descriptor as one way to complete a wait. */
int aw__fd_branch(struct aw_loop *loop, int fd, int events,
		  struct aw__wait *branch, struct aw_fd **ret);
void aw__fd_unbranch(struct aw_fd *fd, const struct aw__wait *branch);

/* group.c */
void aw__group_child_finished(struct aw_task *task);

/* err.c */
struct aw__failure *aw__failure_here(void);
struct aw_error *aw__failure_detail(struct aw__failure *failure);
struct aw_error *aw__failure_take(struct aw__failure *failure);
int aw__failure_copy(struct aw__failure *failure, struct aw_error **ret);
void aw__failure_match(int code);
void aw__failure_give(struct aw__failure *failure, struct aw_error *error);
void aw__failure_move(struct aw__failure *from, struct aw__failure *to);
void aw__failure_fini(struct aw__failure *failure);
struct aw__reason *aw__reason_new(const char *text, const char *site);
struct aw__reason *aw__reason_ref(struct aw__reason *reason);
void aw__reason_unref(struct aw__reason *reason);
/* A number of seconds or things. Fails with -EINVAL, also for NaN. */
int aw__option_check(const char *call, const char *option, double value);
void aw__copy_text(char *to, size_t size, const char *from);
/* Fail because there is no loop or no task here. */
int aw__no_loop(const char *call) AW_COLD;
int aw__no_task(const char *call) AW_COLD;

/* run.c: does an aw_run() of the process handle SIGINT and SIGTERM? */
bool aw__run_has_signals(void);

/* signal.c, in a child of fork(). */
void aw__signals_forked(void);

/* sync.c: fail without text; what is what it would have waited for. */
int aw__fail_briefly(int code, const char *what);

/* loop.c, closer.c, post.c, io.c, file_io.c */
int aw__loop_new(struct aw_loop **ret, struct ev_loop *ev,
		 const struct aw_run_options *options);
void aw__loop_free(struct aw_loop *loop);
void aw__loop_hold(struct aw_loop *loop);
void aw__loop_end(struct aw_loop *loop, double grace);
/* In a child of fork(): the inherited loop is left as it is. */
void aw__loop_abandon(struct aw_loop *loop);
void aw__loop_unhook(struct aw_loop *loop);
/* aw_run_with(), in a thread of aw_run_threads(). */
int aw__run(int (*fn)(void *arg), void *arg,
	    const struct aw_run_options *options, struct aw__member *member);
void aw__defers_run(struct aw_loop *loop);
void aw__closers_run(struct aw_loop *loop);
void aw__slots_fini(struct aw_loop *loop);
void aw__posts_run(struct aw_loop *loop);
void aw__fds_check(struct aw_loop *loop);
/* Runs what came; true: nothing had come, and no more is taken. */
bool aw__posts_close(struct aw_loop *loop);
/* False: the loop takes no more calls, and fn will not be called. */
bool aw__remote_send(struct aw_loop *loop, struct aw__remote *remote);
void aw__fds_fini(struct aw_loop *loop);
void aw__file_blocks_fini(struct aw_loop *loop);
void aw__stop_begin(struct aw_loop *loop, const char *why);

#endif
