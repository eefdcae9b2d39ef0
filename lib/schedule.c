/* SPDX-License-Identifier: MIT */
/*
 * The ready queue, and the only code that switches stacks.
 *
 *	libev callbacks, wakes -----> ready queue (FIFO)
 *	                                  |
 *	ev_check, lowest priority:        v
 *	aw__batch() --switch--> task --switch--> task --switch--> loop
 *
 * A task that waits switches to the next ready task itself: one switch and
 * not two. When the batch ends libev polls; what is ready then keeps the poll
 * from blocking (loop.c). A batch ends
 *
 *	after 61 runs	if 30 us have passed by then, else as soon as they
 *			have, or after 1024 runs; on the test clock at once
 *	after 0.5 ms	however few they were
 *
 * so that a chatty task cannot keep descriptors and timers waiting, and polls
 * (0.3 us on bare metal, 1.6 in a virtual machine, measured) are no more than
 * some percent of what short runs take.
 *
 * What is seen of this from outside (debug.h) is counted in plain numbers;
 * a clock is read for it at the begin of a batch and for each 64th wake.
 *
 * A task that has ended cannot recycle the stack it stands on: whoever runs
 * next does it (loop->dying).
 */
#include "runtime.h"

#define RUNS 61
#define RUNS_MAX 1024
#define POLL_SECONDS 30e-6
#define BATCH_SECONDS 0.0005
#define CLOCK_EVERY 8
#define unlikely(x) __builtin_expect(!!(x), 0)

static uint64_t
random_bits(struct aw_loop *loop)
{
	uint64_t x = loop->rng;

	/* xorshift64, Marsaglia 2003. */
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return loop->rng = x;
}

void
aw__ready_first(struct aw_task *task)
{
	struct aw_loop *loop = task->loop;

	task->state = AW__TASK_READY;
	task->next_ready = loop->ready_head;
	loop->ready_head = task;
	if (!loop->ready_tail)
		loop->ready_tail = task;
}

/* Puts a task behind the others, or, shuffled, at either end. */
void
aw__ready(struct aw_task *task)
{
	struct aw_loop *loop = task->loop;

	if (unlikely((++loop->counts.readied & loop->counts.mask) == 0))
		aw__seen_ready(loop, task);
	if (loop->rng && (random_bits(loop) & 64)) {
		aw__ready_first(task);
		return;
	}
	task->state = AW__TASK_READY;
	task->next_ready = NULL;
	if (loop->ready_tail)
		loop->ready_tail->next_ready = task;
	else
		loop->ready_head = task;
	loop->ready_tail = task;
}

static bool
batch_over(struct aw_loop *loop)
{
	double now;

	if (loop->test_clock)
		return loop->runs >= RUNS;
	if (loop->runs < loop->look_at)
		return false;
	now = aw__now(loop);
	if (now >= loop->batch_end || loop->runs >= RUNS_MAX ||
	    (loop->runs >= RUNS && now >= loop->poll_at))
		return true;
	loop->look_at = loop->runs + CLOCK_EVERY;
	return false;
}

/* The next task of this batch, off the queue; NULL: back to the loop. */
static struct aw_task *
next_task(struct aw_loop *loop)
{
	struct aw_task *task = loop->ready_head;

	if (!task || batch_over(loop))
		return NULL;
	loop->runs++;
	loop->ready_head = task->next_ready;
	if (!loop->ready_head)
		loop->ready_tail = NULL;
	if (unlikely(task == loop->counts.sampled))
		aw__seen_sample(loop);
	return task;
}

static void
recycle_dying(struct aw_loop *loop)
{
	struct aw_task *dead = loop->dying;

	loop->dying = NULL;
	aw__context_fini(&dead->context);
	aw__stack_put(&loop->stacks, &dead->stack);
	dead->stack.base = NULL;
	if (dead->flags & AW__TASK_RELEASED)
		aw__task_free(dead);
}

/* First thing on a stack that was switched to. */
static inline void
arrived(struct aw_loop *loop)
{
	if (__builtin_expect(loop->dying != NULL, 0))
		recycle_dying(loop);
}

static inline void
run(struct aw_loop *loop, struct aw_task *task)
{
	if (unlikely(loop->watched))
		aw__seen_switch(loop, task);
	loop->self = task;
	loop->ops = 0;
	loop->slice_end = 0;
	if (task)
		task->state = AW__TASK_RUNNING;
}

/* A stack with only a gap below it is looked at whenever it is left. */
static inline void
check_stack(const struct aw_task *self)
{
	if (__builtin_expect(!aw__stack_canary_ok(&self->stack), 0))
		aw__stack_overflow_die(&self->stack);
}

/*
 * Leaves self for to (NULL: the loop) and returns when its turn comes. Not
 * inlined: where all tasks go on at one place, its address is predicted.
 */
