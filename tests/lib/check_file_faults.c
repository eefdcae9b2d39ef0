/* SPDX-License-Identifier: MIT */
/*
 * Files where something is refused: descriptors, threads, memory, io_uring;
 * in a child of fork(); and the proof that no system call of a file is made by
 * a loop's thread.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <await/debug.h>
#include <await/path.h>

#include "failmalloc.h"
#include "file_world.h"
#include "forbid.h"

/* --- In the library's way ---------------------------------------------- */

static pthread_t loop_thread;
static atomic_bool watching, no_threads;
static atomic_int n_blocking;

static void
seen(void)
{
	if (atomic_load(&watching) &&
	    pthread_equal(pthread_self(), loop_thread))
		atomic_fetch_add(&n_blocking, 1);
}

#define WATCHED(type, name, parameters, ...) \
	type \
	name parameters \
	{ \
		seen(); \
		return (type)syscall(__VA_ARGS__); \
	}

WATCHED(int, close, (int fd), SYS_close, fd)
WATCHED(int, fsync, (int fd), SYS_fsync, fd)
WATCHED(int, fdatasync, (int fd), SYS_fdatasync, fd)
WATCHED(int, ftruncate, (int fd, off_t n), SYS_ftruncate, fd, n)
WATCHED(int, unlink, (const char *path), SYS_unlink, path)
WATCHED(int, rename, (const char *from, const char *to), SYS_rename, from, to)
WATCHED(int, mkdir, (const char *path, mode_t mode), SYS_mkdir, path, mode)
WATCHED(ssize_t, pread, (int fd, void *to, size_t n, off_t at), SYS_pread64,
	fd, to, n, at)
WATCHED(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at),
	SYS_pwrite64, fd, from, n, at)

int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	seen();
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	       void *(*fn)(void *arg), void *arg)
{
	static __typeof__(&pthread_create) real;

	if (atomic_load(&no_threads))
		return EAGAIN;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attr, fn, arg);
}

/* --- Everything once --------------------------------------------------- */

static int
uses_a_file(const char *path)
{
	AW_AUTO(aw_file, f);
	struct aw_bytes line;
	struct stat st;
	char text[64];
	int64_t n;
	int r, i;

	AW_TRY(aw_file_open(&f, path, O_RDWR | O_CREAT | O_TRUNC, 0600));
	for (i = 0; i < 20000; i++)
		AW_TRY(aw_file_printf(f, "line %d\n", i));
	n = aw_file_seek(f, 0, SEEK_SET);
	if (n < 0)
		return (int)n;
	while ((r = aw_file_line(f, &line)) > 0)
		i--;
	if (r < 0)
		return r;
	WANT(i == 0);
	n = aw_file_pread(f, text, sizeof text, 100);
	if (n < 0)
		return (int)n;
	AW_TRY(aw_file_pwrite(f, aw_text("x"), 7));
	AW_TRY(aw_file_truncate(f, 100));
	AW_TRY(aw_file_stat(f, &st));
	AW_TRY(aw_file_sync(f));
	return aw_file_close(&f);
}

static int
uses_whole_files(void)
{
	AW_AUTO(aw_temp_folder, temp);
	AW_AUTO(aw_file, f);
	AW_AUTO(aw_dir, dir);
	struct aw_bytes bytes = { 0 };
	struct stat st;

	AW_TRY(aw_file_spew(in("s"), aw_text("spewed")));
	AW_TRY(aw_file_slurp(&bytes, in("s")));
	WANT(bytes.size == 6);
	free((void *)(uintptr_t)bytes.data);
	AW_TRY(aw_path_copy(in("s"), in("t")));
	AW_TRY(aw_path_rename(in("t"), in("u")));
	AW_TRY(aw_path_stat(in("u"), &st));
	AW_TRY(aw_path_unlink(in("u")));
	AW_TRY(aw_dir_read(&dir, folder, 100));
	AW_TRY(aw_temp_folder_new(&temp, folder));
	AW_TRY(aw_file_temp(&f, folder, .named_file = true));
	AW_TRY(aw_file_close(&f));
	AW_TRY(aw_file_create(&f, in("a"), .atomic = true));
	AW_TRY(aw_file_printf(f, "text"));
	AW_TRY(aw_file_commit(&f));
	return aw_temp_folder_remove(&temp);
}

static int
uses_everything(void *arg)
{
	(void)arg;
	AW_TRY(uses_a_file(in("x")));
	return uses_whole_files();
}

/* The same, and files that are forgotten. */
static int
is_watched(void *arg)
{
	loop_thread = pthread_self();
	AW_TRY(uses_everything(arg));
	atomic_store(&watching, true);
	aw_ignore(uses_everything(arg));
	{
		AW_AUTO(aw_file, f);
		struct aw_bytes bytes;

		AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
		AW_TRY(aw_file_chunk(f, &bytes));
	}
	atomic_store(&watching, false);
	WANT(atomic_load(&n_blocking) == 0);
	return 0;
}

START_TEST(no_call_of_a_file_is_made_by_the_loop)
{
	run_files(is_watched, NULL);
}
END_TEST

/* --- Descriptors ------------------------------------------------------- */

static int
has_few_descriptors(void *arg)
{
	struct rlimit limit, before;
	int *result = arg, r;

	getrlimit(RLIMIT_NOFILE, &before);
	limit = before;
	limit.rlim_cur = (rlim_t)result[0];
	AW_TRY(setrlimit(RLIMIT_NOFILE, &limit));
	r = uses_everything(NULL);
	result[1] = r;
	AW_TRY(setrlimit(RLIMIT_NOFILE, &before));
	WANT(r == 0 || r == -EMFILE);
	return uses_everything(NULL);
}

