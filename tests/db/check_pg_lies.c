/* SPDX-License-Identifier: MIT */
/*
 * A server that lies: about lengths, fields, states, and while it logs in.
 * Whatever it says, the statement fails, nobody waits for ever, and the next
 * connection, to a server that is well, is none the worse for it.
 */
#include <await/pg.h>

#include "../support/fake_http.h"
#include "session.h"

/* Not used: each case has a server of its own. */
static int
open_pool(struct aw_db **ret, int way, const struct aw_db_options *options)
{
	(void)ret, (void)way, (void)options;
	return -1;
}

/* -- the protocol, version 3.0 (PostgreSQL 15 manual, section 55.7) -------- */

#define AUTH_OK "R\0\0\0\x08\0\0\0\0"
#define KEY "K\0\0\0\x0c\0\0\0\1\0\0\0\2"
#define READY "Z\0\0\0\5I"
#define LOGGED_IN FAKE_GULP, FAKE_SEND(AUTH_OK KEY READY)
#define PARSED "1\0\0\0\4" "2\0\0\0\4"
#define ONE_COLUMN "T\0\0\0\x1a\0\1" "a\0" "\0\0\0\0\0\0" "\0\0\0\x19" \
	"\xff\xff" "\xff\xff\xff\xff" "\0\0"
#define ROW "D\0\0\0\x0b\0\1\0\0\0\1x"
#define COMPLETE "C\0\0\0\x0dSELECT 1\0"
#define FATAL "E\0\0\0\x20SFATAL\0VFATAL\0C57P01\0Mend\0\0"

static const struct fake_step good[] = {
	LOGGED_IN, FAKE_GULP,
	FAKE_SEND(PARSED ONE_COLUMN ROW COMPLETE READY), FAKE_GULP,
	FAKE_SEND(PARSED ONE_COLUMN ROW COMPLETE READY), FAKE_HOLD, FAKE_CLOSE
};

struct lie {
	const struct fake_step *script;
	const char *tls;
	int want;
};

static int
ask(struct aw_db *db, double seconds)
{
	const char *text = NULL;
	AW_AUTO(aw_rows, rows);
	int r;

	AW_TIMEOUT(seconds);
	r = aw_db_query(db, &rows, "SELECT 'x' AS a");
	if (r == 0 && (r = aw_rows_next(rows, &text)) == 1)
		r = strcmp(text, "x") == 0 ? 0 : -EBADMSG;
	return r;
}

static int
lie_app(void *arg)
{
	const struct lie *lie = arg;
	const struct fake_step *const scripts[] = { lie->script, good, NULL };
	struct fake *fake = fake_start(scripts);
	bool tls = strcmp(lie->tls, "require") == 0;	/* never well */
	AW_AUTO(aw_db, db);
	char dsn[200];

	snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%d user=u dbname=d "
		 "password=p sslmode=%s gssencmode=disable", fake_port(fake),
		 lie->tls);
	WANT_OK(aw_pg_open(&db, dsn, .max = 1, .prepare = AW_PREPARE_OFF,
			   .acquire = tls ? 1 : 30));
	WANT_CODE(ask(db, lie->want == AW_ETIME ? 2 : 40), lie->want);
	if (!tls) {
		WANT_OK(ask(db, 40));
		WANT(fake_connections(fake) >= 2);
	}
	WANT_OK(aw_db_close(&db, 5));
	fake_stop(fake);
	return 0;
}

static void
expect(const struct fake_step *script, const char *tls, int want)
{
	struct lie lie = { script, tls, want };
	int r;

	why[0] = '\0';
	r = aw_run(lie_app, &lie, .no_signals = true, .check_leaks = true);
	ck_assert_msg(r == 0 && !why[0], "%s (%s)", why, aw_error_name(r));
}

#define LIE(test, tls, want, ...) \
	START_TEST(test) \
	{ \
		static const struct fake_step script[] = { __VA_ARGS__, \
							   FAKE_END }; \
		expect(script, tls, want); \
	} \
	END_TEST

/* -- in an answer --------------------------------------------------------- */

#define ANSWER(test, want, ...) \
	START_TEST(test) \
	{ \
		static const struct fake_step script[] = { LOGGED_IN, \
			FAKE_GULP, __VA_ARGS__, FAKE_END }; \
		expect(script, "disable", want); \
	} \
	END_TEST

