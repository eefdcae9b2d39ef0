/* SPDX-License-Identifier: MIT */
/*
 * wakeup.c - the two sockets that libcurl makes for itself.
 *
 * curl_multi_init() makes a pair for curl_multi_wakeup(), which we have no
 * use for, and leaves it to every program that is started (seen with 7.88.1).
 * There is neither an option nor a call that tells their numbers.  But a
 * wake-up is a byte from one to the other: the socket on which four of them
 * show is one of the pair, unless another thread was writing to it meanwhile.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

#define BEYOND 1024		/* numbers behind the lowest free one */

/* Numbers are given from the lowest: those of a moment ago are not far above
 * the first that is free now, whatever other threads have closed. */
static int
end_of_numbers(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return (fd < 0 ? (int)sysconf(_SC_OPEN_MAX) : fd) + BEYOND;
}

static bool
is_inherited_unix(int fd)
{
	socklen_t size = sizeof(int);
	int domain = 0;

	return fcntl(fd, F_GETFD) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
	       domain == AF_UNIX;
}

/* Bytes that wait at this end, or at the other for what was sent from it. */
static int
queued(int fd)
{
	int in = 0, out = 0;

	ioctl(fd, FIONREAD, &in);
	ioctl(fd, SIOCOUTQ, &out);
	return in + out;
}

static bool
is_woken_by(CURLM *multi, int fd)
{
	for (int i = 0; i < 4; i++) {
		int before = queued(fd);

		if (curl_multi_wakeup(multi) || queued(fd) <= before)
			return false;
	}
	return true;
}

void
aw__wakeup_hide(CURLM *multi)
{
	int end = end_of_numbers();

	for (int fd = 0; fd < end; fd++)
		if (is_inherited_unix(fd) && is_woken_by(multi, fd))
			aw_ignore(fcntl(fd, F_SETFD, FD_CLOEXEC));
}
