/* SPDX-License-Identifier: MIT */
/*
 * Who owns a mutex; for sync.c, cond.c, barrier.c and rwlock.c.
 *
 * A task that ends without unlocking leaves its address behind, and the next
 * task may get its memory, in this loop or in a later one: the number of the
 * loop and the task tells the two apart.
 */
#ifndef AW__SYNC_PRIVATE_H
#define AW__SYNC_PRIVATE_H

#include <await/sync.h>

#include "runtime.h"

static inline bool
aw__mutex_is_mine(const struct aw_mutex *mutex, const struct aw_task *self)
{
	return mutex->owner == self &&
	       mutex->owner_id == aw__task_serial(self);
}

static inline void
aw__mutex_give(struct aw_mutex *mutex, struct aw_task *task)
{
	mutex->owner = task;
	mutex->owner_id = aw__task_serial(task);
	task->n_held++;
}

#endif
