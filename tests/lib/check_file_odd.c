/* SPDX-License-Identifier: MIT */
/*
 * lib/file*.c: files that are no plain files, calls that make no sense, and
 * loops that end.
 */
#include "file_private.h"
#include "file_world.h"

/* --- Odd files --------------------------------------------------------- */

static int
is_truncated(void *arg)
{
	static char text[1 << 20];
	AW_AUTO(aw_file, f);
	struct aw_bytes bytes;
	int64_t got = 0;
	int r;

	(void)arg;
	memset(text, 'x', sizeof text);
	make_file(in("x"), text, sizeof text);
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	WANT(aw_file_chunk(f, &bytes) == 1);
	got = (int64_t)bytes.size;
	WANT(truncate(in("x"), 100) == 0);
	while ((r = aw_file_chunk(f, &bytes)) > 0)
		got += (int64_t)bytes.size;
	WANT(r == 0 && got <= (int64_t)sizeof text);
	return aw_file_close(&f);
}

START_TEST(a_file_truncated_while_it_is_read_just_ends)
{
	run_files(is_truncated, NULL);
}
END_TEST

#define FAR ((int64_t)4 << 30)

static int
goes_far(void *arg)
{
	AW_AUTO(aw_file, f);
	struct stat st;
	char text[8];

	(void)arg;
	AW_TRY(aw_file_open(&f, in("x"), O_RDWR | O_CREAT, 0600));
	WANT(aw_file_seek(f, FAR + 5, SEEK_SET) == FAR + 5);
	AW_TRY(aw_file_write(f, aw_text("far")));
	AW_TRY(aw_file_flush(f));
	WANT(aw_file_pread(f, text, 8, FAR + 4) == 4);
	WANT(memcmp(text, "\0far", 4) == 0);
	WANT(aw_file_seek(f, 0, SEEK_END) == FAR + 8);
	WANT(aw_file_seek(f, 0, SEEK_DATA) > 0);
	WANT(aw_file_seek(f, FAR, SEEK_SET) == FAR);
	WANT(aw_file_read(f, text, 8) == 8);
	WANT(memcmp(text, "\0\0\0\0\0far", 8) == 0);
	AW_TRY(aw_file_stat(f, &st));
	WANT(st.st_size == FAR + 8 && st.st_blocks < 1000);
	return aw_file_close(&f);
}

START_TEST(places_beyond_4_gib_are_places)
{
	run_files(goes_far, NULL);
}
END_TEST

static int
reads_odd_files(void *arg)
{
	AW_AUTO(aw_file, f);
	struct aw_bytes bytes = { 0 };
	char text[100];

	(void)arg;
	WANT(aw_file_open(&f, folder, O_RDONLY, 0) == -EISDIR);
	WANT(aw_file_open(&f, in("none"), O_RDONLY, 0) == -ENOENT);
	WANT(strstr(aw_error_text(), "opening") && strstr(aw_error_text(),
							  "none"));
	AW_TRY(aw_file_open(&f, "/proc/self/status", O_RDONLY, 0));
	WANT(aw_file_line(f, &bytes) == 1);
	WANT(bytes.size > 5 && memcmp(bytes.data, "Name:", 5) == 0);
	AW_TRY(aw_file_close(&f));
	AW_TRY(aw_file_open(&f, "/dev/null", O_RDWR, 0));
	WANT(aw_file_read(f, text, 100) == 0);
	AW_TRY(aw_file_write(f, aw_text("x")));
	AW_TRY(aw_file_close(&f));
	AW_TRY(aw_file_open(&f, "/dev/zero", O_RDONLY, 0));
	WANT(aw_file_read(f, text, 100) == 100 && text[99] == 0);
	AW_TRY(aw_file_close(&f));
	AW_TRY(aw_file_open(&f, "/dev/full", O_WRONLY, 0));
	AW_TRY(aw_file_write(f, aw_text("x")));
	WANT(aw_file_flush(f) == -ENOSPC);
	WANT(aw_file_write(f, aw_text("x")) == -ENOSPC);
	WANT(aw_file_close(&f) == -ENOSPC && !f);
	return 0;
}

START_TEST(odd_files_are_told_apart)
{
	run_files(reads_odd_files, NULL);
}
END_TEST

/* --- Streams ----------------------------------------------------------- */

