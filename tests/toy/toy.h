/* SPDX-License-Identifier: MIT */
/*
 * toy.h - an awaitable written outside of the library, against
 * <await/driver.h> and nothing else: the proof that a stranger can do it.
 *
 * A toy is a bell in a pipe. It shows each part of driver.h once: a timer
 * rings it, a descriptor hears it, a deferred call and a waiter echo, a job
 * squares a number in a helper thread under a budget, and a service task, one
 * for each loop (slot) and told of the loop's end (closer), puts used toys
 * away so that toy_close() never waits.
 */
#ifndef TOY_H
#define TOY_H

#include <await/base.h>

struct toy;

/* Return: 0; -EMFILE, -ENFILE; -ENOMEM; AW_EUSAGE (no loop). */
AW_MUST_CHECK int toy_open(struct toy **ret);

/* Never waits; NULL is legal. The janitor puts it away. */
void toy_close(struct toy *toy);
void toy_freep(struct toy **toy);

/* Rings in so many seconds. Return: 0; -ENOMEM; AW_EUSAGE. */
AW_MUST_CHECK int toy_ring(struct toy *toy, double seconds);

/* Awaits a ring. Return: 0 or the code of the wait. */
AW_AWAITS AW_MUST_CHECK int toy_hear(struct toy *toy);

/* Awaits an echo of value from the loop's own stack. */
AW_AWAITS AW_MUST_CHECK int toy_echo(struct toy *toy, int value,
				     int *ret_value);

/* Awaits the square of a number, at most for budget seconds (-ETIMEDOUT);
 * slow: until toy_hurry(). Return: also -EDOM for a negative one, with its
 * detail. */
AW_AWAITS AW_MUST_CHECK int toy_square(struct toy *toy, int number, bool slow,
				       double budget, int *ret_square);
void toy_hurry(void);

/* For the test: toys put away, jobs discarded, squares in progress. */
extern int toys_put_away;
int toy_jobs_discarded(void);

#endif
