/* SPDX-License-Identifier: MIT */
/*
 * Cancels and deadlines of every file operation: before it begins, while a
 * thread is inside the system call, at any moment.
 *
 * System calls of helper threads stop at a gate: those of this program take
 * the place of the C library's. The ring's cannot be stopped; what holds for
 * any moment is tried for many moments.
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include <await/path.h>

#include "file_private.h"
#include "file_world.h"

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

ssize_t
pread(int fd, void *buffer, size_t n, off_t at)
{
	pass();
	return syscall(SYS_pread64, fd, buffer, n, at);
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t at)
{
	pass();
	return syscall(SYS_pwrite64, fd, data, n, at);
}

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
fsync(int fd)
{
	pass();
	return (int)syscall(SYS_fsync, fd);
}

int
ftruncate(int fd, off_t size)
{
	pass();
	return (int)syscall(SYS_ftruncate, fd, size);
}

int
unlink(const char *path)
{
	pass();
	return (int)syscall(SYS_unlink, path);
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

/* --- Each operation ---------------------------------------------------- */

/* What the operations work on. */
struct world {
	struct aw_file *f;		/* open for both, 300,000 bytes */
	struct aw_file *made;
	struct aw_bytes slurped;
	struct aw_dir *dir;
	char buffer[300000];
};

static int
does_read(struct world *w)
{
	int64_t n = aw_file_read(w->f, w->buffer, sizeof w->buffer);

	return n < 0 ? (int)n : 0;
}

static int
does_pread(struct world *w)
{
	int64_t n = aw_file_pread(w->f, w->buffer, sizeof w->buffer, 0);

	return n < 0 ? (int)n : 0;
}

static int
does_line(struct world *w)
{
	int r = aw_file_line(w->f, &w->slurped);

	w->slurped = aw_bytes(NULL, 0);
	return r < 0 ? r : 0;
}

static int
does_flush(struct world *w)
{
	AW_TRY(aw_file_write(w->f, aw_text("written")));
	return aw_file_flush(w->f);
}

static int
does_pwrite(struct world *w)
{
	return aw_file_pwrite(w->f, aw_bytes(w->buffer, 1000), 5);
}

static int
does_sync(struct world *w)
{
	return aw_file_sync(w->f);
}

static int
does_truncate(struct world *w)
{
	return aw_file_truncate(w->f, 1000);
}

static int
does_open(struct world *w)
{
	return aw_file_open(&w->made, in("x"), O_RDONLY, 0);
}

static int
does_create(struct world *w)
{
	return aw_file_create(&w->made, in("made"));
}

static int
does_slurp(struct world *w)
{
	return aw_file_slurp(&w->slurped, in("x"));
}

static int
does_spew(struct world *w)
{
	return aw_file_spew(in("spewed"), aw_bytes(w->buffer, 100000));
}

static int
does_copy(struct world *w)
{
	(void)w;
	return aw_path_copy(in("x"), in("copy"));
}

static int
does_unlink(struct world *w)
{
	(void)w;
	return aw_path_unlink(in("doomed"));
}

static int
does_commit(struct world *w)
{
	return aw_file_commit(&w->f);
}

static int
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

static int
make_world(struct world *w)
{
	memset(w, 0, sizeof *w);
	memset(w->buffer, 'w', sizeof w->buffer);
	make_file(in("x"), w->buffer, sizeof w->buffer);
	make_file(in("doomed"), "", 0);
	return aw_file_open(&w->f, in("x"), O_RDWR, 0);
}

static void
end_world(struct world *w)
{
	aw_file_freep(&w->f);
	aw_file_freep(&w->made);
	aw_dir_freep(&w->dir);
	free((void *)(uintptr_t)w->slurped.data);
}

/* --- While a thread is at it ------------------------------------------- */

struct attempt {
	const struct operation *operation;
	struct world *world;
	int result;
	bool ended;
};

static int
tries(void *arg)
{
	struct attempt *a = arg;

	a->result = a->operation->fn(a->world);
	a->ended = true;
	return 0;
}

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

		if (!op->gated)
			continue;
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

/* --- At any moment ----------------------------------------------------- */

static int
cancels_somewhen(void *arg)
{
	static struct world world;
	unsigned moment = *(unsigned *)arg;
	struct attempt a = { .world = &world };
	struct aw_task *task;
	unsigned i;

	a.operation = &operations[moment % AW_LENGTH(operations)];
	AW_TRY(make_world(&world));
	task = aw_spawn("tries", tries, &a);
	for (i = 0; i < moment / AW_LENGTH(operations); i++)
		AW_TRY(aw_yield());
	aw_cancel(task, "a test");
	AW_TRY(aw_join(task, NULL));
	WANT(a.result == 0 || a.result == AW_ECANCELED);
	WANT(a.operation->fn != does_spew || a.result == 0 ||
	     access(in("spewed"), F_OK) < 0);
	WANT(a.operation->fn != does_unlink ||
	     (a.result == 0) == (access(in("doomed"), F_OK) < 0));
	if (*noted)
		note("in %s at %u", a.operation->what, moment);
	end_world(&world);
	aw_ignore(remove(in("spewed")));
	aw_ignore(remove(in("copy")));
	WANT(count_in(folder) <= 3);
	return 0;
}

START_TEST(a_cancel_at_any_moment_leaves_nothing)
{
	unsigned moment;

	set_up();
	for (moment = 0; moment < 20 * AW_LENGTH(operations); moment++)
		run_files(cancels_somewhen, &moment);
}
END_TEST

/* An interrupted read loses nothing: the block is what the next one finds. */
static int
reads_on(void *arg)
{
	static struct world world;
	int64_t n = 0, got;
	char text[1000];
	unsigned i;

	(void)arg;
	AW_TRY(make_world(&world));
	for (i = 0; n < (int64_t)sizeof world.buffer; i++) {
		AW_SCOPE(scope);

		if (i % 3 == 0)
			aw_scope_cancel(scope_p, "a test");
		got = aw_file_read(world.f, text, sizeof text);
		WANT(got == AW_ECANCELED || (got > 0 && text[0] == 'w'));
		n += got > 0 ? got : 0;
		WANT(aw_file_tell(world.f) == n);
		if (*noted)
			break;
	}
	end_world(&world);
	return 0;
}

START_TEST(an_interrupted_read_loses_no_byte)
{
	set_up();
	run_files(reads_on, NULL);
}
END_TEST

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
	run_in_real_time(drops_while_reading,
			 (void *)(uintptr_t)&operations[1]);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, a_cancel_at_any_moment_leaves_nothing);
	tcase_add_test(tcase, an_interrupted_read_loses_no_byte);
}

int
main(void)
{
	Suite *suite = suite_create("file_cancel");
	TCase *gated = tcase_create("at the gate");

	tcase_add_checked_fixture(gated, use_threads, remove_folder);
	tcase_set_timeout(gated, 60);
	tcase_add_test(gated,
		       what_only_looks_is_left_and_what_changes_is_waited_for);
	tcase_add_test(gated, what_has_not_begun_is_taken_back);
	tcase_add_test(gated,
		       a_file_that_is_dropped_is_closed_by_the_last_who_reads);
	suite_add_tcase(suite, gated);
	add_twice(suite, add);
	return suite_run(suite);
}
