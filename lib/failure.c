/* SPDX-License-Identifier: MIT */
/*
 * How the last failure of a task is kept.
 *
 *	struct aw__failure
 *	  code != 0   an interrupted wait: what, scope, site, reason are
 *	              pointers, and nobody has asked for the text yet
 *	  code == 0   detail holds it (or nothing has failed: detail NULL)
 *
 * 100,000 cancelled sleepers must not format 100,000 messages: the text is
 * made by aw__failure_detail(), when somebody asks. It lies on the heap, is
 * kept for the next failure of the same task, and moves from child to parent
 * by exchanging pointers. When there is no memory for it, one block for each
 * thread serves everybody.
 */
#include <stdlib.h>

#include "runtime.h"

static const struct aw_error none = { .row = -1, .item = -1, .column = -1 };

static _Thread_local struct aw__failure of_thread;
static _Thread_local struct aw_error last_resort;
static _Thread_local const struct aw__failure *last_owner;

/* A thread that ends takes its own detail along. */
static pthread_key_t end_of_thread;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;			/* else it is lost with the thread */
static _Thread_local bool is_watched;

static void
fini(void *failure)
{
	aw__failure_fini(failure);
}

static void
make_key(void)
{
	has_key = pthread_key_create(&end_of_thread, fini) == 0;
}

static void
watch_thread(void)
{
	is_watched = true;
	pthread_once(&once, make_key);
	if (has_key)
		aw_ignore(pthread_setspecific(end_of_thread, &of_thread));
}

struct aw__failure *
aw__failure_here(void)
{
	struct aw_task *self = aw__self();

	if (self)
		return &self->failure;
	if (!is_watched)
		watch_thread();
	return &of_thread;
}

/* --- Reasons ----------------------------------------------------------- */

static struct aw__reason no_memory = { .text = "no memory for the reason" };

/* The task that runs is the one that cancels. */
struct aw__reason *
aw__reason_new(const char *text, const char *site)
{
	struct aw__reason *reason = aw__malloc(sizeof *reason);
	const struct aw_task *self = aw__self();

	if (!reason)
		return &no_memory;
	reason->refs = 1;
	reason->site = site;
	aw__copy_text(reason->by, sizeof reason->by, self ? self->name : "");
	aw__copy_text(reason->text, sizeof reason->text,
		      text ? text : "no reason given");
	return reason;
}

struct aw__reason *
aw__reason_ref(struct aw__reason *reason)
{
	if (reason && reason != &no_memory)
		reason->refs++;
	return reason;
}

void
aw__reason_unref(struct aw__reason *reason)
{
	if (reason && reason != &no_memory && --reason->refs == 0)
		aw__free(reason);
}

/* --- Detail ------------------------------------------------------------ */

static void
drop_record(struct aw__failure *failure)
{
	failure->code = 0;
	aw__reason_unref(failure->reason);
	failure->reason = NULL;
}

static void
write_reason(const struct aw__reason *reason, struct aw_error *e)
{
	aw__copy_text(e->reason, sizeof e->reason, reason->text);
	aw__copy_text(e->canceller, sizeof e->canceller, reason->by);
	aw__copy_text(e->cancelled_at, sizeof e->cancelled_at, reason->site);
}

/* Writes the record of an interrupted wait out as text. */
static void
write_out(struct aw__failure *failure, struct aw_error *e)
{
	*e = none;
	e->code = failure->code;
	aw__copy_text(e->message, sizeof e->message,
		      aw_strerror(failure->code));
	aw__copy_text(e->wait, sizeof e->wait, failure->what);
	aw__copy_text(e->scope, sizeof e->scope, failure->scope);
	aw__copy_text(e->site, sizeof e->site, failure->site);
	if (failure->reason)
		write_reason(failure->reason, e);
	drop_record(failure);
}

/* The block of the thread: it keeps what its present owner wrote, so that a
 * code that was set without memory can be read without memory. */
static struct aw_error *
without_memory(struct aw__failure *failure)
{
	if (last_owner != failure)
		last_resort = none;
	last_owner = failure;
	if (failure->code)
		write_out(failure, &last_resort);
	return &last_resort;
}

/* The writable detail, never NULL; blank when nothing has failed yet. */
struct aw_error *
aw__failure_detail(struct aw__failure *failure)
{
	if (!failure->detail) {
		failure->detail = aw__malloc(sizeof *failure->detail);
		if (!failure->detail)
			return without_memory(failure);
		*failure->detail = last_owner == failure ? last_resort : none;
		if (last_owner == failure)
			last_owner = NULL;
	}
	if (failure->code)
		write_out(failure, failure->detail);
	return failure->detail;
}

/* Takes the detail out, for a group or a gather; NULL when memory is short. */
struct aw_error *
aw__failure_take(struct aw__failure *failure)
{
	struct aw_error *e = aw__failure_detail(failure);

	if (e == &last_resort)
		return NULL;
	failure->detail = NULL;
	return e;
}

/* A copy of the detail, for a second reader. */
int
aw__failure_copy(struct aw__failure *failure, struct aw_error **ret)
{
	struct aw_error *copy = aw__malloc(sizeof *copy);

	if (!copy)
		return -ENOMEM;
	*copy = *aw__failure_detail(failure);
	*ret = copy;
	return 0;
}

/*
 * A function returned code: does the last failure of this task speak of it?
 * If it does not (a bare "return -EIO", or an older failure was kept), the
 * detail says no more than the code.
 */
void
aw__failure_match(int code)
{
	const struct aw__failure *failure = aw__failure_here();

	if (failure->code ? failure->code == code
			  : failure->detail && failure->detail->code == code)
		return;
	aw_fail(code, "%s", aw_strerror(code));
}

/* Makes error (from the heap, or NULL) the last failure. */
void
aw__failure_give(struct aw__failure *failure, struct aw_error *error)
{
	if (!error)
		return;
	drop_record(failure);
	aw__free(failure->detail);
	failure->detail = error;
}

/* Moves a record or a detail; to's former one is dropped. */
void
aw__failure_move(struct aw__failure *from, struct aw__failure *to)
{
	if (!from->code && !from->detail)
		return;
	aw__failure_fini(to);
	*to = *from;
	memset(from, 0, sizeof *from);
}

void
aw__failure_fini(struct aw__failure *failure)
{
	if (last_owner == failure)
		last_owner = NULL;
	drop_record(failure);
	aw__free(failure->detail);
	failure->detail = NULL;
}

/* The first thread ends without the end of a thread. */
static void __attribute__((destructor))
fini_of_thread(void)
{
	aw__failure_fini(&of_thread);
}
