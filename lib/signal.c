/* SPDX-License-Identifier: MIT */
/*
 * Signals that tasks wait for.
 *
 *	sources[number]			struct aw_signals, of a loop
 *	  fd     of its owner, or -1	  numbers
 *	  count  not yet taken		  fd ---> watch
 *	     ^                                 ^
 *	     +------- handler, any thread -----+ wakes
 *
 * The table is of the process and never goes away, so a handler that runs late
 * in another thread finds it. What it must not find is a descriptor whose
 * number means something else by now: who closes takes the number out of the
 * table first and then waits until no handler is inside (busy). That takes
 * microseconds: a handler does not wait for anything.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <await/signal.h>

#include "runtime.h"

#define LAST 64				/* the highest number */

static struct source {
	atomic_int fd;			/* plus 1; 0: not open */
	atomic_uint count;
	struct sigaction former;	/* the owner's */
} sources[LAST + 1];

static atomic_uint busy;		/* handlers inside */

struct aw_signals {
	struct aw_loop *loop;
	struct aw_fd *watch;		/* NULL: closed */
	int fd;				/* eventfd */
	unsigned mark;
	unsigned n_inside;
	bool freed;
	bool waiting;
	size_t last;			/* place of the one told last */
	struct aw_closer closer;
	size_t n;
	int numbers[];
};

/* --- The handler ------------------------------------------------------- */

/* The kernel wants eight bytes, whatever their value but 0. */
static void
on_signal(int number)
{
	static const uint64_t one = 1;
	struct source *source = &sources[number];
	int saved = errno, fd;

	atomic_fetch_add(&busy, 1);
	fd = atomic_load(&source->fd) - 1;
	if (fd >= 0) {
		atomic_fetch_add(&source->count, 1);
		/* A counter that is full wakes as well as one that grows. */
		aw_ignore(write(fd, &one, sizeof one) < 0);
	}
	atomic_fetch_sub(&busy, 1);
	errno = saved;
}

/* --- Taking and giving back -------------------------------------------- */

/* Those that mean that the program itself has gone wrong, or that no handler
 * gets. A SIGPIPE is an error of the write, and blocked in our threads. */
static bool
can_serve(int number)
{
	static const int others[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,
				      SIGFPE, SIGILL, SIGTRAP, SIGABRT,
				      SIGPIPE };
	size_t i;

	for (i = 0; i < AW_LENGTH(others); i++)
		if (number == others[i])
			return false;
	return number > 0 && number <= LAST &&
	       !(number >= 32 && number < SIGRTMIN);
}

static int
take(struct source *source, int number, int fd)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESTART | SA_ONSTACK };
	int none = 0;

	if ((number == SIGINT || number == SIGTERM) && aw__run_has_signals())
		return aw_fail(-EBUSY, "signal %d is handled by aw_run(): "
			       "aw_stop_wait(), or its option .no_signals",
			       number);
	if (!atomic_compare_exchange_strong(&source->fd, &none, fd + 1))
		return aw_fail(-EBUSY, "signal %d is open already", number);
	atomic_store(&source->count, 0);
	sigemptyset(&action.sa_mask);
	if (sigaction(number, &action, &source->former) < 0) {
		int r = -errno;

		atomic_store(&source->fd, 0);
		return aw_fail(r, "signal %d: %s", number, aw_strerror(r));
	}
	return 0;
}

static void
give_back(struct source *source, int number)
{
	struct sigaction now;

	if (sigaction(number, NULL, &now) == 0 && now.sa_handler == on_signal)
		sigaction(number, &source->former, NULL);
	atomic_store(&source->fd, 0);
}

static void
give_all_back(struct aw_signals *s, size_t n)
{
	while (n > 0) {
		n--;
		give_back(&sources[s->numbers[n]], s->numbers[n]);
	}
	while (atomic_load(&busy) > 0)
		sched_yield();
}

static int
take_all(struct aw_signals *s)
{
	size_t i;
	int r;

	for (i = 0; i < s->n; i++) {
		r = take(&sources[s->numbers[i]], s->numbers[i], s->fd);
		if (r < 0) {
			give_all_back(s, i);
			return r;
		}
	}
	return 0;
}

/* In a child of fork(), which has none of this: the handles are the parent's,
 * and so is who was in a handler. */
void
aw__signals_forked(void)
{
	int number;

	for (number = 1; number <= LAST; number++)
		if (atomic_load(&sources[number].fd) > 0)
			give_back(&sources[number], number);
	atomic_store(&busy, 0);
}

