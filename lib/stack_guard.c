/* SPDX-License-Identifier: MIT */
/*
 * The guard below a stack: three kinds, the best one that is to be had.
 *
 *	light		madvise(MADV_GUARD_INSTALL), Linux 6.13: marks in the
 *			page table. Costs no map, survives MADV_DONTNEED and
 *			fork. A million of them left 25 maps, 0.4 us each.
 *	mprotect	splits the map: each guard costs two of the process's
 *			vm.max_map_count (65530 by default), and when those
 *			are gone every mmap in the program fails. So we take
 *			at most 40 % of them, all loops together.
 *	gap		64 KiB of ordinary memory that nobody uses. An
 *			overflow runs into it before it reaches the next
 *			stack. See aw__stack_gap_clean().
 *
 * 64 KiB and not a page: a function whose frame is larger than the guard
 * steps over it unless it was compiled with -fstack-clash-protection, and
 * the region is address space, not memory.
 *
 * AWAIT_STACK_GUARD=light|mprotect|none is the best kind to try.
 */
#include "stack_private.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linux 6.13, include/uapi/asm-generic/mman-common.h; not in older glibc. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define GUARD_MAPS_EACH 2	/* the guard, and what lies behind it */
#define GUARD_MAPS_DEFAULT 65530L	/* kernel, DEFAULT_MAX_MAP_COUNT */

static atomic_int guard_probed;	/* 0: unknown, else 1 + enum aw__guard */
static atomic_long guard_budget;	/* maps we may have; 0: unknown */
static atomic_long guard_maps;	/* maps we have */

/* Does this kernel have light guards? They are asked of a page of our own. */
static enum aw__guard
guard_probe(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool light;

	if (page == MAP_FAILED)
		return AW__GUARD_MPROTECT;

	light = madvise(page, size, MADV_GUARD_INSTALL) == 0;
	munmap(page, size);
	return light ? AW__GUARD_LIGHT : AW__GUARD_MPROTECT;
}

/* Two threads may both probe; they find the same. */
static enum aw__guard
guard_of_kernel(void)
{
	int known = atomic_load(&guard_probed);

	if (known == 0) {
		known = 1 + (int)guard_probe();
		atomic_store(&guard_probed, known);
	}
	return (enum aw__guard)(known - 1);
}

enum aw__guard
aw__guard_best(void)
{
	const char *wish = secure_getenv("AWAIT_STACK_GUARD");

	if (wish && strcmp(wish, "none") == 0)
		return AW__GUARD_GAP;
	if (wish && strcmp(wish, "mprotect") == 0)
		return AW__GUARD_MPROTECT;
	return guard_of_kernel();
}

/* vm.max_map_count, or the kernel's default if it cannot be read. */
static long
guard_max_maps(void)
{
	char text[32];
	ssize_t n;
	long maps;
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return GUARD_MAPS_DEFAULT;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return GUARD_MAPS_DEFAULT;

	text[n] = '\0';
	maps = strtol(text, NULL, 10);
	return maps > 0 ? maps : GUARD_MAPS_DEFAULT;
}

/* Takes two maps of the budget; false if it is spent. */
static bool
guard_reserve(void)
{
	long budget = atomic_load(&guard_budget);

	if (budget == 0) {
		budget = guard_max_maps() / 5 * 2 + 1;
		atomic_store(&guard_budget, budget);
	}
	if (atomic_fetch_add(&guard_maps, GUARD_MAPS_EACH) +
	    GUARD_MAPS_EACH <= budget)
		return true;
	atomic_fetch_sub(&guard_maps, GUARD_MAPS_EACH);
	return false;
}

void
aw__guard_forget(unsigned n)
{
	atomic_fetch_sub(&guard_maps, (long)n * GUARD_MAPS_EACH);
}

enum aw__guard
aw__guard_install(enum aw__guard best, void *low)
{
	/* EINVAL here: the range is locked in memory (mlockall). */
	if (best == AW__GUARD_LIGHT &&
	    madvise(low, AW__STACK_GUARD, MADV_GUARD_INSTALL) == 0)
		return AW__GUARD_LIGHT;

	if (best == AW__GUARD_GAP || !guard_reserve())
		return AW__GUARD_GAP;
	if (mprotect(low, AW__STACK_GUARD, PROT_NONE) == 0)
		return AW__GUARD_MPROTECT;

	aw__guard_forget(1);
	return AW__GUARD_GAP;
}
