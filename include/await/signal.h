/* SPDX-License-Identifier: MIT */
/*
 * signal.h - waiting for signals.
 *
 *	static int
 *	reload_on_hangup(void *arg)
 *	{
 *		AW_AUTO(aw_signals, s);
 *		int number;
 *
 *		AW_TRY(aw_signals_open(&s, SIGHUP));
 *		while (aw_signals_next(s, &number) > 0)
 *			AW_TRY(reload(arg));
 *		return 0;
 *	}
 *
 * From open to close the signals do not do what they did before, and are
 * counted even while nobody waits.  Several of one number that came since the
 * last call are one; different numbers are told in turn, not in the order in
 * which they came.
 *
 * A signal can be open once in a process.  SIGINT and SIGTERM belong to
 * aw_run() unless it has .no_signals: see aw_stop_wait().
 */
#ifndef AWAIT_SIGNAL_H
#define AWAIT_SIGNAL_H

#include <await/base.h>

AW_BEGIN_DECLS

struct aw_signals;

#ifndef __cplusplus
/* aw_signals_open(&s, SIGHUP, SIGUSR1) */
#define aw_signals_open(ret, ...) \
	aw_signals_open_v((ret), (const int[]){ __VA_ARGS__ }, \
			  AW_LENGTH(((const int[]){ __VA_ARGS__ })))
#endif

/**
 * aw_signals_open_v - take signals for this loop; use the macro
 * aw_signals_open()
 * @ret: new; release it with aw_signals_close()
 * @numbers: SIGHUP, ...
 * @n: how many, 1..
 *
 * All or none.  A signal that every thread blocks never comes.
 *
 * Return: 0; -EBUSY (a number is open already, or aw_run() handles it);
 * -EINVAL (no signal, one that no handler can serve: SIGKILL, SIGSTOP,
 * SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, or SIGPIPE, which is an
 * error of the write); -EMFILE, -ENFILE; -ENOMEM; AW_EUSAGE (no loop).
 * Lifetime: @numbers are copied.
 * Context: task, loop callback.
 * Source: sigaction(2); eventfd(2).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_signals_open_v(struct aw_signals **ret,
					   const int numbers[], size_t n);

/**
 * aw_signals_next - the next signal
 * @signals: the signals; one task at a time
 * @ret: its number
 *
 * Awaits; cancel point, which loses no signal.
 *
 * Return: 1; AW_ECLOSED (closed meanwhile, or the loop ends); -EBUSY (another
 * task waits); -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EDEADLK;
 * AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Context: task.
 * Source: signal(7).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_signals_next(struct aw_signals *signals,
						   int *ret);

/**
 * aw_signals_close - give the signals back
 * @signals: address of the handle; it is set to NULL; may be NULL itself
 *
 * The former dispositions are restored, except where somebody has replaced
 * ours meanwhile.  What came and was not taken is forgotten.
 *
 * Return: nothing.
 * Lifetime: ends that of the handle.
 * Context: task, loop callback; outside when the loop has ended.
 * Source: sigaction(2).
 * Since: 0.1
 */
AW_API void aw_signals_close(struct aw_signals **signals);

/**
 * aw_signals_freep - aw_signals_close() for AW_AUTO
 * @signals: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: task, loop callback; outside when the loop has ended.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_signals_freep(struct aw_signals **signals);

AW_END_DECLS

#endif
