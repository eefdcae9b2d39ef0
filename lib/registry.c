/* SPDX-License-Identifier: MIT */
/*
 * Every loop of the process, and the map of their memory for those who look
 * from outside: a debugger, a core file, awps.
 *
 *	aw_debug_v1.loops ---> first ---> loop ---> loop ---> NULL
 *	                                   |
 *	                                   +-- all ---> task ---> task
 *
 * Whoever reads without stopping the process may see a list while it
 * changes: blocks of tasks are not given back before their loop ends, so a
 * pointer leads to a task or to a former one, and the reader counts its
 * steps.
 */
#include <pthread.h>

#include "fork.h"
#include "runtime.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct aw_loop *first;		/* under lock */

void
aw__registry_add(struct aw_loop *loop)
{
	pthread_mutex_lock(&lock);
	loop->next_loop = first;
	loop->prev_loop = &first;
	if (first)
		first->prev_loop = &loop->next_loop;
	first = loop;
	pthread_mutex_unlock(&lock);
}

void
aw__registry_remove(struct aw_loop *loop)
{
	pthread_mutex_lock(&lock);
	*loop->prev_loop = loop->next_loop;
	if (loop->next_loop)
		loop->next_loop->prev_loop = loop->prev_loop;
	pthread_mutex_unlock(&lock);
}

bool
aw__registry_has(uint64_t serial, bool *ret_debug)
{
	const struct aw_loop *loop;

	pthread_mutex_lock(&lock);
	for (loop = first; loop && loop->serial != serial; )
		loop = loop->next_loop;
	*ret_debug = loop && loop->debug;
	pthread_mutex_unlock(&lock);
	return loop;
}

/* The loops of other threads do not run here. */
void
aw__registry_forked(struct aw_loop *own)
{
	pthread_mutex_init(&lock, NULL);
	first = own;
	if (!own)
		return;
	own->next_loop = NULL;
	own->prev_loop = &first;
}

void
aw__registry_post(struct aw_loop *but, void (*fn)(void *arg))
{
	struct aw_loop *loop;

	pthread_mutex_lock(&lock);
	for (loop = first; loop; loop = loop->next_loop)
		if (loop != but)
			aw_ignore(aw_post(loop, fn, loop));
	pthread_mutex_unlock(&lock);
}

#define IN_LOOP(member) offsetof(struct aw_loop, member)
#define IN_TASK(member) offsetof(struct aw_task, member)
#define IN_WAIT(member) offsetof(struct aw__wait, member)
#define IN_SCOPE(member) offsetof(struct aw_scope, member)

#ifdef AW_SWITCH_PORTABLE
#define SAVED_SP UINT32_MAX
#else
#define SAVED_SP IN_TASK(context.sp)
#endif

const struct aw_debug_v1 aw_debug_v1 = {
	.version = 1,
	.n_offsets = AW_DEBUG_OFFSETS,
	.loops = (void *const *)&first,
	.offsets = {
		[AW_DEBUG_LOOP_NEXT] = IN_LOOP(next_loop),
		[AW_DEBUG_LOOP_TASKS] = IN_LOOP(all),
		[AW_DEBUG_LOOP_SELF] = IN_LOOP(self),
		[AW_DEBUG_LOOP_THREAD] = IN_LOOP(thread),
		[AW_DEBUG_TASK_NEXT] = IN_TASK(next_all),
		[AW_DEBUG_TASK_NAME] = IN_TASK(name),
		[AW_DEBUG_TASK_STATE] = IN_TASK(state),
		[AW_DEBUG_TASK_FLAGS] = IN_TASK(flags),
		[AW_DEBUG_TASK_ID] = IN_TASK(id),
		[AW_DEBUG_TASK_BORN] = IN_TASK(born),
		[AW_DEBUG_TASK_STATUS] = IN_TASK(status),
		[AW_DEBUG_TASK_SITE] = IN_TASK(site),
		[AW_DEBUG_TASK_SCOPE] = IN_TASK(scope),
		[AW_DEBUG_TASK_BASE] = IN_TASK(base),
		[AW_DEBUG_TASK_WAIT] = IN_TASK(wait),
		[AW_DEBUG_TASK_SP] = SAVED_SP,
		[AW_DEBUG_TASK_STACK] = IN_TASK(stack.base),
		[AW_DEBUG_TASK_STACK_SIZE] = IN_TASK(stack.size),
		[AW_DEBUG_WAIT_WHAT] = IN_WAIT(what),
		[AW_DEBUG_WAIT_OBJECT] = IN_WAIT(object),
		[AW_DEBUG_WAIT_SINCE] = IN_WAIT(since),
		[AW_DEBUG_SCOPE_PARENT] = IN_SCOPE(parent),
		[AW_DEBUG_SCOPE_TASK] = IN_SCOPE(task),
		[AW_DEBUG_SCOPE_CAUSE] = IN_SCOPE(cause),
		[AW_DEBUG_SCOPE_DEADLINE] = IN_SCOPE(deadline),
		[AW_DEBUG_SCOPE_NAME] = IN_SCOPE(name),
		[AW_DEBUG_SCOPE_SITE] = IN_SCOPE(site),
		[AW_DEBUG_SCOPE_KIND] = IN_SCOPE(kind),
	},
};
