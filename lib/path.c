/* SPDX-License-Identifier: MIT */
/*
 * Calls with one or two paths: each is a function that runs in a helper
 * thread, on copies of the paths.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <await/path.h>

#include "file_private.h"

/* --- Around each of them ----------------------------------------------- */

static void
discard(struct aw__call *call)
{
	aw__free(((struct aw__path *)(void *)call)->result);
}

/* The paths are copied behind the memory. */
int
aw__path_new(struct aw_job **ret, size_t size,
	     int (*run)(struct aw__call *call), const char *path,
	     const char *second)
{
	size_t n, n_second;
	struct aw__path *p;
	int r;

	if (!path)
		return aw_fail(-EINVAL, "the path is NULL");
	n = strlen(path) + 1;
	n_second = second ? strlen(second) + 1 : 0;
	r = aw__call_new(ret, size + n + n_second, run, discard);
	if (r < 0)
		return r;
	p = aw_job_memory(*ret);
	p->path = memcpy((char *)p + size, path, n);
	if (second)
		p->second = memcpy((char *)p + size + n, second, n_second);
	return 0;
}

int
aw__path_end(struct aw_job *job, struct aw_task *self,
	     enum aw__call_cancel cancel, const char *what, void **ret)
{
	struct aw__path *p = aw_job_memory(job);
	int r = aw__call_wait(job, self, cancel, what, p->path);

	if (r == 0 && ret) {
		*ret = p->result;
		p->result = NULL;
	}
	aw_job_free(job);
	return r;
}

static int
simple(int (*run)(struct aw__call *call), enum aw__call_cancel cancel,
       const char *what, const char *path, const char *second, int64_t number,
       void **ret)
{
	struct aw_task *self;
	struct aw__path *p;
	struct aw_job *job;
	int r;

	r = aw__enter(&self);
	if (r == 0)
		r = aw__path_new(&job, sizeof *p, run, path, second);
	if (r < 0)
		return r;
	p = aw_job_memory(job);
	p->number = number;
	return aw__path_end(job, self, cancel, what, ret);
}

static int
two_paths(int (*run)(struct aw__call *call), const char *what,
	  const char *path, const char *second)
{
	if (!second)
		return aw_fail(-EINVAL, "the second path is NULL");
	return simple(run, AW__CALL_FIRM, what, path, second, 0, NULL);
}

/* What a call that fills a structure found. */
static int
structure(int (*run)(struct aw__call *call), const char *path, void *ret,
	  size_t size, int64_t number)
{
	void *found = NULL;
	int r = simple(run, AW__CALL_LEAVE, "looking at", path, NULL, number,
		       &found);

	if (r == 0)
		memcpy(ret, found, size);
	aw__free(found);
	return r;
}

/* --- What only looks --------------------------------------------------- */

static int
run_stat(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;
	int r;

	p->result = aw__malloc(sizeof(struct stat));
	if (!p->result)
		return -ENOMEM;
	r = p->number ? lstat(p->path, p->result) : stat(p->path, p->result);
	return r < 0 ? -errno : 0;
}

int
aw_path_stat(const char *path, struct stat *ret)
{
	return structure(run_stat, path, ret, sizeof *ret, 0);
}

int
aw_path_lstat(const char *path, struct stat *ret)
{
	return structure(run_stat, path, ret, sizeof *ret, 1);
}

static int
run_statvfs(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	p->result = aw__malloc(sizeof(struct statvfs));
	if (!p->result)
		return -ENOMEM;
	return statvfs(p->path, p->result) < 0 ? -errno : 0;
}

int
aw_path_statvfs(const char *path, struct statvfs *ret)
{
	return structure(run_statvfs, path, ret, sizeof *ret, 0);
}

static int
run_access(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	return access(p->path, (int)p->number) < 0 ? -errno : 0;
}

