/* SPDX-License-Identifier: MIT */
/*
 * chaos.h - a network that does what no real one would in time for a test: a
 * proxy in a process of its own, between a client and a server on this
 * machine.
 *
 *	struct chaos chaos;
 *
 *	chaos_start(&chaos, server_port);
 *	... connect to 127.0.0.1:chaos.port ...
 *	chaos_set(&chaos, .client = { .freeze = true });
 *	...
 *	chaos_set(&chaos, .cut = CHAOS_RESET);
 *	chaos_stop(&chaos);
 *
 *	client --- link --- server		two sockets, a buffer each way
 *	   |  .server {...}  ^
 *	   |  -------------> |		what is done to bytes on their way to
 *	   |  .client {...}  |		the server, and to the client
 *	   |  <------------- |
 *
 * chaos_set() returns when the new rules hold. They are the whole truth:
 * what is not said is as it is on a good day. Counts of bytes (.after, .at)
 * begin anew with chaos_set() on links that are open, and at 0 on new ones.
 * The process dies with the one that started it.
 */
#ifndef TESTS_CHAOS_H
#define TESTS_CHAOS_H

#include <stdbool.h>
#include <sys/types.h>

enum chaos_cut {
	CHAOS_KEEP,		/* links that are open stay so */
	CHAOS_CLOSE,		/* all end in an orderly way */
	CHAOS_RESET		/* all are reset */
};

enum chaos_door {
	CHAOS_OPEN,
	CHAOS_SILENT,		/* accepts, and never speaks */
	CHAOS_SLAM,		/* accepts and resets */
	CHAOS_SHUT		/* the port refuses */
};

enum chaos_then {
	CHAOS_PASS,		/* .after means nothing */
	CHAOS_THEN_CLOSE,	/* after so many bytes the link ends */
	CHAOS_THEN_RESET,
	CHAOS_THEN_FREEZE
};

struct chaos_way {
	bool freeze;		/* nothing is read any more */
	bool hold_end;		/* the end of the stream is not passed on */
	int slice;		/* bytes at a time; 0: as they come */
	int delay;		/* ms before each piece */
	enum chaos_then then;
	long after;		/* bytes */
	long at;		/* the offset of a byte ... */
	unsigned char flip;	/* ... and its bits that are turned; 0: none */
	bool twice;		/* each piece comes twice */
};

struct chaos_rules {
	char named;		/* members are named; not used */
	enum chaos_cut cut;
	enum chaos_door door;
	struct chaos_way server, client;
};

struct chaos_state {
	int accepted;		/* since the start */
	int live;
	long to_server, to_client;	/* bytes, since the start */
};

struct chaos {
	int port;
	int control;
	pid_t pid;
};

/* Exits when it cannot; to be called before the loop runs. */
void chaos_start(struct chaos *chaos, int server_port);
void chaos_start_at(struct chaos *chaos, const char *here, int server_port);
void chaos_stop(struct chaos *chaos);
void chaos_rule(struct chaos *chaos, struct chaos_rules rules);
struct chaos_state chaos_look(struct chaos *chaos);	/* changes nothing */

#define chaos_set(chaos, ...) \
	chaos_rule((chaos), (struct chaos_rules){ .named = 0, \
						  __VA_ARGS__ })

/* Open descriptors of this process. */
int chaos_count_fds(void);
/* So many more may be opened, and no more; -1: as many as before. */
void chaos_limit_fds(int more);
/* All numbers below are taken, so that new ones are larger; false: the
 * machine does not allow it. Call it with 0 to give them back. */
bool chaos_fill_fds(int below);
/* A signal of a handler that does nothing, every millisecond, or none. */
void chaos_alarms(bool on);

#endif
