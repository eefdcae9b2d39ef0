/* SPDX-License-Identifier: MIT */
/* lib/describe_wait.c: what the report of a deadlock says of each thing that
 * a task can wait for. */
#include <await/broadcast.h>
#include <await/debug.h>
#include <await/driver.h>
#include <await/limiter.h>
#include <await/queue.h>
#include <await/select.h>

#include "child.h"

static int (*scene)(void *arg);

static int
run_scene(void)
{
	int r = aw_run(scene, NULL, .no_signals = true);

	return r == -EDEADLK ? 0 : 1;
}

/* The scene ends in a deadlock; what was told of it is in said. */
#define ck_assert_deadlock(fn) \
	do { \
		scene = (fn); \
		ck_assert(ended(in_child(true, run_scene), 0)); \
		ck_assert_said("await: deadlock: "); \
	} while (0)

static struct aw_queue *queue;
static struct aw_event never;

/* --- Queues ------------------------------------------------------------ */

static int
get(void *arg)
{
	long item;

	(void)arg;
	return aw_queue_get(queue, &item);
}

static int
put(void *arg)
{
	long item = 1;

	(void)arg;
	return aw_queue_put(queue, &item);
}

static int
two_get(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_queue_new(&queue, sizeof(long), 4));
	AW_TRY(aw_go(&group, get, NULL));
	AW_TRY(aw_go(&group, get, NULL));
	return aw_group_wait(&group);
}

START_TEST(an_empty_queue_says_its_room_and_who_gets)
{
	ck_assert_deadlock(two_get);
	ck_assert_said("for an item of a queue 0x");
	ck_assert_said(" (empty, room for 4, 2 wait to get),");
}
END_TEST

static int
puts_too_much(void *arg)
{
	AW_TRY(aw_queue_new(&queue, sizeof(long), 2));
	AW_TRY(put(arg));
	AW_TRY(put(arg));
	return put(arg);
}

START_TEST(a_full_queue_says_its_room_and_who_puts)
{
	ck_assert_deadlock(puts_too_much);
	ck_assert_said("for room in a queue 0x");
	ck_assert_said(" (full, room for 2, 1 waits to put),");
}
END_TEST

static int
joins_the_queue(void *arg)
{
	AW_TRY(aw_queue_new(&queue, sizeof(long), 4));
	AW_TRY(put(arg));
	AW_TRY(put(arg));
	AW_TRY(get(arg));
	return aw_queue_join(queue);
}

START_TEST(a_queue_that_is_joined_says_how_much_is_not_done)
{
	ck_assert_deadlock(joins_the_queue);
	ck_assert_said("for the work of a queue 0x");
	ck_assert_said(" (1 of 4 places taken, 1 waits for all to be done, "
		       "2 not done),");
}
END_TEST

static int
many_get(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_queue_new(&queue, sizeof(long), 1));
	for (int i = 0; i < 101; i++)
		AW_TRY(aw_go(&group, get, NULL));
	return aw_group_wait(&group);
}

START_TEST(a_long_line_is_not_counted_to_its_end)
{
	ck_assert_deadlock(many_get);
	ck_assert_said(" (empty, room for 1, more than 99 wait to get),");
}
END_TEST

/* --- Semaphores, events, conditions, barriers -------------------------- */

static struct aw_sem sem = AW_SEM_INIT(2);

static int
wants_three(void *arg)
{
	(void)arg;
	return aw_sem_acquire_n(&sem, 3);
}

START_TEST(a_semaphore_says_what_is_free_and_what_is_wanted)
{
	ck_assert_deadlock(wants_three);
	ck_assert_said("for a permit 0x");
	ck_assert_said(" (wants 3, 2 free, 1 waits),");
}
END_TEST

static int
waits_for_event(void *arg)
{
	(void)arg;
	return aw_event_wait(&never);
}

START_TEST(an_event_says_that_it_is_not_set)
{
	ck_assert_deadlock(waits_for_event);
	ck_assert_said("for an event 0x");
	ck_assert_said(" (not set, 1 waits),");
}
END_TEST

static struct aw_mutex mutex;
static struct aw_cond cond;

static int
waits_for_signal(void *arg)
{
	(void)arg;
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	return aw_cond_wait(&cond, &mutex);
}

