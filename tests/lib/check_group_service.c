/* SPDX-License-Identifier: MIT */
/* lib/group.c: service children end after the others. */
#include "tasks.h"

struct job {
	const char *name;
	double seconds;		/* until it ends; 0: when cancelled */
	double cleanup;		/* seconds, behind a shield */
	int status;
};

static int
works(void *arg)
{
	const struct job *job = arg;
	int r = aw_sleep(job->seconds > 0 ? job->seconds : 1000);

	if (job->cleanup > 0) {
		AW_SHIELD(AW_FOREVER);
		aw_ignore(aw_sleep(job->cleanup));
	}
	note("%s %s", job->name, r < 0 ? aw_cancel_reason() ?
	     aw_cancel_reason() : name(r) : "done");
	return r < 0 ? r : job->status;
}

/* --- Services ---------------------------------------------------------- */

static int
two_services(void *arg)
{
	struct job first = { .name = "first", .cleanup = 1 };
	struct job second = { .name = "second", .cleanup = 2 };
	struct job child = { .name = "child", .seconds = 3 };
	AW_GROUP(group, .limit = 1);
	double begin = aw_now();

	(void)arg;
	AW_TRY(aw_go(&group, works, &first, .service = true));
	AW_TRY(aw_go(&group, works, &child));
	AW_TRY(aw_go(&group, works, &second, .service = true));
	note("%g", since(begin));
	AW_TRY(aw_go(&group, works, &child));
	AW_TRY(aw_group_wait(&group));
	note("%g", since(begin));
	return 0;
}

START_TEST(services_end_after_the_others_the_last_started_first)
{
	ck_assert_int_eq(run_tasks(two_services, NULL), 0);
	ck_assert_str_eq(noted, "0; child done; child done; "
			 "second the other children have ended; "
			 "first the other children have ended; 9; ");
}
END_TEST

static int
cancelled_outside(void *arg)
{
	struct job service = { .name = "service" };
	struct job child = { .name = "child", .cleanup = 1 };
	AW_TIMEOUT(2);
	AW_GROUP(group);
	int r;

	(void)arg;
	AW_TRY(aw_go(&group, works, &service, .service = true));
	AW_TRY(aw_go(&group, works, &child));
	r = aw_group_wait(&group);
	note("%s", name(r));
	return 0;
}

START_TEST(a_deadline_around_the_group_reaches_services_last)
{
	ck_assert_int_eq(run_tasks(cancelled_outside, NULL), 0);
	ck_assert_str_eq(noted, "child ETIME; "
			 "service the other children have ended; ETIME; ");
}
END_TEST

static int
failing_child(void *arg)
{
	struct job service = { .name = "service" };
	struct job child = { .name = "child", .cleanup = 1 };
	struct job fails = { .name = "fails", .seconds = 1, .status = -EIO };
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, works, &service, .service = true));
	AW_TRY(aw_go(&group, works, &child));
	AW_TRY(aw_go(&group, works, &fails));
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(a_failure_cancels_the_others_and_then_the_services)
{
	ck_assert_int_eq(run_tasks(failing_child, NULL), 0);
	ck_assert_str_eq(noted, "fails done; "
			 "child a sibling failed: Input/output error; "
			 "service the other children have ended; EIO; ");
}
END_TEST

static int
failing_service(void *arg)
{
	struct job service = { .name = "service", .seconds = 1,
			       .status = -EIO };
	struct job child = { .name = "child" };
	AW_GROUP(group);

	(void)arg;
	AW_TRY(aw_go(&group, works, &service, .service = true));
	AW_TRY(aw_go(&group, works, &child));
	note("%s", name(aw_group_wait(&group)));
	return 0;
}

START_TEST(a_service_that_fails_fails_the_group)
{
	ck_assert_int_eq(run_tasks(failing_service, NULL), 0);
	ck_assert_str_eq(noted, "service done; "
			 "child a sibling failed: Input/output error; EIO; ");
}
END_TEST

static int
no_success(void *arg)
{
	struct job service = { .name = "service", .seconds = 1 };
	struct job slow = { .name = "slow", .seconds = 2 };
	struct job slower = { .name = "slower", .seconds = 3 };
	AW_GROUP(group, .first = true);

	(void)arg;
	AW_TRY(aw_go(&group, works, &service, .service = true));
	AW_TRY(aw_go(&group, works, &slow));
	AW_TRY(aw_go(&group, works, &slower));
	return aw_group_wait(&group);
}

START_TEST(a_service_is_nobodys_first_success)
{
	ck_assert_int_eq(run_tasks(no_success, NULL), 0);
	ck_assert_str_eq(noted, "service done; slow done; "
			 "slower a sibling succeeded; ");
}
END_TEST

static int
left_and_next(void *arg)
{
	struct job service = { .name = "service" };
	struct job child = { .name = "child", .seconds = 1 };
	struct aw_done done;
	AW_GROUP(group, .collect = true);

	AW_TRY(aw_go(&group, works, &service, .service = true));
	AW_TRY(aw_go(&group, works, &child));
	while (aw_group_next(&group, &done) > 0)
		note("next %s", ((struct job *)done.arg)->name);
	note("left");
	return arg ? aw_group_wait(&group) : 0;
}

START_TEST(next_reports_no_services_and_leaving_ends_them)
{
	ck_assert_int_eq(run_tasks(left_and_next, NULL), 0);
	ck_assert_str_eq(noted, "child done; next child; left; "
			 "service the other children have ended; ");
	ck_assert_int_eq(run_tasks(left_and_next, ""), 0);
	ck_assert_str_eq(noted, "child done; next child; left; "
			 "service the other children have ended; ");
}
END_TEST

static struct aw_group *accepting;

static int
accepts(void *arg)
{
	static struct job late = { .name = "handler", .seconds = 2 };

	(void)arg;
	AW_TRY(aw_sleep(1));
	AW_TRY(aw_go(accepting, works, &late));
	note("service %s", name(aw_sleep(10)));
	note("%s", name(aw_go(accepting, works, &late)));
	return 0;
}

static int
service_starts(void *arg)
{
	struct job child = { .name = "child", .seconds = 1.5 };
	AW_GROUP(group);

	(void)arg;
	accepting = &group;
	AW_TRY(aw_go(&group, accepts, NULL, .service = true));
	AW_TRY(aw_go(&group, works, &child));
	return aw_group_wait(&group);
}

START_TEST(a_service_may_start_children_until_it_is_cancelled)
{
	ck_assert_int_eq(run_tasks(service_starts, NULL), 0);
	ck_assert_str_eq(noted, "child done; handler done; "
			 "service ECANCELED; ECANCELED; ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("group_service");
	TCase *service = tcase_create("service");

	tcase_add_test(service,
		services_end_after_the_others_the_last_started_first);
	tcase_add_test(service,
		a_deadline_around_the_group_reaches_services_last);
	tcase_add_test(service,
		a_failure_cancels_the_others_and_then_the_services);
	tcase_add_test(service, a_service_that_fails_fails_the_group);
	tcase_add_test(service, a_service_is_nobodys_first_success);
	tcase_add_test(service, next_reports_no_services_and_leaving_ends_them);
	tcase_add_test(service,
		a_service_may_start_children_until_it_is_cancelled);
	suite_add_tcase(suite, service);
	return suite_run(suite);
}
