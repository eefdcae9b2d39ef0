/* SPDX-License-Identifier: MIT */
/*
 * AW_NO_AWAIT: whatever waits says -EDEADLK below it, also what waits firmly
 * or would have had nothing to wait for, and no other task runs meanwhile.
 */
#include <fcntl.h>
#include <unistd.h>

#include <await/driver.h>
#include <await/file.h>
#include <await/limiter.h>
#include <await/offload.h>
#include <await/path.h>
#include <await/process.h>
#include <await/rate.h>
#include <await/select.h>
#include <await/thread.h>

#include "tasks.h"

static struct aw_group *group;
static struct aw_task *task;
static struct aw_queue *queue;
static struct aw_broadcast *broadcast;
static struct aw_file *file;
static struct aw_mutex mutex;
static struct aw_cond cond;
static struct aw_event event;
static int ends[2];			/* of a pipe */

static int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

/* --- The calls --------------------------------------------------------- */

static int
waits_for_group(void)
{
	return aw_group_wait(group);
}

static int
asks_for_next(void)
{
	struct aw_done done;

	return aw_group_next(group, &done);
}

static int
goes(void)
{
	return aw_go(group, give, NULL);
}

static int
goes_ready(void)
{
	return aw_go_ready(group, NULL, give, NULL);
}

static int
gathers(void)
{
	struct aw_call calls[] = { AW_CALL(give, NULL) };

	return aw_gather(calls, 1);
}

static int
joins(void)
{
	return aw_join(task, NULL);
}

static int
sleeps(void)
{
	return aw_sleep(0);
}

static int
sleeps_until(void)
{
	return aw_sleep_until(aw_now() + 1);
}

static int
ticks(void)
{
	struct aw_ticker ticker = { .seconds = 1 };

	return aw_ticker_next(&ticker);
}

static int
is_rated(void)
{
	struct aw_rate rate = AW_RATE_INIT(1, 1);

	return aw_rate_acquire(&rate);
}

static int
selects(void)
{
	struct aw_case cases[] = { AW_CASE_EVENT(&event) };

	return aw_select(cases, 1);
}

static int
waits_for_fd(void)
{
	return aw_wait_fd(ends[0], AW_FD_READ);
}

static int
waits_for_event(void)
{
	return aw_event_wait(&event);
}

static int
locks(void)
{
	static struct aw_mutex free_one;

	return aw_mutex_lock(&free_one);
}

static int
waits_for_cond(void)
{
	return aw_cond_wait(&cond, &mutex);
}

static int
reads_locked(void)
{
	static struct aw_rwlock lock;

	return aw_rwlock_read(&lock);
}

static int
borrows(void)
{
	static struct aw_limiter limiter = AW_LIMITER_INIT(1);
	static struct aw_borrow mine;

	return aw_limiter_borrow(&limiter, &mine);
}

static int
meets(void)
{
	static struct aw_barrier barrier = AW_BARRIER_INIT(1);

	return aw_barrier_wait(&barrier);
}

static int
puts_item(void)
{
	return aw_queue_put(queue, &(int){ 1 });
}

static int
joins_queue(void)
{
	return aw_queue_join(queue);
}

static int
broadcasts(void)
{
	return aw_broadcast_put(broadcast, &(int){ 1 });
}

static int
waits_for_thread(void)
{
	static struct aw_thread_event never;

	return aw_thread_event_wait(&never);
}

static int
waits_for_stop(void)
{
	return aw_stop_wait();
}

static int
waits_for_waiter(void)
{
	struct aw_waiter waiter = { 0 };

	aw_waiter_begin(&waiter);
	return aw_waiter_wait(&waiter, NULL, "a test", NULL);
}

static int
offloads(void)
{
	return aw_offload(give, NULL);
}

static int
offloads_copy(void)
{
	int n = 0;

	return aw_offload_copy(give, &n);
}

static int
runs_process(void)
{
	struct aw_output *output = NULL;

	return aw_process_run(&output, AW_ARGV("true"));
}

static int
asks_path(void)
{
	return aw_path_access("/", R_OK);
}

static int
opens(void)
{
	struct aw_file *other = NULL;

	return aw_file_open(&other, "/dev/null", O_RDONLY, 0);
}

static int
reads(void)
{
	char c;

	return (int)aw_file_read(file, &c, 1);
}

static int
yields(void)
{
	return aw_yield();
}

static int
checks(void)
{
	return aw_checkpoint();
}

static const struct {
	const char *name;
	int (*call)(void);
} calls[] = {
	{ "group_wait", waits_for_group }, { "group_next", asks_for_next },
	{ "go", goes }, { "go_ready", goes_ready }, { "gather", gathers },
	{ "join", joins }, { "sleep", sleeps }, { "until", sleeps_until },
	{ "ticker", ticks }, { "rate", is_rated }, { "select", selects },
	{ "fd", waits_for_fd }, { "event", waits_for_event },
	{ "mutex", locks }, { "cond", waits_for_cond },
	{ "rwlock", reads_locked }, { "limiter", borrows },
	{ "barrier", meets }, { "put", puts_item }, { "qjoin", joins_queue },
	{ "broadcast", broadcasts }, { "thread_event", waits_for_thread },
	{ "stop", waits_for_stop }, { "waiter", waits_for_waiter },
	{ "offload", offloads }, { "offload_copy", offloads_copy },
	{ "process", runs_process }, { "access", asks_path }, { "open", opens },
	{ "read", reads }, { "yield", yields }, { "checkpoint", checks },
};

/* --- The tests --------------------------------------------------------- */

static bool others_ran;

static int
witness(void *arg)
{
	(void)arg;
	others_ran = true;
	return 0;
}

static int
calls_each(void *arg)
{
	AW_GROUP(children, .limit = 1, .collect = true);

	(void)arg;
	group = &children;
	AW_TRY(aw_go(&children, witness, NULL));
	for (size_t i = 0; i < AW_LENGTH(calls); i++) {
		AW_NO_AWAIT;
		int r = calls[i].call();

		if (r != -EDEADLK || others_ran)
			note("%s %s %d", calls[i].name, name(r), others_ran);
		others_ran = false;
	}
	return aw_group_wait(&children);
}

static int
prepares(void *arg)
{
	int r;

	AW_TRY(pipe(ends));
	AW_TRY(aw_queue_new(&queue, sizeof(int), 8));
	AW_TRY(aw_broadcast_new(&broadcast, sizeof(int), 8));
	AW_TRY(aw_file_open(&file, "/dev/zero", O_RDONLY, 0));
	AW_TRY(aw_mutex_lock(&mutex));
	task = aw_spawn("ended", give, NULL);
	let_others_run();
	r = calls_each(arg);
	aw_mutex_unlock(&mutex);
	AW_TRY(aw_join(task, NULL));
	AW_TRY(aw_file_close(&file));
	aw_broadcast_freep(&broadcast);
	aw_queue_freep(&queue);
	close(ends[0]);
	close(ends[1]);
	return r;
}

START_TEST(no_call_waits_or_succeeds_where_waiting_is_forbidden)
{
	forget_notes();
	ck_assert_int_eq(aw_run(prepares, NULL, .no_signals = true), 0);
	ck_assert_str_eq(noted, "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("no_await");
	TCase *t = tcase_create("calls");

	tcase_add_test(t, no_call_waits_or_succeeds_where_waiting_is_forbidden);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
