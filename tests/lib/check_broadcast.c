/* SPDX-License-Identifier: MIT */
/* lib/broadcast.c: who sees what, in which order, and what the policies do. */
#include <await/broadcast.h>
#include <await/select.h>

#include "failmalloc.h"
#include "tasks.h"

static struct aw_broadcast *cast;
static struct aw_subscriber *subscribers[4];

/* A broadcast of ints with n subscribers for fn. */
static int
run_with(size_t cap, enum aw_overflow overflow, size_t n,
	 int (*fn)(void *arg))
{
	int r;

	ck_assert_int_eq(aw_broadcast_new(&cast, sizeof(int), cap,
					  .overflow = overflow), 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(aw_subscriber_new(&subscribers[i], cast), 0);
	r = run_tasks(fn, NULL);
	for (size_t i = 0; i < n; i++)
		aw_subscriber_freep(&subscribers[i]);
	aw_broadcast_freep(&cast);
	return r;
}

static int
try_put(int item)
{
	return aw_broadcast_try_put(cast, &item);
}

/* "who: item", "who: item after 3" when it missed some, "who: EAGAIN". */
static void
note_next(int who, int r, int item, uint64_t missed)
{
	if (r == 1 && missed == 0)
		note("%d: %d", who, item);
	else if (r == 1)
		note("%d: %d after %d", who, item, (int)missed);
	else if (r == 0)
		note("%d: end after %d", who, (int)missed);
	else
		note("%d: %s", who, name(r));
}

static int
try_next(int who)
{
	uint64_t missed = 0;
	int item = -1;
	int r = aw_subscriber_try_next(subscribers[who], &item, &missed);

	note_next(who, r, item, missed);
	return r;
}

static int
next(void *arg)
{
	int who = (int)(intptr_t)arg, item = -1, r;
	uint64_t missed = 0;
	AW_TIMEOUT(5);

	r = aw_subscriber_next(subscribers[who], &item, &missed);
	note_next(who, r, item, missed);
	return r < 0 ? r : 0;
}

static void
start_next(int who)
{
	start("next", next, (void *)(intptr_t)who);
}

static int
put(void *arg)
{
	int item = (int)(intptr_t)arg, r;
	AW_TIMEOUT(5);

	r = aw_broadcast_put(cast, &item);
	note("put %d %s", item, name(r));
	return r;
}

static void
start_put(int item)
{
	start("put", put, (void *)(intptr_t)item);
}

/* --- Order ------------------------------------------------------------- */

static int
all_see_all(void *arg)
{
	(void)arg;
	for (int item = 1; item <= 3; item++)
		AW_TRY(try_put(item));
	for (int who = 0; who < 2; who++)
		while (try_next(who) > 0)
			continue;
	return 0;
}

START_TEST(every_subscriber_sees_every_item_in_order)
{
	ck_assert_int_eq(run_with(3, AW_OVERFLOW_WAIT, 2, all_see_all), 0);
	ck_assert_str_eq(noted, "0: 1; 0: 2; 0: 3; 0: EAGAIN; "
			 "1: 1; 1: 2; 1: 3; 1: EAGAIN; ");
}
END_TEST

static int
all_wait(void *arg)
{
	(void)arg;
	start_next(2);
	start_next(0);
	start_next(1);
	let_others_run();
	AW_TRY(try_put(7));
	AW_TRY(try_put(8));
	let_others_run();
	try_next(1);
	return 0;
}

START_TEST(who_waits_is_woken_in_the_order_of_the_waits)
{
	ck_assert_int_eq(run_with(2, AW_OVERFLOW_WAIT, 3, all_wait), 0);
	ck_assert_str_eq(noted, "2: 7; 0: 7; 1: 7; 1: 8; ");
}
END_TEST

static int
nobody(void *arg)
{
	(void)arg;
	for (int item = 0; item < 9; item++)
		AW_TRY(try_put(item));
	AW_TRY(aw_subscriber_new(&subscribers[0], cast));
	try_next(0);
	AW_TRY(try_put(9));
	try_next(0);
	aw_subscriber_freep(&subscribers[0]);
	return 0;
}

START_TEST(what_nobody_sees_is_gone_and_needs_no_room)
{
	ck_assert_int_eq(run_with(2, AW_OVERFLOW_WAIT, 0, nobody), 0);
	ck_assert_str_eq(noted, "0: EAGAIN; 0: 9; ");
}
END_TEST

/* --- Policies ---------------------------------------------------------- */

static int
waits_for_the_slowest(void *arg)
{
	(void)arg;
	AW_TRY(try_put(1));
	AW_TRY(try_put(2));
	note("%s", name(try_put(3)));
	start_put(3);
	start_put(4);
	let_others_run();
	try_next(0);			/* the other has not read it */
	let_others_run();
	note("-");
	try_next(1);			/* room for 3 */
	let_others_run();
	try_next(0);
	note("-");
	aw_subscriber_freep(&subscribers[1]);	/* and for 4 */
	let_others_run();
	while (try_next(0) > 0)
		continue;
	return 0;
}

START_TEST(a_put_waits_for_the_slowest_until_it_reads_or_leaves)
{
	ck_assert_int_eq(run_with(2, AW_OVERFLOW_WAIT, 2,
				  waits_for_the_slowest), 0);
	ck_assert_str_eq(noted, "EAGAIN; 0: 1; -; 1: 1; put 3 ok; 0: 2; -; "
			 "put 4 ok; 0: 3; 0: 4; 0: EAGAIN; ");
}
END_TEST

static int
overtakes(void *arg)
{
	(void)arg;
	AW_TRY(try_put(0));
	try_next(0);
	for (int item = 1; item <= 5; item++)
		AW_TRY(aw_broadcast_put(cast, &item));
	for (int who = 0; who < 2; who++)
		while (try_next(who) > 0)
			continue;
	return 0;
}

START_TEST(the_oldest_is_dropped_and_who_missed_it_is_told)
{
	ck_assert_int_eq(run_with(2, AW_OVERFLOW_DROP_OLDEST, 2, overtakes),
			 0);
	ck_assert_str_eq(noted, "0: 0; 0: 4 after 3; 0: 5; 0: EAGAIN; "
			 "1: 4 after 4; 1: 5; 1: EAGAIN; ");
}
END_TEST

static int
refuses(void *arg)
{
	(void)arg;
	for (int item = 0; item <= 4; item++)
		AW_TRY(aw_broadcast_put(cast, &item));
	try_next(0);
	try_next(1);
	AW_TRY(try_put(5));
	AW_TRY(try_put(6));
	aw_broadcast_close(cast);
	for (int who = 0; who < 2; who++)
		while (try_next(who) > 0)
			continue;
	return 0;
}

START_TEST(the_latest_is_dropped_and_all_are_told_also_at_the_end)
{
	ck_assert_int_eq(run_with(2, AW_OVERFLOW_DROP_LATEST, 2, refuses), 0);
	ck_assert_str_eq(noted, "0: 0; 1: 0; 0: 1; 0: 5 after 3; "
			 "0: end after 1; 1: 1; 1: 5 after 3; "
			 "1: end after 1; ");
}
END_TEST

/* Only the latest value counts. */
static int
watches(void *arg)
{
	(void)arg;
	AW_TRY(try_put(1));
	AW_TRY(try_put(2));
	AW_TRY(aw_subscriber_new(&subscribers[0], cast));
	try_next(0);
	try_next(0);
	AW_TRY(try_put(3));
	AW_TRY(try_put(4));
	AW_TRY(aw_subscriber_new(&subscribers[1], cast));
	try_next(0);
	try_next(1);
	aw_broadcast_close(cast);
	AW_TRY(aw_subscriber_new(&subscribers[2], cast));
	try_next(2);
	for (int who = 0; who < 3; who++) {
		try_next(who);
		aw_subscriber_freep(&subscribers[who]);
	}
	return 0;
}

START_TEST(with_room_for_one_and_replay_it_is_a_value_to_watch)
{
	ck_assert_int_eq(aw_broadcast_new(&cast, sizeof(int), 1,
					  .overflow = AW_OVERFLOW_DROP_OLDEST,
					  .replay = true), 0);
	ck_assert_int_eq(run_tasks(watches, NULL), 0);
	aw_broadcast_freep(&cast);
	ck_assert_str_eq(noted, "0: 2; 0: EAGAIN; 0: 4 after 1; 1: 4; 2: 4; "
			 "0: end after 0; 1: end after 0; 2: end after 0; ");
}
END_TEST

static int
asks_late(void *arg)
{
	int item;

	(void)arg;
	for (item = 0; item < 5; item++)
		AW_TRY(try_put(item));
	aw_ignore(aw_subscriber_try_next(subscribers[0], &item, NULL));
	try_next(0);
	return 0;
}

START_TEST(what_was_missed_is_kept_until_somebody_asks)
{
	ck_assert_int_eq(run_with(2, AW_OVERFLOW_DROP_OLDEST, 1, asks_late),
			 0);
	ck_assert_str_eq(noted, "0: 4 after 3; ");
}
END_TEST

/* --- Any order of calls ------------------------------------------------ */

static int n_offered, last[4];

/* Each number that was offered is either seen next or told as missed. */
static int
read_some(int who, unsigned n)
{
	uint64_t missed;
	int item, wrong = 0;

	while (n-- > 0 && aw_subscriber_try_next(subscribers[who], &item,
						 &missed) > 0) {
		wrong += item != last[who] + (int)missed + 1;
		last[who] = item;
	}
	return wrong;
}

static int
comes_or_goes(int who)
{
	uint64_t missed = 0;
	int item, wrong = 0;

	if (subscribers[who]) {
		aw_subscriber_freep(&subscribers[who]);
		return 0;
	}
	AW_TRY(aw_subscriber_new(&subscribers[who], cast));
	last[who] = n_offered - 1;
	wrong += aw_subscriber_try_next(subscribers[who], &item, &missed) > 0;
	return wrong;
}

static int
anything(void *arg)
{
	unsigned x = 7;
	int wrong = 0;

	(void)arg;
	for (int i = 0; i < 100000; i++) {
		int who = (int)((x = x * 1103515245u + 12345u) >> 16) % 4;

		switch ((x >> 20) % 16) {
		case 0:
			wrong += comes_or_goes(who);
			break;
		case 1: case 2: case 3: case 4:
			if (subscribers[who])
				wrong += read_some(who, (x >> 24) % 8);
			break;
		default:
			n_offered += try_put(n_offered) == 0;
		}
	}
	for (int who = 0; who < 4; who++)
		aw_subscriber_freep(&subscribers[who]);
	return wrong;
}

START_TEST(whatever_comes_nothing_is_missed_untold_or_seen_twice)
{
	n_offered = 0;
	ck_assert_int_eq(run_with(5, (enum aw_overflow)_i, 0, anything), 0);
	ck_assert_int_gt(n_offered, 1000);
}
END_TEST

static int
costs(void *arg)
{
	unsigned long n;

	(void)arg;
	AW_TRY(aw_yield());
	count_start();
	for (int i = 0; i < 100; i++) {
		start_next(0);
		start_put(i);
	}
	n = count_stop();
	if (n == 0)
		return -EINVAL;		/* tasks cost something */
	let_others_run();
	forget_notes();
	count_start();
	for (int i = 0; i < 100; i++) {
		aw_ignore(try_put(i));
		aw_ignore(try_next(0));
	}
	return (int)count_stop();
}

START_TEST(putting_and_reading_allocates_nothing)
{
	ck_assert_int_eq(run_with(3, AW_OVERFLOW_WAIT, 1, costs), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broadcast");
	TCase *t = tcase_create("broadcast");

	tcase_add_test(t, every_subscriber_sees_every_item_in_order);
	tcase_add_test(t, who_waits_is_woken_in_the_order_of_the_waits);
	tcase_add_test(t, what_nobody_sees_is_gone_and_needs_no_room);
	tcase_add_test(t, a_put_waits_for_the_slowest_until_it_reads_or_leaves);
	tcase_add_test(t, the_oldest_is_dropped_and_who_missed_it_is_told);
	tcase_add_test(t,
		       the_latest_is_dropped_and_all_are_told_also_at_the_end);
	tcase_add_test(t, with_room_for_one_and_replay_it_is_a_value_to_watch);
	tcase_add_test(t, what_was_missed_is_kept_until_somebody_asks);
	tcase_add_loop_test(
	    t, whatever_comes_nothing_is_missed_untold_or_seen_twice, 0, 3);
	tcase_add_test(t, putting_and_reading_allocates_nothing);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
