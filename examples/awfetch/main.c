/* SPDX-License-Identifier: MIT */
/*
 * awfetch - fetch URLs, many at once.
 *
 * The main task hands URLs to children and prints what is done, in the order
 * of the URLs; children of URLs further down may be done earlier, so their
 * bodies wait in memory, but not more than a window of them.
 *
 *	items:  printed | done, waiting for their turn | running | not begun
 *			  <------------- window ------------->
 */
#include "awfetch.h"

#include <stdlib.h>

#define WINDOW 4	/* times the transfers at once */

struct run {
	struct options o;
	struct aw_http *http;
	struct item *items;
	size_t n, begun, printed;
	int running;
	struct aw_event changed;
	int exit_code;
};

struct job {
	struct run *run;
	struct item *item;
};

/* "example.org/x" is meant for http, as curl guesses. */
static char *
whole_url(const char *given)
{
	size_t size = strlen(given) + 8, n = strcspn(given, ":/?#");
	bool whole = strncmp(given + n, "://", 3) == 0;
	char *url = malloc(size);

	if (url)
		snprintf(url, size, "%s%s", whole ? "" : "http://", given);
	return url;
}

/* -L --max-redirs 0: no redirect is allowed, and one is a failure. */
static int
refuse_redirect(const struct options *o, const struct aw_response *res)
{
	int status = aw_response_status(res);

	if (!o->follow || o->max_redirects != 0 || status / 100 != 3 ||
	    !aw_response_header(res, "Location"))
		return 0;
	return aw_fail(AW_EREDIRECT, "too many redirects");
}

static int
request(struct run *run, struct item *item)
{
	const struct options *o = &run->o;
	struct aw_request_options options = {
		.size = sizeof(options),
		.headers = { o->headers.items, o->headers.n },
		.attempts = &item->attempts,
	};
	AW_CLEANUP(aw_freep) char *url = whole_url(item->given);
	int r;

	if (!url)
		return aw_fail(-ENOMEM, "out of memory");
	if (o->data_type)
		options.body = aw_bytes(o->data ? o->data : "", o->data_size);
	if (o->user)
		options.auth = aw_auth_basic(o->user, o->password);
	r = aw_http_request_with(run->http, &item->res, o->method, url,
				 &options);
	if (!r)
		r = refuse_redirect(o, item->res);
	if (r)
		aw_response_freep(&item->res);
	return r;
}

/* In the words of the command line. */
static const char *
remedy(const struct aw_error *error)
{
	if (error->code != AW_ETIMEDOUT)
		return "";
	return strstr(error->message, "(option connect)")
		? ": see --connect-timeout" : ": see -m";
}

static void
keep_failure(struct item *item, int r)
{
	const struct aw_error *error = aw_error();

	item->code = r;
	snprintf(item->message, sizeof(item->message), "%s%s",
		 *error->message ? error->message : aw_strerror(r),
		 remedy(error));
}

/* A child: its failure is the item's, not the group's. */
static int
fetch(void *arg)
{
	struct job *job = arg;
	struct item *item = job->item;
	double start = aw_now();
	int r = request(job->run, item);

	item->seconds = aw_now() - start;
	if (r)
		keep_failure(item, r);
	else
		item->status = aw_response_status(item->res);
	r = 0;
	if (job->run->o.json) {
		r = item_describe(item);
		aw_response_freep(&item->res);
	}
	item->done = true;
	job->run->running--;
	aw_event_set(&job->run->changed);
	return r;
}

struct complaint {
	const struct item *item;
	const struct options *o;
};

/* Standard error may block. */
static int
complain(void *arg)
{
	const struct complaint *c = arg;

	item_complain(c->item, c->o);
	return 0;
}

static int
print(const struct item *item, const struct options *o)
{
	struct complaint complaint = { item, o };
	struct aw_bytes text = item_text(item, o);

	if (!o->json)
		AW_TRY(aw_offload(complain, &complaint));
	return text.data ? output_put(text, o->output) : 0;
}

static int
print_next(struct run *run)
{
	struct item *item = &run->items[run->printed++];
	int r = print(item, &run->o);

	if (item->code)
		run->exit_code = 1;
	else if (run->o.fail && item->status >= 400 && !run->exit_code)
		run->exit_code = EXIT_STATUS;
	aw_response_freep(&item->res);
	free(item->line);
	item->line = NULL;
	return r;
}

static int
fill(struct run *run, struct aw_group *group)
{
	size_t window = (size_t)run->o.parallel * WINDOW;

	while (run->begun < run->n && run->running < run->o.parallel &&
	       run->begun < run->printed + window) {
		struct job job = { run, &run->items[run->begun++] };

		run->running++;
		AW_TRY(aw_go_copy(group, fetch, &job));
	}
	return 0;
}

static int
fetch_all(struct run *run)
{
	AW_GROUP(group);

	while (run->printed < run->n) {
		AW_TRY(fill(run, &group));
		if (run->items[run->printed].done) {
			AW_TRY(print_next(run));
			continue;
		}
		AW_TRY(aw_event_wait(&run->changed));
		aw_event_clear(&run->changed);
	}
	return aw_group_wait(&group);
}

static int
redirects_of(const struct options *o)
{
	if (!o->follow || o->max_redirects == 0)
		return AW_NONE;
	return o->max_redirects < 0 ? AW_FOREVER : o->max_redirects;
}

static int
app(void *arg)
{
	struct run *run = arg;
	const struct options *o = &run->o;
	AW_AUTO(aw_http, http);
	struct aw_pairs resolve = { o->resolve.items, o->resolve.n };

	AW_TRY(aw_http_open(&http, .max_total = o->parallel,
			    .max_per_host = o->per_host, .total = o->total,
			    .queue = AW_FOREVER, .connect = o->connect,
			    .max_body = o->max_body,
			    .redirects = redirects_of(o),
			    .retries = o->retries, .cacert = o->cacert,
			    .insecure = o->insecure,
			    .identity = !o->compressed, .resolve = resolve,
			    .policy = o->public_only ? AW_HTTP_PUBLIC_ONLY
						     : AW_HTTP_ANY_ADDRESS));
	run->http = http;
	return fetch_all(run);
}

static void
run_init(struct run *run)
{
	run->n = run->o.urls.n;
	run->items = calloc(run->n, sizeof(*run->items));
	if (!run->items)
		die("options", "out of memory");
	for (size_t i = 0; i < run->n; i++) {
		run->items[i].index = i;
		run->items[i].given = run->o.urls.items[i];
	}
}

int
main(int argc, char **argv)
{
	static struct run run;
	int r;

	options_read(&run.o, argc, argv);
	run_init(&run);
	r = aw_run(app, &run);
	if (r < 0)
		aw_perror("awfetch", r);
	for (size_t i = run.printed; i < run.n; i++) {
		aw_response_freep(&run.items[i].res);
		free(run.items[i].line);
	}
	free(run.items);
	return r < 0 ? 1 : run.exit_code;
}
