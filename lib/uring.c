/* SPDX-License-Identifier: MIT */
/*
 * io_uring: one ring for each loop that reads or writes files.
 *
 *	queued -> io -> io        wait for a place, can be taken back
 *	running -> io -> io       known to the kernel
 *
 * What a turn of the loop queues is submitted by one deferred callback before
 * the loop polls. What the kernel does at once is complete when the submission
 * returns; what it does later makes the ring's descriptor readable, which is
 * watched like any other.
 *
 * A loop decides once whether it has a ring. Without liburing, and where the
 * kernel or a filter of system calls refuses one, files use helper threads.
 * It may be refused later, too: a filter forbids io_uring_enter() alone, or
 * from some moment on. What the kernel has not seen then goes to threads; what
 * it has seen ends without another call.
 */
#include "file_private.h"

#ifdef HAVE_LIBURING

#include <liburing.h>
#include <poll.h>

/* Valgrind does not see what the kernel reads into a buffer later. */
#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/memcheck.h>
#define HAS_BEEN_READ(bytes, n) VALGRIND_MAKE_MEM_DEFINED(bytes, n)
#else
#define HAS_BEEN_READ(bytes, n) ((void)(bytes), (void)(n))
#endif

#define ENTRIES 128
#define INLINE_MAX 16384	/* bytes that may be copied by the loop */
#define END_SECONDS 2

struct ring {
	struct io_uring uring;
	struct aw_loop *loop;
	struct aw__io *queued, **last;
	struct aw__io *running;
	unsigned n_running;
	unsigned mark;
	uint64_t n_done;
	bool open;			/* there is a ring to be closed */
	int refused;			/* errno: nothing more is given to it */
	struct aw_defer submit;
	ev_io watcher;
};

static int slot = -1;
static pthread_once_t slot_once = PTHREAD_ONCE_INIT;

/* --- Lists ------------------------------------------------------------- */

static void
queue(struct ring *ring, struct aw__io *io)
{
	io->next = NULL;
	io->prev = ring->last;
	*ring->last = io;
	ring->last = &io->next;
	io->state = AW__IO_QUEUED;
}

static void
unlink_io(struct ring *ring, struct aw__io *io)
{
	*io->prev = io->next;
	if (io->next)
		io->next->prev = io->prev;
	else if (ring->last == &io->next)
		ring->last = io->prev;
}

static void
run(struct ring *ring, struct aw__io *io)
{
	unlink_io(ring, io);
	io->next = ring->running;
	io->prev = &ring->running;
	if (ring->running)
		ring->running->prev = &io->next;
	ring->running = io;
	io->state = AW__IO_RUNNING;
	ring->n_running++;
}

/* --- To the kernel ----------------------------------------------------- */

static unsigned
chunk(size_t n)
{
	return n > 0x7ffff000u ? 0x7ffff000u : (unsigned)n;
}

static void
prepare(struct io_uring_sqe *sqe, struct aw__io *io)
{
	unsigned char *from = io->bytes + io->done;
	uint64_t at = (uint64_t)io->at + (io->at < 0 ? 0 : io->done);
	int fd = io->handle->fd;

	switch (io->kind) {
	case AW__IO_READ:
		io_uring_prep_read(sqe, fd, io->bytes, chunk(io->size), at);
		if (io->size > INLINE_MAX)
			sqe->flags |= IOSQE_ASYNC;
		break;
	case AW__IO_WRITE:
		io_uring_prep_write(sqe, fd, from, chunk(io->size - io->done),
				    at);
		sqe->flags |= IOSQE_ASYNC;
		break;
	default:
		io_uring_prep_fsync(sqe, fd, io->kind == AW__IO_SYNC
				    ? 0 : IORING_FSYNC_DATASYNC);
	}
	io_uring_sqe_set_data(sqe, io);
}

static void
fill(struct ring *ring)
{
	struct io_uring_sqe *sqe;
	struct aw__io *io;

	while ((io = ring->queued) != NULL && ring->n_running < ENTRIES) {
		sqe = io_uring_get_sqe(&ring->uring);
		if (!sqe)
			return;
		prepare(sqe, io);
		run(ring, io);
	}
}

