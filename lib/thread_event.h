/* SPDX-License-Identifier: MIT */
/* Waiting for an event of another thread; thread_event.c and crew.c. */
#ifndef AW__THREAD_EVENT_H
#define AW__THREAD_EVENT_H

#include <await/thread.h>

#include "runtime.h"

/* flags: AW__WAIT_FIRM, and then it fails in a child of fork() only. */
int aw__thread_event_wait(struct aw_thread_event *event, struct aw_task *self,
			  unsigned flags);

#endif
