/* SPDX-License-Identifier: MIT */
/*
 * file.h - files: nothing here blocks the loop.
 *
 *	AW_AUTO(aw_file, in);
 *	struct aw_bytes line;
 *	int r;
 *
 *	AW_TRY(aw_file_open(&in, "access.log", O_RDONLY, 0));
 *	while ((r = aw_file_line(in, &line)) > 0)
 *		...
 *
 * A file is used by one task at a time, of one loop (AW_EUSAGE elsewhere);
 * several may be in aw_file_pread() and aw_file_pwrite().  It has one position,
 * for reading and writing.  Reading runs ahead, writing runs behind; what was
 * written is with the system after aw_file_flush(), on the disk after
 * aw_file_sync().  A file that is forgotten is aborted: what had not been
 * written yet is dropped, and an atomic file or a temporary one leaves nothing.
 * What must exist is ended by aw_file_close() or aw_file_commit(), which can
 * fail.  A cancel ends the wait of what only looks; what changes something and
 * has begun is waited for, so that -ECANCELED means that it did not happen.
 *
 * AWAIT_FILE_BACKEND in the environment chooses "uring" or "threads"; with any
 * other word every call is -EINVAL.  aw_metrics() tells which it is.  Flags are
 * those of <fcntl.h>.  Whole files, and paths that are not opened: path.h.
 */
#ifndef AWAIT_FILE_H
#define AWAIT_FILE_H

#include <await/base.h>
#include <await/path.h>

AW_BEGIN_DECLS

struct iovec;
struct stat;
struct aw_file;

struct aw_file_options {
	size_t size;
	struct aw_named *named;
	int mode;		/* 0: rwx of the file that is replaced, or
				 * 0666; less the umask */
	bool atomic;		/* no name before aw_file_commit() */
	bool exclusive;		/* fail with -EEXIST if there is one */
	int64_t buffer;		/* 512 bytes to 64 MiB; default 64 KiB */
	void *spare[2];
};

struct aw_temp_options {
	size_t size;
	struct aw_named *named;
	bool named_file;	/* has a name until it is released */
	const char *prefix;	/* of the name; default "tmp" */
	const char *suffix;	/* of the name; default none */
	void *spare[2];
};

#ifndef __cplusplus
#define aw_file_create(ret, path, ...) \
	aw_file_create_with((ret), (path), \
			    AW_FILE_OPTIONS_(aw_file_options, __VA_ARGS__))
#define aw_file_temp(ret, folder, ...) \
	aw_file_temp_with((ret), (folder), \
			  AW_FILE_OPTIONS_(aw_temp_options, __VA_ARGS__))
#endif

