/* SPDX-License-Identifier: MIT */
/*
 * json.c - JSON in and out, by jansson.
 *
 * jansson parses by recursion, up to 2,048 levels, which is more than a
 * task's stack is for (measured: 164 KiB); 256 levels are enough for data
 * that is meant.  Above 256 KiB the parser runs in a helper thread: the loop
 * would stand still for milliseconds.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <await/offload.h>

#include "internal.h"

#define MOST_LEVELS 256
#define LARGE (256 * 1024)

struct parse {
	struct aw_bytes text;
	json_t *value;
};

/* Brackets that are open at once, outside of strings. */
static size_t
levels(struct aw_bytes text)
{
	const char *at = text.data, *end = at + text.size;
	size_t open = 0, most = 0;
	bool string = false;

	for (; at < end; at++) {
		if (string && *at == '\\' && at + 1 < end)
			at++;
		else if (*at == '"')
			string = !string;
		else if (string)
			continue;
		else if ((*at == '[' || *at == '{') && ++open > most)
			most = open;
		else if ((*at == ']' || *at == '}') && open)
			open--;
	}
	return most;
}

static int
parse(void *arg)
{
	struct parse *p = arg;
	json_error_t error;

	if (levels(p->text) > MOST_LEVELS)
		return aw_fail(AW_EDECODE, "JSON of more than %d levels",
			       MOST_LEVELS);
	p->value = json_loadb(p->text.data, p->text.size, JSON_DECODE_ANY,
			      &error);
	if (p->value)
		return 0;
	if (json_error_code(&error) == json_error_out_of_memory)
		return aw_fail(-ENOMEM, "no memory for JSON");
	return aw_fail(AW_EDECODE, "not JSON: %s, line %d column %d",
		       error.text, error.line, error.column);
}

int
aw_response_json(const struct aw_response *res, struct json_t **ret)
{
	struct parse p = { .text = aw_response_body(res) };
	int r;

	r = p.text.size > LARGE ? aw_offload(parse, &p) : parse(&p);
	if (r < 0) {
		json_decref(p.value);
		return r;
	}
	*ret = p.value;
	return 0;
}

static int
get(struct aw_response **ret, struct aw_http *http, const char *url,
    const struct aw_request_options *options)
{
	struct aw_request_options o = { .size = sizeof(o) };

	if (options && options->size != sizeof(o))
		return aw_fail(AW_EUSAGE, "aw_http_get_json: use the macro, "
			       "or set size");
	if (options)
		o = *options;
	o.ok = true;
	return aw__request(http, ret, "GET", url, &o, "application/json");
}

int
aw_http_get_json_with(struct aw_http *http, struct json_t **ret,
		      const char *url,
		      const struct aw_request_options *options)
{
	AW_AUTO(aw_response, res);

	if (!ret)
		return aw_fail(-EINVAL, "aw_http_get_json: NULL");
	AW_TRY(get(&res, http, url, options));
	return aw_response_json(res, ret);
}

struct dump {
	const json_t *value;
	char *text;
};

static int
dump(void *arg)
{
	struct dump *d = arg;

	d->text = json_dumps(d->value, JSON_COMPACT | JSON_ENCODE_ANY);
	return d->text ? 0 : -EINVAL;
}

/* New text; on the loop's stack, for the value may be deep. */
int
aw__json_text(char **ret, const struct json_t *value)
{
	struct dump d = { .value = value };

	if (aw_on_loop_stack(dump, &d))
		return aw_fail(-EINVAL, "the option json cannot be written: "
			       "a number that is none, a cycle, or no memory");
	*ret = d.text;
	return 0;
}
