/* SPDX-License-Identifier: MIT */
/*
 * path.h - what is done with a name: whole files at once, folders, links.
 *
 *	struct aw_bytes config;
 *
 *	AW_TRY(aw_file_slurp(&config, "app.conf"));
 *	AW_TRY(aw_file_spew("app.conf.bak", config));
 *
 * Each call is one piece of work in a helper thread.  What only looks can be
 * interrupted at any time.  What changes something, once begun, is waited
 * for: after -ECANCELED or -ETIME it has not happened.
 *
 * The codes of waiting, which every call here can return: -ECANCELED; -ETIME;
 * -ETIMEDOUT (a budget); -EAGAIN (no helper thread); -EDEADLK; AW_EUSAGE;
 * -ENOMEM; -EINVAL (a path is NULL; AWAIT_FILE_BACKEND, see file.h).
 */
#ifndef AWAIT_PATH_H
#define AWAIT_PATH_H

#include <await/base.h>
#include <await/io.h>

AW_BEGIN_DECLS

struct stat;
struct statvfs;
struct aw_dir;
struct aw_temp_folder;

struct aw_spew_options {
	size_t size;
	struct aw_named *named;
	int mode;		/* as in struct aw_file_options */
	bool exclusive;		/* fail with -EEXIST if there is one */
	bool no_sync;		/* old or new, unless the machine crashes */
	void *spare[2];
};

struct aw_copy_options {
	size_t size;
	struct aw_named *named;
	int mode;		/* of the copy, to 07777; 0: that of the
				 * original without set-ID bits and sticky
				 * bit; less the umask */
	bool exclusive;		/* fail with -EEXIST if there is one */
	bool no_sync;		/* old or new, unless the machine crashes */
	void *spare[2];
};

struct aw_mkdir_options {
	size_t size;
	struct aw_named *named;
	int mode;		/* to 07777, default 0777; less the umask */
	bool parents;		/* make missing parents too; one that is there
				 * already is no failure */
	void *spare[2];
};

/* What aw_dir_next() tells of an entry. */
enum aw_dir_type {
	AW_DIR_UNKNOWN,		/* the file system does not say */
	AW_DIR_FILE,
	AW_DIR_FOLDER,
	AW_DIR_LINK,
	AW_DIR_OTHER
};

struct aw_dir_entry {
	const char *name;
	uint64_t inode;
	enum aw_dir_type type;
	void *spare[2];
};

#ifndef __cplusplus
#define AW_FILE_OPTIONS_(type, ...) \
	(&(struct type){ .size = sizeof(struct type), __VA_ARGS__ })
#define aw_file_slurp(ret, path, ...) \
	aw_file_slurp_with((ret), (path), \
			   AW_FILE_OPTIONS_(aw_slurp_options, __VA_ARGS__))
#define aw_file_spew(path, bytes, ...) \
	aw_file_spew_with((path), (bytes), \
			  AW_FILE_OPTIONS_(aw_spew_options, __VA_ARGS__))
#define aw_path_copy(from, to, ...) \
	aw_path_copy_with((from), (to), \
			  AW_FILE_OPTIONS_(aw_copy_options, __VA_ARGS__))
#define aw_path_mkdir(path, ...) \
	aw_path_mkdir_with((path), \
			   AW_FILE_OPTIONS_(aw_mkdir_options, __VA_ARGS__))
#endif

