/* SPDX-License-Identifier: MIT */
/*
 * <DESC> Retries with backoff, a hook and a deadline; a rate of calls.
 *
 *	cc 21_retry.c $(pkg-config --cflags --libs await) && ./a.out
 *
 * Prints
 *	call 1 failed: connection refused
 *	call 2 failed: connection refused
 *	call 3 succeeded
 *	a mistake is not repeated: 1 call
 *	6 calls, at most 100 a second
 */
#include <await/await.h>

#include <stdio.h>

static int calls;

static int
fetch(void *arg)
{
	(void)arg;
	if (++calls < 3)
		return aw_fail(AW_ECONNECT, "connection refused");
	printf("call %d succeeded\n", calls);
	return 0;
}

static int
mistake(void *arg)
{
	(void)arg;
	calls++;
	return aw_fail(AW_EAUTH, "wrong password");
}

static void
tell(struct aw_retry_state *state, void *arg)
{
	(void)arg;
	printf("call %d failed: %s\n", (int)state->calls,
	       aw_error()->message);
}

static int
app(void *arg)
{
	static struct aw_rate rate = AW_RATE_INIT(100, 5);
	int i;

	(void)arg;
	AW_TIMEOUT(30);
	AW_TRY(aw_retry(fetch, NULL, .attempts = 5, .base = 0.01, .each = 3,
			.on_retry = tell));
	calls = 0;
	if (aw_retry(mistake, NULL) == AW_EAUTH)
		printf("a mistake is not repeated: %d call\n", calls);
	for (i = 0; i < 6; i++)
		AW_TRY(aw_rate_acquire(&rate));
	printf("%d calls, at most 100 a second\n", i);
	return 0;
}

int
main(void)
{
	return aw_main(app, NULL);
}
