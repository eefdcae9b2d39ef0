/* SPDX-License-Identifier: MIT */
/*
 * awps, between its files.
 *
 *	elf.c		where in the process is aw_debug_v1?
 *	memory.c	process_vm_readv(2): nothing is stopped, nothing runs
 *	tasks.c		from there to loops, tasks, waits, scopes
 *	main.c		the list and the tree
 */
#ifndef AWPS_H
#define AWPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <await/debug.h>

/* --- elf.c ---------------------------------------------------------------- */

/* The address of aw_debug_v1 in a process, or 0. */
uint64_t find_map(pid_t pid);

/* --- memory.c ------------------------------------------------------------- */

struct process {
	pid_t pid;
	bool failed;		/* a read since this was last cleared */
	struct aw_debug_v1 map;
};

bool read_memory(struct process *process, uint64_t at, void *to, size_t size);
/* At most 768 words, by one call. */
bool read_words(struct process *process, const uint64_t *from, uint64_t *to,
		size_t n);
uint64_t read_pointer(struct process *process, uint64_t at);
/* Up to size - 1 characters; "" where there are none. */
void read_text(struct process *process, uint64_t at, char *to, size_t size);

static inline uint64_t
offset(const struct process *process, enum aw_debug_offset which)
{
	return process->map.offsets[which];
}

/* --- tasks.c -------------------------------------------------------------- */

struct task {
	uint64_t at, parent;	/* addresses; parent 0: the loop's root */
	uint64_t id;
	unsigned char state, flags;
	int status;
	double age, waited;	/* seconds */
	double left;		/* until the deadline; HUGE_VAL: none */
	bool cancelled;
	char name[64], what[64], object[64], site[128], group[64];
	struct task *child, *last, *next;	/* of the tree */
};

struct tasks {
	struct task *list;	/* oldest first */
	size_t n, room;
	uint64_t last;		/* the lowest number seen */
	bool torn;		/* its end was not reached */
};

/* The tasks of the loop at an address; free with free(ret->list). */
bool read_tasks(struct process *process, uint64_t loop, struct tasks *ret);

#endif
