/* SPDX-License-Identifier: MIT */
/* Guards: names, descriptors, time, children, threads, conversations. */
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "noblock.h"

/* --- Names ------------------------------------------------------------- */

/* A numeric address is only read. */
GUARDED(int, getaddrinfo,
	(const char *host, const char *service, const struct addrinfo *hints,
	 struct addrinfo **ret),
	(host, service, hints, ret),
	IF(host && !(hints && hints->ai_flags & AI_NUMERICHOST), GUARDED_NAME))
GUARDED(int, getnameinfo,
	(const struct sockaddr *address, socklen_t n, char *host,
	 socklen_t host_n, char *service, socklen_t service_n, int flags),
	(address, n, host, host_n, service, service_n, flags),
	IF(host && !(flags & NI_NUMERICHOST), GUARDED_NAME))
GUARDED(struct hostent *, gethostbyname, (const char *host), (host),
	ALWAYS(GUARDED_NAME))
GUARDED(struct hostent *, gethostbyname2, (const char *host, int family),
	(host, family), ALWAYS(GUARDED_NAME))
GUARDED(int, gethostbyname_r,
	(const char *host, struct hostent *entry, char *room, size_t n,
	 struct hostent **ret, int *ret_error),
	(host, entry, room, n, ret, ret_error), ALWAYS(GUARDED_NAME))
GUARDED(struct hostent *, gethostbyaddr,
	(const void *address, socklen_t n, int family), (address, n, family),
	ALWAYS(GUARDED_NAME))
GUARDED(struct passwd *, getpwuid, (uid_t user), (user), ALWAYS(GUARDED_NAME))
GUARDED(int, getpwuid_r,
	(uid_t user, struct passwd *entry, char *room, size_t n,
	 struct passwd **ret),
	(user, entry, room, n, ret), ALWAYS(GUARDED_NAME))
GUARDED(struct passwd *, getpwnam, (const char *user), (user),
	ALWAYS(GUARDED_NAME))

/* --- Descriptors: zero is a question, not a wait ------------------------ */

static bool
is_zero(const struct timespec *time)
{
	return time && time->tv_sec == 0 && time->tv_nsec == 0;
}

GUARDED(int, poll, (struct pollfd *at, nfds_t n, int ms), (at, n, ms),
	IF(ms != 0, GUARDED_POLL))
GUARDED(int, __poll_chk, (struct pollfd *at, nfds_t n, int ms, size_t room),
	(at, n, ms, room), IF(ms != 0, GUARDED_POLL))
GUARDED(int, ppoll,
	(struct pollfd *at, nfds_t n, const struct timespec *time,
	 const sigset_t *mask),
	(at, n, time, mask), IF(!is_zero(time), GUARDED_POLL))
GUARDED(int, select,
	(int n, fd_set *in, fd_set *out, fd_set *odd, struct timeval *time),
	(n, in, out, odd, time),
	IF(!time || time->tv_sec != 0 || time->tv_usec != 0, GUARDED_POLL))
GUARDED(int, pselect,
	(int n, fd_set *in, fd_set *out, fd_set *odd,
	 const struct timespec *time, const sigset_t *mask),
	(n, in, out, odd, time, mask), IF(!is_zero(time), GUARDED_POLL))
GUARDED(int, epoll_wait, (int fd, struct epoll_event *at, int n, int ms),
	(fd, at, n, ms), IF(ms != 0, GUARDED_EPOLL))
GUARDED(int, epoll_pwait,
	(int fd, struct epoll_event *at, int n, int ms, const sigset_t *mask),
	(fd, at, n, ms, mask), IF(ms != 0, GUARDED_POLL))

/* --- Time -------------------------------------------------------------- */

GUARDED(unsigned, sleep, (unsigned seconds), (seconds),
	ALWAYS(GUARDED_TIME))
GUARDED(int, usleep, (useconds_t microseconds), (microseconds),
	ALWAYS(GUARDED_TIME))
GUARDED(int, nanosleep, (const struct timespec *time, struct timespec *left),
	(time, left), ALWAYS(GUARDED_TIME))
GUARDED(int, clock_nanosleep,
	(clockid_t clock, int flags, const struct timespec *time,
	 struct timespec *left),
	(clock, flags, time, left), ALWAYS(GUARDED_TIME))

