/* SPDX-License-Identifier: MIT */
/*
 * Functions that run in a helper thread as a whole: opening, committing,
 * everything that takes a path.
 *
 * What a cancel does depends on what the call does. One that only looks is
 * left alone: its memory is the job's. One that changes something is waited
 * for once it has begun, so that "cancelled" means that it did not happen;
 * long ones are asked to stop, which they do between two pieces.
 */
#include <stdlib.h>

#include "file_private.h"

/* --- Before it begins -------------------------------------------------- */

/* A word that is not understood must not decide in silence. Once per loop, by
 * the first call on any file. */
static enum aw__backend
read_backend(void)
{
	const char *choice = getenv("AWAIT_FILE_BACKEND");

	if (!choice || !*choice)
		return AW__BACKEND_ANY;
	if (strcmp(choice, "uring") == 0)
		return AW__BACKEND_RING;
	return strcmp(choice, "threads") == 0 ? AW__BACKEND_THREADS
					      : AW__BACKEND_WRONG;
}

static int
check_backend(void)
{
	const char *choice;

	if (!aw__loop->file_backend)
		aw__loop->file_backend = (unsigned char)read_backend();
	if (aw__loop->file_backend != AW__BACKEND_WRONG)
		return 0;
	choice = getenv("AWAIT_FILE_BACKEND");
	return aw_fail(-EINVAL, "AWAIT_FILE_BACKEND=%s: \"uring\" and "
		       "\"threads\" are possible", choice ? choice : "");
}

int
aw__check_mode(int mode)
{
	if (mode >= 0 && mode <= 07777)
		return 0;
	return aw_fail(-EINVAL, "a mode of %d: 0 to 07777 are possible", mode);
}

/* --- In the thread ----------------------------------------------------- */

static void
run(void *memory)
{
	struct aw__call *call = memory;

	call->result = call->run(call);
}

static void
discard(void *memory)
{
	struct aw__call *call = memory;

	if (call->discard)
		call->discard(call);
}

static const struct aw_job_type type = { .run = run, .discard = discard };

/* --- Around it --------------------------------------------------------- */

int
aw__call_new(struct aw_job **ret, size_t size,
	     int (*fn)(struct aw__call *call),
	     void (*drop)(struct aw__call *call))
{
	struct aw__call *call;
	int r;

	r = check_backend();
	if (r < 0)
		return r;
	r = aw__job_new(ret, AW_JOBS_FILES, &type, size);
	if (r < 0)
		return r;
	call = aw_job_memory(*ret);
	call->run = fn;
	call->discard = drop;
	return 0;
}

/* After an interruption: 0 when the call has run to its end all the same.
 * Its thread may be stuck for long: another takes its place. */
static int
interrupted(struct aw_job *job, struct aw_task *self,
	    enum aw__call_cancel cancel, const char *what)
{
	struct aw__call *call = aw_job_memory(job);

	if (cancel == AW__CALL_LEAVE || aw__job_withdraw(job))
		return -1;
	if (cancel == AW__CALL_STOP)
		atomic_store(&call->stop, true);
	aw__job_replace(job);
	/* A firm wait with no time of its own cannot fail. */
	aw_ignore(aw__job_wait(job, self, what, NULL, AW__WAIT_FIRM));
	return 0;
}

/* 0: the call has a result; else why it was not awaited. The detail of an
 * interruption that does not count is not left behind. */
static int
wait_for(struct aw_job *job, struct aw_task *self,
	 enum aw__call_cancel cancel, const char *what)
{
	const struct aw__call *call = aw_job_memory(job);
	struct aw__failure before = { 0 };
	int r;

	aw__failure_move(&self->failure, &before);
	r = aw__job_wait(job, self, what, NULL, 0);
	if (r < 0 && (interrupted(job, self, cancel, what) < 0 ||
		      call->result == AW_ECANCELED)) {
		aw__failure_fini(&before);
		return r;
	}
	if (r < 0)
		aw__failure_fini(&self->failure);
	aw__failure_move(&before, &self->failure);
	return 0;
}

int
aw__call_fail(int r, const char *what, const char *path)
{
	return aw_fail(r, "%s %s: %s", what, path, aw_strerror(r));
}

int
aw__call_wait(struct aw_job *job, struct aw_task *self,
	      enum aw__call_cancel cancel, const char *what, const char *path)
{
	const struct aw__call *call = aw_job_memory(job);
	int r;

	r = aw__job_submit(job);
	if (r == 0)
		r = wait_for(job, self, cancel, what);
	if (r < 0)
		return r;
	if (call->result < 0 && call->why)
		return aw_fail(call->result, "%s %s: %s", what, path,
			       call->why);
	return call->result < 0 ? aw__call_fail(call->result, what, path)
				: call->result;
}
