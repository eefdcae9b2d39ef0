/* SPDX-License-Identifier: MIT */
/*
 * lib/file*.c: what is written is what is read, wherever blocks end.
 */
#include <sys/uio.h>

#include "file_world.h"
#include "mem.h"

/* --- Positions --------------------------------------------------------- */

static int
writes_and_reads(void *arg)
{
	char a[8], b[8], all[32];
	struct iovec parts[] = { { a, 3 }, { b, 4 } };
	struct aw_bytes pieces[] = { aw_text("ab"), aw_text(""),
				     aw_text("cde") };
	AW_AUTO(aw_file, f);
	struct stat st;

	(void)arg;
	AW_TRY(aw_file_open(&f, in("x"), O_RDWR | O_CREAT | O_EXCL, 0600));
	AW_TRY(aw_file_write(f, aw_text("0123456789")));
	AW_TRY(aw_file_printf(f, "%s-%d", "n", 42));
	AW_TRY(aw_file_writev(f, pieces, 3));
	WANT(aw_file_tell(f) == 19);
	WANT(aw_file_seek(f, 2, SEEK_SET) == 2);
	WANT(aw_file_readv(f, parts, 2) == 7);
	WANT(memcmp(a, "234", 3) == 0 && memcmp(b, "5678", 4) == 0);
	WANT(aw_file_tell(f) == 9);
	AW_TRY(aw_file_write(f, aw_text("!!")));
	WANT(aw_file_read(f, all, sizeof all) == 8);
	WANT(memcmp(all, "-42abcde", 8) == 0);
	WANT(aw_file_read(f, all, sizeof all) == 0);
	AW_TRY(aw_file_pwrite(f, aw_text("PQ"), 1));
	WANT(aw_file_pread(f, all, 4, 0) == 4);
	WANT(memcmp(all, "0PQ3", 4) == 0);
	WANT(aw_file_pread(f, all, 4, 17) == 2);
	WANT(aw_file_seek(f, -4, SEEK_END) == 15);
	WANT(aw_file_seek(f, -1, SEEK_CUR) == 14);
	WANT(aw_file_seek(f, -15, SEEK_CUR) == -EINVAL);
	AW_TRY(aw_file_truncate(f, 12));
	AW_TRY(aw_file_sync(f));
	AW_TRY(aw_file_datasync(f));
	AW_TRY(aw_file_stat(f, &st));
	WANT(st.st_size == 12);
	WANT(strcmp(aw_file_path(f), in("x")) == 0);
	AW_TRY(aw_file_close(&f));
	WANT(!f && holds(in("x"), "0PQ345678!!-", 12));
	return 0;
}

START_TEST(what_is_written_is_read_back)
{
	run_files(writes_and_reads, NULL);
}
END_TEST

static int
appends(void *arg)
{
	AW_AUTO(aw_file, f);
	char all[16];

	(void)arg;
	make_file(in("x"), "abc", 3);
	AW_TRY(aw_file_open(&f, in("x"), O_RDWR | O_APPEND, 0));
	WANT(aw_file_tell(f) == 3);
	AW_TRY(aw_file_write(f, aw_text("def")));
	WANT(aw_file_tell(f) == 6);
	WANT(aw_file_pwrite(f, aw_text("x"), 0) == -EINVAL);
	WANT(aw_file_seek(f, 0, SEEK_SET) == 0);
	WANT(aw_file_read(f, all, 2) == 2);
	AW_TRY(aw_file_write(f, aw_text("ghi")));
	AW_TRY(aw_file_close(&f));
	WANT(holds(in("x"), "abcdefghi", 9));
	return 0;
}

START_TEST(what_is_appended_goes_to_the_end)
{
	run_files(appends, NULL);
}
END_TEST

static int
writes_much(void *arg)
{
	AW_AUTO(aw_file, f);
	static char big[300001];
	size_t i, n = sizeof big;

	(void)arg;
	for (i = 0; i < n; i++)
		big[i] = (char)(i * 7 + i / 251);
	AW_TRY(aw_file_create(&f, in("x"), .buffer = 4096));
	for (i = 0; i < 1000; i++)
		AW_TRY(aw_file_write(f, aw_bytes(big + i * 100, 100)));
	AW_TRY(aw_file_write(f, aw_bytes(big + 100000, n - 100000)));
	WANT(aw_file_tell(f) == (int64_t)n);
	AW_TRY(aw_file_flush(f));
	WANT(holds(in("x"), big, n));
	AW_TRY(aw_file_close(&f));
	WANT(aw_file_create(&f, in("x"), .buffer = 511) == -EINVAL);
	WANT(aw_file_create(&f, in("x"), .exclusive = true) == -EEXIST);
	WANT(!f && holds(in("x"), big, n));
	return 0;
}

START_TEST(many_writes_arrive_in_order)
{
	run_files(writes_much, NULL);
}
END_TEST

/* --- Lines ------------------------------------------------------------- */

static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* The length of a line: mostly short, some longer than a block. */
static size_t
length(uint32_t *state)
{
	uint32_t x = next_random(state);

	if (x % 97 == 0)
		return x % 600000;
	if (x % 13 == 0)
		return x % 20000;
	return x % 150;
}

