/* SPDX-License-Identifier: MIT */
/*
 * The life of a task.
 *
 * A task is a block of memory apart from its stack: the stack is recycled as
 * soon as fn has returned, the block when nobody can ask any more.
 *
 *	who may ask		until
 *	a handle (aw_spawn)	aw_join, aw_task_release, or the loop's end
 *	a group			it has counted the child, or reported it
 *	nobody (service)	fn has returned
 *
 * Whoever runs after the last switch of a task finds its stack recycled, so
 * a finished task's block can be freed by anybody. Blocks come in slabs and
 * are never given back before the loop ends; a block is linked in loop->all
 * while it is in use.
 */
#include "runtime.h"

#define TASKS_PER_SLAB 64
#define STACK_MAX ((int64_t)1 << 48)	/* no address space is larger */

struct aw__slab_of_tasks {
	struct aw__slab_of_tasks *next;
	struct aw_task at[TASKS_PER_SLAB];
};

/* --- Memory ------------------------------------------------------------ */

static int
new_slab(struct aw_loop *loop)
{
	struct aw__slab_of_tasks *slab = aw__malloc(sizeof *slab);
	int i;

	if (!slab)
		return -ENOMEM;
	slab->next = loop->slabs;
	loop->slabs = slab;
	for (i = TASKS_PER_SLAB - 1; i >= 0; i--) {
		slab->at[i].next_ready = loop->spare;
		loop->spare = &slab->at[i];
	}
	return 0;
}

static struct aw_task *
take_block(struct aw_loop *loop)
{
	struct aw_task *task;

	if (!loop->spare && new_slab(loop) < 0)
		return NULL;
	task = loop->spare;
	loop->spare = task->next_ready;
	memset(task, 0, offsetof(struct aw_task, saved_errno));
	task->next_all = loop->all;
	task->prev_all = &loop->all;
	if (loop->all)
		loop->all->prev_all = &task->next_all;
	loop->all = task;
	return task;
}

static void
free_gathered(struct aw_task *task)
{
	size_t i;

	for (i = 0; i < task->n_gathered; i++)
		aw_error_free(task->gathered[i]);
	aw__free(task->gathered);
	task->gathered = NULL;
	task->n_gathered = 0;
}

static void
free_result(struct aw_task *task)
{
	void *result = task->result;

	task->result = NULL;
	if (!result || !task->result_dtor)
		return;
	AW__CALLBACK("the destructor of a result");
	task->result_dtor(result);
}

void
aw__task_free(struct aw_task *task)
{
	struct aw_loop *loop = task->loop;

	free_result(task);
	free_gathered(task);
	aw__failure_fini(&task->failure);
	*task->prev_all = task->next_all;
	if (task->next_all)
		task->next_all->prev_all = task->prev_all;
	if (__builtin_expect(loop->debug != NULL, 0) && aw__debug_keep(task))
		return;
	task->next_ready = loop->spare;
	loop->spare = task;
}

/* The end of a loop: nothing runs any more. */
void
aw__tasks_fini(struct aw_loop *loop)
{
	struct aw__slab_of_tasks *slab;

	while (loop->all)
		aw__task_free(loop->all);
	while ((slab = loop->slabs) != NULL) {
		loop->slabs = slab->next;
		aw__free(slab);
	}
}

/* --- Birth ------------------------------------------------------------- */

static int
may_begin(const struct aw_loop *loop, unsigned flags)
{
	int64_t max = loop->options.max_tasks;

	if (loop->forked)
		return aw_fail(AW_EFORK, "the loop is the parent's");
	if ((flags & AW__TASK_SERVICE) || max <= 0 || max == AW_FOREVER)
		return 0;
	if (loop->n_tasks < (size_t)max)
		return 0;
	return aw_fail(-EAGAIN, "%zu tasks are alive, the limit of .max_tasks: "
		       "join some, or raise it", loop->n_tasks);
}

static void
count(struct aw_loop *loop, unsigned flags, int n)
{
	if (flags & AW__TASK_SERVICE) {
		loop->n_services += (size_t)n;
	} else {
		loop->n_tasks += (size_t)n;
		if (loop->n_tasks > loop->counts.peak_tasks)
			loop->counts.peak_tasks = loop->n_tasks;
		aw__loop_hold(loop);
	}
}

/* The kernel gives no more guards: once for each loop. */
static void
tell_gap(struct aw_loop *loop)
{
	if (!loop->counts.told_gap)
		aw_trace("stacks have no guard pages from here on: raise "
			 "vm.max_map_count");
	loop->counts.told_gap = true;
}

int
aw__stack_check(const char *call, int64_t stack)
{
	if (stack >= 0 && stack <= STACK_MAX)
		return 0;
	return aw_fail(-EINVAL, "%s: .stack = %lld: 0 to 256 TiB are possible",
		       call, (long long)stack);
}

