/* SPDX-License-Identifier: MIT */
/* group_jobs.h - children for the tests of groups. */
#ifndef TESTS_GROUP_JOBS_H
#define TESTS_GROUP_JOBS_H

#include "tasks.h"

struct job {
	const char *name;
	double seconds;
	int status;
};

/* Sleeps, notes how that ended, and returns or fails with the status. */
static inline int
work(void *arg)
{
	const struct job *job = arg;
	int r = aw_sleep(job->seconds);

	note("%s %s", job->name, name(r));
	if (r < 0)
		return r;
	if (job->status < 0)
		return aw_fail(job->status, "%s failed", job->name);
	return job->status;
}

static inline int
go(struct aw_group *group, const char *who, double seconds, int status)
{
	struct job job = { who, seconds, status };

	return aw_go_copy(group, work, &job);
}

/* Returns its argument as a number, without a detail. */
static inline int
give(void *arg)
{
	return (int)(intptr_t)arg;
}

#endif
