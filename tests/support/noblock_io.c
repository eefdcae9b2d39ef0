/* SPDX-License-Identifier: MIT */
/*
 * Guards: sockets, pipes, terminals, files.
 *
 * A descriptor waits unless it is O_NONBLOCK or the call says MSG_DONTWAIT;
 * what it is decides whom it would wait for. Standard error is free: it is
 * written on request or when the process is about to die. So are the kernel's
 * own files (/proc, /sys, /dev), which are no disk, and fstat() and lseek(),
 * which look at what is open. The name of an open file is not known to
 * read(): what /proc gives is not judged by the open but by being read.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "noblock.h"

#define PROC_MAGIC 0x9fa0		/* linux/magic.h */
#define SYSFS_MAGIC 0x62656572

/* --- What a descriptor is ---------------------------------------------- */

static bool
is_kernels(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == PROC_MAGIC || fs.f_type == SYSFS_MAGIC);
}

/* /dev/null, zero, full, random, urandom: memory. */
static bool
is_memory(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && major(st->st_rdev) == 1;
}

static void
judge_fd(int fd, int flags, const char *call, void *caller)
{
	struct stat st;
	int mode;

	if (flags & MSG_DONTWAIT || fd == STDERR_FILENO || fstat(fd, &st) < 0)
		return;
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ||
	    S_ISDIR(st.st_mode)) {
		if (!is_kernels(fd))
			noblock_judge(GUARDED_FILE, call, caller);
		return;
	}
	mode = fcntl(fd, F_GETFL);
	if (mode >= 0 && !(mode & O_NONBLOCK) && !is_memory(&st))
		noblock_judge(GUARDED_SOCKET, call, caller);
}

/* A datagram's connect only writes the address down. */
static bool
is_datagram(int fd)
{
	int type = 0;
	socklen_t n = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	       type == SOCK_DGRAM;
}

#define FD(flags) judge_fd(fd, flags, call, caller)

/* --- Sockets and whatever is read and written --------------------------- */

GUARDED(int, connect, (int fd, const struct sockaddr *address, socklen_t n),
	(fd, address, n),
	if (!is_datagram(fd)) FD(0))
GUARDED(int, accept, (int fd, struct sockaddr *address, socklen_t *n),
	(fd, address, n), FD(0))
GUARDED(int, accept4,
	(int fd, struct sockaddr *address, socklen_t *n, int flags),
	(fd, address, n, flags), FD(0))

GUARDED(ssize_t, read, (int fd, void *data, size_t n), (fd, data, n), FD(0))
GUARDED(ssize_t, __read_chk, (int fd, void *data, size_t n, size_t room),
	(fd, data, n, room), FD(0))
GUARDED(ssize_t, readv, (int fd, const struct iovec *at, int n), (fd, at, n),
	FD(0))
GUARDED(ssize_t, recv, (int fd, void *data, size_t n, int flags),
	(fd, data, n, flags), FD(flags))
GUARDED(ssize_t, __recv_chk,
	(int fd, void *data, size_t n, size_t room, int flags),
	(fd, data, n, room, flags), FD(flags))
GUARDED(ssize_t, recvfrom,
	(int fd, void *data, size_t n, int flags, struct sockaddr *address,
	 socklen_t *length),
	(fd, data, n, flags, address, length), FD(flags))
GUARDED(ssize_t, __recvfrom_chk,
	(int fd, void *data, size_t n, size_t room, int flags,
	 struct sockaddr *address, socklen_t *length),
	(fd, data, n, room, flags, address, length), FD(flags))
GUARDED(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
	(fd, message, flags), FD(flags))

GUARDED(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n),
	FD(0))
GUARDED(ssize_t, writev, (int fd, const struct iovec *at, int n), (fd, at, n),
	FD(0))
GUARDED(ssize_t, send, (int fd, const void *data, size_t n, int flags),
	(fd, data, n, flags), FD(flags))
GUARDED(ssize_t, sendto,
	(int fd, const void *data, size_t n, int flags,
	 const struct sockaddr *address, socklen_t length),
	(fd, data, n, flags, address, length), FD(flags))
GUARDED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
	(fd, message, flags), FD(flags))
GUARDED(ssize_t, sendfile, (int fd, int from, off_t *at, size_t n),
	(fd, from, at, n), FD(0); judge_fd(from, 0, call, caller))

/* --- Streams of the C library: where they reach their descriptor --------- */

#define STREAM judge_fd(fileno(file), 0, call, caller)

GUARDED(size_t, fread, (void *data, size_t size, size_t n, FILE *file),
	(data, size, n, file), STREAM)
GUARDED(size_t, fwrite, (const void *data, size_t size, size_t n, FILE *file),
	(data, size, n, file), STREAM)
GUARDED(char *, fgets, (char *line, int n, FILE *file), (line, n, file),
	STREAM)
GUARDED(ssize_t, getline, (char **line, size_t *room, FILE *file),
	(line, room, file), STREAM)
GUARDED(ssize_t, __getdelim, (char **line, size_t *room, int end, FILE *file),
	(line, room, end, file), STREAM)	/* getline(), optimised */
GUARDED(int, fflush, (FILE *file), (file), if (file) STREAM)

/* --- Open files -------------------------------------------------------- */

GUARDED(ssize_t, pread, (int fd, void *data, size_t n, off_t at),
	(fd, data, n, at), FD(0))
