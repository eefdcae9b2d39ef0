/* SPDX-License-Identifier: MIT */
/*
 * A MariaDB that lies about lengths and counts.  The statement fails, nobody
 * waits for ever, and the next connection, to a server that is well, is none
 * the worse for it. One that wants to be logged in to in a way that we do not
 * have is told apart from a wrong password.
 */
#include <unistd.h>

#include <await/mysql.h>

#include "../support/fake_http.h"
#include "session.h"

/* Not used: each case has a server of its own. */
static int
open_pool(struct aw_db **ret, int way, const struct aw_db_options *options)
{
	(void)ret, (void)way, (void)options;
	return -1;
}

/* -- the protocol (MariaDB Knowledge Base, "Clients/server protocol") ----- */

#define GREETING "\x4d\0\0\0\x0a" "10.11.0-M\0" "\1\0\0\0" "abcdefgh\0" \
	"\x09\xa2" "\x2d" "\2\0" "\x08\0" "\x15" "\0\0\0\0\0\0\0\0\0\0" \
	"ijklmnopqrst\0" "mysql_native_password\0"
#define OK(number) "\7\0\0" number "\0\0\0\2\0\0\0"
#define END(number) "\5\0\0" number "\xfe\0\0\2\0"
#define COLUMN "\x17\0\0\2" "\3def\0\0\0\1a\0\x0c\x2d\0\x0a\0\0\0\xfd\0\0\0\0\0"
#define ONE_COLUMN "\1\0\0\1\1" COLUMN END("\3")
#define ROW "\2\0\0\4\1x"
/* It is asked for its limit of packets. */
#define LOGGED_IN \
	FAKE_SEND(GREETING), FAKE_GULP, FAKE_SEND(OK("\2")), \
	FAKE_GULP, FAKE_SEND(OK("\1")), \
	FAKE_GULP, FAKE_SEND(ONE_COLUMN "\x09\0\0\4\x08" "16777216" END("\5"))

/* The first connection of a process also looks how libmariadb keeps rows. */
#define PROBED FAKE_GULP, FAKE_SEND(ONE_COLUMN "\2\0\0\4\1" "1" END("\5"))

static const struct fake_step good[] = {
	LOGGED_IN,
	FAKE_GULP, FAKE_SEND(ONE_COLUMN ROW END("\5")),
	FAKE_GULP, FAKE_SEND(ONE_COLUMN ROW END("\5")),
	FAKE_HOLD, FAKE_CLOSE
};

struct lie {
	const struct fake_step *script;
	int want;
};

static int
ask(struct aw_db *db)
{
	const char *text = NULL;
	AW_AUTO(aw_rows, rows);
	int r;

	AW_TIMEOUT(40);
	r = aw_db_query(db, &rows, "SELECT 'x' AS a");
	if (r < 0)
		return r;
	r = aw_rows_next(rows, &text);
	if (r <= 0)
		return r < 0 ? r : AW_ENOROW;
	return strcmp(text, "x") == 0 ? 0 : -EBADMSG;
}

static int
lie_app(void *arg)
{
	const struct lie *lie = arg;
	const struct fake_step *const scripts[] = { lie->script, good, NULL };
	struct fake *fake = fake_start(scripts);
	AW_AUTO(aw_db, db);
	char dsn[200];

	snprintf(dsn, sizeof(dsn), "mysql://u:p@127.0.0.1:%d/d",
		 fake_port(fake));
	WANT_OK(aw_mysql_open(&db, dsn, .max = 1, .prepare = AW_PREPARE_OFF,
			      .acquire = 30));
	WANT_CODE(ask(db), lie->want);
	WANT_OK(ask(db));
	WANT(fake_connections(fake) >= 2);
	WANT_OK(aw_db_close(&db, 5));
	fake_stop(fake);
	return 0;
}

static void
expect(const struct fake_step *script, int want)
{
	struct lie lie = { script, want };
	int r;

	why[0] = '\0';
	r = aw_run(lie_app, &lie, .no_signals = true, .check_leaks = true);
	ck_assert_msg(r == 0 && !why[0], "%s (%s)", why, aw_error_name(r));
}

/* -- in an answer --------------------------------------------------------- */

#define ANSWER(test, want, ...) \
	START_TEST(test) \
	{ \
		static const struct fake_step script[] = { LOGGED_IN, PROBED, \
			FAKE_GULP, __VA_ARGS__, FAKE_END }; \
		expect(script, want); \
	} \
	END_TEST

ANSWER(an_empty_packet_is_a_loss, AW_ELOST,
       FAKE_SEND("\0\0\0\1"), FAKE_CLOSE)
