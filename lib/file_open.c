/* SPDX-License-Identifier: MIT */
/*
 * Opening: one call in a helper thread, which also looks at what it is that
 * was opened.
 *
 *	run_open() --> a descriptor, look_at() --> file_new()
 *	           \-> a FIFO that nobody reads: a pause, and again
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_private.h"

#define BUFFER_MIN 512
#define BUFFER_MAX (64 << 20)
#define NO_READER 1			/* of an opening: try again */
#define FIRST_PAUSE 0.001
#define LONGEST_PAUSE 0.05

/* What opening is told, and what it found; the memory of a job. */
struct opening {
	struct aw__call call;
	struct aw__handle *handle;	/* ours until it was taken */
	int flags;
	mode_t mode;
	int from;			/* descriptor to duplicate, or -1 */
	bool atomic;
	bool nameless;			/* temporary: a file in the folder */
	char *temp;			/* temporary: its name; ours */
	int64_t pos;
};

/* --- In the thread ----------------------------------------------------- */

/* What can be waited for keeps O_NONBLOCK, or it would hold a thread; a
 * duplicate shares the flag with others and is left as it is. */
static int
look_at(struct opening *o)
{
	int fd = o->handle->fd, flags;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode) && !(o->flags & (O_DIRECTORY | O_PATH)))
		return -EISDIR;
	o->handle->stream = !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
			    !S_ISBLK(st.st_mode) && lseek(fd, 0, SEEK_CUR) < 0;
	flags = fcntl(fd, F_GETFL);
	if (o->from < 0 && !o->handle->stream && flags >= 0)
		aw_ignore(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK));
	if (flags >= 0 && (flags & O_APPEND)) {
		o->flags |= O_APPEND;
		o->pos = st.st_size;
	} else if (o->from >= 0 && !o->handle->stream) {
		o->pos = lseek(fd, 0, SEEK_CUR);
	}
	return 0;
}

static int
open_draft(struct opening *o)
{
	struct aw__draft draft;
	int r = aw__draft_open(&draft, o->handle->path, (int)o->mode);

	o->call.why = draft.why;
	if (r < 0)
		return r;
	o->handle->fd = draft.fd;
	o->handle->temp = draft.temp;
	return 0;
}

/* A named one is removed with the descriptor. */
static int
open_temp(struct opening *o)
{
	int flags = O_RDWR | O_CLOEXEC, fd = -1;

	if (o->nameless)
		fd = open(o->handle->path, flags | O_TMPFILE | O_EXCL, 0600);
	if (fd < 0)
		fd = open(o->temp, flags | O_CREAT | O_EXCL, 0600);
	else
		o->temp[0] = '\0';
	if (fd < 0)
		return -errno;
	o->handle->fd = fd;
	if (o->nameless && o->temp[0])
		unlink(o->temp);
	if (!o->nameless) {
		o->handle->temp = o->temp;
		o->temp = NULL;
	}
	return 0;
}

/* Why the path could not be opened. A FIFO that nobody reads would hold the
 * thread until somebody does; who says O_NONBLOCK does not want to wait. */
static int
why_not(const struct opening *o)
{
	int r = -errno;
	struct stat st;

	if (r == -ENXIO && !(o->flags & O_NONBLOCK) &&
	    stat(o->handle->path, &st) == 0 && S_ISFIFO(st.st_mode))
		return NO_READER;
	return r;
}

