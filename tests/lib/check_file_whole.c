/* SPDX-License-Identifier: MIT */
/*
 * lib/file_whole.c, lib/file_temp.c: what slurp, spew and copy do with what is
 * no plain file, with modes, and in which order they do it.
 *
 * System calls of this program take the place of the C library's: they note
 * what is asked of them, and read() can be a file that never ends.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <await/path.h>

#include "file_world.h"

static char order[64];			/* one letter for each call */
static atomic_uint n_noted_calls, n_fifo_opened, n_endless_read;
static atomic_int endless = -1;		/* descriptor that never ends */
static atomic_bool folder_fails;	/* fsync() of a folder */
static sem_t arrived, gate;

static void
note_call(char letter)
{
	unsigned i = atomic_fetch_add(&n_noted_calls, 1);

	if (i < sizeof order - 1)
		order[i] = letter;
}

static void
forget_calls(void)
{
	memset(order, 0, sizeof order);
	atomic_store(&n_noted_calls, 0);
}

int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;
	int fd;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (strstr(path, "/fifo"))
		atomic_fetch_add(&n_fifo_opened, 1);
	if (strstr(path, "/endless"))
		atomic_store(&endless, fd);
	return fd;
}

#define ENDLESS_READS 3000		/* not longer than a test can take */

ssize_t
read(int fd, void *buffer, size_t n)
{
	unsigned i;

	if (fd != atomic_load(&endless))
		return syscall(SYS_read, fd, buffer, n);
	i = atomic_fetch_add(&n_endless_read, 1);
	if (i == 0) {
		sem_post(&arrived);
		while (sem_wait(&gate) != 0)
			;
	}
	memset(buffer, 'e', n);
	return i < ENDLESS_READS ? (ssize_t)n : 0;
}

static bool
is_folder(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int
fsync(int fd)
{
	bool of_folder = is_folder(fd);

	note_call(of_folder ? 'D' : 'F');
	if (of_folder && atomic_load(&folder_fails)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int
rename(const char *from, const char *to)
{
	note_call('R');
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

ssize_t
write(int fd, const void *data, size_t n)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fd > 2)
		note_call('W');
	return syscall(SYS_write, fd, data, n);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode : 0;
}

/* --- Slurping a FIFO --------------------------------------------------- */

static char fifo[100];

static void *
writes_into_fifo(void *arg)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, fifo, O_WRONLY | O_CLOEXEC,
			      0);
	ssize_t *n = arg;

	*n = write(fd, "hello\n", 6);
	close(fd);
	return NULL;
}

static int
slurps_fifo(void *arg)
{
	struct aw_bytes bytes = { 0 };
	pthread_t writer;
	ssize_t n = 0;
	unsigned i;

	(void)arg;
	snprintf(fifo, sizeof fifo, "%s", in("fifo"));
	WANT(mkfifo(fifo, 0600) == 0);
	for (i = 0; i < 20 && !*noted; i++) {
		AW_TIMEOUT(20);
		atomic_store(&n_fifo_opened, 0);
		WANT(pthread_create(&writer, NULL, writes_into_fifo, &n) == 0);
		usleep(500);		/* mostly it waits in open() now */
		AW_TRY(aw_file_slurp(&bytes, fifo));
		WANT(atomic_load(&n_fifo_opened) == 1);
		WANT(bytes.size == 6 && strcmp(bytes.data, "hello\n") == 0);
		free((void *)(uintptr_t)bytes.data);
		pthread_join(writer, NULL);
		WANT(n == 6);
	}
	return 0;
}

/* Nobody writes. */
static int
leaves_fifo(void *arg)
{
	struct aw_bytes bytes = { 0 };

	(void)arg;
	{
		AW_TIMEOUT(0.01);
		WANT(aw_file_slurp(&bytes, fifo) == AW_ETIME);
	}
	{
		AW_SCOPE(scope);

		aw_scope_cancel(scope_p, "a test");
		WANT(aw_file_slurp(&bytes, fifo) == AW_ECANCELED);
	}
	WANT(!bytes.data);
	return 0;
}

START_TEST(who_waits_to_write_into_a_fifo_is_heard_by_a_slurp)
{
	run_in_real_time(slurps_fifo, NULL);
	run_in_real_time(leaves_fifo, NULL);
}
END_TEST

/* --- Modes ------------------------------------------------------------- */

