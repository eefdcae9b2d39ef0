/* SPDX-License-Identifier: MIT */
/*
 * fake_http.h - a server that does what no real one would: it follows a
 * script, one per connection, in threads of its own.  With FAKE_GULP it speaks
 * other protocols, too.
 *
 *	static const struct fake_step cut[] = {
 *		FAKE_READ, FAKE_SEND("HTTP/1.1 200 OK\r\n"), FAKE_CLOSE
 *	};
 *	static const struct fake_step *const scripts[] = { cut, NULL };
 *	struct fake *fake = fake_start(scripts);
 *	... fake_url(fake) ...
 *	fake_stop(fake);
 *
 * The n-th connection follows the n-th script, later ones the last.  The
 * test waits for events, never for time: fake_told(fake) is readable after
 * FAKE_TELL, and FAKE_WAIT waits for fake_go().
 */
#ifndef TESTS_FAKE_HTTP_H
#define TESTS_FAKE_HTTP_H

#include <stddef.h>

enum fake_kind {
	FAKE_END_,
	FAKE_READ_,		/* one request, with its body */
	FAKE_GULP_,		/* what comes next, whatever it is */
	FAKE_SEND_,
	FAKE_FLOOD_,		/* send again and again until it fails */
	FAKE_TELL_,
	FAKE_WAIT_,
	FAKE_HOLD_,		/* until the client closes */
	FAKE_SHUT_,		/* end of file for the client */
	FAKE_AGAIN_,		/* from the first step */
	FAKE_CLOSE_,
	FAKE_RESET_
};

struct fake_step {
	enum fake_kind kind;
	const char *data;
	size_t size;
};

#define FAKE_SEND(text) { FAKE_SEND_, (text), sizeof(text) - 1 }
#define FAKE_FLOOD(text) { FAKE_FLOOD_, (text), sizeof(text) - 1 }
#define FAKE_READ { FAKE_READ_, NULL, 0 }
#define FAKE_GULP { FAKE_GULP_, NULL, 0 }
#define FAKE_TELL { FAKE_TELL_, NULL, 0 }
#define FAKE_WAIT { FAKE_WAIT_, NULL, 0 }
#define FAKE_HOLD { FAKE_HOLD_, NULL, 0 }
#define FAKE_SHUT { FAKE_SHUT_, NULL, 0 }
#define FAKE_AGAIN { FAKE_AGAIN_, NULL, 0 }
#define FAKE_CLOSE { FAKE_CLOSE_, NULL, 0 }
#define FAKE_RESET { FAKE_RESET_, NULL, 0 }
#define FAKE_END { FAKE_END_, NULL, 0 }

struct fake;

/* NULL-terminated scripts, each ending in FAKE_CLOSE, _RESET, _AGAIN or
 * _END (which closes too); static.  Exits when it cannot listen. */
struct fake *fake_start(const struct fake_step *const *scripts);
void fake_stop(struct fake *fake);
const char *fake_url(const struct fake *fake);	/* "http://127.0.0.1:PORT" */
int fake_port(const struct fake *fake);
void fake_go(struct fake *fake);
int fake_told(const struct fake *fake);
void fake_hear(struct fake *fake);		/* takes one FAKE_TELL */
int fake_connections(struct fake *fake);
int fake_requests(struct fake *fake);
const char *fake_request(struct fake *fake, int i);	/* head and body */

#endif
