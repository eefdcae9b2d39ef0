/* SPDX-License-Identifier: MIT */
/* Very many parked tasks: 100,000, or AWAIT_TEST_TASKS of them (make
 * check-million); with each kind of guard that the kernel has for them. */
#include "tasks.h"

#include "runtime.h"

#define TASKS 100000
#define TASKS_WATCHED 1000	/* where each access is watched */
/* ThreadSanitizer fills 0.8 MB for each task. */
#ifdef AW__TSAN
#define CAN_BE_MANY false
#else
#define CAN_BE_MANY true
#endif
#define BYTES_EACH 9000		/* of a parked task, page tables included */
#define BYTES_BESIDE (64 << 20)

static size_t n_tasks;
static struct aw_event event;

static size_t
count_tasks(void)
{
	const char *text = getenv("AWAIT_TEST_TASKS");

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	return TASKS_WATCHED;
#endif
	if (!suite_forks())
		return TASKS_WATCHED;
	return text ? strtoul(text, NULL, 10) : TASKS;
}

/* A line of /proc/self/status in bytes: "VmRSS:". */
static double
memory(const char *what)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	double kib = 0;

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, what, strlen(what)) == 0)
			kib = strtod(line + strlen(what), NULL);
	if (file)
		fclose(file);
	return kib * 1024;
}

static int
parks(void *arg)
{
	AW_TRY(aw_event_wait(&event));
	return (int)(intptr_t)arg;
}

static int
join_all(struct aw_task **tasks)
{
	size_t i, sum = 0;
	int status;

	for (i = 0; i < n_tasks; i++) {
		AW_TRY(aw_join(tasks[i], &status));
		sum += (size_t)status;
	}
	note("%d", sum == n_tasks);
	return 0;
}

static int
parks_many(void *arg)
{
	struct aw_task **tasks = arg;
	size_t i;

	for (i = 0; i < n_tasks; i++) {
		tasks[i] = aw_spawn("parked", parks, (void *)1);
		if (!tasks[i])
			return aw_error()->code;
		if (i % 1000 == 0)
			AW_TRY(aw_yield());
	}
	AW_TRY(aw_sleep(0));
	note("%d", memory("VmRSS:") + memory("VmPTE:") <
	     (double)n_tasks * BYTES_EACH + BYTES_BESIDE);
	note("%s", aw__loop->stacks.n_gap > 0 ? "gaps" : "no gaps");
	aw_event_set(&event);
	return join_all(tasks);
}

static void
run_many(void)
{
	struct aw_task **tasks;

	n_tasks = count_tasks();
	tasks = calloc(n_tasks, sizeof *tasks);
	ck_assert_ptr_nonnull(tasks);
	event = (struct aw_event){ 0 };
	forget_notes();
	ck_assert_int_eq(aw_run(parks_many, tasks, .check_leaks = true), 0);
	free(tasks);
}

START_TEST(parked_tasks_fit_into_9_kb_each_and_are_all_joined)
{
	run_many();
	ck_assert_ptr_nonnull(strstr(noted, "gaps; 1; "));
	if (n_tasks >= TASKS)
		ck_assert_int_eq(noted[0], '1');
}
END_TEST

START_TEST(without_maps_for_their_guards_they_have_gaps)
{
	setenv("AWAIT_STACK_GUARD", "mprotect", 1);
	run_many();
	if (n_tasks >= TASKS)
		ck_assert_str_eq(noted, "1; gaps; 1; ");
	else
		ck_assert_ptr_nonnull(strstr(noted, "; 1; "));
}
END_TEST

START_TEST(without_any_guard_they_have_gaps)
{
	setenv("AWAIT_STACK_GUARD", "none", 1);
	run_many();
	ck_assert_ptr_nonnull(strstr(noted, "; gaps; 1; "));
}
END_TEST

static int
parks_many_and_waits(void *arg)
{
	struct aw__stacks *stacks = &aw__loop->stacks;

	AW_TRY(parks_many(arg));
	note("%d", stacks->n_slabs >= n_tasks / 64);
	while (stacks->n_empty > AW__STACK_RESERVE)
		AW_TRY(aw_sleep(0.001));
	return 0;
}

START_TEST(stacks_that_are_too_many_go_back_when_the_loop_is_idle)
{
	struct aw_task **tasks;

	n_tasks = CAN_BE_MANY && suite_forks() ? 2 * 64 * AW__STACK_RESERVE
					       : TASKS_WATCHED;
	tasks = calloc(n_tasks, sizeof *tasks);
	ck_assert_ptr_nonnull(tasks);
	event = (struct aw_event){ 0 };
	forget_notes();
	ck_assert_int_eq(aw_run(parks_many_and_waits, tasks), 0);
	ck_assert_ptr_nonnull(strstr(noted, "gaps; 1; 1; "));
	free(tasks);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("many");
	TCase *many = tcase_create("many");

	tcase_add_test(many,
		parked_tasks_fit_into_9_kb_each_and_are_all_joined);
	tcase_add_test(many, without_maps_for_their_guards_they_have_gaps);
	tcase_add_test(many, without_any_guard_they_have_gaps);
	tcase_add_test(many,
		stacks_that_are_too_many_go_back_when_the_loop_is_idle);
	suite_add_tcase(suite, many);
	return suite_run(suite);
}
