/* SPDX-License-Identifier: MIT */
/*
 * io.c - libmariadb waits: the hook that suspends the task.
 *
 *	task: mysql_stmt_execute()
 *	        send() recv() -> EAGAIN
 *	        hook(socket, for reading)  ---- aw_fd_wait() ----> loop
 *	                                   <--- ready -----------
 *	        recv() ...
 *
 * MARIADB_OPT_IO_WAIT carries no pointer, so aw__my_enter() leaves one behind
 * for this thread; whoever calls through the native handle is found by the
 * socket's number.  The timeout that the hook is given is ignored: under TLS
 * it comes in seconds where milliseconds are meant, and the scopes of the
 * task decide anyway.
 *
 * An interrupted wait fails the call, and libmariadb then closes the socket
 * by itself; the watcher goes before that, since the number may be reused.
 *
 * A server that is always ahead never lets recv() say EAGAIN, and libmariadb
 * would read a result of any size without the hook.  It tells after each
 * recv(), 16 KiB at most: what was read without waiting is counted, and from
 * READS_AHEAD on others get their turn, and cancel and deadline are seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <await/driver.h>
#include <await/io.h>

#include "my_conn.h"

/* Whose call this is, and all connections of this thread. */
static __thread struct aw_my_conn *current
	__attribute__((tls_model("initial-exec")));
static __thread struct aw_my_conn *all
	__attribute__((tls_model("initial-exec")));

/* OpenSSL's, by name: we do not link it. */
static void (*clear_errors)(void);
static int (*want_of)(const void *ssl);
#define WANTS_WRITING 2		/* SSL_WRITING */

/* An answer that is there wins over a cancel, as far as this. */
#define READS_AHEAD 16

/* A program that loaded us by dlopen() has them in no global scope. */
static void *
find_symbol(const char *library, const char *name)
{
	void *symbol = dlsym(RTLD_DEFAULT, name), *handle;

	if (symbol)
		return symbol;
	handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
	return handle ? dlsym(handle, name) : NULL;
}

/* Of libmariadb, exported and in no installed header: a function that is
 * called after each read (mode 0) and write. */
typedef void transfer_fn(int mode, MYSQL *mysql, const unsigned char *bytes,
			 size_t size);
typedef int register_fn(my_bool add, transfer_fn *fn);
static transfer_fn on_transfer;

void
aw__my_io_init(void)
{
	register_fn *add;

	*(void **)&clear_errors = find_symbol("libcrypto.so.3",
					      "ERR_clear_error");
	*(void **)&want_of = find_symbol("libssl.so.3", "SSL_want");
	*(void **)&add = find_symbol("libmariadb.so.3",
				     "ma_pvio_register_callback");
	if (add)
		add(1, on_transfer);
}

void
aw__my_enter(struct aw_my_conn *c)
{
	current = c;
	if (c->tls && clear_errors)
		clear_errors();
}

static struct aw_my_conn *
find(my_socket fd)
{
	struct aw_my_conn *c = current;

	if (c && c->socket == fd)
		return c;
	for (c = all; c && c->socket != fd; c = c->next)
		continue;
	return c;
}

/* In a helper thread blocking is right.  It is here that the socket of a
 * connection being made is first seen, while the server is waited for:
 * libmariadb would leave it to the programs that are started meanwhile. */
