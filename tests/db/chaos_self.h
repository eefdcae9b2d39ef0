/* SPDX-License-Identifier: MIT */
/* chaos_self.h - a process without descriptors, with large ones, under a storm
 * of signals; for both databases, see chaos_session.h. */
#ifndef TESTS_DB_CHAOS_SELF_H
#define TESTS_DB_CHAOS_SELF_H

#include "chaos_cut.h"

/* For .acquire = 0.05: wherever the last descriptor is missed, it is an
 * ordinary failure, and everything works again when there are more. */
static inline int
few_fds(struct aw_db *db)
{
	int missed = 0;

	for (int more = 0; more < 8; more++) {
		int r;

		chaos_limit_fds(more);
		r = ask(db, more);
		chaos_limit_fds(-1);
		if (r < 0 && r != AW_EPOOL && r != -EMFILE &&
		    r != AW_ECONNECT && r != AW_ERESOLVE && r != AW_ETLS)
			return unwanted(__LINE__, "%d more gave %s", more,
					aw_error_name(r));
		if (r < 0)
			WANT_INT(aw_error()->sent, AW_NOT_SENT);
		missed += r < 0;
		if (r == 0)
			WANT_OK(cut_all(db, CHAOS_CLOSE));
	}
	WANT(missed >= 1);
	return heals(db);
}

static inline int
high_fds(struct aw_db *db)
{
	WANT(chaos_fill_fds(1100));
	for (int i = 0; i < 5; i++)
		WANT_OK(ask(db, i));
	WANT_OK(twenty_rows(db));
	WANT_OK(heals(db));
	WANT(chaos_fill_fds(0));
	return 0;
}

static inline int
alarms(struct aw_db *db)
{
	chaos_alarms(true);
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 50; k++)
			WANT_OK(ask(db, k));
		WANT_OK(twenty_rows(db));
		WANT_OK(sender(db));
		WANT_OK(cut_all(db, CHAOS_CLOSE));
	}
	chaos_alarms(false);
	return heals(db);
}

#endif
