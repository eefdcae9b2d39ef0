/* SPDX-License-Identifier: MIT */
/*
 * lib/signal.c: a close while another thread is in the handler. This program
 * has a write() that holds the handler back, and a sched_yield(), which the
 * close calls while it waits, that lets it go on.
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "signal_world.h"

static sem_t inside;
static atomic_bool hold, go;
static atomic_int written;

ssize_t
write(int fd, const void *data, size_t n)
{
	bool held = atomic_exchange(&hold, false);
	ssize_t r;

	if (held) {
		sem_post(&inside);
		while (!atomic_load(&go))
			syscall(SYS_sched_yield);
	}
	r = syscall(SYS_write, fd, data, n);
	if (held)
		atomic_store(&written, (int)r);
	return r;
}

int
sched_yield(void)
{
	atomic_store(&go, true);
	return (int)syscall(SYS_sched_yield);
}

static void *
gets_signal(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
	return NULL;
}

static int
closes_amid(void *arg)
{
	AW_AUTO(aw_signals, s);
	pthread_t thread;

	(void)arg;
	AW_TRY(aw_signals_open(&s, SIGUSR1));
	atomic_store(&hold, true);
	if (pthread_create(&thread, NULL, gets_signal, NULL) != 0)
		return -EAGAIN;
	while (sem_wait(&inside) != 0)
		;
	aw_signals_close(&s);
	note("%s", atomic_load(&go) ? "waited" : "left it behind");
	atomic_store(&go, true);
	pthread_join(thread, NULL);
	note("%d", atomic_load(&written));
	return 0;
}

/* Else it would write into whatever has the number of its descriptor then. */
START_TEST(a_close_waits_until_no_handler_is_inside)
{
	sem_init(&inside, 0, 0);
	ck_assert_int_eq(run_signals(closes_amid), 0);
	ck_assert_str_eq(noted, "waited; 8; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("signal_busy");
	TCase *tcase = tcase_create("signal_busy");

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, a_close_waits_until_no_handler_is_inside);
	return suite_run(suite);
}
