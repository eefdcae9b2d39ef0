/* SPDX-License-Identifier: MIT */
/*
 * awfetch.h - what the files of awfetch share.
 *
 *	main.c     many requests at once, results in the order of the URLs
 *	options.c  the command line
 *	body.c     -d, -F and -i: what is read before anything is fetched
 *	print.c    a body, a JSON object, a complaint
 *	output.c   standard output, or a file
 */
#ifndef AWFETCH_H
#define AWFETCH_H

#include <stdio.h>

#include <await/await.h>
#include <await/http.h>

#define EXIT_STATUS 22		/* --fail, and a status of 400 or more */

/* Strings that grow; the array ends in NULL. */
struct strings {
	const char **items;
	size_t n;
};

struct options {
	struct strings urls;
	struct strings headers;		/* name, value, name, value */
	struct strings resolve;		/* host:port, addresses, ... */
	struct strings forms;		/* of -F, as they were given */
	const char *method;		/* NULL: GET, or POST with a body */
	char *data;			/* the body of -d or -F */
	size_t data_size;
	const char *data_type;		/* NULL: there is no body */
	char *user, *password;
	const char *cacert, *input, *output;
	double total, connect;		/* 0: the library's */
	int64_t max_body;		/* 0: the library's */
	int parallel, per_host, retries;
	int max_redirects;		/* -1: without limit */
	bool follow, fail, compressed, insecure, public_only, json;
};

/* One URL and what became of it. */
struct item {
	size_t index;
	const char *given;		/* as the user wrote it */
	struct aw_response *res;	/* kept for its body */
	char *line;			/* the JSON object */
	size_t line_size;
	int code;			/* of the failure, 0 for an answer */
	int status;
	int attempts;
	double seconds;
	char sha256[65];
	char message[350];
	bool done;
};

/* options.c; what it makes lives as long as the process */
void options_read(struct options *o, int argc, char **argv);
void strings_add(struct strings *strings, const char *item);
_Noreturn void die(const char *what, const char *why);

/* body.c */
void body_add(struct options *o, const char *text);
void body_of_forms(struct options *o);
void urls_of_file(struct options *o);

/* print.c */
int item_describe(struct item *item);
void item_complain(const struct item *item, const struct options *o);
struct aw_bytes item_text(const struct item *item, const struct options *o);

/* output.c: @path: NULL: standard output. */
int output_put(struct aw_bytes text, const char *path);

#endif
