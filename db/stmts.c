/* SPDX-License-Identifier: MIT */
/*
 * stmts.c - which statement is it, and has it earned a place?
 *
 * A text that was used only once is no more than a hash and a count among
 * the candidates, so programs that build SQL from literals cannot push out
 * what is hot.  From the prepare_after'th use on it has a place:
 *
 *	candidates[hash % 256]        { hash, uses }       no text kept
 *	     | enough uses
 *	     v
 *	places[slot] -- buckets[hash % 256] --> next ...
 *	   newest <-> ... <-> oldest            least recently used goes
 *
 *	recent[address % 64]          { text's address, place }
 *
 * A program's SQL is nearly always a string literal: the same address is
 * the same text.  recent[] finds the place by address and proves it by
 * comparing the text, since the memory may have been reused.
 *
 * serial changes whenever the meaning of a slot changes.  Connections keep
 * the serial that they prepared; a different one means "not this".  A place
 * that a call is at work with is pinned and is neither evicted nor renewed.
 */
#include <stdlib.h>

#include "common.h"

#define N_BUCKETS 256
#define N_CANDIDATES 256
#define N_RECENT 64
#define LONGEST_TEXT (64 * 1024)

struct recent {
	const char *at;
	struct aw_stmt *stmt;
};

struct candidate {
	uint64_t hash;
	uint64_t uses;
};

struct aw_stmts {
	int n_slots, n_used;
	uint64_t prepare_after;
	uint32_t serial;
	void (*meta_free)(void *);
	struct aw_stmt *newest, *oldest;
	struct aw_stmt *buckets[N_BUCKETS];
	struct candidate candidates[N_CANDIDATES];
	struct recent recent[N_RECENT];
	struct aw_stmt places[];
};

/* Eight bytes at a time, mixed by multiplication; not for hostile keys, which
 * could only make the cache slower: texts are always compared. */
static uint64_t
hash_text(const char *text, size_t size)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ size, word;

	for (; size >= sizeof(word); size -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		text += sizeof(word);
	}
	word = 0;
	memcpy(&word, text, size);
	h = (h ^ word) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 29;
}

static uint32_t
next_serial(struct aw_stmts *stmts)
{
	if (++stmts->serial == 0)
		stmts->serial = 1;
	return stmts->serial;
}

struct aw_stmts *
aw__db_stmts_new(int n_slots, int prepare_after, void (*meta_free)(void *))
{
	struct aw_stmts *stmts;

	stmts = calloc(1, sizeof(*stmts) +
		       (size_t)n_slots * sizeof(stmts->places[0]));
	if (!stmts)
		return NULL;

	stmts->n_slots = n_slots;
	stmts->prepare_after = (uint64_t)prepare_after;
	stmts->meta_free = meta_free;
	return stmts;
}

static void
drop_meta(struct aw_stmts *stmts, struct aw_stmt *stmt)
{
	if (stmt->meta && stmts->meta_free)
		stmts->meta_free(stmt->meta);
	stmt->meta = NULL;
}

void
aw__db_stmts_free(struct aw_stmts *stmts)
{
	if (!stmts)
		return;

	for (int i = 0; i < stmts->n_used; i++) {
		drop_meta(stmts, &stmts->places[i]);
		free(stmts->places[i].text);
	}
	free(stmts);
}

static void
unlink_used(struct aw_stmts *stmts, struct aw_stmt *stmt)
{
	*(stmt->newer ? &stmt->newer->older : &stmts->newest) = stmt->older;
	*(stmt->older ? &stmt->older->newer : &stmts->oldest) = stmt->newer;
	stmt->newer = stmt->older = NULL;
}

static void
link_newest(struct aw_stmts *stmts, struct aw_stmt *stmt)
{
	stmt->older = stmts->newest;
	*(stmts->newest ? &stmts->newest->newer : &stmts->oldest) = stmt;
	stmts->newest = stmt;
}

