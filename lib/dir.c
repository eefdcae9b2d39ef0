/* SPDX-License-Identifier: MIT */
/*
 * Folders: the names in them, and removing them with all that is in them.
 *
 * The names are read at once in a helper thread and sorted:
 *
 *	text:    name NUL name NUL name NUL ...
 *	entries: place in text, inode, type
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <await/path.h>

#include "file_private.h"

struct entry {
	size_t place;			/* then a pointer: see finish() */
	const char *name;
	uint64_t inode;
	enum aw_dir_type type;
};

struct aw_dir {
	char *text;
	size_t n_text, text_room;
	struct entry *entries;
	size_t n, room;
	size_t next;			/* of aw_dir_next() */
};

/* --- Reading names ----------------------------------------------------- */

/* Room for one more name, n bytes with its NUL. */
static int
make_room(struct aw_dir *dir, size_t n)
{
	if (dir->n_text + n > dir->text_room) {
		size_t room = 2 * (dir->n_text + n) + 1024;
		char *text = aw__realloc(dir->text, room);

		if (!text)
			return -ENOMEM;
		dir->text = text;
		dir->text_room = room;
	}
	if (dir->n == dir->room) {
		size_t room = 2 * dir->room + 32;
		struct entry *all = aw__realloc(dir->entries,
						room * sizeof *all);

		if (!all)
			return -ENOMEM;
		dir->entries = all;
		dir->room = room;
	}
	return 0;
}

static enum aw_dir_type
type_of(unsigned char type)
{
	switch (type) {
	case DT_REG:
		return AW_DIR_FILE;
	case DT_DIR:
		return AW_DIR_FOLDER;
	case DT_LNK:
		return AW_DIR_LINK;
	case DT_UNKNOWN:
		return AW_DIR_UNKNOWN;
	default:
		return AW_DIR_OTHER;
	}
}

static int
add(struct aw_dir *dir, const struct dirent *found)
{
	size_t n = strlen(found->d_name) + 1;
	struct entry *entry;

	AW_TRY(make_room(dir, n));
	entry = &dir->entries[dir->n++];
	entry->place = dir->n_text;
	entry->inode = found->d_ino;
	entry->type = type_of(found->d_type);
	memcpy(dir->text + dir->n_text, found->d_name, n);
	dir->n_text += n;
	return 0;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int
read_names(DIR *stream, struct aw_dir *dir, int64_t max)
{
	struct dirent *found;

	for (;;) {
		errno = 0;
		found = readdir(stream);
		if (!found)
			return -errno;
		if (is_dots(found->d_name))
			continue;
		if (max != AW_FOREVER && dir->n >= (uint64_t)max)
			return AW_ELIMIT;
		AW_TRY(add(dir, found));
	}
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name,
		      ((const struct entry *)b)->name);
}

/* The text moves no more. */
static void
finish(struct aw_dir *dir)
{
	size_t i;

	for (i = 0; i < dir->n; i++)
		dir->entries[i].name = dir->text + dir->entries[i].place;
	if (dir->n > 1)
		qsort(dir->entries, dir->n, sizeof *dir->entries, by_name);
}

void
aw_dir_free(struct aw_dir *dir)
{
	if (!dir)
		return;
	aw__free(dir->text);
	aw__free(dir->entries);
	aw__free(dir);
}

void
aw_dir_freep(struct aw_dir **dir)
{
	aw_dir_free(*dir);
	*dir = NULL;
}

static int
run_read(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;
	struct aw_dir *dir;
	DIR *stream;
	int r;

	stream = opendir(p->path);
	if (!stream)
		return -errno;
	dir = aw__calloc(1, sizeof *dir);
	r = dir ? read_names(stream, dir, p->max) : -ENOMEM;
	closedir(stream);
	if (r < 0) {
		aw_dir_free(dir);
		return r;
	}
	finish(dir);
	p->result = dir;
	return 0;
}

/* Nobody took it. */
static void
discard_dir(struct aw__call *call)
{
	aw_dir_free(((struct aw__path *)(void *)call)->result);
}

int
aw_dir_read(struct aw_dir **ret, const char *path, int64_t max)
{
	void *dir = NULL;
	struct aw_task *self;
	struct aw__path *p;
	struct aw_job *job;
	int r;

	r = aw__enter(&self);
	if (r == 0 && max < 1)
		r = aw_fail(-EINVAL, "at most %lld names?", (long long)max);
	if (r == 0)
		r = aw__path_new(&job, sizeof *p, run_read, path, NULL);
	if (r < 0)
		return r;
	p = aw_job_memory(job);
	p->call.discard = discard_dir;
	p->max = max;
	r = aw__path_end(job, self, AW__CALL_LEAVE, "listing", &dir);
	if (r == AW_ELIMIT)
		return aw_fail(AW_ELIMIT, "%s has more than %lld names, which "
			       "max allows", path, (long long)max);
	if (r == 0)
		*ret = dir;
	return r;
}

int
aw_dir_next(struct aw_dir *dir, struct aw_dir_entry *ret)
{
	const struct entry *entry;

	if (dir->next == dir->n)
		return 0;
	entry = &dir->entries[dir->next++];
	*ret = (struct aw_dir_entry){ .name = entry->name,
				      .inode = entry->inode,
				      .type = entry->type };
	return 1;
}

size_t
aw_dir_count(const struct aw_dir *dir)
{
	return dir->n;
}