#define LINES 1500

static void
make_lines(const char *path, bool newline_at_end)
{
	FILE *file = fopen(path, "we");
	uint32_t state = 88172645;
	int i;

	for (i = 0; file && i < LINES; i++) {
		size_t n = length(&state), k;

		for (k = 0; k < n; k++)
			fputc('a' + (int)((k + (size_t)i) % 26), file);
		if (i + 1 < LINES || newline_at_end)
			fputc('\n', file);
	}
	if (file)
		fclose(file);
}

static bool
is_line(struct aw_bytes line, int i, size_t n)
{
	const char *text = line.data;
	size_t k;

	if (line.size != n)
		return false;
	for (k = 0; k < n; k++)
		if (text[k] != 'a' + (int)((k + (size_t)i) % 26))
			return false;
	return true;
}

static int
reads_lines(void *arg)
{
	AW_AUTO(aw_file, f);
	uint32_t state = 88172645;
	struct aw_bytes line;
	int i, r;

	make_lines(in("x"), arg != NULL);
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	for (i = 0; (r = aw_file_line(f, &line)) > 0; i++)
		if (!is_line(line, i, length(&state))) {
			note("line %d is wrong", i);
			return 0;
		}
	WANT(r == 0 && i == LINES);
	WANT(aw_file_line(f, &line) == 0);
	return aw_file_close(&f);
}

START_TEST(lines_are_in_one_piece_wherever_blocks_end)
{
	run_files(reads_lines, NULL);
	run_files(reads_lines, "");
}
END_TEST

static int
meets_the_limit(void *arg)
{
	static char text[200000];
	AW_AUTO(aw_file, f);
	struct aw_bytes bytes = { 0 };
	int64_t got = 0;
	int r;

	(void)arg;
	memset(text, 'x', sizeof text);
	memcpy(text, "1\n", 2);
	memcpy(text + sizeof text - 3, "\n2\n", 3);
	make_file(in("x"), text, sizeof text);
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	AW_TRY(aw_file_line_max(f, 1000));
	WANT(aw_file_line(f, &bytes) == 1 && bytes.size == 1);
	WANT(aw_file_line(f, &bytes) == AW_ELIMIT);
	WANT(strstr(aw_error_text(), "byte 2 "));
	WANT(aw_file_line(f, &bytes) == AW_ELIMIT && aw_file_tell(f) == 2);
	while ((r = aw_file_chunk(f, &bytes)) > 0)
		got += (int64_t)bytes.size;
	WANT(r == 0 && got == (int64_t)sizeof text - 2);
	WANT(aw_file_seek(f, 2, SEEK_SET) == 2);
	WANT(aw_file_line_max(f, 0) == -EINVAL &&
	     aw_file_line_max(f, -1) == -EINVAL);
	AW_TRY(aw_file_line_max(f, AW_FOREVER));
	WANT(aw_file_line(f, &bytes) == 1);
	WANT(bytes.size == sizeof text - 5);
	WANT(aw_file_line(f, &bytes) == 1 && bytes.size == 1);
	WANT(aw_file_line(f, &bytes) == 0);
	return aw_file_close(&f);
}

START_TEST(a_line_beyond_the_limit_is_refused_and_stays)
{
	run_files(meets_the_limit, NULL);
}
END_TEST

static int
follows(void *arg)
{
	AW_AUTO(aw_file, out);
	AW_AUTO(aw_file, f);
	struct aw_bytes line;

	(void)arg;
	AW_TRY(aw_file_create(&out, in("x")));
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	WANT(aw_file_line(f, &line) == 0);
	AW_TRY(aw_file_printf(out, "one\ntwo\n"));
	AW_TRY(aw_file_flush(out));
	WANT(aw_file_line(f, &line) == 1 && memcmp(line.data, "one", 3) == 0);
	WANT(aw_file_line(f, &line) == 1 && memcmp(line.data, "two", 3) == 0);
	WANT(aw_file_line(f, &line) == 0);
	AW_TRY(aw_file_printf(out, "three\n"));
	AW_TRY(aw_file_flush(out));
	WANT(aw_file_line(f, &line) == 1 && line.size == 5);
	AW_TRY(aw_file_close(&f));
	return aw_file_close(&out);
}

START_TEST(a_file_that_grows_is_looked_at_again)
{
	run_files(follows, NULL);
}
END_TEST

/* --- Others ------------------------------------------------------------ */

#define LONG_LINES 65536
#define LONG_LINE 64

static bool others_ran;

static int
runs(void *arg)
{
	(void)arg;
	others_ran = true;
	return 0;
}

static int
make_long_file(void)
{
	static char text[LONG_LINE];
	AW_AUTO(aw_file, f);

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\n';
	AW_TRY(aw_file_create(&f, in("long")));
	for (int i = 0; i < LONG_LINES; i++)
		AW_TRY(aw_file_write(f, aw_bytes(text, sizeof text)));
	return aw_file_close(&f);
}

