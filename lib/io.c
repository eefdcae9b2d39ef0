/* SPDX-License-Identifier: MIT */
/*
 * Waiting for descriptors: one persistent ev_io for each descriptor and
 * direction.
 *
 *	wanted (a task waits, or a watch)   not wanted
 *	+--------------- event: wake -----------+
 *	v                                       v
 *	armed ------------- wait ends ------> armed, nobody waits
 *	  ^                                     | event: remember it, stop
 *	  +--- next wait: no system call --------+--> stopped, ready
 *	                                               next wait: at once
 *
 * libev calls epoll_ctl when a watcher starts whose mask is new to it; a
 * request-response connection that stopped its watcher after each answer
 * would pay for two such calls in each round. ev_io_set marks the number as
 * possibly new and costs one more (a failing EPOLL_CTL_ADD): so it is done
 * only by aw_fd_set(), and for aw_wait_fd(), which cannot know.
 *
 * libev's changes reach epoll just before the next poll, and libev aborts
 * when the descriptor has been closed by then, or when it changes the mask of
 * one that was closed long ago. So every handle whose watchers were started
 * or stopped is touched, and looked at by the last call before that: a dead
 * number's watchers are stopped and whoever waits gets -EBADF.
 */
#include <fcntl.h>

#include <await/io.h>

#include "runtime.h"

struct side {
	ev_io io;
	struct aw_fd *fd;
	struct aw__wait *wait;		/* the task that waits, or NULL */
	const struct aw__wait *woken;	/* told, and its task has not run */
	bool armed;			/* started by us; libev itself stops a
					 * watcher that it cannot serve */
	bool ready;			/* stopped by an event */
	unsigned char noise;		/* events since the last wait */
};

struct aw_fd {
	struct aw_loop *loop;
	struct side side[2];		/* read, write */
	void (*fn)(void *arg, int events);
	void *arg;
	int watched;			/* events of fn */
	int number;
	unsigned n_inside;		/* tasks within aw_fd_wait() */
	bool freed;			/* by the last of them */
	struct aw_fd *next, **prev;	/* touched; prev is NULL: it is not */
	struct aw_defer gone;		/* tells fn that it was closed */
};

/* A task that works on what it has read has not come back yet when the next
 * poll reports more: a few such events are let pass. Those that come before
 * the woken task has run do not count, be they ever so many: a thousand
 * descriptors that are ready at once take 16 batches. */
#define NOISE_MAX 4

static const int side_event[2] = { AW_FD_READ, AW_FD_WRITE };

static void
touch(struct aw_fd *fd)
{
	struct aw_fd **head = &fd->loop->touched;

	if (fd->prev)
		return;
	fd->next = *head;
	if (fd->next)
		fd->next->prev = &fd->next;
	fd->prev = head;
	*head = fd;
}

static void
untouch(struct aw_fd *fd)
{
	if (!fd->prev)
		return;
	*fd->prev = fd->next;
	if (fd->next)
		fd->next->prev = fd->prev;
	fd->prev = NULL;
}

static void
arm(struct side *side)
{
	if (side->armed)
		return;
	side->armed = true;
	touch(side->fd);
	ev_io_start(side->fd->loop->ev, &side->io);
	ev_unref(side->fd->loop->ev);
}

static void
disarm(struct side *side)
{
	if (!side->armed)
		return;
	side->armed = false;
	touch(side->fd);
	ev_ref(side->fd->loop->ev);
	ev_io_stop(side->fd->loop->ev, &side->io);
}

/* --- Events ------------------------------------------------------------ */

/* An application that goes on with its own libev loop in a child of fork()
 * has our watchers in it: the sockets are the parent's. */
static void
on_event(EV_P_ ev_io *io, int revents)
{
	struct side *side = io->data;
	struct aw_fd *fd = side->fd;
	int event = side == &fd->side[0] ? AW_FD_READ : AW_FD_WRITE;

	(void)loop;
	if (fd->loop->mark != aw_fork_mark()) {
		disarm(side);
		return;
	}
	if (revents & EV_ERROR)
		disarm(side);
	if (side->wait) {
		aw__wake(side->wait, revents & EV_ERROR ? -EBADF : event);
		side->woken = side->wait;
		side->wait = NULL;
	} else if (fd->watched & event) {
		fd->fn(fd->arg, event);
	} else if (!side->woken && ++side->noise >= NOISE_MAX) {
		side->ready = true;
		disarm(side);
	}
}

static void
tell_gone(void *arg)
{
	struct aw_fd *fd = arg;

	if (fd->watched)
		fd->fn(fd->arg, fd->watched);
}

/* Nothing of a closed number may be left for libev; see the head. A watch is
 * called back in the next batch: it may watch again, and again in vain. */
