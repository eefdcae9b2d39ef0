/* SPDX-License-Identifier: MIT */
/*
 * process.h - child processes.
 *
 *	static int
 *	count_lines(void *arg)
 *	{
 *		AW_AUTO(aw_process, p);
 *		struct aw_bytes line;
 *		int n = 0, r, status;
 *
 *		AW_TRY(aw_process_start(&p, AW_ARGV("git", "log", "--oneline"),
 *					.out = AW_PIPE));
 *		while ((r = aw_stream_line(aw_process_out(p), &line)) > 0)
 *			n++;
 *		AW_TRY(r);	or it would write to whom nobody listens
 *		AW_TRY(aw_process_wait(p, &status));
 *		return status == 0 ? n : -EIO;
 *	}
 *
 * What is run to its end and read as a whole needs one call:
 *
 *	AW_AUTO(aw_output, o);
 *
 *	AW_TRY(aw_process_run(&o, AW_ARGV("sort"), .input = text));
 *
 * A process does not outlive its handle: where the block is left, it is asked
 * to end (SIGTERM), after .grace seconds it is killed, and it is reaped, while
 * the program goes on.  aw_run() does not return before that is done.  There
 * are no zombies, and the program's SIGCHLD is its own.
 *
 * The child has descriptors 0 to 2 and those in .fds, no other; its signals
 * are all at their default and none is blocked.
 *
 * Linux 5.11 or later.  Below 6.15 a status is lost if the program ignores
 * SIGCHLD or calls wait(-1) (libev's default loop does).
 */
#ifndef AWAIT_PROCESS_H
#define AWAIT_PROCESS_H

#include <await/base.h>
#include <await/stream.h>

AW_BEGIN_DECLS

struct aw_process;

/* Where .in, .out and .err lead; 0 stands for what the program itself has,
 * AW_NONE for /dev/null, a positive number for that descriptor. */
#define AW_PIPE (-2)			/* a stream: aw_process_in(), ... */
#define AW_STDOUT (-3)			/* .err only: where .out leads */

/* Options of aw_process_start() and aw_process_run(). */
struct aw_process_options {
	size_t size;
	struct aw_named *named;
	const char *const *env;	/* "NAME=value", then NULL; the program's */
	const char *cwd;	/* a folder; the program's */
	int in, out, err;	/* as above; aw_process_run(): /dev/null, or a
				 * pipe with .input; pipes */
	int n_fds;
	const int *fds;		/* n_fds descriptors from 3 on that the child
				 * has, too, under the same numbers */
	double grace;		/* seconds from SIGTERM to SIGKILL; 5; AW_NONE:
				 * SIGKILL at once; AW_FOREVER: never */
	int64_t max;		/* bytes of each output that are kept in
				 * memory; 64 MiB; AW_FOREVER */
	struct aw_bytes input;	/* of aw_process_run(); none */
	bool new_group;		/* leader of a process group: signals go to
				 * all of it */
	bool new_session;	/* leader of a session without a terminal, and
				 * so of a process group */
	int umask;		/* 01..0777; AW_NONE: 0; the program's */
	int64_t limit, high;	/* of its streams, as of aw_tcp_connect(): the
				 * longest line, and what may wait to be sent;
				 * 64 KiB */
	const char *user;	/* whose it is: a name, or a number as text;
				 * with the group and the supplementary groups
				 * of a login; the program's */
	const char *group;	/* its group, the same way; that of .user */
	const char *const *groups;	/* its supplementary groups, then NULL,
				 * in place of those of .user */
	void *spare[1];
};

/* What a process wrote, and how it ended. */
struct aw_output {
	int status;		/* as of aw_process_wait() */
	struct aw_bytes out;	/* followed by a NUL that is not counted; */
	struct aw_bytes err;	/* without a pipe the NULL view */
	void *spare[2];
};

#ifndef __cplusplus
/* AW_ARGV("ls", "-l"): program and arguments. */
#define AW_ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define aw_process_start(ret, argv, ...) \
	aw_process_start_with((ret), (argv), &(struct aw_process_options){ \
		.size = sizeof(struct aw_process_options), __VA_ARGS__ })
