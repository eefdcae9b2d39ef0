/* SPDX-License-Identifier: MIT */
/*
 * Files in the wrong hands: of another thread's loop, and of nobody.
 */
#include <pthread.h>

#include <await/path.h>

#include "file_world.h"

static struct aw_file *ours;		/* of the main thread's loop */
static bool drops;			/* what the other thread does with it */

static int
is_refused(int64_t r)
{
	if (r == AW_EUSAGE && strstr(aw_error_text(), "another thread"))
		return 0;
	note("%lld: %s", (long long)r, aw_error_text());
	return -1;
}

static int
uses_a_foreign_file(void *arg)
{
	struct aw_bytes bytes;
	struct stat st;
	char buffer[4];

	(void)arg;
	if (drops) {
		aw_file_freep(&ours);
		WANT(!ours);
		return 0;
	}
	AW_TRY(is_refused(aw_file_read(ours, buffer, 4)));
	AW_TRY(is_refused(aw_file_pread(ours, buffer, 4, 0)));
	AW_TRY(is_refused(aw_file_line(ours, &bytes)));
	AW_TRY(is_refused(aw_file_chunk(ours, &bytes)));
	AW_TRY(is_refused(aw_file_seek(ours, 0, SEEK_END)));
	AW_TRY(is_refused(aw_file_write(ours, aw_text("x"))));
	AW_TRY(is_refused(aw_file_pwrite(ours, aw_text("x"), 0)));
	AW_TRY(is_refused(aw_file_flush(ours)));
	AW_TRY(is_refused(aw_file_sync(ours)));
	AW_TRY(is_refused(aw_file_stat(ours, &st)));
	AW_TRY(is_refused(aw_file_truncate(ours, 0)));
	return 0;
}

static int
closes_a_foreign_file(void *arg)
{
	(void)arg;
	AW_TRY(is_refused(aw_file_close(&ours)));
	WANT(!ours);
	return 0;
}

static void *
other_thread(void *arg)
{
	int (**fn)(void *unused) = arg;

	if (aw_run(*fn, NULL, .no_signals = true) < 0)
		note("the other loop failed");
	return NULL;
}

static void
in_another_thread(int (*fn)(void *arg))
{
	pthread_t thread;

	WANT(pthread_create(&thread, NULL, other_thread, &fn) == 0);
	pthread_join(thread, NULL);
}

static int
lends_a_file(void *arg)
{
	struct aw_bytes line;
	char buffer[4];
	int fd;

	(void)arg;
	make_file(in("x"), "12345\n678\n9\n", 12);
	AW_TRY(aw_file_open(&ours, in("x"), O_RDWR, 0));
	WANT(aw_file_read(ours, buffer, 4) == 4);	/* more is at hand */
	drops = false;
	in_another_thread(uses_a_foreign_file);
	WANT(aw_file_line(ours, &line) == 1 && line.size == 1);
	WANT(holds(in("x"), "12345\n678\n9\n", 12));
	drops = true;
	fd = aw_file_fd(ours);
	in_another_thread(uses_a_foreign_file);
	usleep(20000);			/* nobody but this loop lets it go */
	WANT(fcntl(fd, F_GETFD) >= 0);
	AW_TRY(aw_file_open(&ours, in("x"), O_RDWR, 0));
	in_another_thread(closes_a_foreign_file);
	return 0;
}

START_TEST(a_file_of_another_threads_loop_is_refused)
{
	run_files(lends_a_file, NULL);
}
END_TEST

static int
ends_nothing(void *arg)
{
	struct aw_temp_folder *temp = NULL;
	struct aw_file *f = NULL;

	(void)arg;
	WANT(aw_file_close(&f) == 0 && !f);
	WANT(aw_file_commit(&f) == 0 && !f);
	WANT(aw_temp_folder_remove(&temp) == 0 && !temp);
	AW_TRY(aw_temp_folder_new(&temp, folder));
	AW_TRY(aw_temp_folder_remove(&temp));
	WANT(aw_temp_folder_remove(&temp) == 0);
	WANT(count_in(folder) == 0);
	return 0;
}

START_TEST(what_is_closed_already_is_closed)
{
	run_files(ends_nothing, NULL);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, a_file_of_another_threads_loop_is_refused);
	tcase_add_test(tcase, what_is_closed_already_is_closed);
}

int
main(void)
{
	Suite *suite = suite_create("file_misuse");

	add_twice(suite, add);
	return suite_run(suite);
}
