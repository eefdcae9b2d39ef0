/* SPDX-License-Identifier: MIT */
/*
 * Files, as the files of this library see them; doc/internals/file.md.
 *
 *	struct aw__handle   an open descriptor, counted
 *	struct aw__io       one read, write or sync of a handle, with its buffer
 *	struct aw__call     a function that runs in a helper thread as a whole
 *	struct aw_file      the user's: a position and its ios
 */
#ifndef AW__FILE_PRIVATE_H
#define AW__FILE_PRIVATE_H

#include <await/file.h>

#include "job.h"

#define AW__FILE_ROOM 4096		/* before a block, for a line's rest */
#define AW__FILE_FIRST (16 << 10)	/* bytes of the first block read */
#define AW__FILE_BLOCK (512 << 10)	/* of the others */
#define AW__FILE_AHEAD 2		/* blocks that are read ahead */
#define AW__FILE_OUT (64 << 10)		/* written at once */
#define AW__FILE_LINE (1 << 20)		/* longest line, unless told */
#define AW__PIECE (8u << 20)		/* between two looks at a stop */

/* --- Handles ----------------------------------------------------------- */

/* Who counts it may use the descriptor; the last one closes it. */
struct aw__handle {
	atomic_uint refs;
	struct aw_loop *loop;		/* that it was opened on */
	int fd;
	unsigned mark;			/* of the process */
	bool stream;			/* no position: FIFO, terminal */
	char *temp;			/* name to remove at the end, or NULL */
	char path[];			/* as it was given */
};

/* With no descriptor yet; NULL: no memory. */
struct aw__handle *aw__handle_new(const char *path);
struct aw__handle *aw__handle_ref(struct aw__handle *handle);
/* Any thread; on a loop's thread the close is left to a helper. */
void aw__handle_unref(struct aw__handle *handle);
/* Remove the temporary name and close, here and now: 0 or a code. */
int aw__handle_close(struct aw__handle *handle);

/* --- file_io.c: one read, write or sync -------------------------------- */

enum aw__io_kind {
	AW__IO_READ,
	AW__IO_WRITE,		/* all of it, unless to a stream */
	AW__IO_SYNC,
	AW__IO_DATASYNC
};

enum aw__io_state {
	AW__IO_IDLE,
	AW__IO_QUEUED,		/* for the ring: can be taken back */
	AW__IO_RUNNING,		/* in the ring, or a job */
	AW__IO_DONE		/* result holds */
};

struct aw__io {
	struct aw__handle *handle;
	struct aw__wait *wait;		/* in progress, or NULL */
	struct aw_job *job;		/* that does it, or NULL: the ring */
	struct aw__io *next, **prev;	/* QUEUED or RUNNING in the ring */
	unsigned char kind;
	unsigned char state;
	bool dropped;			/* nobody will ask for the result */
	int64_t at;			/* -1: where the descriptor stands */
	int64_t result;			/* bytes, or a negative code */
	atomic_size_t done;		/* bytes written so far; by a thread */
	unsigned char *bytes;		/* to be read or written */
	size_t size;
	unsigned char *data;		/* the io's own memory, or NULL */
	size_t room;			/* bytes of it */
	size_t begin, end;		/* in data: the owner's use */
};

/* An idle io with room bytes of its own; NULL: no memory. */
struct aw__io *aw__io_new(struct aw__handle *handle, size_t room);
/* Begin it: kind, at, bytes and size are set. 0, or why it did not begin. */
int aw__io_start(struct aw__io *io);
/* The same, in a helper thread. */
int aw__io_start_thread(struct aw__io *io);
/* Until it is DONE; flags: AW__WAIT_FIRM. */
int aw__io_wait(struct aw__io *io, struct aw_task *self, const char *what,
		const void *object, unsigned flags);
/* True: it never began, and never will. */
bool aw__io_withdraw(struct aw__io *io);
/* Free it, now or when it ends; NULL does nothing. */
void aw__io_drop(struct aw__io *io);
void aw__io_free(struct aw__io *io);
/* The blocking calls that it stands for; sets result. */
void aw__io_perform(struct aw__io *io);
/* On the loop's stack: it ended. */
void aw__io_ended(struct aw__io *io);

/* --- uring.c ----------------------------------------------------------- */

/* 1: given to the ring of this loop; 0: there is none. */
int aw__ring_start(struct aw__io *io);
bool aw__ring_withdraw(struct aw__io *io);
/* Ask the kernel to end a RUNNING one early. */
void aw__ring_cancel(struct aw__io *io);
/* For aw_metrics(): done by the ring, and why there is none (errno). */
void aw__ring_count(uint64_t *ret_done, uint64_t *ret_refused);

/* --- file_call.c: a function in a helper thread ------------------------ */

/* At the begin of a job's memory. */
struct aw__call {
	int (*run)(struct aw__call *call);	/* 0 or a negative code */
	void (*discard)(struct aw__call *call);	/* once, any thread; or NULL */
	atomic_bool stop;		/* asked to end between two pieces */
	int result;
	const char *why;		/* static; NULL: as the code says */
};

