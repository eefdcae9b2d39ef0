/* SPDX-License-Identifier: MIT */
/*
 * Cancels and deadlines of every file operation: before it begins, and while
 * a thread is inside the system call.
 *
 * System calls of helper threads stop at a gate: those of this program take
 * the place of the C library's. The ring's cannot be stopped; see
 * check_file_moments.c.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "file_operations.h"

static atomic_bool gate_closed;
static atomic_int n_inside;
static sem_t arrived, gate;

/* A system call that is made while the gate is closed waits there. */
static void
pass(void)
{
	atomic_fetch_add(&n_inside, 1);
	if (atomic_load(&gate_closed)) {
		sem_post(&arrived);
		while (sem_wait(&gate) != 0)
			;
	}
	atomic_fetch_sub(&n_inside, 1);
}

#define GATED(type, name, parameters, ...) \
	type \
	name parameters \
	{ \
		pass(); \
		return (type)syscall(__VA_ARGS__); \
	}

GATED(ssize_t, pread, (int fd, void *to, size_t n, off_t at), SYS_pread64, fd,
      to, n, at)
GATED(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at),
      SYS_pwrite64, fd, from, n, at)
GATED(int, fsync, (int fd), SYS_fsync, fd)
GATED(int, fdatasync, (int fd), SYS_fdatasync, fd)
GATED(int, ftruncate, (int fd, off_t size), SYS_ftruncate, fd, size)
GATED(off_t, lseek, (int fd, off_t at, int whence), SYS_lseek, fd, at, whence)
GATED(int, close, (int fd), SYS_close, fd)
GATED(int, access, (const char *path, int mode), SYS_faccessat, AT_FDCWD, path,
      mode)
GATED(ssize_t, readlink, (const char *path, char *to, size_t n),
      SYS_readlinkat, AT_FDCWD, path, to, n)
GATED(int, rename, (const char *from, const char *to), SYS_renameat2, AT_FDCWD,
      from, AT_FDCWD, to, 0)
GATED(int, link, (const char *from, const char *to), SYS_linkat, AT_FDCWD,
      from, AT_FDCWD, to, 0)
GATED(int, symlink, (const char *to, const char *path), SYS_symlinkat, to,
      AT_FDCWD, path)
GATED(int, unlink, (const char *path), SYS_unlinkat, AT_FDCWD, path, 0)
GATED(int, unlinkat, (int parent, const char *path, int flags), SYS_unlinkat,
      parent, path, flags)
GATED(int, rmdir, (const char *path), SYS_unlinkat, AT_FDCWD, path,
      AT_REMOVEDIR)
GATED(int, mkdir, (const char *path, mode_t mode), SYS_mkdirat, AT_FDCWD,
      path, mode)

/* The kernel's structures are not always the C library's. */
#define GATED_REAL(type, name, parameters, ...) \
	type \
	name parameters \
	{ \
		static __typeof__(&name) real; \
		pass(); \
		if (!real) \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
		return real(__VA_ARGS__); \
	}

GATED_REAL(int, stat, (const char *path, struct stat *to), path, to)
GATED_REAL(int, lstat, (const char *path, struct stat *to), path, to)
GATED_REAL(int, fstat, (int fd, struct stat *to), fd, to)
GATED_REAL(int, statvfs, (const char *path, struct statvfs *to), path, to)
GATED_REAL(char *, realpath, (const char *path, char *to), path, to)
GATED_REAL(DIR *, opendir, (const char *path), path)

int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	pass();
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
fcntl(int fd, int command, ...)
{
	va_list args;
	long argument;

	va_start(args, command);
	argument = va_arg(args, long);
	va_end(args);
	if (command == F_DUPFD_CLOEXEC)
		pass();
	return (int)syscall(SYS_fcntl, fd, command, argument);
}

/* Only when everybody who was left alone at the gate has passed it. */
static void
set_up(void)
{
	while (atomic_load(&n_inside) > 0)
		usleep(100);
	sem_init(&arrived, 0, 0);
	sem_init(&gate, 0, 0);
}

static void
close_gate(void)
{
	atomic_store(&gate_closed, true);
}

static void
open_gate(void)
{
	int i;

	atomic_store(&gate_closed, false);
	for (i = 0; i < 64; i++)
		sem_post(&gate);
}

static void
await_arrival(void)
{
	while (sem_wait(&arrived) != 0)
		;
}

/* --- While a thread is at it ------------------------------------------- */

static int
cancels_inside(void *arg)
{
	static struct world world;
	struct attempt a = { .operation = arg, .world = &world };
	struct aw_task *task;

	AW_TRY(make_world(&world));
	close_gate();
	task = aw_spawn("tries", tries, &a);
	let_others_run();
	await_arrival();
	aw_cancel(task, "a test");
	let_others_run();
	if (a.operation->meaning == LEFT)
		WANT(a.ended && a.result == AW_ECANCELED);
	else
		WANT(!a.ended);
	open_gate();
	AW_TRY(aw_join(task, NULL));
	if (a.operation->meaning == FIRM && a.operation->fn != does_spew &&
	    a.operation->fn != does_copy)
		WANT(a.result == 0);
	if (*noted)
		note("in %s: %s", a.operation->what, name(a.result));
	end_world(&world);
	return 0;
}

static int
deadline_inside(void *arg)
{
	static struct world world;
	const struct operation *operation = arg;
	int r;

	AW_TRY(make_world(&world));
	close_gate();
	{
		AW_TIMEOUT(0.02);
		r = operation->fn(&world);
	}
	WANT(r == AW_ETIME);
	open_gate();
	end_world(&world);
	return 0;
}

