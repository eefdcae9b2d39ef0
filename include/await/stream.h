/* SPDX-License-Identifier: MIT */
/*
 * stream.h - byte streams: TCP, unix sockets, pipes.
 *
 *	static int
 *	ask(void *arg)
 *	{
 *		AW_AUTO(aw_stream, s);
 *		struct aw_bytes line;
 *
 *		AW_TRY(aw_tcp_connect(&s, "example.org", 7));
 *		AW_TRY(aw_stream_write(s, aw_text("hello\n")));
 *		AW_TRY(aw_stream_until(s, &line, aw_text("\n")));
 *		printf("%.*s", AW_ARG(line));
 *		return aw_stream_close(&s);
 *	}
 *
 * Reading is buffered up to .limit bytes, and a call that fails has taken
 * nothing: what came is still there for the next one.  Views are lent until
 * the next call that reads from the stream.
 *
 * Writing is buffered up to .high bytes; they are sent before the loop waits
 * again.  A write that does not fit waits until the system has taken it.  An
 * error while sending is told by the next write, flush, shutdown or close.
 *
 * One task may read while another writes.  A second reader or writer gets
 * -EBUSY.  When a task closes a stream, calls of others on it end with
 * AW_ECLOSED.  A stream belongs to the loop on which it was made.
 *
 * Listening is in listen.h.  There is no TLS here: HTTP and the databases have
 * their own, another protocol needs a proxy beside it (stunnel), or a library
 * on the descriptor with aw_wait_fd().
 */
#ifndef AWAIT_STREAM_H
#define AWAIT_STREAM_H

#include <await/base.h>
#include <await/io.h>

AW_BEGIN_DECLS

struct aw_stream;

/* Options of whatever makes a stream; 0 stands for the default. */
struct aw_stream_options {
	size_t size;
	struct aw_named *named;
	double connect;		/* seconds for a connect with its name; 10;
				 * AW_FOREVER */
	int64_t limit;		/* bytes of the read buffer, so of a line;
				 * 64 KiB, at most 1 GiB */
	int64_t high;		/* bytes that may wait to be sent; 64 KiB;
				 * AW_NONE: every write waits for the system */
	double keepalive;	/* TCP: seconds of silence before the system
				 * asks whether the peer lives; never */
	bool delay;		/* TCP: collect small writes (no TCP_NODELAY) */
	const char *local;	/* TCP, of a connect: the numeric address of
				 * this machine to connect from; the system's
				 * choice */
	void *spare[4];
};

/* How many bytes went through a stream so far. */
struct aw_stream_counts {
	uint64_t received;	/* taken from the system */
	uint64_t read;		/* of these, handed to callers */
	uint64_t written;	/* taken from callers */
	uint64_t sent;		/* of these, taken by the system */
};

#ifndef __cplusplus
#define aw_tcp_connect(ret, host, port, ...) \
	aw_tcp_connect_with((ret), (host), (port), \
		&(struct aw_stream_options){ \
			.size = sizeof(struct aw_stream_options), \
			__VA_ARGS__ })
#define aw_unix_connect(ret, path, ...) \
	aw_unix_connect_with((ret), (path), &(struct aw_stream_options){ \
		.size = sizeof(struct aw_stream_options), __VA_ARGS__ })
#define aw_stream_slurp(stream, ret, ...) \
	aw_stream_slurp_with((stream), (ret), &(struct aw_slurp_options){ \
		.size = sizeof(struct aw_slurp_options), __VA_ARGS__ })
#define aw_stream_from_fd(ret, fd, ...) \
	aw_stream_from_fd_with((ret), (fd), &(struct aw_stream_options){ \
		.size = sizeof(struct aw_stream_options), __VA_ARGS__ })
#endif