static int
writes_fifo(void *arg)
{
	static char text[200000];
	AW_AUTO(aw_file, f);
	int r;

	(void)arg;
	memset(text, 'x', sizeof text);
	r = aw_file_open(&f, in("fifo"), O_WRONLY, 0);
	WANT(r == 0);
	if (r < 0)
		return r;
	AW_TRY(aw_file_write(f, aw_text("first\n")));
	AW_TRY(aw_file_flush(f));
	AW_TRY(aw_file_write(f, aw_bytes(text, sizeof text)));
	return aw_file_close(&f);
}

static int
uses_fifo(void *arg)
{
	AW_AUTO(aw_file, f);
	struct aw_bytes bytes = { 0 };
	int64_t got = 0;
	int r;

	(void)arg;
	WANT(mkfifo(in("fifo"), 0600) == 0);
	WANT(aw_file_open(&f, in("fifo"), O_WRONLY | O_NONBLOCK, 0) ==
	     -ENXIO);
	AW_TRY(aw_file_open(&f, in("fifo"), O_RDONLY, 0));
	{
		AW_TIMEOUT(0.01);
		WANT(aw_file_line(f, &bytes) == AW_ETIME);
	}
	{
		AW_GROUP(group);

		AW_TRY(aw_go(&group, writes_fifo, NULL));
		WANT(aw_file_line(f, &bytes) == 1 && bytes.size == 5);
		WANT(aw_file_seek(f, 0, SEEK_SET) == -ESPIPE);
		WANT(aw_file_pread(f, &got, 1, 0) == -ESPIPE);
		while ((r = aw_file_chunk(f, &bytes)) > 0)
			got += (int64_t)bytes.size;
		WANT(r == 0 && got == 200000);
		AW_TRY(aw_group_wait(&group));
	}
	return aw_file_close(&f);
}

START_TEST(a_fifo_is_waited_for_and_holds_no_thread)
{
	run_in_real_time(uses_fifo, NULL);
}
END_TEST

/* Each of them waits for a reader, and more of them than there are helper
 * threads: other files are opened meanwhile. */
#define WRITERS 8

static char fifo[100];

static int
opens_for_writing(void *arg)
{
	AW_AUTO(aw_file, f);

	AW_TRY(aw_file_open(&f, fifo, O_WRONLY, 0));
	*(int *)arg = 1;
	AW_TRY(aw_file_write(f, aw_text("late\n")));
	return aw_file_close(&f);
}

static int
writes_without_reader(void *arg)
{
	AW_AUTO(aw_file, f);
	int opened = 0;

	(void)arg;
	snprintf(fifo, sizeof fifo, "%s", in("fifo"));
	WANT(mkfifo(fifo, 0600) == 0);
	for (int i = 0; i < 2; i++) {
		AW_GROUP(group);

		for (int k = 0; k < WRITERS; k++)
			AW_TRY(aw_go(&group, opens_for_writing, &opened));
		AW_TRY(aw_sleep(0.02));
		AW_TRY(aw_file_spew(in("other"), aw_text("x")));
		WANT(opened == 0);
		if (i == 0)
			aw_group_stop(&group);
		else
			AW_TRY(aw_file_open(&f, fifo, O_RDONLY, 0));
		WANT(aw_group_wait(&group) == 0);
		WANT(opened == i);
	}
	return aw_file_close(&f);
}

START_TEST(who_writes_to_a_fifo_waits_for_a_reader_and_holds_no_thread)
{
	run_in_real_time(writes_without_reader, NULL);
}
END_TEST

static int
gives_up(void *arg)
{
	AW_AUTO(aw_file, f);

	(void)arg;
	WANT(mkfifo(in("fifo"), 0600) == 0);
	{
		AW_TIMEOUT(0.01);
		WANT(aw_file_open(&f, in("fifo"), O_WRONLY, 0) == AW_ETIME);
	}
	{
		AW_BUDGET(0.01);
		WANT(aw_file_create(&f, in("fifo")) == AW_ETIMEDOUT);
	}
	{
		AW_SCOPE(scope);

		aw_scope_cancel(scope_p, "test");
		WANT(aw_file_open(&f, in("fifo"), O_WRONLY, 0) ==
		     AW_ECANCELED);
	}
	WANT(!f);
	return aw_path_unlink(in("fifo"));
}

START_TEST(a_deadline_or_a_cancel_ends_the_wait_for_a_reader)
{
	run_in_real_time(gives_up, NULL);
}
END_TEST

