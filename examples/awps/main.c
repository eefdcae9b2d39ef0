/* SPDX-License-Identifier: MIT */
/*
 * awps - list the tasks of a running process, without stopping it
 *
 *	awps PID	a line for each task
 *	awps -t PID	as a tree: who started whom in which group
 *
 * For every program that uses libawait, as it is: nothing has to be switched
 * on in it. Exit status: 0; 1 (nothing could be read); 2 (wrong usage).
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "awps.h"

#define FINISHED 4
#define SERVICE 1u

static const char *const states[] = {
	"queued", "ready", "running", "waiting", "finished"
};

/* --- The lines ------------------------------------------------------------ */

static const char *
state_of(const struct task *task)
{
	return task->state <= FINISHED ? states[task->state] : "?";
}

/* Seconds with as many digits as mean something. */
static const char *
seconds(double value, char text[16])
{
	if (isinf(value))
		return "-";
	snprintf(text, 16, fabs(value) < 100 ? "%.2f" : "%.0f", value);
	return text;
}

static void
print_end(const struct task *task)
{
	if (task->what[0])
		printf("  for %s%s", task->what, task->object);
	if (task->state == FINISHED)
		printf("  with %d", task->status);
	if (task->cancelled)
		printf("  cancelled");
	if (task->flags & SERVICE)
		printf("  service");
	if (task->site[0])
		printf("  from %s", task->site);
	printf("\n");
}

static void
print_row(const struct task *task)
{
	char age[16], waited[16], left[16];

	printf("%6llu  %-8s %8s %8s %8s  %-20s", (unsigned long long)task->id,
	       state_of(task), seconds(task->age, age),
	       task->what[0] ? seconds(task->waited, waited) : "-",
	       seconds(task->left, left), task->name);
	print_end(task);
}

static void
print_list(const struct tasks *tasks)
{
	size_t i;

	printf("%6s  %-8s %8s %8s %8s  %s\n", "TASK", "STATE", "AGE",
	       "WAITED", "LEFT", "NAME");
	for (i = 0; i < tasks->n; i++)
		print_row(&tasks->list[i]);
}

/* --- The tree ------------------------------------------------------------- */

static int
by_address(const void *a, const void *b)
{
	const struct task *const *x = a, *const *y = b;

	return (*x)->at < (*y)->at ? -1 : (*x)->at > (*y)->at;
}

static void
hang(struct task *parent, struct task *task)
{
	if (parent->last)
		parent->last->next = task;
	else
		parent->child = task;
	parent->last = task;
}

/* Those whose parent was not seen hang under the root, and so does one that
 * is said to be its own forefather: only older tasks can be parents. */
static bool
build(struct tasks *tasks, struct task *root)
{
	struct task **index = calloc(tasks->n + 1, sizeof *index);
	size_t i;

	if (!index)
		return false;
	for (i = 0; i < tasks->n; i++)
		index[i] = &tasks->list[i];
	qsort(index, tasks->n, sizeof *index, by_address);
	for (i = 0; i < tasks->n; i++) {
		struct task *task = &tasks->list[i];
		struct task wanted = { .at = task->parent }, *key = &wanted;
		struct task **parent = bsearch(&key, index, tasks->n,
					       sizeof *index, by_address);

		hang(parent && (*parent)->id < task->id ? *parent : root,
		     task);
	}
	free(index);
	return true;
}

static void
print_tree(const struct task *task, unsigned depth)
{
	char age[16];

	for (; task; task = task->next) {
		printf("%*s%s #%llu", (int)(2 * depth), "", task->name,
		       (unsigned long long)task->id);
		if (task->group[0])
			printf(" of %s", task->group);
		printf("  %s %s s", state_of(task),
		       seconds(task->what[0] ? task->waited : task->age, age));
		print_end(task);
		print_tree(task->child, depth + 1);
	}
}

/* --- A loop, a process ---------------------------------------------------- */

static bool
show_loop(struct process *process, uint64_t loop, bool tree)
{
	struct task root = { 0 };
	struct tasks tasks;
	int32_t thread = 0;
	bool ok = read_tasks(process, loop, &tasks);

	read_memory(process, loop + offset(process, AW_DEBUG_LOOP_THREAD),
		    &thread, sizeof thread);
	printf("loop of thread %d: %zu tasks%s\n", (int)thread, tasks.n,
	       tasks.torn ? ", and more (they change too fast)" : "");
	if (ok && tree)
		ok = build(&tasks, &root);
	if (ok && tree)
		print_tree(root.child, 1);
	else if (ok)
		print_list(&tasks);
	free(tasks.list);
	return ok;
}

static int
fail(pid_t pid, const char *why)
{
	fprintf(stderr, "awps: process %d: %s\n", (int)pid, why);
	return 1;
}

static int
show(pid_t pid, bool tree)
{
	struct process process = { .pid = pid };
	uint64_t map, loop;
	int n;

	if (kill(pid, 0) < 0 && errno == ESRCH)
		return fail(pid, "there is no such process");
	map = find_map(pid);
	if (map == 0)
		return fail(pid, "no libawait in it, or not permitted to look");
	if (!read_memory(&process, map, &process.map, sizeof process.map))
		return fail(pid, strerror(errno));
	if (process.map.version != 1 ||
	    process.map.n_offsets < AW_DEBUG_OFFSETS)
		return fail(pid, "its libawait is of another version");
	loop = read_pointer(&process,
			    (uint64_t)(uintptr_t)process.map.loops);
	for (n = 0; loop && n < 4096; n++) {
		if (!show_loop(&process, loop, tree))
			return fail(pid, "not enough memory");
		loop = read_pointer(&process,
				    loop + offset(&process,
						  AW_DEBUG_LOOP_NEXT));
	}
	if (n == 0)
		printf("no loop\n");
	return 0;
}

int
main(int argc, char **argv)
{
	bool tree = argc == 3 && strcmp(argv[1], "-t") == 0;
	char *end = NULL;
	long pid;

	if (argc != 2 && !tree) {
		fprintf(stderr, "usage: awps [-t] PID\n");
		return 2;
	}
	pid = strtol(argv[argc - 1], &end, 10);
	if (*end || pid <= 0 || pid > INT32_MAX) {
		fprintf(stderr, "awps: %s is no process number\n",
			argv[argc - 1]);
		return 2;
	}
	return show((pid_t)pid, tree);
}