#define aw_process_run(ret, argv, ...) \
	aw_process_run_with((ret), (argv), &(struct aw_process_options){ \
		.size = sizeof(struct aw_process_options), __VA_ARGS__ })
#endif

/**
 * aw_process_start_with - start a program; use the macro aw_process_start()
 * @ret: new; end it with aw_process_close() or aw_process_abort()
 * @argv: the program and its arguments, then NULL; at least the program, which
 * is searched in PATH (of .env if that is given) unless it has a slash
 * @options: may be NULL
 *
 * Returns when the program has been executed.  Relative paths are of .cwd.
 * A file that is no program and no script with "#!" is not given to a shell.
 *
 * With .user nothing is left of the program's own rights: real, effective and
 * saved numbers are set, capabilities given up unless it is root, and the
 * supplementary groups are those of a login, which is setgroups(2) and so
 * needs root (CAP_SETUID and CAP_SETGID), also for the program's own user.  A
 * user who is a number and in no database has none, and needs .group.
 * .group alone changes nothing but the group: the
 * user and the supplementary groups stay; a group that the program has got
 * already needs no right.  .groups alone sets those only; none with { NULL }.
 * .cwd is entered and the program executed with the new rights; HOME, USER and
 * the rest of .env are left alone.  Names are looked up in the helper thread.
 * Such a start copies the program's page tables, as fork(2) does.  To end a
 * child of another user takes root, too (CAP_KILL).
 *
 * Awaits; cancel point before it begins: then the program does not run.
 *
 * Return: 0; -ENOENT (no such program, interpreter or folder), -EACCES (not
 * executable, a folder), -ENOEXEC, -E2BIG or another -errno of execve(2), all
 * naming the program; -EAGAIN (too many processes; no helper thread); -EMFILE,
 * -ENFILE; -EBADF (a descriptor of the options); -ENOSYS (the kernel, or a
 * filter, has no pidfd); -EINVAL (@argv, an option; no such user or group);
 * -EPERM (.user, .group or .groups without the right to); -ENOMEM; -ECANCELED;
 * -ETIME; -ETIMEDOUT (a budget); -EDEADLK; AW_EUSAGE; AW_EFORK.
 * Lifetime: arguments and options are not kept; descriptors stay the caller's.
 * Context: task.
 * Source: clone(2); execve(2); pidfd_open(2); close_range(2); setgroups(2);
 * systemd.exec(5), User=.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_process_start_with(struct aw_process **ret, const char *const argv[],
		      const struct aw_process_options *options);

/**
 * aw_process_wait - wait until a process has ended
 * @process: the process
 * @ret_status: 0 to 255: its exit code; negative: minus the signal that ended
 * it; may be NULL
 *
 * Awaits; cancel point, which leaves the process alone.  Several tasks may
 * wait, and again after the end.
 *
 * A process that writes to a pipe which nobody reads does not end: see
 * aw_process_communicate().
 *
 * Return: 0; -ECHILD (it has ended, but its status went to a wait(-1) of the
 * program, or SIGCHLD is ignored; not from Linux 6.15 on); AW_ECLOSED (the
 * loop ends); -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK; AW_EUSAGE;
 * AW_EFORK; -ENOMEM.
 * Context: task.
 * Source: waitid(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_process_wait(struct aw_process *process,
						   int *ret_status);

/**
 * aw_process_communicate - write to a process, read all it writes, wait for it
 * @process: the process
 * @ret: new; release it with aw_output_free(); what was not a pipe is the
 * NULL view
 * @input: for its standard input, which is closed afterwards; needs a pipe
 * unless it is empty
 *
 * All at once, so that no pipe can fill up.  That the process does not read
 * all of its input is no failure.  Ends when the outputs have ended and the
 * process has: a process of its own that holds them open is waited for, too.
 *
 * Awaits; cancel point.  After a failure the process still runs, and what had
 * been read is lost.
 *
 * Return: 0; AW_ELIMIT (an output is longer than .max); -EINVAL (@input
 * without a pipe); -EBUSY (another task uses one of the streams); AW_ECLOSED
 * (another task has closed or aborted the process); as aw_process_wait(); as
 * aw_stream_read() and aw_stream_write().
 * Lifetime: @input is not kept; @ret does not depend on @process.
 * Context: task.
 * Source: pipe(7).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_process_communicate(struct aw_process *process, struct aw_output **ret,
		       struct aw_bytes input);

/**
 * aw_process_run_with - run a program to its end; use the macro
 * aw_process_run()
 * @ret: new; release it with aw_output_free()
 * @argv: as of aw_process_start()
 * @options: may be NULL
 *
 * Start, communicate, close in one.  That the program failed is no failure of
 * the call: see the status.
 *
 * Awaits; cancel point.  After a failure the process is ended as by
 * aw_process_abort().
 *
 * Return: 0; as aw_process_start() and aw_process_communicate().
 * Lifetime: arguments and options are not kept.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_process_run_with(struct aw_output **ret, const char *const argv[],
		    const struct aw_process_options *options);

/**
 * aw_process_signal - send a signal to a process
 * @process: the process; with .new_group to all of its group
 * @number: SIGHUP, ...; 0 only asks whether it still runs
 *
 * Return: 0; -ESRCH (it has ended); -EINVAL (@number); -EPERM (it has become
 * another user's); AW_EUSAGE; AW_EFORK.
 * Context: task, loop callback.
 * Source: pidfd_send_signal(2).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_process_signal(struct aw_process *process,
					   int number);

/**
 * aw_process_pid - the number of a process
 * @process: the process
 *
 * Return: its number, which may be another's once the process has ended.
 * Context: task, loop callback.
 * Source: getpid(2).
 * Since: 0.1
 */
