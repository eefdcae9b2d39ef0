/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Tests: time that costs nothing, other orders, a cancel at each wait.
 *
 *	cc 24_testing.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	a day passed at once
 *	100 orders of two transfers: nothing lost
 *	cancelled at each moment: nothing lost
 *	a task that was forgotten: AW_ELEAK
 */
#include <await/await.h>

#include <stdio.h>

static int day = 86400, from, to, wrong;

static int
sleeps(void *seconds)
{
	return aw_sleep(*(int *)seconds);
}

/* Takes, waits, gives; if it is interrupted it puts back what it took. */
static int
transfer(void *arg)
{
	int *target = arg;

	from--;
	++*(aw_sleep(0.02) < 0 ? &from : target);
	return aw_check();
}

static int
two_transfers(void *arg)
{
	struct aw_call both[] = { AW_CALL(transfer, arg),
				  AW_CALL(transfer, arg) };

	return aw_gather(both, AW_LENGTH(both));
}

/* Moment n: n / 8 hundredths of a second, then n % 8 turns of the others. */
static int
cancelled_anywhere(void *arg)
{
	for (int n = 0, status = -1; status != 0; n++) {
		struct aw_task *task = aw_spawn("transfer", transfer, arg);

		AW_TRY(aw_sleep(n / 8 * 0.01));
		for (int i = 0; i < n % 8; i++)
			AW_TRY(aw_yield());
		aw_cancel(task, "torture");
		AW_TRY(aw_join(task, &status));
		wrong += from + to != 0;
	}
	return 0;
}

static int
forgets(void *arg)
{
	return aw_spawn("forgotten", sleeps, arg) ? 0 : -1;
}

int
main(void)
{
	if (aw_run(sleeps, &day, .test_clock = true) == 0)
		puts("a day passed at once");
	for (unsigned seed = 1; seed <= 100; seed++)
		wrong += aw_run(two_transfers, &to, .test_clock = true,
				.seed = seed) != 0 || from + to != 0;
	puts("100 orders of two transfers: nothing lost");
	wrong += aw_run(cancelled_anywhere, &to, .test_clock = true) != 0;
	puts("cancelled at each moment: nothing lost");
	printf("a task that was forgotten: %s\n", aw_error_name(aw_run(forgets,
	       &day, .test_clock = true, .check_leaks = true)));
	return wrong;
}
