/* SPDX-License-Identifier: MIT */
/*
 * file_world.h - what the tests of files share: a folder of their own for each
 * case, and each case once with io_uring and once with helper threads.
 *
 * Where the kernel has no ring the cases of io_uring run with threads, too: the
 * first case of each program says so, and asserts that the library counts it.
 *
 * Tasks must not leave by check's assertions: WANT() notes what was not as it
 * should be, and the test asserts that nothing was noted.
 */
#ifndef TESTS_FILE_WORLD_H
#define TESTS_FILE_WORLD_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <await/debug.h>
#include <await/file.h>

#include "tasks.h"

static char folder[64];
static int n_at_first;			/* descriptors */

#define WANT(condition) \
	do { \
		if (!(condition)) \
			note("line %d: %s: %s", __LINE__, #condition, \
			     aw_error_text()); \
	} while (0)

/* A path in the folder; eight of them live at a time. */
static inline const char *
in(const char *file_name)
{
	static char paths[8][320];
	static unsigned n;
	char *path = paths[n++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", folder, file_name);
	return path;
}

/* Entries of a folder that are not "." and "..". */
static inline int
count_in(const char *path)
{
	DIR *dir = opendir(path);
	int n = -2;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static inline int
n_descriptors(void)
{
	return count_in("/proc/self/fd");
}

static inline void
make_folder(void)
{
	snprintf(folder, sizeof folder, "/tmp/aw-file.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	n_at_first = n_descriptors();
}

static inline void
use_ring(void)
{
	setenv("AWAIT_FILE_BACKEND", "uring", 1);
	make_folder();
}

static inline void
use_threads(void)
{
	setenv("AWAIT_FILE_BACKEND", "threads", 1);
	make_folder();
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
remove_folder(void)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A thread that was left alone may still have to close its descriptor. It may
 * also have to open it first, so what was counted once is not counted again:
 * a second look could meet one that comes and goes. */
static inline void
settle_descriptors(void)
{
	int n = n_descriptors(), i;

	for (i = 0; i < 20000 && n != n_at_first; i++) {
		usleep(1000);
		n = n_descriptors();
	}
	ck_assert_int_eq(n, n_at_first);
}

/* Runs fn; nothing may have been noted, and no descriptor be left. */
static inline void
run_files(int (*fn)(void *arg), void *arg)
{
	int r;

	r = run_tasks(fn, arg);
	ck_assert_str_eq(noted, "");
	ck_assert_msg(r == 0, "%s", aw_error_text());
	settle_descriptors();
}

/* The same by the real clock: the test clock stands still while somebody
 * waits for a descriptor. */
static inline void
run_in_real_time(int (*fn)(void *arg), void *arg)
{
	int r;

	forget_notes();
	r = aw_run(fn, arg, .no_signals = true);
	ck_assert_str_eq(noted, "");
	ck_assert_msg(r == 0, "%s", aw_error_text());
	settle_descriptors();
}

/* Has the content of a file these bytes? For tasks: reads in place. */
static inline bool
holds(const char *path, const void *bytes, size_t size)
{
	char *found = malloc(size + 1);
	FILE *file = fopen(path, "re");
	size_t n = file && found ? fread(found, 1, size + 1, file) : 0;
	bool same = file && found && n == size &&
		    memcmp(found, bytes, size) == 0;

	if (file)
		fclose(file);
	free(found);
	return same;
}

static inline void
make_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "we");

	if (file) {
		fwrite(bytes, 1, size, file);
		fclose(file);
	}
}

/* --- Who does it ------------------------------------------------------- */

/* Why the kernel has no ring for this process: errno, or 0. */
static inline int
ring_refusal(void)
{
	char params[256] = { 0 };	/* struct io_uring_params has 120 */
	long fd = syscall(SYS_io_uring_setup, 1, params);

	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

static inline int
counts_a_read(void *arg)
{
	AW_AUTO(aw_file, f);
	char byte;

	make_file(in("x"), "x", 1);
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	WANT(aw_file_pread(f, &byte, 1, 0) == 1);
	AW_TRY(aw_file_close(&f));
	return aw_metrics(arg);
}

START_TEST(the_backend_is_the_one_that_was_asked_for)
{
	const char *backend = getenv("AWAIT_FILE_BACKEND");
	struct aw_metrics m = { 0 };
	int refusal = ring_refusal();
	bool ring = backend && strcmp(backend, "uring") == 0;

#ifndef HAVE_LIBURING
	ring = false;
#endif
	if (ring && refusal)
		printf("# the kernel has no io_uring here (%s): the cases of "
		       "io_uring run with threads\n", strerror(refusal));
	run_files(counts_a_read, &m);
	ck_assert_uint_eq(m.ring_done, ring && !refusal ? 1 : 0);
	ck_assert_uint_eq(m.ring_refused, ring ? (unsigned)refusal : 0);
}
END_TEST

/* The cases of `add`, once with each backend. */
static inline void
add_twice(Suite *suite, void (*add)(TCase *tcase))
{
	TCase *ring = tcase_create("io_uring");
	TCase *threads = tcase_create("threads");

	tcase_add_checked_fixture(ring, use_ring, remove_folder);
	tcase_add_checked_fixture(threads, use_threads, remove_folder);
	tcase_set_timeout(ring, 300);
	tcase_set_timeout(threads, 300);
	tcase_add_test(ring, the_backend_is_the_one_that_was_asked_for);
	tcase_add_test(threads, the_backend_is_the_one_that_was_asked_for);
	add(ring);
	add(threads);
	suite_add_tcase(suite, ring);
	suite_add_tcase(suite, threads);
}

#endif
