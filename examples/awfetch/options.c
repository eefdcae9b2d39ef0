/* SPDX-License-Identifier: MIT */
/* The command line: curl's letters where curl has one. */
#include "awfetch.h"

#include <getopt.h>
#include <stdlib.h>
#include <strings.h>

static const char usage[] =
"usage: awfetch [option]... URL...\n"
"\n"
"Fetches URLs, many at once, and writes their bodies in the order given.\n"
"\n"
"  -P N                  transfers at a time (10)\n"
"  --per-host N          of these to one host (10)\n"
"  -i FILE               more URLs, one a line; - is standard input\n"
"  -o FILE               write the body there, if it comes whole; with one\n"
"                        URL only\n"
"  --json                an object per URL instead of the bodies\n"
"  -f, --fail            a status of 400 or more is a failure (exit 22)\n"
"  -X METHOD             (GET, or POST with a body)\n"
"  -H 'NAME: VALUE'      a header; 'NAME;' has no value, 'NAME:' is not sent\n"
"  -d DATA               body; @FILE is a file's content; repeated with &\n"
"  -F NAME=VALUE         a part of a multipart form; =@FILE sends a file\n"
"  -u USER:PASSWORD      basic authentication\n"
"  -L                    follow redirects\n"
"  --max-redirs N        at most so many (10); -1: no limit\n"
"  -m SECONDS            for each URL, from when its turn comes (60)\n"
"  --connect-timeout S   to connect (10)\n"
"  --compressed          ask for compression, decode the body\n"
"  --max-body N          bytes of a body (67108864)\n"
"  --retry N             further attempts after passing failures (0)\n"
"  -k                    do not verify certificates\n"
"  --cacert FILE         verify them by these\n"
"  --resolve H:P:ADDR    address of a host and port\n"
"  --public-only         connect to public addresses only\n"
"\n"
"Exit status: 0 if every transfer was completed, 22 if one of them has a\n"
"status of 400 or more and --fail was given, else 1.\n";

enum { PER_HOST = 256, MAX_REDIRS, CONNECT, COMPRESSED, CACERT, RESOLVE, RETRY,
       MAX_BODY, PUBLIC_ONLY, JSON };

static const struct option long_options[] = {
	{ "cacert", required_argument, NULL, CACERT },
	{ "compressed", no_argument, NULL, COMPRESSED },
	{ "connect-timeout", required_argument, NULL, CONNECT },
	{ "cookie", required_argument, NULL, 'b' },
	{ "cookie-jar", required_argument, NULL, 'c' },
	{ "data", required_argument, NULL, 'd' },
	{ "fail", no_argument, NULL, 'f' },
	{ "form", required_argument, NULL, 'F' },
	{ "header", required_argument, NULL, 'H' },
	{ "help", no_argument, NULL, 'h' },
	{ "insecure", no_argument, NULL, 'k' },
	{ "json", no_argument, NULL, JSON },
	{ "location", no_argument, NULL, 'L' },
	{ "max-body", required_argument, NULL, MAX_BODY },
	{ "max-redirs", required_argument, NULL, MAX_REDIRS },
	{ "max-time", required_argument, NULL, 'm' },
	{ "output", required_argument, NULL, 'o' },
	{ "per-host", required_argument, NULL, PER_HOST },
	{ "public-only", no_argument, NULL, PUBLIC_ONLY },
	{ "request", required_argument, NULL, 'X' },
	{ "resolve", required_argument, NULL, RESOLVE },
	{ "retry", required_argument, NULL, RETRY },
	{ "user", required_argument, NULL, 'u' },
	{ NULL, 0, NULL, 0 }
};

_Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "awfetch: %s: %s\n", what, why);
	exit(1);
}

void
strings_add(struct strings *strings, const char *item)
{
	const char **items = realloc(strings->items, (strings->n + 2) *
				     sizeof(*items));

	if (!items)
		die("options", "out of memory");
	items[strings->n++] = item;
	items[strings->n] = NULL;
	strings->items = items;
}

static char *
copy(const char *text)
{
	char *new = strdup(text);

	if (!new)
		die("options", "out of memory");
	return new;
}

static long long
whole(const char *what, const char *text, long long least, long long most)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < least || n > most) {
		fprintf(stderr, "awfetch: %s %s: give a whole number from "
			"%lld to %lld\n", what, text, least, most);
		exit(1);
	}
	return n;
}

/* Seconds; 0 is "no limit", as for curl. */
static double
seconds(const char *what, const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end || !(n >= 0) || n > 1e9)
		die(what, "give a number of seconds");
	return n > 0 ? n : AW_FOREVER;
}

