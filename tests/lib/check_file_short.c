/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes that do a part of what was asked, or are interrupted by a
 * signal, as the system may: nothing is lost, doubled or taken for the end.
 */
#include <stdatomic.h>
#include <sys/syscall.h>

#include "file_world.h"

static atomic_uint n_calls;

/* How much of n bytes this call does; 0: it is interrupted. */
static size_t
part(size_t n)
{
	unsigned i = atomic_fetch_add(&n_calls, 1);

	if (i % 5 == 0)
		return 0;
	n = i % 3 == 0 ? n / 2 : i % 7 == 0 ? 1 : n;
	return n ? n : 1;
}

#define SHORT(name, number, parameters, size, ...) \
	ssize_t \
	name parameters \
	{ \
		size_t few = fd > 2 && size > 0 ? part(size) : size; \
		if (few == 0 && size > 0) { \
			errno = EINTR; \
			return -1; \
		} \
		return syscall(number, fd, __VA_ARGS__); \
	}

SHORT(pread, SYS_pread64, (int fd, void *to, size_t n, off_t at), n, to, few,
      at)
SHORT(pwrite, SYS_pwrite64, (int fd, const void *from, size_t n, off_t at), n,
      from, few, at)
SHORT(write, SYS_write, (int fd, const void *from, size_t n), n, from, few)

static char text[700000];

static int
writes_and_reads(void *arg)
{
	AW_AUTO(aw_file, f);
	static char again[sizeof text];
	struct aw_bytes line;
	int64_t n = 0;
	size_t i;
	int r;

	(void)arg;
	for (i = 0; i < sizeof text; i++)
		text[i] = i % 101 == 100 ? '\n' : (char)('a' + i % 23);
	AW_TRY(aw_file_create(&f, in("x"), .buffer = 10000));
	AW_TRY(aw_file_write(f, aw_bytes(text, 300000)));
	AW_TRY(aw_file_close(&f));
	AW_TRY(aw_file_open(&f, in("x"), O_RDWR, 0));
	AW_TRY(aw_file_pwrite(f, aw_bytes(text + 300000, 400000), 300000));
	WANT(aw_file_pread(f, again, 400000, 100) == 400000);
	WANT(memcmp(again, text + 100, 400000) == 0);
	WANT(aw_file_read(f, again, 1000) == 1000);
	while ((r = aw_file_line(f, &line)) > 0) {
		if (memcmp(line.data, text + 1000 + n, line.size) != 0)
			break;
		n += (int64_t)line.size + 1;
	}
	WANT(r == 0 && n == (int64_t)sizeof text - 1000 + 1);
	AW_TRY(aw_file_close(&f));
	AW_TRY(aw_file_spew(in("y"), aw_bytes(text, sizeof text)));
	return 0;
}

START_TEST(parts_make_a_whole)
{
	run_files(writes_and_reads, NULL);
	ck_assert(holds(in("x"), text, sizeof text));
	ck_assert(holds(in("y"), text, sizeof text));
	ck_assert(atomic_load(&n_calls) > 1);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, parts_make_a_whole);
}

int
main(void)
{
	Suite *suite = suite_create("file_short");

	add_twice(suite, add);
	return suite_run(suite);
}