/* --- The life of the object -------------------------------------------- */

static void
leave(struct aw_signals *s)
{
	if (--s->n_inside == 0 && s->freed)
		aw__free(s);
}

static void
teardown(struct aw_signals *s)
{
	struct aw_fd *watch = s->watch;

	if (!watch)
		return;
	s->watch = NULL;
	if (s->mark == aw_fork_mark())
		give_all_back(s, s->n);
	aw_closer_remove(&s->closer);
	aw_fd_free(watch);
	close(s->fd);
}

static void
on_loop_end(void *signals)
{
	teardown(signals);
}

static void
close_here(void *signals)
{
	struct aw_signals *s = signals;

	s->n_inside++;
	teardown(s);
	s->freed = true;
	leave(s);
}

void
aw_signals_close(struct aw_signals **signals)
{
	struct aw_signals *s = *signals;

	*signals = NULL;
	if (!s)
		return;
	if (s->watch && s->loop != aw__loop && s->mark == aw_fork_mark())
		aw_ignore(aw_post(s->loop, close_here, s));
	else
		close_here(s);
}

void
aw_signals_freep(struct aw_signals **signals)
{
	aw_signals_close(signals);
}

static int
open_all(struct aw_signals *s)
{
	int r;

	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd < 0)
		return aw_fail(-errno, "a descriptor for signals: %s",
			       aw_strerror(-errno));
	r = aw_fd_new(&s->watch, s->fd);
	if (r == 0)
		r = take_all(s);
	if (r < 0) {
		aw_fd_free(s->watch);
		close(s->fd);
		return r;
	}
	s->closer.fn = on_loop_end;
	s->closer.arg = s;
	return aw_closer_add(&s->closer);
}

int
aw_signals_open_v(struct aw_signals **ret, const int numbers[], size_t n)
{
	struct aw_signals *s;
	size_t i;
	int r;

	if (!aw__loop)
		return aw__no_loop("aw_signals_open");
	if (n == 0)
		return aw_fail(-EINVAL, "aw_signals_open: no signal");
	for (i = 0; i < n; i++)
		if (!can_serve(numbers[i]))
			return aw_fail(-EINVAL, "signal %d cannot be waited "
				       "for", numbers[i]);
	s = aw__calloc(1, sizeof *s + n * sizeof s->numbers[0]);
	if (!s)
		return aw_fail(-ENOMEM, "no memory for signals");
	s->loop = aw__loop;
	s->mark = aw_fork_mark();
	s->n = n;
	s->last = n - 1;
	memcpy(s->numbers, numbers, n * sizeof numbers[0]);
	r = open_all(s);
	if (r < 0) {
		aw__free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* --- Waiting ----------------------------------------------------------- */

/* From the one after the last told: a storm of one hides no other. */
static bool
take_one(struct aw_signals *s, int *ret)
{
	size_t i, at;

	for (i = 1; i <= s->n; i++) {
		at = (s->last + i) % s->n;
		if (atomic_exchange(&sources[s->numbers[at]].count, 0) > 0) {
			s->last = at;
			*ret = s->numbers[at];
			return true;
		}
	}
	return false;
}

static int
fail_closed(void)
{
	return aw_fail(AW_ECLOSED, "the signals were closed");
}

/* The eventfd is emptied before the table is read: what comes between the two
 * is found at once, and wakes once for nothing. */
static int
next(struct aw_signals *s, int *ret)
{
	uint64_t count;
	int r = aw_checkpoint();

	while (r >= 0 && s->watch) {
		aw_ignore(read(s->fd, &count, sizeof count) < 0);
		if (take_one(s, ret))
			return 1;
		r = aw_fd_wait(s->watch, AW_FD_READ, "a signal", s);
	}
	return s->watch || (r < 0 && r != -EBADF) ? r : fail_closed();
}

int
aw_signals_next(struct aw_signals *signals, int *ret)
{
	struct aw_signals *s = signals;
	int r;

	if (s->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "the signals were opened before "
			       "fork(): they are the parent's");
	if (!s->watch)
		return fail_closed();
	if (s->loop != aw__loop)
		return aw_fail(AW_EUSAGE, "the signals belong to the loop of "
			       "another thread");
	if (s->waiting)
		return aw_fail(-EBUSY, "another task waits for these signals");
	s->waiting = true;
	s->n_inside++;
	r = next(s, ret);
	s->waiting = false;
	leave(s);
	return r;
}