START_TEST(a_condition_says_who_waits)
{
	ck_assert_deadlock(waits_for_signal);
	ck_assert_said("for a condition 0x");
	ck_assert_said(" (1 waits),");
}
END_TEST

static struct aw_barrier barrier = AW_BARRIER_INIT(3);

static int
meets(void *arg)
{
	(void)arg;
	return aw_barrier_wait(&barrier);
}

START_TEST(a_barrier_says_who_is_missing)
{
	ck_assert_deadlock(meets);
	ck_assert_said("for the others at a barrier 0x");
	ck_assert_said(" (1 of 3 is here),");
}
END_TEST

/* --- Locks that are held ----------------------------------------------- */

static int
forgets_to_unlock(void *arg)
{
	(void)arg;
	return aw_mutex_lock(&mutex);
}

static int
locks_after_one_who_forgot(void *arg)
{
	struct aw_task *task = aw_spawn("forgetful", forgets_to_unlock, NULL);

	(void)arg;
	AW_TRY(aw_sleep(0));
	AW_TRY(aw_mutex_lock(&mutex));
	return aw_join(task, NULL);
}

START_TEST(a_mutex_says_that_its_owner_has_ended)
{
	ck_assert_deadlock(locks_after_one_who_forgot);
	ck_assert_said("for a mutex 0x");
	ck_assert_said(" held by 'forgetful', which has ended,");
}
END_TEST

static struct aw_rwlock lock;

static int
reads_and_writes(void *arg)
{
	(void)arg;
	AW_TRY(aw_rwlock_read(&lock));
	return aw_rwlock_write(&lock);
}

START_TEST(a_lock_says_how_many_read)
{
	ck_assert_deadlock(reads_and_writes);
	ck_assert_said("for a lock, to write 0x");
	ck_assert_said(" (1 reads, 1 waits),");
}
END_TEST

static struct aw_limiter limiter = AW_LIMITER_INIT(1);

static int
borrows_for_ever(void *arg)
{
	struct aw_borrow mine = { 0 };

	AW_TRY(aw_limiter_borrow(&limiter, &mine));
	AW_HELD(&mine);
	return waits_for_event(arg);
}

static int
two_borrow(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, borrows_for_ever, NULL, .name = "first"));
	AW_TRY(aw_go(&group, borrows_for_ever, NULL));
	return aw_group_wait(&group);
}

START_TEST(a_limiter_says_who_has_a_place_and_how_many_are_lent)
{
	ck_assert_deadlock(two_borrow);
	ck_assert_said(" held by 'first' (1 of 1 lent, 1 waits),");
}
END_TEST

/* --- Broadcasts -------------------------------------------------------- */

static struct aw_broadcast *news;
static struct aw_subscriber *reader;

static int
next(void *arg)
{
	long item;

	(void)arg;
	return aw_subscriber_next(reader, &item, NULL);
}

static int
reads_the_news(void *arg)
{
	AW_TRY(aw_broadcast_new(&news, sizeof(long), 4));
	AW_TRY(aw_subscriber_new(&reader, news));
	return next(arg);
}

START_TEST(a_broadcast_says_who_waits_for_its_next_item)
{
	ck_assert_deadlock(reads_the_news);
	ck_assert_said("for an item of a broadcast 0x");
	ck_assert_said(" (1 subscriber, 1 waits for the next item),");
}
END_TEST

static int
tells_too_much(void *arg)
{
	struct aw_subscriber *other;
	long item = 1;

	AW_TRY(aw_broadcast_new(&news, sizeof(long), 1));
	AW_TRY(aw_subscriber_new(&reader, news));
	AW_TRY(aw_subscriber_new(&other, news));
	AW_TRY(aw_broadcast_put(news, &item));
	AW_TRY(next(arg));
	return aw_broadcast_put(news, &item);
}

START_TEST(a_full_broadcast_says_how_many_have_not_read)
{
	ck_assert_deadlock(tells_too_much);
	ck_assert_said("for room in a broadcast 0x");
	ck_assert_said(" (2 subscribers, full, room for 1, the oldest item is "
		       "unread by 1, 1 waits to put),");
}
END_TEST

/* --- Several at once --------------------------------------------------- */

