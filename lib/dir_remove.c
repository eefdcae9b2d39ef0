/* SPDX-License-Identifier: MIT */
/*
 * Removing a folder with all that is in it, and temporary folders.
 *
 * Names are followed from descriptor to descriptor, never through a symbolic
 * link, so that nobody can lead the removal elsewhere by replacing a folder
 * by a link meanwhile. Everything here blocks and is for helper threads.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <await/path.h>

#include "file_private.h"

#define DEPTH_MAX 1000			/* a descriptor for each level */

struct aw_temp_folder {
	struct aw_closer closer;
	unsigned mark;
	char path[];
};

/* --- In the thread ----------------------------------------------------- */

static int remove_all(int parent, const char *name, atomic_bool *stop,
		      int depth);

static int
remove_content(int fd, atomic_bool *stop, int depth)
{
	DIR *stream = fdopendir(fd);
	struct dirent *found;
	int r = 0;

	if (!stream) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (found = readdir(stream)) != NULL) {
		if (strcmp(found->d_name, ".") == 0 ||
		    strcmp(found->d_name, "..") == 0)
			continue;
		r = remove_all(dirfd(stream), found->d_name, stop, depth + 1);
		if (r == -ENOENT)
			r = 0;
	}
	closedir(stream);
	return r;
}

static int
remove_all(int parent, const char *name, atomic_bool *stop, int depth)
{
	int fd, r;

	if (atomic_load(stop))
		return AW_ECANCELED;
	if (depth > DEPTH_MAX)
		return -ELOOP;
	if (unlinkat(parent, name, 0) == 0)
		return 0;
	if (errno != EISDIR)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = remove_content(fd, stop, depth);
	if (r < 0)
		return r;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int
run_remove(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	return remove_all(AT_FDCWD, p->path, &call->stop, 0);
}

/* rmdir() refuses ".", ".." and "/": that must not be found out when they are
 * empty already. */
static bool
is_removable(const char *path)
{
	size_t n = strlen(path), begin;

	if (n == 0)
		return true;		/* -ENOENT */
	while (n > 0 && path[n - 1] == '/')
		n--;
	for (begin = n; begin > 0 && path[begin - 1] != '/'; begin--)
		;
	path += begin;
	n -= begin;
	return n > 2 || (n > 0 && memcmp(path, "..", n) != 0);
}

int
aw_path_remove(const char *path)
{
	struct aw_task *self;
	struct aw_job *job;
	int r;

	r = aw__enter(&self);
	if (r == 0 && path && !is_removable(path))
		r = aw_fail(-EINVAL, "removing %s: its last part is no name",
			    path);
	if (r == 0)
		r = aw__path_new(&job, sizeof(struct aw__path), run_remove,
				 path, NULL);
	if (r < 0)
		return r;
	return aw__path_end(job, self, AW__CALL_STOP, "removing", NULL);
}

/* --- Temporary folders ------------------------------------------------- */

static int
run_make(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	return mkdir(p->path, 0700) < 0 ? -errno : 0;
}

/* The task of a library, which a loop that ends waits for. */
static int
remover(void *arg)
{
	char *path = arg;
	int r = aw_path_remove(path);

	aw__free(path);
	return r;
}

/* Nobody waits for it; where no task can be had, in place, as the close of a
 * descriptor. */
static void
remove_later(const char *path)
{
	struct aw__failure *failure = aw__failure_here(), before = { 0 };
	char *copy = aw__strdup(path);
	atomic_bool stop = false;

	aw__failure_move(failure, &before);
	if (!copy || !aw__loop || aw__loop->post_closed ||
	    aw_service_start("removes a temporary folder", remover, copy) < 0) {
		remove_all(AT_FDCWD, path, &stop, 0);
		aw__free(copy);
		aw__failure_fini(failure);
	}
	aw__failure_move(&before, failure);
}

static void
loop_ends(void *arg)
{
	struct aw_temp_folder *folder = arg;

	remove_later(folder->path);
	folder->path[0] = '\0';
}

static struct aw_temp_folder *
folder_new(const char *path)
{
	size_t n = strlen(path) + 1;
	struct aw_temp_folder *folder = aw__malloc(sizeof *folder + n);

	if (!folder)
		return NULL;
	memset(folder, 0, sizeof *folder);
	folder->closer.fn = loop_ends;
	folder->closer.arg = folder;
	folder->mark = aw_fork_mark();
	memcpy(folder->path, path, n);
	return folder;
}

static int
make_folder(struct aw_task *self, struct aw_temp_folder *folder)
{
	struct aw_job *job;
	int r;

	r = aw__path_new(&job, sizeof(struct aw__path), run_make, folder->path,
			 NULL);
	if (r == 0)
		r = aw__path_end(job, self, AW__CALL_FIRM, "making", NULL);
	return r < 0 ? r : aw_closer_add(&folder->closer);
}

int
aw_temp_folder_new(struct aw_temp_folder **ret, const char *parent)
{
	struct aw_temp_folder *folder;
	struct aw_task *self;
	char *path;
	int r;

	r = aw__enter(&self);
	if (r < 0)
		return r;
	parent = parent ? parent : aw__temp_folder();
	path = aw__temp_name(parent, strlen(parent), "/", "tmp", "");
	folder = path ? folder_new(path) : NULL;
	aw__free(path);
	if (!folder)
		return aw_fail(-ENOMEM, "no memory for a folder");
	r = make_folder(self, folder);
	if (r < 0) {
		aw__free(folder);
		return r;
	}
	*ret = folder;
	return 0;
}

const char *
aw_temp_folder_path(const struct aw_temp_folder *folder)
{
	return folder->path;
}

int
aw_temp_folder_remove(struct aw_temp_folder **folder)
{
	int r;

	if (!*folder)
		return 0;
	if ((*folder)->mark != aw_fork_mark())
		r = aw_fail(AW_EFORK, "the folder %s is the parent process's",
			    (*folder)->path);
	else
		r = aw_path_remove((*folder)->path);
	if (r == 0)
		(*folder)->path[0] = '\0';
	aw_temp_folder_freep(folder);
	return r;
}

void
aw_temp_folder_freep(struct aw_temp_folder **folder)
{
	struct aw_temp_folder *f = *folder;

	*folder = NULL;
	if (!f || f->mark != aw_fork_mark())
		return;
	aw_closer_remove(&f->closer);
	if (f->path[0])
		remove_later(f->path);
	aw__free(f);
}
