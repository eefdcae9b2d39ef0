/* SPDX-License-Identifier: MIT */
/*
 * One read, write or sync: given to the ring where there is one, else to a
 * helper thread of the class files.
 *
 *	 IDLE --start--> QUEUED --> RUNNING --> DONE
 *	   ^                |                    |
 *	   +--- withdrawn --+                    +--start--> ...
 *
 * The job that does an io has nothing but a pointer to it in its memory.
 * While the pointer is there, the end of the job frees the io: so a job that
 * is orphaned takes the io, its buffer and its share of the descriptor along.
 */
#include <unistd.h>

#include "file_private.h"

#ifdef AW__ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define AW__FILE_SPARE (AW__FILE_ROOM + AW__FILE_BLOCK)

/* --- The blocking calls ------------------------------------------------ */

static ssize_t
once(const struct aw__io *io)
{
	const unsigned char *from = io->bytes + io->done;
	size_t left = io->size - io->done;
	off_t at = (off_t)io->at + (off_t)io->done;
	int fd = io->handle->fd;

	switch (io->kind) {
	case AW__IO_READ:
		return io->at < 0 ? read(fd, io->bytes, io->size)
				  : pread(fd, io->bytes, io->size, at);
	case AW__IO_WRITE:
		return io->at < 0 ? write(fd, from, left)
				  : pwrite(fd, from, left, at);
	case AW__IO_SYNC:
		return fsync(fd);
	default:
		return fdatasync(fd);
	}
}

/* A write that got something done before it failed says so; what is left
 * fails again when it is tried. */
void
aw__io_perform(struct aw__io *io)
{
	ssize_t n;

	do {
		n = once(io);
		if (n > 0 && io->kind == AW__IO_WRITE)
			io->done += (size_t)n;
	} while ((n < 0 && errno == EINTR) ||
		 (n > 0 && io->kind == AW__IO_WRITE && io->done < io->size &&
		  !io->handle->stream));
	if (n < 0 && !(io->handle->stream && io->done > 0))
		io->result = -errno;
	else
		io->result = io->kind == AW__IO_WRITE ? (int64_t)io->done : n;
}

/* --- By a helper thread ------------------------------------------------ */

static void
run(void *memory)
{
	aw__io_perform(*(struct aw__io **)memory);
}

static void
discard(void *memory)
{
	struct aw__io *io = *(struct aw__io **)memory;

	if (io)
		aw__io_free(io);
}

static const struct aw_job_type type = {
	.size = sizeof(struct aw__io *),
	.run = run,
	.discard = discard,
};

/* Free the job, keep the io. */
static void
part(struct aw__io *io)
{
	struct aw_job *job = io->job;

	*(struct aw__io **)aw_job_memory(job) = NULL;
	io->job = NULL;
	aw_job_free(job);
}

static void
job_ended(void *arg)
{
	struct aw__io *io = arg;

	part(io);
	aw__io_ended(io);
}

int
aw__io_start_thread(struct aw__io *io)
{
	int r;

	r = aw__job_new(&io->job, AW_JOBS_FILES, &type, type.size);
	if (r < 0)
		return r;
	*(struct aw__io **)aw_job_memory(io->job) = io;
	io->job->fn = job_ended;
	io->job->arg = io;
	r = aw__job_submit(io->job);
	if (r < 0)
		part(io);
	else
		io->state = AW__IO_RUNNING;
	return r;
}

/* --- What both have in common ------------------------------------------ */

/* The memory of a block is 129 pages, which the kernel clears one by one when
 * they are first touched: a loop keeps what its next file will need. */
static void *
take_block(struct aw_loop *loop, size_t room)
{
	void *block;

	if (room != AW__FILE_SPARE || loop != aw__loop || !loop->n_file_blocks)
		return aw__malloc(room);
	block = loop->file_blocks[--loop->n_file_blocks];
	ASAN_UNPOISON_MEMORY_REGION(block, room);
	return block;
}

static void
give_block(struct aw_loop *loop, void *block, size_t room)
{
	if (room != AW__FILE_SPARE || loop != aw__loop ||
	    loop->n_file_blocks == AW_LENGTH(loop->file_blocks)) {
		aw__free(block);
		return;
	}
	loop->file_blocks[loop->n_file_blocks++] = block;
	ASAN_POISON_MEMORY_REGION(block, room);
}

void
aw__file_blocks_fini(struct aw_loop *loop)
{
	while (loop->n_file_blocks > 0)
		aw__free(loop->file_blocks[--loop->n_file_blocks]);
}

struct aw__io *
aw__io_new(struct aw__handle *handle, size_t room)
{
	struct aw__io *io = aw__calloc(1, sizeof *io);

	if (!io)
		return NULL;
	if (room > 0) {
		io->data = take_block(handle->loop, room);
		if (!io->data) {
			aw__free(io);
			return NULL;
		}
		io->room = room;
	}
	io->handle = aw__handle_ref(handle);
	return io;
}

void
aw__io_free(struct aw__io *io)
{
	give_block(io->handle->loop, io->data, io->room);
	aw__handle_unref(io->handle);
	aw__free(io);
}

int
aw__io_start(struct aw__io *io)
{
	io->done = 0;
	io->result = 0;
	if (!io->handle->stream && aw__ring_start(io))
		return 0;
	return aw__io_start_thread(io);
}

void
aw__io_ended(struct aw__io *io)
{
	io->state = AW__IO_DONE;
	if (io->dropped)
		aw__io_free(io);
	else if (io->wait)
		aw__wake(io->wait, 0);
}

int
aw__io_wait(struct aw__io *io, struct aw_task *self, const char *what,
	    const void *object, unsigned flags)
{
	struct aw__wait wait = AW__WAIT_INIT(self, what, object);
	int r;

	if (io->state == AW__IO_DONE)
		return 0;
	wait.flags = (unsigned char)flags;
	io->wait = &wait;
	r = aw__wait(&wait);
	io->wait = NULL;
	return r;
}

bool
aw__io_withdraw(struct aw__io *io)
{
	if (io->done > 0 || (io->job ? !aw__job_withdraw(io->job)
				     : !aw__ring_withdraw(io)))
		return false;
	if (io->job)
		part(io);
	io->state = AW__IO_IDLE;
	return true;
}

void
aw__io_drop(struct aw__io *io)
{
	if (!io)
		return;
	if (io->job) {
		aw_job_free(io->job);
	} else if (io->state == AW__IO_RUNNING) {
		io->dropped = true;
		aw__ring_cancel(io);
	} else {
		if (io->state == AW__IO_QUEUED)
			aw_ignore(aw__ring_withdraw(io));
		aw__io_free(io);
	}
}
