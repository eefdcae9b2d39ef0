/* SPDX-License-Identifier: MIT */
/* lib/process*.c: what a program is started with, and how its end is told. */
#include <sys/stat.h>

#include "process_world.h"

/* What a shell prints, and its status. */
static void
note_shell(const char *script, const struct aw_process_options *options)
{
	AW_AUTO(aw_output, o);
	int r = aw_process_run_with(&o, AW_ARGV("sh", "-c", script), options);

	if (r < 0)
		note("%s", name(r));
	else
		note("%d %.*s", o->status, AW_ARG(o->out));
}

#define shell(script, ...) \
	note_shell((script), &(struct aw_process_options){ \
		.size = sizeof(struct aw_process_options), __VA_ARGS__ })

/* --- Its end ----------------------------------------------------------- */

static int
statuses(void *arg)
{
	const char *scripts[] = { "exit 0", "exit 1", "exit 255",
				  "kill -KILL $$", "kill -TERM $$" };

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(scripts); i++) {
		AW_AUTO(aw_process, p);

		AW_TRY(aw_process_start(&p, AW_ARGV("sh", "-c", scripts[i])));
		note_status(p);
		note_status(p);
	}
	return 0;
}

START_TEST(exit_codes_and_signals_are_told_as_often_as_asked)
{
	ck_assert_int_eq(run_world(statuses, NULL), 0);
	ck_assert_str_eq(noted, "ok 0; ok 0; ok 1; ok 1; ok 255; ok 255; "
			 "ok -9; ok -9; ok -15; ok -15; ");
}
END_TEST

static int
several_waiters(void *arg)
{
	AW_AUTO(aw_process, p);
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_process_start(&p, AW_ARGV("sh", "-c", "read x; exit $x"),
				.in = AW_PIPE));
	for (int i = 0; i < 3; i++)
		AW_TRY(aw_go(&group, note_status, p));
	let_others_run();
	AW_TRY(aw_stream_write(aw_process_in(p), aw_text("42\n")));
	return aw_group_wait(&group);
}

START_TEST(every_task_that_waits_is_told)
{
	ck_assert_int_eq(run_world(several_waiters, NULL), 0);
	ck_assert_str_eq(noted, "ok 42; ok 42; ok 42; ");
}
END_TEST

static int
waits_in_vain(void *arg)
{
	AW_AUTO(aw_process, p);
	struct aw_task *task;

	(void)arg;
	AW_TRY(aw_process_start(&p, FOREVER));
	{
		AW_TIMEOUT(0.01);
		note_status(p);
	}
	task = aw_spawn("waiter", note_status, p);
	let_others_run();
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, NULL));
	note("%s", name(aw_process_signal(p, 0)));
	AW_TRY(aw_process_signal(p, SIGKILL));
	note_status(p);
	note("%s", name(aw_process_signal(p, 0)));
	return 0;
}

START_TEST(a_wait_that_is_cut_short_ends_nothing)
{
	ck_assert_int_eq(run_world(waits_in_vain, NULL), 0);
	ck_assert_str_eq(noted, "ETIME 0; ECANCELED 0; ok; ok -9; ESRCH; ");
}
END_TEST

/* --- What it has ------------------------------------------------------- */

static int
surroundings(void *arg)
{
	const char *const env[] = { "X=1", "PATH=/usr/bin:/bin", NULL };

	(void)arg;
	shell("env | sort | grep -v -e ^_ -e ^PWD -e ^SHLVL -e ^OLDPWD",
	      .env = env);
	shell("pwd", .cwd = "/usr/bin");
	setenv("AWAIT_TEST_X", "inherited", 1);
	shell("echo $AWAIT_TEST_X");
	shell("ps -o pgid= -p $$ | grep -qw $$ && echo leads",
	      .new_group = true);
	shell("ps -o sid= -p $$ | grep -qw $$ && echo leads",
	      .new_session = true);
	shell("umask", .umask = 0127);
	shell("umask", .umask = AW_NONE);
	return 0;
}

START_TEST(environment_folder_group_and_umask_are_as_asked)
{
	ck_assert_int_eq(run_world(surroundings, NULL), 0);
	ck_assert_str_eq(noted, "0 PATH=/usr/bin:/bin\nX=1\n; 0 /usr/bin\n; "
			 "0 inherited\n; 0 leads\n; 0 leads\n; 0 0127\n; "
			 "0 0000\n; ");
}
END_TEST

/* The descriptors of the shell, not of what it runs. */
#define LIST "for f in /proc/$$/fd/*; do [ -e $f ] && printf '%s ' " \
	     "${f##*/}; done; true"

static int sent;			/* a number that comes last in LIST */