static int
selects(void *arg)
{
	struct aw_task *task = aw_spawn("other", waits_for_event, NULL);
	long item;

	(void)arg;
	AW_TRY(aw_queue_new(&queue, sizeof(long), 4));
	AW_TRY(aw_broadcast_new(&news, sizeof(long), 4));
	AW_TRY(aw_subscriber_new(&reader, news));
	{
		struct aw_case cases[] = {
			AW_CASE_GET(queue, &item),
			AW_CASE_EVENT(&never),
			AW_CASE_NEXT(reader, &item),
			AW_CASE_TASK(task),
			AW_CASE_NONE,
		};

		return aw_select(cases, AW_LENGTH(cases));
	}
}

START_TEST(a_select_says_what_it_waits_for)
{
	ck_assert_deadlock(selects);
	ck_assert_said("for one of several: an item of a queue 0x");
	ck_assert_said("(empty, room for 4, 1 waits to get), or an event 0x");
	ck_assert_said("(not set, 2 wait), or an item of a broadcast 0x");
	ck_assert_said("for the next item), or a task 'other', or nothing,");
}
END_TEST

static int
selects_much(void *arg)
{
	struct aw_case cases[10];

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(cases); i++)
		cases[i] = AW_CASE_EVENT(&never);
	return aw_select(cases, AW_LENGTH(cases));
}

START_TEST(a_long_select_is_told_in_part)
{
	ck_assert_deadlock(selects_much);
	ck_assert_said(" (not set, 10 wait), or one of 2 more,");
}
END_TEST

/* --- Waits of drivers -------------------------------------------------- */

static const char *const names[] = {
	"a task", "a mutex", "an event", "a permit", "an item of a queue",
	"room in a broadcast", "children of a group", "one of several",
};

static int
waits_by_name(void *arg)
{
	struct aw_waiter waiter = { 0 };
	const char *const *name = arg;

	aw_waiter_begin(&waiter);
	return aw_waiter_wait(&waiter, NULL, *name, (void *)1);
}

static int
dumps_drivers(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(names); i++)
		AW_TRY(aw_go_copy(&group, waits_by_name, &names[i]));
	AW_TRY(aw_yield());
	AW_TRY(aw_dump(STDERR_FILENO));
	aw_group_stop(&group);
	return aw_group_wait(&group);
}

static int
run_drivers(void)
{
	return aw_run(dumps_drivers, NULL) == 0 ? 0 : 1;
}

START_TEST(the_text_of_a_driver_does_not_make_its_object_ours)
{
	ck_assert(ended(in_child(false, run_drivers), 0));
	ck_assert_said("for a task 0x1,");
	ck_assert_said("for an item of a queue 0x1,");
	ck_assert_said("for one of several 0x1,");
}
END_TEST

static Suite *
describe_wait_suite(void)
{
	Suite *suite = suite_create("describe_wait");
	TCase *t = tcase_create("queues");

	tcase_add_test(t, an_empty_queue_says_its_room_and_who_gets);
	tcase_add_test(t, a_full_queue_says_its_room_and_who_puts);
	tcase_add_test(t, a_queue_that_is_joined_says_how_much_is_not_done);
	tcase_add_test(t, a_long_line_is_not_counted_to_its_end);
	suite_add_tcase(suite, t);
	t = tcase_create("sync");
	tcase_add_test(t, a_semaphore_says_what_is_free_and_what_is_wanted);
	tcase_add_test(t, an_event_says_that_it_is_not_set);
	tcase_add_test(t, a_condition_says_who_waits);
	tcase_add_test(t, a_barrier_says_who_is_missing);
	tcase_add_test(t, a_mutex_says_that_its_owner_has_ended);
	tcase_add_test(t, a_lock_says_how_many_read);
	tcase_add_test(t, a_limiter_says_who_has_a_place_and_how_many_are_lent);
	suite_add_tcase(suite, t);
	t = tcase_create("others");
	tcase_add_test(t, a_broadcast_says_who_waits_for_its_next_item);
	tcase_add_test(t, a_full_broadcast_says_how_many_have_not_read);
	tcase_add_test(t, a_select_says_what_it_waits_for);
	tcase_add_test(t, a_long_select_is_told_in_part);
	tcase_add_test(t, the_text_of_a_driver_does_not_make_its_object_ours);
	suite_add_tcase(suite, t);
	return suite;
}

int
main(void)
{
	return suite_run(describe_wait_suite());
}
