/* SPDX-License-Identifier: MIT */
/*
 * Finds aw_debug_v1: in libawait.so, or in the program itself if it was
 * linked with the static library.
 *
 *	/proc/PID/maps: start of each file's first part ---+
 *	the file: symbol table ---> value of the symbol    +--> address
 *	          program headers -> where it begins ------+
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "awps.h"

#define SYMBOL "aw_debug_v1"

struct file {
	const unsigned char *data;
	size_t size;
};

/* n structures of size at a place of the file, or NULL: it may be cut. */
static const void *
part(const struct file *file, uint64_t at, uint64_t n, uint64_t size)
{
	if (size == 0 || n > file->size / size || at > file->size - n * size)
		return NULL;
	return file->data + at;
}

static uint64_t
value_in_table(const struct file *file, const Elf64_Shdr *table,
	       const Elf64_Shdr *strings)
{
	uint64_t n = table->sh_size / sizeof(Elf64_Sym), i;
	const Elf64_Sym *symbols = part(file, table->sh_offset, n,
					sizeof *symbols);
	const char *names = part(file, strings->sh_offset, 1,
				 strings->sh_size);

	for (i = 0; symbols && names && i < n; i++) {
		const Elf64_Sym *s = &symbols[i];

		if (s->st_shndx == SHN_UNDEF ||
		    s->st_name + sizeof SYMBOL > strings->sh_size)
			continue;
		if (memcmp(names + s->st_name, SYMBOL, sizeof SYMBOL) == 0)
			return s->st_value;
	}
	return 0;
}

static uint64_t
value_of_symbol(const struct file *file, const Elf64_Ehdr *head)
{
	const Elf64_Shdr *sections = part(file, head->e_shoff, head->e_shnum,
					  sizeof *sections);
	uint64_t value = 0;
	unsigned i;

	for (i = 0; sections && i < head->e_shnum && value == 0; i++) {
		const Elf64_Shdr *s = &sections[i];

		if ((s->sh_type == SHT_SYMTAB || s->sh_type == SHT_DYNSYM) &&
		    s->sh_link < head->e_shnum)
			value = value_in_table(file, s,
					       &sections[s->sh_link]);
	}
	return value;
}

/* Where the file's first loaded part wants to be. */
static uint64_t
first_address(const struct file *file, const Elf64_Ehdr *head)
{
	const Elf64_Phdr *parts = part(file, head->e_phoff, head->e_phnum,
				       sizeof *parts);
	unsigned i;

	for (i = 0; parts && i < head->e_phnum; i++)
		if (parts[i].p_type == PT_LOAD)
			return parts[i].p_vaddr & ~(uint64_t)0xfff;
	return 0;
}

/* The symbol's distance from the begin of the file in memory, or 0. */
static uint64_t
distance(const struct file *file)
{
	const Elf64_Ehdr *head = part(file, 0, 1, sizeof *head);
	uint64_t value;

	if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
	    head->e_ident[EI_CLASS] != ELFCLASS64)
		return 0;
	value = value_of_symbol(file, head);
	return value ? value - first_address(file, head) : 0;
}

static uint64_t
distance_in(int fd)
{
	struct file file = { 0 };
	struct stat info;
	uint64_t found;
	void *data;

	if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
		return 0;
	file.size = (size_t)info.st_size;
	data = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return 0;
	file.data = data;
	found = distance(&file);
	munmap(data, file.size);
	return found;
}

/* By its name as the process sees it, or, when it was replaced since, by the
 * mapping itself (which takes privileges). */
static int
open_mapped(pid_t pid, const char *range, const char *path)
{
	char name[4300];
	int fd = -1;

	snprintf(name, sizeof name, "/proc/%d/root%s", (int)pid, path);
	if (!strstr(path, " (deleted)"))
		fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(name, sizeof name, "/proc/%d/map_files/%s", (int)pid,
			 range);
		fd = open(name, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

static uint64_t
find_in_line(pid_t pid, const char *line)
{
	char range[64], path[4096];
	unsigned long start, place;
	uint64_t found;
	int fd;

	if (sscanf(line, "%63s %*s %lx %*s %*s %4095[^\n]", range, &place,
		   path) != 3 || place != 0 || path[0] != '/' ||
	    sscanf(range, "%lx-", &start) != 1)
		return 0;
	fd = open_mapped(pid, range, path);
	if (fd < 0)
		return 0;
	found = distance_in(fd);
	close(fd);
	return found ? start + found : 0;
}

uint64_t
find_map(pid_t pid)
{
	char line[4400], name[64];
	uint64_t found = 0;
	FILE *maps;

	snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
	maps = fopen(name, "re");
	if (!maps)
		return 0;
	while (found == 0 && fgets(line, sizeof line, maps))
		found = find_in_line(pid, line);
	fclose(maps);
	return found;
}
