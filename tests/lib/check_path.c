/* SPDX-License-Identifier: MIT */
/*
 * lib/path.c, lib/dir*.c, aw_path_copy(): what is done with a name.
 *
 * unlinkat() and openat() of this program take the place of the C library's.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/statvfs.h>

#include <await/path.h>

#include "file_world.h"

static atomic_int unlink_fails;		/* errno, or 0 */
static atomic_bool replaces;		/* a folder by a link, when opened */
static char folder_path[300], moved_path[300];

int
unlinkat(int parent, const char *path, int flags)
{
	if (atomic_load(&unlink_fails)) {
		errno = atomic_load(&unlink_fails);
		return -1;
	}
	return (int)syscall(SYS_unlinkat, parent, path, flags);
}

int
openat(int parent, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (atomic_exchange(&replaces, false) &&
	    (rename(folder_path, moved_path) < 0 ||
	     symlink("victim", folder_path) < 0))
		return -1;
	return (int)syscall(SYS_openat, parent, path, flags, mode);
}

static int
looks(void *arg)
{
	char *text = NULL;
	struct statvfs vfs;
	struct stat st;

	(void)arg;
	make_file(in("x"), "abc", 3);
	WANT(symlink("x", in("link")) == 0);
	AW_TRY(aw_path_stat(in("link"), &st));
	WANT(S_ISREG(st.st_mode) && st.st_size == 3);
	AW_TRY(aw_path_lstat(in("link"), &st));
	WANT(S_ISLNK(st.st_mode));
	AW_TRY(aw_path_statvfs(folder, &vfs));
	WANT(vfs.f_bsize > 0);
	AW_TRY(aw_path_access(in("x"), R_OK));
	WANT(aw_path_access(in("none"), F_OK) == -ENOENT);
	WANT(aw_path_stat(in("none"), &st) == -ENOENT);
	WANT(strstr(aw_error_text(), "none"));
	WANT(aw_path_stat(NULL, &st) == -EINVAL);
	WANT(aw_path_stat(in("x/y"), &st) == -ENOTDIR);
	AW_TRY(aw_path_readlink(in("link"), &text));
	WANT(strcmp(text, "x") == 0);
	aw_freep(&text);
	WANT(aw_path_readlink(in("x"), &text) == -EINVAL && !text);
	AW_TRY(aw_path_realpath(in("../.././etc/.."), &text));
	WANT(strcmp(text, "/") == 0);
	aw_freep(&text);
	WANT(symlink("loop", in("loop")) == 0);
	WANT(aw_path_stat(in("loop"), &st) == -ELOOP);
	return 0;
}

START_TEST(looking_tells_what_there_is)
{
	run_files(looks, NULL);
}
END_TEST

static int
changes(void *arg)
{
	struct stat st;

	(void)arg;
	make_file(in("x"), "abc", 3);
	AW_TRY(aw_path_link(in("x"), in("y")));
	WANT(aw_path_link(in("x"), in("y")) == -EEXIST);
	AW_TRY(aw_path_symlink("y", in("s")));
	AW_TRY(aw_path_rename(in("x"), in("z")));
	WANT(aw_path_rename(in("x"), in("z")) == -ENOENT);
	WANT(aw_path_rename(in("x"), NULL) == -EINVAL);
	WANT(holds(in("s"), "abc", 3) && holds(in("z"), "abc", 3));
	AW_TRY(aw_path_unlink(in("s")));
	AW_TRY(aw_path_unlink(in("y")));
	AW_TRY(aw_path_unlink(in("z")));
	WANT(aw_path_unlink(in("z")) == -ENOENT);
	WANT(count_in(folder) == 0);
	AW_TRY(aw_path_mkdir(in("a"), .mode = 0700));
	WANT(aw_path_mkdir(in("a")) == -EEXIST);
	WANT(aw_path_mkdir(in("b/c/d")) == -ENOENT);
	AW_TRY(aw_path_mkdir(in("b/c//d/"), .parents = true));
	AW_TRY(aw_path_mkdir(in("b/c/d"), .parents = true));
	WANT(stat(in("b/c/d"), &st) == 0 && S_ISDIR(st.st_mode));
	make_file(in("b/x"), "", 0);
	WANT(aw_path_mkdir(in("b/x/y"), .parents = true) == -EEXIST);
	WANT(aw_path_rmdir(in("b")) == -ENOTEMPTY);
	AW_TRY(aw_path_rmdir(in("a")));
	WANT(symlink(folder, in("b/c/up")) == 0);
	AW_TRY(aw_path_remove(in("b")));
	WANT(aw_path_remove(in("b")) == -ENOENT);
	WANT(count_in(folder) == 0);
	return 0;
}

START_TEST(changing_changes_and_removing_stays_inside)
{
	run_files(changes, NULL);
}
END_TEST

