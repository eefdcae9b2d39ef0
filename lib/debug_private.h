/* SPDX-License-Identifier: MIT */
/* What AWAIT_DEBUG keeps for a loop; hooks.c, debug.c and watchdog.c. */
#ifndef AW__DEBUG_PRIVATE_H
#define AW__DEBUG_PRIVATE_H

#include <signal.h>
#include <stdatomic.h>

#include "runtime.h"

/*
 * The loop's thread writes beat and polling, the watchdog reads them; asked
 * goes the other way. A stall is a beat that lasts: the same task, or the
 * same round of libev's callbacks, since the watchdog's last looks.
 */
struct aw__debug {
	struct aw_loop *loop;
	atomic_ulong beat;		/* of what runs; never 0 */
	atomic_ulong asked;		/* the beat to report on; 0: none */
	atomic_ulong reported;		/* the last beat that was told */
	atomic_uint refused;		/* by the handler: not on its stack */
	unsigned n_asked;		/* signals for the beat; watchdog's */
	atomic_bool polling;		/* nothing runs */
	ev_prepare before;		/* the last before poll blocks */
	ev_check after;			/* the first after it */

	pthread_t owner;		/* the loop's thread */
	pthread_t watchdog;
	bool watching;			/* the thread exists */
	bool handles;			/* the signal handler is installed */
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool quit;			/* under lock */
};

static inline void
aw__watchdog_beat(struct aw__debug *debug)
{
	unsigned long beat = atomic_load_explicit(&debug->beat,
						  memory_order_relaxed);

	atomic_store_explicit(&debug->beat, beat + 1, memory_order_relaxed);
}

/* watchdog.c */
void aw__watchdog_start(struct aw__debug *debug);
void aw__watchdog_stop(struct aw__debug *debug);

/* debug.c */
void aw__debug_unhandled(const char *name, const char *site,
			 const struct aw_error *e);

#endif