START_TEST(without_descriptors_each_open_fails_and_works_later)
{
	int result[2], n, n_failed = 0;

	for (n = 3; n < 40; n++) {
		result[0] = n;
		run_files(has_few_descriptors, result);
		n_failed += result[1] < 0;
	}
	ck_assert_int_eq(result[1], 0);
	ck_assert_int_gt(n_failed, 0);
}
END_TEST

/* --- Threads ----------------------------------------------------------- */

static int
has_no_threads(void *arg)
{
	(void)arg;
	atomic_store(&no_threads, true);
	WANT(uses_a_file(in("x")) == -EAGAIN);
	WANT(uses_whole_files() == -EAGAIN);
	atomic_store(&no_threads, false);
	return uses_everything(NULL);
}

START_TEST(without_threads_each_call_fails_and_works_later)
{
	run_files(has_no_threads, NULL);
}
END_TEST

static int
cannot_hand_over(void *arg)
{
	AW_AUTO(aw_file, f);
	int fd;

	(void)arg;
	AW_TRY(aw_file_open(&f, "/dev/null", O_RDONLY, 0));
	fd = aw_file_fd(f);
	fail_from(0);
	aw_file_freep(&f);
	fail_stop();
	WANT(fcntl(fd, F_GETFD) < 0);
	return 0;
}

START_TEST(a_close_that_nobody_can_be_given_is_made_in_place)
{
	run_files(cannot_hand_over, NULL);
}
END_TEST

/* --- Memory ------------------------------------------------------------ */

static int
has_little_memory(void *arg)
{
	unsigned long n;
	bool refused = true;
	int r;

	(void)arg;
	AW_TRY(uses_everything(NULL));
	for (n = 0; refused && n < 3000; n++) {
		fail_only(n);
		r = uses_everything(NULL);
		refused = fail_stop();
		if (refused ? r != 0 && r != -ENOMEM : r != 0)
			note("%lu: %s", n, aw_error_text());
	}
	WANT(!refused);
	return uses_everything(NULL);
}

START_TEST(without_memory_each_call_fails_and_leaves_nothing)
{
	run_files(has_little_memory, NULL);
}
END_TEST

/* --- io_uring ---------------------------------------------------------- */

static int
counts(void *arg)
{
	struct aw_metrics *m = arg;

	AW_TRY(uses_everything(NULL));
	return aw_metrics(m);
}

/* The kernel of the machine may have none: then the reason is told. */
START_TEST(the_metrics_tell_who_does_it)
{
	struct aw_metrics m = { 0 };

	run_files(counts, &m);
#ifdef HAVE_LIBURING
	ck_assert_uint_eq(m.ring_refused, (unsigned)ring_refusal());
	ck_assert((m.ring_done == 0) == (m.ring_refused != 0));
#else
	ck_assert_uint_eq(m.ring_done, 0);
#endif
	setenv("AWAIT_FILE_BACKEND", "threads", 1);
	run_files(counts, &m);
	ck_assert_uint_eq(m.ring_done, 0);
	ck_assert_uint_eq(m.ring_refused, 0);
}
END_TEST

START_TEST(a_forbidden_ring_is_told_and_threads_do_it)
{
	struct aw_metrics m = { 0 };

	ck_assert(forbid(SYS_io_uring_setup));
	run_files(counts, &m);
	ck_assert_uint_eq(m.ring_done, 0);
#ifdef HAVE_LIBURING
	ck_assert_uint_eq(m.ring_refused, EPERM);
#endif
}
END_TEST

/* --- fork() ------------------------------------------------------------ */

static int
forks(void *arg)
{
	AW_AUTO(aw_file, f);
	AW_AUTO(aw_file, atomic);
	struct aw_bytes line;
	int status = -1;
	pid_t pid;

	(void)arg;
	make_file(in("x"), "a\nb\n", 4);
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	AW_TRY(aw_file_line(f, &line) - 1);
	AW_TRY(aw_file_create(&atomic, in("y"), .atomic = true));
	AW_TRY(aw_file_printf(atomic, "whole"));
	pid = fork();
	if (pid == 0) {
		int fd = aw_file_fd(f), r = aw_file_flush(f);

		aw_file_freep(&f);
		aw_file_freep(&atomic);
		_exit(r == AW_EFORK && fcntl(fd, F_GETFD) < 0 ? 0 : 1);
	}
	WANT(waitpid(pid, &status, 0) == pid && status == 0);
	WANT(aw_file_line(f, &line) == 1 && line.size == 1);
	AW_TRY(aw_file_commit(&atomic));
	WANT(holds(in("y"), "whole", 5));
	return aw_file_close(&f);
}

START_TEST(a_child_of_fork_can_only_drop_its_files)
{
	run_files(forks, NULL);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, no_call_of_a_file_is_made_by_the_loop);
	tcase_add_test(tcase,
		       without_memory_each_call_fails_and_leaves_nothing);
	tcase_add_test(tcase,
		       a_close_that_nobody_can_be_given_is_made_in_place);
	if (!suite_forks())
		return;
	tcase_add_test(tcase,
		       without_descriptors_each_open_fails_and_works_later);
	tcase_add_test(tcase, without_threads_each_call_fails_and_works_later);
	tcase_add_test(tcase, a_child_of_fork_can_only_drop_its_files);
}

int
main(void)
{
	Suite *suite = suite_create("file_faults");
	TCase *ring = tcase_create("the ring");

	add_twice(suite, add);
	tcase_add_checked_fixture(ring, use_ring, remove_folder);
	tcase_set_timeout(ring, 300);
	if (suite_forks()) {
		tcase_add_test(ring, the_metrics_tell_who_does_it);
		tcase_add_test(ring,
			       a_forbidden_ring_is_told_and_threads_do_it);
	}
	suite_add_tcase(suite, ring);
	return suite_run(suite);
}