/**
 * aw_file_slurp_with - all bytes of a file
 * @ret: new memory, with a NUL behind it that is not counted; release it
 * with free()
 * @path: NUL-terminated; /proc and FIFOs are read to their end, a FIFO
 * opened once
 * @options: may be NULL
 *
 * Awaits; cancel point.
 *
 * Return: 0; AW_ELIMIT (.max); as aw_file_open() and aw_file_read().
 * Lifetime: @ret is the caller's.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_file_slurp_with(struct aw_bytes *ret, const char *path,
		   const struct aw_slurp_options *options);

/**
 * aw_file_spew_with - make a file of these bytes, atomically
 * @path: NUL-terminated; a file or symbolic link there is replaced
 * @bytes: all of it
 * @options: may be NULL
 *
 * Awaits; cancel point, also while it writes.  Written under no name or a
 * temporary one, synced, renamed, the folder synced.  A FIFO, a device or a
 * socket, or a link to one, is not replaced, as /dev/null would be by a
 * process of root: open it to write into it.
 *
 * Return: 0; -EINVAL (.mode; what is there is no regular file); as
 * aw_file_create() and aw_file_commit().
 * Lifetime: @bytes is not touched after it returned.
 * Context: task.
 * Source: rename(2), fsync(2).
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_file_spew_with(const char *path, struct aw_bytes bytes,
		  const struct aw_spew_options *options);

/**
 * aw_path_copy_with - copy a file, atomically
 * @from: NUL-terminated; a regular file
 * @to: NUL-terminated; a file or symbolic link there is replaced; not a FIFO,
 * a device or a socket
 * @options: may be NULL
 *
 * Awaits; cancel point, also while it copies.  Shares the blocks where the
 * file system can, else the kernel copies; holes stay holes.  The copy is the
 * caller's: set-user-ID, set-group-ID and sticky bit are not passed on.
 *
 * Return: 0; -EISDIR; -EINVAL (.mode; no regular file); as aw_file_spew();
 * any code of open(2) and copy_file_range(2).
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: ioctl_ficlonerange(2), copy_file_range(2), lseek(2) SEEK_DATA
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_path_copy_with(const char *from, const char *to,
		  const struct aw_copy_options *options);

/**
 * aw_path_stat - what the system knows of a file
 * @path: NUL-terminated
 * @ret: struct stat of <sys/stat.h>
 *
 * Awaits; cancel point.  Follows symbolic links.
 *
 * Return: 0; -ENOENT; any code of stat(2); those above.
 * Lifetime: @ret is not touched after it returned.
 * Context: task.
 * Source: stat(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_stat(const char *path,
						struct stat *ret);

/**
 * aw_path_lstat - the same of a symbolic link itself
 * @path: NUL-terminated
 * @ret: struct stat of <sys/stat.h>
 *
 * Awaits; cancel point.
 *
 * Return: as aw_path_stat().
 * Lifetime: @ret is not touched after it returned.
 * Context: task.
 * Source: lstat(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_lstat(const char *path,
						 struct stat *ret);

/**
 * aw_path_statvfs - what the system knows of a file system
 * @path: of any file on it
 * @ret: struct statvfs of <sys/statvfs.h>
 *
 * Awaits; cancel point.
 *
 * Return: 0; any code of statvfs(3); those above.
 * Lifetime: @ret is not touched after it returned.
 * Context: task.
 * Source: statvfs(3)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_statvfs(const char *path,
						   struct statvfs *ret);

/**
 * aw_path_access - may this process use it, and is it there?
 * @path: NUL-terminated
 * @mode: F_OK (is it there), or R_OK | W_OK | X_OK of <unistd.h>
 *
 * Awaits; cancel point.
 *
 * Return: 0: yes; -ENOENT; -EACCES; any code of access(2); those above.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: access(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_access(const char *path,
						  int mode);

/**
 * aw_path_readlink - where a symbolic link points
 * @path: NUL-terminated
 * @ret: new, NUL-terminated; release it with free()
 *
 * Awaits; cancel point.
 *
 * Return: 0; -EINVAL (no link); any code of readlink(2); those above.
 * Lifetime: @ret is the caller's.
 * Context: task.
 * Source: readlink(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_readlink(const char *path,
						    char **ret);

/**
 * aw_path_realpath - the absolute path without links
 * @path: NUL-terminated
 * @ret: new, NUL-terminated; release it with free()
 *
 * Awaits; cancel point.
 *
 * Return: 0; any code of realpath(3); those above.
 * Lifetime: @ret is the caller's.
 * Context: task.
 * Source: realpath(3)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_realpath(const char *path,
						    char **ret);

/**
 * aw_path_rename - move a file; one that is there is replaced
 * @from: NUL-terminated
 * @to: NUL-terminated, on the same file system
 *
 * Awaits; cancel point until it begins.
 *
 * Return: 0; -EXDEV; any code of rename(2); those above.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: rename(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_rename(const char *from,
						  const char *to);

/**
 * aw_path_link - give a file a second name
 * @from: the file
 * @to: the new name
 *
 * Awaits; cancel point until it begins.
 *
 * Return: 0; -EEXIST; any code of link(2); those above.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: link(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_link(const char *from,
						const char *to);

/**
 * aw_path_symlink - make a symbolic link
 * @target: what it says; need not exist
 * @path: the link
 *
 * Awaits; cancel point until it begins.
 *
 * Return: 0; -EEXIST; any code of symlink(2); those above.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: symlink(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_symlink(const char *target,
						   const char *path);

/**
 * aw_path_unlink - remove a file
 * @path: NUL-terminated
 *
 * Awaits; cancel point until it begins.
 *
 * Return: 0; -ENOENT; -EISDIR; any code of unlink(2); those above.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: unlink(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_unlink(const char *path);

/**
 * aw_path_mkdir_with - make a folder
 * @path: NUL-terminated
 * @options: may be NULL
 *
 * Awaits; cancel point until it begins.
 *
 * Return: 0; -EEXIST; -EINVAL (.mode); any code of mkdir(2); those above.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: mkdir(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_path_mkdir_with(const char *path, const struct aw_mkdir_options *options);

/**
 * aw_path_rmdir - remove an empty folder
 * @path: NUL-terminated
 *
 * Awaits; cancel point until it begins.
 *
 * Return: 0; -ENOTEMPTY; any code of rmdir(2); those above.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: rmdir(2)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_rmdir(const char *path);

/**
 * aw_path_remove - remove a file, or a folder and all that is in it
 * @path: NUL-terminated; a symbolic link is removed, not followed
 *
 * Awaits; cancel point, also while it removes: then a part is left.
 *
 * Return: 0; -ENOENT; -EINVAL (its last part is ".", ".." or nothing, which
 * rmdir(2) would not remove: nothing was); -EPERM and any other code of
 * unlinkat(2) and openat(2); those above.
 * Lifetime: nothing is kept.
 * Context: task.
 * Source: unlinkat(2), openat(2) O_NOFOLLOW
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_path_remove(const char *path);

/**
 * aw_dir_read - read the names in a folder
 * @ret: new; release it with aw_dir_free()
 * @path: NUL-terminated
 * @max: names, >= 1; AW_FOREVER: no limit
 *
 * Awaits; cancel point.  All of them at once, in the order of strcmp(),
 * without "." and "..".
 *
 * Return: 0; -ENOTDIR; AW_ELIMIT (@max); any code of opendir(3) and readdir(3);
 * those above.
 * Lifetime: a snapshot, independent of the folder.
 * Context: task.
 * Source: readdir(3)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int aw_dir_read(struct aw_dir **ret,
					       const char *path, int64_t max);

/**
 * aw_dir_next - the next name
 * @dir: the folder
 * @ret: name, inode and type; symbolic links are not followed
 *
 * Return: 1 (got one); 0 (the end).
 * Lifetime: the name lives until aw_dir_free().
 * Context: any thread.
 * Source: readdir(3).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_dir_next(struct aw_dir *dir,
				     struct aw_dir_entry *ret);

/**
 * aw_dir_count - how many names there are
 * @dir: the folder
 *
 * Return: their number.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API size_t aw_dir_count(const struct aw_dir *dir);

/**
 * aw_dir_free - release the names
 * @dir: may be NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_dir_free(struct aw_dir *dir);

/**
 * aw_dir_freep - aw_dir_free() for AW_AUTO
 * @dir: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_dir_freep(struct aw_dir **dir);

/**
 * aw_temp_folder_new - make a temporary folder
 * @ret: new; end it with aw_temp_folder_remove()
 * @parent: where; NULL: $TMPDIR, or /tmp
 *
 * Awaits; cancel point until it begins.
 *
 * Return: 0; any code of mkdir(2); those above.
 * Lifetime: belongs to the loop; forgotten, it is removed all the same.
 * Context: task.
 * Source: mkdtemp(3)
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_temp_folder_new(struct aw_temp_folder **ret, const char *parent);

/**
 * aw_temp_folder_path - its name
 * @folder: the folder
 *
 * Return: the path, without a slash at its end.
 * Lifetime: that of @folder.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *
aw_temp_folder_path(const struct aw_temp_folder *folder);

/**
 * aw_temp_folder_remove - remove it and all that is in it
 * @folder: address of the pointer; it is set to NULL in any case; a NULL
 * folder is removed already
 *
 * Awaits; cancel point; after an interruption a helper thread goes on.
 *
 * Return: as aw_path_remove(); AW_EFORK (made before fork()).
 * Lifetime: the folder is gone.
 * Context: task.
 * Source: our own
 * Since: 0.1
 */
AW_API AW_AWAITS AW_MUST_CHECK int
aw_temp_folder_remove(struct aw_temp_folder **folder);

/**
 * aw_temp_folder_freep - have it removed, for AW_AUTO
 * @folder: address of the pointer; it is set to NULL; NULL does nothing
 *
 * Never waits: a helper thread removes it.
 *
 * Return: nothing.
 * Lifetime: the folder is gone.
 * Context: task, loop callback, outside.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_temp_folder_freep(struct aw_temp_folder **folder);

AW_END_DECLS

#endif
