/* SPDX-License-Identifier: MIT */
/*
 * arena.c - memory for the views of one row.
 *
 * Most rows need none: their views point into the result.  What has to be
 * formatted or NUL-terminated is put here and given back, all at once, when
 * the next row comes.
 *
 *	chunks -> newest { next, size, used, bytes... } -> older -> NULL
 *
 * The newest chunk is kept for the next row; under AddressSanitizer nothing
 * is kept, so that a view used too late is found.
 */
#include <stdlib.h>

#include "common.h"

#if defined(__SANITIZE_ADDRESS__)
#define KEEP_CHUNKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP_CHUNKS 0
#endif
#endif
#ifndef KEEP_CHUNKS
#define KEEP_CHUNKS 1
#endif

#define SMALLEST_CHUNK 512

struct aw_arena_chunk {
	struct aw_arena_chunk *next;
	size_t size, used;
	char bytes[];
};

static struct aw_arena_chunk *
chunk_new(size_t size)
{
	struct aw_arena_chunk *chunk;

	if (size < SMALLEST_CHUNK)
		size = SMALLEST_CHUNK;
	chunk = malloc(sizeof(*chunk) + size);
	if (chunk) {
		chunk->size = size;
		chunk->used = 0;
	}
	return chunk;
}

void *
aw__db_arena_get(struct aw_arena *arena, size_t size)
{
	struct aw_arena_chunk *chunk = arena->chunks;
	void *at;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + 15) & ~(size_t)15;
	if (!chunk || chunk->size - chunk->used < size) {
		chunk = chunk_new(size);
		if (!chunk)
			return NULL;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	at = chunk->bytes + chunk->used;
	chunk->used += size;
	return at;
}

static void
free_from(struct aw_arena_chunk *chunk)
{
	while (chunk) {
		struct aw_arena_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

void
aw__db_arena_reset(struct aw_arena *arena)
{
	struct aw_arena_chunk *chunk = arena->chunks;

	if (!chunk)
		return;
	if (!KEEP_CHUNKS) {
		aw__db_arena_fini(arena);
		return;
	}
	free_from(chunk->next);
	chunk->next = NULL;
	chunk->used = 0;
}

void
aw__db_arena_fini(struct aw_arena *arena)
{
	free_from(arena->chunks);
	arena->chunks = NULL;
}
