/* SPDX-License-Identifier: MIT */
#include "random.h"

#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <await/driver.h>

static _Thread_local uint64_t state;
static _Thread_local unsigned state_mark;

/* A child of fork() must not repeat its parent's numbers: the jitter of a
 * hundred worker processes would be the same. */
static void
seed(unsigned mark)
{
	struct timespec t;
	uint64_t x;

	clock_gettime(CLOCK_MONOTONIC, &t);
	x = (uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 30 ^
	    (uint64_t)getpid() << 20 ^ (uint64_t)(uintptr_t)&state;
	/* Two rounds of splitmix64 (Steele, Lea, Flood 2014) spread it. */
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	state = x ? x : 1;
	state_mark = mark;
}

double
aw__random(void)
{
	unsigned mark = aw_fork_mark();

	if (state_mark != mark)
		seed(mark);
	/* xorshift64, Marsaglia 2003. */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)(state >> 11) * 0x1p-53;
}