ANSWER(a_message_shorter_than_its_own_length_is_a_loss, AW_ELOST,
       FAKE_SEND(PARSED ONE_COLUMN "D\0\0\0\3\0\1\0\0"), FAKE_HOLD)
ANSWER(a_row_of_two_gigabytes_is_a_loss, AW_ELOST,
       FAKE_SEND(PARSED ONE_COLUMN "D\x7f\xff\xff\xff\0\1\0\0"), FAKE_CLOSE)
ANSWER(an_error_of_two_gigabytes_is_a_loss, AW_ELOST,
       FAKE_SEND("E\x7f\xff\xff\xff" "SERROR\0"), FAKE_HOLD)
ANSWER(a_field_beyond_its_row_is_a_loss, AW_ELOST,
       FAKE_SEND(PARSED ONE_COLUMN "D\0\0\0\x0b\0\1\0\0\x01\1x" COMPLETE
		 READY), FAKE_HOLD)
ANSWER(more_fields_than_columns_are_a_loss, AW_ELOST,
       FAKE_SEND(PARSED ONE_COLUMN "D\0\0\0\x10\0\2\0\0\0\1x\0\0\0\1x"
		 COMPLETE READY), FAKE_HOLD)
ANSWER(a_row_without_columns_is_a_loss, AW_ELOST,
       FAKE_SEND(PARSED ROW COMPLETE READY), FAKE_HOLD)
ANSWER(a_message_of_no_known_kind_is_a_loss, AW_ELOST,
       FAKE_SEND(PARSED ONE_COLUMN "~\0\0\0\x0b\0\1\0\0\0\1x"), FAKE_CLOSE)
ANSWER(a_storm_of_parameters_ends_at_the_deadline, AW_ETIME,
       FAKE_FLOOD("S\0\0\0\x0e" "a\0bcdefgh\0"))
ANSWER(an_error_without_fields_is_a_loss, AW_ELOST,
       FAKE_SEND("E\0\0\0\5\0" READY), FAKE_HOLD)
ANSWER(a_state_that_there_is_not_ends_the_connection, 0,
       FAKE_SEND(PARSED ONE_COLUMN ROW COMPLETE "Z\0\0\0\5X"), FAKE_HOLD)
ANSWER(a_fatal_error_behind_the_end_of_a_command_is_told_once, AW_ELOST,
       FAKE_SEND(PARSED ONE_COLUMN ROW COMPLETE FATAL), FAKE_CLOSE)
ANSWER(two_fatal_errors_are_told_once, AW_ELOST,
       FAKE_SEND(PARSED FATAL FATAL), FAKE_CLOSE)
ANSWER(a_copy_that_nobody_asked_for_is_a_failure, AW_EUSAGE,
       FAKE_SEND(PARSED "W\0\0\0\7\0\0\0" READY), FAKE_HOLD)

/* -- while it logs in ----------------------------------------------------- */

LIE(an_unknown_way_of_logging_in_is_refused, "disable", AW_EAUTH,
    FAKE_GULP, FAKE_SEND("R\0\0\0\x08\0\0\0\x63"), FAKE_HOLD)
LIE(another_version_of_the_protocol_is_refused, "disable", 0,
    FAKE_GULP, FAKE_SEND("v\0\0\0\x0c\0\3\0\0\0\0\0\0"), FAKE_HOLD)
LIE(a_key_that_is_too_short_is_no_login, "disable", 0,
    FAKE_GULP, FAKE_SEND(AUTH_OK "K\0\0\0\4" READY), FAKE_CLOSE)
LIE(a_nonce_that_is_not_ours_is_no_login, "disable", 0,
    FAKE_GULP, FAKE_SEND("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"), FAKE_GULP,
    FAKE_SEND("R\0\0\0\x1b\0\0\0\x0br=no,s=AAAA,i=4096"), FAKE_HOLD)
/* What is behind the S was not encrypted (CVE-2021-23222). */
LIE(bytes_behind_the_yes_to_tls_are_refused, "require", AW_EPOOL,
    FAKE_GULP, FAKE_SEND("S" AUTH_OK KEY READY), FAKE_HOLD)
LIE(an_error_in_the_place_of_tls_is_a_refusal, "require", AW_EPOOL,
    FAKE_GULP, FAKE_SEND(FATAL), FAKE_CLOSE)

/* -- ways of logging in that the client does not have -------------------- */

