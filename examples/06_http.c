/* SPDX-License-Identifier: MIT */
/*
 * <DESC> HTTP: many pages at the same time, two at once from each host.
 *
 *	cc 06_http.c $(pkg-config --cflags --libs await-http)
 *	./a.out http://127.0.0.1/ http://127.0.0.1/missing
 *
 * Prints, for each URL in order
 *	200 text/html 1234 bytes http://127.0.0.1/
 */
#include <await/await.h>
#include <await/http.h>

#include <stdio.h>
#include <stdlib.h>

struct get {
	struct aw_http *http;
	const char *url;
	struct aw_response *res;
};

static int
get(void *arg)
{
	struct get *get = arg;

	return aw_http_get(get->http, &get->res, get->url);
}

static void
print(const struct get *get, const struct aw_call *call)
{
	const struct aw_error *error = aw_call_error(call);
	const char *type;

	if (call->status < 0) {
		printf("%s: %s\n", get->url, error ? error->message
						    : "failed");
		return;
	}
	type = aw_response_header(get->res, "content-type");
	printf("%d %s %zu bytes %s\n", aw_response_status(get->res),
	       type ? type : "-", aw_response_body(get->res).size,
	       aw_response_url(get->res));
}

static int
app(void *arg)
{
	const char *const *urls = arg;
	struct get gets[16] = { 0 };
	struct aw_call calls[16];
	size_t n = 0, i;
	AW_AUTO(aw_http, http);
	int r;

	AW_TRY(aw_http_open(&http, .max_per_host = 2, .total = 10));
	for (; urls[n] && n < AW_LENGTH(gets); n++) {
		gets[n] = (struct get){ http, urls[n], NULL };
		calls[n] = (struct aw_call){ .fn = get, .arg = &gets[n] };
	}
	r = aw_gather(calls, n, .keep_going = true);
	for (i = 0; i < n; i++) {
		print(&gets[i], &calls[i]);
		aw_response_free(gets[i].res);
	}
	return r;
}

int
main(int argc, char **argv)
{
	return argc > 0 ? aw_main(app, argv + 1) : 1;
}