/* A task with its stack, not yet on any queue; NULL with a failure set. */
struct aw_task *
aw__task_new(struct aw_loop *loop, const char *name, int (*fn)(void *),
	     void *arg, size_t stack, struct aw_scope *parent, unsigned flags,
	     double deadline, const char *site)
{
	struct aw_task *task;

	if (may_begin(loop, flags) < 0)
		return NULL;
	task = take_block(loop);
	if (!task) {
		aw_fail(-ENOMEM, "no memory for task '%s'", name);
		return NULL;
	}
	task->loop = loop;
	if (stack == 0)
		stack = (size_t)loop->options.stack;
	if (aw__stack_get(&loop->stacks, stack, &task->stack) < 0) {
		aw__task_free(task);
		aw_fail(-ENOMEM, "no memory for a stack of %zu KiB of task "
			"'%s': lower .stack or .max_tasks, or raise "
			"vm.max_map_count", stack / 1024, name);
		return NULL;
	}
	aw__copy_text(task->name, sizeof task->name, name);
	task->fn = fn;
	task->arg = arg;
	task->flags = (unsigned char)flags;
	task->site = site;
	task->id = ++loop->last_id;
	task->born = loop->self ? loop->counts.batch_at : aw__now(loop);
	aw__scope_base(task, parent, deadline);
	if (loop->self && !(flags & AW__TASK_SERVICE))
		task->inherited = aw__locals_ref(loop->self->inherited);
	count(loop, flags, 1);
	if (__builtin_expect(loop->watched, 0))
		aw__seen_spawn(task);
	if (__builtin_expect(task->stack.guard == AW__GUARD_GAP, 0))
		tell_gap(loop);
	return task;
}

struct aw_task *
aw_spawn_with(const char *name, int (*fn)(void *arg), void *arg,
	      const struct aw_spawn_options *options)
{
	static const struct aw_spawn_options defaults;
	const struct aw_spawn_options *o = options ? options : &defaults;
	struct aw_loop *loop = aw__loop;
	double deadline;
	struct aw_task *task;

	if (!loop) {
		aw__no_loop("aw_spawn");
		return NULL;
	}
	if (!name || !fn) {
		aw_fail(-EINVAL, "aw_spawn: a name and a function are needed");
		return NULL;
	}
	if (aw__stack_check("aw_spawn", o->stack) < 0)
		return NULL;
	if (o->eager && aw__self() &&
	    aw__may_wait(aw__self(), "an eager start") < 0)
		return NULL;
	if (isnan(o->deadline))
		aw__misuse_nan(name, o->site);
	deadline = o->deadline == 0 ? AW__NEVER
				    : o->deadline > 0 ? o->deadline : 0;
	task = aw__task_new(loop, name, fn, arg, (size_t)o->stack, &loop->root,
			    0, deadline, o->site);
	if (!task)
		return NULL;
	if (o->eager && aw__self())
		aw__task_start_now(aw__self(), task);
	else
		aw__task_start(task);
	return task;
}

int
aw_service_start(const char *name, int (*fn)(void *arg), void *arg)
{
	struct aw_task *task;

	if (!aw__loop)
		return aw__no_loop("aw_service_start");
	task = aw__task_new(aw__loop, name, fn, arg, 0, &aw__loop->services,
			    AW__TASK_SERVICE | AW__TASK_RELEASED, AW__NEVER,
			    NULL);
	if (!task)
		return aw_error()->code;
	aw__task_start(task);
	return 0;
}

/* --- Death ------------------------------------------------------------- */

static void
report_unhandled(struct aw_task *self)
{
	const struct aw_loop *loop = self->loop;

	if (self->status >= 0 || (self->flags & AW__TASK_SERVICE))
		return;
	if (self->status == AW_ECANCELED && self->base.cause)
		return;
	if (loop->watched || loop->options.on_unhandled)
		aw__unhandled(loop, self->name, self->site,
			      aw__failure_detail(&self->failure));
}

/* fn has returned; on the task's own stack, right before its last switch. */
void
aw__task_finish(struct aw_task *self)
{
	aw__task_run_atexit(self);
	aw__locals_unref(&self->own);
	aw__locals_unref(&self->inherited);
	if (self->status < 0)
		aw__failure_match(self->status);
	self->scope = &self->base;
	self->base.child = NULL;
	self->state = AW__TASK_FINISHED;
	if (__builtin_expect(self->loop->watched, 0))
		aw__seen_exit(self);
	if (self->group)
		aw__group_child_finished(self);
	else if (self->flags & AW__TASK_RELEASED)
		report_unhandled(self);
	aw__scope_unlink(&self->base);
	count(self->loop, self->flags, -1);
	if (self->joiner)
		aw__wake(self->joiner, 0);
}

