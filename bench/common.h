/* SPDX-License-Identifier: MIT */
/*
 * What every measured C program shares: one command line, one clock, one
 * line of JSON.
 *
 *	prog --seconds S | --ops N [--connections C] [--tasks T]
 *	     [--dsn DSN] [--url URL] [--path PATH] [--size BYTES]
 *
 * prints {"ops":N,"seconds":S}, some with one more number ("missed_ticks" of
 * lines, "call_ms" of cancel), and exits 0, or says in one line on stderr why
 * it cannot and exits 1.  A result that is not the expected one counts
 * as failure: a fast wrong answer is no measurement.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_ROWS 10000	/* rows of table account: bench/servers.py */
#define BENCH_POINT_PG "SELECT id, name, balance FROM account WHERE id = $1"
#define BENCH_POINT_MYSQL "SELECT id, name, balance FROM account WHERE id = ?"

struct bench_options {
	double seconds;		/* run this long, or ... */
	int64_t ops;		/* ... this many operations if not 0 */
	int connections;
	int tasks;
	const char *dsn;
	const char *url;
	const char *path;
	int64_t size;		/* of the body a GET must return, of a file */
};

/* A measurement in progress: owned by the main loop of the program. */
struct bench {
	const struct bench_options *opt;
	int64_t started;	/* operations begun */
	int64_t done;		/* operations ended, with the right result */
	double begin;
	double end;
	double paused;		/* since then, while paused */
	const char *note;	/* the key of one more number of the row, in
				 * bench/measure.py's NOTES; or NULL */
	double noted;
};

void bench_options_parse(struct bench_options *opt, int argc, char **argv);
_Noreturn void bench_fail(const char *what, const char *detail);
double bench_now(void);

/* Start the clock.  Called when connections and statements are ready. */
void bench_begin(struct bench *b, const struct bench_options *opt);

/*
 * May one more operation begin?  Counts it.  The clock is read every 64th
 * time only: at a million operations a second reading it is the benchmark.
 */
bool bench_more(struct bench *b);

/* The same for n operations that belong together. */
bool bench_round(struct bench *b, int64_t n);

/* What happens between the two is not part of the operations, and the time
 * it takes does not count; it does count for when the run ends. */
void bench_pause(struct bench *b);
void bench_resume(struct bench *b);

/* Print the line of JSON. */
void bench_report(const struct bench *b);

/* The row asked for next: 1 .. BENCH_ROWS.  xorshift, the same everywhere. */
static inline int
bench_random_id(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	*state = x;
	return (int)(x % BENCH_ROWS) + 1;
}

/* What the row must hold: filled by bench/servers.py the same way. */
static inline int64_t
bench_balance(int id)
{
	return (int64_t)id * 1000003 % 1000000007;
}

#endif
