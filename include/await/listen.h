/* SPDX-License-Identifier: MIT */
/*
 * listen.h - accepting streams.
 *
 *	static int
 *	echo(struct aw_stream *s, void *arg)
 *	{
 *		struct aw_bytes bytes;
 *		int r;
 *
 *		while ((r = aw_stream_chunk(s, &bytes)) > 0)
 *			AW_TRY(aw_stream_write(s, bytes));
 *		return r;
 *	}
 *
 *	AW_AUTO(aw_listener, l);
 *
 *	AW_TRY(aw_tcp_listen(&l, "*", 7));
 *	return aw_serve(l, echo, NULL, .max = 1000);
 *
 * aw_listener_stop() ends aw_serve() politely: it accepts no more, and
 * returns when the connections that there are have ended.
 */
#ifndef AWAIT_LISTEN_H
#define AWAIT_LISTEN_H

#include <await/base.h>
#include <await/io.h>
#include <await/stream.h>

AW_BEGIN_DECLS

struct aw_listener;

/* Options of whatever makes a listener; 0 stands for the default. */
struct aw_listen_options {
	size_t size;
	struct aw_named *named;
	int backlog;		/* connections that wait to be accepted;
				 * 1024, at most net.core.somaxconn */
	int mode;		/* permissions of a unix socket, such as 0660;
				 * what umask(2) leaves */
	bool reuse_port;	/* TCP: several listeners share the port */
	struct aw_stream_options stream;	/* of accepted streams */
	void *spare[4];
};

/* What a listener has met so far. */
struct aw_listener_counts {
	uint64_t accepted;
	uint64_t lost;		/* were gone before they were accepted */
	uint64_t starved;	/* pauses for want of descriptors or memory */
};

/* Options of aw_serve(); 0 stands for the default. */
struct aw_serve_options {
	size_t size;
	struct aw_named *named;
	int64_t max;		/* connections at once; 1000; AW_FOREVER */
	double close;		/* seconds to send the last bytes; 10 */
	int64_t stack;		/* bytes, as of aw_spawn() */
	void (*on_failure)(void *arg, int r);	/* in the connection's task:
				 * it failed with r, see aw_error() */
	void *spare[4];
};

#ifndef __cplusplus
#define aw_tcp_listen(ret, host, port, ...) \
	aw_tcp_listen_with((ret), (host), (port), \
		&(struct aw_listen_options){ \
			.size = sizeof(struct aw_listen_options), \
			__VA_ARGS__ })
#define aw_unix_listen(ret, path, ...) \
	aw_unix_listen_with((ret), (path), &(struct aw_listen_options){ \
		.size = sizeof(struct aw_listen_options), __VA_ARGS__ })
#define aw_listener_from_fd(ret, fd, ...) \
	aw_listener_from_fd_with((ret), (fd), &(struct aw_listen_options){ \
		.size = sizeof(struct aw_listen_options), __VA_ARGS__ })
#define aw_serve(listener, fn, arg, ...) \
	aw_serve_with((listener), (fn), (arg), &(struct aw_serve_options){ \
		.size = sizeof(struct aw_serve_options), __VA_ARGS__ })
#endif

