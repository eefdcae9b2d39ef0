/* SPDX-License-Identifier: MIT */
/*
 * One job: fetch, store, add the links, end.
 *
 *	fetched, status < 400   stored, links added, done
 *	passing failure         later, with backoff; after --retries: failed
 *	final failure           a row with error set, failed
 *	the store refuses it    a row with error set and no body, failed
 *	and that row, too       by a rule: failed, told; else the worker ends
 *	the store is away       the job goes back to the queue, unharmed
 *	the queue is away       tried again until it is back or the lease lost
 */
#include "fetch_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define CHUNK ((size_t)512)	/* links sent at a time */
#define ERROR_BYTES 400

/* --- Ends -------------------------------------------------------------- */

static int
end(const struct job *job, bool failed)
{
	struct worker *worker = job->worker;
	int r;

	while ((r = queue_end(job, failed)) < 0)
		if (!trouble(worker, "ending a job", r))
			return r;
	worker->ended++;
	return 0;
}

/* Back to the queue; failed: it counts against --retries. */
static int
later(const struct job *job, double seconds, bool failed)
{
	int r;

	while ((r = queue_later(job, seconds, failed)) < 0)
		if (!trouble(job->worker, "returning a job", r))
			return r;
	return 0;
}

/* --- Storing ----------------------------------------------------------- */

/* Even the row that says why was refused. A check, a trigger or a key that is
 * made for such rows is obeyed: the page ends without one. Anything else is the
 * table's fault, and would be so for every page that fails. */
static int
refused_twice(struct worker *worker, const struct page *page, int r)
{
	if (!store_has_rule(r))
		return unfit(worker, r);
	fprintf(stderr, "fetch_worker: %.200s: failed, and there is no row of "
		"it: the store refused that, too: %s\n", page->url,
		aw_error()->message);
	return 0;
}

/* What the store refused, without what it may have refused. */
static int
put_refused(struct worker *worker, struct page *page, int r)
{
	char why[ERROR_BYTES], key[URL_MOST];
	const char *url = page->url;

	snprintf(why, sizeof why, "the store refused the page: %s: %s",
		 aw_error_name(r), aw_error()->message);
	to_ascii(why);
	page->error = why;
	page->body = aw_bytes(NULL, 0);
	page->sha256 = NULL;
	r = store_put(worker, page);
	if (r < 0 && store_refuses(worker, r, page)) {
		url_key(key, sizeof key, page->url);
		page->url = key;
		r = store_put(worker, page);
	}
	page->url = url;
	if (r < 0 && aw_check() == 0 && store_refuses(worker, r, page))
		r = refused_twice(worker, page, r);
	page->error = "the store refused the page";
	return r;
}

/* Nothing more is claimed for a while, longer each time. */
static void
store_is_away(struct worker *worker)
{
	double pause = 0.25 * (1 << worker->store_failures);

	if (worker->store_failures < 4)
		worker->store_failures++;
	worker->store_again = aw_now() + pause;
}

/* 1: stored, with page->error if it was refused; 0: the store is away and
 * the job went back. */
static int
store(const struct job *job, struct page *page)
{
	struct worker *worker = job->worker;
	int r = store_put(worker, page);

	if (r < 0 && aw_check() == 0 && store_refuses(worker, r, page))
		r = put_refused(worker, page, r);
	if (r >= 0) {
		worker->store_failures = 0;
		worker->store_again = 0;
		return 1;
	}
	AW_TRY(aw_check());
	if (worker->fatal < 0)
		return worker->fatal;
	if (is_fatal(r))
		return unfit(worker, r);
	report(worker, "storing a page", r);
	store_is_away(worker);
	return later(job, 0.5, false);
}

/* The job has failed for good: a row with the reason, and its end. */
static int
fail_job(const struct job *job, struct page *page, const char *error)
{
	char key[URL_MOST];
	int r;

	if (strlen(job->url) > URL_MOST) {
		url_key(key, sizeof key, job->url);
		page->url = key;
	}
	page->error = error;
	r = store(job, page);
	if (r <= 0)
		return r;
	job->worker->counts.failed++;
	return end(job, true);
}

/* A link that is too long for the queue is a failed page at once. */
int
refuse_long(struct worker *worker, const char *url)
{
	char key[URL_MOST];
	struct page page = { .url = key, .attempts = 1 };
	int r;

	page.error = "the URL is longer than " AW_STR(URL_MOST) " bytes";
	url_key(key, sizeof key, url);
	while ((r = store_put(worker, &page)) < 0) {
		if (is_fatal(r))
			return unfit(worker, r);
		if (store_refuses(worker, r, &page)) {
			AW_TRY(refused_twice(worker, &page, r));
			break;
		}
		if (!trouble(worker, "storing a page", r))
			return r;
	}
	worker->counts.failed++;
	return 0;
}

/* --- Failures ---------------------------------------------------------- */

static bool
is_passing_status(int status)
{
	return status >= 500 || status == 429 || status == 408;
}