/* What AWAIT_FILE_BACKEND says. */
enum aw__backend {
	AW__BACKEND_UNKNOWN,
	AW__BACKEND_ANY,		/* unset, empty */
	AW__BACKEND_RING,
	AW__BACKEND_THREADS,
	AW__BACKEND_WRONG
};

enum aw__call_cancel {
	AW__CALL_LEAVE,			/* goes on alone, result dropped */
	AW__CALL_FIRM,			/* waited for */
	AW__CALL_STOP			/* asked to stop, and waited for */
};

/* A job with size bytes (the call first), zeroed, that is not queued. */
int aw__call_new(struct aw_job **ret, size_t size,
		 int (*run)(struct aw__call *call),
		 void (*discard)(struct aw__call *call));
/* Queue it and wait. The call's result, or why it was not awaited; the job
 * is the caller's to free in either case. what: "opening", static. */
int aw__call_wait(struct aw_job *job, struct aw_task *self,
		  enum aw__call_cancel cancel, const char *what,
		  const char *path);
/* 0 for what can be the mode of a file. */
int aw__check_mode(int mode);
/* Fail with a text: what path: why. */
int aw__call_fail(int r, const char *what, const char *path);

/* --- path.c: calls with one or two paths --------------------------------- */

/* The memory of a job; the paths are behind it. */
struct aw__path {
	struct aw__call call;
	const char *path;
	const char *second;		/* or NULL */
	void *result;			/* malloc'ed; freed unless taken */
	int64_t number;			/* an argument */
	int64_t max;			/* another */
	size_t size;			/* of the result */
};

/* A job with more bytes, of which struct aw__path is the begin. */
int aw__path_new(struct aw_job **ret, size_t size,
		 int (*run)(struct aw__call *call), const char *path,
		 const char *second);
/* Wait, hand out the result (unless ret is NULL), free the job. */
int aw__path_end(struct aw_job *job, struct aw_task *self,
		 enum aw__call_cancel cancel, const char *what, void **ret);

/* --- file_temp.c: files that get their name at the end ----------------- */

/* For helper threads. The file has no name, or a temporary one. */
struct aw__draft {
	int fd;
	char *temp;			/* its name, or NULL; owned */
	const char *why;		/* static: why it was not opened */
};

/* mode: 0 takes that of the file at path, or 0666 less the umask; with any
 * bit of the file's type it is not 0. Nothing but a file is replaced. */
int aw__draft_open(struct aw__draft *draft, const char *path, int mode);
/* Sync it and put it in its place. The descriptor stays open. */
int aw__draft_commit(struct aw__draft *draft, const char *path, bool sync,
		     bool exclusive);
/* Close it; without a commit nothing is left. */
void aw__draft_close(struct aw__draft *draft);
/* A new name: n bytes of folder, slash, prefix, XXXXXXXX, suffix; NULL: no
 * memory. */
char *aw__temp_name(const char *folder, size_t n, const char *slash,
		    const char *prefix, const char *suffix);
/* $TMPDIR or /tmp. */
const char *aw__temp_folder(void);
/* Write all of it; stop may be NULL. 0 or a code. */
int aw__write_all(int fd, const void *data, size_t size, atomic_bool *stop);

/* --- file.c ------------------------------------------------------------ */

struct aw_file {
	struct aw__handle *handle;	/* NULL: the loop has ended */
	struct aw_closer closer;
	struct aw__io *now;		/* reading: handed out, ... */
	struct aw__io *ahead[AW__FILE_AHEAD];	/* ... and what follows */
	struct aw__io *out, *behind;	/* writing */
	struct aw_fd *ready;		/* of what has no position */
	int64_t pos;			/* of the caller's next byte */
	size_t line_max;
	size_t buffer;			/* bytes of out; 0: the default */
	size_t block;			/* bytes of the next read; 0: first */
	int error;			/* a write failed: told ever after */
	bool atomic;			/* gets its name by the commit */
	bool exclusive;			/* and replaces nothing */
	bool nameless;			/* path is only its folder */
	bool append;			/* bytes go to the end */
	bool stale;			/* what was read ahead is out of date */
	bool busy;			/* a task is within a call */
};

/* Has it a descriptor, of this process and of this loop? */
int aw__file_check(const struct aw_file *file);
/* Begin of a call on a file: the task, and the file for it alone. */
int aw__file_enter(struct aw_file *file, struct aw_task **ret);
/* Give up everything that it has. */
void aw__file_drop(struct aw_file *file);
/* Fail with a text: cannot WHAT PATH: why. */
int aw__file_fail(const struct aw_file *file, int r, const char *what);
/* Can the file be read or written at a place? */
int aw__file_at(const struct aw_file *file, int64_t at);
/* Give back what was read and not handed out. */
void aw__file_forget_read(struct aw_file *file);
/* All that was written is with the kernel. */
int aw__file_flush(struct aw_file *file, struct aw_task *self);
/* A stream may be read or written now. */
int aw__file_ready(struct aw_file *file, int events);

#endif
