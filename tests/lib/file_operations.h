/* SPDX-License-Identifier: MIT */
/*
 * file_operations.h - every operation on files, as one function each, for the
 * tests that interrupt them. check_file_table.sh compares the table with the
 * headers.
 */
#ifndef TESTS_FILE_OPERATIONS_H
#define TESTS_FILE_OPERATIONS_H

#include <sys/statvfs.h>
#include <sys/uio.h>

#include <await/path.h>

#include "file_world.h"

/* --- Each operation ---------------------------------------------------- */

/* What the operations work on. */
struct world {
	struct aw_file *f;		/* open for both, 300,000 bytes */
	struct aw_file *made;
	struct aw_bytes slurped;
	struct aw_dir *dir;
	struct aw_temp_folder *temp;	/* there is one */
	struct aw_temp_folder *new_temp;
	char *told;
	struct stat st;
	char buffer[300000];
};

static inline int
does_read(struct world *w)
{
	int64_t n = aw_file_read(w->f, w->buffer, sizeof w->buffer);

	return n < 0 ? (int)n : 0;
}

static inline int
does_pread(struct world *w)
{
	int64_t n = aw_file_pread(w->f, w->buffer, sizeof w->buffer, 0);

	return n < 0 ? (int)n : 0;
}

static inline int
does_line(struct world *w)
{
	int r = aw_file_line(w->f, &w->slurped);

	w->slurped = aw_bytes(NULL, 0);
	return r < 0 ? r : 0;
}

static inline int
does_flush(struct world *w)
{
	AW_TRY(aw_file_write(w->f, aw_text("written")));
	return aw_file_flush(w->f);
}

static inline int
does_pwrite(struct world *w)
{
	return aw_file_pwrite(w->f, aw_bytes(w->buffer, 1000), 5);
}

static inline int
does_sync(struct world *w)
{
	return aw_file_sync(w->f);
}

static inline int
does_truncate(struct world *w)
{
	return aw_file_truncate(w->f, 1000);
}

static inline int
does_open(struct world *w)
{
	return aw_file_open(&w->made, in("x"), O_RDONLY, 0);
}

static inline int
does_create(struct world *w)
{
	return aw_file_create(&w->made, in("made"));
}

static inline int
does_slurp(struct world *w)
{
	return aw_file_slurp(&w->slurped, in("x"));
}

static inline int
does_spew(struct world *w)
{
	return aw_file_spew(in("spewed"), aw_bytes(w->buffer, 100000));
}

static inline int
does_copy(struct world *w)
{
	(void)w;
	return aw_path_copy(in("x"), in("copy"));
}

static inline int
does_unlink(struct world *w)
{
	(void)w;
	return aw_path_unlink(in("doomed"));
}

static inline int
does_commit(struct world *w)
{
	return aw_file_commit(&w->f);
}

static inline int
does_list(struct world *w)
{
	return aw_dir_read(&w->dir, folder, AW_FOREVER);
}

static inline int
does_chunk(struct world *w)
{
	int r = aw_file_chunk(w->f, &w->slurped);

	w->slurped = aw_bytes(NULL, 0);
	return r < 0 ? r : 0;
}

static inline int
does_readv(struct world *w)
{
	struct iovec parts[] = { { w->buffer, 1000 },
				 { w->buffer + 1000, 200000 } };
	int64_t n = aw_file_readv(w->f, parts, 2);

	return n < 0 ? (int)n : 0;
}

/* More than the buffer: it waits for room. */
static inline int
does_write(struct world *w)
{
	return aw_file_write(w->f, aw_bytes(w->buffer, sizeof w->buffer));
}

static inline int
does_writev(struct world *w)
{
	struct aw_bytes parts[] = { { w->buffer, 100000 },
				    { w->buffer, 200000 } };

	return aw_file_writev(w->f, parts, 2);
}

static inline int
does_printf(struct world *w)
{
	return aw_file_printf(w->f, "%0250000d", 7);
}

static inline int
does_seek(struct world *w)
{
	int64_t at = aw_file_seek(w->f, 0, SEEK_DATA);

	return at < 0 ? (int)at : 0;
}

static inline int
does_file_stat(struct world *w)
{
	return aw_file_stat(w->f, &w->st);
}

static inline int
does_datasync(struct world *w)
{
	return aw_file_datasync(w->f);
}

static inline int
does_close(struct world *w)
{
	return aw_file_close(&w->f);
}

static inline int
does_dup(struct world *w)
{
	return aw_file_dup(&w->made, aw_file_fd(w->f));
}

static inline int
does_temp(struct world *w)
{
	return aw_file_temp(&w->made, folder, .named_file = true);
}

static inline int
does_stat(struct world *w)
{
	return aw_path_stat(in("x"), &w->st);
}

static inline int
does_lstat(struct world *w)
{
	return aw_path_lstat(in("x"), &w->st);
}

static inline int
does_statvfs(struct world *w)
{
	struct statvfs vfs;

	(void)w;
	return aw_path_statvfs(in("x"), &vfs);
}

static inline int
does_access(struct world *w)
{
	(void)w;
	return aw_path_access(in("x"), R_OK);
}

static inline int
does_readlink(struct world *w)
{
	return aw_path_readlink(in("link"), &w->told);
}

