/* SPDX-License-Identifier: MIT */
/*
 * A client and a server talk over TCP, and one of them is cancelled at each
 * possible moment, or each allocation is refused. Whatever happens: nobody
 * waits for ever, no descriptor is left, and what was read is what was
 * written, as far as it came.
 *
 * A moment is a number of turns of the ready queue, counted while the two
 * talk; beyond the last one nothing is cancelled, and the talk is complete.
 */
#include "failmalloc.h"
#include "stream_descriptors.h"
#include "stream_pair.h"

#define ROUNDS 3
#define BULK 300000
#define SEEDS 10
#define STEP 11

static struct aw_listener *listener;
static char bulk[BULK];
static bool wrong;
static int n_answers;

/* --- The talk ---------------------------------------------------------- */

static int
answer_one(struct aw_stream *s)
{
	struct aw_bytes got;
	int r = aw_stream_line(s, &got);

	if (r <= 0)
		return r < 0 ? r : AW_ECLOSED;
	AW_TRY(aw_stream_printf(s, "you said %.*s--", AW_ARG(got)));
	AW_TRY(aw_stream_exactly(s, &got, 4));
	wrong |= memcmp(got.data, "1234", 4) != 0;
	AW_TRY(aw_stream_write(s, aw_bytes(bulk, BULK)));
	return aw_stream_flush(s);
}

static int
answers(struct aw_stream *s, void *arg)
{
	int r;

	(void)arg;
	do
		r = answer_one(s);
	while (r == 0);
	return r == AW_ECLOSED ? 0 : r;
}

static int
serves(void *arg)
{
	(void)arg;
	return aw_serve(listener, answers, NULL, .max = 2);
}

static int
reads_bulk(struct aw_stream *s)
{
	char part[10000];
	size_t n = 0;

	while (n < BULK) {
		size_t left = BULK - n;
		int r = aw_stream_read(s, part, left < sizeof part
				       ? left : sizeof part);

		if (r <= 0)
			return r < 0 ? r : AW_ELOST;
		wrong |= memcmp(part, bulk + n, (size_t)r) != 0;
		n += (size_t)r;
	}
	return 0;
}

static int
talks(void *arg)
{
	AW_AUTO(aw_stream, s);
	struct aw_bytes got;

	(void)arg;
	AW_TRY(aw_tcp_connect(&s, "127.0.0.1", aw_listener_port(listener)));
	for (int i = 0; i < ROUNDS; i++) {
		AW_TRY(aw_stream_printf(s, "round %d\n1234", i));
		AW_TRY(aw_stream_until(s, &got, aw_text("--")));
		wrong |= got.size != strlen("you said round 0--");
		AW_TRY(reads_bulk(s));
		n_answers++;
	}
	AW_TRY(aw_stream_shutdown(s));
	return aw_stream_close(&s);
}

/* --- The torture ------------------------------------------------------- */

/* Cancels the victim after moment turns; false: it had ended before. */
static bool
cancel_at(struct aw_task *victim, int moment, const int *done)
{
	for (int i = 0; i < moment && !*done; i++)
		if (aw_sleep(0) < 0)
			return false;
	if (*done)
		return false;
	aw_cancel(victim, "test");
	return true;
}

static int client_done;

static int
talks_once(void *arg)
{
	int r = talks(arg);

	client_done = 1;
	return r;
}

/* One talk. 1: somebody was cancelled; 0: nobody. */
static int
scene(int moment, bool cancel_server)
{
	struct aw_task *server, *client;
	int status = 0, server_status = 0;
	bool hit;

	client_done = 0;
	n_answers = 0;
	AW_TRY(aw_tcp_listen(&listener, NULL, 0));
	server = aw_spawn("serves", serves, NULL);
	client = aw_spawn("talks", talks_once, NULL);
	hit = cancel_at(cancel_server ? server : client, moment,
			&client_done);
	if (!hit || !cancel_server)	/* a server ends when it is stopped */
		AW_TRY(aw_join(client, &status));
	else				/* who waits in the backlog is reset */
		AW_TRY(aw_join(server, &server_status));
	aw_listener_stop(listener);
	if (!hit || !cancel_server)
		AW_TRY(aw_join(server, &server_status));
	else
		AW_TRY(aw_join(client, &status));
	aw_listener_freep(&listener);
	if (!hit && (status || server_status || n_answers != ROUNDS))
		note("moment %d: %s, %s", moment, name(status),
		     name(server_status));
	return hit;
}

struct moments {
	int first, step;
};

static int
at_moments(void *arg)
{
	const struct moments *m = arg;
	int before = open_descriptors(), n[2] = { 0, 0 };

	for (int who = 0; who < 2; who++)
		for (int moment = m->first; moment < 4000; moment += m->step) {
			int r = scene(moment, who);

			AW_TRY(r);
			if (r == 0)
				break;
			n[who]++;
			if (open_descriptors() != before)
				note("moment %d: a descriptor is left",
				     moment);
		}
	note("%d %d", n[0] > 0, n[1] > 0);
	return 0;
}

static void
fill_bulk(void)
{
	for (size_t i = 0; i < BULK; i++)
		bulk[i] = (char)(i % 253);
}

START_TEST(a_cancel_at_any_moment_leaves_nothing)
{
	struct moments all = { 0, 1 };

	fill_bulk();
	ck_assert_int_eq(plain_run(at_moments, &all), 0);
	ck_assert_str_eq(noted, "1 1; ");
	ck_assert(!wrong);
}
END_TEST

/* Each order at a few moments, the next order at the next ones. */
START_TEST(a_cancel_in_any_order_leaves_nothing)
{
	fill_bulk();
	for (int seed = 1; seed <= n_seeds(SEEDS); seed++) {
		struct moments some = { seed % STEP, STEP };

		forget_notes();
		ck_assert_int_eq(aw_run(at_moments, &some, .no_signals = true,
					.seed = (unsigned)seed), 0);
		ck_assert_msg(strcmp(noted, "1 1; ") == 0, "seed %d: %s", seed,
			      noted);
		ck_assert_msg(!wrong, "seed %d: wrong bytes", seed);
	}
}
END_TEST

static int
every_allocation(void *arg)
{
	int before = open_descriptors();
	bool refused = true;

	(void)arg;
	for (unsigned long n = 0; refused && n < 2000; n++) {
		AW_SCOPE(limit, .seconds = 30);

		client_done = 0;
		n_answers = 0;
		AW_TRY(aw_tcp_listen(&listener, NULL, 0));
		fail_only(n);
		{
			AW_GROUP(group);

			if (aw_go(&group, serves, NULL) == 0 &&
			    talks(NULL) == 0 && n_answers != ROUNDS)
				note("%lu: half a talk", n);
			aw_listener_stop(listener);
			aw_ignore(aw_group_wait(&group));
		}
		refused = fail_stop();
		aw_listener_freep(&listener);
		if (open_descriptors() != before)
			note("%lu: a descriptor is left", n);
	}
	note("%d", n_answers);
	return aw_check();
}

START_TEST(a_refused_allocation_leaves_nothing)
{
	ck_assert_int_eq(plain_run(every_allocation, NULL), 0);
	ck_assert_str_eq(noted, "3; ");
	ck_assert(!wrong);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_torture");
	TCase *torture = tcase_create("torture");

	tcase_add_test(torture, a_cancel_at_any_moment_leaves_nothing);
	tcase_add_test(torture, a_cancel_in_any_order_leaves_nothing);
	tcase_add_test(torture, a_refused_allocation_leaves_nothing);
	suite_add_tcase(suite, torture);
	return suite_run(suite);
}