/* "Name: value", "Name;" (empty) or "Name:" (not at all). */
static void
add_header(struct options *o, const char *text)
{
	char *name = copy(text);
	size_t n = strcspn(name, ":;");
	char *value = name + n + 1;
	char mark = name[n];

	if (!mark || (mark == ';' && *value))
		die(text, "a header is written 'Name: value'");
	name[n] = '\0';
	value += strspn(value, " \t");
	strings_add(&o->headers, name);
	strings_add(&o->headers, *value || mark == ';' ? value : NULL);
}

/* "host:port:address[,address]", an address of IPv6 also in brackets. */
static void
add_resolve(struct options *o, const char *text)
{
	char *key = copy(text), *colon = strchr(key, ':');
	char *out, *address;

	colon = colon ? strchr(colon + 1, ':') : NULL;
	if (!colon)
		die(text, "--resolve takes host:port:address");
	*colon = '\0';
	for (out = address = colon + 1; *address; address++) {
		if (*address != '[' && *address != ']')
			*out++ = *address;
	}
	*out = '\0';
	strings_add(&o->resolve, key);
	strings_add(&o->resolve, colon + 1);
}

static void
set_user(struct options *o, const char *text)
{
	free(o->user);
	o->user = copy(text);
	o->password = strchr(o->user, ':');
	if (!o->password)
		die("-u", "give USER:PASSWORD; nobody is asked for it");
	*o->password++ = '\0';
}

static void
read_long(struct options *o, int c)
{
	switch (c) {
	case PER_HOST:
		o->per_host = (int)whole("--per-host", optarg, 1, 10000);
		break;
	case MAX_REDIRS:
		o->max_redirects = (int)whole("--max-redirs", optarg, -1,
					      100000);
		break;
	case CONNECT:
		o->connect = seconds("--connect-timeout", optarg);
		break;
	case COMPRESSED:
		o->compressed = true;
		break;
	case CACERT:
		o->cacert = optarg;
		break;
	case RESOLVE:
		add_resolve(o, optarg);
		break;
	case RETRY:
		o->retries = (int)whole("--retry", optarg, 0, 1000);
		break;
	case MAX_BODY:
		o->max_body = whole("--max-body", optarg, 1, INT64_MAX);
		break;
	case PUBLIC_ONLY:
		o->public_only = true;
		break;
	case JSON:
		o->json = true;
		break;
	default:
		fputs("awfetch: see awfetch --help\n", stderr);
		exit(1);
	}
}

static void
read_letter(struct options *o, int c)
{
	switch (c) {
	case 'P':
		o->parallel = (int)whole("-P", optarg, 1, 10000);
		break;
	case 'X':
		o->method = optarg;
		break;
	case 'H':
		add_header(o, optarg);
		break;
	case 'd':
		body_add(o, optarg);
		break;
	case 'F':
		strings_add(&o->forms, optarg);
		break;
	case 'u':
		set_user(o, optarg);
		break;
	case 'b':
	case 'c':
		die(c == 'b' ? "-b" : "-c", "cookies are not supported yet");
	case 'L':
		o->follow = true;
		break;
	case 'm':
		o->total = seconds("-m", optarg);
		break;
	case 'k':
		o->insecure = true;
		break;
	case 'o':
		o->output = optarg;
		break;
	case 'i':
		o->input = optarg;
		break;
	case 'f':
		o->fail = true;
		break;
	case 'h':
		if (fputs(usage, stdout) < 0 || fflush(stdout))
			die("--help", strerror(errno));
		exit(0);
	default:
		read_long(o, c);
	}
}

static bool
has_header(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->headers.n; i += 2) {
		if (strcasecmp(o->headers.items[i], name) == 0)
			return true;
	}
	return false;
}

static void
check(struct options *o)
{
	if (o->forms.n && o->data_type)
		die("-F", "cannot be combined with -d");
	if (o->forms.n)
		body_of_forms(o);
	if (o->input)
		urls_of_file(o);
	if (!o->urls.n)
		die("no URL", "see awfetch --help");
	if (o->output && o->urls.n > 1)
		die("-o", "can be used with one URL only");
	if (o->data_type && !has_header(o, "Content-Type")) {
		strings_add(&o->headers, "Content-Type");
		strings_add(&o->headers, o->data_type);
	}
	if (!o->method)
		o->method = o->data_type ? "POST" : "GET";
}

void
options_read(struct options *o, int argc, char **argv)
{
	int c;

	o->parallel = 10;
	o->per_host = 10;
	o->max_redirects = 10;
	while ((c = getopt_long(argc, argv, "P:X:H:d:F:u:b:c:Lm:ko:i:fh",
				long_options, NULL)) != -1)
		read_letter(o, c);
	for (; optind < argc; optind++)
		strings_add(&o->urls, argv[optind]);
	check(o);
}
