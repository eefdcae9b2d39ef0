/* SPDX-License-Identifier: MIT */
/* listen_world.h - a listener, on TCP or at a path of its own. */
#ifndef TESTS_LISTEN_WORLD_H
#define TESTS_LISTEN_WORLD_H

#include <unistd.h>

#include "stream_pair.h"

static struct aw_listener *listener;
static char path[64];

/* Fixture of a case with a path. */
static inline void
setup_path(void)
{
	snprintf(path, sizeof path, "/tmp/await-listen-%d", (int)getpid());
	unlink(path);
}

static inline void
teardown_path(void)
{
	unlink(path);
}

/* As a task: *arg is a function to call while TCP is listened to. */
static inline int
in_listener(void *arg)
{
	int (*fn)(void *) = *(int (**)(void *))arg;
	int r;

	AW_TRY(aw_tcp_listen(&listener, NULL, 0));
	r = fn(NULL);
	aw_listener_freep(&listener);
	return r;
}

#endif
