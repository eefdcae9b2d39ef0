/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Each thing that tasks wait for each other with, as the guide has it.
 *
 *	cc 25_locks.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	settings, once
 *	reads
 *	takes 2 items
 *	3 met, 4 fetched, session 1, table 1
 */
#include <await/await.h>

#include <stdio.h>

static struct aw_event loaded;
static struct aw_mutex mutex;
static struct aw_sem sem = AW_SEM_INIT(10);
static struct aw_limiter limiter = AW_LIMITER_INIT(10);
static struct aw_cond cond;
static struct aw_rwlock lock;
static struct aw_barrier barrier = AW_BARRIER_INIT(3);
static struct aw_once once;
static int n_items, n_met, n_fetched, budget = 1, session, table;

static int
renew(int *number)
{
	++*number;
	return aw_yield();
}

static int
fetch(const char *url)
{
	n_fetched += url != NULL;
	return aw_yield();
}

static int
load_settings(void *arg)
{
	(void)arg;
	puts("settings, once");
	return aw_yield();
}

static int
reader(void *arg)
{
	(void)arg;
	AW_TRY(aw_event_wait(&loaded));
	puts("reads");
	return 0;
}

static int
renews(void *arg)
{
	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);	/* unlocked at the end of the block */
	AW_TRY(renew(&session));
	return 0;
}

static int
fetches(void *url)
{
	AW_TRY(aw_sem_acquire(&sem));
	AW_HELD(&sem);		/* gives one back */
	AW_TRY(fetch(url));
	return 0;
}

static int
borrows(void *url)
{
	struct aw_borrow mine = { 0 };

	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	AW_HELD(&mine);
	AW_TRY(fetch(url));
	return 0;
}

static int
takes(void *arg)
{
	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	while (!(n_items && budget > 0))
		AW_TRY(aw_cond_wait(&cond, &mutex));
	printf("takes %d items\n", n_items);
	return 0;
}

static int
reads_table(void *arg)
{
	(void)arg;
	AW_TRY(aw_rwlock_read(&lock));	/* beside other readers */
	AW_HELD(&lock);
	AW_TRY(aw_yield());
	return 0;
}

static int
writes_table(void *arg)
{
	(void)arg;
	AW_TRY(aw_rwlock_write(&lock));	/* alone */
	AW_HELD(&lock);
	AW_TRY(renew(&table));
	return 0;
}

static int
meets(void *arg)
{
	(void)arg;
	AW_TRY(aw_once(&once, load_settings, NULL));
	AW_TRY(aw_barrier_wait(&barrier));	/* 1: the last, 0: the others */
	n_met++;
	return 0;
}

static int
app(void *arg)
{
	struct aw_call calls[] = {
		AW_CALL(meets, arg), AW_CALL(meets, arg), AW_CALL(meets, arg),
		AW_CALL(reader, arg), AW_CALL(renews, arg),
		AW_CALL(fetches, "a"), AW_CALL(fetches, "b"),
		AW_CALL(borrows, "c"), AW_CALL(borrows, "d"),
		AW_CALL(reads_table, arg), AW_CALL(writes_table, arg),
	};
	AW_GROUP(group);

	AW_TRY(aw_go(&group, takes, arg));
	aw_event_set(&loaded);
	AW_TRY(aw_gather(calls, AW_LENGTH(calls)));
	AW_TRY(aw_mutex_lock(&mutex));
	n_items = 2;
	aw_cond_signal(&cond);
	aw_mutex_unlock(&mutex);
	AW_TRY(aw_group_wait(&group));
	printf("%d met, %d fetched, session %d, table %d\n", n_met, n_fetched,
	       session, table);
	return 0;
}

int
main(void)
{
	return aw_main(app, NULL);
}