/* rmdir() takes none of these, so what is in them must not go first. */
static int
removes_no_dots(void *arg)
{
	static const char *const names[] = { "a/.", "a/..", "a/./", "a/b/..//",
					     "." };
	size_t i;

	(void)arg;
	WANT(mkdir(in("a"), 0700) == 0 && mkdir(in("a/b"), 0700) == 0);
	make_file(in("a/x"), "x", 1);
	WANT(chdir(in("a")) == 0);
	for (i = 0; i < AW_LENGTH(names); i++)
		WANT(aw_path_remove(in(names[i])) == -EINVAL &&
		     strstr(aw_error_text(), names[i]));
	WANT(aw_path_remove(".") == -EINVAL && aw_path_remove("..") == -EINVAL);
	WANT(access(in("a/x"), F_OK) == 0 && access(in("a/b"), F_OK) == 0);
	WANT(aw_path_remove("") == -ENOENT);
	make_file(in("a/.x"), "", 0);
	make_file(in("a/..."), "", 0);
	AW_TRY(aw_path_remove(in("a/.x")));
	AW_TRY(aw_path_remove("..."));
	AW_TRY(aw_path_remove("x"));
	WANT(chdir("/") == 0);
	return aw_path_remove(in("a/"));
}

START_TEST(what_cannot_be_removed_is_not_emptied)
{
	run_files(removes_no_dots, NULL);
	ck_assert_int_eq(count_in(folder), 0);
}
END_TEST

/* As in a folder with the sticky bit, where the file is another's. */
static int
may_not(void *arg)
{
	(void)arg;
	make_file(in("x"), "x", 1);
	atomic_store(&unlink_fails, EPERM);
	WANT(aw_path_remove(in("x")) == -EPERM);
	atomic_store(&unlink_fails, EACCES);
	WANT(aw_path_remove(in("x")) == -EACCES);
	atomic_store(&unlink_fails, 0);
	return aw_path_remove(in("x"));
}

START_TEST(a_removal_that_is_not_permitted_says_so)
{
	run_files(may_not, NULL);
}
END_TEST

static int
is_led_astray(void *arg)
{
	int r;

	(void)arg;
	snprintf(folder_path, sizeof folder_path, "%s", in("d"));
	snprintf(moved_path, sizeof moved_path, "%s", in("moved"));
	WANT(mkdir(in("victim"), 0700) == 0 && mkdir(in("d"), 0700) == 0);
	make_file(in("victim/x"), "x", 1);
	make_file(in("d/y"), "y", 1);
	atomic_store(&replaces, true);
	r = aw_path_remove(in("d"));
	WANT(r == -ENOTDIR || r == -ELOOP);
	WANT(access(in("victim/x"), F_OK) == 0);
	WANT(access(in("moved/y"), F_OK) == 0);
	return 0;
}

START_TEST(a_link_that_takes_the_folders_place_leads_nowhere)
{
	run_files(is_led_astray, NULL);
}
END_TEST

static int
lists(void *arg)
{
	AW_AUTO(aw_dir, dir);
	struct aw_dir_entry entry;
	char file_name[16];
	int i, n = 0;

	(void)arg;
	for (i = 0; i < 200; i++) {
		snprintf(file_name, sizeof file_name, "f%03d", 199 - i);
		make_file(in(file_name), "", 0);
	}
	WANT(mkdir(in("sub"), 0700) == 0 && symlink("x", in("zlink")) == 0);
	AW_TRY(aw_dir_read(&dir, folder, AW_FOREVER));
	WANT(aw_dir_count(dir) == 202);
	while (aw_dir_next(dir, &entry) > 0) {
		snprintf(file_name, sizeof file_name, "f%03d", n++);
		if (n <= 200)
			WANT(strcmp(entry.name, file_name) == 0 &&
			     entry.inode != 0);
		else if (n == 201)
			WANT(strcmp(entry.name, "sub") == 0 &&
			     entry.type == AW_DIR_FOLDER);
		else
			WANT(entry.type == AW_DIR_LINK);
	}
	WANT(n == 202 && aw_dir_next(dir, &entry) == 0);
	aw_dir_freep(&dir);
	WANT(aw_dir_read(&dir, folder, 201) == AW_ELIMIT);
	WANT(strstr(aw_error_text(), folder) &&
	     strstr(aw_error_text(), "201 names, which max allows"));
	WANT(aw_dir_read(&dir, folder, 0) == -EINVAL);
	WANT(aw_dir_read(&dir, in("f000"), 10) == -ENOTDIR);
	WANT(aw_dir_read(&dir, in("none"), 10) == -ENOENT && !dir);
	AW_TRY(aw_dir_read(&dir, in("sub"), 1));
	WANT(aw_dir_next(dir, &entry) == 0);
	return 0;
}

START_TEST(a_list_is_sorted_and_has_a_limit)
{
	run_files(lists, NULL);
}
END_TEST

