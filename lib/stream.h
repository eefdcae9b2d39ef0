/* SPDX-License-Identifier: MIT */
/*
 * Streams between their files: stream.c (life), stream_in.c (reading),
 * stream_out.c (writing), stream_connect.c and stream_open.c (connecting),
 * listen.c (accepting).
 */
#ifndef AW__STREAM_H
#define AW__STREAM_H

#include <await/driver.h>
#include <await/stream.h>

#include "mem.h"

/* Bytes [start, end) of data count; room is what was allocated. */
struct aw__buffer {
	char *data;
	size_t start, end, room;
};

static inline size_t
aw__buffered(const struct aw__buffer *b)
{
	return b->end - b->start;
}

enum aw__stream_kind {
	AW__STREAM_TCP,
	AW__STREAM_UNIX,
	AW__STREAM_PIPE,		/* one direction */
	AW__STREAM_TTY			/* any other device */
};

/* A write or flush under way, on the stack of its task. */
struct aw__writer {
	const char *data;		/* not copied; sent after out */
	size_t left;
	uint64_t ticket;		/* 0: it does not wait */
	struct aw_waiter waiter;
};

struct aw_stream {
	struct aw_loop *loop;
	struct aw_fd *fd;		/* NULL: closed */
	int number;			/* -1: closed */
	enum aw__stream_kind kind;
	unsigned mark;			/* of the process */
	unsigned n_inside;		/* calls under way hold it */
	bool reading, writing;		/* one call each */
	bool closing;			/* the flush of the close is left */
	bool freed;			/* the last that leaves frees it */
	bool quiet;			/* the last read emptied the socket */
	bool eof;
	bool shut;			/* our direction has ended */
	bool full;			/* pump() comes when there is room */
	bool filled;			/* the last read filled the buffer */
	int in_error, out_error;	/* -errno, kept; 0 = none */
	struct aw__buffer in, out;
	size_t limit, high;
	struct aw__writer *writer;	/* or NULL */
	struct aw_defer soon;		/* pump() */
	struct aw_closer closer;
	struct aw_stream_counts counts;
};

/* A stream of a connected, non-blocking descriptor; takes number, and fd if
 * that is not NULL, when it succeeds. */
int aw__stream_new(struct aw_stream **ret, int number, struct aw_fd *fd,
		   enum aw__stream_kind kind,
		   const struct aw_stream_options *options);

/* The options of who passed a smaller struct, or none; checked. */
int aw__stream_options(struct aw_stream_options *ret,
		       const struct aw_stream_options *options);

/* First and last of every call: check it, and hold the memory. */
int aw__stream_enter(struct aw_stream *s);
int aw__stream_leave(struct aw_stream *s, int r);

int aw__fail_stream_closed(void);

/* stream_in.c: everything up to the end, new; what is for messages. */
int aw__stream_slurp(struct aw_stream *s, struct aw_bytes *ret, size_t max,
		     const char *what);

/* stream_out.c */
void aw__stream_pump(void *stream);
/* The writer's bytes are not touched any more; if it waits, value ends it. */
void aw__stream_release_writer(struct aw_stream *s, int value);
/* Sends what is buffered and what writer brings; waits until all is gone. */
int aw__stream_drain(struct aw_stream *s, struct aw__writer *writer);

static inline size_t
aw__stream_unsent(const struct aw_stream *s)
{
	return aw__buffered(&s->out) + (s->writer ? s->writer->left : 0);
}

/* stream_info.c: of a socket, or of its peer. */
int aw__address_of(int number, bool peer, struct aw_address *ret);

/* Room for n bytes at the end, within max bytes in all; false: none. */
bool aw__buffer_reserve(struct aw__buffer *b, size_t n, size_t max);

#endif