/* The test clock jumps when nothing is being read any more: then the next two
 * blocks are at hand, and more than one of them is read without a wait. */
static int
reads_at_hand(void *arg)
{
	struct aw_bytes line;
	AW_AUTO(aw_file, f);
	AW_GROUP(group);

	(void)arg;
	AW_TRY(make_long_file());
	AW_TRY(aw_file_open(&f, in("long"), O_RDONLY, 0));
	while (aw_file_tell(f) < AW_MIB(1))
		WANT(aw_file_line(f, &line) == 1);
	AW_TRY(aw_sleep(1));
	AW_TRY(aw_go(&group, runs, NULL));
	WANT(!others_ran);
	while (aw_file_tell(f) < AW_MIB(1) + AW_KIB(900))
		WANT(aw_file_line(f, &line) == 1);
	WANT(others_ran);
	AW_TRY(aw_group_wait(&group));
	return aw_file_close(&f);
}

START_TEST(others_run_after_a_block_that_was_at_hand)
{
	others_ran = false;
	run_files(reads_at_hand, NULL);
}
END_TEST

/* To the test clock no time passes: what counts is how often one asks. */
static int
reads_bytes(void *arg)
{
	char bytes[16];
	AW_AUTO(aw_file, f);
	AW_GROUP(group);
	int i;

	(void)arg;
	AW_TRY(make_long_file());
	AW_TRY(aw_file_open(&f, in("long"), O_RDONLY, 0));
	WANT(aw_file_read(f, bytes, sizeof bytes) == sizeof bytes);
	AW_TRY(aw_sleep(1));
	AW_TRY(aw_go(&group, runs, NULL));
	for (i = 0; i < 100; i++)
		WANT(aw_file_read(f, bytes, sizeof bytes) == sizeof bytes);
	WANT(!others_ran);
	for (i = 0; i < 100; i++)
		WANT(aw_file_read(f, bytes, sizeof bytes) == sizeof bytes);
	WANT(others_ran);
	AW_TRY(aw_group_wait(&group));
	return aw_file_close(&f);
}

START_TEST(bytes_of_a_block_are_one_operation_a_call)
{
	others_ran = false;
	run_files(reads_bytes, NULL);
}
END_TEST

static int
reads_much(void *arg)
{
	size_t size = AW_KIB(1000);
	char *bytes = malloc(size);
	AW_AUTO(aw_file, f);
	AW_GROUP(group);

	(void)arg;
	WANT(bytes);
	AW_TRY(make_long_file());
	AW_TRY(aw_file_open(&f, in("long"), O_RDONLY, 0));
	WANT(aw_file_read(f, bytes, size) == (int64_t)size);
	AW_TRY(aw_sleep(1));
	AW_TRY(aw_go(&group, runs, NULL));
	WANT(aw_file_read(f, bytes, size) == (int64_t)size);
	WANT(others_ran);
	free(bytes);
	AW_TRY(aw_group_wait(&group));
	return aw_file_close(&f);
}

START_TEST(others_run_between_the_blocks_of_one_call)
{
	others_ran = false;
	run_files(reads_much, NULL);
}
END_TEST

/* --- Memory ------------------------------------------------------------ */

static int n_large;

static void *
counts_large(void *ptr, size_t size)
{
	n_large += size > AW_KIB(500);
	return realloc(ptr, size);
}

static int
reads_all(void)
{
	struct aw_bytes line;
	AW_AUTO(aw_file, f);
	int r;

	AW_TRY(aw_file_open(&f, in("long"), O_RDONLY, 0));
	while ((r = aw_file_line(f, &line)) > 0)
		continue;
	return r < 0 ? r : aw_file_close(&f);
}

static int
reads_twice(void *arg)
{
	int n;

	(void)arg;
	AW_TRY(make_long_file());
	n_large = 0;
	AW_TRY(reads_all());
	n = n_large;
	AW_TRY(reads_all());
	/* What is still being read at the end of a file comes too late. */
	WANT(n >= 3);
	WANT(n_large - n < n);
	return 0;
}

START_TEST(the_next_file_has_the_memory_of_the_last)
{
	aw__mem_hook(counts_large);
	run_files(reads_twice, NULL);
	aw__mem_hook(NULL);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, what_is_written_is_read_back);
	tcase_add_test(tcase, what_is_appended_goes_to_the_end);
	tcase_add_test(tcase, many_writes_arrive_in_order);
	tcase_add_test(tcase, lines_are_in_one_piece_wherever_blocks_end);
	tcase_add_test(tcase, a_line_beyond_the_limit_is_refused_and_stays);
	tcase_add_test(tcase, a_file_that_grows_is_looked_at_again);
	tcase_add_test(tcase, others_run_after_a_block_that_was_at_hand);
	tcase_add_test(tcase, bytes_of_a_block_are_one_operation_a_call);
	tcase_add_test(tcase, others_run_between_the_blocks_of_one_call);
	tcase_add_test(tcase, the_next_file_has_the_memory_of_the_last);
}

int
main(void)
{
	Suite *suite = suite_create("file");

	add_twice(suite, add);
	return suite_run(suite);
}
