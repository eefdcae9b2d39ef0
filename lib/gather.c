/* SPDX-License-Identifier: MIT */
/*
 * aw_gather(): a group whose children are the calls of an array.
 *
 * The details of the calls that failed hang on the gathering task until its
 * next gather or its end, so that nobody has to free them.
 */
#include "group_private.h"

struct gather {
	struct aw_call *calls;
	struct aw_error **errors;
	bool keep_going;
};

struct one {
	const struct gather *gather;
	size_t i;
};

static int
run_call(void *arg)
{
	const struct one *one = arg;
	const struct gather *gather = one->gather;
	struct aw_call *call = &gather->calls[one->i];

	call->status = call->fn(call->arg);
	if (call->status >= 0)
		return 0;
	aw__failure_match(call->status);
	aw_error_edit()->item = (int64_t)one->i;
	if (aw_error_dup(&gather->errors[one->i]) == 0)
		call->error = gather->errors[one->i];
	return gather->keep_going ? 0 : call->status;
}

/* Room for the details of n calls, in place of those of the last gather. */
static int
prepare(struct aw_task *self, size_t n)
{
	size_t i;

	for (i = 0; i < self->n_gathered; i++)
		aw_error_free(self->gathered[i]);
	aw__free(self->gathered);
	self->n_gathered = 0;
	self->gathered = aw__calloc(n ? n : 1, sizeof *self->gathered);
	if (!self->gathered)
		return aw_fail(-ENOMEM, "aw_gather: no memory for the details "
			       "of %zu calls", n);
	self->n_gathered = n;
	return 0;
}

/* Before anything can fail: what was not called says so. */
static int
preset(struct aw_call *calls, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		calls[i].status = AW_ECANCELED;
		calls[i].error = NULL;
	}
	for (i = 0; i < n; i++)
		if (!calls[i].fn)
			return aw_fail(-EINVAL, "aw_gather: call %zu has no "
				       "function", i);
	return 0;
}

static int
run_all(const struct gather *gather, size_t n, int64_t limit)
{
	AW_GROUP(group, .limit = limit);
	struct one one = { gather, 0 };
	int r;

	group.state |= AW__TOLD;	/* each call has its own error */
	for (one.i = 0; one.i < n; one.i++) {
		r = aw_go_copy(&group, run_call, &one, .name = "gather");
		if (r < 0)
			return r;
	}
	return aw_group_wait(&group);
}

/* With .keep_going only a cancel is a failure, if it stopped a call. */
static int
check_cancelled(const struct aw_call *calls, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (aw_is_cancel(calls[i].status))
			return aw_check();
	return 0;
}

int
aw_gather_with(struct aw_call *calls, size_t n,
	       const struct aw_gather_options *options)
{
	static const struct aw_gather_options defaults;
	const struct aw_gather_options *o = options ? options : &defaults;
	struct gather gather = { calls, NULL, o->keep_going };
	struct aw_task *self;
	int r;

	r = preset(calls, n);
	if (r == 0)
		r = aw__option_check("aw_gather", "limit", (double)o->limit);
	if (r == 0)
		r = aw__enter(&self);
	if (r == 0)
		r = prepare(self, n);
	if (r < 0)
		return r;
	gather.errors = self->gathered;
	r = run_all(&gather, n, o->limit);
	return r == 0 && o->keep_going ? check_cancelled(calls, n) : r;
}

const struct aw_error *
aw_call_error(const struct aw_call *call)
{
	return call->error;
}