static int
block(my_socket fd, my_bool for_reading, int timeout)
{
	struct pollfd p = { .fd = fd };
	int r;

	aw_ignore(fcntl(fd, F_SETFD, FD_CLOEXEC));
	p.events = for_reading ? POLLIN : POLLOUT;
	do {
		r = poll(&p, 1, timeout > 0 ? timeout : -1);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		errno = ETIMEDOUT;
	return r;
}

static void
stop(struct aw_my_conn *c, int r)
{
	c->stopped = r;
	c->dead = true;
	aw_fd_free(c->fd);
	c->fd = NULL;
	errno = ETIMEDOUT;
}

/* What ma_pvio.h and ma_tls.h show of a TLS session. */
struct tls {
	void *data;
	void *pvio;
	void *ssl;
};

struct pvio {
	void *data;
	unsigned char *cache, *cache_pos;
	size_t cache_size;
	int type;
	int timeout[3];
	int ssl_type;
	struct tls *tls;
};

/* What was read ahead and belongs to no answer that anybody asked for: the
 * next answer would be taken from it. */
bool
aw__my_has_stray(const struct aw_my_conn *c)
{
	const struct pvio *pvio = (const void *)c->mysql->net.pvio;

	return aw__my_layout_known && pvio && pvio->cache &&
		pvio->cache_pos < pvio->cache + pvio->cache_size;
}

/* Under TLS libmariadb says "for reading" whatever it waits for.  OpenSSL
 * knows better; where it cannot be asked, a full socket is taken for a wish
 * to write, and both are waited for. */
static int
wanted(const struct aw_my_conn *c, my_bool for_reading)
{
	const struct pvio *pvio = (const void *)c->mysql->net.pvio;
	struct pollfd p = { .fd = c->socket, .events = POLLOUT };

	if (!for_reading)
		return AW_FD_WRITE;
	if (!c->tls)
		return AW_FD_READ;
	if (want_of && aw__my_layout_known && pvio && pvio->tls &&
	    pvio->tls->pvio == pvio && pvio->tls->ssl)
		return want_of(pvio->tls->ssl) == WANTS_WRITING ?
			AW_FD_WRITE : AW_FD_READ;
	return poll(&p, 1, 0) > 0 ? AW_FD_READ : AW_FD_READ | AW_FD_WRITE;
}

/* Nobody will wait on this socket again; what it still holds is read to its
 * end, which is near. */
static void
stop_reading(struct aw_my_conn *c, int r)
{
	shutdown(c->socket, SHUT_RDWR);
	stop(c, r);
}

static void
on_transfer(int mode, MYSQL *mysql, const unsigned char *bytes, size_t size)
{
	struct aw_my_conn *c = current;
	int saved = errno, r;

	(void)bytes;
	(void)size;
	if (mode != 0 || !c || c->mysql != mysql || c->dead ||
	    ++c->reads < READS_AHEAD)
		return;
	r = aw_checkpoint();
	if (r < 0)
		stop_reading(c, r);
	else
		aw__my_enter(c);
	errno = saved;
}

static int
hook(my_socket fd, my_bool for_reading, int timeout)
{
	struct aw_my_conn *c = find(fd);
	int events, r;

	if (!c && !aw_loop_here())
		return block(fd, for_reading, timeout);
	if (!c || c->dead || !c->fd) {
		errno = ECONNABORTED;
		return -1;
	}
	events = wanted(c, for_reading);
	c->waiting = true;
	r = aw_fd_wait(c->fd, events, events == AW_FD_READ ?
		       "an answer of MariaDB" : "MariaDB to take a statement",
		       c);
	c->waiting = false;
	c->reads = 0;
	if (r < 0) {
		stop(c, r);
		return -1;
	}
	if (c->rewatch) {
		c->rewatch = false;
		aw__my_watch(c, true);
	}
	aw__my_enter(c);
	return 1;
}

/* Before it connects. */
void
aw__my_io_prepare(MYSQL *mysql)
{
	mysql_options(mysql, MARIADB_OPT_IO_WAIT, (const void *)hook);
}

/* libmariadb remembers the socket as blocking and so never changes it back;
 * without O_NONBLOCK SSL_read() would block the loop. */
int
aw__my_io_attach(struct aw_my_conn *c)
{
	int flags, r;

	c->socket = (int)mysql_get_socket(c->mysql);
	flags = fcntl(c->socket, F_GETFL);
	if (flags < 0 || fcntl(c->socket, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(c->socket, F_SETFD, FD_CLOEXEC) < 0)
		return aw_fail(-errno, "the socket of a new connection");
	r = aw_fd_new(&c->fd, c->socket);
	if (r < 0)
		return r;
	c->next = all;
	c->prev = &all;
	if (all)
		all->prev = &c->next;
	all = c;
	return 0;
}

void
aw__my_io_detach(struct aw_my_conn *c)
{
	aw_fd_free(c->fd);
	c->fd = NULL;
	if (c->prev) {
		*c->prev = c->next;
		if (c->next)
			c->next->prev = c->prev;
		c->prev = NULL;
	}
	if (current == c)
		current = NULL;
}