static int
keeps_no_privilege(void *arg)
{
	AW_AUTO(aw_file, f);
	int r;

	(void)arg;
	make_file(in("x"), "old", 3);
	WANT(chmod(in("x"), 06755) == 0 && mode_of(in("x")) & S_ISUID);
	AW_TRY(aw_path_copy(in("x"), in("copy")));
	WANT(mode_of(in("copy")) == (S_IFREG | 0755));
	AW_TRY(aw_file_spew(in("x"), aw_text("new")));
	WANT(mode_of(in("x")) == (S_IFREG | 0755));
	WANT(chmod(in("x"), 04711) == 0);
	AW_TRY(aw_file_create(&f, in("x"), .atomic = true));
	AW_TRY(aw_file_commit(&f));
	WANT(mode_of(in("x")) == (S_IFREG | 0711));
	AW_TRY(aw_path_copy(in("x"), in("copy"), .mode = 0600));
	WANT(mode_of(in("copy")) == (S_IFREG | 0600));
	/* Only root can read it; a mode of 0 is no missing option. */
	WANT(chmod(in("x"), 0) == 0);
	r = aw_path_copy(in("x"), in("copy"));
	WANT(geteuid() == 0 ? r == 0 && mode_of(in("copy")) == S_IFREG
			    : r == -EACCES);
	return 0;
}

START_TEST(a_copy_or_a_new_content_gets_no_privilege)
{
	mode_t before = umask(022);

	run_files(keeps_no_privilege, NULL);
	umask(before);
}
END_TEST

static int
has_no_mode(int mode)
{
	AW_AUTO(aw_file, f);

	make_file(in("x"), "x", 1);
	WANT(aw_file_create(&f, in("y"), .mode = mode) == -EINVAL && !f);
	WANT(aw_file_create(&f, in("y"), .mode = mode, .atomic = true) ==
	     -EINVAL && !f);
	WANT(aw_file_spew(in("y"), aw_text("y"), .mode = mode) == -EINVAL);
	WANT(aw_path_copy(in("x"), in("y"), .mode = mode) == -EINVAL);
	WANT(aw_path_mkdir(in("y"), .mode = mode) == -EINVAL);
	WANT(strstr(aw_error_text(), "07777"));
	WANT(access(in("y"), F_OK) < 0);
	return 0;
}

static int
has_no_modes(void *arg)
{
	(void)arg;
	AW_TRY(has_no_mode(-1));
	return has_no_mode(010000);
}

START_TEST(what_is_no_mode_is_refused)
{
	run_files(has_no_modes, NULL);
}
END_TEST

/* --- What is there already --------------------------------------------- */

static void
is_not_replaced(const char *path)
{
	AW_AUTO(aw_file, f);
	mode_t before = mode_of(path);

	WANT(aw_file_spew(path, aw_text("x")) == -EINVAL);
	WANT(strstr(aw_error_text(), path));
	WANT(strstr(aw_error_text(), "no regular file"));
	WANT(aw_file_spew(path, aw_text("x"), .mode = 0600) == -EINVAL);
	WANT(aw_path_copy(in("x"), path) == -EINVAL);
	WANT(strstr(aw_error_text(), "no regular file"));
	WANT(aw_file_create(&f, path, .atomic = true) == -EINVAL && !f);
	WANT(strstr(aw_error_text(), "no regular file"));
	WANT(mode_of(path) == before);
}

static int
replaces_files_only(void *arg)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	make_file(in("x"), "x", 1);
	WANT(mkfifo(in("fifo"), 0600) == 0);
	WANT(symlink("fifo", in("to-fifo")) == 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s",
		 in("socket"));
	WANT(bind(fd, (void *)&address, sizeof address) == 0);
	close(fd);
	is_not_replaced(in("fifo"));
	is_not_replaced(in("to-fifo"));
	is_not_replaced(in("socket"));
	WANT(aw_file_spew(folder, aw_text("x"), .mode = 0600) == -EISDIR);
	WANT(symlink("x", in("to-x")) == 0 &&
	     symlink("none", in("to-none")) == 0);
	AW_TRY(aw_file_spew(in("to-x"), aw_text("y")));
	AW_TRY(aw_file_spew(in("to-none"), aw_text("y")));
	WANT(S_ISREG(mode_of(in("to-x"))) && S_ISREG(mode_of(in("to-none"))));
	WANT(holds(in("x"), "x", 1) && holds(in("to-none"), "y", 1));
	return 0;
}

