/* SPDX-License-Identifier: MIT */
/*
 * Making a child: in a helper thread, which vfork suspends, and in the child
 * itself, which shares the memory of the whole program until it executes
 * another one.
 *
 * So the child's functions use system calls only: no lock, no allocation, no
 * interceptor of a sanitizer, whose tables would be changed for the parent
 * (hence syscall() where the C library has a function of the name, too). They
 * are not instrumented: frames that are never left would stay marked in the
 * shadow of the stack.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define STACK 65536
#define N_SIGNALS 64
#define CLOEXEC_RANGE 4u		/* CLOSE_RANGE_CLOEXEC, Linux 5.11 */

#define IN_CHILD __attribute__((noinline, no_sanitize("address"), \
				no_sanitize("thread"), \
				no_sanitize("undefined")))

/*
 * ThreadSanitizer takes every clone() for a fork(): what is to be forgotten in
 * the child it forgets, in shared memory, of the thread that called. From then
 * on it sees neither the locks nor the accesses of that thread: what the thread
 * did before looks like a race, a real one after it is missed. The C library's
 * other name for the same function is not intercepted.
 */
#ifdef AW__TSAN
int plain_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
	__asm__("__clone");
#else
#define plain_clone clone
#endif

/* What a child does before its program, in this order. */
enum step {
	ITS_SESSION, ITS_GROUP, ITS_STDIO, ITS_OTHERS, ITS_USER, ITS_FOLDER,
	ITS_PROGRAM
};

static const char *const steps[] = {
	[ITS_SESSION] = "its session",
	[ITS_GROUP] = "its process group",
	[ITS_STDIO] = "its descriptors 0 to 2",
	[ITS_OTHERS] = "closing its other descriptors",
	[ITS_USER] = (".user, .group, .groups: root's right (CAP_SETUID, "
		      "CAP_SETGID)"),
	[ITS_FOLDER] = "its folder",
	[ITS_PROGRAM] = "",
};

/* Why there is no program, through a pipe that exec closes. A number and no
 * pointer: another user may have written it. */
struct report {
	unsigned step;
	int code;
};

struct child {
	const struct aw__spawn *spawn;
	int report;			/* descriptor */
	int stdio[3];
};

/* --- In the child ------------------------------------------------------ */

/* Where a user had 16 bits once, the calls of that name still cut them off. */
#ifdef SYS_setresuid32
#define SET_GROUPS SYS_setgroups32
#define SET_GID SYS_setresgid32
#define SET_UID SYS_setresuid32
#else
#define SET_GROUPS SYS_setgroups
#define SET_GID SYS_setresgid
#define SET_UID SYS_setresuid
#endif

static void IN_CHILD
give_up(const struct child *c, enum step step)
{
	struct report report = { step, -errno };

	syscall(SYS_write, c->report, &report, sizeof report);
	syscall(SYS_exit_group, 127);
}

/* Its number must not be one that is about to be replaced. */
static int IN_CHILD
lift(int fd)
{
	return fd < 0 || fd > 2 ? fd :
		(int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
}

/* One that is closed here gets /dev/null: the program's first open() must not
 * become its standard error. */
static int IN_CHILD
source(const struct child *c, int i)
{
	int fd = c->stdio[i];

	if (fd == AW_STDOUT)
		return 1;
	if (fd >= 0 && (fd != i || syscall(SYS_fcntl, fd, F_GETFD) >= 0))
		return fd;
	return (int)syscall(SYS_openat, AT_FDCWD, "/dev/null",
			    O_RDWR | O_CLOEXEC);
}

static bool IN_CHILD
place(struct child *c)
{
	int i, fd;

	c->report = lift(c->report);
	for (i = 0; i < 3; i++)
		if (c->stdio[i] != i) {
			c->stdio[i] = lift(c->stdio[i]);
			if (c->stdio[i] == -1 && c->spawn->stdio[i] >= 0)
				return false;
		}
	for (i = 0; i < 3; i++) {
		fd = source(c, i);
		if (fd < 0)
			return false;
		if (fd == i ? syscall(SYS_fcntl, fd, F_SETFD, 0) < 0
			    : syscall(SYS_dup3, fd, i, 0) < 0)
			return false;
	}
	return true;
}

/* Nothing else goes into the program, whatever others left open. */
static bool IN_CHILD
seal(const struct aw__spawn *s)
{
	int i;

	if (syscall(SYS_close_range, 3u, ~0u, CLOEXEC_RANGE) < 0)
		return false;
	for (i = 0; i < s->n_fds; i++)
		if (syscall(SYS_fcntl, s->fds[i], F_SETFD, 0) < 0)
			return false;
	return true;
}

/* Zeroes are SIG_DFL, no flags and an empty mask on every machine. */
static void IN_CHILD
reset_signals(void)
{
	const unsigned long nothing[8] = { 0 };
	int number;

	for (number = 1; number <= N_SIGNALS; number++)
		syscall(SYS_rt_sigaction, number, nothing, NULL,
			(size_t)N_SIGNALS / 8);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, nothing, NULL,
		(size_t)N_SIGNALS / 8);
}

/* As a shell searches: what may not be executed does not end the search, but
 * is what is told if nothing is found. */
