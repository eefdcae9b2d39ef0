/* SPDX-License-Identifier: MIT */
/* Making connections: stream_open.c asks, stream_connect.c runs the race. */
#ifndef AW__STREAM_CONNECT_H
#define AW__STREAM_CONNECT_H

#include <sys/socket.h>
#include <sys/un.h>

#include "stream.h"

/* The first of the addresses that connects: its descriptor, and its watcher
 * or NULL. Awaits. local is where to connect from, or NULL; host and port are
 * for messages. */
int aw__race(const struct aw_addresses *list, const struct aw_address *local,
	     const char *host, int port, int *ret_number,
	     struct aw_fd **ret_fd);

/* The address of a path, or of an abstract name (@...). */
int aw__unix_address(struct sockaddr_un *ret, socklen_t *ret_size,
		     const char *path);

#endif
