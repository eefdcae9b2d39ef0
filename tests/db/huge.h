/* SPDX-License-Identifier: MIT */
/*
 * huge.h - texts and values of lengths that no message holds.
 *
 * They need next to no memory: one piece of a file is mapped again and again.
 *
 *	huge -> |xxxx|xxxx| ... |xxxx|0000|
 *	          ^                   ^
 *	          |                   huge_end
 *	          huge_end - length
 */
#ifndef TESTS_HUGE_H
#define TESTS_HUGE_H

#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session.h"

#define HUGE_PIECE ((size_t)1 << 20)
#define HUGE_PIECES ((size_t)4097)

/* Each server has its own. */
static const int too_long;	/* what it is refused with */
static int socket_of(struct aw_conn *conn);

static inline char *
huge_new(void)
{
	size_t size = HUGE_PIECE * HUGE_PIECES;
	int fd = memfd_create("huge", MFD_CLOEXEC);
	char *at = mmap(NULL, size + HUGE_PIECE, PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert(at != MAP_FAILED && ftruncate(fd, HUGE_PIECE) == 0);
	for (size_t i = 0; i < HUGE_PIECES; i++)
		ck_assert(mmap(at + i * HUGE_PIECE, HUGE_PIECE,
			       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			       fd, 0) != MAP_FAILED);
	memset(at, 'x', HUGE_PIECE);
	close(fd);
	return at;
}

/* So far; 0 of a unix socket. */
static inline long long
bytes_sent(struct aw_conn *conn)
{
	struct tcp_info info = { .tcpi_bytes_sent = 0 };
	socklen_t size = sizeof(info);

	aw_ignore(getsockopt(socket_of(conn), IPPROTO_TCP, TCP_INFO, &info,
			     &size));
	return (long long)info.tcpi_bytes_sent;
}

static inline int
refuses(struct aw_conn *conn, const struct aw_sql *sql,
	const struct aw_value *values, size_t n)
{
	long long before = bytes_sent(conn);

	WANT_CODE(aw_conn_exec_v(conn, NULL, sql, values, n), too_long);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT(strstr(aw_error_text(), "bytes"));
	WANT_INT(bytes_sent(conn), before);
	return 0;
}

static inline int
refuses_length(struct aw_conn *conn, const char *end, size_t length)
{
	struct aw_sql one = AW_SQL(.pg = "SELECT $1", .mysql = "SELECT ?");
	struct aw_sql two = AW_SQL(.pg = "SELECT $1, $2",
				   .mysql = "SELECT ?, ?");
	struct aw_value v = aw_value_bytes(aw_bytes(end - length, length));
	struct aw_value halves[2] = { aw_value_bytes(aw_bytes(end - length,
							length / 2 + 1)) };

	halves[1] = halves[0];
	WANT_OK(refuses(conn, &two, halves, 2));
	WANT_OK(refuses(conn, &one, &v, 1));
	v.kind = AW_KIND_TEXT;
	return refuses(conn, &one, &v, 1);
}

static inline int
huge_lengths(struct aw_db *db)
{
	static const size_t lengths[] = { 1 << 30, INT_MAX, INT_MAX + 1u,
					  ((size_t)1 << 32) + 5 };
	size_t size = HUGE_PIECE * HUGE_PIECES;
	char *huge = huge_new();
	struct aw_value v = aw_value_bytes(aw_bytes(huge, SIZE_MAX));
	AW_AUTO(aw_conn, conn);
	int n = 0;

	WANT_OK(aw_db_acquire(db, &conn));
	for (size_t i = 0; i < AW_LENGTH(lengths); i++)
		WANT_OK(refuses_length(conn, huge + size, lengths[i]));
	/* Must be read to its end, so one is enough, where bytes count. */
	if (bytes_sent(conn))
		WANT_OK(refuses(conn, &AW_SQL(.text = huge + size - INT_MAX - 1,
					      .multi = true), NULL, 0));
	WANT_OK(refuses(conn, &AW_SQL(.pg = "SELECT $1", .mysql = "SELECT ?"),
			&v, 1));
	WANT_OK(aw_db_one(conn, AW_INTO(&n), "SELECT 7"));
	WANT_INT(n, 7);
	munmap(huge, size + HUGE_PIECE);
	return 0;
}

#endif
