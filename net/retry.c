/* SPDX-License-Identifier: MIT */
/*
 * retry.c - what may be tried again, and after which pause.
 *
 * Safe is a request that never left, or one of an idempotent method after a
 * failure that passes: no connection, a lost connection, or a status that
 * says "later" (408, 425, 429, 502, 503, 504) or "something broke" (500).
 *
 * A server in trouble must not get several times its load from clients that
 * try again: a session may add one retry for five requests, and ten at
 * once.  Pauses double, from 0.2 s to 10 s, each shortened at random so that
 * clients that failed together do not return together (full jitter); a
 * Retry-After of up to a minute is obeyed, a longer one ends the attempts.
 */
#include <await/time.h>

#include "internal.h"

#define BASE 0.2
#define MOST 10.0
#define LONGEST_WISH 60.0

static bool
is_later(int status)
{
	static const int statuses[] = { 408, 425, 429, 500, 502, 503, 504 };

	for (size_t i = 0; i < AW_LENGTH(statuses); i++) {
		if (statuses[i] == status)
			return true;
	}
	return false;
}

/* @r and @status of an attempt; @sent matters if @r is a failure. */
bool
aw__retry_is_safe(int r, int status, bool idempotent, enum aw_sent sent)
{
	if (!r)
		return idempotent && is_later(status);
	if (r == AW_ECONNECT || r == AW_ERESOLVE || r == -ETIMEDOUT)
		return sent == AW_NOT_SENT;
	return r == AW_ELOST && (idempotent || sent == AW_NOT_SENT);
}

/* After the @attempt-th; @random in [0, 1); @retry_after in seconds, 0 for
 * none.  Negative: no more attempts. */
double
aw__retry_backoff(int attempt, double random, double retry_after)
{
	double pause = BASE;

	if (retry_after > LONGEST_WISH)
		return -1;
	while (--attempt > 0 && pause < MOST)
		pause *= 2;
	if (pause > MOST)
		pause = MOST;
	return retry_after + pause * random;
}

/* xorshift64*, https://vigna.di.unimi.it/ftp/papers/xorshift.pdf */
static double
random_01(void)
{
	static _Thread_local uint64_t x;

	if (!x)
		x = (uint64_t)(aw_now() * 1e9) ^ (uintptr_t)&x;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return (double)((x * 2685821657736338717ull) >> 11) / 0x1p53;
}

static double
wish_of(const struct aw_response *res)
{
	curl_off_t seconds = 0;

	curl_easy_getinfo(res->easy, CURLINFO_RETRY_AFTER, &seconds);
	return seconds > 0 ? (double)seconds : 0;
}

/* The pause after an attempt with the result @r; negative: it stands. */
double
aw__retry_pause(struct aw__call *call, int r)
{
	struct aw_response *res = call->res;
	double pause;

	if (!aw__retry_is_safe(r, res->status,
			       aw__is_idempotent(call->first_method),
			       aw_error()->sent))
		return -1;
	if (call->http->retry_tokens < 1)
		return -1;
	pause = aw__retry_backoff(res->timing.attempts, random_01(),
				  r ? 0 : wish_of(res));
	if (pause >= 0)
		call->http->retry_tokens -= 1;
	return pause;
}
