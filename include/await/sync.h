/* SPDX-License-Identifier: MIT */
/*
 * sync.h - what the tasks of one loop wait for each other with.
 *
 * No thread ever blocks and nothing is allocated: a waiter is a node on the
 * stack of its task.  Grants are FIFO and handed over directly: a permit that
 * meets a cancelled waiter goes to the next one.  Zero is a valid start for
 * everything here but a semaphore and a barrier, which have AW_SEM_INIT(n) and
 * AW_BARRIER_INIT(n).
 *
 *	AW_TRY(aw_mutex_lock(&m));
 *	AW_HELD(&m);			given back at the end of the block
 *
 * Locks exist to hold across waits; between two waits nothing else runs.
 */
#ifndef AWAIT_SYNC_H
#define AWAIT_SYNC_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw__wait_node;
struct aw_borrow;		/* limiter.h */

/* The waiting tasks, oldest first. */
struct aw_waiters {
	struct aw__wait_node *head, *tail;
};

/* n permits. */
struct aw_sem {
	int64_t permits;
	struct aw_waiters waiters;
	void *spare[4];
};

/* One owner. */
struct aw_mutex {
	struct aw_task *owner;
	struct aw_waiters waiters;
	uint64_t owner_id;		/* no two tasks have the same */
	void *spare[3];
};

/* Set or not set; set wakes all. */
struct aw_event {
	bool is_set;
	struct aw_waiters waiters;
	void *spare[4];
};

/* Tasks that wait for a change of what a mutex protects. */
struct aw_cond {
	struct aw_waiters waiters;
	void *spare[4];
};

/* One writer or any number of readers. */
struct aw_rwlock {
	struct aw_task *writer;
	int64_t readers;
	struct aw_waiters waiters;
	uint64_t writer_id;		/* no two tasks have the same */
	void *spare[3];
};

/* Lets tasks go on when so many have arrived. */
struct aw_barrier {
	int64_t parties;
	int64_t n_waiting;
	struct aw_waiters waiters;
	void *spare[4];
};

/* Something that is done at most once with success. */
struct aw_once {
	bool is_done;
	struct aw_mutex running;
};

#define AW_BARRIER_INIT(n) { .parties = (n) }
#define AW_SEM_INIT(n) { .permits = (n) }

/* What AW_HELD() declares. */
struct aw_held {
	void *thing;
	int kind;
};

#ifndef __cplusplus
/* AW_HELD(&mutex); or of a semaphore (one permit), an rwlock, a borrow of a
 * limiter, after a success: gives it back at the end of the block. */
#define AW_HELD(object) \
	struct aw_held AW_CAT(aw_held_, __COUNTER__) \
		__attribute__((cleanup(aw_held_release), unused)) = { \
			(object), _Generic((object), struct aw_mutex *: 1, \
					   struct aw_sem *: 2, \
					   struct aw_rwlock *: 3, \
					   struct aw_borrow *: 4) }
#endif

