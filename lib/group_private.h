/* SPDX-License-Identifier: MIT */
/*
 * What group.c and group_go.c share; the states are drawn in group.c.
 */
#ifndef AW__GROUP_PRIVATE_H
#define AW__GROUP_PRIVATE_H

#include "runtime.h"

#define AW__OPEN 1u
#define AW__CLOSING 2u
#define AW__JOINED 4u
#define AW__STOPPED 8u		/* without a failure */
#define AW__REPORTING 16u	/* finished children are kept */
#define AW__CANCELLED 32u	/* by its end, not by the user */
#define AW__TOLD 64u		/* somebody has asked for the failure */

/* Who waits in aw_go_ready(), on its stack. */
struct aw__starter {
	struct aw__wait wait;		/* its value: AW__STARTED or _ENDED */
	void *value;			/* of aw_started() */
	int status;			/* of a child that ended before */
	struct aw_task *task;		/* the child, while they are tied */
};

#define AW__ENDED 0
#define AW__STARTED 1

/* group.c */
bool aw__group_failed(const struct aw_group *group);
bool aw__group_ended_it(const struct aw_task *self,
			const struct aw_group *group, int code);
int aw__group_put_failure(struct aw_group *group);
void aw__group_pass_place(struct aw_group *group);
void aw__group_append(struct aw_task **head, struct aw_task **tail,
		      struct aw_task *task);

/* group_go.c */
bool aw__group_has_place(const struct aw_group *group);
void aw__group_start(struct aw_group *group, struct aw_task *task);

#endif
