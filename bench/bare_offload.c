/* SPDX-License-Identifier: MIT */
/*
 * Row offload, the limit: a condition variable to a thread, an eventfd and
 * epoll back, and nothing else.
 */
#include "common.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static bool queued;			/* under lock */
static int answered;
static struct bench bench;

static void *
serve(void *arg)
{
	const uint64_t one = 1;

	(void)arg;
	for (;;) {
		pthread_mutex_lock(&lock);
		while (!queued)
			pthread_cond_wait(&work, &lock);
		queued = false;
		pthread_mutex_unlock(&lock);
		bench.done++;
		if (write(answered, &one, sizeof one) != sizeof one)
			bench_fail("eventfd", "write");
	}
	return NULL;
}

static void
call(int poll)
{
	struct epoll_event event;
	uint64_t n;

	pthread_mutex_lock(&lock);
	queued = true;
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&work);
	if (epoll_wait(poll, &event, 1, -1) != 1 ||
	    read(answered, &n, sizeof n) != sizeof n || n != 1)
		bench_fail("eventfd", "read");
}

int
main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct bench_options opt;
	pthread_t thread;
	int poll;

	bench_options_parse(&opt, argc, argv);
	answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	poll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(poll, EPOLL_CTL_ADD, answered, &event) < 0 ||
	    pthread_create(&thread, NULL, serve, NULL) != 0)
		bench_fail("offload", "no thread");
	bench_begin(&bench, &opt);
	while (bench_more(&bench))
		call(poll);
	bench_report(&bench);
	return 0;
}