int
aw_path_access(const char *path, int mode)
{
	return simple(run_access, AW__CALL_LEAVE, "looking at", path, NULL,
		      mode, NULL);
}

/* Links of /proc have no size: one buffer for all. */
static int
run_readlink(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;
	char *text = p->result = aw__malloc(PATH_MAX + 1);
	ssize_t n;

	if (!text)
		return -ENOMEM;
	n = readlink(p->path, text, PATH_MAX);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return 0;
}

int
aw_path_readlink(const char *path, char **ret)
{
	void *text = NULL;
	int r = simple(run_readlink, AW__CALL_LEAVE, "reading the link", path,
		       NULL, 0, &text);

	if (r == 0)
		*ret = text;
	return r;
}

static int
run_realpath(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	p->result = aw__malloc(PATH_MAX + 1);
	if (!p->result)
		return -ENOMEM;
	return realpath(p->path, p->result) ? 0 : -errno;
}

int
aw_path_realpath(const char *path, char **ret)
{
	void *text = NULL;
	int r = simple(run_realpath, AW__CALL_LEAVE, "resolving", path, NULL,
		       0, &text);

	if (r == 0)
		*ret = text;
	return r;
}

/* --- What changes something -------------------------------------------- */

static int
run_rename(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	return rename(p->path, p->second) < 0 ? -errno : 0;
}

int
aw_path_rename(const char *from, const char *to)
{
	return two_paths(run_rename, "renaming", from, to);
}

static int
run_link(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	return link(p->path, p->second) < 0 ? -errno : 0;
}

int
aw_path_link(const char *from, const char *to)
{
	return two_paths(run_link, "linking", from, to);
}

static int
run_symlink(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	return symlink(p->path, p->second) < 0 ? -errno : 0;
}

int
aw_path_symlink(const char *target, const char *path)
{
	return two_paths(run_symlink, "linking to", target, path);
}

static int
run_unlink(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	return unlink(p->path) < 0 ? -errno : 0;
}

int
aw_path_unlink(const char *path)
{
	return simple(run_unlink, AW__CALL_FIRM, "removing", path, NULL, 0,
		      NULL);
}

static int
run_rmdir(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;

	return rmdir(p->path) < 0 ? -errno : 0;
}

int
aw_path_rmdir(const char *path)
{
	return simple(run_rmdir, AW__CALL_FIRM, "removing", path, NULL, 0,
		      NULL);
}

/* --- Folders ----------------------------------------------------------- */

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
make_one(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0)
		return 0;
	return errno == EEXIST && is_folder(path) ? 0 : -errno;
}

/* Parents get the default mode, as those of mkdir -p. */
static int
make_all(char *path, mode_t mode)
{
	char *slash = path;
	int r;

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		r = is_folder(path) ? 0 : make_one(path, 0777);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return make_one(path, mode);
}

static int
run_mkdir(struct aw__call *call)
{
	struct aw__path *p = (struct aw__path *)(void *)call;
	char *copy;
	int r;

	if (!p->max)
		return mkdir(p->path, (mode_t)p->number) < 0 ? -errno : 0;
	copy = aw__strdup(p->path);
	if (!copy)
		return -ENOMEM;
	r = *copy ? make_all(copy, (mode_t)p->number) : -ENOENT;
	aw__free(copy);
	return r;
}

int
aw_path_mkdir_with(const char *path, const struct aw_mkdir_options *options)
{
	struct aw_task *self;
	struct aw__path *p;
	struct aw_job *job;
	int r;

	r = aw__enter(&self);
	if (r == 0 && options)
		r = aw__check_mode(options->mode);
	if (r == 0)
		r = aw__path_new(&job, sizeof *p, run_mkdir, path, NULL);
	if (r < 0)
		return r;
	p = aw_job_memory(job);
	p->number = options && options->mode ? options->mode : 0777;
	p->max = options && options->parents;
	return aw__path_end(job, self, AW__CALL_FIRM, "making", NULL);
}
