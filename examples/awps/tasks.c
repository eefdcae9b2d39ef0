/* SPDX-License-Identifier: MIT */
/*
 * The tasks of a loop, read while they run.
 *
 * What is read may change under our eyes: a task's block is given to another
 * task, a wait on its stack is over. Nothing of it can crash us; a pointer
 * that leads nowhere is an empty text. The list goes from the newest to the
 * oldest, so the numbers of the tasks must fall: where they do not, the list
 * was torn, and is read again.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "awps.h"

#define MOST_TASKS 10000000
#define MOST_SCOPES 100000
#define GROUP 16u

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- One task ------------------------------------------------------------- */

static void
read_number(struct process *p, uint64_t at, enum aw_debug_offset which,
	    void *to, size_t size)
{
	read_memory(p, at + offset(p, which), to, size);
}

static uint64_t
read_link(struct process *p, uint64_t at, enum aw_debug_offset which)
{
	return read_pointer(p, at + offset(p, which));
}

/* Up the scopes: the first group, and the task on whose frame it lies. */
static void
read_parent(struct process *p, struct task *task)
{
	uint64_t scope = read_link(p, task->at + offset(p, AW_DEBUG_TASK_BASE),
				   AW_DEBUG_SCOPE_PARENT);
	uint32_t kind;
	int steps;

	for (steps = 0; scope && steps < MOST_SCOPES; steps++) {
		read_number(p, scope, AW_DEBUG_SCOPE_KIND, &kind, sizeof kind);
		if ((kind & GROUP) && !task->group[0])
			read_text(p, read_link(p, scope, AW_DEBUG_SCOPE_NAME),
				  task->group, sizeof task->group);
		task->parent = read_link(p, scope, AW_DEBUG_SCOPE_TASK);
		if (task->parent)
			return;
		scope = read_link(p, scope, AW_DEBUG_SCOPE_PARENT);
	}
}

static void
read_limits(struct process *p, struct task *task, double at)
{
	uint64_t scope = read_link(p, task->at, AW_DEBUG_TASK_SCOPE);
	double deadline = HUGE_VAL;

	task->left = HUGE_VAL;
	if (!scope)
		return;
	read_number(p, scope, AW_DEBUG_SCOPE_DEADLINE, &deadline,
		    sizeof deadline);
	task->left = deadline - at;
	task->cancelled = read_link(p, scope, AW_DEBUG_SCOPE_CAUSE) != 0;
}

/* What is waited for is a task, and that has a name. */
static void
name_object(struct process *p, struct task *task, uint64_t other)
{
	char name[sizeof task->object - 4];

	read_text(p, other + offset(p, AW_DEBUG_TASK_NAME), name,
		  sizeof name);
	snprintf(task->object, sizeof task->object, " '%s'", name);
}

static void
read_wait(struct process *p, struct task *task, double at)
{
	uint64_t wait = read_link(p, task->at, AW_DEBUG_TASK_WAIT), object;
	double since = at;

	if (!wait)
		return;
	read_text(p, read_link(p, wait, AW_DEBUG_WAIT_WHAT), task->what,
		  sizeof task->what);
	object = read_link(p, wait, AW_DEBUG_WAIT_OBJECT);
	if (object)
		snprintf(task->object, sizeof task->object, " 0x%llx",
			 (unsigned long long)object);
	if (object && strcmp(task->what, "a task") == 0)
		name_object(p, task, object);
	read_number(p, wait, AW_DEBUG_WAIT_SINCE, &since, sizeof since);
	task->waited = at - since < task->age ? at - since : task->age;
}

static void
read_task(struct process *p, uint64_t address, struct task *task)
{
	double at = now(), born = at;

	memset(task, 0, sizeof *task);
	task->at = address;
	read_number(p, address, AW_DEBUG_TASK_ID, &task->id, sizeof task->id);
	read_number(p, address, AW_DEBUG_TASK_STATE, &task->state, 1);
	read_number(p, address, AW_DEBUG_TASK_FLAGS, &task->flags, 1);
	read_number(p, address, AW_DEBUG_TASK_STATUS, &task->status,
		    sizeof task->status);
	read_number(p, address, AW_DEBUG_TASK_BORN, &born, sizeof born);
	read_text(p, address + offset(p, AW_DEBUG_TASK_NAME), task->name,
		  sizeof task->name);
	read_text(p, read_link(p, address, AW_DEBUG_TASK_SITE), task->site,
		  sizeof task->site);
	task->age = at - born;
	read_wait(p, task, at);
	read_limits(p, task, at);
	read_parent(p, task);
}

/* --- All of them ---------------------------------------------------------- */

static struct task *
add(struct tasks *tasks)
{
	size_t room = tasks->room ? 2 * tasks->room : 64;
	struct task *list;

	if (tasks->n == tasks->room) {
		list = realloc(tasks->list, room * sizeof *list);
		if (!list)
			return NULL;
		tasks->list = list;
		tasks->room = room;
	}
	return &tasks->list[tasks->n++];
}

static void
reverse(struct tasks *tasks)
{
	size_t i;

	for (i = 0; i < tasks->n / 2; i++) {
		struct task other = tasks->list[i];

		tasks->list[i] = tasks->list[tasks->n - 1 - i];
		tasks->list[tasks->n - 1 - i] = other;
	}
}

bool
read_tasks(struct process *p, uint64_t loop, struct tasks *ret)
{
	uint64_t at = read_link(p, loop, AW_DEBUG_LOOP_TASKS);
	uint64_t last = UINT64_MAX;
	struct task *task;

	memset(ret, 0, sizeof *ret);
	while (at && ret->n < MOST_TASKS) {
		task = add(ret);
		if (!task)
			return false;
		read_task(p, at, task);
		if (task->id == 0 || task->id >= last) {
			ret->n--;
			ret->torn = true;
			break;
		}
		last = task->id;
		at = read_link(p, at, AW_DEBUG_TASK_NEXT);
	}
	reverse(ret);
	return true;
}