static inline int
does_realpath(struct world *w)
{
	return aw_path_realpath(in("link"), &w->told);
}

static inline int
does_rename(struct world *w)
{
	(void)w;
	return aw_path_rename(in("doomed"), in("made"));
}

static inline int
does_link(struct world *w)
{
	(void)w;
	return aw_path_link(in("x"), in("made"));
}

static inline int
does_symlink(struct world *w)
{
	(void)w;
	return aw_path_symlink("x", in("made"));
}

static inline int
does_mkdir(struct world *w)
{
	(void)w;
	return aw_path_mkdir(in("made"));
}

static inline int
does_rmdir(struct world *w)
{
	(void)w;
	return aw_path_rmdir(in("empty"));
}

static inline int
does_remove(struct world *w)
{
	(void)w;
	return aw_path_remove(in("doomed"));
}

static inline int
does_temp_folder(struct world *w)
{
	return aw_temp_folder_new(&w->new_temp, folder);
}

static inline int
does_temp_folder_remove(struct world *w)
{
	return aw_temp_folder_remove(&w->temp);
}

enum meaning {
	LEFT,				/* the wait ends at once */
	FIRM				/* it is waited for */
};

static const struct operation {
	const char *what;		/* of the header */
	int (*fn)(struct world *w);
	enum meaning meaning;
} operations[] = {
	{ "aw_file_read", does_read, LEFT },
	{ "aw_file_pread", does_pread, LEFT },
	{ "aw_file_readv", does_readv, LEFT },
	{ "aw_file_chunk", does_chunk, LEFT },
	{ "aw_file_line", does_line, LEFT },
	{ "aw_file_write", does_write, LEFT },
	{ "aw_file_writev", does_writev, LEFT },
	{ "aw_file_printf", does_printf, LEFT },
	{ "aw_file_flush", does_flush, LEFT },
	{ "aw_file_pwrite", does_pwrite, FIRM },
	{ "aw_file_sync", does_sync, FIRM },
	{ "aw_file_datasync", does_datasync, FIRM },
	{ "aw_file_seek", does_seek, LEFT },
	{ "aw_file_truncate", does_truncate, FIRM },
	{ "aw_file_stat", does_file_stat, LEFT },
	{ "aw_file_open", does_open, LEFT },
	{ "aw_file_create_with", does_create, FIRM },
	{ "aw_file_temp_with", does_temp, FIRM },
	{ "aw_file_dup", does_dup, LEFT },
	{ "aw_file_commit", does_commit, FIRM },
	{ "aw_file_close", does_close, FIRM },
	{ "aw_file_slurp_with", does_slurp, LEFT },
	{ "aw_file_spew_with", does_spew, FIRM },
	{ "aw_path_copy_with", does_copy, FIRM },
	{ "aw_path_stat", does_stat, LEFT },
	{ "aw_path_lstat", does_lstat, LEFT },
	{ "aw_path_statvfs", does_statvfs, LEFT },
	{ "aw_path_access", does_access, LEFT },
	{ "aw_path_readlink", does_readlink, LEFT },
	{ "aw_path_realpath", does_realpath, LEFT },
	{ "aw_path_rename", does_rename, FIRM },
	{ "aw_path_link", does_link, FIRM },
	{ "aw_path_symlink", does_symlink, FIRM },
	{ "aw_path_unlink", does_unlink, FIRM },
	{ "aw_path_mkdir_with", does_mkdir, FIRM },
	{ "aw_path_rmdir", does_rmdir, FIRM },
	{ "aw_path_remove", does_remove, FIRM },
	{ "aw_dir_read", does_list, LEFT },
	{ "aw_temp_folder_new", does_temp_folder, FIRM },
	{ "aw_temp_folder_remove", does_temp_folder_remove, FIRM },
};

static inline int
make_world(struct world *w)
{
	memset(w, 0, sizeof *w);
	memset(w->buffer, 'w', sizeof w->buffer);
	make_file(in("x"), w->buffer, sizeof w->buffer);
	make_file(in("doomed"), "", 0);
	aw_ignore(symlink("x", in("link")));
	aw_ignore(mkdir(in("empty"), 0700));
	AW_TRY(aw_temp_folder_new(&w->temp, "/tmp"));
	return aw_file_open(&w->f, in("x"), O_RDWR, 0);
}

/* What an operation may make. */
static inline void
end_world(struct world *w)
{
	aw_file_freep(&w->f);
	aw_file_freep(&w->made);
	aw_dir_freep(&w->dir);
	aw_temp_folder_freep(&w->temp);
	aw_temp_folder_freep(&w->new_temp);
	aw_freep(&w->told);
	free((void *)(uintptr_t)w->slurped.data);
	aw_ignore(remove(in("made")));
	aw_ignore(remove(in("spewed")));
	aw_ignore(remove(in("copy")));
}

/* --- An operation that a task tries ------------------------------------ */

struct attempt {
	const struct operation *operation;
	struct world *world;
	int result;
	bool ended;
};

static inline int
tries(void *arg)
{
	struct attempt *a = arg;

	a->result = a->operation->fn(a->world);
	a->ended = true;
	return 0;
}

#endif
