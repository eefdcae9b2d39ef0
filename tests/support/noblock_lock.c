/* SPDX-License-Identifier: MIT */
/*
 * Locks: a loop's thread may wait for one, since a lock of ours is held for
 * a few lines. Hence the other half of the rule, for every thread: nothing
 * that blocks may be called under a lock of ours that a loop's thread takes.
 *
 *	held[] of a thread:  lock, who took it | lock, who took it | ...
 *	of_loops[]:          the locks that loops' threads have taken, hashed
 *
 * A wait for a condition gives its lock back meanwhile.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "noblock.h"

#define MOST 16				/* more are not followed */
#define ROOM 4096

struct held {
	const pthread_mutex_t *lock;
	void *caller;
};

static _Thread_local struct held held[MOST];
static _Thread_local int n_held;

static _Atomic(uintptr_t) of_loops[ROOM];

static void
remember(uintptr_t lock)
{
	for (size_t i = 0; i < ROOM; i++) {
		_Atomic(uintptr_t) *at = &of_loops[(lock / 8 + i) % ROOM];
		uintptr_t free = 0;

		if (atomic_load(at) == lock ||
		    atomic_compare_exchange_strong(at, &free, lock))
			return;
	}
}

static bool
is_of_loops(uintptr_t lock)
{
	for (size_t i = 0; i < ROOM; i++) {
		uintptr_t at = atomic_load(&of_loops[(lock / 8 + i) % ROOM]);

		if (at == lock || at == 0)
			return at != 0;
	}
	return false;
}

static void
took(const pthread_mutex_t *lock, void *caller)
{
	if (noblock_on_loop())
		remember((uintptr_t)lock);
	if (n_held < MOST)
		held[n_held++] = (struct held){ lock, caller };
}

/* Who took it; NULL: it is not known. */
static void *
gave(const pthread_mutex_t *lock)
{
	void *caller;
	int i = n_held;

	while (i > 0 && held[i - 1].lock != lock)
		i--;
	if (i == 0)
		return NULL;
	caller = held[i - 1].caller;
	held[i - 1] = held[--n_held];
	return caller;
}

int
noblock_n_held(void)
{
	return n_held;
}

void *
noblock_held(int i)
{
	return is_of_loops((uintptr_t)held[i].lock) ? held[i].caller : NULL;
}

void
noblock_locks_forked(void)
{
	n_held = 0;
}

/* --- Locks ------------------------------------------------------------- */

int
pthread_mutex_lock(pthread_mutex_t *lock)
{
	int r = REAL(pthread_mutex_lock)(lock);

	if (r == 0)
		took(lock, CALLER);
	return r;
}

int
pthread_mutex_trylock(pthread_mutex_t *lock)
{
	int r = REAL(pthread_mutex_trylock)(lock);

	if (r == 0)
		took(lock, CALLER);
	return r;
}

int
pthread_mutex_unlock(pthread_mutex_t *lock)
{
	gave(lock);
	return REAL(pthread_mutex_unlock)(lock);
}

/* --- Conditions -------------------------------------------------------- */

/* x86-64 has two of each of these, and dlsym() finds the older one, which
 * takes another structure (glibc, nptl/pthread_cond_wait.c). */
static void *
newer(const char *name)
{
	void *at = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");

	return at ? at : dlsym(RTLD_NEXT, name);
}

int
pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	static __typeof__(&pthread_cond_wait) real;
	void *taker = gave(lock);
	int r;

	if (!real)
		real = (__typeof__(real))newer("pthread_cond_wait");
	if (noblock_watches())
		noblock_judge(GUARDED_THREAD, "pthread_cond_wait", CALLER);
	r = real(cond, lock);
	took(lock, taker);
	return r;
}

int
pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
		       const struct timespec *until)
{
	static __typeof__(&pthread_cond_timedwait) real;
	void *taker = gave(lock);
	int r;

	if (!real)
		real = (__typeof__(real))newer("pthread_cond_timedwait");
	if (noblock_watches())
		noblock_judge(GUARDED_THREAD, "pthread_cond_timedwait",
			      CALLER);
	r = real(cond, lock, until);
	took(lock, taker);
	return r;
}