/**
 * aw_tcp_connect_with - connect to a host; use the macro aw_tcp_connect()
 * @ret: new; end it with aw_stream_close() or aw_stream_abort()
 * @host: name or numeric address, an IPv6 one with or without brackets
 * @port: 1..65535
 * @options: may be NULL
 *
 * Awaits; cancel point.  The addresses of a name are tried in their order,
 * the next one when the last has had 250 ms or has failed; the first that
 * connects wins and the others are closed.
 *
 * Return: 0; AW_ECONNECT (every address failed: the message names each,
 * native is the last errno); AW_ERESOLVE; -ETIMEDOUT (.connect, or a
 * budget); -EMFILE, -ENFILE, -ENOBUFS; -EINVAL; -ECANCELED; -ETIME; -EAGAIN
 * (no thread for the name); -EDEADLK; AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: connect(2); RFC 8305, section 5.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_tcp_connect_with(struct aw_stream **ret, const char *host, int port,
		    const struct aw_stream_options *options);

/**
 * aw_unix_connect_with - connect to a unix socket; use the macro
 * aw_unix_connect()
 * @ret: new; end it with aw_stream_close() or aw_stream_abort()
 * @path: at most 107 bytes; "@name" is the abstract name "name"
 * @options: may be NULL
 *
 * Awaits; cancel point.  While the backlog of the listener is full it is
 * tried again.
 *
 * Return: 0; -ENAMETOOLONG; -ENOENT; -EACCES; -ECONNREFUSED (nobody
 * listens); any other -errno of connect(2); -ETIMEDOUT (.connect, or a
 * budget); -EMFILE, -ENFILE; -EINVAL; -ECANCELED; -ETIME; -EDEADLK;
 * AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: unix(7); connect(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_unix_connect_with(struct aw_stream **ret, const char *path,
		     const struct aw_stream_options *options);

/**
 * aw_stream_from_fd_with - make a stream of a descriptor; use the macro
 * aw_stream_from_fd()
 * @ret: new; end it with aw_stream_close() or aw_stream_abort()
 * @fd: a connected stream socket, one end of a pipe, a FIFO or a terminal;
 * it becomes non-blocking, for all who share it, and close-on-exec
 * @options: may be NULL
 *
 * Return: 0; -EBADF; -EINVAL (a file, a directory, a datagram or listening
 * socket, or an option); -ENOMEM; AW_EUSAGE (no loop).
 * Lifetime: @fd is taken; after a failure it is still the caller's.
 * Context: task, loop callback.
 * Source: fcntl(2); socket(7).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int
aw_stream_from_fd_with(struct aw_stream **ret, int fd,
		       const struct aw_stream_options *options);

/**
 * aw_stream_close - send what is buffered, then close
 * @stream: address of the handle; it is set to NULL at once; a NULL handle
 * is closed already
 *
 * Awaits; cancel point while bytes wait to be sent.  The stream is closed
 * whatever is returned: after a failure as by aw_stream_abort().  TCP resets
 * the connection if bytes have come that nobody read.
 *
 * Return: 0 (the system has every byte); what an earlier send failed with
 * (-EPIPE, -ECONNRESET, ...); -ECANCELED; -ETIME; -ETIMEDOUT (a budget or
 * the network); -EDEADLK; AW_EUSAGE; AW_EFORK; AW_ECLOSED; -ENOMEM.
 * Lifetime: ends that of the handle.
 * Context: task.
 * Source: close(2); RFC 9293, 3.6.
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_stream_close(struct aw_stream **stream);

/**
 * aw_stream_abort - close without sending what is buffered
 * @stream: address of the handle; it is set to NULL; may be NULL itself
 *
 * Never waits.  TCP: the peer sees a reset, not a proper end.
 *
 * Return: nothing.
 * Lifetime: ends that of the handle; lent views with it.
 * Context: task, loop callback; outside when the loop has ended.
 * Source: socket(7), SO_LINGER.
 * Since: 0.1
 */
AW_API void aw_stream_abort(struct aw_stream **stream);

