/* SPDX-License-Identifier: MIT */
/* A listener, between listen.c (accepting) and listen_open.c (making). */
#ifndef AW__LISTEN_H
#define AW__LISTEN_H

#include <sys/types.h>

#include <await/listen.h>

#include "stream.h"

struct aw_listener {
	struct aw_loop *loop;
	struct aw_fd *fd;		/* NULL: stopped */
	int number;			/* -1: stopped */
	enum aw__stream_kind kind;
	int port;
	unsigned mark;			/* of the process */
	unsigned n_inside;		/* calls under way: they hold it */
	bool accepting;			/* one call */
	bool freed;			/* the last call that leaves frees it */
	struct aw_stream_options stream;
	struct aw_listener_counts counts;
	struct aw_closer closer;
	char *path;			/* ours to remove, or NULL */
	dev_t dev;			/* of the path */
	ino_t ino;
};

/* A listener of a descriptor that listens; taken when it succeeds. */
int aw__listener_new(struct aw_listener **ret, int number,
		     enum aw__stream_kind kind,
		     const struct aw_stream_options *stream);

/* First and last of every call: check it, and hold the memory. */
int aw__listener_enter(struct aw_listener *listener);
int aw__listener_leave(struct aw_listener *listener, int r);

#endif
