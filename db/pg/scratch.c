/* SPDX-License-Identifier: MIT */
/*
 * scratch.c - room for the parameters of a statement, kept with its
 * connection: the arrays that libpq takes, a cell of 64 bytes for each value,
 * and blocks for what is larger, which go when the statement has been sent.
 */
#include <stdlib.h>

#include "pg_conn.h"

int
aw__pg_scratch_grow(struct aw_pg_scratch *s, size_t n)
{
	if (n <= s->n)
		return 0;
	n = n < 16 ? 16 : n;
	free(s->values);
	free(s->lengths);
	free(s->formats);
	free(s->cells);
	free(s->blocks);
	s->values = malloc(n * sizeof(*s->values));
	s->lengths = malloc(n * sizeof(*s->lengths));
	s->formats = malloc(n * sizeof(*s->formats));
	s->cells = malloc(n * sizeof(*s->cells));
	s->blocks = malloc(n * sizeof(*s->blocks));
	s->n = n;
	if (s->values && s->lengths && s->formats && s->cells && s->blocks)
		return 0;
	s->n = 0;
	return aw_fail(AW_ENOMEM, "%zu parameters", n);
}

void
aw__pg_encode_done(struct aw_pg_conn *c)
{
	while (c->scratch.n_blocks > 0)
		free(c->scratch.blocks[--c->scratch.n_blocks]);
}

void
aw__pg_scratch_fini(struct aw_pg_scratch *s)
{
	free(s->values);
	free(s->lengths);
	free(s->formats);
	free(s->cells);
	free(s->blocks);
}
