/* SPDX-License-Identifier: MIT */
/*
 * prepare.c - names on the server, and what it infers about a statement.
 *
 * Everything goes in one pipeline with one Sync, so it costs one round trip:
 *
 *	[DEALLOCATE old name]  Parse  Describe  Sync
 *
 * libpq separates the results by NULL and ends them with PIPELINE_SYNC; we
 * count the Syncs, and only after the last one the connection is not cut any
 * more.  A name is aw_HASH_SERIAL: the serial makes it unique in the pool
 * even if two texts share a hash, and a pooler that shares prepared
 * statements goes by the text anyway.
 *
 * An eviction is noticed when the place is needed again: the connection still
 * has the serial of the old statement there and deallocates its name.  libpq
 * before 17 has no Close message, so it is a statement.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "pg_conn.h"

enum { QUERY_DEALLOCATE, QUERY_PARSE, QUERY_DESCRIBE };

/* What the caller wants to know of the results. */
struct answers {
	PGresult *error;
	PGresult *described;
};

/* Eight digits at once: n's halves, bytes and nibbles are moved apart, so that
 * each digit has a byte, and those above 9 go on at 'a'. */
static void
write_hex(char *at, uint32_t n)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t x = n, letters;

	x = (x & 0xffff0000) << 16 | (x & 0xffff);
	x = (x & 0x0000ff000000ff00) << 8 | (x & 0x000000ff000000ff);
	x = (x & 0x00f000f000f000f0) << 4 | (x & 0x000f000f000f000f);
	letters = (x + 6 * ones) >> 4 & ones;
	x = htobe64(x + '0' * ones + letters * ('a' - '0' - 10));
	memcpy(at, &x, sizeof x);
}

/* By hand: every prepared statement needs it, and printf() costs more than
 * the rest of the way to libpq. */
void
aw__pg_statement_name(const struct aw_stmt_slot *slot, char name[40])
{
	memcpy(name, "aw_", 3);
	write_hex(name + 3, (uint32_t)(slot->hash >> 32));
	write_hex(name + 11, (uint32_t)slot->hash);
	name[19] = '_';
	write_hex(name + 20, slot->serial);
	name[28] = '\0';
}

static bool
send_deallocate(struct aw_pg_conn *c, const struct aw_stmt_slot *slot)
{
	char name[40], text[64];

	aw__pg_statement_name(slot, name);
	snprintf(text, sizeof(text), "DEALLOCATE %s", name);
	return PQsendQueryParams(c->pg, text, 0, NULL, NULL, NULL, NULL, 0);
}

/* slot: NULL for the unnamed statement. */
static bool
send_all(struct aw_pg_conn *c, const struct aw_call *call, const char *name,
	 struct aw_stmt_slot *slot)
{
	struct aw_pg_preparing *p = &c->preparing;

	c->cut = true;
	if (!PQenterPipelineMode(c->pg))
		return false;
	c->pipeline = true;
	c->syncs = 0;
	p->slot = slot;
	p->serial = slot ? call->stmt->serial : 0;
	p->hash = slot ? call->stmt->hash : 0;
	p->query = QUERY_PARSE;
	if (slot && slot->serial) {
		p->query = QUERY_DEALLOCATE;
		if (!send_deallocate(c, slot))
			return false;
	}
	if (!PQsendPrepare(c->pg, name, call->text, 0, NULL) ||
	    !PQsendDescribePrepared(c->pg, name) || !PQpipelineSync(c->pg))
		return false;
	c->syncs = 1;
	return true;
}

void
aw__pg_prepare_saw(struct aw_pg_conn *c, const PGresult *result)
{
	struct aw_pg_preparing *p = &c->preparing;

	if (!result) {
		p->query++;
		return;
	}
	if (!p->slot || PQresultStatus(result) != PGRES_COMMAND_OK)
		return;
	if (p->query == QUERY_DEALLOCATE) {
		p->slot->serial = 0;
	} else if (p->query == QUERY_PARSE) {
		p->slot->serial = p->serial;
		p->slot->hash = p->hash;
	}
}