/**
 * aw_stream_freep - aw_stream_abort() for AW_AUTO
 * @stream: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback; outside when the loop has ended.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_stream_freep(struct aw_stream **stream);

/**
 * aw_stream_chunk - the next bytes, as they come
 * @stream: the stream
 * @ret: what is buffered, else what comes next; at least one byte
 *
 * Awaits; cancel point.
 *
 * Return: 1; 0 (the peer has ended the stream); -errno of the system
 * (-ECONNRESET, ...); -EBUSY (another task reads); AW_ECLOSED; -ECANCELED;
 * -ETIME; -ETIMEDOUT (a budget or the network); -EDEADLK; AW_EUSAGE;
 * AW_EFORK; -ENOMEM.
 * Lifetime: lent until the next call that reads from @stream.
 * Context: task.
 * Source: recv(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stream_chunk(struct aw_stream *stream,
						   struct aw_bytes *ret);

/**
 * aw_stream_line - the next line
 * @stream: the stream
 * @ret: without its end, which is "\n" or "\r\n"; may be empty
 *
 * Awaits; cancel point.  Bytes after the last line end are a line too; where
 * that would be half a message, or where a line must come, use
 * aw_stream_until(): there the end is a failure, which AW_TRY() returns.
 *
 * Return: 1; 0 (the peer has ended the stream); AW_ELIMIT (no line end
 * within .limit bytes: they are all there for the next call); else as
 * aw_stream_chunk().
 * Lifetime: lent until the next call that reads from @stream.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stream_line(struct aw_stream *stream,
						  struct aw_bytes *ret);

/**
 * aw_stream_until - bytes up to a delimiter
 * @stream: the stream
 * @ret: the bytes, and the delimiter
 * @delimiter: 1.. bytes
 *
 * Awaits; cancel point.  A call that fails leaves everything readable.
 *
 * Return: 0; AW_ECLOSED (the peer has ended the stream, nothing was left);
 * AW_ELOST (it ended before the delimiter: aw_stream_chunk() gives the
 * rest); AW_ELIMIT (not within .limit bytes); -EINVAL (@delimiter); else as
 * aw_stream_chunk().
 * Lifetime: lent until the next call that reads from @stream.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stream_until(struct aw_stream *stream,
						   struct aw_bytes *ret,
						   struct aw_bytes delimiter);

/**
 * aw_stream_exactly - a number of bytes
 * @stream: the stream
 * @ret: @n bytes
 * @n: at most .limit
 *
 * Awaits; cancel point.  A call that fails leaves everything readable.
 *
 * Return: 0; AW_ECLOSED (the peer has ended the stream, nothing was left);
 * AW_ELOST (it ended before that: aw_stream_chunk() gives the rest);
 * AW_ELIMIT (@n); else as aw_stream_chunk().
 * Lifetime: lent until the next call that reads from @stream.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stream_exactly(struct aw_stream *stream,
						     struct aw_bytes *ret,
						     size_t n);

/**
 * aw_stream_read - the next bytes, into memory of the caller
 * @stream: the stream
 * @buf: room for @n bytes
 * @n: 1.. ; more than 2^31-1 counts as that
 *
 * Awaits; cancel point.
 *
 * Return: the number of bytes, at least 1; 0 (the peer has ended the
 * stream); -EINVAL (@n); else as aw_stream_chunk().
 * Lifetime: @buf is not kept.
 * Context: task.
 * Source: recv(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stream_read(struct aw_stream *stream,
						  void *buf, size_t n);

/**
 * aw_stream_slurp_with - everything up to the end; use the macro
 * aw_stream_slurp()
 * @stream: the stream
 * @ret: new memory, with a NUL behind it that is not counted; release it
 * with free()
 * @options: may be NULL
 *
 * Awaits; cancel point.  After a failure what it had read is lost.
 *
 * Return: 0; AW_ELIMIT (.max); -EINVAL (.max); else as aw_stream_chunk().
 * Lifetime: @ret is the caller's.
 * Context: task.
 * Source: recv(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_stream_slurp_with(struct aw_stream *stream, struct aw_bytes *ret,
		     const struct aw_slurp_options *options);

/**
 * aw_stream_write - send bytes, in order
 * @stream: the stream
 * @bytes: any number
 *
 * Awaits; cancel point.  Bytes that fit below .high are copied and are sent
 * before the loop waits again; otherwise it waits until the system has taken
 * them all.  Of an interrupted one, a beginning may have been sent:
 * aw_stream_counts() tells how much.
 *
 * Return: 0; what an earlier send failed with (-EPIPE, -ECONNRESET, ...);
 * -EBUSY (another task writes); AW_ECLOSED; -ECANCELED; -ETIME; -ETIMEDOUT
 * (a budget or the network); -EDEADLK; AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: @bytes are not kept.
 * Context: task.
 * Source: sendmsg(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stream_write(struct aw_stream *stream,
						   struct aw_bytes bytes);

/**
 * aw_stream_writev - send several pieces of memory, in order
 * @stream: the stream
 * @parts: @n views, sent one after the other
 * @n: their number
 *
 * Awaits; cancel point, as aw_stream_write() of each in turn; nobody else
 * writes between them.
 *
 * Return: as aw_stream_write().
 * Lifetime: @parts is not kept.
 * Context: task.
 * Source: writev(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_stream_writev(struct aw_stream *stream, const struct aw_bytes *parts,
		 size_t n);

/**
 * aw_stream_printf - send a formatted text
 * @stream: the stream
 * @fmt: printf format
 *
 * Awaits; cancel point, as aw_stream_write().
 *
 * Return: 0; -EINVAL (the format); else as aw_stream_write().
 * Lifetime: the arguments are not kept.
 * Context: task.
 * Source: printf(3).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stream_printf(struct aw_stream *stream,
						    const char *fmt, ...)
	AW_PRINTF(2, 3);

/**
 * aw_stream_flush - wait until the system has taken every byte
 * @stream: the stream
 *
 * Awaits; cancel point.  That the peer has them is another matter: only an
 * answer tells.
 *
 * Return: 0; as aw_stream_write().
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_stream_flush(struct aw_stream *stream);

/**
 * aw_stream_shutdown - end the stream in our direction, and read on
 * @stream: the stream
 *
 * Awaits; cancel point.  Flushes first; the peer then sees the end.  A
 * second time it does nothing.
 *
 * Return: 0; -ENOTSUP (a terminal); else as aw_stream_write().
 * Context: task.
 * Source: shutdown(2); close(2) for a pipe.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_stream_shutdown(struct aw_stream *stream);

/**
 * aw_stream_counts - how many bytes went through
 * @stream: the stream
 *
 * Return: the numbers.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_stream_counts
aw_stream_counts(const struct aw_stream *stream);

/**
 * aw_stream_peer - who is on the other side
 * @stream: a socket
 * @ret: family, bytes and text; an unnamed unix socket has an empty text
 *
 * Return: 0; -errno of the system (-ENOTSOCK, -ENOTCONN); AW_ECLOSED.
 * Lifetime: @ret is the caller's.
 * Context: task, loop callback.
 * Source: getpeername(2).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_stream_peer(const struct aw_stream *stream,
					struct aw_address *ret);

/**
 * aw_stream_self - the address on this side
 * @stream: a socket
 * @ret: as of aw_stream_peer()
 *
 * Return: 0; -errno of the system (-ENOTSOCK); AW_ECLOSED.
 * Lifetime: @ret is the caller's.
 * Context: task, loop callback.
 * Source: getsockname(2).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_stream_self(const struct aw_stream *stream,
					struct aw_address *ret);

/**
 * aw_stream_fd - the descriptor underneath
 * @stream: the stream
 *
 * Return: the descriptor; -1 when it is closed.
 * Lifetime: borrowed; never close it, read it or write to it.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_stream_fd(const struct aw_stream *stream);

AW_END_DECLS

#endif