static void
check_open(struct aw_fd *fd)
{
	int i;

	if ((!fd->side[0].armed && !fd->side[1].armed) ||
	    fcntl(fd->number, F_GETFD) >= 0)
		return;
	for (i = 0; i < 2; i++) {
		disarm(&fd->side[i]);
		if (fd->side[i].wait)
			aw__wake(fd->side[i].wait, -EBADF);
		fd->side[i].wait = NULL;
	}
	untouch(fd);
	if (fd->watched)
		aw_defer(&fd->gone);
}

void
aw__fds_check(struct aw_loop *loop)
{
	struct aw_fd *fd;

	while ((fd = loop->touched) != NULL) {
		untouch(fd);
		check_open(fd);
	}
}

static void
init_side(struct aw_fd *fd, int i)
{
	struct side *side = &fd->side[i];

	side->fd = fd;
	ev_io_init(&side->io, on_event, fd->number,
		   i == 0 ? EV_READ : EV_WRITE);
	side->io.data = side;
}

int
aw_fd_new(struct aw_fd **ret, int fd)
{
	struct aw_fd *handle;

	if (!aw__loop)
		return aw__no_loop("aw_fd_new");
	if (fd < 0)
		return aw_fail(-EINVAL, "%d is no descriptor", fd);
	handle = aw__calloc(1, sizeof *handle);
	if (!handle)
		return aw_fail(-ENOMEM, "no memory for a descriptor");
	handle->loop = aw__loop;
	handle->number = fd;
	handle->gone.fn = tell_gone;
	handle->gone.arg = handle;
	init_side(handle, 0);
	init_side(handle, 1);
	*ret = handle;
	return 0;
}

void
aw_fd_set(struct aw_fd *handle, int fd)
{
	int i;

	if (aw__is_foreign(handle->loop, "aw_fd_set"))
		return;
	handle->number = fd;
	for (i = 0; i < 2; i++) {
		struct side *side = &handle->side[i];

		disarm(side);
		side->ready = false;
		ev_io_set(&side->io, fd, i == 0 ? EV_READ : EV_WRITE);
		if (handle->watched & side_event[i])
			arm(side);
	}
}

static void
set_watched(struct aw_fd *handle, int events)
{
	handle->loop->n_watches -= handle->watched != 0;
	handle->watched = events;
	handle->loop->n_watches += events != 0;
}

/* A task that was woken or interrupted but has not run yet still comes back
 * to the handle: it is freed when the last has left. */
void
aw_fd_free(struct aw_fd *handle)
{
	int i;

	if (!handle || aw__is_foreign(handle->loop, "aw_fd_free"))
		return;
	set_watched(handle, 0);
	for (i = 0; i < 2; i++) {
		disarm(&handle->side[i]);
		if (handle->side[i].wait)
			aw__wake(handle->side[i].wait, -EBADF);
		handle->side[i].wait = NULL;
	}
	untouch(handle);
	aw_defer_cancel(&handle->gone);
	handle->freed = true;
	if (handle->n_inside == 0)
		aw__free(handle);
}

/* --- Waiting ----------------------------------------------------------- */

/* Readiness that came while nobody waited. */
static int
take_ready(struct aw_fd *fd, int events)
{
	int i, ready = 0;

	for (i = 0; i < 2; i++)
		if ((events & side_event[i]) && fd->side[i].ready) {
			fd->side[i].ready = false;
			ready |= side_event[i];
		}
	return ready;
}

static int
check_free(const struct aw_fd *fd, int events)
{
	int i;

	if (!(events & (AW_FD_READ | AW_FD_WRITE)))
		return aw_fail(-EINVAL, "a wait for descriptor %d names "
			       "neither AW_FD_READ nor AW_FD_WRITE",
			       fd->number);
	for (i = 0; i < 2; i++)
		if ((events & side_event[i]) && fd->side[i].wait)
			return aw_fail(-EBUSY, "another task waits for "
				       "descriptor %d", fd->number);
	return 0;
}

static void
attach(struct aw_fd *fd, int events, struct aw__wait *wait)
{
	int i;

	for (i = 0; i < 2; i++)
		if (events & side_event[i]) {
			fd->side[i].wait = wait;
			fd->side[i].noise = 0;
			arm(&fd->side[i]);
		}
}

/* A writable socket stays so: its watcher would only make noise. */
static void
detach(struct aw_fd *fd, const struct aw__wait *wait)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (fd->side[i].wait == wait)
			fd->side[i].wait = NULL;
		if (fd->side[i].woken == wait)
			fd->side[i].woken = NULL;
	}
	if (!fd->side[1].wait && !(fd->watched & AW_FD_WRITE))
		disarm(&fd->side[1]);
}

