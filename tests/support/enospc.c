/* SPDX-License-Identifier: MIT */
/*
 * enospc.c - a full disk at will: LD_PRELOAD for a database server.
 *
 * While the file $AWAIT_ENOSPC/pg exists, PostgreSQL's tables cannot grow;
 * while $AWAIT_ENOSPC/mysql exists, InnoDB's cannot. What has its place on the
 * disk can still be written, as on a real full disk, and so can the logs that
 * a server cannot live without.  PostgreSQL grows a table by writing behind
 * its end; InnoDB reserves the space first, and dies when it cannot write
 * what it has reserved.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Which server's table is it? NULL: another file. */
static const char *
table_of(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	if (strstr(path, "/base/"))
		return "pg";
	return ends_with(path, ".ibd") ? "mysql" : NULL;
}

static int
is_full(int fd, off_t end)
{
	const char *folder = getenv("AWAIT_ENOSPC"), *server;
	int saved = errno, full = 0;
	char path[4096];
	struct stat st;

	server = folder ? table_of(fd) : NULL;
	if (server) {
		snprintf(path, sizeof path, "%s/%s", folder, server);
		full = access(path, F_OK) == 0 && fstat(fd, &st) == 0 &&
		       end > st.st_size;
	}
	errno = saved;
	return full;
}

static off_t
total(const struct iovec *iov, int n)
{
	off_t sum = 0;

	while (n-- > 0)
		sum += (off_t)iov[n].iov_len;
	return sum;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSE(fd, end) \
	do { \
		if (is_full(fd, end)) { \
			errno = ENOSPC; \
			return -1; \
		} \
	} while (0)

ssize_t
pwrite(int fd, const void *data, size_t n, off_t at)
{
	REFUSE(fd, at + (off_t)n);
	return REAL(pwrite)(fd, data, n, at);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	REFUSE(fd, at + total(iov, n));
	return REAL(pwritev)(fd, iov, n, at);
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
	return is_full(fd, at + n) ? ENOSPC : REAL(posix_fallocate)(fd, at, n);
}

int
fallocate64(int fd, int mode, off64_t at, off64_t n)
{
	REFUSE(fd, at + n);
	return REAL(fallocate64)(fd, mode, at, n);
}

int
ftruncate64(int fd, off64_t size)
{
	REFUSE(fd, size);
	return REAL(ftruncate64)(fd, size);
}
