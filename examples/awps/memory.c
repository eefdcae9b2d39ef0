/* SPDX-License-Identifier: MIT */
/* Reading another process. */
#define _GNU_SOURCE 1
#include <string.h>
#include <sys/uio.h>

#include "awps.h"

#define MOST_WORDS 768		/* IOV_MAX is 1024 */

bool
read_memory(struct process *process, uint64_t at, void *to, size_t size)
{
	struct iovec here = { to, size };
	struct iovec there = { (void *)(uintptr_t)at, size };
	ssize_t n = process_vm_readv(process->pid, &here, 1, &there, 1, 0);

	if (n == (ssize_t)size)
		return true;
	process->failed = true;
	memset(to, 0, size);
	return false;
}

/* In this order, and as near to each other as can be. */
bool
read_words(struct process *process, const uint64_t *from, uint64_t *to,
	   size_t n)
{
	struct iovec here = { to, n * sizeof *to }, there[MOST_WORDS];
	size_t i;

	for (i = 0; i < n && i < MOST_WORDS; i++)
		there[i] = (struct iovec){ (void *)(uintptr_t)from[i],
					   sizeof *to };
	return process_vm_readv(process->pid, &here, 1, there, i, 0) ==
	       (ssize_t)here.iov_len;
}

uint64_t
read_pointer(struct process *process, uint64_t at)
{
	void *pointer = NULL;

	read_memory(process, at, &pointer, sizeof pointer);
	return (uint64_t)(uintptr_t)pointer;
}

/* By pieces that end with a page: what follows may not be mapped. */
void
read_text(struct process *process, uint64_t at, char *to, size_t size)
{
	size_t n = 0, piece;

	memset(to, 0, size);
	while (at != 0 && n < size - 1) {
		piece = 64 - (at + n) % 64;
		if (piece > size - 1 - n)
			piece = size - 1 - n;
		if (!read_memory(process, at + n, to + n, piece))
			return;
		if (memchr(to + n, 0, piece))
			break;
		n += piece;
	}
	for (n = 0; to[n]; n++)
		if ((unsigned char)to[n] < ' ')
			to[n] = '?';
}
