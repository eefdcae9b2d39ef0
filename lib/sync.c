/* SPDX-License-Identifier: MIT */
/*
 * Semaphores, mutexes and events between the tasks of one loop.
 *
 *	struct aw_sem              stack of task A      stack of task B
 *	  permits 0                  aw_sem_acquire()     aw_sem_acquire()
 *	  waiters.head ------------> node ------------->  node
 *	  waiters.tail ------------------------------------^
 *
 * A release does not raise the count while somebody waits: it hands the
 * permit to the oldest waiter, who owns it before he runs. Hence
 *
 *	the oldest waiter of a semaphore asks for more than there is
 *	owner == NULL =>  no waiter of a mutex that could take it
 *
 * and whoever finds a free lock overtakes nobody. A waiter for many permits
 * is not overtaken by those who want few: they would starve it. A waiter that
 * was interrupted stays linked until its task runs; aw__wake() refuses it and
 * the next one is asked, so that a permit is never lost with a cancelled task.
 * One that was granted keeps the grant when the cancel comes later: its wait
 * has already been completed.
 */
#include <await/limiter.h>

#include "sync_private.h"

/*
 * For codes that are answers more than failures ("not now"): a few stores,
 * no memory; the text is made when somebody asks (failure.c).
 */
int
aw__fail_briefly(int code, const char *what)
{
	struct aw__failure *failure = aw__failure_here();

	aw__reason_unref(failure->reason);
	failure->reason = NULL;
	failure->scope = failure->site = NULL;
	failure->what = what;
	failure->code = code;
	return code;
}

static struct aw__wait_node *
wake_oldest(struct aw_waiters *waiters)
{
	if (!waiters->head)
		return NULL;
	return aw__waiters_wake(&waiters->head, &waiters->tail, 0);
}

static int
wait_in_line(struct aw_waiters *waiters, struct aw_task *self,
	     const char *what, const void *object)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, what, object)
	};

	return aw__waiters_wait(&waiters->head, &waiters->tail, &node);
}

/* --- Semaphores -------------------------------------------------------- */

void
aw_sem_init(struct aw_sem *sem, int64_t permits)
{
	memset(sem, 0, sizeof *sem);
	sem->permits = permits;
}

/* Serves the oldest waiters as far as the permits go. */
static void
grant(struct aw_sem *sem)
{
	struct aw_waiters *line = &sem->waiters;
	struct aw__wait_node *node;

	while ((node = line->head) && node->n <= sem->permits) {
		aw__waiters_remove(&line->head, &line->tail, node);
		if (aw__wake(&node->wait, 0))
			sem->permits -= node->n;
	}
}

/* One that gives up may have kept others back who want less. */
static int
wait_for_permits(struct aw_sem *sem, struct aw_task *self, int64_t n)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "a permit", sem),
		.n = n
	};
	int r = aw__waiters_wait(&sem->waiters.head, &sem->waiters.tail,
				 &node);

	if (r < 0)
		grant(sem);
	return r;
}

static inline int
acquire(struct aw_sem *sem, int64_t n)
{
	struct aw_task *self;
	int r = aw__enter(&self);

	if (r < 0)
		return r;
	if (sem->waiters.head || sem->permits < n)
		return wait_for_permits(sem, self, n);
	sem->permits -= n;
	return 0;
}

int
aw_sem_acquire(struct aw_sem *sem)
{
	return acquire(sem, 1);
}

int
aw_sem_acquire_n(struct aw_sem *sem, int64_t n)
{
	if (n < 1)
		return aw_fail(-EINVAL, "aw_sem_acquire_n: %lld permits: at "
			       "least one is needed", (long long)n);
	return acquire(sem, n);
}

int
aw_sem_try_acquire(struct aw_sem *sem)
{
	if (sem->waiters.head || sem->permits <= 0)
		return aw__fail_briefly(-EAGAIN, "a permit");
	sem->permits--;
	return 0;
}

void
aw_sem_release(struct aw_sem *sem)
{
	aw_sem_release_n(sem, 1);
}

void
aw_sem_release_n(struct aw_sem *sem, int64_t n)
{
	if (n > 0 && __builtin_add_overflow(sem->permits, n, &sem->permits))
		sem->permits = INT64_MAX;
	grant(sem);
}

/* --- Mutexes ----------------------------------------------------------- */

static int
locked_twice(void)
{
	return aw_fail(-EDEADLK, "this task owns the mutex already: "
		       "unlock it before locking it again");
}

int
aw_mutex_lock(struct aw_mutex *mutex)
{
	struct aw_task *self;
	int r = aw__enter(&self);

	if (r < 0)
		return r;
	if (!mutex->owner) {
		aw__mutex_give(mutex, self);
		return 0;
	}
	if (aw__mutex_is_mine(mutex, self))
		return locked_twice();
	return wait_in_line(&mutex->waiters, self, "a mutex", mutex);
}

int
aw_mutex_try_lock(struct aw_mutex *mutex)
{
	struct aw_task *self = aw__self();

	if (!self)
		return aw_fail(AW_EUSAGE, "aw_mutex_try_lock: only a task can "
			       "own a mutex");
	if (!mutex->owner) {
		aw__mutex_give(mutex, self);
		return 0;
	}
	if (aw__mutex_is_mine(mutex, self))
		return locked_twice();
	return aw__fail_briefly(-EAGAIN, "a mutex");
}

void
aw_mutex_unlock(struct aw_mutex *mutex)
{
	struct aw_task *self = aw__self();
	struct aw__wait_node *node;

	if (!self || !aw__mutex_is_mine(mutex, self))
		return;
	self->n_held--;
	mutex->owner = NULL;
	node = wake_oldest(&mutex->waiters);
	if (node)
		aw__mutex_give(mutex, node->wait.task);
}

/* --- Events ------------------------------------------------------------ */

int
aw_event_wait(struct aw_event *event)
{
	struct aw_task *self;
	int r = aw__enter(&self);

	if (r < 0)
		return r;
	if (event->is_set)
		return 0;
	return wait_in_line(&event->waiters, self, "an event", event);
}

void
aw_event_set(struct aw_event *event)
{
	event->is_set = true;
	while (wake_oldest(&event->waiters))
		continue;
}

void
aw_event_clear(struct aw_event *event)
{
	event->is_set = false;
}

/* --- AW_HELD() --------------------------------------------------------- */

/* The kinds are those of the macro's _Generic. */
void
aw_held_release(struct aw_held *held)
{
	switch (held->kind) {
	case 1:
		aw_mutex_unlock(held->thing);
		break;
	case 2:
		aw_sem_release(held->thing);
		break;
	case 3:
		aw_rwlock_unlock(held->thing);
		break;
	case 4:
		aw_limiter_give_back(held->thing);
		break;
	}
	held->kind = 0;
}
