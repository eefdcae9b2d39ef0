/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Permits, a condition over two variables, and a set-up done once.
 *
 *	cc 22_sync.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	settings are read
 *	4 pages, at most 2 at once
 *	3 pages are paid for and taken
 */
#include <await/await.h>

#include <stdio.h>

static struct aw_once once;
static struct aw_sem sem = AW_SEM_INIT(2);
static struct aw_mutex mutex;
static struct aw_cond cond;
static int n_pages, budget, n_now, n_most;

static int
read_settings(void *arg)
{
	puts(arg);
	return aw_yield();
}

static int
fetch(void *arg)
{
	(void)arg;
	AW_TRY(aw_once(&once, read_settings, "settings are read"));
	AW_TRY(aw_sem_acquire(&sem));
	AW_HELD(&sem);
	if (++n_now > n_most)
		n_most = n_now;
	AW_TRY(aw_sleep(0.01));
	n_now--;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	n_pages++;
	aw_cond_signal(&cond);
	return 0;
}

static int
buy(void *arg)
{
	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	while (n_pages < 3 || budget < 3)
		AW_TRY(aw_cond_wait(&cond, &mutex));
	puts("3 pages are paid for and taken");
	return 0;
}

static int
app(void *arg)
{
	struct aw_call pages[] = { AW_CALL(fetch, arg), AW_CALL(fetch, arg),
				   AW_CALL(fetch, arg), AW_CALL(fetch, arg) };
	AW_GROUP(group);

	AW_TRY(aw_go(&group, buy, arg));
	AW_TRY(aw_gather(pages, AW_LENGTH(pages)));
	printf("%d pages, at most %d at once\n", n_pages, n_most);
	AW_TRY(aw_mutex_lock(&mutex));
	budget = 3;
	aw_cond_broadcast(&cond);
	aw_mutex_unlock(&mutex);
	return aw_group_wait(&group);
}

int
main(void)
{
	return aw_main(app, NULL);
}
