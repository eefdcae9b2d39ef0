/* SPDX-License-Identifier: MIT */
/*
 * Random numbers for jitter: good enough that a thousand programs do not
 * come back in the same instant, and good for nothing else.
 */
#ifndef AW__RANDOM_H
#define AW__RANDOM_H

/* In [0, 1). Any thread. */
double aw__random(void);

#endif
