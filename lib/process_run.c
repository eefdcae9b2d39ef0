/* SPDX-License-Identifier: MIT */
/*
 * Talking to a process until it has ended: one child of a group writes its
 * input, one reads each of its outputs, so no pipe that is full or empty can
 * hold up the others.
 *
 * Another task may end the process meanwhile, and its streams with it. So the
 * children know the process, which is held, and ask it for the stream before
 * each call.
 */
#include <unistd.h>

#include "process.h"
#include "stream.h"

struct source {
	const struct aw_process *process;
	bool piped;			/* there was a stream at the begin */
	struct aw_bytes input;
};

struct sink {
	const struct aw_process *process;
	bool piped;
	int i;				/* of its streams */
	struct aw_bytes *ret;
	const char *name;
};

/* --- The children of the group ----------------------------------------- */

static int
open_stream(const struct aw_process *p, int i, struct aw_stream **ret)
{
	if (!p->streams[i])
		return aw__fail_stream_closed();
	*ret = p->streams[i];
	return 0;
}

/* A program need not read all of its input. */
static int
feed(void *arg)
{
	const struct source *source = arg;
	struct aw_stream *to = NULL;
	int r;

	AW_TRY(open_stream(source->process, 0, &to));
	r = source->input.size ? aw_stream_write(to, source->input) : 0;
	if (r == 0)
		r = open_stream(source->process, 0, &to);
	if (r == 0)
		r = aw_stream_shutdown(to);
	return r == -EPIPE ? 0 : r;
}

static int
collect(void *arg)
{
	struct sink *sink = arg;
	struct aw_stream *from = NULL;

	AW_TRY(open_stream(sink->process, sink->i, &from));
	return aw__stream_slurp(from, sink->ret, sink->process->max,
				sink->name);
}

static int
exchange(struct source *source, struct sink sinks[2])
{
	int i;
	AW_GROUP(group);

	if (source->piped)
		AW_TRY(aw_go(&group, feed, source));
	for (i = 0; i < 2; i++)
		if (sinks[i].piped)
			AW_TRY(aw_go(&group, collect, &sinks[i]));
	return aw_group_wait(&group);
}

/* --- What users call --------------------------------------------------- */

static int
communicate(struct aw_process *p, struct aw_output *o, struct aw_bytes input)
{
	struct source source = { p, p->streams[0] != NULL, input };
	struct sink sinks[2] = {
		{ p, p->streams[1] != NULL, 1, &o->out,
		  "the standard output of a process" },
		{ p, p->streams[2] != NULL, 2, &o->err,
		  "the standard error of a process" },
	};
	int r = aw_checkpoint();

	if (r == 0)
		r = exchange(&source, sinks);

	return r < 0 ? r : aw_process_wait(p, &o->status);
}

static int
communicate_held(struct aw_process *p, struct aw_output **ret,
		 struct aw_bytes input)
{
	AW_AUTO(aw_output, o);

	if (input.size > 0 && !p->streams[0])
		return aw_fail(-EINVAL, "aw_process_communicate: the process "
			       "was started without .in = AW_PIPE");
	o = aw__calloc(1, sizeof *o);
	if (!o)
		return aw_fail(-ENOMEM, "no memory for what a process writes");
	AW_TRY(communicate(p, o, input));
	*ret = aw_move(&o);
	return 0;
}

int
aw_process_communicate(struct aw_process *process, struct aw_output **ret,
		       struct aw_bytes input)
{
	int r = aw__process_check(process);

	if (r < 0)
		return r;
	process->refs++;
	r = communicate_held(process, ret, input);
	aw__process_unref(process);
	return r;
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