ANSWER(a_count_of_columns_without_end_is_a_loss, AW_ELOST,
       FAKE_SEND("\x09\0\0\1\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"),
       FAKE_CLOSE)
ANSWER(a_column_longer_than_its_packet_is_a_loss, AW_ELOST,
       FAKE_SEND("\1\0\0\1\1" "\x05\0\0\2\xfd\xff\xff\xff" "d" END("\3")),
       FAKE_CLOSE)
ANSWER(a_field_beyond_its_row_is_a_loss, AW_ELOST,
       FAKE_SEND(ONE_COLUMN "\2\0\0\4\x7fx" END("\5")), FAKE_CLOSE)
ANSWER(an_error_without_anything_is_a_failure, AW_ELOST,
       FAKE_SEND("\1\0\0\1\xff"), FAKE_CLOSE)
ANSWER(a_row_that_is_cut_is_a_loss, AW_ELOST,
       FAKE_SEND(ONE_COLUMN "\xff\xff\xff\4\1x"), FAKE_CLOSE)
ANSWER(a_column_that_does_not_come_is_a_loss, AW_ELOST,
       FAKE_SEND("\1\0\0\1\2" COLUMN END("\3")), FAKE_CLOSE)

/* -- ways of logging in that the client does not have -------------------- */

#define DENIED "\x0f\0\0\4\xff\x15\x04#28000" "Denied"

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

	snprintf(dsn, sizeof(dsn), "mysql://u:p@127.0.0.1:%d/d",
		 fake_port(fake));
	WANT_OK(aw_mysql_open(&db, dsn, .max = 1));
	WANT_CODE(ask(db), AW_EAUTH);
	WANT_INT(aw_error()->native, 2059);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	WANT(strstr(aw_error_text(), u->says));
	WANT(strstr(aw_error_text(), "plugin_dir"));
	WANT_INT(fake_connections(fake), 1);
	WANT_OK(aw_db_close(&db, 5));
	fake_stop(fake);
	return 0;
}

/* What lies in the current folder would be found out as no plugin at all. */
static void
expect_unknown(const struct fake_step *script, const char *says)
{
	static const char file[] = "no_such_plugin.so";
	char folder[] = "/tmp/aw-plugins.XXXXXX";
	struct unknown u = { script, says };
	int r;

	why[0] = '\0';
	ck_assert(mkdtemp(folder) && chdir(folder) == 0);
	ck_assert_int_eq(symlink("/etc/passwd", file), 0);
	r = aw_run(unknown_app, &u, .no_signals = true, .check_leaks = true);
	unlink(file);
	rmdir(folder);
	ck_assert_msg(r == 0 && !why[0], "%s (%s)", why, aw_error_name(r));
}

/* An Authentication Switch Request; a refusal, as the client has no word. */
#define WANTS(test, length, name, says) \
	START_TEST(test) \
	{ \
		static const struct fake_step script[] = { \
			FAKE_SEND(GREETING), FAKE_GULP, \
			FAKE_SEND(length "\0\0\2\xfe" name "\0" \
				  "abcdefghijklmnopqrst\0"), \
			FAKE_GULP, FAKE_SEND(DENIED), FAKE_CLOSE }; \
		expect_unknown(script, says); \
	} \
	END_TEST

WANTS(a_plugin_that_is_not_there_is_named_and_not_sought_here, "\x25",
      "no_such_plugin", "/no_such_plugin.so: cannot open")
WANTS(a_plugin_has_a_name_and_no_path, "\x25", "./no_such_plug",
      "./no_such_plug could not be loaded: invalid")

int
main(void)
{
	Suite *suite = suite_create("mysql lies");
	TCase *answers = tcase_create("answers");
	TCase *logins = tcase_create("logins");

	(void)check_session;
	tcase_add_test(answers, an_empty_packet_is_a_loss);
	tcase_add_test(answers, a_count_of_columns_without_end_is_a_loss);
	tcase_add_test(answers, a_column_longer_than_its_packet_is_a_loss);
	tcase_add_test(answers, a_field_beyond_its_row_is_a_loss);
	tcase_add_test(answers, an_error_without_anything_is_a_failure);
	tcase_add_test(answers, a_row_that_is_cut_is_a_loss);
	tcase_add_test(answers, a_column_that_does_not_come_is_a_loss);
	tcase_add_test(logins,
		a_plugin_that_is_not_there_is_named_and_not_sought_here);
	tcase_add_test(logins, a_plugin_has_a_name_and_no_path);
	suite_add_tcase(suite, answers);
	suite_add_tcase(suite, logins);
	return suite_run(suite);
}
