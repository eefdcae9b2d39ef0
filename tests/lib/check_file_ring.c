/* SPDX-License-Identifier: MIT */
/*
 * lib/uring.c: a ring that is refused, from the begin or later, for a while or
 * for good; what is given to it; AWAIT_FILE_BACKEND.
 *
 * The kernel's answers are put in the library's way: a filter of system calls,
 * and io_uring_submit() of this program in the place of liburing's.
 */
#include <dlfcn.h>

#include <await/path.h>

#include "file_world.h"
#include "forbid.h"

#ifdef HAVE_LIBURING
#include <liburing.h>

#define RING 1

static int answer;			/* of io_uring_submit(); 0: its own */
static unsigned n_good;			/* submissions before that answer */
static unsigned n_refused;		/* submissions that got it */
static unsigned n_large, n_inline;	/* entries, and those among them ... */

/* What may block, or raise a signal, is for the kernel's workers. */
static void
look_at(const struct io_uring_sqe *sqe)
{
	bool large = sqe->opcode == IORING_OP_WRITE ||
		     (sqe->opcode == IORING_OP_READ && sqe->len > 16384);

	n_large += large;
	n_inline += large && !(sqe->flags & IOSQE_ASYNC);
}

int
io_uring_submit(struct io_uring *ring)
{
	static __typeof__(&io_uring_submit) real;
	unsigned i;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "io_uring_submit");
	for (i = io_uring_sq_ready(ring); i > 0; i--)
		look_at(&ring->sq.sqes[(ring->sq.sqe_tail - i) & 127]);
	if (answer && n_good == 0) {
		n_refused++;
		return answer;
	}
	n_good -= answer != 0;
	return real(ring);
}
#else
#define RING 0

static int answer;
static unsigned n_good, n_refused, n_large, n_inline;
#endif

static bool
has_ring(void)
{
	return RING && ring_refusal() == 0;
}

static void
refuse(int r, unsigned after)
{
	answer = r;
	n_good = after;
	n_refused = 0;
}

/* --- Work for a ring --------------------------------------------------- */

static char text[3 << 20];

static int
reads_a_place(void *arg)
{
	struct aw_file *f = arg;
	char bytes[3000];

	WANT(aw_file_pread(f, bytes, sizeof bytes, 5000) == sizeof bytes);
	WANT(memcmp(bytes, text + 5000, sizeof bytes) == 0);
	return 0;
}

/* What is dropped while the kernel has it, or should get it. */
static int
gives_up(void *arg)
{
	AW_AUTO(aw_file, f);
	AW_SCOPE(scope);
	struct aw_bytes bytes;

	(void)arg;
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	AW_TRY(aw_file_chunk(f, &bytes));
	aw_scope_cancel(scope_p, "a test");
	WANT(aw_file_seek(f, 0, SEEK_END) == AW_ECANCELED);
	return 0;
}

static int
works(void *arg)
{
	AW_AUTO(aw_file, f);
	AW_GROUP(group);
	struct aw_bytes bytes;
	size_t n = 0;
	int i, r;

	(void)arg;
	AW_TRY(aw_file_open(&f, in("x"), O_RDWR | O_CREAT | O_TRUNC, 0600));
	AW_TRY(aw_file_write(f, aw_bytes(text, sizeof text)));
	AW_TRY(aw_file_sync(f));
	WANT(aw_file_seek(f, 0, SEEK_SET) == 0);
	for (i = 0; i < 200; i++)
		AW_TRY(aw_go(&group, reads_a_place, f));
	AW_TRY(aw_go(&group, gives_up, NULL));
	while ((r = aw_file_chunk(f, &bytes)) > 0) {
		WANT(memcmp(bytes.data, text + n, bytes.size) == 0);
		n += bytes.size;
	}
	WANT(r == 0 && n == sizeof text);
	AW_TRY(aw_group_wait(&group));
	AW_TRY(aw_file_pwrite(f, aw_text("x"), 7));
	AW_TRY(aw_file_datasync(f));
	return aw_file_close(&f);
}

static int
works_and_counts(void *arg)
{
	AW_TRY(works(NULL));
	return aw_metrics(arg);
}

static void
fill_text(void)
{
	size_t i;

	for (i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 23);
}

/* --- Refused for good -------------------------------------------------- */

static void
assert_refused(const struct aw_metrics *m, int code)
{
	if (!RING)
		ck_assert_uint_eq(m->ring_refused, 0);
	else if (ring_refusal())
		ck_assert_uint_eq(m->ring_refused, (unsigned)ring_refusal());
	else
		ck_assert_uint_eq(m->ring_refused, (unsigned)code);
}

START_TEST(a_ring_that_may_not_be_entered_is_told_and_threads_do_it)
{
	struct aw_metrics m = { 0 };

	fill_text();
	ck_assert(forbid(SYS_io_uring_enter));
	run_files(works_and_counts, &m);
	ck_assert_uint_eq(m.ring_done, 0);
	assert_refused(&m, EPERM);
}
END_TEST

