/* SPDX-License-Identifier: MIT */
/*
 * Trouble: what passes is told at most once a second and waited for; what
 * cannot pass ends the worker with one line that says where to look.
 */
#include "fetch_worker.h"

#include <stdio.h>

static const char *
text_of(int r)
{
	const struct aw_error *e = aw_error();

	return e->code == r && e->message[0] ? e->message : aw_strerror(r);
}

#define OTHER_SHAPE ": the table has another shape: rename or drop it"

/* A refused connect has said what to check already. */
static const char *
remedy(int r)
{
	if (r == AW_ETYPE || r == AW_ERANGE)
		return OTHER_SHAPE;
	if (r != AW_ESQL)
		return "";
	switch (aw_error()->sql_class) {
	case AW_SQL_PRIVILEGE:
		return ": grant its user SELECT, INSERT and UPDATE on the "
		       "table, or CREATE if there is none";
	case AW_SQL_UNDEFINED:
	case AW_SQL_NOT_NULL:
	case AW_SQL_DATA:
		return OTHER_SHAPE;
	case AW_SQL_READ_ONLY:
		return ": name a server or a user that may write";
	default:
		return "";
	}
}

/* option: "--queue" or "--store". The messages of the library name the part
 * of the DSN, never a password. */
static void
complain(struct worker *worker, const char *option, int r)
{
	fprintf(stderr, "fetch_worker: %s: %s: %s%s\n", option,
		aw_error_name(r), text_of(r), remedy(r));
	worker->fatal = r;
}

/* Told once, by whoever meets it first. */
int
cannot_start(struct worker *worker, const char *option, int r)
{
	if (r < 0 && !aw_is_cancel(r) && worker->fatal == 0)
		complain(worker, option, r);
	return r;
}

/* The table page does not even take the row of a failed page. */
int
unfit(struct worker *worker, int r)
{
	aw_event_set(&worker->wake);
	return cannot_start(worker, "--store", r);
}

/* Somebody has to change something: waiting does not help. */
bool
is_fatal(int r)
{
	return r == AW_ESQL &&
	       (aw_error()->sql_class == AW_SQL_PRIVILEGE ||
		aw_error()->sql_class == AW_SQL_UNDEFINED ||
		aw_error()->sql_class == AW_SQL_SYNTAX);
}

void
report(struct worker *worker, const char *what, int r)
{
	double now = aw_now();

	if (worker->reported > 0 && now - worker->reported < 1)
		return;
	worker->reported = now;
	fprintf(stderr, "fetch_worker: %s: %s: %s; trying again\n", what,
		aw_error_name(r), text_of(r));
}

/* r: of a call on the queue. True: try again; false: give up, since it is we
 * who must stop. */
bool
trouble(struct worker *worker, const char *what, int r)
{
	if (aw_check() < 0 || worker->fatal < 0)
		return false;
	if (is_fatal(r)) {
		complain(worker, "--queue", r);
		aw_event_set(&worker->wake);
		return false;
	}
	report(worker, what, r);
	return aw_sleep(0.2) == 0;
}
