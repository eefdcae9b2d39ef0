/* SPDX-License-Identifier: MIT */
/* blocker.h - the calls that blocker can make. */
#ifndef TESTS_BLOCKER_H
#define TESTS_BLOCKER_H

#include <stdbool.h>

enum kind {
	CALL,
	CONVERSATION,		/* by the guard only: it aborts before it */
	HARMLESS,		/* looks like a call and does not wait */
};

struct call {
	const char *name;	/* NULL: the end of the list */
	void (*fn)(void);
	enum kind kind;
};

extern const struct call calls[];

/* Opens what the calls are made on. */
bool prepare(void);

#endif
