/* SPDX-License-Identifier: MIT */
/*
 * A race for a connection: RFC 8305, section 5.
 *
 *	addresses   |0          |250 ms      |500 ms
 *	  [::1]     connecting .............. refused
 *	  1.2.3.4               connecting ........ connected: the winner
 *	  [::2]                              connecting .. closed
 *
 * Attempts begin one after another, the next one when the last has had its
 * 250 ms or has failed. One task runs the race: each attempt's descriptor has
 * a watch, and whichever is ready, or the timer, completes the one waiter.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime.h"
#include "stream_connect.h"

#define STAGGER 0.25		/* RFC 8305, section 8 */
#define ATTEMPTS 64		/* aw_resolve() gives no more */

struct race;

struct attempt {
	struct race *race;
	const struct aw_address *to;
	struct aw_fd *fd;		/* NULL: not under way */
	int number;
	int error;			/* -errno it failed with, or 0 */
	bool ready;			/* the system has decided */
};

struct race {
	struct attempt at[ATTEMPTS];
	const struct aw_address *local;	/* to connect from, or NULL */
	size_t n, next, n_running;
	struct attempt *winner;
	bool due;			/* the next attempt may begin */
	int lack;			/* -EMFILE and the like, or 0 */
	struct aw_timer timer;
	struct aw_waiter waiter;
	uint64_t ticket;
};

/* --- Events, on the loop's stack --------------------------------------- */

static void
wake(struct race *race)
{
	aw_ignore(aw_waiter_complete(&race->waiter, race->ticket, 0));
}

static void
on_decided(void *arg, int events)
{
	struct attempt *a = arg;

	(void)events;
	a->ready = true;
	aw_fd_watch(a->fd, 0, NULL, NULL);
	wake(a->race);
}

static void
on_due(void *arg)
{
	struct race *race = arg;

	race->due = true;
	wake(race);
}

/* --- Attempts ---------------------------------------------------------- */

static void
stop(struct attempt *a, int error)
{
	a->race->n_running -= a->fd != NULL;
	aw_fd_free(a->fd);
	a->fd = NULL;
	if (a->number >= 0)
		close(a->number);
	a->number = -1;
	a->ready = false;
	a->error = error;
}

static void
failed(struct attempt *a, int error)
{
	stop(a, error);
	a->race->due = true;
}

/* Neither the network nor the peer is to blame; the next attempt would fare
 * no better. */
static void
lacking(struct attempt *a, int error)
{
	stop(a, error);
	a->race->lack = error;
	a->race->next = a->race->n;
}

/* A connect to a port of the local range, where nobody listens, may be given
 * that port itself and reach itself. */
static bool
is_oneself(const struct attempt *a)
{
	struct aw_address own;

	return aw__address_of(a->number, false, &own) == 0 &&
	       own.size == a->to->size &&
	       memcmp(&own.sockaddr, &a->to->sockaddr, own.size) == 0;
}

static void
connected(struct attempt *a)
{
	if (is_oneself(a))
		failed(a, -ECONNREFUSED);
	else
		a->race->winner = a;
}

/* 0; -errno. The port is left to connect(2), which may then share one that
 * goes elsewhere. */
static int
bind_local(const struct attempt *a)
{
	const struct aw_address *local = a->race->local;
	const struct sockaddr *from = (const void *)&local->sockaddr;

	aw_ignore(setsockopt(a->number, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
			     &(int){ 1 }, sizeof(int)));
	return bind(a->number, from, local->size) < 0 ? -errno : 0;
}

/* Of the family; one of another than .local cannot be used. */
static void
open_socket(struct attempt *a)
{
	const struct aw_address *local = a->race->local;
	int r = -EAFNOSUPPORT;

	if (!local || local->family == a->to->family) {
		a->number = socket(a->to->family, SOCK_STREAM | SOCK_NONBLOCK |
				   SOCK_CLOEXEC, 0);
		r = a->number < 0 ? -errno : local ? bind_local(a) : 0;
	}
	if (r == -EAFNOSUPPORT || (r < 0 && a->number >= 0))
		failed(a, r);
	else if (r < 0)
		lacking(a, r);
}