static void IN_CHILD
execute(const struct aw__spawn *s)
{
	const char *path = s->paths;
	bool forbidden = false;

	while (*path) {
		syscall(SYS_execve, path, s->argv, s->env);
		forbidden |= errno == EACCES;
		if (errno != EACCES && errno != ENOENT && errno != ENOTDIR)
			return;
		while (*path++)
			;
	}
	errno = forbidden ? EACCES : ENOENT;
}

/* Root's rights go when root becomes somebody else; those of a program that
 * is not root's and has some nevertheless stay, and ambient ones would be the
 * new program's. */
static bool IN_CHILD
give_rights_up(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct nothing[2] = { { 0 } };

	return syscall(SYS_capset, &header, nothing) == 0;
}

/* The user last: who has given root up cannot choose groups. */
static bool IN_CHILD
become(const struct aw__spawn *s)
{
	if (s->groups &&
	    syscall(SET_GROUPS, s->n_groups, s->groups) < 0)
		return false;
	if (s->has_gid && syscall(SET_GID, s->gid, s->gid, s->gid) < 0)
		return false;
	if (s->has_uid && syscall(SET_UID, s->uid, s->uid, s->uid) < 0)
		return false;
	return !s->has_uid || s->uid == 0 || give_rights_up();
}

static int IN_CHILD
child(void *arg)
{
	struct child *c = arg;
	const struct aw__spawn *s = c->spawn;

	if (s->new_session && syscall(SYS_setsid) < 0)
		give_up(c, ITS_SESSION);
	if (s->new_group && !s->new_session && syscall(SYS_setpgid, 0, 0) < 0)
		give_up(c, ITS_GROUP);
	if (s->umask >= 0)
		syscall(SYS_umask, s->umask);
	if (!place(c))
		give_up(c, ITS_STDIO);
	if (!seal(s))
		give_up(c, ITS_OTHERS);
	if (!become(s))
		give_up(c, ITS_USER);
	if (s->cwd && syscall(SYS_chdir, s->cwd) < 0)
		give_up(c, ITS_FOLDER);
	reset_signals();
	execute(s);
	give_up(c, ITS_PROGRAM);
	return 127;
}

/* --- In the helper thread ---------------------------------------------- */

static void
fail(struct aw__spawn *s, const char *failed, int code)
{
	s->failed = failed;
	s->code = code;
}

/* On ourselves, since a refusal to signal a child may have other reasons. */
static bool
has_pidfds(struct aw__spawn *s)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0), r;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE ||
		       errno == ENOMEM)) {
		fail(s, "a descriptor for it", -errno);
		return false;
	}
	r = fd < 0 ? -1 : (int)syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0);
	if (fd >= 0)
		close(fd);
	if (r < 0)
		fail(s, "the kernel, or a filter on system calls, has no "
		     "pidfd", -ENOSYS);
	return r == 0;
}

/* What is another user's must not share our memory, which he could write
 * to, nor hold up the thread, which he could by a stop: a copy, as of
 * fork(). */
static int
clone_flags(const struct aw__spawn *s)
{
	bool other = s->has_uid || s->has_gid || s->groups;

	return other ? CLONE_PIDFD : CLONE_PIDFD | CLONE_VM | CLONE_VFORK;
}

/* With all signals blocked: a handler of the program's must not run in a
 * child that shares its memory. */
static void
clone_child(struct aw__spawn *s, struct child *c, char *stack)
{
	sigset_t all, before;
	int pidfd = -1;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = plain_clone(child, stack + STACK, clone_flags(s), c, &pidfd);
	if (pid < 0)
		fail(s, "a new process", -errno);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->pid = pid;
	s->pidfd = pidfd;
}

/* It ends by itself at once; nobody else can reap it. */
static void
bury(struct aw__spawn *s)
{
	siginfo_t info;

	while (waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED | __WALL) < 0 &&
	       errno == EINTR)
		;
	close(s->pidfd);
	s->pidfd = -1;
}

static void
hear(struct aw__spawn *s, int fd)
{
	struct report report;
	ssize_t n;

	do
		n = read(fd, &report, sizeof report);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof report)
		return;
	if (report.step >= AW_LENGTH(steps) || report.code >= 0)
		report = (struct report){ ITS_PROGRAM, -EPROTO };
	fail(s, steps[report.step], report.code);
	bury(s);
}

static void
spawn_with(struct aw__spawn *s, const int report[2])
{
	struct child c = {
		.spawn = s, .report = report[1],
		.stdio = { s->stdio[0], s->stdio[1], s->stdio[2] },
	};
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED) {
		fail(s, "a stack for it", -errno);
		close(report[1]);
		return;
	}
	clone_child(s, &c, stack);
	close(report[1]);
	if (!s->failed)
		hear(s, report[0]);
	munmap(stack, STACK);
}

static void
spawn(struct aw__spawn *s)
{
	int report[2];

	if (pipe2(report, O_CLOEXEC) < 0) {
		fail(s, "a pipe", -errno);
		return;
	}
	spawn_with(s, report);
	close(report[0]);
}

void
aw__spawn(struct aw__spawn *s)
{
	s->failed = NULL;
	if (has_pidfds(s) && aw__spawn_user(s) == 0)
		spawn(s);
	aw__free(s->groups);
	s->groups = NULL;
}
