/* SPDX-License-Identifier: MIT */
/*
 * Files that get their name when they are complete.
 *
 *	open(O_TMPFILE)  write ...  fsync  link(temp)  rename(temp, path)
 *	                                               fsync(folder)
 *
 * Until the link there is nothing that a killed process could leave behind.
 * linkat() does not replace a file that is there, hence the second name. Where
 * the file system has no O_TMPFILE, or there is no /proc to link through, the
 * file has its temporary name from the begin.
 *
 * Everything here blocks and is for helper threads.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_private.h"
#include "random.h"

#define TRIES 100
#define NAME_CUT 200

/* Bytes of the folder's part, with the slash. */
static size_t
folder_size(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

char *
aw__temp_name(const char *folder, size_t n, const char *slash,
	      const char *prefix, const char *suffix)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz012345";
	size_t size = n + strlen(slash) + strlen(prefix) + strlen(suffix) + 9;
	uint64_t bits = (uint64_t)(aw__random() * 0x1p40);
	char *name = aw__malloc(size), random[9];
	int i;

	if (!name)
		return NULL;
	for (i = 0; i < 8; i++, bits >>= 5)
		random[i] = digits[bits & 31];
	random[8] = '\0';
	snprintf(name, size, "%.*s%s%s%s%s", (int)n, folder, slash, prefix,
		 random, suffix);
	return name;
}

const char *
aw__temp_folder(void)
{
	const char *folder = secure_getenv("TMPDIR");

	return folder && *folder ? folder : "/tmp";
}

/* ".name.XXXXXXXX.tmp" beside path; long names are cut to fit NAME_MAX. */
static char *
name_beside(const char *path)
{
	size_t n = folder_size(path);
	char prefix[NAME_CUT + 3];

	snprintf(prefix, sizeof prefix, ".%.*s.", NAME_CUT, path + n);
	return aw__temp_name(path, n, "", prefix, ".tmp");
}

static int
open_named(struct aw__draft *draft, const char *path, mode_t mode)
{
	int i;

	for (i = 0; i < TRIES; i++) {
		char *name = name_beside(path);

		if (!name)
			return -ENOMEM;
		draft->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				 mode);
		if (draft->fd >= 0) {
			draft->temp = name;
			return 0;
		}
		aw__free(name);
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* Without a name; -EOPNOTSUPP: not on this file system, or not linkable. */
static int
open_nameless(struct aw__draft *draft, const char *path, mode_t mode)
{
	size_t n = folder_size(path);
	char *folder;

	if (access("/proc/self/fd", X_OK) < 0)
		return -EOPNOTSUPP;
	folder = aw__malloc(n + 2);
	if (!folder)
		return -ENOMEM;
	memcpy(folder, n ? path : ".", n ? n : 1);
	folder[n ? n : 1] = '\0';
	draft->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	aw__free(folder);
	if (draft->fd >= 0)
		return 0;
	return errno == EISDIR || errno == ENOENT ? -EOPNOTSUPP : -errno;
}

/* A FIFO or a device would be gone for everybody else who uses it: /dev/null
 * for a process of root. */
static int
check_old(struct aw__draft *draft, const struct stat *old)
{
	if (S_ISREG(old->st_mode))
		return 0;
	if (S_ISDIR(old->st_mode))
		return -EISDIR;
	draft->why = "there is something that is no regular file, which is "
		     "not replaced";
	return -EINVAL;
}

/* Bits like set-user-ID were given to other content, perhaps by another owner:
 * they are not passed on. */
int
aw__draft_open(struct aw__draft *draft, const char *path, int mode)
{
	mode_t wanted = mode ? (mode_t)mode : 0666;
	struct stat old = { 0 };
	bool keep;
	int r;

	draft->temp = NULL;
	draft->fd = -1;
	draft->why = NULL;
	keep = stat(path, &old) == 0;
	r = keep ? check_old(draft, &old) : 0;
	if (r < 0)
		return r;
	keep = keep && !mode;
	r = open_nameless(draft, path, wanted);
	if (r == -EOPNOTSUPP || r == -EINVAL)
		r = open_named(draft, path, wanted);
	if (r == 0 && keep && fchmod(draft->fd, old.st_mode & 0777) < 0) {
		r = -errno;
		aw__draft_close(draft);
	}
	return r;
}

/* --- Commit ------------------------------------------------------------ */

static int
link_to(int fd, const char *name)
{
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0
	       ? -errno : 0;
}

static int
link_beside(struct aw__draft *draft, const char *path)
{
	int i, r = -EEXIST;

	for (i = 0; i < TRIES && r == -EEXIST; i++) {
		char *name = name_beside(path);

		if (!name)
			return -ENOMEM;
		r = link_to(draft->fd, name);
		if (r == 0)
			draft->temp = name;
		else
			aw__free(name);
	}
	return r;
}

static int
put_in_place(struct aw__draft *draft, const char *path, bool exclusive)
{
	int r = 0;

	if (exclusive && !draft->temp)
		return link_to(draft->fd, path);
	if (exclusive)
		return link(draft->temp, path) < 0 ? -errno : 0;
	if (!draft->temp)
		r = link_beside(draft, path);
	if (r < 0)
		return r;
	if (rename(draft->temp, path) < 0)
		return -errno;
	aw__free(draft->temp);
	draft->temp = NULL;
	return 0;
}

/* So that the new name outlives a crash too. Some file systems have no such
 * thing, and say EINVAL. */
static int
sync_folder(const char *path)
{
	size_t n = folder_size(path);
	char *folder = aw__malloc(n + 2);
	int fd, r = 0;

	if (!folder)
		return -ENOMEM;
	memcpy(folder, n ? path : ".", n ? n : 1);
	folder[n ? n : 1] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	aw__free(folder);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close(fd);
	return r;
}

static void
remove_temp(struct aw__draft *draft)
{
	if (draft->temp)
		unlink(draft->temp);
	aw__free(draft->temp);
	draft->temp = NULL;
}

int
aw__draft_commit(struct aw__draft *draft, const char *path, bool sync,
		 bool exclusive)
{
	int r;

	if (sync && fsync(draft->fd) < 0)
		r = -errno;
	else
		r = put_in_place(draft, path, exclusive);
	remove_temp(draft);
	return r == 0 && sync ? sync_folder(path) : r;
}

void
aw__draft_close(struct aw__draft *draft)
{
	remove_temp(draft);
	if (draft->fd >= 0)
		close(draft->fd);
	draft->fd = -1;
}

int
aw__write_all(int fd, const void *data, size_t size, atomic_bool *stop)
{
	const unsigned char *from = data;

	while (size > 0) {
		size_t piece = size < AW__PIECE ? size : AW__PIECE;
		ssize_t n = write(fd, from, piece);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			from += n;
			size -= (size_t)n;
		}
		if (stop && atomic_load(stop))
			return AW_ECANCELED;
	}
	return 0;
}