static int
is_forbidden_later(void *arg)
{
	struct aw_metrics *m = arg;
	AW_AUTO(aw_file, f);
	struct aw_bytes bytes;
	uint64_t done;
	size_t n = 0;

	AW_TRY(works_and_counts(m));
	done = m->ring_done;
	WANT((done > 0) == has_ring());
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	while (n < sizeof text / 2 && aw_file_chunk(f, &bytes) > 0)
		n += bytes.size;
	WANT(forbid(SYS_io_uring_enter));
	while (n < sizeof text && aw_file_chunk(f, &bytes) > 0)
		n += bytes.size;
	WANT(n == sizeof text);
	AW_TRY(works_and_counts(m));
	WANT(m->ring_done <= done + n / 16384 + 4);
	return 0;
}

START_TEST(a_ring_that_is_forbidden_later_is_told_and_threads_do_it)
{
	struct aw_metrics m = { 0 };

	fill_text();
	run_files(is_forbidden_later, &m);
	assert_refused(&m, EPERM);
}
END_TEST

/* The first submission, the second, ... */
START_TEST(a_ring_that_fails_at_any_moment_loses_nothing)
{
	struct aw_metrics m;
	unsigned moment, n_failed = 0;

	fill_text();
	for (moment = 0; moment < 40; moment++) {
		m = (struct aw_metrics){ 0 };
		refuse(-ENOMEM, moment);
		run_files(works_and_counts, &m);
		n_failed += n_refused > 0;
		ck_assert_uint_le(n_refused, 1);
		if (n_refused > 0)
			assert_refused(&m, ENOMEM);
		else
			assert_refused(&m, 0);
	}
	refuse(0, 0);
	ck_assert_int_eq(n_failed > 0, has_ring());
}
END_TEST

/* --- Refused for a while ----------------------------------------------- */

static int
sleeps_and_permits(void *arg)
{
	bool ring = has_ring();

	(void)arg;
	while (ring && n_refused < 3)
		AW_TRY(aw_sleep(0.001));
	refuse(0, 0);
	return 0;
}

static int busy_code;

static int
waits_for_memory(void *arg)
{
	AW_GROUP(group);

	AW_TRY(works(NULL));
	refuse(busy_code, 0);
	AW_TRY(aw_go(&group, sleeps_and_permits, NULL));
	AW_TRY(works(NULL));
	AW_TRY(aw_group_wait(&group));
	return aw_metrics(arg);
}

/* As long as the kernel takes nothing, others run: one of them ends it. */
START_TEST(a_ring_that_is_busy_is_asked_again_and_others_run_meanwhile)
{
	static const int codes[] = { -EAGAIN, -EBUSY };
	size_t i;

	fill_text();
	for (i = 0; i < AW_LENGTH(codes); i++) {
		struct aw_metrics m = { 0 };

		busy_code = codes[i];
		run_in_real_time(waits_for_memory, &m);
		assert_refused(&m, 0);
		ck_assert((m.ring_done > 0) == has_ring());
	}
}
END_TEST

/* --- What it is given -------------------------------------------------- */

START_TEST(the_loop_copies_little_and_writes_nothing)
{
	n_large = n_inline = 0;
	fill_text();
	run_files(works, NULL);
	ck_assert((n_large > 0) == has_ring());
	ck_assert_uint_eq(n_inline, 0);
}
END_TEST

/* --- Who chooses ------------------------------------------------------- */

static int
is_told(void *arg)
{
	AW_AUTO(aw_file, f);
	struct aw_bytes bytes = { 0 };
	struct stat st;

	(void)arg;
	WANT(aw_file_open(&f, in("x"), O_RDONLY, 0) == -EINVAL && !f);
	WANT(strstr(aw_error_text(), "AWAIT_FILE_BACKEND=thread:"));
	WANT(strstr(aw_error_text(), "\"uring\""));
	WANT(strstr(aw_error_text(), "\"threads\""));
	WANT(aw_file_slurp(&bytes, in("x")) == -EINVAL);
	WANT(aw_file_spew(in("y"), aw_text("y")) == -EINVAL);
	WANT(aw_path_stat(in("x"), &st) == -EINVAL);
	WANT(access(in("y"), F_OK) < 0);
	return 0;
}

START_TEST(a_backend_that_is_none_is_refused)
{
	struct aw_metrics m = { 0 };

	setenv("AWAIT_FILE_BACKEND", "thread", 1);
	run_files(is_told, NULL);
	setenv("AWAIT_FILE_BACKEND", "", 1);
	run_files(counts_a_read, &m);
	assert_refused(&m, 0);
	unsetenv("AWAIT_FILE_BACKEND");
	run_files(counts_a_read, &m);
	assert_refused(&m, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("file_ring");
	TCase *ring = tcase_create("the ring");

	tcase_add_checked_fixture(ring, use_ring, remove_folder);
	tcase_set_timeout(ring, 300);
	tcase_add_test(ring, the_backend_is_the_one_that_was_asked_for);
	tcase_add_test(ring, the_loop_copies_little_and_writes_nothing);
	tcase_add_test(ring, a_backend_that_is_none_is_refused);
	tcase_add_test(ring, a_ring_that_fails_at_any_moment_loses_nothing);
	tcase_add_test(ring,
		a_ring_that_is_busy_is_asked_again_and_others_run_meanwhile);
	if (suite_forks()) {
		tcase_add_test(ring,
		    a_ring_that_may_not_be_entered_is_told_and_threads_do_it);
		tcase_add_test(ring,
		    a_ring_that_is_forbidden_later_is_told_and_threads_do_it);
	}
	suite_add_tcase(suite, ring);
	return suite_run(suite);
}