static int
descriptors(void *arg)
{
	int left_open = open("/dev/null", O_RDONLY), file[2];
	char script[64];

	(void)arg;
	AW_TRY(pipe2(file, O_CLOEXEC));
	sent = fcntl(file[0], F_DUPFD_CLOEXEC, 300);
	shell(LIST);
	shell(LIST, .fds = &sent, .n_fds = 1);
	dprintf(file[1], "through\n");
	snprintf(script, sizeof script, "read x </proc/$$/fd/%d; echo $x",
		 sent);
	shell(script, .fds = &sent, .n_fds = 1);
	note("%d %d", fcntl(sent, F_GETFD), fcntl(left_open, F_GETFD));
	close(left_open);
	close(sent);
	close(file[0]);
	close(file[1]);
	return 0;
}

START_TEST(nothing_but_what_was_named_is_open_in_the_child)
{
	char wanted[64];

	ck_assert_int_eq(run_world(descriptors, NULL), 0);
	snprintf(wanted, sizeof wanted,
		 "0 0 1 2 ; 0 0 1 2 %d ; 0 through\n; 1 0; ", sent);
	ck_assert_str_eq(noted, wanted);
}
END_TEST

static int
stdio(void *arg)
{
	AW_AUTO(aw_output, both);
	FILE *file = tmpfile();
	char line[64] = "";

	(void)arg;
	fputs("from a file\n", file);
	rewind(file);
	shell("cat", .in = fileno(file));
	AW_TRY(aw_process_run(&both, AW_ARGV("sh", "-c", "echo a; echo b >&2; "
					     "echo c"), .err = AW_STDOUT));
	note("%.*s%d", AW_ARG(both->out), both->err.data == NULL);
	shell("cat; echo end", .out = AW_PIPE, .err = AW_NONE);
	shell("echo to the file >&2", .err = fileno(file));
	rewind(file);
	while (fgets(line, sizeof line, file))
		note("%s", line);
	fclose(file);
	return 0;
}

START_TEST(the_standard_descriptors_lead_where_they_should)
{
	ck_assert_int_eq(run_world(stdio, NULL), 0);
	ck_assert_str_eq(noted, "0 from a file\n; a\nb\nc\n1; 0 end\n; 0 ; "
			 "from a file\n; to the file\n; ");
}
END_TEST

static int
closed_ones(void *arg)
{
	int kept[3];

	(void)arg;
	for (int i = 0; i < 3; i++) {
		kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		close(i);
	}
	/* The pipes are 0, 1 and 2 now. */
	shell("cat; readlink /proc/$$/fd/2 >&1", .input = aw_text("hi\n"),
	      .err = AW_NONE);
	shell("readlink /proc/$$/fd/2", .err = 2);
	for (int i = 0; i < 3; i++) {
		dup2(kept[i], i);
		close(kept[i]);
	}
	return 0;
}

START_TEST(a_program_without_standard_descriptors_starts_others)
{
	ck_assert_int_eq(run_world(closed_ones, NULL), 0);
	ck_assert_str_eq(noted, "0 hi\n/dev/null\n; 0 /dev/null\n; ");
}
END_TEST

static int
swapped(void *arg)
{
	AW_AUTO(aw_process, p);
	struct aw_bytes line;
	int out[2], kept[2], r;

	(void)arg;
	AW_TRY(pipe2(out, O_CLOEXEC));
	for (int i = 0; i < 2; i++) {
		kept[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 10);
		dup2(out[1], i + 1);
	}
	dup2(kept[1], 2);
	/* Ours at 1 becomes its 2, ours at 2 its 1. */
	r = aw_process_start(&p, AW_ARGV("sh", "-c", "echo crossed >&2"),
			     .out = 2, .err = 1);
	for (int i = 0; i < 2; i++) {
		dup2(kept[i], i + 1);
		close(kept[i]);
	}
	close(out[1]);
	AW_TRY(r);
	{
		AW_AUTO(aw_stream, s);

		AW_TRY(aw_stream_from_fd(&s, out[0]));
		AW_TRY(aw_stream_line(s, &line));
		note("%.*s", AW_ARG(line));
	}
	note_status(p);
	return 0;
}

START_TEST(descriptors_can_change_places)
{
	ck_assert_int_eq(run_world(swapped, NULL), 0);
	ck_assert_str_eq(noted, "crossed; ok 0; ");
}
END_TEST

static int
signals(void *arg)
{
	sigset_t some;

	(void)arg;
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&some);
	sigaddset(&some, SIGALRM);
	sigprocmask(SIG_BLOCK, &some, NULL);
	AW_AUTO(aw_output, o);

	AW_TRY(aw_process_run(&o, AW_ARGV("sed", "-n", "/^Sig[BIC]/p",
					  "/proc/self/status")));
	note("%.*s", AW_ARG(o->out));
	return 0;
}

START_TEST(signals_are_at_their_default_in_the_child)
{
	ck_assert_int_eq(run_world(signals, NULL), 0);
	ck_assert_str_eq(noted, "SigBlk:\t0000000000000000\n"
			 "SigIgn:\t0000000000000000\n"
			 "SigCgt:\t0000000000000000\n; ");
}
END_TEST

