/* SPDX-License-Identifier: MIT */
/* What run.c and loop.c tell the threads of aw_run_threads(); crew.c. */
#ifndef AW__CREW_H
#define AW__CREW_H

struct aw__member;

/* A stop was asked for here: the other loops are told, once. */
void aw__crew_stop(struct aw__member *member, const char *why);
/* This loop takes no more calls. Blocks every thread but the first until all
 * are so far: until then the others may name its loop. */
void aw__crew_leave(struct aw__member *member);

#endif
