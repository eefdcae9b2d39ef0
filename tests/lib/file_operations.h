/* SPDX-License-Identifier: MIT */
/*
 * file_operations.h - every operation on files, as one function each, for the
 * tests that interrupt them.
 */
#ifndef TESTS_FILE_OPERATIONS_H
#define TESTS_FILE_OPERATIONS_H

#include <await/path.h>

#include "file_world.h"

/* --- Each operation ---------------------------------------------------- */

/* What the operations work on. */
struct world {
	struct aw_file *f;		/* open for both, 300,000 bytes */
	struct aw_file *made;
	struct aw_bytes slurped;
	struct aw_dir *dir;
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

enum meaning {
	LEFT,				/* the wait ends at once */
	FIRM				/* it is waited for */
};

static const struct operation {
	const char *what;
	int (*fn)(struct world *w);
	enum meaning meaning;
	bool gated;			/* stops at the gate in a thread */
} operations[] = {
	{ "read", does_read, LEFT, true },
	{ "pread", does_pread, LEFT, true },
	{ "line", does_line, LEFT, true },
	{ "flush", does_flush, LEFT, true },
	{ "pwrite", does_pwrite, FIRM, true },
	{ "sync", does_sync, FIRM, true },
	{ "truncate", does_truncate, FIRM, true },
	{ "open", does_open, LEFT, true },
	{ "create", does_create, FIRM, true },
	{ "slurp", does_slurp, LEFT, true },
	{ "spew", does_spew, FIRM, true },
	{ "copy", does_copy, FIRM, true },
	{ "unlink", does_unlink, FIRM, true },
	{ "commit", does_commit, FIRM, true },
	{ "list", does_list, LEFT, false },
};

static inline int
make_world(struct world *w)
{
	memset(w, 0, sizeof *w);
	memset(w->buffer, 'w', sizeof w->buffer);
	make_file(in("x"), w->buffer, sizeof w->buffer);
	make_file(in("doomed"), "", 0);
	return aw_file_open(&w->f, in("x"), O_RDWR, 0);
}

static inline void
end_world(struct world *w)
{
	aw_file_freep(&w->f);
	aw_file_freep(&w->made);
	aw_dir_freep(&w->dir);
	free((void *)(uintptr_t)w->slurped.data);
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
