/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: what is wrong with a DSN is said in one line, with the part and
 * the remedy, and never with the password.
 */
#include <math.h>

#include "pg_session.h"

#define SECRET "s3cretpw"

struct bad {
	const char *dsn;
	const char *says;
};

static int
open_odd(void *arg)
{
	AW_AUTO(aw_db, db);

	(void)arg;
	WANT_CODE(aw_pg_open(&db, "", .acquire = -2), AW_EINVAL);
	WANT(strstr(aw_error_text(), ".acquire = -2"));
	WANT_CODE(aw_pg_open(&db, "", .lifetime = (double)NAN), AW_EINVAL);
	WANT(strstr(aw_error_text(), ".lifetime"));
	WANT_CODE(aw_pg_open(&db, "", .cache = -5), AW_EINVAL);
	WANT(strstr(aw_error_text(), ".cache = -5"));
	WANT(!db);
	return aw_pg_open(&db, "", .cache = AW_NONE, .idle = AW_FOREVER);
}

START_TEST(a_number_that_is_none_is_refused_by_its_name)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(open_odd, NULL) == 0, "%s", why);
}
END_TEST

static int
open_bad(void *arg)
{
	const struct bad *bad = arg;
	AW_AUTO(aw_db, db);

	WANT_CODE(aw_pg_open(&db, bad->dsn), AW_EINVAL);
	if (!strstr(aw_error_text(), bad->says) ||
	    strstr(aw_error_text(), SECRET) || strstr(aw_error_text(), "s3"))
		return unwanted(__LINE__, "for %s", bad->dsn);
	return 0;
}

static const struct bad forms[] = {
	{ "host=a port", "missing \"=\"" },
	{ "nonsense", "missing \"=\"" },
	{ "postgresql://h/db?sslmod=x", "sslmod" },
	{ "hots=localhost", "hots" },
	{ "postgresql://u:" SECRET "@h/db?sslmod=x", "URI query parameter" },
	{ "postgresql://u:s3%zz@h/db", "percent-encoded" },
	{ "user=u password=" SECRET " host", "missing" },
	{ "postgresql://u:x@" SECRET "@h.invalid/d", "is written %40" },
	{ "user=u password=x s3cretpw=2", "invalid connection option" },
	{ "postgresql://u:" SECRET "@[::1/db", "matching" },
	{ "postgresql://u:1/y?" SECRET "@h/db", "separator" },
	{ "postgresql://u:1/y?" SECRET "=2@h/db", "query parameter" },
	{ "postgresql://u:" SECRET "/y@h/db", "the port of the DSN" },
	{ "postgresql://h:99999/db", "the port of the DSN" },
	{ "host=a,b port=5432,0", "the port of the DSN" },
	{ "port=-1", "the port of the DSN" },
	{ "postgresql://h/db?sslmode=on", "sslmode \"on\"" },
};

START_TEST(a_mistake_of_form_is_named_not_the_password)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(open_bad, (void *)(uintptr_t)&forms[_i],
			     .no_signals = true) == 0, "%s", why);
}
END_TEST

/* The TCP server's DSN with another part: user, password, port, database. */
static void
compose(char *dsn, size_t size, const char *part, const char *value)
{
	const char *port = getenv("AWAIT_TEST_PG_PORT");
	bool user = strcmp(part, "user") == 0;

	snprintf(dsn, size, "host=%s port=%s user=%s password=%s dbname=%s "
		 "sslmode=disable",
		 strcmp(part, "host") == 0 ? value : "127.0.0.1",
		 strcmp(part, "port") == 0 ? value : port,
		 user ? value : "await",
		 strcmp(part, "password") == 0 ? value : SECRET,
		 strcmp(part, "dbname") == 0 ? value : "await");
}

static int
refusal(struct aw_db *db, int code, const char *says)
{
	WANT_CODE(aw_db_exec(db, NULL, "SELECT 1"), code);
	if (!strstr(aw_error_text(), says) || strstr(aw_error_text(), SECRET))
		return unwanted(__LINE__, "does not say %s", says);
	return 0;
}

static int
wrong_password(void *arg)
{
	AW_AUTO(aw_db, db);
	char dsn[256];

	(void)arg;
	compose(dsn, sizeof(dsn), "password", SECRET);
	WANT_OK(aw_pg_open(&db, dsn));
	WANT_OK(refusal(db, AW_EAUTH, "check user and password"));
	WANT_STR(aw_error()->sqlstate, "28P01");
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	return refusal(db, AW_EAUTH, "check user and password");
}

