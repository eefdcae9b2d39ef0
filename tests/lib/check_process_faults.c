/* SPDX-License-Identifier: MIT */
/*
 * lib/process*.c when something is refused: descriptors, memory, processes,
 * system calls; and when the caller changes its mind in the middle of a start.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <await/driver.h>

#include "child.h"
#include "failmalloc.h"
#include "process_world.h"

/* --- Descriptors ------------------------------------------------------- */

static int
start_with_pipes(struct aw_process **ret)
{
	return aw_process_start(ret, AW_ARGV("true"), .in = AW_PIPE,
				.out = AW_PIPE, .err = AW_PIPE,
				.new_group = true);
}

/* Only as many as n numbers may be in use; then that is undone. */
static int
start_limited(rlim_t n, struct rlimit *usual)
{
	struct rlimit tight = { n, usual->rlim_max };
	struct aw_process *p = NULL;
	int before = n_descriptors(), r;

	setrlimit(RLIMIT_NOFILE, &tight);
	r = start_with_pipes(&p);
	setrlimit(RLIMIT_NOFILE, usual);
	aw_process_abort(&p);
	if (r < 0 && n_descriptors() != before)
		note("leak at %d", (int)n);
	return r;
}

static int
few_descriptors(void *arg)
{
	struct rlimit usual;
	rlim_t n;
	int r, refused = 0;

	(void)arg;
	getrlimit(RLIMIT_NOFILE, &usual);
	for (n = 3; n < 100; n++) {
		r = start_limited(n, &usual);
		if (r == 0)
			break;
		refused += r == -EMFILE;
		if (r != -EMFILE)
			note("%s at %d", name(r), (int)n);
	}
	note("%d", refused == (int)n - 3 && refused > 8);
	return r;
}

START_TEST(every_descriptor_that_is_missing_is_told)
{
	ck_assert_int_eq(run_world(few_descriptors, NULL), 0);
	ck_assert_str_eq(noted, "1; ");
}
END_TEST

/* --- Memory ------------------------------------------------------------ */

static int
all_of_it(void)
{
	AW_AUTO(aw_output, o);
	AW_AUTO(aw_process, p);

	AW_TRY(start_with_pipes(&p));
	AW_TRY(aw_process_communicate(p, &o, aw_text("x")));
	return aw_process_close(&p);
}

static int
no_memory(void *arg)
{
	unsigned long n;
	int r, wrong = 0;

	(void)arg;
	AW_TRY(all_of_it());
	for (n = 0; n < 200; n++) {
		fail_from(n);
		r = all_of_it();
		if (!fail_stop())
			break;
		wrong += r != -ENOMEM;
		if (r != -ENOMEM)
			note("%s at %lu", name(r), n);
	}
	note("%d %d %d", r, wrong, n > 8 && n < 200);
	return 0;
}

START_TEST(without_memory_nothing_is_left_behind)
{
	ck_assert_int_eq(run_world(no_memory, NULL), 0);
	ck_assert_str_eq(noted, "0 0 1; ");
}
END_TEST

static int
sleeps(void *arg)
{
	(void)arg;
	return aw_sleep(AW_FOREVER);
}

/* Former tasks are used again, so no task is left to be had. */
static int
no_reaper(void *arg)
{
	struct aw_process *p = NULL;
	struct aw_task *filler;

	(void)arg;
	AW_TRY(start_ready(&p, STUBBORN, 600));
	fail_from(0);
	while ((filler = aw_spawn("filler", sleeps, NULL)) != NULL)
		aw_task_release(filler);
	aw_process_abort(&p);
	note("%d", fail_stop());
	while (!no_children())
		AW_TRY(aw_sleep(0.001));
	return 0;
}

START_TEST(without_memory_for_a_reaper_it_is_killed_and_reaped)
{
	ck_assert_int_eq(run_world(no_reaper, NULL), 0);
	ck_assert_str_eq(noted, "1; ");
}
END_TEST

/* --- System calls that a filter refuses -------------------------------- */

