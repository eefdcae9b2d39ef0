/* SPDX-License-Identifier: MIT */
/* chaos_open.h - what can happen while a connection is made; for both
 * databases, see chaos_session.h. */
#ifndef TESTS_DB_CHAOS_OPEN_H
#define TESTS_DB_CHAOS_OPEN_H

#include "chaos_session.h"

/* The limit of the pool, then one of the user's, and a pool that is well. */
static inline int
meets_limits(struct aw_db *db)
{
	int r;

	WANT_CODE(ask(db, 1), AW_EPOOL);
	WANT_INT(aw_error()->sent, AW_NOT_SENT);
	{
		AW_TIMEOUT(0.03);

		r = ask(db, 2);
	}
	WANT_CODE(r, AW_ETIME);
	return 0;
}

/* For .acquire = 0.3: until an attempt has got as far as the door. */
static inline int
never_speaks(struct aw_db *db)
{
	chaos_set(&net, .door = CHAOS_SILENT);
	for (int i = 0; i < 60 && (i == 0 || !chaos_look(&net).accepted); i++)
		WANT_OK(meets_limits(db));
	WANT(chaos_look(&net).accepted >= 1);
	chaos_set(&net, .cut = CHAOS_RESET);
	return heals(db);
}

/* As far as the handshake of either database goes, TLS or not; every connect
 * stops at another byte. */
static const int stops[] = { 1, 90, 1200 };

static inline int
stops_half_way(struct aw_db *db)
{
	for (size_t i = 0; i < AW_LENGTH(stops); i++) {
		chaos_set(&net, .cut = CHAOS_RESET, .client = {
			.then = CHAOS_THEN_FREEZE, .after = stops[i] });
		if (ask(db, 1) == 0)
			break;		/* it needs no more bytes than that */
		WANT_CODE(aw_error()->code, AW_EPOOL);
		WANT_INT(aw_error()->sent, AW_NOT_SENT);
	}
	chaos_set(&net, .cut = CHAOS_RESET);
	return heals(db);
}

static inline int
slams(struct aw_db *db)
{
	int accepted = 0, asked = 0;

	chaos_set(&net, .door = CHAOS_SLAM);
	while (asked++ < 40 && accepted == 0) {
		WANT_CODE(ask(db, 1), AW_EPOOL);
		WANT_INT(aw_error()->sent, AW_NOT_SENT);
		accepted = chaos_look(&net).accepted;
	}
	/* Pauses, not a storm: 0.1 s, 0.2 s, each with up to half off. */
	WANT(accepted >= 1 && accepted <= 8 * asked);
	return heals(db);
}

static inline int
asker(void *arg)
{
	return ask((struct aw_db *)arg, 3);
}

/* The caller is cancelled while the connect hangs at some byte; the pool's
 * attempt goes on and ends by itself. */
static inline int
cancelled_amid(struct aw_db *db)
{
	for (size_t i = 0; i < AW_LENGTH(stops) + 1; i++) {
		int status, seen = chaos_look(&net).accepted;
		struct aw_task *task;

		if (i == 0)
			chaos_set(&net, .door = CHAOS_SILENT);
		else
			chaos_set(&net, .cut = CHAOS_RESET, .client = {
				.then = CHAOS_THEN_FREEZE,
				.after = stops[i - 1] });
		task = aw_spawn("asker", asker, db);
		WANT(task);
		for (int k = 0; k < 500; k++) {
			if (chaos_look(&net).accepted > seen)
				break;
			WANT_OK(aw_sleep(0.002));
		}
		aw_cancel(task, "enough");
		WANT_OK(aw_join(task, &status));
		if (status == 0)
			break;
		WANT_CODE(status, AW_ECANCELED);
		/* So many bytes may be enough to connect and to ask. */
		WANT(i == AW_LENGTH(stops) ||
		     aw_error()->sent == AW_NOT_SENT);
	}
	chaos_set(&net, .cut = CHAOS_RESET);
	return heals(db);
}

/* --- Crowds ------------------------------------------------------------ */

struct crowd {
	struct aw_db *db;
	int served, late;
};

static inline int
crowd_member(void *arg)
{
	struct crowd *crowd = arg;
	int r = ask(crowd->db, 7);

	if (r == 0)
		crowd->served++;
	else if (r == AW_EPOOL)
		crowd->late++;
	else
		return r;
	return 0;
}

/* For .max = 4. */
static inline int
spike(struct aw_db *db)
{
	struct crowd crowd = { .db = db };
	struct aw_db_stats s = { .size = 0 };
	AW_GROUP(g);

	chaos_set(&net, .client = { .delay = 20 }, .server = { .delay = 5 });
	for (int i = 0; i < 50; i++)
		WANT_OK(aw_go(&g, crowd_member, &crowd));
	WANT_OK(aw_group_wait(&g));
	WANT_INT(crowd.served, 50);
	aw_db_stats(db, &s);
	WANT(s.opened >= 1 && s.opened <= 4);
	WANT(chaos_look(&net).accepted <= 4);
	return heals(db);
}

/* For .max = 4: 200 wait while the port refuses, and are served when it does
 * not any more. */
static inline int
herd(struct aw_db *db)
{
	struct crowd crowd = { .db = db };
	struct aw_db_stats s = { .size = 0 };
	AW_GROUP(g);

	WANT_OK(ask(db, 1));
	chaos_set(&net, .door = CHAOS_SLAM);
	WANT_OK(cut_all(db, CHAOS_RESET));
	chaos_set(&net, .door = CHAOS_SLAM);
	for (int i = 0; i < 200; i++)
		WANT_OK(aw_go(&g, crowd_member, &crowd));
	WANT_OK(aw_sleep(0.3));
	WANT_INT(crowd.served, 0);
	WANT(chaos_look(&net).accepted <= 12);
	chaos_set(&net, .door = CHAOS_OPEN);
	WANT_OK(aw_group_wait(&g));
	WANT_INT(crowd.served, 200);
	aw_db_stats(db, &s);
	WANT(s.open <= 4);
	WANT(chaos_look(&net).live <= 4);
	return heals(db);
}

/* The first may still get what was wrong. */
static inline int
ask_again(struct aw_db *db)
{
	int r = AW_ELOST;

	for (int i = 0; i < 20 && r < 0; i++)
		r = ask(db, i);
	return r;
}

/* A byte of the handshake is not what it was; whatever comes of it, it is
 * over in time, and the next attempt is as if nothing had been. A length that
 * is wrong is waited for by either side, as long as one lets it. */
static inline int
corrupt_handshake(struct aw_db *db)
{
	for (int at = 0; at < 400; at += at < 100 ? 19 : 90) {
		int r;

		chaos_set(&net, .cut = CHAOS_CLOSE, .client = {
			.at = at, .flip = at % 3 ? 0x81 : 0x10 });
		aw_db_expire(db);
		{
			AW_TIMEOUT(0.1);

			r = ask(db, at);
		}
		if (r < 0 && r != AW_ETIME && r != AW_EAUTH && r != AW_ETLS &&
		    r != AW_EPROTO && r != AW_ELOST && r != AW_ESQL &&
		    r != AW_EUSAGE && r != AW_ECONNECT)
			return unwanted(__LINE__, "byte %d gave %s", at,
					aw_error_name(r));
		/* No attempt is waiting for its time when the next begins. */
		chaos_set(&net, .cut = CHAOS_RESET);
		WANT_OK(ask_again(db));
	}
	return heals(db);
}

#endif
