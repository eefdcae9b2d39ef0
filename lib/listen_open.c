/* SPDX-License-Identifier: MIT */
/* aw_tcp_listen(), aw_unix_listen(), aw_listener_from_fd(). */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listen.h"
#include "resolve.h"
#include "runtime.h"
#include "stream_connect.h"

#define BACKLOG 1024

static int
copy_options(struct aw_listen_options *ret,
	     const struct aw_listen_options *options)
{
	struct aw_listen_options o = { 0 };

	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size
							     : sizeof o);
	if (o.backlog < 0 || o.mode < 0 || o.mode > 0777)
		return aw_fail(-EINVAL, ".backlog = %d, .mode = 0%o: 0 or "
			       "more, and 0..0777", o.backlog,
			       (unsigned)o.mode);
	o.backlog = o.backlog ? o.backlog : BACKLOG;
	o.stream.size = sizeof o.stream;
	AW_TRY(aw__stream_options(&o.stream, &o.stream));
	o.stream.local = NULL;		/* of connects alone, and not copied */
	*ret = o;
	return 0;
}

static int
port_of(const struct aw_address *a)
{
	const struct sockaddr_in *in = (const void *)&a->sockaddr;

	return a->family == AF_UNIX ? 0 : ntohs(in->sin_port);
}

/* Makes the listener; closes number when it fails. */
static int
finish(struct aw_listener **ret, int number, enum aw__stream_kind kind,
       const struct aw_listen_options *o)
{
	struct aw_address own;
	int r;

	if (listen(number, o->backlog) < 0)
		r = aw_fail(-errno, "listen: %s", aw_strerror(-errno));
	else
		r = aw__address_of(number, false, &own);
	if (r == 0)
		r = aw__listener_new(ret, number, kind, &o->stream);
	if (r < 0)
		close(number);
	else
		(*ret)->port = port_of(&own);
	return r;
}

static int
open_socket(int family)
{
	int number = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			    0);

	if (number < 0)
		return aw_fail(-errno, "a socket to listen on: %s",
			       aw_strerror(-errno));
	return number;
}

static void
set(int number, int level, int option, int value)
{
	aw_ignore(setsockopt(number, level, option, &value, sizeof value));
}

/* --- TCP --------------------------------------------------------------- */

static int
listen_at(struct aw_listener **ret, const struct aw_address *a, bool both,
	  const struct aw_listen_options *o)
{
	int number = open_socket(a->family), r;

	if (number < 0)
		return number;
	set(number, SOL_SOCKET, SO_REUSEADDR, 1);
	if (o->reuse_port)
		set(number, SOL_SOCKET, SO_REUSEPORT, 1);
	if (a->family == AF_INET6)
		set(number, IPPROTO_IPV6, IPV6_V6ONLY, !both);
	if (bind(number, (const void *)&a->sockaddr, a->size) < 0) {
		r = aw_fail(-errno, "listening on %s port %d: %s", a->text,
			    port_of(a), aw_strerror(-errno));
		close(number);
		return r;
	}
	return finish(ret, number, AW__STREAM_TCP, o);
}

/* A machine without IPv6 says so in one of these ways. */
static bool
lacks_ipv6(int r)
{
	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL;
}

int
aw_tcp_listen_with(struct aw_listener **ret, const char *host, int port,
		   const struct aw_listen_options *options)
{
	bool all = host && strcmp(host, "*") == 0;
	AW_AUTO(aw_addresses, list);
	struct aw_listen_options o;
	int r;

	AW_TRY(copy_options(&o, options));
	if (!host)
		host = "127.0.0.1";
	AW_TRY(aw_resolve(&list, all ? "::" : host, port));
	r = listen_at(ret, &list->at[0], all, &o);
	if (!all || !lacks_ipv6(r))
		return r;
	aw_addresses_freep(&list);
	AW_TRY(aw_resolve(&list, "0.0.0.0", port));
	return listen_at(ret, &list->at[0], false, &o);
}

/* --- Unix sockets ------------------------------------------------------ */

