/* SPDX-License-Identifier: MIT */
/*
 * The calls of blocker. Each returns at once: the guard judges what could
 * wait, not what did.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <await/await.h>

#include "blocker.h"

/* Without the clients' libraries: the guard's own, which aborts. */
int PQcancel(void *cancel, char *error, int n) __attribute__((weak));
void *mysql_real_connect(void *mysql, const char *host, const char *user,
			 const char *password, const char *database,
			 unsigned port, const char *path, unsigned long flags)
	__attribute__((weak));
int curl_easy_perform(void *easy) __attribute__((weak));

static int pair[2], quiet[2], ends[2], listener, file;
static struct sockaddr_in here = { .sin_family = AF_INET };
static char data[4];

/* pair: a byte to be read at either end; quiet: the same, without waiting. */
bool
prepare(void)
{
	socklen_t n = sizeof here;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	file = memfd_create("file", MFD_CLOEXEC);
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 &&
	       socketpair(AF_UNIX,
			  SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			  quiet) == 0 &&
	       pipe2(ends, O_CLOEXEC) == 0 && listener >= 0 && file >= 0 &&
	       bind(listener, (void *)&here, sizeof here) == 0 &&
	       listen(listener, 8) == 0 &&
	       getsockname(listener, (void *)&here, &n) == 0 &&
	       send(pair[0], "ab", 2, 0) == 2 &&
	       send(pair[1], "ab", 2, 0) == 2 && write(ends[1], "ab", 2) == 2;
}

/* --- Names and connections ---------------------------------------------- */

static void
call_getaddrinfo(void)
{
	struct addrinfo *found;

	if (getaddrinfo("localhost", NULL, NULL, &found) == 0)
		freeaddrinfo(found);
}

static void
call_getnameinfo(void)
{
	char name[256];

	aw_ignore(getnameinfo((void *)&here, sizeof here, name, sizeof name,
			      NULL, 0, 0));
}

static void
call_gethostbyname(void)
{
	aw_ignore(gethostbyname("localhost") != NULL);
}

static int
connected(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	aw_ignore(connect(fd, (void *)&here, sizeof here));
	return fd;
}

static void
call_connect(void)
{
	close(connected(SOCK_STREAM));
}

static void
call_accept(void)
{
	int fd = connected(SOCK_STREAM | SOCK_NONBLOCK);

	aw_ignore(accept(listener, NULL, NULL));
	close(fd);
}

/* --- Descriptors -------------------------------------------------------- */

static void
call_read(void)
{
	aw_ignore(read(ends[0], data, 1) < 0);
}

static void
call_write(void)
{
	aw_ignore(write(ends[1], data, 1) < 0);
}

static void
call_recv(void)
{
	aw_ignore(recv(pair[0], data, 1, 0) < 0);
}

static void
call_recvmsg(void)
{
	struct iovec at = { data, 1 };
	struct msghdr message = { .msg_iov = &at, .msg_iovlen = 1 };

	aw_ignore(recvmsg(pair[0], &message, 0) < 0);
}

static void
call_send(void)
{
	aw_ignore(send(pair[0], data, 1, MSG_NOSIGNAL) < 0);
}

static void
call_sendmsg(void)
{
	struct iovec at = { data, 1 };
	struct msghdr message = { .msg_iov = &at, .msg_iovlen = 1 };

	aw_ignore(sendmsg(pair[0], &message, MSG_NOSIGNAL) < 0);
}

static void
call_poll(void)
{
	struct pollfd ready = { .fd = pair[0], .events = POLLIN };

	aw_ignore(poll(&ready, 1, 1));
}

static void
call_select(void)
{
	struct timeval time = { 0, 1 };

	aw_ignore(select(0, NULL, NULL, NULL, &time));
}

static void
call_epoll_wait(void)
{
	struct epoll_event event;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	aw_ignore(epoll_wait(fd, &event, 1, 1));
	close(fd);
}

/* --- Time, children, threads -------------------------------------------- */

static void
call_sleep(void)
{
	sleep(0);
}

static void
call_usleep(void)
{
	usleep(1);
}

static void
call_nanosleep(void)
{
	struct timespec time = { 0, 1 };

	nanosleep(&time, NULL);
}

static void
call_waitpid(void)
{
	waitpid(-1, NULL, 0);		/* there is none */
}

