/* SPDX-License-Identifier: MIT */
/*
 * chaos.c - the proxy of chaos.h: one process, one poll(), and an order comes
 * in a packet that is answered by the state.
 *
 *	link: side[CLIENT] --read--> way[SERVER].data --write--> side[SERVER]
 *	      side[SERVER] --read--> way[CLIENT].data --write--> side[CLIENT]
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "chaos.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 256

enum { SERVER, CLIENT };	/* a side, and the way to it */

struct way {
	char *data;
	int size, sent;
	long passed, due;	/* bytes so far; ms: when data may go on */
	bool ended, told;	/* the stream has ended; the other side knows */
};

struct link {
	int side[2];
	struct way way[2];
};

struct order {
	bool look;
	struct chaos_rules rules;
};

static struct {
	struct chaos_rules rules;
	struct chaos_state state;
	struct sockaddr_in server, here;
	int control, listener, n;
	struct link links[MOST];
} p;

static _Noreturn void
die(const char *what)
{
	perror(what);
	_exit(1);
}

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const struct chaos_way *
rule_of(int to)
{
	return to == SERVER ? &p.rules.server : &p.rules.client;
}

/* --- Links ------------------------------------------------------------- */

static void
reset_socket(int fd)
{
	struct linger none = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

static void
end_link(struct link *l, bool reset)
{
	for (int to = 0; to < 2; to++) {
		if (l->side[to] >= 0 && reset)
			reset_socket(l->side[to]);
		else if (l->side[to] >= 0)
			close(l->side[to]);
		free(l->way[to].data);
	}
	*l = p.links[--p.n];
	p.state.live = p.n;
}

static void
listen_here(void)
{
	socklen_t size = sizeof(p.here);
	int one = 1;

	p.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (p.listener < 0 ||
	    setsockopt(p.listener, SOL_SOCKET, SO_REUSEADDR, &one,
		       sizeof(one)) ||
	    bind(p.listener, (void *)&p.here, size) ||
	    listen(p.listener, 128) ||
	    getsockname(p.listener, (void *)&p.here, &size))
		die("chaos: listen");
}

static int
connect_server(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (void *)&p.server, sizeof(p.server)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void
accept_one(void)
{
	int fd = accept(p.listener, NULL, NULL), one = 1;
	struct link *l = &p.links[p.n];

	if (fd < 0)
		return;
	p.state.accepted++;
	memset(l, 0, sizeof(*l));
	l->side[CLIENT] = fd;
	l->side[SERVER] = -1;
	if (p.rules.door == CHAOS_OPEN)
		l->side[SERVER] = connect_server();
	if (p.n == MOST || p.rules.door == CHAOS_SLAM ||
	    (p.rules.door == CHAOS_OPEN && l->side[SERVER] < 0)) {
		reset_socket(fd);
		return;
	}
	p.state.live = ++p.n;
	for (int to = 0; to < 2; to++)
		if (l->side[to] >= 0)
			setsockopt(l->side[to], IPPROTO_TCP, TCP_NODELAY, &one,
				   sizeof(one));
}

/* --- Bytes ------------------------------------------------------------- */

static void
flip_byte(struct way *w, const struct chaos_way *rule, int n)
{
	long at = rule->at - w->passed;

	if (rule->flip && at >= 0 && at < n)
		w->data[at] ^= (char)rule->flip;
}

/* Takes what has come for one way; false: nothing more will. */
static bool
take(struct link *l, int to)
{
	const struct chaos_way *rule = rule_of(to);
	struct way *w = &l->way[to];
	size_t most = rule->twice ? 16384 : 32768;
	ssize_t n;

	if (!w->data)
		w->data = malloc(65536);
	if (!w->data)
		die("chaos: malloc");
	if (rule->then != CHAOS_PASS && rule->after - w->passed < (long)most)
		most = (size_t)(rule->after - w->passed);
	n = recv(l->side[!to], w->data, most, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	w->ended = n == 0 && most > 0;
	flip_byte(w, rule, (int)n);
	if (rule->twice)
		memcpy(w->data + n, w->data, (size_t)n);
	w->size = (int)(rule->twice ? 2 * n : n);
	w->sent = 0;
	w->passed += n;
	w->due = now_ms() + rule->delay;
	return true;
}

static bool
give(struct link *l, int to)
{
	const struct chaos_way *rule = rule_of(to);
	struct way *w = &l->way[to];
	int piece = w->size - w->sent;
	ssize_t n;

	if (rule->slice && piece > rule->slice)
		piece = rule->slice;
	n = send(l->side[to], w->data + w->sent, (size_t)piece,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	w->sent += (int)n;
	w->due = now_ms() + rule->delay;
	if (to == SERVER)
		p.state.to_server += n;
	else
		p.state.to_client += n;
	if (w->sent == w->size)
		w->sent = w->size = 0;
	return true;
}

/* Does the link go on as far as this way is concerned? */
static bool
go_on(struct link *l, int to)
{
	const struct chaos_way *rule = rule_of(to);
	struct way *w = &l->way[to];

	if (w->ended && !w->size && !w->told && !rule->hold_end) {
		shutdown(l->side[to], SHUT_WR);
		w->told = true;
	}
	return !(w->told && l->way[!to].told) &&
		!((rule->then == CHAOS_THEN_CLOSE ||
		   rule->then == CHAOS_THEN_RESET) &&
		  !w->size && w->passed >= rule->after);
}

/* What poll() is to look for at one side. */
static short
wishes(const struct link *l, int side)
{
	const struct way *in = &l->way[!side], *out = &l->way[side];
	const struct chaos_way *rule = rule_of(!side);
	short events = 0;

	if (l->side[SERVER] < 0)
		return POLLRDHUP;
	if (!in->size && !in->ended && !rule->freeze &&
	    !(rule->then != CHAOS_PASS && in->passed >= rule->after))
		events |= POLLIN;
	if (out->size && out->due <= now_ms() && !rule_of(side)->freeze)
		events |= POLLOUT;
	return events;
}

/* --- The process ------------------------------------------------------- */

static void
begin_counts(void)
{
	for (int i = 0; i < p.n; i++)
		for (int to = 0; to < 2; to++)
			p.links[i].way[to].passed = 0;
}

static void
set_door(void)
{
	bool shut = p.rules.door == CHAOS_SHUT;

	if (shut && p.listener >= 0) {
		close(p.listener);
		p.listener = -1;
	} else if (!shut && p.listener < 0) {
		listen_here();
	}
}

static void
obey(void)
{
	struct order order;

	if (recv(p.control, &order, sizeof(order), 0) != sizeof(order))
		_exit(0);
	if (!order.look) {
		p.rules = order.rules;
		while (p.rules.cut != CHAOS_KEEP && p.n)
			end_link(&p.links[0], p.rules.cut == CHAOS_RESET);
		begin_counts();
		set_door();
	}
	if (send(p.control, &p.state, sizeof(p.state), MSG_NOSIGNAL) < 0)
		_exit(0);
}

/* One side's events; false: the link is over. */
static bool
serve(struct link *l, int side, short events)
{
	if ((events & POLLRDHUP) ||
	    ((events & (POLLERR | POLLHUP)) && !(events & POLLIN) &&
	     !l->way[!side].ended))
		return false;
	if ((events & POLLIN) && !take(l, !side))
		return false;
	if ((events & POLLOUT) && !give(l, side))
		return false;
	return true;
}

static void
serve_link(int i, const struct pollfd *fds)
{
	struct link *l = &p.links[i];
	bool alive = true;

	for (int side = 0; alive && side < 2; side++)
		alive = serve(l, side, fds[side].revents);
	if (!alive) {
		end_link(l, true);
		return;
	}
	for (int to = 0; to < 2; to++) {
		bool reset = rule_of(to)->then == CHAOS_THEN_RESET;

		if (l->side[SERVER] >= 0 && !go_on(l, to)) {
			end_link(l, reset);
			return;
		}
	}
}

static int
fill(struct pollfd *fds)
{
	int timeout = -1;

	fds[0] = (struct pollfd){ p.control, POLLIN, 0 };
	fds[1] = (struct pollfd){ p.n < MOST ? p.listener : -1, POLLIN, 0 };
	for (int i = 0; i < p.n; i++)
		for (int side = 0; side < 2; side++) {
			const struct link *l = &p.links[i];
			short events = wishes(l, side);

			/* A hang-up that nobody asked for would spin. */
			fds[2 + 2 * i + side] = (struct pollfd){
				events ? l->side[side] : -1, events, 0 };
			if (l->way[side].size && !(events & POLLOUT))
				timeout = 1;
		}
	return timeout;
}

static _Noreturn void
run(void)
{
	struct pollfd fds[2 + 2 * MOST];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int n = p.n, timeout = fill(fds);

		if (poll(fds, (nfds_t)(2 + 2 * n), timeout) < 0)
			die("chaos: poll");
		/* From the end: the last takes the place of one that ends. */
		for (int i = n; i-- > 0;)
			serve_link(i, &fds[2 + 2 * i]);
		if (fds[1].revents & POLLIN)
			accept_one();
		if (fds[0].revents)
			obey();
	}
}

/* --- The test's side --------------------------------------------------- */

void
chaos_start_at(struct chaos *chaos, const char *here, int server_port)
{
	int pair[2];

	memset(&p, 0, sizeof(p));
	p.server.sin_family = p.here.sin_family = AF_INET;
	p.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (inet_pton(AF_INET, here, &p.here.sin_addr) != 1)
		die("chaos: address");
	p.server.sin_port = htons((unsigned short)server_port);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("chaos: socketpair");
	listen_here();
	chaos->port = ntohs(p.here.sin_port);
	chaos->control = pair[0];
	chaos->pid = fork();
	if (chaos->pid < 0)
		die("chaos: fork");
	if (chaos->pid == 0) {
		close(pair[0]);
		p.control = pair[1];
		run();
	}
	close(pair[1]);
	close(p.listener);
}

void
chaos_start(struct chaos *chaos, int server_port)
{
	chaos_start_at(chaos, "127.0.0.1", server_port);
}

void
chaos_stop(struct chaos *chaos)
{
	kill(chaos->pid, SIGKILL);
	waitpid(chaos->pid, NULL, 0);
	close(chaos->control);
}

static struct chaos_state
ask(struct chaos *chaos, const struct order *order)
{
	struct chaos_state state;
	ssize_t n;

	do {
		n = send(chaos->control, order, sizeof(*order), MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	while (n >= 0 || errno == EINTR) {
		n = recv(chaos->control, &state, sizeof(state), 0);
		if (n == sizeof(state))
			return state;
	}
	die("chaos: the proxy has gone");
}

void
chaos_rule(struct chaos *chaos, struct chaos_rules rules)
{
	struct order order = { .look = false, .rules = rules };

	ask(chaos, &order);
}

struct chaos_state
chaos_look(struct chaos *chaos)
{
	struct order order = { .look = true };

	return ask(chaos, &order);
}