/* Is it a socket on which nobody listens any more? */
static bool
is_stale(const struct sockaddr_un *un, socklen_t size)
{
	int number = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
			    SOCK_CLOEXEC, 0);
	struct stat file;
	bool refused;

	if (number < 0)
		return false;
	refused = un->sun_path[0] && lstat(un->sun_path, &file) == 0 &&
		  S_ISSOCK(file.st_mode) &&
		  connect(number, (const void *)un, size) < 0 &&
		  errno == ECONNREFUSED;
	close(number);
	return refused;
}

static int
bind_path(int number, const struct sockaddr_un *un, socklen_t size)
{
	const struct sockaddr *to = (const void *)un;

	if (bind(number, to, size) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (!is_stale(un, size))
		return -EADDRINUSE;
	if (unlink(un->sun_path) < 0 || bind(number, to, size) < 0)
		return -errno;
	return 0;
}

/* The path becomes ours: with its permissions, and to be removed. Nobody can
 * connect before listen(2), so nobody slips in before the chmod. */
static int
own_path(const char *path, int mode, struct stat *ret, char **ret_path)
{
	if (mode && chmod(path, (mode_t)mode) < 0)
		return -errno;
	if (lstat(path, ret) < 0)
		return -errno;
	*ret_path = aw__strdup(path);
	return *ret_path ? 0 : -ENOMEM;
}

static int
bind_and_own(int number, const struct sockaddr_un *un, socklen_t size,
	     int mode, struct stat *ret_file, char **ret_path)
{
	int r = bind_path(number, un, size);

	if (r < 0 || un->sun_path[0] == '\0')
		return r;
	r = own_path(un->sun_path, mode, ret_file, ret_path);
	if (r < 0)
		unlink(un->sun_path);
	return r;
}

int
aw_unix_listen_with(struct aw_listener **ret, const char *path,
		    const struct aw_listen_options *options)
{
	struct aw_listen_options o;
	struct sockaddr_un un;
	struct stat file = { 0 };
	socklen_t size = 0;
	char *own = NULL;
	int number, r;

	if (!aw__loop)
		return aw__no_loop("aw_unix_listen");
	AW_TRY(copy_options(&o, options));
	AW_TRY(aw__unix_address(&un, &size, path));
	number = open_socket(AF_UNIX);
	if (number < 0)
		return number;
	r = bind_and_own(number, &un, size, o.mode, &file, &own);
	if (r < 0) {
		close(number);
		return aw_fail(r, "listening on %s: %s", path, aw_strerror(r));
	}
	r = finish(ret, number, AW__STREAM_UNIX, &o);
	if (r < 0) {
		if (own)
			unlink(own);
		aw__free(own);
		return r;
	}
	(*ret)->path = own;
	(*ret)->dev = file.st_dev;
	(*ret)->ino = file.st_ino;
	return 0;
}

/* --- A descriptor ------------------------------------------------------ */

static int
check_listens(int fd, int *ret_domain)
{
	int listens = 0;
	socklen_t size = sizeof listens;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
		return aw_fail(-errno, "descriptor %d: %s", fd,
			       aw_strerror(-errno));
	if (!listens)
		return aw_fail(-EINVAL, "descriptor %d does not listen", fd);
	size = sizeof *ret_domain;
	aw_ignore(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, ret_domain, &size));
	return 0;
}

int
aw_listener_from_fd_with(struct aw_listener **ret, int fd,
			 const struct aw_listen_options *options)
{
	struct aw_listen_options o;
	struct aw_address own;
	int domain = AF_UNIX;

	if (!aw__loop)
		return aw__no_loop("aw_listener_from_fd");
	AW_TRY(copy_options(&o, options));
	AW_TRY(check_listens(fd, &domain));
	AW_TRY(aw__address_of(fd, false, &own));
	AW_TRY(aw__listener_new(ret, fd, domain == AF_UNIX ? AW__STREAM_UNIX
							   : AW__STREAM_TCP,
				&o.stream));
	(*ret)->port = port_of(&own);
	aw_ignore(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
	aw_ignore(fcntl(fd, F_SETFD, FD_CLOEXEC));
	return 0;
}
