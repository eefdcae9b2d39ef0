/* SPDX-License-Identifier: MIT */
/*
 * noblock.h - no blocking call on a loop's thread: an LD_PRELOAD guard.
 *
 *	program, its libraries ---> guard of read() ---> the C library
 *	                                |
 *	            on a loop's thread, or with a lock that loops take:
 *	            would it wait? is it not allowed? then say so, abort
 *
 * No hook in the library: the guard also stands before ev_run(). A thread is
 * a loop's from ev_run() to its return, and that of a loop of aw_run() up to
 * ev_loop_destroy(). Whoever is called meanwhile is judged, on whatever stack:
 * tasks, watchers, libpq, libmariadb, libcurl, OpenSSL. Calls that the C
 * library makes by itself (stdio writes, a lookup inside getaddrinfo()) and
 * bare system calls (liburing) do not come past here.
 */
#ifndef TESTS_NOBLOCK_H
#define TESTS_NOBLOCK_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

/* What a call may wait for. */
enum guarded {
	GUARDED_CLIENT,		/* a whole conversation in one call */
	GUARDED_EPOLL,		/* descriptors, as the backend does */
	GUARDED_FILE,		/* a disk */
	GUARDED_NAME,		/* a name server, a directory of users */
	GUARDED_POLL,		/* descriptors */
	GUARDED_PROCESS,	/* a child, a signal */
	GUARDED_SOCKET,		/* the peer of a blocking descriptor */
	GUARDED_THREAD,		/* another thread */
	GUARDED_TIME,
};

/* noblock.c: is there anything to judge on this thread now? */
bool noblock_watches(void);
bool noblock_on_loop(void);
void noblock_judge(enum guarded kind, const char *call, void *caller);

/* noblock_lock.c: who took this thread's i-th lock; NULL: no loop takes it. */
int noblock_n_held(void);
void *noblock_held(int i);
void noblock_locks_forked(void);

/* noblock_origin.c: whose code an address is. */
struct origin {
	char object[64];	/* base name of the program or library */
	char file[64];		/* source of a static function, or "" */
	char function[64];	/* or "" */
	bool main;		/* of the program itself */
};
struct origin noblock_origin(const void *at);

#define CALLER __builtin_return_address(0)

/* The next one in the order of loading: the true one. */
#define REAL(name) \
	({ \
		static __typeof__(&name) real; \
		if (!real) \
			real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
		real; \
	})

/*
 * A guard before a function: its question first, then the call.
 *
 *	GUARDED(int, fsync, (int fd), (fd), judge_always(GUARDED_FILE))
 *
 * In the question "call" is the function's name and "caller" the address
 * that it will return to.
 */
#define GUARDED(type, name, parameters, arguments, question) \
	type name parameters; \
	type name parameters \
	{ \
		if (noblock_watches()) { \
			const char *call = #name; \
			void *caller = CALLER; \
			question; \
		} \
		return REAL(name) arguments; \
	}

#define ALWAYS(kind) noblock_judge(kind, call, caller)
#define IF(condition, kind) \
	do { \
		if (condition) \
			noblock_judge(kind, call, caller); \
	} while (0)

#endif