/* --- From the kernel --------------------------------------------------- */

/* A write that was done in part goes on; what the kernel cannot do without
 * blocking, or not in a ring, a thread does. */
static bool
goes_on(struct ring *ring, struct aw__io *io, int n)
{
	bool again = n == -EINTR;

	if (n > 0 && io->kind == AW__IO_WRITE) {
		io->done += (size_t)n;
		again = io->done < io->size;
	}
	if (io->dropped)
		return false;
	if (again)
		queue(ring, io);
	return again;
}

static bool
moves_to_thread(struct aw__io *io, int n)
{
	return (n == -EAGAIN || n == -EOPNOTSUPP) && !io->dropped &&
	       aw__io_start_thread(io) == 0;
}

static void
complete(struct ring *ring, struct aw__io *io, int n)
{
	unlink_io(ring, io);
	ring->n_running--;
	if (goes_on(ring, io, n))
		return;
	ring->loop->n_outside--;
	if (moves_to_thread(io, n))
		return;
	if (n > 0 && io->kind == AW__IO_READ)
		HAS_BEEN_READ(io->bytes, (size_t)n);
	io->result = n < 0 || io->kind != AW__IO_WRITE ? n
						       : (int64_t)io->done;
	ring->n_done++;
	aw__io_ended(io);
}

static void
reap(struct ring *ring)
{
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		struct aw__io *io = io_uring_cqe_get_data(cqe);
		int n = cqe->res;

		io_uring_cqe_seen(&ring->uring, cqe);
		if (io)
			complete(ring, io, n);
	}
}

/* --- When the kernel takes no more ------------------------------------- */

/* What it has not looked at is queued again, and an entry that it never will
 * look at names no io. */
static void
take_back(struct ring *ring)
{
	struct io_uring_sq *sq = &ring->uring.sq;
	unsigned i;

	for (i = io_uring_sq_ready(&ring->uring); i > 0; i--) {
		struct io_uring_sqe *sqe = &sq->sqes[(sq->sqe_tail - i) &
						     (ENTRIES - 1)];
		struct aw__io *io = (void *)(uintptr_t)sqe->user_data;

		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data(sqe, NULL);
		if (!io)
			continue;
		unlink_io(ring, io);
		ring->n_running--;
		queue(ring, io);
	}
}

/* On the loop's stack, whose failures nobody asks for. */
static void
give_to_threads(struct ring *ring)
{
	struct aw__io *io;
	int r;

	while ((io = ring->queued) != NULL) {
		unlink_io(ring, io);
		ring->loop->n_outside--;
		r = io->dropped ? AW_ECANCELED : aw__io_start_thread(io);
		if (r == 0)
			continue;
		io->result = r;
		aw__io_ended(io);
	}
}

/* No memory, completions that wait, a signal: it will take them later. */
static bool
is_hard(int r)
{
	return r < 0 && r != -EAGAIN && r != -EBUSY && r != -EINTR;
}

static void
refuse(struct ring *ring, int r)
{
	ring->refused = -r;
	aw_trace("no io_uring for files any more: %s", aw_strerror(r));
	take_back(ring);
	give_to_threads(ring);
}

static void
submit(void *arg)
{
	struct ring *ring = arg;
	int r;

	if (ring->refused) {
		give_to_threads(ring);
		return;
	}
	do {
		fill(ring);
		r = io_uring_submit(&ring->uring);
		reap(ring);
	} while (r >= 0 && ring->queued && ring->n_running < ENTRIES);
	if (is_hard(r))
		refuse(ring, r);
	else if (io_uring_sq_ready(&ring->uring) > 0)
		aw_defer(&ring->submit);
}

static void
on_readable(EV_P_ ev_io *watcher, int events)
{
	struct ring *ring = watcher->data;

	(void)loop;
	(void)events;
	reap(ring);
	if (ring->queued)
		submit(ring);
}

/* --- Life -------------------------------------------------------------- */

static void
cancel(struct ring *ring, struct aw__io *io)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe)
		return;
	io_uring_prep_cancel(sqe, io, 0);
	io_uring_sqe_set_data(sqe, NULL);
	aw_defer(&ring->submit);
}

