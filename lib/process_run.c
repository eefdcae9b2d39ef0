/* SPDX-License-Identifier: MIT */
/*
 * Talking to a process until it has ended: one child of a group writes its
 * input, one reads each of its outputs, so no pipe that is full or empty can
 * hold up the others.
 */
#include <unistd.h>

#include "process.h"
#include "stream.h"

#define FIRST_ROOM 4096

struct source {
	struct aw_stream *to;
	struct aw_bytes input;
};

struct sink {
	struct aw_stream *from;		/* NULL: no pipe */
	struct aw__buffer bytes;
	size_t max;
	const char *name;
};

/* --- The children of the group ----------------------------------------- */

/* A program need not read all of its input. */
static int
feed(void *arg)
{
	struct source *source = arg;
	int r = 0;

	if (source->input.size > 0)
		r = aw_stream_write(source->to, source->input);
	if (r == 0)
		r = aw_stream_shutdown(source->to);
	return r == -EPIPE ? 0 : r;
}

/* Twice as much as before, with a place for the NUL. */
static int
make_room(struct sink *sink)
{
	struct aw__buffer *b = &sink->bytes;

	if (b->room - b->end > 1)
		return 0;
	if (!aw__buffer_reserve(b, b->end < FIRST_ROOM ? FIRST_ROOM : b->end,
				SIZE_MAX / 2))
		return aw_fail(-ENOMEM, "no memory for the output of a "
			       "process");
	return 0;
}

static int
collect(void *arg)
{
	struct sink *sink = arg;
	struct aw__buffer *b = &sink->bytes;
	int r;

	for (;;) {
		AW_TRY(make_room(sink));
		r = aw_stream_read(sink->from, b->data + b->end,
				   b->room - b->end - 1);
		if (r <= 0)
			return r;
		b->end += (size_t)r;
		if (b->end > sink->max)
			return aw_fail(AW_ELIMIT, "%s of a process is longer "
				       "than %zu bytes (.max)", sink->name,
				       sink->max);
	}
}

static int
exchange(struct aw_process *p, struct source *source, struct sink sinks[2])
{
	int i;
	AW_GROUP(group);

	if (source->to)
		AW_TRY(aw_go(&group, feed, source));
	for (i = 0; i < 2; i++) {
		sinks[i].from = p->streams[i + 1];
		if (sinks[i].from)
			AW_TRY(aw_go(&group, collect, &sinks[i]));
	}
	return aw_group_wait(&group);
}

/* --- What users call --------------------------------------------------- */

static struct aw_bytes
finish(struct sink *sink)
{
	struct aw__buffer *b = &sink->bytes;

	if (!b->data)
		return aw_bytes(NULL, 0);
	b->data[b->end] = '\0';
	return aw_bytes(b->data, b->end);
}

static int
communicate(struct aw_process *p, struct aw_output *o, struct aw_bytes input)
{
	struct source source = { .to = p->streams[0], .input = input };
	struct sink sinks[2] = {
		{ .max = p->max, .name = "the standard output" },
		{ .max = p->max, .name = "the standard error" },
	};
	int r = exchange(p, &source, sinks);

	o->out = finish(&sinks[0]);
	o->err = finish(&sinks[1]);
	return r < 0 ? r : aw_process_wait(p, &o->status);
}

int
aw_process_communicate(struct aw_process *process, struct aw_output **ret,
		       struct aw_bytes input)
{
	struct aw_output *o;
	int r = aw__process_check(process);

	if (r == 0)
		r = aw_checkpoint();
	if (r < 0)
		return r;
	if (input.size > 0 && !process->streams[0])
		return aw_fail(-EINVAL, "aw_process_communicate: the process "
			       "was started without .in = AW_PIPE");
	o = aw__calloc(1, sizeof *o);
	if (!o)
		return aw_fail(-ENOMEM, "no memory for what a process writes");
	process->refs++;
	r = communicate(process, o, input);
	aw__process_unref(process);
	if (r < 0) {
		aw_output_free(o);
		return r;
	}
	*ret = o;
	return 0;
}

int
aw_process_run_with(struct aw_output **ret, const char *const argv[],
		    const struct aw_process_options *options)
{
	struct aw_process_options o = { .size = sizeof o };
	AW_AUTO(aw_process, p);
	AW_AUTO(aw_output, output);

	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	o.size = sizeof o;
	if (o.in == 0)
		o.in = o.input.data ? AW_PIPE : AW_NONE;
	o.out = o.out ? o.out : AW_PIPE;
	o.err = o.err ? o.err : AW_PIPE;
	AW_TRY(aw_process_start_with(&p, argv, &o));
	AW_TRY(aw_process_communicate(p, &output, o.input));
	*ret = aw_move(&output);
	return 0;
}

void
aw_output_free(struct aw_output *output)
{
	if (!output)
		return;
	aw__free((void *)(uintptr_t)output->out.data);
	aw__free((void *)(uintptr_t)output->err.data);
	aw__free(output);
}

void
aw_output_freep(struct aw_output **output)
{
	aw_output_free(*output);
	*output = NULL;
}
