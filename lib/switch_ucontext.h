/* SPDX-License-Identifier: MIT */
/* The portable switch; only switch.c includes this. */
#ifndef AW__SWITCH_UCONTEXT_H
#define AW__SWITCH_UCONTEXT_H

#include "switch.h"

#ifdef AW_SWITCH_PORTABLE

/* The context will call entry(context); sizes are those of the stack. */
void aw__portable_make(struct aw__context *context, void *base, size_t size,
		       aw__context_fn *entry);

void aw__portable_switch(struct aw__context *from, struct aw__context *to);

#endif
#endif