static int
run_open(struct aw__call *call)
{
	struct opening *o = (struct opening *)(void *)call;
	int fd;

	if (o->atomic)
		return open_draft(o);
	if (o->temp)
		return open_temp(o);
	if (o->from >= 0)
		fd = fcntl(o->from, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(o->handle->path, o->flags | O_CLOEXEC | O_NONBLOCK |
			  O_NOCTTY, o->mode);
	if (fd < 0)
		return o->from >= 0 ? -errno : why_not(o);
	o->handle->fd = fd;
	return look_at(o);
}

static void
discard_open(struct aw__call *call)
{
	struct opening *o = (struct opening *)(void *)call;

	if (o->handle)
		aw__handle_unref(o->handle);
	aw__free(o->temp);
}

/* --- Opening ----------------------------------------------------------- */

static int
no_memory(void)
{
	return aw_fail(-ENOMEM, "no memory for a file");
}

static void
loop_ends(void *arg)
{
	struct aw_file *file = arg;

	aw__file_drop(file);
}

/* The file that an opening has made. */
static int
file_new(struct aw_file **ret, struct opening *o)
{
	struct aw_file *file = aw__calloc(1, sizeof *file);
	int r;

	if (!file)
		return no_memory();
	file->closer.fn = loop_ends;
	file->closer.arg = file;
	r = aw_closer_add(&file->closer);
	if (r < 0) {
		aw__free(file);
		return r;
	}
	file->handle = o->handle;
	o->handle = NULL;
	file->pos = o->pos;
	file->append = (o->flags & O_APPEND) != 0;
	file->atomic = o->atomic;
	file->nameless = o->nameless;
	file->line_max = AW__FILE_LINE;
	file->buffer = AW__FILE_OUT;
	*ret = file;
	return 0;
}

/* 0; NO_READER. */
static int
open_once(struct aw_file **ret, struct aw_task *self,
	  const struct opening *init, const char *path)
{
	bool changes = init->atomic || init->temp ||
		       (init->flags & (O_CREAT | O_TRUNC));
	struct opening *o;
	struct aw_job *job;
	int r;

	r = aw__call_new(&job, sizeof *o, run_open, discard_open);
	if (r < 0)
		return r;
	o = aw_job_memory(job);
	o->flags = init->flags;
	o->mode = init->mode;
	o->from = init->from;
	o->atomic = init->atomic;
	o->nameless = init->nameless;
	o->temp = init->temp ? aw__strdup(init->temp) : NULL;
	o->handle = aw__handle_new(path);
	r = o->handle && (o->temp || !init->temp) ? 0 : no_memory();
	if (r == 0)
		r = aw__call_wait(job, self,
				  changes ? AW__CALL_FIRM : AW__CALL_LEAVE,
				  "opening", path);
	if (r == 0)
		r = file_new(ret, o);
	aw_job_free(job);
	return r;
}

/* Nobody tells us when a reader comes: we look again, and ever more rarely. */
static int
await_reader(struct aw_task *self, double *pause)
{
	struct aw__wait wait = AW__WAIT_INIT(self, "a reader of a FIFO", NULL);

	wait.until = aw__now(self->loop) + *pause;
	*pause = *pause < LONGEST_PAUSE / 2 ? *pause * 2 : LONGEST_PAUSE;
	return aw__wait(&wait);
}

static int
open_file(struct aw_file **ret, const struct opening *init, const char *path)
{
	double pause = FIRST_PAUSE;
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r < 0)
		return r;
	if (!path)
		return aw_fail(-EINVAL, "a file needs a path");
	while ((r = open_once(ret, self, init, path)) == NO_READER) {
		r = await_reader(self, &pause);
		if (r < 0)
			break;
	}
	return r;
}

int
aw_file_open(struct aw_file **ret, const char *path, int flags, unsigned mode)
{
	struct opening init = { .flags = flags, .mode = mode, .from = -1 };

	return open_file(ret, &init, path);
}

int
aw_file_dup(struct aw_file **ret, int fd)
{
	struct opening init = { .from = fd };
	char path[32];

	if (fd < 0)
		return aw_fail(-EBADF, "%d is no descriptor", fd);
	snprintf(path, sizeof path, "descriptor %d", fd);
	return open_file(ret, &init, path);
}

int
aw_file_create_with(struct aw_file **ret, const char *path,
		    const struct aw_file_options *options)
{
	static const struct aw_file_options none;
	const struct aw_file_options *o = options ? options : &none;
	struct opening init = {
		.flags = O_WRONLY | O_CREAT | (o->exclusive ? O_EXCL : O_TRUNC),
		.mode = (mode_t)o->mode, .from = -1, .atomic = o->atomic };
	int r;

	if (o->buffer != 0 &&
	    (o->buffer < BUFFER_MIN || o->buffer > BUFFER_MAX))
		return aw_fail(-EINVAL, "a buffer of %lld bytes: %d to %d are "
			       "possible", (long long)o->buffer, BUFFER_MIN,
			       BUFFER_MAX);
	r = aw__check_mode(o->mode);
	if (r < 0)
		return r;
	if (!o->atomic && !o->mode)
		init.mode = 0666;
	r = open_file(ret, &init, path);
	if (r < 0)
		return r;
	(*ret)->exclusive = o->exclusive;
	if (o->buffer)
		(*ret)->buffer = (size_t)o->buffer;
	return 0;
}

/* A name is random enough that one which is there is no accident: it is not
 * tried again. */
int
aw_file_temp_with(struct aw_file **ret, const char *folder,
		  const struct aw_temp_options *options)
{
	const char *suffix = options ? options->suffix : NULL;
	const char *prefix = options ? options->prefix : NULL;
	struct opening init = { .from = -1 };
	int r;

	folder = folder ? folder : aw__temp_folder();
	prefix = prefix ? prefix : "tmp";
	init.nameless = !options || !options->named_file;
	init.temp = aw__temp_name(folder, strlen(folder), "/", prefix,
				  suffix ? suffix : "");
	if (!init.temp)
		return aw_fail(-ENOMEM, "no memory for a name");
	r = open_file(ret, &init, init.nameless ? folder : init.temp);
	aw__free(init.temp);
	return r;
}