/* The kernel writes into the buffers of what it still does: that memory is
 * freed when it has ended, or never. */
static void
end_running(struct ring *ring)
{
	struct pollfd readable = { .fd = ring->uring.ring_fd,
				   .events = POLLIN };
	struct aw__io *io;
	int tries;

	for (io = ring->running; io; io = io->next) {
		io->dropped = true;
		if (!ring->refused)
			cancel(ring, io);
	}
	if (!ring->refused)
		io_uring_submit(&ring->uring);
	reap(ring);
	for (tries = 0; ring->running && tries < END_SECONDS * 10; tries++) {
		aw_ignore(poll(&readable, 1, 100));
		reap(ring);
	}
}

static void
ring_fini(void *value)
{
	struct ring *ring = value;

	if (ring->mark != aw_fork_mark())
		return;
	aw_defer_cancel(&ring->submit);
	if (ring->open) {
		end_running(ring);
		ev_ref(ring->loop->ev);
		ev_io_stop(ring->loop->ev, &ring->watcher);
		io_uring_queue_exit(&ring->uring);
	}
	aw__free(ring);
}

static void
slot_init(void)
{
	slot = aw_slot_new(ring_fini);
}

static void
ring_open(struct ring *ring)
{
	int r = io_uring_queue_init(ENTRIES, &ring->uring, 0);

	if (r < 0) {
		ring->refused = -r;
		aw_trace("no io_uring for files: %s", aw_strerror(r));
		return;
	}
	ring->open = true;
	ev_io_init(&ring->watcher, on_readable, ring->uring.ring_fd, EV_READ);
	ring->watcher.data = ring;
	ev_io_start(ring->loop->ev, &ring->watcher);
	ev_unref(ring->loop->ev);	/* it alone keeps nothing going */
}

static struct ring *
ring_new(void)
{
	struct ring *ring = aw__calloc(1, sizeof *ring);

	if (!ring)
		return NULL;
	ring->loop = aw__loop;
	ring->last = &ring->queued;
	ring->mark = aw_fork_mark();
	ring->submit.fn = submit;
	ring->submit.arg = ring;
	if (aw__loop->file_backend == AW__BACKEND_THREADS)
		ring->refused = -1;
	else
		ring_open(ring);
	if (aw_slot_set(slot, ring) < 0) {
		ring_fini(ring);
		return NULL;
	}
	return ring;
}

/* --- For file_io.c ----------------------------------------------------- */

int
aw__ring_start(struct aw__io *io)
{
	struct ring *ring;

	pthread_once(&slot_once, slot_init);
	ring = aw_slot_get(slot);
	if (!ring)
		ring = ring_new();
	if (!ring || ring->refused || ring->mark != aw_fork_mark())
		return 0;
	queue(ring, io);
	ring->loop->n_outside++;
	aw_defer(&ring->submit);
	return 1;
}

bool
aw__ring_withdraw(struct aw__io *io)
{
	struct ring *ring = aw_slot_get(slot);

	if (io->state != AW__IO_QUEUED || !ring)
		return false;
	unlink_io(ring, io);
	ring->loop->n_outside--;
	return true;
}

void
aw__ring_cancel(struct aw__io *io)
{
	struct ring *ring = aw_slot_get(slot);

	if (ring && !ring->refused && io->kind == AW__IO_READ)
		cancel(ring, io);
}

void
aw__ring_count(uint64_t *ret_done, uint64_t *ret_refused)
{
	const struct ring *ring = slot < 0 ? NULL : aw_slot_get(slot);

	*ret_done = ring ? ring->n_done : 0;
	*ret_refused = ring && ring->refused > 0 ? (uint64_t)ring->refused : 0;
}

#else

int
aw__ring_start(struct aw__io *io)
{
	(void)io;
	return 0;
}

bool
aw__ring_withdraw(struct aw__io *io)
{
	(void)io;
	return false;
}

void
aw__ring_cancel(struct aw__io *io)
{
	(void)io;
}

void
aw__ring_count(uint64_t *ret_done, uint64_t *ret_refused)
{
	*ret_done = 0;
	*ret_refused = 0;
}

#endif
