/* SPDX-License-Identifier: MIT */
/*
 * What each file does in a child of fork(): it makes its locks anew, since
 * whoever held one is not here, and forgets the loops of other threads.
 *
 * Called by the handler of pthread_atfork(), which may be in the middle of
 * anything of another thread: nothing is allocated, no lock is taken.
 */
#ifndef AW__FORK_H
#define AW__FORK_H

struct aw_loop;
struct aw__overflow;

void aw__hooks_forked(void);
void aw__loops_forked(void);
void aw__slots_forked(void);
void aw__thread_events_forked(void);
/* own: the loop of the thread that forked, or NULL. */
void aw__registry_forked(struct aw_loop *own);
/* Whoever had the signals: their former dispositions are put back, so that
 * the child can be killed. */
void aw__run_forked(void);
void aw__watchdog_forked(const struct aw_loop *own);
void aw__stack_overflow_forked(const struct aw__overflow *own);

/* The end of an inherited loop's watchdog, whose thread is not here. */
void aw__watchdog_abandon(struct aw_loop *loop);

#endif