START_TEST(what_only_looks_is_left_and_what_changes_is_waited_for)
{
	size_t i;

	for (i = 0; i < AW_LENGTH(operations); i++) {
		const struct operation *op = &operations[i];

		set_up();
		run_in_real_time(cancels_inside, (void *)(uintptr_t)op);
		if (op->meaning == LEFT) {
			set_up();
			run_in_real_time(deadline_inside,
					 (void *)(uintptr_t)op);
		}
	}
}
END_TEST

/* --- Before it begins -------------------------------------------------- */

static int
holds_a_thread(void *arg)
{
	struct world *w = arg;
	char byte;

	WANT(aw_file_pread(w->f, &byte, 1, 0) == 1);
	return 0;
}

/* All four threads are at the gate: what comes then only queues. */
static int
cancels_queued(void *arg)
{
	static struct world world;
	struct attempt a = { .operation = arg, .world = &world };
	struct aw_task *task;
	struct stat st;
	AW_GROUP(group);
	int i;

	AW_TRY(make_world(&world));
	close_gate();
	for (i = 0; i < 4; i++)
		AW_TRY(aw_go(&group, holds_a_thread, &world));
	let_others_run();
	for (i = 0; i < 4; i++)
		await_arrival();
	task = aw_spawn("tries", tries, &a);
	let_others_run();
	aw_cancel(task, "a test");
	let_others_run();
	WANT(a.ended && a.result == AW_ECANCELED);
	open_gate();
	AW_TRY(aw_join(task, NULL));
	AW_TRY(aw_group_wait(&group));
	WANT(access(in("doomed"), F_OK) == 0);
	WANT(access(in("empty"), F_OK) == 0);
	WANT(access(in("made"), F_OK) < 0 && access(in("spewed"), F_OK) < 0);
	WANT(stat(in("x"), &st) == 0 && st.st_size == sizeof world.buffer);
	if (*noted)
		note("in %s", a.operation->what);
	end_world(&world);
	return 0;
}

START_TEST(what_has_not_begun_is_taken_back)
{
	size_t i;

	for (i = 0; i < AW_LENGTH(operations); i++) {
		set_up();
		run_in_real_time(cancels_queued,
				 (void *)(uintptr_t)&operations[i]);
	}
}
END_TEST

/* --- Threads that are stuck -------------------------------------------- */

static int
is_stuck(void *arg)
{
	struct attempt *a = arg;

	a->result = a->operation->fn(a->world);
	return 0;
}

/* Every thread of the class is inside a call that a cancelled task must wait
 * for; the gate is open for others. */
static int
works_beside_stuck_threads(void *arg)
{
	static struct world worlds[4];
	struct attempt a[4];
	struct aw_task *tasks[4];
	struct stat st;
	int i;

	for (i = 0; i < 4; i++)
		AW_TRY(make_world(&worlds[i]));
	close_gate();
	for (i = 0; i < 4; i++) {
		a[i] = (struct attempt){ arg, &worlds[i], 0, false };
		tasks[i] = aw_spawn("is stuck", is_stuck, &a[i]);
	}
	let_others_run();
	for (i = 0; i < 4; i++)
		await_arrival();
	for (i = 0; i < 4; i++)
		aw_cancel(tasks[i], "a test");
	let_others_run();
	atomic_store(&gate_closed, false);
	{
		AW_TIMEOUT(20);
		WANT(aw_path_stat(in("x"), &st) == 0);
	}
	open_gate();
	for (i = 0; i < 4; i++) {
		AW_TRY(aw_join(tasks[i], NULL));
		WANT(a[i].result == 0);
		end_world(&worlds[i]);
	}
	return 0;
}

START_TEST(threads_that_are_stuck_in_a_firm_call_are_replaced)
{
	size_t i;

	for (i = 0; i < AW_LENGTH(operations); i++) {
		const struct operation *op = &operations[i];

		if (op->fn != does_pwrite && op->fn != does_truncate)
			continue;
		set_up();
		run_in_real_time(works_beside_stuck_threads,
				 (void *)(uintptr_t)op);
	}
}
END_TEST

/* --- Who closes -------------------------------------------------------- */

/* A handle that is gone while a thread reads from it keeps its number. */
static int
drops_while_reading(void *arg)
{
	static struct world world;
	struct attempt a = { .operation = arg, .world = &world };
	struct aw_task *task;
	int fd;

	AW_TRY(make_world(&world));
	fd = aw_file_fd(world.f);
	close_gate();
	task = aw_spawn("tries", tries, &a);
	let_others_run();
	await_arrival();
	aw_cancel(task, "a test");
	AW_TRY(aw_join(task, NULL));
	aw_file_freep(&world.f);
	let_others_run();
	WANT(fcntl(fd, F_GETFD) >= 0);
	open_gate();
	end_world(&world);
	return 0;
}

START_TEST(a_file_that_is_dropped_is_closed_by_the_last_who_reads)
{
	set_up();
	run_in_real_time(drops_while_reading,
			 (void *)(uintptr_t)&operations[0]);
	set_up();
	run_in_real_time(drops_while_reading,
			 (void *)(uintptr_t)&operations[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("file_cancel");
	TCase *gated = tcase_create("at the gate");

	tcase_add_checked_fixture(gated, use_threads, remove_folder);
	tcase_set_timeout(gated, 300);
	tcase_add_test(gated,
		       what_only_looks_is_left_and_what_changes_is_waited_for);
	tcase_add_test(gated, what_has_not_begun_is_taken_back);
	tcase_add_test(gated,
		       threads_that_are_stuck_in_a_firm_call_are_replaced);
	tcase_add_test(gated,
		       a_file_that_is_dropped_is_closed_by_the_last_who_reads);
	suite_add_tcase(suite, gated);
	return suite_run(suite);
}
