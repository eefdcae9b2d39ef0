/* SPDX-License-Identifier: MIT */
/*
 * oracle.h - what the two oracles share: whom to interrupt, and when.
 *
 *	worker --- spawns ---> victim: one of the program's tries
 *	   |  random moments       | blocked()  <- the loop's hook
 *	   |<-- what does it wait for now? ---'
 *	   `--- cancel, the sooner the rarer that state was so far
 *
 * Half of the tries end by a deadline drawn beforehand, wherever it finds
 * them. Left to chance alone some states are hardly ever met: a statement is
 * sent in microseconds. So each of the other half is looked at at random
 * moments, and cancelled with a probability that falls with the number of
 * interruptions that its present state has had. Moments stay random, within
 * a state too.
 *
 * What ends a try must have been meant for it: an error that an interruption
 * left behind on a connection looks like one, and is a foreign answer, too.
 *
 * AWAIT_TEST_ROUNDS: that many tries at most, and the counts are printed.
 * AWAIT_TEST_LEAST: go on until each state was met so often; it is a failure
 * if the tries do not suffice.
 */
#ifndef TESTS_DB_ORACLE_H
#define TESTS_DB_ORACLE_H

#include <unistd.h>

#include <await/debug.h>
#include <await/driver.h>

#include "session.h"

#define VICTIMS 8

enum state { ACQUIRE, CONNECTING, SENDING, FIRST_BYTE, MID_ROWS, REPAIR,
	     COMMIT, BETWEEN, N_STATES };

static const char *const state_names[] = {
	"acquire", "connecting", "sending", "first byte", "mid-rows", "repair",
	"commit", "between",
};

typedef int try_fn(int64_t nonce);

/* Each program's own: all tries, and by state one that leads there. */
static try_fn *pick_any(void);
static try_fn *pick_for(enum state state);
static bool reads_rows(try_fn *fn);

struct victim {
	const struct aw_task *task;
	const char *what;		/* it waits for; NULL: it does not */
	try_fn *fn;
	bool timed;			/* a deadline ends it */
	bool ended;
};

static struct {
	struct aw_db *db;
	unsigned seed;
	int64_t nonce;
	int left, done, least, hist[N_STATES];
	struct victim victims[VICTIMS];
	char *big;
	size_t big_size;
} o;

static double
chance(double most)
{
	return most * rand_r(&o.seed) / RAND_MAX;
}

/* -- states ------------------------------------------------------------- */

static enum state
state_in(const char *wait, try_fn *fn)
{
	struct aw_db_stats s = { .size = 0 };

	aw_db_stats(o.db, &s);
	if (strstr(wait, "to take a statement"))
		return SENDING;
	if (strstr(wait, "answer of"))
		return reads_rows(fn) ? MID_ROWS : FIRST_BYTE;
	if (strstr(wait, "connection"))
		return s.connecting ? CONNECTING : s.repairing ? REPAIR :
								 ACQUIRE;
	return BETWEEN;
}

/* What it waited for when it was interrupted. */
static enum state
state_of(int r, try_fn *fn)
{
	const struct aw_error *e = aw_error();

	if (r == AW_EUNKNOWN || strcmp(e->op, "COMMIT") == 0)
		return COMMIT;
	return state_in(e->wait, fn);
}

static enum state
rarest(void)
{
	enum state best = ACQUIRE;

	for (enum state s = ACQUIRE; s < BETWEEN; s++)
		if (o.hist[s] < o.hist[best])
			best = s;
	return best;
}

static bool
is_enough(void)
{
	return o.least > 0 && o.hist[rarest()] >= o.least;
}

static struct victim *
victim_of(const struct aw_task *task)
{
	for (int i = 0; i < VICTIMS; i++)
		if (o.victims[i].task == task)
			return &o.victims[i];
	return NULL;
}

static void
on_blocked(void *arg, const struct aw_task *task, const char *what,
	   const void *object)
{
	struct victim *v = victim_of(task);

	(void)arg;
	(void)object;
	if (v)
		v->what = what;
}

static void
on_woken(void *arg, const struct aw_task *task)
{
	struct victim *v = victim_of(task);

	(void)arg;
	if (v)
		v->what = NULL;
}

/* -- tries -------------------------------------------------------------- */