struct unknown {
	const struct fake_step *script;
	const char *says;
};

static int
unknown_app(void *arg)
{
	const struct unknown *u = arg;
	const struct fake_step *const scripts[] = { u->script, NULL };
	struct fake *fake = fake_start(scripts);
	AW_AUTO(aw_db, db);
	char dsn[200];

	snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%d user=u dbname=d "
		 "password=p sslmode=disable", fake_port(fake));
	WANT_OK(aw_pg_open(&db, dsn, .max = 1));
	WANT_CODE(ask(db, 40), AW_EAUTH);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT(strstr(aw_error_text(), u->says));
	WANT(strstr(aw_error_text(), "pg_hba.conf"));
	WANT_INT(fake_connections(fake), 1);
	WANT_OK(aw_db_close(&db, 5));
	fake_stop(fake);
	return 0;
}

static void
expect_unknown(const struct fake_step *script, const char *says)
{
	struct unknown u = { script, says };
	int r;

	why[0] = '\0';
	setenv("KRB5CCNAME", "FILE:/nonexistent/ticket", 1);
	r = aw_run(unknown_app, &u, .no_signals = true, .check_leaks = true);
	ck_assert_msg(r == 0 && !why[0], "%s (%s)", why, aw_error_name(r));
}

/* It asks for one (AuthenticationRequest). */
#define WANTS(test, request, says) \
	START_TEST(test) \
	{ \
		static const struct fake_step script[] = { FAKE_GULP, \
			FAKE_SEND(request), FAKE_HOLD, FAKE_END }; \
		expect_unknown(script, says); \
	} \
	END_TEST

WANTS(a_method_without_a_name_is_told_by_its_number,
      "R\0\0\0\x08\0\0\0\x63", "authentication method 99")
WANTS(kerberos_5_is_told_by_its_name, "R\0\0\0\x08\0\0\0\2", "Kerberos 5")
WANTS(a_ticket_that_is_not_there_is_told, "R\0\0\0\x08\0\0\0\7", "GSSAPI")
WANTS(mechanisms_that_are_not_there_are_told,
      "R\0\0\0\x0e\0\0\0\x0aSASL\0\0", "SASL")

int
main(void)
{
	Suite *suite = suite_create("pg lies");
	TCase *answers = tcase_create("answers");
	TCase *logins = tcase_create("logins");

	(void)check_session;
	tcase_add_test(answers,
		       a_message_shorter_than_its_own_length_is_a_loss);
	tcase_add_test(answers, a_row_of_two_gigabytes_is_a_loss);
	tcase_add_test(answers, an_error_of_two_gigabytes_is_a_loss);
	tcase_add_test(answers, a_field_beyond_its_row_is_a_loss);
	tcase_add_test(answers, more_fields_than_columns_are_a_loss);
	tcase_add_test(answers, a_row_without_columns_is_a_loss);
	tcase_add_test(answers, a_message_of_no_known_kind_is_a_loss);
	tcase_add_test(answers, a_storm_of_parameters_ends_at_the_deadline);
	tcase_add_test(answers, an_error_without_fields_is_a_loss);
	tcase_add_test(answers, a_state_that_there_is_not_ends_the_connection);
	tcase_add_test(answers,
		       a_fatal_error_behind_the_end_of_a_command_is_told_once);
	tcase_add_test(answers, two_fatal_errors_are_told_once);
	tcase_add_test(answers, a_copy_that_nobody_asked_for_is_a_failure);
	tcase_add_test(logins, an_unknown_way_of_logging_in_is_refused);
	tcase_add_test(logins, another_version_of_the_protocol_is_refused);
	tcase_add_test(logins, a_key_that_is_too_short_is_no_login);
	tcase_add_test(logins, a_nonce_that_is_not_ours_is_no_login);
	tcase_add_test(logins, bytes_behind_the_yes_to_tls_are_refused);
	tcase_add_test(logins, an_error_in_the_place_of_tls_is_a_refusal);
	tcase_add_test(logins, a_method_without_a_name_is_told_by_its_number);
	tcase_add_test(logins, kerberos_5_is_told_by_its_name);
	tcase_add_test(logins, a_ticket_that_is_not_there_is_told);
	tcase_add_test(logins, mechanisms_that_are_not_there_are_told);
	suite_add_tcase(suite, answers);
	suite_add_tcase(suite, logins);
	return suite_run(suite);
}
