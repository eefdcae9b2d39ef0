/* SPDX-License-Identifier: MIT */
/* What a stream tells about itself. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "resolve.h"
#include "runtime.h"
#include "stream.h"

/* An abstract name begins with a NUL, which is written as @. */
static void
unix_text(struct aw_address *a)
{
	const struct sockaddr_un *un = (const void *)&a->sockaddr;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = a->size > head ? a->size - head : 0;

	a->family = AF_UNIX;
	n = n < sizeof a->text ? n : sizeof a->text - 1;
	memcpy(a->text, un->sun_path, n);
	a->text[n] = '\0';
	if (n > 1 && a->text[0] == '\0')
		a->text[0] = '@';
}

int
aw__address_of(int number, bool peer, struct aw_address *ret)
{
	struct aw_address a = { 0 };
	socklen_t size = sizeof a.sockaddr;
	void *at = &a.sockaddr;
	const struct sockaddr *any = at;
	int r = peer ? getpeername(number, at, &size)
		     : getsockname(number, at, &size);

	if (r < 0)
		return aw_fail(-errno, "the address of a socket: %s",
			       aw_strerror(-errno));
	a.size = size < sizeof a.sockaddr ? size : sizeof a.sockaddr;
	if (any->sa_family == AF_INET || any->sa_family == AF_INET6)
		aw__address_finish(&a);
	else
		unix_text(&a);
	*ret = a;
	return 0;
}

static int
address_of(const struct aw_stream *s, bool peer, struct aw_address *ret)
{
	if (s->number < 0)
		return aw__fail_stream_closed();
	return aw__address_of(s->number, peer, ret);
}

int
aw_stream_peer(const struct aw_stream *stream, struct aw_address *ret)
{
	return address_of(stream, true, ret);
}

int
aw_stream_self(const struct aw_stream *stream, struct aw_address *ret)
{
	return address_of(stream, false, ret);
}

int
aw_stream_fd(const struct aw_stream *stream)
{
	return stream->number;
}

struct aw_stream_counts
aw_stream_counts(const struct aw_stream *stream)
{
	return stream->counts;
}
