/* SPDX-License-Identifier: MIT */
/*
 * lib/process_signal.c: signals to groups, and what is left of a group when
 * its handle goes, by the kernel that there is and by one below 6.9: this
 * program has a syscall() of its own, which refuses what came with that.
 */
#include <dlfcn.h>
#include <sys/syscall.h>

#include "process_world.h"

static long (*real_syscall)(long number, ...);
static bool old_kernel;

/* Also called in a child that shares our memory. */
__attribute__((no_sanitize("address", "thread", "undefined"))) long
syscall(long number, ...)
{
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (old_kernel && number == SYS_pidfd_send_signal && a[3] != 0) {
		errno = EINVAL;
		return -1;
	}
	return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void
setup(void)
{
	*(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
	old_kernel = false;
}

/* --- A group ----------------------------------------------------------- */

/* The grandchild does not listen to SIGTERM, the leader does. */
#define BOTH "sh -c 'trap \"\" TERM; echo ready; exec sleep 1000' & "

struct family {
	const char *script;
	bool ends;			/* the leader, by itself */
	bool session;
	bool closes;			/* or is it aborted */
	double grace;
};

/* Every member has the pipe; it ends with the last of them. One that lives on
 * is noted, and ended by us. */
static void
await_last(int fd, pid_t group)
{
	AW_TIMEOUT(30);

	if (aw_wait_fd(fd, AW_FD_READ) > 0) {
		note("all gone");
		return;
	}
	note("one is left");
	kill(-group, SIGKILL);
}

static int
leave(struct family *f, struct aw_process *p)
{
	int status;

	AW_TRY(await_ready(p));
	if (f->ends) {
		AW_TRY(aw_process_wait(p, &status));
		note("%d %s", status, name(aw_process_signal(p, 0)));
	}
	if (!f->closes) {
		aw_process_abort(&p);
		return 0;
	}
	/* One that is never killed is a failure, and no long wait. */
	AW_TIMEOUT(30);
	return aw_process_close(&p);
}

static int
family(void *arg)
{
	struct family *f = arg;
	struct aw_process *p;
	int ends[2];
	pid_t group;

	AW_TRY(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	AW_TRY(aw_process_start(&p, AW_ARGV("sh", "-c", f->script),
				.fds = &ends[1], .n_fds = 1, .out = AW_PIPE,
				.new_group = !f->session,
				.new_session = f->session, .grace = f->grace));
	close(ends[1]);
	group = aw_process_pid(p);
	AW_TRY(leave(f, p));
	await_last(ends[0], group);
	close(ends[0]);
	return 0;
}

static void
meet(struct family f, const char *wanted)
{
	ck_assert_int_eq(run_world(family, &f), 0);
	ck_assert_str_eq(noted, wanted);
}

/* First the leader ends when it is asked, then it is killed. */
static void
meet_families(bool session)
{
	struct family f = { .script = BOTH "wait", .session = session,
			    .grace = 600 };

	meet(f, "all gone; ");
	f.closes = true;
	meet(f, "all gone; ");
	f.script = "trap '' TERM; " BOTH "wait";
	f.grace = 0.05;
	meet(f, "all gone; ");
}

START_TEST(who_does_not_listen_is_killed_when_the_leader_has_ended)
{
	meet_families(false);
	old_kernel = true;
	meet_families(false);
}
END_TEST

START_TEST(a_session_is_a_group_too)
{
	meet_families(true);
}
END_TEST

static void
meet_orphans(void)
{
	struct family f = { .script = BOTH "exit 3", .ends = true };

	meet(f, "3 ok; all gone; ");
	f.closes = true;
	meet(f, "3 ok; all gone; ");
}

START_TEST(a_group_outlives_its_leader_until_the_handle_goes)
{
	meet_orphans();
	old_kernel = true;
	meet_orphans();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process_group");
	TCase *tcase = tcase_create("process_group");

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase,
		       who_does_not_listen_is_killed_when_the_leader_has_ended);
	tcase_add_test(tcase, a_session_is_a_group_too);
	tcase_add_test(tcase,
		       a_group_outlives_its_leader_until_the_handle_goes);
	return suite_run(suite);
}
