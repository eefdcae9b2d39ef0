/* SPDX-License-Identifier: MIT */
/*
 * One-shot completions for drivers: a wait that may be completed before it
 * begins, and that ignores completions which come for an earlier use.
 */
#include "runtime.h"

/* Not its address: a waiter may outlive the loop. */
static uint64_t
loop_here(void)
{
	return aw__loop ? aw__loop->serial : 0;
}

static bool
is_elsewhere(const struct aw_waiter *waiter)
{
	if (__builtin_expect(waiter->loop == loop_here(), 1))
		return false;
	return aw__misuse_loop(waiter->loop, "aw_waiter_complete") < 0;
}

uint64_t
aw_waiter_begin(struct aw_waiter *waiter)
{
	waiter->done = false;
	waiter->loop = loop_here();
	return ++waiter->ticket;
}

bool
aw_waiter_complete(struct aw_waiter *waiter, uint64_t ticket, int value)
{
	if (ticket == 0 || ticket != waiter->ticket || waiter->done)
		return false;
	if (is_elsewhere(waiter))
		return false;
	if (waiter->wait && !aw__wake(waiter->wait, value))
		return false;
	waiter->done = true;
	waiter->value = value;
	return true;
}

int
aw_waiter_wait(struct aw_waiter *waiter, int *ret_value, const char *what,
	       const void *object)
{
	struct aw_task *self = aw__self();
	int r = 0;

	if (!self)
		return aw__no_task("aw_waiter_wait");
	if (!waiter->done) {
		struct aw__wait wait = AW__WAIT_INIT(self, what, object);

		wait.flags = AW__WAIT_OUTSIDE;
		waiter->loop = self->loop->serial;
		waiter->wait = &wait;
		r = aw__wait(&wait);
		waiter->wait = NULL;
	}
	waiter->ticket++;
	if (r == 0 && ret_value)
		*ret_value = waiter->value;
	return r;
}