/* A call whose first argument has all the bits of mask fails with error. */
static bool
refuse(int call, unsigned mask, unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mask, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { AW_LENGTH(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#define NO_FILTERS 77

static int
start_filtered(void *arg)
{
	struct aw_process *p = NULL;
	int r = start_with_pipes(&p);

	(void)arg;
	fprintf(stderr, "%s: %s\n", name(r), r < 0 ? aw_error()->message : "");
	return 0;
}

static int
filtered(int call, unsigned mask, unsigned error)
{
	if (!refuse(call, mask, error))
		return NO_FILTERS;
	if (aw_run(start_filtered, NULL, .no_signals = true) < 0)
		return 1;
	return no_children() ? 0 : 2;
}

static int
no_pidfd_open(void)
{
	return filtered(SYS_pidfd_open, 0, EPERM);
}

static int
no_pidfd_send_signal(void)
{
	return filtered(SYS_pidfd_send_signal, 0, ENOSYS);
}

static int
no_close_range(void)
{
	return filtered(SYS_close_range, 0, ENOSYS);
}

static int
no_processes(void)
{
	return filtered(SYS_clone, CLONE_PIDFD, EAGAIN);
}

START_TEST(a_kernel_without_pidfds_is_told)
{
	int status = in_child(false, no_pidfd_open);

	if (ended(status, NO_FILTERS))
		return;
	ck_assert(ended(status, 0));
	ck_assert_said("ENOSYS: starting true: the kernel, or a filter on "
		       "system calls, has no pidfd");
	ck_assert(ended(in_child(false, no_pidfd_send_signal), 0));
	ck_assert_said("ENOSYS: starting true: the kernel, or a filter");
}
END_TEST

START_TEST(descriptors_that_cannot_be_sealed_are_told)
{
	int status = in_child(false, no_close_range);

	if (ended(status, NO_FILTERS))
		return;
	ck_assert(ended(status, 0));
	ck_assert_said("ENOSYS: starting true: closing its other descriptors");
}
END_TEST

START_TEST(a_process_too_many_is_told)
{
	int status = in_child(false, no_processes);

	if (ended(status, NO_FILTERS))
		return;
	ck_assert(ended(status, 0));
	ck_assert_said("EAGAIN: starting true: a new process: Resource "
		       "temporarily unavailable");
}
END_TEST

/* --- Changing one's mind ----------------------------------------------- */

static void
block(void *memory)
{
	char byte;

	aw_ignore(read(*(int *)memory, &byte, 1) < 0);
}

/* As many as the class has threads. */
static int
occupy(int fd, struct aw_job *jobs[2])
{
	static const struct aw_job_type type = { .size = sizeof fd,
						 .run = block };

	AW_TRY(aw_job_start(&jobs[0], AW_JOBS_PROCESSES, &type, &fd));
	return aw_job_start(&jobs[1], AW_JOBS_PROCESSES, &type, &fd);
}

static int
start_task(void *arg)
{
	AW_AUTO(aw_process, p);
	int r = start_with_pipes(&p);

	(void)arg;
	note("%s", name(r));
	return 0;
}

static int
queued(void *arg)
{
	struct aw_job *jobs[2];
	struct aw_task *task;
	int ends[2];

	(void)arg;
	AW_TRY(pipe2(ends, O_CLOEXEC));
	AW_TRY(occupy(ends[0], jobs));
	task = aw_spawn("starter", start_task, NULL);
	let_others_run();
	aw_cancel(task, "test");
	AW_TRY(aw_join(task, NULL));
	{
		AW_TIMEOUT(0.01);
		start_task(NULL);
	}
	note("%d", no_children());
	close(ends[1]);
	for (int i = 0; i < 2; i++) {
		AW_TRY(aw_job_wait(jobs[i], "a thread", NULL));
		aw_job_free(jobs[i]);
	}
	close(ends[0]);
	start_task(NULL);
	return 0;
}

START_TEST(a_start_that_is_still_queued_is_taken_back)
{
	ck_assert_int_eq(run_world(queued, NULL), 0);
	ck_assert_str_eq(noted, "ECANCELED; ETIME; 1; ok; ");
}
END_TEST

static int n_wrong;

/* Whatever the moment: it runs and is ended, or it never was. */
static int
start_any(void *arg)
{
	AW_AUTO(aw_process, p);
	int r = aw_process_start(&p, AW_ARGV("true"), .out = AW_PIPE);

	(void)arg;
	n_wrong += r == 0 ? !p : r != -ECANCELED || p;
	return 0;
}

static int
any_moment(void *arg)
{
	(void)arg;
	n_wrong = 0;
	for (int i = 0; i < 100; i++) {
		struct aw_task *task = aw_spawn("starter", start_any, NULL);

		AW_TRY(aw_sleep(i * 20e-6));
		aw_cancel(task, "test");
		AW_TRY(aw_join(task, NULL));
	}
	note("%d", n_wrong);
	return 0;
}

START_TEST(a_cancel_at_any_moment_of_a_start_leaves_nothing)
{
	ck_assert_int_eq(run_world(any_moment, NULL), 0);
	ck_assert_str_eq(noted, "0; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process_faults");
	TCase *tcase = tcase_create("process_faults");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, every_descriptor_that_is_missing_is_told);
	tcase_add_test(tcase, without_memory_nothing_is_left_behind);
	tcase_add_test(tcase,
		       without_memory_for_a_reaper_it_is_killed_and_reaped);
	tcase_add_test(tcase, a_start_that_is_still_queued_is_taken_back);
	tcase_add_test(tcase, a_cancel_at_any_moment_of_a_start_leaves_nothing);
	if (suite_forks()) {
		tcase_add_test(tcase,
			       a_kernel_without_pidfds_is_told);
		tcase_add_test(tcase,
			       descriptors_that_cannot_be_sealed_are_told);
		tcase_add_test(tcase, a_process_too_many_is_told);
	}
	return suite_run(suite);
}