AW_API int aw_process_pid(const struct aw_process *process);

/**
 * aw_process_in - the stream into its standard input
 * @process: the process
 *
 * aw_stream_shutdown() of it is the end of the child's input.
 *
 * Return: the stream; NULL if .in was no pipe.
 * Lifetime: lent until @process is closed or aborted; not to be closed.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_stream *aw_process_in(const struct aw_process *process);

/**
 * aw_process_out - the stream from its standard output
 * @process: the process
 *
 * Return: the stream; NULL if .out was no pipe.
 * Lifetime: lent until @process is closed or aborted; not to be closed.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_stream *aw_process_out(const struct aw_process *process);

/**
 * aw_process_err - the stream from its standard error
 * @process: the process
 *
 * Return: the stream; NULL if .err was no pipe.
 * Lifetime: lent until @process is closed or aborted; not to be closed.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_stream *aw_process_err(const struct aw_process *process);

/**
 * aw_process_close - end a process, and wait for its end
 * @process: address of the handle; it is set to NULL at once; a NULL handle
 * is closed already
 *
 * Closes the pipes.  A process that still runs gets SIGTERM, and after .grace
 * seconds SIGKILL.  Then it is reaped; what is left of a group is killed
 * (below Linux 6.9 not if the program itself reaped the leader).
 *
 * Awaits; cancel point.  An interrupted one goes on as aw_process_abort().
 *
 * Return: 0 (it has ended, however); -ECANCELED; -ETIME; -ETIMEDOUT (a
 * budget); -EDEADLK; AW_EUSAGE; AW_EFORK; AW_ECLOSED; -ENOMEM.
 * Lifetime: ends that of the handle and its streams.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_process_close(struct aw_process **process);

/**
 * aw_process_abort - end a process, without waiting for it
 * @process: address of the handle; it is set to NULL; may be NULL itself
 *
 * Does at once what aw_process_close() begins with, and leaves the rest to a
 * task of the library.  In a child of fork() it closes the descriptors only.
 *
 * Return: nothing.
 * Lifetime: ends that of the handle and its streams.
 * Context: task, loop callback; outside when the loop has ended.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_process_abort(struct aw_process **process);

/**
 * aw_process_freep - aw_process_abort() for AW_AUTO
 * @process: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback; outside when the loop has ended.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_process_freep(struct aw_process **process);

/**
 * aw_output_free - release what a process wrote
 * @output: may be NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_output_free(struct aw_output *output);

/**
 * aw_output_freep - aw_output_free() for AW_AUTO
 * @output: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_output_freep(struct aw_output **output);

AW_END_DECLS

#endif