static int
count(int r, try_fn *fn)
{
	o.done++;
	if (aw_is_cancel(r) || r == AW_EUNKNOWN)
		o.hist[state_of(r, fn)]++;
	else if (r < 0)
		return unwanted(__LINE__, "gave %s", aw_error_name(r));
	return 0;
}

/* Was it interrupted, or is it the interruption of another, found on a
 * connection that was not thrown away?  A try may set its own COMMIT a
 * limit. */
static int
check_interrupt(int r)
{
	struct aw_error *kept = NULL;
	int really;

	if (!aw_is_cancel(r) || strcmp(aw_error()->op, "COMMIT") == 0)
		return r;
	WANT_OK(aw_error_dup(&kept));
	really = aw_check();
	if (really < 0)
		aw_error_put(kept);
	aw_error_free(kept);
	if (really == 0)
		return unwanted(__LINE__, "%s, and nobody interrupted it",
				aw_error_name(r));
	return r;
}

static int
one_try(void *arg)
{
	struct victim *v = arg;
	int64_t nonce = o.nonce += 2;
	int r;

	v->fn = rand_r(&o.seed) % 2 ? pick_any() : pick_for(rarest());
	if (v->timed) {
		AW_TIMEOUT(chance(chance(0.02)));

		r = check_interrupt(v->fn(nonce));
	} else {
		r = check_interrupt(v->fn(nonce));
	}
	v->ended = true;
	return count(r, v->fn);
}

/* Shall it be cancelled now? */
static bool
is_its_turn(const struct victim *v)
{
	enum state s = v->what ? state_in(v->what, v->fn) : BETWEEN;

	return s != BETWEEN &&
	       chance(o.hist[s] + 1.0) <= o.hist[rarest()] + 1.0;
}

/* A random moment; a state that does not last is met between two turns of
 * the loop. */
static int
a_moment(void)
{
	return aw_sleep(rand_r(&o.seed) % 4 ? 0 : chance(chance(0.002)));
}

static int
hunt(struct victim *v)
{
	struct aw_task *task;
	int status;

	*v = (struct victim){ .task = NULL };
	task = aw_spawn("try", one_try, v);
	WANT(task);
	v->task = task;
	for (int i = 0; i < 1000 && !v->ended; i++) {
		WANT_OK(a_moment());
		if (is_its_turn(v))
			break;
	}
	aw_cancel(task, "oracle");
	WANT_OK(aw_join(task, &status));
	v->task = NULL;
	return status < 0 && status != AW_ECANCELED ? status : 0;
}

static int
worker(void *arg)
{
	struct victim *v = arg;

	while (o.left-- > 0 && !why[0] && !is_enough()) {
		*v = (struct victim){ .timed = true };
		if (rand_r(&o.seed) % 2)
			AW_TRY(one_try(v));
		else
			AW_TRY(hunt(v));
	}
	return 0;
}

/* -- the whole ---------------------------------------------------------- */

static int
number(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text ? (int)strtol(text, NULL, 10) : otherwise;
}

static int
oracle_open(struct aw_db *db, int rounds)
{
	const struct aw_hooks hooks = { .size = sizeof(hooks),
					.blocked = on_blocked,
					.woken = on_woken };

	memset(&o, 0, sizeof(o));
	o.db = db;
	o.seed = (unsigned)getpid();
	o.left = number("AWAIT_TEST_ROUNDS", rounds);
	o.least = number("AWAIT_TEST_LEAST", 0);
	o.big_size = 4 << 20;
	o.big = calloc(1, o.big_size);
	WANT(o.big);
	aw_set_hooks(&hooks);
	return 0;
}

/* side runs beside the workers, until there is no more to do. */
static int
oracle_run(int (*side)(void *arg))
{
	AW_GROUP(g);

	for (int i = 0; i < VICTIMS; i++)
		WANT_OK(aw_go(&g, worker, &o.victims[i]));
	if (side)
		WANT_OK(aw_go(&g, side, NULL));
	WANT_OK(aw_group_wait(&g));
	return 0;
}

static int
oracle_close(void)
{
	aw_set_hooks(NULL);
	free(o.big);
	WANT(!why[0]);
	if (getenv("AWAIT_TEST_ROUNDS")) {
		fprintf(stderr, "# %d tries\n", o.done);
		for (int i = 0; i < N_STATES; i++)
			fprintf(stderr, "# %-12s %d\n", state_names[i],
				o.hist[i]);
	}
	WANT(o.least == 0 || is_enough());
	return 0;
}

#endif
