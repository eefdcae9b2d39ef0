/* SPDX-License-Identifier: MIT */
/*
 * What is to be called when a task's function has returned: the last that was
 * registered first, on the task's own stack, and none of them may wait.
 *
 *	task->atexit -> { fn, arg } -> { fn, arg } -> NULL
 */
#include "runtime.h"

void
aw__task_run_atexit(struct aw_task *self)
{
	struct aw__atexit *at;

	while ((at = self->atexit) != NULL) {
		AW__CALLBACK("a function of aw_task_atexit()");
		self->atexit = at->next;
		at->fn(at->arg);
		aw__free(at);
	}
}

int
aw_task_atexit(void (*fn)(void *arg), void *arg)
{
	struct aw_task *self = aw__self();
	struct aw__atexit *at;

	if (!self)
		return aw__no_task("aw_task_atexit");
	at = aw__malloc(sizeof *at);
	if (!at)
		return aw_fail(-ENOMEM, "no memory for aw_task_atexit");
	at->fn = fn;
	at->arg = arg;
	at->next = self->atexit;
	self->atexit = at;
	return 0;
}
