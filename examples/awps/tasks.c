/* SPDX-License-Identifier: MIT */
/*
 * The tasks of a loop, read while they run.
 *
 * What is read may change under our eyes: a task's block is given to another
 * task, a wait on its stack is over. Nothing of it can crash us; a pointer
 * that leads nowhere is an empty text.
 *
 *	loop ---> #907 ---> #906 ---> #3 ---> #2 ---> #1
 *	           ^          | ended, and is #908 now
 *	           +----------+
 *
 * The list goes from the newest to the oldest, so the numbers of the tasks
 * must fall. Where they rise, the walk has met a block that is another task's
 * by now, and stands near the beginning again. It passes over what is newer
 * than what it has seen; since those who come and go share few blocks, it
 * soon knows them, and looks behind all of them at once for the next older
 * task. Nothing is ever put between two tasks: behind a newer one, ended or
 * not, there are all of the older ones.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "awps.h"

#define MOST_TASKS 10000000
#define MOST_SECONDS 1.0	/* without meeting an older task */
#define MOST_WALKS 1000
#define MOST_PASSED 4096
#define AT_ONCE 256		/* looks by one call */
#define MOST_SCOPES 100000
#define GROUP 16u

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Blocks of tasks that are newer than what was seen. */
struct passed {
	uint64_t at[MOST_PASSED];
	size_t n;
};

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

/* The number of a task, the one before it, and the number again: if that is
 * the same, all are of one task. */
static void
name_words(const struct process *p, uint64_t at, uint64_t from[3])
{
	from[0] = from[2] = at + offset(p, AW_DEBUG_TASK_ID);
	from[1] = at + offset(p, AW_DEBUG_TASK_NEXT);
}

static bool
look_at(struct process *p, uint64_t at, uint64_t *ret_id, uint64_t *ret_next)
{
	uint64_t from[3], words[3];

	name_words(p, at, from);
	if (!read_words(p, from, words, 3) || words[0] != words[2])
		return false;
	*ret_id = words[0];
	*ret_next = words[1];
	return true;
}

/* Remembers a block; false: it is known, or there are too many. */
static bool
pass_over(struct passed *passed, uint64_t at)
{
	size_t i;

	for (i = 0; i < passed->n; i++)
		if (passed->at[i] == at)
			return false;
	if (passed->n == MOST_PASSED)
		return false;
	passed->at[passed->n++] = at;
	return true;
}

/* The next older task behind a newer one, as words of look_at(); or 0. */
static uint64_t
older(struct process *p, struct passed *passed, uint64_t last,
      const uint64_t words[3])
{
	uint64_t id, next;

	if (words[0] != words[2] || words[0] < last || words[1] == 0 ||
	    !look_at(p, words[1], &id, &next))
		return 0;
	if (id != 0 && id < last)
		return words[1];
	pass_over(passed, words[1]);
	return 0;
}

/* The same behind any of the blocks that were passed over. */
static uint64_t
look_behind(struct process *p, struct passed *passed, uint64_t last)
{
	uint64_t from[3 * AT_ONCE], words[3 * AT_ONCE], at = 0;
	size_t done, n, i, known = passed->n;

	for (done = 0; done < known && at == 0; done += n) {
		n = known - done < AT_ONCE ? known - done : AT_ONCE;
		for (i = 0; i < n; i++)
			name_words(p, passed->at[done + i], from + 3 * i);
		if (!read_words(p, from, words, 3 * n))
			return 0;
		for (i = 0; i < n && at == 0; i++)
			at = older(p, passed, last, words + 3 * i);
	}
	return at;
}

/* Adds the task, unless it became another one while it was read. */
static bool
keep(struct process *p, uint64_t at, struct tasks *ret)
{
	struct task *task = add(ret);
	uint64_t id, next;

	if (!task)
		return false;
	read_task(p, at, task);
	if (task->id != ret->last || !look_at(p, at, &id, &next) ||
	    id != ret->last)
		ret->n--;
	return true;
}

/* Adds what is older than all that was seen. A block without a number is
 * about to become a task: it leads on, unless it leads nowhere yet.
 * Return: false: no memory. */
static bool
walk(struct process *p, uint64_t at, double *until, struct tasks *ret)
{
	struct passed passed = { .n = 0 };
	uint64_t id, next, behind;

	for (; at && ret->n < MOST_TASKS; at = next) {
		if (now() >= *until || !look_at(p, at, &id, &next) ||
		    (id == 0 && next == 0))
			return true;
		if (id == 0 || id >= ret->last) {
			pass_over(&passed, at);
			behind = look_behind(p, &passed, ret->last);
			next = behind ? behind : next;
			continue;
		}
		ret->last = id;
		if (!keep(p, at, ret))
			return false;
		*until = now() + MOST_SECONDS;
	}
	ret->torn = false;
	return true;
}

bool
read_tasks(struct process *p, uint64_t loop, struct tasks *ret)
{
	double until = now() + MOST_SECONDS;
	int i;

	*ret = (struct tasks){ .last = UINT64_MAX, .torn = true };
	for (i = 0; ret->torn && i < MOST_WALKS && now() < until; i++)
		if (!walk(p, read_link(p, loop, AW_DEBUG_LOOP_TASKS), &until,
			  ret))
			return false;
	reverse(ret);
	return true;
}
