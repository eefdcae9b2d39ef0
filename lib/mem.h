/* SPDX-License-Identifier: MIT */
/*
 * The only door to the allocator for everything in lib/.
 *
 * One door, so that a test can stand in it: aw__mem_hook() replaces the
 * allocator by a function that fails the n-th request, and a driver then
 * proves that every "out of memory" branch gives back what it had taken.
 * Memory from here is plain malloc memory: free(3) may release it, and
 * aw__free() may release what strdup(3) returned.
 */
#ifndef AW__MEM_H
#define AW__MEM_H

#include <stddef.h>

/* realloc(3) in shape: ptr is NULL for a new block; NULL means failed. */
typedef void *aw__mem_fn(void *ptr, size_t size);

void *aw__malloc(size_t size) __attribute__((malloc, warn_unused_result));

/* Zeroed array; NULL also when n * size does not fit a size_t. */
void *aw__calloc(size_t n, size_t size)
	__attribute__((malloc, warn_unused_result));

/* The old block stays valid when NULL is returned. */
void *aw__realloc(void *ptr, size_t size)
	__attribute__((warn_unused_result));

void aw__free(void *ptr);

char *aw__strdup(const char *text)
	__attribute__((malloc, warn_unused_result));

/*
 * For tests: every allocation goes through alloc from now on, NULL restores
 * the C library. Blocks are still released with free(3).
 */
void aw__mem_hook(aw__mem_fn *alloc);

#endif
