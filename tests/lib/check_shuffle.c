/* SPDX-License-Identifier: MIT */
/*
 * Primitives together under a shuffled schedule: whatever the order in which
 * ready tasks run, what must hold holds. 1,000 seeds, or AWAIT_TEST_SEEDS of
 * them; make check-seeds does as much for the primitives that are not here.
 *
 * A run that fails names its seed; the same seed gives the same run.
 */
#include "tasks.h"

#define SEEDS_WATCHED 50	/* under Valgrind and ThreadSanitizer */
#ifdef __SANITIZE_THREAD__
#define SEEDS SEEDS_WATCHED
#else
#define SEEDS 1000
#endif
#define ITEMS 12

static struct aw_queue *queue;
static struct aw_event done;
static struct aw_mutex mutex;
static struct aw_sem sem;
static struct aw_local request = { .inherit = true };
static int n_put, n_got, sum_put, sum_got, n_inside, n_most, n_children;
static int n_odd;			/* things that must not have happened */

static void
must(bool so)
{
	n_odd += !so;
}

/* --- Queues and selects ------------------------------------------------ */

static int
puts_items(void *arg)
{
	int item, first = *(int *)arg;

	for (item = first; item < first + ITEMS; item++) {
		AW_TRY(aw_queue_put(queue, &item));
		n_put++;
		sum_put += item;
	}
	return 0;
}

static int
selects_items(void *arg)
{
	struct aw_event never = { 0 };
	int item = 0;
	struct aw_case cases[] = {
		AW_CASE_EVENT(&never), AW_CASE_GET(queue, &item),
		AW_CASE_UNTIL(aw_now() + 0.3),
	};
	int i;

	(void)arg;
	while ((i = aw_select(cases, AW_LENGTH(cases))) >= 0) {
		must(i == 1 || i == 2);
		if (i == 2) {
			cases[2] = AW_CASE_UNTIL(aw_now() + 0.3);
		} else if (cases[1].status < 0) {
			return 0;
		} else {
			n_got++;
			sum_got += item;
		}
	}
	return i;
}

static int
gets_items(void *arg)
{
	int item, r;

	(void)arg;
	while ((r = aw_queue_next(queue, &item)) > 0) {
		n_got++;
		sum_got += item;
		AW_TRY(aw_yield());
	}
	return r;
}

/* One consumer is cancelled on the way, another hurries. */
static int
hurried(void *arg)
{
	AW_TIMEOUT(0.5);
	int r = selects_items(arg);

	must(r == 0 || r == AW_ETIME);
	return 0;
}

static int
flows(void *arg)
{
	int first = 100, second = 200;
	AW_GROUP(group, .collect = true);
	struct aw_task *victim = aw_spawn("victim", selects_items, NULL);
	int r;

	AW_TRY(aw_go(&group, hurried, NULL));
	AW_TRY(aw_go(&group, gets_items, NULL));
	AW_TRY(aw_go(&group, selects_items, NULL));
	{
		AW_GROUP(producers);

		AW_TRY(aw_go(&producers, puts_items, &first));
		AW_TRY(aw_go(&producers, puts_items, &second));
		aw_cancel(victim, "shuffle");
		AW_TRY(aw_group_wait(&producers));
	}
	aw_queue_close(queue);
	AW_TRY(aw_join(victim, &r));
	must(r == 0 || r == AW_ECANCELED);
	(void)arg;
	return aw_group_wait(&group);
}

/* --- Locks ------------------------------------------------------------- */

static int
critical(void *arg)
{
	int r;

	(void)arg;
	AW_TRY(aw_sem_acquire(&sem));
	AW_HELD(&sem);
	AW_TRY(aw_mutex_lock(&mutex));
	AW_HELD(&mutex);
	n_inside++;
	n_most = n_inside > n_most ? n_inside : n_most;
	r = aw_yield();
	n_inside--;
	return r;
}

static int
locks(void *arg)
{
	struct aw_call calls[] = {
		AW_CALL(critical, NULL), AW_CALL(critical, NULL),
		AW_CALL(critical, NULL), AW_CALL(critical, NULL),
	};

	(void)arg;
	return aw_gather(calls, AW_LENGTH(calls), .limit = 3);
}

