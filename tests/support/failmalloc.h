/* SPDX-License-Identifier: MIT */
/*
 * failmalloc.h - stands in the door of lib/mem.h: counts allocations, and
 * fails the n-th.
 *
 *	for (n = 0; ; n++) {
 *		fail_from(n);		the requests 0..n-1 succeed
 *		r = the call;
 *		if (!fail_stop())	nothing was refused: all n were passed
 *			break;
 *		r must be -ENOMEM, and everything must be as before
 *	}
 */
#ifndef TESTS_FAILMALLOC_H
#define TESTS_FAILMALLOC_H

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mem.h"

static unsigned long fail_n_asked, fail_at;
static bool fail_once;

static inline void *
fail_alloc(void *ptr, size_t size)
{
	unsigned long n = fail_n_asked++;

	if (fail_once ? n == fail_at : n >= fail_at)
		return NULL;
	return realloc(ptr, size);
}

/* Every request from the n-th on (from 0) fails. */
static inline void
fail_from(unsigned long n)
{
	fail_n_asked = 0;
	fail_at = n;
	fail_once = false;
	aw__mem_hook(fail_alloc);
}

/* Only the n-th request (from 0) fails. */
static inline void
fail_only(unsigned long n)
{
	fail_from(n);
	fail_once = true;
}

/* Ends it; was any request refused? */
static inline bool
fail_stop(void)
{
	aw__mem_hook(NULL);
	return fail_n_asked > fail_at;
}

/* Counts requests and fails none; see count_stop(). */
static inline void
count_start(void)
{
	fail_from(ULONG_MAX);
}

static inline unsigned long
count_stop(void)
{
	aw__mem_hook(NULL);
	return fail_n_asked;
}

#endif
