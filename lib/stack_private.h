/* SPDX-License-Identifier: MIT */
/* What the stack*.c files ask of each other; nobody else includes this. */
#ifndef AW__STACK_PRIVATE_H
#define AW__STACK_PRIVATE_H

#include "stack.h"

/* The best kind that the kernel has and the environment lets us use. */
enum aw__guard aw__guard_best(void);

/*
 * Makes the AW__STACK_GUARD bytes at low unusable, by the best kind or the
 * next one that works. Never fails: the last kind is to do nothing.
 */
enum aw__guard aw__guard_install(enum aw__guard best, void *low);

/* n guards of kind AW__GUARD_MPROTECT have been unmapped. */
void aw__guard_forget(unsigned n);

/* Gives the memory of a stack that was used deeply back to the kernel. */
void aw__stack_shrink(struct aw__stacks *stacks,
		      const struct aw__stack *stack);

#endif
