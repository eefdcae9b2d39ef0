/* SPDX-License-Identifier: MIT */
/*
 * io.h - waiting for descriptors, and host names.
 */
#ifndef AWAIT_IO_H
#define AWAIT_IO_H

#include <await/base.h>

AW_BEGIN_DECLS

#define AW_FD_READ 1
#define AW_FD_WRITE 2

/* Options of aw_file_slurp() and aw_stream_slurp(). */
struct aw_slurp_options {
	size_t size;
	struct aw_named *named;
	int64_t max;		/* bytes; default 64 MiB; AW_FOREVER */
	void *spare[2];
};

/* One address of a host. */
struct aw_address {
	int family;			/* AF_INET, AF_INET6 or AF_UNIX */
	unsigned size;			/* of sockaddr */
	char text[112];			/* numeric, without the port; a path */
	union {
		unsigned char bytes[128];
		void *align_;
	} sockaddr;			/* a struct sockaddr_in or _in6 */
};

/* The addresses of a host, in the order to try them. */
struct aw_addresses {
	size_t n;
	const struct aw_address *at;	/* n of them, in the same memory */
};

/**
 * aw_wait_fd - wait until a descriptor is ready
 * @fd: open until the call returns, in non-blocking mode; one task at a time
 * for each direction
 * @events: AW_FD_READ, AW_FD_WRITE or both (either suffices)
 *
 * Awaits; cancel point.  May end early: expect EAGAIN.
 *
 * Return: the ready events (> 0); -EBADF; -EINVAL (events); -EBUSY (another
 * task waits); -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK;
 * AW_EUSAGE; -ENOMEM.
 * Context: task.
 * Source: libev manual, ev_io; epoll(7).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_wait_fd(int fd, int events);

/**
 * aw_resolve - the addresses of a host
 * @ret: new; release it with aw_addresses_free()
 * @host: name or numeric address, an IPv6 one with or without brackets
 * @port: 0..65535, put into the addresses
 *
 * Awaits; cancel point.  getaddrinfo() in a thread of its own class; one
 * query at a time for a name, answers are kept for 30 s, failures for 5 s.
 * The two families alternate, in the system's order of preference.
 *
 * Return: 0; AW_ERESOLVE (native: the EAI_ code); -EMFILE, -ENFILE (not
 * remembered); -EINVAL; -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EAGAIN
 * (no thread); -EDEADLK; AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: @host is copied.
 * Context: task.
 * Source: getaddrinfo(3); RFC 8305, section 4.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_resolve(struct aw_addresses **ret,
					      const char *host, int port);

/**
 * aw_addresses_free - release addresses
 * @addresses: may be NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_addresses_free(struct aw_addresses *addresses);

/**
 * aw_addresses_freep - aw_addresses_free() for AW_AUTO
 * @addresses: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_addresses_freep(struct aw_addresses **addresses);

AW_END_DECLS

#endif