static void *
nothing(void *arg)
{
	return arg;
}

static void
call_pthread_join(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL) == 0)
		pthread_join(thread, NULL);
}

static void
call_pthread_cond_timedwait(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec past = { 1, 0 };

	pthread_mutex_lock(&lock);
	pthread_cond_timedwait(&cond, &lock, &past);
	pthread_mutex_unlock(&lock);
}

/* --- Files -------------------------------------------------------------- */

static void
call_open(void)
{
	close(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static void
call_fopen(void)
{
	FILE *passwd = fopen("/etc/passwd", "re");

	if (passwd)
		fclose(passwd);
}

static void
call_fflush(void)
{
	fflush(stdout);
}

static void
call_stat(void)
{
	struct stat st;

	aw_ignore(stat("/etc/passwd", &st));
}

static void
call_pread(void)
{
	aw_ignore(pread(file, data, 1, 0) < 0);
}

static void
call_pwrite(void)
{
	aw_ignore(pwrite(file, data, 1, 0) < 0);
}

static void
call_fsync(void)
{
	fsync(file);
}

static void
call_fdatasync(void)
{
	fdatasync(file);
}

static void
call_rename(void)
{
	aw_ignore(rename("/nowhere/a", "/nowhere/b"));
}

static void
call_unlink(void)
{
	unlink("/nowhere/a");
}

/* --- Whole conversations: on a loop only -------------------------------- */

static void
call_PQcancel(void)
{
	PQcancel(NULL, NULL, 0);
}

static void
call_mysql_real_connect(void)
{
	mysql_real_connect(NULL, NULL, NULL, NULL, NULL, 0, NULL, 0);
}

static void
call_curl_easy_perform(void)
{
	curl_easy_perform(NULL);
}

/* --- What looks alike and does not wait --------------------------------- */

static void
read_nonblocking(void)
{
	aw_ignore(read(quiet[0], data, 1) < 0);
}

static void
connect_nonblocking(void)
{
	close(connected(SOCK_STREAM | SOCK_NONBLOCK));
}

static void
connect_datagram(void)
{
	close(connected(SOCK_DGRAM));
}

static void
recv_dontwait(void)
{
	aw_ignore(recv(pair[0], data, 1, MSG_DONTWAIT) < 0);
}

static void
poll_zero(void)
{
	struct pollfd ready = { .fd = pair[0], .events = POLLIN };

	aw_ignore(poll(&ready, 1, 0));
}

static void
waitpid_nohang(void)
{
	waitpid(-1, NULL, WNOHANG);
}

static void
getaddrinfo_numeric(void)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *found;

	if (getaddrinfo("127.0.0.1", NULL, &hints, &found) == 0)
		freeaddrinfo(found);
}

static void
read_proc(void)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	aw_ignore(read(fd, data, 1) < 0);
	close(fd);
}

static void
write_null(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	aw_ignore(write(fd, data, 1) < 0);
	close(fd);
}

/* --- The list ----------------------------------------------------------- */

#define CALL(name) { #name, call_##name, CALL }
#define TALK(name) { #name, call_##name, CONVERSATION }
#define SAME(name) { #name, name, HARMLESS }

const struct call calls[] = {
	CALL(getaddrinfo), CALL(getnameinfo), CALL(gethostbyname),
	CALL(connect), CALL(accept), CALL(read), CALL(write), CALL(recv),
	CALL(recvmsg), CALL(send), CALL(sendmsg), CALL(poll), CALL(select),
	CALL(epoll_wait), CALL(sleep), CALL(usleep), CALL(nanosleep),
	CALL(waitpid), CALL(pthread_join), CALL(pthread_cond_timedwait),
	CALL(open), CALL(fopen), CALL(fflush), CALL(stat), CALL(pread),
	CALL(pwrite),
	CALL(fsync), CALL(fdatasync), CALL(rename), CALL(unlink),
	TALK(PQcancel), TALK(mysql_real_connect), TALK(curl_easy_perform),
	SAME(read_nonblocking), SAME(connect_nonblocking),
	SAME(connect_datagram), SAME(recv_dontwait), SAME(poll_zero),
	SAME(waitpid_nohang), SAME(getaddrinfo_numeric), SAME(read_proc),
	SAME(write_null),
	{ .name = NULL },
};
