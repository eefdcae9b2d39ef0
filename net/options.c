/* SPDX-License-Identifier: MIT */
/*
 * options.c - the numbers of both option structures.
 *
 *	0		the default, or the session's
 *	AW_NONE		none: no redirects, no retries, no limit
 *	AW_FOREVER	no limit
 *	other negatives, NaN	refused by name: what was meant is not known,
 *			and "for ever" has to be written
 */
#include "internal.h"

static int
check(const char *name, double value)
{
	if (value >= 0 || value == AW_NONE)
		return 0;
	return aw_fail(-EINVAL, "the option %s is %g: give a number above 0, "
		       "AW_NONE or AW_FOREVER", name, value);
}

int
aw__numbers_check(const struct aw__numbers *n)
{
	int r = check("total", n->total);

	if (!r)
		r = check("connect", n->connect);
	if (!r)
		r = check("queue", n->queue);
	if (!r)
		r = check("max_body", (double)n->max_body);
	if (!r)
		r = check("redirects", n->redirects);
	return r ? r : check("retries", n->retries);
}

double
aw__or_seconds(double value, double otherwise)
{
	if (value == 0)
		return otherwise;
	return value < 0 ? (double)AW_FOREVER : value;
}

int64_t
aw__or_limit(int64_t value, int64_t otherwise)
{
	if (value == 0)
		return otherwise;
	return value < 0 || value == AW_FOREVER ? INT64_MAX : value;
}