static int
copies(void *arg)
{
	static char text[300000];
	AW_AUTO(aw_file, f);
	struct stat st;

	(void)arg;
	memset(text, 'c', sizeof text);
	make_file(in("x"), text, sizeof text);
	WANT(chmod(in("x"), 0600) == 0);
	AW_TRY(aw_path_copy(in("x"), in("y")));
	WANT(holds(in("y"), text, sizeof text));
	WANT(stat(in("y"), &st) == 0 && (st.st_mode & 07777) == 0600);
	WANT(aw_path_copy(in("x"), in("y"), .exclusive = true) == -EEXIST);
	AW_TRY(aw_path_copy("/proc/self/status", in("y"), .no_sync = true));
	WANT(stat(in("y"), &st) == 0 && st.st_size > 100);
	WANT(aw_path_copy(folder, in("z")) == -EISDIR);
	WANT(aw_path_copy("/dev/null", in("z")) == -EINVAL);
	WANT(aw_path_copy(in("none"), in("z")) == -ENOENT);
	WANT(aw_path_copy(in("x"), NULL) == -EINVAL);
	AW_TRY(aw_file_open(&f, in("far"), O_RDWR | O_CREAT, 0600));
	AW_TRY(aw_file_pwrite(f, aw_text("far"), (int64_t)5 << 30));
	AW_TRY(aw_file_pwrite(f, aw_text("near"), 100000));
	AW_TRY(aw_file_truncate(f, ((int64_t)5 << 30) + 4096));
	AW_TRY(aw_file_close(&f));
	AW_TRY(aw_path_copy(in("far"), in("z")));
	WANT(stat(in("z"), &st) == 0 && st.st_blocks < 1000 &&
	     st.st_size == ((int64_t)5 << 30) + 4096);
	AW_TRY(aw_file_open(&f, in("z"), O_RDONLY, 0));
	WANT(aw_file_pread(f, text, 4, 100000) == 4 &&
	     memcmp(text, "near", 4) == 0);
	WANT(aw_file_pread(f, text, 3, (int64_t)5 << 30) == 3 &&
	     memcmp(text, "far", 3) == 0);
	WANT(count_in(folder) == 4);
	return aw_file_close(&f);
}

START_TEST(a_copy_is_the_same_and_keeps_its_holes)
{
	run_files(copies, NULL);
}
END_TEST

static int
makes_temporary(void *arg)
{
	AW_AUTO(aw_temp_folder, temp);
	AW_AUTO(aw_file, f);
	AW_AUTO(aw_file, g);
	char text[8], path[300];

	(void)arg;
	AW_TRY(aw_file_temp(&f, folder));
	WANT(count_in(folder) == 0 && strcmp(aw_file_path(f), "") == 0);
	AW_TRY(aw_file_write(f, aw_text("temp")));
	WANT(aw_file_seek(f, 0, SEEK_SET) == 0);
	WANT(aw_file_read(f, text, 8) == 4 && memcmp(text, "temp", 4) == 0);
	AW_TRY(aw_file_close(&f));
	AW_TRY(aw_file_temp(&f, folder, .named_file = true, .prefix = "a-",
			    .suffix = ".txt"));
	AW_TRY(aw_file_temp(&g, NULL, .named_file = true));
	snprintf(path, sizeof path, "%s", aw_file_path(f));
	WANT(strncmp(path, in("a-"), strlen(in("a-"))) == 0);
	WANT(strstr(path, ".txt") && access(path, F_OK) == 0);
	AW_TRY(aw_file_close(&f));
	WANT(access(path, F_OK) < 0);
	snprintf(path, sizeof path, "%s", aw_file_path(g));
	WANT(access(path, F_OK) == 0);
	WANT(aw_file_temp(&f, in("none"), .named_file = true) == -ENOENT);
	WANT(aw_file_temp(&f, in("none")) == -ENOENT);
	AW_TRY(aw_temp_folder_new(&temp, folder));
	snprintf(path, sizeof path, "%s/x", aw_temp_folder_path(temp));
	AW_TRY(aw_path_mkdir(path));
	AW_TRY(aw_temp_folder_remove(&temp));
	WANT(!temp && count_in(folder) == 0);
	WANT(aw_temp_folder_new(&temp, in("none")) == -ENOENT && !temp);
	AW_TRY(aw_temp_folder_new(&temp, folder));
	snprintf(path, sizeof path, "%s/x", aw_temp_folder_path(temp));
	return aw_path_mkdir(path);
}

START_TEST(what_is_temporary_goes_in_the_end)
{
	run_files(makes_temporary, NULL);
	ck_assert_int_eq(count_in(folder), 0);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, looking_tells_what_there_is);
	tcase_add_test(tcase, changing_changes_and_removing_stays_inside);
	tcase_add_test(tcase, what_cannot_be_removed_is_not_emptied);
	tcase_add_test(tcase, a_removal_that_is_not_permitted_says_so);
	tcase_add_test(tcase,
		       a_link_that_takes_the_folders_place_leads_nowhere);
	tcase_add_test(tcase, a_list_is_sorted_and_has_a_limit);
	tcase_add_test(tcase, a_copy_is_the_same_and_keeps_its_holes);
	tcase_add_test(tcase, what_is_temporary_goes_in_the_end);
}

int
main(void)
{
	Suite *suite = suite_create("path");

	add_twice(suite, add);
	return suite_run(suite);
}