static void
unlink_bucket(struct aw_stmts *stmts, struct aw_stmt *stmt)
{
	struct aw_stmt **at = &stmts->buckets[stmt->hash % N_BUCKETS];

	while (*at != stmt)
		at = &(*at)->next;
	*at = stmt->next;
}

/* A free place, or the least recently used that nobody is at work with. */
static struct aw_stmt *
take_place(struct aw_stmts *stmts)
{
	struct aw_stmt *stmt;

	if (stmts->n_used < stmts->n_slots) {
		stmt = &stmts->places[stmts->n_used];
		stmt->slot = (uint32_t)stmts->n_used++;
		return stmt;
	}
	for (stmt = stmts->oldest; stmt && stmt->pins; stmt = stmt->newer)
		continue;
	if (stmt) {
		unlink_bucket(stmts, stmt);
		unlink_used(stmts, stmt);
		drop_meta(stmts, stmt);
		free(stmt->text);
		stmt->text = NULL;
	}
	return stmt;
}

static struct aw_stmt *
add(struct aw_stmts *stmts, uint64_t hash, const char *text, size_t size)
{
	char *copy = malloc(size + 1);
	struct aw_stmt *stmt = copy ? take_place(stmts) : NULL;

	if (!stmt) {
		free(copy);
		return NULL;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';
	stmt->text = copy;
	stmt->size = size;
	stmt->hash = hash;
	stmt->uses = 0;
	stmt->stale = false;
	stmt->serial = next_serial(stmts);
	stmt->next = stmts->buckets[hash % N_BUCKETS];
	stmts->buckets[hash % N_BUCKETS] = stmt;
	link_newest(stmts, stmt);
	return stmt;
}

static bool
has_earned(struct aw_stmts *stmts, uint64_t hash)
{
	struct candidate *c = &stmts->candidates[hash % N_CANDIDATES];

	if (c->hash != hash) {
		c->hash = hash;
		c->uses = 0;
	}
	return ++c->uses >= stmts->prepare_after;
}

static struct aw_stmt *
find_or_add(struct aw_stmts *stmts, const char *text, size_t size)
{
	uint64_t hash = hash_text(text, size);
	struct aw_stmt *stmt = stmts->buckets[hash % N_BUCKETS];

	for (; stmt; stmt = stmt->next)
		if (stmt->hash == hash && stmt->size == size &&
		    memcmp(stmt->text, text, size) == 0)
			return stmt;
	return has_earned(stmts, hash) ? add(stmts, hash, text, size) : NULL;
}

static bool
renew(struct aw_stmts *stmts, struct aw_stmt *stmt)
{
	if (stmt->pins)
		return false;

	drop_meta(stmts, stmt);
	stmt->serial = next_serial(stmts);
	stmt->stale = false;
	return true;
}

static struct recent *
recent_of(struct aw_stmts *stmts, const char *text)
{
	uintptr_t at = (uintptr_t)text;

	return &stmts->recent[(at >> 3 ^ at >> 9) % N_RECENT];
}

struct aw_stmt *
aw__db_stmt_get(struct aw_stmts *stmts, const char *text, size_t size)
{
	struct recent *recent = recent_of(stmts, text);
	struct aw_stmt *stmt = recent->stmt;

	if (stmts->n_slots == 0 || size > LONGEST_TEXT)
		return NULL;
	if (recent->at != text || stmt->size != size ||
	    memcmp(stmt->text, text, size) != 0) {
		stmt = find_or_add(stmts, text, size);
		if (!stmt)
			return NULL;
		recent->at = text;
		recent->stmt = stmt;
	}
	if (stmt->stale && !renew(stmts, stmt))
		return NULL;
	if (stmts->newest != stmt) {
		unlink_used(stmts, stmt);
		link_newest(stmts, stmt);
	}
	stmt->uses++;
	stmt->pins++;
	return stmt;
}

void
aw__db_stmt_put(struct aw_stmt *stmt)
{
	if (stmt)
		stmt->pins--;
}

void
aw__db_stmt_forget(struct aw_db *db, struct aw_stmt *stmt)
{
	db->n_stale++;
	stmt->stale = true;
}