/* --- Groups, services, locals, joins ----------------------------------- */

static int
serves(void *arg)
{
	int r;

	AW_TRY(aw_started(arg));
	r = aw_event_wait(&done);
	must(n_children == 0);
	must(r == AW_ECANCELED);
	return r;
}

static int
child(void *arg)
{
	AW_TRY(aw_sleep(0.1));
	must(aw_local_get(&request) == arg);
	AW_TRY(aw_local_set(&request, "own"));
	AW_TRY(aw_yield());
	n_children--;
	return 0;
}

static int
nests(void *arg)
{
	static char values[3];
	AW_GROUP(group, .limit = 2);
	void *value = NULL;

	AW_TRY(aw_go_ready(&group, &value, serves, arg, .service = true));
	must(value == arg);
	for (size_t i = 0; i < AW_LENGTH(values); i++) {
		AW_TRY(aw_local_set(&request, &values[i]));
		n_children++;
		AW_TRY(aw_go(&group, child, &values[i]));
	}
	return aw_group_wait(&group);
}

static int
sleeps(void *arg)
{
	AW_TRY(aw_sleep(0.25));
	return aw_task_result_set(arg, NULL);
}

static int
joins(void *arg)
{
	struct aw_task *task = aw_spawn("sleeps", sleeps, arg);
	void *result = NULL;
	int r;

	do {
		AW_TIMEOUT(0.1);
		r = aw_join_result(task, NULL, &result);
	} while (r == AW_ETIME);
	if (r < 0)
		aw_task_release(task);
	must(r == 0 ? result == arg : r == AW_ECANCELED);
	return r;
}

static int
races(void *arg)
{
	AW_GROUP(group, .first = true);

	AW_TRY(aw_go(&group, joins, arg));
	AW_TRY(aw_go(&group, locks, NULL));
	return aw_group_wait(&group);
}

/* --- The runs ---------------------------------------------------------- */

static int
world(void *arg)
{
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, flows, NULL));
	AW_TRY(aw_go(&group, locks, NULL));
	AW_TRY(aw_go(&group, nests, "a"));
	AW_TRY(aw_go(&group, joins, "b"));
	AW_TRY(aw_go(&group, races, "c"));
	return aw_group_wait(&group);
}

static void
begin(void)
{
	done = (struct aw_event){ 0 };
	mutex = (struct aw_mutex){ 0 };
	aw_sem_init(&sem, 2);
	n_put = n_got = sum_put = sum_got = n_inside = n_most = 0;
	n_children = n_odd = 0;
	ck_assert_int_eq(aw_queue_new(&queue, sizeof(int), 3), 0);
}

static void
check_end(unsigned seed)
{
	int left;

	while (aw_queue_try_get(queue, &left) == 0) {
		n_got++;
		sum_got += left;
	}
	ck_assert_msg(n_put == 2 * ITEMS && n_got == n_put &&
		      sum_got == sum_put, "seed %u: %d items put, %d got",
		      seed, n_put, n_got);
	ck_assert_msg(n_odd == 0, "seed %u: %d oddities", seed, n_odd);
	ck_assert_msg(n_most == 1 && n_inside == 0 && !mutex.owner,
		      "seed %u: %d inside the mutex", seed, n_most);
	ck_assert_msg(sem.permits == 2 && !sem.waiters.head,
		      "seed %u: %d permits", seed, (int)sem.permits);
	aw_queue_freep(&queue);
}

START_TEST(whatever_the_order_what_must_hold_holds)
{
	unsigned seed, last = (unsigned)n_seeds(suite_forks() ? SEEDS
							: SEEDS_WATCHED);

	for (seed = 0; seed <= last; seed++) {
		begin();
		ck_assert_int_eq(aw_run(world, NULL, .test_clock = true,
					.no_signals = true, .seed = seed,
					.check_leaks = true), 0);
		check_end(seed);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shuffle");
	TCase *seeds = tcase_create("seeds");

	tcase_add_test(seeds, whatever_the_order_what_must_hold_holds);
	suite_add_tcase(suite, seeds);
	return suite_run(suite);
}