GUARDED(ssize_t, pread64, (int fd, void *data, size_t n, off64_t at),
	(fd, data, n, at), FD(0))
GUARDED(ssize_t, preadv, (int fd, const struct iovec *v, int n, off_t at),
	(fd, v, n, at), FD(0))
GUARDED(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at),
	(fd, data, n, at), FD(0))
GUARDED(ssize_t, pwrite64, (int fd, const void *data, size_t n, off64_t at),
	(fd, data, n, at), FD(0))
GUARDED(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t at),
	(fd, v, n, at), FD(0))
GUARDED(ssize_t, getdents64, (int fd, void *data, size_t n), (fd, data, n),
	FD(0))
GUARDED(int, fsync, (int fd), (fd), ALWAYS(GUARDED_FILE))
GUARDED(int, fdatasync, (int fd), (fd), ALWAYS(GUARDED_FILE))
GUARDED(int, syncfs, (int fd), (fd), ALWAYS(GUARDED_FILE))
GUARDED(int, msync, (void *at, size_t n, int flags), (at, n, flags),
	IF(flags & MS_SYNC, GUARDED_FILE))
GUARDED(int, ftruncate, (int fd, off_t size), (fd, size), FD(0))
GUARDED(int, ftruncate64, (int fd, off64_t size), (fd, size), FD(0))
GUARDED(int, posix_fallocate, (int fd, off_t at, off_t n), (fd, at, n),
	ALWAYS(GUARDED_FILE))
GUARDED(int, fallocate, (int fd, int mode, off_t at, off_t n),
	(fd, mode, at, n), ALWAYS(GUARDED_FILE))
GUARDED(ssize_t, copy_file_range,
	(int from, off64_t *from_at, int to, off64_t *to_at, size_t n,
	 unsigned flags),
	(from, from_at, to, to_at, n, flags), ALWAYS(GUARDED_FILE))
GUARDED(int, flock, (int fd, int what), (fd, what),
	IF(!(what & LOCK_NB), GUARDED_FILE))

/* --- Files by name ----------------------------------------------------- */

static bool
on_disk(const char *path)
{
	return strncmp(path, "/proc/", 6) != 0 &&
	       strncmp(path, "/sys/", 5) != 0 &&
	       strncmp(path, "/dev/", 5) != 0;
}

#define PATH(path) IF(on_disk(path), GUARDED_FILE)

#define OPEN(name, parameters, arguments) \
	int \
	name parameters \
	{ \
		mode_t mode = 0; \
		va_list rest; \
		if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) { \
			va_start(rest, flags); \
			mode = va_arg(rest, mode_t); \
			va_end(rest); \
		} \
		if (noblock_watches() && on_disk(path)) \
			noblock_judge(GUARDED_FILE, #name, CALLER); \
		return REAL(name) arguments; \
	}

OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...),
     (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...),
     (at, path, flags, mode))

GUARDED(int, __open_2, (const char *path, int flags), (path, flags),
	PATH(path))
GUARDED(int, __open64_2, (const char *path, int flags), (path, flags),
	PATH(path))
GUARDED(FILE *, fopen, (const char *path, const char *mode), (path, mode),
	PATH(path))
GUARDED(FILE *, fopen64, (const char *path, const char *mode), (path, mode),
	PATH(path))
GUARDED(DIR *, opendir, (const char *path), (path), PATH(path))
GUARDED(int, stat, (const char *path, struct stat *ret), (path, ret),
	PATH(path))
GUARDED(int, stat64, (const char *path, struct stat64 *ret), (path, ret),
	PATH(path))
GUARDED(int, lstat, (const char *path, struct stat *ret), (path, ret),
	PATH(path))
GUARDED(int, lstat64, (const char *path, struct stat64 *ret), (path, ret),
	PATH(path))
GUARDED(int, fstatat, (int at, const char *path, struct stat *ret, int flags),
	(at, path, ret, flags), PATH(path))
GUARDED(int, statx,
	(int at, const char *path, int flags, unsigned mask,
	 struct statx *ret),
	(at, path, flags, mask, ret), PATH(path))
GUARDED(int, access, (const char *path, int mode), (path, mode), PATH(path))
GUARDED(int, rename, (const char *from, const char *to), (from, to),
	PATH(from))
GUARDED(int, renameat,
	(int from_at, const char *from, int to_at, const char *to),
	(from_at, from, to_at, to), PATH(from))
GUARDED(int, renameat2,
	(int from_at, const char *from, int to_at, const char *to,
	 unsigned flags),
	(from_at, from, to_at, to, flags), PATH(from))
GUARDED(int, link, (const char *from, const char *to), (from, to),
	PATH(from))
GUARDED(int, linkat,
	(int from_at, const char *from, int to_at, const char *to, int flags),
	(from_at, from, to_at, to, flags), PATH(to))
GUARDED(int, unlink, (const char *path), (path), PATH(path))
GUARDED(int, unlinkat, (int at, const char *path, int flags),
	(at, path, flags), PATH(path))
GUARDED(int, mkdir, (const char *path, mode_t mode), (path, mode),
	PATH(path))
GUARDED(int, mkdirat, (int at, const char *path, mode_t mode),
	(at, path, mode), PATH(path))
GUARDED(int, rmdir, (const char *path), (path), PATH(path))
GUARDED(int, truncate, (const char *path, off_t size), (path, size),
	PATH(path))