/**
 * aw_tcp_listen_with - listen on a port; use the macro aw_tcp_listen()
 * @ret: new; release it with aw_listener_free()
 * @host: numeric address or name (its first address counts); "*" is every
 * address of the machine, of both families; NULL is 127.0.0.1
 * @port: 0..65535; with 0 the system chooses: see aw_listener_port()
 * @options: may be NULL
 *
 * Awaits; cancel point.
 *
 * Return: 0; -EADDRINUSE; -EADDRNOTAVAIL; -EACCES (a port below 1024); any
 * other -errno of bind(2) or listen(2); AW_ERESOLVE; -EMFILE, -ENFILE;
 * -EINVAL; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EAGAIN (no thread for
 * the name); -EDEADLK; AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: ip(7), ipv6(7), listen(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_tcp_listen_with(struct aw_listener **ret, const char *host, int port,
		   const struct aw_listen_options *options);

/**
 * aw_unix_listen_with - listen on a unix socket; use the macro
 * aw_unix_listen()
 * @ret: new; release it with aw_listener_free()
 * @path: at most 107 bytes; "@name" is the abstract name "name"
 * @options: may be NULL
 *
 * A socket that a dead process left behind is replaced.  The path is removed
 * when the listener stops, unless another has taken it.  Both are done on the
 * loop's thread, as bind(2) is: let the folder be a local one.
 *
 * Return: 0; -EADDRINUSE (somebody listens, or it is no socket);
 * -ENAMETOOLONG; -EACCES, -ENOENT and any other -errno of bind(2); -EMFILE,
 * -ENFILE; -EINVAL; AW_EUSAGE (no loop); -ENOMEM.
 * Lifetime: @path is copied.
 * Context: task, loop callback.
 * Source: unix(7).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_unix_listen_with(struct aw_listener **ret, const char *path,
		    const struct aw_listen_options *options);

/**
 * aw_listener_from_fd_with - take over a listening socket; use the macro
 * aw_listener_from_fd()
 * @ret: new; release it with aw_listener_free()
 * @fd: from a service manager, or made before fork(); it becomes
 * non-blocking, for all who share it, and close-on-exec
 * @options: may be NULL; only .stream counts
 *
 * Return: 0; -EBADF; -ENOTSOCK; -EINVAL (it does not listen); AW_EUSAGE (no
 * loop); -ENOMEM.
 * Lifetime: @fd is taken; after a failure it is still the caller's.
 * Context: task, loop callback.
 * Source: socket(7), SO_ACCEPTCONN.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_listener_from_fd_with(struct aw_listener **ret, int fd,
			 const struct aw_listen_options *options);

/**
 * aw_listener_accept - the next connection
 * @listener: the listener
 * @ret: new; end it with aw_stream_close() or aw_stream_abort()
 *
 * Awaits; cancel point.  A connection that was gone before it was accepted
 * is no failure.  For want of descriptors or memory it pauses 0.1 s and tries
 * again, as long as it takes: connections wait in the backlog, and
 * aw_listener_counts() tells.
 *
 * Return: 0; AW_ECLOSED (the listener was stopped); -EBUSY (another task
 * accepts); any other -errno of accept(2); -ECANCELED; -ETIME; -ETIMEDOUT (a
 * budget); -EDEADLK; AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: the stream is independent of @listener.
 * Context: task.
 * Source: accept(2), "Error handling".
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_listener_accept(struct aw_listener *listener, struct aw_stream **ret);

/**
 * aw_serve_with - accept, and run a function for each connection; use the
 * macro aw_serve()
 * @listener: the listener
 * @fn: called in a task of its own for each connection; when it returns 0 or
 * more the stream is closed, with a negative value it is aborted
 * @arg: handed to @fn
 * @options: may be NULL
 *
 * Awaits; cancel point.  A connection that fails disturbs nobody.  When it is
 * interrupted it cancels and joins its connections; when the listener is
 * stopped it waits until they have ended.
 *
 * Return: 0 (the listener was stopped and every connection has ended);
 * -EINVAL; -EBUSY; any other -errno of accept(2); -ECANCELED; -ETIME;
 * -ETIMEDOUT (a budget); -EDEADLK; AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: @arg must live until it returned, @listener need not: freeing it
 * is a way to stop it; the stream belongs to aw_serve().
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_serve_with(struct aw_listener *listener,
	      int (*fn)(struct aw_stream *stream, void *arg), void *arg,
	      const struct aw_serve_options *options);

/**
 * aw_listener_stop - accept no more
 * @listener: stopping again does nothing
 *
 * The socket is closed; a task that accepts gets AW_ECLOSED.
 *
 * Return: nothing.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_listener_stop(struct aw_listener *listener);

/**
 * aw_listener_free - stop and release a listener
 * @listener: may be NULL
 *
 * In a child of fork() the descriptor is closed and the path stays.
 *
 * Return: nothing.
 * Context: task, loop callback; outside when the loop has ended.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_listener_free(struct aw_listener *listener);

/**
 * aw_listener_freep - aw_listener_free() for AW_AUTO
 * @listener: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback; outside when the loop has ended.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_listener_freep(struct aw_listener **listener);

/**
 * aw_listener_port - the port it listens on
 * @listener: the listener
 *
 * Return: 1..65535; 0 for a unix socket.
 * Context: task, loop callback.
 * Source: getsockname(2).
 * Since: 0.1
 */
AW_API int aw_listener_port(const struct aw_listener *listener);

/**
 * aw_listener_counts - what it has met
 * @listener: the listener
 *
 * Return: the numbers.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_listener_counts
aw_listener_counts(const struct aw_listener *listener);

AW_END_DECLS

#endif