/* May the same request succeed later?  Not if it is about the URL or about
 * what the server sent. */
static bool
is_passing(int r)
{
	switch (r) {
	case AW_EINVAL:
	case AW_EUSAGE:
	case AW_ELIMIT:
	case AW_EREDIRECT:
	case AW_EPOLICY:
	case AW_EDECODE:
		return false;
	}
	return true;
}

static double
backoff(int failures)
{
	double seconds = 0.5;

	while (failures-- > 0 && seconds < 60)
		seconds *= 2;
	return seconds;
}

static int
failed(const struct job *job, struct page *page, bool passing,
       const char *error)
{
	struct worker *worker = job->worker;

	if (!passing || job->failures >= worker->options.retries)
		return fail_job(job, page, error);
	worker->counts.retried++;
	return later(job, backoff(job->failures), true);
}

/* r: of whatever was tried with the page. */
static int
failed_by(const struct job *job, struct page *page, int r)
{
	char error[ERROR_BYTES];

	AW_TRY(aw_check());
	snprintf(error, sizeof error, "%s: %s", aw_error_name(r),
		 aw_error()->code == r && aw_error()->message[0]
			 ? aw_error()->message : aw_strerror(r));
	to_ascii(error);
	if (is_passing(r) && job->failures < job->worker->options.retries)
		report(job->worker, "fetching a page", r);
	return failed(job, page, is_passing(r), error);
}

/* --- Links ------------------------------------------------------------- */

static int
add_links(struct worker *worker, struct links *links)
{
	size_t i, n = 0, from;
	int r;

	for (i = 0; i < links->n; i++) {
		char *url = links->at[i];

		if (strlen(url) > URL_MOST) {
			AW_TRY(refuse_long(worker, url));
			continue;
		}
		links->at[i] = links->at[n];
		links->at[n++] = url;
	}
	for (from = 0; from < n; from += CHUNK) {
		size_t some = n - from < CHUNK ? n - from : CHUNK;

		while ((r = queue_add(worker, links->at + from, some)) < 0)
			if (!trouble(worker, "adding links", r))
				return r;
	}
	return 0;
}

/* --- The job ----------------------------------------------------------- */

/* The links are taken when the page is stored, and it is let go before they
 * are sent: a job that waits for one database or the other holds no more than
 * it must. */
static int
keep(struct job *job, struct page *page, struct aw_response **res)
{
	struct worker *worker = job->worker;
	int r = find_sum(&job->found);

	if (r < 0)
		return failed_by(job, page, r);
	page->body = job->found.body;
	page->sha256 = job->found.sha256;
	r = store(job, page);
	if (r <= 0)
		return r;
	if (page->error) {
		worker->counts.failed++;
		return end(job, true);
	}
	r = find_links(&job->found);
	if (r < 0)
		return failed_by(job, page, r);
	worker->counts.stored++;
	aw_response_freep(res);
	AW_TRY(add_links(worker, &job->found.links));
	return end(job, false);
}

static bool
is_html(const char *type)
{
	return type && strncasecmp(type, "text/html", 9) == 0 &&
	       (type[9] == '\0' || strchr("; \t", type[9]));
}

static int
take(struct job *job, struct page *page, struct aw_response **res)
{
	struct worker *worker = job->worker;
	struct found *found = &job->found;

	found->body = aw_response_body(*res);
	found->base = aw_response_url(*res);
	page->final_url = found->base;
	page->status = aw_response_status(*res);
	if (page->status >= 400) {
		char error[24];

		snprintf(error, sizeof error, "HTTP status %d", page->status);
		return failed(job, page, is_passing_status(page->status),
			      error);
	}
	worker->counts.fetched++;
	worker->counts.bytes += (long long)found->body.size;
	if (worker->options.follow && is_html(page->content_type))
		found->site = job->url;
	return keep(job, page, res);
}

static int
fetch(struct job *job)
{
	struct page page = { .url = job->url, .attempts = job->attempts };
	AW_AUTO(aw_response, res);
	const char *header;
	int r;

	if (strlen(job->url) > URL_MOST)
		return fail_job(job, &page, "the URL is longer than "
				AW_STR(URL_MOST) " bytes");
	r = aw_http_get(job->worker->http, &res, job->url);
	if (r < 0)
		return failed_by(job, &page, r);
	header = aw_response_header(res, "content-type");
	if (header) {
		snprintf(job->type, sizeof job->type, "%s", header);
		to_ascii(job->type);
		page.content_type = job->type;
	}
	return take(job, &page, &res);
}

/* A child of the group of running jobs. What cannot be ended now, because of
 * a cancel, is given back by main. */
int
work(void *arg)
{
	struct job *job = arg;
	struct worker *worker = job->worker;

	aw_ignore(fetch(job));
	*job->at = job->next;
	if (job->next)
		job->next->at = job->at;
	links_fini(&job->found.links);
	free(job);
	worker->running--;
	aw_sem_release(&worker->room);
	if (worker->running == 0)
		aw_event_set(&worker->wake);
	return 0;
}
