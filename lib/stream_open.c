/* SPDX-License-Identifier: MIT */
/* aw_tcp_connect() and aw_unix_connect(). */
#include <unistd.h>

#include "resolve.h"
#include "runtime.h"
#include "stream_connect.h"

/* --- TCP --------------------------------------------------------------- */

static int
find_and_race(const char *host, int port, const struct aw_stream_options *o,
	      int *ret_number, struct aw_fd **ret_fd)
{
	AW_AUTO(aw_addresses, list);
	struct aw_address local;
	AW_BUDGET(o->connect);

	if (o->local && !aw__address_numeric(&local, o->local))
		return aw_fail(-EINVAL, ".local = '%.80s': a numeric address "
			       "is needed", o->local);
	AW_TRY(aw_resolve(&list, host, port));
	return aw__race(list, o->local ? &local : NULL, host, port,
			ret_number, ret_fd);
}

int
aw_tcp_connect_with(struct aw_stream **ret, const char *host, int port,
		    const struct aw_stream_options *options)
{
	struct aw_stream_options o;
	struct aw_fd *fd = NULL;
	int number = -1, r;

	if (port < 1)
		return aw_fail(-EINVAL, "aw_tcp_connect: port %d is not in "
			       "1..65535", port);
	r = aw__stream_options(&o, options);
	if (r == 0)
		r = find_and_race(host, port, &o, &number, &fd);
	if (r < 0)
		return r;
	r = aw__stream_new(ret, number, fd, AW__STREAM_TCP, &o);
	if (r < 0) {
		aw_fd_free(fd);
		close(number);
	}
	return r;
}

/* --- Unix sockets ------------------------------------------------------ */

int
aw__unix_address(struct sockaddr_un *ret, socklen_t *ret_size,
		 const char *path)
{
	size_t n = path ? strlen(path) : 0;
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (n == 0)
		return aw_fail(-EINVAL, "the path of a unix socket is empty");
	if (n >= sizeof un.sun_path)
		return aw_fail(-ENAMETOOLONG, "the path of a unix socket has "
			       "%zu bytes, %zu are possible: %.120s...", n,
			       sizeof un.sun_path - 1, path);
	memcpy(un.sun_path, path, n);
	*ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (un.sun_path[0] == '@')
		un.sun_path[0] = '\0';
	else
		(*ret_size)++;
	*ret = un;
	return 0;
}

static int
fail_unix(int error, const char *path)
{
	return aw_fail(-error, "the unix socket %s: %s", path,
		       aw_strerror(-error));
}

/* A full backlog is EAGAIN, and nothing tells when there is room. */
static int
knock(int number, const struct sockaddr_un *un, socklen_t size,
      const char *path)
{
	double pause = 0.001;

	AW_TRY(aw_checkpoint());
	while (connect(number, (const void *)un, size) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return fail_unix(errno, path);
		AW_TRY(aw_sleep(pause));
		pause = pause < 0.025 ? pause * 2 : 0.05;
	}
	return 0;
}

static int
knock_within(double seconds, int number, const struct sockaddr_un *un,
	     socklen_t size, const char *path)
{
	AW_BUDGET(seconds);

	return knock(number, un, size, path);
}

int
aw_unix_connect_with(struct aw_stream **ret, const char *path,
		     const struct aw_stream_options *options)
{
	struct aw_stream_options o;
	struct sockaddr_un un;
	socklen_t size = 0;
	int number, r;

	r = aw__stream_options(&o, options);
	if (r == 0)
		r = aw__unix_address(&un, &size, path);
	if (r < 0)
		return r;
	number = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	if (number < 0)
		return fail_unix(errno, path);
	r = knock_within(o.connect, number, &un, size, path);
	if (r < 0)
		aw_error_edit()->sent = AW_NOT_SENT;
	else
		r = aw__stream_new(ret, number, NULL, AW__STREAM_UNIX, &o);
	if (r < 0)
		close(number);
	return r;
}
