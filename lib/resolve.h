/* SPDX-License-Identifier: MIT */
/*
 * Names and their addresses, between the parts of the resolver:
 * resolve.c (aw_resolve), resolve_names.c (what a loop remembers, and
 * queries in flight), resolve_query.c (getaddrinfo, in a helper thread).
 */
#ifndef AW__RESOLVE_H
#define AW__RESOLVE_H

#include <await/io.h>

#include "job.h"

#define AW__HOST_MAX 254	/* RFC 1035, 2.3.4, and a final dot */

/* What one query answered. Counted by the loop; a thread only makes it. */
struct aw__answer {
	unsigned refs;
	int eai;			/* 0, or an EAI_ code */
	int error;			/* errno, with EAI_SYSTEM */
	size_t n;
	struct aw_address at[];
};

/* The memory of a query's job. */
struct aw__query {
	char host[AW__HOST_MAX + 1];
	struct aw__answer *answer;	/* NULL: see lack */
	int lack;			/* -ENOMEM, -EMFILE, ...: of ours */
};

extern const struct aw_job_type aw__query_type
	__attribute__((visibility("hidden")));

/* Of a numeric host; false: it is a name. */
bool aw__address_numeric(struct aw_address *address, const char *host);

/* Fill in family, size and text of an address whose bytes are set. */
void aw__address_finish(struct aw_address *address);

static inline void
aw__answer_unref(struct aw__answer *answer)
{
	if (answer && --answer->refs == 0)
		aw__free(answer);
}

/* resolve_names.c: the answer for a lower-case host, from memory or by a
 * query that others may share. Awaits. *ret is a reference. */
int aw__names_get(struct aw_task *self, const char *host,
		  struct aw__answer **ret);

#endif