/* --- Handles ----------------------------------------------------------- */

int
aw__task_check(struct aw_task *self, const struct aw_task *task,
	       const char *call)
{
	if (task && task->group && !(task->flags & AW__TASK_GONE))
		return aw_fail(-EINVAL, "%s: '%s' is a child of a group, which "
			       "joins it", call, task->name);
	if (!task || (task->flags & (AW__TASK_JOINED | AW__TASK_RELEASED)))
		return aw_fail(-EINVAL, "%s: not a task, or joined or "
			       "released already", call);
	if (task == self)
		return aw_fail(-EDEADLK, "task '%s' joins itself", self->name);
	if (task->loop != self->loop)
		return aw__misuse_thread(task->loop, "aw_join");
	if (task->joiner)
		return aw_fail(-EBUSY, "another task is joining '%s'",
			       task->name);
	return 0;
}

int
aw__task_watch(struct aw_task *self, struct aw_task *task,
	       struct aw__wait *wait, const char *call)
{
	int r = aw__task_check(self, task, call);

	if (r == 0)
		task->joiner = wait;
	return r;
}

/* A handle that was released meanwhile goes now. */
void
aw__task_unwatch(struct aw_task *task)
{
	task->joiner = NULL;
	if (task->flags & AW__TASK_DROPPED)
		aw_task_release(task);
}

static int
wait_finished(struct aw_task *self, struct aw_task *task, const char *call)
{
	struct aw__wait wait = AW__WAIT_INIT(self, "a task", task);
	int r;

	r = aw__task_watch(self, task, &wait, call);
	if (r < 0)
		return r;
	if (task->state != AW__TASK_FINISHED)
		r = aw__wait(&wait);
	if (r < 0)
		aw__task_unwatch(task);
	else
		task->joiner = NULL;
	return r;
}

/* What is the joiner's now, before the task's block goes. */
static void
hand_over(struct aw_task *self, struct aw_task *task, int *ret_status,
	  void **ret_result)
{
	task->flags |= AW__TASK_JOINED;
	if (ret_status)
		*ret_status = task->status;
	if (ret_result) {
		*ret_result = task->result;
		task->result = NULL;
	}
	if (task->status < 0)
		aw__failure_move(&task->failure, &self->failure);
	aw__task_free(task);
}

int
aw_join(struct aw_task *task, int *ret_status)
{
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r == 0)
		r = wait_finished(self, task, "aw_join");
	if (r == 0)
		hand_over(self, task, ret_status, NULL);
	return r;
}

int
aw_join_result(struct aw_task *task, int *ret_status, void **ret_result)
{
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r == 0)
		r = wait_finished(self, task, "aw_join_result");
	if (r == 0)
		hand_over(self, task, ret_status, ret_result);
	return r;
}

int
aw_task_result_set(void *result, void (*dtor)(void *result))
{
	struct aw_task *self = aw__self();

	if (!self)
		return aw__no_task("aw_task_result_set");
	free_result(self);
	self->result = result;
	self->result_dtor = dtor;
	return 0;
}

void
aw_task_release(struct aw_task *task)
{
	if (!task || aw__is_elsewhere(task->loop, "aw_task_release"))
		return;
	if (task->group || (task->flags & (AW__TASK_RELEASED |
					   AW__TASK_JOINED))) {
		aw__misuse_gone(task, "aw_task_release");
		return;
	}
	if (task->joiner) {
		task->flags |= AW__TASK_DROPPED;
		return;
	}
	if (task->state != AW__TASK_FINISHED) {
		task->flags |= AW__TASK_RELEASED;
		return;
	}
	report_unhandled(task);
	task->flags |= AW__TASK_RELEASED;	/* for a join that comes now */
	aw__task_free(task);
}

void
aw_task_freep(struct aw_task **task)
{
	aw_task_release(*task);
	*task = NULL;
}

void
aw_cancel_at(struct aw_task *task, const char *why, const char *site)
{
	if (!task || aw__is_elsewhere(task->loop, "aw_cancel"))
		return;
	if (task->flags & AW__TASK_GONE)
		aw__misuse_gone(task, "aw_cancel");
	if (task->state != AW__TASK_FINISHED)
		aw_scope_cancel_at(&task->base, why, site);
}

void
aw_cancel(struct aw_task *task, const char *why)
{
	aw_cancel_at(task, why, NULL);
}

struct aw_task *
aw_self(void)
{
	return aw__self();
}

const char *
aw_task_name(const struct aw_task *task)
{
	if (!task)
		task = aw__self();
	return task ? task->name : "";
}