/* --- Programs that cannot be started ----------------------------------- */

static int
no_program(void *arg)
{
	char path[] = "/tmp/await-check-XXXXXX";
	AW_AUTO(aw_process, p);

	(void)arg;
	close(mkstemp(path));
	note("%s", name(aw_process_start(&p, AW_ARGV(path))));
	note("%d", strstr(aw_error()->message, path) != NULL);
	chmod(path, 0700);
	note("%s", name(aw_process_start(&p, AW_ARGV(path))));
	unlink(path);
	return 0;
}

static int
missing(void *arg)
{
	struct aw_process_options options = { .size = sizeof options };
	const char *path[] = { "PATH=/nowhere::/etc", NULL };

	(void)arg;
	note_start(AW_ARGV("await-no-such-program"), NULL);
	note_start(AW_ARGV("/await/no/such/program"), NULL);
	note_start(AW_ARGV("/tmp"), NULL);
	note_start(AW_ARGV(""), NULL);
	note_start(AW_ARGV(NULL), NULL);
	options.cwd = "/await-no-such-folder";
	note_start(AW_ARGV("true"), &options);
	options.cwd = NULL;
	options.env = path;
	note_start(AW_ARGV("true"), &options);
	return 0;
}

START_TEST(a_program_that_cannot_be_started_is_named)
{
	ck_assert_int_eq(run_world(missing, NULL), 0);
	ck_assert_str_eq(noted,
		"ENOENT: starting await-no-such-program: No such file or "
		"directory; "
		"ENOENT: starting /await/no/such/program: No such file or "
		"directory; "
		"EACCES: starting /tmp: Permission denied; "
		"ENOENT: starting : No such file or directory; "
		"EINVAL: aw_process_start: no program; "
		"ENOENT: starting true: its folder: No such file or "
		"directory; "
		"ENOENT: starting true: No such file or directory; ");
}
END_TEST

START_TEST(a_file_that_is_no_program_is_not_run)
{
	ck_assert_int_eq(run_world(no_program, NULL), 0);
	ck_assert_str_eq(noted, "EACCES; 1; ENOEXEC; ");
}
END_TEST

static int
bad_options(void *arg)
{
	int low = 2, closed = 999;
	struct aw_process_options bad[] = {
		{ .in = -7 }, { .in = AW_STDOUT }, { .out = closed },
		{ .grace = -2 }, { .max = -1 }, { .n_fds = 1 },
		{ .n_fds = 1, .fds = &low }, { .n_fds = 1, .fds = &closed },
		{ .grace = NAN }, { .umask = 01000 }, { .umask = -2 },
		{ .out = AW_PIPE, .limit = -1 },
	};

	(void)arg;
	for (size_t i = 0; i < AW_LENGTH(bad); i++) {
		AW_AUTO(aw_process, p);

		bad[i].size = sizeof bad[i];
		note("%s", name(aw_process_start_with(&p, AW_ARGV("true"),
						      &bad[i])));
	}
	return 0;
}

START_TEST(options_that_make_no_sense_are_refused)
{
	ck_assert_int_eq(run_world(bad_options, NULL), 0);
	ck_assert_str_eq(noted, "EINVAL; EINVAL; EBADF; EINVAL; EINVAL; "
			 "EINVAL; EINVAL; EBADF; EINVAL; EINVAL; EINVAL; "
			 "EINVAL; ");
}
END_TEST

START_TEST(outside_a_task_nothing_starts)
{
	struct aw_process *p = NULL;

	ck_assert_int_eq(aw_process_start(&p, AW_ARGV("true")), AW_EUSAGE);
	ck_assert_ptr_null(p);
	aw_process_abort(&p);
	ck_assert_int_eq(aw_process_close(&p), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process");
	TCase *tcase = tcase_create("process");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase,
		       exit_codes_and_signals_are_told_as_often_as_asked);
	tcase_add_test(tcase, every_task_that_waits_is_told);
	tcase_add_test(tcase, a_wait_that_is_cut_short_ends_nothing);
	tcase_add_test(tcase, environment_folder_group_and_umask_are_as_asked);
	tcase_add_test(tcase, nothing_but_what_was_named_is_open_in_the_child);
	tcase_add_test(tcase, the_standard_descriptors_lead_where_they_should);
	tcase_add_test(tcase,
	    a_program_without_standard_descriptors_starts_others);
	tcase_add_test(tcase, descriptors_can_change_places);
	tcase_add_test(tcase, signals_are_at_their_default_in_the_child);
	tcase_add_test(tcase, a_program_that_cannot_be_started_is_named);
	tcase_add_test(tcase, a_file_that_is_no_program_is_not_run);
	tcase_add_test(tcase, options_that_make_no_sense_are_refused);
	tcase_add_test(tcase, outside_a_task_nothing_starts);
	return suite_run(suite);
}
