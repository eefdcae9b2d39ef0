/* SPDX-License-Identifier: MIT */
/*
 * lib/process_user.c: whose a child is. As root a program may choose; as an
 * ordinary user it may not, which is tried in a process that has given root
 * up. Where the tests do not run as root the first half is left out.
 */
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <await/process.h>

#include "child.h"
#include "process_world.h"

#define NOBODY "nobody"			/* of every system */
#define UNKNOWN "54321"			/* in no database */

/* What "id" says, or the error, is noted. */
#define id_of(...) \
	id_with(&(struct aw_process_options){ \
		.size = sizeof(struct aw_process_options), __VA_ARGS__ })

/* Real, effective and saved numbers, then the supplementary groups. */
#define IDS "sed -n 's/^[UG]id:[^0-9]*\\([0-9]*\\)\t\\([0-9]*\\)\t" \
	    "\\([0-9]*\\)\t.*/\\1 \\2 \\3,/p;s/^Groups:.//p' " \
	    "/proc/self/status | xargs"

static void
id_with(const struct aw_process_options *options)
{
	AW_AUTO(aw_output, o);
	int r = aw_process_run_with(&o, AW_ARGV("sh", "-c", IDS), options);

	if (r < 0)
		note("%s: %s", name(r), aw_error()->message);
	else
		note("%.*s", (int)o->out.size - 1, (const char *)o->out.data);
}

static const char *const two_groups[] = { "1", "54321", NULL };
static const char *const no_groups[] = { NULL };
static const char *const bad_groups[] = { "1", "no-such", NULL };

/* --- As root ----------------------------------------------------------- */

static int
becomes_somebody(void *arg)
{
	(void)arg;
	id_of(.user = NOBODY);
	id_of(.user = UNKNOWN, .group = "54322");
	id_of(.user = NOBODY, .group = "54322", .groups = two_groups);
	id_of(.user = NOBODY, .groups = no_groups);
	return 0;
}

/* What a login of nobody has: its group first in the line of groups. */
static const char *
login(void)
{
	static char text[400];
	const struct passwd *user = getpwnam(NOBODY);
	unsigned u = user->pw_uid, g = user->pw_gid;

	snprintf(text, sizeof text, "%u %u %u, %u %u %u, %u; "
		 "54321 54321 54321, 54322 54322 54322,; "
		 "%u %u %u, 54322 54322 54322, 1 54321; "
		 "%u %u %u, %u %u %u,; ", u, u, u, g, g, g, g, u, u, u,
		 u, u, u, g, g, g);
	return text;
}

START_TEST(a_user_has_the_groups_of_a_login_and_none_of_ours)
{
	ck_assert_int_eq(setgroups(1, (gid_t[]){ 7 }), 0);
	ck_assert_int_eq(run_world(becomes_somebody, NULL), 0);
	ck_assert_str_eq(noted, login());
	/* All of it was the child's. */
	ck_assert_int_eq((int)geteuid(), 0);
	ck_assert_int_eq(getgroups(0, NULL), 1);
}
END_TEST

/* A change of the user makes memory undumpable, the program's, too, if the
 * child shares it: then the user could have written to it before that. */
START_TEST(another_users_child_does_not_share_our_memory)
{
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
	ck_assert_int_eq(run_world(becomes_somebody, NULL), 0);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 1);
}
END_TEST

static int
changes_groups(void *arg)
{
	(void)arg;
	id_of(.group = "54321");
	id_of(.groups = two_groups);
	id_of(.groups = no_groups);
	return 0;
}

START_TEST(a_group_alone_leaves_user_and_groups_as_they_are)
{
	ck_assert_int_eq(setgroups(1, (gid_t[]){ 7 }), 0);
	ck_assert_int_eq(run_world(changes_groups, NULL), 0);
	ck_assert_str_eq(noted, "0 0 0, 54321 54321 54321, 7; "
			 "0 0 0, 0 0 0, 1 54321; 0 0 0, 0 0 0,; ");
}
END_TEST

static int
enters_a_folder(void *arg)
{
	char folder[] = "/tmp/await-user-XXXXXX";
	AW_AUTO(aw_process, p);

	(void)arg;
	if (!mkdtemp(folder))
		return -errno;
	note("%s", name(aw_process_start(&p, AW_ARGV("true"), .cwd = folder,
					 .user = NOBODY)));
	note("%s", aw_error()->message);
	return rmdir(folder);
}

START_TEST(the_folder_is_entered_with_the_new_rights)
{
	ck_assert_int_eq(run_world(enters_a_folder, NULL), 0);
	ck_assert_str_eq(noted, "EACCES; starting true: its folder: "
			 "Permission denied; ");
}
END_TEST

/* --- As a user with some of root's rights ------------------------------ */

/* As a service manager starts a program with ambient capabilities. */
static bool
be_ordinary_with_rights(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	unsigned both = 1u << CAP_SETUID | 1u << CAP_SETGID;
	struct __user_cap_data_struct data[2] = { { both, both, both } };

	return setgroups(0, NULL) == 0 && prctl(PR_SET_KEEPCAPS, 1) == 0 &&
	       setresgid(54321, 54321, 54321) == 0 &&
	       setresuid(54321, 54321, 54321) == 0 &&
	       syscall(SYS_capset, &header, data) == 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0,
		     0) == 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETGID, 0,
		     0) == 0;
}

