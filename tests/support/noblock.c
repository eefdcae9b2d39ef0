/* SPDX-License-Identifier: MIT */
/*
 * The judge: which threads are loops', what is allowed there, the report.
 *
 * Environment:
 *	AWAIT_NOBLOCK_LOG	a file: reports are added to it, and at the
 *				end of a process the number of calls that were
 *				looked at, so that silence can be told from
 *				absence
 *	AWAIT_NOBLOCK=report	goes on after a report: to see all of them
 */
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "noblock.h"

#define EVFLAG_NOENV 0x01000000U	/* ev.h; on loops of aw_run() */

struct ev_loop;

static _Thread_local int turns;		/* ev_run() on this thread */
static _Thread_local int own;		/* loops of aw_run() */
static _Thread_local int judging;	/* what the judge calls is not judged */
static unsigned long looked_at;
static char log_path[4096];
static const char *backend;		/* where ev_run() lives */

/* --- Which thread ------------------------------------------------------ */

int ev_run(struct ev_loop *loop, int flags);
int
ev_run(struct ev_loop *loop, int flags)
{
	int before = turns, r;

	turns = before + 1;
	r = REAL(ev_run)(loop, flags);
	turns = before;			/* in a child of fork(), too */
	return r;
}

struct ev_loop *ev_loop_new(unsigned flags);
struct ev_loop *
ev_loop_new(unsigned flags)
{
	own += (flags & EVFLAG_NOENV) != 0;
	return REAL(ev_loop_new)(flags);
}

void ev_loop_destroy(struct ev_loop *loop);
void
ev_loop_destroy(struct ev_loop *loop)
{
	REAL(ev_loop_destroy)(loop);
	if (own > 0)
		own--;
}

bool
noblock_on_loop(void)
{
	return turns > 0 || own > 0;
}

bool
noblock_watches(void)
{
	if (judging)
		return false;
	if (!noblock_on_loop())
		return noblock_n_held() > 0;
	__atomic_fetch_add(&looked_at, 1, __ATOMIC_RELAXED);
	return true;
}

/* A child of fork() is nobody's loop: libawait says so to its tasks, too. */
static void
forked(void)
{
	turns = own = 0;
	looked_at = 0;
	noblock_locks_forked();
}

/* --- What is allowed --------------------------------------------------- */

static bool
begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* The bodies of test programs wait as they like, and so do the peers that
 * they play. Static functions are known by the name of their source. */
static bool
is_test(const struct origin *by)
{
	return by->main && (begins(by->file, "check_") ||
			    begins(by->file, "chaos") ||
			    begins(by->file, "fake_") ||
			    begins(by->function, "chaos_") ||
			    begins(by->function, "fake_"));
}

static bool
is_ours(const struct origin *by)
{
	return by->main || begins(by->object, "libawait");
}

/*
 * libev:	waits in epoll_wait(): it is the backend.
 * OpenSSL:	reads certificates during a handshake, and libcurl's handshakes
 *		stay on the loop: it offers no other place. A connection to a
 *		database is made in a helper thread, its handshake with it.
 * listeners:	the path of a unix socket is made by bind(2) itself, and must
 *		be gone before the next one is made; listen.h says so.
 * aw_dump():	waits for whom it writes to; debug.h says so.
 * the end:	between the last turn and the end of aw_run() no task is left
 *		whom a wait for our own threads and for the kernel's end of
 *		file operations could hold up.
 */
static bool
is_allowed(enum guarded kind, const struct origin *by)
{
	switch (kind) {
	case GUARDED_EPOLL:
		return backend && strcmp(by->object, backend) == 0;
	case GUARDED_FILE:
		return begins(by->object, "libcrypto.so") ||
		       begins(by->object, "libssl.so") ||
		       strcmp(by->function, "aw_unix_listen_with") == 0 ||
		       strcmp(by->function, "aw_listener_stop") == 0;
	case GUARDED_SOCKET:
		return by->main && strcmp(by->file, "dump.c") == 0;
	case GUARDED_THREAD:
	case GUARDED_POLL:
		return turns == 0 && is_ours(by);
	default:
		return false;
	}
}

/* --- The report -------------------------------------------------------- */

static void
put(int fd, const char *text)
{
	size_t n = strlen(text);
	long done;

	while (n > 0) {
		done = syscall(SYS_write, fd, text, n);
		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

static void __attribute__((format(printf, 2, 3)))
say(int log, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	put(STDERR_FILENO, line);
	if (log >= 0)
		put(log, line);
}

static int
open_log(void)
{
	return log_path[0] ? (int)syscall(SYS_openat, AT_FDCWD, log_path,
					  O_WRONLY | O_APPEND | O_CREAT |
						  O_CLOEXEC, 0666)
			   : -1;
}

static void
frames(int log)
{
	void *at[32];
	int n = backtrace(at, 32), i;
	struct origin o;

	for (i = 3; i < n; i++) {	/* without the judge */
		o = noblock_origin(at[i]);
		say(log, "noblock:  %p %s %s %s\n", at[i], o.object, o.file,
		    o.function);
	}
}

static void
report(const char *call, const char *what, const struct origin *by)
{
	const char *mode = getenv("AWAIT_NOBLOCK");
	int log = open_log();

	say(log, "noblock: %s() would block %s %s %s %s, process %d\n", call,
	    what, by->object, by->file, by->function, (int)getpid());
	frames(log);
	if (log >= 0)
		syscall(SYS_close, log);
	if (!mode || strcmp(mode, "report") != 0)
		abort();
}

/* --- The judge --------------------------------------------------------- */

/* Off the loops: is it called under a lock of ours? */
static void
judge_locks(const char *call)
{
	struct origin by;
	void *taker;

	for (int i = 0; i < noblock_n_held(); i++) {
		taker = noblock_held(i);
		if (!taker)
			continue;
		by = noblock_origin(taker);
		if (is_ours(&by) && !is_test(&by))
			report(call, "under the lock taken by", &by);
	}
}

void
noblock_judge(enum guarded kind, const char *call, void *caller)
{
	struct origin by;

	judging++;
	by = noblock_origin(caller);
	if (!noblock_on_loop())
		judge_locks(call);
	else if (!is_test(&by) && !is_allowed(kind, &by))
		report(call, "the loop of its thread; called by", &by);
	judging--;
}

/* --- Begin and end of a process ---------------------------------------- */

static void __attribute__((constructor))
begin(void)
{
	const char *path = getenv("AWAIT_NOBLOCK_LOG");
	void *run = dlsym(RTLD_NEXT, "ev_run"), *warm[1];
	static struct origin at;

	if (path)
		snprintf(log_path, sizeof log_path, "%s", path);
	if (run) {
		at = noblock_origin(run);
		backend = at.object;
	}
	backtrace(warm, 1);		/* loads what it needs now */
	pthread_atfork(NULL, NULL, forked);
}

static void __attribute__((destructor))
end(void)
{
	char line[64];
	int log;

	if (looked_at == 0)
		return;
	log = open_log();
	if (log < 0)
		return;
	snprintf(line, sizeof line, "looked at %lu\n", looked_at);
	put(log, line);
	syscall(SYS_close, log);
}
