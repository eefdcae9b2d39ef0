/* SPDX-License-Identifier: MIT */
/* Row http-get: --tasks tasks that GET the same small page again and again. */
#include "common.h"

#include <await/await.h>
#include <await/http.h>

struct site {
	const struct bench_options *opt;
	struct aw_http *http;
	struct bench bench;
};

static int
get(struct site *site)
{
	AW_AUTO(aw_response, response);

	AW_TRY(aw_http_get(site->http, &response, site->opt->url));
	if (aw_response_status(response) != 200 ||
	    (int64_t)aw_response_body(response).size != site->opt->size)
		return aw_fail(AW_EUSAGE, "not the status and size expected");
	return 0;
}

static int
client(void *arg)
{
	struct site *site = arg;

	while (bench_more(&site->bench)) {
		AW_TRY(get(site));
		site->bench.done++;
	}
	return 0;
}

static int
app(void *arg)
{
	struct site site = { .opt = arg };
	AW_AUTO(aw_http, http);
	AW_GROUP(group);

	AW_TRY(aw_http_open(&http, .max_per_host = site.opt->tasks,
			    .max_total = site.opt->tasks));
	site.http = http;
	bench_begin(&site.bench, site.opt);
	for (int i = 0; i < site.opt->tasks; i++)
		AW_TRY(aw_go(&group, client, &site));
	AW_TRY(aw_group_wait(&group));
	bench_report(&site.bench);
	return 0;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;

	bench_options_parse(&opt, argc, argv);
	if (!opt.url)
		bench_fail("--url", "is missing");
	return aw_main(app, &opt);
}