static int
duplicates(void *arg)
{
	AW_AUTO(aw_file, f);
	struct aw_bytes line;
	int ends[2];

	(void)arg;
	WANT(pipe2(ends, O_CLOEXEC) == 0);
	AW_TRY(aw_file_dup(&f, ends[1]));
	AW_TRY(aw_file_printf(f, "through a pipe\n"));
	AW_TRY(aw_file_close(&f));
	close(ends[1]);
	AW_TRY(aw_file_dup(&f, ends[0]));
	WANT((fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
	WANT((fcntl(aw_file_fd(f), F_GETFD) & FD_CLOEXEC) != 0);
	WANT(aw_file_line(f, &line) == 1 && line.size == 14);
	WANT(aw_file_line(f, &line) == 0);
	WANT(aw_file_close(&f) == 0);
	close(ends[0]);
	WANT(aw_file_dup(&f, -1) == -EBADF);
	WANT(aw_file_dup(&f, 100000) == -EBADF);
	return 0;
}

START_TEST(a_duplicate_leaves_the_descriptor_as_it_was)
{
	run_files(duplicates, NULL);
}
END_TEST

/* --- Misuse ------------------------------------------------------------ */

static int
reads_a_block(void *arg)
{
	char byte;
	int64_t r = aw_file_read(arg, &byte, 1);

	WANT(r == -EBUSY);
	return 0;
}

static int
misuses(void *arg)
{
	AW_AUTO(aw_file, f);
	char text[4];

	(void)arg;
	WANT(aw_file_open(&f, NULL, O_RDONLY, 0) == -EINVAL);
	make_file(in("x"), "abc", 3);
	AW_TRY(aw_file_open(&f, in("x"), O_RDONLY, 0));
	WANT(aw_file_pread(f, text, 1, -1) == -EINVAL);
	WANT(aw_file_pwrite(f, aw_text("x"), 0) == -EBADF);
	WANT(aw_file_truncate(f, 0) == -EINVAL);
	WANT(aw_file_read(f, text, 0) == 0);
	{
		AW_GROUP(group);

		f->busy = true;
		AW_TRY(aw_go(&group, reads_a_block, f));
		AW_TRY(aw_group_wait(&group));
		WANT(aw_file_close(&f) == -EBUSY && f);
		f->busy = false;
	}
	AW_TRY(aw_file_write(f, aw_text("x")));
	WANT(aw_file_flush(f) == -EBADF);
	WANT(aw_file_close(&f) == -EBADF && !f);
	return 0;
}

START_TEST(misuse_is_refused)
{
	struct aw_file *f = NULL;

	run_files(misuses, NULL);
	ck_assert_int_eq(aw_file_open(&f, "/dev/null", O_RDONLY, 0),
			 AW_EUSAGE);
	aw_file_freep(&f);
}
END_TEST

/* --- The end of a loop ------------------------------------------------- */

static struct aw_file *left;

static int
leaves_a_file(void *arg)
{
	struct aw_bytes bytes;

	(void)arg;
	make_file(in("x"), "abc", 3);
	AW_TRY(aw_file_open(&left, in("x"), O_RDONLY, 0));
	WANT(aw_file_chunk(left, &bytes) == 1);
	return 0;
}

static int
finds_it_closed(void *arg)
{
	struct aw_bytes bytes;

	(void)arg;
	WANT(aw_file_chunk(left, &bytes) == AW_ECLOSED);
	WANT(aw_file_fd(left) == -1);
	return 0;
}

START_TEST(a_file_that_outlives_its_loop_is_closed)
{
	run_files(leaves_a_file, NULL);
	run_files(finds_it_closed, NULL);
	aw_file_freep(&left);
	ck_assert_ptr_null(left);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, a_file_truncated_while_it_is_read_just_ends);
	tcase_add_test(tcase, places_beyond_4_gib_are_places);
	tcase_add_test(tcase, odd_files_are_told_apart);
	tcase_add_test(tcase, a_fifo_is_waited_for_and_holds_no_thread);
	tcase_add_test(
	    tcase, who_writes_to_a_fifo_waits_for_a_reader_and_holds_no_thread);
	tcase_add_test(tcase,
		       a_deadline_or_a_cancel_ends_the_wait_for_a_reader);
	tcase_add_test(tcase, a_duplicate_leaves_the_descriptor_as_it_was);
	tcase_add_test(tcase, misuse_is_refused);
	tcase_add_test(tcase, a_file_that_outlives_its_loop_is_closed);
}

int
main(void)
{
	Suite *suite = suite_create("file_odd");

	add_twice(suite, add);
	return suite_run(suite);
}