START_TEST(a_wrong_password_is_refused_at_once_and_again)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(wrong_password, NULL, .no_signals = true) == 0,
		      "%s", why);
}
END_TEST

static int
wrong_database(void *arg)
{
	AW_AUTO(aw_db, db);
	char dsn[512];

	/* libpq takes the last of two values. */
	snprintf(dsn, sizeof(dsn), "%s&dbname=nowhere", (const char *)arg);
	WANT_OK(aw_pg_open(&db, dsn));
	WANT_OK(refusal(db, AW_EAUTH, "nowhere"));
	WANT_STR(aw_error()->sqlstate, "3D000");
	return refusal(db, AW_EAUTH, "check the database name");
}

START_TEST(a_database_that_is_not_there_is_named)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(wrong_database, (void *)(uintptr_t)pg_dsn(_i),
			     .no_signals = true) == 0, "%s", why);
}
END_TEST

static const char *const values[][2] = {
	{ "keepalives_idle", "x" },
	{ "target_session_attrs", "any-at-all" },
	{ "channel_binding", "perhaps" },
	{ "ssl_min_protocol_version", "SSLv1" },
	{ "host", "a,b,c" },
};

/* Not after the thirty seconds of an acquire. */
static int
wrong_value(void *arg)
{
	const char *const *value = arg;
	AW_AUTO(aw_db, db);
	char dsn[256];

	snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=1,2 user=u dbname=d "
		 "%s=%s", value[0], value[1]);
	if (strcmp(value[0], "host") != 0)
		snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=1 user=u "
			 "dbname=d %s=%s", value[0], value[1]);
	WANT_OK(aw_pg_open(&db, dsn, .acquire = 60));
	return refusal(db, AW_EINVAL, "of the DSN");
}

START_TEST(a_value_that_libpq_refuses_is_told_at_once)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(wrong_value, (void *)(uintptr_t)values[_i],
			     .no_signals = true) == 0, "%s", why);
}
END_TEST

static int
wrong_port(void *arg)
{
	AW_AUTO(aw_db, db);
	char dsn[256];

	(void)arg;
	compose(dsn, sizeof(dsn), "port", "1");
	WANT_OK(aw_pg_open(&db, dsn, .acquire = 0.3));
	return fails_saying(db, AW_EPOOL, "check host and port");
}

START_TEST(a_port_that_refuses_is_told_by_the_waiting_acquire)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(wrong_port, NULL, .no_signals = true) == 0, "%s",
		      why);
}
END_TEST

static int
wrong_host(void *arg)
{
	AW_AUTO(aw_db, db);
	char dsn[256];

	(void)arg;
	compose(dsn, sizeof(dsn), "host", "no-such-host.invalid");
	WANT_OK(aw_pg_open(&db, dsn, .acquire = 2));
	return fails_saying(db, AW_EPOOL, "no-such-host.invalid");
}

START_TEST(a_host_that_does_not_resolve_is_named)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(wrong_host, NULL, .no_signals = true) == 0, "%s",
		      why);
}
END_TEST

static int
wrong_ca(void *arg)
{
	AW_AUTO(aw_db, db);
	char dsn[1024];

	(void)arg;
	snprintf(dsn, sizeof(dsn), "%s&sslrootcert=%s", pg_dsn(1),
		 getenv("AWAIT_TEST_OTHER_CA"));
	WANT_OK(aw_pg_open(&db, dsn));
	return refusal(db, AW_ETLS, "sslrootcert");
}

START_TEST(a_certificate_of_another_authority_is_refused)
{
	why[0] = '\0';
	ck_assert_msg(aw_run(wrong_ca, NULL, .no_signals = true) == 0, "%s",
		      why);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pg_dsn");
	TCase *tc = tcase_create("misuse");

	tcase_add_loop_test(tc, a_mistake_of_form_is_named_not_the_password,
			    0, (int)AW_LENGTH(forms));
	tcase_add_loop_test(tc, a_value_that_libpq_refuses_is_told_at_once, 0,
			    (int)AW_LENGTH(values));
	tcase_add_test(tc, a_wrong_password_is_refused_at_once_and_again);
	tcase_add_loop_test(tc, a_database_that_is_not_there_is_named, 0,
			    N_WAYS);
	tcase_add_test(tc, a_number_that_is_none_is_refused_by_its_name);
	tcase_add_test(tc, a_port_that_refuses_is_told_by_the_waiting_acquire);
	tcase_add_test(tc, a_host_that_does_not_resolve_is_named);
	tcase_add_test(tc, a_certificate_of_another_authority_is_refused);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