#define RIGHTS "sed -n 's/^Cap\\(Inh\\|Prm\\|Eff\\|Amb\\):\t0*//p' " \
	       "/proc/self/status | tr '\n' ,"

static int
hands_on_rights(void *arg)
{
	static const struct aw_process_options options[] = {
		{ .size = sizeof options[0] },
		{ .size = sizeof options[0], .user = "54322",
		  .group = "54322" },
	};

	(void)arg;
	for (int i = 0; i < 2; i++) {
		AW_AUTO(aw_output, o);

		AW_TRY(aw_process_run_with(&o, AW_ARGV("sh", "-c", RIGHTS),
					   &options[i]));
		note("%.*s", (int)o->out.size, (const char *)o->out.data);
	}
	return 0;
}

static int
run_with_rights(void)
{
	if (!be_ordinary_with_rights())
		return 1;
	if (aw_run(hands_on_rights, NULL, .no_signals = true) != 0)
		return 2;
	fprintf(stderr, "%s", noted);
	return 0;
}

START_TEST(a_user_has_none_of_the_rights_that_are_not_roots)
{
	ck_assert(ended(in_child(false, run_with_rights), 0));
	ck_assert_str_eq(said, "c0,c0,c0,c0,; ,,,,; ");
}
END_TEST

/* --- What is refused --------------------------------------------------- */

static int
names_nobody(void *arg)
{
	(void)arg;
	id_of(.user = "no-such");
	id_of(.group = "no-such");
	id_of(.groups = bad_groups);
	id_of(.user = "");
	id_of(.user = "-1");
	id_of(.user = "4294967295", .group = "1");
	id_of(.user = UNKNOWN);
	return 0;
}

#define NO_SUCH(option, kind, text) \
	"EINVAL: starting sh: " option ": there is no " kind " '" text "': " \
	"give a name that getent(1) knows, or a number: Invalid argument; "

START_TEST(who_is_not_there_is_named_with_his_option)
{
	ck_assert_int_eq(run_world(names_nobody, NULL), 0);
	ck_assert_str_eq(noted,
		NO_SUCH(".user", "user", "no-such")
		NO_SUCH(".group", "group", "no-such")
		NO_SUCH(".groups", "group", "no-such")
		NO_SUCH(".user", "user", "")
		NO_SUCH(".user", "user", "-1")
		NO_SUCH(".user", "user", "4294967295")
		"EINVAL: starting sh: .user: 54321 is in no database and has "
		"no group: give .group, too: Invalid argument; ");
}
END_TEST

/* --- As an ordinary user ----------------------------------------------- */

#define NO_RIGHT "EPERM: starting sh: .user, .group, .groups: root's right " \
		 "(CAP_SETUID, CAP_SETGID): Operation not permitted; "

static int
asks_for_more(void *arg)
{
	char own[16], own_group[16];

	(void)arg;
	snprintf(own, sizeof own, "%u", (unsigned)getuid());
	snprintf(own_group, sizeof own_group, "%u", (unsigned)getgid());
	id_of(.user = "root");
	id_of(.user = own, .group = own_group);
	id_of(.group = "root");
	id_of(.groups = no_groups);
	note("and");
	id_of(.group = own_group);
	return 0;
}

static int
run_ordinary(void)
{
	const char *refused = NO_RIGHT NO_RIGHT NO_RIGHT NO_RIGHT "and; ";

	if (getuid() == 0 && (setgroups(0, NULL) < 0 ||
			      setresgid(54321, 54321, 54321) < 0 ||
			      setresuid(54321, 54321, 54321) < 0))
		return 1;
	if (aw_run(asks_for_more, NULL, .no_signals = true) != 0)
		return 2;
	if (strncmp(noted, refused, strlen(refused)) != 0)
		fprintf(stderr, "%s\n", noted);
	return strncmp(noted, refused, strlen(refused)) == 0 &&
	       !strstr(noted + strlen(refused), "EPERM") ? 0 : 3;
}

START_TEST(an_ordinary_user_may_not_become_another)
{
	int status = in_child(false, run_ordinary);

	ck_assert_msg(ended(status, 0), "status %d: %s", status, said);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process_user");
	TCase *root = tcase_create("root"), *all = tcase_create("all");

	if (geteuid() == 0) {
		tcase_add_test(root,
			a_user_has_the_groups_of_a_login_and_none_of_ours);
		tcase_add_test(root,
			another_users_child_does_not_share_our_memory);
		tcase_add_test(root,
			a_group_alone_leaves_user_and_groups_as_they_are);
		tcase_add_test(root, the_folder_is_entered_with_the_new_rights);
		tcase_add_test(root,
			a_user_has_none_of_the_rights_that_are_not_roots);
	}
	suite_add_tcase(suite, root);
	tcase_add_test(all, who_is_not_there_is_named_with_his_option);
	tcase_add_test(all, an_ordinary_user_may_not_become_another);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
