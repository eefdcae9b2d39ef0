/* SPDX-License-Identifier: MIT */
/*
 * Calls in a helper thread.
 *
 *	aw_offload        fn works on the caller's own memory, so a call that
 *	                  has begun is never given up: the caller waits for it
 *	                  firmly, and the cancel stays pending
 *	aw_offload_copy   fn works on a copy in the job; the same, unless
 *	                  .abandon: then the thread keeps the copy
 *
 * A call that has not begun is taken back from the queue, and only then does
 * the caller see its cancel: "not called" is a promise. With .abandon the
 * caller cannot know which of the two it was; so .discard gets the copy
 * whenever it was handed over and did not come back.
 */
#include <await/offload.h>

#include "job.h"

#define COPY_MAX (64 * 1024)

/* The memory of a job; behind it the copy, if there is one. */
struct call {
	int (*fn)(void *arg);
	void *arg;
	bool copied;		/* fn gets the copy and not arg */
	void (*discard)(void *copy);
	struct aw_error *error;	/* of the thread */
	int value;
	bool taken;		/* the copy is the caller's: it has the value,
				 * or it was never handed over */
	_Alignas(max_align_t) unsigned char copy[];
};

/* --- In the thread ----------------------------------------------------- */

static void
run(void *memory)
{
	struct call *call = memory;
	struct aw__failure *failure = aw__failure_here();

	call->value = call->fn(call->copied ? call->copy : call->arg);
	if (call->value < 0)
		call->error = aw__failure_take(failure);
}

static void
discard(void *memory)
{
	struct call *call = memory;

	aw_error_free(call->error);
	if (call->discard && !call->taken)
		call->discard(call->copy);
}

static const struct aw_job_type type = {
	.run = run,
	.discard = discard,
};

/* --- In the caller's task ---------------------------------------------- */

/* Did a scope end it? */
static bool
interrupted(int r)
{
	return r == AW_ECANCELED || r == AW_ETIME || r == AW_ETIMEDOUT;
}

/* The value of fn, and the detail it left in its thread. */
static int
take_value(struct aw_task *self, struct call *call)
{
	int value = call->value;

	call->taken = true;
	if (value >= 0)
		return value;
	if (call->error && call->error->code == value) {
		aw__failure_give(&self->failure, call->error);
		call->error = NULL;
		return value;
	}
	return aw_fail(value, "%s", aw_strerror(value));
}

/* Waits until fn has returned, or takes the call back; only an interruption
 * leaves a copy to the thread. The detail of a failure that does not count is
 * not left behind. */
static int
wait_for(struct aw_job *job, struct aw_task *self, bool abandon)
{
	struct call *call = aw_job_memory(job);
	struct aw__failure before = { 0 };
	int r;

	aw__failure_move(&self->failure, &before);
	r = aw__job_wait(job, self, "a helper thread", job, 0);
	abandon = abandon && interrupted(r);
	if (r < 0 && (abandon || aw__job_withdraw(job))) {
		aw__failure_fini(&before);
		if (!interrupted(r))
			call->taken = true;
		return r;
	}
	if (r < 0) {
		/* A firm wait with no time of its own cannot fail. */
		aw_ignore(aw__job_wait(job, self, "a helper thread", job,
				       AW__WAIT_FIRM));
		aw__failure_fini(&self->failure);
	}
	aw__failure_move(&before, &self->failure);
	return 0;
}

static int
offload(struct aw_task *self, const struct call *init, void *value,
	size_t size, const struct aw_offload_options *o)
{
	struct aw__job_class *klass = (void *)o->workers;
	bool abandon = o->abandon;
	struct aw_job *job;
	struct call *call;
	int r;

	if (!klass)
		klass = aw__job_class(AW_JOBS_GENERAL);
	r = aw__job_new_in(&job, klass, &type, sizeof *call + size);
	if (r < 0)
		return r;
	call = aw_job_memory(job);
	*call = *init;
	if (size > 0)
		memcpy(call->copy, value, size);
	r = aw__job_submit(job);
	if (r < 0)
		call->taken = true;
	else
		r = wait_for(job, self, abandon);
	if (r == 0) {
		r = take_value(self, call);
		if (size > 0)
			memcpy(value, call->copy, size);
	}
	aw_job_free(job);
	return r;
}

static const struct aw_offload_options defaults;

int
aw_offload_with(int (*fn)(void *arg), void *arg,
		const struct aw_offload_options *options)
{
	const struct aw_offload_options *o = options ? options : &defaults;
	struct call init = { .fn = fn, .arg = arg };
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r < 0)
		return r;
	if (!fn || o->abandon)
		return aw_fail(-EINVAL, "aw_offload: no function to call, or "
			       ".abandon, which needs aw_offload_copy()");
	return offload(self, &init, NULL, 0, o);
}

int
aw_offload_copy_with(int (*fn)(void *copy), void *value, size_t size,
		     const struct aw_offload_options *options)
{
	const struct aw_offload_options *o = options ? options : &defaults;
	struct call init = { .fn = fn, .copied = true };
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r < 0) {
		if (o->abandon && o->discard && interrupted(r))
			o->discard(value);
		return r;
	}
	if (!fn || size == 0 || size > COPY_MAX)
		return aw_fail(-EINVAL, "aw_offload_copy: %zu bytes: it takes "
			       "1 to %d, and a function", size, COPY_MAX);
	init.discard = o->abandon ? o->discard : NULL;
	return offload(self, &init, value, size, o);
}
