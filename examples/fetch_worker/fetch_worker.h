/* SPDX-License-Identifier: MIT */
/*
 * fetch_worker: pages from a durable queue, over HTTP, into a table.
 *
 *	PostgreSQL: job             HTTP             PostgreSQL or MariaDB: page
 *	  claim --> url --> work.c: fetch --> links --> store --> add links, end
 *	    ^                          |
 *	    +---- later, when it failed in passing
 *
 * A job belongs to whoever holds its lease: (owner, attempts).  The lease is
 * renewed by a heartbeat on a connection of its own and runs by the server's
 * clock.  A page is stored first, then its links are added, then its job is
 * ended: a worker that dies in between repeats the page, and a page is never
 * overwritten by an earlier attempt, so nothing is lost and nothing is stored
 * twice.
 *
 * The jobs of this process hang in worker->jobs from their claim to their
 * end.  Only they are renewed: what was claimed by a statement whose answer
 * got lost runs out by itself.
 */
#ifndef FETCH_WORKER_H
#define FETCH_WORKER_H

#include <await/await.h>
#include <await/db.h>
#include <await/http.h>

#define URL_MOST 2048		/* bytes; of the page table's key */
#define LARGE_PAGE (24 * 1024)	/* bytes; see store.c */

struct options {
	const char *queue, *store;
	const char **seeds;
	size_t n_seeds;
	int concurrency;
	int max_pages;			/* 0: no limit */
	int retries;
	double lease, timeout, grace;
	long long max_body;
	bool follow, drain;
};

struct counts {
	long long fetched, stored, failed, retried, bytes;
};

struct links {
	char **at;
	size_t n, room;
};

/* What is in a body. */
struct found {
	struct aw_bytes body;
	const char *site;		/* the page's URL; NULL: no links */
	const char *base;		/* where it came from */
	struct links links;
	char sha256[65];
};

/* What a job finds is here and not on its stack: with it the stacks of many
 * jobs would need a page of memory more. */
struct job {
	struct worker *worker;
	struct job *next, **at;		/* in worker->jobs */
	int attempts;			/* claims, this one included */
	int failures;			/* failed attempts before this one */
	struct found found;
	char type[200];			/* of the content, in ASCII */
	char url[];
};

struct worker {
	struct options options;
	struct counts counts;
	struct aw_db *queue;		/* claims, links, ends */
	struct aw_db *beat;		/* the heartbeat's own connection */
	struct aw_db *store;
	struct aw_db *large;		/* the store, for large pages */
	struct aw_http *http;
	struct job *jobs;
	int running;			/* how many they are */
	int ended;			/* for good; for .max_pages */
	struct aw_sem room;		/* for more of them */
	struct aw_event wake;		/* look again: news, room or the end */
	int store_failures;		/* in a row */
	double store_again;		/* when to try it again */
	double reported;		/* when the last trouble was told */
	int fatal;			/* why this cannot go on; told */
	double begin;
	char owner[128];
};

/* What becomes a row of the table page; NULL is NULL. */
struct page {
	const char *url;
	const char *final_url;
	const char *content_type;
	const char *sha256;
	const char *error;
	struct aw_bytes body;
	int status;			/* 0: none */
	int attempts;
};

/* options.c: 0, or the exit code + 1 after a message. */
int options_parse(struct options *options, int argc, char **argv);

/* queue.c: the table of jobs. */
int queue_open(struct worker *worker);
int queue_add_seeds(struct worker *worker);
int queue_add(struct worker *worker, char **urls, size_t n);
int queue_claim(struct worker *worker, int most, struct aw_rows **ret);
int queue_end(const struct job *job, bool failed);
int queue_later(const struct job *job, double seconds, bool failed);
int queue_give_back(struct worker *worker);
int queue_left(struct worker *worker, bool *ret);
int queue_heartbeat(void *worker);
int queue_listen(void *worker);

/* store.c: the table of pages. */
int db_open(struct aw_db **ret, const char *dsn, const char *name, int max,
	    double acquire);
int store_open(struct worker *worker);
int store_put(struct worker *worker, const struct page *page);
bool store_refuses(struct worker *worker, int r, const struct page *page);
bool store_has_rule(int r);

/* url.c */
int url_resolve(const char *base, const char *href, char **ret);
bool url_same_site(const char *a, const char *b);
size_t url_site(const char *url);
void url_key(char *to, size_t size, const char *url);
void to_ascii(char *text);

/* links.c: the pages of site that a page leads to, sorted. */
int links_find(struct links *ret, const char *site, const char *base,
	       struct aw_bytes html);
void links_fini(struct links *links);

/* work.c: one job, from claim to end; a task. */
int work(void *job);
int refuse_long(struct worker *worker, const char *url);

/* body.c: what is in a body. */
int find_sum(struct found *found);
int find_links(struct found *found);
void sha256(struct aw_bytes bytes, char ret[65]);

/* trouble.c: telling and waiting. */
int cannot_start(struct worker *worker, const char *option, int r);
int unfit(struct worker *worker, int r);
bool trouble(struct worker *worker, const char *what, int r);
void report(struct worker *worker, const char *what, int r);
bool is_fatal(int r);

/* progress.c */
int progress(void *worker);
void progress_end(const struct worker *worker);
int summary(const struct worker *worker);

#endif