/**
 * aw_sem_init - give a semaphore its permits
 * @sem: in the caller's memory
 * @permits: >= 0
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_sem_init(struct aw_sem *sem, int64_t permits);

/**
 * aw_sem_acquire - take one permit
 * @sem: the semaphore
 *
 * Awaits; cancel point.  Oldest waiter first.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK;
 * AW_EUSAGE; -ENOMEM.
 * Lifetime: @sem must outlive the wait.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_sem_acquire(struct aw_sem *sem);

/**
 * aw_sem_try_acquire - take one permit if that needs no wait
 * @sem: the semaphore
 *
 * Return: 0; -EAGAIN (none is free, or others wait).
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_sem_try_acquire(struct aw_sem *sem);

/**
 * aw_sem_release - give one permit back
 * @sem: the semaphore; more may be given than were taken
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_sem_release(struct aw_sem *sem);

/**
 * aw_sem_acquire_n - take several permits, all or none
 * @sem: the semaphore
 * @n: >= 1; more than were ever given: waits until that many are
 *
 * Awaits; cancel point.  Oldest waiter first: whoever wants fewer permits
 * waits behind one who wants many.
 *
 * Return: 0; -EINVAL (@n); else as aw_sem_acquire().
 * Lifetime: @sem must outlive the wait.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_sem_acquire_n(struct aw_sem *sem,
						    int64_t n);

/**
 * aw_sem_release_n - give several permits back
 * @sem: the semaphore; more may be given than were taken
 * @n: 0 and negative: none; there are never more than INT64_MAX
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_sem_release_n(struct aw_sem *sem, int64_t n);

/**
 * aw_mutex_lock - become the owner
 * @mutex: the mutex
 *
 * Awaits; cancel point.  Oldest waiter first.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK (this task
 * owns it; AW_NO_AWAIT); AW_EUSAGE; -ENOMEM.
 * Lifetime: @mutex must outlive the wait.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_mutex_lock(struct aw_mutex *mutex);

/**
 * aw_mutex_try_lock - become the owner if that needs no wait
 * @mutex: the mutex
 *
 * Return: 0; -EAGAIN (it has an owner); -EDEADLK (this task); AW_EUSAGE
 * (outside a task).
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_mutex_try_lock(struct aw_mutex *mutex);

/**
 * aw_mutex_unlock - hand the mutex to the oldest waiter
 * @mutex: owned by this task; another task's call is ignored, also when the
 * owner has ended without a call: then nobody gets it any more
 *
 * Return: nothing.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_mutex_unlock(struct aw_mutex *mutex);

/**
 * aw_event_wait - wait until an event is set
 * @event: the event
 *
 * Awaits; cancel point.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK;
 * AW_EUSAGE; -ENOMEM.
 * Lifetime: @event must outlive the wait.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_event_wait(struct aw_event *event);

/**
 * aw_event_set - set an event and wake all who wait for it
 * @event: stays set until aw_event_clear()
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_event_set(struct aw_event *event);

/**
 * aw_event_clear - unset an event
 * @event: those already woken stay woken
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_event_clear(struct aw_event *event);

/**
 * aw_cond_wait - let go of a mutex until another task signals
 * @cond: the condition
 * @mutex: owned by this task; owned again when the call returns, whatever it
 * returns
 *
 * Awaits; cancel point.  Neither a cancel nor a deadline ends the second half,
 * getting the mutex back.  Between the signal and the return others may have
 * had the mutex: look again.
 *
 *	while (!ready)
 *		AW_TRY(aw_cond_wait(&cond, &mutex));
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK;
 * AW_EUSAGE (also: this task does not own @mutex); -ENOMEM.
 * Lifetime: both must outlive the wait.
 * Context: task.
 * Source: POSIX, pthread_cond_wait.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_cond_wait(struct aw_cond *cond,
						struct aw_mutex *mutex);

/**
 * aw_cond_signal - wake the task that has waited longest
 * @cond: if nobody waits, nothing happens and nothing is kept
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: POSIX, pthread_cond_signal.
 * Since: 0.1
 */
AW_API void aw_cond_signal(struct aw_cond *cond);

/**
 * aw_cond_broadcast - wake all who wait for a condition
 * @cond: if nobody waits, nothing happens and nothing is kept
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: POSIX, pthread_cond_broadcast.
 * Since: 0.1
 */
AW_API void aw_cond_broadcast(struct aw_cond *cond);

/**
 * aw_rwlock_read - share a lock with other readers
 * @lock: the lock; a task may hold it once
 *
 * Awaits; cancel point.  Oldest waiter first, readers behind a waiting writer
 * too: neither side starves.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK (this task
 * writes; AW_NO_AWAIT); AW_EUSAGE; -ENOMEM.
 * Lifetime: @lock must outlive the wait.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_rwlock_read(struct aw_rwlock *lock);

/**
 * aw_rwlock_write - have a lock alone
 * @lock: the lock; a task may hold it once
 *
 * Awaits; cancel point.  Oldest waiter first.
 *
 * Return: 0; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK (this task
 * writes; AW_NO_AWAIT); AW_EUSAGE; -ENOMEM.
 * Lifetime: @lock must outlive the wait.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_rwlock_write(struct aw_rwlock *lock);

/**
 * aw_rwlock_unlock - end reading or writing
 * @lock: locked by this task; while another task writes the call is ignored
 *
 * Return: nothing.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_rwlock_unlock(struct aw_rwlock *lock);

/**
 * aw_barrier_wait - wait until all parties are here
 * @barrier: begins anew when all have come
 *
 * Awaits; cancel point.  One that is interrupted has not come: the others
 * wait on for another.
 *
 * Return: 1 (the last, who did not wait); 0; -EINVAL (fewer than one party);
 * -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: @barrier must outlive the wait.
 * Context: task.
 * Source: POSIX, pthread_barrier_wait.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_barrier_wait(struct aw_barrier *barrier);

/**
 * aw_once - do something unless it was done before
 * @once: zero at the start
 * @fn: may wait; negative: failed, and the next caller tries again
 * @arg: for @fn; may be NULL
 *
 * Awaits; cancel point.  While another task is at it, waits for its end.
 *
 * Return: 0 (it is done); what @fn returned, if negative; -ECANCELED; -ETIME;
 * -ETIMEDOUT (a budget); -EDEADLK (called from within @fn; AW_NO_AWAIT);
 * AW_EUSAGE; -ENOMEM.
 * Lifetime: @once must outlive the wait.
 * Context: task.
 * Source: POSIX, pthread_once.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_once(struct aw_once *once,
					   int (*fn)(void *arg), void *arg);

/**
 * aw_held_release - end what AW_HELD() began
 * @held: by the macro
 *
 * Return: nothing.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_held_release(struct aw_held *held);

AW_END_DECLS

#endif
