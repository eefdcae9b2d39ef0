/* SPDX-License-Identifier: MIT */
/*
 * 1 warning: a sleep whose result is dropped
 * 2 warning: a lock whose result is dropped
 * 3 warning: a permit whose result is dropped
 * 4 warning: an event whose result is dropped
 * 5 warning: a put whose result is dropped
 * 6 warning: a get whose result is dropped
 * 7 warning: a join whose result is dropped
 * 8 warning: a child whose result is dropped
 * 9 warning: a group whose result is dropped
 * 10 warning: a spawned task whose handle is dropped
 * 11 warning: a (void) is no answer
 * 12 error: AW_HELD of what cannot be held
 * 13 error: AW_HELD of the thing and not its address
 * 14 error: AW_AUTO of a type that nobody can release
 * 15 warning: a failed message without its arguments
 * 16 warning: aw_check whose result is dropped
 */
#include <await/await.h>

int f(void *arg);

int
f(void *arg)
{
	struct aw_mutex m = { 0 };
	struct aw_sem s = AW_SEM_INIT(1);
	struct aw_event e = { 0 };
	struct aw_queue *q = arg;
	struct aw_task *t = arg;
	AW_GROUP(g);
	int item = 0;

#if TRAP == 1
	aw_sleep(1);
#elif TRAP == 2
	aw_mutex_lock(&m);
#elif TRAP == 3
	aw_sem_acquire(&s);
#elif TRAP == 4
	aw_event_wait(&e);
#elif TRAP == 5
	aw_queue_put(q, &item);
#elif TRAP == 6
	aw_queue_get(q, &item);
#elif TRAP == 7
	aw_join(t, NULL);
#elif TRAP == 8
	aw_go(&g, f, arg);
#elif TRAP == 9
	aw_group_wait(&g);
#elif TRAP == 10
	aw_spawn("x", f, arg);
#elif TRAP == 11 && !defined(__clang__)
	(void)aw_sleep(1);
#elif TRAP == 11
	aw_sleep(1);		/* clang takes (void) for an answer */
#elif TRAP == 12
	AW_HELD(&e);
#elif TRAP == 13
	AW_HELD(m);
#elif TRAP == 14
	AW_AUTO(aw_mutex, p);
#elif TRAP == 15
	return aw_fail(-EINVAL, "port %d");
#elif TRAP == 16
	aw_check();
#else
	aw_ignore(aw_sleep(1));
	AW_TRY(aw_sem_acquire(&s));
	AW_HELD(&s);
	AW_TRY(aw_mutex_lock(&m));
	AW_HELD(&m);
	AW_TRY(aw_event_wait(&e));
	AW_TRY(aw_queue_put(q, &item));
	AW_TRY(aw_join(t, NULL));
	AW_TRY(aw_go(&g, f, arg));
	aw_yield();		/* the one that may be dropped */
	if (aw_check() < 0)
		return aw_fail(-EINVAL, "port %d", item);
	return aw_group_wait(&g);
#endif
	(void)m; (void)s; (void)e; (void)q; (void)t; (void)item;
	return 0;
}
