/* SPDX-License-Identifier: MIT */
/*
 * aw_serve(): a task for each connection.
 *
 *	a place (.max) --> accept --> child { fn, close or abort, the place }
 *
 * A place is taken before a connection is accepted: those beyond .max wait in
 * the kernel's backlog and cost nothing. Children answer for themselves and
 * return 0, so that none of them cancels the others. The listener is held:
 * another task may free it while this one waits for a place, or pauses.
 */
#include <await/sync.h>

#include "listen.h"
#include "runtime.h"

#define MAX 1000
#define CLOSE_SECONDS 10.0
#define PAUSE 0.1

struct service {
	int (*fn)(struct aw_stream *stream, void *arg);
	void *arg;
	struct aw_serve_options options;
	struct aw_sem places;
};

struct connection {
	struct service *service;
	struct aw_stream *stream;
};

static int
say_goodbye(struct connection *c)
{
	AW_BUDGET(c->service->options.close);

	return aw_stream_close(&c->stream);
}

static int
connection(void *arg)
{
	struct connection *c = arg;
	struct service *s = c->service;
	int r;

	AW_HELD(&s->places);
	r = s->fn(c->stream, s->arg);
	if (r >= 0)
		r = say_goodbye(c);
	else
		aw_stream_abort(&c->stream);
	if (r < 0 && s->options.on_failure)
		s->options.on_failure(s->arg, r);
	return 0;
}

/* For want of memory for a task the connection is dropped, the server is
 * not. */
static int
start(struct aw_group *group, struct service *s, struct aw_stream *stream)
{
	struct connection c = { s, stream };
	int r = aw_go_copy(group, connection, &c, .name = "connection",
			   .stack = s->options.stack);

	if (r == 0)
		return 0;
	aw_stream_abort(&c.stream);
	aw_sem_release(&s->places);
	if (r != -ENOMEM && r != -EAGAIN && r != AW_ELIMIT)
		return r;
	aw_trace("a connection was dropped: %s", aw_error()->message);
	return aw_sleep(PAUSE);
}

static int
serve_one(struct aw_listener *listener, struct aw_group *group,
	  struct service *s)
{
	struct aw_stream *stream = NULL;
	int r;

	AW_TRY(aw_sem_acquire(&s->places));
	r = aw_listener_accept(listener, &stream);
	if (r < 0) {
		aw_sem_release(&s->places);
		return r;
	}
	return start(group, s, stream);
}

static int
copy_options(struct aw_serve_options *ret,
	     const struct aw_serve_options *options)
{
	struct aw_serve_options o = { 0 };

	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	if (o.max < 0 || !(o.close >= 0) || o.stack < 0)
		return aw_fail(-EINVAL, "aw_serve: .max, .close and .stack are "
			       "0 or more");
	AW_TRY(aw__stack_check("aw_serve", o.stack));
	o.max = o.max ? o.max : MAX;
	o.close = o.close > 0 ? o.close : CLOSE_SECONDS;
	*ret = o;
	return 0;
}

static int
serve(struct aw_listener *listener, struct service *s)
{
	int r;
	AW_GROUP(group);

	do
		r = serve_one(listener, &group, s);
	while (r == 0);
	return r == AW_ECLOSED ? aw_group_wait(&group) : r;
}

int
aw_serve_with(struct aw_listener *listener,
	      int (*fn)(struct aw_stream *stream, void *arg), void *arg,
	      const struct aw_serve_options *options)
{
	struct service s = { .fn = fn, .arg = arg };
	int r;

	AW_TRY(copy_options(&s.options, options));
	aw_sem_init(&s.places, s.options.max);
	r = aw__listener_enter(listener);
	if (r < 0)
		return r == AW_ECLOSED ? 0 : r;
	return aw__listener_leave(listener, serve(listener, &s));
}