static void
take(struct aw_pg_conn *c, struct answers *answers, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	PGresult **place = NULL;

	if (status == PGRES_PIPELINE_SYNC)
		c->syncs--;
	else if (status == PGRES_FATAL_ERROR)
		place = &answers->error;
	else if (status == PGRES_COMMAND_OK &&
		 c->preparing.query == QUERY_DESCRIBE)
		place = &answers->described;
	if (place && !*place)
		*place = result;
	else
		PQclear(result);
}

static int
receive(struct aw_pg_conn *c, struct answers *answers)
{
	int r = aw__pg_flush(c);

	while (r == 0 && c->syncs > 0) {
		PGresult *result;

		r = aw__pg_result(c, &result);
		if (r < 0)
			break;
		aw__pg_prepare_saw(c, result);
		if (result)
			take(c, answers, result);
		else if (PQstatus(c->pg) != CONNECTION_OK)
			return aw__pg_fail_lost(c);
	}
	if (r < 0)
		return r;
	if (!PQexitPipelineMode(c->pg))
		return aw__pg_fail_lost(c);
	c->pipeline = false;
	aw__pg_ended(c);
	return 0;
}

static struct aw_pg_meta *
meta_new(const PGresult *described)
{
	int n = PQnparams(described), columns = PQnfields(described);
	struct aw_pg_meta *meta;

	meta = malloc(sizeof(*meta) + (size_t)n * sizeof(meta->params[0]));
	if (!meta)
		return NULL;
	meta->n_params = n;
	for (int i = 0; i < n; i++)
		meta->params[i] = PQparamtype(described, i);
	meta->binary = columns > 0;
	for (int i = 0; i < columns; i++)
		if (!aw__pg_has_decoder(PQftype(described, i)))
			meta->binary = false;
	return meta;
}

/* What the server said; the statement itself has not been run. */
static int
conclude(struct aw_pg_conn *c, struct aw_call *call,
	 const struct answers *answers, struct aw_pg_meta **ret)
{
	if (answers->error) {
		call->sent = AW_SENT_NO_EFFECT;
		return aw__pg_fail_result(c, answers->error, &call->sent);
	}
	if (!answers->described)
		return aw__pg_fail_lost(c);
	*ret = meta_new(answers->described);
	return *ret ? 0 : aw_fail(AW_ENOMEM, "a prepared statement");
}

static int
exchange(struct aw_pg_conn *c, struct aw_call *call, const char *name,
	 struct aw_stmt_slot *slot, struct aw_pg_meta **ret)
{
	struct answers answers = { .error = NULL };
	int r;

	r = send_all(c, call, name, slot) ? receive(c, &answers) :
					    aw__pg_fail_lost(c);
	if (r == 0)
		r = conclude(c, call, &answers, ret);
	PQclear(answers.error);
	PQclear(answers.described);
	return r;
}

int
aw__pg_describe(struct aw_pg_conn *c, struct aw_call *call,
		struct aw_pg_meta **ret)
{
	return exchange(c, call, "", NULL, ret);
}

/* A name that is there already, without its types (its preparation was
 * interrupted), is prepared again under the same name: it goes first. */
int
aw__pg_prepare(struct aw_pg_conn *c, struct aw_call *call)
{
	struct aw_stmt_slot *slot = &c->base.slots[call->stmt->slot];
	struct aw_stmt_slot next = { .serial = call->stmt->serial,
				     .hash = call->stmt->hash };
	struct aw_pg_meta *meta;
	char name[40];
	int r;

	if (slot->serial == call->stmt->serial && call->stmt->meta)
		return 0;
	aw__pg_statement_name(&next, name);
	r = exchange(c, call, name, slot, &meta);
	if (r < 0)
		return r;
	if (call->stmt->meta)
		free(meta);
	else
		call->stmt->meta = meta;
	return 0;
}