/* --- Children and signals ---------------------------------------------- */

GUARDED(pid_t, wait, (int *status), (status), ALWAYS(GUARDED_PROCESS))
GUARDED(pid_t, waitpid, (pid_t pid, int *status, int flags),
	(pid, status, flags), IF(!(flags & WNOHANG), GUARDED_PROCESS))
GUARDED(pid_t, wait4, (pid_t pid, int *status, int flags, struct rusage *use),
	(pid, status, flags, use), IF(!(flags & WNOHANG), GUARDED_PROCESS))
GUARDED(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int flags),
	(type, id, info, flags), IF(!(flags & WNOHANG), GUARDED_PROCESS))
GUARDED(int, system, (const char *command), (command),
	ALWAYS(GUARDED_PROCESS))
GUARDED(FILE *, popen, (const char *command, const char *mode),
	(command, mode), ALWAYS(GUARDED_PROCESS))
GUARDED(int, pclose, (FILE *file), (file), ALWAYS(GUARDED_PROCESS))
GUARDED(int, pause, (void), (), ALWAYS(GUARDED_PROCESS))
GUARDED(int, sigsuspend, (const sigset_t *mask), (mask),
	ALWAYS(GUARDED_PROCESS))
GUARDED(int, sigwait, (const sigset_t *set, int *ret), (set, ret),
	ALWAYS(GUARDED_PROCESS))
GUARDED(int, sigwaitinfo, (const sigset_t *set, siginfo_t *info), (set, info),
	ALWAYS(GUARDED_PROCESS))
GUARDED(int, sigtimedwait,
	(const sigset_t *set, siginfo_t *info, const struct timespec *time),
	(set, info, time), IF(!is_zero(time), GUARDED_PROCESS))

/* --- Threads ----------------------------------------------------------- */

GUARDED(int, pthread_join, (pthread_t thread, void **ret), (thread, ret),
	ALWAYS(GUARDED_THREAD))
GUARDED(int, pthread_timedjoin_np,
	(pthread_t thread, void **ret, const struct timespec *until),
	(thread, ret, until), ALWAYS(GUARDED_THREAD))
GUARDED(int, pthread_barrier_wait, (pthread_barrier_t *barrier), (barrier),
	ALWAYS(GUARDED_THREAD))
GUARDED(int, sem_wait, (sem_t *sem), (sem), ALWAYS(GUARDED_THREAD))
GUARDED(int, sem_timedwait, (sem_t *sem, const struct timespec *until),
	(sem, until), ALWAYS(GUARDED_THREAD))

/* --- Whole conversations ----------------------------------------------- */

GUARDED(int, PQcancel, (void *cancel, char *error, int n), (cancel, error, n),
	ALWAYS(GUARDED_CLIENT))
GUARDED(void *, PQconnectdb, (const char *dsn), (dsn), ALWAYS(GUARDED_CLIENT))
GUARDED(void *, PQconnectdbParams,
	(const char *const *keys, const char *const *values, int expand),
	(keys, values, expand), ALWAYS(GUARDED_CLIENT))
GUARDED(void *, PQexec, (void *connection, const char *sql),
	(connection, sql), ALWAYS(GUARDED_CLIENT))
GUARDED(void *, mysql_real_connect,
	(void *mysql, const char *host, const char *user, const char *password,
	 const char *database, unsigned port, const char *path,
	 unsigned long flags),
	(mysql, host, user, password, database, port, path, flags),
	ALWAYS(GUARDED_CLIENT))
GUARDED(int, curl_global_init, (long flags), (flags), ALWAYS(GUARDED_CLIENT))
GUARDED(int, curl_easy_perform, (void *easy), (easy), ALWAYS(GUARDED_CLIENT))
GUARDED(int, curl_multi_wait,
	(void *multi, void *at, unsigned n, int ms, int *ret),
	(multi, at, n, ms, ret), IF(ms != 0, GUARDED_CLIENT))
GUARDED(int, curl_multi_poll,
	(void *multi, void *at, unsigned n, int ms, int *ret),
	(multi, at, n, ms, ret), IF(ms != 0, GUARDED_CLIENT))
