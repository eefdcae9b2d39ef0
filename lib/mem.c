/* SPDX-License-Identifier: MIT */
#include "mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Relaxed: a test sets it before it starts threads that allocate. */
static _Atomic(aw__mem_fn *) mem_alloc;

static void *
mem_get(void *ptr, size_t size)
{
	aw__mem_fn *alloc = atomic_load_explicit(&mem_alloc,
						 memory_order_relaxed);

	/* realloc(ptr, 0) frees ptr or not: never ask the question. */
	if (size == 0)
		size = 1;
	return alloc ? alloc(ptr, size) : realloc(ptr, size);
}

void *
aw__malloc(size_t size)
{
	return mem_get(NULL, size);
}

void *
aw__calloc(size_t n, size_t size)
{
	size_t total;
	void *ptr;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	/* The kernel's fresh pages are zero already: let calloc know. */
	if (!atomic_load_explicit(&mem_alloc, memory_order_relaxed))
		return calloc(1, total ? total : 1);

	ptr = mem_get(NULL, total);
	if (ptr)
		memset(ptr, 0, total);
	return ptr;
}

void *
aw__realloc(void *ptr, size_t size)
{
	return mem_get(ptr, size);
}

void
aw__free(void *ptr)
{
	free(ptr);
}

char *
aw__strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = aw__malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void
aw__mem_hook(aw__mem_fn *alloc)
{
	atomic_store_explicit(&mem_alloc, alloc, memory_order_relaxed);
}