static int
wait_inside(struct aw_fd *fd, struct aw_task *self, int events,
	    const char *what, const void *object)
{
	struct aw__wait wait = AW__WAIT_INIT(self, what, object);
	int r;

	r = check_free(fd, events);
	if (r < 0)
		return r;
	r = take_ready(fd, events);
	if (r > 0)
		return r;
	wait.flags = AW__WAIT_OUTSIDE;
	attach(fd, events, &wait);
	r = aw__wait(&wait);
	detach(fd, &wait);
	return r < 0 ? r : wait.value;
}

int
aw_fd_wait(struct aw_fd *handle, int events, const char *what,
	   const void *object)
{
	struct aw_task *self;
	bool freed;
	int r;

	if (handle->loop != aw__loop)
		return aw__misuse_thread(handle->loop, "aw_fd_wait");
	handle->n_inside++;
	r = aw__enter(&self);
	if (r == 0 && !handle->freed)
		r = wait_inside(handle, self, events, what, object);
	freed = handle->freed;
	if (--handle->n_inside == 0 && freed)
		aw__free(handle);
	if (r == -EBADF || (freed && r >= 0))
		return aw_fail(-EBADF, "the descriptor was closed or is not "
			       "one that can be waited for");
	return r;
}

void
aw_fd_watch(struct aw_fd *handle, int events,
	    void (*fn)(void *arg, int events), void *arg)
{
	int i;

	if (aw__is_foreign(handle->loop, "aw_fd_watch"))
		return;
	handle->fn = fn;
	handle->arg = arg;
	set_watched(handle, fn ? events : 0);
	for (i = 0; i < 2; i++) {
		struct side *side = &handle->side[i];

		if (handle->watched & side_event[i]) {
			side->ready = false;
			arm(side);
		} else if (!side->wait) {
			disarm(side);
		}
	}
}

/* --- By number --------------------------------------------------------- */

static int
grow(struct aw_loop *loop, size_t n)
{
	struct aw_fd **fds = aw__realloc(loop->fds, n * sizeof *fds);

	if (!fds)
		return aw_fail(-ENOMEM, "no memory for %zu descriptors", n);
	memset(fds + loop->n_fds, 0, (n - loop->n_fds) * sizeof *fds);
	loop->fds = fds;
	loop->n_fds = n;
	return 0;
}

static int
handle_of(struct aw_loop *loop, int fd, struct aw_fd **ret)
{
	size_t i = (size_t)fd;
	int r;

	if (fd < 0 || fcntl(fd, F_GETFD) < 0)
		return aw_fail(-EBADF, "%d is no open descriptor", fd);
	if (i >= loop->n_fds) {
		r = grow(loop, (i + 64) & ~(size_t)63);
		if (r < 0)
			return r;
	}
	if (!loop->fds[i]) {
		r = aw_fd_new(&loop->fds[i], fd);
		if (r < 0)
			return r;
	}
	*ret = loop->fds[i];
	return 0;
}

/* Nobody tells us when the descriptor is closed, and libev aborts when it
 * changes the mask of a closed one: nothing stays armed between two waits. */
static void
rest(struct aw_fd *fd)
{
	int i;

	for (i = 0; i < 2; i++)
		if (!fd->side[i].wait)
			disarm(&fd->side[i]);
}

int
aw_wait_fd(int fd, int events)
{
	struct aw_fd *handle = NULL;
	struct aw_task *self = aw__self();
	int r;

	if (!self)
		return aw__no_task("aw_wait_fd");
	r = handle_of(self->loop, fd, &handle);
	if (r < 0)
		return r;
	if (!handle->side[0].wait && !handle->side[1].wait)
		aw_fd_set(handle, fd);
	r = aw_fd_wait(handle, events, "a descriptor", NULL);
	rest(handle);
	return r;
}

int
aw__fd_branch(struct aw_loop *loop, int number, int events,
	      struct aw__wait *branch, struct aw_fd **ret)
{
	struct aw_fd *fd;
	int r;

	r = handle_of(loop, number, &fd);
	if (r == 0)
		r = check_free(fd, events);
	if (r < 0)
		return r;
	if (!fd->side[0].wait && !fd->side[1].wait)
		aw_fd_set(fd, number);
	fd->n_inside++;
	attach(fd, events, branch);
	*ret = fd;
	return 0;
}

void
aw__fd_unbranch(struct aw_fd *fd, const struct aw__wait *branch)
{
	detach(fd, branch);
	if (--fd->n_inside == 0 && fd->freed)
		aw__free(fd);
}

void
aw__fds_fini(struct aw_loop *loop)
{
	size_t i;

	for (i = 0; i < loop->n_fds; i++)
		aw_fd_free(loop->fds[i]);
	aw__free(loop->fds);
	loop->fds = NULL;
	loop->n_fds = 0;
}