START_TEST(a_fifo_or_a_device_is_not_replaced)
{
	run_files(replaces_files_only, NULL);
}
END_TEST

/* --- Limits ------------------------------------------------------------ */

static int
is_too_long(void *arg)
{
	struct aw_bytes bytes = { 0 };

	(void)arg;
	make_file(in("x"), "123456", 6);
	WANT(aw_file_slurp(&bytes, in("x"), .max = 5) == AW_ELIMIT);
	WANT(strstr(aw_error_text(), "5 bytes") &&
	     strstr(aw_error_text(), ".max") &&
	     strstr(aw_error_text(), in("x")));
	WANT(aw_file_slurp(&bytes, "/dev/zero", .max = 77777) == AW_ELIMIT);
	WANT(strstr(aw_error_text(), "/dev/zero is longer than 77777 bytes"));
	WANT(strstr(aw_error_text(), ".max"));
	return 0;
}

START_TEST(a_limit_is_told_by_number_and_option)
{
	run_files(is_too_long, NULL);
}
END_TEST

/* --- A copy without an end --------------------------------------------- */

static int
copies_endless(void *arg)
{
	*(int *)arg = aw_path_copy(in("endless"), in("copy"));
	return 0;
}

static int
stops_copying(void *arg)
{
	struct aw_task *task;
	int result = 1;

	(void)arg;
	make_file(in("endless"), "", 0);
	task = aw_spawn("copies", copies_endless, &result);
	let_others_run();
	while (sem_wait(&arrived) != 0)
		;
	aw_cancel(task, "a test");
	let_others_run();
	sem_post(&gate);
	AW_TRY(aw_join(task, NULL));
	atomic_store(&endless, -1);
	WANT(result == AW_ECANCELED);
	WANT(atomic_load(&n_endless_read) == 1);
	WANT(access(in("copy"), F_OK) < 0 && count_in(folder) == 1);
	return 0;
}

START_TEST(a_copy_of_what_never_ends_can_be_stopped)
{
	sem_init(&arrived, 0, 0);
	sem_init(&gate, 0, 0);
	atomic_store(&n_endless_read, 0);
	run_in_real_time(stops_copying, NULL);
}
END_TEST

/* --- In which order ---------------------------------------------------- */

static int
syncs(void *arg)
{
	AW_AUTO(aw_file, f);

	(void)arg;
	forget_calls();
	AW_TRY(aw_file_spew(in("x"), aw_text("one")));
	WANT(strcmp(order, "WFRD") == 0);
	forget_calls();
	AW_TRY(aw_file_spew(in("x"), aw_text("two"), .no_sync = true));
	WANT(strcmp(order, "WR") == 0);
	AW_TRY(aw_file_create(&f, in("x"), .atomic = true));
	AW_TRY(aw_file_write(f, aw_text("three")));
	AW_TRY(aw_file_flush(f));
	forget_calls();
	AW_TRY(aw_file_commit(&f));
	WANT(strcmp(order, "FRD") == 0);
	forget_calls();
	AW_TRY(aw_path_copy(in("x"), in("y")));
	WANT(strstr(order, "FRD"));
	forget_calls();
	AW_TRY(aw_file_spew(in("new"), aw_text("x"), .exclusive = true));
	WANT(strcmp(order, "WFD") == 0);
	atomic_store(&folder_fails, true);
	WANT(aw_file_spew(in("x"), aw_text("four")) == -EIO);
	WANT(holds(in("x"), "four", 4));
	atomic_store(&folder_fails, false);
	return 0;
}

START_TEST(bytes_are_on_the_disk_before_their_name_is)
{
	run_files(syncs, NULL);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase,
		       who_waits_to_write_into_a_fifo_is_heard_by_a_slurp);
	tcase_add_test(tcase, a_copy_or_a_new_content_gets_no_privilege);
	tcase_add_test(tcase, what_is_no_mode_is_refused);
	tcase_add_test(tcase, a_fifo_or_a_device_is_not_replaced);
	tcase_add_test(tcase, a_limit_is_told_by_number_and_option);
	tcase_add_test(tcase, a_copy_of_what_never_ends_can_be_stopped);
	tcase_add_test(tcase, bytes_are_on_the_disk_before_their_name_is);
}

int
main(void)
{
	Suite *suite = suite_create("file_whole");

	add_twice(suite, add);
	return suite_run(suite);
}