/**
 * aw_file_open - open a file
 * @ret: new; end it with aw_file_close()
 * @path: NUL-terminated
 * @flags: O_RDONLY, O_WRONLY or O_RDWR, with O_CREAT, O_EXCL, O_TRUNC,
 * O_APPEND, ... of open(2); O_CLOEXEC is always added
 * @mode: of a file that is created, less the umask; else ignored
 *
 * Awaits; cancel point; with O_CREAT or O_TRUNC only until it begins.  A FIFO
 * opens for reading at once, and reading waits for somebody who writes; for
 * writing it opens when somebody reads, looked for after pauses that grow to
 * 50 ms and hold no thread; with O_NONBLOCK it fails with -ENXIO instead.
 *
 * Return: 0; -EISDIR (a folder: see aw_dir_read()); -ENOENT; -EACCES;
 * -EMFILE; -ENXIO; any other code of open(2); -EINVAL (no @path; environment);
 * -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EAGAIN (no helper thread);
 * -EDEADLK; AW_EUSAGE; AW_EFORK; -ENOMEM.
 * Lifetime: belongs to the loop; when the loop ends it is aborted.
 * Context: task.
 * Source: open(2), fifo(7).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_file_open(struct aw_file **ret, const char *path, int flags, unsigned mode);

/**
 * aw_file_create_with - make a file for writing, or replace one
 * @ret: new; end it with aw_file_close() or aw_file_commit()
 * @path: NUL-terminated
 * @options: may be NULL
 *
 * An atomic file replaces the one at @path, or a symbolic link there, at the
 * moment of its commit: whoever looks sees the old one or the new one.  It
 * replaces no FIFO and no device, nor a link to one.
 *
 * Awaits; cancel point until it begins.
 *
 * Return: as aw_file_open(); -EEXIST; -EINVAL (.buffer, .mode, no file).
 * Lifetime: as aw_file_open().
 * Context: task.
 * Source: open(2), O_TMPFILE; rename(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_file_create_with(struct aw_file **ret, const char *path,
		    const struct aw_file_options *options);

/**
 * aw_file_temp_with - make a temporary file for reading and writing
 * @ret: new; end it with aw_file_close()
 * @folder: where; NULL: $TMPDIR, or /tmp
 * @options: may be NULL
 *
 * It has no name, or with .named_file one that aw_file_path() tells and that
 * is removed when the file is closed or released.
 *
 * Awaits; cancel point until it begins.
 *
 * Return: as aw_file_open().
 * Lifetime: as aw_file_open().
 * Context: task.
 * Source: open(2), O_TMPFILE; mkostemp(3).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_file_temp_with(struct aw_file **ret, const char *folder,
		  const struct aw_temp_options *options);

/**
 * aw_file_dup - a file on a duplicate of a descriptor: standard input, ...
 * @ret: new; end it with aw_file_close()
 * @fd: stays the caller's
 *
 * Awaits; cancel point.
 *
 * Return: as aw_file_open(); -EBADF.
 * Lifetime: as aw_file_open(); independent of @fd.
 * Context: task.
 * Source: fcntl(2), F_DUPFD_CLOEXEC.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_dup(struct aw_file **ret, int fd);

/**
 * aw_file_read - read bytes
 * @file: the file
 * @buffer: room for @size bytes
 * @size: how many
 *
 * Awaits; cancel point.  After a failure the position is where it was, but
 * for a FIFO or terminal.
 *
 * Return: their number, less than @size only at the end of the file;
 * -ECANCELED; -ETIME; -ETIMEDOUT (a budget); -EBUSY (another task is in a
 * call); -EBADF (not open for reading); -EIO or any other code of read(2);
 * AW_ECLOSED (the loop ended meanwhile); -EAGAIN (no helper thread);
 * -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: @buffer is not touched after it returned.
 * Context: task.
 * Source: read(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int64_t aw_file_read(struct aw_file *file,
						    void *buffer, size_t size);

/**
 * aw_file_readv - read bytes into several places
 * @file: the file
 * @parts: @n places, filled one after the other
 * @n: their number
 *
 * Awaits; cancel point.
 *
 * Return: as aw_file_read().
 * Lifetime: the places are not touched after it returned.
 * Context: task.
 * Source: readv(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int64_t
aw_file_readv(struct aw_file *file, const struct iovec *parts, size_t n);

/**
 * aw_file_pread - read bytes at a place
 * @file: the file, by any number of tasks at the same time
 * @buffer: room for @size bytes
 * @size: how many
 * @at: offset from the begin, >= 0
 *
 * Awaits; cancel point.  The position does not move.  Bytes that were written
 * and not flushed are not seen.
 *
 * Return: as aw_file_read(); -ESPIPE; -EINVAL (@at).
 * Lifetime: @buffer is not touched after it returned.
 * Context: task.
 * Source: pread(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int64_t
aw_file_pread(struct aw_file *file, void *buffer, size_t size, int64_t at);

/**
 * aw_file_chunk - the next bytes, as many as are at hand
 * @file: the file
 * @ret: a view of them
 *
 * Awaits; cancel point; neither while bytes are buffered.
 *
 * Return: 1 (got some); 0 (the end; a later call looks again); else as
 * aw_file_read().
 * Lifetime: @ret is lent until the next call on @file.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_chunk(struct aw_file *file,
						 struct aw_bytes *ret);

/**
 * aw_file_line - the next line
 * @file: the file
 * @ret: a view of it, without the newline; the last line may lack one
 *
 * Awaits; cancel point; neither while a line is buffered.
 *
 * Return: 1 (got one); 0 (the end; a later call looks again); AW_ELIMIT (the
 * line is longer than aw_file_line_max() allows; its begin is what
 * aw_file_chunk() gives); else as aw_file_read().
 * Lifetime: @ret is lent until the next call on @file.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_line(struct aw_file *file,
						struct aw_bytes *ret);

/**
 * aw_file_line_max - how long lines may be
 * @file: the file
 * @max: bytes, >= 1; AW_FOREVER: no limit; at first 1 MiB
 *
 * Return: 0; -EINVAL (@max).
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_file_line_max(struct aw_file *file, int64_t max);

/**
 * aw_file_write - write bytes
 * @file: the file
 * @bytes: copied into the buffer
 *
 * Awaits; cancel point; waits only for room in the buffer.  A failure of the
 * disk may show at a later call; from then on every call that writes fails
 * with it.  After an interruption a part of @bytes may have been taken:
 * aw_file_tell() says how much.
 *
 * Return: 0; -ENOSPC, -EDQUOT, -EFBIG, -EIO or any other code of write(2);
 * -EBADF (not open for writing); else as aw_file_read().
 * Lifetime: @bytes is not kept.
 * Context: task.
 * Source: write(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_write(struct aw_file *file,
						 struct aw_bytes bytes);

/**
 * aw_file_writev - write several pieces of memory
 * @file: the file
 * @parts: @n views, written one after the other
 * @n: their number
 *
 * Awaits; cancel point.
 *
 * Return: as aw_file_write().
 * Lifetime: @parts is not kept.
 * Context: task.
 * Source: writev(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_file_writev(struct aw_file *file, const struct aw_bytes *parts, size_t n);

/**
 * aw_file_printf - write text
 * @file: the file
 * @fmt: as for printf(3)
 *
 * Awaits; cancel point.
 *
 * Return: as aw_file_write(); -EILSEQ or -EOVERFLOW (@fmt).
 * Lifetime: the arguments are not kept.
 * Context: task.
 * Source: printf(3).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK AW_PRINTF(2, 3) int
aw_file_printf(struct aw_file *file, const char *fmt, ...);

/**
 * aw_file_pwrite - write bytes at a place
 * @file: the file, by any number of tasks at the same time
 * @bytes: what to write
 * @at: offset from the begin, >= 0
 *
 * Awaits; cancel point until it begins.  Not buffered; moves no position.
 *
 * Return: 0; -ESPIPE; -EINVAL (@at, or opened with O_APPEND); else as
 * aw_file_write().
 * Lifetime: @bytes is not touched after it returned.
 * Context: task.
 * Source: pwrite(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_file_pwrite(struct aw_file *file, struct aw_bytes bytes, int64_t at);

/**
 * aw_file_flush - hand everything that was written to the system
 * @file: the file
 *
 * Awaits; cancel point.
 *
 * Return: as aw_file_write().
 * Context: task.
 * Source: write(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_flush(struct aw_file *file);

/**
 * aw_file_sync - hand everything that was written to the disk
 * @file: the file
 *
 * Awaits; cancel point until the sync begins.
 *
 * Return: as aw_file_write(); any code of fsync(2), after which the bytes
 * may be lost.
 * Context: task.
 * Source: fsync(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_sync(struct aw_file *file);

/**
 * aw_file_datasync - the same without what reading does not need: times
 * @file: the file
 *
 * Awaits; cancel point until the sync begins.
 *
 * Return: as aw_file_sync().
 * Context: task.
 * Source: fdatasync(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_datasync(struct aw_file *file);

/**
 * aw_file_seek - move the position
 * @file: the file
 * @offset: bytes
 * @whence: SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA or SEEK_HOLE
 *
 * Awaits; cancel point.  Flushes first.
 *
 * Return: the new position; -ESPIPE; -EINVAL (before the begin); -ENXIO;
 * else as aw_file_flush().
 * Context: task.
 * Source: lseek(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int64_t
aw_file_seek(struct aw_file *file, int64_t offset, int whence);

/**
 * aw_file_tell - the position
 * @file: the file
 *
 * Return: offset of the next byte that is read or written; of a FIFO or
 * terminal the number of bytes so far.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API int64_t aw_file_tell(const struct aw_file *file);

/**
 * aw_file_truncate - make the file a number of bytes long
 * @file: open for writing
 * @size: bytes, >= 0
 *
 * Awaits; cancel point until it begins.  Flushes first.
 *
 * Return: 0; -EINVAL; -EFBIG; else as aw_file_flush().
 * Context: task.
 * Source: ftruncate(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_truncate(struct aw_file *file,
						    int64_t size);

/**
 * aw_file_stat - what the system knows of the file
 * @file: the file; what was not flushed is not counted
 * @ret: struct stat of <sys/stat.h>
 *
 * Awaits; cancel point.
 *
 * Return: 0; any code of fstat(2); else as aw_file_read().
 * Lifetime: @ret is not touched after it returned.
 * Context: task.
 * Source: fstat(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_stat(struct aw_file *file,
						struct stat *ret);

/**
 * aw_file_path - the name it was opened by
 * @file: the file
 *
 * Return: as it was given; of a temporary file its name, "" when it has none.
 * Lifetime: that of @file.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *aw_file_path(const struct aw_file *file);

/**
 * aw_file_fd - the descriptor
 * @file: the file
 *
 * Return: the descriptor, for fcntl(2) and the like; -1 when the loop has
 * ended.
 * Lifetime: that of @file; it must not be closed.
 * Context: task, loop callback.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_file_fd(const struct aw_file *file);

/**
 * aw_file_commit - flush, sync, close; an atomic file takes its place
 * @file: address of the pointer; it is set to NULL, but for -EBUSY; NULL: 0
 *
 * Awaits; cancel point until the sync begins.  A failure means that an atomic
 * file was aborted and the old one is there, but for a failure to sync the
 * folder, after which the new one is.
 *
 * Return: 0; -EEXIST (.exclusive); any code of fsync(2), link(2), rename(2)
 * and close(2); else as aw_file_flush().
 * Context: task.
 * Source: rename(2); fsync(2), "Calling fsync() does not necessarily ensure
 * that the entry in the directory".
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_commit(struct aw_file **file);

/**
 * aw_file_close - flush and close; an atomic file is aborted
 * @file: address of the pointer; it is set to NULL, but for -EBUSY; NULL: 0
 *
 * Awaits; cancel point until the close begins.  After an interruption the
 * file was aborted: what had not been written is lost.
 *
 * Return: 0; any code of close(2); else as aw_file_flush().
 * Context: task.
 * Source: close(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_file_close(struct aw_file **file);

/**
 * aw_file_freep - abort a file, for AW_AUTO
 * @file: address of the pointer; it is set to NULL; NULL does nothing; no
 * task may be in a call on it
 *
 * Never waits: what was not written is dropped, a helper thread closes.
 *
 * Return: nothing.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_file_freep(struct aw_file **file);

AW_END_DECLS

#endif
