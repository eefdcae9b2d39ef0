/* SPDX-License-Identifier: MIT */
#include "fetch_worker.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
"usage: fetch_worker --queue PGDSN --store DSN [--seed URL]... [--follow]\n"
"                    [--concurrency N] [--max-pages N] [--retries N]\n"
"                    [--drain] [--timeout SECONDS] [--max-body BYTES]\n"
"                    [--lease SECONDS] [--grace SECONDS]\n"
"\n"
"Takes pages from the table job in PostgreSQL, fetches them and stores them\n"
"in the table page of PostgreSQL, MySQL or MariaDB (mysql://, mariadb://).\n"
"\n"
"  --queue PGDSN      PostgreSQL that holds the queue\n"
"  --store DSN        database that gets the pages\n"
"  --seed URL         add a page to the queue; may be repeated\n"
"  --follow           add the links of text/html pages, same site only\n"
"  --concurrency N    pages at a time (16)\n"
"  --max-pages N      end after N pages (no limit)\n"
"  --retries N        further attempts after a passing failure (3)\n"
"  --drain            end when the queue is empty (wait for more work)\n"
"  --timeout SECONDS  for one page (60)\n"
"  --max-body BYTES   of a page (67108864)\n"
"  --lease SECONDS    until a dead worker's pages are taken over (15)\n"
"  --grace SECONDS    for pages in flight after SIGTERM (10)\n";

enum { QUEUE = 256, STORE, SEED, FOLLOW, CONCURRENCY, MAX_PAGES, RETRIES,
       DRAIN, TIMEOUT, MAX_BODY, LEASE, GRACE, HELP };

static const struct option long_options[] = {
	{ "queue", required_argument, NULL, QUEUE },
	{ "store", required_argument, NULL, STORE },
	{ "seed", required_argument, NULL, SEED },
	{ "follow", no_argument, NULL, FOLLOW },
	{ "concurrency", required_argument, NULL, CONCURRENCY },
	{ "max-pages", required_argument, NULL, MAX_PAGES },
	{ "retries", required_argument, NULL, RETRIES },
	{ "drain", no_argument, NULL, DRAIN },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "max-body", required_argument, NULL, MAX_BODY },
	{ "lease", required_argument, NULL, LEASE },
	{ "grace", required_argument, NULL, GRACE },
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 }
};

static int
bad(const char *what, const char *value, const char *want)
{
	fprintf(stderr, "fetch_worker: %s '%s': %s\n", what, value, want);
	return 3;
}

static int
whole(const char *what, const char *text, long long least, long long most,
      long long *ret)
{
	char want[80], *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && n >= least &&
	    n <= most) {
		*ret = n;
		return 0;
	}
	snprintf(want, sizeof want, "a whole number from %lld to %lld", least,
		 most);
	return bad(what, text, want);
}

static int
seconds(const char *what, const char *text, double *ret)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end != '\0' || !(n > 0) || n > 86400)
		return bad(what, text, "seconds above 0, at most 86400");
	*ret = n;
	return 0;
}

static int
small(const char *what, const char *text, int least, int most, int *ret)
{
	long long n = 0;
	int r = whole(what, text, least, most, &n);

	if (r == 0)
		*ret = (int)n;
	return r;
}

static int
set(struct options *o, int which, const char *value)
{
	switch (which) {
	case QUEUE:
		o->queue = value;
		return 0;
	case STORE:
		o->store = value;
		return 0;
	case SEED:
		o->seeds[o->n_seeds++] = value;
		return 0;
	case FOLLOW:
		o->follow = true;
		return 0;
	case DRAIN:
		o->drain = true;
		return 0;
	case CONCURRENCY:
		return small("--concurrency", value, 1, 1000, &o->concurrency);
	case MAX_PAGES:
		return small("--max-pages", value, 1, 1000000000,
			     &o->max_pages);
	case RETRIES:
		return small("--retries", value, 0, 100, &o->retries);
	case TIMEOUT:
		return seconds("--timeout", value, &o->timeout);
	case LEASE:
		return seconds("--lease", value, &o->lease);
	case GRACE:
		return seconds("--grace", value, &o->grace);
	case MAX_BODY:
		return whole("--max-body", value, 1, 1LL << 40, &o->max_body);
	case HELP:
		return fputs(usage, stdout) < 0 || fflush(stdout) ? 2 : 1;
	default:
		fputs(usage, stderr);
		return 3;
	}
}

static int
check(const struct options *o, const char *rest)
{
	if (rest)
		return bad("argument", rest, "nothing is expected here; "
			   "pages are given by --seed");
	if (!o->queue || !o->store) {
		fprintf(stderr, "fetch_worker: %s is missing: see "
			"fetch_worker --help\n",
			o->queue ? "--store DSN" : "--queue PGDSN");
		return 3;
	}
	if (strncmp(o->queue, "mysql:", 6) == 0 ||
	    strncmp(o->queue, "mariadb:", 8) == 0) {
		fputs("fetch_worker: --queue: the queue lives in PostgreSQL "
		      "(postgresql://...); only --store may be MariaDB\n",
		      stderr);
		return 3;
	}
	return 0;
}

int
options_parse(struct options *options, int argc, char **argv)
{
	int c, r = 0;

	*options = (struct options){ .concurrency = 16, .retries = 3,
				     .lease = 15, .timeout = 60, .grace = 10,
				     .max_body = AW_MIB(64) };
	options->seeds = calloc((size_t)argc, sizeof *options->seeds);
	if (!options->seeds)
		return 2;
	while (r == 0 && (c = getopt_long(argc, argv, "", long_options,
					  NULL)) != -1)
		r = set(options, c, optarg);
	if (r == 0)
		r = check(options, optind < argc ? argv[optind] : NULL);
	return r;
}
