/* SPDX-License-Identifier: MIT */
/*
 * lib/file_temp.c, lib/file_whole.c: a file is the old one or the new one, and
 * what was forgotten leaves nothing, also when the disk is full or the process
 * is killed.
 *
 * The file system's answers are put in the library's way: open(), fsync(),
 * write() and pwrite() of this program take the place of the C library's, and
 * io_uring_submit() that of liburing's.
 */
#include <dlfcn.h>

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "file_world.h"

#ifdef HAVE_LIBURING
#include <liburing.h>
#endif

#define DISK (1 << 20)			/* no file gets more from a full one */

static atomic_bool disk_is_full;
static int full_device;			/* /dev/full */
static atomic_bool no_tmpfile;		/* O_TMPFILE is not supported */
static atomic_int sync_fails, write_fails;	/* errno, or 0 */

int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (atomic_load(&no_tmpfile) && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
fsync(int fd)
{
	if (atomic_load(&sync_fails)) {
		errno = atomic_exchange(&sync_fails, 0);
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static bool
fits(int64_t at, size_t n)
{
	return !atomic_load(&disk_is_full) || at + (int64_t)n <= DISK;
}

ssize_t
write(int fd, const void *data, size_t n)
{
	int r = atomic_load(&write_fails);

	if (!fits(lseek(fd, 0, SEEK_CUR), n))
		r = ENOSPC;
	if (r && fd > 2) {
		errno = r;
		return -1;
	}
	return syscall(SYS_write, fd, data, n);
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t at)
{
	if (!fits(at, n)) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, n, at);
}

#ifdef HAVE_LIBURING
/* What does not fit goes to the device that is always full. */
int
io_uring_submit(struct io_uring *ring)
{
	static __typeof__(&io_uring_submit) real;
	unsigned i;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "io_uring_submit");
	for (i = io_uring_sq_ready(ring); i > 0; i--) {
		struct io_uring_sqe *sqe;

		sqe = &ring->sq.sqes[(ring->sq.sqe_tail - i) & 127];
		if (sqe->opcode == IORING_OP_WRITE &&
		    !fits((int64_t)sqe->off, sqe->len))
			sqe->fd = full_device;
	}
	return real(ring);
}
#endif

static void
set_up(bool tmpfile)
{
	atomic_store(&no_tmpfile, !tmpfile);
	atomic_store(&sync_fails, 0);
	atomic_store(&write_fails, 0);
}

/* --- One at a time ----------------------------------------------------- */

static int
commits(void *arg)
{
	AW_AUTO(aw_file, f);
	struct stat st;

	(void)arg;
	make_file(in("x"), "old", 3);
	WANT(chmod(in("x"), 0640) == 0);
	AW_TRY(aw_file_create(&f, in("x"), .atomic = true));
	AW_TRY(aw_file_write(f, aw_text("new content")));
	AW_TRY(aw_file_flush(f));
	WANT(holds(in("x"), "old", 3));
	AW_TRY(aw_file_commit(&f));
	WANT(!f && holds(in("x"), "new content", 11));
	WANT(stat(in("x"), &st) == 0 && (st.st_mode & 07777) == 0640);
	AW_TRY(aw_file_create(&f, in("y"), .atomic = true, .mode = 0600));
	AW_TRY(aw_file_commit(&f));
	WANT(stat(in("y"), &st) == 0 && (st.st_mode & 07777) == 0600);
	AW_TRY(aw_file_create(&f, in("y"), .atomic = true, .exclusive = true));
	WANT(aw_file_commit(&f) == -EEXIST && !f);
	WANT(count_in(folder) == 2);
	return 0;
}

static int
forgets(void *arg)
{
	(void)arg;
	make_file(in("x"), "old", 3);
	{
		AW_AUTO(aw_file, f);
		AW_TRY(aw_file_create(&f, in("x"), .atomic = true));
		AW_TRY(aw_file_write(f, aw_text("new")));
		AW_TRY(aw_file_flush(f));
	}
	{
		AW_AUTO(aw_file, f);
		AW_TRY(aw_file_create(&f, in("x"), .atomic = true));
		AW_TRY(aw_file_write(f, aw_text("new")));
		AW_TRY(aw_file_close(&f));
	}
	return 0;
}

START_TEST(a_commit_replaces_and_forgetting_leaves_nothing)
{
	int i;

	for (i = 0; i < 2; i++) {
		set_up(i == 0);
		run_files(commits, NULL);
		ck_assert_int_eq(unlink(in("x")), 0);
		ck_assert_int_eq(unlink(in("y")), 0);
		run_files(forgets, NULL);
		ck_assert(holds(in("x"), "old", 3));
		ck_assert_int_eq(count_in(folder), 1);
	}
}
END_TEST

static int
spews(void *arg)
{
	char long_name[256];
	struct stat st;

	(void)arg;
	AW_TRY(aw_file_spew(in("x"), aw_text("one")));
	AW_TRY(aw_file_spew(in("x"), aw_text("two"), .no_sync = true));
	WANT(holds(in("x"), "two", 3));
	WANT(aw_file_spew(in("x"), aw_text("three"), .exclusive = true) ==
	     -EEXIST);
	AW_TRY(aw_file_spew(in("x"), aw_bytes(NULL, 0), .mode = 0600));
	WANT(stat(in("x"), &st) == 0 && st.st_size == 0 &&
	     (st.st_mode & 07777) == 0600);
	WANT(aw_file_spew(folder, aw_text("x")) == -EISDIR);
	WANT(aw_file_spew(in("none/x"), aw_text("x")) == -ENOENT);
	WANT(aw_file_spew(NULL, aw_text("x")) == -EINVAL);
	memset(long_name, 'n', 255);
	long_name[255] = '\0';
	AW_TRY(aw_file_spew(in(long_name), aw_text("x")));
	WANT(count_in(folder) == 2);
	return unlink(in(long_name));
}

START_TEST(a_spew_replaces_all_at_once)
{
	int i;

	for (i = 0; i < 2; i++) {
		set_up(i == 0);
		run_files(spews, NULL);
	}
}
END_TEST

static int
slurps(void *arg)
{
	struct aw_bytes bytes = { 0 };

	(void)arg;
	make_file(in("x"), "slurp", 5);
	AW_TRY(aw_file_slurp(&bytes, in("x")));
	WANT(bytes.size == 5 && strcmp(bytes.data, "slurp") == 0);
	free((void *)(uintptr_t)bytes.data);
	AW_TRY(aw_file_slurp(&bytes, in("x"), .max = 5));
	free((void *)(uintptr_t)bytes.data);
	WANT(aw_file_slurp(&bytes, in("x"), .max = 4) == AW_ELIMIT);
	WANT(aw_file_slurp(&bytes, in("x"), .max = -1) == -EINVAL);
	WANT(aw_file_slurp(&bytes, "/dev/zero", .max = 100000) == AW_ELIMIT);
	WANT(aw_file_slurp(&bytes, folder) == -EISDIR);
	WANT(aw_file_slurp(&bytes, in("none")) == -ENOENT);
	AW_TRY(aw_file_slurp(&bytes, "/proc/self/maps", .max = AW_FOREVER));
	WANT(bytes.size > 1000 && strlen(bytes.data) == bytes.size);
	free((void *)(uintptr_t)bytes.data);
	AW_TRY(aw_file_slurp(&bytes, "/dev/null"));
	WANT(bytes.size == 0 && strcmp(bytes.data, "") == 0);
	free((void *)(uintptr_t)bytes.data);
	return 0;
}

START_TEST(a_slurp_reads_what_there_is)
{
	set_up(true);
	run_files(slurps, NULL);
}
END_TEST

/* --- Failures ---------------------------------------------------------- */

static int
meets_failures(void *arg)
{
	AW_AUTO(aw_file, f);

	(void)arg;
	make_file(in("x"), "old", 3);
	atomic_store(&write_fails, ENOSPC);
	WANT(aw_file_spew(in("x"), aw_text("new")) == -ENOSPC);
	atomic_store(&write_fails, 0);
	atomic_store(&sync_fails, EIO);
	WANT(aw_file_spew(in("x"), aw_text("new")) == -EIO);
	AW_TRY(aw_file_create(&f, in("x"), .atomic = true));
	AW_TRY(aw_file_write(f, aw_text("new")));
	atomic_store(&sync_fails, EIO);
	WANT(aw_file_commit(&f) == -EIO);
	WANT(holds(in("x"), "old", 3) && count_in(folder) == 1);
	return 0;
}

START_TEST(a_failed_write_or_sync_leaves_the_old_file)
{
	int i;

	for (i = 0; i < 2; i++) {
		set_up(i == 0);
		run_files(meets_failures, NULL);
	}
}
END_TEST

static char big[4 << 20];

static int
fills_up(void *arg)
{
	const int *code = arg;
	AW_AUTO(aw_file, f);
	int r, i;

	make_file(in("x"), "old", 3);
	WANT(aw_file_spew(in("x"), aw_bytes(big, sizeof big)) == *code);
	WANT(holds(in("x"), "old", 3) && count_in(folder) == 1);
	AW_TRY(aw_file_create(&f, in("x"), .atomic = true));
	r = 0;
	for (i = 0; i < 100 && r == 0; i++)
		r = aw_file_write(f, aw_bytes(big, 65536));
	WANT(r == *code && i < 100);
	WANT(aw_file_commit(&f) == *code);
	WANT(holds(in("x"), "old", 3) && count_in(folder) == 1);
	AW_TRY(aw_file_create(&f, in("y")));
	WANT(aw_file_pwrite(f, aw_bytes(big, sizeof big), 0) == *code);
	AW_TRY(aw_file_close(&f));
	WANT(unlink(in("y")) == 0);
	/* The kernel may still hold what was given up, for a moment. */
	for (i = 0; i < 20000; i++) {
		r = aw_file_spew(in("x"), aw_text("small"));
		if (r != *code)
			break;
		usleep(1000);
	}
	return r;
}

/* A limit on the size of files raises SIGXFSZ too, which must not kill. */
START_TEST(a_file_that_may_not_grow_is_an_ordinary_failure)
{
	struct rlimit limit = { 1 << 20, RLIM_INFINITY };
	int code = -EFBIG;

	set_up(true);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 1 << 20;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	run_files(fills_up, &code);
}
END_TEST

START_TEST(a_full_disk_is_an_ordinary_failure)
{
	int code = -ENOSPC;

	set_up(true);
	full_device = open("/dev/full", O_WRONLY | O_CLOEXEC);
	n_at_first = n_descriptors();
	atomic_store(&disk_is_full, true);
	run_files(fills_up, &code);
	atomic_store(&disk_is_full, false);
	close(full_device);
}
END_TEST

static bool
mount_small_disk(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", folder, "tmpfs", 0, "size=1m") == 0;
}

/* The same with a file system that is full: only where one can be mounted is
 * there anything to see. */
START_TEST(a_mounted_disk_that_is_full_is_one_too)
{
	int code = -ENOSPC;

	set_up(true);
	if (!mount_small_disk()) {
		printf("# may not mount here: %s\n", strerror(errno));
		return;
	}
	run_files(fills_up, &code);
	ck_assert_int_eq(umount2(folder, MNT_DETACH), 0);
}
END_TEST

/* --- Killed ------------------------------------------------------------ */

/* Spews As and Bs in turn until it is killed. */
static int
spews_for_ever(void *arg)
{
	static char text[100000];
	int i;

	(void)arg;
	for (i = 0;; i++) {
		memset(text, i % 2 ? 'A' : 'B', sizeof text);
		AW_TRY(aw_file_spew(in("x"), aw_bytes(text, sizeof text)));
		if (i == 1)
			kill(getppid(), SIGUSR1);
	}
}

static bool
is_whole(void)
{
	static char text[2][100000];

	memset(text[0], 'A', sizeof text[0]);
	memset(text[1], 'B', sizeof text[1]);
	return holds(in("x"), text[0], sizeof text[0]) ||
	       holds(in("x"), text[1], sizeof text[1]);
}

/* What a process that was killed just between link and rename leaves. */
static int
count_temporary(void)
{
	return count_in(folder) - 1;
}

START_TEST(a_killed_spew_leaves_the_old_or_the_new_file)
{
	sigset_t set;
	int i, number, left = 0;

	set_up(true);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			aw_ignore(aw_run(spews_for_ever, NULL,
					 .no_signals = true));
			_exit(1);
		}
		ck_assert_int_eq(sigwait(&set, &number), 0);
		usleep((useconds_t)(i * 397 % 5000));
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &number, 0), pid);
		ck_assert(WIFSIGNALED(number));
		ck_assert(is_whole());
		ck_assert_int_le(count_temporary(), left + 1);
		left = count_temporary();
	}
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, a_commit_replaces_and_forgetting_leaves_nothing);
	tcase_add_test(tcase, a_spew_replaces_all_at_once);
	tcase_add_test(tcase, a_slurp_reads_what_there_is);
	tcase_add_test(tcase, a_failed_write_or_sync_leaves_the_old_file);
	tcase_add_test(tcase, a_full_disk_is_an_ordinary_failure);
	if (!suite_forks())
		return;
	tcase_add_test(tcase, a_file_that_may_not_grow_is_an_ordinary_failure);
	tcase_add_test(tcase, a_mounted_disk_that_is_full_is_one_too);
	tcase_add_test(tcase, a_killed_spew_leaves_the_old_or_the_new_file);
}

int
main(void)
{
	Suite *suite = suite_create("file_atomic");

	add_twice(suite, add);
	return suite_run(suite);
}