static void __attribute__((noinline))
leave(struct aw_task *self, struct aw_task *to)
{
	struct aw_loop *loop = self->loop;

	check_stack(self);
	self->saved_errno = errno;
	self->failures = 0;
	run(loop, to);
	aw__context_switch(&self->context,
			   to ? &to->context : &loop->context);
	arrived(loop);
	errno = self->saved_errno;
}

/* Gives the stack away; somebody has queued self or will wake it. */
void
aw__suspend(struct aw_task *self)
{
	struct aw_task *to = next_task(self->loop);

	if (to == self) {
		self->failures = 0;
		run(self->loop, self);
		return;
	}
	leave(self, to);
}

/* Queues self and gives the stack away. */
void
aw__reschedule(struct aw_task *self)
{
	aw__ready(self);
	aw__suspend(self);
}

/* The same after much work: the clock is read before anybody runs. */
void
aw__give_turn(struct aw_task *self)
{
	self->loop->look_at = 0;
	aw__reschedule(self);
}

/* Runs another, which is on no queue, at once; self goes on after it. */
void
aw__switch_to(struct aw_task *self, struct aw_task *to)
{
	self->loop->counts.readied++;
	self->loop->counts.direct++;
	aw__ready_first(self);
	leave(self, to);
}

/* The end of a task, on its own stack: where to go from here. */
static struct aw__context *
end(struct aw_task *self)
{
	struct aw_loop *loop = self->loop;
	struct aw_task *to = loop->forked ? NULL : next_task(loop);

	check_stack(self);
	loop->dying = self;
	run(loop, to);
	return to ? &to->context : &loop->context;
}

/* First code on a task's stack (context entry). */
static struct aw__context *
enter_task(void *arg)
{
	struct aw_task *self = arg;

	arrived(self->loop);
	errno = 0;
	self->flags |= AW__TASK_STARTED;
	self->status = self->fn(self->arg);
	aw__task_finish(self);
	return end(self);
}

static void
make_context(struct aw_task *task)
{
	struct aw__stack below = task->stack;

	below.size -= task->reserved;
	aw__context_make(&task->context, &below, enter_task, task);
}

void
aw__task_start(struct aw_task *task)
{
	make_context(task);
	aw__ready(task);
}

/* Runs a new task until its first wait; self goes on after that. */
void
aw__task_start_now(struct aw_task *self, struct aw_task *task)
{
	make_context(task);
	aw__switch_to(self, task);
}

/* --- On the loop's own stack ------------------------------------------- */

static void
switch_from_loop(struct aw_loop *loop, struct aw_task *task)
{
	run(loop, task);
	aw__context_switch(&loop->context, &task->context);
	arrived(loop);
	loop->self = NULL;
}

/* A task asked for a call on this stack: aw_on_loop_stack(). */
static void
serve_call(struct aw_loop *loop)
{
	struct aw_task *caller = loop->caller;

	loop->caller = NULL;
	loop->counts.direct++;
	loop->call_value = loop->call_fn(loop->call_arg);
	switch_from_loop(loop, caller);
}

static void
begin_batch(struct aw_loop *loop)
{
	struct aw__counts *c = &loop->counts;

	c->batches++;
	c->batch_at = aw__now(loop);
	loop->batch_end = c->batch_at + BATCH_SECONDS;
	loop->poll_at = c->batch_at + POLL_SECONDS;
	loop->look_at = CLOCK_EVERY - 1;
	if (c->readied - c->runs > c->peak_ready)
		c->peak_ready = c->readied - c->runs;
}

static void
end_batch(struct aw_loop *loop)
{
	struct aw__counts *c = &loop->counts;

	c->runs += loop->runs;
	c->by_count += loop->runs >= RUNS;
	c->by_time += loop->ready_head && loop->runs < RUNS;
	loop->runs = 0;
}

/* Runs ready tasks and what they deferred, until the batch is over. */
void
aw__batch(struct aw_loop *loop)
{
	struct aw_task *task;

	if ((!loop->ready_head && !loop->defers) || loop->forked)
		return;
	begin_batch(loop);
	do {
		while (!loop->forked && (task = next_task(loop)) != NULL) {
			switch_from_loop(loop, task);
			while (loop->caller)
				serve_call(loop);
		}
		if (!loop->forked)
			aw__defers_run(loop);
	} while (loop->ready_head && !loop->forked && !batch_over(loop));
	end_batch(loop);
}

int
aw_on_loop_stack(int (*fn)(void *arg), void *arg)
{
	struct aw_task *self = aw__self();

	if (!self)
		return fn(arg);
	self->loop->call_fn = fn;
	self->loop->call_arg = arg;
	self->loop->caller = self;
	leave(self, NULL);
	return self->loop->call_value;
}
