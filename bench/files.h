/* SPDX-License-Identifier: MIT */
/* The small files of row files: made by bench/files.py in the same way. */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FILES 100000
#define FILES_NAME 4096

/* The n-th file that is read, of all of them in turn. */
static inline void
files_name(char *name, const char *folder, int64_t n)
{
	int i = (int)(n % FILES);

	snprintf(name, FILES_NAME, "%s/%03d/%03d", folder, i / 1000, i % 1000);
}

/* Each begins with its number, in eight digits. */
static inline int
files_is(int64_t n, const void *data, size_t size, int64_t want)
{
	char head[16];

	snprintf(head, sizeof head, "%08d", (int)(n % FILES));
	return (int64_t)size == want && memcmp(data, head, 8) == 0;
}

#endif