static void
begin(struct attempt *a)
{
	const struct sockaddr *to = (const void *)&a->to->sockaddr;
	int r;

	open_socket(a);
	if (a->number < 0)
		return;
	if (connect(a->number, to, a->to->size) == 0)
		connected(a);
	else if (errno != EINPROGRESS && errno != EINTR)
		failed(a, -errno);
	if (a->number < 0 || a->race->winner)
		return;
	r = aw_fd_new(&a->fd, a->number);
	if (r < 0) {
		lacking(a, r);
		return;
	}
	a->race->n_running++;
	aw_fd_watch(a->fd, AW_FD_WRITE, on_decided, a);
}

static void
decide(struct attempt *a)
{
	int error = 0;
	socklen_t size = sizeof error;

	a->ready = false;
	if (getsockopt(a->number, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error)
		failed(a, -error);
	else
		connected(a);
}

static void
collect(struct race *race)
{
	size_t i;

	for (i = 0; i < race->next && i < race->n && !race->winner; i++)
		if (race->at[i].ready)
			decide(&race->at[i]);
}

/* Begins what may begin; a failure at once makes the next one due. */
static int
advance(struct race *race)
{
	while (race->due && race->next < race->n && !race->winner) {
		race->due = false;
		begin(&race->at[race->next++]);
	}
	if (race->next < race->n && !race->winner)
		return aw_timer_start(&race->timer, aw_now() + STAGGER,
				      on_due, race);
	return 0;
}

/* --- The outcome ------------------------------------------------------- */

static void
tell_tries(const struct race *race, char *text, size_t size)
{
	size_t i, n = 0;

	text[0] = '\0';
	for (i = 0; i < race->n && n < size; i++) {
		const struct attempt *a = &race->at[i];

		if (!a->error && !a->fd)
			continue;
		n += (size_t)snprintf(text + n, size - n, "%s%s: %s",
				      n ? "; " : "", a->to->text,
				      a->error ? aw_strerror(a->error)
					       : "no answer yet");
	}
}

static int
all_failed(const struct race *race, const char *host, int port)
{
	char tries[256];
	size_t i = race->n;

	tell_tries(race, tries, sizeof tries);
	aw_fail(race->lack ? race->lack : AW_ECONNECT,
		"no connection to %.80s port %d: %s", host, port, tries);
	while (i > 0 && !race->at[i - 1].error)
		i--;
	aw_error_edit()->native = i > 0 ? -race->at[i - 1].error : 0;
	return race->lack ? race->lack : AW_ECONNECT;
}

static void
interrupted(const struct race *race, const char *host, int port)
{
	struct aw_error *e = aw_error_edit();
	char tries[88];

	tell_tries(race, tries, sizeof tries);
	snprintf(e->wait, sizeof e->wait, "a connection to %.40s port %d; %s",
		 host, port, tries);
}

static int
wait(struct race *race)
{
	race->ticket = aw_waiter_begin(&race->waiter);
	return aw_waiter_wait(&race->waiter, NULL, "a connection", NULL);
}

static int
run(struct race *race, const char *host, int port)
{
	int r;

	for (;;) {
		collect(race);
		r = advance(race);
		if (r < 0 || race->winner)
			return r;
		if (race->n_running == 0)
			return all_failed(race, host, port);
		r = wait(race);
		if (r < 0) {
			interrupted(race, host, port);
			return r;
		}
	}
}

int
aw__race(const struct aw_addresses *list, const struct aw_address *local,
	 const char *host, int port, int *ret_number, struct aw_fd **ret_fd)
{
	struct race race = { .due = true, .local = local };
	size_t i;
	int r;

	race.n = list->n < ATTEMPTS ? list->n : ATTEMPTS;
	for (i = 0; i < race.n; i++)
		race.at[i] = (struct attempt){
			.race = &race, .to = &list->at[i], .number = -1
		};
	r = run(&race, host, port);
	aw_timer_stop(&race.timer);
	if (r == 0) {
		*ret_number = race.winner->number;
		*ret_fd = race.winner->fd;
		race.winner->number = -1;
		race.winner->fd = NULL;
	}
	for (i = 0; i < race.n; i++)
		stop(&race.at[i], 0);
	if (r < 0)
		aw_error_edit()->sent = AW_NOT_SENT;
	return r;
}
