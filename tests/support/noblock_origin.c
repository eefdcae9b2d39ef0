/* SPDX-License-Identifier: MIT */
/*
 * Whose code is at an address: by dladdr(), and inside the program itself by
 * its symbol table, which also knows static functions and, before those of a
 * file, the name of the file.
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "noblock.h"

#ifdef __x86_64__
#define IS_X86_64 true
#else
#define IS_X86_64 false			/* it counts as the caller's */
#endif
#define CALL_DIRECT 0xe8		/* and the distance, 32 bits */

struct table {
	const ElfW(Sym) *symbols;
	size_t n;
	const char *names;
};

static struct table table;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
find_table(const char *image)
{
	const ElfW(Ehdr) *head = (const void *)image;
	const ElfW(Shdr) *s = (const void *)(image + head->e_shoff);

	for (int i = 0; i < head->e_shnum; i++)
		if (s[i].sh_type == SHT_SYMTAB) {
			table.symbols = (const void *)(image + s[i].sh_offset);
			table.n = s[i].sh_size / sizeof *table.symbols;
			table.names = image + s[s[i].sh_link].sh_offset;
		}
}

static void
load(void)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/exe",
			      O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	void *image = MAP_FAILED;

	if (size > 0)
		image = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd,
			     0);
	if (image != MAP_FAILED)
		find_table(image);
	if (fd >= 0)
		syscall(SYS_close, fd);
}

/* offset: from the program's start in memory. */
static void
look_up(struct origin *o, uintptr_t offset)
{
	const ElfW(Sym) *s = table.symbols, *end = s + table.n;
	const char *file = "";

	for (; s < end; s++) {
		unsigned type = ELF64_ST_TYPE(s->st_info);

		if (type == STT_FILE)
			file = table.names + s->st_name;
		if (type != STT_FUNC || offset < s->st_value ||
		    offset >= s->st_value + s->st_size)
			continue;
		snprintf(o->file, sizeof o->file, "%s", file);
		snprintf(o->function, sizeof o->function, "%s",
			 table.names + s->st_name);
		return;
	}
}

/* The program's own place in memory; its segments may start at an address
 * of their own (no PIE): then it is 0. */
static uintptr_t
program(void)
{
	return (uintptr_t)_r_debug.r_map->l_addr;
}

/*
 * The function that a call before this address goes to, as an offset; 0: it
 * does not say so by itself. A stub of the linker is no function of the table.
 */
static uintptr_t
callee(const unsigned char *after, uintptr_t start)
{
	int32_t distance;

	if (!IS_X86_64 || after[-5] != CALL_DIRECT)
		return 0;
	memcpy(&distance, after - 4, sizeof distance);
	return (uintptr_t)after + (uintptr_t)(intptr_t)distance - start;
}

/*
 * Who returns to an address may not have been called from there: a function
 * that ends in a call leaves by a jump. Then the call before the address goes
 * to that function, and not to the guard.
 */
static void
look_up_caller(struct origin *o, const unsigned char *after)
{
	uintptr_t start = program(), at = callee(after, start);

	look_up(o, (uintptr_t)after - 1 - start);	/* in the call */
	if (at)
		look_up(o, at);
}

struct origin
noblock_origin(const void *at)
{
	struct origin o = { 0 };
	struct link_map *map = NULL;
	const char *slash;
	Dl_info info;

	pthread_once(&once, load);
	if (!dladdr1((const char *)at - 1, &info, (void **)&map,
		     RTLD_DL_LINKMAP))
		return o;
	o.main = map == _r_debug.r_map;
	slash = strrchr(info.dli_fname, '/');
	snprintf(o.object, sizeof o.object, "%s",
		 slash ? slash + 1 : info.dli_fname);
	if (info.dli_sname)
		snprintf(o.function, sizeof o.function, "%s", info.dli_sname);
	if (o.main)
		look_up_caller(&o, at);
	return o;
}
